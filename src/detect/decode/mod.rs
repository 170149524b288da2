//! Text behind an encoding: base64, hex, escapes, strings in pieces.
//!
//! A [`Region`] is a stretch of a text that holds something encoded, with the text around it; [`decode`] writes it anew, so
//! that rules see name and value as the program would that reads it. What is found counts only where it needs the decoding.
//!
//! Regions are local: whether there is one and what it holds depends on its own bytes and [`Region::margin`] around them. That is
//! what lets a text that was made from another one inherit what the encoded stretches of that one hold.
//!
//! - `runs`: long runs of base64 and hex digits, and what is compressed behind them
//! - `escapes`: `\u0041`, `\x41`, `\101`, `\"`, `%41`, `&#65;`, `&quot;`, `=3D`
//! - `joins`: `"abc" + "def"`, lines that go on, values on the line below their name
//! - `marks`: one pass that finds where any of these may begin, but for runs

mod escapes;
mod joins;
mod marks;
mod runs;

use super::ByteSpan;
use super::stretches::widened;

/// The text around an encoded stretch that is written along with it: a name in front, a delimiter behind.
const AROUND: usize = 256;
/// Encoded stretches nearer to each other than this make one region.
const GAP: usize = 2 * AROUND;
/// No mark is longer: two quotes with blanks between them and an operator.
const MARK: usize = 2 * joins::BLANKS + 16;
/// How far from a region of marks a change may be without a bearing on it: a mark that is nearer belongs to it, and what stands before
/// a mark on its line decides whether it is one.
const MARGIN: usize = GAP + MARK + joins::MOST_OF_LINE;
/// How far before and behind a change the first mark of a region may be on which it has a bearing: with the text around its marks the
/// region is nearer.
const BEFORE: usize = MARGIN + AROUND + MARK;
const BEHIND: usize = MARGIN + AROUND;
/// How many decodings may be nested.
pub const MAX_DEPTH: usize = 5;
/// The most bytes that the regions of one text may give in all.
pub const MAX_DECODED: usize = 64 << 20;
/// What the regions of a text of any size may give, and of each of its bytes beyond that.
const ROOM: usize = 1 << 20;
const ROOM_RATIO: usize = 200;

/// The bytes that the regions of a text of so many bytes may give in all: many small texts cost no more than one large one.
#[must_use]
pub const fn room(len: usize) -> usize {
    let room = ROOM.saturating_add(len.saturating_mul(ROOM_RATIO));
    if room < MAX_DECODED { room } else { MAX_DECODED }
}

/// A stretch with something encoded in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// All that is written anew: the encoded stretches and some text around them.
    pub span: ByteSpan,
    kind: Kind,
}

/// How a region is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Digits of base64 or hex: the run itself.
    Run(ByteSpan),
    Backslash,
    Percent,
    Entity,
    Quoted,
    Join,
    Block,
}

/// A region written anew.
#[derive(Debug)]
pub struct Decoded {
    pub bytes: Vec<u8>,
    /// What was done, outermost first.
    pub chain: Vec<&'static str>,
    /// More is there than there was room for.
    pub is_cut: bool,
    /// The stretches that are not what they were, ascending.
    pieces: Vec<Piece>,
    /// Where the region begins.
    base: usize,
}

/// A stretch that is not what it was.
#[derive(Debug, Clone, Copy)]
struct Piece {
    to: ByteSpan,
    from: ByteSpan,
    /// Bytes of the source for so many of the outcome, where places within it can be told.
    scale: Option<(usize, usize)>,
}

impl Region {
    /// The same stretch where `from` became `to`.
    #[must_use]
    pub const fn moved(self, from: usize, to: usize) -> Self {
        let kind = match self.kind {
            Kind::Run(run) => Kind::Run(run.moved(from, to)),
            other => other,
        };
        Self { span: self.span.moved(from, to), kind }
    }

    /// How far from it a change may be without a bearing on it, in bytes.
    #[must_use]
    pub const fn margin(&self) -> usize {
        match self.kind {
            Kind::Run(_) => runs::MARGIN,
            _ => MARGIN,
        }
    }
}

