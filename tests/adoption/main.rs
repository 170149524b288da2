//! What people adopt: hooks, CI jobs, the action, packages.
//!
//! - `snippets`: the CI jobs of docs/ci.md, run in checkouts as those systems make them
//! - `action`: the GitHub action, run in a made-up runner
//! - `packaging`: versions, licences and files of a release
//! - `hooks`: the real pre-commit, prek, husky and lefthook, with a wheel and without a compiler
//! - `lint`: workflows, templates, scripts and the Dockerfile through linters and schemas
//! - `reports`: SARIF and JUnit through validators of others
//!
//! The last three use tools that `.ci/tools` installs below target/tools; where one is missing a test says so and is skipped,
//! but not under CI=true.

#![allow(unreachable_pub, clippy::doc_markdown, clippy::format_push_string)]
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod action;
mod checkout;
mod hooks;
mod lint;
mod packaging;
mod reports;
mod snippets;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the repository.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn text_of(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A tool below target/tools; `None`, after a word, where it is not there.
fn tool(name: &str) -> Option<PathBuf> {
    let found = ["python/bin", "node_modules/.bin", "bin"]
        .iter()
        .map(|folder| repository().join("target/tools").join(folder).join(name))
        .find(|path| path.exists());
    if found.is_none() {
        missing(&format!("{name} is not in target/tools (`bash .ci/tools` installs it)"));
    }
    found
}

/// Says why a test is skipped; in CI that is a failure.
fn missing(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot be tested: {why}");
    eprintln!("skipped: {why}");
}

/// Whether tests that take long are asked for.
fn slow() -> bool {
    let slow = std::env::var_os("KEYSIFT_SLOW_TESTS").is_some();
    if !slow {
        eprintln!("skipped: KEYSIFT_SLOW_TESTS is not set");
    }
    slow
}

/// What a command printed, and its exit code.
fn ran(command: &mut Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}
