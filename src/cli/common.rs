//! Flags that several commands share, and what they are turned into.

use super::gate::FailFlags;
use super::policy::Named;
use super::run::Reports;
use super::{layers, usage_error};
use crate::cli::messages::{Level, say_of_file, warn};
use crate::config::allowlist::Allowlists;
use crate::config::discover::Home;
use crate::config::layers::{Layer, Layers, Place, Refused};
use crate::config::{AcceptedGap, Config, Threshold, gitleaks, parse_size};
use crate::detect::Detector;
use crate::finding::snippet::visible;
use crate::finding::{Day, Finding, IdentityKey, Status};
use crate::report::Format;
use crate::rule::catalogue::{BUILT_IN_RULES, Version};
use crate::rule::{Confidence, Rule, RuleError, RuleErrors, RuleSet, Severity};
use crate::source::SkipReason;
use crate::source::container::{Containers, Limits};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// When to use colour or to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

/// Takes names of formats, several with commas between them; completions of shells learn them from it.
#[derive(Debug, Clone)]
pub(super) struct FormatNames;

impl TypedValueParser for FormatNames {
    type Value = String;

    fn parse_ref(&self, _: &clap::Command, _: Option<&clap::Arg>, value: &std::ffi::OsStr) -> Result<String, clap::Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Format::NAMES.iter().map(|(name, _)| PossibleValue::new(*name))))
    }
}

/// Which rules, and what else config says.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RuleFlags {
    /// A config file [default: keysift.toml of the scanned repository or folder]
    #[arg(short, long, value_name = "FILE", help_heading = "What to look for")]
    pub config: Option<PathBuf>,
    /// Read no config file, neither the user's nor the repository's; a policy counts all the same
    #[arg(long, conflicts_with = "config", help_heading = "What to look for")]
    pub no_config: bool,
    /// The policy of an organization, beside that of the machine: what it locks nobody changes
    #[arg(long, value_name = "FILE", help_heading = "What to look for")]
    pub policy: Option<PathBuf>,
    /// A config file of gitleaks, in place of keysift.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "no_config"], help_heading = "What to look for")]
    pub gitleaks_config: Option<PathBuf>,
    /// Its text, where it stands in no file.
    #[arg(skip)]
    pub gitleaks_text: Option<String>,
    /// Only these rules, as gitleaks or its config calls them.
    #[arg(skip)]
    pub only_gitleaks: Vec<String>,
    /// A file of own rules; may be given several times
    #[arg(long = "rules", value_name = "FILE", help_heading = "What to look for")]
    pub rule_files: Vec<PathBuf>,
    /// Only these rules; `*` stands for anything
    #[arg(long = "rule", value_name = "ID", help_heading = "What to look for")]
    pub only: Vec<String>,
    /// All rules but these; `*` stands for anything
    #[arg(long = "exclude-rule", value_name = "ID", help_heading = "What to look for")]
    pub without: Vec<String>,
}

impl RuleFlags {
    /// The config file that was named, ours or one of gitleaks.
    pub(super) fn named(&self) -> Option<&Path> {
        self.config.as_deref().or(self.gitleaks_config.as_deref())
    }

    /// Reads the text of a config; `open` reads a file that it extends.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn parse(&self, name: &str, text: &str, open: &gitleaks::Open<'_>) -> Result<Config, ExitCode> {
        if self.gitleaks_config.is_none() {
            return Config::parse_of(name, text, Layer::Repository).map_err(|e| usage_error(&e.to_string()));
        }
        let translated = gitleaks::translate(name, text, open).map_err(|e| usage_error(&visible(&e)))?;
        for note in &translated.notes {
            warn(visible(&format!("{name}: {note}")));
        }
        let parsed = Config::parse_of(name, &translated.toml, Layer::Repository);
        // Lines are those of the text in between, and what rules of ours should have is no one's concern here.
        let parsed = parsed.map(|config| Config { warnings: Vec::new(), ..config }).map_err(|RuleErrors(all)| {
            RuleErrors(all.into_iter().filter(|e| !e.warning).map(|e| RuleError { line: 0, ..e }).collect())
        });
        parsed.map_err(|e| usage_error(&e.to_string()))
    }
}

