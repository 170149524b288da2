//! Standard input: one text, or blobs that another program feeds as JSON lines.

use super::container::{Input, look};
use super::{Origin, Sink, SkipReason};
use base64::Engine as _;
use serde::Deserialize;
use std::io::{self, BufRead, Read};

/// A blob as another program feeds it: one JSON object a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fed {
    /// The text.
    content: Option<String>,
    /// Or its bytes in base64.
    content_base64: Option<String>,
    /// The path to report and to judge by.
    #[serde(default)]
    path: String,
    /// Anything; it stands in the finding's location.
    origin: Option<serde_json::Value>,
}

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 256 << 20;

/// Scans one text.
///
/// # Errors
/// Where reading fails.
pub fn scan_text(mut reader: impl Read, path: &str, target: usize, sink: &dyn Sink) -> io::Result<()> {
    let origin = Origin { path: path.to_owned(), target, ..Origin::default() };
    let bytes = look(Input::Stream(&mut reader), &origin, sink)?;
    sink.file(bytes);
    Ok(())
}

/// Scans JSON lines; a line that is none is a skip, with its number.
///
/// # Errors
/// Where reading fails.
pub fn scan_jsonl(mut reader: impl BufRead, target: usize, sink: &dyn Sink) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if sink.stop().is_asked() {
            sink.skip(SkipReason::Interrupted, &format!("line {number} and what follows"), 0);
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let name = format!("line {number}");
        if read as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            sink.skip(SkipReason::TooLarge, &name, read as u64);
            skip_line(&mut reader)?;
            continue;
        }
        let bytes = serde_json::from_slice::<Fed>(&line).ok().and_then(|fed| {
            let bytes = match (&fed.content, &fed.content_base64) {
                (Some(text), None) => text.clone().into_bytes(),
                (None, Some(text)) => base64::engine::general_purpose::STANDARD.decode(text).ok()?,
                _ => return None,
            };
            Some((bytes, fed))
        });
        let Some((bytes, fed)) = bytes else {
            sink.skip(SkipReason::BadInput, &name, read as u64);
            continue;
        };
        let path = if fed.path.is_empty() { name } else { fed.path };
        let origin = Origin { path: path.replace('\\', "/"), target, note: fed.origin, ..Origin::default() };
        let total = look(Input::Bytes(&bytes), &origin, sink)?;
        sink.file(total);
    }
    Ok(())
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(());
        }
        if let Some(at) = memchr::memchr(b'\n', available) {
            reader.consume(at + 1);
            return Ok(());
        }
        let len = available.len();
        reader.consume(len);
    }
}
