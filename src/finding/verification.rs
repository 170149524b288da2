//! Whether a credential is live, as its provider said or as nobody could find out.

use crate::rule::format::verify::Doubt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Status {
    /// Its provider accepts it.
    Live,
    /// Asked, and not decided; the reason says why.
    Unknown,
    /// Nobody was asked: verification is off, or there is no way to ask.
    NotChecked,
    /// Its provider refuses it, and documents what that means.
    Dead,
}

impl Status {
    /// The word used in reports and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Unknown => "unknown",
            Self::NotChecked => "not_checked",
            Self::Dead => "dead",
        }
    }
}

/// What was found out about a credential, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verification {
    pub status: Status,
    /// Where the status is `unknown`: a stable word, see `docs/verification.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words, with what is special here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whose it is and what it may do, as the provider says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub identity: BTreeMap<String, String>,
    /// When the provider was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
    /// Since when the status is this one, as far as reports tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The answer went through a proxy: who the host was is the proxy's word.
    #[serde(default, skip_serializing_if = "is_false")]
    pub via_proxy: bool,
    /// The answer is that of an earlier run, from the cache.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cached: bool,
    /// What it was before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<PastState>,
}

/// What a credential once was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PastState {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was first seen so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it was last seen so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Verification {
    /// Nothing but a status.
    #[must_use]
    pub const fn of(status: Status) -> Self {
        Self {
            status,
            reason: None,
            detail: None,
            identity: BTreeMap::new(),
            checked_at: None,
            since: None,
            via_proxy: false,
            cached: false,
            history: Vec::new(),
        }
    }

    /// Nobody knows, and why.
    #[must_use]
    pub fn unknown(doubt: Doubt) -> Self {
        Self { reason: Some(doubt.as_str().to_owned()), detail: Some(doubt.in_words().to_owned()), ..Self::of(Status::Unknown) }
    }

    /// Nobody knows, and why, with what is special here.
    #[must_use]
    pub fn unknown_because(doubt: Doubt, detail: &str) -> Self {
        Self { detail: Some(format!("{}: {detail}", doubt.in_words())), ..Self::unknown(doubt) }
    }

    /// Whether the reason is this one.
    #[must_use]
    pub fn is_because(&self, doubt: Doubt) -> bool {
        self.reason.as_deref() == Some(doubt.as_str())
    }

    /// The same after what an earlier report said: since when, and what it was before.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.history.clone_from(&before.history);
        if self.status == before.status {
            self.since = before.since.clone().or_else(|| before.checked_at.clone()).or(self.since);
        } else if before.status != Status::NotChecked {
            self.history.push(PastState {
                status: before.status,
                reason: before.reason.clone(),
                since: before.since.clone(),
                checked_at: before.checked_at.clone(),
            });
        }
        self
    }

    /// `live`, `dead since 2026-11-20`, `unknown (rate_limited)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.status, &self.reason, &self.since) {
            (Status::Unknown, Some(reason), _) => format!("unknown ({reason})"),
            (Status::Dead, _, Some(since)) => format!("dead since {}", since.get(..10).unwrap_or(since)),
            (status, ..) => status.as_str().replace('_', " "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_becomes_history() {
        let at = |status, when: &str| Verification {
            checked_at: Some(when.to_owned()),
            since: Some(when.to_owned()),
            ..Verification::of(status)
        };
        let first = at(Status::Live, "2026-01-01T00:00:00Z");
        let still = at(Status::Live, "2026-01-02T00:00:00Z").after(&first);
        assert_eq!(still.since.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert!(still.history.is_empty());
        let dead = at(Status::Dead, "2026-01-03T00:00:00Z").after(&still);
        assert_eq!(dead.in_words(), "dead since 2026-01-03");
        assert_eq!(dead.history.len(), 1);
        assert_eq!(dead.history[0].checked_at.as_deref(), Some("2026-01-02T00:00:00Z"));
        let again = at(Status::Live, "2026-01-04T00:00:00Z").after(&dead);
        assert_eq!(again.history.len(), 2);
        assert_eq!(at(Status::Dead, "2026-01-05T00:00:00Z").after(&Verification::of(Status::NotChecked)).history, []);
    }
}
