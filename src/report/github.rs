//! GitHub Actions annotations: workflow commands on stdout.

use super::Report;
use crate::finding::Status;
use crate::finding::snippet::visible;
use std::io::{self, Write};

/// GitHub shows at most ten annotations of a kind for a step; the rest stands in the log.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let command = match finding.severity.as_str() {
            _ if finding.notice => "notice",
            "low" => "warning",
            _ => "error",
        };
        let l = &finding.location;
        let mut place = format!("file={},line={}", property(&l.path), if l.container.is_empty() { l.start_line } else { 1 });
        if !l.container.is_empty() {
            // Lines of a member are no lines of the file.
        } else if l.end_line == l.start_line {
            place = format!("{place},col={},endColumn={}", l.start_column, l.end_column);
        } else {
            place = format!("{place},endLine={}", l.end_line);
        }
        let within = if l.container.is_empty() { String::new() } else { format!(" in {}:{}", l.joined(), l.start_line) };
        let live = if finding.verification.status == Status::Live { "LIVE " } else { "" };
        let message =
            format!("{live}{}: {}{within}\n{}\n{}", finding.rule_name, finding.secret, finding.remedy.steps, finding.fingerprint);
        writeln!(out, "::{command} {place},title={}::{}", property(&format!("keysift: {}", finding.rule_id)), data(&message))?;
    }
    if !report.scan.complete {
        let reasons: Vec<String> = report
            .scan
            .skipped
            .iter()
            .filter(|g| !g.accepted)
            .map(|g| format!("{} {}", g.count, g.reason))
            .chain(report.scan.missing.iter().map(|p| format!("missing: {p}")))
            .collect();
        writeln!(
            out,
            "::warning title=keysift%3A incomplete::{}",
            data(&format!("not everything was looked at: {}", reasons.join(", ")))
        )?;
    }
    Ok(())
}

fn data(text: &str) -> String {
    visible(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
