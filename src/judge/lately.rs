//! What came of candidates lately: of an equal one in equal surroundings the same comes.

use crate::detect::memo::{Key, Memo};
use crate::detect::{ByteSpan, Candidate};

/// Remembers what came of candidates.
pub(super) struct Lately<T>(Memo<Option<(Candidate, T)>>);

impl<T> Default for Lately<T> {
    fn default() -> Self {
        Self(Memo::default())
    }
}

impl<T: Clone> Lately<T> {
    /// What comes of doing `what` with a candidate of `blob`, which depends on the bytes `around` it and on nothing else: remembered,
    /// or made now.
    pub(super) fn get_or(
        &mut self,
        what: u64,
        candidate: &Candidate,
        around: ByteSpan,
        blob: &[u8],
        make: impl FnOnce() -> T,
    ) -> T {
        let bytes = around.of(blob);
        let Some(key) = Key::of(what, bytes) else { return make() };
        let there = candidate.moved(around.start, 0);
        if let Some(Some((known, value))) = self.0.get(key, bytes)
            && *known == there
        {
            return value.clone();
        }
        let value = make();
        *self.0.place(key, bytes) = Some((there, value.clone()));
        value
    }
}
