//! GitLab's Code Quality report: `artifacts:reports:codequality`, in every tier.
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use super::Report;
use super::model::ReportedFinding;
use super::wording::{digest, incomplete, line_in_file, live, place, unique_ids};
use crate::finding::Status;
use crate::finding::snippet::visible;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the report: a list of issues. What was not looked at is an issue of its own for each reason.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings.iter().zip(unique_ids(&report.findings)).map(|(f, id)| issue(f, &id));
    let gaps = incomplete(report).into_iter().map(|(reason, line)| {
        json!({
            "type": "issue",
            "check_name": "keysift-incomplete",
            "description": format!("Not looked at: {line}"),
            "categories": ["Security"],
            "fingerprint": digest(&format!("incomplete/{reason}/{line}")),
            "severity": "major",
            "location": { "path": example(report, &reason), "lines": { "begin": 1 } },
        })
    });
    serde_json::to_writer_pretty(&mut *out, &findings.chain(gaps).collect::<Vec<Value>>())?;
    out.write_all(b"\n")
}

fn issue(finding: &ReportedFinding, id: &str) -> Value {
    let within = if finding.location.container.is_empty() { String::new() } else { format!(" in {}", place(&finding.location)) };
    json!({
        "type": "issue",
        "check_name": finding.rule_id,
        "description": format!("{}{}: {}{within}", live(finding), visible(&finding.rule_name), visible(&finding.secret)),
        "content": { "body": super::wording::remedy(finding) },
        "categories": ["Security"],
        "fingerprint": id,
        "severity": severity(finding),
        "location": { "path": visible(&finding.location.path), "lines": { "begin": line_in_file(&finding.location) } },
    })
}

/// A path that the issue about a gap can stand at: the format wants one.
fn example(report: &Report, reason: &str) -> String {
    let gap = report.scan.skipped.iter().find(|g| !g.accepted && g.reason == reason);
    gap.and_then(|g| g.examples.first()).map_or_else(|| ".".to_owned(), |path| visible(path))
}

fn severity(finding: &ReportedFinding) -> &'static str {
    match finding.severity.as_str() {
        _ if finding.notice => "info",
        _ if finding.verification.status == Status::Live => "blocker",
        "critical" => "blocker",
        "high" => "critical",
        "low" => "minor",
        // Of other tools' findings nobody said it.
        _ => "major",
    }
}
