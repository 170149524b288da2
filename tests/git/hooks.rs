//! Hooks as git itself runs them.

use super::{commit, git, git_command, keysift_command, line, printed, repository, token, write};
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

/// Writes a hook that runs keysift.
#[cfg(unix)]
fn install(git_dir: &Path, name: &str, more: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let script = format!("#!/bin/sh\nexec '{}' hook {name} {more} \"$@\"\n", env!("CARGO_BIN_EXE_keysift"));
    let path = git_dir.join("hooks").join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, script).expect("a hook");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
}

/// Runs git; tells whether it succeeded, and what it said.
fn try_git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let out = git_command(folder, arguments).output().expect("git runs");
    (out.status.success(), printed(&out))
}

fn hook(folder: &Path, arguments: &[&str], environment: &[(&str, &str)], stdin: &str) -> Output {
    let mut command = keysift_command(folder, &[&["hook"], arguments].concat());
    let mut child = command
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("keysift runs");
    // A hook that reads nothing may be gone before all is written.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    child.wait_with_output().expect("it ends")
}

#[cfg(unix)]
#[test]
fn a_commit_with_a_secret_is_stopped() {
    let folder = repository();
    let folder = folder.path();
    install(&folder.join(".git"), "pre-commit", "");
    write(folder, "a.py", "nothing\n");
    git(folder, &["add", "-A"]);
    let (done, said) = try_git(folder, &["commit", "-q", "-m", "harmless"]);
    assert!(done && said.is_empty(), "{said}");
    write(folder, "a.py", line("staged"));
    git(folder, &["add", "-A"]);
    let (done, said) = try_git(folder, &["commit", "-q", "-m", "a secret"]);
    assert!(!done && said.contains("a.py:2:10") && said.contains("not committed yet"), "{said}");
    assert!(!said.contains(&token("staged")), "{said}");
    // `commit -a` and `commit FILE` record another index than the one in the folder.
    git(folder, &["reset", "-q", "--hard"]);
    write(folder, "a.py", line("all"));
    assert!(!try_git(folder, &["commit", "-q", "-a", "-m", "a secret"]).0);
    write(folder, "b.py", "nothing\n");
    git(folder, &["add", "b.py"]);
    assert!(!try_git(folder, &["commit", "-q", "-m", "one file", "a.py"]).0);
    assert!(try_git(folder, &["commit", "-q", "-m", "the other file", "b.py"]).0);
    // From a subfolder, and in a linked work tree.
    write(folder, "sub/c.py", line("sub"));
    git(folder, &["add", "sub"]);
    assert!(!try_git(&folder.join("sub"), &["commit", "-q", "-m", "a secret"]).0);
    git(folder, &["worktree", "add", "-q", "-b", "other", "linked"]);
    let linked = folder.join("linked");
    write(&linked, "d.py", line("linked"));
    git(&linked, &["add", "d.py"]);
    assert!(!try_git(&linked, &["commit", "-q", "-m", "a secret"]).0);
}

#[cfg(unix)]
#[test]
fn a_part_of_a_file_is_committed() {
    let folder = repository();
    let folder = folder.path();
    let filler = "unchanged\n".repeat(20);
    write(folder, "a.py", format!("one\n{filler}two\n"));
    commit(folder, "start");
    install(&folder.join(".git"), "pre-commit", "");
    // What `git add -p` stages is the first change; the secret stays on disk.
    write(folder, "a.py", format!("first\n{filler}two\n"));
    git(folder, &["add", "a.py"]);
    write(folder, "a.py", format!("first\n{filler}{}", line("on disk")));
    let (done, said) = try_git(folder, &["commit", "-q", "-m", "a part"]);
    assert!(done, "{said}");
}

#[cfg(unix)]
#[test]
fn a_message_with_a_secret_is_stopped() {
    let folder = repository();
    let folder = folder.path();
    install(&folder.join(".git"), "commit-msg", "");
    let (done, said) = try_git(folder, &["commit", "-q", "--allow-empty", "-m", &format!("with {}", token("message"))]);
    assert!(!done && said.contains("git:commit-message"), "{said}");
    assert!(try_git(folder, &["commit", "-q", "--allow-empty", "-m", "without"]).0);
    write(
        folder,
        "message",
        format!("subject\n# {}\n# ------------------------ >8 ------------------------\n+{}\n", token("a"), token("b")),
    );
    let out = hook(folder, &["commit-msg", "message"], &[], "");
    assert_eq!(out.status.code(), Some(0), "{}", printed(&out));
    assert_eq!(hook(folder, &["commit-msg"], &[], "").status.code(), Some(2));
}

/// A server, and a clone of it.
fn server_and_clone(folder: &Path) {
    git(folder, &["init", "-q", "--bare", "server.git"]);
    git(folder, &["clone", "-q", "server.git", "work"]);
    let work = folder.join("work");
    git(&work, &["checkout", "-q", "-b", "main"]);
    write(&work, "old.py", line("old"));
    commit(&work, "start");
    git(&work, &["push", "-q", "origin", "main"]);
}

