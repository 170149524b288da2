//! What GitHub and Gitea tell alike: issues with pull requests among them, their comments and reviews, the texts of releases.

use super::TextKind::{self, Issues, Pulls, Releases};
use super::forge::{Reading, last, place, text};
use super::known::{Entry, Mark};
use serde_json::Value;
use std::collections::BTreeSet;

/// Where texts of an issue or a pull request stand, and what it is.
const fn folder(is_pull: bool) -> (&'static str, TextKind) {
    if is_pull { ("pulls", Pulls) } else { ("issues", Issues) }
}

/// Looks at an issue or a pull request. Gives the number of a pull request that is wanted.
pub(super) fn conversation(r: &mut Reading<'_>, item: &Value) -> Option<u64> {
    let is_pull = item["pull_request"].is_object();
    let (folder, wanted) = folder(is_pull);
    if !r.wants(wanted) {
        return None;
    }
    let number = item["number"].as_u64().unwrap_or(0);
    let kind = if is_pull { "pull request" } else { "issue" };
    let at = place(format!("{folder}/{number}#body"), kind, text(item, "html_url").to_owned(), item);
    r.text(&at, &[text(item, "title"), text(item, "body")]);
    is_pull.then_some(number)
}

/// Looks at a comment on the issue or pull request at the address `of`.
pub(super) fn comment(r: &mut Reading<'_>, item: &Value, is_pull: bool, of: &str) {
    let (folder, wanted) = folder(is_pull);
    if r.wants(wanted) {
        let path = format!("{folder}/{}#comment-{}", last(of), item["id"]);
        r.text(&place(path, "comment", text(item, "html_url").to_owned(), item), &[text(item, "body")]);
    }
}

/// Looks at what a review of a pull request says as a whole.
pub(super) fn review(r: &mut Reading<'_>, number: u64, item: &Value) {
    let at = place(format!("pulls/{number}#review-{}", item["id"]), "review", text(item, "html_url").to_owned(), item);
    r.text(&at, &[text(item, "body")]);
}

/// Looks at what a review of a pull request says of a line.
pub(super) fn review_comment(r: &mut Reading<'_>, number: &str, item: &Value) {
    let path = format!("pulls/{number}#review-comment-{}", item["id"]);
    r.text(&place(path, "review comment", text(item, "html_url").to_owned(), item), &[text(item, "body")]);
}

/// Looks at the text of a release, if it is new. Gives its tag.
pub(super) fn release<'i>(r: &mut Reading<'_>, item: &'i Value, mark: &mut Mark, there: &mut BTreeSet<String>) -> &'i str {
    let tag = text(item, "tag_name");
    let entry = Entry::of(&item["id"].to_string(), 0, &[tag, text(item, "name"), text(item, "body")]);
    there.insert(entry.id.clone());
    if r.wants(Releases) && mark.is_new(&entry) {
        let at = place(format!("releases/{tag}#body"), "release", text(item, "html_url").to_owned(), item);
        r.text(&at, &[text(item, "name"), text(item, "body")]);
        mark.note(entry);
    }
    tag
}
