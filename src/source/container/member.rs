//! The bytes of one member: counted, compared with what the container says of them, and what is wrong with them told once.

use super::budget::{fault, reason_of, told};
use super::{Dive, Place};
use crate::source::SkipReason;
use std::io::{self, Read};

/// What a container is read from. Notes whether it failed: then nothing more can come of it, and why is told already.
pub(super) struct Source<'a> {
    stream: &'a mut dyn Read,
    pub failed: bool,
    pub position: u64,
}

impl<'a> Source<'a> {
    pub(super) fn of(stream: &'a mut dyn Read) -> Self {
        Self { stream, failed: false, position: 0 }
    }

    /// Fills `buffer` as far as there is something; tells how far.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        filled
    }

    /// Reads over some bytes; tells whether there were so many.
    pub(super) fn pass(&mut self, bytes: u64) -> bool {
        let mut buffer = [0; 8192];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let n = self.fill(&mut buffer[..most]);
            if n == 0 {
                return false;
            }
            left -= n as u64;
        }
        true
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(n) => {
                self.position += n as u64;
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.failed = true;
                Err(e)
            }
        }
    }
}

/// The bytes of a member as they come out of its container.
pub(super) struct Member<'a> {
    inner: &'a mut dyn Read,
    dive: &'a Dive<'a>,
    place: &'a Place,
    /// The bytes that it should have.
    want: Option<u64>,
    sum: Option<(u32, crc32fast::Hasher)>,
    read: u64,
    /// What the next call says.
    ended: Option<Ended>,
}

enum Ended {
    Well,
    Badly(SkipReason),
    Told,
}

impl<'a> Member<'a> {
    /// The bytes of `inner`, which should be so many and have this CRC-32; trouble is that of `place`.
    pub(super) fn new(
        inner: &'a mut dyn Read,
        dive: &'a Dive<'a>,
        place: &'a Place,
        want: Option<u64>,
        sum: Option<u32>,
    ) -> Self {
        let sum = sum.map(|sum| (sum, crc32fast::Hasher::new()));
        Self { inner, dive, place, want, sum, read: 0, ended: None }
    }

    fn tell(&mut self, reason: SkipReason) -> io::Error {
        self.dive.skip(reason, &self.place.origin, self.read);
        self.ended = Some(Ended::Told);
        told()
    }

    /// Whether what came out is whole; what is wrong with it is told.
    fn end(&mut self) -> io::Result<usize> {
        if self.want.is_some_and(|want| self.read < want) {
            return Err(self.tell(SkipReason::DamagedContainer));
        }
        if self.sum.take().is_some_and(|(sum, hasher)| hasher.finalize() != sum) {
            // All of it was looked at: its reader need not know.
            let _ = self.tell(SkipReason::DamagedContainer);
        }
        self.ended = Some(Ended::Well);
        Ok(0)
    }
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.ended {
            None => {}
            Some(Ended::Well) => return Ok(0),
            Some(Ended::Badly(reason)) => return Err(self.tell(reason)),
            Some(Ended::Told) => return Err(told()),
        }
        let n = match self.inner.read(buffer) {
            Ok(0) => return self.end(),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
            Err(e) => {
                let Some(reason) = reason_of(&e) else {
                    self.ended = Some(Ended::Told);
                    return Err(told());
                };
                return Err(self.tell(reason));
            }
        };
        self.read += n as u64;
        if let Some((_, hasher)) = &mut self.sum {
            hasher.update(&buffer[..n]);
        }
        // What came counts; the next call says that no more comes.
        if !self.dive.spent.unpack(n as u64) {
            self.ended = Some(Ended::Badly(SkipReason::ExpansionBudget));
        } else if self.want.is_some_and(|want| self.read > want) {
            self.ended = Some(Ended::Badly(SkipReason::DamagedContainer));
        } else if self.read > self.dive.containers.limits.member {
            self.ended = Some(Ended::Badly(SkipReason::TooLarge));
        }
        Ok(n)
    }
}

/// A member's stored bytes within a source; an early end is damage.
pub(super) struct Part<'s, 'a> {
    pub source: &'s mut Source<'a>,
    pub left: u64,
}

impl Read for Part<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.source.read(&mut buffer[..most])? {
            0 => Err(fault(SkipReason::DamagedContainer)),
            n => {
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}
