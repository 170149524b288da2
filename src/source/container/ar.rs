//! `ar`: static libraries and Debian packages. <https://man.freebsd.org/cgi/man.cgi?query=ar&sektion=5>

use super::member::{Member, Part, Source};
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::io::{self, Cursor, Read};

const HEADER: usize = 60;
/// The longest table of names, and the longest name in front of a member.
const MOST_NAMES: u64 = 16 << 20;

/// Looks at the members of an `ar` archive.
pub(super) fn walk(dive: &Dive<'_>, source: &mut Source<'_>, place: &Place) {
    if !source.pass(8) {
        return;
    }
    // GNU keeps names that are too long in a member of their own.
    let mut names = Vec::new();
    loop {
        let mut header = [0; HEADER];
        let at = source.position;
        let filled = source.fill(&mut header);
        if source.failed || filled == 0 {
            return;
        }
        let len = std::str::from_utf8(header[48..58].trim_ascii()).ok().and_then(|n| n.parse::<u64>().ok());
        let Some(len) = len.filter(|_| filled == HEADER && header[58..] == *b"`\n") else {
            if header[..filled].iter().any(|b| !b.is_ascii_whitespace()) {
                dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
                dive.raw(&mut Cursor::new(&header[..filled]).chain(source), at, place);
            }
            return;
        };
        let mut name = header[..16].trim_ascii_end().to_owned();
        let mut part = Part { source, left: len };
        if name == b"//" {
            if let Err(e) = (&mut part).take(MOST_NAMES).read_to_end(&mut names) {
                return dive.failed(&e, place);
            }
        } else if let Some(number) = name.strip_prefix(b"/").and_then(number) {
            let long = names.get(number..).unwrap_or_default();
            let end = memchr::memchr2(b'\n', 0, long).unwrap_or(long.len());
            name = long[..end].strip_suffix(b"/").unwrap_or(&long[..end]).to_owned();
        } else if let Some(number) = name.strip_prefix(b"#1/").and_then(number) {
            // BSD puts it in front of the data.
            name = vec![0; number.min(4096)];
            if part.read_exact(&mut name).is_err() {
                return dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
            }
            name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
        } else if name.len() > 1 {
            name = name.strip_suffix(b"/").map_or(name.clone(), <[u8]>::to_owned);
        }
        let len = part.left;
        let member = place.member(&name, Some(len));
        match dive.admit(&member) {
            None => return,
            Some(true) if len > dive.containers.limits.member => dive.skip(SkipReason::TooLarge, &member.origin, len),
            Some(true) => {
                let mut reader = Member::new(&mut part, dive, &member, Some(len), None);
                dive.look(Input::Stream(&mut reader), &member);
            }
            Some(false) => {}
        }
        // What ends early was told by the member.
        if dive.spent.left() == 0 || io::copy(&mut part, &mut io::sink()).is_err() {
            return;
        }
        if (source.position - at) % 2 == 1 {
            source.pass(1);
        }
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
