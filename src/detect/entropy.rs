//! Shannon entropy: how evenly the bytes of a text are spread.

use std::sync::LazyLock;

/// Bits a byte, 0 for an empty text, at most 8.
#[must_use]
pub fn shannon(bytes: &[u8]) -> f32 {
    if bytes.is_empty() {
        return 0.0;
    }
    let mut counts = [0u32; 256];
    for &b in bytes {
        counts[usize::from(b)] += 1;
    }
    // log2 n - Σ c·log2 c / n: each byte's count counts once, where the byte stands first.
    let mut sum = 0.0;
    for &b in bytes {
        sum += of_count(std::mem::take(&mut counts[usize::from(b)]));
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "texts are far below 2^24 bytes")]
    {
        let total = bytes.len() as f64;
        (total.log2() - sum / total).max(0.0) as f32
    }
}

/// c·log2 c; most counts are small.
fn of_count(count: u32) -> f64 {
    static SMALL: LazyLock<Vec<f64>> = LazyLock::new(|| (0..32u8).map(|c| times_log2(c.into())).collect());
    SMALL.get(count as usize).copied().unwrap_or_else(|| times_log2(f64::from(count)))
}

fn times_log2(count: f64) -> f64 {
    if count > 0.0 { count * count.log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::shannon;

    #[test]
    fn known_values() {
        assert!(shannon(b"").abs() < 1e-6);
        assert!(shannon(b"aaaa").abs() < 1e-6);
        assert!((shannon(b"abab") - 1.0).abs() < 1e-6);
        assert!((shannon(b"0123456789abcdef") - 4.0).abs() < 1e-6);
    }
}
