//! `keysift report`: reports into other formats, filtered, several made one, those of other tools among them.

use super::common::{FormatNames, When, confidence, destinations, severity};
use super::run::{Look, write_all};
use super::usage_error;
use crate::finding::snippet::visible;
use crate::finding::{IdentityKey, Status};
use crate::report::Report;
use crate::report::merge::merge;
use crate::report::model::ReportedFinding;
use crate::report::read::read;
use crate::rule::{Confidence, Severity};
use clap::Args;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift report …`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done · 2 wrong usage, or a report that cannot be read. What fails a run is for `keysift scan` to say.\n\n\
                  Examples:\n  keysift report scan.json -f html -o scan.html\n  keysift report a.json b.json gitleaks.json -f \
                  sarif -o all.sarif\n  keysift report scan.json --only live --min-severity high"
)]
pub(super) struct ReportArguments {
    /// Reports in JSON or JSON lines, of keysift, gitleaks, trufflehog or kingfisher; `-` is stdin
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// The form of the report: human, json, jsonl, sarif, github, junit, gitlab, codequality, gitleaks, gitleaks-csv,
    /// gitleaks-sarif, defectdojo, csv, html, markdown; several, each with its own --output
    #[arg(short, long, value_name = "FORMAT", value_parser = FormatNames, hide_possible_values = true, help_heading = "Report")]
    pub format: Vec<String>,
    /// Where it goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    pub output: Vec<PathBuf>,
    /// Keep secrets in full that a report of keysift shows; those of other tools are always hidden
    #[arg(long, help_heading = "Report")]
    pub show_secrets: bool,
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
    /// Only findings of this confidence and above: low, medium, high
    #[arg(long, value_name = "LEVEL", value_parser = confidence, help_heading = "Which findings")]
    pub min_confidence: Option<Confidence>,
    /// Only findings of this severity and above: low, medium, high, critical
    #[arg(long, value_name = "LEVEL", value_parser = severity, help_heading = "Which findings")]
    pub min_severity: Option<Severity>,
    /// Only findings of these states: live, dead, unknown, not_checked
    #[arg(long = "only", value_name = "STATE", value_delimiter = ',', value_parser = super::verification::status, help_heading = "Which findings")]
    pub only_states: Vec<Status>,
    /// Only findings of these rules; `*` stands for anything
    #[arg(long = "rule", value_name = "ID", help_heading = "Which findings")]
    pub rules: Vec<String>,
    /// Only findings in paths that match this glob, or below this folder; may be given several times
    #[arg(long = "path", value_name = "GLOB", help_heading = "Which findings")]
    pub paths: Vec<String>,
}

/// Runs it.
pub(super) fn run(arguments: &ReportArguments) -> ExitCode {
    try_run(arguments).err().unwrap_or(ExitCode::SUCCESS)
}

fn try_run(arguments: &ReportArguments) -> Result<(), ExitCode> {
    let destinations = destinations(&arguments.format, &arguments.output)?;
    let wanted = Wanted::of(arguments)?;
    let key = IdentityKey::from_environment();
    let mut reports = Vec::new();
    for path in &arguments.reports {
        let name = visible(&path.display().to_string());
        let text = content(path).map_err(|e| usage_error(&format!("{name} cannot be read: {e}")))?;
        let known = read(&name, &text, &key, arguments.show_secrets).map_err(|e| usage_error(&e))?;
        reports.push((name, known));
    }
    check_keys(&reports.iter().map(|(name, r)| (name.as_str(), &r.report)).collect::<Vec<_>>())?;
    let reports = reports.into_iter().map(|(_, r)| r.report).collect();
    let mut report = merge(reports).ok_or_else(|| usage_error("name a report"))?;
    wanted.filter(&mut report);
    let look = Look {
        color: arguments.color,
        hyperlinks: arguments.hyperlinks,
        quiet: arguments.quiet,
        verbose: arguments.verbose,
        silent: false,
    };
    write_all(&look, &report, &destinations)
}

fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Ids of different keys cannot be compared.
fn check_keys(reports: &[(&str, &Report)]) -> Result<(), ExitCode> {
    let Some((first, rest)) = reports.split_first() else { return Ok(()) };
    for (name, report) in rest {
        if report.scan.fingerprint_key != first.1.scan.fingerprint_key {
            return Err(usage_error(&format!(
                "{name} was made with the fingerprint key {}, {} with {}: they cannot be one report. Reports of other tools get \
                 the key of KEYSIFT_FINGERPRINT_KEY",
                report.scan.fingerprint_key, first.0, first.1.scan.fingerprint_key
            )));
        }
    }
    Ok(())
}

/// Which findings are wanted.
struct Wanted<'a> {
    arguments: &'a ReportArguments,
    rules: GlobSet,
    paths: GlobSet,
}

impl<'a> Wanted<'a> {
    fn of(arguments: &'a ReportArguments) -> Result<Self, ExitCode> {
        let folders: Vec<String> =
            arguments.paths.iter().flat_map(|p| [p.clone(), format!("{}/**", p.trim_end_matches('/'))]).collect();
        Ok(Self { arguments, rules: globs(&arguments.rules)?, paths: globs(&folders)? })
    }

    fn filter(&self, report: &mut Report) {
        let before = report.findings.len();
        report.findings.retain(|f| self.is_sure_enough(f));
        report.scan.below_threshold += (before - report.findings.len()) as u64;
        report.findings.retain(|f| self.is_named(f));
        let is_wanted = |f: &ReportedFinding| self.is_sure_enough(f) && self.is_named(f);
        if report.suppressed_in_full.len() == report.scan.suppressed.len() {
            let keep: Vec<bool> = report.suppressed_in_full.iter().map(is_wanted).collect();
            let mut kept = keep.iter();
            report.scan.suppressed.retain(|_| *kept.next().unwrap_or(&true));
            report.suppressed_in_full.retain(is_wanted);
        }
        if let Some(told) = &mut report.suppressed_findings {
            told.retain(is_wanted);
        }
    }

    /// What no one said how severe or sure it is, is kept: nobody said that it is not.
    fn is_sure_enough(&self, finding: &ReportedFinding) -> bool {
        let (sure, severe) = (self.arguments.min_confidence, self.arguments.min_severity);
        sure.is_none_or(|least| Confidence::parse(&finding.confidence).is_none_or(|c| c >= least))
            && severe.is_none_or(|least| Severity::parse(&finding.severity).is_none_or(|s| s >= least))
    }

    fn is_named(&self, finding: &ReportedFinding) -> bool {
        let states = &self.arguments.only_states;
        let ids = std::iter::once(&finding.rule_id).chain(&finding.also);
        let l = &finding.location;
        (states.is_empty() || states.contains(&finding.verification.status))
            && (self.arguments.rules.is_empty() || ids.into_iter().any(|id| self.rules.is_match(id)))
            && (self.arguments.paths.is_empty() || [l.path.as_str(), &l.joined()].iter().any(|p| self.paths.is_match(p)))
    }
}

fn globs(all: &[String]) -> Result<GlobSet, ExitCode> {
    let mut builder = GlobSetBuilder::new();
    for glob in all {
        let glob = GlobBuilder::new(glob).build().map_err(|e| usage_error(&format!("`{glob}` is no glob: {e}")))?;
        builder.add(glob);
    }
    builder.build().map_err(|e| usage_error(&e.to_string()))
}
