//! GitLab, gitlab.com and self-managed: groups with their subgroups, users.
//!
//! Asked: <https://docs.gitlab.com/api/groups/#list-projects>, <https://docs.gitlab.com/api/projects/#list-a-users-projects>.

use super::api::Answer;
use super::{Odd, Read, clone_url, id, needed, needed_id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    let owner = segment(owner);
    vec![
        format!("groups/{owner}/projects?include_subgroups=true&with_shared=false&order_by=id&sort=asc&per_page=100"),
        format!("users/{owner}/projects?order_by=id&sort=asc&per_page=100"),
    ]
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    Some(Read::of(answer.body.as_array()?, answer.next_link(), |item| entry(item, host)))
}

fn entry(item: &Value, host: &str) -> Result<RepositoryRef, Odd> {
    let statistics = item["statistics"]["repository_size"].as_u64();
    let url = clone_url(needed(item, "/http_url_to_repo")?)?;
    Ok(RepositoryRef {
        web_url: text(item, "web_url").unwrap_or_default(),
        visibility: visibility(item["visibility"].as_str(), None),
        archived: item["archived"].as_bool().unwrap_or(false),
        fork_of: id(&item["forked_from_project"]["id"]),
        size_kb: statistics.map(|bytes| bytes / 1000),
        pushed_at: text(item, "last_activity_at"),
        default_branch: text(item, "default_branch"),
        team: text(&item["namespace"], "full_path"),
        ..RepositoryRef::at(
            Forge::GitLab,
            host,
            &needed_id(item, "/id")?,
            needed(item, "/path_with_namespace")?,
            &url.to_string(),
        )
    })
}
