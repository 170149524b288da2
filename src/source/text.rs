//! Encodings. UTF-8, Latin-1 and bytes of no known encoding are looked at as they are; UTF-16 and UTF-32, with and without a
//! byte order mark, are transcoded to UTF-8, and offsets mapped back.

/// How a file stores its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, Latin-1, or bytes.
    Bytes,
    /// UTF-8 behind a byte order mark.
    MarkedUtf8,
    Utf16 {
        big_endian: bool,
        bom: bool,
    },
    Utf32 {
        big_endian: bool,
        bom: bool,
    },
}

/// How many bytes decide the encoding.
pub const PROBE: usize = 4096;

impl Encoding {
    /// The encoding of a text that begins with `head`.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0xff, 0xfe, 0, 0, ..] => return Self::Utf32 { big_endian: false, bom: true },
            [0, 0, 0xfe, 0xff, ..] => return Self::Utf32 { big_endian: true, bom: true },
            [0xef, 0xbb, 0xbf, ..] => return Self::MarkedUtf8,
            [0xff, 0xfe, ..] => return Self::Utf16 { big_endian: false, bom: true },
            [0xfe, 0xff, ..] => return Self::Utf16 { big_endian: true, bom: true },
            _ => {}
        }
        if memchr::memchr(0, &head[..head.len().min(PROBE)]).is_none() {
            return Self::Bytes;
        }
        Self::without_mark(&head[..head.len().min(PROBE)])
    }

    /// Text of few languages is mostly ASCII; its zero bytes then stand at fixed places.
    fn without_mark(head: &[u8]) -> Self {
        let quads = head.chunks_exact(4);
        let n = quads.len();
        let printable = |b: u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
        if n >= 4 {
            let le = quads.clone().filter(|q| printable(q[0]) && q[1..] == [0, 0, 0]).count();
            let be = quads.clone().filter(|q| printable(q[3]) && q[..3] == [0, 0, 0]).count();
            if le * 10 >= n * 9 {
                return Self::Utf32 { big_endian: false, bom: false };
            }
            if be * 10 >= n * 9 {
                return Self::Utf32 { big_endian: true, bom: false };
            }
        }
        let pairs = head.chunks_exact(2);
        let n = pairs.len();
        if n >= 4 {
            let le = pairs.clone().filter(|p| printable(p[0]) && p[1] == 0).count();
            let be = pairs.clone().filter(|p| p[0] == 0 && printable(p[1])).count();
            if le * 10 >= n * 8 {
                return Self::Utf16 { big_endian: false, bom: false };
            }
            if be * 10 >= n * 8 {
                return Self::Utf16 { big_endian: true, bom: false };
            }
        }
        Self::Bytes
    }

    /// Whether text must be transcoded.
    #[must_use]
    pub const fn is_wide(self) -> bool {
        !matches!(self, Self::Bytes | Self::MarkedUtf8)
    }

    /// The bytes of its byte order mark.
    #[must_use]
    pub const fn mark_len(self) -> usize {
        match self {
            Self::Utf16 { bom: true, .. } => 2,
            Self::MarkedUtf8 => 3,
            Self::Utf32 { bom: true, .. } => 4,
            _ => 0,
        }
    }

    /// The bytes of a code unit.
    #[must_use]
    pub const fn unit(self) -> usize {
        match self {
            Self::Bytes | Self::MarkedUtf8 => 1,
            Self::Utf16 { .. } => 2,
            Self::Utf32 { .. } => 4,
        }
    }

    /// Appends `stored` (without the mark) to `out` as UTF-8; what is invalid becomes `�`. A unit cut off at the end is left.
    pub fn transcode(self, stored: &[u8], out: &mut Vec<u8>) {
        let mut buffer = [0; 4];
        match self {
            Self::Bytes | Self::MarkedUtf8 => out.extend_from_slice(stored),
            Self::Utf16 { big_endian, .. } => {
                let units = stored
                    .chunks_exact(2)
                    .map(|p| if big_endian { u16::from_be_bytes([p[0], p[1]]) } else { u16::from_le_bytes([p[0], p[1]]) });
                for c in char::decode_utf16(units) {
                    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                }
            }
            Self::Utf32 { big_endian, .. } => {
                for q in stored.chunks_exact(4) {
                    let q = [q[0], q[1], q[2], q[3]];
                    let code = if big_endian { u32::from_be_bytes(q) } else { u32::from_le_bytes(q) };
                    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                }
            }
        }
    }

    /// How many stored bytes `text`, a transcoded stretch, came from.
    #[must_use]
    pub fn stored_len(self, text: &[u8]) -> u64 {
        match self {
            Self::Bytes | Self::MarkedUtf8 => text.len() as u64,
            Self::Utf16 { .. } => {
                text.utf8_chunks().map(|c| c.valid().chars().map(|c| 2 * c.len_utf16() as u64).sum::<u64>()).sum()
            }
            Self::Utf32 { .. } => text.utf8_chunks().map(|c| 4 * c.valid().chars().count() as u64).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, unit: usize, big_endian: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if unit == 2 {
            for u in text.encode_utf16() {
                out.extend(if big_endian { u.to_be_bytes() } else { u.to_le_bytes() });
            }
        } else {
            for c in text.chars() {
                out.extend(if big_endian { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() });
            }
        }
        out
    }

    #[test]
    fn wide_text_is_recognised_and_comes_back() {
        let text = "password = \"caf\u{e9} \u{1F600} x\"\r\nnext line\n";
        for unit in [2, 4] {
            for big_endian in [false, true] {
                let stored = wide(text, unit, big_endian);
                let encoding = Encoding::of(&stored);
                assert!(encoding.is_wide() && encoding.unit() == unit, "{encoding:?}");
                let mut out = Vec::new();
                encoding.transcode(&stored, &mut out);
                assert_eq!(out, text.as_bytes());
                assert_eq!(encoding.stored_len(&out), stored.len() as u64);
                let marked = [wide("\u{feff}", unit, big_endian), stored].concat();
                assert_eq!(Encoding::of(&marked).mark_len(), unit);
            }
        }
    }

    #[test]
    fn ordinary_text_and_binary_data_are_bytes() {
        assert_eq!(Encoding::of(b"plain text"), Encoding::Bytes);
        assert_eq!(Encoding::of(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0"), Encoding::Bytes);
        assert_eq!(Encoding::of(b""), Encoding::Bytes);
    }
}
