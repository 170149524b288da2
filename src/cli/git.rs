//! `keysift git`: the history of a repository.

use super::common::{LimitFlags, ReportFlags, RuleFlags};
use super::policy::PolicyFlags;
use super::run::{self, Flags, Targets};
use super::usage_error;
use crate::pipeline::scan_repository;
use crate::source::git::open::Options;
use crate::source::git::{Repository, Scope};
use crate::triage::baseline::Of;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift git …`
#[derive(Debug, Args)]
pub(super) struct GitArguments {
    /// A work tree, a bare repository, or a folder in one [default: the current folder]
    pub repository: Option<PathBuf>,
    /// Only what this branch, tag or commit reaches
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    pub branch: Option<String>,
    /// Also what no ref reaches: stashes, what reflogs remember, dangling objects
    #[arg(long, conflicts_with = "branch", help_heading = "What to look at")]
    pub unreachable: bool,
    /// Follow alternates that lead outside of the repository
    #[arg(long, help_heading = "What to look at")]
    pub outside_alternates: bool,
    /// Look at every blob in full, as a check of the fast way: the report is the same
    #[arg(long, hide = true)]
    pub whole_blobs: bool,
    #[command(flatten)]
    pub limits: LimitFlags,
    #[command(flatten)]
    pub rules: RuleFlags,
    #[command(flatten)]
    pub policy: PolicyFlags,
    #[command(flatten)]
    pub report: ReportFlags,
}

/// Runs it.
pub(super) fn run(arguments: &GitArguments) -> ExitCode {
    let flags =
        Flags { rules: &arguments.rules, limits: &arguments.limits, policy: &arguments.policy, report: &arguments.report };
    let named = arguments.repository.clone().unwrap_or_else(|| PathBuf::from("."));
    run::run(&flags, std::slice::from_ref(&named), |settings, collector, targets: &mut Targets| {
        let options = Options { outside_alternates: arguments.outside_alternates };
        let repo = Repository::open(&named, options).map_err(|e| usage_error(&e.to_string()))?;
        let scope =
            Scope { unreachable: arguments.unreachable, branch: arguments.branch.clone(), whole_blobs: arguments.whole_blobs };
        targets.roots.push(repo.root().to_string_lossy().into_owned());
        if scan_repository(&repo, &scope, 0, collector, &settings.key) {
            targets.whole = arguments.branch.is_none().then_some(Of::History);
            Ok(())
        } else {
            let name = arguments.branch.as_deref().unwrap_or_default();
            Err(usage_error(&format!("there is no branch, tag or commit `{name}`")))
        }
    })
}
