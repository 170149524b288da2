//! The JSON report of gitleaks 8: a list of findings.

use super::foreign::{Foreign, time};
use crate::finding::{Location, Secret, Status, Verification};
use serde_json::Value;

/// Whether `entry` is a finding of gitleaks.
pub(super) fn is(entry: &Value) -> bool {
    entry.get("RuleID").is_some() && entry.get("File").is_some()
}

/// The finding.
pub(super) fn finding(entry: &Value) -> Foreign {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let some = |key: &str| Some(text(key).to_owned()).filter(|t| !t.is_empty());
    let number = |key: &str| entry[key].as_u64().unwrap_or(0);
    Foreign {
        rule: text("RuleID").to_owned(),
        name: if text("Description").is_empty() { text("RuleID") } else { text("Description") }.to_owned(),
        provider: String::new(),
        confidence: String::new(),
        secret: Secret::new(text("Secret").as_bytes()),
        more_secrets: vec![Secret::new(text("Match").as_bytes())],
        location: Location {
            // Members of archives stand behind a `!`.
            path: text("File").trim_start_matches("./").to_owned(),
            start_line: number("StartLine"),
            start_column: number("StartColumn"),
            end_line: number("EndLine"),
            end_column: number("EndColumn"),
            commit: some("Commit"),
            author: some("Author"),
            email: some("Email"),
            date: time(text("Date")),
            link: some("Link"),
            ..Location::default()
        },
        verification: Verification::of(Status::NotChecked),
        id: text("Fingerprint").to_owned(),
    }
}
