//! Texts beside the code: issues, pull and merge requests, their comments, releases with their assets, logs of CI, snippets.
//!
//! A text is looked at like a file. Its path names it for good (`issues/12#comment-345`), its origin says where a person finds
//! it. What was read is remembered ([`known`]), so that the next audit reads what is new or has changed.
//!
//! - here: what a text is, who reads and who takes it
//! - `wanted`: what a worker of a fleet is asked to read
//! - `known`: what was read before
//! - `changed`: lists in the order of the last change
//! - `forge`: the texts of one forge, kind by kind; `github`, `gitlab`, `gitea`: what each is asked; `alike`: what two of them tell alike
//! - `look`: a text on its way through detection

mod alike;
mod changed;
mod forge;
mod gitea;
mod github;
mod gitlab;
pub mod known;
pub mod look;
mod wanted;

pub use forge::ForgeTexts;
pub use wanted::{Asks, TextsWanted, WantedTexts};

use super::target::{RateBudget, RepositoryRef, SourceError};
use super::unit::Unit;
use crate::source::{SkipReason, Stop};
use known::Lists;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::sync::Arc;

/// Kinds of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    Issues,
    /// Pull and merge requests.
    Pulls,
    Releases,
    /// The files of releases.
    Assets,
    /// What CI printed.
    Logs,
    Snippets,
}

impl TextKind {
    /// The word for it on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issues => "issues",
            Self::Pulls => "pulls",
            Self::Releases => "releases",
            Self::Assets => "assets",
            Self::Logs => "logs",
            Self::Snippets => "snippets",
        }
    }
}

/// Where a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Stands for a path in fingerprints and reports; the same for the same text in every run.
    pub path: String,
    pub origin: TextOrigin,
}

/// What a person needs to find a text; it stands in the finding's location as `origin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextOrigin {
    /// `issue`, `review comment`, `release asset` …
    pub kind: String,
    /// A page that shows it.
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was written or changed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// Takes what is read.
pub trait Take {
    /// Looks at a text.
    fn text(&mut self, place: &Place, text: &str);
    /// Looks at a file: `size` bytes, where that is known. Tells whether it could be read to its end.
    fn file(&mut self, place: &Place, size: Option<u64>, file: &mut dyn Read) -> bool;
    /// Notes that something was not read; it is tried again next time.
    fn unread(&mut self, reason: SkipReason, path: &str, bytes: u64);
}

/// Reads the texts beside the code of repositories.
pub trait TextSource: Send + Sync {
    /// Whether it reads those of `repository`.
    fn reads(&self, repository: &RepositoryRef) -> bool;

    /// Gives `take` the texts of `repository` that `known` does not have, and notes them there. Tells what could not be read,
    /// in words; what could be read counts.
    ///
    /// # Errors
    /// Where nothing more can be read.
    fn texts(
        &self,
        repository: &RepositoryRef,
        known: &mut Lists,
        take: &mut dyn Take,
        stop: &Stop,
    ) -> Result<Vec<String>, SourceError>;

    /// What whoever is asked said last of its limits.
    fn budget(&self) -> Option<RateBudget>;

    /// What another machine is told to read the same.
    fn wanted(&self) -> TextsWanted;
}

/// Who reads texts, or why nobody can.
pub type Reader = Result<Arc<dyn TextSource>, String>;

/// Knows who reads the texts of a unit's repository.
pub trait TextReaders: Sync {
    /// All that do.
    fn of(&self, unit: &Unit) -> Vec<Reader>;
}

impl TextReaders for Vec<Arc<dyn TextSource>> {
    fn of(&self, unit: &Unit) -> Vec<Reader> {
        self.iter().filter(|source| source.reads(&unit.repository)).map(|source| Ok(Arc::clone(source))).collect()
    }
}
