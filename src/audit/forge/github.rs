//! GitHub, github.com and Enterprise Server.
//!
//! Asked: <https://docs.github.com/en/rest/repos/repos#list-organization-repositories>, for users
//! <https://docs.github.com/en/rest/repos/repos#list-repositories-for-a-user>, for whoever asks themselves
//! <https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user>, which has the private ones too.

use super::api::Answer;
use super::{Odd, Read, clone_url, id, needed, needed_id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use serde_json::Value;

/// How many repositories a page holds.
pub(super) const PAGE: usize = 100;

/// What each request says: <https://docs.github.com/en/rest/about-the-rest-api/api-versions>.
pub const HEADERS: &[(&str, &str)] = &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];

pub(super) fn first(owner: &str) -> Vec<String> {
    let owner = segment(owner);
    vec![
        format!("orgs/{owner}/repos?type=all&sort=full_name&per_page={PAGE}"),
        format!("users/{owner}/repos?type=owner&sort=full_name&per_page={PAGE}"),
    ]
}

/// Where the user who asks sees all that is theirs; `None` where another one was named.
pub(super) fn own(user: &Answer, owner: &str) -> Option<String> {
    let is_own = user.body["login"].as_str().is_some_and(|login| login.eq_ignore_ascii_case(owner));
    is_own.then(|| format!("user/repos?affiliation=owner&sort=full_name&per_page={PAGE}"))
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    Some(Read::of(answer.body.as_array()?, answer.next_link(), |item| entry(item, host)))
}

fn entry(item: &Value, host: &str) -> Result<RepositoryRef, Odd> {
    let url = clone_url(needed(item, "/clone_url")?)?;
    Ok(RepositoryRef {
        web_url: text(item, "html_url").unwrap_or_default(),
        visibility: visibility(item["visibility"].as_str(), item["private"].as_bool()),
        archived: item["archived"].as_bool().unwrap_or(false),
        // A list does not say of what.
        fork_of: item["fork"].as_bool().unwrap_or(false).then(|| id(&item["parent"]["id"]).unwrap_or_default()),
        language: text(item, "language"),
        size_kb: item["size"].as_u64(),
        pushed_at: text(item, "pushed_at"),
        default_branch: text(item, "default_branch"),
        team: text(&item["owner"], "login"),
        ..RepositoryRef::at(Forge::GitHub, host, &needed_id(item, "/id")?, needed(item, "/full_name")?, &url.to_string())
    })
}
