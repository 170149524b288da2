//! What packs and loose files say of an object before its bytes.
//! Formats: <https://git-scm.com/docs/pack-format>, <https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>.

use super::objects::Kind;

/// How a pack entry stores its object.
pub(super) enum Form {
    Whole(Kind),
    /// A delta of the object so many bytes before.
    Offset(u64),
    /// A delta of the object whose id follows.
    Id,
}

/// The bytes in which the header of a pack entry is.
pub(super) const HEAD: u64 = 64;

/// The form, size and length of a pack entry's header.
pub(super) fn header(head: &[u8], hash: gix::hash::Kind) -> Option<(Form, u64, usize)> {
    let mut at = 0;
    let mut next = || {
        let byte = head.get(at).copied();
        at += 1;
        byte
    };
    let first = next()?;
    let mut size = u64::from(first & 0x0f);
    let mut shift = 4;
    let mut more = first & 0x80 != 0;
    while more {
        let byte = next()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        more = byte & 0x80 != 0;
    }
    let form = match (first >> 4) & 7 {
        1 => Form::Whole(Kind::Commit),
        2 => Form::Whole(Kind::Tree),
        3 => Form::Whole(Kind::Blob),
        4 => Form::Whole(Kind::Tag),
        6 => {
            let mut byte = next()?;
            let mut distance = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = next()?;
                distance = distance.checked_add(1)?.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
            }
            Form::Offset(distance)
        }
        7 => {
            at += hash.len_in_bytes();
            Form::Id
        }
        _ => return None,
    };
    Some((form, size, at))
}

/// The kind, size and header length of a loose object: `blob 12\0`.
pub(super) fn loose_header(head: &[u8]) -> Option<(Kind, u64, usize)> {
    let end = memchr::memchr(0, head)?;
    let text = std::str::from_utf8(&head[..end]).ok()?;
    let (kind, size) = text.split_once(' ')?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        "tag" => Kind::Tag,
        _ => return None,
    };
    Some((kind, size.parse().ok()?, end + 1))
}
