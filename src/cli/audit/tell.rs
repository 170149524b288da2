//! `keysift audit status`, `report`, `diff`: what is known, told.

use super::StoreFlags;
use super::run::GateFlags;
use crate::audit::store::{Access, Filter, Row, Status, Store, Totals};
use crate::audit::summary;
use crate::audit::target::RateBudget;
use crate::cli::common::{Settings, When, confidence, destinations, severity};
use crate::cli::run::{Look, now, tell_refused, write_all};
use crate::cli::usage_error;
use crate::finding::date::rfc3339;
use crate::finding::snippet::visible;
use crate::finding::{Location, Status as Checked};
use crate::report::model::{Gap, Report, ReportedFinding, Run, SCHEMA_VERSION, Scan, Told, Tool};
use crate::report::triage::Suppressed;
use crate::report::{Format, write};
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::rule::{Confidence, RuleSet, Severity};
use crate::triage::gate::{Ending, FailOn};
use crate::triage::state::How;
use crate::triage::{Source, State};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift audit status`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit status                    repositories, findings, and what was not looked at\n\
    \x20 keysift audit status --store acme.db    of another store")]
pub(super) struct StatusArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Which findings are reported.
#[derive(Debug, Clone, Args)]
pub(super) struct WhichFlags {
    /// Only those that are live, dead, unknown, not_checked
    #[arg(long = "only", value_name = "STATUS", value_delimiter = ',', value_parser = crate::cli::verification::status, help_heading = "Which findings")]
    only: Vec<Checked>,
    /// Those of these states: open, revoked, false_positive, test_value, accepted [default: open]
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = State::parse, help_heading = "Which findings")]
    state: Vec<State>,
    /// Those that are no longer there too
    #[arg(long, help_heading = "Which findings")]
    gone: bool,
    /// Those of repositories with this in their name
    #[arg(long, value_name = "TEXT", help_heading = "Which findings")]
    repository: Option<String>,
    /// Those of this team, group or organization
    #[arg(long, value_name = "TEXT", help_heading = "Which findings")]
    team: Option<String>,
    /// Those of this provider
    #[arg(long, value_name = "TEXT", help_heading = "Which findings")]
    provider: Option<String>,
    /// Those that someone with this in their name or address brought
    #[arg(long, value_name = "TEXT", help_heading = "Which findings")]
    author: Option<String>,
    /// Those in files that belong to someone with this in their name, as CODEOWNERS says
    #[arg(long, value_name = "TEXT", help_heading = "Which findings")]
    owner: Option<String>,
    /// The least confidence that is reported: low, medium, high
    #[arg(long, value_name = "LEVEL", default_value = "medium", value_parser = confidence, help_heading = "Which findings")]
    min_confidence: Confidence,
    /// The least severity that is reported: low, medium, high, critical
    #[arg(long, value_name = "LEVEL", default_value = "low", value_parser = severity, help_heading = "Which findings")]
    min_severity: Severity,
}

/// How they are reported.
#[derive(Debug, Clone, Args)]
pub(super) struct FormatFlags {
    /// The form of the report, as those of `keysift scan`; several, each with its own --output
    #[arg(short, long, value_name = "FORMAT", help_heading = "Report")]
    format: Vec<String>,
    /// Where it goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    output: Vec<PathBuf>,
    /// Leave out who committed what, and whom files belong to
    #[arg(long, help_heading = "Report")]
    no_authors: bool,
    /// Only findings and what makes the audit incomplete
    #[arg(short, long, help_heading = "Report")]
    quiet: bool,
    /// With the reasons of each finding
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Report")]
    verbose: bool,
    /// Use colour
    #[arg(long, value_enum, default_value = "auto", help_heading = "Report")]
    color: When,
}

/// `keysift audit report`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit report --only live                              what is live, worst first\n\
    \x20 keysift audit report --team payments -f csv -o payments.csv   for one team\n\
    \x20 keysift audit report --summary -o summary.html                numbers, as a page")]
pub(super) struct ReportArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// Numbers about all of it instead of findings: time to revoke, age, coverage …; HTML where --output ends so, else CSV
    #[arg(long, help_heading = "Report")]
    summary: bool,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    how: FormatFlags,
}

/// `keysift audit diff`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit diff                                             what the last run found first\n\
    \x20 keysift audit diff --since 2026-01-31 -f sarif -o new.sarif    what was found first since a day")]
pub(super) struct DiffArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// A time or day: 2026-11-20, 2026-11-20T08:00:00Z [default: the begin of the last run]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    how: FormatFlags,
}

pub(super) fn failed(e: &dyn std::fmt::Display) -> ExitCode {
    usage_error(&e.to_string())
}

/// Tells where the audit stands.
pub(super) fn status(arguments: &StatusArguments) -> Result<ExitCode, ExitCode> {
    let store = arguments.store.open(Access::Existing)?;
    let status = store.status().map_err(|e| failed(&e))?;
    let text = if arguments.json { status_json(&status) } else { status_text(&status) };
    Ok(crate::cli::print(&text))
}

fn status_json(status: &Status) -> String {
    let json = serde_json::json!({
        "run": status.run.as_ref().map(|r| &r.name),
        "started_at": status.run.as_ref().map(|r| &r.started_at),
        "ended_at": status.ended_at,
        "units": status.units,
        "repositories": status.coverage.repositories,
        "complete": status.coverage.is_complete(),
        "not_visible": status.coverage.not_visible.len(),
        "open_lists": status.coverage.open_lists.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "open_findings": status.open,
        "findings": status.states,
        "budgets": status.budgets.iter().map(|b| serde_json::json!({
            "host": b.host, "remaining": b.remaining, "limit": b.limit, "resets_at": b.resets_at.map(|at| rfc3339(at, 0)),
        })).collect::<Vec<_>>(),
    });
    format!("{json:#}\n")
}

/// What is told of an audit in words.
fn status_text(status: &Status) -> String {
    let mut text = String::new();
    let coverage = &status.coverage;
    let count = |word: &str| status.units.get(word).copied().unwrap_or(0);
    if let Some(run) = &status.run {
        let total: u64 = status.units.values().sum();
        let ending = match &status.ended_at {
            Some(at) => format!("ended {at}"),
            None => format!("not ended: {} to go, {} under way", count("ready"), count("leased")),
        };
        let _ =
            writeln!(text, "run of {}: {} of {total} repositories, {ending}", run.started_at, count("done") + count("failed"));
    }
    let parts: Vec<String> =
        coverage.repositories.iter().map(|(status, n)| format!("{n} {}", status.replace('_', " "))).collect();
    let total: u64 = coverage.repositories.values().sum();
    let _ = writeln!(text, "{total} repositories: {}", if parts.is_empty() { "none".to_owned() } else { parts.join(", ") });
    for (name, why) in coverage.open_lists.iter().take(10) {
        let why = why.as_deref().unwrap_or("not read to its end");
        let _ = writeln!(text, "  list {}: {}", visible(name), visible(why));
    }
    for (name, why) in coverage.not_visible.iter().take(10) {
        let _ = writeln!(text, "  not visible: {}: {}", visible(name), visible(why));
    }
    for (name, status, why) in &status.failed {
        let why = if why.is_empty() { "parts could not be looked at" } else { why };
        let _ = writeln!(text, "  {}: {}: {}", status.replace('_', " "), visible(name), visible(why));
    }
    let open: u64 = status.open.values().flat_map(BTreeMap::values).sum();
    let live: u64 = status.open.values().filter_map(|by| by.get("live")).sum();
    let by: Vec<String> = ["critical", "high", "medium", "low"]
        .iter()
        .filter_map(|s| status.open.get(*s).map(|by| format!("{} {s}", by.values().sum::<u64>())))
        .collect();
    let by = if by.is_empty() { String::new() } else { format!(": {}", by.join(", ")) };
    let _ = writeln!(text, "{open} open secrets{by}; {live} known to be live");
    let decided: Vec<String> = status
        .states
        .iter()
        .filter(|(state, _)| *state != "open")
        .map(|(state, n)| format!("{n} {}", state.replace('_', " ")))
        .collect();
    if !decided.is_empty() {
        let _ = writeln!(text, "decided: {}", decided.join(", "));
    }
    for RateBudget { host, remaining, limit, resets_at } in &status.budgets {
        let until = resets_at.map_or_else(String::new, |at| format!(" until {}", rfc3339(at, 0)));
        let _ = writeln!(text, "{}: {remaining} of {limit} requests left{until}, when it was asked last", visible(host));
    }
    text
}

/// Tells how a run ended.
pub(super) fn after_run(
    store: &Store,
    mut settings: Settings,
    flags: &GateFlags,
    interrupted: bool,
) -> Result<ExitCode, ExitCode> {
    settings.tells_least(flags.min_confidence, flags.min_severity);
    let gate = settings.gate(flags.fails);
    tell_refused(settings.refused());
    let status = store.status().map_err(|e| failed(&e))?;
    let rows = store.findings(&Filter::default()).map_err(|e| failed(&e))?;
    let mut text = status_text(&status);
    let counted = |f: &ReportedFinding| {
        let (sure, severe) = settings.least_at(&f.location.path);
        is_asked(f, sure, severe)
    };
    let failing = rows.iter().filter(|r| counted(&r.finding) && fails(gate.fail_on, &r.finding)).count();
    let undecided = match gate.fail_on {
        FailOn::Live { unknown: false } => {
            let is_undecided = |f: &ReportedFinding| matches!(f.verification.status, Checked::Unknown | Checked::NotChecked);
            rows.iter().filter(|r| counted(&r.finding) && is_undecided(&r.finding)).count()
        }
        _ => 0,
    };
    if interrupted {
        text.push_str("interrupted: `keysift audit run` goes on from here\n");
    } else if !rows.is_empty() {
        text.push_str("`keysift audit report` lists them\n");
    }
    if undecided > 0 {
        let _ = writeln!(text, "of {undecided} nobody could say whether they are live; --fail-on live,unknown fails on them");
    }
    let ending = Ending { failing, complete: status.coverage.is_complete() && undecided == 0, missing: false, interrupted };
    match crate::cli::print(&text) {
        ExitCode::SUCCESS => Ok(ExitCode::from(ending.exit_code(&gate))),
        code => Err(code),
    }
}

fn fails(fail_on: FailOn, finding: &ReportedFinding) -> bool {
    match fail_on {
        FailOn::Any => true,
        FailOn::None => false,
        FailOn::Severity(least) => Severity::parse(&finding.severity).is_none_or(|s| s >= least),
        FailOn::Live { unknown } => match finding.verification.status {
            Checked::Live => true,
            Checked::Dead => false,
            Checked::Unknown | Checked::NotChecked => unknown,
        },
    }
}

fn is_asked(finding: &ReportedFinding, sure: Confidence, severe: Severity) -> bool {
    Confidence::parse(&finding.confidence).is_none_or(|c| c >= sure)
        && Severity::parse(&finding.severity).is_none_or(|s| s >= severe)
}

/// Reports what is known.
pub(super) fn report(arguments: &ReportArguments) -> Result<ExitCode, ExitCode> {
    let store = arguments.store.open(Access::Existing)?;
    if arguments.summary {
        return summarize(&store, &arguments.how);
    }
    tell(&store, &arguments.which, Filter::default(), &arguments.how)
}

/// Reports what is new.
pub(super) fn diff(arguments: &DiffArguments) -> Result<ExitCode, ExitCode> {
    let store = arguments.store.open(Access::Existing)?;
    let new = match &arguments.since {
        Some(since) => Filter { since: Some(since.clone()), ..Filter::default() },
        None => match store.last_run().map_err(|e| failed(&e))? {
            Some(run) => Filter { since_run: Some(run.id), ..Filter::default() },
            None => return Err(usage_error("nothing was run yet: `keysift audit run` does")),
        },
    };
    tell(&store, &arguments.which, new, &arguments.how)
}

impl WhichFlags {
    /// The filter that they make of one.
    fn filter(&self, states: &[State], new: Filter) -> Filter {
        Filter {
            states: states.iter().map(|s| s.as_str().to_owned()).collect(),
            verification: self.only.iter().map(|s| s.as_str().to_owned()).collect(),
            gone: self.gone,
            repository: self.repository.clone(),
            team: self.team.clone(),
            provider: self.provider.clone(),
            author: self.author.clone(),
            owner: self.owner.clone(),
            ..new
        }
    }

    /// Whether any of them says something.
    pub(super) fn is_given(&self) -> bool {
        let Self { only, state, gone, repository, team, provider, author, owner, min_confidence, min_severity } = self;
        let words = [repository, team, provider, author, owner];
        let is_usual = *min_confidence == Confidence::Medium && *min_severity == Severity::Low;
        !only.is_empty() || !state.is_empty() || *gone || words.iter().any(|word| word.is_some()) || !is_usual
    }

    /// The states that are wanted.
    fn states(&self) -> Vec<State> {
        if self.state.is_empty() { vec![State::Open] } else { self.state.clone() }
    }

    /// The findings that are wanted.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn rows(&self, store: &Store) -> Result<Vec<Row>, ExitCode> {
        let mut rows = store.findings(&self.filter(&self.states(), Filter::default())).map_err(|e| failed(&e))?;
        rows.retain(|r| is_asked(&r.finding, self.min_confidence, self.min_severity));
        Ok(rows)
    }
}

fn tell(store: &Store, which: &WhichFlags, new: Filter, how: &FormatFlags) -> Result<ExitCode, ExitCode> {
    let destinations = destinations(&how.format, &how.output)?;
    let rows = store.findings(&which.filter(&State::ALL, new)).map_err(|e| failed(&e))?;
    let wanted = which.states();
    let before = rows.len();
    let rows: Vec<Row> = rows.into_iter().filter(|r| is_asked(&r.finding, which.min_confidence, which.min_severity)).collect();
    let below = before - rows.len();
    let (told, decided): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|r| wanted.iter().any(|state| state.as_str() == r.finding.state));
    let report = assemble(store, told, decided, below, how)?;
    let look = Look { color: how.color, hyperlinks: When::Never, quiet: how.quiet, verbose: how.verbose, silent: false };
    // JSON tells the repository beside the path; for all others it stands before it.
    let (exact, named): (Vec<_>, Vec<_>) =
        destinations.into_iter().partition(|(format, _)| matches!(format, Format::Json | Format::Jsonl));
    write_all(&look, &report, &exact)?;
    write_all(&look, &with_repositories(report), &named)?;
    Ok(ExitCode::SUCCESS)
}

fn assemble(store: &Store, told: Vec<Row>, decided: Vec<Row>, below: usize, how: &FormatFlags) -> Result<Report, ExitCode> {
    let status = store.status().map_err(|e| failed(&e))?;
    let Totals { mut skipped, excluded, blobs, bytes, rejected } = store.totals().map_err(|e| failed(&e))?;
    let coverage = &status.coverage;
    for (reason, word) in
        [("repository_failed", "failed"), ("repository_not_visible", "not_visible"), ("repository_planned", "planned")]
    {
        let count = coverage.count(word);
        if count > 0 {
            let named = status.failed.iter().filter(|(_, status, _)| status == word);
            let examples = named.map(|(name, ..)| name.clone()).take(10).collect();
            skipped.push(Gap { reason: reason.to_owned(), count, bytes: 0, examples, accepted: false });
        }
    }
    for (reason, all) in [
        ("listed_not_visible", coverage.not_visible.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()),
        ("list_not_read", coverage.open_lists.iter().map(|(name, _)| name.clone()).collect()),
    ] {
        if !all.is_empty() {
            let examples = all.iter().take(10).cloned().collect();
            skipped.push(Gap { reason: reason.to_owned(), count: all.len() as u64, bytes: 0, examples, accepted: false });
        }
    }
    let mut roots: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let findings: Vec<ReportedFinding> = told
        .into_iter()
        .map(|row| {
            let root = if row.repository.web_url.is_empty() { row.repository.clone_url } else { row.repository.web_url };
            let target = *places.entry(root.clone()).or_insert_with(|| {
                roots.push(root);
                roots.len() - 1
            });
            let mut finding = row.finding;
            finding.target = target;
            if how.no_authors {
                leave_people_out(&mut finding);
            }
            finding
        })
        .collect();
    let suppressed = decided
        .iter()
        .map(|row| (row, row.by.is_none() && row.allowed.is_some()))
        .map(|(row, by_config)| Suppressed {
            source: if by_config { Source::Allowlist.as_str() } else { "audit" }.to_owned(),
            fingerprint: row.finding.fingerprint.clone(),
            rule_id: row.finding.rule_id.clone(),
            path: row.finding.location.joined(),
            start_line: row.finding.location.start_line,
            state: row.finding.state.clone(),
            reason: if by_config { row.allowed.clone() } else { row.reason.clone() },
            owner: row.by.clone(),
            until: None,
            matched: if by_config { How::Allowlist.as_str() } else { How::Fingerprint.as_str() }.to_owned(),
            from: None,
        })
        .collect();
    let run = status.run.as_ref();
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "keysift".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue: CATALOGUE_VERSION.to_owned(),
            rules: RuleSet::built_in().len(),
        },
        scan: Scan {
            refused: Vec::new(),
            complete: coverage.is_complete(),
            blobs,
            bytes,
            members: 0,
            unpacked: 0,
            policy: Vec::new(),
            excluded,
            skipped,
            missing: Vec::new(),
            suppressed,
            proposed: Vec::new(),
            stale: Vec::new(),
            rejected,
            below_threshold: below as u64,
            fingerprint_key: crate::finding::IdentityKey::from_environment().id(),
            run: Run {
                roots,
                interrupted: false,
                threads: std::thread::available_parallelism().map_or(1, usize::from),
                milliseconds: 0,
                started_at: run.map(|r| r.started_at.clone()),
                ended_at: status.ended_at.clone().or_else(|| Some(now())),
                verification: Told::of(findings.iter().map(|f| &f.verification).filter(|v| v.status != Checked::NotChecked)),
            },
        },
        findings,
        suppressed_findings: None,
        rejected_findings: None,
        suppressed_in_full: decided.into_iter().map(|row| row.finding).collect(),
    })
}

fn each_location(finding: &mut ReportedFinding, change: &mut dyn FnMut(&mut Location)) {
    change(&mut finding.location);
    finding.introduced.iter_mut().for_each(&mut *change);
    finding.occurrences.iter_mut().for_each(change);
}

/// Tells nothing of people: who committed it, whom its file belongs to, who wrote a text.
pub(super) fn leave_people_out(finding: &mut ReportedFinding) {
    each_location(finding, &mut |l| {
        (l.author, l.email) = (None, None);
        if let Some(origin) = l.origin.as_mut().and_then(|origin| origin.as_object_mut()) {
            origin.retain(|key, _| !matches!(key.as_str(), "owners" | "author" | "email"));
        }
    });
}

/// The report with the name of its repository before each path.
fn with_repositories(mut report: Report) -> Report {
    for finding in report.findings.iter_mut().chain(&mut report.suppressed_in_full) {
        let named = |l: &Location| l.origin.as_ref().and_then(|o| o["repository"].as_str().map(str::to_owned));
        let Some(name) = named(&finding.location) else { continue };
        each_location(finding, &mut |l| l.path = format!("{name}/{}", l.path));
    }
    report.scan.run.roots.clear();
    report
}

/// Numbers about all of it.
fn summarize(store: &Store, how: &FormatFlags) -> Result<ExitCode, ExitCode> {
    let summary = summary::Summary::of(store, crate::finding::Day::today()).map_err(|e| failed(&e))?;
    let is_html = how.format.iter().any(|f| f == "html") || how.output.iter().any(|o| o.extension().is_some_and(|e| e == "html"));
    let text = if is_html { summary.html() } else { summary.csv() };
    put(how.output.first().map_or(Path::new("-"), PathBuf::as_path), &text)
}

/// Writes a text to a file, or to stdout.
pub(super) fn put(path: &Path, text: &str) -> Result<ExitCode, ExitCode> {
    if path.as_os_str() == "-" {
        return Ok(crate::cli::print(text));
    }
    write::file(path, |out| out.write_all(text.as_bytes()))
        .map_err(|e| usage_error(&format!("{} cannot be written: {e}", path.display())))?;
    Ok(ExitCode::SUCCESS)
}
