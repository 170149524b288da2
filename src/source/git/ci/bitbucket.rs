//! Bitbucket Pipelines. Variables: <https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/>.
//!
//! `BITBUCKET_COMMIT` is the proposed change also for pull requests, whose work tree is a merge with the target. No variable
//! tells a schedule from a push, or what was there before a push.

use super::environment::Environment;
use super::{Base, CiError, CiEvent, CiJob, CommitName, Way};

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let head = CommitName::Id(env.required_id("BITBUCKET_COMMIT")?);
    if env.text("BITBUCKET_PR_ID").is_some() {
        let mut bases = Vec::new();
        bases.extend(env.short_id("BITBUCKET_PR_DESTINATION_COMMIT")?);
        bases.extend(env.branch("BITBUCKET_PR_DESTINATION_BRANCH")?.map(CommitName::Branch));
        if bases.is_empty() {
            return Err(CiError::Missing { system: env.system, variable: "BITBUCKET_PR_DESTINATION_BRANCH" });
        }
        let ways = bases.into_iter().map(|base| Way { head: head.clone(), base: Base::MergeBaseWith(base) }).collect();
        return Ok(CiJob { system: env.system, event: CiEvent::PullRequest, ways, note: None });
    }
    if env.text("BITBUCKET_TAG").is_some() {
        return Ok(env.job(CiEvent::Tag, head, Base::Everything));
    }
    match env.branch("BITBUCKET_BRANCH")? {
        Some(branch) => {
            let mut job = env.push(head, None, Some(branch), None);
            job.note = Some("Bitbucket does not tell what was there before the push: compared to the other branches");
            Ok(job)
        }
        // A pipeline that someone started for a commit.
        None => Ok(env.job(CiEvent::Other, head, Base::Everything)),
    }
}
