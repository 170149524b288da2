//! How mail carries bytes: base64 and quoted-printable; and texts: charsets.

use crate::source::text::Encoding;

/// Undoes a `Content-Transfer-Encoding`. What is no encoding, or none that is known, stays as it is.
pub(super) fn decode(encoding: &[u8], body: &[u8]) -> Vec<u8> {
    let encoding = encoding.trim_ascii();
    if encoding.eq_ignore_ascii_case(b"base64") {
        base64(body)
    } else if encoding.eq_ignore_ascii_case(b"quoted-printable") {
        quoted(body, b'=')
    } else {
        body.to_vec()
    }
}

/// Base64 as mailers write it: wrapped, with or without padding, sometimes with signatures of mailing lists behind it. What
/// is not of the alphabet is passed over, padding ends a piece.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, held) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    out
}

/// Quoted-printable, and percent-encoding: a mark and two hexadecimal digits are a byte; the mark at a line's end joins lines.
pub(super) fn quoted(text: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(next) = memchr::memchr(mark, &text[at..]) {
        out.extend_from_slice(&text[at..at + next]);
        at += next + 1;
        let digit = |n: usize| text.get(at + n).and_then(|b| char::from(*b).to_digit(16));
        if let (Some(high), Some(low)) = (digit(0), digit(1)) {
            out.push(u8::try_from(high << 4 | low).unwrap_or_default());
            at += 2;
            continue;
        }
        let blanks = text[at..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        if text.get(at + blanks) == Some(&b'\n') {
            at += blanks + 1;
        } else {
            out.push(mark);
        }
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// A text in UTF-8, where its charset is one of the few that matter for credentials; else its bytes.
pub(super) fn to_utf8(charset: Option<&str>, text: Vec<u8>) -> Vec<u8> {
    match charset {
        Some("iso-8859-1" | "latin1" | "iso-8859-15" | "windows-1252") if !text.is_ascii() => {
            text.iter().map(|b| char::from(*b)).collect::<String>().into_bytes()
        }
        Some("utf-16" | "utf-16le" | "utf-16be") => {
            let marked = matches!(text.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
            let big_endian = if marked { text[0] == 0xfe } else { charset != Some("utf-16le") };
            let mut out = Vec::new();
            Encoding::Utf16 { big_endian, bom: marked }.transcode(&text[if marked { 2 } else { 0 }..], &mut out);
            out
        }
        _ => text,
    }
}
