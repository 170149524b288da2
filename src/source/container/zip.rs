//! Zip, by its central directory (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>). What the directory does not
//! name is looked at as well: members that only their local headers show, and the bytes between.

use super::at::{InMemory, ReadAt, Stretch, read_at, u16_at, u32_at, u64_at};
use super::codec::{Bzip2, Codec, Deflate64, Inflate, Lzma, Stored, Zstd};
use super::member::{Member, Source};
use super::unpack::Unpacker;
use super::{Dive, Input, Kind, Place};
use crate::source::SkipReason;
use rayon::prelude::*;
use std::io::{self, BufRead, BufReader, Read as _};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// The record of the end, and the longest comment behind it.
const TAIL: usize = END_LEN + 65535;
/// How many members are looked at together.
const BATCH: usize = 1024;
/// The bytes of names that are held together.
const MOST_NAMES: usize = 1 << 20;
/// The longest name of a member that the directory does not name.
const MOST_HIDDEN_NAME: usize = 1024;

/// Whether a zip archive stands at the end of these bytes, behind something else: a program, a script.
pub(super) fn ends_like_one(bytes: &[u8]) -> bool {
    if bytes.len() < END_LEN + CENTRAL_LEN {
        return false;
    }
    let tail = &bytes[bytes.len() - bytes.len().min(TAIL)..];
    let at_end = tail[tail.len() - END_LEN..].starts_with(END);
    (at_end || may_come_later(bytes)) && Directory::find(&InMemory(bytes)).is_ok_and(|found| found.is_some())
}

/// The same for a file on disk that is read no further yet.
pub(super) fn file_ends_like_one(file: &dyn ReadAt, head: &[u8]) -> bool {
    let len = file.len();
    let mut tail = [0; END_LEN];
    let at_end = len > 512 && read_at(file, len - END_LEN as u64, &mut tail).is_ok_and(|tail| tail.starts_with(END));
    (at_end || may_come_later(head)) && Directory::find(file).is_ok_and(|found| found.is_some())
}

/// Whether this is the beginning of something that an archive is put behind: a program or a script.
pub(super) fn may_come_later(head: &[u8]) -> bool {
    head.starts_with(b"MZ") || head.starts_with(b"\x7fELF") || head.starts_with(b"#!")
}

/// Where the central directory stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Directory {
    start: u64,
    end: u64,
    /// What precedes the archive: offsets count from there.
    base: u64,
}

impl Directory {
    /// The directory that the last record names which fits.
    fn find(bytes: &dyn ReadAt) -> io::Result<Option<Self>> {
        let len = bytes.len();
        let mut tail = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(TAIL)];
        let tail_at = len - tail.len() as u64;
        let tail = read_at(bytes, tail_at, &mut tail)?;
        let mut end = tail.len();
        // Of more than a few that do not fit none will.
        for _ in 0..64 {
            let Some(at) = memchr::memmem::rfind(&tail[..end], END) else { return Ok(None) };
            end = at;
            if let Some(record) = tail.get(at..at + END_LEN)
                && let Some(found) = Self::of_record(bytes, record, tail_at + at as u64)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn of_record(bytes: &dyn ReadAt, record: &[u8], at: u64) -> io::Result<Option<Self>> {
        let (mut size, mut offset) = (u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
        let mut end = at;
        if at >= 20 {
            let mut locator = [0; 20];
            let locator = read_at(bytes, at - 20, &mut locator)?;
            if locator.len() == 20 && locator.starts_with(b"PK\x06\x07") {
                let said = u64_at(locator, 8);
                // Behind a prefix the record stands right before its locator.
                for place in [said, (at - 20).saturating_sub(56)] {
                    let mut large = [0; 56];
                    if place < at && read_at(bytes, place, &mut large)?.starts_with(b"PK\x06\x06") {
                        (size, offset, end) = (u64_at(&large, 40), u64_at(&large, 48), place);
                        break;
                    }
                }
            }
        }
        let Some(start) = end.checked_sub(size) else { return Ok(None) };
        let Some(base) = start.checked_sub(offset) else { return Ok(None) };
        let mut first = [0; 4];
        let fits = size == 0 || read_at(bytes, start, &mut first)? == CENTRAL;
        Ok(fits.then_some(Self { start, end, base }))
    }
}

/// What a header says of a member.
#[derive(Debug, Clone, Default)]
struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    sum: u32,
    packed: u64,
    len: u64,
    local: u64,
}

impl Entry {
    /// The member of a central header, whose name and extra fields follow.
    fn central(head: &[u8; CENTRAL_LEN], name: Vec<u8>, extra: &[u8]) -> Self {
        let mut this = Self {
            name,
            flags: u16_at(head, 8),
            method: u16_at(head, 10),
            sum: u32_at(head, 16),
            packed: u64::from(u32_at(head, 20)),
            len: u64::from(u32_at(head, 24)),
            local: u64::from(u32_at(head, 42)),
        };
        this.widen(extra, true);
        this
    }

