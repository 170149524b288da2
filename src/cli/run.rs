//! A scan from its flags to its exit code: what `scan` and `git` share.

use super::common::{LimitFlags, ReportFlags, RuleFlags, Settings, When};
use super::{progress, usage_error};
use crate::finding::snippet::visible;
use crate::finding::{Finding, Redactor};
use crate::pipeline::{Collector, Outcome};
use crate::report::model::{Gap, Report, ReportedFinding, Run, SCHEMA_VERSION, Scan, Tool};
use crate::report::{Format, Style, write};
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::source::tree::Missing;
use crate::source::{SkipReason, Stop};
use crate::triage::gate::Ending;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// The wish to stop, which Ctrl-C sets.
static STOP: Stop = Stop::new();

/// What was named on the command line, as it was found.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// For each target the folder that its paths are relative to; empty for stdin.
    pub roots: Vec<String>,
    /// Named paths that are not there.
    pub missing: Vec<Missing>,
}

/// Reads the settings, lets `look` fill the collector, writes the reports, and says how the run ended.
pub(super) fn run(
    rules: &RuleFlags,
    limits: &LimitFlags,
    report: &ReportFlags,
    look: impl FnOnce(&Settings, &Collector<'_>, &mut Targets) -> Result<(), ExitCode>,
) -> ExitCode {
    match try_run(rules, limits, report, look) {
        Ok(code) | Err(code) => code,
    }
}

fn try_run(
    rules: &RuleFlags,
    limits: &LimitFlags,
    report: &ReportFlags,
    look: impl FnOnce(&Settings, &Collector<'_>, &mut Targets) -> Result<(), ExitCode>,
) -> Result<ExitCode, ExitCode> {
    let start = Instant::now();
    let destinations = report.destinations()?;
    let settings = Settings::of(rules, &limits.exclude, report.now)?;
    listen_for_interrupts();
    let threads = start_threads(limits.threads)?;
    let accepts = |reason: SkipReason, path: &str| settings.accepts(reason.as_str(), path);
    let collector = Collector::new(&settings.detector, &STOP, report.show_rejected, &accepts);
    let mut targets = Targets::default();
    progress::during(report.progress, &collector, || look(&settings, &collector, &mut targets))?;
    let outcome = collector.finish(&settings.key);
    let run = Run {
        roots: targets.roots,
        interrupted: STOP.is_asked(),
        threads,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    conclude(report, &destinations, &settings, &outcome, &targets.missing, run)
}

/// Writes the reports and says how the run ended.
fn conclude(
    flags: &ReportFlags,
    destinations: &[(Format, PathBuf)],
    settings: &Settings,
    outcome: &Outcome,
    missing: &[Missing],
    mut run: Run,
) -> Result<ExitCode, ExitCode> {
    let reported: Vec<&Finding> = outcome
        .findings
        .iter()
        .filter(|f| f.confidence() >= Some(flags.min_confidence) && f.rule.severity >= flags.min_severity)
        .collect();
    let complete = outcome.skipped.keys().all(|(_, accepted)| *accepted) && missing.is_empty() && !run.interrupted;
    let ending = Ending {
        failing: reported.iter().filter(|f| flags.fail_on.fails(f)).count(),
        complete,
        missing: !missing.is_empty(),
        interrupted: run.interrupted,
    };
    // What goes to stderr passes the redactor like every report: it is there only now.
    let redactor = (!flags.show_secrets).then_some(&outcome.redactor);
    let clean = |text: &str| redactor.map_or_else(|| text.to_owned(), |r| r.redact(text));
    for e in missing {
        eprintln!("keysift: {}", visible(&clean(&e.to_string())));
    }
    run.roots.iter_mut().for_each(|root| *root = clean(root));
    let missing = missing.iter().map(|m| clean(&m.path)).collect();
    let report = tell(redactor, flags.show_rejected, settings, outcome, &reported, missing, complete, run);
    let mut failed = false;
    for (format, path) in destinations {
        if let Err(e) = write_one(flags, &report, *format, path) {
            let place = visible(&clean(&path.display().to_string()));
            eprintln!("keysift: the report cannot be written to {place}: {e}");
            failed = true;
        }
    }
    if failed {
        return Err(ExitCode::from(2));
    }
    Ok(ExitCode::from(ending.exit_code(flags.exit_code, flags.incomplete)))
}

#[expect(clippy::too_many_arguments, reason = "all of a report comes together here")]
fn tell(
    redactor: Option<&Redactor>,
    show_rejected: bool,
    settings: &Settings,
    outcome: &Outcome,
    reported: &[&Finding],
    missing: Vec<String>,
    complete: bool,
    run: Run,
) -> Report {
    let tell = |f: &Finding| ReportedFinding::of(f, redactor);
    Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "keysift".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue: CATALOGUE_VERSION.to_owned(),
            rules: settings.detector.rules().len(),
        },
        scan: Scan {
            complete,
            blobs: outcome.files,
            bytes: outcome.bytes,
            excluded: outcome.excluded.iter().map(|(reason, tally)| Gap::of(reason.as_str(), tally, true, redactor)).collect(),
            skipped: outcome
                .skipped
                .iter()
                .map(|((reason, accepted), tally)| Gap::of(reason.as_str(), tally, *accepted, redactor))
                .collect(),
            missing,
            suppressed: Vec::new(),
            rejected: outcome.rejected_total,
            below_threshold: (outcome.findings.len() - reported.len()) as u64,
            fingerprint_key: settings.key.id(),
            run,
        },
        findings: reported.iter().map(|f| tell(f)).collect(),
        rejected_findings: show_rejected.then(|| outcome.rejected.iter().map(tell).collect()),
    }
}

fn write_one(flags: &ReportFlags, report: &Report, format: Format, path: &Path) -> io::Result<()> {
    let to_stdout = path.as_os_str() == "-";
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
