//! 7z: packed streams, and behind them a header that may itself be packed. Solid blocks are read once, from their beginning to
//! their end. <https://github.com/ip7z/7zip/blob/main/DOC/7zFormat.txt>
//!
//! - here: headers, blocks and members
//! - `coders`: what unpacks a block

mod coders;

use super::at::{ReadAt, Stretch, read_at, u32_at, u64_at};
use super::member::{Member, Part, Source};
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use std::io::{self, Read};

const START: u64 = 32;
/// The largest header that is read.
const MOST_HEADER: u64 = 64 << 20;
/// How often a header may be packed in another.
const MOST_PACKED: usize = 4;

/// A header, read from its beginning. Everything it counts takes bytes of it, so that no count is believed further.
struct Header<'a>(&'a [u8]);

type Parsed<T> = Result<T, SkipReason>;
const DAMAGED: SkipReason = SkipReason::DamagedContainer;

impl<'a> Header<'a> {
    fn byte(&mut self) -> Parsed<u8> {
        let (first, rest) = self.0.split_first().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*first)
    }

    fn bytes(&mut self, len: u64) -> Parsed<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| DAMAGED)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The bits set at the front of the first byte say how many bytes follow.
    fn number(&mut self) -> Parsed<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for n in 0..more {
            value |= u64::from(self.byte()?) << (8 * n);
        }
        if more < 7 {
            value |= u64::from(first & ((1 << (7 - more)) - 1)) << (8 * more);
        }
        Ok(value)
    }

    /// A number of things that each take a byte or more.
    fn count(&mut self) -> Parsed<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        if count > self.0.len() { Err(DAMAGED) } else { Ok(count) }
    }

    fn bits(&mut self, count: usize) -> Parsed<Vec<bool>> {
        let bytes = self.bytes(count.div_ceil(8) as u64)?;
        Ok((0..count).map(|n| bytes[n / 8] << (n % 8) & 0x80 != 0).collect())
    }

    fn digests(&mut self, count: usize) -> Parsed<Vec<Option<u32>>> {
        let known = if self.byte()? == 0 { self.bits(count)? } else { vec![true; count] };
        known.into_iter().map(|is| if is { self.bytes(4).map(|b| Some(u32_at(b, 0))) } else { Ok(None) }).collect()
    }

    /// Reads over what has a size in front.
    fn pass(&mut self) -> Parsed<()> {
        let len = self.number()?;
        self.bytes(len).map(drop)
    }
}

/// One step of unpacking.
struct Coder {
    id: Vec<u8>,
    properties: Vec<u8>,
    inputs: u64,
    outputs: u64,
}

/// Streams that are unpacked together: one of 7z's solid blocks.
#[derive(Default)]
struct Block {
    coders: Vec<Coder>,
    /// Which input is which output.
    bound: Vec<(u64, u64)>,
    /// Which input is which packed stream.
    packed: Vec<u64>,
    /// Of each coder.
    sizes: Vec<u64>,
    sum: Option<u32>,
    /// Of each member.
    members: Vec<(u64, Option<u32>)>,
}

impl Block {
    fn read(header: &mut Header<'_>) -> Parsed<Self> {
        let mut this = Self::default();
        let coders = header.count()?;
        let (mut inputs, mut outputs) = (0u64, 0u64);
        for _ in 0..coders {
            let flags = header.byte()?;
            let id = header.bytes(u64::from(flags & 15))?.to_vec();
            let (ins, outs) = if flags & 0x10 != 0 { (header.number()?, header.number()?) } else { (1, 1) };
            let properties = if flags & 0x20 != 0 {
                let len = header.number()?;
                header.bytes(len)?.to_vec()
            } else {
                Vec::new()
            };
            (inputs, outputs) = (inputs.saturating_add(ins), outputs.saturating_add(outs));
            this.coders.push(Coder { id, properties, inputs: ins, outputs: outs });
        }
        if coders == 0 || inputs > 64 || outputs > 64 || outputs == 0 {
            return Err(DAMAGED);
        }
        for _ in 0..outputs - 1 {
            let (input, output) = (header.number()?, header.number()?);
            // Each is used once: so no way through them is longer than they are many.
            if this.bound.iter().any(|(i, o)| *i == input || *o == output) {
                return Err(DAMAGED);
            }
            this.bound.push((input, output));
        }
        let packed = inputs.checked_sub(outputs - 1).filter(|n| *n > 0).ok_or(DAMAGED)?;
        this.packed = if packed > 1 {
            (0..packed).map(|_| header.number()).collect::<Parsed<_>>()?
        } else {
            (0..inputs).filter(|input| this.bound.iter().all(|(to, _)| to != input)).take(1).collect()
        };
        Ok(this)
    }

    /// The output that is the members'.
    fn last(&self) -> Option<usize> {
        (0..self.sizes.len()).find(|n| self.bound.iter().all(|(_, out)| *out != *n as u64))
    }

