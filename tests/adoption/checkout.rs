//! A checkout of a pull request, and the programs that a CI job finds there.

use crate::support::{Tree, github_token};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with main and a proposed change, merged as CI systems do.
pub struct Checkout {
    pub tree: Tree,
    pub base: String,
    pub head: String,
    pub merge: String,
}

impl Checkout {
    /// One whose change brings a secret in `new.py`, or does not.
    pub fn new(with_secret: bool) -> Self {
        let tree = Tree::git();
        tree.git_command(&["checkout", "-q", "-b", "main"]);
        tree.write("old.py", "nothing = 1\n").git_command(&["add", "-A"]);
        tree.git_command(&["commit", "-qm", "start"]);
        tree.git_command(&["checkout", "-q", "-b", "topic"]);
        let line = if with_secret { format!("token = \"{}\"\n", github_token("ci")) } else { "two = 2\n".to_owned() };
        tree.write("new.py", line).git_command(&["add", "-A"]);
        tree.git_command(&["commit", "-qm", "a change"]);
        let head = id(&tree, "HEAD");
        tree.git_command(&["checkout", "-q", "--detach", "main"]);
        let base = id(&tree, "HEAD");
        tree.git_command(&["merge", "-q", "--no-ff", "-m", "both", "topic"]);
        let merge = id(&tree, "HEAD");
        tree.git_command(&["update-ref", "refs/remotes/origin/main", &base]);
        tree.git_command(&["branch", "-q", "-D", "topic"]);
        tree.write(
            ".git/event.json",
            format!("{{\"pull_request\":{{\"head\":{{\"sha\":\"{head}\"}},\"base\":{{\"sha\":\"{base}\",\"ref\":\"main\"}}}}}}"),
        );
        Self { tree, base, head, merge }
    }

    /// The variables by which a system tells of the pull request.
    pub fn environment(&self, system: &str) -> Vec<(&'static str, String)> {
        let text = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        match system {
            "github" => text(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_EVENT_NAME", "pull_request"),
                ("GITHUB_EVENT_PATH", &self.tree.join(".git/event.json").display().to_string()),
                ("GITHUB_SHA", &self.merge),
                ("GITHUB_REF", "refs/pull/1/merge"),
                ("GITHUB_BASE_REF", "main"),
                ("GITHUB_HEAD_REF", "topic"),
            ]),
            "gitlab" => text(&[
                ("GITLAB_CI", "true"),
                ("CI_PIPELINE_SOURCE", "merge_request_event"),
                ("CI_MERGE_REQUEST_IID", "1"),
                ("CI_COMMIT_SHA", &self.head),
                ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &self.base),
                ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
            ]),
            "azure" => text(&[
                ("TF_BUILD", "True"),
                ("BUILD_REASON", "PullRequest"),
                ("BUILD_SOURCEBRANCH", "refs/pull/1/merge"),
                ("BUILD_SOURCEVERSION", &self.merge),
                ("SYSTEM_PULLREQUEST_SOURCECOMMITID", &self.head),
                ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
            ]),
            "bitbucket" => text(&[
                ("BITBUCKET_BUILD_NUMBER", "1"),
                ("BITBUCKET_COMMIT", &self.head),
                ("BITBUCKET_BRANCH", "topic"),
                ("BITBUCKET_PR_ID", "1"),
                ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
            ]),
            "circle" => text(&[("CIRCLECI", "true"), ("CIRCLE_SHA1", &self.head), ("CIRCLE_BRANCH", "topic")]),
            "jenkins" => text(&[
                ("JENKINS_URL", "https://ci.example.org/"),
                ("CHANGE_ID", "1"),
                ("CHANGE_TARGET", "main"),
                ("GIT_COMMIT", &self.head),
            ]),
            other => panic!("{other}"),
        }
    }

    /// bash in the checkout, with nothing of this machine's environment but what is given.
    pub fn bash(&self, script: &str, path: &Path, environment: &[(&str, String)]) -> Command {
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(self.tree.path()).env_clear();
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path.display())).env("HOME", path);
        command.envs(environment.iter().map(|(key, value)| (*key, value.as_str())));
        command
    }
}

fn id(tree: &Tree, name: &str) -> String {
    let done = Command::new("git").args(["rev-parse", name]).current_dir(tree.path()).output().expect("git runs");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Programs for PATH: keysift itself, and installers that write down what they were asked for.
pub struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    pub fn new() -> Self {
        let programs = Self { folder: tempfile::tempdir().expect("a folder") };
        let log = programs.path().join("installed");
        let note = format!("echo \"$(basename \"$0\") $*\" >>'{}'\n", log.display());
        for name in ["pip", "pipx"] {
            programs.add(name, &note);
        }
        // `python3 -m venv FOLDER`: with the same pip and keysift in it.
        let own = programs.path();
        let own = own.display();
        programs.add(
            "python3",
            &format!("{note}[ \"$2\" = venv ] && mkdir -p \"$3/bin\" && cp '{own}/pip' '{own}/keysift' \"$3/bin/\"\n"),
        );
        programs.add("keysift", &format!("exec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_keysift")));
        programs
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Adds a shell script.
    pub fn add(&self, name: &str, script: &str) {
        let path = self.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }

    /// What the installers were asked for.
    pub fn installed(&self) -> String {
        std::fs::read_to_string(self.path().join("installed")).unwrap_or_default()
    }
}
