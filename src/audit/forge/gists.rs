//! Gists of GitHub: those of a user, or of an organization's members. Each is a git repository of its own.
//!
//! Asked: <https://docs.github.com/en/rest/orgs/members#list-organization-members>,
//! <https://docs.github.com/en/rest/gists/gists#list-gists-for-a-user>.

use super::api::{Api, Trouble};
use super::filter::Filter;
use super::{segment, text};
use crate::audit::target::{Forge, Page, Part, RateBudget, RepositoryRef, RepositorySource, SourceError, Visibility};
use crate::source::Stop;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The gists of one owner.
pub struct Gists {
    owner: String,
    api: Api,
    filter: Filter,
}

/// Where the list is.
#[derive(Default, Serialize, Deserialize)]
struct Cursor {
    /// Whose gists come next; the first one's are being read.
    who: Vec<String>,
    /// The next page of the first one's gists.
    gists: Option<String>,
    /// The next page of members.
    members: Option<String>,
}

impl Gists {
    /// The list of the gists of a user or of an organization's members.
    #[must_use]
    pub const fn new(owner: String, api: Api, filter: Filter) -> Self {
        Self { owner, api, filter }
    }

    /// Reads a page of members; a user has none and stands for themselves.
    fn members(&self, place: &str, cursor: &mut Cursor, stop: &Stop) -> Result<(), SourceError> {
        let answer = match self.api.get(place, stop) {
            Ok(answer) => answer,
            Err(Trouble::NotThere(_) | Trouble::Gone(_)) => {
                cursor.who = vec![self.owner.clone()];
                return Ok(());
            }
            Err(Trouble::Ended(e)) => return Err(e),
        };
        let members = answer.list()?.iter().filter_map(|member| text(member, "login"));
        cursor.who.extend(members);
        cursor.members = answer.next_link().filter(|next| next != place);
        Ok(())
    }
}

impl RepositorySource for Gists {
    fn name(&self) -> String {
        format!("github:{}/{} gists", self.api.host(), self.owner)
    }

    fn page(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<Page, SourceError> {
        let mut at = match cursor {
            Some(text) => serde_json::from_str(text).map_err(|e| SourceError::CursorLost(e.to_string()))?,
            None => Cursor { members: Some(format!("orgs/{}/members?per_page=100", segment(&self.owner))), ..Cursor::default() },
        };
        let mut page = Page::default();
        if at.who.is_empty()
            && let Some(place) = at.members.take()
        {
            self.members(&place, &mut at, stop)?;
        }
        if let Some(login) = at.who.first() {
            let first = || format!("users/{}/gists?per_page=100", segment(login));
            let place = at.gists.take().unwrap_or_else(first);
            match self.api.get(&place, stop) {
                Ok(answer) => {
                    let gists = answer.list()?.iter().filter_map(|item| gist(item, login, self.api.host()));
                    page.repositories.extend(gists.filter(|gist| self.filter.takes(gist)));
                    at.gists = answer.next_link().filter(|next| *next != place);
                }
                // They left in the meantime.
                Err(Trouble::NotThere(_) | Trouble::Gone(_)) => {}
                Err(Trouble::Ended(e)) => return Err(e),
            }
            if at.gists.is_none() {
                at.who.remove(0);
            }
        }
        page.next = (!at.who.is_empty() || at.members.is_some()).then(|| serde_json::to_string(&at).unwrap_or_default());
        Ok(page)
    }

    fn budget(&self) -> Option<RateBudget> {
        self.api.budget()
    }
}

fn gist(item: &Value, login: &str, host: &str) -> Option<RepositoryRef> {
    let id = item["id"].as_str()?;
    let is_public = item["public"].as_bool().unwrap_or(false);
    Some(RepositoryRef {
        web_url: text(item, "html_url").unwrap_or_default(),
        part: Part::Snippet,
        visibility: if is_public { Visibility::Public } else { Visibility::Private },
        pushed_at: text(item, "updated_at"),
        team: Some(login.to_owned()),
        ..RepositoryRef::at(Forge::GitHub, host, &format!("{id}.gist"), &format!("{login}/{id}"), item["git_pull_url"].as_str()?)
    })
}
