//! Whether a text holds one of many words: asked for every candidate, so all words are looked for at once. The automaton for that is
//! made when the first few texts were looked through word by word: a run that asks no more often needs none.

use super::short::{contains, contains_in_any_case};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A list of words.
pub(crate) struct AnyOf {
    words: &'static [&'static [u8]],
    any_case: bool,
    asked: AtomicUsize,
    ready: OnceLock<AhoCorasick>,
}

/// How many texts are looked through before it pays to make an automaton.
const FEW: usize = 24;

impl AnyOf {
    /// Looks for these very bytes.
    pub(crate) const fn exactly(words: &'static [&'static [u8]]) -> Self {
        Self { words, any_case: false, asked: AtomicUsize::new(0), ready: OnceLock::new() }
    }

    /// Looks for ASCII letters in any case.
    pub(crate) const fn in_any_case(words: &'static [&'static [u8]]) -> Self {
        Self { words, any_case: true, asked: AtomicUsize::new(0), ready: OnceLock::new() }
    }

    /// Whether `text` holds one of them.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.ready().map_or_else(|| self.words.iter().any(|word| self.holds(text, word)), |ready| ready.is_match(text))
    }

    /// The first word of the list that `text` holds.
    pub(crate) fn first_in(&self, text: &[u8]) -> Option<&'static [u8]> {
        let Some(ready) = self.ready() else { return self.words.iter().copied().find(|word| self.holds(text, word)) };
        let found = ready.find_overlapping_iter(text).map(|m| m.pattern().as_usize()).min()?;
        Some(self.words[found])
    }

    fn holds(&self, text: &[u8], word: &[u8]) -> bool {
        if self.any_case { contains_in_any_case(text, word) } else { contains(text, word) }
    }

    /// The automaton; none as long as few texts were looked through.
    fn ready(&self) -> Option<&AhoCorasick> {
        self.ready.get().or_else(|| {
            let is_worth_it = self.asked.fetch_add(1, Ordering::Relaxed) >= FEW;
            is_worth_it.then(|| self.ready.get_or_init(|| self.automaton()))
        })
    }

    fn automaton(&self) -> AhoCorasick {
        // What is looked through is short, and has a word or its first bytes more often than not: skipping ahead costs more than it
        // saves.
        AhoCorasick::builder()
            .ascii_case_insensitive(self.any_case)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(self.words)
            .expect("a few words fit an automaton")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_counts_not_of_the_text() {
        let words = AnyOf::in_any_case(&[b"sample", b"ample", b"fake"]);
        let exact = AnyOf::exactly(&[b"Sample", b"le"]);
        // With an automaton as without.
        for _ in 0..2 * FEW {
            assert_eq!(words.first_in(b"a fAke sAmple"), Some(&b"sample"[..]));
            assert_eq!(words.first_in(b"an Ample one"), Some(&b"ample"[..]));
            assert!(words.is_in(b"FAKE") && !words.is_in(b"f") && !words.is_in(b""));
            assert_eq!((exact.first_in(b"a sample"), exact.first_in(b"Sample")), (Some(&b"le"[..]), Some(&b"Sample"[..])));
            assert!(!exact.is_in(b"SAMPLE"));
        }
        assert!(words.ready.get().is_some() && exact.ready.get().is_some());
    }
}
