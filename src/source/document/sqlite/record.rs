//! Records: the values of a row, written as `column = "value"` lines, so that what is a password by its column's name is one.

use super::super::out::Out;
use super::page::varint;
use crate::source::text::Encoding;
use std::io::Write as _;

/// How long a value that is no text must be to be a part of its own: it may be an archive, or a key.
const BLOB: usize = 16;

/// A value.
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// The values of a record, as far as they are there.
pub(super) fn values(record: &[u8]) -> Vec<Value<'_>> {
    let Some((header, mut at)) = varint(record, 0) else { return Vec::new() };
    let header = usize::try_from(header).unwrap_or(usize::MAX).min(record.len());
    let mut body = &record[header..];
    let mut values = Vec::new();
    while at < header {
        let Some((kind, next)) = varint(&record[..header], at) else { break };
        at = next;
        let Some(len) = size(kind) else { break };
        // A value that is cut off is still worth a look.
        let (bytes, rest) = body.split_at(len.min(body.len()));
        body = rest;
        values.push(value(kind, bytes));
    }
    values
}

/// How many bytes a value has; `None` where there is no such kind.
pub(super) fn size(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

/// A value of a kind.
pub(super) fn value(kind: u64, bytes: &[u8]) -> Value<'_> {
    match kind {
        0 => Value::Null,
        8 | 9 => Value::Integer(i64::from(kind == 9)),
        1..=6 => {
            let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
            Value::Integer(bytes.iter().fold(-i64::from(negative), |n, b| n << 8 | i64::from(*b)))
        }
        7 => bytes.first_chunk().map_or(Value::Null, |b| Value::Real(f64::from_be_bytes(*b))),
        _ if kind % 2 == 1 => Value::Text(bytes),
        _ => Value::Blob(bytes),
    }
}

/// Gives a row as a part, and each large value that is no text as one. Rows of numbers alone are nothing to look at.
/// False: stop.
pub(super) fn give(record: &[u8], columns: &[String], encoding: Encoding, label: &str, out: &mut Out<'_>) -> bool {
    give_values(&values(record), columns, encoding, label, out)
}

/// Like [`give`], for values.
pub(super) fn give_values(values: &[Value<'_>], columns: &[String], encoding: Encoding, label: &str, out: &mut Out<'_>) -> bool {
    let mut text = Vec::new();
    let mut worth = false;
    for (n, value) in values.iter().enumerate() {
        let name = columns.get(n);
        let prefix = name.map_or_else(String::new, |name| format!("{name} = "));
        match value {
            Value::Integer(number) => drop(writeln!(text, "{prefix}{number}")),
            Value::Real(number) => drop(writeln!(text, "{prefix}{number}")),
            Value::Text(bytes) => {
                worth |= !bytes.is_empty();
                let mut utf8 = Vec::new();
                encoding.transcode(bytes, &mut utf8);
                line(&prefix, &utf8, &mut text);
            }
            Value::Blob(bytes) if std::str::from_utf8(bytes).is_ok_and(|t| !t.contains('\0')) => {
                worth |= !bytes.is_empty();
                line(&prefix, bytes, &mut text);
            }
            Value::Blob(bytes) if bytes.len() >= BLOB => {
                let name = name.map_or_else(|| format!("column {}", n + 1), |name| format!("column {name}"));
                if !out.part(&format!("{label}, {name}"), bytes) {
                    return false;
                }
            }
            Value::Null | Value::Blob(_) => {}
        }
        // What a row makes is a multiple of what it is: names are repeated.
        if text.len() > out.room() {
            break;
        }
    }
    if worth { out.part(label, &text) } else { out.open() }
}

/// A value in quotes where they make it plainer: not around JSON or texts of several lines.
fn line(prefix: &str, value: &[u8], text: &mut Vec<u8>) {
    let plain = prefix.is_empty() || memchr::memchr2(b'"', b'\n', value).is_some() || matches!(value, [b'{' | b'[' | b'\'', ..]);
    let quote: &[u8] = if plain { b"" } else { b"\"" };
    for piece in [prefix.as_bytes(), quote, value, quote, b"\n"] {
        text.extend_from_slice(piece);
    }
}
