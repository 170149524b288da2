//! What credentials look like: the rules, where they come from, and what can be proven and computed about them.
//!
//! - `format`: the rule file format, its model and proofs
//! - `format::verify`: how a provider is asked whether a credential is live
//! - `catalogue`: the built-in rules and those that users add, as one [`RuleSet`]
//! - `checksum`: checksums inside tokens
//! - `structure`: what a credential itself tells: account, user, expiry
//! - `template`: made-up secrets for examples
//! - `draft`: a first rule from sample tokens

pub mod catalogue;
pub mod checksum;
pub mod draft;
pub mod format;
pub mod structure;
pub mod template;

pub use catalogue::{RuleIndex, RuleSet};
pub use format::{
    AssignmentClass, Bounds, Checksum, ChecksumKind, Confidence, Counterexample, Example, Kind, Near, OnFail, Remedy, Rule,
    RuleError, RuleErrors, Run, Scope, Severity, StructureKind, Verify,
};
