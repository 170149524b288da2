//! Long runs of base64 or hex digits that stand for text, and what is compressed behind them.

use super::super::vectors::{self, Sets};
use super::{AROUND, ByteSpan, Decoded, Kind, Region, Writer, with_line};
use crate::rule::structure::{decoded, decoded_into};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::Read;

/// The shortest run that is looked at. Shorter ones are judged as the values that they are.
const LEAST: usize = 32;
/// The most bytes that come of something compressed, and what unpacking it may hold.
const MOST: usize = 16 << 20;
/// The shortest line of a run that goes on over several, and the longest one: encoders wrap at 60 to 80.
const LEAST_LINE: usize = 16;
const LONGEST_LINE: usize = 192;
/// The most blanks between two lines of a run.
const BLANKS: usize = 64;
/// How far from a run a change may be without a bearing on it: a next line belongs to it, or does not.
pub(super) const MARGIN: usize = BLANKS + LONGEST_LINE + 4;
/// How far from a change a run may be on which it has a bearing: with the text around it, it is nearer.
pub(super) const REACH: usize = MARGIN + AROUND + STRETCH;

/// Digits of base64 in both alphabets; those of hex are among them.
static IS_DIGIT: [bool; 256] = {
    let mut is_digit = [false; 256];
    let mut b: u8 = 0;
    while b < 0x80 {
        is_digit[b as usize] = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        b += 1;
    }
    is_digit
};

fn is_digit(b: u8) -> bool {
    IS_DIGIT[usize::from(b)]
}

/// The same, those with one upper half in a set of their own.
static DIGITS: Sets =
    Sets::of([b"+-/", b"0123456789", b"ABCDEFGHIJKLMNO", b"PQRSTUVWXYZ_", b"abcdefghijklmno", b"pqrstuvwxyz", b"", b""]);

/// Half of the shortest run: of one that long, some stretch of this length that begins at a multiple of it is all digits.
const STRETCH: usize = vectors::HALF;
const _: () = assert!(STRETCH * 2 == LEAST);

/// Finds runs.
pub(super) fn find(text: &[u8], zone: ByteSpan, found: &mut Vec<Region>) {
    let mut at = first_digits(text, zone.start) / STRETCH * STRETCH;
    while let Some(inside) = stretch(text, at, zone.end) {
        let start = text[..inside].iter().rposition(|b| !is_digit(*b)).map_or(0, |before| before + 1);
        let end = inside + text[inside..].iter().position(|b| !is_digit(*b)).unwrap_or(text.len() - inside);
        if end - start >= LEAST && begins_text(&text[start..end]) && !is_part_of_token(text, start, end) {
            let run = ByteSpan::new(start, end_of_lines(text, start, end));
            found.push(Region { span: with_line(text, run), kind: Kind::Run(run) });
            at = run.end.next_multiple_of(STRETCH);
        } else {
            at = (end + 1).next_multiple_of(STRETCH);
        }
    }
}

/// The first stretch of digits that begins at `from` or a multiple of its length behind it, before `to`.
fn stretch(text: &[u8], from: usize, to: usize) -> Option<usize> {
    let mut at = match vectors::stretch(text, from, to, &DIGITS) {
        Ok(inside) => return Some(inside).filter(|at| *at < to),
        Err(at) => at,
    };
    while at < to {
        if text.get(at..at + STRETCH)?.iter().all(|b| is_digit(*b)) {
            return Some(at);
        }
        at += STRETCH;
    }
    None
}

/// The begin of the first digits from which a run may go on to `at`.
fn first_digits(text: &[u8], at: usize) -> usize {
    let digits = |end: usize| text[..end].iter().rev().take_while(|b| is_digit(**b)).count();
    let mut begin = at - digits(at);
    loop {
        let above = text[..begin].trim_ascii_end().len();
        let line = digits(above);
        if above == begin || line < LEAST {
            return begin;
        }
        begin = above - line;
    }
}

/// Parts of `a.b.c` are read as what they are: JSON web tokens, class names.
fn is_part_of_token(text: &[u8], start: usize, end: usize) -> bool {
    start > 0 && text[start - 1] == b'.' || text.get(end) == Some(&b'.')
}

/// Whether the first digits of a run stand for text, or for something compressed.
fn begins_text(run: &[u8]) -> bool {
    let head = &run[..LEAST];
    if head.iter().all(u8::is_ascii_hexdigit) {
        return hex(head).is_some_and(|bytes| is_text(&bytes) || is_compressed(&bytes));
    }
    let mut bytes = [0; LEAST / 4 * 3];
    decoded_into(head, &mut bytes).is_some_and(|bytes| is_text(bytes) || is_compressed(bytes) || wide(bytes).is_some())
}

/// Text in ASCII or UTF-8, but for a character that is cut at the end.
fn is_text(bytes: &[u8]) -> bool {
    let printable = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x80..);
    bytes.iter().all(printable)
        && match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(e) => e.error_len().is_none() && e.valid_up_to() > 0,
        }
}

fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8]) || bytes.starts_with(&ZSTD) || matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// What a frame of Zstandard begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How the two bytes of a character are read.
type Unit = fn([u8; 2]) -> u16;

