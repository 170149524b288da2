//! Where decisions come from: flags, the ignore file of the scanned repository, the baseline that its config names.

use super::common::Settings;
use super::usage_error;
use crate::cli::messages::warn;
use crate::config::discover::{self, Home};
use crate::config::layers::{Layers, Refused};
use crate::finding::snippet::visible;
use crate::finding::{Finding, IdentityKey};
use crate::pipeline::Collector;
use crate::rule::RuleSet;
use crate::source::Stop;
use crate::source::tree::{Root, Tree};
use crate::triage::baseline::Entry;
use crate::triage::{Baseline, Inline, Policy, PolicyError, Texts, gitleaks, ignore_file};
use clap::Args;
use globset::GlobSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which decisions count.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PolicyFlags {
    /// Known findings, which do not fail: ours, or a JSON report of gitleaks [default: what keysift.toml names]
    #[arg(long, value_name = "FILE", help_heading = "Decisions")]
    pub baseline: Option<PathBuf>,
    /// Findings that stand in the baseline for more than this many days without a decision fail
    #[arg(long, value_name = "DAYS", help_heading = "Decisions")]
    pub baseline_max_age: Option<u32>,
    /// Decisions, a line each [default: .keysiftignore at the top of what is scanned]
    #[arg(long, value_name = "FILE", conflicts_with = "no_ignore_file", help_heading = "Decisions")]
    pub ignore_file: Option<PathBuf>,
    /// A .gitleaksignore, beside the ignore file; may be given several times [default: with --gitleaks-config the one at the
    /// top of what is scanned]
    #[arg(long, value_name = "FILE", help_heading = "Decisions")]
    pub gitleaks_ignore: Vec<PathBuf>,
    /// Read no ignore file
    #[arg(long, help_heading = "Decisions")]
    pub no_ignore_file: bool,
    /// Comments such as keysift:allow do not count
    #[arg(long, help_heading = "Decisions")]
    pub no_inline_allow: bool,
    /// Whether a .gitleaksignore counts that nobody named.
    #[arg(skip)]
    pub finds_gitleaks_ignore: bool,
    /// The folder that is scanned, as gitleaks names files in it.
    #[arg(skip)]
    pub gitleaks_folder: Option<String>,
}

impl Settings {
    /// What flags and config say of decisions, without what is locked.
    pub(super) fn decisions(&mut self, flags: &PolicyFlags) -> PolicyFlags {
        let mut allows = |key, flag| self.layers.allows(key, flag);
        let baseline = flags.baseline.clone().filter(|_| allows("baseline", "--baseline"));
        let max_age = flags.baseline_max_age.filter(|_| allows("baseline_max_age", "--baseline-max-age"));
        let ignore_file = flags.ignore_file.clone().filter(|_| allows("ignore_file", "--ignore-file"));
        let names_theirs = !flags.gitleaks_ignore.is_empty() && allows("ignore_file", "--gitleaks-ignore");
        let layers = &self.layers;
        let no_ignore_file = flags.no_ignore_file || ignore_file.is_none() && !layers.hears(IGNORE_FILE);
        PolicyFlags {
            baseline,
            baseline_max_age: max_age.or(layers.config.baseline_max_age),
            gitleaks_ignore: if names_theirs { flags.gitleaks_ignore.clone() } else { Vec::new() },
            finds_gitleaks_ignore: (flags.finds_gitleaks_ignore || self.of_gitleaks) && !no_ignore_file,
            gitleaks_folder: flags.gitleaks_folder.clone(),
            no_ignore_file,
            ignore_file,
            no_inline_allow: flags.no_inline_allow || !layers.hears(COMMENTS),
        }
    }
}

/// The policy of a run, and the files that it came from, as the user knows them.
pub(super) struct Loaded {
    pub policy: Policy,
    pub files: Vec<String>,
}

