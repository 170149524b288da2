//! GitLab's secret detection report, schema 15.0: `artifacts:reports:secret_detection`.
//! <https://gitlab.com/gitlab-org/security-products/security-report-schemas>

use super::Report;
use super::model::ReportedFinding;
use super::wording::{cut, entered, facts, incomplete, line_in_file, live, place, remedy, unique_ids};
use crate::finding::snippet::visible;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// The version of the schema; GitLab takes in all of 15.
const SCHEMA: &str = "15.0.7";
/// What GitLab's own analyzer writes for a file that is in no commit.
const NO_COMMIT: &str = "0000000";

/// Writes the report. What was not looked at stands in `scan.messages`.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report))?;
    out.write_all(b"\n")
}

fn document(report: &Report) -> Value {
    let tool = json!({
        "id": "keysift",
        "name": "keysift",
        "url": "https://crates.io/crates/keysift",
        "vendor": { "name": "keysift" },
        "version": if report.tool.version.is_empty() { "0" } else { &report.tool.version },
    });
    let messages: Vec<Value> =
        incomplete(report)
            .iter()
            .map(|(_, line)| json!({ "level": "warn", "value": format!("not looked at: {line}") }))
            .chain(report.scan.skipped.iter().filter(|g| g.accepted).map(
                |g| json!({ "level": "info", "value": format!("not looked at, as config accepts: {} {}", g.count, g.reason) }),
            ))
            .collect();
    let rules: BTreeSet<(&str, &str)> = report.findings.iter().map(|f| (f.rule_id.as_str(), f.rule_name.as_str())).collect();
    let (start, end) = times(report);
    let ids = unique_ids(&report.findings);
    json!({
        "version": SCHEMA,
        "schema": format!("https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v{SCHEMA}/dist/secret-detection-report-format.json"),
        "scan": {
            "type": "secret_detection",
            "analyzer": tool,
            "scanner": tool,
            "start_time": start,
            "end_time": end,
            "status": if report.scan.run.interrupted { "failure" } else { "success" },
            "messages": messages,
            "primary_identifiers": rules.iter().map(|(id, name)| identifier(id, name)).collect::<Vec<_>>(),
        },
        "vulnerabilities": report.findings.iter().zip(ids).map(|(f, id)| vulnerability(f, &id)).collect::<Vec<_>>(),
    })
}

/// When the scan began and ended, without a zone; a report of another tool does not say.
fn times(report: &Report) -> (String, String) {
    let plain = |time: &str| time.get(..19).unwrap_or("1970-01-01T00:00:00").to_owned();
    let run = &report.scan.run;
    let (start, end) = (run.started_at.as_deref(), run.ended_at.as_deref());
    (plain(start.unwrap_or_default()), plain(end.or(start).unwrap_or_default()))
}

fn identifier(id: &str, name: &str) -> Value {
    json!({ "type": "keysift_rule_id", "name": format!("keysift rule {} ({})", id, visible(name)), "value": id })
}

fn vulnerability(finding: &ReportedFinding, id: &str) -> Value {
    let l = &finding.location;
    let line = line_in_file(l);
    let end_line = if l.container.is_empty() { l.end_line.max(line) } else { line };
    let known = entered(finding);
    let mut commit = Map::new();
    commit.insert("sha".to_owned(), json!(known.commit.as_deref().filter(|c| !c.is_empty()).unwrap_or(NO_COMMIT)));
    for (key, value) in [("author", &known.author), ("date", &known.date)] {
        if let Some(value) = value {
            commit.insert(key.to_owned(), json!(visible(value)));
        }
    }
    let mut identifiers = vec![identifier(&finding.rule_id, &finding.rule_name)];
    identifiers.push(json!({
        "type": "cwe", "name": "CWE-798", "value": "798", "url": "https://cwe.mitre.org/data/definitions/798.html",
    }));
    let mut vulnerability = json!({
        "id": uuid(id),
        "category": "secret_detection",
        "name": cut(&visible(&finding.rule_name), 255),
        "description": format!("{}{} {} in {}", live(finding), visible(&finding.rule_name), visible(&finding.secret), place(l)),
        "severity": severity(finding),
        "solution": cut(&remedy(finding), 7000),
        "identifiers": identifiers,
        "location": { "file": visible(&l.path), "start_line": line, "end_line": end_line, "commit": commit },
        "raw_source_code_extract": visible(&finding.secret),
        "tracking": {
            "type": "source",
            "items": [{
                "file": visible(&l.path), "start_line": line, "end_line": end_line,
                // Stays the same when lines move.
                "signatures": [{ "algorithm": "hash", "value": id }],
            }],
        },
        "details": details(finding),
    });
    let rotate = &finding.remedy.rotate;
    if rotate.starts_with("https://") || rotate.starts_with("http://") {
        vulnerability["links"] = json!([{ "name": "Revoke it", "url": visible(rotate) }]);
    }
    vulnerability
}

/// What is known of it, as GitLab shows details.
fn details(finding: &ReportedFinding) -> Value {
    let one = |(name, value): (&str, String)| {
        let key = name.to_lowercase().replace(' ', "_");
        (key, json!({ "type": "text", "name": name, "value": value }))
    };
    Value::Object(facts(finding).into_iter().map(one).collect())
}

/// 32 hexadecimal digits as a UUID is written.
fn uuid(hex: &str) -> String {
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

fn severity(finding: &ReportedFinding) -> &'static str {
    match finding.severity.as_str() {
        _ if finding.notice => "Info",
        "critical" => "Critical",
        "high" => "High",
        "medium" => "Medium",
        "low" => "Low",
        _ => "Unknown",
    }
}
