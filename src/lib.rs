//! keysift finds leaked credentials.
//!
//! The way of the data, each step a folder or file of its own:
//! ```text
//! target → source → blob → detect → candidate → judge → finding → verify → triage → report
//!                   └──────── examine ───────┘
//!          └───────────────── pipeline ──────────────────┘
//! ```
//! - [`rule`]: what a credential looks like
//! - [`detect`]: bytes in, candidates out
//! - [`judge`]: is this candidate a secret
//! - [`examine`]: one blob through the three of them
//! - [`source`]: where bytes come from
//! - [`finding`]: what was found: identity, location, redaction
//! - [`pipeline`]: from a source to findings
//! - [`verify`]: is it live (feature `verify`)
//! - [`triage`]: which findings count
//! - [`report`]: how it is told
//! - [`audit`]: many repositories (feature `audit`)
//! - [`config`]: what `keysift.toml` says
//! - [`cli`]: what a person types
//!
//! To look for credentials in a text of your own:
//! ```
//! use keysift::{detect::{Detector, Scratch}, examine::examine, rule::RuleSet};
//!
//! let detector = Detector::new(RuleSet::built_in());
//! let text = format!("db_password = \"{}\"", ["k8Zq", "w2Lm", "x7Rt"].concat());
//! let examined = examine(&detector, text.as_bytes(), Some("settings.py"), &mut Scratch::default());
//! assert_eq!(examined.found[0].rule.id, "generic-password");
//! ```

#[cfg(feature = "audit")]
pub mod audit;
pub mod cli;
pub mod config;
pub mod detect;
pub mod examine;
pub mod finding;
pub mod judge;
pub mod pipeline;
pub mod report;
pub mod rule;
pub mod source;
pub mod triage;
#[cfg(feature = "verify")]
pub mod verify;
