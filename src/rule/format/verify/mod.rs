//! The `[rule.verify]` table: how a provider is asked whether a credential is live.
//!
//! - `model`: what may be asked and how answers are read, as plain data
//! - `table`: from TOML to that, proven: hosts, placeholders, conditions, evidence
//! - `template`: texts with `{{placeholders}}`
//! - `path`: places in JSON

pub mod model;
pub mod path;
pub mod table;
pub mod template;

pub use model::{Body, Condition, Doubt, Evidence, IdentitySource, Method, PartsOf, Protocol, Scalar, Unclear, Verify};
pub use table::{RawVerify, build};
