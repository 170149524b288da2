//! `keysift allow`: a decision on one finding, recorded in the ignore file or in a baseline.

use super::common::day;
use super::policy::{Named, read_baseline, unreadable};
use super::{edit, usage_error};
use crate::config::discover::{self, Home};
use crate::finding::snippet::visible;
use crate::finding::{Day, IdentityKey};
use crate::triage::{Decision, IgnoreFile, State, ignore_file, is_fingerprint};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift allow …`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keysift allow ks1:65d5fa609eeb9b03cbc45a33f6c2441f --as test_value --reason \"made up for the \
                        login tests\"\n  keysift allow ks1:65d5fa609eeb9b03cbc45a33f6c2441f --as accepted --until 2027-06-30 \
                        --owner ops --reason \"goes with the old API\"\n  keysift allow ks1:65d5fa609eeb9b03cbc45a33f6c2441f --as \
                        revoked --reason \"rotated, ticket 4711\" --baseline baseline.jsonl"
)]
pub(super) struct AllowArguments {
    /// The id of the finding, as reports show it
    pub fingerprint: String,
    /// What it is: revoked, false_positive, test_value, accepted; open takes a decision back
    #[arg(long = "as", value_name = "STATE", value_parser = State::parse)]
    pub state: State,
    /// Why, for those who come after
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The last day it counts: 2026-12-31 [default: for good]
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub until: Option<Day>,
    /// Who answers for it
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
    /// Record it in this baseline, which holds the finding
    #[arg(long, value_name = "FILE", conflicts_with = "ignore_file")]
    pub baseline: Option<PathBuf>,
    /// Record it in this file [default: .keysiftignore at the top of the repository, else in the current folder]
    #[arg(long, value_name = "FILE")]
    pub ignore_file: Option<PathBuf>,
    /// Today, for --until: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub now: Option<Day>,
}

/// Runs it.
pub(super) fn run(arguments: &AllowArguments) -> ExitCode {
    match record(arguments) {
        Ok(file) => {
            let state = arguments.state.as_str();
            super::print(&format!("{} is {state}: recorded in {}\n", arguments.fingerprint, visible(&file)))
        }
        Err(code) => code,
    }
}

/// Records it; tells where.
fn record(arguments: &AllowArguments) -> Result<String, ExitCode> {
    let fingerprint = &arguments.fingerprint;
    if !is_fingerprint(fingerprint) {
        let shown = visible(fingerprint);
        return Err(usage_error(&format!("`{shown}` is no fingerprint: `ks1:` and 32 hex digits, as reports show it")));
    }
    let reason = arguments.reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
    if reason.is_none() && arguments.state != State::Open {
        return Err(usage_error("say why: --reason TEXT"));
    }
    let today = arguments.now.unwrap_or_else(Day::today);
    if let Some(until) = arguments.until.filter(|until| *until < today) {
        return Err(usage_error(&format!("--until {until} has passed")));
    }
    let decision = Decision {
        state: arguments.state,
        reason: reason.map(visible),
        owner: arguments.owner.as_deref().map(visible),
        until: arguments.until,
    };
    match &arguments.baseline {
        Some(path) => in_baseline(&Named::given(path), fingerprint, decision),
        None => in_ignore_file(arguments, fingerprint, &decision),
    }
}

fn in_baseline(file: &Named, fingerprint: &str, decision: Decision) -> Result<String, ExitCode> {
    let mut baseline = read_baseline(file, &IdentityKey::from_environment())?;
    let Some(entry) = baseline.find_mut(fingerprint) else {
        return Err(usage_error(&format!(
            "{}: {fingerprint} is not in it: `keysift baseline add` puts findings there, `keysift allow` without --baseline needs \
             no entry",
            visible(&file.name)
        )));
    };
    let Decision { state, reason, owner, until } = decision;
    (entry.state, entry.reason, entry.owner, entry.until) = (state, reason, owner, until);
    edit::replace(&file.path, &baseline.to_text()).map_err(|e| not_written(&file.name, &e))?;
    Ok(file.name.clone())
}

fn in_ignore_file(arguments: &AllowArguments, fingerprint: &str, decision: &Decision) -> Result<String, ExitCode> {
    let file = if let Some(path) = &arguments.ignore_file {
        Named::given(path)
    } else {
        let home = Home::of(&[PathBuf::from(".")]);
        let root = home.root().ok_or_else(|| usage_error("the current folder cannot be found"))?;
        Named::found(root.join(ignore_file::NAME), root)
    };
    let text = discover::read(&file.path).map_err(|e| unreadable(&file.name, &e))?.unwrap_or_default();
    // A file that is wrong is told before it grows.
    IgnoreFile::parse(&file.name, &text).map_err(|e| usage_error(&e.to_string()))?;
    let line = ignore_file::line_for(fingerprint, decision);
    let text = ignore_file::with_line(&text, fingerprint, (decision.state != State::Open).then_some(&line));
    edit::replace(&file.path, &text).map_err(|e| not_written(&file.name, &e))?;
    Ok(file.name)
}

/// Says that a file cannot be written; exit code 2.
pub(super) fn not_written(name: &str, error: &std::io::Error) -> ExitCode {
    usage_error(&format!("{}: cannot be written: {error}", visible(name)))
}
