//! `keysift verify`: asks again about the findings of a report, and tells since when what was live is dead; or asks about
//! one secret on standard input.

use super::asking::options;
use super::common::{ReportFlags, RuleFlags, Settings};
use super::policy::unreadable;
use super::reread::{Reread, reread};
use super::run::{Look, interruptible, tell_refused, write_all};
use super::verification::HowFlags;
use super::{layers, usage_error};
use crate::finding::snippet::visible;
use crate::finding::{Finding, Redactor, Secret, Status, Verification};
use crate::pipeline::Collector;
use crate::report::Format;
use crate::report::model::{Report, Told, told_verification};
use crate::rule::format::verify::Doubt;
use crate::rule::{Rule, Severity};
use crate::source::stdin;
use crate::triage::State;
use crate::triage::gate::{FailOn, Gate, Incomplete};
use crate::verify::cache::Cache;
use crate::verify::plan::{Case, cases};
use crate::verify::{seconds_now, verify};
use clap::Args;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `keysift verify …`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 1 something is live · 0 nothing is · 3 nothing is known to be live, and with --fail-on live some \
                        could not be decided · 2 wrong usage\n\n\
                        Examples:\n  keysift verify report.json -f json -o now.json     ask again, with what is known since\n  keysift \
                        verify report.json --source ../repo           where the repository is now\n  pass show ci | keysift verify \
                        --rule github-pat-classic"
)]
pub(super) struct VerifyArguments {
    /// A report in JSON; its secrets are read again from where they were found
    #[arg(required_unless_present = "rule", conflicts_with = "rule")]
    pub report: Option<PathBuf>,
    /// Where the folder or repository of the report is now
    #[arg(long, value_name = "DIR", requires = "report")]
    pub source: Option<PathBuf>,
    /// Ask about one secret of this rule, which is read from stdin: the secret alone, or a text that holds it
    #[arg(long = "rule", value_name = "ID")]
    pub rule: Option<String>,
    /// A file of own rules; may be given several times
    #[arg(long = "rules", value_name = "FILE")]
    pub rule_files: Vec<PathBuf>,
    #[command(flatten)]
    pub how: HowFlags,
    #[command(flatten)]
    pub told: ReportFlags,
}

/// Runs it.
pub(super) fn run(arguments: &VerifyArguments) -> ExitCode {
    let done = match &arguments.report {
        Some(path) => of_report(arguments, path),
        None => of_secret(arguments, arguments.rule.as_deref().unwrap_or_default()),
    };
    done.unwrap_or_else(|code| code)
}

fn settings(arguments: &VerifyArguments) -> Result<Settings, ExitCode> {
    let flags = RuleFlags { no_config: true, rule_files: arguments.rule_files.clone(), ..RuleFlags::default() };
    // A policy decides what fails; config of a repository says nothing of reports.
    let layers = layers::above_repository(&flags, &[], layers::ON_DISK)?;
    Settings::with_layers(layers, &flags, &[], arguments.told.now)
}

/// Asks, with the cache that the flags name.
fn ask(arguments: &VerifyArguments, settings: &Settings, cases: Vec<Case>) -> Result<Vec<Verification>, ExitCode> {
    let flags = &arguments.how;
    // What is asked again is asked: the cache spares what one run would ask twice.
    let options = options(flags, settings, true)?;
    let mut cache = match &flags.verify_cache {
        None => None,
        Some(path) => {
            let keep = Duration::from_secs(flags.verify_cache_ttl.saturating_mul(60));
            let cache = Cache::open(path, &settings.key.id(), keep, seconds_now());
            Some((path, cache.map_err(|e| unreadable(&path.display().to_string(), &e))?))
        }
    };
    let answers = verify(cases, options, cache.as_mut().map(|(_, c)| c), interruptible());
    let answers = answers.map_err(|e| usage_error(&format!("nothing can be verified: {e}")))?;
    if let Some((path, cache)) = cache {
        cache.save().map_err(|e| usage_error(&format!("the cache cannot be written to {}: {e}", path.display())))?;
    }
    Ok(answers)
}

