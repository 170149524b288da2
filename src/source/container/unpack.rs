//! Compressed streams: one or more one behind the other, read as one.

use super::budget::{Held, fault, told};
use super::codec::{Bzip2, Codec, Gzip, Inflate, Lzma, Step, Trouble, Zstd};
use super::kind::{Kind, Packed};
use super::lz4::Lz4;
use super::member::{Member, Source};
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::cell::RefCell;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is compressed together with what says so.
const SUFFIXES: [(&str, &str); 18] = [
    (".tgz", ".tar"),
    (".tbz2", ".tar"),
    (".tbz", ".tar"),
    (".txz", ".tar"),
    (".tlz", ".tar"),
    (".tzst", ".tar"),
    (".svgz", ".svg"),
    (".gz", ""),
    (".z", ""),
    (".zz", ""),
    (".zlib", ""),
    (".bz2", ""),
    (".xz", ""),
    (".lzma", ""),
    (".lz", ""),
    (".zst", ""),
    (".lz4", ""),
    (".gzip", ""),
];

/// The name of what a compressed file of this name holds.
pub(super) fn name_of(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let found = SUFFIXES.iter().find_map(|(suffix, instead)| {
        let at = name.len().checked_sub(suffix.len()).filter(|at| *at > 0)?;
        name.get(at..)?.eq_ignore_ascii_case(suffix).then(|| format!("{}{instead}", &name[..at]))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// Whether `head` begins a zlib stream: two bytes say little, so some of it is inflated.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    let says_so = head.len() > 8 && u16::from_be_bytes([head[0], head[1]]).is_multiple_of(31) && head[1] & 0x20 == 0;
    let mut out = [0; 256];
    says_so && {
        let step = Inflate::new(true).step(head, false, &mut out);
        step.trouble.is_none() && (step.produced > 0 || step.ended)
    }
}

impl Packed {
    fn codec(self) -> Box<dyn Codec> {
        match self {
            Self::Gzip => Box::new(Gzip::Head),
            Self::Zlib => Box::new(Inflate::new(true)),
            Self::Bzip2 => Box::new(Bzip2(bzip2::Decompress::new(false))),
            Self::Xz => Box::new(Lzma::xz()),
            Self::Lzma => Box::new(Lzma::alone()),
            Self::Lzip => Box::new(Lzma::lzip()),
            Self::Zstd => Box::new(Zstd::default()),
            Self::Lz4 => Box::<Lz4>::default(),
        }
    }

    /// Whether another stream begins here.
    fn begins(self, head: &[u8]) -> bool {
        self != Self::Zlib && self != Self::Lzma && Kind::of(head) == Some(Kind::Packed(self))
    }
}

/// Looks at what a compressed stream holds.
pub(super) fn walk(dive: &Dive<'_>, format: Packed, source: &mut Source<'_>, place: &Place) {
    let inner = place.unpacked();
    let mut unpacker = Unpacker::new(Box::new(source), dive, format.codec(), Some(format));
    if let Some(true) = dive.admit(&inner) {
        // Trouble is the compressed file's: it is told under its own name.
        let mut member = Member::new(&mut unpacker, dive, place, None, None);
        dive.look(Input::Stream(&mut member), &inner);
        // What looks at it may stop before its end.
        let _ = io::copy(&mut member, &mut io::sink());
    }
    unpacker.rest(|rest, offset| dive.raw(rest, offset, place));
}

thread_local! {
    static INPUTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The bytes that are read at a time: few at first, since a stream may be short whatever its container says; then more than a
/// block of zstd.
const FIRST_INPUT: usize = 16 << 10;
const INPUT: usize = 136 << 10;

/// What comes out of a compressed stream.
pub(super) struct Unpacker<'s, 'd> {
    source: Box<dyn Read + 's>,
    input: Vec<u8>,
    start: usize,
    end: usize,
    next_read: usize,
    /// The source has ended.
    eof: bool,
    /// It failed.
    lost: bool,
    taken: u64,
    codec: Option<Box<dyn Codec>>,
    /// Whether more streams may follow.
    format: Option<Packed>,
    dive: &'d Dive<'d>,
    held: Option<Held<'d>>,
    trouble: Option<SkipReason>,
}

impl<'s, 'd> Unpacker<'s, 'd> {
    pub(super) fn new(source: Box<dyn Read + 's>, dive: &'d Dive<'d>, codec: Box<dyn Codec>, format: Option<Packed>) -> Self {
        let mut input = INPUTS.with_borrow_mut(Vec::pop).unwrap_or_default();
        input.resize(INPUT, 0);
        Self {
            source,
            input,
            start: 0,
            end: 0,
            next_read: FIRST_INPUT,
            eof: false,
            lost: false,
            taken: 0,
            codec: Some(codec),
            format,
            dive,
            held: None,
            trouble: None,
        }
    }

    /// Reads more; tells whether there is room for it.
    fn refill(&mut self) -> bool {
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.input.len() {
            return false;
        }
        let to = self.input.len().min(self.end + self.next_read);
        self.next_read = INPUT.min(self.next_read * 2);
        match self.source.read(&mut self.input[self.end..to]) {
            Ok(0) => self.eof = true,
            Ok(n) => self.end += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => (self.eof, self.lost) = (true, true),
        }
        true
    }

    fn take(&mut self, consumed: usize) {
        self.start += consumed;
        self.taken += consumed as u64;
    }

    /// The next stream, if one follows.
    fn next(&mut self) -> bool {
        let Some(format) = self.format else { return false };
        while self.end - self.start < 512 && !self.eof {
            self.refill();
        }
        // Streams of xz are padded.
        while format == Packed::Xz && self.input[self.start..self.end].starts_with(&[0; 4]) {
            self.take(4);
            if self.start == self.end && !self.eof {
                self.refill();
            }
        }
        if !format.begins(&self.input[self.start..self.end]) {
            return false;
        }
        self.held = None;
        self.codec = Some(format.codec());
        true
    }

    /// Hands over what follows the last stream, or what could not be read, with its place.
    pub(super) fn rest(mut self, then: impl FnOnce(&mut dyn Read, u64)) {
        if self.lost {
            return;
        }
        let left = self.input[self.start..self.end].to_vec();
        if left.is_empty() && self.eof {
            return;
        }
        let source = &mut self.source;
        then(&mut Cursor::new(left).chain(source), self.taken);
    }

    /// The bytes of the source that were used.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    fn stop(&mut self, reason: SkipReason) -> io::Error {
        self.trouble = Some(reason);
        // Where the source failed, that is the reason, and known.
        if self.lost { told() } else { fault(reason) }
    }
}

impl Drop for Unpacker<'_, '_> {
    fn drop(&mut self) {
        INPUTS.with_borrow_mut(|all| {
            if all.len() < 4 {
                all.push(std::mem::take(&mut self.input));
            }
        });
    }
}

impl Read for Unpacker<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(reason) = self.trouble {
            return Err(self.stop(reason));
        }
        loop {
            if self.start == self.end && !self.eof {
                self.refill();
            }
            let Some(codec) = &mut self.codec else {
                if self.next() {
                    continue;
                }
                return Ok(0);
            };
            // A decoder that trips over hostile bytes costs this stream, not the scan.
            let step = catch_unwind(AssertUnwindSafe(|| codec.step(&self.input[self.start..self.end], self.eof, buffer)));
            let step = step.unwrap_or_else(|_| Step { trouble: Some(Trouble::Damaged), ..Step::default() });
            self.take(step.consumed);
            match step.trouble {
                None => {}
                Some(Trouble::Memory(bytes)) => {
                    self.held = None;
                    self.held = self.dive.chain.hold(bytes);
                    if self.held.is_some() {
                        self.codec.as_mut().into_iter().for_each(|codec| codec.allow(bytes));
                    } else {
                        self.trouble = Some(SkipReason::MemoryBudget);
                    }
                }
                Some(Trouble::Damaged) => self.trouble = Some(SkipReason::DamagedContainer),
                Some(Trouble::Unsupported) => self.trouble = Some(SkipReason::UnsupportedMethod),
            }
            if step.ended {
                self.codec = None;
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
            if let Some(reason) = self.trouble {
                return Err(self.stop(reason));
            }
            if step.consumed == 0 && !step.ended && step.trouble.is_none() {
                // It wants more, and there must be more to have.
                if self.eof || !self.refill() {
                    return Err(self.stop(SkipReason::DamagedContainer));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn names_of_what_is_compressed() {
        let names = [("a/b.txt.gz", "b.txt"), ("x.TGZ", "x.tar"), ("plain", "plain"), (".gz", ".gz"), ("", ""), ("é.xz", "é")];
        for (name, holds) in names {
            assert_eq!(name_of(name), holds);
        }
    }
}
