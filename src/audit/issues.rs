//! Issues: a repository is told in its own tracker what was found in it, redacted, once, and never where everyone reads.
//!
//! What would be opened is told first; it is opened where somebody says so. Before it is, the forge is asked whether the repository
//! is still private and whether the issue is there already: it carries a mark that names the repository.
//!
//! - GitHub: <https://docs.github.com/en/rest/issues/issues#create-an-issue>; Gitea and Forgejo ask for the same
//! - GitLab, where they are confidential: <https://docs.gitlab.com/api/issues/#new-issue>

use super::forge::api::{Api, Trouble};
use super::forge::segment;
use super::store::{Row, Store, StoreError};
use super::target::{Forge, Part, RepositoryRef, Visibility};
use super::unit::RepositoryKey;
use crate::report::markdown;
use crate::source::Stop;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The longest table of an issue, in bytes: GitHub takes 65,536 characters, and what to do stands behind it.
const LONGEST: usize = 40_000;

/// An issue that is not open yet.
#[derive(Debug, Clone)]
pub struct Issue {
    pub repository: RepositoryRef,
    pub title: String,
    pub body: String,
    /// The fingerprints that it tells of.
    pub findings: Vec<String>,
}

/// What is to be told where, and where nothing is.
#[derive(Debug, Default)]
pub struct Plan {
    pub issues: Vec<Issue>,
    /// Names of repositories and why they are not told.
    pub left_out: Vec<(String, String)>,
}

/// What became of an issue.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    New(String),
    /// It was there already.
    Known(String),
    /// It was not opened, and why.
    Not(String),
}

impl Plan {
    /// The issues that these findings ask for, one a repository; `rows` are in the order of repositories.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(store: &Store, rows: Vec<Row>) -> Result<Self, StoreError> {
        let mut by_repository: BTreeMap<(String, RepositoryKey), Vec<Row>> = BTreeMap::new();
        for row in rows {
            let key = (row.repository.full_name.clone(), RepositoryKey::of(&row.repository));
            by_repository.entry(key).or_default().push(row);
        }
        let mut plan = Self::default();
        for ((name, key), rows) in by_repository {
            let why = match (left_out(&rows[0].repository), store.issue_of(&key)?) {
                (Some(why), _) => why.to_owned(),
                (None, Some(url)) => format!("it was told: {url}"),
                (None, None) => {
                    plan.issues.push(Issue::of(rows));
                    continue;
                }
            };
            plan.left_out.push((name, why));
        }
        Ok(plan)
    }
}

/// Why a repository is not told.
fn left_out(repository: &RepositoryRef) -> Option<&'static str> {
    let has_issues = matches!(repository.forge, Forge::GitHub | Forge::GitLab | Forge::Gitea) && repository.part == Part::Code;
    match repository.visibility {
        _ if !has_issues => Some("keysift opens issues in repositories of GitHub, GitLab and Gitea"),
        Visibility::Public => Some("it is public: everyone would read it"),
        Visibility::Unknown => Some("nobody said that it is private"),
        _ if repository.archived => Some("it is archived"),
        Visibility::Internal | Visibility::Private => None,
    }
}

impl Issue {
    fn of(rows: Vec<Row>) -> Self {
        let repository = rows[0].repository.clone();
        let mut owners: Vec<String> = rows.iter().flat_map(|row| row.owners.clone()).collect();
        owners.sort();
        owners.dedup();
        let findings: Vec<_> = rows.into_iter().map(|row| row.finding).collect();
        let count = if findings.len() == 1 { "1 secret".to_owned() } else { format!("{} secrets", findings.len()) };
        let mut body = format!(
            "keysift found {count} in this repository and its history. Whoever can read it has them, and deleting a file takes none of \
             them back: revoke each at its provider first, then replace it.\n"
        );
        let told = markdown::table(&findings, LONGEST, &mut body);
        if told < findings.len() {
            let _ = writeln!(body, "\n{} more are in keysift's report: there was no room here.", findings.len() - told);
        }
        if body.len() < LONGEST {
            markdown::remedies(&findings[..told], &mut body);
        }
        if !owners.is_empty() {
            let all: Vec<String> = owners.iter().map(|owner| markdown::code(owner, false)).collect();
            let _ = writeln!(body, "\nCode owners of these files: {}", all.join(", "));
        }
        let _ = writeln!(body, "\n{}", mark(&repository));
        let findings = findings.into_iter().map(|f| f.fingerprint).collect();
        Self { repository, title: format!("keysift: {count} to revoke"), body, findings }
    }