    /// The member of a local header.
    fn local(head: &[u8], name: Vec<u8>, extra: &[u8], at: u64) -> Self {
        let mut this = Self {
            name,
            flags: u16_at(head, 6),
            method: u16_at(head, 8),
            sum: u32_at(head, 14),
            packed: u64::from(u32_at(head, 18)),
            len: u64::from(u32_at(head, 22)),
            local: at,
        };
        this.widen(extra, false);
        this
    }

    /// Numbers that have no room in the header stand in an extra field.
    fn widen(&mut self, mut extra: &[u8], with_place: bool) {
        while extra.len() >= 4 {
            let (id, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(mut field) = extra.get(4..4 + len) else { return };
            extra = &extra[4 + len..];
            if id != 1 {
                continue;
            }
            let mut next = |value: &mut u64| {
                if *value == u64::from(u32::MAX) && field.len() >= 8 {
                    *value = u64_at(field, 0);
                    field = &field[8..];
                }
            };
            next(&mut self.len);
            next(&mut self.packed);
            if with_place {
                next(&mut self.local);
            }
        }
    }

    /// Whether a local header is one, and not just text behind its mark.
    fn is_plausible(&self) -> bool {
        let is_known = self.method <= 20 || (93..=99).contains(&self.method);
        is_known && self.name.len() <= MOST_HIDDEN_NAME && !self.name.is_empty() && self.name.iter().all(|b| *b >= b' ')
    }

    fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") && self.len == 0
    }

    /// Bit 0, or bit 13 for what hides its names too.
    const fn is_encrypted(&self) -> bool {
        self.flags & 0x2001 != 0
    }

    /// What unpacks it. Of `data` it takes what belongs to the method's head.
    fn codec(&self, data: &mut Stretch<'_>) -> Result<Box<dyn Codec>, SkipReason> {
        Ok(match self.method {
            0 => Box::new(Stored),
            8 => Box::new(Inflate::new(false)),
            9 => Box::new(Deflate64(Box::new(deflate64::InflaterManaged::new()))),
            12 => Box::new(Bzip2(bzip2::Decompress::new(false))),
            14 => Box::new(self.lzma(data)?),
            93 | 20 => Box::<Zstd>::default(),
            95 => Box::new(Lzma::xz()),
            _ => return Err(SkipReason::UnsupportedMethod),
        })
    }

