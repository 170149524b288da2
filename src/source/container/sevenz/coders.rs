//! What unpacks a block of a 7z archive: coders, the output of one the input of another. Mostly one method with a filter behind
//! it; BCJ2 puts together four streams, three of which are packed on their own.

use super::super::Dive;
use super::super::at::{ReadAt, Stretch, u32_at};
use super::super::budget::{Held, fault};
use super::super::codec::{Bzip2, Codec, Deflate64, Inflate, Lzma, Stored, Zstd};
use super::super::unpack::Unpacker;
use super::{Block, Coder, DAMAGED, Parsed};
use crate::source::SkipReason;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::{FilterConfig, FilterType};
use ppmd_rust::Ppmd7Decoder;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What comes out of a coder.
type Output<'a> = Box<dyn Read + 'a>;

const BCJ2: [u8; 4] = [3, 3, 1, 0x1b];
const PPMD: [u8; 3] = [3, 4, 1];
/// What `PPMd` uses beside the memory that it asks for.
const PPMD_TABLES: u64 = 1 << 20;

impl Block {
    /// What comes out of the block, whose packed streams have these sizes and begin at `from`, one behind the other.
    pub(super) fn reader<'a>(&self, dive: &'a Dive<'_>, bytes: &'a dyn ReadAt, from: u64, sizes: &[u64]) -> Parsed<Output<'a>> {
        if self.coders.iter().any(|c| c.id == [6, 0xf1, 7, 1]) {
            return Err(SkipReason::EncryptedMember);
        }
        let mut at = from;
        let mut packed = Vec::new();
        for size in &sizes[..sizes.len().min(self.packed.len())] {
            packed.push((at, at.saturating_add(*size)));
            at = at.saturating_add(*size);
        }
        if self.coders.iter().any(|c| c.id == BCJ2 || c.id == PPMD) {
            let last = self.last().ok_or(DAMAGED)?;
            return Way { block: self, dive, bytes, packed: &packed }.output(last, self.coders.len());
        }
        let (from, to) = packed.first().copied().ok_or(DAMAGED)?;
        let source = Box::new(Stretch::of(bytes, from, to));
        Ok(Box::new(Unpacker::new(source, dive, self.codec()?, None)))
    }

    /// What unpacks it where that is one method, with at most one filter behind it.
    fn codec(&self) -> Parsed<Box<dyn Codec>> {
        if self.coders.iter().any(|c| c.inputs != 1 || c.outputs != 1) || self.coders.len() > 2 {
            return Err(SkipReason::UnsupportedMethod);
        }
        // The method reads what is packed; what reads its output is the filter.
        let filtered = self.bound.first().map(|(input, output)| (place(*input), place(*output)));
        let (main, filter) = match filtered {
            None => (0, None),
            Some((filter, main)) => (main, Some(filter)),
        };
        let main_len = self.sizes.get(main).copied();
        let (Some(main), filter) = (self.coders.get(main), filter.map(|n| self.coders.get(n).ok_or(DAMAGED)).transpose()?) else {
            return Err(DAMAGED);
        };
        let filters: Vec<FilterConfig> = filter.map(filter_of).transpose()?.into_iter().collect();
        main.codec(main_len, &filters)
    }
}

impl Coder {
    /// What unpacks one stream, with filters behind it.
    fn codec(&self, len: Option<u64>, filters: &[FilterConfig]) -> Parsed<Box<dyn Codec>> {
        let codec: Box<dyn Codec> = match self.id[..] {
            [0x21] => {
                let bits = u32::from(*self.properties.first().ok_or(DAMAGED)?);
                let dictionary = match bits {
                    0..=39 => (2 | bits & 1) << (bits / 2 + 11),
                    40 => u32::MAX,
                    _ => return Err(DAMAGED),
                };
                return Ok(Box::new(Lzma::raw2(dictionary, filters).ok_or(DAMAGED)?));
            }
            [3, 1, 1] if self.properties.len() >= 5 => {
                let dictionary = u32_at(&self.properties, 1);
                return Ok(Box::new(Lzma::raw(len, self.properties[0], dictionary, filters).ok_or(DAMAGED)?));
            }
            [0] => Box::new(Stored),
            [4, 2, 2] => Box::new(Bzip2(bzip2::Decompress::new(false))),
            [4, 1, 8] => Box::new(Inflate::new(false)),
            [4, 1, 9] => Box::new(Deflate64(Box::new(deflate64::InflaterManaged::new()))),
            [4, 0xf7, 0x11, 1] => Box::<Zstd>::default(),
            _ => return Err(SkipReason::UnsupportedMethod),
        };
        if filters.is_empty() { Ok(codec) } else { Err(SkipReason::UnsupportedMethod) }
    }
}