/// What is told, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportFlags {
    /// The form of the report: human, json, jsonl, sarif, github, junit, gitlab, codequality, gitleaks, gitleaks-csv,
    /// gitleaks-sarif, defectdojo, csv, html, markdown; several, each with its own --output
    #[arg(short, long, value_name = "FORMAT", value_parser = FormatNames, hide_possible_values = true, help_heading = "Report")]
    pub format: Vec<String>,
    /// Where it goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    pub output: Vec<PathBuf>,
    /// The least confidence that is reported: low, medium, high [default: what config says, else medium]
    #[arg(long, value_name = "LEVEL", value_parser = confidence, help_heading = "Report")]
    pub min_confidence: Option<Confidence>,
    /// The least severity that is reported: low, medium, high, critical [default: what config says, else low]
    #[arg(long, value_name = "LEVEL", value_parser = severity, help_heading = "Report")]
    pub min_severity: Option<Severity>,
    #[command(flatten)]
    pub gate: FailFlags,
    /// Only findings of these states: live, dead, unknown, not_checked; needs --verify
    #[arg(long = "only", value_name = "STATE", value_delimiter = ',', value_parser = super::verification::status, help_heading = "Report")]
    pub only_states: Vec<Status>,
    /// Show secrets in full, in every format
    #[arg(long, help_heading = "Report")]
    pub show_secrets: bool,
    /// Show findings that a decision keeps out, and why
    #[arg(long, help_heading = "Report")]
    pub show_suppressed: bool,
    /// Show candidates that were judged not to be secrets, and why
    #[arg(long, help_heading = "Report")]
    pub show_rejected: bool,
    /// Only findings and what makes the scan incomplete
    #[arg(short, long, help_heading = "Report")]
    pub quiet: bool,
    /// With the reasons of each finding
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Report")]
    pub verbose: bool,
    /// Use colour
    #[arg(long, value_enum, default_value = "auto", help_heading = "Report")]
    pub color: When,
    /// Make paths links that the terminal opens; auto: where it is known to
    #[arg(long, value_enum, default_value = "auto", help_heading = "Report")]
    pub hyperlinks: When,
    /// Show progress on stderr
    #[arg(long, value_enum, default_value = "auto", help_heading = "Report")]
    pub progress: When,
    /// Today, for anything that expires: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = day, help_heading = "Report")]
    pub now: Option<Day>,
    /// Say nothing where there is nothing to say: hooks run many times a day.
    #[arg(skip)]
    pub silent: bool,
    /// What is written in place of what `format` and `output` say.
    #[arg(skip)]
    pub reports: Option<Reports>,
}

/// What is left out.
#[derive(Debug, Clone, Args)]
pub(super) struct LimitFlags {
    /// Leave out paths that match this glob; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "What to look at")]
    pub exclude: Vec<String>,
    /// Files larger than this are not looked at, which makes the scan incomplete [default: 8GB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What to look at")]
    pub max_file_size: Option<u64>,
    /// Do not open archives and compressed files: look at their raw bytes alone
    #[arg(long, help_heading = "What to look at")]
    pub no_archives: bool,
    /// How many archives may stand in each other [default: 8]
    #[arg(long, value_name = "N", help_heading = "What to look at")]
    pub max_depth: Option<usize>,
    /// How many bytes may come out of one file, and no more than 200 for each of its own beyond 100 MB [default: 64GB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What to look at")]
    pub max_unpacked: Option<u64>,
    /// How many members the archives in one file may have [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "What to look at")]
    pub max_members: Option<u64>,
    /// Look at untracked files that .gitignore names as well
    #[arg(long, help_heading = "What to look at")]
    pub no_gitignore: bool,
    /// Threads to use [default: one a core]
    #[arg(short = 'j', long, value_name = "N", help_heading = "What to look at")]
    pub threads: Option<usize>,
    /// Whether files that are larger are left out because someone asked for that: it is no gap then.
    #[arg(skip)]
    pub leaves_out_larger: bool,
}

