//! The reference prefilter: the aho-corasick crate.

use super::{Hit, Prefilter};
use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::{Anchored, Input, dfa, nfa::contiguous};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// It starts with the automaton that is built fastest and changes to the
/// one that runs fastest once it has seen enough bytes to pay for it.
pub struct AhoCorasickPrefilter {
    words: Vec<String>,
    small: contiguous::NFA,
    fast: OnceLock<dfa::DFA>,
    seen: AtomicUsize,
}

/// The bytes after which the fast automaton pays for itself.
const WORTH_A_DFA: usize = 512 * 1024;

impl AhoCorasickPrefilter {
    /// A prefilter for `words`.
    ///
    /// # Panics
    /// Where the words have more than some hundred million bytes in all.
    #[must_use]
    pub fn new(words: &[&str]) -> Self {
        let small = contiguous::Builder::new().ascii_case_insensitive(true).build(words).expect("keywords fit an automaton");
        Self { words: words.iter().map(|w| (*w).to_owned()).collect(), small, fast: OnceLock::new(), seen: AtomicUsize::new(0) }
    }
}

impl Prefilter for AhoCorasickPrefilter {
    fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        let seen = self.seen.fetch_add(bytes.len(), Ordering::Relaxed);
        if seen + bytes.len() < WORTH_A_DFA {
            collect(&self.small, bytes, hits);
            return;
        }
        let dfa = self.fast.get_or_init(|| {
            dfa::Builder::new()
                .ascii_case_insensitive(true)
                .start_kind(aho_corasick::StartKind::Unanchored)
                .build(&self.words)
                .expect("keywords fit an automaton")
        });
        collect(dfa, bytes, hits);
    }
}

fn collect<A: Automaton>(automaton: &A, bytes: &[u8], hits: &mut Vec<Hit>) {
    let input = Input::new(bytes).anchored(Anchored::No);
    let mut state = OverlappingState::start();
    loop {
        automaton.try_find_overlapping(&input, &mut state).expect("unanchored searches are supported");
        let Some(found) = state.get_match() else { return };
        hits.push(Hit::new(found.pattern().as_u32(), found.start()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(words: &[&str], text: &str) -> Vec<(u32, usize)> {
        let prefilter = AhoCorasickPrefilter::new(words);
        let mut found = Vec::new();
        prefilter.find(text.as_bytes(), &mut found);
        let mut slow = Vec::new();
        collect(&prefilter.small, text.as_bytes(), &mut slow);
        assert_eq!(found, slow);
        found.into_iter().map(|h| (h.keyword, h.start)).collect()
    }

    #[test]
    fn finds_overlapping_words_in_any_case() {
        assert_eq!(hits(&["ghp_", "hp"], "xGHP_ ghp_"), [(1, 2), (0, 1), (1, 7), (0, 6)]);
    }

    #[test]
    fn both_automata_agree_on_a_long_text() {
        let text = "sk_live_ AKIA nothing akia \u{1F600} ".repeat(40_000);
        assert_eq!(hits(&["sk_live_", "akia"], &text).len(), 120_000);
    }
}
