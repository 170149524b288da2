//! `CircleCI`. Variables: <https://circleci.com/docs/reference/variables/>.
//!
//! What was there before a push is a pipeline value (`pipeline.git.base_revision`), and the target of a pull request is told
//! nowhere: a branch is compared to the other branches.

use super::environment::Environment;
use super::{Base, CiError, CiEvent, CiJob, CommitName};

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let head = CommitName::Id(env.required_id("CIRCLE_SHA1")?);
    if env.text("CIRCLE_TAG").is_some() {
        return Ok(env.job(CiEvent::Tag, head, Base::Everything));
    }
    let branch = env.branch("CIRCLE_BRANCH")?;
    if branch.is_none() {
        return Ok(env.job(CiEvent::Other, head, Base::Everything));
    }
    let mut job = env.push(head, None, branch, None);
    if env.text("CIRCLE_PULL_REQUEST").is_some() || env.text("CIRCLE_PR_NUMBER").is_some() {
        job.event = CiEvent::PullRequest;
    }
    job.note = Some("CircleCI does not tell what was there before: compared to the other branches");
    Ok(job)
}
