//! One table: the environment of a job, and what it asks to look at.

use super::{Base, CiJob, CommitName, Way, job};
use std::fmt::Write as _;
use std::path::Path;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";
const ZERO: &str = "0000000000000000000000000000000000000000";

/// The environment of a job, a line each: `A`, `B`, `C` and `0` stand for ids.
struct Row {
    name: &'static str,
    env: &'static str,
    /// What stands in the file of `GITHUB_EVENT_PATH`.
    event: &'static str,
    /// `system, event: head base; head base …`
    asks: &'static str,
}

/// Ids, written out.
fn spell(text: &str) -> String {
    match text {
        "A" => A.to_owned(),
        "B" => B.to_owned(),
        "C" => C.to_owned(),
        "0" => ZERO.to_owned(),
        other => other.to_owned(),
    }
}

/// Ids, shortened to the letter that stands for them.
fn tell(name: &CommitName) -> String {
    match name {
        CommitName::Id(id) => id.to_string()[..1].to_uppercase(),
        CommitName::Abbreviated(prefix) => format!("{prefix}…"),
        CommitName::FirstParentOfHead => "head^".to_owned(),
        CommitName::Branch(name) => format!("branch {name}"),
        CommitName::CheckedOut => "checked-out".to_owned(),
    }
}

fn tell_way(way: &Way) -> String {
    let head = tell(&way.head);
    match &way.base {
        Base::MergeBaseWith(base) => format!("{}...{head}", tell(base)),
        Base::Before(id) => format!("{}..{head}", tell(&CommitName::Id(*id))),
        Base::NewBranch { branch, default_branch } => {
            let mut text = format!("new {head}");
            for (what, name) in [("on", branch), ("default", default_branch)] {
                if let Some(name) = name {
                    let _ = write!(text, " {what} {name}");
                }
            }
            text
        }
        Base::Everything => format!("all of {head}"),
        Base::Nothing(_) => "nothing".to_owned(),
    }
}

fn tell_job(job: &CiJob) -> String {
    let ways: Vec<String> = job.ways.iter().map(tell_way).collect();
    format!("{:?}, {:?}: {}", job.system, job.event, ways.join("; "))
}

fn ask(env: &str, event: &str) -> String {
    let get = |name: &str| {
        let mut lines = env.split_whitespace().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map(|(_, value)| spell(value))
    };
    let read = |path: &Path| {
        assert_eq!(path, Path::new("/event.json"), "only the event's file is read");
        if event.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        }
        Ok(event
            .replace("'A'", &format!("\"{A}\""))
            .replace("'B'", &format!("\"{B}\""))
            .replace("'C'", &format!("\"{C}\""))
            .replace("'0'", &format!("\"{ZERO}\""))
            .replace('\'', "\"")
            .into_bytes())
    };
    match job(&get, &read) {
        Ok(job) => tell_job(&job),
        Err(e) => format!("error: {e}"),
    }
}

