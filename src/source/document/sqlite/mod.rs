//! `SQLite` databases, their write-ahead logs and rollback journals (<https://www.sqlite.org/fileformat2.html>).
//!
//! - `page`: b-tree pages and their cells, overflow chains
//! - `record`: the values of a row, written as assignments
//! - `schema`: the names of tables and columns
//! - `free`: what deleted rows left behind
//!
//! The C library never opens a hostile file. Each page is looked at once, whatever points to it: pages that the trees reach,
//! pages that are free, and pages that nothing knows of.

mod free;
mod page;
mod record;
mod schema;

use super::{Gap, out::Out};
use page::{Page, Pages};
use schema::Table;

const DATABASE: &[u8] = b"SQLite format 3\0";
const WAL: [&[u8]; 2] = [&[0x37, 0x7f, 0x06, 0x82], &[0x37, 0x7f, 0x06, 0x83]];
const JOURNAL: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Whether a file is a database, a write-ahead log or a rollback journal.
pub(super) fn is(bytes: &[u8]) -> bool {
    [DATABASE, JOURNAL, WAL[0], WAL[1]].iter().any(|magic| bytes.starts_with(magic)) && bytes.len() > 32
}

/// Gives a part for each row, for each large value that is no text, and for what is left of deleted ones.
pub(super) fn read(bytes: &[u8], out: &mut Out<'_>) {
    let number = |at: usize| page::u32_at(bytes, at).unwrap_or_default();
    let size = if bytes.starts_with(DATABASE) {
        u32::from(page::u16_at(bytes, 16).unwrap_or_default())
    } else if bytes.starts_with(JOURNAL) {
        number(24)
    } else {
        number(8)
    };
    let size = if size == 1 { 65536 } else { size as usize };
    if !(512..=65536).contains(&size) || !size.is_power_of_two() {
        out.gap(Gap::Damaged, "");
        out.part("bytes", bytes);
        return;
    }
    let pages = if bytes.starts_with(DATABASE) {
        Pages::database(bytes, size)
    } else if bytes.starts_with(JOURNAL) {
        // A header takes a sector; a checksum follows each page.
        Pages::loose(bytes, size, number(20).clamp(512, 65536) as usize, 4, 4)
    } else {
        Pages::loose(bytes, size, 32, 24, 0)
    };
    Reader::new(pages).read(out);
}

/// Goes through the pages of a file.
struct Reader<'a> {
    pages: Pages<'a>,
    tables: Vec<Table>,
    /// For each page: the number of the table it belongs to.
    owner: Vec<Option<usize>>,
    /// Pages that were looked at.
    seen: Vec<bool>,
    /// Pages that the list of free ones names.
    free: Vec<bool>,
    damaged: bool,
}

impl<'a> Reader<'a> {
    fn new(pages: Pages<'a>) -> Self {
        let count = pages.count();
        Self {
            pages,
            tables: Vec::new(),
            owner: vec![None; count],
            seen: vec![false; count],
            free: vec![false; count],
            damaged: false,
        }
    }

    fn read(mut self, out: &mut Out<'_>) {
        self.read_schema();
        self.read_free_list();
        for index in 0..self.pages.count() {
            if let Some(page) = self.pages.page(index)
                && !self.rows(index, &page, out)
            {
                return;
            }
        }
        for index in 0..self.pages.count() {
            if !self.leftover(index, out) {
                return;
            }
        }
        out.part("end of the file", self.pages.rest());
        if self.damaged || self.pages.cut() {
            out.gap(Gap::Damaged, "");
        }
    }

    /// Reads the names of tables, and says which page is whose.
    fn read_schema(&mut self) {
        let Some(root) = self.pages.index_of(1) else { return };
        self.tables.push(Table::schema());
        self.claim(root, 0);
        let mut chained = vec![false; self.pages.count()];
        for index in 0..self.pages.count() {
            let Some(page) = self.pages.page(index).filter(|p| self.owner[index] == Some(0) && p.is_table_leaf()) else {
                continue;
            };
            for cell in &page.cells() {
                let payload = self.pages.payload(cell, &mut chained);
                if let Some((table, root)) = Table::read(&payload.bytes, self.pages.encoding) {
                    self.tables.push(table);
                    if let Some(root) = self.pages.index_of(root) {
                        self.claim(root, self.tables.len() - 1);
                    }
                }
            }
        }
    }

    /// Notes whose pages a tree has. A page belongs to the first that claims it.
    fn claim(&mut self, root: usize, table: usize) {
        let mut open = vec![root];
        while let Some(index) = open.pop() {
            if self.owner[index].is_none()
                && let Some(page) = self.pages.page(index)
            {
                self.owner[index] = Some(table);
                open.extend(page.children().into_iter().filter_map(|n| self.pages.index_of(n)));
            }
        }
    }

    fn read_free_list(&mut self) {
        let mut trunk = self.pages.first_free();
        while let Some(index) = self.pages.index_of(trunk).filter(|i| !self.free[*i]) {
            self.free[index] = true;
            let bytes = self.pages.bytes(index);
            let number = |n: usize| page::u32_at(bytes, 4 * n).unwrap_or_default();
            for n in 0..(number(1) as usize).min(bytes.len() / 4) {
                if let Some(leaf) = self.pages.index_of(number(n + 2)) {
                    self.free[leaf] = true;
                }
            }
            trunk = number(0);
        }
    }

    /// Gives the rows of a page, and what is between them. An index repeats what its table has. False: stop.
    fn rows(&mut self, index: usize, page: &Page<'a>, out: &mut Out<'_>) -> bool {
        let table = self.owner[index].and_then(|t| self.tables.get(t));
        let cells = page.cells();
        self.seen[index] = true;
        self.damaged |= table.is_some() && cells.len() < page.cell_count();
        let place = match table {
            Some(table) => format!("table {}", table.name),
            None if self.free[index] => format!("free page {}", self.pages.number(index)),
            None => format!("page {}", self.pages.number(index)),
        };
        for (n, cell) in cells.iter().enumerate() {
            let payload = self.pages.payload(cell, &mut self.seen);
            self.damaged |= payload.cut && table.is_some();
            if table.is_some_and(|t| t.is_index) {
                continue;
            }
            let columns = table.map_or(&[][..], |t| if page.is_table_leaf() { &t.columns } else { &[] });
            let label = cell.row.map_or_else(|| format!("{place}, entry {}", n + 1), |row| format!("{place}, row {row}"));
            if !record::give(&payload.bytes, columns, self.pages.encoding, &label, out) {
                return false;
            }
        }
        let columns = table.map_or(&[][..], |t| &t.columns);
        free::give(page, &cells, columns, self.pages.encoding, &format!("{place}, page {}", self.pages.number(index)), out)
    }

    /// Gives a page that is neither of a tree nor was part of a row: what large values left behind, along their chain.
    fn leftover(&mut self, index: usize, out: &mut Out<'_>) -> bool {
        let label = format!("page {}, of no table", self.pages.number(index));
        let mut text = Vec::new();
        let mut next = Some(index);
        while let Some(index) = next.filter(|i| !self.seen[*i]) {
            self.seen[index] = true;
            let bytes = self.pages.bytes(index);
            text.extend_from_slice(bytes.get(4..).unwrap_or_default());
            next = self.pages.index_of(page::u32_at(bytes, 0).unwrap_or_default());
        }
        out.part(&label, &text)
    }
}

#[cfg(test)]
mod tests;
