//! Git repositories, read as objects: every blob is looked at once however many commits carry it, so that merges, renames
//! and attributes hide nothing.
//!
//! - `open`: the one way a repository is opened, with every guard
//! - `objects`: packs and loose objects, in one numbering
//! - `inflate`, `delta`: how packs store them
//! - `pass`: all objects of a kind, each delta tree from its root
//! - `graph`: commits, and what refs reach
//! - `trees`: which trees hold what was found
//! - `attribution`: which commits brought it, and where it stands now
//! - `history`: the whole of it

pub mod attribution;
mod delta;
pub mod graph;
pub mod history;
mod inflate;
pub mod link;
pub mod objects;
pub mod open;
mod pass;
mod trees;

pub use history::{GitSink, History, Scope};
pub use open::{OpenError, Repository};
