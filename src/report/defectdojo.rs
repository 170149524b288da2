//! `DefectDojo`'s "Generic Findings Import" in JSON.
//! <https://docs.defectdojo.com/supported_tools/parsers/generic_findings_import/>

use super::Report;
use super::model::ReportedFinding;
use super::wording::{cut, digest, facts, incomplete, line_in_file, live, place, remedy};
use crate::finding::Status;
use crate::finding::snippet::visible;
use crate::triage::State;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes the report. Decisions become `DefectDojo`'s own marks; what was not looked at is a finding of severity Info.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let open = report.findings.iter().map(finding);
    let decided = report.suppressed_in_full.iter().map(finding);
    let gaps = incomplete(report).into_iter().map(|(reason, line)| gap(&reason, &line));
    let document = json!({
        "name": "keysift",
        "type": "keysift",
        "version": report.tool.version,
        "static_tool": true,
        "dynamic_tool": false,
        "findings": open.chain(decided).chain(gaps).collect::<Vec<Value>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn finding(finding: &ReportedFinding) -> Value {
    let l = &finding.location;
    let mut description = String::new();
    for (name, value) in facts(finding) {
        // Indented text is code: nothing in it is Markdown.
        let _ = writeln!(description, "    {name}: {value}");
    }
    let state = State::parse(&finding.state).ok();
    let is_dead = finding.verification.status == Status::Dead || state == Some(State::Revoked);
    let is_false = matches!(state, Some(State::FalsePositive | State::TestValue));
    let is_accepted = state == Some(State::Accepted);
    let mut tags = vec!["keysift".to_owned(), tag(&finding.provider)];
    tags.extend((finding.verification.status != Status::NotChecked).then(|| finding.verification.status.as_str().to_owned()));
    tags.extend(finding.exposure.iter().map(|e| tag(e)));
    tags.retain(|t| !t.is_empty());
    let mut found = json!({
        "title": cut(&format!("{}{} in {}", live(finding), visible(&finding.rule_name), place(l)), 500),
        "severity": severity(finding),
        "description": description,
        "mitigation": remedy(finding),
        "cwe": 798,
        "file_path": cut(&visible(&l.joined()), 4000),
        "line": line_in_file(l),
        "static_finding": true,
        "dynamic_finding": false,
        "active": !is_dead && !is_false && !is_accepted,
        "verified": finding.verification.status == Status::Live,
        "false_p": is_false,
        "risk_accepted": is_accepted,
        "is_mitigated": is_dead,
        "scanner_confidence": scanner_confidence(&finding.confidence),
        "nb_occurences": finding.occurrences_total.max(1),
        "unique_id_from_tool": finding.fingerprint,
        "vuln_id_from_tool": finding.rule_id,
        "tags": tags,
    });
    if let Some(time) = finding.verification.checked_at.as_ref().filter(|_| is_dead) {
        found["mitigated"] = json!(finding.verification.since.as_ref().unwrap_or(time));
    }
    if finding.remedy.rotate.starts_with("https://") {
        found["references"] = json!(visible(&finding.remedy.rotate));
    }
    found
}

fn gap(reason: &str, line: &str) -> Value {
    json!({
        "title": format!("keysift did not look at everything: {reason}"),
        "severity": "Info",
        "description": format!("    {line}\n"),
        "static_finding": true,
        "dynamic_finding": false,
        "active": true,
        "verified": false,
        "unique_id_from_tool": format!("incomplete:{}", digest(reason)),
        "vuln_id_from_tool": "keysift-incomplete",
        "tags": ["keysift", "incomplete"],
    })
}

fn severity(finding: &ReportedFinding) -> &'static str {
    match finding.severity.as_str() {
        _ if finding.notice => "Info",
        "critical" => "Critical",
        "high" => "High",
        "low" => "Low",
        // Of other tools' findings nobody said it.
        _ => "Medium",
    }
}

/// `DefectDojo` counts from 1, certain, to 10, tentative.
fn scanner_confidence(confidence: &str) -> u8 {
    match confidence {
        "high" => 1,
        "medium" => 4,
        _ => 8,
    }
}

/// A word that a tag may be.
fn tag(text: &str) -> String {
    let word: String = text.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    word.trim_matches('-').to_owned()
}
