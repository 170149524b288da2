//! The JSON report of gitleaks 8: a list of findings, for whatever reads that.
//! <https://github.com/gitleaks/gitleaks/blob/master/report/finding.go>

use super::Report;
use super::model::ReportedFinding;
use super::wording::line_in_file;
use crate::finding::snippet::visible;
use crate::finding::{Location, Status};
use serde::Serialize;
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

/// Writes the report: one entry for each place, as gitleaks does, at most the 100 that a finding lists.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let all: Vec<Finding<'_>> = report
        .findings
        .iter()
        .flat_map(|f| {
            let places = if f.occurrences.is_empty() { std::slice::from_ref(&f.location) } else { &f.occurrences };
            places.iter().map(move |l| entry(f, l))
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &all)?;
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
