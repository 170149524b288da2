//! Whether a text holds one of many words: asked for every candidate, so all words are looked for at once.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::OnceLock;

/// A list of words that is made ready to be looked for on first use.
pub(super) struct AnyOf {
    words: &'static [&'static [u8]],
    any_case: bool,
    ready: OnceLock<AhoCorasick>,
}

impl AnyOf {
    /// Looks for these very bytes.
    pub(super) const fn exactly(words: &'static [&'static [u8]]) -> Self {
        Self { words, any_case: false, ready: OnceLock::new() }
    }

    /// Looks for ASCII letters in any case.
    pub(super) const fn in_any_case(words: &'static [&'static [u8]]) -> Self {
        Self { words, any_case: true, ready: OnceLock::new() }
    }

    /// Whether `text` holds one of them.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        text.len() >= 2 && self.ready().is_match(text)
    }

    /// The first word of the list that `text` holds.
    pub(super) fn first_in(&self, text: &[u8]) -> Option<&'static [u8]> {
        let found = self.ready().find_overlapping_iter(text).map(|m| m.pattern().as_usize()).min()?;
        Some(self.words[found])
    }

    fn ready(&self) -> &AhoCorasick {
        self.ready.get_or_init(|| {
            // What is looked through is short, and has a word or its first bytes more often than not: skipping ahead costs more than
            // it saves.
            AhoCorasick::builder()
                .ascii_case_insensitive(self.any_case)
                .kind(Some(AhoCorasickKind::DFA))
                .prefilter(false)
                .build(self.words)
                .expect("a few words fit an automaton")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_counts_not_of_the_text() {
        static WORDS: AnyOf = AnyOf::in_any_case(&[b"sample", b"ample", b"fake"]);
        assert_eq!(WORDS.first_in(b"a fAke sAmple"), Some(&b"sample"[..]));
        assert_eq!(WORDS.first_in(b"an Ample one"), Some(&b"ample"[..]));
        assert!(WORDS.is_in(b"FAKE") && !WORDS.is_in(b"f"));
    }
}
