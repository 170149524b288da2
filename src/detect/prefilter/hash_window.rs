//! The hash-window prefilter: hashes of four-byte windows at every other position, looked up in a bitmap that stays in the
//! first cache.
//!
//! A keyword of five bytes or more has a window of four bytes that begins at an even place in it and one that begins at an odd
//! place. Wherever the keyword stands, one of the two begins at an even place of the text, and only those are looked at. The
//! rarest windows are chosen, so that few places pass. Of a keyword of four bytes the second window has three, with any byte
//! behind it; one of three bytes is looked for at an even place and at the one behind it. A slot of the bitmap belongs to three
//! bytes, its 32 bits to the fourth: one look-up serves windows of both lengths. Places that pass are collected without
//! branches, then looked up in a table, then compared.

use super::even::{BLOCK, Places, STEP, Slots, places};
use super::table::{Entry, FOLD_8, Table, fold};
use super::{Hit, Prefilter};
use crate::rule::Joined;
use std::cell::RefCell;

/// The shortest keyword in bytes.
pub(super) const SHORTEST: usize = 3;

/// See the top of this file.
pub struct HashWindowPrefilter {
    words: Joined<u8>,
    table: Table,
}

impl HashWindowPrefilter {
    /// A prefilter for `words`, lower case, each at least three bytes long.
    #[must_use]
    pub fn new(words: &[&str]) -> Self {
        Self { words: Joined::of(words.iter().map(|word| word.as_bytes())), table: Table::of(words, super::built_in::FACTOR) }
    }

    /// The prefilter of the whole catalogue, made when keysift was built.
    pub(super) const fn built_in(words: Joined<u8>, table: Table) -> Self {
        Self { words, table }
    }

    /// Compares what stands around an even place with the keywords that have its window.
    fn check(&self, bytes: &[u8], at: usize, hits: &mut Vec<Hit>) {
        let (here, next) = windows(bytes, at);
        self.table.entries(here, |entries| self.compare(bytes, at, entries, false, hits));
        if self.table.may_be_short(next) {
            self.table.entries(next, |entries| self.compare(bytes, at + 1, entries, true, hits));
        }
    }

    /// Compares a text with the entries of a window that stands there, or with those of keywords of three bytes alone.
    fn compare(&self, bytes: &[u8], at: usize, entries: &[Entry], only_short: bool, hits: &mut Vec<Hit>) {
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let (alike, behind) = rest.split_at(usize::from(first.alike));
            rest = behind;
            if only_short && !first.is_short {
                continue;
            }
            let Some(start) = at.checked_sub(usize::from(first.offset)) else { continue };
            for entry in beginning(bytes, start, alike) {
                let word = self.words.get(entry.keyword as usize);
                let is_word = |text: &[u8]| ends_like(text, word) && text.eq_ignore_ascii_case(word);
                if bytes.get(start..start + word.len()).is_some_and(is_word) {
                    hits.push(Hit::new(entry.keyword, start));
                }
            }
        }
    }

    /// Looks at the even places of `text`, which stands at `from` in `bytes`, in steps, each as long as two bytes follow. `text`
    /// is no longer than a block and what is read behind it.
    fn block(&self, bytes: &[u8], from: usize, text: &[u8], passed: &mut Places, hits: &mut Vec<Hit>) {
        let slots = self.table.slots.first_chunk().expect("a table of this size");
        let count = Slots { slots, factor: self.table.factor }.pass(text, passed);
        for place in &passed[..count] {
            self.check(bytes, from + usize::from(*place), hits);
        }
    }
}

/// The windows at a place and at the one behind it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "windows are cut to 32 bits on purpose")]
fn windows(bytes: &[u8], at: usize) -> (u32, u32) {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => {
            let eight = u64::from_le_bytes(*eight) | FOLD_8;
            (eight as u32, (eight >> 8) as u32)
        }
        None => (fold(bytes, at), fold(bytes, at + 1)),
    }
}

/// Of entries with one mask those that begin with the bytes that stand there; at the end of the text nobody knows yet.
fn beginning<'e>(bytes: &[u8], start: usize, alike: &'e [Entry]) -> &'e [Entry] {
    let Some(eight) = bytes.get(start..).and_then(|rest| rest.first_chunk()) else { return alike };
    let begin = (u64::from_le_bytes(*eight) | FOLD_8) & alike[0].mask;
    if let [one] = alike {
        return if one.begin == begin { alike } else { &[] };
    }
    let first = alike.partition_point(|entry| entry.begin < begin);
    let count = alike[first..].iter().take_while(|entry| entry.begin == begin).count();
    &alike[first..first + count]
}