    /// The bytes of the members.
    fn size(&self) -> u64 {
        self.last().and_then(|n| self.sizes.get(n)).copied().unwrap_or(0)
    }
}

/// What a header says of streams.
#[derive(Default)]
struct Streams {
    position: u64,
    packed: Vec<u64>,
    blocks: Vec<Block>,
}

impl Streams {
    fn read(header: &mut Header<'_>) -> Parsed<Self> {
        let mut this = Self::default();
        loop {
            match header.byte()? {
                0 => break,
                6 => this.packs(header)?,
                7 => this.unpacks(header)?,
                8 => this.members(header)?,
                _ => return Err(DAMAGED),
            }
        }
        for block in &mut this.blocks {
            if block.members.is_empty() {
                block.members.push((block.size(), block.sum));
            }
            // A block that says that it has no members.
            block.members.retain(|(len, _)| *len != u64::MAX);
        }
        Ok(this)
    }

    fn packs(&mut self, header: &mut Header<'_>) -> Parsed<()> {
        self.position = header.number()?;
        let count = header.count()?;
        loop {
            match header.byte()? {
                0 => return Ok(()),
                9 => self.packed = (0..count).map(|_| header.number()).collect::<Parsed<_>>()?,
                10 => drop(header.digests(count)?),
                _ => return Err(DAMAGED),
            }
        }
    }

    fn unpacks(&mut self, header: &mut Header<'_>) -> Parsed<()> {
        if header.byte()? != 11 {
            return Err(DAMAGED);
        }
        let count = header.count()?;
        if header.byte()? != 0 {
            return Err(SkipReason::UnsupportedMethod);
        }
        self.blocks = (0..count).map(|_| Block::read(header)).collect::<Parsed<_>>()?;
        if header.byte()? != 12 {
            return Err(DAMAGED);
        }
        for block in &mut self.blocks {
            let outputs: u64 = block.coders.iter().map(|c| c.outputs).sum();
            block.sizes = (0..outputs).map(|_| header.number()).collect::<Parsed<_>>()?;
        }
        loop {
            match header.byte()? {
                0 => return Ok(()),
                10 => {
                    let sums = header.digests(count)?;
                    self.blocks.iter_mut().zip(sums).for_each(|(block, sum)| block.sum = sum);
                }
                _ => return Err(DAMAGED),
            }
        }
    }

    fn members(&mut self, header: &mut Header<'_>) -> Parsed<()> {
        let mut counts = vec![1; self.blocks.len()];
        let mut id = header.byte()?;
        if id == 13 {
            for count in &mut counts {
                *count = usize::try_from(header.number()?).map_err(|_| DAMAGED)?;
                if *count > header.0.len() + 1 {
                    return Err(DAMAGED);
                }
            }
            id = header.byte()?;
        }
        for (block, count) in self.blocks.iter_mut().zip(&counts) {
            let mut left = block.size();
            for n in 0..*count {
                let len = if n + 1 == *count {
                    left
                } else if id == 9 {
                    header.number()?
                } else {
                    return Err(DAMAGED);
                };
                left = left.checked_sub(len).ok_or(DAMAGED)?;
                block.members.push((len, None));
            }
            if *count == 0 {
                block.members.push((u64::MAX, None));
            }
        }
        if id == 9 {
            id = header.byte()?;
        }
        loop {
            match id {
                0 => return Ok(()),
                10 => {
                    // Of a block with one member the sum is known already.
                    let is_known = |block: &Block, count: usize| count == 1 && block.sum.is_some();
                    let unknown = self.blocks.iter().zip(&counts).filter(|(b, n)| !is_known(b, **n)).map(|(_, n)| n).sum();
                    let mut sums = header.digests(unknown)?.into_iter();
                    for (block, count) in self.blocks.iter_mut().zip(&counts) {
                        let known = block.sum.filter(|_| *count == 1);
                        for member in block.members.iter_mut().take(*count) {
                            member.1 = known.or_else(|| sums.next().flatten());
                        }
                    }
                }
                _ => header.pass()?,
            }
            id = header.byte()?;
        }
    }
}

/// The names of members that have bytes, in the order of the blocks.
fn names(header: &mut Header<'_>) -> Parsed<Vec<String>> {
    let count = header.count()?;
    let mut empty = vec![false; count];
    let mut names = vec![String::new(); count];
    loop {
        let id = header.byte()?;
        if id == 0 {
            break;
        }
        let len = header.number()?;
        let mut property = Header(header.bytes(len)?);
        match id {
            14 => empty = property.bits(count)?,
            17 => {
                if property.byte()? != 0 {
                    return Err(SkipReason::UnsupportedMethod);
                }
                let units = property.0.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
                for (name, text) in names.iter_mut().zip(text.split('\0')) {
                    text.clone_into(name);
                }
            }
            _ => {}
        }
    }
    Ok(names.into_iter().zip(empty).filter(|(_, empty)| !empty).map(|(name, _)| name).collect())
}

