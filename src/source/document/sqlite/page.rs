//! B-tree pages and their cells, and the chains of overflow pages behind large rows.

use crate::source::text::Encoding;
use std::collections::HashMap;

/// The pages of a file, numbered from 0 in the order they stand in it.
pub(super) struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Bytes of a page that are in use; some extensions reserve a few at its end.
    usable: usize,
    /// Before the first page, before each, behind each.
    layout: (usize, usize, usize),
    /// Where pages stand in logs and journals: the last one of a number.
    latest: Option<HashMap<u32, usize>>,
    pub(super) encoding: Encoding,
}

/// A b-tree page.
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    usable: usize,
    /// Where its header begins: behind the file's on the first page.
    header: usize,
}

/// A cell with a payload.
pub(super) struct Cell<'a> {
    /// Where it is in its page.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The row id, in tables.
    pub(super) row: Option<i64>,
    local: &'a [u8],
    len: u64,
    overflow: u32,
}

/// What a cell holds.
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    /// Its end is missing.
    pub(super) cut: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn database(bytes: &'a [u8], size: usize) -> Self {
        let mut pages = Self { bytes, size, usable: size, layout: (0, 0, 0), latest: None, encoding: Encoding::Bytes };
        pages.configure(bytes);
        pages
    }

    /// Pages with their number before each: frames of a log, records of a journal.
    pub(super) fn loose(bytes: &'a [u8], size: usize, first: usize, before: usize, behind: usize) -> Self {
        let layout = (first, before, behind);
        let mut pages = Self { bytes, size, usable: size, layout, latest: Some(HashMap::new()), encoding: Encoding::Bytes };
        let latest: HashMap<u32, usize> = (0..pages.count()).map(|index| (pages.number(index), index)).collect();
        if let Some(index) = latest.get(&1) {
            pages.configure(pages.bytes(*index));
        }
        pages.latest = Some(latest);
        pages
    }

    /// Takes from the first page's header what all pages depend on.
    fn configure(&mut self, header: &[u8]) {
        let reserved = header.get(20).copied().map_or(0, usize::from);
        self.usable = self.size - if self.size - reserved < 480 { 0 } else { reserved };
        self.encoding = match u32_at(header, 56) {
            Some(2) => Encoding::Utf16 { big_endian: false, bom: false },
            Some(3) => Encoding::Utf16 { big_endian: true, bom: false },
            _ => Encoding::Bytes,
        };
    }

    fn stride(&self) -> usize {
        self.layout.1 + self.size + self.layout.2
    }

    pub(super) fn count(&self) -> usize {
        self.bytes.len().saturating_sub(self.layout.0) / self.stride()
    }

    /// What stands behind the last whole page.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.layout.0 + self.count() * self.stride()..).unwrap_or_default()
    }

    /// Whether pages are missing at the end.
    pub(super) fn cut(&self) -> bool {
        !self.rest().is_empty()
    }

    pub(super) fn bytes(&self, index: usize) -> &'a [u8] {
        let start = self.layout.0 + index * self.stride() + self.layout.1;
        self.bytes.get(start..start + self.size).unwrap_or_default()
    }

    /// The number that pages call a page by.
    pub(super) fn number(&self, index: usize) -> u32 {
        if self.latest.is_none() {
            return u32::try_from(index + 1).unwrap_or(u32::MAX);
        }
        u32_at(self.bytes, self.layout.0 + index * self.stride()).unwrap_or_default()
    }

    pub(super) fn index_of(&self, number: u32) -> Option<usize> {
        match &self.latest {
            Some(latest) => latest.get(&number).copied(),
            None => (number as usize).checked_sub(1).filter(|index| *index < self.count()),
        }
    }

    /// The number of the first page of the list of free pages.
    pub(super) fn first_free(&self) -> u32 {
        self.index_of(1).and_then(|index| u32_at(self.bytes(index), 32)).unwrap_or_default()
    }

    /// A page, where it is one of a b-tree.
    pub(super) fn page(&self, index: usize) -> Option<Page<'a>> {
        let bytes = self.bytes(index);
        let header = if self.number(index) == 1 { 100 } else { 0 };
        let page = Page { bytes, usable: self.usable, header };
        let fits = header + 12 + 2 * page.cell_count() <= self.usable;
        (matches!(bytes.get(header)?, 2 | 5 | 10 | 13) && fits && *bytes.get(header + 7)? <= 60).then_some(page)
    }

    /// All of a cell's payload, as far as its chain goes through pages that were not seen before.
    pub(super) fn payload(&self, cell: &Cell<'a>, seen: &mut [bool]) -> Payload {
        let mut bytes = cell.local.to_vec();
        let mut next = cell.overflow;
        while (bytes.len() as u64) < cell.len {
            let missing = usize::try_from(cell.len - bytes.len() as u64).unwrap_or(usize::MAX);
            let Some(index) = self.index_of(next).filter(|index| !seen[*index]) else { return Payload { bytes, cut: true } };
            seen[index] = true;
            let page = self.bytes(index);
            next = u32_at(page, 0).unwrap_or_default();
            bytes.extend_from_slice(&page[4..self.usable.min(missing.saturating_add(4))]);
        }
        Payload { bytes, cut: false }
    }
}

