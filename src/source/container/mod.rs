//! Containers: archives, compressed streams and disk images of programs. What is one is told by its bytes alone, never by its
//! name; what is in it is looked at like a file, at any depth, and what no member covers as bytes.
//!
//! - here: what is opened, and how deep
//! - `kind`: what the first bytes say
//! - `budget`: what opening may cost
//! - `member`: the bytes of one member, counted
//! - `unpack`: compressed streams; `codec` has the formats
//! - `zip`, `tar`, `sevenz`, `ar`, `cpio`, `rpm`, `asar`: archives
//! - `document`: notebooks, mail, databases, PDF: their texts
//! - `at`: bytes that can be read at any place
//! - `download`: files that come over the network
//!
//! Images need no reader of their own: an image is an archive or a folder whose layers are archives, compressed or not, and
//! whose config is text.

mod ar;
mod asar;
mod at;
mod budget;
mod codec;
mod cpio;
mod document;
#[cfg(feature = "audit")]
mod download;
mod kind;
mod lz4;
mod member;
mod rpm;
mod sevenz;
mod tar;
mod unpack;
mod zip;

pub use budget::Limits;
#[cfg(feature = "audit")]
pub(crate) use download::look_at_download;
pub use kind::Kind;

use super::read::{self, Buffers};
use super::{ExcludeReason, Origin, Sink, SkipReason, Step};
use at::{InMemory, OnDisk, ReadAt, Stretch};
use budget::{Chain, Held, Memory, SMALL, Spent, reason_of};
use globset::GlobSet;
use member::Source;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Cursor, Read};

/// Which containers are opened, and the memory that opening them shares.
pub struct Containers {
    /// Whether any are.
    pub opened: bool,
    pub limits: Limits,
    /// Members to leave out.
    pub exclude: GlobSet,
    memory: Memory,
}

impl Default for Containers {
    fn default() -> Self {
        Self::new(true, Limits::default(), GlobSet::empty())
    }
}

impl Containers {
    /// Opens containers as far as `limits` allow, but members that `exclude` matches.
    #[must_use]
    pub fn new(opened: bool, limits: Limits, exclude: GlobSet) -> Self {
        Self { opened, limits, exclude, memory: Memory::default() }
    }
}

/// What is looked at.
pub(super) enum Input<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A file on disk with so many bytes.
    File(&'a File, u64),
    /// What can be read once.
    Stream(&'a mut dyn Read),
}

/// Looks at a file, and into it if it is a container. Gives the bytes that it has as it is stored.
///
/// # Errors
/// Where it cannot be read; what came before was looked at.
pub(super) fn look(input: Input<'_>, origin: &Origin, sink: &dyn Sink) -> io::Result<u64> {
    let containers = sink.containers();
    let stored = match &input {
        Input::Bytes(bytes) => bytes.len() as u64,
        Input::File(_, len) => *len,
        Input::Stream(_) => 0,
    };
    let spent = Spent::of(containers.limits, stored);
    let dive = Dive { sink, containers, spent: &spent, chain: Chain::new(&containers.memory), shares: true, is_fork: false };
    let place = Place { origin: origin.clone(), depth: 0, len: None, pending: None };
    match input {
        Input::Stream(stream) => {
            let mut outer = Outer { stream, spent: &spent, read: 0, error: None };
            dive.look(Input::Stream(&mut outer), &place);
            outer.error.map_or(Ok(outer.read), Err)
        }
        Input::File(file, len) => {
            let mut read = Ok(len);
            dive.look_at_file(file, len, &place, &mut read);
            read
        }
        Input::Bytes(bytes) => {
            dive.look(Input::Bytes(bytes), &place);
            Ok(stored)
        }
    }
}

/// Whether a blob is a container.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    Kind::of(bytes).is_some() || zip::ends_like_one(bytes)
}

/// Looks at a blob that is a container; tells how many bytes came out of it, or that it is none.
pub(crate) fn look_into(bytes: &[u8], origin: &Origin, sink: &dyn Sink) -> Option<u64> {
    let containers = sink.containers();
    let kind = Kind::of(bytes).or_else(|| zip::ends_like_one(bytes).then_some(Kind::Zip))?;
    let spent = Spent::of(containers.limits, bytes.len() as u64);
    let dive = Dive { sink, containers, spent: &spent, chain: Chain::new(&containers.memory), shares: false, is_fork: false };
    let place = Place { origin: origin.clone(), depth: 0, len: Some(bytes.len() as u64), pending: None };
    dive.may_open(kind, &place).then(|| {
        dive.open_at(kind, &InMemory(bytes), &place);
        spent.total()
    })
}

