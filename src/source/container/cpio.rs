//! `cpio` in its portable forms: odc, newc and crc. <https://man.freebsd.org/cgi/man.cgi?query=cpio&sektion=5>

use super::member::{Member, Part, Source};
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::io::{self, Cursor, Read};

const ODC: usize = 76;
const NEWC: usize = 110;
const MOST_NAME: u64 = 64 << 10;
const FILE_TYPE: u64 = 0o170_000;
const REGULAR: u64 = 0o100_000;
const LINK: u64 = 0o120_000;

/// What a header says.
struct Header {
    mode: u64,
    name_len: u64,
    len: u64,
    /// To what multiple names and data are filled up.
    unit: u64,
    fixed: usize,
}

/// Whether `head` is the header of a member.
pub(super) fn is_header(head: &[u8]) -> bool {
    Header::of(head).is_some_and(|h| h.name_len > 0 && h.name_len <= MOST_NAME)
}

impl Header {
    fn of(head: &[u8]) -> Option<Self> {
        let number = |from: usize, len: usize, base: u32| {
            let digits = std::str::from_utf8(head.get(from..from + len)?).ok()?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, base).ok())?
        };
        match head.get(..6)? {
            b"070701" | b"070702" => {
                let field = |n: usize| number(6 + 8 * n, 8, 16);
                (0..13).try_for_each(|n| field(n).map(drop))?;
                Some(Self { mode: field(1)?, name_len: field(11)?, len: field(6)?, unit: 4, fixed: NEWC })
            }
            b"070707" => {
                (0..8).try_for_each(|n| number(6 + 6 * n, 6, 8).map(drop))?;
                Some(Self { mode: number(18, 6, 8)?, name_len: number(59, 6, 8)?, len: number(65, 11, 8)?, unit: 1, fixed: ODC })
            }
            _ => None,
        }
    }
}

/// Looks at the members of a `cpio` archive.
pub(super) fn walk(dive: &Dive<'_>, source: &mut Source<'_>, place: &Place) {
    loop {
        let start = source.position;
        let mut head = [0; NEWC];
        let mut filled = source.fill(&mut head[..ODC]);
        if filled == ODC && !head.starts_with(b"070707") {
            filled += source.fill(&mut head[ODC..]);
        }
        if source.failed || filled == 0 {
            return;
        }
        let Some(header) = Header::of(&head[..filled]).filter(|h| h.name_len <= MOST_NAME) else {
            dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
            return dive.raw(&mut Cursor::new(&head[..filled]).chain(source), start, place);
        };
        let mut name = vec![0; usize::try_from(header.name_len).unwrap_or(0)];
        if source.fill(&mut name) < name.len() {
            if !source.failed {
                dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
            }
            return dive.raw(&mut &name[..], start + header.fixed as u64, place);
        }
        name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
        let fill = |at: u64| (at - start).wrapping_neg() % header.unit;
        source.pass(fill(source.position));
        if name == b"TRAILER!!!" {
            // What follows fills a block, or is another archive, as in the images of Linux's early user space.
            return after(dive, source, place);
        }
        let is_text = matches!(header.mode & FILE_TYPE, REGULAR | LINK) && header.len > 0;
        let member = place.member(name.strip_prefix(b"./").unwrap_or(&name), Some(header.len));
        let mut part = Part { source, left: header.len };
        match dive.admit(&member) {
            None => return,
            Some(true) if header.len > dive.containers.limits.member => {
                dive.skip(SkipReason::TooLarge, &member.origin, header.len);
            }
            Some(true) if is_text => {
                let mut reader = Member::new(&mut part, dive, &member, Some(header.len), None);
                dive.look(Input::Stream(&mut reader), &member);
            }
            Some(_) => {}
        }
        // What ends early was told by the member.
        if dive.spent.left() == 0 || io::copy(&mut part, &mut io::sink()).is_err() {
            return;
        }
        source.pass(fill(source.position));
    }
}

/// What stands behind the end: zeros, then perhaps another archive, compressed or not.
fn after(dive: &Dive<'_>, source: &mut Source<'_>, place: &Place) {
    let mut byte = [0];
    while source.fill(&mut byte) == 1 {
        if byte[0] != 0 {
            let mut rest = Cursor::new(byte).chain(source);
            let behind = Place { depth: place.depth + 1, len: None, ..place.clone() };
            return dive.look(Input::Stream(&mut rest), &behind);
        }
    }
}
