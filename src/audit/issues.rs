//! Issues: a repository is told in its own tracker what was found in it, redacted, once, and never where everyone reads. What is
//! found later is told in comments on the same issue.
//!
//! What would be opened is told first; it is opened where somebody says so. Before it is, the forge is asked whether the repository
//! is still private and whether the issue is there already: it carries a mark that names the repository and what was told.
//!
//! - GitHub: <https://docs.github.com/en/rest/issues/issues#create-an-issue>,
//!   <https://docs.github.com/en/rest/issues/comments#create-an-issue-comment>; Gitea and Forgejo ask for the same
//! - GitLab, where they are confidential: <https://docs.gitlab.com/api/issues/#new-issue>, and comments internal:
//!   <https://docs.gitlab.com/api/notes/#create-new-issue-note>

use super::forge::api::{Answer, Api, Trouble};
use super::forge::segment;
use super::store::{Row, Store, StoreError};
use super::target::{Forge, Part, RepositoryRef, Visibility};
use super::unit::RepositoryKey;
use crate::finding::hex;
use crate::report::markdown;
use crate::report::model::ReportedFinding;
use crate::source::Stop;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The longest table of an issue, in bytes: GitHub takes 65,536 characters, and what to do stands behind it.
const LONGEST: usize = 36_000;

/// How many findings are named for those that look whether they were told.
const MOST_IDS: usize = 1000;
/// How many pages of comments are looked through.
const MOST_PAGES: usize = 50;

/// An issue that is not open yet, or a comment on one.
pub struct Issue {
    pub repository: RepositoryRef,
    pub title: String,
    pub body: String,
    /// The issue that is commented on, where the repository was told before.
    pub on: Option<String>,
    /// What it tells of.
    rows: Vec<Row>,
    /// The fingerprints that were told before.
    told: Vec<String>,
}

/// What is to be told where, and where nothing is.
#[derive(Default)]
pub struct Plan {
    pub issues: Vec<Issue>,
    /// Names of repositories and why they are not told.
    pub left_out: Vec<(String, String)>,
}

