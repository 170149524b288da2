//! Where marks of encodings may begin: one pass over a text for all kinds, by three bytes in a row. What passes is looked at
//! closely by the kind's own reader; what does not pass is no mark of any kind.
//!
//! The pass is written so that compilers turn it into vector instructions: a byte of flags for each place, without a branch.

use super::super::vectors::{Loop, vectorized};
use super::{ByteSpan, Kind};

/// The places looked at in one go.
const BLOCK: usize = 64;
const KINDS: usize = 6;

/// The kinds in the order of their flags.
pub(super) const ORDER: [Kind; KINDS] = [Kind::Backslash, Kind::Percent, Kind::Entity, Kind::Quoted, Kind::Join, Kind::Block];

/// How a mark of a kind is read: the mark that begins at the place, if one does.
pub(super) type IsMark = fn(&[u8], usize) -> Option<ByteSpan>;

/// The places of a zone where a mark of any kind may begin, ascending: there are few.
pub(super) struct Places {
    zone: ByteSpan,
    all: Vec<usize>,
}

/// Whether a mark of any kind may begin with `b`, between the two other bytes. Some tests let more bytes pass than there are
/// marks: where that saves an instruction, and such bytes are rare there.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the loop around it becomes vector instructions only as a whole")]
#[expect(clippy::needless_bitwise_bool, reason = "a branch for each byte costs more than all comparisons")]
const fn may_begin(before: u8, b: u8, after: u8) -> bool {
    let escaped = (after | 0x20 == b'u') | (after == b'x') | (after & 0xfe == b'0') | (after == b'"') | (after == b'\n');
    let backslash = (b == b'\\') & escaped;
    let percent = (b == b'%') & ((after.wrapping_sub(b'2') < 6) | (after == b'u'));
    let entity = (b == b'&') & ((after & 0x40 != 0) | (after == b'#'));
    // Ends of lines are among the eight from 8 on.
    let quoted = (b == b'=') & ((after & 0xf8 == 8) | (after == b'3'));
    // Blanks; `&`, `+`, `.` and some more; `\\`, `|`, `~` and `^`.
    let opens = (after <= b' ') | (after | 0x0d == 0x2f) | (after | 0x22 == 0x7e);
    let join = ((b == b'"') | (b == b'\'')) & opens;
    let block = ((b == b'|') | (b == b'>')) & (before == b' ');
    backslash | percent | entity | quoted | join | block
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

/// The places of a block at which a mark may begin: 1, else 0.
type Found = [u8; BLOCK];

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the vectors of whoever calls it")]
fn block(before: &Found, here: &Found, after: &Found) -> Found {
    let mut found = [0; BLOCK];
    for n in 0..BLOCK {
        found[n] = u8::from(may_begin(before[n], here[n], after[n]));
    }
    found
}

/// All whole blocks between two places of a text that have a byte on each side; gives the end of the last.
struct Blocks<'a> {
    text: &'a [u8],
    from: usize,
    to: usize,
    places: &'a mut Places,
}

impl Loop for Blocks<'_> {
    type Outcome = usize;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled for the vectors of whoever calls it")]
    fn run(self) -> usize {
        let Self { text, from: mut at, to, places } = self;
        while at + BLOCK <= to {
            let piece = |from: usize| text[from..].first_chunk().expect("a block fits in");
            let found = block(piece(at - 1), piece(at), piece(at + 1));
            for (n, eight) in found.as_chunks::<8>().0.iter().enumerate() {
                let mut eight = u64::from_le_bytes(*eight);
                while eight != 0 {
                    let place = at + n * 8 + eight.trailing_zeros() as usize / 8;
                    places.all.push(place);
                    eight &= eight - 1;
                }
            }
            at += BLOCK;
        }
        at
    }
}

impl Places {
    /// The places of `zone` in `text`.
    pub(super) fn of(text: &[u8], zone: ByteSpan) -> Self {
        let mut places = Self { zone, all: Vec::with_capacity(64) };
        // A byte with nothing behind it begins no mark.
        let end = zone.end.min(text.len().saturating_sub(1));
        let mut at = zone.start;
        if at == 0 && end > 0 {
            places.few(text, 0, 1);
            at = 1;
        }
        at = vectorized(Blocks { text, from: at, to: end, places: &mut places });
        places.few(text, at, end);
        places
    }

    /// Looks at places that fill no block: zeros stand in for what is missing of it, and begin no mark.
    fn few(&mut self, text: &[u8], at: usize, end: usize) {
        if at >= end {
            return;
        }
        let mut padded = [0; BLOCK + 2];
        // A byte before the first place, where there is one, and one behind the last.
        let before = at.min(1);
        let few = &text[at - before..=end];
        padded[1 - before..][..few.len()].copy_from_slice(few);
        let piece = |from: usize| padded[from..].first_chunk().expect("a block fits in");
        let found = block(piece(0), piece(1), piece(2));
        self.all.extend(found[..end - at].iter().enumerate().filter(|(_, found)| **found == 1).map(|(n, _)| at + n));
    }

    /// The first mark of a kind that begins between the two places. Beyond the zone every place is looked at.
    pub(super) fn next(&self, wanted: usize, is_mark: IsMark, text: &[u8], from: usize, to: usize) -> Option<ByteSpan> {
        let every = |from: usize, to: usize| (from..to.min(text.len())).find_map(|at| is_mark(text, at));
        let before = every(from, to.min(self.zone.start));
        before
            .or_else(|| {
                let first = self.all.partition_point(|place| *place < from);
                let places = self.all[first..].iter().take_while(|place| **place < to);
                places.filter(|place| kind(text[**place]) == wanted).find_map(|&at| is_mark(text, at))
            })
            .or_else(|| every(from.max(self.zone.end), to))
    }
}
