//! GitLab's texts: issues, merge requests, their notes, releases with what they link on the same server, snippets, logs of jobs.
//!
//! Asked: <https://docs.gitlab.com/api/issues/#list-project-issues>, <https://docs.gitlab.com/api/merge_requests/>,
//! <https://docs.gitlab.com/api/notes/>, <https://docs.gitlab.com/api/releases/>,
//! <https://docs.gitlab.com/api/project_snippets/>, <https://docs.gitlab.com/api/jobs/>.

use super::TextKind::{Assets, Issues, Logs, Pulls, Releases, Snippets};
use super::changed::by_link;
use super::forge::{Reading, Step, place, text};
use super::known::{Entry, Mark};
use crate::audit::forge::api::Trouble;
use crate::finding::date::seconds_of;
use crate::finding::percent;
use crate::source::SkipReason;
use crate::verify::seconds_now;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const STEPS: &[Step] = &[
    ("issues", &[Issues], issues),
    ("merge requests", &[Pulls], merge_requests),
    ("releases", &[Releases, Assets], releases),
    ("snippets", &[Snippets], snippets),
    ("logs", &[Logs], logs),
];

/// A job that waits for somebody is waited for so long: 30 days, in seconds.
const PATIENCE: i64 = 30 * 86_400;

/// What a project says of whether a step has anything: `disabled` where it is switched off.
pub(super) fn switch(step: &str) -> &'static str {
    match step {
        "issues" => "issues_access_level",
        "merge requests" => "merge_requests_access_level",
        "releases" => "releases_access_level",
        "snippets" => "snippets_access_level",
        _ => "builds_access_level",
    }
}

fn issues(r: &mut Reading<'_>) -> Result<(), Trouble> {
    conversations(r, "issues", "issue")
}

fn merge_requests(r: &mut Reading<'_>) -> Result<(), Trouble> {
    conversations(r, "merge_requests", "merge request")
}

/// Issues or merge requests, and the notes of each that changed.
fn conversations(r: &mut Reading<'_>, folder: &str, kind: &str) -> Result<(), Trouble> {
    let id = r.repository.id.clone();
    let notes_list = format!("notes of {folder}");
    let mut notes = r.known.take(&notes_list);
    let first = |since: Option<&str>| {
        let since = since.map_or_else(String::new, |since| format!("&updated_after={since}"));
        format!("projects/{id}/{folder}?scope=all&state=all&order_by=updated_at&sort=asc&per_page=100{since}")
    };
    let read = r.changed(folder, true, by_link, &first, &mut |r, item| {
        let iid = item["iid"].as_u64().unwrap_or(0);
        let at = place(format!("{folder}/{iid}#body"), kind, text(item, "web_url").to_owned(), item);
        r.text(&at, &[text(item, "title"), text(item, "description")]);
        notes_of(r, (folder, iid), text(item, "web_url"), &mut notes)
    });
    // Notes of what was not reached may be older than those that were read.
    let mark = r.known.take(folder);
    if let (Ok(()), Some(since)) = (&read, mark.since()) {
        notes.reached(since);
    }
    r.known.put(folder, mark);
    r.known.put(&notes_list, notes);
    read
}

fn notes_of(r: &mut Reading<'_>, (folder, iid): (&str, u64), page: &str, mark: &mut Mark) -> Result<(), Trouble> {
    let first = format!("projects/{}/{folder}/{iid}/notes?order_by=updated_at&sort=asc&per_page=100", r.repository.id);
    r.beside(&first, by_link, &mut |r, note| {
        let changed = text(note, "updated_at");
        let entry = Entry::of(&note["id"].to_string(), seconds_of(changed).unwrap_or(i64::MAX), &[changed, text(note, "body")]);
        if mark.is_new(&entry) {
            let path = format!("{folder}/{iid}#note-{}", note["id"]);
            r.text(&place(path, "note", format!("{page}#note_{}", note["id"]), note), &[text(note, "body")]);
            mark.note(entry);
        }
        Ok(true)
    })
}

/// Releases, and what they link: files on the same server. Links to others are text.
fn releases(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let list = r.list("releases", &[Releases, Assets]);
    let first = format!("projects/{}/releases?per_page=100", r.repository.id);
    r.whole(&list, &first, &mut release)
}