/// Notes what is read of a stream whose size nobody knows, and how it failed.
struct Outer<'a> {
    stream: &'a mut dyn Read,
    spent: &'a Spent,
    read: u64,
    error: Option<io::Error>,
}

impl Read for Outer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(n) => {
                self.read += n as u64;
                self.spent.read(n as u64);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.error = Some(e);
                Err(budget::told())
            }
        }
    }
}

/// A thing on the way down.
#[derive(Clone)]
struct Place {
    pub origin: Origin,
    /// How many containers it stands in.
    pub depth: usize,
    /// Its bytes, where that is known.
    pub len: Option<u64>,
    /// What it is called if it is no archive: the name of a compressed file without what says so. Archives behind one
    /// compression are named by it alone: `a.tar.gz!member`.
    pub pending: Option<Step>,
}

impl Place {
    /// What stands in this container under `name`.
    pub(super) fn member(&self, name: &[u8], len: Option<u64>) -> Self {
        let mut origin = self.origin.clone();
        origin.container.push(Step { name: String::from_utf8_lossy(name).into_owned(), unpacked: false });
        Self { origin, depth: self.depth + 1, len, pending: None }
    }

    /// What this compressed file holds.
    fn unpacked(&self) -> Self {
        let name = self.pending.as_ref().map_or_else(|| self.origin.inner_path(), |step| &step.name);
        let pending = Some(Step { name: unpack::name_of(name), unpacked: true });
        Self { origin: self.origin.clone(), depth: self.depth + 1, len: None, pending }
    }

    /// Its origin with the name that it has if it is no archive.
    fn leaf(&self) -> Origin {
        let mut origin = self.origin.clone();
        origin.container.extend(self.pending.clone());
        origin
    }
}

/// The way down from one file.
struct Dive<'a> {
    pub sink: &'a dyn Sink,
    pub containers: &'a Containers,
    pub spent: &'a Spent,
    pub chain: Chain<'a>,
    /// Whether other threads may help.
    pub shares: bool,
    /// It is one of several ways that go on at the same time.
    is_fork: bool,
}

