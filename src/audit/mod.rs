//! Many repositories, again and again: what an organization has is listed, fetched, scanned and remembered, so that the next
//! audit pays only for what changed.
//!
//! ```text
//! RepositorySource → plan → Queue → fetch → scan → verify → store → reports
//! ```
//! - `target`: what an audit looks at: repositories
//! - `texts`: issues, releases, logs and other texts beside the code
//! - `listed`: URL lists and folders of clones
//! - `forge`: what organizations have at GitHub, GitLab and others
//! - `bucket`: objects of S3, Google Cloud Storage and Azure
//! - `catalogue`: what a repository was scanned with
//! - `unit`: a unit of work, and what came of it
//! - `store`: what is remembered, in `SQLite`
//! - `queue`: which unit is next
//! - `lore`: what a machine knows of earlier scans
//! - `mirrors`: clones that are kept, under a size limit
//! - `work`: a unit from its URL to its result
//! - `fleet`: the same on many machines (feature `fleet`)
//! - `summary`: numbers about all that is known
//! - `owners`: whom files belong to
//! - `people`: whom to tell
//! - `notify`: people are told what happened
//! - `issues`: repositories are told in their own tracker
//! - `sealed`: secrets under a key of the user's
//! - `run`: all of it at once, with bounded queues between

mod background;
pub mod bucket;
pub mod catalogue;
#[cfg(feature = "fleet")]
pub mod fleet;
pub mod forge;
pub mod issues;
pub mod listed;
pub mod lore;
pub mod mirrors;
pub mod notify;
pub mod owners;
pub mod people;
pub mod queue;
pub mod run;
pub mod sealed;
pub mod store;
pub mod summary;
pub mod target;
pub mod texts;
pub mod unit;
pub mod work;
