//! GitHub, github.com and Enterprise Server.
//!
//! Asked: <https://docs.github.com/en/rest/repos/repos#list-organization-repositories>, for users
//! <https://docs.github.com/en/rest/repos/repos#list-repositories-for-a-user>.

use super::api::Answer;
use super::{Read, id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};

pub(super) fn first(owner: &str) -> Vec<String> {
    let owner = segment(owner);
    vec![
        format!("orgs/{owner}/repos?type=all&sort=full_name&per_page=100"),
        format!("users/{owner}/repos?type=owner&sort=full_name&per_page=100"),
    ]
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    let mut read = Read { next: answer.next_link(), ..Read::default() };
    for item in answer.body.as_array()? {
        read.repositories.push(RepositoryRef {
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
            ..RepositoryRef::at(Forge::GitHub, host, &id(&item["id"])?, item["full_name"].as_str()?, item["clone_url"].as_str()?)
        });
    }
    Some(read)
}
