//! Mail (RFC 5322, MIME) and mailboxes (mbox): headers, bodies and attachments, decoded.
//!
//! - `header`: header blocks, their parameters and encoded words
//! - `encoding`: base64, quoted-printable and charsets
//!
//! Mail that encodes nothing is left to be looked at as the text it is: its lines then keep their numbers.

mod encoding;
mod header;

use super::{Gap, out::Out};
use header::Header;
use memchr::memmem;

/// How deep multiparts and messages may be nested.
const DEPTH: usize = 16;

/// How long a header block may be for the text to be taken for mail.
const HEADER: usize = 256 << 10;

/// Whether a text is mail, or a mailbox, that encodes something. Strict: a text that starts like a mail is not one yet.
pub(super) fn is(bytes: &[u8]) -> bool {
    let start = if starts_message(bytes) { after_line(bytes) } else { bytes };
    header::is_block(&start[..start.len().min(HEADER)]) && encodes(bytes, start)
}

/// Whether a part says that it is encoded, or a header has encoded words.
fn encodes(bytes: &[u8], start: &[u8]) -> bool {
    let encoded = |word: &[u8]| {
        memmem::find_iter(bytes, word).any(|at| {
            let (before, after) = (&bytes[..at], bytes[at + word.len()..].trim_ascii_start());
            let is = |name: &[u8]| after.get(..name.len()).is_some_and(|a| a.eq_ignore_ascii_case(name));
            let begins = before.len() - b"content-t".len().min(before.len());
            before[begins..].eq_ignore_ascii_case(b"content-t") && (is(b"base64") || is(b"quoted-printable"))
        })
    };
    [b"ransfer-Encoding:".as_slice(), b"ransfer-encoding:", b"RANSFER-ENCODING:"].iter().any(|word| encoded(word))
        || header::has_encoded_word(header::split(start).0)
}

/// Gives the headers, bodies and attachments of all messages.
pub(super) fn read(bytes: &[u8], out: &mut Out<'_>) {
    let starts: Vec<usize> = message_starts(bytes);
    if starts.len() < 2 {
        let text = if starts.is_empty() { bytes } else { after_line(bytes) };
        message(text, "", 0, out);
        return;
    }
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(bytes.len());
        message(after_line(&bytes[*start..end]), &format!("message {}, ", n + 1), 0, out);
        if !out.open() {
            return;
        }
    }
}

/// Where the messages of a mailbox begin: none where it is not a mailbox.
fn message_starts(bytes: &[u8]) -> Vec<usize> {
    if !starts_message(bytes) {
        return Vec::new();
    }
    let later = memmem::find_iter(bytes, b"\nFrom ").map(|at| at + 1);
    let blank_before = |at: usize| bytes[..at].ends_with(b"\n\n") || bytes[..at].ends_with(b"\n\r\n");
    std::iter::once(0).chain(later.filter(|at| blank_before(*at) && starts_message(&bytes[*at..]))).collect()
}

/// Whether a line separates messages: `From`, who, and a date with its time and year (RFC 4155).
fn starts_message(text: &[u8]) -> bool {
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let Some(rest) = line.strip_prefix(b"From ").filter(|_| line.len() < 300) else { return false };
    let words: Vec<&[u8]> = rest.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
    let time = words.iter().any(|w| w.len() >= 5 && w[2] == b':' && w[0].is_ascii_digit() && w[4].is_ascii_digit());
    let year = words.iter().any(|w| w.len() == 4 && w.iter().all(u8::is_ascii_digit));
    words.len() >= 5 && time && year
}

fn after_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).map_or(&[], |at| &text[at + 1..])
}

/// A message: its headers, then what it carries.
fn message(text: &[u8], label: &str, depth: usize, out: &mut Out<'_>) {
    let (block, body) = header::split(text);
    let header = Header::read(block);
    if out.part(&format!("{label}headers"), &header.text) {
        entity(&header, body, &format!("{label}body"), depth, out);
    }
}

/// What a header describes: several parts, a message, or content.
fn entity(header: &Header, body: &[u8], label: &str, depth: usize, out: &mut Out<'_>) {
    let nested = header.is_multipart() || header.is_message();
    if nested && depth == DEPTH {
        out.gap(Gap::Budget, label);
    }
    if let Some(boundary) = header.boundary().filter(|_| depth < DEPTH) {
        multipart(body, &boundary, label, depth, out);
        return;
    }
    let decoded = encoding::decode(header.encoding(), body);
    if header.is_message() && depth < DEPTH {
        if decoded.len() > out.room() {
            out.gap(Gap::Budget, label);
            return;
        }
        out.made(decoded.len());
        message(&decoded, &format!("{label}, "), depth + 1, out);
        return;
    }
    let text = if header.is_text() { encoding::to_utf8(header.charset().as_deref(), decoded) } else { decoded };
    match header.file_name() {
        Some(name) => out.part(&format!("{}attachment {name}", label.strip_suffix("body").unwrap_or_default()), &text),
        None => out.part(label, &text),
    };
}

/// The parts between boundaries, and what stands before the first and after the last of them.
fn multipart(body: &[u8], boundary: &[u8], label: &str, depth: usize, out: &mut Out<'_>) {
    let delimiter = [b"--", boundary].concat();
    let mut around = Vec::new();
    // The preamble is open until the first boundary.
    let (mut start, mut number, mut last) = (0, 0, false);
    let found = memmem::find_iter(body, &delimiter).filter(|at| *at == 0 || body[at - 1] == b'\n');
    for at in found.chain([body.len()]) {
        let piece = &body[start.min(at)..at];
        if number == 0 || last {
            around.extend_from_slice(piece);
        } else {
            let (block, content) = header::split(piece);
            let header = Header::read(block);
            let label = format!("{} part {number}", label.strip_suffix(" body").unwrap_or(label));
            out.part(&format!("{label} headers"), &header.text);
            entity(&header, content, &label, depth + 1, out);
        }
        if !out.open() {
            return;
        }
        number += 1;
        let after = &body[(at + delimiter.len()).min(body.len())..];
        last |= after.starts_with(b"--");
        start = body.len() - after_line(after).len();
    }
    out.part(&format!("{label} around its parts"), &around);
}

#[cfg(test)]
mod tests;
