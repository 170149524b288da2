//! Tar in all its dialects: v7, ustar, GNU (long names, sparse files, base-256 sizes) and pax (extended headers, sparse files).
//! <https://www.gnu.org/software/tar/manual/html_node/Standard.html>

use super::budget::reason_of;
use super::member::{Member, Part, Source};
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::io::{self, Cursor, Read};

const BLOCK: usize = 512;
/// The longest extended header or long name that is read.
const MOST_HEADER: u64 = 1 << 20;

/// Whether `head` is the header of a member: its sum is right.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(head) = head.get(..BLOCK) else { return false };
    let field = &head[148..156];
    // Most files are told apart here.
    if head[0] == 0 || !field.iter().all(|b| matches!(b, b'0'..=b'7' | b' ' | 0)) {
        return false;
    }
    let Some(sum) = octal(field) else { return false };
    let mut unsigned = 8 * u64::from(b' ');
    let mut signed = 8 * i64::from(b' ');
    for (at, byte) in head.iter().enumerate() {
        if !(148..156).contains(&at) {
            unsigned += u64::from(*byte);
            signed += i64::from(byte.cast_signed());
        }
    }
    sum == unsigned || i64::try_from(sum) == Ok(signed)
}

/// A number in octal digits; `None` where it has none.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii_start();
    let len = digits.iter().position(|b| !(b'0'..=b'7').contains(b)).unwrap_or(digits.len());
    let number = digits[..len].iter().try_fold(0u64, |n, b| n.checked_mul(8)?.checked_add(u64::from(b - b'0')));
    number.filter(|_| len > 0)
}

/// A size: in octal digits, or in base 256 behind a set first bit.
fn size(field: &[u8]) -> u64 {
    if field[0] & 0x80 != 0 {
        let number =
            field[1..].iter().try_fold(u64::from(field[0] & 0x3f), |n, b| n.checked_mul(256)?.checked_add(u64::from(*b)));
        return number.unwrap_or(u64::MAX);
    }
    octal(field).unwrap_or(0)
}

fn text(field: &[u8]) -> &[u8] {
    &field[..memchr::memchr(0, field).unwrap_or(field.len())]
}

/// What extended headers say of the member behind them.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    /// The data begins with a map of where it belongs.
    has_map: bool,
}

impl Extended {
    /// Reads `length key=value\n` records.
    fn read(&mut self, mut records: &[u8]) {
        while let Some(space) = memchr::memchr(b' ', records) {
            let len = std::str::from_utf8(&records[..space]).ok().and_then(|n| n.parse::<usize>().ok());
            let Some(record) = len.filter(|len| *len > space + 1).and_then(|len| records.get(space + 1..len)) else { return };
            records = &records[space + 1 + record.len()..];
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(at) = memchr::memchr(b'=', record) else { continue };
            let (key, value) = (&record[..at], &record[at + 1..]);
            match key {
                b"path" if self.name.is_none() => self.name = Some(value.to_owned()),
                b"GNU.sparse.name" => self.name = Some(value.to_owned()),
                b"linkpath" => self.link = Some(value.to_owned()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok()),
                b"GNU.sparse.major" => self.has_map = value == b"1",
                _ => {}
            }
        }
    }
}

/// Looks at the members of a tar archive.
pub(super) fn walk(dive: &Dive<'_>, source: &mut Source<'_>, place: &Place) {
    let mut extended = Extended::default();
    loop {
        let mut block = [0; BLOCK];
        let at = source.position;
        let filled = source.fill(&mut block);
        if source.failed || filled == 0 {
            return;
        }
        if filled == BLOCK && block.iter().all(|b| *b == 0) {
            // The end, unless another archive follows.
            continue;
        }
        if filled < BLOCK || !is_header(&block) {
            if block[..filled].iter().any(|b| *b != 0) {
                dive.skip(SkipReason::DamagedContainer, &place.origin, 0);
                dive.raw(&mut Cursor::new(&block[..filled]).chain(source), at, place);
            }
            return;
        }
        let len = extended.size.unwrap_or_else(|| size(&block[124..136]));
        let kind = block[156];
        if let b'L' | b'K' | b'x' | b'g' | b'X' = kind {
            let Some(bytes) = header(dive, source, len, place) else { return };
            match kind {
                b'L' => extended.name = Some(text(&bytes).to_owned()),
                b'K' => extended.link = Some(text(&bytes).to_owned()),
                // Comments and attributes are text too.
                _ => {
                    if kind != b'g' {
                        extended.read(&bytes);
                    }
                    dive.raw(&mut &bytes[..], at + BLOCK as u64, place);
                }
            }
            continue;
        }
        let known = std::mem::take(&mut extended);
        if !member(dive, source, &block, len, known, place) {
            return;
        }
    }
}

