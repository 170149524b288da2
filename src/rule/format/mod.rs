//! The rule file format: from TOML text to proven [`Rule`]s.
//!
//! This folder is compiled twice: into the library, for the rules that users write, and into the build script, which
//! turns `rules/*.toml` into bytes so that no TOML is parsed when keysift starts. It therefore uses nothing of the rest
//! of the crate.

pub mod file;
pub mod model;
pub mod pattern;
pub mod program;
pub mod proof;
pub mod verify;

pub use file::{RuleError, RuleErrors, parse_rule_file};
pub use model::*;
pub use verify::Verify;
