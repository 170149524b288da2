//! GitHub's texts: issues, pull requests, their comments and reviews, comments on commits, releases, assets, logs of Actions.
//!
//! Asked: <https://docs.github.com/en/rest/issues/issues#list-repository-issues>,
//! <https://docs.github.com/en/rest/issues/comments#list-issue-comments-for-a-repository>,
//! <https://docs.github.com/en/rest/pulls/comments#list-review-comments-in-a-repository>,
//! <https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request>,
//! <https://docs.github.com/en/rest/commits/comments#list-commit-comments-for-a-repository>,
//! <https://docs.github.com/en/rest/releases/releases#list-releases>,
//! <https://docs.github.com/en/rest/releases/assets#get-a-release-asset>,
//! <https://docs.github.com/en/rest/actions/workflow-runs>.

use super::TextKind::{Assets, Issues, Logs, Pulls, Releases};
use super::alike;
use super::changed::{by_link, unread};
use super::forge::{Reading, Step, last, place, text};
use super::known::{Entry, Mark};
use crate::audit::forge::api::Trouble;
use crate::finding::date::seconds_of;
use crate::verify::seconds_now;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const STEPS: &[Step] = &[
    ("issues", &[Issues, Pulls], conversations),
    ("comments", &[Issues, Pulls], comments),
    ("review comments", &[Pulls], review_comments),
    ("commit comments", &[Pulls], commit_comments),
    ("releases", &[Releases, Assets], releases),
    ("logs", &[Logs], logs),
];

/// A run can be started again for so long: 30 days, in seconds.
const RERUN: i64 = 30 * 86_400;

/// Issues, and pull requests, which GitHub lists among them.
fn conversations(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let name = r.name.clone();
    let list = r.list("issues", &[Issues, Pulls]);
    let first = |since: Option<&str>| format!("repos/{name}/issues?state=all&{}", order(since));
    r.changed(&list, true, by_link, &first, &mut |r, item| {
        alike::conversation(r, item).map_or(Ok(()), |number| reviews(r, number))
    })
}

/// Reviews have no list of their own: those of a pull request that changed are read again.
fn reviews(r: &mut Reading<'_>, number: u64) -> Result<(), Trouble> {
    r.beside(&format!("repos/{}/pulls/{number}/reviews?per_page=100", r.name), by_link, &mut |r, item| {
        alike::review(r, number, item);
        Ok(true)
    })
}

fn comments(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let name = r.name.clone();
    let list = r.list("comments", &[Issues, Pulls]);
    let first = |since: Option<&str>| format!("repos/{name}/issues/comments?{}", order(since));
    r.changed(&list, true, by_link, &first, &mut |r, item| {
        alike::comment(r, item, text(item, "html_url").contains("/pull/"), text(item, "issue_url"));
        Ok(())
    })
}

fn review_comments(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let name = r.name.clone();
    let first = |since: Option<&str>| format!("repos/{name}/pulls/comments?{}", order(since));
    r.changed("review comments", true, by_link, &first, &mut |r, item| {
        alike::review_comment(r, last(text(item, "pull_request_url")), item);
        Ok(())
    })
}

/// Comments on commits: the list knows no order by change, so all of it is read, and what is new looked at.
fn commit_comments(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let first = format!("repos/{}/comments?per_page=100", r.name);
    r.whole("commit comments", &first, &mut |r, item, mark, there| {
        let changed = text(item, "updated_at");
        let entry = Entry::of(&item["id"].to_string(), 0, &[changed, text(item, "body")]);
        there.insert(entry.id.clone());
        let is_old = r.oldest().is_some_and(|oldest| seconds_of(changed).is_some_and(|at| at < oldest));
        if !is_old && mark.is_new(&entry) {
            let path = format!("commits/{}#comment-{}", text(item, "commit_id"), item["id"]);
            r.text(&place(path, "commit comment", text(item, "html_url").to_owned(), item), &[text(item, "body")]);
            mark.note(entry);
        }
        Ok(())
    })
}

