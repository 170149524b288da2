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

/// Beginnings, and what is repeated behind them: shapes that a reader which looks at the same bytes again and again would
/// need hours for.
const HOSTILE: &[(Document, &[u8], &[u8])] = &[
    (Document::Pdf, b"%PDF-1.4\n", b"1 0 obj ("),
    (Document::Pdf, b"%PDF-1.4\n", b"1 0 obj <<"),
    (Document::Pdf, b"%PDF-1.4\n", b"1 0 obj[<<>>stream "),
    (Document::Pdf, b"%PDF-1.4\n", b"1 0 obj<<>>stream\n"),
    (Document::Pdf, b"%PDF-1.4\n", b"1 0 obj<</Type/ObjStm/N 9/First 0>>stream\n1 0 endstream "),
    (Document::Pdf, b"%PDF-1.4\n", b"3 0 obj<</Type/Page/Contents[3 0 R 4 0 R]>>stream\nBT (a) Tj ET endstream "),
    (Document::Pdf, b"%PDF-1.4\n", b"trailer <<"),
    (Document::Pdf, b"%PDF-1.4\n1 0 obj<</Length 9999999>>stream\nBT Tj ET ", b"BI ID "),
    (Document::Pdf, b"%PDF-1.4\n1 0 obj<</Length 9999999>>stream\nBT Tj ET ", b"q BT 1 0 0 1 7 8 Tm [(a)-500(b)]TJ "),
    (Document::Notebook, b"{\"cells\":[{\"source\":", b"[\"a\","),
    (Document::Notebook, b"{\"cells\":[", b"{\"source\":[\"a\"],\"outputs\":[1]},"),
    (Document::Mail, b"", b"=?a?Q?"),
    (Document::Mail, b"Content-Type: multipart/mixed; boundary=a\n\n", b"--a\nContent-Type: multipart/mixed; boundary=a\n\n"),
    (Document::Mail, b"Content-Type: multipart/mixed", b"; boundary*0*=''%20"),
    (Document::Mail, b"From a@b Thu Jan 1 00:00:00 2026\n", b"\nFrom a@b Thu Jan 1 00:00:00 2026\n"),
    (Document::JavaClass, b"\xca\xfe\xba\xbe\0\0\0\x34\xff\xff", b"\x01\0\x01a"),
    (Document::Sqlite, b"SQLite format 3\0\0\x01\x01\x01\0", b"\x0d\0\0\x10\0\0\x10\0"),
    (Document::Sqlite, b"SQLite format 3\0\0\x01\x01\x01\0", b"AAAAAAAA"),
];

#[test]
fn time_is_linear() {
    for (document, start, repeated) in HOSTILE {
        let bytes = [start, &repeated.repeat((2 << 20) / repeated.len())[..]].concat();
        let began = std::time::Instant::now();
        read(*document, &bytes, &mut Kept::with_room(64 << 20));
        let took = began.elapsed();
        assert!(took.as_secs() < 20, "{document:?} {}: {took:?}", String::from_utf8_lossy(repeated));
    }
}