fn of_report(arguments: &VerifyArguments, path: &std::path::Path) -> Result<ExitCode, ExitCode> {
    let destinations = arguments.told.destinations()?;
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|e| unreadable(&name, &e))?;
    let mut report: Report =
        serde_json::from_slice(&text).map_err(|e| usage_error(&format!("{name} is no report of keysift in JSON: {e}")))?;
    let mut settings = settings(arguments)?;
    let fails_on = settings.gate(arguments.told.gate);
    tell_refused(settings.refused());
    if report.scan.fingerprint_key != settings.key.id() {
        return Err(usage_error(&format!(
            "{name} was made with the fingerprint key {}, this run has {}: set KEYSIFT_FINGERPRINT_KEY as it was",
            report.scan.fingerprint_key,
            settings.key.id()
        )));
    }
    let Reread { findings, redactor } = reread(&report, arguments.source.as_deref(), &settings, interruptible());
    let there: Vec<(usize, &Finding)> = findings.iter().enumerate().filter_map(|(n, f)| Some((n, f.as_ref()?))).collect();
    let cases = cases(there.iter().map(|(_, f)| *f), settings.detector.rules(), &settings.key, seconds_now());
    let of_case: Vec<Vec<usize>> = cases.iter().map(|c| c.findings.clone()).collect();
    let answers = ask(arguments, &settings, cases)?;
    let mut known: Vec<Option<Verification>> = findings
        .iter()
        .zip(&report.findings)
        .map(|(found, told)| {
            let could_be_asked = settings.detector.rules().find(&told.rule_id).is_some_and(|r| r.verify.is_some());
            (found.is_none() && could_be_asked).then(|| Verification::unknown(Doubt::SourceMissing))
        })
        .collect();
    for (places, answer) in of_case.iter().zip(answers) {
        for place in places {
            known[there[*place].0] = Some(answer.clone());
        }
    }
    note(&mut report, &known, &redactor);
    let flags = &arguments.told;
    let code = gate(&report, fails_on);
    report.findings.retain(|f| flags.only_states.is_empty() || flags.only_states.contains(&f.verification.status));
    report.findings.sort_by_key(|f| f.verification.status != Status::Live);
    write_all(&Look::of(flags), &report, &destinations)?;
    Ok(ExitCode::from(code))
}

/// Notes what is known now, and what it was before.
fn note(report: &mut Report, known: &[Option<Verification>], redactor: &Redactor) {
    let clean = |text: &str| redactor.redact(text);
    for (finding, known) in report.findings.iter_mut().zip(known) {
        let Some(known) = known else { continue };
        finding.verification = told_verification(Some(&known.clone().after(&finding.verification)), &clean);
        match (known.status, finding.state.as_str()) {
            (Status::Dead, "open") => State::Revoked.as_str().clone_into(&mut finding.state),
            (Status::Live, "revoked") => State::Open.as_str().clone_into(&mut finding.state),
            _ => {}
        }
    }
    report.scan.run.verification =
        Told::of(report.findings.iter().map(|f| &f.verification).filter(|v| v.status != Status::NotChecked));
}

/// The exit code: what is live fails, as `--fail-on` says.
fn gate(report: &Report, gate: Gate) -> u8 {
    let fails = |status: Status, severity: &str| match gate.fail_on {
        FailOn::None => false,
        FailOn::Any => status == Status::Live,
        FailOn::Severity(least) => status == Status::Live && Severity::parse(severity) >= Some(least),
        FailOn::Live { unknown } => status == Status::Live || unknown && status != Status::Dead,
    };
    if report.findings.iter().any(|f| fails(f.verification.status, &f.severity)) {
        return gate.failing_code;
    }
    let decides = gate.fail_on == FailOn::Live { unknown: false };
    let undecided = report.findings.iter().any(|f| matches!(f.verification.status, Status::Unknown | Status::NotChecked));
    if decides && undecided && gate.incomplete == Incomplete::Fail { 3 } else { 0 }
}

