//! What the first bytes of a file say that it is.

use super::at::{u32_at, u64_at};
use super::{cpio, tar, unpack};
use crate::source::document::{self, Document};

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Zip, and all that is made of it: jar, whl, apk, docx, crx …
    Zip,
    Tar,
    SevenZ,
    /// `ar`, deb.
    Ar,
    Cpio,
    Rpm,
    /// Electron's archive.
    Asar,
    /// One compressed stream.
    Packed(Packed),
    /// A pack of git objects.
    Pack,
    /// Something with texts in it: a notebook, a mail, a database.
    Document(Document),
    /// The XML of an Office document.
    Office,
    /// An archive that nothing here opens: RAR, cabinet.
    Foreign,
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    Gzip,
    Zlib,
    Bzip2,
    Xz,
    Lzma,
    Lzip,
    Zstd,
    Lz4,
}

/// So much of a document tells what it is.
const DOCUMENT: usize = 64 << 10;

impl Kind {
    /// The container that begins with `head`, of which 512 bytes are enough but for documents. Compares the first byte for most files.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| head.starts_with(magic);
        let packed = |is: bool, packed: Packed| is.then_some(Self::Packed(packed));
        let found = match head.first()? {
            b'P' if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") || starts(b"PK\x07\x08PK\x03\x04") => Some(Self::Zip),
            b'P' if starts(b"PACK\0\0\0\x02") || starts(b"PACK\0\0\0\x03") => Some(Self::Pack),
            b'C' if starts(b"Cr24") && head.get(4..8).is_some_and(|v| matches!(v, [2 | 3, 0, 0, 0])) => Some(Self::Zip),
            0x1f => packed(starts(b"\x1f\x8b\x08") && head.get(3).is_some_and(|flags| flags & 0xe0 == 0), Packed::Gzip),
            b'B' => packed(is_bzip2(head), Packed::Bzip2),
            0xfd => packed(starts(b"\xfd7zXZ\0"), Packed::Xz),
            b'7' if starts(b"7z\xbc\xaf\x27\x1c") => Some(Self::SevenZ),
            0x28 => packed(starts(b"\x28\xb5\x2f\xfd"), Packed::Zstd),
            0x50..=0x5f if head.len() > 8 && head[1..4] == *b"\x2a\x4d\x18" => packed(true, Packed::Zstd),
            0x04 if starts(b"\x04\x22\x4d\x18") => packed(head.get(4).is_some_and(|flags| flags >> 6 == 1), Packed::Lz4),
            0x02 => packed(starts(b"\x02\x21\x4c\x18"), Packed::Lz4),
            0x04 => is_asar(head).then_some(Self::Asar),
            b'L' => packed(starts(b"LZIP\x01"), Packed::Lzip),
            0x5d => packed(is_lzma(head), Packed::Lzma),
            0x78 => packed(unpack::is_zlib(head), Packed::Zlib),
            b'!' if starts(b"!<arch>\n") => Some(Self::Ar),
            0xed if starts(b"\xed\xab\xee\xdb") => Some(Self::Rpm),
            b'0' => cpio::is_header(head).then_some(Self::Cpio),
            b'R' if starts(b"Rar!\x1a\x07") => Some(Self::Foreign),
            b'M' if starts(b"MSCF\0\0\0\0") => Some(Self::Foreign),
            _ => None,
        };
        let found = found.or_else(|| tar::is_header(head).then_some(Self::Tar));
        // Whole files and beginnings of them must come to the same.
        let head = &head[..head.len().min(DOCUMENT)];
        found.or_else(|| document::kind(head).map(Self::Document)).or_else(|| document::is_office(head).then_some(Self::Office))
    }

    /// Whether it is read from its beginning to its end.
    pub(super) const fn is_stream(self) -> bool {
        !matches!(self, Self::Zip | Self::SevenZ | Self::Asar | Self::Document(_) | Self::Office)
    }
}

/// The first block, or the end of an empty file.
fn is_bzip2(head: &[u8]) -> bool {
    head.len() >= 10
        && head.starts_with(b"BZh")
        && head[3].is_ascii_digit()
        && head[3] != b'0'
        && (head[4..10] == *b"\x31\x41\x59\x26\x53\x59" || head[4..10] == *b"\x17\x72\x45\x38\x50\x90")
}

/// The old format has no mark: usual properties, a dictionary of a usual size, a plausible length, and the first byte of the
/// range coder.
fn is_lzma(head: &[u8]) -> bool {
    if head.len() < 18 || head[13] != 0 {
        return false;
    }
    let dictionary = u32_at(head, 1);
    let usual = dictionary.is_power_of_two()
        || (dictionary.is_multiple_of(3) && (dictionary / 3).is_power_of_two())
        || dictionary == u32::MAX;
    let len = u64_at(head, 5);
    usual && dictionary >= 4096 && (len == u64::MAX || len < 1 << 38)
}

/// A pickle of its size, a pickle of the JSON, and the JSON's beginning.
fn is_asar(head: &[u8]) -> bool {
    head.len() >= 24 && u32_at(head, 0) == 4 && u32_at(head, 4) >= u32_at(head, 12) && head[16..].starts_with(b"{\"files\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_container() {
        for text in [
            "x^2 + y^2 = z^2, which is no zlib stream",
            "070701 is the date of a report",
            "BZh9 is how bzip2 begins",
            "PK",
            "Rar! said the lion",
            "70",
            "",
            "L",
            "]\0\0",
            "(\u{b5}/",
            "P",
            "7z",
            "!<arch",
            "0707070 and so on",
        ] {
            assert_eq!(Kind::of(text.as_bytes()), None, "{text}");
            assert_eq!(Kind::of(format!("{text}{}", " more text\n".repeat(100)).as_bytes()), None, "{text}");
        }
    }
}
