//! Characters written as numbers or names: escapes of programming languages and JSON, percent signs of URLs, entities of HTML,
//! quoted-printable outside of mail.
//!
//! Only those are looked for that stand for printable ASCII: no credential has others in it. Where one is, all escapes around
//! it are undone.

use super::{ByteSpan, Decoded, Kind, Writer};

/// What stands at a place: how many bytes it takes, and what it means.
pub(super) type Read = fn(&[u8]) -> Option<(usize, Meaning)>;

/// What an escape stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Byte(u8),
    /// Nothing: the line goes on.
    Nothing,
}

/// The mark of a kind that begins at the place.
pub(super) fn mark(kind: Kind, text: &[u8], at: usize) -> Option<ByteSpan> {
    let rest = text.get(at..)?;
    let length = match (kind, rest.first()?) {
        (Kind::Backslash, b'\\') => is_telling(rest)?,
        (Kind::Percent, b'%') => is_percent(rest)?,
        (Kind::Entity, b'&') => is_entity(rest)?,
        (Kind::Quoted, b'=') => is_quoted(text, at)?,
        _ => return None,
    };
    Some(ByteSpan::new(at, at + length))
}

/// Marks of quoted-printable that stand nowhere else: an encoded equals sign, and a line that is cut at the length at which
/// encoders cut.
fn is_quoted(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1)? {
        b'3' => (text.get(at + 2) == Some(&b'D')).then_some(3),
        b'\n' | b'\r' => {
            let (length, _) = quoted(&text[at..])?;
            let before = &text[at.saturating_sub(80)..at];
            // The line's length with its mark; where none begins so near, it is longer than any encoder makes it.
            let width = match memchr::memrchr(b'\n', before) {
                Some(above) => before.len() - above,
                None if at < 80 => at + 1,
                None => return None,
            };
            let goes_on =
                before.last().is_some_and(u8::is_ascii_graphic) && text.get(at + length).is_some_and(u8::is_ascii_graphic);
            ((70..=76).contains(&width) && goes_on).then_some(length)
        }
        _ => None,
    }
}

/// An escape that is worth the effort. `\n` and `\"` alone stand everywhere; `\":` is JSON within a string.
fn is_telling(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' => text.get(2..)?.starts_with(b":").then_some(3),
        b'u' | b'U' | b'x' | b'0' | b'1' => match backslash(text)? {
            (length, Meaning::Byte(b' '..=b'~')) => Some(length),
            _ => None,
        },
        // A string that goes on at the very begin of the next line; elsewhere lines that go on are indented.
        b'\n' => text.get(2).is_some_and(u8::is_ascii_alphanumeric).then_some(2),
        _ => None,
    }
}

fn is_percent(text: &[u8]) -> Option<usize> {
    match percent(text)? {
        (length, Meaning::Byte(b'!'..=b'~')) => Some(length),
        _ => None,
    }
}

fn is_entity(text: &[u8]) -> Option<usize> {
    match entity(text)? {
        // These are in every page.
        (_, Meaning::Byte(b'<' | b'>' | b'&' | b' ')) => None,
        (length, _) => Some(length),
    }
}

/// Writes `span` of `text` with what `read` understands undone.
pub(super) fn decode(text: &[u8], span: ByteSpan, name: &'static str, read: Read) -> Option<Decoded> {
    let sign = match name {
        "escapes" => b'\\',
        "percent" => b'%',
        "quoted-printable" => b'=',
        _ => b'&',
    };
    let mut writer = Writer::new(text, span);
    let mut from = span.start;
    while let Some(at) = memchr::memchr(sign, &text[from..span.end]).map(|at| at + from) {
        let Some((length, meaning)) = read(&text[at..span.end]) else {
            from = at + 1;
            continue;
        };
        match meaning {
            Meaning::Byte(byte) => writer.replace(ByteSpan::new(at, at + length), &[byte], None),
            Meaning::Nothing => writer.replace(ByteSpan::new(at, at + length), b"", None),
        }
        from = at + length;
    }
    writer.finish(span.end, name)
}

/// `\u0041`, `\u{41}`, `\U00000041`, `\x41`, `\x{41}`, `\101`, `\"`, `\n`, `\` at the end of a line.
pub(super) fn backslash(text: &[u8]) -> Option<(usize, Meaning)> {
    let byte = |length, value: u32| {
        let value = u8::try_from(value).ok().filter(u8::is_ascii)?;
        Some((length, Meaning::Byte(value)))
    };
    match text.get(1)? {
        b'u' | b'x' if text.get(2) == Some(&b'{') => {
            let end = text.iter().take(11).position(|b| *b == b'}')?;
            byte(end + 1, number(text.get(3..end)?, 16)?)
        }
        b'u' => byte(6, number(text.get(2..6)?, 16)?),
        b'U' => byte(10, number(text.get(2..10)?, 16)?),
        b'x' => byte(4, number(text.get(2..4)?, 16)?),
        b'0' | b'1' => byte(4, number(text.get(1..4)?, 8)?),
        b'n' => byte(2, 10),
        b'r' => byte(2, 13),
        b't' => byte(2, 9),
        c @ (b'"' | b'\'' | b'/' | b'\\' | b'$' | b'`') => byte(2, u32::from(*c)),
        b'\n' => Some((2, Meaning::Nothing)),
        b'\r' if text.get(2) == Some(&b'\n') => Some((3, Meaning::Nothing)),
        _ => None,
    }
}

/// `%41`, and `%u0041` of old scripts.
pub(super) fn percent(text: &[u8]) -> Option<(usize, Meaning)> {
    match text.get(1)? {
        b'u' => Some((6, Meaning::Byte(plain(number(text.get(2..6)?, 16)?)?))),
        _ => Some((3, Meaning::Byte(plain(number(text.get(1..3)?, 16)?)?))),
    }
}

/// `=3D`, and `=` at the end of a line. Digits are capitals, as the format asks for: `key=ab` is none.
pub(super) fn quoted(text: &[u8]) -> Option<(usize, Meaning)> {
    match text.get(1..3)? {
        [b'\n', _] => Some((2, Meaning::Nothing)),
        b"\r\n" => Some((3, Meaning::Nothing)),
        digits if digits.iter().any(u8::is_ascii_lowercase) => None,
        digits => Some((3, Meaning::Byte(plain(number(digits, 16)?)?))),
    }
}

/// A character of ASCII that is seen, or a blank.
fn plain(value: u32) -> Option<u8> {
    u8::try_from(value).ok().filter(|v| v.is_ascii_graphic() || matches!(v, b' ' | b'\n' | b'\r' | b'\t'))
}

/// `&#65;`, `&#x41;`, and the names that stand for ASCII.
pub(super) fn entity(text: &[u8]) -> Option<(usize, Meaning)> {
    const NAMES: [(&[u8], u8); 12] = [
        (b"quot", b'"'),
        (b"apos", b'\''),
        (b"amp", b'&'),
        (b"lt", b'<'),
        (b"gt", b'>'),
        (b"colon", b':'),
        (b"equals", b'='),
        (b"sol", b'/'),
        (b"lowbar", b'_'),
        (b"period", b'.'),
        (b"plus", b'+'),
        (b"commat", b'@'),
    ];
    let end = text.iter().take(10).position(|b| *b == b';')?;
    let inside = &text[1..end];
    let value = match inside {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        name => u32::from(NAMES.iter().find(|(known, _)| *known == name)?.1),
    };
    Some((end + 1, Meaning::Byte(plain(value)?)))
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |n, d| n.checked_mul(base)?.checked_add(char::from(*d).to_digit(base)?))
}