/// A number of a coder; none has this many.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn filter_of(coder: &Coder) -> Parsed<FilterConfig> {
    let filter_type = match coder.id[..] {
        [3] => FilterType::Delta,
        [3, 3, 1, 3] | [4] => FilterType::BcjX86,
        [3, 3, 2, 5] | [5] => FilterType::BcjPpc,
        [3, 3, 4, 1] | [6] => FilterType::BcjIa64,
        [3, 3, 5, 1] | [7] => FilterType::BcjArm,
        [3, 3, 7, 1] | [8] => FilterType::BcjArmThumb,
        [3, 3, 8, 5] | [9] => FilterType::BcjSparc,
        [10] => FilterType::BcjArm64,
        [11] => FilterType::BcjRiscv,
        _ => return Err(SkipReason::UnsupportedMethod),
    };
    let property = match filter_type {
        FilterType::Delta => u32::from(coder.properties.first().copied().unwrap_or(0)) + 1,
        _ => 0,
    };
    Ok(FilterConfig { filter_type, property })
}

/// The coders of a block that are no single stream, followed from their end to what is packed.
struct Way<'b, 'a> {
    block: &'b Block,
    dive: &'a Dive<'a>,
    bytes: &'a dyn ReadAt,
    packed: &'b [(u64, u64)],
}

impl<'a> Way<'_, 'a> {
    /// What comes out of coder `n`, which has one output as all have; no more than `depth` stand behind each other.
    fn output(&self, n: usize, depth: usize) -> Parsed<Output<'a>> {
        let depth = depth.checked_sub(1).ok_or(DAMAGED)?;
        let coder = self.block.coders.get(n).ok_or(DAMAGED)?;
        let len = self.block.sizes.get(n).copied().ok_or(DAMAGED)?;
        if self.block.coders.iter().any(|c| c.outputs != 1) {
            return Err(SkipReason::UnsupportedMethod);
        }
        let first: u64 = self.block.coders[..n].iter().map(|c| c.inputs).sum();
        if coder.id == BCJ2 {
            let inputs = (first..first + coder.inputs).map(|input| self.input(input, depth)).collect::<Parsed<Vec<_>>>()?;
            let reader = Bcj2Reader::try_new(inputs, len).map_err(|_| DAMAGED)?;
            return Ok(Box::new(Guarded { reader, step: usize::MAX, _held: None }));
        }
        if coder.inputs != 1 {
            return Err(SkipReason::UnsupportedMethod);
        }
        let input = self.input(first, depth)?;
        if coder.id != PPMD {
            return Ok(Box::new(Unpacker::new(input, self.dive, coder.codec(Some(len), &[])?, None)));
        }
        if coder.properties.len() < 5 {
            return Err(DAMAGED);
        }
        let (order, memory) = (u32::from(coder.properties[0]), u32_at(&coder.properties, 1));
        let held = self.dive.chain.hold(u64::from(memory) + PPMD_TABLES).ok_or(SkipReason::MemoryBudget)?;
        let decoder = Ppmd7Decoder::new(BufReader::new(input), order, memory).map_err(|_| DAMAGED)?;
        // What one call decoded is lost where it fails: few bytes at a time.
        Ok(Box::new(Guarded { reader: decoder.take(len), step: 1 << 10, _held: Some(held) }))
    }

    /// What goes into an input: the output of another coder, or a packed stream.
    fn input(&self, input: u64, depth: usize) -> Parsed<Output<'a>> {
        if let Some((_, output)) = self.block.bound.iter().find(|(to, _)| *to == input) {
            return self.output(place(*output), depth);
        }
        let nth = self.block.packed.iter().position(|packed| *packed == input).ok_or(DAMAGED)?;
        let (from, to) = *self.packed.get(nth).ok_or(DAMAGED)?;
        Ok(Box::new(Stretch::of(self.bytes, from, to)))
    }
}

/// A reader that may trip over hostile bytes: that costs its block, not the scan.
struct Guarded<'a, R> {
    reader: R,
    /// The most bytes that are read at a time.
    step: usize,
    _held: Option<Held<'a>>,
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.step);
        let read = catch_unwind(AssertUnwindSafe(|| self.reader.read(&mut buffer[..most])));
        match read {
            // Why another reader in front of it stopped is said by that one.
            Ok(Err(e)) if e.get_ref().is_none() && e.kind() != io::ErrorKind::Interrupted => Err(fault(DAMAGED)),
            Ok(result) => result,
            Err(_) => Err(fault(DAMAGED)),
        }
    }
}
