//! A scan from its flags to its exit code: what `scan` and `git` share.

use super::commits::Commits;
use super::common::{LimitFlags, ReportFlags, RuleFlags, Settings, When};
use super::policy::{self, Loaded, PolicyFlags};
use super::verification::VerifyFlags;
use super::{progress, terminal, usage_error};
use crate::cli::messages::{error, warn};
use crate::config::discover::Home;
use crate::config::layers::Refused;
use crate::finding::date::rfc3339;
use crate::finding::snippet::visible;
use crate::finding::{Finding, Status};
use crate::pipeline::{Collector, Outcome};
use crate::report::model::{Gap, RefusedSetting, Report, ReportedFinding, Run, SCHEMA_VERSION, Scan, Told, Tool};
use crate::report::triage::{StaleDecision, Suppressed};
use crate::report::{Format, Style, write};
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::source::tree::Missing;
use crate::source::{SkipReason, Stop};
use crate::triage::baseline::Of;
use crate::triage::gate::{Ending, Gate};
use crate::triage::{Policy, State, Suppression, Triaged, View, ignore_file};
use clap::Args;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// The wish to stop, which Ctrl-C sets.
static STOP: Stop = Stop::new();

/// What was named on the command line, as it was found.
#[derive(Default)]
pub(super) struct Targets {
    /// For each target the folder that its paths are relative to; empty for stdin.
    pub roots: Vec<String>,
    /// Named paths that are not there.
    pub missing: Vec<Missing>,
    /// What was looked at whole.
    pub whole: Option<Of>,
    /// The policy that counts where it is not that of the files as they stand, whose word is proposed then: of a base commit.
    pub base: Option<Policy>,
    /// Whether the change under test wrote the comment that allows a finding; without a change no comment is new.
    pub is_new_comment: Option<IsNewComment>,
}

/// Whether the change under test wrote the comment that allows a finding.
pub(super) type IsNewComment = Box<dyn Fn(&Finding) -> bool>;

/// Reports that a command writes in place of those that flags name.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    pub all: Vec<(Format, PathBuf)>,
    /// Whether stderr tells how many leaks there are, and that there are none.
    pub tells_leaks: bool,
    pub tells_none: bool,
}

/// The flags that all scans share.
#[derive(Debug, Clone, Args)]
pub(super) struct RunFlags {
    #[command(flatten)]
    pub limits: LimitFlags,
    #[command(flatten)]
    pub rules: RuleFlags,
    #[command(flatten)]
    pub policy: PolicyFlags,
    #[command(flatten)]
    pub report: ReportFlags,
    #[command(flatten)]
    pub verify: VerifyFlags,
}

impl RunFlags {
    /// The flags of a scan.
    pub(super) const fn flags(&self) -> Flags<'_> {
        let Self { rules, limits, policy, report, verify } = self;
        Flags { rules, limits, policy, report, verify, refused: None }
    }
}

/// The flags of a scan.
pub(super) struct Flags<'a> {
    pub rules: &'a RuleFlags,
    pub limits: &'a LimitFlags,
    pub policy: &'a PolicyFlags,
    pub report: &'a ReportFlags,
    pub verify: &'a VerifyFlags,
    /// What a flag of the command itself said of a locked key.
    pub refused: Option<Refused>,
}

/// What a run was told to do.
struct Orders<'a> {
    flags: &'a ReportFlags,
    gate: Gate,
    settings: &'a Settings,
    /// No flag says that comments are to be left out; a lock may.
    comments_count: bool,
    loaded: &'a Loaded,
    destinations: &'a [(Format, PathBuf)],
}

/// Where config and decisions come from.
pub(super) enum Whence<'a> {
    /// From the files around these places.
    Files(&'a [PathBuf]),
    /// From the commits that a change goes from and to: what the second says alone is proposed.
    Commits(Box<Commits>),
}