/// What became of an issue.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    New(String),
    /// It was there, and was commented on.
    More(String),
    /// It was there already, with all that is to be told.
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
            if let Some(why) = left_out(&rows[0].repository) {
                plan.left_out.push((name, why.to_owned()));
                continue;
            }
            let (url, told) = store.issue_of(&key)?.unzip();
            let told: Vec<String> = told.unwrap_or_default();
            let new: Vec<Row> = rows.into_iter().filter(|row| !told.contains(&row.finding.fingerprint)).collect();
            let why = match url {
                Some(url) if new.is_empty() => format!("it was told: {url}"),
                url => {
                    plan.issues.push(Issue::of(new, url, told));
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
    fn of(rows: Vec<Row>, on: Option<String>, told: Vec<String>) -> Self {
        let repository = rows[0].repository.clone();
        let count = counted(rows.len(), "");
        let body = text(&repository, &rows.iter().collect::<Vec<_>>(), on.is_some());
        Self { title: format!("keysift: {count} to revoke"), body, repository, on, rows, told }
    }

    /// Opens it, or comments on it where it is there and more is to be told, unless the repository is no longer one that is told.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn open(&self, store: &Store, api: &Api, stop: &Stop) -> Result<Opened, StoreError> {
        let tracker = Tracker::of(&self.repository, api, stop);
        let opened = match self.opened(&tracker) {
            Ok(opened) => opened,
            Err(trouble) => Opened::Not(trouble.into_message()),
        };
        if let Opened::New(url) | Opened::More(url) | Opened::Known(url) = &opened {
            let new = self.rows.iter().map(|row| row.finding.fingerprint.clone());
            let all: Vec<String> = self.told.iter().cloned().chain(new).collect();
            store.note_issue(&RepositoryKey::of(&self.repository), url, &all)?;
        }
        Ok(opened)
    }

    fn opened(&self, tracker: &Tracker<'_>) -> Result<Opened, Trouble> {
        let now = tracker.get("")?.body;
        if let Some(why) = self.refused_by(&now) {
            return Ok(Opened::Not(why.to_owned()));
        }
        let name = name(&self.repository);
        let Some(issue) = tracker.known(&name, self.on.as_deref())? else {
            return tracker.open(&self.title, &self.body).map(Opened::New);
        };
        let url = issue[tracker.link].as_str().unwrap_or_default().to_owned();
        let told = tracker.texts(&issue)?;
        // Issues of earlier versions do not say of what they tell: all that was there then.
        let says = told.iter().any(|text| text.contains(&format!("{name}:")));
        let is_told = |row: &&Row| told.iter().any(|text| text.contains(&id(&row.finding.fingerprint)));
        let missing: Vec<&Row> = self.rows.iter().filter(|row| !is_told(row)).collect();
        if missing.is_empty() || self.on.is_none() && !says {
            return Ok(Opened::Known(url));
        }
        tracker.comment(&issue, &text(&self.repository, &missing, true))?;
        Ok(Opened::More(url))
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

/// What an issue says, or a comment of what there is `more`.
fn text(repository: &RepositoryRef, rows: &[&Row], more: bool) -> String {
    let mut owners: Vec<&String> = rows.iter().flat_map(|row| &row.owners).collect();
    owners.sort();
    owners.dedup();
    let findings: Vec<ReportedFinding> = rows.iter().map(|row| row.finding.clone()).collect();
    let mut body = format!(
        "keysift found {} in this repository and its history. Whoever can read it has them, and deleting a file takes none of them back: \
         revoke each at its provider first, then replace it.\n",
        counted(findings.len(), if more { "more " } else { "" })
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
    let ids: Vec<String> = findings.iter().take(MOST_IDS).map(|f| id(&f.fingerprint)).collect();
    let _ = writeln!(body, "\n<!-- {}: {} -->", name(repository), ids.join(" "));
    body
}

fn counted(n: usize, more: &str) -> String {
    if n == 1 { format!("1 {more}secret") } else { format!("{n} {more}secrets") }
}

/// Names the repository in its issue; nobody sees it.
fn name(repository: &RepositoryRef) -> String {
    format!("keysift audit {}", RepositoryKey::of(repository).digest())
}

/// Names a finding there.
fn id(fingerprint: &str) -> String {
    hex::encode(&blake3::derive_key("keysift audit issue v1", fingerprint.as_bytes())[..6])
}

/// The tracker of a repository.
struct Tracker<'a> {
    api: &'a Api,
    stop: &'a Stop,
    forge: Forge,
    place: String,
    /// What an issue's text and page are called.
    text: &'static str,
    link: &'static str,
}

impl<'a> Tracker<'a> {
    fn of(repository: &RepositoryRef, api: &'a Api, stop: &'a Stop) -> Self {
        let forge = repository.forge;
        if forge == Forge::GitLab {
            let place = format!("projects/{}", segment(&repository.id));
            return Self { api, stop, forge, place, text: "description", link: "web_url" };
        }
        let place = format!("repos/{}", repository.full_name.split('/').map(segment).collect::<Vec<_>>().join("/"));
        Self { api, stop, forge, place, text: "body", link: "html_url" }
    }

    fn get(&self, below: &str) -> Result<Answer, Trouble> {
        self.api.get(&format!("{}{below}", self.place), self.stop)
    }

    /// The issue with a name in its text: the one at this address, else one of the last hundred.
    fn known(&self, name: &str, url: Option<&str>) -> Result<Option<Value>, Trouble> {
        let is_ours = |issue: &Value| issue[self.text].as_str().is_some_and(|text| text.contains(name));
        let number =
            url.and_then(|url| url.rsplit('/').next()).filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if let Some(number) = number {
            match self.get(&format!("/issues/{number}")) {
                Ok(answer) if is_ours(&answer.body) => return Ok(Some(answer.body)),
                // It was moved or deleted.
                Ok(_) | Err(Trouble::NotThere(_) | Trouble::Gone(_)) => {}
                Err(e) => return Err(e),
            }
        }
        let newest = match self.forge {
            Forge::GitLab => "scope=all&per_page=100",
            Forge::Gitea => "type=issues&state=all&limit=50",
            _ => "state=all&per_page=100",
        };
        let last = self.get(&format!("/issues?{newest}"))?.body;
        Ok(last.as_array().into_iter().flatten().find(|issue| is_ours(issue)).cloned())
    }

    /// Opens an issue; tells its address.
    fn open(&self, title: &str, text: &str) -> Result<String, Trouble> {
        let body = if self.forge == Forge::GitLab {
            json!({"title": title, "description": text, "confidential": true})
        } else {
            json!({"title": title, "body": text})
        };
        let answer = self.api.post(&format!("{}/issues", self.place), &body, self.stop)?.body;
        Ok(answer[self.link].as_str().unwrap_or_default().to_owned())
    }

    /// Where the comments of an issue are.
    fn comments(&self, issue: &Value) -> String {
        let (number, comments) = if self.forge == Forge::GitLab { ("iid", "notes") } else { ("number", "comments") };
        format!("{}/issues/{}/{comments}", self.place, issue[number].as_u64().unwrap_or_default())
    }

    /// The texts of an issue and its comments.
    fn texts(&self, issue: &Value) -> Result<Vec<String>, Trouble> {
        let mut texts = vec![issue[self.text].as_str().unwrap_or_default().to_owned()];
        let mut next = Some(format!("{}?per_page=100", self.comments(issue)));
        for _ in 0..MOST_PAGES {
            let Some(place) = next else { break };
            let answer = self.api.get(&place, self.stop)?;
            let bodies = answer.body.as_array().into_iter().flatten().filter_map(|comment| comment["body"].as_str());
            texts.extend(bodies.filter(|body| body.contains("keysift audit")).map(str::to_owned));
            next = answer.next_link();
        }
        Ok(texts)
    }

    fn comment(&self, issue: &Value, text: &str) -> Result<(), Trouble> {
        let body = if self.forge == Forge::GitLab { json!({"body": text, "internal": true}) } else { json!({"body": text}) };
        self.api.post(&self.comments(issue), &body, self.stop).map(drop)
    }
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
