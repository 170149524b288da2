//! What credentials look like: the rules, where they come from, and what can be proven and computed about them.
//!
//! - `format`: the rule file format, its model and proofs
//! - `format::verify`: how a provider is asked whether a credential is live
//! - `catalogue`: the built-in rules and those that users add, as one [`RuleSet`]
//! - `built_in`: the built-in ones, each read when it is first asked for
//! - `joined`: many short lists in one
//! - `checksum`: checksums inside tokens
//! - `structure`: what a credential itself tells: account, user, expiry
//! - `template`: made-up secrets for examples
//! - `draft`: a first rule from sample tokens

mod built_in;
pub mod catalogue;
pub mod checksum;
pub mod draft;
pub mod format;
mod joined;
pub mod structure;
pub mod template;

#[cfg(test)]
pub(crate) use built_in::read_so_far;
pub use catalogue::{Head, RuleIndex, RuleSet};
pub use format::{
    AssignmentClass, Bounds, Checksum, ChecksumKind, Confidence, Counterexample, Cue, Example, Kind, Near, OnFail, Remedy, Rule,
    RuleError, RuleErrors, Run, Scope, Severity, StructureKind, Verify,
};
pub use joined::Joined;