/// The size above which a file is not looked at, where nobody says otherwise.
pub(super) const MAX_FILE_SIZE: u64 = 8_000_000_000;

pub(super) fn confidence(word: &str) -> Result<Confidence, String> {
    Confidence::parse(word).ok_or_else(|| "one of low, medium, high".to_owned())
}

pub(super) fn severity(word: &str) -> Result<Severity, String> {
    Severity::parse(word).ok_or_else(|| "one of low, medium, high, critical".to_owned())
}

pub(super) fn day(word: &str) -> Result<Day, String> {
    Day::parse(word).ok_or_else(|| "a day such as 2026-12-31".to_owned())
}

pub(super) fn size(word: &str) -> Result<u64, String> {
    parse_size(word).ok_or_else(|| "a size such as 500MB or 4GB".to_owned())
}

/// What the flags and the config file come to.
pub(super) struct Settings {
    pub detector: Detector,
    pub exclude: GlobSet,
    /// The same as they were written.
    #[cfg_attr(not(feature = "audit"), expect(dead_code, reason = "audits remember them"))]
    globs: Vec<String>,
    pub max_file_size: Option<u64>,
    /// Whether archives are opened, and how far.
    opens: bool,
    limits: Limits,
    gaps: Vec<(AcceptedGap, GlobSet)>,
    pub allowlists: Arc<Allowlists>,
    pub key: IdentityKey,
    pub today: Day,
    /// Findings of rules younger than this version are notices.
    pub catalogue: Option<Version>,
    /// The config files that count.
    pub config: Vec<String>,
    /// The baseline that one of them names.
    pub baseline: Option<Named>,
    /// What is told in some paths, the nearest word last.
    thresholds: Vec<(Threshold, GlobSet)>,
    /// The least that is told whatever config says.
    least: (Option<Confidence>, Option<Severity>),
    /// The only states of verification that are told; all where empty.
    only: Vec<Status>,
    /// Who decides, with what is left of config.
    pub(super) layers: Layers,
    /// Whether a config of gitleaks is read in place of ours.
    pub(super) of_gitleaks: bool,
}

