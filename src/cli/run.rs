//! A scan from its flags to its exit code: what `scan` and `git` share.

use super::commits::Commits;
use super::common::{LimitFlags, ReportFlags, RuleFlags, Settings, When};
use super::policy::{self, Loaded, PolicyFlags};
use super::{progress, usage_error};
use crate::config::discover::Home;
use crate::finding::Finding;
use crate::finding::snippet::visible;
use crate::pipeline::{Collector, Outcome};
use crate::report::model::{Gap, Report, ReportedFinding, Run, SCHEMA_VERSION, Scan, Tool};
use crate::report::triage::{StaleDecision, Suppressed};
use crate::report::{Format, Style, write};
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::source::tree::Missing;
use crate::source::{SkipReason, Stop};
use crate::triage::baseline::Of;
use crate::triage::gate::{Ending, Incomplete};
use crate::triage::{Policy, Suppression, View};
use clap::Args;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
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
}

impl RunFlags {
    /// The flags of a scan.
    pub(super) const fn flags(&self) -> Flags<'_> {
        Flags { rules: &self.rules, limits: &self.limits, policy: &self.policy, report: &self.report }
    }
}

/// The flags of a scan.
pub(super) struct Flags<'a> {
    pub rules: &'a RuleFlags,
    pub limits: &'a LimitFlags,
    pub policy: &'a PolicyFlags,
    pub report: &'a ReportFlags,
}

/// What a run was told to do.
struct Orders<'a> {
    flags: &'a ReportFlags,
    settings: &'a Settings,
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
    let Flags { rules, limits, report, .. } = flags;
    let destinations = report.destinations()?;
    let (mut settings, loaded, base) = match whence {
        Whence::Files(places) => {
            let home = Home::of(places);
            let settings = Settings::of(rules, &limits.exclude, report.now, &home)?;
            let rules = settings.detector.rules();
            let loaded = policy::load(flags.policy, &home, settings.baseline.as_ref(), rules, &settings.key)?;
            (settings, loaded, None)
        }
        Whence::Commits(commits) => {
            let settings = commits.settings(rules, &limits.exclude, report.now)?;
            let (head, base) = commits.policies(flags.policy, &settings)?;
            (settings, head, Some(base))
        }
    };
    settings.bound_by(limits);
    let threads = start_threads(limits.threads)?;
    let (outcome, mut targets) = look_with(&settings, report.show_rejected, report.progress, look)?;
    if base.is_some() {
        // What a change adds stands beside no comment that was there before.
        targets.is_new_comment = Some(Box::new(|_| true));
        targets.base = base;
    }
    // Of a part of the rules or files nobody knows which decisions are about nothing.
    if !rules.only.is_empty() || !rules.without.is_empty() || !limits.exclude.is_empty() || targets.roots.len() > 1 {
        targets.whole = None;
    }
    let run = Run {
        roots: targets.roots.clone(),
        interrupted: STOP.is_asked(),
        threads,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let orders = Orders { flags: report, settings: &settings, loaded: &loaded, destinations: &destinations };
    conclude(&orders, &outcome, &targets, run)
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
    let collector = Collector::new(&settings.detector, &STOP, keep_rejected, &accepts).with_containers(settings.containers());
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
    let policy = &orders.loaded.policy;
    let triaged = viewed(orders.settings, outcome, targets, |view| match &targets.base {
        Some(base) => base.apply_with(Some(policy), &outcome.findings, view),
        None => policy.apply(&outcome.findings, view),
    });
    let is_asked = |f: &Finding| f.confidence() >= Some(flags.min_confidence) && f.rule.severity >= flags.min_severity;
    let open: Vec<&Finding> = triaged.open.iter().copied().filter(|f| is_asked(f)).collect();
    let complete = outcome.is_complete() && targets.missing.is_empty() && !run.interrupted;
    let ending = Ending {
        failing: open.iter().filter(|f| flags.fail_on.fails(f) && !orders.settings.is_notice(f)).count(),
        complete,
        missing: !targets.missing.is_empty(),
        interrupted: run.interrupted,
    };
    // What goes to stderr passes the redactor like every report: it is there only now.
    let redactor = (!flags.show_secrets).then_some(&outcome.redactor);
    let clean = |text: &str| redactor.map_or_else(|| text.to_owned(), |r| r.redact(text));
    for e in &targets.missing {
        eprintln!("keysift: {}", visible(&clean(&e.to_string())));
    }
    run.roots.iter_mut().for_each(|root| *root = clean(root));
    let told = |all: &[(&Finding, Suppression)]| {
        let asked = all.iter().filter(|(f, _)| is_asked(f));
        asked.map(|(f, s)| Suppressed::of(f, s, &clean)).collect::<Vec<_>>()
    };
    let suppressed = told(&triaged.suppressed);
    let suppressed_in_full: Vec<ReportedFinding> = triaged
        .suppressed
        .iter()
        .filter(|(f, _)| is_asked(f))
        .map(|(f, s)| ReportedFinding { state: s.decision.state.as_str().to_owned(), ..ReportedFinding::of(f, redactor) })
        .collect();
    let shown = open.len() + suppressed.len();
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
        findings: open
            .iter()
            .map(|f| ReportedFinding { notice: orders.settings.is_notice(f), ..ReportedFinding::of(f, redactor) })
            .collect(),
        suppressed_findings: flags.show_suppressed.then(|| suppressed_in_full.clone()),
        rejected_findings: flags
            .show_rejected
            .then(|| outcome.rejected.iter().map(|f| ReportedFinding::of(f, redactor)).collect()),
        suppressed_in_full,
    };
    let mut failed = false;
    for (format, path) in orders.destinations {
        if let Err(e) = write_one(flags, &report, *format, path) {
            let place = visible(&clean(&path.display().to_string()));
            eprintln!("keysift: the report cannot be written to {place}: {e}");
            failed = true;
        }
    }
    if failed {
        return Err(ExitCode::from(2));
    }
    Ok(ExitCode::from(ending.exit_code(flags.exit_code, flags.incomplete.unwrap_or(Incomplete::Fail))))
}

fn tool(settings: &Settings) -> Tool {
    Tool {
        name: "keysift".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue: CATALOGUE_VERSION.to_owned(),
        rules: settings.detector.rules().len(),
    }
}

fn write_one(flags: &ReportFlags, report: &Report, format: Format, path: &Path) -> io::Result<()> {
    let to_stdout = path.as_os_str() == "-";
    if flags.silent && to_stdout && format == Format::Human && report.findings.is_empty() && report.scan.complete {
        return Ok(());
    }
    let style = Style {
        color: to_stdout && colored(flags.color),
        width: std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(100),
        here: std::env::current_dir().and_then(|d| d.canonicalize()).ok(),
        quiet: flags.quiet,
        verbose: flags.verbose,
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

fn colored(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && io::stdout().is_terminal(),
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
fn start_threads(wanted: Option<usize>) -> Result<usize, ExitCode> {
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
