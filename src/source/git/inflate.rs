//! Zlib streams of known size.

use flate2::{Decompress, FlushDecompress, Status};

/// An inflater that is used again.
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input` to exactly `size` bytes; `None` where it is corrupt or of another size.
    pub fn exact(&mut self, input: &[u8], size: usize, out: &mut Vec<u8>) -> Option<()> {
        self.0.reset(true);
        out.clear();
        // One byte more than announced: a longer stream then shows.
        out.reserve(size + 1);
        loop {
            let before = (self.0.total_in(), self.0.total_out());
            let used = usize::try_from(before.0).ok()?;
            let status = self.0.decompress_vec(input.get(used..)?, out, FlushDecompress::Finish).ok()?;
            if status == Status::StreamEnd {
                return (out.len() == size).then_some(());
            }
            if out.len() > size || (self.0.total_in(), self.0.total_out()) == before {
                return None;
            }
        }
    }

    /// Inflates at most `most` bytes of a stream: the header of a loose object.
    pub fn head(&mut self, input: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
        self.0.reset(true);
        out.clear();
        out.reserve_exact(most);
        self.0.decompress_vec(input, out, FlushDecompress::None).ok()?;
        Some(())
    }
}
