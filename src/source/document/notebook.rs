//! Jupyter notebooks (nbformat 3 and 4): sources and outputs of their cells, and whatever else their JSON holds.
//!
//! The JSON is read as a stream, so memory does not depend on how many values it has, a key that stands there twice is read
//! twice, and what precedes damage is looked at.

use super::{Gap, out::Out};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Whether JSON is a notebook's.
pub(super) fn is(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace());
    let cells = |bytes| has_key(bytes, b"\"cells\"") || has_key(bytes, b"\"worksheets\"");
    start.is_some_and(|at| bytes[at] == b'{')
        && (has_key(bytes, b"\"nbformat\"") || has_key(bytes, b"\"cell_type\""))
        && cells(bytes)
}

fn has_key(bytes: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, key).any(|at| bytes[at + key.len()..].trim_ascii_start().first() == Some(&b':'))
}

/// Gives a part for each cell's source, one for its outputs, one for what else it holds, and one for the notebook's metadata.
pub(super) fn read(bytes: &[u8], out: &mut Out<'_>) {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut notebook = Notebook { out, cells: 0, rest: Vec::new() };
    let whole = (&mut notebook).deserialize(&mut json).and_then(|()| json.end());
    let rest = std::mem::take(&mut notebook.rest);
    out.part("metadata", &rest);
    if whole.is_err() && out.open() {
        out.gap(Gap::Damaged, "");
    }
}

struct Notebook<'a, 'o> {
    out: &'a mut Out<'o>,
    cells: usize,
    rest: Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for &mut Notebook<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Notebook<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a notebook")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "cells" => map.next_value_seed(Cells(&mut *self))?,
                "worksheets" => map.next_value_seed(Worksheets(&mut *self))?,
                _ => map.next_value_seed(Json { text: &mut self.rest, key: Some(&key), lines: false })?,
            }
        }
        Ok(())
    }
}

/// The list of worksheets that notebooks had before nbformat 4, each an object with cells.
struct Worksheets<'a, 'n, 'o>(&'a mut Notebook<'n, 'o>);

/// The list of cells.
struct Cells<'a, 'n, 'o>(&'a mut Notebook<'n, 'o>);

/// A cell.
struct Cell<'a, 'n, 'o>(&'a mut Notebook<'n, 'o>);

impl<'de> DeserializeSeed<'de> for Worksheets<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Worksheets<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of worksheets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(&mut *self.0)?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cells<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Cells<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Cell(&mut *self.0))?.is_some() {
            if !self.0.out.open() {
                return Err(A::Error::custom("no more is wanted"));
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cell")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.cells += 1;
        let (mut source, mut output, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        let read = loop {
            let key = match map.next_key::<String>() {
                Ok(Some(key)) => key,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let read = match key.as_str() {
                "source" | "input" => map.next_value_seed(Json { text: &mut source, key: None, lines: true }),
                "outputs" => map.next_value_seed(Json { text: &mut output, key: None, lines: false }),
                "cell_type" | "execution_count" | "id" => map.next_value::<IgnoredAny>().map(|_| ()),
                _ => map.next_value_seed(Json { text: &mut rest, key: Some(&key), lines: false }),
            };
            if read.is_err() {
                break read;
            }
        };
        let n = self.0.cells;
        for (text, kind) in [(source, ""), (output, " output"), (rest, " metadata")] {
            self.0.out.part(&format!("cell {n}{kind}"), &text);
        }
        read
    }
}

/// Any value: its strings and numbers, written so that an assignment stays one. The strings of a list are lines with their
/// line breaks in them, which is how notebooks store texts.
struct Json<'a> {
    text: &'a mut Vec<u8>,
    key: Option<&'a str>,
    /// Whether this is text: one string, or a list of lines.
    lines: bool,
}

impl Json<'_> {
    /// Keys whose values are texts of several lines.
    fn is_text(key: &str) -> bool {
        matches!(key, "text" | "traceback" | "evalue" | "ename") || key.contains('/')
    }

