//! Jenkins. Variables of multibranch projects: <https://www.jenkins.io/doc/book/pipeline/multibranch/>; of its git plugin:
//! <https://plugins.jenkins.io/git/> ("Environment Variables").
//!
//! The git plugin's are there in declarative pipelines and freestyle projects; without them, what is checked out is the head.

use super::environment::Environment;
use super::{Base, CiError, CiEvent, CiJob, CommitName, RefName};

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let head = env.id("GIT_COMMIT")?.map_or(CommitName::CheckedOut, CommitName::Id);
    if env.text("CHANGE_ID").is_some() {
        let target = env.branch("CHANGE_TARGET")?.ok_or(CiError::Missing { system: env.system, variable: "CHANGE_TARGET" })?;
        // Whether it is the proposed change or its merge with the target, what it has beyond the target is the same.
        return Ok(env.job(CiEvent::PullRequest, head, Base::MergeBaseWith(CommitName::Branch(target))));
    }
    if env.text("TAG_NAME").is_some() {
        return Ok(env.job(CiEvent::Tag, head, Base::Everything));
    }
    // What failed must be looked at again: the last build that passed comes before the last one.
    let before = match env.id("GIT_PREVIOUS_SUCCESSFUL_COMMIT")? {
        Some(id) => Some(id),
        None => env.id("GIT_PREVIOUS_COMMIT")?,
    };
    let branch = match env.branch("BRANCH_NAME")? {
        Some(branch) => Some(branch),
        None => env.text("GIT_BRANCH").and_then(|name| RefName::of(name.strip_prefix("origin/").unwrap_or(&name))),
    };
    let default_branch = env.text("BRANCH_IS_PRIMARY").filter(|v| v == "true").and_then(|_| branch.clone());
    Ok(env.push(head, before, branch, default_branch))
}
