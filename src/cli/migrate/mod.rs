//! `keysift migrate`: from gitleaks to the same gate with keysift. What gitleaks' files say becomes files of ours; shown first,
//! then written.
//!
//! - here: which files there are, and what becomes of each
//! - `known`: decisions, mapped onto findings
//! - `hooks`: who runs gitleaks

mod hooks;
mod known;

use super::common::{RuleFlags, Settings, day};
use super::init::plan::{Plan, Target};
use super::{baseline, layers, usage_error};
use crate::config::discover;
use crate::config::extends::{Opened, Reach};
use crate::config::gitleaks as theirs;
use crate::config::layers::Layer;
use crate::finding::Day;
use crate::finding::snippet::visible;
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::source::tree::Root;
use crate::triage::gitleaks::{Decisions, NAME as IGNORE_FILE};
use clap::Args;
use known::Known;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift migrate …`
#[derive(Debug, Args)]
#[command(
    after_help = "It shows what it would write, and writes it with --write; a second time there is nothing to write. Files of gitleaks \
                        stay. docs/migration.md tells what differs.\n\nExit codes: 0 done or shown · 2 wrong usage, or a file that \
                        cannot be read · 3 something must be done by hand\n\nExamples:\n  keysift migrate                     what it \
                        would write\n  keysift migrate --write\n  keysift migrate --baseline ci/known-leaks.json --write"
)]
pub(super) struct MigrateArguments {
    /// The repository or folder [default: the current one]
    path: Option<PathBuf>,
    /// gitleaks' config [default: .gitleaks.toml, else the one that hooks and CI jobs name]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A JSON report that gitleaks takes as a baseline; may be given several times [default: those that hooks and CI jobs name]
    #[arg(short, long, value_name = "FILE")]
    baseline: Vec<PathBuf>,
    /// A .gitleaksignore [default: the one at the top]
    #[arg(short = 'i', long, value_name = "FILE")]
    gitleaks_ignore: Option<PathBuf>,
    /// Write it
    #[arg(long)]
    write: bool,
    /// Today, for new entries of the baseline: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = day)]
    now: Option<Day>,
}

/// Where gitleaks' config may stand besides its usual place, as people put it.
const CONFIGS: [&str; 6] = [
    super::gitleaks::CONFIG,
    "gitleaks.toml",
    ".github/gitleaks.toml",
    ".github/.gitleaks.toml",
    "config/gitleaks.toml",
    ".gitleaks/config.toml",
];
/// Names that baselines of gitleaks have.
const BASELINES: [&str; 5] = [
    ".gitleaks-baseline.json",
    "gitleaks-baseline.json",
    ".gitleaks/baseline.json",
    ".gitleaks.baseline.json",
    ".github/gitleaks-baseline.json",
];

/// Runs it.
pub(super) fn run(arguments: &MigrateArguments) -> ExitCode {
    migrate(arguments).unwrap_or_else(|code| code)
}

/// gitleaks' files in a repository, by their names from its top.
#[derive(Default)]
struct Files {
    config: Option<(String, String)>,
    ignored: Option<(String, String)>,
    baselines: Vec<(String, String)>,
}

impl Files {
    /// Reads those that are named, else those that are found.
    fn of(arguments: &MigrateArguments, root: &Path, named: &hooks::Named) -> Result<Self, ExitCode> {
        let mut files = Self::default();
        let given = |path: &Path| -> Result<(String, String), ExitCode> {
            let text = std::fs::read_to_string(path)
                .map_err(|e| usage_error(&format!("{}: cannot be read: {e}", visible(&path.display().to_string()))))?;
            let inside = path.canonicalize().ok().and_then(|p| p.strip_prefix(root).map(Path::to_owned).ok());
            let name = inside.unwrap_or_else(|| path.to_owned()).to_string_lossy().replace('\\', "/");
            Ok((name, text))
        };
        let found = |name: &str| -> Result<Option<(String, String)>, ExitCode> {
            // A container has the repository somewhere below its top.
            let name = match name.strip_prefix('/') {
                Some(rest) => {
                    rest.match_indices('/').map(|(at, _)| &rest[at + 1..]).find(|end| root.join(end).is_file()).unwrap_or(rest)
                }
                None => name,
            };
            let Some(path) = discover::inside(root, name) else { return Ok(None) };
            let text = discover::read(&path).map_err(|e| usage_error(&format!("{}: cannot be read: {e}", visible(name))))?;
            Ok(text.map(|text| (name.to_owned(), text)))
        };
        match &arguments.config {
            Some(path) => files.config = Some(given(path)?),
            None => {
                for name in CONFIGS[..1].iter().copied().chain(named.configs.iter().map(String::as_str)).chain(CONFIGS) {
                    if files.config.is_none() {
                        files.config = found(name)?;
                    }
                }
            }
        }
        files.ignored = match &arguments.gitleaks_ignore {
            Some(path) => Some(given(path)?),
            None => found(IGNORE_FILE)?,
        };
        for path in &arguments.baseline {
            files.baselines.push(given(path)?);
        }
        if arguments.baseline.is_empty() {
            for name in named.baselines.iter().map(String::as_str).chain(BASELINES) {
                let is_new = |(name, text): &(String, String)| {
                    Decisions::is_baseline(text) && !files.baselines.iter().any(|(known, _)| known == name)
                };
                if let Some(file) = found(name)?.filter(is_new) {
                    files.baselines.push(file);
                }
            }
        }
        Ok(files)
    }

    fn decisions(&self) -> Result<Decisions, ExitCode> {
        let mut all = Decisions::default();
        if let Some((name, text)) = &self.ignored {
            all.extend(Decisions::of_ignore_file(name, text));
        }
        for (name, text) in &self.baselines {
            all.extend(Decisions::of_baseline(name, text).map_err(|e| usage_error(&visible(&e.to_string())))?);
        }
        Ok(all)
    }

    /// The text of our config, and what of theirs has no equal.
    fn config_text(&self, root: &Path, has_baseline: bool) -> Result<(String, Vec<String>), ExitCode> {
        let mut text = String::from("# Made by `keysift migrate`.\n");
        let _ = writeln!(
            text,
            "# What only younger rules see is told and fails nothing: raise it after a look at `keysift rules diff`."
        );
        let _ = writeln!(text, "catalogue = \"{CATALOGUE_VERSION}\"");
        // gitleaks looks neither at its config nor at its baseline, which holds what was found.
        let own = self.config.iter().chain(&self.baselines).map(|(name, _)| name);
        let own: Vec<String> =
            own.filter(|name| root.join(name).exists()).map(|name| format!("{:?}", globset::escape(name))).collect();
        if !own.is_empty() {
            let _ = writeln!(text, "exclude = [{}]", own.join(", "));
        }
        if has_baseline {
            let _ = writeln!(text, "baseline = \"{}\"", baseline::NAME);
        }
        let Some((name, theirs)) = &self.config else { return Ok((text, Vec::new())) };
        let open = |path: &str| {
            discover::inside(root, path)
                .ok_or_else(|| format!("{path}: it leads out of the repository, or through a link"))
                .and_then(|path| std::fs::read_to_string(path).map_err(|e| e.to_string()))
                .map_err(|e| format!("{path}: cannot be read: {e}"))
        };
        let translated = theirs::translate(name, theirs, &open).map_err(|e| usage_error(&visible(&e)))?;
        text.push('\n');
        text.push_str(&translated.toml);
        Ok((text, translated.notes.into_iter().map(|note| format!("{name}: {note}")).collect()))
    }
}

fn migrate(arguments: &MigrateArguments) -> Result<ExitCode, ExitCode> {
    let path = arguments.path.clone().unwrap_or_else(|| PathBuf::from("."));
    let root = Root::of(&path).map_err(|e| usage_error(&e.to_string()))?.folder;
    let mentions = hooks::Mentions::of(&root);
    let files = Files::of(arguments, &root, &mentions.named)?;
    let mut plan = Plan::default();
    hooks::plan(&root, &mut plan).map_err(|e| usage_error(&e))?;
    if files.config.is_none()
        && files.ignored.is_none()
        && files.baselines.is_empty()
        && plan.changes.is_empty()
        && mentions.lines.is_empty()
    {
        return Ok(super::print("nothing of gitleaks is here\n"));
    }
    let decisions = files.decisions()?;
    let (text, mut untold) = files.config_text(&root, !files.baselines.is_empty())?;
    let config = config(&root, text, &mut plan).map_err(|e| usage_error(&e))?;
    untold.extend(decisions.unread.iter().cloned());

    let settings = settings(&root, config, arguments.now)?;
    let known = Known::of(&root, &settings, &decisions)?;
    let (ignore_text, baseline_text) = known.plan(&root, &settings, &mut plan)?;
    untold.extend(known.untold.iter().cloned());
    let open = known.open(&settings, &ignore_text, baseline_text.as_deref())?;

    let mut out = plan.show();
    for what in &untold {
        let _ = writeln!(out, "no equal  {}", visible(what));
    }
    let _ = writeln!(out, "{}", known.summary(&decisions));
    plan.next.extend(mentions.lines);
    if open > 0 {
        let take_in = if baseline_text.is_some() { "baseline add" } else { "baseline create --history" };
        plan.next.push(format!(
            "{open} findings are open on which nobody decided for gitleaks: `keysift git` and `keysift scan` show them, `keysift \
             {take_in}` takes them in"
        ));
    }
    super::print(&out);
    if !plan.changes.is_empty() && arguments.write {
        let mut done = String::new();
        let result = plan.apply(&root, |name| {
            let _ = writeln!(done, "done  {}", visible(name));
        });
        super::print(&done);
        result.map_err(|e| usage_error(&e))?;
    } else if plan.changes.is_empty() {
        super::print("nothing to write\n");
    } else {
        super::print("nothing is written: `--write` writes it\n");
    }
    if !plan.next.is_empty() {
        super::print(&format!("next\n  {}\n", plan.next.join("\n  ")));
    }
    Ok(if plan.by_hand.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Plans keysift.toml; gives the text that counts from then on.
fn config(root: &Path, text: String, plan: &mut Plan) -> Result<String, String> {
    let target = Target::in_tree(root, discover::NAME);
    let Some(present) = target.read()? else {
        plan.set(target, None, Some(text.clone()));
        return Ok(text);
    };
    if present.stripped.rest.trim().is_empty() {
        // What init wrote stands before it, and says some of it.
        let lines = text.lines().filter(|line| {
            let key = line.split_once(" = ").map(|(key, _)| key).filter(|key| matches!(*key, "catalogue" | "baseline"));
            key.is_none_or(|key| !present.text.lines().any(|l| l.starts_with(key)))
        });
        let after = format!("{}{}\n", present.text, lines.collect::<Vec<_>>().join("\n"));
        plan.set(target, Some(present.text), Some(after.clone()));
        return Ok(after);
    }
    // Once the hook no longer names a baseline it is not found again: what is left out already stays.
    let is_left_out = |line: &str| {
        line.strip_prefix("exclude = [")
            .is_some_and(|all| all.trim_end_matches(']').split(", ").all(|name| present.stripped.rest.contains(name)))
    };
    let has =
        |line: &&str| present.stripped.rest.lines().any(|l| l == *line) || line.starts_with("catalogue = ") || is_left_out(line);
    let lacks: Vec<&str> = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).filter(|l| !has(l)).collect();
    if lacks.is_empty() {
        plan.same.push(target.name);
    } else {
        plan.by_hand.push(format!(
            "{} is there already and stays; of gitleaks' files it would have\n{}",
            target.name,
            lacks.iter().map(|l| format!("           {}", visible(l))).collect::<Vec<_>>().join("\n")
        ));
    }
    Ok(present.text)
}

/// The settings that the text of our config makes.
fn settings(root: &Path, text: String, now: Option<Day>) -> Result<Settings, ExitCode> {
    let Some(super::Command::Scan(scan)) = super::with_defaults("scan") else { return Err(usage_error("no such command")) };
    let flags: RuleFlags = scan.0.run.rules;
    let mut layers = layers::above_repository(&flags, &[root.to_owned()], layers::ON_DISK)?;
    let file = Opened { name: discover::NAME.to_owned(), path: root.join(discover::NAME), text };
    let parts = layers::with_bases(Layer::Repository, file, Reach::Folder, layers::ON_DISK.1, &layers::nothing)?;
    layers::add_parts(&mut layers, parts);
    layers.config.warnings.clear();
    Settings::with_layers(layers, &flags, &[], now)
}
