//! Bitbucket Cloud: workspaces.
//!
//! Asked: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-get>.

use super::api::Answer;
use super::{Odd, Read, clone_url, needed, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use crate::source::git::url::RemoteUrl;
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    vec![format!("repositories/{}?pagelen=100", segment(owner))]
}

pub(super) fn read(answer: &Answer) -> Option<Read> {
    Some(Read::of(answer.body["values"].as_array()?, text(&answer.body, "next"), entry))
}

fn entry(item: &Value) -> Result<RepositoryRef, Odd> {
    let url = https_of(item)?;
    Ok(RepositoryRef {
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
            &url.authority(),
            needed(item, "/uuid")?,
            needed(item, "/full_name")?,
            &url.to_string(),
        )
    })
}

/// The address of an entry for clones over https.
pub(super) fn https_of(item: &Value) -> Result<RemoteUrl, Odd> {
    let links = item["links"]["clone"].as_array().into_iter().flatten();
    let mut web = links.filter(|link| matches!(link["name"].as_str(), Some("https" | "http")));
    let link = web.find_map(|link| link["href"].as_str()).ok_or_else(|| Odd::without("/links/clone"))?;
    clone_url(link)
}