/// The data of an extended header. `None` ends the walk.
fn header(dive: &Dive<'_>, source: &mut Source<'_>, len: u64, place: &Place) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = Part { source, left: len };
    let kept = (&mut part).take(MOST_HEADER).read_to_end(&mut bytes);
    let result = kept.and_then(|_| {
        if part.left > 0 {
            dive.skip(SkipReason::TooLarge, &place.origin, len);
        }
        io::copy(&mut part, &mut io::sink())
    });
    if let Err(e) = result {
        dive.raw(&mut &bytes[..], 0, place);
        dive.failed(&e, place);
        return None;
    }
    source.pass(padding(len)).then_some(bytes)
}

/// What fills the last block.
const fn padding(len: u64) -> u64 {
    len.wrapping_neg() % BLOCK as u64
}

/// Looks at a member; tells whether to go on.
fn member(dive: &Dive<'_>, source: &mut Source<'_>, block: &[u8; BLOCK], len: u64, mut known: Extended, place: &Place) -> bool {
    let kind = block[156];
    let name = known.name.take().unwrap_or_else(|| {
        let name = text(&block[..100]);
        let prefix = if block[257..263] == *b"ustar\0" { text(&block[345..500]) } else { b"" };
        if prefix.is_empty() { name.to_owned() } else { [prefix, b"/", name].concat() }
    });
    // Where it leads counts as its text, as it does on disk.
    if let b'1' | b'2' = kind {
        let link = known.link.take().unwrap_or_else(|| text(&block[157..257]).to_owned());
        let at = place.member(&name, Some(link.len() as u64));
        match dive.admit(&at) {
            None => return false,
            Some(true) if kind == b'2' => dive.look(Input::Bytes(&link), &at),
            Some(_) => {}
        }
    }
    let mut extra_blocks = kind == b'S' && block[482] == 1;
    while extra_blocks {
        let mut more = [0; BLOCK];
        if source.fill(&mut more) < BLOCK {
            return false;
        }
        extra_blocks = more[504] == 1;
    }
    // Links, devices and folders have no data, whatever their size says.
    let has_data = !matches!(kind, b'1'..=b'6');
    let len = if has_data { len } else { 0 };
    let is_folder = matches!(kind, 0 | b'0') && name.ends_with(b"/");
    let is_file = has_data && kind != b'V' && !is_folder;
    let mut part = Part { source, left: len };
    if is_file {
        let at = place.member(&name, (!known.has_map).then_some(len));
        match dive.admit(&at) {
            None => return false,
            Some(false) => {}
            Some(true) if len > dive.containers.limits.member => dive.skip(SkipReason::TooLarge, &at.origin, len),
            Some(true) => {
                if known.has_map {
                    pass_map(&mut part);
                }
                let want = (!known.has_map).then_some(len);
                let mut reader = Member::new(&mut part, dive, &at, want, None);
                dive.look(Input::Stream(&mut reader), &at);
            }
        }
    }
    if dive.spent.left() == 0 {
        return false;
    }
    if let Err(e) = io::copy(&mut part, &mut io::sink()) {
        // Told by the member where that was read.
        if !is_file && reason_of(&e).is_some() && !part.source.failed {
            dive.failed(&e, place);
        }
        return false;
    }
    source.pass(padding(len))
}

/// Reads over the map of a sparse file: a count, and as many pairs of numbers, a line each, in whole blocks.
fn pass_map(part: &mut Part<'_, '_>) {
    let mut lines_left = None;
    let mut number = 0u64;
    while lines_left != Some(0) && part.left >= BLOCK as u64 {
        let mut block = [0; BLOCK];
        if part.read_exact(&mut block).is_err() {
            return;
        }
        for byte in block {
            match byte {
                b'0'..=b'9' => number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
                b'\n' => {
                    lines_left = Some(lines_left.map_or(number.saturating_mul(2), |left: u64| left - 1));
                    number = 0;
                    if lines_left == Some(0) {
                        break;
                    }
                }
                _ => return,
            }
        }
    }
}
