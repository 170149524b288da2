//! GitLab, gitlab.com and self-managed: groups with their subgroups, users.
//!
//! Asked: <https://docs.gitlab.com/api/groups/#list-projects>, <https://docs.gitlab.com/api/projects/#list-a-users-projects>.

use super::api::Answer;
use super::{Read, id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};

pub(super) fn first(owner: &str) -> Vec<String> {
    let owner = segment(owner);
    vec![
        format!("groups/{owner}/projects?include_subgroups=true&with_shared=false&order_by=id&sort=asc&per_page=100"),
        format!("users/{owner}/projects?order_by=id&sort=asc&per_page=100"),
    ]
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    let mut read = Read { next: answer.next_link(), ..Read::default() };
    for item in answer.body.as_array()? {
        let statistics = item["statistics"]["repository_size"].as_u64();
        read.repositories.push(RepositoryRef {
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
                &id(&item["id"])?,
                item["path_with_namespace"].as_str()?,
                item["http_url_to_repo"].as_str()?,
            )
        });
    }
    Some(read)
}