/// Whether the last eight bytes are those of the word, folded: many words begin alike.
fn ends_like(text: &[u8], word: &[u8]) -> bool {
    let last = |text: &[u8]| text.last_chunk().map(|eight| u64::from_le_bytes(*eight) | FOLD_8);
    last(text) == last(word)
}

thread_local! {
    /// Used again for each text: most are a few bytes of a new version, and clearing this would cost more than they do.
    static PASSED: RefCell<Box<Places>> = RefCell::new(Box::new(places()));
}

impl Prefilter for HashWindowPrefilter {
    fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        PASSED.with_borrow_mut(|passed| {
            let mut from = 0;
            // The last window of a block reaches two bytes into the next one.
            while bytes.len() - from >= BLOCK + 2 {
                self.block(bytes, from, &bytes[from..from + BLOCK + 2], passed, hits);
                from += BLOCK;
            }
            let rest = &bytes[from..];
            let looked_at = rest.len().saturating_sub(2) / STEP * STEP;
            self.block(bytes, from, &rest[..(looked_at + 2).min(rest.len())], passed, hits);
            // The last places have no such bytes behind them: zeros stand in for what is behind the end.
            let mut padded = [0; 2 * STEP + 2];
            let last = &rest[looked_at..];
            padded[..last.len()].copy_from_slice(last);
            self.block(bytes, from + looked_at, &padded[..last.len().next_multiple_of(STEP) + 2], passed, hits);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::AhoCorasickPrefilter;
    use super::*;

    /// Both prefilters' hits, sorted.
    fn both(words: &[&'static str], text: &[u8]) -> (Vec<Hit>, Vec<Hit>) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        HashWindowPrefilter::new(words).find(text, &mut fast);
        AhoCorasickPrefilter::new(words).find(text, &mut slow);
        fast.sort_unstable();
        slow.sort_unstable();
        (fast, slow)
    }

    #[test]
    fn every_place_of_every_length_is_seen() {
        let words = ["sk_live_", "ghp_", "://", "akia", "token", "secret_key", "xoxb-", "oxb-1"];
        // Each once, also where a word is the end of another one.
        assert_eq!(both(&["abab", "bab"], b"--abab").0.len(), 2);
        for word in words {
            for before in 0..9 {
                for after in 0..9 {
                    let text = format!("{}{}{}", "-".repeat(before), word.to_uppercase(), " ".repeat(after));
                    let (fast, slow) = both(&words, text.as_bytes());
                    assert_eq!(fast, slow, "{text:?}");
                    assert!(fast.iter().any(|h| h.start == before));
                }
            }
        }
    }

    #[test]
    fn blocks_join_without_a_gap() {
        let words = ["sk_live_", "ghp_", "://", "secret_key", "a_long_keyword_of_many_bytes"];
        for place in BLOCK - 40..BLOCK + 12 {
            for word in words {
                let mut text = vec![b'.'; 2 * BLOCK + 7];
                text[place..place + word.len()].copy_from_slice(word.as_bytes());
                let (fast, slow) = both(&words, &text);
                assert_eq!(fast, slow);
                assert_eq!(fast.len(), 1, "{word} at {place}");
            }
        }
    }

    #[test]
    fn equals_the_reference_on_random_text_of_the_catalogue() {
        let rules = crate::rule::RuleSet::built_in();
        let mut words: Vec<&'static str> = rules.iter().flat_map(|(_, r)| r.keywords.iter().copied()).collect();
        words.sort_unstable();
        words.dedup();
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % below
        };
        let mut text = Vec::new();
        while text.len() < 300_000 {
            match next(4) {
                0 => text.extend_from_slice(words[next(words.len())].as_bytes()),
                1 => text.extend_from_slice(words[next(words.len())].to_uppercase().as_bytes()),
                2 => text.push(u8::try_from(next(256)).unwrap_or(0)),
                _ => {
                    let word = words[next(words.len())].as_bytes();
                    text.extend_from_slice(&word[..next(word.len() + 1)]);
                }
            }
        }
        let (fast, slow) = both(&words, &text);
        assert!(fast.len() > 1000);
        assert_eq!(fast, slow);
    }
}
