//! The JSON lines of trufflehog 3.

use super::foreign::{Foreign, time, told};
use crate::finding::{Location, Secret};
use serde_json::Value;

/// Whether `entry` is a finding of trufflehog.
pub(super) fn is(entry: &Value) -> bool {
    entry.get("DetectorName").is_some() && entry.get("SourceMetadata").is_some()
}

/// The finding; lines of its log are none.
pub(super) fn finding(entry: &Value) -> Option<Foreign> {
    if !is(entry) {
        return None;
    }
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    // `Data` holds one object, named by the kind of source.
    let source = entry["SourceMetadata"]["Data"].as_object().and_then(|kinds| kinds.values().next()).cloned().unwrap_or_default();
    let find = |names: &[&str]| {
        let object = source.as_object()?;
        object.iter().find(|(key, _)| names.iter().any(|n| key.eq_ignore_ascii_case(n))).map(|(_, value)| value)
    };
    let some = |names: &[&str]| find(names).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let line = find(&["line"]).and_then(Value::as_u64).unwrap_or(0);
    let (author, email) = person(some(&["email"]).as_deref().unwrap_or_default());
    let (raw, parts) = (text("Raw"), entry["SecretParts"].as_object());
    let mut more_secrets = vec![Secret::new(text("RawV2").as_bytes()), Secret::new(text("Redacted").as_bytes())];
    // `id:secret` hides neither half where it stands alone.
    more_secrets.extend(text("RawV2").split(':').filter(|half| half.len() > 7).map(|half| Secret::new(half.as_bytes())));
    more_secrets.extend(parts.into_iter().flat_map(|p| p.values()).filter_map(Value::as_str).map(|p| Secret::new(p.as_bytes())));
    let name = text("DetectorName");
    let path = some(&["file", "path", "filename", "key"]).or_else(|| some(&["link", "repository", "image"])).unwrap_or_default();
    let problem = text("VerificationError");
    Some(Foreign {
        rule: name.to_owned(),
        name: format!("{name} credential"),
        provider: name.to_owned(),
        confidence: String::new(),
        secret: Secret::new(raw.as_bytes()),
        more_secrets,
        id: format!("{path}:{line}:{}", some(&["commit"]).unwrap_or_default()),
        location: Location {
            path: path.trim_start_matches("./").to_owned(),
            start_line: line,
            end_line: line,
            commit: some(&["commit"]),
            author,
            email,
            date: some(&["timestamp"]).as_deref().and_then(time),
            link: some(&["link"]),
            ..Location::default()
        },
        verification: told("trufflehog", entry["Verified"] == true, problem),
    })
}

/// `Ann <ann@example.org>` in two.
fn person(text: &str) -> (Option<String>, Option<String>) {
    let some = |t: &str| Some(t.trim().to_owned()).filter(|t| !t.is_empty());
    match text.split_once('<') {
        Some((name, email)) => (some(name), some(email.trim_end_matches('>'))),
        None => (None, some(text)),
    }
}
