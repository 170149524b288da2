//! What forges have: repositories of organizations, groups, workspaces and users, listed through the API of each.
//!
//! - `api`: one request after another, with patience: pages, rate limits, errors that pass
//! - `waits`: when a forge asks to wait, and for how long
//! - `app`: a GitHub App as who asks
//! - `filter`: which of the listed repositories are meant
//! - `gists`: gists of GitHub
//! - `snippets`: personal snippets of GitLab
//! - one file a forge: what it is asked, and how its answer is read

pub mod api;
pub mod app;
mod azure;
mod bitbucket;
mod bitbucket_data_center;
pub mod filter;
pub mod gists;
mod gitea;
pub mod github;
mod gitlab;
pub mod snippets;
mod waits;

use super::target::{Forge, NotVisible, Page, RateBudget, RepositoryRef, RepositorySource, SourceError, Visibility};
use crate::finding::percent;
use crate::source::Stop;
use crate::source::git::url::RemoteUrl;
use api::{Answer, Api, Trouble};
use filter::Filter;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest name of an entry that cannot be read, in characters.
const LONGEST_NAME: usize = 200;

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

/// With this a page is asked for again, where it may not have changed.
#[derive(Serialize, Deserialize)]
struct Validator {
    place: String,
    etag: String,
    /// Names all that decides what becomes of the answer.
    how: String,
}

/// What an answer holds.
#[derive(Default)]
struct Read {
    repositories: Vec<RepositoryRef>,
    not_visible: Vec<NotVisible>,
    /// Where it goes on.
    next: Option<String>,
}

/// An entry of a list that is no repository to look at.
struct Odd {
    /// Its name, where it has one that [`name_of`] does not know.
    name: Option<String>,
    why: String,
}

impl Read {
    /// Reads the entries of a list. One that is odd is told, and the others count.
    fn of(items: &[Value], next: Option<String>, entry: impl Fn(&Value) -> Result<RepositoryRef, Odd>) -> Self {
        let mut read = Self { next, ..Self::default() };
        for item in items {
            match entry(item) {
                Ok(repository) => read.repositories.push(repository),
                Err(Odd { name, why }) => {
                    read.not_visible.push(NotVisible { name: name.unwrap_or_else(|| name_of(item)), why });
                }
            }
        }
        read
    }
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
            Forge::Urls | Forge::Folder | Forge::Bucket => Vec::new(),
        }
    }

    /// Asks for the page at `cursor`; tells where it was found.
    fn ask(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<(String, Answer), SourceError> {
        let mut places = cursor.map_or_else(|| self.first(), |cursor| vec![cursor.to_owned()]);
        let mut gone = None;
        let mut n = 0;
        while let Some(place) = places.get(n).cloned() {
            n += 1;
            match self.api.get(&place, stop) {
                Ok(answer) => return Ok((place, answer)),
                Err(Trouble::NotThere(why) | Trouble::Gone(why)) if cursor.is_some() => return Err(SourceError::CursorLost(why)),
                Err(Trouble::NotThere(why) | Trouble::Gone(why)) => gone = Some(why),
                Err(Trouble::Ended(e)) => return Err(e),
            }
            if n == 1 {
                places.splice(1..1, self.own(stop)?);
            }
        }
        let why = gone.unwrap_or_else(|| "there is no such list".to_owned());
        Err(SourceError::Refused(format!("{}: {why}; it is not there, or {} may not see it", self.name(), self.api.who())))
    }

    /// Where whoever asks sees all that is theirs, if it is they who were named.
    fn own(&mut self, stop: &Stop) -> Result<Option<String>, SourceError> {
        if self.asked.forge != Forge::GitHub || !self.api.has_account() {
            return Ok(None);
        }
        match self.api.get("user", stop) {
            Ok(answer) => Ok(github::own(&answer, &self.asked.owner)),
            // An app is no user.
            Err(Trouble::NotThere(_) | Trouble::Gone(_) | Trouble::Ended(SourceError::Refused(_))) => Ok(None),
            Err(Trouble::Ended(e)) => Err(e),
        }
    }

    fn page_of(&self, place: &str, answer: &Answer) -> Result<Page, SourceError> {
        let read = self.read(answer)?;
        let validator = answer.etag.clone().filter(|_| self.tells_its_end(answer, &read));
        let validator = validator.map(|etag| Validator { place: place.to_owned(), etag, how: self.how() });
        let mut page = Page {
            repositories: Vec::new(),
            not_visible: read.not_visible,
            next: read.next.filter(|next| next != place),
            validator: validator.and_then(|v| serde_json::to_string(&v).ok()),
        };
        for repository in read.repositories.into_iter().filter(|r| self.filter.takes(r)) {
            let wiki = self.asked.wikis.then(|| wiki_of(&repository)).flatten();
            page.repositories.push(repository);
            page.repositories.extend(wiki);
        }
        Ok(page)
    }

    /// Whether a page that has not changed still is, or is not, the last one. Which page comes next stands in a header, which
    /// the name of an answer does not cover: behind a full last page there may be another one by now.
    fn tells_its_end(&self, answer: &Answer, read: &Read) -> bool {
        let entries = answer.body.as_array().map_or(0, Vec::len);
        self.asked.forge == Forge::GitHub && (read.next.is_some() || entries < github::PAGE)
    }

    /// Names all that decides what becomes of an answer: who asks, what is wanted, how it is read.
    fn how(&self) -> String {
        let all = format!("{} {} {} {:?}", env!("CARGO_PKG_VERSION"), self.api.who(), self.asked.wikis, self.filter.wanted());
        blake3::hash(all.as_bytes()).to_hex()[..16].to_owned()
    }

    fn read(&self, answer: &Answer) -> Result<Read, SourceError> {
        let host = self.api.host();
        let read = match self.asked.forge {
            Forge::GitHub => github::read(answer, host),
            Forge::GitLab => gitlab::read(answer, host),
            Forge::Gitea => gitea::read(answer, host),
            Forge::Bitbucket => bitbucket::read(answer),
            Forge::BitbucketDataCenter => bitbucket_data_center::read(answer, host),
            Forge::Azure => azure::read(answer, host),
            Forge::Urls | Forge::Folder | Forge::Bucket => None,
        };
        read.ok_or_else(|| answer.unread("is no list of repositories that keysift knows"))
    }
}

