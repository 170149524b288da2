//! Gitea and Forgejo: organizations and users.
//!
//! Asked: <https://docs.gitea.com/api/next/#tag/organization/operation/orgListRepos>, and the same of users.

use super::api::Answer;
use super::{Odd, Read, clone_url, id, needed, needed_id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef, Visibility};
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    let owner = segment(owner);
    vec![format!("orgs/{owner}/repos?limit=50&page=1"), format!("users/{owner}/repos?limit=50&page=1")]
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    Some(Read::of(answer.body.as_array()?, answer.next_link(), |item| entry(item, host)))
}

fn entry(item: &Value, host: &str) -> Result<RepositoryRef, Odd> {
    let is_internal = item["internal"].as_bool().unwrap_or(false);
    let url = clone_url(needed(item, "/clone_url")?)?;
    Ok(RepositoryRef {
        web_url: text(item, "html_url").unwrap_or_default(),
        visibility: if is_internal { Visibility::Internal } else { visibility(None, item["private"].as_bool()) },
        archived: item["archived"].as_bool().unwrap_or(false),
        fork_of: item["fork"].as_bool().unwrap_or(false).then(|| id(&item["parent"]["id"]).unwrap_or_default()),
        language: text(item, "language"),
        size_kb: item["size"].as_u64(),
        pushed_at: text(item, "updated_at"),
        default_branch: text(item, "default_branch"),
        team: text(&item["owner"], "login"),
        ..RepositoryRef::at(Forge::Gitea, host, &needed_id(item, "/id")?, needed(item, "/full_name")?, &url.to_string())
    })
}
