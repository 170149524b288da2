//! Which findings count: what people decided about them, and the gate.
//!
//! - `state`: the one vocabulary of decisions
//! - `ignore_file`: `.keysiftignore`
//! - `baseline`: findings that are known, in a file made for clean merges
//! - `matching`: which baseline entry is which finding, after moves and renames of rules
//! - `gitleaks`: decisions that were made for gitleaks
//! - `upkeep`: a baseline brought up to date
//! - `policy`: all of it over the findings of a run; what a change only proposes
//! - `gate`: what fails a run, and its exit code

pub mod baseline;
pub mod gate;
pub mod gitleaks;
pub mod ignore_file;
pub mod matching;
pub mod policy;
pub mod state;
#[cfg(test)]
mod tests;
pub mod upkeep;

pub use baseline::Baseline;
pub use ignore_file::IgnoreFile;
pub use policy::{Inline, Policy, Texts, Triaged, View};
pub use state::{Decision, Source, State, Suppression};

/// What is wrong with a file of decisions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct PolicyError {
    pub file: String,
    pub line: usize,
    /// What is wrong, and what helps.
    pub message: String,
}

/// Whether `text` is a fingerprint: `ks1:` and 32 hex digits.
#[must_use]
pub fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("ks1:").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}