impl Settings {
    /// Reads config and rules; a config file that nobody named is that of the targets' `home`.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn of(flags: &RuleFlags, exclude: &[String], now: Option<Day>, home: &Home) -> Result<Self, ExitCode> {
        let layers = layers::all(flags, home)?;
        let baseline = layers::baseline(&layers, flags, home)?;
        Ok(Self { baseline, ..Self::with_layers(layers, flags, exclude, now)? })
    }

    /// The same for layers that are there already, wherever their texts come from.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn with_layers(
        mut layers: Layers,
        flags: &RuleFlags,
        exclude: &[String],
        now: Option<Day>,
    ) -> Result<Self, ExitCode> {
        tell_advice(&layers.config.warnings);
        // Flags are the nearest layer, and bound by locks as all are.
        let mut unless_locked = |key: &str, flag: &str, is_given: bool| is_given && layers.allows(key, flag);
        let exclude = if unless_locked("exclude", "--exclude", !exclude.is_empty()) { exclude } else { &[] };
        let only = if unless_locked("disable", "--rule", !flags.only.is_empty()) { &flags.only[..] } else { &[] };
        let without =
            if unless_locked("disable", "--exclude-rule", !flags.without.is_empty()) { &flags.without[..] } else { &[] };
        let rule_files = if unless_locked("rule", "--rules", !flags.rule_files.is_empty()) { &flags.rule_files[..] } else { &[] };
        let mut given = Vec::new();
        for file in rule_files {
            let (rules, warnings) = super::read_rule_file(file).map_err(|e| usage_error(&e.to_string()))?;
            for warning in warnings {
                say_of_file(Level::Warning, warning);
            }
            given.extend(rules);
        }
        layers.keep_rules(&mut given, &Place::flag("--rules"));
        let mut config = std::mem::take(&mut layers.config);
        let mut own = std::mem::take(&mut config.rules);
        own.append(&mut given);
        let of_gitleaks = only_of_gitleaks(&flags.only_gitleaks, &own)?;
        let only = [only, &of_gitleaks].concat();
        let rules = select(own, &only, without, &config.disable)?;
        let globs: Vec<&String> = exclude.iter().chain(&config.exclude).collect();
        let today = now.filter(|_| layers.allows("now", "--now")).unwrap_or_else(Day::today);
        let mut gaps = Vec::new();
        for gap in std::mem::take(&mut config.accept_gap) {
            if gap.until.as_deref().and_then(Day::parse).is_some_and(|until| until < today) {
                warn(format_args!("an accepted gap ({}) has expired: {}", gap.reason, gap.note));
                continue;
            }
            let paths = glob_set(&gap.path.iter().collect::<Vec<_>>())?;
            gaps.push((gap, paths));
        }
        let allowlists = Allowlists::new(std::mem::take(&mut config.allowlists));
        for unknown in allowlists.unknown_rules(&rules) {
            warn(visible(&unknown));
        }
        let mut thresholds = Vec::new();
        for threshold in std::mem::take(&mut config.thresholds) {
            let paths = glob_set(&threshold.path.iter().collect::<Vec<_>>())?;
            thresholds.push((threshold, paths));
        }
        let key = IdentityKey::from_environment();
        let default = Limits::default();
        let limits = Limits {
            depth: config.max_depth.unwrap_or(default.depth),
            unpacked: config.max_unpacked.unwrap_or(default.unpacked),
            members: config.max_members.unwrap_or(default.members),
            member: config.max_file_size.unwrap_or(default.member),
        };
        let (exclude, globs) = (glob_set(&globs)?, globs.into_iter().cloned().collect());
        layers.config = config;
        Ok(Self {
            detector: Detector::new(rules),
            exclude,
            globs,
            max_file_size: layers.config.max_file_size,
            opens: layers.config.archives.unwrap_or(true),
            limits,
            gaps,
            allowlists: Arc::new(allowlists),
            key,
            today,
            catalogue: layers.config.catalogue,
            config: std::mem::take(&mut layers.files),
            baseline: None,
            thresholds,
            least: (None, None),
            only: Vec::new(),
            of_gitleaks: flags.gitleaks_config.is_some(),
            layers,
        })
    }

    /// Whether only rules younger than the catalogue that config names see `finding`: it is told and fails nothing.
    #[must_use]
    pub(super) fn is_notice(&self, finding: &Finding) -> bool {
        let also = finding.also.iter().filter_map(|id| self.detector.rules().find(id));
        self.catalogue.is_some_and(|pinned| finding.rule.since() > pinned && also.map(Rule::since).all(|since| since > pinned))
    }

    /// Lets flags decide about sizes and archives where they say something that is not locked.
    pub(super) fn bound_by(&mut self, flags: &LimitFlags) {
        let mut unless_locked = |key: &str, flag: &str, is_given: bool| is_given && self.layers.allows(key, flag);
        if unless_locked("max_file_size", "--max-file-size", flags.max_file_size.is_some()) {
            self.max_file_size = flags.max_file_size;
            self.limits.member = flags.max_file_size.unwrap_or(self.limits.member);
        }
        if flags.leaves_out_larger {
            let note = "someone asked for smaller files alone".to_owned();
            let gap = AcceptedGap { reason: SkipReason::TooLarge.as_str().to_owned(), path: None, note, until: None };
            self.gaps.push((gap, GlobSet::empty()));
        }
        if unless_locked("archives", "--no-archives", flags.no_archives) {
            self.opens = false;
        }
        if unless_locked("max_depth", "--max-depth", flags.max_depth.is_some()) {
            self.limits.depth = flags.max_depth.unwrap_or(self.limits.depth);
        }
        if unless_locked("max_unpacked", "--max-unpacked", flags.max_unpacked.is_some()) {
            self.limits.unpacked = flags.max_unpacked.unwrap_or(self.limits.unpacked);
        }
        if unless_locked("max_members", "--max-members", flags.max_members.is_some()) {
            self.limits.members = flags.max_members.unwrap_or(self.limits.members);
        }
    }

    /// Lets flags decide about what is told.
    pub(super) fn asked_by(&mut self, flags: &ReportFlags) {
        self.tells_least(flags.min_confidence, flags.min_severity);
        if !flags.only_states.is_empty() && self.layers.allows("threshold", "--only") {
            self.only.clone_from(&flags.only_states);
        }
    }

    /// Lets flags decide about the least that is told.
    pub(super) fn tells_least(&mut self, sure: Option<Confidence>, severe: Option<Severity>) {
        if sure.is_some() && self.layers.allows("threshold", "--min-confidence") {
            self.least.0 = sure;
        }
        if severe.is_some() && self.layers.allows("threshold", "--min-severity") {
            self.least.1 = severe;
        }
    }

    /// What was said and does not count, because it is locked.
    pub(super) fn refused(&self) -> &[Refused] {
        &self.layers.refused
    }

    /// Whether a finding is of the confidence and severity that is asked for.
    #[must_use]
    pub(super) fn asks_for(&self, finding: &Finding) -> bool {
        let (sure, severe) = self.least_at(&finding.location.path);
        finding.confidence() >= Some(sure) && finding.rule.severity >= severe
    }

    /// Whether findings of this state of verification are asked for.
    #[must_use]
    pub(super) fn asks_for_state(&self, status: Status) -> bool {
        self.only.is_empty() || self.only.contains(&status)
    }

    /// The least confidence and severity that is told of `path`: by a flag, else by the last threshold that is about it.
    #[must_use]
    pub(super) fn least_at(&self, path: &str) -> (Confidence, Severity) {
        let about = || self.thresholds.iter().rev().filter(|(t, paths)| t.path.is_none() || paths.is_match(path)).map(|(t, _)| t);
        let sure = self.least.0.or_else(|| about().find_map(|t| t.min_confidence)).unwrap_or(Confidence::Medium);
        let severe = self.least.1.or_else(|| about().find_map(|t| t.min_severity)).unwrap_or(Severity::Low);
        (sure, severe)
    }

    /// What repositories are scanned with, for those who remember what was.
    #[cfg(feature = "audit")]
    pub(super) fn catalogue(&self) -> crate::audit::catalogue::Catalogue {
        crate::audit::catalogue::Catalogue::of(self.detector.rules(), self.opens, &self.limits, &self.globs, &self.allowlists)
    }

    /// Which containers are opened.
    pub(super) fn containers(&self) -> Containers {
        Containers::new(self.opens, self.limits, self.exclude.clone())
    }

    /// Whether config accepts that `path` is not looked at for `reason`.
    #[must_use]
    pub(super) fn accepts(&self, reason: &str, path: &str) -> bool {
        self.gaps.iter().any(|(gap, paths)| gap.reason == reason && (gap.path.is_none() || paths.is_match(path)))
    }
}

