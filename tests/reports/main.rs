//! Reports for dashboards, and `keysift report`.
//!
//! - `platforms`: what each platform demands of its format
//! - `hostile`: names made to break a format, and secrets that must not show
//! - `convert`: formats, filters and merging
//! - `tools`: reports of gitleaks, trufflehog and kingfisher
//! - `html`: the page in a real browser

#![allow(unreachable_pub, clippy::cast_possible_truncation, clippy::format_collect)]
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod convert;
mod hostile;
mod html;
mod platforms;
mod tools;

use support::{Tree, github_token, password};

/// A format's text for a scan of `tree`.
fn told(tree: &Tree, format: &str) -> String {
    let run = tree.run(&["scan", "-f", format]);
    assert!(run.code == 1 || run.code == 3, "{format}: {}", run.stderr);
    run.stdout
}

/// Two repositories' worth of secrets: in two files, one of them twice.
fn shop() -> Tree {
    let tree = Tree::new();
    let token = github_token("shop");
    tree.write("deploy/ci.yml", format!("env:\n  GH_TOKEN: \"{token}\"\nsteps:\n  - run: push {token}\n"))
        .write("app/.env", format!("DB_PASSWORD={}\n", password("shop")));
    tree
}
