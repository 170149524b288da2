//! Bitbucket Data Center: projects, and all of an installation (`*`).
//!
//! Asked: <https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-project/#api-api-latest-projects-projectkey-repos-get>.

use super::api::Answer;
use super::bitbucket::https_of;
use super::{Read, id, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};

pub(super) fn first(owner: &str) -> Vec<String> {
    match owner {
        "*" => vec!["repos?limit=500&start=0".to_owned()],
        project => vec![format!("projects/{}/repos?limit=500&start=0", segment(project))],
    }
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    let is_last = answer.body["isLastPage"].as_bool().unwrap_or(true);
    let next = answer.body["nextPageStart"].as_u64().filter(|_| !is_last);
    let mut read = Read { next: next.map(|start| answer.with_parameter("start", &start.to_string())), ..Read::default() };
    for item in answer.body["values"].as_array()? {
        let project = item["project"]["key"].as_str()?;
        let full_name = format!("{project}/{}", item["slug"].as_str()?);
        let page = item["links"]["self"].as_array().and_then(|all| text(all.first()?, "href"));
        read.repositories.push(RepositoryRef {
            web_url: page.unwrap_or_default(),
            visibility: visibility(None, item["public"].as_bool().map(|public| !public)),
            archived: item["archived"].as_bool().unwrap_or(false),
            fork_of: id(&item["origin"]["id"]),
            team: Some(project.to_owned()),
            ..RepositoryRef::at(
                Forge::BitbucketDataCenter,
                host,
                &id(&item["id"])?,
                &full_name,
                &https_of(&item["links"]["clone"])?,
            )
        });
    }
    Some(read)
}
