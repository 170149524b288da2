//! GitLab CI. Variables: <https://docs.gitlab.com/ci/variables/predefined_variables/>; pipelines for merge requests, merged
//! results and merge trains: <https://docs.gitlab.com/ci/pipelines/merge_request_pipelines/>.

use super::environment::Environment;
use super::{Base, CiError, CiEvent, CiJob, CommitName, Way};

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let head = CommitName::Id(env.required_id("CI_COMMIT_SHA")?);
    let source = env.text("CI_PIPELINE_SOURCE").unwrap_or_default();
    // Child pipelines have their parent's merge request, whatever their source.
    if env.text("CI_MERGE_REQUEST_IID").is_some() {
        return merge_request(env, &head);
    }
    if env.text("CI_EXTERNAL_PULL_REQUEST_IID").is_some() {
        return external_pull_request(env, &head);
    }
    if env.text("CI_COMMIT_TAG").is_some() {
        return Ok(env.job(CiEvent::Tag, head, Base::Everything));
    }
    // All zeros for a branch's first push, and for whatever is no push.
    let before = env.id("CI_COMMIT_BEFORE_SHA")?;
    match source.as_str() {
        "schedule" => Ok(env.job(CiEvent::Schedule, head, Base::Everything)),
        "push" => Ok(env.push(head, before, env.branch("CI_COMMIT_BRANCH")?, env.branch("CI_DEFAULT_BRANCH")?)),
        "parent_pipeline" if before.is_some() => {
            Ok(env.push(head, before, env.branch("CI_COMMIT_BRANCH")?, env.branch("CI_DEFAULT_BRANCH")?))
        }
        _ => Ok(env.job(CiEvent::Other, head, Base::Everything)),
    }
}

fn merge_request(env: &Environment<'_>, head: &CommitName) -> Result<CiJob, CiError> {
    let kind = env.text("CI_MERGE_REQUEST_EVENT_TYPE").unwrap_or_default();
    let event = if kind == "merge_train" { CiEvent::MergeQueue } else { CiEvent::PullRequest };
    let mut bases = Vec::new();
    // Merged results and trains: the head is a merge that GitLab made, and this what it merged into.
    bases.extend(env.id("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")?.map(CommitName::Id));
    bases.extend(env.id("CI_MERGE_REQUEST_DIFF_BASE_SHA")?.map(CommitName::Id));
    bases.extend(env.branch("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")?.map(CommitName::Branch));
    ways(env, event, head, bases, "CI_MERGE_REQUEST_DIFF_BASE_SHA")
}

fn external_pull_request(env: &Environment<'_>, head: &CommitName) -> Result<CiJob, CiError> {
    let mut bases = Vec::new();
    bases.extend(env.id("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA")?.map(CommitName::Id));
    bases.extend(env.branch("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME")?.map(CommitName::Branch));
    ways(env, CiEvent::PullRequest, head, bases, "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA")
}

fn ways(
    env: &Environment<'_>,
    event: CiEvent,
    head: &CommitName,
    bases: Vec<CommitName>,
    variable: &'static str,
) -> Result<CiJob, CiError> {
    if bases.is_empty() {
        return Err(CiError::Missing { system: env.system, variable });
    }
    let ways = bases.into_iter().map(|base| Way { head: head.clone(), base: Base::MergeBaseWith(base) }).collect();
    Ok(CiJob { system: env.system, event, ways, note: None })
}
