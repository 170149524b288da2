//! Many repositories, again and again: what an organization has is listed, fetched, scanned and remembered, so that the next
//! audit pays only for what changed.
//!
//! - `target`: what an audit looks at: repositories, and texts beside their code

pub mod target;
