//! Zlib streams of known size.

use flate2::{Decompress, FlushDecompress};
use libdeflater::Decompressor;

/// An inflater that is used again.
pub(super) struct Inflater {
    /// Half as fast again as one that takes its input in pieces: a third of a history's work may be this.
    whole: Decompressor,
    /// For the beginnings of streams; made when one is asked for.
    pieces: Option<Decompress>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { whole: Decompressor::new(), pieces: None }
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input` to exactly `size` bytes; `None` where it is corrupt or of another size.
    pub(super) fn exact(&mut self, input: &[u8], size: usize, out: &mut Vec<u8>) -> Option<()> {
        // A longer stream finds no room.
        out.clear();
        out.resize(size, 0);
        let made = self.whole.zlib_decompress(input, out).ok()?;
        (made == size).then_some(())
    }

    /// Inflates at most `most` bytes of a stream: the header of a loose object.
    pub(super) fn head(&mut self, input: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
        let pieces = self.pieces.get_or_insert_with(|| Decompress::new(true));
        pieces.reset(true);
        out.clear();
        out.reserve_exact(most);
        pieces.decompress_vec(input, out, FlushDecompress::None).ok()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write as _;

    #[test]
    fn streams_are_whole_and_of_their_size_or_nothing() {
        let text: Vec<u8> = (0..20_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for len in [0, 1, 300, text.len()] {
            let text = &text[..len];
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).unwrap();
            let stream = encoder.finish().unwrap();
            let mut inflater = Inflater::default();
            let mut exact = |input: &[u8], size| {
                let mut out = b"before".to_vec();
                inflater.exact(input, size, &mut out).map(|()| out)
            };
            assert_eq!(exact(&stream, len).as_deref(), Some(text));
            // What comes behind it in a pack is no part of it.
            assert_eq!(exact(&[&stream, &b"PACK"[..]].concat(), len).as_deref(), Some(text));
            assert_eq!(exact(&stream, len + 1), None);
            assert_eq!(len.checked_sub(1).and_then(|size| exact(&stream, size)), None);
            assert_eq!(exact(&stream[..stream.len() - 1], len), None);
            let mut broken = stream.clone();
            *broken.last_mut().unwrap() ^= 1;
            assert_eq!(exact(&broken, len), None, "the checksum is wrong");
            let mut head = Vec::new();
            inflater.head(&stream, 64, &mut head).unwrap();
            assert_eq!(head, text[..len.min(64)]);
        }
    }
}
