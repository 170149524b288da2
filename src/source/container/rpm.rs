//! RPM packages: a lead, a signature, a header, then a compressed `cpio` archive.
//! <https://rpm-software-management.github.io/rpm/manual/format_v4.html>

use super::member::Source;
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::io::Read;

const LEAD: u64 = 96;
/// The largest header that rpm itself accepts.
const MOST_HEADER: u64 = 256 << 20;

/// Looks at a package: its header is text with scripts in it, its payload an archive.
pub(super) fn walk(dive: &Dive<'_>, source: &mut Source<'_>, place: &Place) {
    let damaged = |source: &Source<'_>| {
        if !source.failed {
            dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
        }
    };
    if !source.pass(LEAD) {
        return damaged(source);
    }
    for is_signature in [true, false] {
        let mut head = [0; 16];
        let at = source.position;
        if source.fill(&mut head) < head.len() || !head.starts_with(b"\x8e\xad\xe8\x01") {
            damaged(source);
            return dive.raw(&mut head.chain(source), at, place);
        }
        let number = |at: usize| u64::from(u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let len = number(8) * 16 + number(12);
        if len > MOST_HEADER {
            damaged(source);
            return dive.raw(source, at + 16, place);
        }
        let before = source.position;
        dive.raw(&mut (&mut *source).take(len), before, place);
        // What was looked at is what there was.
        if source.position - before < len && !source.pass(len - (source.position - before)) {
            return damaged(source);
        }
        if is_signature {
            source.pass((source.position - at).wrapping_neg() % 8);
        }
    }
    let payload = Place { depth: place.depth + 1, len: None, ..place.clone() };
    dive.look(Input::Stream(source), &payload);
}
