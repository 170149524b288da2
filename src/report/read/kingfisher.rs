//! The JSON report of kingfisher, an object that holds `findings`, and its JSON lines, an object for each.

use super::foreign::{Foreign, time, told};
use crate::finding::{Location, Secret};
use serde_json::Value;

/// Whether `value` is of such a report: a finding, an envelope of them, or the summary that closes it.
pub(super) fn is(value: &Value) -> bool {
    is_finding(value)
        || value["findings"].as_array().is_some_and(|all| all.iter().all(is_finding))
        || value["audit"]["schema"].as_str().is_some_and(|s| s.starts_with("kingfisher."))
        || value.get("kingfisher").is_some()
        || value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(is_finding))
}

fn is_finding(value: &Value) -> bool {
    value["rule"]["id"].is_string() && value["finding"].is_object()
}

/// All findings; summaries and audits hold none.
pub(super) fn findings(values: Vec<Value>) -> Vec<Foreign> {
    let mut found = Vec::new();
    for value in values {
        if is_finding(&value) {
            found.push(finding(&value));
        }
        let list = if value.is_array() { &value } else { &value["findings"] };
        found.extend(list.as_array().into_iter().flatten().filter(|v| is_finding(v)).map(finding));
    }
    found
}

fn finding(entry: &Value) -> Foreign {
    let (rule, found) = (&entry["rule"], &entry["finding"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |key: &str| found[key].as_u64().unwrap_or(0);
    let git = &found["git_metadata"];
    let commit = &git["commit"];
    let some = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let name = [&rule["description"], &rule["name"], &rule["id"]].into_iter().find_map(some).unwrap_or_default();
    let status = text(&found["validation"]["status"]);
    let is_live = status.to_ascii_lowercase().starts_with("active");
    let is_asked = !matches!(status.as_str(), "" | "Not Attempted");
    let id = text(&rule["id"]);
    // `kingfisher.github.1`
    let provider = id.split('.').nth(1).unwrap_or_default().to_owned();
    // Inside of a repository the path in it counts.
    let path = some(&git["file"]["path"]).unwrap_or_else(|| text(&found["path"]));
    Foreign {
        name,
        provider,
        confidence: text(&found["confidence"]).to_ascii_lowercase(),
        secret: Secret::new(text(&found["snippet"]).as_bytes()),
        more_secrets: Vec::new(),
        id: text(&found["fingerprint"]),
        location: Location {
            path: path.trim_start_matches("./").to_owned(),
            start_line: number("line"),
            start_column: number("column_start"),
            end_line: number("line"),
            end_column: number("column_end"),
            commit: some(&commit["id"]),
            author: some(&commit["committer"]["name"]),
            email: some(&commit["committer"]["email"]),
            date: some(&commit["date"]).as_deref().and_then(time),
            link: some(&git["file"]["url"]),
            ..Location::default()
        },
        verification: told("kingfisher", is_live, if is_asked { &status } else { "" }),
        rule: id,
    }
}
