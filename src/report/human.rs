//! The report that a person reads in a terminal.

use super::Report;
use super::hyperlink;
use super::model::{Gap, ReportedFinding};
use super::triage::{Suppressed, source_in_words};
use super::wording::owners;
use crate::finding::snippet::visible;
use crate::finding::{Status, Verification};
use crate::source::{ExcludeReason, SkipReason};
use crate::triage::state::StaleReason;
use crate::triage::{Source, State};
use anstyle::{AnsiColor, Style as Ansi};
use std::io::{self, Write};

/// How the report looks.
#[derive(Debug, Clone)]
pub struct Style {
    pub color: bool,
    /// Paths are links that the terminal opens.
    pub links: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// The folder that shown paths are relative to, with links resolved.
    pub here: Option<std::path::PathBuf>,
    /// Only the findings and what makes the scan incomplete.
    pub quiet: bool,
    /// With the reasons of each finding.
    pub verbose: bool,
}

/// How many decisions of a kind are named that do nothing.
const MOST_STALE: usize = 5;

const BOLD: Ansi = Ansi::new().bold();
const DIM: Ansi = Ansi::new().dimmed();
const RED: Ansi = AnsiColor::Red.on_default().bold();
const YELLOW: Ansi = AnsiColor::Yellow.on_default().bold();
const CYAN: Ansi = AnsiColor::Cyan.on_default();
const GREEN: Ansi = AnsiColor::Green.on_default().bold();

struct Pen<'a> {
    out: &'a mut dyn Write,
    style: &'a Style,
}

impl Pen<'_> {
    fn paint(&self, ansi: Ansi, text: &str) -> String {
        if self.style.color { format!("{ansi}{text}{ansi:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Text in lines of the terminal's width, each indented.
    fn wrapped(&mut self, label: &str, text: &str) -> io::Result<()> {
        let room = self.style.width.clamp(40, 110).saturating_sub(13);
        let mut line = String::new();
        let mut first = true;
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                self.labelled(label, &line, first)?;
                first = false;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if line.is_empty() { Ok(()) } else { self.labelled(label, &line, first) }
    }

    fn labelled(&mut self, label: &str, line: &str, first: bool) -> io::Result<()> {
        let label = if first { label } else { "" };
        let label = self.paint(DIM, &format!("{label:>10}"));
        self.line(&format!("{label}  {line}"))
    }
}

/// Writes the report.
pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut pen = Pen { out, style };
    for finding in &report.findings {
        write_finding(&mut pen, report, finding)?;
    }
    if let Some(suppressed) = &report.suppressed_findings {
        write_suppressed(&mut pen, report, suppressed)?;
    }
    if let Some(rejected) = &report.rejected_findings {
        for finding in rejected {
            let why: Vec<&str> = finding.reasons.iter().filter(|r| r.weight < 0.0).map(|r| r.text.as_str()).collect();
            let head = format!("not a secret  {}  {}", place(report, style, finding), finding.rule_id);
            let line = pen.paint(DIM, &head);
            pen.line(&line)?;
            pen.line(&format!("            {}", finding.snippet.text))?;
            let line = pen.paint(DIM, &format!("            {:.2}: {}", finding.score, why.join("; ")));
            pen.line(&line)?;
        }
        if !rejected.is_empty() {
            pen.line("")?;
        }
    }
    write_summary(&mut pen, report)
}

fn write_finding(pen: &mut Pen<'_>, report: &Report, finding: &ReportedFinding) -> io::Result<()> {
    let color = match finding.severity.as_str() {
        "critical" | "high" => RED,
        "medium" => YELLOW,
        _ => CYAN,
    };
    let severity = pen.paint(color, &finding.severity);
    let name = pen.paint(BOLD, &finding.rule_name);
    let live = if finding.verification.status == Status::Live { pen.paint(RED, "LIVE ") } else { String::new() };
    // Of other tools' findings nobody said how severe they are.
    let between = if finding.severity.is_empty() { "" } else { ": " };
    pen.line(&format!("{live}{severity}{between}{name}"))?;
    let mut place = pen.paint(CYAN, &place(report, pen.style, finding));
    if let Some(address) = pen.style.links.then(|| hyperlink::address(report, finding)).flatten() {
        place = hyperlink::link(&address, &place);
    }
    let mut facts = Vec::new();
    if !finding.confidence.is_empty() {
        facts.push(format!("confidence {}", finding.confidence));
    }
    if !finding.location.decoded.is_empty() {
        facts.push(format!("behind {}", finding.location.decoded.join(", ")));
    }
    if finding.notice {
        facts.push("notice: a rule younger than the configured catalogue".to_owned());
    }
    if finding.path_class != "source" && !finding.path_class.is_empty() {
        facts.push(format!("{} file", finding.path_class));
    }
    if finding.occurrences_total > 1 && finding.exposure.is_none() {
        let lines: Vec<String> = finding.occurrences.iter().skip(1).take(5).map(|l| l.start_line.to_string()).collect();
        let more = finding.occurrences_total - 1 - lines.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        facts.push(format!("also in line {}{more}", lines.join(", ")));
    }
    let facts = pen.paint(DIM, &facts.join(" · "));
    pen.line(&format!("  {place}  {facts}"))?;
    let chars: Vec<char> = finding.snippet.text.chars().collect();
    let (from, to) = (finding.snippet.mark_start.min(chars.len()), finding.snippet.mark_end.min(chars.len()));
    let before: String = chars[..from].iter().collect::<String>().trim_start().to_owned();
    let marked: String = chars[from..to].iter().collect();
    let after: String = chars[to..].iter().collect();
    let bar = pen.paint(DIM, "|");
    let shown = pen.paint(RED, &marked);
    pen.line(&format!("    {bar} {before}{shown}{}", after.trim_end()))?;
    let carets = pen.paint(RED, &"^".repeat(marked.chars().count().max(1)));
    pen.line(&format!("    {bar} {}{carets}", " ".repeat(before.chars().count())))?;
    write_verification(pen, &finding.verification)?;
    write_history(pen, finding)?;
    for companion in &finding.companions {
        pen.wrapped("with", &format!("{} {}", companion.name, companion.secret))?;
    }
    if !finding.structure.is_empty() {
        let facts: Vec<String> =
            finding.structure.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), visible(value))).collect();
        pen.wrapped("it tells", &facts.join(", "))?;
    }
    if !finding.also.is_empty() {
        pen.wrapped("also", &format!("seen by {}", finding.also.join(", ")))?;
    }
    if pen.style.verbose {
        for reason in &finding.reasons {
            pen.wrapped("because", &format!("{} ({} {:+.2})", reason.text, reason.signal, reason.weight))?;
        }
    }
    for proposal in
        report.scan.proposed.iter().filter(|p| p.fingerprint == finding.fingerprint && p.path == finding.location.path)
    {
        let text = format!("{}; it counts once it is merged", visible(&proposal.in_words()));
        pen.wrapped("proposed", &text)?;
    }
    let first = match finding.exposure.as_deref() {
        _ if finding.verification.status == Status::Live => "It is live: revoke it first, whatever happens to the text. ",
        Some("staged") => {
            "It is not committed yet: take it out of the file and `git add` the file again; keep the value in the environment or a secret store. If it was seen elsewhere: "
        }
        Some("local_only") => {
            "It is committed and not pushed: rewrite those commits (`git commit --amend`, `git rebase -i`) before you push. If it was seen elsewhere: "
        }
        Some("pushed" | "merged") => "It is pushed: revoke it first, deleting it is not enough. ",
        _ => "",
    };
    pen.wrapped("do now", &format!("{first}{}", finding.remedy.steps))?;
    if !finding.remedy.rotate.is_empty() {
        pen.wrapped("revoke at", &finding.remedy.rotate)?;
    }
    pen.wrapped("id", &format!("{} ({})", finding.fingerprint, finding.rule_id))?;
    pen.line("")
}

