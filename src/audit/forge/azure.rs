//! Azure DevOps: organizations with all their projects.
//!
//! Asked: <https://learn.microsoft.com/en-us/rest/api/azure/devops/git/repositories/list>, which gives all in one answer.

use super::api::Answer;
use super::{Odd, Read, clone_url, needed, segment, text, visibility};
use crate::audit::target::{Forge, RepositoryRef};
use serde_json::Value;

pub(super) fn first(owner: &str) -> Vec<String> {
    vec![format!("{}/_apis/git/repositories?includeHidden=true&api-version=7.1", segment(owner))]
}

pub(super) fn read(answer: &Answer, host: &str) -> Option<Read> {
    Some(Read::of(answer.body["value"].as_array()?, None, |item| entry(item, host)))
}

fn entry(item: &Value, host: &str) -> Result<RepositoryRef, Odd> {
    let project = needed(item, "/project/name")?;
    let full_name = format!("{project}/{}", needed(item, "/name")?);
    if item["isDisabled"].as_bool().unwrap_or(false) {
        return Err(Odd { name: Some(full_name), why: "disabled: Azure DevOps serves no disabled repository".to_owned() });
    }
    // `public` to all, `private` and `organization` are said of the project.
    let word = item["project"]["visibility"].as_str().map(|word| if word == "organization" { "internal" } else { word });
    let branch = text(item, "defaultBranch");
    let url = clone_url(needed(item, "/remoteUrl")?)?;
    Ok(RepositoryRef {
        web_url: text(item, "webUrl").unwrap_or_default(),
        visibility: visibility(word, None),
        fork_of: item["isFork"].as_bool().unwrap_or(false).then(|| text(&item["parentRepository"], "id").unwrap_or_default()),
        size_kb: item["size"].as_u64().map(|bytes| bytes / 1000),
        default_branch: branch.map(|b| b.strip_prefix("refs/heads/").unwrap_or(&b).to_owned()),
        team: Some(project.to_owned()),
        ..RepositoryRef::at(Forge::Azure, host, needed(item, "/id")?, &full_name, &url.to_string())
    })
}
