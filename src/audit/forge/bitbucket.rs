//! Bitbucket Cloud: workspaces.
//!
//! Asked: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-get>.

use super::api::Answer;
use super::{Read, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    vec![format!("repositories/{}?pagelen=100", segment(owner))]
}

pub(super) fn read(answer: &Answer, _: &str) -> Option<Read> {
    let mut read = Read { next: text(&answer.body, "next"), ..Read::default() };
    for item in answer.body["values"].as_array()? {
        let clone_url = https_of(&item["links"]["clone"])?;
        read.repositories.push(RepositoryRef {
            web_url: text(&item["links"]["html"], "href").unwrap_or_default(),
            visibility: visibility(None, item["is_private"].as_bool()),
            fork_of: text(&item["parent"], "uuid"),
            language: text(item, "language"),
            size_kb: item["size"].as_u64().map(|bytes| bytes / 1000),
            pushed_at: text(item, "updated_on"),
            default_branch: text(&item["mainbranch"], "name"),
            team: text(&item["project"], "key"),
            // Git is served by another host than the API.
            ..RepositoryRef::at(
                Forge::Bitbucket,
                host_of(&clone_url),
                item["uuid"].as_str()?,
                item["full_name"].as_str()?,
                &clone_url,
            )
        });
    }
    Some(read)
}

/// The address for https of a list of them, without the user's name that Atlassian writes into it.
pub(super) fn https_of(links: &Value) -> Option<String> {
    let link = links.as_array()?.iter().find(|link| matches!(link["name"].as_str(), Some("https" | "http")))?;
    Some(without_user(link["href"].as_str()?))
}

/// A URL without a user's name.
pub(super) fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}