fn glob_set(globs: &[&String]) -> Result<GlobSet, ExitCode> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(Glob::new(glob).map_err(|e| usage_error(&format!("`{glob}` is no glob: {e}")))?);
    }
    builder.build().map_err(|e| usage_error(&e.to_string()))
}

/// How many pieces of advice a scan tells.
const MOST_ADVICE: usize = 3;

/// Tells what own rules should have: all of it is for `keysift config check` to tell.
fn tell_advice(warnings: &[RuleError]) {
    if warnings.len() > MOST_ADVICE {
        warn(format_args!("{} own rules lack what good rules have: `keysift config check` tells it", warnings.len()));
        return;
    }
    for warning in warnings {
        say_of_file(Level::Warning, warning);
    }
}

/// Ours for rules that gitleaks or its config calls by these names.
fn only_of_gitleaks(names: &[String], own: &[Rule]) -> Result<Vec<String>, ExitCode> {
    let mut all = Vec::new();
    for name in names {
        let slug = gitleaks::slug(name);
        match gitleaks::ours(name) {
            _ if own.iter().any(|r| r.is_named(&slug)) => all.push(slug),
            Some([]) => return Err(usage_error(&format!("keysift has no rule for `{}` of gitleaks", visible(name)))),
            Some(ours) => all.extend(ours.iter().map(ToString::to_string)),
            None => all.push(name.clone()),
        }
    }
    Ok(all)
}

