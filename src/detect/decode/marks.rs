//! Where marks of encodings may begin: one pass over a text for all kinds, by two bytes in a row. What passes is looked at closely by
//! the kind's own reader; what does not pass is no mark of any kind.

use super::super::vectors::{self, LANES, Sets};
use super::{ByteSpan, Kind, escapes, joins};

const KINDS: usize = 6;

/// The kinds in the order of their flags.
pub(super) const ORDER: [Kind; KINDS] = [Kind::Backslash, Kind::Percent, Kind::Entity, Kind::Quoted, Kind::Join, Kind::Block];

/// Reads the mark that begins at the place, if one does.
type IsMark = fn(&[u8], usize) -> Option<ByteSpan>;

/// How a mark of a kind is read.
pub(super) const fn is_mark(kind: Kind) -> IsMark {
    match kind {
        Kind::Backslash => |text, at| escapes::mark(Kind::Backslash, text, at),
        Kind::Percent => |text, at| escapes::mark(Kind::Percent, text, at),
        Kind::Entity => |text, at| escapes::mark(Kind::Entity, text, at),
        Kind::Quoted => |text, at| escapes::mark(Kind::Quoted, text, at),
        Kind::Join => joins::between_strings,
        Kind::Block => joins::block_scalar,
        Kind::Run(_) => |_, _| None,
    }
}

/// The marks of all kinds that begin in a zone, ascending, each with the place of its kind in [`ORDER`]: there are few. The zone grows
/// where more is asked for.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    zone: ByteSpan,
    all: Vec<(usize, ByteSpan)>,
}

/// Bytes that marks begin with: in no set is one half of two of them that of a third one which is common.
static FIRST: Sets = Sets::of([b"\\", b"%", b"%", b"&", b"=", b"\"'", b"\"'", b"|>"]);

/// What stands behind the byte of the same set. More bytes pass than there are marks: eight sets are fewer than there are forms, and
/// a set has what its members' halves come to.
static SECOND: Sets =
    Sets::of([b"uUx01\"\n", b"234567", b"u", b"#aceglpqs", b"3\n\r", b"\t\n\x0b\x0c\r\\|~", b" +&.", b" \t\n\x0b\x0c\r+-"]);

/// Whether a mark of any kind may begin with a byte, by the one behind it.
const fn may_begin(b: u8, after: u8) -> bool {
    match b {
        b'\\' => matches!(after, b'u' | b'U' | b'x' | b'0' | b'1' | b'"' | b'\n'),
        b'%' => matches!(after, b'2'..=b'7' | b'u'),
        // What the names of those begin with that stand for ASCII.
        b'&' => matches!(after, b'#' | b'a' | b'c' | b'e' | b'g' | b'l' | b'p' | b'q' | b's'),
        b'=' => matches!(after, b'3' | b'\n' | b'\r'),
        b'"' | b'\'' => matches!(after, b'\t'..=b'\r' | b' ' | b'\\' | b'|' | b'~' | b'+' | b'&' | b'.'),
        b'|' | b'>' => matches!(after, b'\t'..=b'\r' | b' ' | b'+' | b'-'),
        _ => false,
    }
}

/// The place in [`ORDER`] of the kind whose marks begin with a byte.
const fn kind(b: u8) -> usize {
    match b {
        b'\\' => 0,
        b'%' => 1,
        b'&' => 2,
        b'=' => 3,
        b'"' | b'\'' => 4,
        _ => 5,
    }
}

/// By how much a zone grows at least: clusters are looked for to their ends.
const STEP: usize = 1024;

impl<'a> Marks<'a> {
    /// The marks that begin in `zone` of `text`.
    pub(super) fn of(text: &'a [u8], zone: ByteSpan) -> Self {
        Self { text, zone, all: read(text, zone).collect() }
    }

    /// The first mark of a kind that begins between the two places.
    pub(super) fn next(&mut self, wanted: usize, from: usize, to: usize) -> Option<ByteSpan> {
        if from < self.zone.start {
            let more = ByteSpan::new(from, self.zone.start);
            self.all.splice(..0, read(self.text, more));
            self.zone.start = from;
        }
        if self.zone.end < to {
            let more = ByteSpan::new(self.zone.end, self.text.len().min(to.max(self.zone.end + STEP)));
            self.all.extend(read(self.text, more));
            self.zone.end = more.end;
        }
        let first = self.all.partition_point(|(_, mark)| mark.start < from);
        let inside = self.all[first..].iter().take_while(|(_, mark)| mark.start < to);
        inside.filter(|(kind, _)| *kind == wanted).map(|(_, mark)| *mark).next()
    }
}

/// The marks that begin in `zone`, each with the place of its kind.
fn read(text: &[u8], zone: ByteSpan) -> impl Iterator<Item = (usize, ByteSpan)> {
    places(text, zone).into_iter().filter_map(|place| {
        let kind = kind(text[place]);
        Some((kind, is_mark(ORDER[kind])(text, place)?))
    })
}

/// The places of `zone` where a mark of any kind may begin, ascending.
fn places(text: &[u8], zone: ByteSpan) -> Vec<usize> {
    let mut places = Vec::with_capacity(64);
    // A byte with nothing behind it begins no mark.
    let end = zone.end.min(text.len().saturating_sub(1));
    let at = vectors::pairs(text, zone.start, end, [&FIRST, &SECOND], &mut places);
    let rest = text.get(at..=end).unwrap_or_default();
    // The last places, with zeros for what is missing: they begin no mark.
    let mut padded = [0; LANES + 1];
    if let Some(few) = padded.get_mut(..rest.len()) {
        few.copy_from_slice(rest);
        let before = places.len();
        let looked_at = vectors::pairs(&padded, 0, LANES, [&FIRST, &SECOND], &mut places);
        if looked_at > 0 {
            places[before..].iter_mut().for_each(|place| *place += at);
            // The byte behind the last place is no place.
            places.pop_if(|place| *place >= end);
            return places;
        }
    }
    places.extend(rest.windows(2).enumerate().filter(|(_, two)| may_begin(two[0], two[1])).map(|(n, _)| at + n));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_is_lost_to_the_sets() {
        let all = || 0..=u8::MAX;
        let passes = |b: u8, after: u8| FIRST.has(b) & SECOND.has(after) != 0;
        assert!(all().all(|b| all().all(|after| passes(b, after) || !may_begin(b, after))));
        for common in [b"\",", b"\")", b"\";", b"'s", b"'t", b"%s", b"%d", b"= ", b"\\n", b"\\t", b"&&"] {
            assert!(!passes(common[0], common[1]), "{common:?}");
        }
    }
}