    fn lzma(&self, data: &mut Stretch<'_>) -> Result<Lzma, SkipReason> {
        let mut head = [0; 9];
        data.read_exact(&mut head).map_err(|_| SkipReason::DamagedContainer)?;
        if u16_at(&head, 2) != 5 {
            return Err(SkipReason::UnsupportedMethod);
        }
        // Its end is marked, or its length known.
        let len = (self.flags & 2 == 0).then_some(self.len);
        // A dictionary is never longer than what it is a dictionary of.
        let dictionary = u32_at(&head, 5).min(u32::try_from(self.len.max(4096)).unwrap_or(u32::MAX));
        Lzma::raw(len, head[4], dictionary, &[]).ok_or(SkipReason::DamagedContainer)
    }
}

/// Looks at the members of a zip archive, and at what is no member.
pub(super) fn walk(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place) {
    let mut covered = Covered::default();
    match Directory::find(bytes) {
        Ok(Some(directory)) => {
            let walk = Walk { dive, bytes, place, base: directory.base };
            // Where not all of it was walked, what it names is not known.
            if walk.directory(directory, &mut covered) {
                walk.rest(&mut covered, directory.start, true);
            }
            let tail = Stretch::of(bytes, directory.start, u64::MAX);
            dive.raw(&mut BufReader::new(tail), directory.start, place);
        }
        Ok(None) => {
            // Cut off, or never finished: its members stand in the stream all the same.
            dive.skip(SkipReason::DamagedContainer, &place.origin, bytes.len());
            Walk { dive, bytes, place, base: 0 }.rest(&mut covered, bytes.len(), false);
        }
        Err(e) => dive.failed(&e, place),
    }
}

/// The stretches that members cover.
#[derive(Default)]
struct Covered(Vec<(u64, u64)>);

struct Walk<'w, 'd> {
    dive: &'w Dive<'d>,
    bytes: &'w dyn ReadAt,
    place: &'w Place,
    base: u64,
}

impl Walk<'_, '_> {
    /// Looks at what the directory names; tells whether at all of it.
    fn directory(&self, directory: Directory, covered: &mut Covered) -> bool {
        let dive = self.dive;
        let stretch = Stretch::of(self.bytes, directory.start, directory.end);
        let mut headers = BufReader::with_capacity(64 << 10, stretch);
        let mut batch: Vec<Entry> = Vec::new();
        let mut names = 0;
        // A large file's members are looked at by all threads; what is no archive itself first, as far as all that the directory
        // speaks of may come out, so that the order decides about nothing.
        let mut is_parallel =
            dive.shares && self.place.depth == 0 && self.bytes.len() > 8 << 20 && rayon::current_num_threads() > 1;
        if is_parallel {
            let mut sum = 0u64;
            let mut count = 0u64;
            let mut all = BufReader::with_capacity(64 << 10, Stretch::of(self.bytes, directory.start, directory.end));
            while let Ok(Some(entry)) = next_entry(&mut all) {
                sum = sum.saturating_add(entry.len);
                count += 1;
            }
            is_parallel = sum <= dive.spent.left() && count <= dive.spent.members_left();
        }
        loop {
            match next_entry(&mut headers) {
                Ok(Some(entry)) => batch.push(entry),
                Ok(None) => return self.batch(&batch, is_parallel, covered),
                Err(e) => {
                    dive.failed(&e, self.place);
                    return self.batch(&batch, is_parallel, covered);
                }
            }
            names += batch.last().map_or(0, |entry: &Entry| entry.name.len());
            if batch.len() == BATCH || names > MOST_NAMES {
                names = 0;
                if !self.batch(&batch, is_parallel, covered) {
                    return false;
                }
                batch.clear();
            }
        }
    }

    /// Looks at some members; tells whether to go on.
    fn batch(&self, entries: &[Entry], is_parallel: bool, covered: &mut Covered) -> bool {
        if !is_parallel {
            for entry in entries {
                match self.member(self.dive, entry, false) {
                    Some(span) => covered.0.extend(span.stretch),
                    None => return false,
                }
                if self.dive.spent.left() == 0 {
                    return false;
                }
            }
            return true;
        }
        let looked: Vec<Option<Span>> = entries.par_iter().map(|entry| self.member(&self.dive.fork(), entry, true)).collect();
        self.dive.settle(&self.place.origin);
        for (entry, span) in entries.iter().zip(looked) {
            let Some(span) = span else { return false };
            if span.is_put_off {
                // It was admitted already: its members alone cost more.
                self.open_put_off(entry);
            }
            covered.0.extend(span.stretch);
        }
        true
    }

    fn open_put_off(&self, entry: &Entry) {
        let member = self.place.member(&entry.name, Some(entry.len));
        if let Ok((data, _)) = self.data(entry) {
            unpack(self.dive, entry, data, &member, None);
        }
    }

    /// Where the stored bytes of a member stand: behind its local header.
    fn data(&self, entry: &Entry) -> Result<(Stretch<'_>, u64), SkipReason> {
        let at = self.base.saturating_add(entry.local);
        let mut head = [0; LOCAL_LEN];
        let head = read_at(self.bytes, at, &mut head).map_err(|_| SkipReason::Unreadable)?;
        if head.len() < LOCAL_LEN || !head.starts_with(LOCAL) {
            return Err(SkipReason::DamagedContainer);
        }
        let start = at + LOCAL_LEN as u64 + u64::from(u16_at(head, 26)) + u64::from(u16_at(head, 28));
        Ok((Stretch::of(self.bytes, start, start.saturating_add(entry.packed)), start))
    }

