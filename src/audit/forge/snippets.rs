//! Personal snippets of GitLab: those of a user, or of a group's members, as far as the token sees them. Each is a git repository of
//! its own. Snippets of projects are texts beside their code.
//!
//! Asked: <https://docs.gitlab.com/api/snippets/#list-all-snippets> (for older servers those of the token's own user),
//! <https://docs.gitlab.com/api/group_members/#list-all-group-members-including-inherited-and-invited-members>.

use super::api::{Api, Trouble};
use super::filter::Filter;
use super::{segment, text, visibility};
use crate::audit::target::{Forge, Page, Part, RateBudget, RepositoryRef, RepositorySource, SourceError};
use crate::source::Stop;
use serde_json::Value;
use std::collections::HashSet;

/// All snippets that the token sees.
const ALL: &str = "snippets/all?per_page=100";
/// Those of the token's own user.
const OWN: &str = "snippets?per_page=100";

/// The personal snippets of one owner.
pub struct Snippets {
    owner: String,
    api: Api,
    filter: Filter,
    /// Whose they are, in lower case, once that was asked.
    authors: Option<HashSet<String>>,
}

impl Snippets {
    /// The list of the snippets of a user or of a group's members.
    #[must_use]
    pub const fn new(owner: String, api: Api, filter: Filter) -> Self {
        Self { owner, api, filter, authors: None }
    }

    /// Who belongs to a group; a user stands for themselves.
    fn members(&self, stop: &Stop) -> Result<HashSet<String>, SourceError> {
        let mut members = HashSet::new();
        let mut next = Some(format!("groups/{}/members/all?per_page=100", segment(&self.owner)));
        while let Some(place) = next {
            let answer = match self.api.get(&place, stop) {
                Ok(answer) => answer,
                Err(Trouble::NotThere(_) | Trouble::Gone(_)) => return Ok(HashSet::from([self.owner.to_lowercase()])),
                Err(Trouble::Ended(e)) => return Err(e),
            };
            let names = answer.list()?.iter().filter_map(|member| text(member, "username"));
            members.extend(names.map(|name| name.to_lowercase()));
            next = answer.next_link().filter(|next| *next != place);
        }
        Ok(members)
    }
}

impl RepositorySource for Snippets {
    fn name(&self) -> String {
        format!("gitlab:{}/{} snippets", self.api.host(), self.owner)
    }

    fn page(&mut self, cursor: Option<&str>, stop: &Stop) -> Result<Page, SourceError> {
        let authors = match self.authors.take() {
            Some(authors) => authors,
            None => self.members(stop)?,
        };
        let authors = self.authors.insert(authors);
        let place = cursor.unwrap_or(ALL);
        let answer = match (self.api.get(place, stop), cursor) {
            (Ok(answer), _) => answer,
            (Err(Trouble::NotThere(_) | Trouble::Gone(_)), None) => self.api.get(OWN, stop).map_err(|trouble| match trouble {
                Trouble::NotThere(why) | Trouble::Gone(why) => SourceError::Refused(why),
                Trouble::Ended(e) => e,
            })?,
            (Err(Trouble::NotThere(why) | Trouble::Gone(why)), Some(_)) => return Err(SourceError::CursorLost(why)),
            (Err(Trouble::Ended(e)), _) => return Err(e),
        };
        let snippets = answer.list()?.iter().filter_map(|item| snippet(item, authors, self.api.host()));
        let repositories = snippets.filter(|snippet| self.filter.takes(snippet)).collect();
        Ok(Page { repositories, next: answer.next_link().filter(|next| next != place), ..Page::default() })
    }

    fn budget(&self) -> Option<RateBudget> {
        self.api.budget()
    }
}

/// A snippet of one of these authors that belongs to no project.
fn snippet(item: &Value, authors: &HashSet<String>, host: &str) -> Option<RepositoryRef> {
    let (id, author) = (item["id"].as_u64()?, item["author"]["username"].as_str()?);
    if !item["project_id"].is_null() || !authors.contains(&author.to_lowercase()) {
        return None;
    }
    let page = text(item, "web_url").unwrap_or_default();
    let url = text(item, "http_url_to_repo").unwrap_or_else(|| format!("{}.git", page.replace("/-/snippets/", "/snippets/")));
    Some(RepositoryRef {
        web_url: page,
        part: Part::Snippet,
        visibility: visibility(item["visibility"].as_str(), None),
        pushed_at: text(item, "updated_at"),
        team: Some(author.to_owned()),
        ..RepositoryRef::at(Forge::GitLab, host, &format!("{id}.snippet"), &format!("{author}/{id}"), &url)
    })
}
