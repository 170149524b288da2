//! The tables of the hash-window prefilter: which windows of which keywords are looked for. Made when keysift is built for the
//! catalogue, and when it runs for rules of one's own; this file belongs to both and knows nothing else.

use std::borrow::Cow;

/// The bits of the hash of a window's first three bytes: 2^13 slots of 32 bits are 32 KB, which stay in the first cache.
const SLOT_BITS: u32 = 13;
/// How many slots there are.
pub const SLOTS: usize = 1 << SLOT_BITS;
/// By how many bits a product is shifted to the right to give a slot.
#[allow(dead_code, reason = "not every processor has what asks for it, nor does the build script")]
pub const SLOT_SHIFT: u32 = 32 - SLOT_BITS;
const BUCKET_BITS: u32 = 14;
/// The bits of the hashes of the shortest keywords, and the words that have a bit for each.
const SHORT_BITS: u32 = 12;
const SHORT: usize = 1 << (SHORT_BITS - 6);
/// Makes letters lower case; what it does to other bytes it does to keywords as well.
pub const FOLD: u32 = 0x2020_2020;
/// The same for eight bytes.
pub const FOLD_8: u64 = 0x2020_2020_2020_2020;
/// The first three bytes of a window.
const THREE: u32 = 0x00ff_ffff;

/// The commonest four bytes of source text and how common each is (`benches/prefilter/fourgrams.py` counts them).
static FOURGRAMS: &[u8; 60_000] = include_bytes!("fourgrams.bin");

/// A window of four bytes, or of three with any byte behind them, and the keywords that have it.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub bytes: u32,
    /// Which of its bits count.
    pub mask: u32,
    /// Its first entry; those up to the next one's are its own.
    pub first: u32,
}

/// A keyword's place around a window.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The first eight bytes of the keyword, folded, and which of their bits count.
    pub begin: u64,
    pub mask: u64,
    /// The keyword's place in the list.
    pub keyword: u32,
    /// Where the window begins in the keyword.
    pub offset: u16,
    /// Whether the keyword has three bytes: it is looked for at both places of a pair.
    pub is_short: bool,
    /// How many entries from this one on stand at the same place around the window and have the same mask: by what they begin with.
    pub alike: u16,
}

/// Windows of keywords, by hash.
#[derive(Debug)]
pub struct Table {
    /// What windows are multiplied with.
    pub factor: u32,
    /// By the hash of three bytes: a bit for each fourth byte that a window with such a beginning may have.
    pub slots: Cow<'static, [u32]>,
    /// Where the windows of each bucket begin.
    pub buckets: Cow<'static, [u32]>,
    /// In the order of their buckets, and one that is none.
    pub windows: Cow<'static, [Window]>,
    pub entries: Cow<'static, [Entry]>,
    /// Hashes of the keywords of three bytes, folded: a bit for each.
    pub short: [u64; SHORT],
}

/// A hash of the first three bytes: the product's upper bits depend on no others.
const fn hash(window: u32, factor: u32, bits: u32) -> u32 {
    window.wrapping_mul(factor) >> (32 - bits)
}

impl Entry {
    fn of(keyword: usize, word: &[u8], offset: usize) -> (u32, u32, Self) {
        let (mut begin, mut counts) = ([0; 8], [0; 8]);
        for (n, byte) in word.iter().take(8).enumerate() {
            (begin[n], counts[n]) = (*byte, 0xff);
        }
        let counts = u64::from_le_bytes(counts);
        let mask = if word.len() - offset < 4 { THREE } else { u32::MAX };
        let entry = Self {
            begin: (u64::from_le_bytes(begin) | FOLD_8) & counts,
            mask: counts,
            keyword: u32::try_from(keyword).expect("fewer than 2^32 keywords"),
            offset: u16::try_from(offset).expect("a keyword is short"),
            is_short: word.len() < 4,
            alike: 1,
        };
        (fold(word, offset) & mask, mask, entry)
    }
}

/// The windows of `words`: each with its mask and its entry.
fn windows(words: &[&str]) -> Vec<(u32, u32, Entry)> {
    let mut all = Vec::with_capacity(2 * words.len());
    for (keyword, word) in words.iter().enumerate() {
        let word = word.as_bytes();
        all.push(Entry::of(keyword, word, rarest(word, 0)));
        if word.len() > 3 {
            all.push(Entry::of(keyword, word, rarest(word, 1)));
        }
    }
    all
}