/// Reads the settings, lets `look` fill the collector, writes the reports, and says how the run ended.
pub(super) fn run(
    flags: &Flags<'_>,
    whence: &Whence<'_>,
    look: impl FnOnce(&Settings, &Collector<'_>, &mut Targets) -> Result<(), ExitCode>,
) -> ExitCode {
    match try_run(flags, whence, look) {
        Ok(code) | Err(code) => code,
    }
}

fn try_run(
    flags: &Flags<'_>,
    whence: &Whence<'_>,
    look: impl FnOnce(&Settings, &Collector<'_>, &mut Targets) -> Result<(), ExitCode>,
) -> Result<ExitCode, ExitCode> {
    let start = Instant::now();
    let started_at = now();
    let Flags { rules, limits, report, verify, .. } = flags;
    check_verification(report, verify)?;
    let destinations = report.destinations()?;
    let (mut settings, loaded, base) = match whence {
        Whence::Files(places) => {
            let home = Home::of(places);
            super::gitleaks::hint(flags, &home);
            let mut settings = Settings::of(rules, &limits.exclude, report.now, &home)?;
            let decisions = settings.decisions(flags.policy);
            for file in policy::own_ignore_files(&home, settings.of_gitleaks, flags.policy.no_ignore_file) {
                settings.layers.refused.extend(settings.layers.refusal(policy::IGNORE_FILE, &file.name, 0));
            }
            let rules = settings.detector.rules();
            let loaded = policy::load(&decisions, &home, settings.baseline.as_ref(), rules, &settings.key)?;
            (settings, loaded, None)
        }
        Whence::Commits(commits) => {
            let mut settings = commits.settings(rules, &limits.exclude, report.now)?;
            let decisions = settings.decisions(flags.policy);
            if commits.has_ignore_file() && !flags.policy.no_ignore_file {
                settings.layers.refused.extend(settings.layers.refusal(policy::IGNORE_FILE, ignore_file::NAME, 0));
            }
            let (head, base) = commits.policies(&decisions, &settings)?;
            (settings, head, Some(base))
        }
    };
    settings.bound_by(limits);
    settings.asked_by(report);
    let gate = settings.gate(report.gate);
    settings.layers.refused.extend(flags.refused.clone());
    if destinations.iter().all(|(format, _)| !format.tells_refused()) {
        tell_refused(settings.refused());
    }
    let threads = start_threads(limits.threads)?;
    let (mut outcome, mut targets) = look_with(&settings, report.show_rejected, report.progress, look)?;
    if base.is_some() {
        // What a change adds stands beside no comment that was there before.
        targets.is_new_comment = Some(Box::new(|_| true));
        targets.base = base;
    }
    // Of a part of the rules or files nobody knows which decisions are about nothing.
    if !rules.only.is_empty() || !rules.without.is_empty() || !limits.exclude.is_empty() || targets.roots.len() > 1 {
        targets.whole = None;
    }
    let mut run = Run {
        roots: targets.roots.clone(),
        interrupted: false,
        threads,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        started_at: Some(started_at),
        ended_at: Some(now()),
        verification: None,
    };
    let comments_count = !flags.policy.no_inline_allow;
    let orders =
        Orders { flags: report, gate, settings: &settings, comments_count, loaded: &loaded, destinations: &destinations };
    if let Some(shown) = verify_findings(&orders, verify, &mut outcome, &targets)? {
        return Ok(shown);
    }
    run.interrupted = STOP.is_asked();
    let concluded = conclude(&orders, &outcome, &targets, run);
    // The process ends now, and its patterns with it: to take them apart first takes a hundredth of the time of a small tree.
    let _kept = ManuallyDrop::new(settings.detector);
    concluded
}

/// The time as reports tell it.
pub(super) fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    rfc3339(since.ok().and_then(|d| i64::try_from(d.as_secs()).ok()).unwrap_or(0), 0)
}

/// Refuses flags that mean nothing without verification.
fn check_verification(report: &ReportFlags, verify: &VerifyFlags) -> Result<(), ExitCode> {
    if !cfg!(feature = "verify") && (verify.verify || verify.verify_plan.is_some()) {
        return Err(usage_error("this keysift is built without the feature `verify`: it contacts nobody"));
    }
    if verify.verify || verify.verify_plan.is_some() {
        return Ok(());
    }
    if !report.only_states.is_empty() {
        return Err(usage_error("--only tells what providers said: it needs --verify"));
    }
    if report.gate.asks_providers() {
        return Err(usage_error("--fail-on live asks what providers said: it needs --verify"));
    }
    Ok(())
}

/// What was decided on the findings of a run.
fn triaged<'f>(orders: &Orders<'_>, outcome: &'f Outcome, targets: &Targets) -> Triaged<'f> {
    let policy = &orders.loaded.policy;
    viewed(orders.settings, outcome, targets, |view| match &targets.base {
        Some(base) => base.apply_with(Some(policy), &outcome.findings, view),
        None => policy.apply(&outcome.findings, view),
    })
}

/// Says what is locked and was said all the same, where no report does.
pub(super) fn tell_refused(refused: &[Refused]) {
    for refused in refused {
        warn(visible(&refused.to_string()));
    }
}

/// Asks about what will be told, and about what is taken to be revoked.
#[cfg(feature = "verify")]
fn verify_findings(
    orders: &Orders<'_>,
    flags: &VerifyFlags,
    outcome: &mut Outcome,
    targets: &Targets,
) -> Result<Option<ExitCode>, ExitCode> {
    use std::collections::HashSet;
    if !flags.verify && flags.verify_plan.is_none() {
        return Ok(None);
    }
    let chosen: HashSet<usize> = {
        let triaged = triaged(orders, outcome, targets);
        let revoked = triaged.suppressed.iter().filter(|(_, s)| s.decision.state == State::Revoked).map(|(f, _)| *f);
        let told: HashSet<*const Finding> =
            triaged.open.iter().copied().chain(revoked).filter(|f| orders.settings.asks_for(f)).map(std::ptr::from_ref).collect();
        let all = outcome.findings.iter().enumerate();
        all.filter(|(_, f)| told.contains(&std::ptr::from_ref(*f))).map(|(n, _)| n).collect()
    };
    let fresh_dead = matches!(orders.gate.fail_on, crate::triage::gate::FailOn::Live { .. });
    super::asking::ask(flags, orders.settings, &mut outcome.findings, &chosen, fresh_dead, &STOP)
}

#[cfg(not(feature = "verify"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
const fn verify_findings(_: &Orders<'_>, _: &VerifyFlags, _: &mut Outcome, _: &Targets) -> Result<Option<ExitCode>, ExitCode> {
    Ok(None)
}

/// Lets `look` fill a collector.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn look_with(
    settings: &Settings,
    keep_rejected: bool,
    progress: When,
    look: impl FnOnce(&Settings, &Collector<'_>, &mut Targets) -> Result<(), ExitCode>,
) -> Result<(Outcome, Targets), ExitCode> {
    listen_for_interrupts();
    let accepts = |reason: SkipReason, path: &str| settings.accepts(reason.as_str(), path);
    let collector = Collector::new(&settings.detector, &STOP, keep_rejected, &accepts)
        .with_containers(settings.containers())
        .with_allowlists(Arc::clone(&settings.allowlists));
    let mut targets = Targets::default();
    progress::during(progress, &collector, || look(settings, &collector, &mut targets))?;
    let outcome = collector.finish(&settings.key);
    if !outcome.is_complete() || !targets.missing.is_empty() || STOP.is_asked() {
        targets.whole = None;
    }
    Ok((outcome, targets))
}

/// Gives `use_it` what decisions must know of a run besides its findings.
pub(super) fn viewed<T>(settings: &Settings, outcome: &Outcome, targets: &Targets, use_it: impl FnOnce(&View<'_>) -> T) -> T {
    let root = targets.roots.first().map(PathBuf::from).filter(|r| !r.as_os_str().is_empty());
    let is_history = targets.whole == Some(Of::History) || outcome.findings.iter().any(|f| f.git.is_some());
    use_it(&View {
        whole: targets.whole,
        holds: &|entry| !is_history && root.as_deref().is_some_and(|root| policy::holds(settings, root, entry)),
        clean: &|path| outcome.redactor.redact(path),
        is_new_comment: &|finding| targets.is_new_comment.as_ref().is_some_and(|is_new| is_new(finding)),
        today: settings.today,
    })
}

/// Writes the reports and says how the run ended.
fn conclude(orders: &Orders<'_>, outcome: &Outcome, targets: &Targets, mut run: Run) -> Result<ExitCode, ExitCode> {
    let flags = orders.flags;
    let mut triaged = triaged(orders, outcome, targets);
    // What was revoked and is live again is open again.
    let is_live = |f: &Finding| status(f) == Status::Live;
    let again = triaged.suppressed.extract_if(.., |(f, s)| s.decision.state == State::Revoked && is_live(f));
    triaged.open.extend(again.map(|(f, _)| f));
    let is_asked = |f: &Finding| orders.settings.asks_for(f);
    let is_only = |f: &Finding| orders.settings.asks_for_state(status(f));
    let fail_on = orders.gate.fail_on;
    let mut open: Vec<&Finding> = triaged.open.iter().copied().filter(|f| is_asked(f) && is_only(f)).collect();
    open.sort_by_key(|f| !is_live(f));
    let undecided = open.iter().filter(|f| fail_on.cannot_decide(f) && !orders.settings.is_notice(f)).count();
    if undecided > 0 {
        warn(format_args!(
            "of {undecided} findings nobody could say whether they are live; --fail-on live,unknown fails on them"
        ));
    }
    let comments = if orders.comments_count { policy::refused_comments(&orders.settings.layers, &open) } else { Vec::new() };
    if orders.destinations.iter().all(|(format, _)| !format.tells_refused()) {
        tell_refused(&comments);
    }
    let complete = outcome.is_complete() && targets.missing.is_empty() && !run.interrupted;
    let ending = Ending {
        failing: open.iter().filter(|f| fail_on.fails(f) && !orders.settings.is_notice(f)).count(),
        complete: complete && undecided == 0,
        missing: !targets.missing.is_empty(),
        interrupted: run.interrupted,
    };
    // What goes to stderr passes the redactor like every report: it is there only now.
    let redactor = (!flags.show_secrets).then_some(&outcome.redactor);
    let clean = |text: &str| redactor.map_or_else(|| text.to_owned(), |r| r.redact(text));
    for e in &targets.missing {
        warn(visible(&clean(&e.to_string())));
    }
    run.roots.iter_mut().for_each(|root| *root = clean(root));
    let told = |all: &[(&Finding, Suppression)]| {
        let asked = all.iter().filter(|(f, _)| is_asked(f));
        asked.map(|(f, s)| Suppressed::of(f, s, &clean)).collect::<Vec<_>>()
    };
    run.verification = Told::of(open.iter().filter_map(|f| f.verification.as_ref()));
    let suppressed = told(&triaged.suppressed);
    let suppressed_in_full: Vec<ReportedFinding> = triaged
        .suppressed
        .iter()
        .filter(|(f, _)| is_asked(f))
        .map(|(f, s)| ReportedFinding { state: s.decision.state.as_str().to_owned(), ..ReportedFinding::of(f, redactor) })
        .collect();
    let shown = open.len() + suppressed.len();
    let mut findings = ReportedFinding::all(&open, redactor);
    findings.iter_mut().zip(&open).for_each(|(told, f)| told.notice = orders.settings.is_notice(f));
    let rejected = || ReportedFinding::all(&outcome.rejected.iter().collect::<Vec<_>>(), redactor);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: tool(orders.settings),
        scan: Scan {
            complete,
            blobs: outcome.files,
            bytes: outcome.bytes,
            members: outcome.members,
            unpacked: outcome.unpacked,
            policy: orders.settings.config.iter().chain(&orders.loaded.files).map(|f| clean(f)).collect(),
            refused: orders.settings.refused().iter().chain(&comments).map(|r| RefusedSetting::of(r, &clean)).collect(),
            excluded: outcome.excluded.iter().map(|(reason, tally)| Gap::of(reason.as_str(), tally, true, redactor)).collect(),
            skipped: outcome
                .skipped
                .iter()
                .map(|((reason, accepted), tally)| Gap::of(reason.as_str(), tally, *accepted, redactor))
                .collect(),
            missing: targets.missing.iter().map(|m| clean(&m.path)).collect(),
            suppressed,
            proposed: told(&triaged.proposed),
            stale: triaged.stale.iter().map(|s| StaleDecision::of(s, &clean)).collect(),
            rejected: outcome.rejected_total,
            below_threshold: (outcome.findings.len() - shown) as u64,
            fingerprint_key: orders.settings.key.id(),
            run,
        },
        findings,
        suppressed_findings: flags.show_suppressed.then(|| suppressed_in_full.clone()),
        rejected_findings: flags.show_rejected.then(rejected),
        suppressed_in_full,
    };
    write_all_with(&Look::of(flags), &report, orders.destinations, &clean)?;
    if let Some(reports) = &flags.reports {
        tell_leaks(reports, open.len(), complete);
    }
    Ok(ExitCode::from(ending.exit_code(&orders.gate)))
}

/// The line in which gitleaks says how it went.
fn tell_leaks(reports: &Reports, leaks: usize, complete: bool) {
    let of = if complete { "" } else { ", and not everything could be looked at" };
    if leaks > 0 && reports.tells_leaks {
        warn(format_args!("leaks found: {leaks}{of}"));
    } else if leaks == 0 && (reports.tells_none || !complete) {
        warn(format_args!("no leaks found{of}"));
    }
}

/// Writes a report to all its destinations.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn write_all(look: &Look, report: &Report, destinations: &[(Format, PathBuf)]) -> Result<(), ExitCode> {
    write_all_with(look, report, destinations, &str::to_owned)
}