/// UTF-16, mostly little end first, as PowerShell takes it: every other byte is 0. Gives the length of its mark as well.
fn wide(bytes: &[u8]) -> Option<(Unit, usize)> {
    let marked = match bytes.get(..2)? {
        [0xff, 0xfe] => Some(u16::from_le_bytes as Unit),
        [0xfe, 0xff] => Some(u16::from_be_bytes as Unit),
        _ => None,
    };
    let mark = if marked.is_some() { 2 } else { 0 };
    let is_text = |unit: &Unit| {
        let mut pairs = bytes[mark..].chunks_exact(2);
        pairs.all(|pair| u8::try_from(unit([pair[0], pair[1]])).is_ok_and(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')))
    };
    let units = [u16::from_le_bytes as Unit, u16::from_be_bytes as Unit];
    marked.or_else(|| units.into_iter().find(is_text)).filter(is_text).map(|unit| (unit, mark))
}

/// The end of a run that goes on over several lines of equal length, as encoders wrap it.
fn end_of_lines(text: &[u8], start: usize, end: usize) -> usize {
    let width = end - start;
    let mut end = end;
    loop {
        let blanks = text[end..].iter().take(BLANKS).take_while(|b| b.is_ascii_whitespace()).count();
        let next = end + blanks;
        if blanks == 0 || width > LONGEST_LINE || !text[end..next].contains(&b'\n') {
            break;
        }
        let length = text[next..].iter().take(width + 1).take_while(|b| is_digit(**b)).count();
        let is_last = length < width;
        if length > width || length == 0 || is_last && length < LEAST_LINE && text.get(next + length) != Some(&b'=') {
            break;
        }
        end = next + length;
        if is_last {
            break;
        }
    }
    end + text[end..].iter().take(2).take_while(|b| **b == b'=').count()
}

/// Writes a region with its run decoded.
pub(super) fn decode(text: &[u8], region: ByteSpan, run: ByteSpan, room: usize) -> Option<Decoded> {
    let written = run.of(text);
    let lines: Vec<ByteSpan> = lines(written).map(|line| ByteSpan::new(run.start + line.start, run.start + line.end)).collect();
    let digits: Vec<u8> = lines.iter().flat_map(|line| line.of(text)).copied().filter(|b| *b != b'=').collect();
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit) && digits.len().is_multiple_of(2);
    let (bytes, name, scale) = match is_hex
        .then(|| hex(&digits))
        .flatten()
        .filter(|bytes| is_text(&bytes[..bytes.len().min(16)]) || is_compressed(bytes))
    {
        Some(bytes) => (bytes, "hex", (2, 1)),
        None => (base64(&digits)?, "base64", (4, 3)),
    };
    let mut writer = Writer::new(text, region);
    let mut chain = vec![name];
    if is_compressed(&bytes) {
        let (inner, name, is_cut) = inflate(&bytes, room)?;
        chain.push(name);
        writer.out.is_cut = is_cut;
        writer.replace(run, &inner, None);
    } else if let Some((unit, mark)) = wide(&bytes[..bytes.len().min(24)]) {
        let units = bytes[mark..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let inner: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        chain.push("utf-16");
        writer.replace(run, inner.as_bytes(), None);
    } else if bytes.len() <= room && mostly_text(&bytes) {
        // Line by line, so that places can be told.
        let (mut from, mut seen) = (0, 0);
        for (n, line) in lines.iter().enumerate() {
            // What stands between the lines is no part of what they stand for.
            writer.at = if n == 0 { writer.at } else { line.start };
            seen += line.of(text).iter().filter(|b| **b != b'=').count();
            let to = (seen * scale.1 / scale.0).min(bytes.len());
            writer.replace(*line, &bytes[from..to], Some(scale));
            from = to;
        }
    } else {
        return None;
    }
    let mut decoded = writer.finish(region.end, name)?;
    decoded.chain = chain;
    Some(decoded)
}

/// The lines of a run, without the blanks around them.
fn lines(run: &[u8]) -> impl Iterator<Item = ByteSpan> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + run[at..].iter().position(|b| !b.is_ascii_whitespace())?;
        let end = start + run[start..].iter().position(u8::is_ascii_whitespace).unwrap_or(run.len() - start);
        at = end;
        Some(ByteSpan::new(start, end))
    })
}

/// The bytes behind base64 of either alphabet; a run may be cut short, so that digits at its end are left over.
fn base64(digits: &[u8]) -> Option<Vec<u8>> {
    let whole = if digits.len() % 4 == 1 { &digits[..digits.len() - 1] } else { digits };
    decoded(whole)
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |b: u8| char::from(b).to_digit(16).and_then(|v| u8::try_from(v).ok());
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

/// Binary data that begins like text is none.
fn mostly_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().take(4096).filter(|b| **b < 9 || matches!(b, 14..=31 | 127)).count();
    odd * 20 <= bytes.len().min(4096)
}

/// What is compressed, at most `room` bytes of it; how it was, and whether there is more.
fn inflate(bytes: &[u8], room: usize) -> Option<(Vec<u8>, &'static str, bool)> {
    let mut out = Vec::new();
    let limit = room.min(MOST);
    let mut read = |stream: &mut dyn Read| {
        let _ = stream.take(limit as u64 + 1).read_to_end(&mut out);
    };
    let name = if bytes[0] == 0x1f {
        read(&mut flate2::read::GzDecoder::new(bytes));
        "gzip"
    } else if bytes.starts_with(&ZSTD) {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MOST as u64);
        read(&mut StreamingDecoder::new_with_decoder(bytes, frame).ok()?);
        "zstd"
    } else {
        read(&mut flate2::read::ZlibDecoder::new(bytes));
        "zlib"
    };
    let is_cut = out.len() > limit;
    out.truncate(limit);
    (is_cut || !out.is_empty() && mostly_text(&out)).then_some((out, name, is_cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_of_digits_are_all_digits_and_no_others() {
        for b in 0..=u8::MAX {
            assert_eq!(DIGITS.has(b) != 0, is_digit(b), "{b}");
        }
    }
}
