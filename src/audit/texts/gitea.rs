//! Texts of Gitea and Forgejo: issues, pull requests, their comments and reviews, releases and their files.
//!
//! Asked: <https://docs.gitea.com/api/next/#tag/issue/operation/issueListIssues>, `issueGetRepoComments`,
//! <https://docs.gitea.com/api/next/#tag/repository/operation/repoListPullReviews>, `repoGetPullReviewComments`,
//! <https://docs.gitea.com/api/next/#tag/repository/operation/repoListReleases>.

use super::TextKind::{Assets, Issues, Pulls, Releases};
use super::alike;
use super::changed::{by_link, by_number};
use super::forge::{Reading, Step, place, text};
use super::known::{Entry, Mark};
use crate::audit::forge::api::Trouble;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const STEPS: &[Step] = &[
    ("issues", &[Issues, Pulls], conversations),
    ("comments", &[Issues, Pulls], comments),
    ("releases", &[Releases, Assets], releases),
];

/// What a repository says of whether a step has anything: `false` where it is switched off.
pub(super) fn switch(step: &str) -> &'static str {
    if step == "releases" { "has_releases" } else { "has_issues" }
}

/// Issues, and pull requests, which Gitea lists among them.
fn conversations(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let name = r.name.clone();
    let list = r.list("issues", &[Issues, Pulls]);
    let first = |since: Option<&str>| format!("repos/{name}/issues?state=all&{}", page(since));
    r.changed(&list, false, by_number, &first, &mut |r, item| {
        alike::conversation(r, item).map_or(Ok(()), |number| reviews(r, number))
    })
}

/// Reviews and the comments of each have no list of their own: those of a pull request that changed are read again.
fn reviews(r: &mut Reading<'_>, number: u64) -> Result<(), Trouble> {
    let pull = format!("repos/{}/pulls/{number}/reviews", r.name);
    r.beside(&format!("{pull}?limit=50&page=1"), by_number, &mut |r, review| {
        alike::review(r, number, review);
        if review["comments_count"].as_u64() == Some(0) {
            return Ok(true);
        }
        // They come at once.
        r.beside(&format!("{pull}/{}/comments", review["id"]), by_link, &mut |r, item| {
            alike::review_comment(r, &number.to_string(), item);
            Ok(true)
        })?;
        Ok(true)
    })
}

fn comments(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let name = r.name.clone();
    let list = r.list("comments", &[Issues, Pulls]);
    let first = |since: Option<&str>| format!("repos/{name}/issues/comments?{}", page(since));
    r.changed(&list, false, by_number, &first, &mut |r, item| {
        let pull = text(item, "pull_request_url");
        let of = if pull.is_empty() { text(item, "issue_url") } else { pull };
        alike::comment(r, item, !pull.is_empty(), of);
        Ok(())
    })
}

fn page(since: Option<&str>) -> String {
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    format!("limit=50&page=1{since}")
}

fn releases(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let list = r.list("releases", &[Releases, Assets]);
    let first = format!("repos/{}/releases?limit=50", r.name);
    r.whole(&list, &first, &mut release)
}

fn release(r: &mut Reading<'_>, item: &Value, mark: &mut Mark, there: &mut BTreeSet<String>) -> Result<(), Trouble> {
    let tag = alike::release(r, item, mark, there);
    let is_wanted = r.wants(Assets);
    for asset in item["assets"].as_array().into_iter().flatten().filter(|_| is_wanted) {
        let (id, name, url) = (asset["id"].to_string(), text(asset, "name"), text(asset, "browser_download_url"));
        let entry = Entry::of(&format!("asset {id}"), 0, &[name, text(asset, "uuid"), &asset["size"].to_string()]);
        there.insert(entry.id.clone());
        if mark.is_new(&entry) {
            let at = place(format!("releases/{tag}/{name}"), "release asset", url.to_owned(), asset);
            if r.file(url, "*/*", &at, asset["size"].as_u64(), false)? {
                mark.note(entry);
            }
        }
    }
    Ok(())
}
