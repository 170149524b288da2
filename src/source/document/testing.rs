//! What the tests of the readers share: parts that are kept, damage, and programs that write real files.

use super::{Document, Gap, Parts, kind, read};
use proptest::prelude::*;

/// Keeps all it is given.
pub(super) struct Kept {
    pub(super) parts: Vec<(String, String)>,
    pub(super) gaps: Vec<(Gap, String)>,
    room: u64,
}

impl Kept {
    pub(super) fn with_room(room: u64) -> Self {
        Self { parts: Vec::new(), gaps: Vec::new(), room }
    }

    /// The texts under a label, one after the other.
    pub(super) fn text(&self, label: &str) -> String {
        self.parts.iter().filter(|(l, _)| l == label).map(|(_, t)| t.as_str()).collect()
    }

    /// Whether some text contains `needle`.
    pub(super) fn has(&self, needle: &str) -> bool {
        self.parts.iter().any(|(_, t)| t.contains(needle))
    }

    pub(super) fn labels(&self) -> Vec<&str> {
        self.parts.iter().map(|(l, _)| l.as_str()).collect()
    }
}

impl Parts for Kept {
    fn part(&mut self, label: &str, text: &[u8]) -> bool {
        self.parts.push((label.to_owned(), String::from_utf8_lossy(text).into_owned()));
        true
    }

    fn room(&self) -> u64 {
        self.room
    }

    fn made(&mut self, bytes: u64) {
        assert!(bytes <= self.room, "more was made than there was room for");
        self.room -= bytes;
    }

    fn gap(&mut self, gap: Gap, label: &str) {
        self.gaps.push((gap, label.to_owned()));
    }
}

/// All that is in a document, which must be recognised as what it is.
pub(super) fn read_as(document: Document, bytes: &[u8]) -> Kept {
    assert_eq!(kind(bytes), Some(document));
    let mut kept = Kept::with_room(64 << 20);
    read(document, bytes, &mut kept);
    kept
}

/// Reads a document cut off, with flipped bits and with little room: it must end, without a panic and within the room.
pub(super) fn survives_damage(document: Document, whole: &[u8]) {
    let damage = (0..=whole.len(), prop::collection::vec((0..whole.len(), 0..8_u8), 0..12), 0..100_000_u64);
    proptest!(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }, |((end, flips, room) in damage)| {
        let mut bytes = whole.to_vec();
        for (at, bit) in flips {
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(end);
        read(document, &bytes, &mut Kept::with_room(room));
        bytes.extend_from_slice(whole);
        read(document, &bytes, &mut Kept::with_room(room));
    });
}

/// Runs a python program with `path` as its argument, and gives the file that it wrote there.
pub(super) fn python(program: &str, path: &std::path::Path) -> Vec<u8> {
    let done = std::process::Command::new("python3").arg("-c").arg(program).arg(path).status().expect("python3 runs");
    assert!(done.success());
    std::fs::read(path).expect("the program wrote its file")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..3000), room in 0..10_000_u64) {
        for document in Document::ALL {
            read(document, &bytes, &mut Kept::with_room(room));
        }
    }
}
