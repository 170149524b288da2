//! LZ4: frames (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>), and the old format before them. Sums are not
//! compared.

use super::at::u32_at;
use super::codec::{Codec, Step, Trouble};

/// What a block refers back to.
const WINDOW: usize = 64 << 10;
/// The bytes of a block of the old format.
const LEGACY_BLOCK: usize = 8 << 20;

/// One frame.
#[derive(Default)]
pub(super) struct Lz4 {
    state: State,
    /// The largest block.
    block: usize,
    linked: bool,
    block_sums: bool,
    content_sum: bool,
    legacy: bool,
    /// The window, and what came out behind it, of which some was given.
    out: Vec<u8>,
    given: usize,
    /// A block that is not all there yet.
    part: Vec<u8>,
    allowed: u64,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Head,
    Size,
    /// The bytes of a block, its sum included, and whether it is compressed.
    Block(usize, bool),
    End,
    Failed,
}

impl Lz4 {
    fn head(&mut self, input: &[u8], last: bool) -> Step {
        let damaged = Step { trouble: Some(Trouble::Damaged), ..Step::default() };
        if input.starts_with(b"\x02\x21\x4c\x18") {
            (self.legacy, self.block, self.linked) = (true, LEGACY_BLOCK, false);
            return self.begin(4);
        }
        let wait = if last { Step { trouble: Some(Trouble::Damaged), ..Step::default() } } else { Step::default() };
        let Some(&[_, _, _, _, flags, sizes]) = input.get(..6) else { return wait };
        let len = 7 + if flags & 8 != 0 { 8 } else { 0 } + if flags & 1 != 0 { 4 } else { 0 };
        if input.len() < len {
            return wait;
        }
        if flags & 1 != 0 {
            // A dictionary that is not there.
            return Step { trouble: Some(Trouble::Unsupported), ..Step::default() };
        }
        let size = sizes >> 4 & 7;
        if flags >> 6 != 1 || size < 4 {
            return damaged;
        }
        self.block = 1 << (8 + 2 * size);
        (self.linked, self.block_sums, self.content_sum) = (flags & 0x20 == 0, flags & 0x10 != 0, flags & 4 != 0);
        self.begin(len)
    }

    fn begin(&mut self, consumed: usize) -> Step {
        // A block as it is stored, and as it comes out.
        let needs = 2 * self.block as u64 + WINDOW as u64;
        if needs > self.allowed {
            return Step { trouble: Some(Trouble::Memory(needs)), ..Step::default() };
        }
        self.state = State::Size;
        Step { consumed, ..Step::default() }
    }

    fn unpack(&mut self, compressed: bool) {
        let data = &self.part[..self.part.len().saturating_sub(if self.block_sums { 4 } else { 0 })];
        let keep = if self.linked { self.out.len().min(WINDOW) } else { 0 };
        self.out.drain(..self.out.len() - keep);
        self.given = keep;
        if !compressed {
            self.out.extend_from_slice(data);
            self.state = State::Size;
            return;
        }
        let window = self.out.clone();
        self.out.resize(keep + self.block, 0);
        self.state = State::Size;
        if let Ok(len) = lz4_flex::block::decompress_into_with_dict(data, &mut self.out[keep..], &window) {
            self.out.truncate(keep + len);
        } else {
            // What came out before the damage is there.
            let len = self.out[keep..].iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            self.out.truncate(keep + len);
            self.state = State::Failed;
        }
    }

    /// Gives some of what came out.
    fn give(&mut self, output: &mut [u8]) -> usize {
        let len = output.len().min(self.out.len() - self.given);
        output[..len].copy_from_slice(&self.out[self.given..self.given + len]);
        self.given += len;
        len
    }
}

impl Codec for Lz4 {
    fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Step {
        if self.given < self.out.len() {
            return Step { produced: self.give(output), ..Step::default() };
        }
        let damaged = Step { trouble: Some(Trouble::Damaged), ..Step::default() };
        match self.state {
            State::Head => self.head(input, last),
            State::Failed => damaged,
            State::End => {
                let len = if self.content_sum { 4 } else { 0 };
                match input.len() >= len {
                    true => Step { consumed: len, ended: true, ..Step::default() },
                    false if last => damaged,
                    false => Step::default(),
                }
            }
            State::Size => {
                if self.legacy && last && input.is_empty() {
                    return Step { ended: true, ..Step::default() };
                }
                let Some(size) = input.get(..4).map(|head| u32_at(head, 0)) else {
                    return if last { damaged } else { Step::default() };
                };
                if self.legacy {
                    // What can be no size begins something else.
                    if size as usize > LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16 {
                        return Step { ended: true, ..Step::default() };
                    }
                    self.state = State::Block(size as usize, true);
                } else if size == 0 {
                    self.state = State::End;
                } else {
                    let len = (size & 0x7fff_ffff) as usize;
                    if len > self.block {
                        return damaged;
                    }
                    self.state = State::Block(len + if self.block_sums { 4 } else { 0 }, size >> 31 == 0);
                }
                self.part.clear();
                Step { consumed: 4, ..Step::default() }
            }
            State::Block(len, compressed) => {
                let n = input.len().min(len - self.part.len());
                self.part.extend_from_slice(&input[..n]);
                if self.part.len() == len {
                    self.unpack(compressed);
                } else if last {
                    // A block that breaks off.
                    self.unpack(compressed);
                    self.state = State::Failed;
                }
                Step { consumed: n, produced: self.give(output), ..Step::default() }
            }
        }
    }

    fn allow(&mut self, bytes: u64) {
        self.allowed = bytes;
    }
}
