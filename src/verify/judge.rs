//! What an answer means: what says nothing first, then dead, then live, and unknown for all that nobody foresaw.

use super::egress::Answer;
use crate::finding::{Status, Verification};
use crate::rule::format::verify::path::{self, Step};
use crate::rule::format::verify::{Condition, Doubt, Evidence, IdentitySource, Scalar, Verify};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest value of an identity, in characters.
const LONGEST: usize = 200;
/// How many items of a list are told.
const MOST_ITEMS: usize = 30;

/// Judges an answer to the question of a rule.
#[must_use]
pub fn judge(verify: &Verify, answer: &Answer) -> Verification {
    let seen = Seen { answer, json: if answer.whole { serde_json::from_slice(&answer.body).ok() } else { None } };
    let verdict = seen.verdict(verify);
    Verification { via_proxy: answer.via_proxy, ..verdict }
}

struct Seen<'a> {
    answer: &'a Answer,
    json: Option<Value>,
}

impl Seen<'_> {
    fn verdict(&self, verify: &Verify) -> Verification {
        let status = self.answer.status;
        if let Some(unclear) = verify.unknown.iter().find(|u| self.holds(&u.when)) {
            return Verification::unknown(unclear.reason);
        }
        match status {
            429 => return Verification::unknown(Doubt::RateLimited),
            408 => return Verification::unknown(Doubt::Timeout),
            500.. => return Verification::unknown_because(Doubt::ServerError, &status.to_string()),
            300..=399 => return Verification::unknown_because(Doubt::RefusedByPolicy, "a redirect is not followed"),
            _ => {}
        }
        if verify.dead.iter().any(|c| self.holds(c)) {
            return if verify.evidence == Evidence::Documented {
                Verification::of(Status::Dead)
            } else {
                Verification::unknown(Doubt::UnprovenNegative)
            };
        }
        if verify.live.iter().any(|c| self.holds(c)) && (self.json.is_some() || !verify.expects_json()) {
            return Verification { identity: self.identity(verify), ..Verification::of(Status::Live) };
        }
        match status {
            401 => Verification::unknown(Doubt::UnprovenNegative),
            403 => Verification::unknown(Doubt::ForbiddenForCaller),
            _ => Verification::unknown_because(Doubt::UnexpectedAnswer, &format!("status {status}")),
        }
    }

    fn holds(&self, c: &Condition) -> bool {
        let status = self.answer.status;
        let text = || String::from_utf8_lossy(&self.answer.body).to_lowercase();
        (c.status.is_empty() || c.status.iter().any(|(from, to)| (*from..=*to).contains(&status)))
            && c.headers.iter().all(|(name, part)| {
                let part = part.to_lowercase();
                self.answer.header(name).any(|value| value.to_lowercase().contains(&part))
            })
            && c.json.iter().all(|(at, values)| self.at(at).is_some_and(|found| values.iter().any(|v| equals(found, *v))))
            && c.json_has.iter().all(|at| self.at(at).is_some_and(|found| !found.is_null()))
            && (c.body_contains.is_empty() || {
                let text = text();
                c.body_contains.iter().any(|part| text.contains(&part.to_lowercase()))
            })
    }

    fn at(&self, place: &str) -> Option<&Value> {
        path::parse(place)?.iter().try_fold(self.json.as_ref()?, |value, step| match step {
            Step::Name(name) => value.as_object()?.get(name),
            Step::Index(n) => value.as_array()?.get(*n),
        })
    }

    fn identity(&self, verify: &Verify) -> BTreeMap<String, String> {
        let known = verify.identity.iter().filter_map(|(name, from)| {
            let value = match from {
                IdentitySource::Json(at) => told(self.at(at)?)?,
                IdentitySource::Header(header) => self.answer.header(header).collect::<Vec<_>>().join(", "),
                IdentitySource::Literal(text) => (*text).to_owned(),
            };
            let value: String = value.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            (!value.is_empty()).then(|| ((*name).to_owned(), value))
        });
        known.collect()
    }
}

fn equals(found: &Value, wanted: Scalar) -> bool {
    match wanted {
        Scalar::Bool(truth) => found.as_bool() == Some(truth),
        Scalar::Integer(number) => found.as_i64() == Some(number),
        Scalar::Text(text) => found.as_str() == Some(text),
    }
}

/// A value for people: scalars as they are, lists of them with commas.
fn told(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            let shown: Vec<String> =
                items.iter().take(MOST_ITEMS).filter_map(|i| if i.is_array() { None } else { told(i) }).collect();
            let more = if items.len() > MOST_ITEMS { ", …" } else { "" };
            Some(format!("{}{more}", shown.join(", ")))
        }
        Value::Null | Value::Object(_) => None,
    }
}
