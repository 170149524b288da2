//! Documents: bytes in, texts out. What a person sees when they open one, and what is left in it that they do not see.
//!
//! - `out`: what readers write to: parts and gaps within the room there is
//! - `class`: Java classes
//! - `mail`: mail and mailboxes
//! - `notebook`: Jupyter notebooks
//! - `office`: the XML of Office documents
//! - `pdf`: PDF
//! - `sqlite`: `SQLite` databases and their logs
//!
//! Nothing here does I/O or knows of files. Documents are hostile: depth, steps and memory are bounded, and time is linear.

mod class;
mod mail;
mod notebook;
mod office;
mod out;
mod pdf;
mod sqlite;

#[cfg(test)]
mod testing;

pub use office::{is_office, office_text};
use out::Out;

/// Takes the texts that a reader finds in a document.
pub trait Parts {
    /// A text of its own, with a label a person understands (`page 3`, `table users, row 17`, `cell 4 output`,
    /// `attachment key.pem`; attachments and blobs may be containers or documents themselves). False: stop.
    fn part(&mut self, label: &str, text: &[u8]) -> bool;
    /// Bytes that may still be unpacked. Readers make no more than that.
    fn room(&self) -> u64;
    /// Counts bytes that a reader made: all that it gives to `part` (which need not count), and what it only unpacked.
    fn made(&mut self, bytes: u64);
    /// Something of the document that could not be looked at; an empty label means the document itself.
    fn gap(&mut self, gap: Gap, label: &str);
}

/// Why something of a document could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// It is encrypted.
    Encrypted,
    /// It does not follow its format; what could be read was given.
    Damaged,
    /// It is larger or deeper than is looked at.
    Budget,
    /// It uses something that no reader knows.
    Unsupported,
}

/// What a reader exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Document {
    /// A Jupyter notebook.
    Notebook,
    /// A mail, or a mailbox, that encodes something.
    Mail,
    /// A Java class.
    JavaClass,
    /// An `SQLite` database, its write-ahead log or its journal.
    Sqlite,
    /// A PDF.
    Pdf,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Notebook, Self::Mail, Self::JavaClass, Self::Sqlite, Self::Pdf];
}

/// What a blob is, by its content alone. `bytes` is all of it; where that is more than can be had, its beginning does for the
/// formats with a signature.
#[must_use]
pub fn kind(bytes: &[u8]) -> Option<Document> {
    if class::is(bytes) {
        return Some(Document::JavaClass);
    }
    if sqlite::is(bytes) {
        return Some(Document::Sqlite);
    }
    if pdf::is(bytes) {
        return Some(Document::Pdf);
    }
    if notebook::is(bytes) {
        return Some(Document::Notebook);
    }
    if mail::is(bytes) {
        return Some(Document::Mail);
    }
    None
}

/// Reads a document. Its parts are all there is in it to look at: the bytes need not be looked at besides.
pub fn read(document: Document, bytes: &[u8], parts: &mut dyn Parts) {
    let mut out = Out::new(parts);
    match document {
        Document::Notebook => notebook::read(bytes, &mut out),
        Document::Mail => mail::read(bytes, &mut out),
        Document::JavaClass => class::read(bytes, &mut out),
        Document::Sqlite => sqlite::read(bytes, &mut out),
        Document::Pdf => pdf::read(bytes, &mut out),
    }
}
