//! keysift on repositories made by git itself.
//!
//! - `history`: one distinct token in each place where one can hide
//! - `growth`: what a longer one costs
//! - `staged`: what a commit would record
//! - `range`: what commits add, and whose policy counts
//! - `ci`: as CI systems check out
//! - `hooks`: as git runs them
//! - `hostile`, `forge`: repositories made to hurt

mod ci;
mod forge;
#[cfg(feature = "network")]
#[path = "../support/git_server.rs"]
mod git_server;
mod growth;
mod history;
mod hooks;
mod hostile;
mod range;
mod staged;

use keysift::rule::ChecksumKind;
use keysift::rule::template::fill;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A made-up GitHub token: a different one for each name.
fn token(name: &str) -> String {
    fill("ghp_{alnum:30}{checksum}", name, Some(ChecksumKind::Github)).expect("a valid template")
}

/// Git as nobody in particular, at a fixed time, without config of this machine.
fn git_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(["-c", "gc.auto=0", "-c", "advice.detachedHead=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2024-03-01T12:00:00+01:00")
        .env("GIT_COMMITTER_DATE", "2024-03-01T12:00:00+01:00")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE");
    command
}

/// Runs git; it must succeed.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = git_command(folder, arguments).output().expect("git is installed");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn commit(folder: &Path, message: &str) -> String {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "--allow-empty", "-m", message]);
    git(folder, &["rev-parse", "HEAD"])
}

/// The findings of `keysift git FOLDER …`.
fn findings(folder: &Path, more: &[&str]) -> Vec<Value> {
    let out = Command::new(env!("CARGO_BIN_EXE_keysift"))
        .arg("git")
        .arg(folder)
        .args(["-f", "json", "--show-secrets"])
        .args(more)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .output()
        .expect("keysift runs");
    let report: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    report["findings"].as_array().expect("a list").clone()
}

fn find<'a>(findings: &'a [Value], name: &str) -> Option<&'a Value> {
    let secret = token(name);
    findings.iter().find(|f| f["secret"] == Value::String(secret.clone()))
}

/// `line` with a token of this name in it.
fn line(name: &str) -> String {
    format!("first line\ntoken = \"{}\"\n", token(name))
}

/// keysift, run in `folder`, without what a hook manager or a CI around this test would tell it.
fn keysift_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysift"));
    command.args(arguments).current_dir(folder).env("XDG_CONFIG_HOME", "/nonexistent").env_remove("KEYSIFT_POLICY");
    for name in
        ["GIT_DIR", "GIT_INDEX_FILE", "PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF", "PRE_COMMIT_SOURCE", "PRE_COMMIT_ORIGIN"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs keysift in `folder`.
fn keysift(folder: &Path, arguments: &[&str]) -> Output {
    keysift_command(folder, arguments).output().expect("keysift runs")
}

/// The JSON report of a run, and its exit code.
fn report(folder: &Path, arguments: &[&str]) -> (Value, i32) {
    let out = keysift(folder, &[arguments, &["-f", "json", "--show-secrets"]].concat());
    let report = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    (report, out.status.code().expect("an exit code"))
}

/// The names of those of `tokens` that a report has, in their order.
fn names<'n>(report: &Value, tokens: &[&'n str]) -> Vec<&'n str> {
    let found = report["findings"].as_array().expect("a list");
    tokens.iter().copied().filter(|name| find(found, name).is_some()).collect()
}

/// A folder with an empty repository in it.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "."]);
    folder
}

/// What a process printed, both ways.
fn printed(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
