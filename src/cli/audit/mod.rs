//! `keysift audit …`: many repositories, again and again.
//!
//! - `sources`, `forges`: which repositories
//! - `hosts`: forges that are named without an owner
//! - `run`: looks at them
//! - `fleet`: the same on many machines
//! - `watch`: how far it is
//! - `tell`: what was found: status, reports, what is new
//! - `export`: the same for other programs
//! - `mark`: decisions
//! - `notify`: people are told what happened
//! - `issues`: repositories are told in their own trackers

mod export;
#[cfg(feature = "fleet")]
mod fleet;
mod forges;
mod hosts;
mod issues;
mod mark;
mod notify;
mod run;
mod sources;
mod tell;
mod watch;

use super::usage_error;
use crate::audit::sealed::StoreKey;
use crate::audit::store::{Access, Store};
use crate::finding::IdentityKey;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift audit …`
#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List repositories and remember them, without looking at any
    Plan(Box<run::PlanArguments>),
    /// List repositories, look at what is new in them, remember what was found; goes on where it was interrupted
    Run(Box<run::RunArguments>),
    /// Work on what `plan --queue` published, on this machine and any number of others
    #[cfg(feature = "fleet")]
    Worker(Box<fleet::WorkerArguments>),
    /// Collect what workers found into the store
    #[cfg(feature = "fleet")]
    Collect(Box<fleet::CollectArguments>),
    /// Tell where an audit stands
    Status(tell::StatusArguments),
    /// Report what is known
    Report(Box<tell::ReportArguments>),
    /// Report what was found first since a time, or in the last run
    Diff(Box<tell::DiffArguments>),
    /// Write what happened or was found as JSON lines, numbers for Prometheus, or whom to tell
    Export(Box<export::ExportArguments>),
    /// Tell a webhook or Slack what happened since it was told last, or private repositories in issues of their own
    Notify(Box<notify::NotifyArguments>),
    /// Record decisions on findings
    Mark(mark::MarkArguments),
}

/// Where an audit is remembered.
#[derive(Debug, Clone, Args)]
struct StoreFlags {
    /// The file in which the audit is remembered
    #[arg(long, value_name = "FILE", default_value = "keysift-audit.db")]
    store: PathBuf,
}

impl StoreFlags {
    fn open(&self, access: Access) -> Result<Store, ExitCode> {
        let key = IdentityKey::from_environment();
        let store = Store::open(&self.store, access, &key.id()).map_err(|e| usage_error(&e.to_string()))?;
        if let Some(key) = store_key()? {
            store.check_key(key.id()).map_err(|e| usage_error(&e.to_string()))?;
        }
        Ok(store)
    }
}

/// The key of the environment that secrets are kept with, if there is one.
fn store_key() -> Result<Option<StoreKey>, ExitCode> {
    StoreKey::of(&|name| std::env::var(name).ok()).map_err(|e| usage_error(&e.to_string()))
}

/// Runs it.
pub(super) fn run(arguments: &AuditArguments) -> ExitCode {
    let done = match &arguments.command {
        Command::Plan(arguments) => run::plan(arguments),
        Command::Run(arguments) => run::run(arguments),
        #[cfg(feature = "fleet")]
        Command::Worker(arguments) => fleet::worker(arguments),
        #[cfg(feature = "fleet")]
        Command::Collect(arguments) => fleet::collect(arguments),
        Command::Status(arguments) => tell::status(arguments),
        Command::Report(arguments) => tell::report(arguments),
        Command::Diff(arguments) => tell::diff(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Notify(arguments) => notify::run(arguments),
        Command::Mark(arguments) => mark::run(arguments),
    };
    done.unwrap_or_else(|code| code)
}
