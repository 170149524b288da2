//! What the text of a value looks like: words, an identifier, a path, or something random.

use crate::detect::short::contains;

/// -16·log2 P(next | previous) over letters, digits as one class, all else as another; trained by
/// `benches/judge/train_ngrams.py` on identifiers and words of source trees.
static BIGRAMS: [[u8; 28]; 28] = include!("bigrams.in");

/// Counts and classes of a value's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shape {
    pub len: usize,
    pub lower: usize,
    pub upper: usize,
    pub digits: usize,
    pub spaces: usize,
    /// Printable ASCII that is none of the above.
    pub symbols: usize,
    /// Bytes above ASCII, and control bytes.
    pub other: usize,
    /// Bits a character under the bigram model: about 3 to 4 for words and identifiers, 5 and more for random text.
    pub surprise: f32,
}

impl Shape {
    /// Measures `value`.
    #[must_use]
    pub(super) fn of(value: &[u8]) -> Self {
        let mut shape = Self { len: value.len(), ..Self::default() };
        for &b in value {
            match b {
                b'a'..=b'z' => shape.lower += 1,
                b'A'..=b'Z' => shape.upper += 1,
                b'0'..=b'9' => shape.digits += 1,
                b' ' | b'\t' => shape.spaces += 1,
                b if b.is_ascii_graphic() => shape.symbols += 1,
                _ => shape.other += 1,
            }
        }
        shape.surprise = surprise(value);
        shape
    }
}

/// Mean bits a character under the bigram model.
#[must_use]
pub(super) fn surprise(value: &[u8]) -> f32 {
    const OTHER: usize = 27;
    let class = |b: u8| match b {
        b'a'..=b'z' => usize::from(b - b'a'),
        b'A'..=b'Z' => usize::from(b - b'A'),
        b'0'..=b'9' => 26,
        _ => OTHER,
    };
    let mut previous = OTHER;
    let mut total = 0u32;
    for &b in value {
        let next = class(b);
        total += u32::from(BIGRAMS[previous][next]);
        previous = next;
    }
    #[expect(clippy::cast_precision_loss, reason = "values are at most a few kilobytes")]
    if value.is_empty() { 0.0 } else { total as f32 / (16.0 * value.len() as f32) }
}

/// Hex digits alone.
#[must_use]
pub(super) fn is_hex(value: &[u8]) -> bool {
    value.len() >= 16 && value.iter().all(u8::is_ascii_hexdigit)
}

/// 8-4-4-4-12 hex digits.
#[must_use]
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// What names of files end with, behind the dot, and the length of the longest with it.
const ENDINGS: [&[u8]; 20] = [
    b"pem", b"key", b"crt", b"json", b"yml", b"yaml", b"txt", b"xml", b"jks", b"p12", b"pfx", b"html", b"js", b"py", b"php",
    b"cert", b"cer", b"properties", b"pub", b"der",
];
const LONGEST_ENDING: usize = 11;

/// A file or URL path.
#[must_use]
pub(super) fn is_path(value: &[u8]) -> bool {
    let slashes = value.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
    let scheme = contains(value, b"://");
    let begins = value.starts_with(b"/") || value.starts_with(b"./") || value.starts_with(b"../") || value.starts_with(b"~/");
    let drive = value.len() > 3 && value[0].is_ascii_alphabetic() && value[1] == b':' && matches!(value[2], b'\\' | b'/');
    let dot = value.iter().rev().take(LONGEST_ENDING).position(|b| *b == b'.');
    let ending = dot.is_some_and(|from_end| {
        let ending = &value[value.len() - from_end..];
        ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e))
    });
    scheme || drive || ending || is_email(value) || begins && (slashes >= 2 || Shape::of(value).surprise < 4.4)
}

/// An address of mail with a domain that has an ending of letters.
fn is_email(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|b| *b == b'@') else { return false };
    let (user, domain) = (&value[..at], &value[at + 1..]);
    let Some(dot) = domain.iter().rposition(|b| *b == b'.') else { return false };
    let plain = |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(b));
    plain(user) && plain(domain) && domain.len() - dot >= 3 && domain[dot + 1..].iter().all(u8::is_ascii_alphabetic)
}

/// `1.2.3`, `^7.1`, `0x7f`, `-0xfU`, `2024-01-31`, `10.0.0.1:8080`, times: digits and separators.
#[must_use]
pub(super) fn is_number_like(shape: &Shape, value: &[u8]) -> bool {
    let text = value.strip_prefix(b"-").unwrap_or(value);
    if let Some(digits) = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")) {
        let number = digits.split(|b| matches!(b, b' ' | b'_' | b'u' | b'U' | b'L')).next().unwrap_or_default();
        return number.len() <= 16 && number.iter().all(u8::is_ascii_hexdigit);
    }
    shape.lower + shape.upper <= 1
        && shape.digits > 0
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.:/, _%^~<>=*".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_surprises_more_than_words() {
        let words = ["password", "userAuthenticationToken", "application_secret_key", "localhost", "Enter your password"];
        let random = ["k3Xv9Qm1Zr7Tb5Wp", "xq7vzkjw9fhq", "Zx8QwK2vLpJ7"];
        for w in words {
            for r in random {
                assert!(surprise(w.as_bytes()) + 0.5 < surprise(r.as_bytes()), "{w} {r}");
            }
        }
    }

    #[test]
    fn kinds_of_text() {
        for (text, path) in [("user.password", false), ("/etc/ssl/key.pem", true), ("Summer2024!", false), ("a@b.example", true)]
        {
            assert_eq!(is_path(text.as_bytes()), path, "{text}");
        }
    }
}
