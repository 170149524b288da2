//! keysift finds leaked credentials.
//!
//! The way of the data:
//! ```text
//! target → source → blob → detect → candidate → judge → finding → triage → report
//! ```
//! - [`rule`]: what a credential looks like
//! - [`detect`]: bytes in, candidates out
//! - [`judge`]: is this candidate a secret
//! - [`examine`]: one blob through the three of them

pub mod cli;
pub mod detect;
pub mod examine;
pub mod judge;
pub mod rule;
