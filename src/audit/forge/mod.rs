//! What forges have: repositories of organizations, groups, workspaces and users, listed through the API of each.
//!
//! - `api`: one request after another, with patience: pages, rate limits, errors that pass
//! - `filter`: which of the listed repositories are meant
//! - one file a forge: what it is asked, and how its answer is read

pub mod api;
mod azure;
mod bitbucket;
mod bitbucket_data_center;
pub mod filter;
mod gitea;
mod github;
mod gitlab;

use super::target::{Forge, Page, RepositoryRef, RepositorySource, SourceError, Visibility};
use crate::finding::percent;
use crate::source::Stop;
use api::{Answer, Api};
use filter::Filter;
use serde_json::Value;

/// What is asked of a forge.
pub struct Asked {
    pub forge: Forge,
    /// Organization, user, group, workspace or project, as the forge writes it.
    pub owner: String,
    /// Wikis are listed beside their repositories.
    pub wikis: bool,
}

/// The repositories of one owner.
pub struct Listing {
    asked: Asked,
    api: Api,
    filter: Filter,
}

/// What an answer holds.
#[derive(Default)]
struct Read {
    repositories: Vec<RepositoryRef>,
    not_visible: Vec<super::target::NotVisible>,
    /// Where it goes on.
    next: Option<String>,
}

impl Listing {
    /// The list that is asked for, as far as `filter` lets it through.
    #[must_use]
    pub const fn new(asked: Asked, api: Api, filter: Filter) -> Self {
        Self { asked, api, filter }
    }

    /// Where the list begins: the places that are tried, of which the first one that is there counts.
    fn first(&self) -> Vec<String> {
        let owner = &self.asked.owner;
        match self.asked.forge {
            Forge::GitHub => github::first(owner),
            Forge::GitLab => gitlab::first(owner),
            Forge::Gitea => gitea::first(owner),
            Forge::Bitbucket => bitbucket::first(owner),
            Forge::BitbucketDataCenter => bitbucket_data_center::first(owner),
            Forge::Azure => azure::first(owner),
            Forge::Urls | Forge::Folder => Vec::new(),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Read, SourceError> {
        let host = self.api.host();
        let read = match self.asked.forge {
            Forge::GitHub => github::read(answer, host),
            Forge::GitLab => gitlab::read(answer, host),
            Forge::Gitea => gitea::read(answer, host),
            Forge::Bitbucket => bitbucket::read(answer, host),
            Forge::BitbucketDataCenter => bitbucket_data_center::read(answer, host),
            Forge::Azure => azure::read(answer, host),
            Forge::Urls | Forge::Folder => None,
        };
        let unread = || SourceError::Unavailable {
            message: format!("{}: the answer is no list of repositories that keysift knows", Api::shown(&answer.url)),
            retry_after: None,
        };
        read.ok_or_else(unread)
    }
}

impl RepositorySource for Listing {
    fn name(&self) -> String {
        format!("{}:{}/{}", self.asked.forge.as_str(), self.api.host(), self.asked.owner)
    }

    fn page(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<Page, SourceError> {
        let places = cursor.map_or_else(|| self.first(), |cursor| vec![cursor.to_owned()]);
        let mut gone = None;
        for place in &places {
            let answer = match self.api.get(place, stop) {
                Ok(answer) => answer,
                Err(api::Trouble::NotThere(why)) if cursor.is_some() => return Err(SourceError::CursorLost(why)),
                Err(api::Trouble::NotThere(why)) => {
                    gone = Some(why);
                    continue;
                }
                Err(api::Trouble::Ended(e)) => return Err(e),
            };
            let read = self.read(&answer)?;
            let mut page = Page {
                repositories: Vec::new(),
                not_visible: read.not_visible,
                next: read.next.filter(|next| *next != *place),
                budget: self.api.budget(),
            };
            for repository in read.repositories.into_iter().filter(|r| self.filter.takes(r)) {
                let wiki = self.asked.wikis.then(|| wiki_of(&repository)).flatten();
                page.repositories.push(repository);
                page.repositories.extend(wiki);
            }
            return Ok(page);
        }
        let why = gone.unwrap_or_else(|| "there is no such list".to_owned());
        Err(SourceError::Refused(format!("{}: {why}; it is not there, or {} may not see it", self.name(), self.api.who())))
    }
}

/// The wiki beside a repository: these forges keep it in a git repository of its own.
fn wiki_of(repository: &RepositoryRef) -> Option<RepositoryRef> {
    let has = matches!(repository.forge, Forge::GitHub | Forge::GitLab | Forge::Gitea);
    let base = repository.clone_url.strip_suffix(".git").filter(|_| has)?;
    Some(RepositoryRef {
        id: format!("{}.wiki", repository.id),
        full_name: format!("{}.wiki", repository.full_name),
        clone_url: format!("{base}.wiki.git"),
        web_url: format!("{}/wiki", repository.web_url),
        part: super::target::Part::Wiki,
        fork_of: None,
        ..repository.clone()
    })
}

/// A text of an answer.
fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().filter(|s| !s.is_empty()).map(str::to_owned)
}

/// A number or a text that names something for good.
fn id(value: &Value) -> Option<String> {
    value.as_u64().map(|n| n.to_string()).or_else(|| value.as_str().map(str::to_owned))
}

fn visibility(word: Option<&str>, is_private: Option<bool>) -> Visibility {
    word.and_then(Visibility::parse).unwrap_or(match is_private {
        Some(true) => Visibility::Private,
        Some(false) => Visibility::Public,
        None => Visibility::Unknown,
    })
}

/// A piece of a path, as URLs write it.
fn segment(text: &str) -> String {
    percent::encode(text, b"-._~")
}
