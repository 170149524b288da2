//! What an audit looks at: repositories. What lists them is a [`RepositorySource`]; everything behind it knows nothing of forges.
//! Texts beside their code have a folder of their own, `texts`.

use crate::source::Stop;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What kind of place a repository was listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forge {
    GitHub,
    GitLab,
    /// Forgejo too.
    Gitea,
    Bitbucket,
    BitbucketDataCenter,
    Azure,
    /// A list of URLs.
    Urls,
    /// A folder of clones or mirrors on this machine.
    Folder,
    /// A bucket of objects, which is no repository.
    Bucket,
}

impl Forge {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::GitHub,
        Self::GitLab,
        Self::Gitea,
        Self::Bitbucket,
        Self::BitbucketDataCenter,
        Self::Azure,
        Self::Urls,
        Self::Folder,
        Self::Bucket,
    ];

    /// The word for it in the store and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketDataCenter => "bitbucket_data_center",
            Self::Azure => "azure",
            Self::Urls => "urls",
            Self::Folder => "folder",
            Self::Bucket => "bucket",
        }
    }

    /// The one that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == word)
    }
}

/// Who may see a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    Public,
    /// Everyone of the installation.
    Internal,
    Private,
    /// Nobody said.
    Unknown,
}

impl Visibility {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Private, Self::Unknown];

    /// The word for it in the store and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Private => "private",
            Self::Unknown => "unknown",
        }
    }

    /// The one that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == word)
    }
}

/// What a git repository of a forge holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Code,
    Wiki,
    /// A gist or snippet.
    Snippet,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Code, Self::Wiki, Self::Snippet];

    /// The word for it in the store and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Wiki => "wiki",
            Self::Snippet => "snippet",
        }
    }

    /// The one that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == word)
    }
}

/// A repository as whoever lists it tells it. Its identity is (`forge`, `host`, `id`): names change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryRef {
    pub forge: Forge,
    /// `github.com`, `git.example.org:8443`; empty for folders.
    pub host: String,
    /// The id that the forge keeps when the repository is renamed or moved; where there is none, its URL or path. A wiki or
    /// snippet has one of its own: `1234.wiki`.
    pub id: String,
    /// `owner/name`, `group/subgroup/name`; for lists and folders what people would call it.
    pub full_name: String,
    /// What is cloned: a URL without credentials, or the absolute path of a folder.
    pub clone_url: String,
    /// Its page, for people; empty where there is none.
    pub web_url: String,
    pub part: Part,
    pub visibility: Visibility,
    pub archived: bool,
    /// The id of the repository that it was forked from, where the forge tells; else that one's full name.
    pub fork_of: Option<String>,
    /// The main language, as the forge calls it.
    pub language: Option<String>,
    pub size_kb: Option<u64>,
    /// RFC 3339.
    pub pushed_at: Option<String>,
    pub default_branch: Option<String>,
    /// Who looks after it: organization, group, workspace, project or team.
    pub team: Option<String>,
}

impl RepositoryRef {
    /// A repository of which only the place is known.
    #[must_use]
    pub fn at(forge: Forge, host: &str, id: &str, full_name: &str, clone_url: &str) -> Self {
        Self {
            forge,
            host: host.to_owned(),
            id: id.to_owned(),
            full_name: full_name.to_owned(),
            clone_url: clone_url.to_owned(),
            web_url: String::new(),
            part: Part::Code,
            visibility: Visibility::Unknown,
            archived: false,
            fork_of: None,
            language: None,
            size_kb: None,
            pushed_at: None,
            default_branch: None,
            team: None,
        }
    }
}

/// Something that was named or listed and cannot be seen: coverage tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotVisible {
    /// Its name, as far as it is known.
    pub name: String,
    /// Why, without credentials: `403: the token lacks the scope read:org`.
    pub why: String,
}

/// How many requests a forge still grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateBudget {
    pub host: String,
    pub remaining: u64,
    pub limit: u64,
    /// Seconds since 1970 when it is full again.
    pub resets_at: Option<i64>,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub repositories: Vec<RepositoryRef>,
    pub not_visible: Vec<NotVisible>,
    /// Where the list goes on; `None` at its end. It is stored, and given to another process after an interruption: it holds
    /// no credentials.
    pub next: Option<String>,
    /// With this it can be asked whether the page has changed; it holds no credentials.
    pub validator: Option<String>,
}

/// Why a list cannot be read on. No message holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Trying again is of no use: the list's owner is not there, or the token may not see it.
    #[error("{0}")]
    Refused(String),
    /// It may go on later, from the cursor that was given. The source has tried as often as makes sense.
    #[error("{message}")]
    Unavailable { message: String, retry_after: Option<Duration> },
    /// The cursor means nothing (any more): the list is read from its start.
    #[error("the list changed while it was read: {0}")]
    CursorLost(String),
    #[error("interrupted")]
    Interrupted,
}

/// Lists repositories, a page at a time. It paginates, waits for rate limits and repeats what fails for a moment by itself,
/// and looks at `stop` while it waits.
pub trait RepositorySource: Send {
    /// Names the list in the store, the same for the same list in every run: `github:github.com/orgs/acme`.
    fn name(&self) -> String;

    /// The page at `cursor`, which an earlier page named; the first one for `None`.
    ///
    /// # Errors
    /// Where the list cannot be read on; what was listed before stays.
    fn page(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<Page, SourceError>;

    /// The same where the page is known that came with `validator` at this cursor: `None` where it has not changed.
    ///
    /// # Errors
    /// As above.
    fn page_if_changed(&mut self, cursor: Option<&str>, validator: &str, stop: &Stop) -> Result<Option<Page>, SourceError> {
        let _ = validator;
        self.page(cursor, stop).map(Some)
    }

    /// What whoever is asked said last of its limits.
    fn budget(&self) -> Option<RateBudget> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_stored() {
        for forge in Forge::ALL {
            assert_eq!(Forge::parse(forge.as_str()), Some(forge));
        }
        for visibility in Visibility::ALL {
            assert_eq!(Visibility::parse(visibility.as_str()), Some(visibility));
            assert_eq!(serde_json::to_value(visibility).unwrap(), visibility.as_str());
        }
        for part in Part::ALL {
            assert_eq!(Part::parse(part.as_str()), Some(part));
        }
    }
}