impl<'a> Page<'a> {
    fn kind(&self) -> u8 {
        self.bytes.get(self.header).copied().unwrap_or_default()
    }

    pub(super) fn is_table_leaf(&self) -> bool {
        self.kind() == 13
    }

    pub(super) fn cell_count(&self) -> usize {
        u16_at(self.bytes, self.header + 3).map_or(0, usize::from)
    }

    /// Where the pointers to cells end.
    pub(super) fn pointers_end(&self) -> usize {
        self.header + if self.kind() < 8 { 12 } else { 8 } + 2 * self.cell_count()
    }

    /// Where what is in use ends.
    pub(super) fn end(&self) -> usize {
        self.usable
    }

    fn pointers(&self) -> impl Iterator<Item = usize> {
        let start = self.pointers_end() - 2 * self.cell_count();
        (0..self.cell_count()).filter_map(move |n| u16_at(self.bytes, start + 2 * n)).map(usize::from)
    }

    /// The numbers of the pages below.
    pub(super) fn children(&self) -> Vec<u32> {
        if self.kind() > 5 {
            return Vec::new();
        }
        let last = u32_at(self.bytes, self.header + 8);
        self.pointers().filter_map(|at| u32_at(self.bytes, at)).chain(last).collect()
    }

    /// The cells; those of inner pages of tables have no payload. Together they are no longer than the page: on a damaged
    /// one the rest is left.
    pub(super) fn cells(&self) -> Vec<Cell<'a>> {
        let mut room = self.usable;
        let cells = self.pointers().map_while(|at| {
            let cell = self.cell(at)?;
            room = room.checked_sub(cell.end - cell.start)?;
            Some(cell)
        });
        cells.collect()
    }

    fn cell(&self, start: usize) -> Option<Cell<'a>> {
        let bytes = self.bytes.get(..self.usable)?;
        let (len, mut at) = varint(bytes, start + if self.kind() < 8 { 4 } else { 0 })?;
        if self.kind() == 5 {
            return Some(Cell { start, end: at, row: None, local: &[], len: 0, overflow: 0 });
        }
        let mut row = None;
        if self.is_table_leaf() {
            let (id, next) = varint(bytes, at)?;
            (row, at) = (Some(id.cast_signed()), next);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let most = if self.is_table_leaf() { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        let local = match usize::try_from(len) {
            Ok(len) if len <= most => len,
            _ => {
                let rest = (len - least as u64) % (self.usable as u64 - 4);
                let kept = least + usize::try_from(rest).ok()?;
                if kept <= most { kept } else { least }
            }
        };
        let end = at + local;
        let overflow = if local as u64 == len { None } else { Some(u32_at(bytes, end)?) };
        let local = bytes.get(at..end)?;
        Some(Cell { start, end: end + overflow.map_or(0, |_| 4), row, local, len, overflow: overflow.unwrap_or_default() })
    }
}

/// A number of one to nine bytes, and where the next thing begins.
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (n, byte) in bytes.get(at..)?.iter().take(9).enumerate() {
        if n == 8 {
            return Some((value << 8 | u64::from(*byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + n + 1));
        }
    }
    None
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}
