//! `keysift git --ci`: checkouts as CI systems make them.

use super::{commit, git, keysift_command, line, names, printed, repository, write};
use serde_json::Value;
use std::path::Path;

/// Every variable by which a CI system around this test could be told.
const MARKS: [&str; 7] =
    ["GITHUB_ACTIONS", "GITLAB_CI", "BITBUCKET_BUILD_NUMBER", "TF_BUILD", "CIRCLECI", "JENKINS_URL", "GITHUB_EVENT_PATH"];

/// The report of a job, its exit code, and what it said.
fn job(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> (Value, i32, String) {
    let mut command = keysift_command(folder, &[&["git", "--ci", "-f", "json", "--show-secrets"], more].concat());
    for name in MARKS {
        command.env_remove(name);
    }
    let out = command.envs(environment.iter().copied()).output().expect("keysift runs");
    let report = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
    (report, out.status.code().expect("a code"), printed(&out))
}

/// A server's repository with main and a topic branch, and the merge of both that a CI system makes.
fn origin(folder: &Path) -> (String, String, String) {
    write(folder, "old.py", line("old"));
    commit(folder, "start");
    git(folder, &["checkout", "-q", "-b", "topic"]);
    write(folder, "new.py", line("new"));
    commit(folder, "a secret");
    write(folder, "gone.py", line("gone"));
    commit(folder, "another one");
    std::fs::remove_file(folder.join("gone.py")).expect("it is there");
    let head = commit(folder, "which goes again");
    git(folder, &["checkout", "-q", "main"]);
    write(folder, "main.py", line("main"));
    let base = commit(folder, "meanwhile");
    git(folder, &["checkout", "-q", "--detach", "main"]);
    git(folder, &["merge", "-q", "--no-ff", "-m", "merge of both", "topic"]);
    let merge = git(folder, &["rev-parse", "HEAD"]);
    git(folder, &["update-ref", "refs/pull/1/merge", &merge]);
    git(folder, &["checkout", "-q", "main"]);
    (base, head, merge)
}

const TOKENS: [&str; 4] = ["old", "new", "gone", "main"];

/// A checkout of `commit` with so much history.
fn checkout(folder: &Path, origin: &str, commit: &str, depth: Option<&str>) {
    std::fs::create_dir_all(folder).expect("a folder");
    git(folder, &["init", "-q", "."]);
    git(folder, &["remote", "add", "origin", origin]);
    let depth = depth.map_or_else(Vec::new, |d| vec!["--depth", d]);
    let refs = if depth.is_empty() { vec!["+refs/heads/*:refs/remotes/origin/*", commit] } else { vec![commit] };
    git(folder, &[&["fetch", "-q"], &depth[..], &["origin"], &refs[..]].concat());
    git(folder, &["checkout", "-q", "--detach", commit]);
}

fn event(folder: &Path, text: &str) -> String {
    write(folder, "event.json", text);
    folder.join("event.json").display().to_string()
}

/// What GitHub tells of a pull request.
fn about(base: &str, head: &str) -> String {
    format!("{{\"pull_request\":{{\"head\":{{\"sha\":\"{head}\"}},\"base\":{{\"sha\":\"{base}\",\"ref\":\"main\"}}}}}}")
}

/// The environment of a job for it.
fn pull_request<'e>(event: &'e str, merge: &'e str) -> [(&'static str, &'e str); 7] {
    [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_PATH", event),
        ("GITHUB_SHA", merge),
        ("GITHUB_REF", "refs/pull/1/merge"),
        ("GITHUB_BASE_REF", "main"),
        ("GITHUB_HEAD_REF", "topic"),
    ]
}

#[test]
fn a_pull_request_on_github() {
    let folder = repository();
    let (base, head, merge) = origin(folder.path());
    let work = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().display());
    let path = event(work.path(), &about(&base, &head));
    let environment = pull_request(&path, &merge);
    for (name, commit) in [("merge", &merge), ("head", &head)] {
        let checked_out = work.path().join(name);
        checkout(&checked_out, &url, commit, None);
        let (found, code, said) = job(&checked_out, &environment, &[]);
        assert_eq!((names(&found, &TOKENS), code), (vec!["new", "gone"], 1), "{name}: {said}");
        assert_eq!(found["findings"][0]["exposure"], "pushed");
    }
    // One commit deep there is nothing to compare with: that is no pass.
    let shallow = work.path().join("shallow");
    checkout(&shallow, &url, &merge, Some("1"));
    let (_, code, said) = job(&shallow, &environment, &[]);
    assert!(code != 0 && said.contains("--fetch-missing"), "{code} {said}");
}

