//! PDF: what its pages show, what is attached, and every other text in it: links, form values, scripts, metadata, and
//! what updates replaced.
//!
//! - `object`: objects and operators
//! - `file`: where the objects are, in all their versions
//! - `filter`: the filters of streams
//! - `font`: which characters the codes of a text are
//! - `content`: the text that a content stream shows
//!
//! Images and font programs are not looked at: they show no text to a program.

mod content;
mod file;
mod filter;
mod font;
mod object;

use super::{Gap, out::Out};
use crate::source::text::Encoding;
use content::Fonts;
use file::File;
use font::Font;
use memchr::memmem;
use object::{Dict, Obj};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::rc::Rc;

/// What one piece of content may be unpacked to.
const CONTENT: usize = 32 << 20;

/// How many fonts are kept for content that does not say which it uses.
const FONTS: usize = 256;

/// How deep the tree of pages may be.
const DEPTH: usize = 32;

/// Whether a file is a PDF: white space may precede its signature.
pub(super) fn is(bytes: &[u8]) -> bool {
    let head = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    matches!(head[..head.len().min(1024)].trim_ascii_start(), [b'%', b'P', b'D', b'F', b'-', b'0'..=b'9', b'.', ..])
}

/// Gives a part for each page, attachment, form and script, and what else has text.
pub(super) fn read(bytes: &[u8], out: &mut Out<'_>) {
    let file = File::open(bytes, out);
    let mut reader = Reader {
        places: file.places.len(),
        file,
        done: HashSet::new(),
        contents: HashSet::new(),
        no_text: HashSet::new(),
        attached: HashMap::new(),
        fonts: HashMap::new(),
        resources: HashMap::new(),
        all_fonts: Fonts::new(),
        others: String::new(),
    };
    if reader.file.encrypted {
        out.gap(Gap::Encrypted, "");
        return;
    }
    if reader.file.places.is_empty() {
        out.gap(Gap::Damaged, "");
    }
    reader.strings(out);
    reader.pages(out);
    reader.streams(out);
    if !reader.file.has_steps() {
        out.gap(Gap::Budget, "");
    }
    out.part("other strings", reader.others.as_bytes());
    out.part("outside of objects", &reader.file.outside);
}

/// Goes through the objects of a file.
struct Reader<'a> {
    file: File<'a>,
    /// How many objects there are, in all their versions.
    places: usize,
    /// Streams and pages that were looked at.
    done: HashSet<usize>,
    /// The numbers of streams that are the contents of pages which were looked at.
    contents: HashSet<u32>,
    /// Streams that hold fonts and the like.
    no_text: HashSet<u32>,
    /// The names of attached files, by their streams.
    attached: HashMap<u32, String>,
    fonts: HashMap<u32, Rc<Font>>,
    /// The fonts that resources name, where those are objects of their own.
    resources: HashMap<u32, Rc<Fonts>>,
    /// The first font of each name, for content that does not say which it uses.
    all_fonts: Fonts,
    /// Strings of objects that are nothing in particular.
    others: String,
}

/// A page, and its fonts, which it may take over from above it.
struct Page {
    place: usize,
    dict: Dict,
    fonts: Option<Rc<Fonts>>,
}

