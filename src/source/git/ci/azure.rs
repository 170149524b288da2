//! Azure Pipelines. Variables: <https://learn.microsoft.com/azure/devops/pipelines/build/variables> (dots become underscores).
//!
//! For a pull request `BUILD_SOURCEVERSION` is the merge that Azure or GitHub made, at `refs/pull/N/merge`. No variable tells
//! what was there before a push.

use super::environment::Environment;
use super::{Base, CiError, CiEvent, CiJob, CommitName, RefName, Way};

/// Reads the job.
pub(super) fn job(env: &Environment<'_>) -> Result<CiJob, CiError> {
    let source = env.text("BUILD_SOURCEBRANCH").unwrap_or_default();
    let is_merge = source.starts_with("refs/pull/") && source.ends_with("/merge");
    let head = CommitName::Id(env.required_id("BUILD_SOURCEVERSION")?);
    match env.text("BUILD_REASON").unwrap_or_default().as_str() {
        "PullRequest" => pull_request(env, head, is_merge),
        "Schedule" => Ok(env.job(CiEvent::Schedule, head, Base::Everything)),
        _ if source.starts_with("refs/tags/") => Ok(env.job(CiEvent::Tag, head, Base::Everything)),
        "IndividualCI" | "BatchedCI" => {
            let branch = source.strip_prefix("refs/heads/").and_then(RefName::of);
            let mut job = env.push(head, None, branch, None);
            job.note = Some("Azure does not tell what was there before the push: compared to the other branches");
            Ok(job)
        }
        _ => Ok(env.job(CiEvent::Other, head, Base::Everything)),
    }
}

fn pull_request(env: &Environment<'_>, merged: CommitName, is_merge: bool) -> Result<CiJob, CiError> {
    let mut ways = Vec::new();
    let proposed = env.id("SYSTEM_PULLREQUEST_SOURCECOMMITID")?.map(CommitName::Id);
    let head = proposed.unwrap_or_else(|| merged.clone());
    if is_merge {
        ways.push(Way { head: merged, base: Base::MergeBaseWith(CommitName::FirstParentOfHead) });
    }
    let target = env.branch("SYSTEM_PULLREQUEST_TARGETBRANCH")?.map(CommitName::Branch);
    ways.extend(target.map(|target| Way { head, base: Base::MergeBaseWith(target) }));
    if ways.is_empty() {
        return Err(CiError::Missing { system: env.system, variable: "SYSTEM_PULLREQUEST_TARGETBRANCH" });
    }
    Ok(CiJob { system: env.system, event: CiEvent::PullRequest, ways, note: None })
}