    /// Looks at a member of the directory. `None` where no more are looked at.
    fn member(&self, dive: &Dive<'_>, entry: &Entry, puts_off: bool) -> Option<Span> {
        let member = self.place.member(&entry.name, Some(entry.len));
        let is_admitted = dive.admit(&member)?;
        let (data, start) = match self.data(entry) {
            Ok(found) => found,
            Err(reason) => {
                dive.skip(reason, &member.origin, entry.len);
                return Some(Span::default());
            }
        };
        let end = start.saturating_add(entry.packed).min(self.bytes.len());
        let mut span = Span { stretch: Some((self.base + entry.local, end)), is_put_off: false };
        if entry.is_folder() || !is_admitted {
            return Some(span);
        }
        if end < start.saturating_add(entry.packed) {
            dive.skip(SkipReason::DamagedContainer, &member.origin, entry.len);
        }
        unpack(dive, entry, data, &member, puts_off.then_some(&mut span.is_put_off));
        Some(span)
    }

    /// Looks at what no member of the directory covers, up to `end`; `is_odd`: members there are told.
    fn rest(&self, covered: &mut Covered, end: u64, is_odd: bool) {
        covered.0.sort_unstable();
        let mut at = 0;
        let mut overlap = false;
        for (from, to) in covered.0.drain(..).chain([(end, end)]) {
            overlap |= from < at && from < end;
            if from > at && !self.gap(at, from, is_odd) {
                return;
            }
            at = at.max(to);
        }
        if overlap {
            self.dive.skip(SkipReason::IrregularContainer, &self.place.origin, 0);
        }
    }

    /// Looks at a stretch that no member covers; tells whether to go on.
    fn gap(&self, mut from: u64, to: u64, is_odd: bool) -> bool {
        let dive = self.dive;
        while from < to {
            let mut head = [0; LOCAL_LEN];
            let most = usize::try_from(to - from).unwrap_or(usize::MAX).min(LOCAL_LEN);
            let Ok(head) = read_at(self.bytes, from, &mut head[..most]) else { return true };
            if head.len() == LOCAL_LEN && head.starts_with(LOCAL) {
                let (entry, start) = self.hidden(head, from);
                if entry.is_plausible() && start <= to {
                    if is_odd {
                        dive.skip(SkipReason::IrregularContainer, &self.place.origin, 0);
                    }
                    // Its name stands nowhere else.
                    dive.raw(&mut Stretch::of(self.bytes, from, start), from, self.place);
                    match self.hidden_member(&entry, start, to) {
                        Some(next) => from = next.max(start),
                        None => return false,
                    }
                    continue;
                }
            }
            // The sizes behind a member that was written as a stream hold no text.
            let descriptor = if head.starts_with(b"PK\x07\x08") { [16, 24] } else { [12, 20] };
            if descriptor.contains(&(to - from)) {
                return true;
            }
            let next = self.next_header(from + 1, to);
            dive.raw(&mut Stretch::of(self.bytes, from, next), from, self.place);
            from = next;
        }
        true
    }