fn of_secret(arguments: &VerifyArguments, id: &str) -> Result<ExitCode, ExitCode> {
    let mut settings = settings(arguments)?;
    let gate = settings.gate(arguments.told.gate);
    tell_refused(settings.refused());
    let rules = settings.detector.rules();
    let rule = rules.find(id).ok_or_else(|| {
        let hint = rules.nearest(id).map_or(String::new(), |near| format!(": did you mean `{near}`?"));
        usage_error(&format!("there is no rule `{id}`{hint}"))
    })?;
    if rule.verify.is_none() {
        return Err(usage_error(&format!("nobody can be asked about `{id}`: the rule has no [rule.verify]")));
    }
    let mut text = zeroize::Zeroizing::new(Vec::new());
    // Longer texts are for `keysift scan`.
    std::io::stdin().take(1 << 20).read_to_end(&mut text).map_err(|e| usage_error(&format!("stdin cannot be read: {e}")))?;
    let finding = found_in(&text, rule, &settings)?;
    let mut cases = cases([&finding], rules, &settings.key, seconds_now());
    for case in &mut cases {
        // The user says whose it is.
        if case.settled.as_ref().is_some_and(|s| s.is_because(Doubt::AmbiguousProvider)) {
            return Err(usage_error("rules of several providers see this secret equally well"));
        }
    }
    let answers = ask(arguments, &settings, cases)?;
    let redactor = Redactor::new([finding.secret.clone()].into());
    let answer = told_verification(answers.first(), &|text: &str| redactor.redact(text));
    let is_json = arguments.told.destinations()?.iter().any(|(format, _)| matches!(format, Format::Json | Format::Jsonl));
    let text = if is_json {
        format!("{}\n", serde_json::to_string_pretty(&answer).unwrap_or_default())
    } else {
        let identity = answer.identity.iter().map(|(name, value)| format!("{name}: {value}"));
        let lines: Vec<String> = std::iter::once(answer.in_words()).chain(answer.detail.clone()).chain(identity).collect();
        lines.iter().flat_map(|line| [visible(line), "\n".to_owned()]).collect()
    };
    super::print(&text);
    Ok(ExitCode::from(match answer.status {
        Status::Live => gate.failing_code,
        Status::Dead => 0,
        Status::Unknown | Status::NotChecked => 3,
    }))
}

/// The secret of `rule` in a text; else the text is the secret.
fn found_in(text: &[u8], rule: &'static Rule, settings: &Settings) -> Result<Finding, ExitCode> {
    let scan = |text: &[u8]| {
        let collector = Collector::new(&settings.detector, interruptible(), false, &|_, _| false);
        let _ = stdin::scan_text(text, "stdin", 0, &collector);
        collector.finish(&settings.key).findings
    };
    let all = scan(text);
    if let Some(found) = all.iter().find(|f| f.rule.id == rule.id) {
        return Ok(found.clone());
    }
    let secret = text.trim_ascii();
    if secret.is_empty() {
        return Err(usage_error("stdin is empty: the secret is read from there"));
    }
    // A body that means nothing by itself is named by the rule's first keyword.
    let named = zeroize::Zeroizing::new([rule.keywords.first().unwrap_or(&"").as_bytes(), b" = \"", secret, b"\"\n"].concat());
    let mut found = scan(&named).into_iter().next().ok_or_else(|| {
        usage_error(&format!("what stands on stdin is no secret of `{}`; `keysift explain` says why not", rule.id))
    })?;
    found.rule = rule;
    found.secret = Secret::new(secret);
    found.also.clear();
    found.beside.clear();
    Ok(found)
}
