//! The hash-window prefilter: hashes of four-byte windows at every other position, looked up in a bitmap that stays in the
//! first cache.
//!
//! A keyword of five bytes or more has a window of four bytes that begins at an even place in it and one that begins at an odd
//! place. Wherever the keyword stands, one of the two begins at an even place of the text, and only those are looked at. The
//! rarest windows are chosen, so that few places pass. Keywords of three and four bytes have one window of three, looked up at
//! every place, in a bitmap of their own. Places that pass are collected without branches, then looked up in a table, then
//! compared.

use super::{Hit, Prefilter};
use std::cell::RefCell;

/// The shortest keyword in bytes.
pub(super) const SHORTEST: usize = 3;
/// The bits of a hash: 2^18 bits are 32 KB.
const LONG_BITS: u32 = 18;
/// The bits of a hash of a short window.
const SHORT_BITS: u32 = 16;
/// The text that is filtered before what passed is looked at, in bytes.
const BLOCK: usize = 4096;
/// Makes letters lower case; what it does to other bytes it does to keywords as well.
const FOLD: u32 = 0x2020_2020;
const SHORT_MASK: u32 = 0x00ff_ffff;

/// Windows of keywords, by hash.
struct Table {
    bitmap: Vec<u64>,
    /// Where the entries of each bucket begin.
    buckets: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    window: u32,
    keyword: u32,
    /// Where the window begins in the keyword.
    offset: u32,
}

const BUCKET_BITS: u32 = 12;

const fn hash(window: u32, bits: u32) -> u32 {
    window.wrapping_mul(0x9e37_79b1) >> (32 - bits)
}

impl Table {
    fn new(mut entries: Vec<Entry>, bits: u32) -> Self {
        entries.sort_by_key(|e| (hash(e.window, BUCKET_BITS), e.window));
        let mut bitmap = vec![0; (1 << bits) / 64];
        let mut buckets = vec![0u32; (1 << BUCKET_BITS) + 1];
        for entry in &entries {
            let h = hash(entry.window, bits);
            bitmap[(h / 64) as usize] |= 1 << (h % 64);
            buckets[hash(entry.window, BUCKET_BITS) as usize + 1] += 1;
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        Self { bitmap, buckets, entries }
    }

    /// 1 where some keyword may have this window, else 0.
    #[inline]
    fn bit(&self, window: u32, bits: u32) -> usize {
        let h = hash(window, bits);
        (self.bitmap[(h / 64) as usize & (self.bitmap.len() - 1)] >> (h % 64) & 1) as usize
    }

    fn entries(&self, window: u32) -> impl Iterator<Item = &Entry> {
        let bucket = hash(window, BUCKET_BITS) as usize;
        let (from, to) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        self.entries[from..to].iter().filter(move |e| e.window == window)
    }
}

/// See the top of this file.
pub struct HashWindowPrefilter {
    words: Vec<Vec<u8>>,
    long: Table,
    short: Table,
}

impl HashWindowPrefilter {
    /// A prefilter for `words`, each at least [`SHORTEST`] bytes long.
    #[must_use]
    pub fn new(words: &[&str]) -> Self {
        let words: Vec<Vec<u8>> = words.iter().map(|w| w.to_ascii_lowercase().into_bytes()).collect();
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (keyword, word) in (0u32..).zip(&words) {
            if word.len() < 5 {
                short.push(Entry { window: fold(word, 0) & SHORT_MASK, keyword, offset: 0 });
                continue;
            }
            for first in [0, 1] {
                let rarest = (first..=word.len() - 4).step_by(2).max_by_key(|at| rarity(&word[*at..*at + 4]));
                let offset = rarest.unwrap_or(first);
                long.push(Entry { window: fold(word, offset), keyword, offset: u32::try_from(offset).unwrap_or(0) });
            }
        }
        Self { words, long: Table::new(long, LONG_BITS), short: Table::new(short, SHORT_BITS) }
    }

    /// Compares what stands around a window with the keywords that have it.
    fn check(&self, bytes: &[u8], at: usize, is_long: bool, hits: &mut Vec<Hit>) {
        let window = fold(bytes, at);
        let (table, window) = if is_long { (&self.long, window) } else { (&self.short, window & SHORT_MASK) };
        for entry in table.entries(window) {
            let word = &self.words[entry.keyword as usize];
            let Some(start) = at.checked_sub(entry.offset as usize) else { continue };
            if bytes.get(start..start + word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word)) {
                hits.push(Hit { keyword: entry.keyword, start });
            }
        }
    }

    /// Looks at every fourth place of `text`, which stands at `from` in `bytes`, and the three behind it, as long as eight
    /// bytes follow. `text` is no longer than a block and twelve bytes.
    #[expect(clippy::cast_possible_truncation, reason = "a block is 4,096 bytes long; windows are cut to 32 bits on purpose")]
    fn block(&self, bytes: &[u8], from: usize, text: &[u8], passed: &mut Passed, hits: &mut Vec<Hit>) {
        let Passed { long, short } = passed;
        let (mut longs, mut shorts) = (0, 0);
        for (n, eight) in text.windows(8).step_by(4).enumerate() {
            let place = (n * 4) as u16;
            let mut word = [0; 8];
            word.copy_from_slice(eight);
            let word = u64::from_le_bytes(word) | 0x2020_2020_2020_2020;
            for step in [0u16, 2] {
                long[longs & (long.len() - 1)] = place + step;
                longs += self.long.bit((word >> (8 * step)) as u32, LONG_BITS);
            }
            for step in [0u16, 1, 2, 3] {
                short[shorts & (short.len() - 1)] = place + step;
                shorts += self.short.bit((word >> (8 * step)) as u32 & SHORT_MASK, SHORT_BITS);
            }
        }
        for at in &long[..longs] {
            self.check(bytes, from + usize::from(*at), true, hits);
        }
        for at in &short[..shorts] {
            self.check(bytes, from + usize::from(*at), false, hits);
        }
    }
}

/// Places of a block that passed the bitmaps: as many as can.
struct Passed {
    long: [u16; BLOCK / 2],
    short: [u16; BLOCK],
}

thread_local! {
    /// Used again for each text: most are a few bytes of a new version, and clearing this would cost more than they do.
    static PASSED: RefCell<Box<Passed>> = RefCell::new(Box::new(Passed { long: [0; BLOCK / 2], short: [0; BLOCK] }));
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

/// Four bytes at `at`, folded; zeros stand in for what is behind the end.
fn fold(bytes: &[u8], at: usize) -> u32 {
    if let Some(four) = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()) {
        return u32::from_le_bytes(four) | FOLD;
    }
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u32::from_le_bytes(four) | FOLD
}

/// How seldom such bytes stand in source text, roughly -8·log2 of their share.
fn rarity(window: &[u8]) -> u32 {
    const LETTERS: [u8; 26] =
        [32, 52, 40, 40, 26, 46, 48, 46, 32, 72, 56, 38, 43, 34, 34, 42, 80, 34, 34, 30, 42, 54, 58, 56, 53, 72];
    window
        .iter()
        .map(|b| match b {
            b'a'..=b'z' => u32::from(LETTERS[usize::from(b - b'a')]),
            b'0'..=b'9' => 56,
            b' ' => 20,
            b'_' => 44,
            _ => 60,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::AhoCorasickPrefilter;
    use super::*;

    /// Both prefilters' hits, sorted.
    fn both(words: &[&str], text: &[u8]) -> (Vec<Hit>, Vec<Hit>) {
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
        let mut words: Vec<&str> = rules.iter().flat_map(|(_, r)| r.keywords.iter().copied()).collect();
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