thread_local! {
    static BUFFERS: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

/// Lends buffers that this thread uses again; one pair for each level of containers.
pub(super) fn with_buffers<T>(then: impl FnOnce(&mut Buffers) -> T) -> T {
    let mut buffers = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = then(&mut buffers);
    BUFFERS.with_borrow_mut(|all| {
        if all.len() < 4 {
            all.push(buffers);
        }
    });
    result
}

impl<'a> Dive<'a> {
    /// The same way for another thread.
    pub(super) fn fork(&self) -> Dive<'a> {
        let chain = Chain::new(&self.containers.memory);
        Dive { sink: self.sink, containers: self.containers, spent: self.spent, chain, shares: false, is_fork: true }
    }

    /// Notes what was decoded. Of ways that go on at the same time it counts when all are at their end, so that their order
    /// decides about nothing.
    fn decoded(&self, bytes: u64, origin: &Origin) {
        self.spent.decode(bytes);
        if !self.is_fork {
            self.settle(origin);
        }
    }

    /// Lets what was decoded count; that it was more than may come out is told.
    pub(super) fn settle(&self, origin: &Origin) {
        if self.spent.settle() {
            self.skip(SkipReason::ExpansionBudget, origin, 0);
        }
    }

    /// Tells that something was not looked at.
    pub(super) fn skip(&self, reason: SkipReason, origin: &Origin, bytes: u64) {
        self.sink.skip(reason, &origin.joined(), bytes);
    }

    /// Looks at a member, or at what a compressed file holds; all trouble is told.
    pub(super) fn look(&self, input: Input<'_>, place: &Place) {
        if self.sink.stop().is_asked() {
            return self.skip(SkipReason::Interrupted, &place.origin, 0);
        }
        match input {
            Input::File(file, len) => self.look_at_file(file, len, place, &mut Ok(0)),
            Input::Bytes(bytes) => {
                if let Some(kind) = self.kind_of(bytes, true, place) {
                    self.open_at(kind, &InMemory(bytes), place);
                } else {
                    self.leaf(Input::Bytes(bytes), place);
                }
            }
            Input::Stream(stream) => self.look_at_stream(stream, place),
        }
    }

    /// What these bytes are: the beginning of a file, or all of it. `None` where it is looked at as bytes.
    fn kind_of(&self, head: &[u8], whole: bool, place: &Place) -> Option<Kind> {
        let kind = Kind::of(head).or_else(|| (whole && zip::ends_like_one(head)).then_some(Kind::Zip))?;
        self.may_open(kind, place).then_some(kind)
    }

    /// Whether a container is opened; why not is told.
    fn may_open(&self, kind: Kind, place: &Place) -> bool {
        let reason = if !self.containers.opened {
            self.sink.exclude(ExcludeReason::NotOpened, &place.origin.joined());
            return false;
        } else if kind == Kind::Pack {
            // Outside of containers packs stand in git's own folder, which is left out.
            if place.depth > 0 {
                self.sink.exclude(ExcludeReason::NestedRepository, &place.origin.joined());
            }
            return false;
        } else if kind == Kind::Foreign {
            SkipReason::UnsupportedMethod
        } else if place.depth >= self.containers.limits.depth {
            SkipReason::TooDeep
        } else {
            return true;
        };
        self.skip(reason, &place.origin, place.len.unwrap_or(0));
        false
    }

    fn look_at_file(&self, file: &File, len: u64, place: &Place, read: &mut io::Result<u64>) {
        with_buffers(|buffers| {
            let mut reader = file;
            let (ended, error) = read::head(&mut reader, &mut buffers.stored);
            let mut kind = self.kind_of(&buffers.stored, ended, place);
            if kind.is_none() && !ended && error.is_none() && zip::file_ends_like_one(&OnDisk(file, len), &buffers.stored) {
                kind = self.may_open(Kind::Zip, place).then_some(Kind::Zip);
            }
            if let Some(kind) = kind.filter(|_| ended && error.is_none()) {
                return self.open_at(kind, &InMemory(&buffers.stored), place);
            }
            if let Some(kind) = kind {
                // A file that cannot be read to its end is told by its reader.
                let disk = Failing { disk: OnDisk(file, len), failed: std::sync::atomic::AtomicBool::new(false) };
                self.open_at(kind, &disk, place);
                if disk.failed.into_inner() {
                    *read = Err(io::Error::other("a file that cannot be read to its end"));
                }
                return;
            }
            let origin = place.leaf();
            let done = read::rest(&mut reader, (ended, error), 0, &origin, self.sink, buffers);
            self.decoded(done.decoded, &origin);
            *read = done.error.map_or(Ok(done.total), Err);
        });
    }

    fn look_at_stream(&self, stream: &mut dyn Read, place: &Place) {
        with_buffers(|buffers| {
            let mut state = read::head(stream, &mut buffers.stored);
            let mut kind = Kind::of(&buffers.stored);
            if kind.is_none() && !state.0 {
                // A program with an archive behind it is short enough to be held, or looked at as bytes.
                if zip::may_come_later(&buffers.stored) {
                    state = read::more(stream, &mut buffers.stored);
                }
            }
            if kind.is_none() && state.0 && zip::ends_like_one(&buffers.stored) {
                kind = Some(Kind::Zip);
            }
            let Some(kind) = kind.filter(|kind| self.may_open(*kind, place)) else {
                let origin = place.leaf();
                let done = read::rest(stream, state, 0, &origin, self.sink, buffers);
                self.decoded(done.decoded, &origin);
                if place.depth > 0 {
                    self.sink.member(done.total);
                }
                return;
            };
            let head = std::mem::take(&mut buffers.stored);
            if kind.is_stream() {
                let mut all = Cursor::new(&head[..]).chain(stream);
                self.open_stream(kind, &mut all, place);
            } else {
                self.hold_and_open(kind, head, state.0, stream, place);
            }
        });
    }

    /// Holds a container in memory that cannot be read as a stream.
    fn hold_and_open(&self, kind: Kind, mut bytes: Vec<u8>, ended: bool, stream: &mut dyn Read, place: &Place) {
        let mut held: Option<Held<'_>> = None;
        if !ended {
            let most = place.len.unwrap_or(u64::MAX).min(64 << 20);
            let wanted = place.len.unwrap_or(64 << 20);
            held = self.chain.hold(wanted.max(SMALL + 1));
            if held.is_none() {
                self.skip(SkipReason::MemoryBudget, &place.origin, wanted);
                return self.raw(&mut Cursor::new(bytes).chain(stream), 0, place);
            }
            let room = most.saturating_sub(bytes.len() as u64);
            bytes.reserve_exact(usize::try_from(room.min(place.len.unwrap_or(0))).unwrap_or(0));
            // What fails is told by who makes the stream; what came is there.
            let _ = stream.take(room).read_to_end(&mut bytes);
            let mut next = [0];
            if place.len.is_none() && matches!(stream.read(&mut next), Ok(1)) {
                self.skip(SkipReason::MemoryBudget, &place.origin, bytes.len() as u64);
                return self.raw(&mut Cursor::new(bytes).chain(Cursor::new(next)).chain(stream), 0, place);
            }
        }
        self.open_at(kind, &InMemory(&bytes), place);
        drop(bytes);
        drop(held);
    }

    /// Opens a container whose bytes can be read at any place.
    fn open_at(&self, kind: Kind, bytes: &dyn ReadAt, place: &Place) {
        match kind {
            Kind::Zip => zip::walk(self, bytes, place),
            Kind::SevenZ => sevenz::walk(self, bytes, place),
            Kind::Asar => asar::walk(self, bytes, place),
            Kind::Document(document) => document::walk(self, document, bytes, place),
            Kind::Office => document::office(self, bytes, place),
            Kind::Foreign | Kind::Pack => self.raw(&mut Stretch::of(bytes, 0, u64::MAX), 0, place),
            kind => self.open_stream(kind, &mut Stretch::of(bytes, 0, u64::MAX), place),
        }
    }

    fn open_stream(&self, kind: Kind, stream: &mut dyn Read, place: &Place) {
        let mut source = Source::of(stream);
        match kind {
            Kind::Tar => tar::walk(self, &mut source, place),
            Kind::Ar => ar::walk(self, &mut source, place),
            Kind::Cpio => cpio::walk(self, &mut source, place),
            Kind::Rpm => rpm::walk(self, &mut source, place),
            Kind::Packed(format) => unpack::walk(self, format, &mut source, place),
            Kind::Zip | Kind::SevenZ | Kind::Asar | Kind::Document(_) | Kind::Office | Kind::Foreign | Kind::Pack => {
                self.raw(&mut source, 0, place);
            }
        }
    }

    /// Looks at something as bytes, whatever it is.
    fn leaf(&self, input: Input<'_>, place: &Place) {
        let origin = place.leaf();
        let done = with_buffers(|buffers| match input {
            Input::Bytes(mut bytes) => read::read_all(&mut bytes, &origin, self.sink, buffers),
            Input::Stream(stream) => read::read_all(stream, &origin, self.sink, buffers),
            Input::File(mut file, _) => read::read_all(&mut file, &origin, self.sink, buffers),
        });
        self.decoded(done.decoded, &origin);
        if place.depth > 0 {
            self.sink.member(done.total);
        }
    }

    /// Looks at bytes of a container that no member covers, from its byte `offset` on.
    pub(super) fn raw(&self, bytes: &mut dyn Read, offset: u64, place: &Place) {
        with_buffers(|buffers| {
            let state = read::head(bytes, &mut buffers.stored);
            if buffers.stored.iter().any(|b| *b != 0) || !state.0 {
                let done = read::rest(bytes, state, offset, &place.origin, self.sink, buffers);
                self.decoded(done.decoded, &place.origin);
            }
        });
    }

    /// Whether a member is looked at: it is not left out, and not one too many. `None` ends the walk.
    pub(super) fn admit(&self, place: &Place) -> Option<bool> {
        if self.sink.stop().is_asked() {
            self.skip(SkipReason::Interrupted, &place.origin, 0);
            return None;
        }
        if !self.spent.members(1) {
            self.skip(SkipReason::TooManyMembers, &place.origin, 0);
            return None;
        }
        let is_out = self.containers.exclude.is_match(place.origin.inner_path()) || {
            !self.containers.exclude.is_empty() && self.containers.exclude.is_match(place.origin.joined())
        };
        if is_out {
            self.sink.exclude(ExcludeReason::Excluded, &place.origin.joined());
        }
        Some(!is_out)
    }

    /// Tells why a container cannot be read on, unless that is known.
    pub(super) fn failed(&self, error: &io::Error, place: &Place) {
        if let Some(reason) = reason_of(error) {
            self.skip(reason, &place.origin, 0);
        }
    }
}

/// A file on disk that notes whether reading it failed.
struct Failing<'a> {
    disk: OnDisk<'a>,
    failed: std::sync::atomic::AtomicBool,
}

impl ReadAt for Failing<'_> {
    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(offset, buffer).map_err(|e| {
            if e.kind() == io::ErrorKind::Interrupted {
                return e;
            }
            self.failed.store(true, std::sync::atomic::Ordering::Relaxed);
            budget::told()
        })
    }
}