#[cfg(unix)]
#[test]
fn a_push_with_a_secret_is_stopped_before_it_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    server_and_clone(folder.path());
    let work = folder.path().join("work");
    install(&work.join(".git"), "pre-push", "");
    write(&work, "b.py", "nothing\n");
    commit(&work, "harmless");
    let (done, said) = try_git(&work, &["push", "-q", "origin", "main"]);
    assert!(done, "what the server has is no news: {said}");
    git(&work, &["checkout", "-q", "-b", "topic"]);
    write(&work, "c.py", line("secret"));
    commit(&work, "a secret");
    std::fs::remove_file(work.join("c.py")).expect("it is there");
    commit(&work, "and away");
    let (done, said) = try_git(&work, &["push", "-q", "origin", "topic"]);
    assert!(!done && said.contains("c.py:2:10") && said.contains("not pushed"), "{said}");
    git(&work, &["push", "-q", "origin", "HEAD~2:refs/heads/short"]);
    assert!(try_git(&work, &["push", "-q", "origin", "--delete", "short"]).0, "what goes brings nothing");
}

#[cfg(unix)]
#[test]
fn a_server_refuses_a_push_with_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    server_and_clone(folder.path());
    let (work, server) = (folder.path().join("work"), folder.path().join("server.git"));
    install(&server, "pre-receive", "--allow-push-option not-a-secret");
    git(&server, &["config", "receive.advertisePushOptions", "true"]);
    write(&work, "b.py", "nothing\n");
    commit(&work, "harmless");
    let (done, said) = try_git(&work, &["push", "-q", "origin", "main"]);
    assert!(done, "{said}");
    write(&work, "c.py", line("secret"));
    let bad = commit(&work, "a secret");
    let (done, said) = try_git(&work, &["push", "-q", "origin", "main"]);
    assert!(!done && said.contains("c.py:2:10") && said.contains("rewrite those commits"), "{said}");
    assert!(!said.contains(&token("secret")) && !said.contains("old.py"), "{said}");
    assert!(!git(&server, &["log", "--all", "--format=%H"]).contains(&bad), "nothing of it stays");
    // A new branch, a tag with a message, an ignore file of its own.
    assert!(!try_git(&work, &["push", "-q", "origin", "main:refs/heads/other"]).0);
    write(&work, ".keysiftignore", "github-pat-classic ** -- let me\n");
    commit(&work, "an excuse");
    assert!(!try_git(&work, &["push", "-q", "origin", "main"]).0);
    git(&work, &["reset", "-q", "--hard", "HEAD~2"]);
    git(&work, &["tag", "-a", "v1", "-m", &format!("with {}", token("tag"))]);
    let (done, said) = try_git(&work, &["push", "-q", "origin", "v1"]);
    assert!(!done && said.contains("git:tag-message"), "{said}");
    // Deleting brings nothing; the way out counts only where the server has one.
    git(&work, &["push", "-q", "origin", "HEAD:refs/heads/short"]);
    git(&work, &["push", "-q", "origin", "--delete", "short"]);
    assert!(!try_git(&work, &["push", "-q", "-o", "please", "origin", "v1"]).0);
    // Nor where the machine has a policy that locks it.
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "lock = [\"allow_push_option\"]\n").expect("a file");
    install(&server, "pre-receive", &format!("--allow-push-option not-a-secret --policy {}", policy.display()));
    let (done, said) = try_git(&work, &["push", "-q", "-o", "not-a-secret", "origin", "v1"]);
    assert!(!done && said.contains("`allow_push_option` of --allow-push-option"), "{said}");
    install(&server, "pre-receive", "--allow-push-option not-a-secret");
    let (done, said) = try_git(&work, &["push", "-q", "-o", "not-a-secret", "origin", "v1"]);
    assert!(done && said.contains("not looked at"), "{said}");
}

#[test]
fn hook_managers_name_ranges_and_files() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.py", line("old"));
    commit(folder, "start");
    write(folder, "b.py", line("new"));
    commit(folder, "a secret");
    let code = |arguments: &[&str], environment: &[(&str, &str)]| {
        let out = hook(folder, arguments, environment, "");
        (out.status.code().expect("a code"), printed(&out))
    };
    let (status, said) = code(&["pre-commit"], &[("PRE_COMMIT_FROM_REF", "HEAD~1"), ("PRE_COMMIT_TO_REF", "HEAD")]);
    assert!(status == 1 && said.contains("b.py") && !said.contains("a.py"), "{said}");
    let (status, said) = code(&["pre-push"], &[("PRE_COMMIT_FROM_REF", "HEAD~1"), ("PRE_COMMIT_TO_REF", "HEAD~1")]);
    assert!(status == 0 && said.is_empty(), "{said}");
    // --all-files: nothing is staged, so the named files are read whole.
    let (status, said) = code(&["pre-commit", "a.py", "b.py"], &[]);
    assert!(status == 1 && said.contains("a.py:2") && said.contains("b.py:2"), "{said}");
    // Something is staged: then it is the commit that is checked.
    write(folder, "c.py", "nothing\n");
    git(folder, &["add", "c.py"]);
    assert_eq!(code(&["pre-commit", "c.py"], &[]).0, 0);
    assert_eq!(code(&["pre-commit"], &[]), (0, String::new()));
    let (status, said) = code(&["pre-receive"], &[]);
    assert_eq!((status, said.as_str()), (0, ""), "no lines, nothing to do");
    let out = hook(folder, &["pre-receive"], &[], "what is this\n");
    assert!(out.status.code() == Some(2) && printed(&out).contains("no line that git gives"), "{}", printed(&out));
}
