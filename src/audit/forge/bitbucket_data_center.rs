//! Bitbucket Data Center: projects, and all of an installation (`*`).
//!
//! Asked: <https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-project/#api-api-latest-projects-projectkey-repos-get>.

use super::api::Answer;
use super::bitbucket::https_of;
use super::{Odd, Read, id, needed, needed_id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    match owner {
        "*" => vec!["repos?limit=500&start=0".to_owned()],
        project => vec![format!("projects/{}/repos?limit=500&start=0", segment(project))],
    }
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    let is_last = answer.body["isLastPage"].as_bool().unwrap_or(true);
    let next = answer.body["nextPageStart"].as_u64().filter(|_| !is_last);
    let next = next.map(|start| answer.with_parameter("start", &start.to_string()));
    Some(Read::of(answer.body["values"].as_array()?, next, |item| entry(item, host)))
}

fn entry(item: &Value, host: &str) -> Result<RepositoryRef, Odd> {
    let project = needed(item, "/project/key")?;
    let full_name = format!("{project}/{}", needed(item, "/slug")?);
    let page = item["links"]["self"].as_array().and_then(|all| text(all.first()?, "href"));
    let url = https_of(item)?;
    Ok(RepositoryRef {
        web_url: page.unwrap_or_default(),
        visibility: visibility(None, item["public"].as_bool().map(|public| !public)),
        archived: item["archived"].as_bool().unwrap_or(false),
        fork_of: id(&item["origin"]["id"]),
        team: Some(project.to_owned()),
        ..RepositoryRef::at(Forge::BitbucketDataCenter, host, &needed_id(item, "/id")?, &full_name, &url.to_string())
    })
}
