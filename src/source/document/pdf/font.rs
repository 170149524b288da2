//! Fonts: which characters the codes of a text are (ISO 32000-1, 9.10), and how wide they are.

use super::file::File;
use super::object::{Dict, Lexer, Obj};
use crate::source::document::out::Out;
use std::collections::HashMap;

/// How large a map of characters may be.
const CMAP: usize = 4 << 20;

/// How many characters a code may stand for.
const CHARACTERS: usize = 8;

/// A font.
#[derive(Default)]
pub(super) struct Font {
    /// Whether codes have two bytes.
    wide: bool,
    /// The lengths of codes, where a map says so: first and last code, and bytes.
    spaces: Vec<(u32, u32, usize)>,
    /// First and last code and the character of the first; sorted.
    map: Vec<(u32, u32, String)>,
    /// Codes that a simple font's encoding gives another character.
    differences: HashMap<u32, &'static str>,
    widths: Vec<(u32, u32, f64)>,
    default_width: Option<f64>,
    monospaced: bool,
    /// Codes are numbers of glyphs, and nothing says which characters they are.
    pub(super) unreadable: bool,
    utf16: bool,
}

/// The widths of Helvetica from space to tilde, for fonts that tell none: readers have such fonts themselves.
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778,
    722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222,
    500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

impl Font {
    pub(super) fn read(file: &File<'_>, dict: &Dict, out: &mut Out<'_>) -> Self {
        let mut font = Self { wide: dict.is("Subtype", "Type0"), ..Self::default() };
        if let Some(id) = dict.get("ToUnicode").and_then(Obj::reference)
            && let Some(place) = file.latest(id).map(|at| file.places[at])
            && let Some((Obj::Dict(stream), _)) = file.parse(&place)
        {
            let decoded = file.decode(&place, &stream, CMAP, out);
            font.read_map(&decoded.bytes);
        }
        if font.wide {
            font.read_descendant(file, dict);
        } else {
            font.read_simple(file, dict);
        }
        font
    }

    fn read_descendant(&mut self, file: &File<'_>, dict: &Dict) {
        let encoding = file.get(dict, "Encoding");
        let name = encoding.as_ref().and_then(Obj::name).unwrap_or_default();
        let contains = |part: &[u8]| memchr::memmem::find(name, part).is_some();
        self.utf16 = self.map.is_empty() && (contains(b"UCS2") || contains(b"UTF16"));
        self.unreadable = self.map.is_empty() && (name.is_empty() || contains(b"Identity"));
        if self.map.is_empty() && !self.utf16 && !self.unreadable {
            // An older encoding of East Asia: ASCII is ASCII in all of them, and of one byte.
            self.spaces.push((0, 0x7f, 1));
        }
        let descendant = file.get(dict, "DescendantFonts").and_then(|d| file.resolve(d.array()?.first()?));
        let Some(Obj::Dict(descendant)) = descendant else { return };
        self.default_width = file.get(&descendant, "DW").and_then(|w| w.number()).or(Some(1000.0));
        let Some(Obj::Array(widths)) = file.get(&descendant, "W") else { return };
        let mut rest = &widths[..];
        while let [first, second, after @ ..] = rest {
            let Some(first) = first.count().and_then(|n| u32::try_from(n).ok()) else { break };
            if let Some(Obj::Array(list)) = file.resolve(second) {
                let widths = (first..).zip(list.iter().filter_map(Obj::number));
                self.widths.extend(widths.map(|(code, width)| (code, code, width)));
                rest = after;
            } else if let (Some(last), Some(width)) = (second.count(), after.first().and_then(Obj::number)) {
                self.widths.push((first, u32::try_from(last).unwrap_or(u32::MAX), width));
                rest = &after[1..];
            } else {
                break;
            }
        }
        self.widths.sort_by_key(|w| w.0);
    }

    fn read_simple(&mut self, file: &File<'_>, dict: &Dict) {
        let base = dict.get("BaseFont").and_then(Obj::name).unwrap_or_default();
        self.monospaced = memchr::memmem::find(base, b"Courier").is_some() || memchr::memmem::find(base, b"Mono").is_some();
        if let Some(Obj::Dict(encoding)) = file.get(dict, "Encoding")
            && let Some(Obj::Array(differences)) = file.get(&encoding, "Differences")
        {
            let mut code = 0;
            for item in &differences {
                if let Some(name) = item.name() {
                    if let Some(character) = glyph(name) {
                        self.differences.insert(code, character);
                    }
                    code = code.saturating_add(1);
                } else if let Some(next) = item.count() {
                    code = u32::try_from(next).unwrap_or_default();
                }
            }
        }
        let first = file.get(dict, "FirstChar").and_then(|n| n.count()).and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        if let Some(Obj::Array(widths)) = file.get(dict, "Widths") {
            self.widths =
                (first..).zip(widths.iter()).take(256).filter_map(|(code, w)| Some((code, code, w.number()?))).collect();
        }
    }

