//! The reports of gitleaks 8, for whatever reads them: JSON, CSV and SARIF in its shapes.
//! <https://github.com/gitleaks/gitleaks/tree/v8.30.1/report>

use super::Report;
use super::csv::field;
use super::model::ReportedFinding;
use super::wording::line_in_file;
use crate::finding::snippet::visible;
use crate::finding::{Location, Status, percent};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A finding with the keys of gitleaks. What keysift does not know is empty, as gitleaks leaves it without git.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding<'a> {
    #[serde(rename = "RuleID")]
    rule_id: &'a str,
    description: String,
    start_line: u64,
    end_line: u64,
    start_column: u64,
    end_column: u64,
    #[serde(rename = "Match")]
    matched: String,
    secret: String,
    file: String,
    symlink_file: &'a str,
    commit: &'a str,
    link: String,
    entropy: f64,
    author: String,
    email: String,
    date: String,
    message: &'a str,
    tags: Vec<String>,
    fingerprint: String,
}

/// One entry for each place, as gitleaks has it, at most the 100 that a finding lists.
fn entries(report: &Report) -> Vec<Finding<'_>> {
    let all = report.findings.iter().flat_map(|f| {
        let places = if f.occurrences.is_empty() { std::slice::from_ref(&f.location) } else { &f.occurrences };
        places.iter().map(move |l| entry(f, l))
    });
    all.collect()
}

/// Writes the JSON report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &entries(report))?;
    out.write_all(b"\n")
}

/// The columns of the CSV report.
const COLUMNS: &str = "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine,EndLine,StartColumn,EndColumn,Author,Message,Date,Email,Fingerprint,Tags";

/// Writes the CSV report: nothing where nothing was found, and a column of links where the first finding has one.
pub(super) fn write_csv(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let all = entries(report);
    let Some(first) = all.first() else { return Ok(()) };
    let has_links = !first.link.is_empty();
    writeln!(out, "{COLUMNS}{}", if has_links { ",Link" } else { "" })?;
    for f in &all {
        let lines = [f.start_line, f.end_line, f.start_column, f.end_column].map(|n| n.to_string());
        let tags = f.tags.join(" ");
        let texts = [f.rule_id, f.commit, &f.file, f.symlink_file, &f.secret, &f.matched];
        let behind = [&f.author, f.message, &f.date, &f.email, &f.fingerprint, &tags];
        let texts = texts.into_iter().chain(lines.iter().map(String::as_str)).chain(behind);
        let fields: Vec<String> = texts.chain(has_links.then_some(f.link.as_str())).map(field).collect();
        writeln!(out, "{}", fields.join(","))?;
    }
    Ok(())
}

/// Writes the SARIF report, with the keys that gitleaks gives it: the commit and its author among `partialFingerprints`.
pub(super) fn write_sarif(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let all = entries(report);
    let rules: BTreeMap<&str, &str> = all.iter().map(|f| (f.rule_id, f.description.as_str())).collect();
    let rules: Vec<Value> = rules.iter().map(|(id, text)| json!({"id": id, "shortDescription": {"text": text}})).collect();
    let result = |f: &Finding<'_>| {
        let at = if f.commit.is_empty() { String::new() } else { format!(" at commit {}", f.commit) };
        json!({
            "message": {"text": format!("{} has detected secret for file {}{at}.", f.rule_id, f.file)},
            "ruleId": f.rule_id,
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": percent::encode(&f.file, percent::IN_PATHS)},
                "region": {
                    "startLine": f.start_line, "startColumn": f.start_column, "endLine": f.end_line, "endColumn": f.end_column,
                    "snippet": {"text": f.secret},
                },
            }}],
            "partialFingerprints": {
                "commitSha": f.commit, "email": f.email, "author": f.author, "date": f.date, "commitMessage": f.message,
            },
            "properties": {"tags": f.tags},
        })
    };
    let driver = json!({
        "name": "keysift", "semanticVersion": report.tool.version, "informationUri": "https://crates.io/crates/keysift",
        "rules": rules,
    });
    let results: Vec<Value> = all.iter().map(result).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn entry<'a>(finding: &'a ReportedFinding, l: &'a Location) -> Finding<'a> {
    let text = |value: &Option<String>| visible(value.as_deref().unwrap_or_default());
    let file = visible(&l.joined());
    let commit = l.commit.as_deref().unwrap_or_default();
    let line = line_in_file(l);
    let within = if commit.is_empty() { String::new() } else { format!("{commit}:") };
    let mut tags = vec![finding.severity.clone(), format!("confidence:{}", finding.confidence)];
    if finding.verification.status != Status::NotChecked {
        tags.push(finding.verification.status.as_str().to_owned());
    }
    Finding {
        rule_id: &finding.rule_id,
        description: visible(&finding.rule_name),
        start_line: l.start_line,
        end_line: l.end_line,
        start_column: l.start_column,
        end_column: l.end_column,
        matched: finding.secret.clone(),
        secret: finding.secret.clone(),
        fingerprint: format!("{within}{file}:{}:{line}", finding.rule_id),
        file,
        symlink_file: "",
        commit,
        link: text(&l.link),
        entropy: 0.0,
        author: text(&l.author),
        email: text(&l.email),
        date: text(&l.date),
        message: "",
        tags,
    }
}
