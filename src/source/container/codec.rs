//! The formats of compressed streams, each as a machine that takes some input and gives some output. What came out before
//! damage is given first.

use super::at::{u16_at, u32_at, u64_at};
use bzip2::{Decompress as Bunzip2, Status as BzStatus};
use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::{Action, FilterConfig, LzipStream, Lzma2Stream, LzmaStream, Status as LzmaStatus, XzStream};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::cell::RefCell;
use std::io::{self, Read as _};

/// What one step did.
#[derive(Default)]
pub(super) struct Step {
    pub consumed: usize,
    pub produced: usize,
    /// The stream has ended; what follows is not part of it.
    pub ended: bool,
    pub trouble: Option<Trouble>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Damaged,
    Unsupported,
    /// So many bytes are needed, and [`Codec::allow`] to be called when they are held.
    Memory(u64),
}

/// A compressed stream.
pub(super) trait Codec {
    /// Takes some of `input` and gives some `output`; `last`: no more input comes. A step that does nothing wants more input.
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step;
    /// Lets it use so much memory.
    fn allow(&mut self, _bytes: u64) {}
}

fn trouble(trouble: Trouble) -> Step {
    Step { trouble: Some(trouble), ..Step::default() }
}

/// Nothing is compressed.
pub(super) struct Stored;

impl Codec for Stored {
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step {
        let n = input.len().min(output.len());
        output[..n].copy_from_slice(&input[..n]);
        Step { consumed: n, produced: n, ended: last && n == input.len(), trouble: None }
    }
}

thread_local! {
    static INFLATERS: RefCell<Vec<Decompress>> = const { RefCell::new(Vec::new()) };
}

/// Deflate, alone or as zlib. Its tables are used again.
pub(super) struct Inflate(Option<Decompress>);

impl Inflate {
    pub(super) fn new(zlib: bool) -> Self {
        let known = INFLATERS.with_borrow_mut(Vec::pop).map(|mut inflater| {
            inflater.reset(zlib);
            inflater
        });
        Self(Some(known.unwrap_or_else(|| Decompress::new(zlib))))
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        INFLATERS.with_borrow_mut(|all| {
            if all.len() < 4 {
                all.extend(self.0.take());
            }
        });
    }
}

impl Codec for Inflate {
    fn step(&mut self, input: &[u8], _: bool, output: &mut [u8]) -> Step {
        let Some(inflater) = &mut self.0 else { return trouble(Trouble::Damaged) };
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let result = inflater.decompress(input, output, FlushDecompress::None);
        let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
        Step {
            consumed: count(inflater.total_in(), read),
            produced: count(inflater.total_out(), written),
            ended: matches!(result, Ok(Status::StreamEnd)),
            trouble: result.is_err().then_some(Trouble::Damaged),
        }
    }
}

/// One member of a gzip file (RFC 1952).
pub(super) enum Gzip {
    Head,
    Body(Inflate, crc32fast::Hasher, u32),
}

/// The longest head of a gzip member that is waited for.
const MOST_HEAD: usize = 60_000;

impl Gzip {
    /// The length of the head, if it is all there.
    fn head_len(input: &[u8]) -> Option<usize> {
        let flags = *input.get(3)?;
        let mut at = 10;
        if flags & 4 != 0 {
            at += 2 + usize::from(u16_at(input.get(..at + 2)?, at));
        }
        for flag in [8, 16] {
            if flags & flag != 0 {
                at += memchr::memchr(0, input.get(at..)?)? + 1;
            }
        }
        at += if flags & 2 != 0 { 2 } else { 0 };
        (at <= input.len()).then_some(at)
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step {
        let Self::Body(inflate, hasher, len) = self else {
            return match Self::head_len(input) {
                Some(head) => {
                    *self = Self::Body(Inflate::new(false), crc32fast::Hasher::new(), 0);
                    Step { consumed: head, ..Step::default() }
                }
                None if last || input.len() > MOST_HEAD => trouble(Trouble::Damaged),
                None => Step::default(),
            };
        };
        // The sum behind the body is read together with its end, so that an end without a sum is no end.
        let mut step = inflate.step(input, last, output);
        hasher.update(&output[..step.produced]);
        *len = len.wrapping_add(u32::try_from(step.produced).unwrap_or(0));
        if step.ended {
            let (sum, len) = (hasher.clone().finalize(), *len);
            match input.get(step.consumed..step.consumed + 8) {
                Some(tail) => {
                    step.consumed += 8;
                    if u32_at(tail, 0) != sum || u32_at(tail, 4) != len {
                        step.trouble = Some(Trouble::Damaged);
                    }
                }
                None if last => step.trouble = Some(Trouble::Damaged),
                None => {
                    step.ended = false;
                    // Comes again: an inflater that has ended says so again.
                }
            }
        }
        step
    }
}

/// One bzip2 stream.
pub(super) struct Bzip2(pub Bunzip2);

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], _: bool, output: &mut [u8]) -> Step {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output);
        let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
        Step {
            consumed: count(self.0.total_in(), read),
            produced: count(self.0.total_out(), written),
            ended: matches!(result, Ok(BzStatus::StreamEnd)),
            trouble: result.is_err().then_some(Trouble::Damaged),
        }
    }
}

