//! Loops over many bytes, compiled a second time for processors with vectors of 32 bytes (AVX2): half the time, measured on
//! source code. The first time is for all others.

/// Does `work`, the loops of which take whatever vectors this processor has.
#[inline]
pub(super) fn vectorized<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "instructions that not every processor has: it was asked just now")]
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<T>(work: impl FnOnce() -> T) -> T {
    work()
}
