//! The one vocabulary of decisions about findings: the same words in the ignore file, the baseline, reports and on platforms.

use crate::finding::Day;
use serde::{Deserialize, Serialize};

/// What someone decided about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing yet.
    Open,
    /// The credential no longer works: verified, or attested by someone.
    Revoked,
    /// It is no secret.
    FalsePositive,
    /// It is made up, for tests or examples.
    TestValue,
    /// Someone lives with it, for good or until a day.
    Accepted,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Open, Self::Revoked, Self::FalsePositive, Self::TestValue, Self::Accepted];

    /// The word for it, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Revoked => "revoked",
            Self::FalsePositive => "false_positive",
            Self::TestValue => "test_value",
            Self::Accepted => "accepted",
        }
    }

    /// The state that `word` names; `-` may stand for `_`.
    ///
    /// # Errors
    /// Where it names none: all the words, for the message.
    pub fn parse(word: &str) -> Result<Self, String> {
        let word = word.replace('-', "_");
        Self::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|s| s.as_str()).collect();
            format!("one of {}", words.join(", "))
        })
    }
}

/// A decision with what its maker said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub state: State,
    pub reason: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day it counts; for good where left out.
    pub until: Option<Day>,
}

impl Decision {
    /// A decision of which only the state is known.
    #[must_use]
    pub const fn of(state: State) -> Self {
        Self { state, reason: None, owner: None, until: None }
    }

    /// Whether it still counts on `today`.
    #[must_use]
    pub fn counts_on(&self, today: Day) -> bool {
        self.until.is_none_or(|until| until >= today)
    }
}

/// Where a decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    IgnoreFile,
    Inline,
    Allowlist,
    Baseline,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 4] = [Self::IgnoreFile, Self::Inline, Self::Allowlist, Self::Baseline];

    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IgnoreFile => "ignore_file",
            Self::Inline => "inline",
            Self::Allowlist => "allowlist",
            Self::Baseline => "baseline",
        }
    }
}

/// How a decision was found to be about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It names the fingerprint.
    Fingerprint,
    /// It names the rule and a glob of paths.
    RuleAndPath,
    /// A comment at the place.
    Comment,
    /// It names each of its places, as gitleaks does.
    Place,
    /// Its places are in an allowlist.
    Allowlist,
    /// The secret stood in another path, where it is gone.
    Moved { from: String },
    /// Another rule found the same secret in the same path.
    ReRuled { from: String },
}

impl How {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::RuleAndPath => "rule_and_path",
            Self::Comment => "comment",
            Self::Place => "place",
            Self::Allowlist => "allowlist",
            Self::Moved { .. } => "moved",
            Self::ReRuled { .. } => "re_ruled",
        }
    }
}

/// A decision that keeps a finding out of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    pub source: Source,
    pub decision: Decision,
    pub how: How,
}

/// Why a decision wants to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StaleReason {
    /// Nothing is found any more that it is about.
    Unused,
    /// Its last day has passed.
    Expired,
    /// It is in the baseline, and nobody has decided for longer than `--baseline-max-age`.
    TooOld,
}

impl StaleReason {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Expired => "expired",
            Self::TooOld => "too_old",
        }
    }
}

/// A decision that does nothing, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stale {
    pub source: Source,
    pub why: StaleReason,
    /// Where it stands and what it names: `.keysiftignore:3 generic-* tests/**`.
    pub entry: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_states() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!(State::parse("false-positive"), Ok(State::FalsePositive));
        assert_eq!(State::parse("fine").unwrap_err(), "one of open, revoked, false_positive, test_value, accepted");
    }

    #[test]
    fn the_last_day_counts() {
        let decision = Decision { until: Some(Day(10)), ..Decision::of(State::Accepted) };
        assert!(decision.counts_on(Day(10)) && !decision.counts_on(Day(11)));
        assert!(Decision::of(State::Accepted).counts_on(Day(99_999)));
    }
}
