//! Reads files of any size with bounded memory: small ones whole, into a buffer that is used again; large ones in chunks
//! that overlap by more than the longest match and its context.

use super::text::{Encoding, PROBE};
use super::{Blob, Origin, Sink, SkipReason};
use crate::detect::ByteSpan;
use crate::detect::candidate::CONTEXT;
use crate::finding::location::Base;
use crate::rule::format::model::MAX_UNTIL;
use std::io::{self, Read};

/// The bytes of a chunk's core.
const CHUNK: usize = 8 << 20;
/// The text on each side of a core.
const OVERLAP: usize = MAX_UNTIL as usize + 4 * CONTEXT + 4096;

/// Buffers that a thread uses again for each file.
#[derive(Default)]
pub(super) struct Buffers {
    stored: Vec<u8>,
    text: Vec<u8>,
}

/// Reads all of `reader` and gives it to `sink`, as one blob or in chunks.
///
/// # Errors
/// Where reading fails; what came before was looked at.
pub(super) fn read_all(mut reader: impl Read, origin: &Origin, sink: &dyn Sink, buffers: &mut Buffers) -> io::Result<u64> {
    let Buffers { stored, text } = buffers;
    stored.clear();
    let whole = fill(&mut reader, stored, CHUNK + OVERLAP)?;
    let encoding = Encoding::of(&stored[..stored.len().min(PROBE)]);
    if whole {
        let total = stored.len() as u64;
        let bytes: &[u8] = if encoding.is_wide() {
            text.clear();
            encoding.transcode(&stored[encoding.mark_len()..], text);
            text
        } else {
            &stored[encoding.mark_len()..]
        };
        sink.blob(&Blob {
            bytes,
            core: ByteSpan::new(0, bytes.len()),
            base: Base::default(),
            stored_before: encoding.mark_len() as u64,
            encoding,
            origin,
        });
        shrink(stored);
        shrink(text);
        return Ok(total);
    }
    let read = in_chunks(reader, encoding, origin, sink, stored, text);
    shrink(stored);
    shrink(text);
    read
}

/// A file larger than one chunk. `stored` holds its beginning.
fn in_chunks(
    mut reader: impl Read,
    encoding: Encoding,
    origin: &Origin,
    sink: &dyn Sink,
    stored: &mut Vec<u8>,
    text: &mut Vec<u8>,
) -> io::Result<u64> {
    let mut total = stored.len() as u64;
    let mut stored_before = encoding.mark_len() as u64;
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
        sink.blob(&Blob { bytes: text, core: ByteSpan::new(seen, core_end), base, stored_before, encoding, origin });
        if ended {
            return Ok(total);
        }
        if sink.stop().is_asked() {
            sink.skip(SkipReason::Interrupted, &origin.path, 0);
            return Ok(total);
        }
        let keep_from = boundary(text, core_end.saturating_sub(OVERLAP));
        base = base.after(&text[..keep_from]);
        stored_before += encoding.stored_len(&text[..keep_from]);
        text.drain(..keep_from);
        seen = core_end - keep_from;
        let before = stored.len();
        ended = fill(&mut reader, stored, before + CHUNK)?;
        total += (stored.len() - before) as u64;
    }
}

/// A place at or before `at` where no UTF-8 sequence is cut, as far as there is one near.
fn boundary(text: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at).rev().find(|&i| i >= text.len() || text[i] & 0xc0 != 0x80).unwrap_or(at)
}

/// Reads until `buffer` holds `most` bytes or the end comes; tells whether it came.
fn fill(reader: &mut impl Read, buffer: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    if buffer.capacity() < 64 * 1024 {
        buffer.reserve(64 * 1024 - buffer.len());
    }
    // Unlike a loop of reads into zeroed room, this touches no more memory than the file fills.
    let room = most.saturating_sub(buffer.len());
    let read = reader.take(room as u64).read_to_end(buffer)?;
    Ok(read < room)
}

/// Gives back the memory of an unusually large file.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > 4 << 20 {
        buffer.clear();
        buffer.shrink_to(1 << 20);
    }
}
