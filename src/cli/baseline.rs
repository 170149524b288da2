//! `keysift baseline`: findings that are known, so that only new ones fail.

use super::allow::not_written;
use super::common::{MAX_FILE_SIZE, RuleFlags, Settings, When, confidence, day};
use super::policy::{self, Named, PolicyFlags, read_baseline};
use super::run::{self, Targets};
use super::{edit, usage_error};
use crate::cli::messages::warn;
use crate::config::discover::Home;
use crate::finding::Day;
use crate::finding::snippet::visible;
use crate::pipeline::{Collector, Outcome, scan_repository};
use crate::rule::Confidence;
use crate::source::git::open::Options;
use crate::source::git::{Repository, Scope};
use crate::source::tree::{Root, Tree};
use crate::triage::baseline::Of;
use crate::triage::matching::Surroundings;
use crate::triage::{Baseline, Policy, State, upkeep};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where a baseline is written where nobody says otherwise.
pub(super) const NAME: &str = "keysift-baseline.jsonl";

/// `keysift baseline …`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done · 1 status: a finding waits too long for a decision · 2 wrong usage or config · 3 not everything \
                        could be looked at\n\nExamples:\n  keysift baseline create              every finding of today, undecided\n  keysift baseline create \
                        --history    the same for `keysift git`\n  keysift scan --baseline keysift-baseline.jsonl\n  keysift \
                        baseline update              follow moved files, take out what is gone\n  keysift baseline status \
                        --baseline-max-age 90\n\n`baseline = \"keysift-baseline.jsonl\"` in keysift.toml makes it count without a flag."
)]
pub(super) struct BaselineArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a baseline of every finding there is
    Create {
        /// Of all of the repository's history, for `keysift git`
        #[arg(long)]
        history: bool,
        /// Replace a baseline that is there, with all that was decided in it
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        least: LeastFlags,
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// Add findings that are new
    Add {
        #[command(flatten)]
        least: LeastFlags,
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// Take out findings that are gone, and follow those that moved
    Update(PlaceFlags),
    /// Take out findings that are gone, and decisions that have expired
    Prune(PlaceFlags),
    /// Tell how many findings wait for a decision, and for how long
    Status {
        /// Fail where a finding stands in it for more than this many days without a decision
        #[arg(long, value_name = "DAYS")]
        baseline_max_age: Option<u32>,
        #[command(flatten)]
        place: PlaceFlags,
    },
}

/// What is taken in.
#[derive(Debug, Clone, Copy, Args)]
struct LeastFlags {
    /// The least confidence that is taken in: low, medium, high
    #[arg(long, value_name = "LEVEL", default_value = "medium", value_parser = confidence)]
    min_confidence: Confidence,
}

/// Which baseline, of what.
#[derive(Debug, Args)]
struct PlaceFlags {
    /// The repository or folder, which is looked at whole [default: the current one]
    path: Option<PathBuf>,
    /// The baseline [default: what keysift.toml names, else keysift-baseline.jsonl at the top]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// A config file [default: keysift.toml of the repository or folder]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read no config file
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// A file of own rules; may be given several times
    #[arg(long = "rules", value_name = "FILE")]
    rule_files: Vec<PathBuf>,
    /// Today: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = day)]
    now: Option<Day>,
}

/// Runs it.
pub(super) fn run(arguments: &BaselineArguments) -> ExitCode {
    let done = match &arguments.command {
        Command::Create { history, force, least, place } => create(place, *history, *force, *least),
        Command::Add { least, place } => add(place, *least),
        Command::Update(place) => change(place, |baseline, outcome, around, _| {
            let changes = upkeep::update(baseline, &outcome.findings, around);
            format!("{} gone, {} moved", changes.removed, changes.moved)
        }),
        Command::Prune(place) => change(place, |baseline, outcome, around, today| {
            let changes = upkeep::prune(baseline, &outcome.findings, around, today);
            format!("{} taken out", changes.removed)
        }),
        Command::Status { baseline_max_age, place } => status(place, *baseline_max_age),
    };
    match done {
        Ok(code) | Err(code) => code,
    }
}

/// What a command works on.
struct Place {
    root: PathBuf,
    settings: Settings,
    home: Home,
    file: Named,
}

impl Place {
    fn of(flags: &PlaceFlags) -> Result<Self, ExitCode> {
        let named = flags.path.clone().unwrap_or_else(|| PathBuf::from("."));
        let root = Root::of(&named).map_err(|e| usage_error(&e.to_string()))?.folder;
        let home = Home::of(&[named]);
        let rules = RuleFlags {
            config: flags.config.clone(),
            no_config: flags.no_config,
            rule_files: flags.rule_files.clone(),
            ..RuleFlags::default()
        };
        let settings = Settings::of(&rules, &[], flags.now, &home)?;
        let file = flags.baseline.as_deref().map(Named::given).or_else(|| settings.baseline.clone());
        let file = file.unwrap_or_else(|| Named::found(root.join(NAME), &root));
        Ok(Self { root, settings, home, file })
    }

    /// Looks at everything.
    fn look(&self, of: Of) -> Result<(Outcome, Targets), ExitCode> {
        run::look_with(&self.settings, false, When::Auto, |settings, collector, targets| {
            targets.roots.push(self.root.to_string_lossy().into_owned());
            targets.whole = Some(of);
            match of {
                Of::Tree => look_at_tree(&self.root, settings, collector),
                Of::History => look_at_history(&self.root, settings, collector),
            }
        })
    }

    /// The decisions that stand elsewhere: what they cover needs no entry.
    fn policy(&self, baseline: Baseline) -> Result<Policy, ExitCode> {
        let loaded = policy::load(&PolicyFlags::default(), &self.home, None, self.settings.detector.rules(), &self.settings.key)?;
        Ok(Policy { baseline: Some(baseline), ..loaded.policy })
    }

    fn write(&self, baseline: &Baseline) -> Result<(), ExitCode> {
        edit::replace(&self.file.path, &baseline.to_text()).map_err(|e| not_written(&self.file.name, &e))
    }

    /// Adds what is open to `baseline`; tells how many.
    fn take_in(&self, mut baseline: Baseline, least: LeastFlags) -> Result<(usize, Baseline, Outcome), ExitCode> {
        let (outcome, targets) = self.look(baseline.of)?;
        let policy = self.policy(baseline.clone())?;
        let added = run::viewed(&self.settings, &outcome, &targets, |view| {
            let triaged = policy.apply(&outcome.findings, view);
            let open = triaged.open.into_iter().filter(|f| f.confidence() >= Some(least.min_confidence));
            upkeep::add(&mut baseline, open, view.clean, view.today)
        });
        Ok((added, baseline, outcome))
    }
}

/// Looks at all files.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn look_at_tree(root: &Path, settings: &Settings, collector: &Collector<'_>) -> Result<(), ExitCode> {
    let tree = Tree {
        named: root.to_owned(),
        target: 0,
        exclude: settings.exclude.clone(),
        max_file_size: settings.max_file_size.unwrap_or(MAX_FILE_SIZE),
        obey_gitignore: true,
    };
    Root::of(root).and_then(|root| tree.scan(&root, collector)).map_err(|e| usage_error(&e.to_string()))
}

