//! The prefilter: one pass over a blob that finds which keywords of all rules occur, and where.
//!
//! - `hash_window`, `even`, `table`: the fast one, for many keywords
//! - `built_in`: its tables for the catalogue
//! - `aho`: the reference, and what runs for few keywords

mod aho;
mod built_in;
mod even;
mod hash_window;
#[allow(unreachable_pub, reason = "the build script has this file too")]
mod table;

pub use aho::AhoCorasickPrefilter;
pub use built_in::{LONGEST, built_in};
pub use hash_window::HashWindowPrefilter;

/// A keyword found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Its place in the list that the prefilter was made of.
    pub keyword: u32,
    /// Where it begins, in bytes.
    pub start: usize,
}

/// Finds keywords, ASCII letters in any case.
pub trait Prefilter: Send + Sync {
    /// Appends every occurrence of every keyword, overlapping ones too, in any order.
    fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>);
}

/// Below this number of keywords an automaton is small enough to be the faster one.
const FEW: usize = 16;

/// The prefilter that suits `words`.
#[must_use]
pub fn for_words(words: &[&'static str]) -> Box<dyn Prefilter> {
    if words.len() < FEW || words.iter().any(|w| w.len() < hash_window::SHORTEST) {
        Box::new(AhoCorasickPrefilter::new(words))
    } else {
        Box::new(HashWindowPrefilter::new(words))
    }
}
