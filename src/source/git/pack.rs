//! The bytes of packs: small ones are held, of others windows are read. A mapped pack would count as memory of this process, however
//! large it is.
//! Format: <https://git-scm.com/docs/pack-format>.

use super::inflate::Inflater;
use std::fs::File;
use std::io;
use std::path::Path;

/// A pack, opened.
pub(super) struct PackFile {
    file: File,
    /// Where the checksum behind the last entry begins.
    end: u64,
    /// Its number among those that are read together.
    number: usize,
    /// All of it, where it is held.
    whole: Option<Vec<u8>>,
}

/// The bytes of a pack that a thread has at hand, and what it inflates them with.
#[derive(Default)]
pub struct Unpacker {
    pub(super) window: Window,
    pub(super) inflater: Inflater,
}

/// A stretch of a pack.
#[derive(Default)]
pub(super) struct Window {
    /// Of which pack, and from where on.
    at: Option<(usize, u64)>,
    held: Vec<u8>,
}

/// The bytes that are read at once where entries are asked for in their order, and elsewhere.
const WINDOW: usize = 32 << 10;
const ALONE: usize = 2 << 10;
/// A larger window is not kept.
const MOST_KEPT: usize = 4 << 20;
/// The signature, the version and the number of entries.
const HEADER: usize = 12;

impl PackFile {
    /// Opens a pack; `None` where it is none, or of a version that is not known.
    pub(super) fn open(path: &Path, hash: gix::hash::Kind, number: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        let end = file.metadata().ok()?.len().checked_sub(hash.len_in_bytes() as u64)?;
        let mut header = [0; HEADER];
        let is_whole = read_at(&file, &mut header, 0).ok()? == HEADER;
        let is_known = matches!(header, [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..]);
        (is_whole && is_known).then_some(Self { file, end, number, whole: None })
    }

    /// Reads all of a pack of at most so many bytes, where it can be read; tells how many bytes are held now. Deltas are followed in an
    /// order that jumps through the pack: what is read for each takes longer than all at once.
    pub(super) fn hold(&mut self, most: u64) -> u64 {
        if self.end <= most {
            let mut bytes = vec![0; usize::try_from(self.end).unwrap_or(0)];
            self.whole = read_at(&self.file, &mut bytes, 0).is_ok_and(|read| read == bytes.len()).then_some(bytes);
        }
        self.whole.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }

    /// Where the entries end.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }
}

impl Window {
    /// So many bytes of a pack, or as many as there are before its end.
    pub(super) fn bytes<'a>(&'a mut self, pack: &'a PackFile, offset: u64, len: u64) -> Option<&'a [u8]> {
        let len = usize::try_from(len.min(pack.end.checked_sub(offset)?)).ok()?;
        if let Some(whole) = &pack.whole {
            return whole.get(usize::try_from(offset).ok()?..)?.get(..len);
        }
        let before = self.at.filter(|(number, from)| *number == pack.number && *from <= offset);
        let inside = before.and_then(|(_, from)| usize::try_from(offset - from).ok()).filter(|at| at + len <= self.held.len());
        if let Some(at) = inside {
            return self.held.get(at..at + len);
        }
        // Behind what is at hand, or only a little further.
        let goes_on = before.is_some_and(|(_, from)| offset < from + (self.held.len() + WINDOW) as u64);
        let wanted = len.max(if goes_on { WINDOW } else { ALONE }).min(usize::try_from(pack.end - offset).unwrap_or(usize::MAX));
        self.at = None;
        if self.held.capacity() > MOST_KEPT {
            self.held = Vec::new();
        }
        self.held.resize(wanted, 0);
        let read = read_at(&pack.file, &mut self.held, offset).ok()?;
        self.held.truncate(read);
        self.at = Some((pack.number, offset));
        self.held.get(..len)
    }
}

impl Unpacker {
    /// Inflates the stream at `offset`, which has at most `len` bytes, to exactly `size` bytes; `None` where it is corrupt.
    pub(super) fn inflate(&mut self, pack: &PackFile, offset: u64, len: u64, size: usize, out: &mut Vec<u8>) -> Option<()> {
        // No stream takes twice what it holds; what a forged pack says may be the whole of a large file.
        let len = len.min(2 * size as u64 + WINDOW as u64);
        self.inflater.exact(self.window.bytes(pack, offset, len)?, size, out)
    }
}

/// Fills the buffer from a place of a file on; gives how much of it, less only at the end of the file.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match read_some(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_give_what_the_file_holds() {
        let dir = tempfile::tempdir().unwrap();
        let hash = gix::hash::Kind::Sha1;
        let mut bytes = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
        bytes.extend((0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()));
        let paths = ["a.pack", "b.pack"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], &bytes).unwrap();
        bytes.reverse();
        bytes[..HEADER].copy_from_slice(b"PACK\0\0\0\x03\0\0\0\x01");
        std::fs::write(&paths[1], &bytes).unwrap();
        let mut packs = [0, 1].map(|n| PackFile::open(&paths[n], hash, n).unwrap());
        let all = paths.each_ref().map(|path| std::fs::read(path).unwrap());
        let mut window = Window::default();
        let mut state = 1u32;
        for round in 0..1000 {
            if round == 500 {
                assert_eq!((packs[0].hold(1000), packs[1].hold(1 << 20)), (0, all[1].len() as u64 - 20));
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (pack, offset, len) = (state as usize >> 7 & 1, state as usize >> 8 & 0xf_ffff, state as usize & 0xffff);
            let end = all[pack].len() - 20;
            let held = window.bytes(&packs[pack], offset as u64, len as u64);
            assert_eq!(held, all[pack][..end].get(offset..end.min(offset + len)), "{pack} {offset} {len}");
        }
        assert_eq!(packs[0].end(), all[0].len() as u64 - 20);
        std::fs::write(&paths[0], b"PACK\0\0\0\x04\0\0\0\x01 and what is behind it").unwrap();
        assert!(PackFile::open(&paths[0], hash, 0).is_none());
    }
}