/// The rules of the run.
fn select(own: Vec<Rule>, only: &[String], without: &[String], disabled: &[String]) -> Result<RuleSet, ExitCode> {
    let off = || without.iter().chain(disabled);
    let mut rules = if off().any(|name| name == BUILT_IN_RULES) { RuleSet::empty() } else { RuleSet::built_in() };
    rules.add(own);
    let is_known = |name: &str| rules.knows(name) || name == BUILT_IN_RULES;
    for name in only.iter().chain(off()) {
        if !is_known(name) {
            let hint = rules
                .nearest(name)
                .map_or_else(|| ": `keysift rules list` lists them".to_owned(), |near| format!(": did you mean `{near}`?"));
            return Err(usage_error(&format!("there is no rule `{name}`{hint}")));
        }
    }
    rules.retain(|head| (only.is_empty() || only.iter().any(|n| head.is_named(n))) && !off().any(|n| head.is_named(n)));
    Ok(rules)
}

impl ReportFlags {
    /// Each report with where it goes.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn destinations(&self) -> Result<Vec<(Format, PathBuf)>, ExitCode> {
        self.reports.as_ref().map_or_else(|| destinations(&self.format, &self.output), |reports| Ok(reports.all.clone()))
    }
}

/// Each report with where it goes.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn destinations(names: &[String], outputs: &[PathBuf]) -> Result<Vec<(Format, PathBuf)>, ExitCode> {
    let mut formats = Vec::new();
    for name in names.iter().flat_map(|f| f.split(',')) {
        let names: Vec<&str> = Format::NAMES.iter().map(|(n, _)| *n).collect();
        let format = Format::parse(name).ok_or_else(|| {
            let hint =
                crate::rule::format::file::nearest(name, &names).map_or(String::new(), |n| format!(" (did you mean {n}?)"));
            usage_error(&format!("`{name}` is no report format{hint}: one of {}", names.join(", ")))
        })?;
        formats.push(format);
    }
    if formats.is_empty() {
        // The ending of a file says what should be in it.
        formats = outputs.iter().map(|path| format_of(path)).collect();
        if formats.is_empty() {
            formats.push(Format::Human);
        }
    }
    if outputs.len() > formats.len() {
        return Err(usage_error("there are more --output than --format"));
    }
    let stdout = PathBuf::from("-");
    let pairs: Vec<(Format, PathBuf)> = formats
        .iter()
        .enumerate()
        .map(|(i, format)| (*format, outputs.get(i).cloned().unwrap_or_else(|| stdout.clone())))
        .collect();
    if pairs.iter().filter(|(_, path)| *path == stdout).count() > 1 {
        return Err(usage_error("two reports cannot both go to stdout: give one of them an --output FILE"));
    }
    Ok(pairs)
}

fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|e| e.to_str()) {
        Some("json") => Format::Json,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        Some("sarif") => Format::Sarif,
        Some("xml") => Format::Junit,
        Some("csv") => Format::Csv,
        Some("html" | "htm") => Format::Html,
        Some("md") => Format::Markdown,
        _ => Format::Human,
    }
}