impl RepositorySource for Listing {
    fn name(&self) -> String {
        format!("{}:{}/{}", self.asked.forge.as_str(), self.api.host(), self.asked.owner)
    }

    fn page(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<Page, SourceError> {
        let (place, answer) = self.ask(cursor, stop)?;
        self.page_of(&place, &answer)
    }

    fn page_if_changed(&mut self, cursor: Option<&str>, validator: &str, stop: &Stop) -> Result<Option<Page>, SourceError> {
        let known = serde_json::from_str::<Validator>(validator).ok().filter(|known| known.how == self.how());
        let Some(Validator { place, etag, .. }) = known else { return self.page(cursor, stop).map(Some) };
        match self.api.get_if_changed(&place, &etag, stop) {
            Ok(None) => Ok(None),
            Ok(Some(answer)) => self.page_of(&place, &answer).map(Some),
            // It may have moved.
            Err(Trouble::NotThere(_) | Trouble::Gone(_)) => self.page(cursor, stop).map(Some),
            Err(Trouble::Ended(e)) => Err(e),
        }
    }

    fn budget(&self) -> Option<RateBudget> {
        self.api.budget()
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

/// What an entry calls itself; where it has no name, a digest tells it from others.
fn name_of(item: &Value) -> String {
    let named = ["full_name", "path_with_namespace", "slug", "name"].iter().find_map(|key| text(item, key));
    let named = named.map(|name| name.chars().take(LONGEST_NAME).collect());
    named.unwrap_or_else(|| format!("entry {}", &blake3::hash(item.to_string().as_bytes()).to_hex()[..8]))
}

/// What an entry must have at a place: a JSON pointer.
fn needed<'a>(item: &'a Value, at: &str) -> Result<&'a str, Odd> {
    item.pointer(at).and_then(Value::as_str).filter(|s| !s.is_empty()).ok_or_else(|| Odd::without(at))
}

/// The id that an entry must have at a place.
fn needed_id(item: &Value, at: &str) -> Result<String, Odd> {
    item.pointer(at).and_then(id).ok_or_else(|| Odd::without(at))
}

/// Where a repository is cloned from, without the user's name that some forges write into it.
fn clone_url(text: &str) -> Result<RemoteUrl, Odd> {
    RemoteUrl::of_config(text).map_err(|e| Odd { name: None, why: format!("its address for clones is none: {e}") })
}

impl Odd {
    fn without(at: &str) -> Self {
        let key = at.trim_start_matches('/').replace('/', ".");
        Self { name: None, why: format!("its entry in the forge's list has no `{key}` that keysift can read") }
    }
}

/// A text of an answer.
fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().filter(|s| !s.is_empty()).map(str::to_owned)
}

/// A number or a text that names something for good.
fn id(value: &Value) -> Option<String> {
    value.as_u64().map(|n| n.to_string()).or_else(|| value.as_str().map(str::to_owned))
}

pub(super) fn visibility(word: Option<&str>, is_private: Option<bool>) -> Visibility {
    word.and_then(Visibility::parse).unwrap_or(match is_private {
        Some(true) => Visibility::Private,
        Some(false) => Visibility::Public,
        None => Visibility::Unknown,
    })
}

/// A piece of a path, as URLs write it.
pub(super) fn segment(text: &str) -> String {
    percent::encode(text, b"-._~")
}