fn release(r: &mut Reading<'_>, item: &Value, mark: &mut Mark, there: &mut BTreeSet<String>) -> Result<(), Trouble> {
    let tag = text(item, "tag_name");
    let links: Vec<&Value> = item["assets"]["links"].as_array().into_iter().flatten().collect();
    let told: Vec<String> = links.iter().map(|link| format!("{} {}", text(link, "name"), text(link, "url"))).collect();
    let told = told.join("\n");
    let entry = Entry::of(tag, 0, &[text(item, "name"), text(item, "description"), &told]);
    let page = item["_links"]["self"].as_str().unwrap_or(&r.repository.web_url).to_owned();
    there.insert(entry.id.clone());
    if r.wants(Releases) && mark.is_new(&entry) {
        let at = place(format!("releases/{tag}#body"), "release", page.clone(), item);
        r.text(&at, &[text(item, "name"), text(item, "description"), &told]);
        mark.note(entry);
    }
    let is_wanted = r.wants(Assets);
    for link in links.into_iter().filter(|_| is_wanted) {
        let url = text(link, "url");
        let entry = Entry::of(&format!("asset {}", link["id"]), 0, &[url]);
        there.insert(entry.id.clone());
        let Some(from) = r.below_api(url).filter(|_| mark.is_new(&entry)).map(str::to_owned) else { continue };
        let mut at = place(format!("releases/{tag}/{}", text(link, "name")), "release asset", page.clone(), item);
        url.clone_into(&mut at.origin.url);
        if r.file(&from, "*/*", &at, None, false)? {
            mark.note(entry);
        }
    }
    Ok(())
}

/// Snippets of the project: title, description and every file.
fn snippets(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let first = format!("projects/{}/snippets?per_page=100", r.repository.id);
    r.whole("snippets", &first, &mut snippet)
}

fn snippet(r: &mut Reading<'_>, item: &Value, mark: &mut Mark, there: &mut BTreeSet<String>) -> Result<(), Trouble> {
    let id = item["id"].to_string();
    let entry = Entry::of(&id, 0, &[text(item, "updated_at"), text(item, "title"), text(item, "description")]);
    there.insert(id.clone());
    if !mark.is_new(&entry) {
        return Ok(());
    }
    let page = text(item, "web_url").to_owned();
    let at = place(format!("snippets/{id}#description"), "snippet", page.clone(), item);
    r.text(&at, &[text(item, "title"), text(item, "description")]);
    let base = format!("projects/{}/snippets/{id}", r.repository.id);
    let files = item["files"].as_array().map_or(&[][..], Vec::as_slice);
    let mut is_whole = true;
    for file in files {
        let path = text(file, "path");
        // `…/raw/BRANCH/PATH`
        let branch = text(file, "raw_url").split_once("/raw/").and_then(|(_, rest)| rest.split_once('/')).map_or("HEAD", |b| b.0);
        let at = place(format!("snippets/{id}/{path}"), "snippet", page.clone(), item);
        let from = format!("{base}/files/{branch}/{}/raw", percent::encode(path, b"-._~"));
        is_whole &= r.file(&from, "*/*", &at, None, false)?;
    }
    // Old servers know one file a snippet.
    if files.is_empty() {
        let at = place(format!("snippets/{id}/{}", text(item, "file_name")), "snippet", page, item);
        is_whole = r.file(&format!("{base}/raw"), "*/*", &at, None, false)?;
    }
    if is_whole {
        mark.note(entry);
    }
    Ok(())
}

/// Logs of jobs, which are listed newest first, by id. A job that is started again is a new one.
fn logs(r: &mut Reading<'_>) -> Result<(), Trouble> {
    let mut mark = r.known.take("logs");
    let (since, oldest, patience) = (mark.since(), r.oldest(), seconds_now() - PATIENCE);
    let (mut newest, mut complete_from) = (None, i64::MAX);
    let read = r.all(&format!("projects/{}/jobs?per_page=100", r.repository.id), by_link, &mut |r, job| {
        let Some(id) = job["id"].as_i64() else {
            r.unread(SkipReason::Unreadable, "jobs", 0);
            return Ok(true);
        };
        let created = seconds_of(text(job, "created_at")).unwrap_or(i64::MAX);
        if since.is_some_and(|since| id < since) || oldest.is_some_and(|oldest| created < oldest) {
            return Ok(false);
        }
        newest = newest.max(Some(id));
        let is_over = matches!(text(job, "status"), "success" | "failed" | "canceled" | "skipped") || created < patience;
        let entry = Entry { id: id.to_string(), at: id, version: String::new() };
        if is_over && mark.version(&entry.id).is_none() {
            let mut at = place(format!("jobs/{id}/trace.log"), "log", text(job, "web_url").to_owned(), job);
            at.origin.author = job["user"]["username"].as_str().map(str::to_owned);
            // Traces are erased, and skipped jobs have none.
            if r.file(&format!("projects/{}/jobs/{id}/trace", r.repository.id), "*/*", &at, None, true)? {
                mark.note(entry);
            }
        }
        if mark.version(&id.to_string()).is_none() {
            complete_from = complete_from.min(id);
        }
        Ok(true)
    });
    if let (Ok(()), Some(newest)) = (&read, newest) {
        mark.reached(complete_from.min(newest + 1));
    }
    r.known.put("logs", mark);
    read
}