/// What its provider said: the state, why nobody knows, whose it is.
fn write_verification(pen: &mut Pen<'_>, known: &Verification) -> io::Result<()> {
    if known.status == Status::NotChecked {
        return Ok(());
    }
    let mut text = known.in_words();
    if let Some(detail) = &known.detail {
        text = format!("{text}: {}", visible(detail));
    }
    for (is_so, words) in [(known.via_proxy, " (through a proxy)"), (known.cached, " (from the cache)")] {
        if is_so {
            text.push_str(words);
        }
    }
    pen.wrapped("state", &text)?;
    if !known.identity.is_empty() {
        let facts: Vec<String> = known.identity.iter().map(|(name, value)| format!("{name} {}", visible(value))).collect();
        pen.wrapped("whose", &facts.join(", "))?;
    }
    for past in known.history.iter().rev().take(3) {
        let at = |time: &Option<String>| time.as_deref().map_or("", |t| t.get(..10).unwrap_or(t)).to_owned();
        pen.wrapped("before", &format!("{} from {} to {}", past.status.as_str(), at(&past.since), at(&past.checked_at)))?;
    }
    Ok(())
}

/// Which commit brought it, who made that, and where it stands now.
fn write_history(pen: &mut Pen<'_>, finding: &ReportedFinding) -> io::Result<()> {
    let l = finding.introduced.as_ref().unwrap_or(&finding.location);
    if let Some(commit) = &l.commit {
        let mut text = format!("commit {}", commit.get(..12).unwrap_or(commit));
        for (label, value) in [(" by ", &l.author), (" on ", &l.date)] {
            if let Some(value) = value {
                let value = if label == " on " { value.get(..10).unwrap_or(value) } else { value };
                text = format!("{text}{label}{}", visible(value));
            }
        }
        if finding.occurrences_total > 1 {
            text = format!("{text}, brought again by {}", counted(finding.occurrences_total as u64 - 1, "commit"));
        }
        pen.wrapped("since", &text)?;
    }
    if let Some(owners) = owners(finding) {
        pen.wrapped("owners", &visible(&owners))?;
    }
    match finding.at_tip.as_deref() {
        Some([]) if finding.exposure.as_deref() != Some("staged") => {
            let gone = finding.location.commit.as_deref().map(|c| c.get(..12).unwrap_or(c)).unwrap_or_default();
            pen.wrapped("now", &format!("in history alone: no branch has it at its tip; shown as of commit {gone}"))
        }
        Some(tips) if !tips.is_empty() => {
            let more = if tips.len() > 3 { format!(" and {} more", tips.len() - 3) } else { String::new() };
            let names: Vec<String> = tips.iter().take(3).map(|t| visible(t)).collect();
            pen.wrapped("now", &format!("at the tip of {}{more}", names.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Findings that a decision keeps out, with who decided what.
fn write_suppressed(pen: &mut Pen<'_>, report: &Report, findings: &[ReportedFinding]) -> io::Result<()> {
    for (finding, decision) in findings.iter().zip(&report.scan.suppressed) {
        let head = format!("suppressed  {}  {}", place(report, pen.style, finding), finding.rule_id);
        let line = pen.paint(DIM, &head);
        pen.line(&line)?;
        pen.line(&format!("            {}", finding.snippet.text))?;
        let line = pen.paint(DIM, &format!("            {}  {}", finding.fingerprint, visible(&decision.in_words())));
        pen.line(&line)?;
    }
    if findings.is_empty() { Ok(()) } else { pen.line("") }
}

/// `path:line:column`, as the person would open it from where they are.
fn place(report: &Report, style: &Style, finding: &ReportedFinding) -> String {
    let l = &finding.location;
    let path = style
        .here
        .as_ref()
        .zip(report.scan.run.roots.get(finding.target))
        .filter(|(_, root)| !root.is_empty())
        .and_then(|(here, root)| {
            let whole = std::path::Path::new(root).join(&l.path);
            whole.strip_prefix(here).ok().map(|p| p.display().to_string())
        })
        .unwrap_or_else(|| l.path.clone());
    format!("{}:{}:{}", visible(&l.joined_from(&path)), l.start_line, l.start_column)
}

fn write_summary(pen: &mut Pen<'_>, report: &Report) -> io::Result<()> {
    let scan = &report.scan;
    if report.findings.is_empty() {
        let text = if scan.complete && !scan.suppressed.is_empty() {
            pen.paint(GREEN, "no open secrets")
        } else if scan.complete {
            pen.paint(GREEN, "no secrets found")
        } else {
            pen.paint(YELLOW, "no secrets found in what was looked at")
        };
        pen.line(&text)?;
    } else {
        let mut counts = Vec::new();
        for severity in ["critical", "high", "medium", "low"] {
            let n = report.findings.iter().filter(|f| f.severity == severity).count();
            if n > 0 {
                counts.push(format!("{n} {severity}"));
            }
        }
        let mut files: Vec<(usize, &str)> = report.findings.iter().map(|f| (f.target, f.location.path.as_str())).collect();
        files.sort_unstable();
        files.dedup();
        let text = format!(
            "{} in {}: {}",
            counted(report.findings.len() as u64, "secret"),
            counted(files.len() as u64, "file"),
            counts.join(", ")
        );
        let text = pen.paint(RED, &text);
        pen.line(&text)?;
    }
    if !pen.style.quiet {
        if scan.blobs == 0 && scan.skipped.is_empty() && scan.missing.is_empty() {
            pen.line("there was nothing to look at")?;
        } else {
            #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
            let seconds = scan.run.milliseconds as f64 / 1000.0;
            let members = match scan.members {
                0 => String::new(),
                n => format!(", in archives {}, {}", counted(n, "member"), size(scan.unpacked)),
            };
            pen.line(&format!(
                "looked at {}, {}{members} in {seconds:.2} s with {} rules",
                counted(scan.blobs, "file"),
                size(scan.bytes),
                report.tool.rules
            ))?;
        }
        if let Some(told) = &scan.run.verification {
            let unknown: Vec<String> = told.unknown.iter().map(|(reason, n)| format!("{n} unknown ({reason})")).collect();
            let mut parts = vec![format!("{} live", told.live), format!("{} dead", told.dead)];
            parts.extend(unknown);
            let proxied = if told.via_proxy > 0 { ", through a proxy" } else { "" };
            pen.line(&format!("asked their providers: {}{proxied}", parts.join(", ")))?;
        }
        for gap in &scan.excluded {
            pen.line(&format!("left out: {}", gap_text(gap, exclude_help(&gap.reason))))?;
        }
        write_decisions(pen, report)?;
        let mut hints = Vec::new();
        if scan.rejected > 0 {
            hints.push(format!("{} judged not a secret (--show-rejected)", scan.rejected));
        }
        if scan.below_threshold > 0 {
            hints.push(format!("{} below the asked confidence or severity (--min-confidence low)", scan.below_threshold));
        }
        if !hints.is_empty() {
            let text = pen.paint(DIM, &hints.join(", "));
            pen.line(&text)?;
        }
        if !report.findings.is_empty() {
            let text = "to record a decision: keysift allow ID --as false_positive|test_value|revoked|accepted --reason WHY";
            let text = pen.paint(DIM, text);
            pen.line(&text)?;
        }
    }
    for path in &scan.missing {
        let text = pen.paint(RED, &format!("not found: {}", visible(path)));
        pen.line(&text)?;
    }
    for gap in &scan.skipped {
        let text = format!("not looked at: {}", gap_text(gap, skip_help(&gap.reason)));
        let text = if gap.accepted { format!("{text} (accepted by config)") } else { pen.paint(YELLOW, &text) };
        pen.line(&text)?;
    }
    if scan.run.interrupted {
        let text = pen.paint(YELLOW, "interrupted: this report tells what was done until then");
        pen.line(&text)?;
    } else if !scan.complete {
        let text = pen.paint(YELLOW, "the scan is incomplete");
        pen.line(&text)?;
    }
    Ok(())
}

/// How many decisions counted, which ones wait, and which ones do nothing.
fn write_decisions(pen: &mut Pen<'_>, report: &Report) -> io::Result<()> {
    let scan = &report.scan;
    let tally = |all: &[Suppressed]| {
        let of = |source: Source| {
            let n = all.iter().filter(|s| s.source == source.as_str()).count();
            (n > 0).then(|| format!("{n} by {}", source_in_words(source.as_str())))
        };
        Source::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    if !scan.suppressed.is_empty() {
        let hint = if report.suppressed_findings.is_some() { "" } else { " (--show-suppressed)" };
        pen.line(&format!("{} suppressed: {}{hint}", scan.suppressed.len(), tally(&scan.suppressed)))?;
        let open = scan.suppressed.iter().filter(|s| s.state == State::Open.as_str()).count();
        if open > 0 {
            pen.line(&format!("{open} of them in the baseline without a decision"))?;
        }
    }
    for refused in &scan.refused {
        let text = format!("does not count: `{}` of {}, which {} locks", refused.key, refused.place, refused.locked_by);
        let text = pen.paint(YELLOW, &visible(&text));
        pen.line(&text)?;
    }
    if !scan.proposed.is_empty() {
        let text = format!("{} would be suppressed once the change is merged: {}", scan.proposed.len(), tally(&scan.proposed));
        let text = pen.paint(YELLOW, &text);
        pen.line(&text)?;
    }
    for (why, words) in [
        (StaleReason::Unused, "decides on nothing here"),
        (StaleReason::Expired, "has expired"),
        (StaleReason::TooOld, "undecided for too long"),
    ] {
        let entries: Vec<&str> = scan.stale.iter().filter(|s| s.why == why.as_str()).map(|s| s.entry.as_str()).collect();
        for entry in entries.iter().take(MOST_STALE) {
            let text = pen.paint(YELLOW, &format!("{words}: {}", visible(entry)));
            pen.line(&text)?;
        }
        if entries.len() > MOST_STALE {
            pen.line(&format!("{words}: {} more (-f json lists them)", entries.len() - MOST_STALE))?;
        }
    }
    Ok(())
}

fn gap_text(gap: &Gap, help: &str) -> String {
    let mut text = format!("{} {}", gap.count, help);
    let shown: Vec<String> = gap.examples.iter().take(3).map(|e| visible(e)).collect();
    if !shown.is_empty() {
        let more = if gap.count > shown.len() as u64 { ", …" } else { "" };
        text = format!("{text}: {}{more}", shown.join(", "));
    }
    text
}

fn exclude_help(reason: &str) -> &'static str {
    use ExcludeReason as R;
    [R::Gitignore, R::Excluded, R::GitFolder, R::NestedRepository, R::Special]
        .iter()
        .find(|r| r.as_str() == reason)
        .map_or("", |r| r.help())
}

fn skip_help(reason: &str) -> &'static str {
    if reason == crate::report::read::NOT_TOLD {
        return "reports of other tools, which do not tell what they could not look at";
    }
    SkipReason::parse(reason).map_or("", SkipReason::help)
}

fn counted(n: u64, what: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("{grouped} {what}{}", if n == 1 { "" } else { "s" })
}

fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}