/// The regions of `text` that are no further from one of `changes` than their margins, each with all that belongs to it. The changes
/// ascend.
#[must_use]
pub fn regions(text: &[u8], changes: &[ByteSpan]) -> Vec<Region> {
    let mut found = Vec::new();
    let zones = |before: usize, behind: usize| {
        let wide = move |change: ByteSpan| {
            ByteSpan::new(change.start.saturating_sub(before), text.len().min(change.end.saturating_add(behind)))
        };
        widened(changes, behind, wide)
    };
    for zone in zones(runs::REACH, runs::REACH) {
        runs::find(text, zone, &mut found);
    }
    // Up to where each kind was looked for.
    let mut ends = [0; marks::ORDER.len()];
    for zone in zones(BEFORE, BEHIND) {
        let mut marks = marks::Marks::of(text, zone);
        for (n, kind) in marks::ORDER.into_iter().enumerate() {
            let rest = ByteSpan::new(zone.start.max(ends[n]), zone.end);
            ends[n] = clusters(text, rest, kind, |from, to| marks.next(n, from, to), &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Writes `region` of `text` anew, in at most `room` bytes; `None` where nothing comes of it.
#[must_use]
pub fn decode(text: &[u8], region: &Region, room: usize) -> Option<Decoded> {
    match region.kind {
        Kind::Run(run) => runs::decode(text, region.span, run, room),
        Kind::Backslash => escapes::decode(text, region.span, "escapes", escapes::backslash),
        Kind::Percent => escapes::decode(text, region.span, "percent", escapes::percent),
        Kind::Entity => escapes::decode(text, region.span, "html", escapes::entity),
        Kind::Quoted => escapes::decode(text, region.span, "quoted-printable", escapes::quoted),
        Kind::Join | Kind::Block => joins::decode(text, region.span, region.kind),
    }
}

impl Decoded {
    /// Whether a part of `span` is not what it was.
    #[must_use]
    pub fn is_changed(&self, span: ByteSpan) -> bool {
        let from = self.pieces.partition_point(|p| p.to.end < span.start);
        self.pieces[from..].iter().take_while(|p| p.to.start <= span.end).any(|p| {
            // What was taken away between two characters counts as well.
            if p.to.is_empty() { span.start < p.to.start && p.to.start < span.end } else { p.to.overlaps(span) }
        })
    }

    /// Where in the source `span` comes from.
    #[must_use]
    pub fn source(&self, span: ByteSpan) -> ByteSpan {
        let start = self.at(span.start, false);
        ByteSpan::new(start, self.at(span.end, true).max(start))
    }

    /// The place in the source of the place `to`; as the end of something it is that of what precedes it.
    fn at(&self, to: usize, is_end: bool) -> usize {
        let before = self.pieces.partition_point(|p| if is_end { p.to.start < to } else { p.to.start <= to });
        let Some(piece) = self.pieces[..before].last() else { return self.base + to };
        if to >= piece.to.end {
            return piece.from.end + (to - piece.to.end);
        }
        match piece.scale {
            Some((source, outcome)) => {
                let digits = (to - piece.to.start) * source;
                let digits = if is_end { digits.div_ceil(outcome) } else { digits / outcome };
                (piece.from.start + digits).min(piece.from.end)
            }
            None if is_end => piece.from.end,
            None => piece.from.start,
        }
    }
}

/// Writes a region anew, piece by piece.
struct Writer<'a> {
    text: &'a [u8],
    /// The place in `text` up to which all is written.
    at: usize,
    out: Decoded,
}

impl<'a> Writer<'a> {
    fn new(text: &'a [u8], span: ByteSpan) -> Self {
        let bytes = Vec::with_capacity(span.len());
        let out = Decoded { bytes, chain: Vec::new(), is_cut: false, pieces: Vec::new(), base: span.start };
        Self { text, at: span.start, out }
    }

    /// Copies up to `from`, and writes `bytes` in its place.
    fn replace(&mut self, from: ByteSpan, bytes: &[u8], scale: Option<(usize, usize)>) {
        self.out.bytes.extend_from_slice(&self.text[self.at..from.start]);
        let start = self.out.bytes.len();
        self.out.bytes.extend_from_slice(bytes);
        self.out.pieces.push(Piece { to: ByteSpan::new(start, self.out.bytes.len()), from, scale });
        self.at = from.end;
    }

    /// Copies the rest up to `end`; nothing came of it where nothing was replaced.
    fn finish(mut self, end: usize, name: &'static str) -> Option<Decoded> {
        if self.out.pieces.is_empty() {
            return None;
        }
        self.out.bytes.extend_from_slice(&self.text[self.at..end.max(self.at)]);
        self.out.chain.push(name);
        Some(self.out)
    }
}

/// `span` with the text around it that belongs to its line, as far as it is near.
fn with_line(text: &[u8], span: ByteSpan) -> ByteSpan {
    let before = &text[span.start.saturating_sub(AROUND)..span.start];
    let start = span.start - before.len() + memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let after = &text[span.end..text.len().min(span.end + AROUND)];
    ByteSpan::new(start, span.end + memchr::memchr(b'\n', after).unwrap_or(after.len()))
}

/// Regions of marks: those nearer to each other than [`GAP`] belong together, also where they lie outside of `zone`.
/// `next(from, to)` is the first mark that begins between the two places. Gives the place up to which it looked.
fn clusters(
    text: &[u8],
    zone: ByteSpan,
    kind: Kind,
    mut next: impl FnMut(usize, usize) -> Option<ByteSpan>,
    found: &mut Vec<Region>,
) -> usize {
    let mut at = zone.start;
    while at < zone.end
        && let Some(first) = next(at, zone.end)
    {
        let mut cluster = first;
        let mut from = cluster.start.saturating_sub(GAP + MARK);
        while at == zone.start
            && let Some(mark) = next(from, cluster.start)
        {
            if cluster.start < mark.end + GAP {
                cluster.start = mark.start;
                from = cluster.start.saturating_sub(GAP + MARK);
            } else {
                from = mark.start + 1;
            }
        }
        while let Some(mark) = next(cluster.end, text.len().min(cluster.end + GAP)) {
            cluster.end = mark.end.max(cluster.end + 1);
        }
        found.push(Region { span: with_line(text, cluster), kind });
        at = cluster.end.max(at + 1);
    }
    at
}

#[cfg(test)]
mod tests;
