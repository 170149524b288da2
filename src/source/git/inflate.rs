//! Zlib streams of known size.

use flate2::{Decompress, FlushDecompress, Status};

/// An inflater that is used again.
pub(super) struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input` to exactly `size` bytes; `None` where it is corrupt or of another size.
    pub(super) fn exact(&mut self, input: &[u8], size: usize, out: &mut Vec<u8>) -> Option<()> {
        self.0.reset(true);
        // One byte more than announced: a longer stream then shows. A slice of just this length, because all that is spare
        // in a vector would be cleared each time.
        out.clear();
        out.resize(size + 1, 0);
        loop {
            let (used, made) = (usize::try_from(self.0.total_in()).ok()?, usize::try_from(self.0.total_out()).ok()?);
            let status = self.0.decompress(input.get(used..)?, out.get_mut(made..)?, FlushDecompress::Finish).ok()?;
            let progress = (self.0.total_in(), self.0.total_out()) != (used as u64, made as u64);
            if status == Status::StreamEnd {
                out.truncate(size);
                return (self.0.total_out() == size as u64).then_some(());
            }
            if self.0.total_out() > size as u64 || !progress {
                return None;
            }
        }
    }

    /// Inflates at most `most` bytes of a stream: the header of a loose object.
    pub(super) fn head(&mut self, input: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
        self.0.reset(true);
        out.clear();
        out.reserve_exact(most);
        self.0.decompress_vec(input, out, FlushDecompress::None).ok()?;
        Some(())
    }
}
