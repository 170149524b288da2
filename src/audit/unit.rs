//! A unit of work, and what came of it: one repository in one run. Both travel to other machines as JSON.

use super::bucket::ObjectsWanted;
use super::sealed::Sealed;
use super::target::{Forge, RateBudget, RepositoryRef};
use super::texts::TextsWanted;
use crate::report::model::{Gap, ReportedFinding};
use gix::hash::ObjectId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A repository to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The run that it belongs to.
    pub run: String,
    pub repository: RepositoryRef,
    /// What the store knows of it, where it was scanned before.
    pub known: Option<Known>,
    /// It has open findings that providers are to be asked about again: it is looked at even where nothing has changed.
    pub recheck: bool,
    /// Where its texts beside the code go on.
    #[serde(default)]
    pub text_cursor: Option<String>,
    /// Which texts beside the code a worker reads; on the machine that plans, flags say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextsWanted>,
    /// Which objects of a bucket a worker reads, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectsWanted>,
    /// How often it was begun before.
    pub attempt: u32,
}

/// What is known of a repository from its last scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Names all its refs and what they pointed to.
    pub tips: String,
    /// The key of the catalogue that it was scanned with.
    pub catalogue: String,
}

/// Names a repository on every machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepositoryKey {
    pub forge: Forge,
    pub host: String,
    pub id: String,
}

impl RepositoryKey {
    /// That of a repository.
    #[must_use]
    pub fn of(repository: &RepositoryRef) -> Self {
        Self { forge: repository.forge, host: repository.host.clone(), id: repository.id.clone() }
    }

    /// 32 hex digits, for names of files and messages.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("keysift audit repository v1");
        for part in [self.forge.as_str(), &self.host, &self.id] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// What came of a unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnitResult {
    pub run: String,
    pub repository: RepositoryKey,
    /// The key of the catalogue that it was looked at with.
    pub catalogue: String,
    /// The key that fingerprints were made with.
    pub fingerprint_key: String,
    pub outcome: Outcome,
    /// What its texts beside the code told, where they were read.
    #[serde(default)]
    pub texts: Option<Texts>,
    pub milliseconds: u64,
}

/// What texts beside the code told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Texts {
    /// They are added to those that are known.
    pub findings: Vec<ReportedFinding>,
    /// By fingerprint.
    #[serde(default)]
    pub notes: BTreeMap<String, Note>,
    /// What of all texts that are known was not looked at.
    #[serde(default)]
    pub skipped: Vec<Gap>,
    #[serde(default)]
    pub excluded: Vec<Gap>,
    /// How many were read, and their bytes.
    #[serde(default)]
    pub texts: u64,
    #[serde(default)]
    pub bytes: u64,
    /// Where they go on next time.
    pub cursor: Option<String>,
    /// Why not all could be read.
    pub failed: Option<String>,
    /// What the forge said last of its limits.
    #[serde(default)]
    pub budget: Option<RateBudget>,
}

impl Texts {
    /// Why not all of them were looked at.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let reasons: Vec<&str> = self.skipped.iter().filter(|gap| !gap.accepted).map(|gap| gap.reason.as_str()).collect();
        let some = || (!reasons.is_empty()).then(|| format!("not all of them could be looked at: {}", reasons.join(", ")));
        self.failed.clone().or_else(some)
    }
}

/// How it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every ref points to what it pointed to when it was scanned, with the same catalogue.
    Unchanged,
    /// There is nothing in it.
    Empty,
    Scanned(Box<Scanned>),
    /// It has the refs of another repository that was scanned with the same catalogue, so it has its findings.
    SameAs {
        repository: RepositoryKey,
        tips: String,
    },
    /// The changed rules found nothing in it: its findings stay what they are.
    NothingNew(Box<Scanned>),
    /// A bucket was looked at, up to its `last` key; what was found in its objects was kept part by part.
    Objects {
        last: Option<String>,
        scanned: Box<Scanned>,
    },
    /// It is not there, or may not be seen.
    NotVisible {
        why: String,
    },
    /// It could not be fetched or opened.
    Failed {
        why: String,
        again: bool,
    },
}

impl Outcome {
    /// The word for it in the store.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Empty => "empty",
            Self::Scanned(_) => "scanned",
            Self::SameAs { .. } => "same_as",
            Self::NothingNew(_) => "nothing_new",
            Self::Objects { .. } => "objects",
            Self::NotVisible { .. } => "not_visible",
            Self::Failed { .. } => "failed",
        }
    }
}

/// What a scan told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scanned {
    pub tips: String,
    pub refs: Vec<(String, String)>,
    pub complete: bool,
    pub skipped: Vec<Gap>,
    pub excluded: Vec<Gap>,
    pub blobs: u64,
    pub bytes: u64,
    pub rejected: u64,
    /// At every level; without links, which follow from the repository.
    pub findings: Vec<ReportedFinding>,
    /// By fingerprint.
    #[serde(default)]
    pub notes: BTreeMap<String, Note>,
    /// Objects that hold nothing. They stay on the machine that looked at them.
    #[serde(skip)]
    pub clean: Vec<ObjectId>,
}

/// What was found in objects of a bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Found {
    pub findings: Vec<ReportedFinding>,
    /// By fingerprint.
    #[serde(default)]
    pub notes: BTreeMap<String, Note>,
}

/// What is known of a finding beside what reports tell of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The allowlist of config that keeps it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// Whom its file belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// The secret, where there is a key to seal it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// Names refs and what they point to.
#[must_use]
pub fn tips_of<'r>(refs: impl IntoIterator<Item = (&'r str, &'r str)>) -> String {
    let mut all: Vec<(&str, &str)> = refs.into_iter().collect();
    all.sort_unstable();
    let mut hasher = blake3::Hasher::new_derive_key("keysift audit tips v1");
    for (name, target) in all {
        hasher.update(name.as_bytes());
        hasher.update(b" ");
        hasher.update(target.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex()[..40].to_owned()
}
