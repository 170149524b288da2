//! The tables of the hash-window prefilter: which windows of which keywords are looked for. Made when keysift is built for the
//! catalogue, and when it runs for rules of one's own; this file belongs to both and knows nothing else.

use std::borrow::Cow;

/// The bits of a hash of a long window: 2^18 bits are 32 KB, which stay in the first cache.
pub const LONG_BITS: u32 = 18;
/// The bits of a hash of a short window.
pub const SHORT_BITS: u32 = 16;
const BUCKET_BITS: u32 = 12;
/// Makes letters lower case; what it does to other bytes it does to keywords as well.
pub const FOLD: u32 = 0x2020_2020;
/// The same for eight bytes.
pub const FOLD_8: u64 = 0x2020_2020_2020_2020;
/// The three bytes of a short window.
pub const SHORT_MASK: u32 = 0x00ff_ffff;
/// Keywords of so many bytes have long windows.
pub const LONG: usize = 5;

/// The commonest four bytes of source text and how common each is (`benches/prefilter/fourgrams.py` counts them).
static FOURGRAMS: &[u8; 60_000] = include_bytes!("fourgrams.bin");

/// A window of a keyword.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The first eight bytes of the keyword, folded, and which of their bits count.
    pub begin: u64,
    pub mask: u64,
    pub window: u32,
    /// The keyword's place in the list.
    pub keyword: u32,
    /// Where the window begins in the keyword.
    pub offset: u32,
}

/// Windows of keywords, by hash.
#[derive(Debug)]
pub struct Table {
    pub bitmap: Cow<'static, [u64]>,
    /// Where the entries of each bucket begin.
    pub buckets: Cow<'static, [u32]>,
    pub entries: Cow<'static, [Entry]>,
}

const fn hash(window: u32, bits: u32) -> u32 {
    window.wrapping_mul(0x9e37_79b1) >> (32 - bits)
}

impl Entry {
    fn of(keyword: usize, word: &[u8], offset: usize, mask: u32) -> Self {
        let (mut begin, mut counts) = ([0; 8], [0; 8]);
        for (n, byte) in word.iter().take(8).enumerate() {
            (begin[n], counts[n]) = (*byte, 0xff);
        }
        let counts = u64::from_le_bytes(counts);
        Self {
            begin: (u64::from_le_bytes(begin) | FOLD_8) & counts,
            mask: counts,
            window: fold(word, offset) & mask,
            keyword: u32::try_from(keyword).expect("fewer than 2^32 keywords"),
            offset: u32::try_from(offset).expect("a keyword is short"),
        }
    }
}

impl Table {
    fn new(mut entries: Vec<Entry>, bits: u32) -> Self {
        entries.sort_by_key(|e| (hash(e.window, BUCKET_BITS), e.window, e.keyword));
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
        Self { bitmap: bitmap.into(), buckets: buckets.into(), entries: entries.into() }
    }

    /// The entries with this window.
    pub fn entries(&self, window: u32) -> impl Iterator<Item = &Entry> {
        let bucket = hash(window, BUCKET_BITS) as usize;
        let (from, to) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        self.entries[from..to].iter().skip_while(move |e| e.window != window).take_while(move |e| e.window == window)
    }
}

/// 1 where some keyword may have this window, else 0. `WORDS` is 2^`bits` / 64.
#[inline]
#[must_use]
pub fn bit<const WORDS: usize>(bitmap: &[u64; WORDS], window: u32, bits: u32) -> u64 {
    let h = hash(window, bits);
    bitmap[(h / 64) as usize & (WORDS - 1)] >> (h % 64) & 1
}

/// The tables of the long and of the short windows of `words`, which are lower case and at least three bytes long.
#[must_use]
pub fn tables(words: &[&str]) -> (Table, Table) {
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for (keyword, word) in words.iter().enumerate() {
        let word = word.as_bytes();
        if word.len() < LONG {
            short.push(Entry::of(keyword, word, 0, SHORT_MASK));
            continue;
        }
        for first in [0, 1] {
            // Of equally rare ones the first: words that are written with several separators share it.
            let rarest = (first..=word.len() - 4).step_by(2).min_by_key(|at| commonness(&word[*at..*at + 4]));
            long.push(Entry::of(keyword, word, rarest.unwrap_or(first), u32::MAX));
        }
    }
    (Table::new(long, LONG_BITS), Table::new(short, SHORT_BITS))
}

/// How common a window is: its place among the commonest, and whether a separator in it is one of several spellings.
fn commonness(window: &[u8]) -> (u8, usize) {
    let (mut low, mut high) = (0, FOURGRAMS.len() / 5);
    while low < high {
        let middle = usize::midpoint(low, high);
        if FOURGRAMS[middle * 5..middle * 5 + 4] < *window { low = middle + 1 } else { high = middle }
    }
    let known = FOURGRAMS.get(low * 5..low * 5 + 5).filter(|gram| gram[..4] == *window);
    (known.map_or(0, |gram| gram[4]), window.iter().filter(|b| matches!(b, b'_' | b'-' | b'.' | b' ')).count())
}

/// Four bytes at `at`, folded; zeros stand in for what is behind the end.
#[must_use]
pub fn fold(bytes: &[u8], at: usize) -> u32 {
    if let Some(four) = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()) {
        return u32::from_le_bytes(four) | FOLD;
    }
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u32::from_le_bytes(four) | FOLD
}
