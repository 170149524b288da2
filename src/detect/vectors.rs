//! Searches for bytes of several sets at once, 32 places in one go, for processors that can (AVX2): two look-ups by the halves of a
//! byte tell which of eight sets it belongs to. Where the processor has no such instructions nothing is looked at, and callers go on
//! as they do at the end of a text.
//!
//! Source: <https://arxiv.org/abs/1902.08318>, "Vectorized Classification".

/// Eight sets of bytes. A byte of which one half is that of a member and the other half that of another one counts as a member too.
pub(super) struct Sets {
    /// The sets that have a member with such a lower half, twice: for both halves of a vector.
    low: [u8; LANES],
    /// The same for upper halves.
    high: [u8; LANES],
}

/// The places looked at in one go.
pub(super) const LANES: usize = 32;
/// Half of them.
pub(super) const HALF: usize = LANES / 2;

impl Sets {
    /// The sets with these members.
    pub(super) const fn of(sets: [&[u8]; 8]) -> Self {
        let (mut low, mut high) = ([0; LANES], [0; LANES]);
        let mut set = 0;
        while set < sets.len() {
            let mut member = 0;
            while member < sets[set].len() {
                let byte = sets[set][member] as usize;
                let mut copy = 0;
                while copy < LANES {
                    low[copy + (byte & 15)] |= 1 << set;
                    high[copy + (byte >> 4)] |= 1 << set;
                    copy += HALF;
                }
                member += 1;
            }
            set += 1;
        }
        Self { low, high }
    }

    /// The sets that `byte` belongs to, a bit for each.
    #[cfg(test)]
    pub(super) const fn has(&self, byte: u8) -> u8 {
        self.low[byte as usize & 15] & self.high[byte as usize >> 4]
    }
}

/// Appends the places between the two where a byte and the one behind it belong to the same set, of `first` and of `second`. Gives
/// the place up to which it looked.
pub(super) fn pairs(text: &[u8], from: usize, to: usize, [first, second]: [&Sets; 2], found: &mut Vec<usize>) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "instructions that not every processor has: it was asked just now")]
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { avx2::pairs(text, from, to, [first, second], found) };
    }
    from
}

/// The first stretch of [`HALF`] bytes in any of `sets` that begins at `from` or a multiple of its length behind it, before `to`; else
/// the place up to which it looked.
pub(super) fn stretch(text: &[u8], from: usize, to: usize, sets: &Sets) -> Result<usize, usize> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "instructions that not every processor has: it was asked just now")]
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { avx2::stretch(text, from, to, sets) };
    }
    Err(from)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{HALF, LANES, Sets};
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    #[target_feature(enable = "avx2")]
    #[expect(clippy::cast_ptr_alignment, reason = "a load that needs no alignment")]
    fn load(bytes: &[u8; LANES]) -> __m256i {
        #[expect(unsafe_code, reason = "loads of vectors take pointers")]
        // SAFETY: it points to 32 bytes, which need no alignment.
        unsafe {
            _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>())
        }
    }

    /// The sets that each byte belongs to.
    #[target_feature(enable = "avx2")]
    fn classes(bytes: __m256i, low: __m256i, high: __m256i) -> __m256i {
        let half = _mm256_set1_epi8(15);
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half);
        let lower = _mm256_and_si256(bytes, half);
        _mm256_and_si256(_mm256_shuffle_epi8(low, lower), _mm256_shuffle_epi8(high, upper))
    }

    /// A bit for each byte that is not zero.
    #[target_feature(enable = "avx2")]
    fn some(classes: __m256i) -> u32 {
        !_mm256_movemask_epi8(_mm256_cmpeq_epi8(classes, _mm256_setzero_si256())).cast_unsigned()
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn pairs(text: &[u8], from: usize, to: usize, [first, second]: [&Sets; 2], found: &mut Vec<usize>) -> usize {
        let (first_low, first_high, second_low, second_high) =
            (load(&first.low), load(&first.high), load(&second.low), load(&second.high));
        let mut at = from;
        while at + LANES <= to
            && let Some(behind) = text.get(at + 1..).and_then(|rest| rest.first_chunk())
            && let Some(here) = text[at..].first_chunk()
        {
            let first = classes(load(here), first_low, first_high);
            let second = classes(load(behind), second_low, second_high);
            let mut places = some(_mm256_and_si256(first, second));
            while places != 0 {
                found.push(at + places.trailing_zeros() as usize);
                places &= places - 1;
            }
            at += LANES;
        }
        at
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn stretch(text: &[u8], from: usize, to: usize, sets: &Sets) -> Result<usize, usize> {
        const ALL: u32 = (1 << HALF) - 1;
        let (low, high) = (load(&sets.low), load(&sets.high));
        let mut at = from;
        while at < to
            && let Some(here) = text.get(at..).and_then(|rest| rest.first_chunk())
        {
            let members = some(classes(load(here), low, high));
            if members & ALL == ALL {
                return Ok(at);
            }
            if members >> HALF == ALL {
                return Ok(at + HALF);
            }
            at += LANES;
        }
        Err(at)
    }
}
