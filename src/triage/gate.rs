//! The gate: what fails a run, and the exit code that says so.

use crate::finding::{Finding, Status};
use crate::rule::Severity;

/// Which findings fail a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Every reported finding.
    Any,
    /// Those of this severity and above.
    Severity(Severity),
    /// Those that are live, as their providers said in this run. What could not be decided makes the run incomplete, or
    /// fails it where `unknown` was given too.
    Live { unknown: bool },
    /// None: the run only informs.
    None,
}

impl FailOn {
    /// Reads the word of `--fail-on`.
    ///
    /// # Errors
    /// Where the word is none of them.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "any" => Ok(Self::Any),
            "none" => Ok(Self::None),
            "live" => Ok(Self::Live { unknown: false }),
            "live,unknown" | "unknown,live" => Ok(Self::Live { unknown: true }),
            other => Severity::parse(other)
                .map(Self::Severity)
                .ok_or_else(|| "one of any, low, medium, high, critical, live, live,unknown, none".to_owned()),
        }
    }

    /// Whether `finding` fails the run.
    #[must_use]
    pub fn fails(self, finding: &Finding) -> bool {
        match self {
            Self::Any => true,
            Self::Severity(least) => finding.rule.severity >= least,
            Self::Live { unknown } => match status(finding) {
                Status::Live => true,
                Status::Dead => false,
                Status::Unknown | Status::NotChecked => unknown,
            },
            Self::None => false,
        }
    }

    /// Whether `finding` neither passes nor fails, because nobody could say whether it is live.
    #[must_use]
    pub fn cannot_decide(self, finding: &Finding) -> bool {
        self == Self::Live { unknown: false } && matches!(status(finding), Status::Unknown | Status::NotChecked)
    }
}

fn status(finding: &Finding) -> Status {
    finding.verification.as_ref().map_or(Status::NotChecked, |v| v.status)
}

/// What an incomplete run does to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    Fail,
    Warn,
}

impl Incomplete {
    /// Reads the word of `--incomplete`.
    ///
    /// # Errors
    /// Where the word is none of them.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "fail" => Ok(Self::Fail),
            "warn" => Ok(Self::Warn),
            _ => Err("one of fail, warn".to_owned()),
        }
    }
}

/// What fails a run, and how it ends then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    pub fail_on: FailOn,
    /// The exit code of a run that fails on findings.
    pub failing_code: u8,
    pub incomplete: Incomplete,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Findings that fail the gate.
    pub failing: usize,
    /// Everything was looked at, but for what was asked to be left out.
    pub complete: bool,
    /// A named path was not there.
    pub missing: bool,
    pub interrupted: bool,
}

impl Ending {
    /// The exit code: 130 interrupted, 2 a named path was missing, 1 (or the gate's) findings, 3 incomplete, else 0.
    #[must_use]
    pub const fn exit_code(self, gate: &Gate) -> u8 {
        if self.interrupted {
            130
        } else if self.missing {
            2
        } else if self.failing > 0 {
            gate.failing_code
        } else if !self.complete && matches!(gate.incomplete, Incomplete::Fail) {
            3
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_by_precedence() {
        let good = Ending { failing: 0, complete: true, missing: false, interrupted: false };
        let gate = Gate { fail_on: FailOn::Any, failing_code: 7, incomplete: Incomplete::Fail };
        assert_eq!(good.exit_code(&gate), 0);
        assert_eq!(Ending { complete: false, ..good }.exit_code(&gate), 3);
        assert_eq!(Ending { complete: false, ..good }.exit_code(&Gate { incomplete: Incomplete::Warn, ..gate }), 0);
        assert_eq!(Ending { complete: false, failing: 2, ..good }.exit_code(&gate), 7);
        assert_eq!(Ending { missing: true, failing: 2, ..good }.exit_code(&gate), 2);
        assert_eq!(Ending { interrupted: true, missing: true, ..good }.exit_code(&gate), 130);
    }
}