    /// The next local header behind `from`, or `to`.
    fn next_header(&self, from: u64, to: u64) -> u64 {
        let mut buffer = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX).min(64 << 10)];
        let mut at = from;
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(usize::MAX).min(buffer.len());
            let Ok(read) = read_at(self.bytes, at, &mut buffer[..most]) else { return to };
            if let Some(found) = memchr::memmem::find(read, LOCAL) {
                return at + found as u64;
            }
            if read.len() < 4 || at + read.len() as u64 >= to {
                return to;
            }
            at += read.len() as u64 - 3;
        }
        to
    }

    /// A member that the directory does not name, and where its bytes begin.
    fn hidden(&self, head: &[u8], at: u64) -> (Entry, u64) {
        let (name_len, extra_len) = (usize::from(u16_at(head, 26)), usize::from(u16_at(head, 28)));
        // Of what is no header after all not much is read.
        let mut texts = vec![0; if name_len <= MOST_HIDDEN_NAME { name_len + extra_len.min(1024) } else { 0 }];
        let texts = read_at(self.bytes, at + LOCAL_LEN as u64, &mut texts).unwrap_or_default();
        let (name, extra) = texts.split_at(name_len.min(texts.len()));
        (Entry::local(head, name.to_owned(), extra, at), at + (LOCAL_LEN + name_len + extra_len) as u64)
    }

    /// Looks at it; gives what follows it.
    fn hidden_member(&self, entry: &Entry, start: u64, to: u64) -> Option<u64> {
        // What was written as a stream does not know its size; then its own end is what ends it.
        let is_streamed = entry.flags & 8 != 0 && entry.packed == 0;
        let end = match (is_streamed, entry.method) {
            (true, 0) => self.next_header(start, to),
            (true, _) => to,
            (false, _) => start.saturating_add(entry.packed).min(to),
        };
        let len = (!is_streamed).then_some(entry.len);
        let member = self.place.member(&entry.name, len);
        if !self.dive.admit(&member)? || entry.is_folder() {
            return Some(end.max(start));
        }
        if entry.is_encrypted() {
            self.dive.skip(SkipReason::EncryptedMember, &member.origin, entry.len);
            return Some(end);
        }
        let mut data = Stretch::of(self.bytes, start, end);
        let codec = match entry.codec(&mut data) {
            Ok(codec) => codec,
            Err(reason) => {
                self.dive.skip(reason, &member.origin, entry.len);
                return Some(if is_streamed { self.next_header(start, to) } else { end });
            }
        };
        let mut source = Source::of(&mut data);
        let mut unpacker = Unpacker::new(Box::new(&mut source), self.dive, codec, None);
        let sum = (!is_streamed).then_some(entry.sum);
        let mut reader = Member::new(&mut unpacker, self.dive, &member, len, sum);
        self.dive.look(Input::Stream(&mut reader), &member);
        let _ = io::copy(&mut reader, &mut io::sink());
        Some(if is_streamed { start + unpacker.taken().max(1) } else { end })
    }
}

/// Looks at what comes out of a member's bytes. Where `put_off` is given, a container is noted there and not opened.
fn unpack(dive: &Dive<'_>, entry: &Entry, mut data: Stretch<'_>, member: &Place, put_off: Option<&mut bool>) {
    if entry.is_encrypted() {
        return dive.skip(SkipReason::EncryptedMember, &member.origin, entry.len);
    }
    if entry.len > dive.containers.limits.member {
        return dive.skip(SkipReason::TooLarge, &member.origin, entry.len);
    }
    let codec = match entry.codec(&mut data) {
        Ok(codec) => codec,
        Err(reason) => return dive.skip(reason, &member.origin, entry.len),
    };
    let mut source = Source::of(&mut data);
    let mut unpacker = Unpacker::new(Box::new(&mut source), dive, codec, None);
    if let Some(put_off) = put_off {
        let mut head = [0; 512];
        let mut filled = 0;
        while let Ok(n) = unpacker.read(&mut head[filled..]) {
            filled += n;
            if n == 0 || filled == head.len() {
                break;
            }
        }
        if Kind::of(&head[..filled]).is_some() || may_come_later(&head[..filled]) {
            *put_off = true;
            return;
        }
        let mut whole = io::Cursor::new(&head[..filled]).chain(&mut unpacker);
        let mut reader = Member::new(&mut whole, dive, member, Some(entry.len), Some(entry.sum));
        return dive.look(Input::Stream(&mut reader), member);
    }
    let mut reader = Member::new(&mut unpacker, dive, member, Some(entry.len), Some(entry.sum));
    dive.look(Input::Stream(&mut reader), member);
}

/// What a member covers, and whether it is opened later.
#[derive(Default)]
struct Span {
    stretch: Option<(u64, u64)>,
    is_put_off: bool,
}

/// The next member of the directory.
fn next_entry(headers: &mut BufReader<Stretch<'_>>) -> io::Result<Option<Entry>> {
    let is_over = {
        let next = headers.fill_buf()?;
        next.is_empty() || next.len() >= 4 && !next.starts_with(CENTRAL)
    };
    if is_over {
        // Other records may follow; something else that stands there is looked at as bytes.
        return Ok(None);
    }
    let mut head = [0; CENTRAL_LEN];
    headers.read_exact(&mut head)?;
    let len = |at: usize| usize::from(u16_at(&head, at));
    let mut name = vec![0; len(28)];
    headers.read_exact(&mut name)?;
    let mut extra = vec![0; len(30)];
    headers.read_exact(&mut extra)?;
    let mut comment = len(32);
    while comment > 0 {
        let n = headers.fill_buf()?.len().min(comment);
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        headers.consume(n);
        comment -= n;
    }
    Ok(Some(Entry::central(&head, name, &extra)))
}
