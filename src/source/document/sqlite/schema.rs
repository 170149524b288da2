//! The names of tables and of their columns, from the SQL that the schema keeps.

use super::record::{self, Value};
use crate::source::text::Encoding;

/// Longer names say no more, and each row repeats them.
const NAME: usize = 64;

/// As many columns as `SQLite` allows by default.
const COLUMNS: usize = 2000;

/// A table or an index.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// What an index holds stands in its table too.
    pub(super) is_index: bool,
}

impl Table {
    /// The table of tables.
    pub(super) fn schema() -> Self {
        let columns = ["type", "name", "tbl_name", "rootpage", "sql"].map(str::to_owned).into();
        Self { name: "sqlite_schema".to_owned(), columns, is_index: false }
    }

    /// What a row of the schema says: a table or an index, and the number of its first page.
    pub(super) fn read(row: &[u8], encoding: Encoding) -> Option<(Self, u32)> {
        let values = record::values(row);
        let text = |n: usize| match values.get(n) {
            Some(Value::Text(bytes)) => {
                let mut utf8 = Vec::new();
                encoding.transcode(bytes, &mut utf8);
                Some(String::from_utf8_lossy(&utf8).into_owned())
            }
            _ => None,
        };
        let Some(Value::Integer(root)) = values.get(3) else { return None };
        let is_index = text(0)? == "index";
        let columns = if is_index { Vec::new() } else { text(4).map(|sql| columns(&sql)).unwrap_or_default() };
        let name = text(1)?.chars().filter(|c| !c.is_control()).take(NAME).collect();
        Some((Self { name, columns, is_index }, u32::try_from(*root).ok()?))
    }
}

/// The names of the columns that a `CREATE TABLE` stores.
pub(super) fn columns(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    // The definition that is being read: its words and quoted names, and whether its name was quoted.
    let (mut words, mut quoted): (Vec<String>, bool) = (Vec::new(), false);
    let mut depth = 0_u32;
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '"' | '`' | '\'' | '[' => {
                let end = if c == '[' { ']' } else { c };
                let close = rest[1..].find(end).map_or(rest.len(), |at| at + 2);
                if depth == 1 {
                    quoted |= words.is_empty();
                    words.push(rest[1..close].trim_end_matches(end).to_owned());
                }
                close
            }
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '(' => {
                depth += 1;
                1
            }
            ')' | ',' => {
                if depth == 1 && names.len() < COLUMNS {
                    names.extend(column(&words, quoted));
                    (words, quoted) = (Vec::new(), false);
                }
                depth = depth.saturating_sub(u32::from(c == ')'));
                if depth == 0 {
                    break;
                }
                1
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
                if depth == 1 {
                    words.push(rest[..end].to_owned());
                }
                end
            }
            c => c.len_utf8(),
        };
        rest = &rest[len..];
    }
    names
}

/// The name of a column that is stored; constraints are none, and virtual columns are not stored.
fn column(words: &[String], quoted: bool) -> Option<String> {
    let name = words.first()?;
    let is = |word: &String, wanted: &str| word.eq_ignore_ascii_case(wanted);
    let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| !quoted && is(name, word));
    let computed = words[1..].iter().any(|w| is(w, "AS")) && !words.iter().any(|w| is(w, "STORED"));
    (!constraint && !computed).then(|| name.chars().filter(|c| !c.is_control()).take(NAME).collect())
}