impl Reader<'_> {
    fn dict(&self, index: usize) -> Option<Dict> {
        match self.file.parse(self.file.places.get(index)?)?.0 {
            Obj::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// Gives the strings in objects, and notes what they say of streams.
    fn strings(&mut self, out: &mut Out<'_>) {
        for index in 0..self.places {
            let place = self.file.places[index];
            let Some((object, _)) = self.file.parse(&place) else { continue };
            let mut text = String::new();
            collect("", &object, &mut text, 0);
            if let Obj::Dict(dict) = &object {
                self.note(dict);
            }
            self.note_nested(&object, 0);
            let what = match &object {
                _ if self.file.info.contains(&place.id) => "document info".to_owned(),
                Obj::Dict(dict) if dict.get("FT").is_some() || dict.get("V").is_some() => {
                    format!("form field, object {}", place.id)
                }
                _ if text.contains("URI = ") => {
                    format!("link, object {}", place.id)
                }
                Obj::Dict(dict) if dict.get("JS").is_some() => format!("script, object {}", place.id),
                Obj::Dict(dict) if dict.is("Type", "Annot") => format!("annotation, object {}", place.id),
                _ => {
                    self.others.push_str(&text);
                    if self.others.len() > out.room() {
                        out.gap(Gap::Budget, "other strings");
                        self.others.clear();
                    }
                    continue;
                }
            };
            if !out.part(&what, text.as_bytes()) {
                return;
            }
        }
    }

    /// What a dictionary says of streams.
    fn note(&mut self, dict: &Dict) {
        let without = ["ToUnicode", "FontFile", "FontFile2", "FontFile3", "CIDToGIDMap", "CIDSet", "Thumb", "DestOutputProfile"];
        File::named(dict, &without, &mut self.no_text);
        if let Some(Obj::Dict(files)) = self.file.get(dict, "EF") {
            let name = ["UF", "F", "Unix", "Mac", "DOS"].iter().find_map(|key| match self.file.get(dict, key) {
                Some(Obj::Text(name)) => Some(text_string(&name)),
                _ => None,
            });
            let name: String = name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
            for (_, file) in &files.0 {
                if let Some(id) = file.reference() {
                    self.attached.entry(id).or_insert_with(|| name.clone());
                }
            }
        }
    }

    /// Notes what dictionaries inside of an object say.
    fn note_nested(&mut self, object: &Obj, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match object {
            Obj::Array(items) => {
                if let [Obj::Name(name), Obj::Ref(id), ..] = &items[..]
                    && name == b"ICCBased"
                {
                    self.no_text.insert(*id);
                }
                for item in items {
                    self.note_nested(item, depth + 1);
                }
            }
            Obj::Dict(dict) => {
                if depth > 0 {
                    self.note(dict);
                }
                for (_, value) in &dict.0 {
                    self.note_nested(value, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Gives the text of all pages: those of the document in their order, then those that updates replaced.
    fn pages(&mut self, out: &mut Out<'_>) {
        let mut seen = HashSet::new();
        let mut number = 0;
        let root = self.file.root.clone().and_then(|root| self.file.resolve(&root));
        let top = root.as_ref().and_then(Obj::dict).and_then(|root| root.get("Pages")).and_then(Obj::reference);
        let mut open: Vec<(u32, Option<Rc<Fonts>>, usize)> = top.map(|id| (id, None, 0)).into_iter().collect();
        while let Some((id, inherited, depth)) = open.pop() {
            let Some(place) = self.file.latest(id).filter(|place| seen.insert(*place)) else { continue };
            let Some(dict) = self.dict(place) else { continue };
            let fonts = self.page_fonts(&dict, out).or(inherited);
            if let Some(Obj::Array(kids)) = self.file.get(&dict, "Kids") {
                if depth < DEPTH {
                    open.extend(kids.iter().rev().filter_map(Obj::reference).map(|id| (id, fonts.clone(), depth + 1)));
                } else {
                    out.gap(Gap::Budget, "pages");
                }
                continue;
            }
            number += 1;
            if !self.page(&Page { place, dict, fonts }, &format!("page {number}"), out) {
                return;
            }
        }
        for place in 0..self.places {
            let Some(dict) = self.dict(place).filter(|dict| dict.is("Type", "Page") && !seen.contains(&place)) else { continue };
            let fonts = self.page_fonts(&dict, out);
            let label = format!("page of an earlier version, object {}", self.file.places[place].id);
            if !self.page(&Page { place, dict, fonts }, &label, out) {
                return;
            }
        }
    }

    /// Gives the text of a page: its streams follow each other; earlier versions of them stand alone.
    fn page(&mut self, page: &Page, label: &str, out: &mut Out<'_>) -> bool {
        self.done.insert(page.place);
        let streams: Vec<u32> = match page.dict.get("Contents") {
            Some(contents @ Obj::Ref(id)) => match self.file.resolve(contents) {
                Some(Obj::Array(items)) => items.iter().filter_map(Obj::reference).collect(),
                _ => vec![*id],
            },
            Some(Obj::Array(items)) => items.iter().filter_map(Obj::reference).collect(),
            _ => Vec::new(),
        };
        let fonts = page.fonts.clone().unwrap_or_else(|| Rc::new(self.all_fonts.clone()));
        let mut content = Vec::new();
        let mut earlier = Vec::new();
        for id in streams {
            // All versions are looked at with the first page that shows one of them.
            if !self.contents.insert(id) {
                continue;
            }
            let versions = self.file.versions(id).to_vec();
            for (n, place) in versions.iter().enumerate() {
                if !self.done.insert(*place) {
                    continue;
                }
                let decoded = self.unpack(*place, CONTENT.saturating_sub(content.len()), out);
                if n + 1 == versions.len() {
                    content.extend_from_slice(&decoded);
                    content.push(b'\n');
                } else {
                    earlier.push(decoded);
                }
            }
        }
        let earlier_label = format!("{label}, earlier version");
        show(&content, &fonts, label, out) && earlier.iter().all(|content| show(content, &fonts, &earlier_label, out))
    }

    fn unpack(&self, index: usize, most: usize, out: &mut Out<'_>) -> Vec<u8> {
        let dict = self.dict(index).unwrap_or_default();
        self.file.decode(&self.file.places[index], &dict, most, out).bytes
    }

    /// The fonts that the resources of a page or form name.
    fn page_fonts(&mut self, dict: &Dict, out: &mut Out<'_>) -> Option<Rc<Fonts>> {
        let resources = dict.get("Resources")?;
        if let Some(known) = resources.reference().and_then(|id| self.resources.get(&id)) {
            return Some(Rc::clone(known));
        }
        let Some(Obj::Dict(names)) = self.file.resolve(resources).and_then(|r| self.file.get(r.dict()?, "Font")) else {
            return None;
        };
        let mut fonts = Fonts::new();
        for (name, font) in &names.0 {
            let known = font.reference().and_then(|id| self.fonts.get(&id));
            let read = match (known, self.file.resolve(font)) {
                (Some(known), _) => Rc::clone(known),
                (None, Some(Obj::Dict(dict))) => Rc::new(Font::read(&self.file, &dict, out)),
                _ => continue,
            };
            if let Some(id) = font.reference() {
                self.fonts.insert(id, Rc::clone(&read));
            }
            if self.all_fonts.len() < FONTS {
                self.all_fonts.entry(name.clone()).or_insert_with(|| Rc::clone(&read));
            }
            fonts.insert(name.clone(), read);
        }
        let fonts = Rc::new(fonts);
        if let Some(id) = resources.reference() {
            self.resources.insert(id, Rc::clone(&fonts));
        }
        Some(fonts)
    }

    /// Gives all other streams: attachments and metadata as they are, forms as the text they show.
    fn streams(&mut self, out: &mut Out<'_>) {
        for index in 0..self.places {
            let place = self.file.places[index];
            if self.file.raw(&place).is_none() || !self.done.insert(index) || !out.open() {
                continue;
            }
            let Some(dict) = self.dict(index) else { continue };
            let attachment = self.attached.get(&place.id).cloned();
            let no_text = dict.is("Type", "ObjStm")
                || dict.is("Type", "XRef")
                || dict.is("Subtype", "Image")
                || ["Type1C", "CIDFontType0C", "OpenType"].iter().any(|font| dict.is("Subtype", font))
                || self.no_text.contains(&place.id);
            if no_text && attachment.is_none() {
                continue;
            }
            let bytes = self.unpack(index, usize::MAX, out);
            let attachment = attachment.or_else(|| dict.is("Type", "EmbeddedFile").then(|| format!("in object {}", place.id)));
            if let Some(name) = attachment {
                out.part(&format!("attachment {name}"), &bytes);
            } else if dict.is("Type", "Metadata") {
                out.part("metadata", &bytes);
            } else if dict.is("Subtype", "Form") || shows_text(&bytes) {
                let fonts = self.page_fonts(&dict, out).unwrap_or_else(|| Rc::new(self.all_fonts.clone()));
                show(&bytes, &fonts, &format!("form, object {}", place.id), out);
            } else {
                out.part(&format!("stream, object {}", place.id), &bytes);
            }
        }
    }
}

/// Gives the text that content shows.
fn show(content: &[u8], fonts: &Fonts, label: &str, out: &mut Out<'_>) -> bool {
    let shown = content::text(content, fonts);
    if shown.unreadable {
        out.gap(Gap::Unsupported, label);
    }
    out.part(label, shown.text.as_bytes()) && out.part(&format!("{label}, marks"), shown.marks.as_bytes())
}

/// Whether bytes look like content that shows text.
fn shows_text(bytes: &[u8]) -> bool {
    let has = |word| memmem::find(bytes, word).is_some();
    has(b"BT") && has(b"ET") && (has(b"Tj") || has(b"TJ"))
}

/// Appends the strings of an object as assignments to their keys; a form field's value to its name.
fn collect(key: &str, object: &Obj, text: &mut String, depth: usize) {
    match object {
        Obj::Text(value) if !value.is_empty() => {
            let value = text_string(value);
            if key.is_empty() || value.contains('\n') {
                let _ = writeln!(text, "{value}");
            } else {
                let _ = writeln!(text, "{key} = \"{value}\"");
            }
        }
        Obj::Array(items) if depth < DEPTH => {
            for item in items {
                collect("", item, text, depth + 1);
            }
        }
        Obj::Dict(dict) if depth < DEPTH => {
            let field = if let Some(Obj::Text(name)) = dict.get("T") { Some(text_string(name)) } else { None };
            for (key, value) in &dict.0 {
                let key = String::from_utf8_lossy(key);
                let named = field.as_deref().filter(|_| matches!(&*key, "V" | "DV"));
                collect(named.unwrap_or(&key), value, text, depth + 1);
            }
        }
        _ => {}
    }
}

/// A string that is text: UTF-16 or UTF-8 with a mark, else near enough Latin-1 (ISO 32000-1, 7.9.2).
fn text_string(bytes: &[u8]) -> String {
    let encoding = Encoding::of(&bytes[..bytes.len().min(3)]);
    let mut text = Vec::new();
    match encoding {
        Encoding::Utf16 { bom: true, .. } | Encoding::MarkedUtf8 => {
            encoding.transcode(&bytes[encoding.mark_len()..], &mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect(), str::to_owned),
    }
}

#[cfg(test)]
mod tests;
