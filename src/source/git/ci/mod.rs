//! What a CI job asks to look at: a pure function from its environment.
//!
//! Each system tells it in its own variables, one file a system, with the vendor's page in its first lines. Ids and names from
//! the environment are text that anyone can have written (a branch's name is its author's choice): they are checked here, and
//! leave as [`ObjectId`] and [`RefName`] alone.
//!
//! What only the repository can tell is the caller's to find out: whether a commit is there, and whether the base equals the
//! head or adds no commits, which is a pass that says so.

mod azure;
mod bitbucket;
mod circle;
mod environment;
mod github;
mod gitlab;
mod jenkins;
#[cfg(test)]
mod tests;

use environment::Environment;
use gix::hash::{ObjectId, Prefix};
use std::fmt;
use std::path::{Path, PathBuf};

/// What a CI job asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiJob {
    pub system: CiSystem,
    pub event: CiEvent,
    /// Ways to look at it, the best first, never empty. One can be gone whose commits are not in the repository: with
    /// `--fetch-missing` the caller tries to get them, else goes on to the next.
    pub ways: Vec<Way>,
    /// What a person should know about the choice.
    pub note: Option<&'static str>,
}

/// One way to look at a job: what `head` has beyond `base`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub head: CommitName,
    pub base: Base,
}

/// What the head is compared to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// What the head adds to the merge base with it, as in `base...head`.
    MergeBaseWith(CommitName),
    /// Exactly the commits of `before..head`.
    Before(ObjectId),
    /// What no other remote branch has. `branch` is the head's own: it does not count, nor does what is at its tip.
    NewBranch { branch: Option<RefName>, default_branch: Option<RefName> },
    /// All that the head reaches.
    Everything,
    /// Nothing to look at, and why.
    Nothing(&'static str),
}

/// How a commit is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitName {
    Id(ObjectId),
    /// The only commit whose id begins so: Bitbucket tells 12 digits.
    Abbreviated(Prefix),
    /// The first parent of the way's head, which is a merge that the CI system made of base and proposed change. Its id stands
    /// in the merge, also where a shallow clone lacks the parent itself.
    FirstParentOfHead,
    /// The tip of a branch on the remote.
    Branch(RefName),
    /// What is checked out.
    CheckedOut,
}

/// A branch's short name, as `git check-ref-format --branch` allows it: `main`, `feature/x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefName(String);

impl RefName {
    /// Takes `main` and `refs/heads/main`; `None` where it is no name of a branch.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let short = text.strip_prefix("refs/heads/").unwrap_or(text);
        let whole = format!("refs/heads/{short}");
        let valid = !short.starts_with('-') && short != "HEAD" && gix::validate::reference::name(whole.as_str().into()).is_ok();
        valid.then(|| Self(short.to_owned()))
    }

    /// The short name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiSystem {
    /// Gitea and Forgejo Actions set the same variables.
    GitHub,
    GitLab,
    Bitbucket,
    Azure,
    Circle,
    Jenkins,
}

/// Reads the job of one system.
type Reader = fn(&Environment<'_>) -> Result<CiJob, CiError>;

impl CiSystem {
    /// All systems, in the order in which they are looked for: Jenkins last, for its variable may be inherited by what it runs.
    pub const ALL: [Self; 6] = [Self::GitHub, Self::GitLab, Self::Bitbucket, Self::Azure, Self::Circle, Self::Jenkins];

    /// The variable that tells that this system runs the job.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_ACTIONS",
            Self::GitLab => "GITLAB_CI",
            Self::Bitbucket => "BITBUCKET_BUILD_NUMBER",
            Self::Azure => "TF_BUILD",
            Self::Circle => "CIRCLECI",
            Self::Jenkins => "JENKINS_URL",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::Bitbucket => "Bitbucket Pipelines",
            Self::Azure => "Azure Pipelines",
            Self::Circle => "CircleCI",
            Self::Jenkins => "Jenkins",
        }
    }

    const fn reader(self) -> Reader {
        match self {
            Self::GitHub => github::job,
            Self::GitLab => gitlab::job,
            Self::Bitbucket => bitbucket::job,
            Self::Azure => azure::job,
            Self::Circle => circle::job,
            Self::Jenkins => jenkins::job,
        }
    }
}

/// What started the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiEvent {
    PullRequest,
    MergeQueue,
    Push,
    Tag,
    Schedule,
    /// A person, another job, or anything else that is about no change.
    Other,
}

/// Why it cannot be told what a job asks for.
#[derive(Debug, thiserror::Error)]
pub enum CiError {
    #[error("no CI system is recognised: none of {} is set; `--range A..B` says by hand what to look at", marks())]
    Unrecognised,
    #[error("{} does not tell {variable}; `--range A..B` says by hand what to look at", system.name())]
    Missing { system: CiSystem, variable: &'static str },
    #[error("{0} is no commit id; `--range A..B` says by hand what to look at")]
    NoCommit(&'static str),
    #[error("{0} is no name of a branch; `--range A..B` says by hand what to look at")]
    NoBranch(&'static str),
    #[error("the event's file {path} (GITHUB_EVENT_PATH) cannot be read: {cause}")]
    EventUnreadable { path: PathBuf, cause: std::io::Error },
    #[error("the event's file {0} (GITHUB_EVENT_PATH) is no JSON")]
    EventMalformed(PathBuf),
}

fn marks() -> String {
    CiSystem::ALL.map(CiSystem::mark).join(", ")
}

/// Tells what the job that runs now asks to look at. `env` gives the value of a variable, `read` what a file holds.
///
/// # Errors
/// Where no CI system is recognised, or what it tells is incomplete or malformed.
pub fn job(env: &dyn Fn(&str) -> Option<String>, read: &dyn Fn(&Path) -> std::io::Result<Vec<u8>>) -> Result<CiJob, CiError> {
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("false"));
    let system = CiSystem::ALL.into_iter().find(|system| set(system.mark())).ok_or(CiError::Unrecognised)?;
    system.reader()(&Environment { system, env, read })
}