/// Looks at all of history.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn look_at_history(root: &Path, settings: &Settings, collector: &Collector<'_>) -> Result<(), ExitCode> {
    let repo = Repository::open(root, &Options::default()).map_err(|e| usage_error(&e.to_string()))?;
    scan_repository(&repo, &Scope::default(), &settings.exclude, collector, &settings.key);
    Ok(())
}

fn create(flags: &PlaceFlags, history: bool, force: bool, least: LeastFlags) -> Result<ExitCode, ExitCode> {
    let place = Place::of(flags)?;
    let name = visible(&place.file.name);
    if !force && std::fs::symlink_metadata(&place.file.path).is_ok() {
        return Err(usage_error(&format!(
            "{name} is there already: `keysift baseline add` adds new findings to it, --force replaces it with all its decisions"
        )));
    }
    let of = if history { Of::History } else { Of::Tree };
    let (added, baseline, outcome) = place.take_in(Baseline::new(place.settings.key.id(), of), least)?;
    place.write(&baseline)?;
    let mut text = format!("{name}: {}\n", findings(added));
    if place.settings.baseline.is_none() {
        let scan = if history { "git" } else { "scan" };
        let _ =
            writeln!(text, "it counts with `keysift {scan} --baseline {name}`, or with `baseline = \"{name}\"` in keysift.toml");
    }
    Ok(ended(&text, &outcome))
}