/// The ignore files that stand in the home of the targets and would count were they not locked; that of gitleaks with its config.
pub(super) fn own_ignore_files(home: &Home, of_gitleaks: bool, none: bool) -> Vec<Named> {
    let names = [Some(ignore_file::NAME), of_gitleaks.then_some(gitleaks::NAME)];
    let Some(root) = home.root().filter(|_| !none) else { return Vec::new() };
    let files = names.into_iter().flatten().map(|name| root.join(name));
    files.filter(|file| std::fs::symlink_metadata(file).is_ok()).map(|file| Named::found(file, root)).collect()
}

/// The keys of what the scanned content itself says.
pub(super) const IGNORE_FILE: &str = "ignore_file";
const COMMENTS: &str = "inline_allows";
/// The most comments that are told one by one.
const MOST_COMMENTS: usize = 20;

/// The comments that would allow `open` findings, were they not locked.
pub(super) fn refused_comments(layers: &Layers, open: &[&Finding]) -> Vec<Refused> {
    if layers.deaf_by(COMMENTS).is_none() {
        return Vec::new();
    }
    let mut places: Vec<(&str, usize)> = open
        .iter()
        .filter(|f| f.inline.as_ref().is_some_and(|allow| allow.covers(f.rule)))
        .map(|f| (f.location.path.as_str(), usize::try_from(f.location.start_line).unwrap_or(0)))
        .collect();
    places.sort_unstable();
    places.dedup();
    let more = places.len().saturating_sub(MOST_COMMENTS);
    let told = places.iter().take(MOST_COMMENTS).filter_map(|(path, line)| layers.refusal(COMMENTS, path, *line));
    told.chain((more > 0).then(|| layers.refusal(COMMENTS, &format!("{more} more places"), 0)).flatten()).collect()
}

/// Reads the files that `flags`, the home of the targets and its config name.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn load(
    flags: &PolicyFlags,
    home: &Home,
    of_config: Option<&Named>,
    rules: &RuleSet,
    key: &IdentityKey,
) -> Result<Loaded, ExitCode> {
    let ignore = ignore_text(flags, home)?;
    let baseline = flags.baseline.as_deref().map(Named::given).or_else(|| of_config.cloned());
    let baseline = baseline.map(|file| baseline_text(&file).map(|text| (file, text))).transpose()?;
    let of_gitleaks = gitleaks_texts(flags, home)?;
    let gitleaks_ignore: Vec<(&str, &str)> = of_gitleaks.iter().filter_map(|found| named(Some(found))).collect();
    let texts =
        Texts { ignore_file: named(ignore.as_ref()), baseline: named(baseline.as_ref()), gitleaks_ignore: &gitleaks_ignore };
    let mut policy = Policy::read(texts, &key.id()).map_err(|e| usage_error(&visible(&e.to_string())))?;
    if let Some(folder) = &flags.gitleaks_folder {
        policy.gitleaks.without_folder(folder);
    }
    for unknown in policy.ignore.unknown_rules(rules) {
        warn(visible(&unknown));
    }
    tell_unread(&policy);
    let policy = Policy {
        inline: if flags.no_inline_allow { Inline::Ignored } else { Inline::Counts },
        baseline_max_age: flags.baseline_max_age,
        ..policy
    };
    Ok(Loaded { policy, files: ignore.into_iter().chain(of_gitleaks).chain(baseline).map(|(file, _)| file.name).collect() })
}

/// The name and the text of a file.
fn named(found: Option<&(Named, String)>) -> Option<(&str, &str)> {
    found.map(|(file, text)| (file.name.as_str(), text.as_str()))
}

/// A file, and how reports and messages call it: as it was typed, or from the top of the repository.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub path: PathBuf,
    pub name: String,
}

impl Named {
    /// A file that the user typed.
    pub(super) fn given(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string() }
    }

    /// A file that was found below `root`.
    pub(super) fn found(path: PathBuf, root: &Path) -> Self {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        Self { path, name }
    }
}