/// Looks at the members of a 7z archive.
pub(super) fn walk(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place) {
    if let Err(reason) = try_walk(dive, bytes, place) {
        dive.skip(reason, &place.origin, bytes.len());
        dive.raw(&mut Stretch::of(bytes, 0, u64::MAX), 0, place);
    }
}

fn try_walk(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place) -> Parsed<()> {
    let mut start = [0; 32];
    let start = read_at(bytes, 0, &mut start).map_err(|_| SkipReason::Unreadable)?;
    if start.len() < 32 {
        return Err(DAMAGED);
    }
    let (at, len) = (START.saturating_add(u64_at(start, 12)), u64_at(start, 20));
    at.checked_add(len).filter(|end| *end <= bytes.len()).ok_or(DAMAGED)?;
    if len > MOST_HEADER {
        return Err(SkipReason::MemoryBudget);
    }
    // What is made of a header takes some times its bytes.
    let _held = dive.chain.hold(len.saturating_mul(4)).ok_or(SkipReason::MemoryBudget)?;
    let mut header = vec![0; usize::try_from(len).unwrap_or(0)];
    read_at(bytes, at, &mut header).map_err(|_| SkipReason::Unreadable)?;
    if crc32fast::hash(&header) != u32_at(start, 28) {
        return Err(DAMAGED);
    }
    let mut held = Vec::new();
    for _ in 0..MOST_PACKED {
        if header.first() != Some(&0x17) {
            break;
        }
        let streams = Streams::read(&mut Header(&header[1..]))?;
        let block = streams.blocks.first().ok_or(DAMAGED)?;
        if block.size() > MOST_HEADER {
            return Err(SkipReason::MemoryBudget);
        }
        held.push(dive.chain.hold(block.size().saturating_mul(4)).ok_or(SkipReason::MemoryBudget)?);
        let unpacker = block.reader(dive, bytes, START.saturating_add(streams.position), &streams.packed)?;
        let mut inner = Vec::new();
        unpacker.take(block.size()).read_to_end(&mut inner).map_err(|_| DAMAGED)?;
        if block.sum.is_some_and(|sum| sum != crc32fast::hash(&inner)) {
            return Err(DAMAGED);
        }
        header = inner;
    }
    let mut reader = Header(&header);
    if reader.number()? != 1 {
        // An archive of nothing has no header.
        return if header.is_empty() { Ok(()) } else { Err(DAMAGED) };
    }
    let mut streams = Streams::default();
    let mut named = Vec::new();
    loop {
        match reader.byte()? {
            0 => break,
            2 => {
                while reader.byte()? != 0 {
                    reader.pass()?;
                }
            }
            4 => streams = Streams::read(&mut reader)?,
            5 => named = names(&mut reader)?,
            _ => return Err(DAMAGED),
        }
    }
    drop(header);
    blocks(dive, bytes, place, &streams, &named);
    Ok(())
}

/// Looks at the blocks one after the other.
fn blocks(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place, streams: &Streams, names: &[String]) {
    let mut at = START.saturating_add(streams.position);
    let mut packed = streams.packed.iter().copied();
    let mut names = names.iter().map(String::as_str);
    for block in &streams.blocks {
        let from = at;
        let sizes: Vec<u64> = packed.by_ref().take(block.packed.len()).collect();
        at = at.saturating_add(sizes.iter().fold(0, |sum: u64, len| sum.saturating_add(*len)));
        let mut unpacker = match block.reader(dive, bytes, from, &sizes) {
            Ok(unpacker) => unpacker,
            Err(reason) => {
                for (len, _) in &block.members {
                    let member = place.member(names.next().unwrap_or_default().as_bytes(), Some(*len));
                    match dive.admit(&member) {
                        None => return,
                        Some(true) => dive.skip(reason, &member.origin, *len),
                        Some(false) => {}
                    }
                }
                continue;
            }
        };
        let mut source = Source::of(&mut *unpacker);
        for (len, sum) in &block.members {
            let member = place.member(names.next().unwrap_or_default().as_bytes(), Some(*len));
            let Some(is_admitted) = dive.admit(&member) else { return };
            if source.failed {
                dive.skip(DAMAGED, &member.origin, *len);
                continue;
            }
            let is_large = *len > dive.containers.limits.member;
            if is_large {
                dive.skip(SkipReason::TooLarge, &member.origin, *len);
            }
            let mut part = Part { source: &mut source, left: *len };
            // What is not looked at comes out all the same, and costs.
            let mut reader = Member::new(&mut part, dive, &member, Some(*len), *sum);
            if is_admitted && !is_large {
                dive.look(Input::Stream(&mut reader), &member);
            }
            let _ = io::copy(&mut reader, &mut io::sink());
            if dive.spent.left() == 0 {
                return;
            }
        }
    }
}