/// How a report for people looks.
pub(super) struct Look {
    pub color: When,
    pub hyperlinks: When,
    pub quiet: bool,
    pub verbose: bool,
    /// Say nothing where there is nothing to say.
    pub silent: bool,
}

impl Look {
    /// As the flags of a scan say.
    pub(super) const fn of(flags: &ReportFlags) -> Self {
        Self {
            color: flags.color,
            hyperlinks: flags.hyperlinks,
            quiet: flags.quiet,
            verbose: flags.verbose,
            silent: flags.silent,
        }
    }
}

fn write_all_with(
    look: &Look,
    report: &Report,
    destinations: &[(Format, PathBuf)],
    clean: &dyn Fn(&str) -> String,
) -> Result<(), ExitCode> {
    let mut failed = false;
    if !report.scan.complete && destinations.iter().all(|(format, _)| format.hides_gaps()) {
        let reasons: Vec<String> =
            report.scan.skipped.iter().filter(|g| !g.accepted).map(|g| format!("{} {}", g.count, g.reason)).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
        warn(format_args!("the scan is incomplete, which this format cannot tell{reasons}"));
    }
    for (format, path) in destinations {
        if let Err(e) = write_one(look, report, *format, path) {
            let place = visible(&clean(&path.display().to_string()));
            error(format_args!("the report cannot be written to {place}: {e}"));
            failed = true;
        }
    }
    if failed { Err(ExitCode::from(2)) } else { Ok(()) }
}