#[cfg(feature = "network")]
#[test]
fn what_a_shallow_checkout_lacks_is_fetched() {
    use super::git_server::{Manners, Server};
    let root = tempfile::tempdir().expect("a folder");
    let at = root.path().join("r");
    std::fs::create_dir_all(&at).expect("a folder");
    git(&at, &["init", "-q", "."]);
    let (base, head, merge) = origin(&at);
    git(&at, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let server = Server::start(root.path(), Manners::default());
    let work = tempfile::tempdir().expect("a folder");
    let shallow = work.path().join("shallow");
    checkout(&shallow, &format!("file://{}", at.display()), &merge, Some("1"));
    git(&shallow, &["remote", "set-url", "origin", &format!("http://127.0.0.1:{}/r", server.port)]);
    let path = event(work.path(), &about(&base, &head));
    let environment = pull_request(&path, &merge);
    let (found, code, said) = job(&shallow, &environment, &["--fetch-missing"]);
    assert_eq!((names(&found, &TOKENS), code), (vec!["new", "gone"], 1), "{said}");
    assert_eq!(found["scan"]["complete"], true, "{said}");
}

#[test]
fn pushes() {
    let folder = repository();
    let (base, head, _) = origin(folder.path());
    let work = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().display());
    let checked_out = work.path().join("push");
    checkout(&checked_out, &url, &head, None);
    let zero = "0".repeat(40);
    let gone = "1".repeat(40);
    let before = git(folder.path(), &["rev-parse", "topic~2"]);
    let push = |before: &str, branch: &str| {
        let path = event(
            work.path(),
            &format!(
                "{{\"before\":\"{before}\",\"after\":\"{head}\",\"ref\":\"refs/heads/{branch}\",\"repository\":{{\"default_branch\":\"main\"}}}}"
            ),
        );
        let name = format!("refs/heads/{branch}");
        let environment = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_EVENT_PATH", &path[..]),
            ("GITHUB_SHA", &head[..]),
            ("GITHUB_REF", &name[..]),
            ("GITHUB_REF_NAME", branch),
        ];
        let (found, code, said) = job(&checked_out, &environment, &[]);
        assert!(code == 0 || code == 1, "{said}");
        names(&found, &TOKENS)
    };
    assert_eq!(push(&before, "topic"), ["gone"], "exactly what was pushed");
    assert_eq!(push(&zero, "topic"), ["new", "gone"], "a new branch");
    assert_eq!(push(&gone, "topic"), ["new", "gone"], "a forced push whose past is gone");
    let gitlab = |before: &str| {
        let environment = [
            ("GITLAB_CI", "true"),
            ("CI_PIPELINE_SOURCE", "push"),
            ("CI_COMMIT_SHA", &head[..]),
            ("CI_COMMIT_BEFORE_SHA", before),
            ("CI_COMMIT_BRANCH", "topic"),
            ("CI_DEFAULT_BRANCH", "main"),
        ];
        let (found, _, said) = job(&checked_out, &environment, &[]);
        assert!(!found.is_null(), "{said}");
        names(&found, &TOKENS)
    };
    assert_eq!(gitlab(&before), ["gone"]);
    assert_eq!(gitlab(&zero), ["new", "gone"]);
    let merge_request = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_IID", "1"),
        ("CI_COMMIT_SHA", &head[..]),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base[..]),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ];
    let (found, code, said) = job(&checked_out, &merge_request, &[]);
    assert_eq!((names(&found, &TOKENS), code), (vec!["new", "gone"], 1), "{said}");
    let schedule =
        [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_SHA", &head[..]), ("CI_COMMIT_BRANCH", "topic")];
    let (found, _, said) = job(&checked_out, &schedule, &[]);
    assert_eq!(names(&found, &TOKENS), ["old", "new", "gone"], "all that is checked out: {said}");
}

#[test]
fn outside_of_ci_it_says_so() {
    let folder = repository();
    let (_, code, said) = job(folder.path(), &[], &[]);
    assert!(code == 2 && said.contains("GITHUB_ACTIONS") && said.contains("--range A..B"), "{said}");
}