    fn value(self, value: &str) {
        match self.key {
            Some(key) if !self.lines => {
                self.text.extend_from_slice(format!("\"{key}\": \"{value}\"\n").as_bytes());
            }
            _ => self.text.extend_from_slice(value.as_bytes()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Json<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.value(value);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.value(&value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.value(&value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.value(&value.to_string());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // The key stands before the first alone: repeated, a long one would make much of little.
        let mut key = self.key;
        while seq.next_element_seed(Json { text: &mut *self.text, key, lines: self.lines })?.is_some() {
            // A traceback's entries carry no line breaks of their own.
            if !self.lines || self.key == Some("traceback") {
                self.text.push(b'\n');
            }
            key = None;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let lines = Json::is_text(&key);
            map.next_value_seed(Json { text: &mut *self.text, key: Some(&key), lines })?;
            if lines && self.text.last().is_some_and(|b| *b != b'\n') {
                self.text.push(b'\n');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read_as, survives_damage};
    use super::super::{Document, Gap, kind};

    const NOTEBOOK: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "metadata": {}, "source": ["# Sales\n", "by region"]},
  {"cell_type": "code", "execution_count": 2, "metadata": {"tags": ["parameters"]},
   "outputs": [
    {"name": "stdout", "output_type": "stream", "text": ["first line\n", "user apricot\n"]},
    {"data": {"text/html": ["<b>quince</b>"], "application/json": {"password": "a\"melon"}, "text/plain": "'plum'"}, "output_type": "display_data"},
    {"ename": "KeyError", "evalue": "cherry", "output_type": "error", "traceback": ["\u001b[0;31mFile\u001b[0m one", "line two"]}
   ],
   "source": ["password = \"man", "darin\"\n", "print(user)"]}
 ],
 "metadata": {"kernelspec": {"name": "python3"}, "token": "papaya"},
 "nbformat": 4, "nbformat_minor": 5
}"##;

    #[test]
    fn cells_are_parts_with_their_lines_joined() {
        let kept = read_as(Document::Notebook, NOTEBOOK.as_bytes());
        assert_eq!(kept.text("cell 1"), "# Sales\nby region");
        assert_eq!(kept.text("cell 2"), "password = \"mandarin\"\nprint(user)");
        let output = kept.text("cell 2 output");
        assert!(output.contains("first line\nuser apricot\n"), "{output}");
        assert!(output.contains("<b>quince</b>\n") && output.contains("\"password\": \"a\"melon\"\n"), "{output}");
        assert!(output.contains("'plum'\n") && output.contains("cherry\n") && output.contains("one\nline two\n"), "{output}");
        assert!(kept.text("metadata").contains("\"token\": \"papaya\""));
        assert!(kept.gaps.is_empty());
    }

    #[test]
    fn notebooks_before_version_4_have_worksheets() {
        let old =
            r#"{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["key = 'fig'"], "outputs": []}]}]}"#;
        assert_eq!(read_as(Document::Notebook, old.as_bytes()).text("cell 1"), "key = 'fig'");
    }

    #[test]
    fn what_precedes_damage_is_read() {
        let cut = NOTEBOOK.find("line two").expect("it is there");
        // What says that it is a notebook mostly stands at its end.
        let kept = read_as(Document::Notebook, format!("{} \"nbformat\": 4", &NOTEBOOK[..cut]).as_bytes());
        assert!(kept.has("mandarin") || kept.has("user apricot"));
        assert_eq!(kept.gaps, [(Gap::Damaged, String::new())]);
        survives_damage(Document::Notebook, NOTEBOOK.as_bytes());
    }

    #[test]
    fn other_json_is_no_notebook() {
        assert_eq!(kind(br#"{"cells": [], "format": "nbformat"}"#), None);
        assert_eq!(kind(br#"[{"nbformat": 4, "cells": []}]"#), None);
    }
}