fn order(since: Option<&str>) -> String {
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    format!("sort=updated&direction=asc&per_page=100{since}")
}

/// Releases and their files: the whole list is read, and of it what is new.
fn releases(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let list = r.list("releases", &[Releases, Assets]);
    let first = format!("repos/{}/releases?per_page=100", r.name);
    r.whole(&list, &first, &mut release)
}

fn release(r: &mut Reading<'_>, item: &Value, mark: &mut Mark, there: &mut BTreeSet<String>) -> Result<(), Trouble> {
    let tag = alike::release(r, item, mark, there);
    let (is_wanted, oldest) = (r.wants(Assets), r.oldest());
    for asset in item["assets"].as_array().into_iter().flatten().filter(|_| is_wanted) {
        if oldest.is_some_and(|oldest| seconds_of(text(asset, "updated_at")).is_some_and(|at| at < oldest)) {
            continue;
        }
        let (id, name) = (asset["id"].to_string(), text(asset, "name"));
        let entry = Entry::of(&format!("asset {id}"), 0, &[name, text(asset, "updated_at"), &asset["size"].to_string()]);
        there.insert(entry.id.clone());
        if mark.is_new(&entry) {
            let mut at =
                place(format!("releases/{tag}/{name}"), "release asset", text(asset, "browser_download_url").to_owned(), asset);
            at.origin.author = asset["uploader"]["login"].as_str().map(str::to_owned);
            let from = format!("repos/{}/releases/assets/{id}", r.name);
            if r.file(&from, "application/octet-stream", &at, asset["size"].as_u64(), false)? {
                mark.note(entry);
            }
        }
    }
    Ok(())
}

/// Logs of Actions: a zip for each attempt of a run.
fn logs(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let mut mark = r.known.take("logs");
    let read = runs(r, &mut mark);
    r.known.put("logs", mark);
    read
}

/// Runs are listed newest first. All are looked up that may be started again, or that were not read before.
fn runs(r: &mut Reading<'_>, mark: &mut Mark) -> Result<(), Trouble> {
    let (since, oldest) = (mark.since(), r.oldest());
    // Where the next reading begins: what runs now began later, and nothing before is missing.
    let mut complete_from = seconds_now() - RERUN;
    let mut next = Some(format!("repos/{}/actions/runs?exclude_pull_requests=true&per_page=100", r.name));
    'list: while let Some(page) = next {
        let answer = r.get(&page)?;
        for run in answer.body["workflow_runs"].as_array().ok_or_else(|| unread(&answer))? {
            let at = seconds_of(text(run, "created_at")).ok_or_else(|| unread(&answer))?;
            if since.max(oldest).is_some_and(|end| at < end) {
                break 'list;
            }
            if run["status"] == "completed" && !attempts(r, run, at, mark)? {
                complete_from = complete_from.min(at);
            }
        }
        next = answer.next_link().filter(|next| *next != page);
    }
    mark.reached(complete_from);
    Ok(())
}

/// Reads the logs of the attempts of a run that are not known; whether all of them are now.
fn attempts(r: &mut Reading<'_>, run: &Value, at: i64, mark: &mut Mark) -> Result<bool, Trouble> {
    let id = run["id"].to_string();
    let all = run["run_attempt"].as_u64().unwrap_or(1);
    let known = mark.version(&id).and_then(|known| known.parse::<u64>().ok()).unwrap_or(0);
    for attempt in known + 1..=all {
        let path = format!("actions/runs/{id}/attempts/{attempt}/logs.zip");
        let place = place(path, "log", format!("{}/attempts/{attempt}", text(run, "html_url")), run);
        let from = format!("repos/{}/actions/runs/{id}/attempts/{attempt}/logs", r.name);
        // Logs are kept for a time only.
        if !r.file(&from, "application/vnd.github+json", &place, None, true)? {
            return Ok(false);
        }
        mark.note(Entry { id: id.clone(), at, version: attempt.to_string() });
    }
    Ok(true)
}