/// The slots for such windows.
fn slots(all: &[(u32, u32, Entry)], factor: u32) -> Vec<u32> {
    let mut slots = vec![0u32; SLOTS];
    let mut set = |window: u32| slots[hash(window, factor, SLOT_BITS) as usize] |= 1 << (window >> 24 & 31);
    for (window, mask, entry) in all {
        if *mask == u32::MAX {
            set(*window);
        } else {
            (0..32).for_each(|fourth| set(*window | fourth << 24));
        }
        if entry.is_short {
            // The place before it, whatever stands there.
            (0..=255).for_each(|first| set((window << 8 | first) | FOLD));
        }
    }
    slots
}

/// The factor with which the fewest places of source text pass, of some that are tried.
#[must_use]
#[allow(dead_code, reason = "the build script calls it")]
pub fn best_factor(words: &[&str]) -> u32 {
    const TRIES: usize = 256;
    let all = windows(words);
    let mut state = 0x9e37_79b9u32;
    let factors = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8 | 1) << 8
    });
    let passed = |factor: u32| {
        let slots = slots(&all, factor);
        let slots: &[u32; SLOTS] = slots.first_chunk().expect("slots of this size");
        let grams = FOURGRAMS.as_chunks::<5>().0.iter();
        grams
            .map(|[a, b, c, d, n]| u64::from(bit(slots, factor, u32::from_le_bytes([*a, *b, *c, *d]) | FOLD)) << (n / 8))
            .sum::<u64>()
    };
    factors.take(TRIES).min_by_key(|factor| passed(*factor)).unwrap_or(0x9e37_79b1 << 8)
}

impl Table {
    /// The table of `words`, which are lower case and at least three bytes long.
    #[must_use]
    pub fn of(words: &[&str], factor: u32) -> Self {
        let mut all = windows(words);
        let slots = slots(&all, factor);
        all.sort_by_key(|(window, mask, e)| {
            (hash(*window, factor, BUCKET_BITS), *window, *mask, e.offset, e.mask, e.begin, e.keyword)
        });
        for same in all.chunk_by_mut(|a, b| (a.0, a.1, a.2.offset, a.2.mask) == (b.0, b.1, b.2.offset, b.2.mask)) {
            same[0].2.alike = u16::try_from(same.len()).expect("fewer than 65,536 keywords have a window at one place");
        }
        let mut short = [0; SHORT];
        for (window, _, _) in all.iter().filter(|(_, _, e)| e.is_short) {
            let bit = hash(*window, factor, SHORT_BITS);
            short[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        let mut windows = Vec::new();
        let mut first = 0;
        let mut buckets = vec![0u32; (1 << BUCKET_BITS) + 1];
        for same in all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            buckets[hash(same[0].0, factor, BUCKET_BITS) as usize + 1] += 1;
            windows.push(Window { bytes: same[0].0, mask: same[0].1, first });
            first += u32::try_from(same.len()).expect("fewer than 2^32 entries");
        }
        windows.push(Window { bytes: 0, mask: 0, first });
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        let entries: Vec<Entry> = all.into_iter().map(|(_, _, entry)| entry).collect();
        Self { factor, slots: slots.into(), buckets: buckets.into(), windows: windows.into(), entries: entries.into(), short }
    }

    /// Calls `then` with the entries that have this window, those of the same bytes and mask together. A plain loop: it runs for every
    /// tenth pair of bytes, and as a chain of iterators it is a sixth slower whenever it is not all inlined.
    #[inline]
    pub fn entries(&self, window: u32, mut then: impl FnMut(&[Entry])) {
        let bucket = hash(window, self.factor, BUCKET_BITS) as usize;
        let (from, to) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        // Each of them, and the one behind it, where its entries end.
        let Some(windows) = self.windows.get(from..=to) else { return };
        for two in windows.windows(2) {
            if (two[0].bytes ^ window) & two[0].mask == 0
                && let Some(entries) = self.entries.get(two[0].first as usize..two[1].first as usize)
            {
                then(entries);
            }
        }
    }

    /// Whether this window may begin with a keyword of three bytes.
    #[must_use]
    pub const fn may_be_short(&self, window: u32) -> bool {
        let bit = hash(window, self.factor, SHORT_BITS);
        self.short[(bit >> 6) as usize] >> (bit & 63) & 1 == 1
    }
}

/// 1 where some keyword may have this window, else 0.
#[inline]
#[must_use]
pub const fn bit(slots: &[u32; SLOTS], factor: u32, window: u32) -> u32 {
    slots[hash(window, factor, SLOT_BITS) as usize & (SLOTS - 1)] >> (window >> 24 & 31) & 1
}

/// Where the window of `word` begins that is taken for even (0) or odd (1) places: of those of four bytes the rarest; of
/// equally rare ones the first, which words that are written with several separators share.
fn rarest(word: &[u8], first: usize) -> usize {
    let last = word.len().saturating_sub(4);
    (first..=last).step_by(2).min_by_key(|at| word.get(*at..*at + 4).map(commonness)).unwrap_or(first)
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
