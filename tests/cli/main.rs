//! keysift as a user runs it: a small tree, the command, what it printed.
//!
//! - `help`: every help page
//! - `reports`: the report formats, where they go, and that they come out the same each time
//! - `input`: standard input and blobs fed as JSON lines
//! - `gate`: what is reported, what fails a run, the exit codes
//! - `rules`: choosing rules, own rules, `keysift rules …`
//! - `schema`: JSON reports against the published schema
//! - `config`: `keysift.toml`
//! - `layers`: who decides, locks, `keysift config`, completions and man pages
//! - `locks`: what a policy locks nobody gets around
//! - `extends`: configs that stand on others; messages and links for programs
//! - `explain`: why a line is or is not a finding
//! - `redaction`: no secret leaves by any way
//! - `coverage`: what could not be looked at is told
//! - `gitignore`: what git leaves untracked
//! - `hostile`: names, folders and files made to do harm
//! - `bounds`: time and memory
//! - `locations`: lines, columns and offsets in every encoding, and across the chunks of large files
//! - `fingerprints`: what keeps a finding's identity and what changes it
//! - `triage`: the ignore file, comments and `keysift allow`
//! - `allowlists`: what config says is no finding
//! - `gitleaks`: config files of gitleaks
//! - `gitleaks_command`: `keysift gitleaks`
//! - `gitleaks_decisions`: what was decided for gitleaks
//! - `migrate`: from gitleaks to keysift
//! - `baseline`: what is known
//! - `churn`: what is known through a year of edits
//! - `init`: what `keysift init` writes and takes back
//! - `interrupt`: Ctrl-C

// Tests build their inputs in the plainest way.
#![allow(
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::create_dir,
    clippy::format_collect,
    clippy::format_push_string
)]
// Permissions, links, pipes and signals are those of Unix.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod allowlists;
mod baseline;
mod bounds;
mod churn;
mod config;
mod coverage;
mod decoding;
mod explain;
mod extends;
mod fingerprints;
mod gate;
mod gitignore;
mod gitleaks;
mod gitleaks_command;
mod gitleaks_decisions;
mod help;
mod hostile;
mod init;
mod input;
mod interrupt;
mod layers;
mod locations;
mod locks;
mod migrate;
mod redaction;
mod reports;
mod rules;
mod schema;
mod triage;