const PR: &str = "{'pull_request': {'base': {'sha': 'B', 'ref': 'main'}, 'head': {'sha': 'C'}}}";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // GitHub Actions
    Row { name: "pull request, at the merge", asks: "GitHub, PullRequest: head^...A; B...C; branch main...C", event: PR,
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_SHA=A GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "pull request, no event's file", asks: "GitHub, PullRequest: head^...A", event: "",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_SHA=A GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main" },
    Row { name: "pull request of Gitea, at the head", asks: "GitHub, PullRequest: B...C; branch main...C", event: PR,
        env: "GITHUB_ACTIONS=true GITEA_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_SHA=C GITHUB_REF=refs/pull/7/head GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "pull request of Gitea, no ids in the event", asks: "GitHub, PullRequest: branch main...C", event: "{}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_SHA=C GITHUB_REF=refs/pull/7/head GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "pull request target", asks: "GitHub, PullRequest: B...C; branch main...C", event: PR,
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request_target GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "pull request target, nothing known", event: "{}",
        asks: "error: GitHub Actions does not tell the pull request (GITHUB_EVENT_PATH); `--range A..B` says by hand what to look at",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request_target GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "merge queue", asks: "GitHub, MergeQueue: B..A", event: "{'merge_group': {'base_sha': 'B', 'head_sha': 'A'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=merge_group GITHUB_SHA=A GITHUB_REF=refs/heads/gh-readonly-queue/main/pr-7 GITHUB_EVENT_PATH=/event.json" },
    Row { name: "push", asks: "GitHub, Push: B..A; new A on x/y default main", event: "{'before': 'B', 'after': 'A', 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/x/y GITHUB_EVENT_PATH=/event.json" },
    Row { name: "push to the default branch", asks: "GitHub, Push: B..A; all of A", event: "{'before': 'B', 'after': 'A', 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "push of a new branch", asks: "GitHub, Push: new A on x default main", event: "{'before': '0', 'created': true, 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/x GITHUB_EVENT_PATH=/event.json" },
    Row { name: "first push to a repository", asks: "GitHub, Push: all of A", event: "{'before': '0', 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "force push", asks: "GitHub, Push: B..A; new A on x default main", event: "{'before': 'B', 'forced': true, 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/x GITHUB_EVENT_PATH=/event.json" },
    Row { name: "deleted branch", asks: "GitHub, Push: nothing", event: "{'before': 'B', 'after': '0', 'deleted': true}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/x GITHUB_EVENT_PATH=/event.json" },
    Row { name: "deleted branch, told by zeros", asks: "GitHub, Push: nothing", event: "{'before': 'B', 'after': '0'}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/x GITHUB_EVENT_PATH=/event.json" },
    Row { name: "tag", asks: "GitHub, Tag: all of A", event: "{'before': '0', 'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/tags/v1 GITHUB_EVENT_PATH=/event.json" },
    Row { name: "schedule", asks: "GitHub, Schedule: all of A", event: "",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=schedule GITHUB_SHA=A GITHUB_REF=refs/heads/main" },
    Row { name: "by hand", asks: "GitHub, Other: all of A", event: "",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=workflow_dispatch GITHUB_SHA=A GITHUB_REF=refs/heads/main" },
    Row { name: "release", asks: "GitHub, Tag: all of A", event: "",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=release GITHUB_SHA=A GITHUB_REF=refs/tags/v1" },
    Row { name: "created branch", asks: "GitHub, Push: new A on x default main", event: "{'repository': {'default_branch': 'main'}}",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=create GITHUB_SHA=A GITHUB_REF=refs/heads/x GITHUB_EVENT_PATH=/event.json" },
    Row { name: "event `delete`", asks: "GitHub, Push: nothing", event: "",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=delete GITHUB_SHA=A GITHUB_REF=refs/heads/main" },
    Row { name: "push, no event's file", event: "",
        asks: "error: the event's file /event.json (GITHUB_EVENT_PATH) cannot be read: entity not found",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "push, no path to an event", event: "",
        asks: "error: GitHub Actions does not tell GITHUB_EVENT_PATH; `--range A..B` says by hand what to look at",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main" },
    Row { name: "push, a malformed event", event: "{'before'",
        asks: "error: the event's file /event.json (GITHUB_EVENT_PATH) is no JSON",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "an id that is none", event: "{'before': '--upload-pack=x'}",
        asks: "error: before is no commit id; `--range A..B` says by hand what to look at",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_SHA=A GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=/event.json" },
    Row { name: "a head that is none", event: "",
        asks: "error: GITHUB_SHA is no commit id; `--range A..B` says by hand what to look at",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=schedule GITHUB_SHA=../../etc/passwd" },
    Row { name: "a branch that is none", event: PR,
        asks: "error: GITHUB_BASE_REF is no name of a branch; `--range A..B` says by hand what to look at",
        env: "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_SHA=A GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=a..b GITHUB_EVENT_PATH=/event.json" },
    // GitLab CI
    Row { name: "merge request", asks: "GitLab, PullRequest: B...A; branch main...A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_EVENT_TYPE=detached CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=0 CI_MERGE_REQUEST_DIFF_BASE_SHA=B CI_MERGE_REQUEST_TARGET_BRANCH_SHA= CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main" },
    Row { name: "merged results", asks: "GitLab, PullRequest: C...A; B...A; branch main...A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_EVENT_TYPE=merged_result CI_COMMIT_SHA=A CI_MERGE_REQUEST_DIFF_BASE_SHA=B CI_MERGE_REQUEST_TARGET_BRANCH_SHA=C CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main" },
    Row { name: "merge train", asks: "GitLab, MergeQueue: C...A; B...A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_EVENT_TYPE=merge_train CI_COMMIT_SHA=A CI_MERGE_REQUEST_DIFF_BASE_SHA=B CI_MERGE_REQUEST_TARGET_BRANCH_SHA=C" },
    Row { name: "child pipeline of a merge request", asks: "GitLab, PullRequest: B...A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=parent_pipeline CI_MERGE_REQUEST_IID=7 CI_COMMIT_SHA=A CI_MERGE_REQUEST_DIFF_BASE_SHA=B" },
    Row { name: "merge request, no base", event: "",
        asks: "error: GitLab CI does not tell CI_MERGE_REQUEST_DIFF_BASE_SHA; `--range A..B` says by hand what to look at",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 CI_COMMIT_SHA=A" },
    Row { name: "push", asks: "GitLab, Push: B..A; new A on x default main", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=B CI_COMMIT_BRANCH=x CI_DEFAULT_BRANCH=main" },
    Row { name: "new branch", asks: "GitLab, Push: new A on x default main", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=0 CI_COMMIT_BRANCH=x CI_DEFAULT_BRANCH=main" },
    Row { name: "tag", asks: "GitLab, Tag: all of A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=0 CI_COMMIT_TAG=v1 CI_DEFAULT_BRANCH=main" },
    Row { name: "schedule", asks: "GitLab, Schedule: all of A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=schedule CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=0 CI_COMMIT_BRANCH=main" },
    Row { name: "by hand", asks: "GitLab, Other: all of A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=web CI_COMMIT_SHA=A CI_COMMIT_BEFORE_SHA=0 CI_COMMIT_BRANCH=main" },
    Row { name: "pull request of another forge", asks: "GitLab, PullRequest: B...A; branch main...A", event: "",
        env: "GITLAB_CI=true CI_PIPELINE_SOURCE=external_pull_request_event CI_EXTERNAL_PULL_REQUEST_IID=7 CI_COMMIT_SHA=A CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA=B CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME=main" },
    // Bitbucket Pipelines
    Row { name: "pull request", asks: "Bitbucket, PullRequest: bbbbbbbbbbbb…...A; branch main...A", event: "",
        env: "BITBUCKET_BUILD_NUMBER=3 BITBUCKET_COMMIT=A BITBUCKET_PR_ID=7 BITBUCKET_BRANCH=x BITBUCKET_PR_DESTINATION_COMMIT=bbbbbbbbbbbb BITBUCKET_PR_DESTINATION_BRANCH=main" },
    Row { name: "pull request, the whole id", asks: "Bitbucket, PullRequest: B...A", event: "",
        env: "BITBUCKET_BUILD_NUMBER=3 BITBUCKET_COMMIT=A BITBUCKET_PR_ID=7 BITBUCKET_PR_DESTINATION_COMMIT=B" },
    Row { name: "push", asks: "Bitbucket, Push: new A on x", event: "",
        env: "BITBUCKET_BUILD_NUMBER=3 BITBUCKET_COMMIT=A BITBUCKET_BRANCH=x" },
    Row { name: "tag", asks: "Bitbucket, Tag: all of A", event: "",
        env: "BITBUCKET_BUILD_NUMBER=3 BITBUCKET_COMMIT=A BITBUCKET_TAG=v1" },
    Row { name: "by hand", asks: "Bitbucket, Other: all of A", event: "",
        env: "BITBUCKET_BUILD_NUMBER=3 BITBUCKET_COMMIT=A" },
    // Azure Pipelines
    Row { name: "pull request", asks: "Azure, PullRequest: head^...A; branch main...C", event: "",
        env: "TF_BUILD=True BUILD_REASON=PullRequest BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/pull/7/merge SYSTEM_PULLREQUEST_SOURCECOMMITID=C SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main" },
    Row { name: "pull request of GitHub, short name", asks: "Azure, PullRequest: head^...A; branch main...A", event: "",
        env: "TF_BUILD=True BUILD_REASON=PullRequest BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/pull/7/merge SYSTEM_PULLREQUEST_TARGETBRANCH=main" },
    Row { name: "push", asks: "Azure, Push: new A on x", event: "",
        env: "TF_BUILD=True BUILD_REASON=IndividualCI BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/heads/x" },
    Row { name: "several pushes", asks: "Azure, Push: new A on main", event: "",
        env: "TF_BUILD=True BUILD_REASON=BatchedCI BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/heads/main" },
    Row { name: "tag", asks: "Azure, Tag: all of A", event: "",
        env: "TF_BUILD=True BUILD_REASON=IndividualCI BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/tags/v1" },
    Row { name: "schedule", asks: "Azure, Schedule: all of A", event: "",
        env: "TF_BUILD=True BUILD_REASON=Schedule BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/heads/main" },
    Row { name: "by hand", asks: "Azure, Other: all of A", event: "",
        env: "TF_BUILD=True BUILD_REASON=Manual BUILD_SOURCEVERSION=A BUILD_SOURCEBRANCH=refs/heads/main" },
    // CircleCI
    Row { name: "branch", asks: "Circle, Push: new A on x", event: "", env: "CIRCLECI=true CIRCLE_SHA1=A CIRCLE_BRANCH=x" },
    Row { name: "pull request", asks: "Circle, PullRequest: new A on pull/7", event: "",
        env: "CIRCLECI=true CIRCLE_SHA1=A CIRCLE_BRANCH=pull/7 CIRCLE_PR_NUMBER=7" },
    Row { name: "tag", asks: "Circle, Tag: all of A", event: "", env: "CIRCLECI=true CIRCLE_SHA1=A CIRCLE_TAG=v1" },
    Row { name: "no commit", event: "", env: "CIRCLECI=true CIRCLE_BRANCH=x",
        asks: "error: CircleCI does not tell CIRCLE_SHA1; `--range A..B` says by hand what to look at" },
    // Jenkins
    Row { name: "change request", asks: "Jenkins, PullRequest: branch main...A", event: "",
        env: "JENKINS_URL=https://ci.example.org/ CHANGE_ID=7 CHANGE_TARGET=main BRANCH_NAME=PR-7 GIT_COMMIT=A" },
    Row { name: "change request, scripted", asks: "Jenkins, PullRequest: branch main...checked-out", event: "",
        env: "JENKINS_URL=https://ci.example.org/ CHANGE_ID=7 CHANGE_TARGET=main BRANCH_NAME=PR-7" },
    Row { name: "branch, the last build failed", asks: "Jenkins, Push: B..A; new A on x", event: "",
        env: "JENKINS_URL=https://ci.example.org/ BRANCH_NAME=x GIT_COMMIT=A GIT_PREVIOUS_SUCCESSFUL_COMMIT=B GIT_PREVIOUS_COMMIT=C" },
    Row { name: "branch, no build passed yet", asks: "Jenkins, Push: C..A; new A on x", event: "",
        env: "JENKINS_URL=https://ci.example.org/ GIT_BRANCH=origin/x GIT_COMMIT=A GIT_PREVIOUS_COMMIT=C" },
    Row { name: "first build of a branch", asks: "Jenkins, Push: new A on x", event: "",
        env: "JENKINS_URL=https://ci.example.org/ BRANCH_NAME=x GIT_COMMIT=A" },
    Row { name: "first build of the primary branch", asks: "Jenkins, Push: all of A", event: "",
        env: "JENKINS_URL=https://ci.example.org/ BRANCH_NAME=main BRANCH_IS_PRIMARY=true GIT_COMMIT=A" },
    Row { name: "tag", asks: "Jenkins, Tag: all of A", event: "",
        env: "JENKINS_URL=https://ci.example.org/ TAG_NAME=v1 BRANCH_NAME=v1 GIT_COMMIT=A" },
    // None
    Row { name: "no CI", event: "", env: "CI=true GITHUB_ACTIONS=false GITLAB_CI= HOME=/root",
        asks: "error: no CI system is recognised: none of GITHUB_ACTIONS, GITLAB_CI, BITBUCKET_BUILD_NUMBER, TF_BUILD, CIRCLECI, JENKINS_URL is set; `--range A..B` says by hand what to look at" },
];

#[test]
fn what_each_job_asks_for() {
    let wrong: Vec<String> = TABLE
        .iter()
        .map(|row| (row, ask(row.env, row.event)))
        .filter(|(row, asked)| *asked != row.asks)
        .map(|(row, asked)| format!("{}\n  wanted {}\n  got    {asked}", row.name, row.asks))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_branches_follow_git() {
    for good in ["main", "feature/x", "refs/heads/main", "pull/7", "ä", "a.b"] {
        assert!(super::RefName::of(good).is_some(), "{good}");
    }
    for bad in ["", "-x", "a..b", "a b", "a\n", "/a", "a/", "a.lock", "HEAD", "@{1}", "a:b", "a\\b", "a~1", "a^", "refs/heads/"] {
        assert!(super::RefName::of(bad).is_none(), "{bad}");
    }
}

#[test]
fn ids_of_sha256_repositories_are_taken() {
    let id = "d".repeat(64);
    let env = |name: &str| match name {
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        "GITHUB_EVENT_NAME" => Some("schedule".to_owned()),
        "GITHUB_SHA" => Some(id.clone()),
        _ => None,
    };
    let job = job(&env, &|_| unreachable!("no event is needed")).expect("a job");
    assert_eq!(job.ways[0].head, CommitName::Id(gix::hash::ObjectId::from_hex(id.as_bytes()).expect("an id")));
}
