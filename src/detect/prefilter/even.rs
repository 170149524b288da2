//! The loop of the hash-window prefilter: at which even places of a text some keyword may have a window. Written twice: for any
//! processor, and for those that can look up eight slots at once (AVX2), which takes a fifth of the instructions.

use super::table::{FOLD, FOLD_8, SLOTS, bit};

/// The text that is filtered before what passed is looked at, in bytes.
pub(super) const BLOCK: usize = 4096;
/// How many windows are looked up in one go.
const LANES: usize = 8;
/// The bytes between the first window of one go and of the next.
pub(super) const STEP: usize = 2 * LANES;
/// The bytes read in one go: the last window reaches two bytes into the next one's.
const READ: usize = STEP + 2;

/// Places of a block, as many as can pass; a whole go is written behind those that did.
pub(super) type Places = [u16; BLOCK / 2 + LANES];

/// Room for the places of a block.
pub(super) const fn places() -> Places {
    [0; BLOCK / 2 + LANES]
}

/// The slots of a table, and what windows are multiplied with to find theirs.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a> {
    pub slots: &'a [u32; SLOTS],
    pub factor: u32,
}

impl Slots<'_> {
    /// Writes the even places of `text` that pass to `places`, and gives how many there are. Places are looked at in steps, each
    /// as long as two bytes follow it; what is behind the last one is not looked at, nor what is beyond a block.
    pub(super) fn pass(self, text: &[u8], places: &mut Places) -> usize {
        let text = &text[..text.len().min(BLOCK + 2)];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            #[expect(unsafe_code, reason = "instructions that not every processor has: it was asked just now")]
            // SAFETY: the processor has the instructions that the function is compiled for.
            return unsafe { self.pass_with_avx2(text, places) };
        }
        self.pass_anywhere(text, places)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a block is 4,096 bytes long; windows are cut to 32 bits on purpose")]
    fn pass_anywhere(self, text: &[u8], places: &mut Places) -> usize {
        let mut count = 0;
        for (n, read) in text.windows(READ).step_by(STEP).enumerate() {
            for (half, ten) in [&read[..10], &read[8..]].into_iter().enumerate() {
                let word = u64::from_le_bytes(*ten.first_chunk().expect("eight of ten")) | FOLD_8;
                let last = u32::from_le_bytes(*ten.last_chunk().expect("four of ten")) | FOLD;
                for (place, window) in [(0, word as u32), (2, (word >> 16) as u32), (4, (word >> 32) as u32), (6, last)] {
                    places[count] = (n * STEP + half * 8 + place) as u16;
                    count += bit(self.slots, self.factor, window) as usize;
                }
            }
        }
        count
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,popcnt")]
    #[expect(clippy::cast_possible_wrap, reason = "the same bits")]
    #[expect(clippy::cast_possible_truncation, reason = "a block is 4,096 bytes long")]
    #[expect(clippy::cast_sign_loss, reason = "a mask of eight bits")]
    #[expect(clippy::cast_ptr_alignment, reason = "loads and stores that need no alignment")]
    fn pass_with_avx2(self, text: &[u8], places: &mut Places) -> usize {
        use super::table::SLOT_SHIFT;
        use std::arch::x86_64::{
            __m128i, _mm_add_epi16, _mm_cvtepu8_epi16, _mm_cvtsi64_si128, _mm_loadu_si128, _mm_set1_epi16, _mm_storeu_si128,
            _mm256_and_si256, _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_i32gather_epi32, _mm256_movemask_ps,
            _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_srlv_epi32,
        };
        let fold = _mm256_set1_epi32(FOLD as i32);
        let factor = _mm256_set1_epi32(self.factor as i32);
        let of_slot = _mm256_set1_epi32(31);
        let mut count = 0;
        for (n, read) in text.windows(READ).step_by(STEP).enumerate() {
            let (here, next): (&[u8; 16], &[u8; 16]) =
                (read.first_chunk().expect("16 of 18"), read.last_chunk().expect("16 of 18"));
            #[expect(unsafe_code, reason = "loads and stores of vectors take pointers")]
            // SAFETY: both point to 16 bytes, which need no alignment.
            let (here, next) =
                unsafe { (_mm_loadu_si128(here.as_ptr().cast::<__m128i>()), _mm_loadu_si128(next.as_ptr().cast::<__m128i>())) };
            let upper = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(next));
            let windows = _mm256_or_si256(_mm256_or_si256(_mm256_cvtepu16_epi32(here), upper), fold);
            let at = _mm256_srli_epi32::<{ SLOT_SHIFT as i32 }>(_mm256_mullo_epi32(windows, factor));
            #[expect(unsafe_code, reason = "a look-up of eight takes a pointer")]
            // SAFETY: 32 bits shifted to the right by `SLOT_SHIFT` are below `SLOTS`, so all eight lie in the array.
            let slots = unsafe { _mm256_i32gather_epi32::<4>(self.slots.as_ptr().cast::<i32>(), at) };
            let fourth = _mm256_and_si256(_mm256_srli_epi32::<24>(windows), of_slot);
            let found = _mm256_slli_epi32::<31>(_mm256_srlv_epi32(slots, fourth));
            let mask = _mm256_movemask_ps(_mm256_castsi256_ps(found)) as usize;
            let order = _mm_cvtepu8_epi16(_mm_cvtsi64_si128(ORDERS[mask & 0xff] as i64));
            let passed = _mm_add_epi16(order, _mm_set1_epi16((n * STEP) as i16));
            let to: &mut [u16; LANES] = places[count..].first_chunk_mut().expect("room for a whole go behind all that can pass");
            #[expect(unsafe_code, reason = "loads and stores of vectors take pointers")]
            // SAFETY: it points to 16 bytes, which need no alignment.
            unsafe {
                _mm_storeu_si128(to.as_mut_ptr().cast::<__m128i>(), passed);
            }
            count += mask.count_ones() as usize;
        }
        count
    }
}

/// For each mask of lanes the places of those that are set, one byte each, the first lowest.
#[cfg(target_arch = "x86_64")]
static ORDERS: [u64; 1 << LANES] = {
    let mut orders = [0; 1 << LANES];
    let mut mask = 0;
    while mask < orders.len() {
        let (mut lane, mut count) = (0, 0);
        while lane < LANES {
            if mask >> lane & 1 == 1 {
                orders[mask] |= (2 * lane as u64) << (8 * count);
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    orders
};

#[cfg(test)]
mod tests {
    use super::super::table::Table;
    use super::*;

    #[test]
    fn every_way_passes_the_same_places() {
        let words = ["sk_live_", "ghp_", "://", "akia", "secret_key", "xoxb-"];
        let table = Table::of(&words, super::super::built_in::FACTOR);
        let slots = Slots { slots: table.slots.first_chunk().expect("a table of this size"), factor: table.factor };
        let mut text: Vec<u8> = Vec::new();
        let mut state = 3u32;
        while text.len() < 3 * BLOCK {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let word = words[state as usize >> 8 & 3].as_bytes();
            text.extend_from_slice(if (state >> 16).is_multiple_of(4) { word } else { &word[..1] });
            text.push((state >> 24) as u8);
        }
        for len in (0..100).chain([BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK]) {
            let (mut fast, mut slow) = (places(), places());
            let counts = (slots.pass(&text[..len], &mut fast), slots.pass_anywhere(&text[..len.min(BLOCK + 2)], &mut slow));
            assert_eq!(counts.0, counts.1, "{len}");
            assert_eq!(fast[..counts.0], slow[..counts.1], "{len}");
            assert!(len < 90 || counts.0 > 0);
        }
    }
}
