//! JSON behind base64, as Sentry, Grafana, 1Password, Mapbox and others make their tokens; `JFrog` has a text of its own.

use super::{Says, Structure, decoded, time};
use serde_json::Value;

/// Names in such a token that are no secrets, and what reports call them.
const KNOWN: [(&str, &str); 22] = [
    ("url", "url"),
    ("region_url", "region"),
    ("org", "organization"),
    ("o", "organization"),
    ("n", "name"),
    ("name", "name"),
    ("u", "user"),
    ("user", "user"),
    ("email", "email"),
    ("signInAddress", "site"),
    ("id", "number"),
    ("account", "account"),
    ("accountId", "account"),
    ("tenant", "tenant"),
    ("region", "region"),
    ("endpoint", "url"),
    ("host", "host"),
    ("project", "project"),
    ("env", "environment"),
    ("deviceUuid", "device"),
    ("iat", "issued"),
    ("exp", "expires"),
];

/// Reads the first part of `token` that is JSON behind base64.
pub(super) fn read(token: &[u8]) -> Structure {
    // `reftkn:01:EXPIRY:RANDOM`
    if token.starts_with(b"cmVmdGtuOj") {
        return jfrog(token).unwrap_or_else(|| Structure::broken("it does not parse as a reference token"));
    }
    let parts = token.split(|b| matches!(b, b'_' | b'.' | b':'));
    let whole = token.iter().position(|b| *b == b'_').map(|at| &token[at + 1..]);
    let json = parts.chain(whole).filter(|part| part.len() >= 12).find_map(|part| {
        let json: Value = serde_json::from_slice(&decoded(part)?).ok()?;
        json.is_object().then_some(json)
    });
    let Some(json) = json else { return Structure::broken("there is no JSON in it") };
    let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it holds the JSON that it should") };
    let nested = json.get("m").filter(|m| m.is_object());
    for (key, name) in KNOWN {
        let value = json.get(key).map(|v| (v, name)).or_else(|| nested.filter(|_| key == "region").map(|m| (&m["r"], name)));
        match value {
            Some((Value::String(text), name)) => structure.tell(name, text.clone()),
            Some((Value::Number(n), name)) if matches!(name, "issued" | "expires") => {
                #[allow(clippy::cast_possible_truncation, reason = "a time beyond every calendar is told as none")]
                let seconds = n.as_f64().map(|f| f as i64);
                structure.tell_if(name, seconds.and_then(time));
            }
            Some((Value::Number(n), name)) => structure.tell(name, n.to_string()),
            _ => {}
        }
    }
    structure
}

fn jfrog(token: &[u8]) -> Option<Structure> {
    let text = String::from_utf8(decoded(token)?).ok()?;
    let mut parts = text.split(':');
    let (Some("reftkn"), Some(_), Some(expiry)) = (parts.next(), parts.next(), parts.next()) else { return None };
    let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it parses as a reference token") };
    let seconds = expiry.parse().ok()?;
    structure.tell_if("expires", if seconds == 0 { Some("never".to_owned()) } else { time(seconds) });
    Some(structure)
}
