//! A file that comes over the network: looked at as it comes, or from a temporary file where it must be read at any place.

use super::{Input, Kind, Origin, Sink, look};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek as _, Write as _};
use std::path::Path;

/// So much of a file tells what it is.
const HEAD: u64 = 64 << 10;
/// What must be read at any place is held in memory up to this size.
const HELD: u64 = 8 << 20;

/// Looks at what `stream` gives: `size` bytes, where that is known. What is too large for memory goes to a file in `scratch` that
/// nothing else can see. Gives the bytes that it has.
///
/// # Errors
/// Where it cannot be read; what came before was looked at, but of a file that must be read at any place.
pub(crate) fn look_at_download(
    stream: &mut dyn Read,
    size: Option<u64>,
    scratch: &Path,
    origin: &Origin,
    sink: &dyn Sink,
) -> io::Result<u64> {
    let mut head = Vec::new();
    (&mut *stream).take(HEAD).read_to_end(&mut head)?;
    let is_short = (head.len() as u64) < HEAD;
    let is_one = Kind::of(&head).is_some_and(|kind| !kind.is_stream()) && sink.containers().opened;
    if is_short || !is_one {
        return look(Input::Stream(&mut Cursor::new(&head).chain(stream)), origin, sink);
    }
    if size.is_some_and(|size| size <= HELD) {
        stream.take(HELD).read_to_end(&mut head)?;
        return look(Input::Bytes(&head), origin, sink);
    }
    let mut file: File = tempfile::tempfile_in(scratch)?;
    file.write_all(&head)?;
    let len = head.len() as u64 + io::copy(stream, &mut file)?;
    file.rewind()?;
    look(Input::File(&file, len), origin, sink)
}
