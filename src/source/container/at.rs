//! Bytes that can be read at any place: a file on disk, or one in memory.

use std::fs::File;
use std::io::{self, Read};

/// Read at any place, from any thread.
pub(super) trait ReadAt: Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;
    /// All of them, where they are in memory.
    fn in_memory(&self) -> Option<&[u8]> {
        None
    }
    /// Reads some bytes at `offset`; none behind the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Bytes in memory.
pub(super) struct InMemory<'a>(pub &'a [u8]);

impl ReadAt for InMemory<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self.0)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let n = buffer.len().min(self.0.len() - from);
        buffer[..n].copy_from_slice(&self.0[from..from + n]);
        Ok(n)
    }
}

/// A file on disk that had so many bytes when it was opened.
pub(super) struct OnDisk<'a>(pub &'a File, pub u64);

impl ReadAt for OnDisk<'_> {
    fn len(&self) -> u64 {
        self.1
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self.0, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self.0, buffer, offset)
    }
}

/// A stretch of them, read from its beginning.
pub(super) struct Stretch<'a> {
    bytes: &'a dyn ReadAt,
    at: u64,
    end: u64,
}

impl<'a> Stretch<'a> {
    /// The bytes from `from` to `to`, as far as there are any.
    pub(super) fn of(bytes: &'a dyn ReadAt, from: u64, to: u64) -> Self {
        let end = to.min(bytes.len());
        Self { bytes, at: from.min(end), end }
    }
}

impl Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.bytes.read_at(self.at, &mut buffer[..most])?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Reads as many bytes as there are at `offset`, up to the length of `buffer`.
pub(super) fn read_at<'b>(bytes: &dyn ReadAt, offset: u64, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read_at(offset + filled as u64, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(&buffer[..filled])
}

/// Numbers as most containers write them: little-endian, at a place of a slice that is long enough.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Eight bytes.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
