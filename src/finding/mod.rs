//! What was found: identity, location, redaction, grouping of occurrences.
//!
//! - `secret`: a secret in memory: no `Debug`, no `Display`, zeroed on drop
//! - `identity`: `secret_id` and fingerprint
//! - `location`: offsets, lines and columns
//! - `percent`: paths in URLs
//! - `redact`: what may be shown of a secret, and the redactor that covers every string of a report
//! - `snippet`: the line a finding stands in, redacted
//! - `verification`: whether it is live
//! - `date`: days and times as people write and reports tell them
//! - `inline`: comments that allow a finding where it stands
//! - `gather`: occurrences as they come in
//! - `group`: one secret under one rule family in one path is one finding

pub mod date;
pub mod gather;
pub mod group;
pub mod hex;
pub mod identity;
pub mod inline;
pub mod location;
pub mod percent;
pub mod redact;
pub mod secret;
pub mod snippet;
pub mod verification;

pub use date::Day;
pub use group::{Beside, Exposure, Finding, GitStory, Occurrence};
pub use identity::{Fingerprint, IdentityKey, SecretId};
pub use inline::InlineAllow;
pub use location::{Location, Place};
pub use redact::Redactor;
pub use secret::Secret;
pub use verification::{Status, Verification};