    /// Opens it, unless it is there or the repository is no longer one that is told.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn open(&self, store: &Store, api: &Api, stop: &Stop) -> Result<Opened, StoreError> {
        let opened = match self.opened(api, stop) {
            Ok(opened) => opened,
            Err(trouble) => Opened::Not(trouble.into_message()),
        };
        if let Opened::New(url) | Opened::Known(url) = &opened {
            store.note_issue(&RepositoryKey::of(&self.repository), url, &self.findings)?;
        }
        Ok(opened)
    }

    fn opened(&self, api: &Api, stop: &Stop) -> Result<Opened, Trouble> {
        let is_gitlab = self.repository.forge == Forge::GitLab;
        let place = if is_gitlab {
            format!("projects/{}", segment(&self.repository.id))
        } else {
            format!("repos/{}", self.repository.full_name.split('/').map(segment).collect::<Vec<_>>().join("/"))
        };
        let now = api.get(&place, stop)?.body;
        if let Some(why) = self.refused_by(&now) {
            return Ok(Opened::Not(why.to_owned()));
        }
        let mark = mark(&self.repository);
        let newest = match self.repository.forge {
            Forge::GitLab => "scope=all&per_page=100",
            Forge::Gitea => "type=issues&state=all&limit=50",
            _ => "state=all&per_page=100",
        };
        let (text, link) = if is_gitlab { ("description", "web_url") } else { ("body", "html_url") };
        let last = api.get(&format!("{place}/issues?{newest}"), stop)?.body;
        let known = last.as_array().into_iter().flatten().find(|i| i[text].as_str().is_some_and(|t| t.contains(&mark)));
        if let Some(known) = known {
            return Ok(Opened::Known(known[link].as_str().unwrap_or_default().to_owned()));
        }
        let body = if is_gitlab {
            json!({"title": self.title, "description": self.body, "confidential": true})
        } else {
            json!({"title": self.title, "body": self.body})
        };
        let answer = api.post(&format!("{place}/issues"), &body, stop)?.body;
        Ok(Opened::New(answer[link].as_str().unwrap_or_default().to_owned()))
    }

    /// Why the repository is not told, as its forge has it now.
    fn refused_by(&self, now: &Value) -> Option<&'static str> {
        // Another one may have come to be under the name.
        let id = now["id"].as_u64().map(|id| id.to_string()).unwrap_or_default();
        let visibility = super::forge::visibility(now["visibility"].as_str(), now["private"].as_bool());
        if id != self.repository.id {
            return Some("another repository has its name by now");
        }
        let has_none = now["has_issues"] == false || now["issues_access_level"] == "disabled";
        if has_none {
            return Some("its issues are switched off");
        }
        let archived = now["archived"].as_bool().unwrap_or(false);
        left_out(&RepositoryRef { visibility, archived, ..self.repository.clone() })
    }
}

/// Names the repository in its issue; nobody sees it.
fn mark(repository: &RepositoryRef) -> String {
    format!("<!-- keysift audit {} -->", RepositoryKey::of(repository).digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_told() {
        let mut one = RepositoryRef::at(Forge::GitHub, "github.com", "7", "acme/a", "https://github.com/acme/a.git");
        let why = |one: &RepositoryRef| left_out(one).unwrap_or_default();
        assert!(why(&one).contains("nobody said"));
        one.visibility = Visibility::Public;
        assert!(why(&one).contains("public"));
        one.visibility = Visibility::Private;
        assert_eq!(why(&one), "");
        one.archived = true;
        assert!(why(&one).contains("archived"));
        one.part = Part::Wiki;
        assert!(why(&one).contains("GitHub, GitLab and Gitea"));
    }
}