fn ignore_text(flags: &PolicyFlags, home: &Home) -> Result<Option<(Named, String)>, ExitCode> {
    if flags.no_ignore_file {
        return Ok(None);
    }
    if let Some(path) = &flags.ignore_file {
        let file = Named::given(path);
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&file.name, &e))?;
        return Ok(Some((file, text)));
    }
    let Some(root) = home.root() else {
        let some = home.roots.iter().map(|r| r.join(ignore_file::NAME)).find(|f| f.exists());
        if let Some(file) = some {
            let name = visible(&file.display().to_string());
            warn(format_args!(
                "{name} does not count where several folders are scanned: name it with --ignore-file, or scan them one by one"
            ));
        }
        return Ok(None);
    };
    let file = Named::found(root.join(ignore_file::NAME), root);
    let text = discover::read(&file.path).map_err(|e| unreadable(&file.name, &e))?;
    Ok(text.map(|text| (file, text)))
}

/// Each `.gitleaksignore` that was named, else the one at the top where it is asked for.
fn gitleaks_texts(flags: &PolicyFlags, home: &Home) -> Result<Vec<(Named, String)>, ExitCode> {
    let mut all = Vec::new();
    for path in &flags.gitleaks_ignore {
        let file = Named::given(path);
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&file.name, &e))?;
        all.push((file, text));
    }
    if let Some(root) = home.root().filter(|_| flags.finds_gitleaks_ignore && flags.gitleaks_ignore.is_empty()) {
        let file = Named::found(root.join(gitleaks::NAME), root);
        let text = discover::read(&file.path).map_err(|e| unreadable(&file.name, &e))?;
        all.extend(text.map(|text| (file, text)));
    }
    Ok(all)
}

/// Tells lines of a `.gitleaksignore` that are none.
pub(super) fn tell_unread(policy: &Policy) {
    for line in &policy.gitleaks.unread {
        warn(visible(line));
    }
}

/// Reads a baseline that was made with the key of this run.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn read_baseline(file: &Named, key: &IdentityKey) -> Result<Baseline, ExitCode> {
    let text = baseline_text(file)?;
    let wrong = |e: PolicyError| usage_error(&visible(&e.to_string()));
    let baseline = Baseline::parse(&file.name, &text).map_err(wrong)?;
    baseline.check_key(&file.name, &key.id()).map_err(wrong)?;
    Ok(baseline)
}

fn baseline_text(file: &Named) -> Result<String, ExitCode> {
    let name = visible(&file.name);
    discover::read(&file.path)
        .map_err(|e| unreadable(&file.name, &e))?
        .ok_or_else(|| usage_error(&format!("{name} is not there: `keysift baseline create --baseline {name}` writes it")))
}

/// Says that a file cannot be read; exit code 2.
pub(super) fn unreadable(name: &str, error: &std::io::Error) -> ExitCode {
    usage_error(&format!("{}: cannot be read: {error}", visible(name)))
}

/// Whether the path of a baseline entry, which findings do not tell of, holds its secret still: it may have been left out
/// of this scan. What cannot be read is taken to hold it.
pub(super) fn holds(settings: &Settings, root: &Path, entry: &Entry) -> bool {
    let Some(path) = discover::inside(root, &entry.path).filter(|p| std::fs::symlink_metadata(p).is_ok_and(|m| !m.is_dir()))
    else {
        return false;
    };
    let stop = Stop::new();
    let collector = Collector::new(&settings.detector, &stop, false, &|_, _| false).with_containers(settings.containers());
    let tree = Tree {
        named: path.clone(),
        target: 0,
        exclude: GlobSet::empty(),
        max_file_size: settings.max_file_size.unwrap_or(super::common::MAX_FILE_SIZE),
        obey_gitignore: false,
    };
    if Root::of(&path).and_then(|root| tree.scan(&root, &collector)).is_err() {
        return true;
    }
    let outcome = collector.finish(&settings.key);
    !outcome.skipped.is_empty() || outcome.findings.iter().any(|f| f.secret_id.0 == entry.secret_id)
}
