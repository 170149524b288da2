//! Loops over many bytes, compiled a second time for processors with vectors of 32 bytes (AVX2): half the instructions, counted
//! on source code. The first time is for all others.

/// A loop, the body of which is compiled for whatever vectors this processor has: `run` must be inlined, which a closure is not
/// always.
pub(super) trait Loop {
    /// What comes of it.
    type Outcome;

    /// Does it.
    fn run(self) -> Self::Outcome;
}

/// Does `work`, the loops of which take whatever vectors this processor has.
#[inline]
pub(super) fn vectorized<L: Loop>(work: L) -> L::Outcome {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "instructions that not every processor has: it was asked just now")]
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { with_avx2(work) };
    }
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<L: Loop>(work: L) -> L::Outcome {
    work.run()
}
