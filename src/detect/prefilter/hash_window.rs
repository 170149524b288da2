//! The hash-window prefilter: hashes of four-byte windows at every other position, looked up in a bitmap that stays in the
//! first cache.
//!
//! A keyword of five bytes or more has a window of four bytes that begins at an even place in it and one that begins at an odd
//! place. Wherever the keyword stands, one of the two begins at an even place of the text, and only those are looked at. The
//! rarest windows are chosen, so that few places pass. Keywords of three and four bytes have one window of three, looked up at
//! every place, in a bitmap of their own. Places that pass are collected without branches, then looked up in a table, then
//! compared.

use super::table::{Entry, FOLD_8, LONG_BITS, SHORT_BITS, SHORT_MASK, Table, bit, fold, tables};
use super::{Hit, Prefilter};
use std::borrow::Cow;
use std::cell::RefCell;

/// The shortest keyword in bytes.
pub(super) const SHORTEST: usize = 3;
/// The text that is filtered before what passed is looked at, in bytes.
const BLOCK: usize = 4096;
/// The words of the bitmaps.
const LONG_WORDS: usize = 1 << (LONG_BITS - 6);
const SHORT_WORDS: usize = 1 << (SHORT_BITS - 6);

/// See the top of this file.
pub struct HashWindowPrefilter {
    words: Cow<'static, [&'static str]>,
    long: Table,
    short: Table,
}

impl HashWindowPrefilter {
    /// A prefilter for `words`, lower case, each at least three bytes long.
    #[must_use]
    pub fn new(words: &[&'static str]) -> Self {
        let (long, short) = tables(words);
        Self { words: words.to_vec().into(), long, short }
    }

    /// The prefilter of the whole catalogue, made when keysift was built.
    pub(super) const fn built_in(words: &'static [&'static str], long: Table, short: Table) -> Self {
        Self { words: Cow::Borrowed(words), long, short }
    }

    /// Compares what stands around a window with the keywords that have it.
    fn check(&self, bytes: &[u8], at: usize, is_long: bool, hits: &mut Vec<Hit>) {
        let window = fold(bytes, at);
        let (table, window) = if is_long { (&self.long, window) } else { (&self.short, window & SHORT_MASK) };
        for entry in table.entries(window) {
            let Some(start) = at.checked_sub(entry.offset as usize) else { continue };
            if !begins(bytes, start, entry) {
                continue;
            }
            let word = self.words[entry.keyword as usize].as_bytes();
            if bytes.get(start..start + word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word)) {
                hits.push(Hit { keyword: entry.keyword, start });
            }
        }
    }

    /// Looks at every fourth place of `text`, which stands at `from` in `bytes`, and the three behind it, as long as eight
    /// bytes follow. `text` is no longer than a block and twelve bytes.
    #[expect(clippy::cast_possible_truncation, reason = "a block is 4,096 bytes long; windows are cut to 32 bits on purpose")]
    fn block(&self, bytes: &[u8], from: usize, text: &[u8], passed: &mut Passed, hits: &mut Vec<Hit>) {
        let (long, short) = (self.long.bitmap.first_chunk(), self.short.bitmap.first_chunk());
        let (long, short): (&[u64; LONG_WORDS], &[u64; SHORT_WORDS]) = long.zip(short).expect("tables of these sizes");
        let mut count = 0;
        for (n, eight) in text.windows(8).step_by(4).enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(eight);
            let word = u64::from_le_bytes(word) | FOLD_8;
            // A bit for each look-up; one store for all of them, kept only where some bit is set.
            let mut bits = 0u64;
            for step in [0u16, 2] {
                bits |= bit(long, (word >> (8 * step)) as u32, LONG_BITS) << step;
            }
            for step in [0u16, 1, 2, 3] {
                bits |= bit(short, (word >> (8 * step)) as u32 & SHORT_MASK, SHORT_BITS) << (4 + step);
            }
            passed[count & (passed.len() - 1)] = ((n * 4) as u16, bits as u16);
            count += usize::from(bits != 0);
        }
        for (place, bits) in &passed[..count] {
            let mut bits = *bits;
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.check(bytes, from + usize::from(*place) + (bit & 3), bit < 4, hits);
            }
        }
    }
}

/// Whether the first bytes are those of the keyword; at the end of the text nobody knows yet.
fn begins(bytes: &[u8], start: usize, entry: &Entry) -> bool {
    let eight = bytes.get(start..start + 8).and_then(|eight| eight.try_into().ok());
    eight.is_none_or(|eight| (u64::from_le_bytes(eight) | FOLD_8) & entry.mask == entry.begin)
}

/// Places of a block, every fourth, with the look-ups that passed behind each: four bits for long windows, four for short ones.
type Passed = [(u16, u16); BLOCK / 4];

thread_local! {
    /// Used again for each text: most are a few bytes of a new version, and clearing this would cost more than they do.
    static PASSED: RefCell<Box<Passed>> = RefCell::new(Box::new([(0, 0); BLOCK / 4]));
}

impl Prefilter for HashWindowPrefilter {
    fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        PASSED.with_borrow_mut(|passed| {
            let mut from = 0;
            // The last window of a block reaches four bytes into the next one.
            while bytes.len() - from >= BLOCK + 4 {
                self.block(bytes, from, &bytes[from..from + BLOCK + 4], passed, hits);
                from += BLOCK;
            }
            let rest = &bytes[from..];
            let looked_at = rest.len().saturating_sub(4) / 4 * 4;
            self.block(bytes, from, &rest[..(looked_at + 4).min(rest.len())], passed, hits);
            // The last places have no eight bytes: zeros stand in for what is behind the end.
            let mut padded = [0; 16];
            let last = &rest[looked_at..];
            padded[..last.len()].copy_from_slice(last);
            self.block(bytes, from + looked_at, &padded[..last.len().next_multiple_of(4) + 4], passed, hits);
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
