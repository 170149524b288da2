//! `keysift init`: a config, the hook, a CI job, and owners for the files that decide. Shown first, then written; what is
//! there is extended in marked blocks, which `--uninstall` takes back.
//!
//! - `plan`: what will change
//! - `block`: marked blocks
//! - `yaml`: where they go in YAML
//! - `policy_files`: keysift.toml and CODEOWNERS
//! - `hooks`: the hook
//! - `ci`: the CI job

mod block;
pub(super) mod ci;
pub(super) mod hooks;
pub(super) mod plan;
mod policy_files;
pub(super) mod yaml;

use super::usage_error;
use crate::config::discover;
use crate::finding::snippet::visible;
use crate::source::git::Repository;
use crate::source::git::hooks::{HooksFolder, folder};
use crate::source::git::link::Linker;
use crate::source::git::open::{OpenError, Options};
use ci::CiKind;
use clap::Args;
use hooks::HookKind;
use plan::{Plan, Target};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift init …`
#[derive(Debug, Args)]
#[command(
    after_help = "It shows what it would write, and writes it when you say so. Files that are there are extended between two comments, \
                        never overwritten; --uninstall takes exactly that back.\n\nExamples:\n  keysift init                     config, \
                        hook and CI job, as this repository has them\n  keysift init --yes --owner @org/security\n  keysift init --hook \
                        lefthook --ci gitlab\n  keysift init --uninstall"
)]
pub(super) struct InitArguments {
    /// The repository [default: that of the current folder]
    pub path: Option<PathBuf>,
    /// Who runs the hook
    #[arg(long, value_name = "KIND", value_enum, default_value_t = HookKind::Auto)]
    hook: HookKind,
    /// The CI system; may be given several times
    #[arg(long, value_name = "KIND", value_enum, default_values_t = [CiKind::Auto])]
    ci: Vec<CiKind>,
    /// Who is asked about changes to what keysift ignores, for CODEOWNERS: @name, @org/team [default: who owns *]
    #[arg(long, value_name = "OWNER", value_parser = policy_files::parse_owner)]
    owner: Option<String>,
    /// Write no keysift.toml
    #[arg(long)]
    no_config: bool,
    /// Write nothing into CODEOWNERS
    #[arg(long, conflicts_with = "owner")]
    no_codeowners: bool,
    /// Take back what init wrote
    #[arg(long, conflicts_with_all = ["hook", "ci", "owner", "no_config", "no_codeowners"])]
    uninstall: bool,
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
    /// Show alone
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// The repository that is worked on.
struct Place {
    repo: Repository,
    root: PathBuf,
    hooks: HooksFolder,
}

/// Runs it.
pub(super) fn run(arguments: &InitArguments) -> ExitCode {
    match planned(arguments) {
        Ok((place, plan)) => carry_out(arguments, &place, &plan),
        Err(message) => usage_error(&message),
    }
}

fn planned(arguments: &InitArguments) -> Result<(Place, Plan), String> {
    let path = arguments.path.as_deref().unwrap_or(Path::new("."));
    let repo = Repository::open(path, &Options::default()).map_err(|e| match e {
        OpenError::NotARepository(path) => format!("{path} is no git repository: `git init` makes it one"),
        other => other.to_string(),
    })?;
    let root = repo.work_tree.clone().ok_or_else(|| format!("{} has no work tree: nothing to set up", path.display()))?;
    let hooks = folder(&repo).map_err(|e| e.to_string())?;
    let place = Place { repo, root, hooks };
    let plan = if arguments.uninstall { taken_back(&place)? } else { set_up(arguments, &place)? };
    Ok((place, plan))
}

fn set_up(arguments: &InitArguments, place: &Place) -> Result<Plan, String> {
    let mut plan = Plan::default();
    let mut baseline = super::baseline::NAME.to_owned();
    if !arguments.no_config {
        baseline = policy_files::config(&place.root, &mut plan)?;
    }
    hooks::plan(arguments.hook, &place.repo, &place.root, &place.hooks, &mut plan)?;
    let systems = if arguments.ci.contains(&CiKind::Auto) {
        let forge = place.repo.remote_url.as_deref().and_then(Linker::of).map(|l| l.forge());
        let found = ci::detect(&place.root, forge);
        if found.is_empty() {
            plan.next.push("no CI system is in use here that keysift knows: `--ci KIND` writes the job of one".to_owned());
        }
        found
    } else {
        arguments.ci.clone()
    };
    let mut files = Vec::new();
    for system in &systems {
        files.extend(ci::plan(*system, &place.root, &mut plan)?);
    }
    if !arguments.no_codeowners {
        policy_files::codeowners(&place.root, &systems, &files, &baseline, arguments.owner.as_deref(), &mut plan)?;
    }
    plan.next.push("`keysift git`: what the history holds already; `keysift baseline create` where that is much".to_owned());
    Ok(plan)
}

/// Every block that init may have written, out again; files that it made and nobody extended go.
fn taken_back(place: &Place) -> Result<Plan, String> {
    let own = [discover::NAME].into_iter().chain(policy_files::CODEOWNERS).chain(ci::files()).chain(hooks::files());
    let mut targets: Vec<Target> = own.map(|name| Target::in_tree(&place.root, name)).collect();
    targets.push(hooks::git_target(&place.root, &place.repo.common_dir.join("hooks")));
    if !targets.iter().any(|t| t.path == place.hooks.path.join("pre-commit")) {
        targets.push(hooks::git_target(&place.root, &place.hooks.path));
    }
    let mut plan = Plan::default();
    for target in targets {
        let Some(present) = target.read()?.filter(|p| p.stripped.found) else { continue };
        let rest = present.stripped.rest;
        let is_empty = rest.trim().is_empty() || rest.trim() == "#!/bin/sh";
        let after = (!(present.stripped.is_ours && is_empty)).then_some(rest);
        plan.set(target, Some(present.text), after);
    }
    Ok(plan)
}

fn carry_out(arguments: &InitArguments, place: &Place, plan: &Plan) -> ExitCode {
    let shown = super::print(&plan.show());
    if shown != ExitCode::SUCCESS {
        return shown;
    }
    if plan.changes.is_empty() {
        let nothing = if arguments.uninstall { "nothing of keysift init is here\n" } else { "nothing to write\n" };
        super::print(nothing);
        return ended(arguments, plan);
    }
    if !arguments.yes && (arguments.dry_run || !confirmed()) {
        return super::print("nothing is written: `--yes` writes it\n");
    }
    let mut text = String::new();
    let done = plan.apply(&place.root, |name| {
        let _ = writeln!(text, "done  {}", visible(name));
    });
    super::print(&text);
    match done {
        Ok(()) => ended(arguments, plan),
        Err(message) => usage_error(&message),
    }
}

/// Says what is left; what must be done by hand is no success.
fn ended(arguments: &InitArguments, plan: &Plan) -> ExitCode {
    if !arguments.uninstall && !plan.next.is_empty() {
        super::print(&format!("next\n  {}\n", plan.next.join("\n  ")));
    }
    if plan.by_hand.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

/// Asks, where someone can answer.
fn confirmed() -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    eprint!("Write this? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
