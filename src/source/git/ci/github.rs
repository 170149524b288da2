//! GitHub Actions, and Gitea and Forgejo Actions, which set the same variables.
//!
//! Variables: <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>; what `GITHUB_SHA` and
//! `GITHUB_REF` are for each event: <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>;
//! what stands in the file of `GITHUB_EVENT_PATH`: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use super::environment::{Environment, parse_id};
use super::{Base, CiError, CiEvent, CiJob, CommitName, RefName, Way};
use gix::hash::ObjectId;
use serde_json::Value;
use std::path::PathBuf;

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let event = env.text("GITHUB_EVENT_NAME").unwrap_or_default();
    match event.as_str() {
        "pull_request" | "pull_request_review" | "pull_request_review_comment" => pull_request(env, true),
        // Runs for the base branch: `GITHUB_SHA` is its tip, and the proposed change stands in the event alone.
        "pull_request_target" => pull_request(env, false),
        "merge_group" => merge_queue(env),
        "push" => push(env),
        "create" => Ok(created(env, head(env)?)),
        "delete" => Ok(env.job(CiEvent::Push, head(env)?, Base::Nothing("the event deletes a branch or tag"))),
        "schedule" => Ok(env.job(CiEvent::Schedule, head(env)?, Base::Everything)),
        _ if is_tag(env) => Ok(env.job(CiEvent::Tag, head(env)?, Base::Everything)),
        _ => Ok(env.job(CiEvent::Other, head(env)?, Base::Everything)),
    }
}

fn head(env: &Environment<'_>) -> Result<CommitName, CiError> {
    env.required_id("GITHUB_SHA").map(CommitName::Id)
}

fn is_tag(env: &Environment<'_>) -> bool {
    env.text("GITHUB_REF").is_some_and(|name| name.starts_with("refs/tags/"))
}

/// `at_merge`: the job runs for the merge of both branches that GitHub made, `refs/pull/N/merge`, where there is one.
fn pull_request(env: &Environment<'_>, at_merge: bool) -> Result<CiJob, CiError> {
    // The base's and the head's ids stand in the event alone; without it the merge tells all, and the base's branch the rest.
    let event = if env.text("GITHUB_EVENT_PATH").is_some() { read_event(env)? } else { Value::Null };
    let base_id = id(&event, "/pull_request/base/sha", "pull_request.base.sha")?;
    let head_id = id(&event, "/pull_request/head/sha", "pull_request.head.sha")?;
    let base = base_id.map(CommitName::Id);
    let branch = env.branch("GITHUB_BASE_REF")?.map(CommitName::Branch);
    let mut ways = Vec::new();
    let is_merge = env.text("GITHUB_REF").is_some_and(|name| name.starts_with("refs/pull/") && name.ends_with("/merge"));
    if at_merge && is_merge {
        // The event's base can be older than the one that was merged.
        ways.push(Way { head: head(env)?, base: Base::MergeBaseWith(CommitName::FirstParentOfHead) });
    }
    let head = match head_id {
        Some(id) => Some(CommitName::Id(id)),
        // Gitea runs it at the head.
        None if at_merge && !is_merge => Some(head(env)?),
        None => None,
    };
    if let Some(head) = head {
        let bases = base.into_iter().chain(branch);
        ways.extend(bases.map(|base| Way { head: head.clone(), base: Base::MergeBaseWith(base) }));
    }
    if ways.is_empty() {
        return Err(CiError::Missing { system: env.system, variable: "the pull request (GITHUB_EVENT_PATH)" });
    }
    Ok(CiJob { system: env.system, event: CiEvent::PullRequest, ways, note: None })
}

fn merge_queue(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let event = read_event(env)?;
    let base = id(&event, "/merge_group/base_sha", "merge_group.base_sha")?
        .ok_or(CiError::Missing { system: env.system, variable: "merge_group.base_sha (GITHUB_EVENT_PATH)" })?;
    Ok(env.job(CiEvent::MergeQueue, head(env)?, Base::Before(base)))
}

fn push(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let event = read_event(env)?;
    let after = event.pointer("/after").and_then(Value::as_str).map(|text| parse_id(text, "after"));
    if event["deleted"] == Value::Bool(true) || matches!(after, Some(Ok(None))) {
        return Ok(env.job(CiEvent::Push, head(env)?, Base::Nothing("the push deletes a branch or tag")));
    }
    let head = head(env)?;
    if is_tag(env) {
        return Ok(env.job(CiEvent::Tag, head, Base::Everything));
    }
    let before = id(&event, "/before", "before")?;
    let mut job = env.push(head, before, branch(env), default_branch(&event));
    if event["forced"] == Value::Bool(true) && before.is_some() {
        job.note = Some("a force push: what only the branch's earlier commits held is not looked at again");
    }
    Ok(job)
}

fn created(env: &Environment<'_>, head: CommitName) -> CiJob {
    if is_tag(env) {
        return env.job(CiEvent::Tag, head, Base::Everything);
    }
    let event = read_event(env).unwrap_or_default();
    env.push(head, None, branch(env), default_branch(&event))
}

fn branch(env: &Environment<'_>) -> Option<RefName> {
    env.text("GITHUB_REF").and_then(|name| RefName::of(name.strip_prefix("refs/heads/")?))
}

fn default_branch(event: &Value) -> Option<RefName> {
    event.pointer("/repository/default_branch").and_then(Value::as_str).and_then(RefName::of)
}

/// An id that stands in the event.
fn id(event: &Value, pointer: &str, name: &'static str) -> Result<Option<ObjectId>, CiError> {
    event.pointer(pointer).and_then(Value::as_str).map_or(Ok(None), |text| parse_id(text, name))
}

fn read_event(env: &Environment<'_>) -> Result<Value, CiError> {
    let missing = CiError::Missing { system: env.system, variable: "GITHUB_EVENT_PATH" };
    let path = env.text("GITHUB_EVENT_PATH").map(PathBuf::from).ok_or(missing)?;
    let bytes = (env.read)(&path).map_err(|cause| CiError::EventUnreadable { path: path.clone(), cause })?;
    serde_json::from_slice(&bytes).map_err(|_| CiError::EventMalformed(path))
}