/// Deflate with 64 KB windows, of zip.
pub(super) struct Deflate64(pub Box<deflate64::InflaterManaged>);

impl Codec for Deflate64 {
    fn step(&mut self, input: &[u8], _: bool, output: &mut [u8]) -> Step {
        let result = self.0.inflate(input, output);
        Step {
            consumed: result.bytes_consumed,
            produced: result.bytes_written,
            ended: self.0.finished(),
            trouble: result.data_error.then_some(Trouble::Damaged),
        }
    }
}

/// The formats around LZMA.
pub(super) enum Lzma {
    Xz(Box<XzStream>),
    Alone(Box<LzmaStream>),
    Lzip(Box<LzipStream>),
    Raw2(Box<Lzma2Stream>),
}

/// What an error of these formats may take along of what came out.
const LZMA_STEP: usize = 512;

impl Lzma {
    pub(super) fn xz() -> Self {
        Self::Xz(Box::new(XzStream::new_mem_limit(false, 1024)))
    }

    pub(super) fn alone() -> Self {
        Self::Alone(Box::new(LzmaStream::new_mem_limit(1024, None)))
    }

    pub(super) fn lzip() -> Self {
        Self::Lzip(Box::new(LzipStream::new_mem_limit(false, 1024)))
    }

    /// LZMA as other formats hold it, with its length if that is known.
    pub(super) fn raw(len: Option<u64>, properties: u8, dictionary: u32, filters: &[FilterConfig]) -> Option<Self> {
        let mut stream = LzmaStream::new_mem_limit(1024, None);
        stream.set_filters(filters).ok()?;
        // The head that it would have as a file: then its memory is asked for like that of a file.
        let mut head = [properties; 13];
        head[1..5].copy_from_slice(&dictionary.to_le_bytes());
        head[5..].copy_from_slice(&len.unwrap_or(u64::MAX).to_le_bytes());
        let result = stream.process(&head, &mut [], Action::Run);
        let is_fine = result.is_ok() || result.is_err_and(|e| e.kind() == io::ErrorKind::OutOfMemory);
        is_fine.then(|| Self::Alone(Box::new(stream)))
    }

    /// LZMA2 as other formats hold it.
    pub(super) fn raw2(dictionary: u32, filters: &[FilterConfig]) -> Option<Self> {
        let mut stream = Lzma2Stream::new_mem_limit(dictionary, 1024);
        stream.set_filters(filters).ok()?;
        Some(Self::Raw2(Box::new(stream)))
    }

    fn total_in(&self) -> u64 {
        match self {
            Self::Xz(stream) => stream.total_in(),
            Self::Alone(stream) => stream.total_in(),
            Self::Lzip(stream) => stream.total_in(),
            Self::Raw2(stream) => stream.total_in(),
        }
    }

    fn process(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<lzma_rust2::StreamResult> {
        let action = if last { Action::Finish } else { Action::Run };
        match self {
            Self::Xz(stream) => stream.process(input, output, action),
            Self::Alone(stream) => stream.process(input, output, action),
            Self::Lzip(stream) => stream.process(input, output, action),
            Self::Raw2(stream) => stream.process(input, output, action),
        }
    }

    fn needs(&self) -> u64 {
        let kilobytes = match self {
            Self::Xz(stream) => stream.memory_usage(),
            Self::Alone(stream) => stream.memory_usage(),
            Self::Lzip(stream) => stream.memory_usage(),
            Self::Raw2(stream) => stream.memory_usage(),
        };
        u64::from(kilobytes.unwrap_or(u32::MAX)) << 10
    }
}

impl Codec for Lzma {
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step {
        let mut step = Step::default();
        while step.produced < output.len() {
            let to = output.len().min(step.produced + LZMA_STEP);
            let before = self.total_in();
            match self.process(&input[step.consumed..], &mut output[step.produced..to], last) {
                Ok(done) => {
                    step.consumed += done.bytes_consumed;
                    step.produced += done.bytes_produced;
                    step.ended = done.status == LzmaStatus::StreamEnd;
                    if step.ended || done.bytes_consumed + done.bytes_produced == 0 {
                        break;
                    }
                }
                Err(e) => {
                    step.consumed += usize::try_from(self.total_in() - before).unwrap_or(0);
                    step.trouble = Some(match e.kind() {
                        io::ErrorKind::OutOfMemory => Trouble::Memory(self.needs()),
                        io::ErrorKind::Unsupported => Trouble::Unsupported,
                        _ => Trouble::Damaged,
                    });
                    break;
                }
            }
        }
        step
    }

