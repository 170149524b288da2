//! What deleted rows left behind in pages that are in use.
//!
//! A deleted row stays where it was until something needs its place. Where it became a free block, the first four bytes are
//! gone (a link and a size stand there), and with them the lengths at its head; from the table's number of columns and the
//! block's size the rest can be told apart again.

use super::super::out::Out;
use super::page::{Cell, Page, u16_at, varint};
use super::record::{self, Value};
use crate::source::text::Encoding;

/// Shorter gaps hold no credential.
const LEAST: usize = 8;

/// Tables of more columns are not put together again: their bytes are looked at as they are.
const COLUMNS: usize = 64;

/// How much of a value is looked at to tell that it is text.
const TEXT: usize = 256;

/// Gives the bytes between the cells of a page, and the rows that can be told in them. False: stop.
pub(super) fn give(
    page: &Page<'_>,
    cells: &[Cell<'_>],
    columns: &[String],
    encoding: Encoding,
    label: &str,
    out: &mut Out<'_>,
) -> bool {
    let mut used: Vec<(usize, usize)> = cells.iter().map(|c| (c.start, c.end)).collect();
    used.sort_unstable();
    used.push((page.end(), page.bytes.len()));
    let mut from = page.pointers_end();
    for (start, end) in used {
        let gap = page.bytes.get(from..start).unwrap_or_default();
        // Zeros in front are what was never used.
        let gap = &gap[gap.iter().position(|b| *b != 0).unwrap_or(gap.len())..];
        if gap.len() >= LEAST {
            let told = if page.is_table_leaf() {
                rows(page.bytes.get(from..start).unwrap_or_default(), columns.len())
            } else {
                Vec::new()
            };
            let given = told.iter().all(|row| record::give_values(row, columns, encoding, &format!("{label}, deleted row"), out));
            if !given || !out.part(&format!("{label}, unused space"), gap) {
                return false;
            }
        }
        from = from.max(end);
    }
    true
}

/// The rows in a gap: whole ones wherever they begin, and those that free blocks cut.
fn rows(gap: &[u8], columns: usize) -> Vec<Vec<Value<'_>>> {
    let mut rows = Vec::new();
    let mut at = 0;
    while at < gap.len() && (1..=COLUMNS).contains(&columns) {
        if let Some((row, len)) = whole(&gap[at..], columns) {
            rows.push(row);
            at += len;
            continue;
        }
        let size = u16_at(gap, at + 2).map_or(0, usize::from);
        if size > 8
            && let Some(row) = gap.get(at..at + size).and_then(|block| cut(block, columns))
        {
            rows.push(row);
            at += size;
            continue;
        }
        at += 1;
    }
    rows
}

/// A row with all its lengths, and how long it is.
fn whole(bytes: &[u8], columns: usize) -> Option<(Vec<Value<'_>>, usize)> {
    let (len, at) = varint(bytes, 0)?;
    let (_, at) = varint(bytes, at)?;
    let (header, first) = varint(bytes, at)?;
    let header = at.checked_add(usize::try_from(header).ok()?)?;
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    if header > bytes.len() || end > bytes.len() || header < first + columns || header >= end {
        return None;
    }
    Some((values(&bytes[..end], (first, header), header, columns)?, end))
}

/// A row whose first four bytes were overwritten: lengths alone, or lengths and the kind of the first value, which then is
/// what no other value accounts for.
fn cut(block: &[u8], columns: usize) -> Option<Vec<Value<'_>>> {
    for first in 4..8 {
        for lost in 0..=1_usize {
            let mut at = first;
            let mut known = 0;
            for _ in lost..columns {
                let Some((kind, next)) = varint(block, at) else { break };
                let Some(len) = record::size(kind) else { break };
                known = usize::saturating_add(known, len);
                at = next;
            }
            let Some(rest) = block.len().checked_sub(at).and_then(|body| body.checked_sub(known)) else { continue };
            let Some(header) = (lost == 1 || rest == 0).then_some(at) else { continue };
            if let Some(mut row) = values(block, (first, header), header + rest, columns - lost) {
                if lost == 1 {
                    let value = &block[header..header + rest];
                    row.insert(0, if rest == 0 { Value::Null } else { Value::Text(value) });
                }
                return Some(row);
            }
        }
    }
    None
}

/// The values whose kinds stand from `first` to `header`, and whose bytes from `body` to the end. Texts must be texts.
fn values(bytes: &[u8], (first, header): (usize, usize), body: usize, columns: usize) -> Option<Vec<Value<'_>>> {
    let (mut kind_at, mut value_at) = (first, body);
    let mut row = Vec::new();
    for _ in 0..columns {
        let (kind, next) = varint(bytes.get(..header)?, kind_at)?;
        let end = value_at.checked_add(record::size(kind)?)?;
        row.push(record::value(kind, bytes.get(value_at..end)?));
        (kind_at, value_at) = (next, end);
    }
    let texts = || row.iter().filter_map(|v| if let Value::Text(t) = v { Some(*t) } else { None });
    let text = |t: &[u8]| t[..t.len().min(TEXT)].iter().all(|b| *b >= b' ' || b.is_ascii_whitespace() || *b == 0);
    let exact = kind_at == header && value_at == bytes.len();
    (exact && texts().any(|t| !t.is_empty()) && texts().all(text)).then_some(row)
}
