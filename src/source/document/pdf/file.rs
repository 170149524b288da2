//! Where the objects of a PDF are. The table at its end is not trusted: the whole file is searched, so that earlier versions
//! of objects, which updates leave in place, are found too.

use super::filter::{self, Decoded};
use super::object::{Dict, Lexer, Obj};
use crate::source::document::Gap;
use crate::source::document::out::Out;
use memchr::memmem;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

/// How many objects a file may have.
const OBJECTS: usize = 1 << 20;

/// What a filter may make of one stream.
const STREAM: usize = 64 << 20;

/// What all streams of objects may be together: they are kept.
const KEPT: usize = 32 << 20;

/// An object's place. Later ones are newer versions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its number.
    pub(super) id: u32,
    /// 0: in the file; else in a stream of objects.
    container: u32,
    at: usize,
    /// Where its stream begins and ends.
    stream: Option<(usize, usize)>,
}

/// A PDF.
pub(super) struct File<'a> {
    bytes: &'a [u8],
    /// The objects that streams of objects hold.
    containers: Vec<Vec<u8>>,
    /// In the order of the file.
    pub(super) places: Vec<Place>,
    /// The places of an object, by its number.
    versions: HashMap<u32, Vec<usize>>,
    pub(super) root: Option<Obj>,
    pub(super) info: Vec<u32>,
    pub(super) encrypted: bool,
    /// What is not in any object.
    pub(super) outside: Vec<u8>,
    /// Bytes that may still be parsed: objects may be needed again and again.
    steps: Cell<usize>,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8], out: &mut Out<'_>) -> Self {
        let mut file = Self {
            bytes,
            containers: Vec::new(),
            places: Vec::new(),
            versions: HashMap::new(),
            root: None,
            info: Vec::new(),
            encrypted: false,
            outside: Vec::new(),
            steps: Cell::new(32 * bytes.len() + (1 << 20)),
        };
        file.find_objects(out);
        file.find_trailers();
        if !file.encrypted {
            file.open_containers(out);
        }
        file
    }

    /// Searches for `1 0 obj`.
    fn find_objects(&mut self, out: &mut Out<'_>) {
        let ends: Vec<usize> = memmem::find_iter(self.bytes, b"endstream").collect();
        let mut covered = 0;
        for at in memmem::find_iter(self.bytes, b"obj") {
            if at < covered {
                continue;
            }
            let Some((start, id)) = number_before(&self.bytes[covered..at]).map(|(start, id)| (covered + start, id)) else {
                continue;
            };
            if self.places.len() == OBJECTS || self.steps.get() == 0 {
                out.gap(Gap::Budget, "");
                break;
            }
            let mut place = Place { id, container: 0, at: at + 3, stream: None };
            let Some((object, mut end)) = self.parse(&place) else { continue };
            if let Obj::Dict(dict) = &object {
                place.stream = self.stream_after(dict, end, &ends);
                end = place.stream.map_or(end, |(_, end)| end);
                self.read_trailer(dict, dict.is("Type", "XRef"));
            }
            self.push_outside(covered, start);
            self.push(place);
            covered = end;
        }
        self.push_outside(covered, self.bytes.len());
    }

    fn push(&mut self, place: Place) {
        self.versions.entry(place.id).or_default().push(self.places.len());
        self.places.push(place);
    }

    fn push_outside(&mut self, start: usize, end: usize) {
        let text = self.bytes.get(start..end).unwrap_or_default().trim_ascii();
        if !matches!(text, b"" | b"endobj" | b"endstream\nendobj" | b"endstream\r\nendobj" | b"endstream endobj") {
            self.outside.extend_from_slice(text);
            self.outside.push(b'\n');
        }
    }

    /// The stream behind a dictionary that ends at `at`. Its length is believed where `endstream` follows.
    fn stream_after(&self, dict: &Dict, at: usize, ends: &[usize]) -> Option<(usize, usize)> {
        let mut lexer = Lexer::new(self.bytes, at);
        lexer.skip_space();
        let rest = self.bytes[lexer.at..].strip_prefix(b"stream")?;
        let rest =
            rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r")).unwrap_or(rest);
        let start = self.bytes.len() - rest.len();
        if let Some(len) = dict.get("Length").and_then(Obj::count)
            && let Some(after) = rest.get(len..)
            && after[..after.len().min(16)].trim_ascii_start().starts_with(b"endstream")
        {
            return Some((start, start + len));
        }
        let end = ends.get(ends.partition_point(|end| *end < start)).copied().unwrap_or(self.bytes.len());
        let stream = &self.bytes[start..end];
        let stream = stream.strip_suffix(b"\n").unwrap_or(stream);
        Some((start, start + stream.strip_suffix(b"\r").unwrap_or(stream).len()))
    }

    /// Reads trailers. Those of attached files, which are in streams, are none of this one.
    fn find_trailers(&mut self) {
        let outside = std::mem::take(&mut self.outside);
        let mut parsed = 0;
        for at in memmem::find_iter(&outside, b"trailer") {
            if at < parsed {
                continue;
            }
            let mut lexer = Lexer::new(&outside, at + 7);
            if let Some(Obj::Dict(dict)) = lexer.object() {
                self.read_trailer(&dict, true);
                parsed = lexer.at;
            }
        }
        self.outside = outside;
    }

    fn read_trailer(&mut self, dict: &Dict, is_trailer: bool) {
        if is_trailer {
            self.encrypted |= dict.get("Encrypt").is_some_and(|e| !matches!(e, Obj::Word(_)));
            self.info.extend(dict.get("Info").and_then(Obj::reference));
        }
        if let Some(root) = dict.get("Root").filter(|_| is_trailer) {
            self.root = Some(root.clone());
        } else if dict.is("Type", "Catalog") && self.root.is_none() {
            self.root = Some(Obj::Dict(dict.clone()));
        }
    }

    /// Unpacks streams of objects.
    fn open_containers(&mut self, out: &mut Out<'_>) {
        let mut kept = 0;
        let mut all = Vec::with_capacity(self.places.len());
        for place in std::mem::take(&mut self.places) {
            all.push(place);
            let Some((Obj::Dict(dict), _)) = self.parse(&place) else { continue };
            if !dict.is("Type", "ObjStm") {
                continue;
            }
            let decoded = self.decode(&place, &dict, KEPT - kept, out);
            kept += decoded.bytes.len();
            let container = u32::try_from(self.containers.len() + 1).unwrap_or(u32::MAX);
            let count = dict.get("N").and_then(Obj::count).unwrap_or_default();
            let first = dict.get("First").and_then(Obj::count).unwrap_or_default();
            let mut lexer = Lexer::new(&decoded.bytes, 0);
            for _ in 0..count.min(OBJECTS.saturating_sub(all.len())) {
                let mut number = || lexer.token().as_ref().and_then(Obj::count);
                let (Some(id), Some(offset)) = (number(), number()) else { break };
                let id = u32::try_from(id).unwrap_or_default();
                all.push(Place { id, container, at: first.saturating_add(offset), stream: None });
            }
            self.steps.set(self.steps.get().saturating_add(32 * decoded.bytes.len()));
            self.containers.push(decoded.bytes);
        }
        self.versions.clear();
        for place in all {
            self.push(place);
        }
    }

    /// The object at a place, and where it ends.
    pub(super) fn parse(&self, place: &Place) -> Option<(Obj, usize)> {
        let bytes = match place.container {
            0 => self.bytes,
            n => self.containers.get(n as usize - 1)?,
        };
        if self.steps.get() == 0 || place.at > bytes.len() {
            return None;
        }
        let mut lexer = Lexer::new(bytes, place.at);
        let object = lexer.object();
        self.steps.set(self.steps.get().saturating_sub(lexer.at - place.at + 16));
        // A string that does not end would swallow all that follows.
        if lexer.cut && lexer.at == bytes.len() && place.container == 0 { None } else { object.map(|object| (object, lexer.at)) }
    }

    /// Whether all that was asked for could be parsed.
    pub(super) fn has_steps(&self) -> bool {
        self.steps.get() > 0
    }

    /// The numbers of the versions of an object in `places`, the current one last.
    pub(super) fn versions(&self, id: u32) -> &[usize] {
        self.versions.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The current version of an object.
    pub(super) fn latest(&self, id: u32) -> Option<usize> {
        self.versions(id).last().copied()
    }

    /// What an object is, through references.
    pub(super) fn resolve(&self, object: &Obj) -> Option<Obj> {
        let mut object = object.clone();
        for _ in 0..8 {
            let Obj::Ref(id) = object else { return Some(object) };
            object = self.parse(&self.places[self.latest(id)?])?.0;
        }
        None
    }

    pub(super) fn get(&self, dict: &Dict, key: &str) -> Option<Obj> {
        self.resolve(dict.get(key)?)
    }

    /// A stream as it is stored.
    pub(super) fn raw(&self, place: &Place) -> Option<&'a [u8]> {
        place.stream.and_then(|(start, end)| self.bytes.get(start..end))
    }

    /// A stream, its filters undone; tells what could not be.
    pub(super) fn decode(&self, place: &Place, dict: &Dict, most: usize, out: &mut Out<'_>) -> Decoded {
        let list = |key: &str, short: &str| match self.get(dict, key).or_else(|| self.get(dict, short)) {
            Some(Obj::Array(items)) => items.iter().filter_map(|item| self.resolve(item)).collect(),
            Some(item) => vec![item],
            None => Vec::new(),
        };
        let raw = self.raw(place).unwrap_or_default();
        let decoded = filter::decode(&list("Filter", "F"), &list("DecodeParms", "DP"), raw, most.min(STREAM), out.room());
        out.made(decoded.made.min(out.room()));
        let label = format!("object {}", place.id);
        for (is, gap) in [(decoded.cut, Gap::Budget), (decoded.damaged, Gap::Damaged), (decoded.unknown, Gap::Unsupported)] {
            if is {
                out.gap(gap, &label);
            }
        }
        decoded
    }

    /// The streams that some dictionary names under one of these keys.
    pub(super) fn named(dict: &Dict, keys: &[&str], found: &mut HashSet<u32>) {
        found.extend(keys.iter().filter_map(|key| dict.get(key)?.reference()));
    }
}

/// The `1 0` before an `obj`: where it begins, and the first number.
fn number_before(text: &[u8]) -> Option<(usize, u32)> {
    let base = text.len().saturating_sub(64);
    let text = &text[base..];
    let end = |text: &[u8]| text.len() - text.iter().rev().take_while(|b| b.is_ascii_whitespace() || **b == 0).count();
    let digits = |text: &[u8]| text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let generation = &text[..end(text)];
    let spaced = &generation[..generation.len() - digits(generation)];
    let number = &spaced[..end(spaced)];
    let len = digits(number);
    let start = number.len() - len;
    if generation.len() == spaced.len() || spaced.len() == number.len() || len == 0 {
        return None;
    }
    let id = std::str::from_utf8(&number[start..]).ok()?.parse().ok()?;
    Some((base + start, id))
}
