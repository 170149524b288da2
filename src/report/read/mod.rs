//! Reports read back: our own, and those of other tools.
//!
//! - `foreign`: what another tool's finding becomes, its secret hashed and hidden at once
//! - `gitleaks`, `trufflehog`, `kingfisher`: their JSON
//! - `hide`: secrets out of every string of a report

mod foreign;
mod gitleaks;
mod hide;
mod kingfisher;
mod trufflehog;

use super::model::{Report, ReportedFinding, Scan, Tool};
use crate::finding::{IdentityKey, Secret};
use foreign::Foreign;
use serde::Deserialize as _;
use serde_json::{Deserializer, Value};
use std::collections::BTreeSet;

/// The gap of a report of another tool: nobody tells what was not looked at.
pub const NOT_TOLD: &str = "not_told";

/// A report that was read.
#[derive(Debug)]
pub struct Read {
    pub report: Report,
    /// The tool that made it: `keysift`, `gitleaks`, `trufflehog`, `kingfisher`.
    pub tool: &'static str,
}

/// Reads a report, whichever tool made it. Secrets in full are hidden, unless `show` and the report is ours.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(name: &str, text: &[u8], key: &IdentityKey, show: bool) -> Result<Read, String> {
    let values: Vec<Value> = Deserializer::from_slice(text)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{name} is no JSON: {e}"))?;
    if values.iter().any(|v| v.get("schema_version").is_some()) {
        return ours(name, values, key, show).map(|report| Read { report, tool: "keysift" });
    }
    let (tool, found): (_, Vec<Foreign>) = if values.iter().any(kingfisher::is) {
        ("kingfisher", kingfisher::findings(values))
    } else {
        // A list, or an object a line.
        let entries: Vec<Value> =
            values.into_iter().flat_map(|v| if let Value::Array(all) = v { all } else { vec![v] }).collect();
        if entries.iter().any(trufflehog::is) {
            ("trufflehog", entries.iter().filter_map(trufflehog::finding).collect())
        } else if entries.iter().all(gitleaks::is) {
            // gitleaks writes `[]` where it finds nothing.
            ("gitleaks", entries.iter().map(gitleaks::finding).collect())
        } else {
            return Err(format!("{name} is no report of keysift, gitleaks, trufflehog or kingfisher in JSON"));
        }
    };
    Ok(Read { report: foreign::report(name, tool, found, key), tool })
}

/// A report of ours: one object, or a finding a line with the summary as the last one.
fn ours(name: &str, mut values: Vec<Value>, key: &IdentityKey, show: bool) -> Result<Report, String> {
    let wrong = |e: serde_json::Error| format!("{name} is no report of keysift: {e}");
    let last = values.pop().unwrap_or_default();
    let report = if values.is_empty() && last.get("findings").is_some_and(Value::is_array) {
        Report::deserialize(last).map_err(wrong)?
    } else {
        let part = |key: &str| last.get(key).cloned().unwrap_or_default();
        if last.get("findings_total").and_then(Value::as_u64) != Some(values.len() as u64) {
            return Err(format!("{name} is cut off: the last line, which tells how many findings there are, does not fit"));
        }
        Report {
            schema_version: u32::deserialize(part("schema_version")).map_err(wrong)?,
            tool: Tool::deserialize(part("tool")).map_err(wrong)?,
            scan: Scan::deserialize(part("scan")).map_err(wrong)?,
            findings: values.into_iter().map(ReportedFinding::deserialize).collect::<Result<_, _>>().map_err(wrong)?,
            suppressed_findings: None,
            rejected_findings: None,
            suppressed_in_full: Vec::new(),
        }
    };
    if report.schema_version != super::model::SCHEMA_VERSION {
        return Err(format!(
            "{name} has version {} of the report's keys, which this keysift does not know",
            report.schema_version
        ));
    }
    let all = |r: &Report| {
        let more = r.suppressed_findings.iter().chain(&r.rejected_findings).flatten();
        r.findings.iter().chain(more).map(|f| (f.fingerprint.clone(), f.secret.clone(), f.secret_id.clone())).collect::<Vec<_>>()
    };
    let all = all(&report);
    let is_fingerprint =
        |f: &str| f.strip_prefix("ks1:").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if let Some((fingerprint, ..)) = all.iter().find(|(f, ..)| !is_fingerprint(f)) {
        return Err(format!(
            "{name} is no report of keysift: `{}` is no fingerprint",
            crate::finding::snippet::visible(fingerprint)
        ));
    }
    // With `--show-secrets` the secret is what its id was made of.
    let in_full: BTreeSet<Secret> = all
        .iter()
        .filter(|(_, secret, id)| !show && key.secret_id(secret.as_bytes()).0 == *id)
        .map(|(_, secret, _)| Secret::new(secret.as_bytes()))
        .collect();
    let mut report = if in_full.is_empty() { report } else { hide::hidden(report, in_full).map_err(wrong)? };
    let decided = report.suppressed_findings.iter().flatten().cloned().collect::<Vec<_>>();
    // Formats tell them beside their decisions, which stand in the same order.
    if decided.len() == report.scan.suppressed.len() {
        report.suppressed_in_full = decided;
    }
    Ok(report)
}
