//! Takes the base64 body of an armored key out of what stands around it in source code: quotes, `\n` in strings,
//! concatenation, comment marks, YAML indentation.

use super::{STANDARD, decoded};
use base64::Engine as _;

/// What stands between the opening and the closing line.
pub(super) struct Body {
    pub bytes: Vec<u8>,
    /// `Proc-Type: 4,ENCRYPTED` stands before it (RFC 1421).
    pub encrypted: bool,
}

/// Reads the body between `-----BEGIN …-----` and `-----END …-----`; `None` where it is no base64.
pub(super) fn body(text: &[u8]) -> Option<Body> {
    let open = memchr::memmem::find(text, b"-----BEGIN ")?;
    let begin = open + 11 + memchr::memmem::find(&text[open + 11..], b"-----")? + 5;
    let end = begin + memchr::memmem::find(&text[begin..], b"-----END")?;
    let inside = &text[begin..end];
    let encrypted = memchr::memmem::find(inside, b"ENCRYPTED").is_some();
    let text = pieces(inside);
    Some(Body { bytes: STANDARD.decode(&text).ok().or_else(|| decoded(&text))?, encrypted })
}

/// The pieces of base64 in `text`, joined. Escapes become blanks; words of one or two signs are operators and comment marks;
/// header lines (`Version: 1`, `DEK-Info: …`) are left out.
pub(super) fn pieces(text: &[u8]) -> Vec<u8> {
    const ESCAPES: [&[u8]; 20] = [
        b"\\\\n", b"\\\\r", b"\\n", b"\\r", b"\\t", b"\\u000a", b"\\u000A", b"\\u000d", b"\\u000D", b"\\x0a", b"\\x0A", b"%0A",
        b"%0D", b"%0a", b"%0d", b"&#10;", b"&#13;", b"&#xA;", b"vbCrLf", b"<br>",
    ];
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(escape) = ESCAPES.iter().find(|e| rest.starts_with(e)) {
            plain.push(b'\n');
            at += escape.len();
        } else {
            if rest[0] != b'\\' {
                plain.push(rest[0]);
            }
            at += 1;
        }
    }
    let mut body = Vec::with_capacity(plain.len());
    for line in plain.split(|b| *b == b'\n') {
        if memchr::memmem::find(line, b": ").is_some() || line.trim_ascii().ends_with(b":") {
            continue;
        }
        for word in line.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))) {
            let operator = word.len() <= 2 && !word.iter().any(u8::is_ascii_alphanumeric) && !word.starts_with(b"=");
            if !operator {
                body.extend_from_slice(word);
            }
        }
    }
    body
}
