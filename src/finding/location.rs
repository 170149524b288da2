//! Places in text: byte offsets, lines and columns.

use crate::detect::ByteSpan;
use serde::{Deserialize, Serialize};

/// Lines and columns of a span. Lines count from 1; columns count Unicode scalars from 1, an invalid byte as one; the end
/// column is behind the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub start_line: u64,
    pub start_column: u64,
    pub end_line: u64,
    pub end_column: u64,
}

/// Where a stretch of text begins in the whole of which it is a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    pub line: u64,
    pub column: u64,
}

impl Default for Base {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Base {
    /// The base of what follows `text`.
    #[must_use]
    pub fn after(self, text: &[u8]) -> Self {
        match memchr::memrchr(b'\n', text) {
            None => Self { line: self.line, column: self.column + scalars(text) },
            Some(last) => Self { line: self.line + newlines(text), column: 1 + scalars(&text[last + 1..]) },
        }
    }
}

/// Where `span` of `text` stands, when `text` begins at `base`.
#[must_use]
pub fn place(text: &[u8], span: ByteSpan, base: Base) -> Place {
    let start = base.after(&text[..span.start]);
    let end = start.after(&text[span.start..span.end]);
    Place { start_line: start.line, start_column: start.column, end_line: end.line, end_column: end.column }
}

/// Places of many spans of one text, each stretch counted once when they come in ascending order.
pub struct Places<'a> {
    text: &'a [u8],
    at: usize,
    here: Base,
    base: Base,
}

impl<'a> Places<'a> {
    /// For `text` that begins at `base`.
    #[must_use]
    pub const fn new(text: &'a [u8], base: Base) -> Self {
        Self { text, at: 0, here: base, base }
    }

    /// Where `span` stands.
    pub fn of(&mut self, span: ByteSpan) -> Place {
        if span.start < self.at {
            (self.at, self.here) = (0, self.base);
        }
        self.here = self.here.after(&self.text[self.at..span.start]);
        self.at = span.start;
        let end = self.here.after(span.of(self.text));
        Place { start_line: self.here.line, start_column: self.here.column, end_line: end.line, end_column: end.column }
    }
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Unicode scalars in `text`, each invalid byte as one.
fn scalars(text: &[u8]) -> u64 {
    text.utf8_chunks().map(|chunk| (chunk.valid().chars().count() + chunk.invalid().len()) as u64).sum()
}

/// A place as reports show it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Location {
    /// Relative to the repository, else to the scan root; `/`-separated.
    pub path: String,
    /// The path's bytes in base64, where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// The way from there into containers: the names of members, outermost first. Lines and bytes count in the innermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container: Vec<String>,
    pub start_line: u64,
    pub start_column: u64,
    pub end_line: u64,
    pub end_column: u64,
    /// In the file as it is stored.
    pub byte_start: u64,
    pub byte_end: u64,
    /// What was undone to read it, outermost first: `base64`, `gzip`. The place is that of the encoded text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decoded: Vec<String>,
    /// The id of the git blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// The id of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The author of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When the author wrote it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The place on the forge's web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What the program that fed the text said of its origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<serde_json::Value>,
    /// The allowlists of this run whose regexes and stop words allow what stands here (`config::allowlist`).
    #[serde(skip)]
    pub allows: Vec<u16>,
}

impl Location {
    /// Lets this place speak for `other` too: only what is allowed at both stays allowed.
    pub fn speak_for(&mut self, other: &Self) {
        self.allows.retain(|n| other.allows.contains(n));
    }

    /// The way as reports show it: `outer.zip!inner.tar!path`. It is what fingerprints are made of.
    #[must_use]
    pub fn joined(&self) -> String {
        self.joined_from(&self.path)
    }

    /// The same from another path on.
    #[must_use]
    pub fn joined_from(&self, path: &str) -> String {
        joined(path, self.container.iter().map(String::as_str))
    }

    /// The path to judge by: that of the innermost member.
    #[must_use]
    pub fn inner_path(&self) -> &str {
        self.container.last().unwrap_or(&self.path)
    }
}

/// A path and the way from there into containers as one text.
pub fn joined<'a>(path: &str, members: impl Iterator<Item = &'a str>) -> String {
    members.fold(path.to_owned(), |all, name| format!("{all}!{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_scalars_and_invalid_bytes() {
        let text = b"a\n\xc3\xa9\xff secret x";
        let at = memchr::memmem::find(text, b"secret").unwrap();
        let place = place(text, ByteSpan::new(at, at + 6), Base::default());
        assert_eq!(place, Place { start_line: 2, start_column: 4, end_line: 2, end_column: 10 });
    }

    #[test]
    fn a_later_stretch_counts_on() {
        let text = "one\ntwo secret\nthree";
        let at = text.find("secret").unwrap();
        let whole = place(text.as_bytes(), ByteSpan::new(at, at + 6), Base::default());
        for cut in 0..=at {
            let base = Base::default().after(&text.as_bytes()[..cut]);
            assert_eq!(place(&text.as_bytes()[cut..], ByteSpan::new(at - cut, at - cut + 6), base), whole);
        }
    }
}