    /// Reads a map from codes to UTF-16.
    fn read_map(&mut self, bytes: &[u8]) {
        let mut lexer = Lexer::new(bytes, 0);
        let mut operands: Vec<Obj> = Vec::new();
        while let Some(token) = lexer.token() {
            let Obj::Word(word) = token else {
                operands.push(token);
                continue;
            };
            match &word[..] {
                b"endcodespacerange" => {
                    for pair in operands.chunks_exact(2) {
                        if let [Obj::Text(low), Obj::Text(high)] = pair {
                            self.spaces.push((code(low), code(high), low.len().clamp(1, 4)));
                        }
                    }
                }
                b"endbfchar" => {
                    for pair in operands.chunks_exact(2) {
                        if let [Obj::Text(from), Obj::Text(to)] = pair {
                            self.map.push((code(from), code(from), characters(to)));
                        }
                    }
                }
                b"endbfrange" => {
                    for triple in operands.chunks_exact(3) {
                        match triple {
                            [Obj::Text(low), Obj::Text(high), Obj::Text(to)] => {
                                self.map.push((code(low), code(high), characters(to)));
                            }
                            [Obj::Text(low), Obj::Text(_), Obj::Array(list)] => {
                                let texts =
                                    list.iter().map(|item| if let Obj::Text(to) = item { characters(to) } else { String::new() });
                                self.map.extend((code(low)..).zip(texts).map(|(code, text)| (code, code, text)));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            operands.clear();
        }
        self.map.sort_by_key(|entry| entry.0);
        self.spaces.truncate(64);
    }

    /// The next code of a text, and its length.
    pub(super) fn next_code(&self, text: &[u8]) -> Option<(u32, usize)> {
        let first = *text.first()?;
        for len in 1..=text.len().min(4) {
            let value = code(&text[..len]);
            if self.wide && self.spaces.iter().any(|(low, high, bytes)| *bytes == len && (*low..=*high).contains(&value)) {
                return Some((value, len));
            }
        }
        match text.get(1) {
            Some(second) if self.wide => Some((u32::from(first) << 8 | u32::from(*second), 2)),
            _ => Some((u32::from(first), 1)),
        }
    }

    /// Appends the characters of a code.
    pub(super) fn write(&self, code: u32, text: &mut String) {
        let after = self.map.partition_point(|entry| entry.0 <= code);
        if let Some((low, _, to)) = self.map[..after].last().filter(|entry| code <= entry.1) {
            let mut characters = to.chars();
            let last = characters.next_back();
            characters.for_each(|c| write(c, text));
            last.and_then(|c| char::from_u32(c as u32 + (code - low))).into_iter().for_each(|c| write(c, text));
        } else if let Some(character) = self.differences.get(&code) {
            text.push_str(character);
        } else if !self.unreadable && (!self.wide || self.utf16 || code < 0x80) {
            char::from_u32(code).filter(|c| *c != '\0').into_iter().for_each(|c| write(c, text));
        }
    }

    /// How wide a code is, in thousandths of the font's size.
    pub(super) fn width(&self, code: u32) -> f64 {
        let after = self.widths.partition_point(|w| w.0 <= code);
        if let Some((_, _, width)) = self.widths[..after].last().filter(|w| code <= w.1) {
            return *width;
        }
        let helvetica = || code.checked_sub(32).and_then(|n| HELVETICA.get(n as usize)).map_or(556.0, |w| f64::from(*w));
        self.default_width.unwrap_or_else(|| if self.monospaced { 600.0 } else { helvetica() })
    }
}

/// Appends a character: ligatures as their letters, and hyphens and spaces of all kinds as the ones that tokens have.
fn write(c: char, text: &mut String) {
    match c {
        '\u{fb00}' => text.push_str("ff"),
        '\u{fb01}' => text.push_str("fi"),
        '\u{fb02}' => text.push_str("fl"),
        '\u{fb03}' => text.push_str("ffi"),
        '\u{fb04}' => text.push_str("ffl"),
        '\u{ad}' | '\u{2010}' | '\u{2011}' => text.push('-'),
        '\u{a0}' => text.push(' '),
        c => text.push(c),
    }
}

fn code(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |code, b| code << 8 | u32::from(*b))
}

fn characters(utf16: &[u8]) -> String {
    let units = utf16.chunks(2).map(|u| if let [high, low] = u { u16::from_be_bytes([*high, *low]) } else { u16::from(u[0]) });
    char::decode_utf16(units).take(CHARACTERS).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The character of a glyph's name, for those in ASCII and the ligatures (Adobe Glyph List).
fn glyph(name: &[u8]) -> Option<&'static str> {
    const ASCII: &str = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    const NAMES: [(&str, &str); 44] = [
        ("space", " "),
        ("exclam", "!"),
        ("quotedbl", "\""),
        ("numbersign", "#"),
        ("dollar", "$"),
        ("percent", "%"),
        ("ampersand", "&"),
        ("quotesingle", "'"),
        ("quoteright", "'"),
        ("parenleft", "("),
        ("parenright", ")"),
        ("asterisk", "*"),
        ("plus", "+"),
        ("comma", ","),
        ("hyphen", "-"),
        ("minus", "-"),
        ("period", "."),
        ("slash", "/"),
        ("zero", "0"),
        ("one", "1"),
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
        ("colon", ":"),
        ("semicolon", ";"),
        ("less", "<"),
        ("equal", "="),
        ("greater", ">"),
        ("question", "?"),
        ("at", "@"),
        ("bracketleft", "["),
        ("backslash", "\\"),
        ("bracketright", "]"),
        ("asciicircum", "^"),
        ("underscore", "_"),
        ("grave", "`"),
        ("braceleft", "{"),
        ("bar", "|"),
        ("braceright", "}"),
    ];
    const MORE: [(&str, &str); 7] =
        [("asciitilde", "~"), ("quoteleft", "`"), ("ff", "ff"), ("fi", "fi"), ("fl", "fl"), ("ffi", "ffi"), ("ffl", "ffl")];
    let name = std::str::from_utf8(name).ok()?;
    if let [letter @ (b'A'..=b'Z' | b'a'..=b'z')] = name.as_bytes() {
        let at = usize::from(letter - b' ');
        return ASCII.get(at..=at);
    }
    if let Some(at) = name.strip_prefix("uni").and_then(|hex| usize::from_str_radix(hex, 16).ok()?.checked_sub(0x20)) {
        return ASCII.get(at..=at);
    }
    NAMES.iter().chain(&MORE).find(|(n, _)| *n == name).map(|(_, character)| *character)
}
