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
    /// What was made of it, where it is a part of a name. Prefilters leave that alone.
    pub read: Read,
}

/// What the reader of assignments made of a hit, in bytes from where the hit begins: 0 where nothing was made of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Where that ends which was read to tell what is bound to the name.
    pub end: u16,
    /// Where the name ends.
    pub name_end: u16,
}

impl Hit {
    /// A hit of which nothing was made yet.
    #[must_use]
    pub const fn new(keyword: u32, start: usize) -> Self {
        Self { keyword, start, read: Read { end: 0, name_end: 0 } }
    }
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