    fn allow(&mut self, bytes: u64) {
        let kilobytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        match self {
            Self::Xz(stream) => stream.set_mem_limit(kilobytes),
            Self::Alone(stream) => stream.set_mem_limit(kilobytes),
            Self::Lzip(stream) => stream.set_mem_limit(kilobytes),
            Self::Raw2(stream) => stream.set_mem_limit(kilobytes),
        }
    }
}

/// One frame of Zstandard (RFC 8878). Blocks are handed over whole: a frame that breaks off is ended by an empty block, so that
/// what its window holds comes out.
pub(super) struct Zstd {
    decoder: Box<FrameDecoder>,
    state: ZstdState,
    allowed: u64,
    has_sum: bool,
}

enum ZstdState {
    Head,
    Block,
    /// Some bytes to read over: of a frame to skip, or the sum at the end.
    Pass(u64),
    Failed,
}

/// What a decoder uses beside its window.
const ZSTD_TABLES: u64 = 1 << 20;

impl Default for Zstd {
    fn default() -> Self {
        Self { decoder: Box::new(FrameDecoder::new()), state: ZstdState::Head, allowed: 1 << 20, has_sum: false }
    }
}

impl Zstd {
    /// The length of a frame's head and the bytes of its window, if it is all there.
    fn head(input: &[u8]) -> Option<(usize, u64)> {
        let descriptor = *input.get(4)?;
        let single = descriptor & 0x20 != 0;
        let window_len = usize::from(!single);
        let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_len = match (descriptor >> 6, single) {
            (0, false) => 0,
            (0, true) => 1,
            (n, _) => 1 << n,
        };
        let len = 5 + window_len + dictionary_len + size_len;
        let head = input.get(..len)?;
        if !single {
            let (exponent, mantissa) = (head[5] >> 3, u64::from(head[5] & 7));
            let base = 1u64 << (10 + exponent);
            return Some((len, base + base / 8 * mantissa));
        }
        let size = &head[len - size_len..];
        let size = match size_len {
            1 => u64::from(size[0]),
            2 => u64::from(u16_at(size, 0)) + 256,
            4 => u64::from(u32_at(size, 0)),
            _ => u64_at(size, 0),
        };
        Some((len, size))
    }

    fn begin(&mut self, input: &[u8], last: bool) -> Step {
        let wait = || if last { trouble(Trouble::Damaged) } else { Step::default() };
        if input.len() < 8 {
            return wait();
        }
        if input[1..4] == *b"\x2a\x4d\x18" {
            self.state = ZstdState::Pass(u64::from(u32_at(input, 4)));
            return Step { consumed: 8, ..Step::default() };
        }
        let Some((len, window)) = Self::head(input) else { return wait() };
        let needs = window.saturating_add(ZSTD_TABLES);
        if needs > self.allowed {
            return trouble(Trouble::Memory(needs));
        }
        self.has_sum = input[4] & 4 != 0;
        self.decoder.set_max_window_size(self.allowed);
        match self.decoder.reset(&input[..len]) {
            Ok(()) => {
                self.state = ZstdState::Block;
                Step { consumed: len, ..Step::default() }
            }
            // A dictionary that is not there.
            Err(_) if input[4] & 3 != 0 => trouble(Trouble::Unsupported),
            Err(_) => trouble(Trouble::Damaged),
        }
    }

    /// Lets all that was decoded come out.
    fn break_off(&mut self) {
        // The last block, raw and empty, and a sum that nobody compares.
        let _ = self.decoder.decode_blocks(&[1, 0, 0, 0, 0, 0, 0][..], BlockDecodingStrategy::UptoBlocks(1));
        self.state = ZstdState::Failed;
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step {
        let produced = match self.state {
            ZstdState::Head => 0,
            _ => self.decoder.read(output).unwrap_or(0),
        };
        if produced > 0 {
            return Step { produced, ..Step::default() };
        }
        match self.state {
            ZstdState::Head => self.begin(input, last),
            ZstdState::Failed => trouble(Trouble::Damaged),
            ZstdState::Pass(left) => {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let left = left - n as u64;
                self.state = ZstdState::Pass(left);
                let broken = last && left > 0 && n == input.len();
                Step { consumed: n, ended: left == 0, trouble: broken.then_some(Trouble::Damaged), produced: 0 }
            }
            ZstdState::Block => {
                let block = input.get(..3).map(|head| {
                    let head = u32_at(&[head[0], head[1], head[2], 0], 0);
                    let len = if head >> 1 & 3 == 1 { 1 } else { head >> 3 };
                    (head & 1 == 1, 3 + len as usize)
                });
                let Some((ends, len)) = block.filter(|(_, len)| *len <= input.len()) else {
                    // No block has more than 128 KB.
                    if last || block.is_some_and(|(_, len)| len > (128 << 10) + 3) {
                        self.break_off();
                        return Step { produced: self.decoder.read(output).unwrap_or(0), ..Step::default() };
                    }
                    return Step::default();
                };
                // The sum is the last block's; it is not there yet, and not compared.
                let sum: &[u8] = if ends && self.has_sum { &[0; 4] } else { &[] };
                let result = self.decoder.decode_blocks((&input[..len]).chain(sum), BlockDecodingStrategy::UptoBlocks(1));
                if result.is_err() {
                    self.break_off();
                } else if ends {
                    self.state = ZstdState::Pass(if self.has_sum { 4 } else { 0 });
                }
                Step { consumed: len, produced: self.decoder.read(output).unwrap_or(0), ..Step::default() }
            }
        }
    }

    fn allow(&mut self, bytes: u64) {
        self.allowed = bytes;
    }
}
