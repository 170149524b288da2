//! What came of bytes lately: versions of a file share more with each other than their deltas say, so that the same lines are looked at
//! again and again. A table with one place for each hash; the bytes themselves are compared, so that nothing is ever mistaken.

use std::hash::BuildHasher as _;

/// Remembers what came of bytes.
#[derive(Default)]
pub(crate) struct Memo<V> {
    /// None before the first one.
    places: Vec<Entry<V>>,
}

#[derive(Default)]
struct Entry<V> {
    key: Option<Key>,
    bytes: Vec<u8>,
    value: V,
}

/// Where something is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    /// What was done with the bytes.
    what: u64,
}

/// How many things are remembered. Four times as many would be met half as often again in some histories, and take more time to look
/// up than they save: they no longer fit into the caches of a processor.
const PLACES: usize = 1 << 10;
/// Longer stretches are seldom seen twice.
const LONGEST: usize = 2048;

impl Key {
    /// Where it is remembered what came of doing `what` with `bytes`; `None` where it is not.
    pub(crate) fn of(what: u64, bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= LONGEST).then(|| Self { hash: foldhash::fast::FixedState::with_seed(what).hash_one(bytes), what })
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    const fn place(self) -> usize {
        self.hash as usize % PLACES
    }
}

impl<V: Default> Memo<V> {
    /// What came of it, if that is remembered.
    pub(crate) fn get(&self, key: Key, bytes: &[u8]) -> Option<&V> {
        let entry = self.places.get(key.place())?;
        (entry.key == Some(key) && entry.bytes == bytes).then_some(&entry.value)
    }

    /// The place to remember in what came of it: what was remembered there is still in it.
    pub(crate) fn place(&mut self, key: Key, bytes: &[u8]) -> &mut V {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Entry::default);
        }
        let entry = &mut self.places[key.place()];
        entry.key = Some(key);
        entry.bytes.clear();
        entry.bytes.extend_from_slice(bytes);
        &mut entry.value
    }
}

impl<V: Default + Copy> Memo<V> {
    /// What comes of bytes: remembered, or made now.
    pub(crate) fn get_or(&mut self, bytes: &[u8], make: impl FnOnce() -> V) -> V {
        let Some(key) = Key::of(0, bytes) else { return make() };
        if let Some(known) = self.get(key, bytes) {
            return *known;
        }
        let value = make();
        *self.place(key, bytes) = value;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_is_equal_and_nothing_else() {
        let mut memo = Memo::default();
        let text: Vec<u8> = (0..=255).collect();
        let key = |what, bytes: &[u8]| Key::of(what, bytes).unwrap();
        *memo.place(key(1, &text), &text) = 7u32;
        assert_eq!(memo.get(key(1, &text), &text), Some(&7));
        assert_eq!(memo.get(key(2, &text), &text), None);
        assert_eq!(memo.get(key(1, &text[1..]), &text[1..]), None);
        // The same hash of other bytes, which one may meet.
        assert_eq!(memo.get(key(1, &text), &text[1..]), None);
        assert_eq!(Key::of(1, &[0; LONGEST + 1]), None);
        let mut made = 0;
        for text in [&text[..], &text[1..], &text[..]] {
            memo.get_or(text, || {
                made += 1;
                9
            });
        }
        assert_eq!((made, memo.get_or(&text, || 1)), (2, 9));
    }
}
