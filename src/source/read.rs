//! Reads files of any size with bounded memory: small ones whole, into a buffer that is used again; large ones in chunks
//! that overlap by more than the longest match and its context.

use super::text::{Encoding, PROBE};
use super::{Blob, Origin, Sink, SkipReason};
use crate::detect::ByteSpan;
use crate::detect::candidate::CONTEXT;
use crate::finding::location::Base;
use crate::rule::format::model::MAX_UNTIL;
use std::io::{self, Read as _};

/// The bytes of a chunk's core.
const CHUNK: usize = 8 << 20;
/// The text on each side of a core.
const OVERLAP: usize = MAX_UNTIL as usize + 4 * CONTEXT + 4096;

/// What is read of a file before it is known what it is.
const HEAD: usize = 64 << 10;
/// What is read of a program before it is known whether an archive stands behind it.
const PROGRAM: usize = 1 << 20;

/// Buffers that a thread uses again for each file.
#[derive(Default)]
pub(super) struct Buffers {
    pub stored: Vec<u8>,
    text: Vec<u8>,
}

/// Whether the end was reached, and why nothing more can be read; then it was.
pub(super) type State = (bool, Option<io::Error>);

/// Reads the beginning of a file into `stored`.
pub(super) fn head(reader: &mut (impl io::Read + ?Sized), stored: &mut Vec<u8>) -> State {
    stored.clear();
    fill(reader, stored, HEAD)
}

/// Reads on as far as small programs go.
pub(super) fn more(reader: &mut (impl io::Read + ?Sized), stored: &mut Vec<u8>) -> State {
    fill(reader, stored, PROGRAM)
}

/// What was read of a file, and looked at.
#[derive(Default)]
pub(super) struct Read {
    /// Its bytes.
    pub total: u64,
    /// What was decoded of them.
    pub decoded: u64,
    /// Why no more could be read.
    pub error: Option<io::Error>,
}

/// Reads all of `reader` and gives it to `sink`, as one blob or in chunks.
pub(super) fn read_all(reader: &mut (impl io::Read + ?Sized), origin: &Origin, sink: &dyn Sink, buffers: &mut Buffers) -> Read {
    let state = head(reader, &mut buffers.stored);
    rest(reader, state, 0, origin, sink, buffers)
}

/// The same for a file whose beginning is in `buffers` and that itself begins at byte `offset` of its container.
pub(super) fn rest(
    reader: &mut (impl io::Read + ?Sized),
    (mut whole, mut error): State,
    offset: u64,
    origin: &Origin,
    sink: &dyn Sink,
    buffers: &mut Buffers,
) -> Read {
    let Buffers { stored, text } = buffers;
    if !whole {
        (whole, error) = fill(reader, stored, CHUNK + OVERLAP);
    }
    let encoding = Encoding::of(&stored[..stored.len().min(PROBE)]);
    let read = if whole {
        let bytes: &[u8] = if encoding.is_wide() {
            text.clear();
            encoding.transcode(&stored[encoding.mark_len()..], text);
            text
        } else {
            &stored[encoding.mark_len()..]
        };
        let decoded = sink.blob(&Blob {
            bytes,
            core: ByteSpan::new(0, bytes.len()),
            base: Base::default(),
            stored_before: offset + encoding.mark_len() as u64,
            encoding,
            origin,
        });
        Read { total: stored.len() as u64, decoded, error }
    } else {
        in_chunks(reader, encoding, offset, origin, sink, stored, text)
    };
    shrink(stored);
    shrink(text);
    read
}

/// A file larger than one chunk. `stored` holds its beginning.
fn in_chunks(
    reader: &mut (impl io::Read + ?Sized),
    encoding: Encoding,
    offset: u64,
    origin: &Origin,
    sink: &dyn Sink,
    stored: &mut Vec<u8>,
    text: &mut Vec<u8>,
) -> Read {
    let mut read = Read { total: stored.len() as u64, ..Read::default() };
    let mut stored_before = offset + encoding.mark_len() as u64;
    let mut base = Base::default();
    let mut carry = encoding.mark_len();
    // The part of `text` that the chunk before has looked at.
    let mut seen = 0;
    let mut ended = false;
    text.clear();
    loop {
        let usable = (stored.len() - carry) / encoding.unit() * encoding.unit();
        encoding.transcode(&stored[carry..carry + usable], text);
        stored.drain(..carry + usable);
        carry = 0;
        let core_end = if ended { text.len() } else { text.len().saturating_sub(OVERLAP).max(seen) };
        read.decoded +=
            sink.blob(&Blob { bytes: text, core: ByteSpan::new(seen, core_end), base, stored_before, encoding, origin });
        if ended {
            return read;
        }
        if sink.stop().is_asked() {
            sink.skip(SkipReason::Interrupted, &origin.joined(), 0);
            return read;
        }
        let keep_from = boundary(text, core_end.saturating_sub(OVERLAP));
        base = base.after(&text[..keep_from]);
        stored_before += encoding.stored_len(&text[..keep_from]);
        text.drain(..keep_from);
        seen = core_end - keep_from;
        let before = stored.len();
        (ended, read.error) = fill(reader, stored, before + CHUNK);
        read.total += (stored.len() - before) as u64;
    }
}

/// A place at or before `at` where no UTF-8 sequence is cut, as far as there is one near.
fn boundary(text: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at).rev().find(|&i| i >= text.len() || text[i] & 0xc0 != 0x80).unwrap_or(at)
}

/// Reads until `buffer` holds `most` bytes or no more come; tells whether that is so, and why if it is not the end.
fn fill(reader: &mut (impl io::Read + ?Sized), buffer: &mut Vec<u8>, most: usize) -> State {
    if buffer.capacity() < 64 * 1024 {
        buffer.reserve(64 * 1024 - buffer.len());
    }
    // Unlike a loop of reads into zeroed room, this touches no more memory than the file fills. What came before an error is
    // there.
    let before = buffer.len();
    let room = most.saturating_sub(before);
    match reader.take(room as u64).read_to_end(buffer) {
        Ok(read) => (read < room, None),
        Err(e) => (true, Some(e)),
    }
}

/// Gives back the memory of an unusually large file.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > 4 << 20 {
        buffer.clear();
        buffer.shrink_to(1 << 20);
    }
}
