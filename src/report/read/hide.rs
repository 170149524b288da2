//! Secrets out of every string of a report that was read.

use crate::finding::redact::shown_as_plain;
use crate::finding::{Redactor, Secret};
use crate::report::Report;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// `report` with none of `secrets` in any of its strings.
///
/// # Errors
/// None that happens: what was a report stays one.
pub(super) fn hidden(report: Report, secrets: BTreeSet<Secret>) -> Result<Report, serde_json::Error> {
    let shown: HashMap<String, String> =
        secrets.iter().map(|s| (String::from_utf8_lossy(s.expose()).into_owned(), shown_as_plain(s.expose()))).collect();
    let redactor = Redactor::new(secrets);
    let target: Vec<usize> = report.findings.iter().map(|f| f.target).collect();
    let mut report = Report::deserialize(hide(serde_json::to_value(report)?, &redactor, &shown))?;
    report.findings.iter_mut().zip(target).for_each(|(f, target)| f.target = target);
    let told = report.suppressed_findings.iter_mut().chain(&mut report.rejected_findings).flatten();
    for finding in report.findings.iter_mut().chain(told) {
        // The mark counted another text.
        let text = &finding.snippet.text;
        let at = text.find("[redacted: ").map_or(0, |at| text[..at].chars().count());
        let len = text.chars().skip(at).position(|c| c == ']').map_or(0, |n| n + 1);
        (finding.snippet.mark_start, finding.snippet.mark_end) = (at, at + len);
    }
    Ok(report)
}

fn hide(value: Value, redactor: &Redactor, shown: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(shown.get(&text).cloned().unwrap_or_else(|| redactor.redact(&text))),
        Value::Array(all) => all.into_iter().map(|v| hide(v, redactor, shown)).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (redactor.redact(&k), hide(v, redactor, shown))).collect(),
        other => other,
    }
}