fn add(flags: &PlaceFlags, least: LeastFlags) -> Result<ExitCode, ExitCode> {
    let place = Place::of(flags)?;
    let baseline = read_baseline(&place.file, &place.settings.key)?;
    let (added, baseline, outcome) = place.take_in(baseline, least)?;
    place.write(&baseline)?;
    let total = baseline.entries.len();
    Ok(ended(&format!("{}: {added} added, {}\n", visible(&place.file.name), findings(total)), &outcome))
}

/// Changes a baseline by what a whole scan found; of an incomplete one too much would be taken out.
fn change(
    flags: &PlaceFlags,
    work: impl FnOnce(&mut Baseline, &Outcome, &Surroundings<'_>, Day) -> String,
) -> Result<ExitCode, ExitCode> {
    let place = Place::of(flags)?;
    let mut baseline = read_baseline(&place.file, &place.settings.key)?;
    let (outcome, targets) = place.look(baseline.of)?;
    let name = visible(&place.file.name);
    if targets.whole.is_none() {
        warn(format_args!(
            "{name} stays as it is: not everything could be looked at, and what was not found may still be there; `keysift \
             scan` tells what is missing"
        ));
        return Err(ExitCode::from(3));
    }
    let done = run::viewed(&place.settings, &outcome, &targets, |view| {
        let around = Surroundings { holds: view.holds, clean: view.clean };
        work(&mut baseline, &outcome, &around, view.today)
    });
    place.write(&baseline)?;
    Ok(super::print(&format!("{name}: {done}, {}\n", findings(baseline.entries.len()))))
}

fn status(flags: &PlaceFlags, max_age: Option<u32>) -> Result<ExitCode, ExitCode> {
    let place = Place::of(flags)?;
    let baseline = read_baseline(&place.file, &place.settings.key)?;
    let today = place.settings.today;
    let of = if baseline.of == Of::History { "history" } else { "files" };
    let mut text = format!("{}: {} in {of}\n", visible(&place.file.name), findings(baseline.entries.len()));
    for state in State::ALL {
        let entries: Vec<_> = baseline.entries.iter().filter(|e| e.state == state).collect();
        let Some(oldest) = entries.iter().map(|e| e.added).min() else { continue };
        let mut facts = format!("oldest since {oldest} ({} days)", today.since(oldest));
        let expired = entries.iter().filter(|e| !e.decision().counts_on(today)).count();
        if expired > 0 {
            let _ = write!(facts, ", {expired} expired");
        }
        let _ = writeln!(text, "  {:<15} {:>5}  {facts}", state.as_str(), entries.len());
    }
    let too_old: Vec<_> = baseline.entries.iter().filter(|e| max_age.is_some_and(|days| e.is_too_old(today, days))).collect();
    for entry in &too_old {
        let _ = writeln!(text, "undecided since {}: {} {} {}", entry.added, entry.fingerprint, entry.rule, visible(&entry.path));
    }
    let code = super::print(&text);
    Ok(if too_old.is_empty() { code } else { ExitCode::from(1) })
}

/// Says what was done, and that it was not done for everything.
fn ended(text: &str, outcome: &Outcome) -> ExitCode {
    let code = super::print(text);
    if outcome.is_complete() {
        return code;
    }
    warn("not everything could be looked at: `keysift scan` tells what is missing");
    ExitCode::from(3)
}

fn findings(n: usize) -> String {
    format!("{n} known finding{}", if n == 1 { "" } else { "s" })
}
