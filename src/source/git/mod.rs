//! Git repositories, read as objects: every blob is looked at once however many commits carry it, so that merges, renames
//! and attributes hide nothing.
//!
//! - `open`: the one way a repository is opened, with every guard
//! - `objects`: packs and loose objects, in one numbering
//! - `entry`, `inflate`, `delta`: how packs store them
//! - `lookup`: single objects, nothing read that is not asked for
//! - `pass`: all objects of a kind, each delta tree from its root
//! - `graph`: commits, and what refs reach
//! - `trees`: which trees hold what was found, or name what is not there
//! - `attribution`: which commits brought it, and where it stands now
//! - `range`: which commits a range names
//! - `changes`: which files commits change
//! - `staged`: which files the index changes
//! - `history`: the whole of it
//! - `hooks`: where its hooks are
//! - `ci`: what a CI job asks to look at
//! - `url`: URLs that a person types
//! - `remote`: repositories on other machines

pub mod attribution;
pub mod changes;
pub mod ci;
mod delta;
mod entry;
pub mod graph;
pub mod history;
pub mod hooks;
mod inflate;
pub mod link;
pub mod lookup;
pub mod objects;
pub mod open;
mod pack;
mod pass;
pub mod range;
#[cfg(feature = "network")]
pub mod remote;
pub mod staged;
mod trees;
pub mod url;

pub use history::{GitSink, History, Scope};
pub use open::{OpenError, Repository};
