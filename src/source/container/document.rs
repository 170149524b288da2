//! Documents: their texts are members with labels that a person understands.

use super::at::{ReadAt, Stretch};
use super::budget::SMALL;
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use crate::source::document::{self, Document, Gap, Parts};
use std::io::Read as _;

/// The largest document that is read.
const MOST: u64 = 64 << 20;

/// Looks at the texts of a document.
pub(super) fn walk(dive: &Dive<'_>, document: Document, bytes: &dyn ReadAt, place: &Place) {
    with_all(dive, bytes, place, |all| document::read(document, all, &mut Texts { dive, place, is_same: false }));
}

/// Looks at an XML file of an Office document as it is, and at its text with what is split into runs put together: a part of the
/// same file.
pub(super) fn office(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place) {
    with_all(dive, bytes, place, |all| {
        dive.leaf(Input::Bytes(all), place);
        document::office_text(all, &mut Texts { dive, place, is_same: true });
    });
}

/// Calls `then` with all bytes of a document, within the memory that threads share.
fn with_all(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place, then: impl FnOnce(&[u8])) {
    if let Some(all) = bytes.in_memory() {
        return then(all);
    }
    let len = bytes.len();
    let held = (len <= MOST).then(|| dive.chain.hold(len.max(SMALL + 1))).flatten();
    if held.is_none() {
        dive.skip(SkipReason::MemoryBudget, &place.origin, len);
        return dive.raw(&mut Stretch::of(bytes, 0, u64::MAX), 0, place);
    }
    let mut all = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    if let Err(e) = Stretch::of(bytes, 0, u64::MAX).take(MOST).read_to_end(&mut all) {
        dive.failed(&e, place);
    }
    then(&all);
}

/// Whether what a document calls so may be a file of any kind; all else is its text, and what is left of it.
fn is_file(label: &str) -> bool {
    label.contains("attachment ") || label.starts_with("stream, object ") || label.contains(", column ")
}

/// Looks at texts as they come.
struct Texts<'a> {
    dive: &'a Dive<'a>,
    place: &'a Place,
    /// They are the document's own text in another form.
    is_same: bool,
}

impl Parts for Texts<'_> {
    fn part(&mut self, label: &str, text: &[u8]) -> bool {
        if self.is_same {
            self.dive.leaf(Input::Bytes(text), self.place);
            return !self.dive.sink.stop().is_asked();
        }
        let place = self.place.member(label.as_bytes(), Some(text.len() as u64));
        match self.dive.admit(&place) {
            None => return false,
            Some(false) => {}
            Some(true) if is_file(label) => self.dive.look(Input::Bytes(text), &place),
            Some(true) => self.dive.leaf(Input::Bytes(text), &place),
        }
        true
    }

    fn room(&self) -> u64 {
        self.dive.spent.left()
    }

    fn made(&mut self, bytes: u64) {
        self.dive.spent.unpack(bytes);
    }

    fn gap(&mut self, gap: Gap, label: &str) {
        let reason = match gap {
            Gap::Encrypted => SkipReason::EncryptedMember,
            Gap::Damaged => SkipReason::DamagedContainer,
            Gap::Budget => SkipReason::ExpansionBudget,
            Gap::Unsupported => SkipReason::UnsupportedMethod,
        };
        let mut place = self.place.clone();
        if !label.is_empty() {
            place = place.member(label.as_bytes(), None);
        }
        self.dive.skip(reason, &place.origin, 0);
    }
}