/// What is known of a finding.
fn status(finding: &Finding) -> Status {
    finding.verification.as_ref().map_or(Status::NotChecked, |v| v.status)
}

pub(super) fn tool(settings: &Settings) -> Tool {
    Tool {
        name: "keysift".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue: CATALOGUE_VERSION.to_owned(),
        rules: settings.detector.rules().len(),
    }
}

fn write_one(look: &Look, report: &Report, format: Format, path: &Path) -> io::Result<()> {
    let to_stdout = path.as_os_str() == "-";
    if look.silent && to_stdout && format == Format::Human && report.findings.is_empty() && report.scan.complete {
        return Ok(());
    }
    let style = Style {
        color: to_stdout && terminal::colored(look.color),
        links: to_stdout && format == Format::Human && terminal::linked(look.hyperlinks),
        width: terminal::width(),
        here: std::env::current_dir().and_then(|d| d.canonicalize()).ok(),
        quiet: look.quiet,
        verbose: look.verbose,
    };
    if !to_stdout {
        return write::file(path, |out| format.write(report, &style, out));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match format.write(report, &style, &mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
            // The reader has seen enough: dropping the buffer must not try again.
            let _ = out.into_parts();
            Ok(())
        }
        other => other,
    }
}

/// The first Ctrl-C ends the scan with a report, the second one at once.
fn listen_for_interrupts() {
    let _ = ctrlc::set_handler(|| {
        if STOP.is_asked() {
            std::process::exit(130);
        }
        STOP.ask();
    });
}

/// The wish to stop, for what is done before a scan.
pub(super) fn interruptible() -> &'static Stop {
    listen_for_interrupts();
    &STOP
}

/// Sets how many threads are used; tells how many.
pub(super) fn start_threads(wanted: Option<usize>) -> Result<usize, ExitCode> {
    let threads = wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if threads == 0 || threads > 1024 {
        return Err(usage_error("--threads takes a number from 1 to 1024"));
    }
    if wanted.is_some() {
        // Fails only where the pool is there already, which it is not.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    Ok(threads)
}
