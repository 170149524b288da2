//! Lines, columns and offsets: as an editor shows them, whatever the encoding, wherever chunks of large files meet.

use crate::support::{Tree, github_token, private_key};
use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::rule::RuleSet;
use serde_json::Value;

/// Where a finding stands: lines, columns, bytes.
fn place(location: &Value) -> [u64; 6] {
    ["start_line", "start_column", "end_line", "end_column", "byte_start", "byte_end"].map(|k| location[k].as_u64().expect(k))
}

/// Where `what` stands in `text`, counted character by character; offsets by what each character takes when it is stored.
fn expected(text: &str, what: &str, mark: u64, stored: impl Fn(char) -> usize) -> [u64; 6] {
    let from = text.find(what).expect("it is in the text");
    let (mut line, mut column, mut byte) = (1, 1, mark);
    let mut start = [0; 3];
    for (at, c) in text.char_indices() {
        if at == from {
            start = [line, column, byte];
        }
        if at == from + what.len() {
            break;
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        byte += stored(c) as u64;
    }
    [start[0], start[1], line, column, start[2], byte]
}

const TEXT: &str = "# Gr\u{fc}\u{df}e\n\u{65e5}\u{672c} = '\u{1F600}'\n";

fn only(content: &[u8]) -> [u64; 6] {
    let tree = Tree::new();
    tree.write("a.txt", content);
    let report = tree.scan(&["--rule", "github-*"]);
    place(&report.only()["location"])
}

#[test]
fn in_every_encoding() {
    let token = github_token("e");
    for newline in ["\n", "\r\n"] {
        let text = format!("{TEXT}  caf\u{e9} \u{1F600} = \"{token}\"; // \u{e4}\nlast line\n").replace('\n', newline);
        assert_eq!(only(text.as_bytes()), expected(&text, &token, 0, char::len_utf8), "UTF-8");
        for marked in [false, true] {
            let text16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
                let mark = if marked { "\u{feff}" } else { "" };
                mark.encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
            };
            let text32 = |bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
                let mark = if marked { "\u{feff}" } else { "" };
                mark.chars().chain(text.chars()).flat_map(|c| bytes(c as u32)).collect()
            };
            let units16 = |c: char| c.len_utf16() * 2;
            let mark = |n: u64| if marked { n } else { 0 };
            assert_eq!(only(&text16(u16::to_le_bytes)), expected(&text, &token, mark(2), units16), "UTF-16 LE, marked: {marked}");
            assert_eq!(only(&text16(u16::to_be_bytes)), expected(&text, &token, mark(2), units16), "UTF-16 BE, marked: {marked}");
            assert_eq!(only(&text32(u32::to_le_bytes)), expected(&text, &token, mark(4), |_| 4), "UTF-32 LE, marked: {marked}");
            assert_eq!(only(&text32(u32::to_be_bytes)), expected(&text, &token, mark(4), |_| 4), "UTF-32 BE, marked: {marked}");
        }
        // Latin-1: each byte is a character of its own.
        let latin = format!("# Gr\u{fc}\u{df}e\ncaf\u{e9}\u{e9} = {token}\n").replace('\n', newline);
        let stored: Vec<u8> = latin.chars().map(|c| u8::try_from(c as u32).expect("Latin-1")).collect();
        assert_eq!(only(&stored), expected(&latin, &token, 0, |_| 1), "Latin-1");
    }
}

#[test]
fn behind_a_mark_of_utf_8() {
    let token = github_token("m");
    let text = format!("{token}\n");
    let marked = format!("\u{feff}{text}");
    assert_eq!(only(marked.as_bytes()), expected(&text, &token, 3, char::len_utf8), "the mark is no character of the first line");
}

#[test]
fn at_the_edges_of_a_file() {
    let token = github_token("edge");
    assert_eq!(only(token.as_bytes()), [1, 1, 1, 41, 0, 40]);
    assert_eq!(only(format!("\n\n\n{token}").as_bytes()), [4, 1, 4, 41, 3, 43]);
    assert_eq!(only(format!("{token}\n").as_bytes()), [1, 1, 1, 41, 0, 40]);
    // Old Macintosh line ends make no lines: editors differ, git does not count them.
    assert_eq!(only(format!("a\r{token}\r").as_bytes()), [1, 3, 1, 43, 2, 42]);
    // Zero bytes and invalid UTF-8 count one each.
    assert_eq!(only(&[&[0, 0xff, 0xfe, 0x80, b' '][..], token.as_bytes()].concat()), [1, 6, 1, 46, 5, 45]);
}

#[test]
fn a_key_of_several_lines() {
    let key = private_key("lines", 4);
    let text = format!("a\n  {key}");
    let tree = Tree::new();
    tree.write("a.pem", &text);
    let report = tree.scan(&[]);
    let location = &report.only()["location"];
    assert_eq!(location["start_line"], 2);
    assert_eq!(location["end_line"], 7);
    let [_, _, _, _, start, end] = place(location);
    assert!(
        text[start as usize..end as usize].starts_with(&fill_body(&key)[..1]) || text[start as usize..].starts_with("-----BEGIN")
    );
    assert!(end as usize <= text.len());
}

fn fill_body(key: &str) -> String {
    key.lines().nth(1).expect("a key has a body").to_owned()
}

/// What a scan must find in `text`, computed by looking at all of it at once.
fn at_once(text: &str, stored: impl Fn(&str) -> u64) -> Vec<(String, [u64; 6])> {
    let detector = Detector::new(RuleSet::built_in());
    let examined = examine(&detector, text.as_bytes(), Some("large.txt"), &mut Scratch::default());
    let place = |at: usize| {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        (1 + before.matches('\n').count() as u64, 1 + before[line_start..].chars().count() as u64)
    };
    let found = examined.found.iter().map(|j| {
        let span = j.at();
        let ((sl, sc), (el, ec)) = (place(span.start), place(span.end));
        (j.rule.id.to_owned(), [sl, sc, el, ec, stored(&text[..span.start]), stored(&text[..span.end])])
    });
    found.collect()
}

fn scanned(bytes: &[u8]) -> Vec<(String, [u64; 6])> {
    let tree = Tree::new();
    tree.write("large.txt", bytes);
    let report = tree.scan(&["--min-confidence", "low"]);
    assert!(report.complete());
    let all = report.findings().iter().flat_map(|f| {
        let id = f["rule_id"].as_str().expect("an id").to_owned();
        f["occurrences"].as_array().expect("occurrences").iter().map(move |l| (id.clone(), place(l)))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(id, p)| (p[4], p[5], id.clone()));
    all
}

/// A text of `len` bytes with a token at each of `places`, and long keys over some of them.
fn large_text(len: usize, places: &[usize], keys: &[usize], wide: bool) -> String {
    let mut text = String::with_capacity(len + 100_000);
    let mut inserts: Vec<(usize, String)> =
        places.iter().map(|p| (*p, format!("\nt={}\n", github_token(&p.to_string())))).collect();
    inserts.extend(keys.iter().map(|p| (*p, format!("\n{}", private_key(&p.to_string(), 900)))));
    inserts.sort();
    let filler =
        if wide { "some text \u{e9}\u{65e5}\u{1F600} goes on\n" } else { "some text that goes on and on, line by line\n" };
    for (at, insert) in inserts {
        while text.len() + filler.len() < at {
            text.push_str(filler);
        }
        while text.len() + 2 < at {
            text.push('.');
        }
        text.push_str(&insert);
    }
    while text.len() < len {
        text.push_str(filler);
    }
    text
}

const CHUNK: usize = 8 << 20;

#[test]
fn across_the_chunks_of_a_large_file() {
    // Around each border of chunks, and where the overlap of two chunks begins and ends.
    let mut places = Vec::new();
    for border in [CHUNK, 2 * CHUNK] {
        for around in [0_i64, -71_680, 71_680, -65_536, 65_536, -141_312] {
            for step in [-300, -150, -60, -42, -20, 0, 45, 150] {
                places.push((border as i64 + around + step) as usize);
            }
        }
    }
    let text = large_text(2 * CHUNK + 900_000, &places, &[], false);
    let expected = at_once(&text, |t| t.len() as u64);
    assert!(expected.len() > 80, "{}", expected.len());
    assert_eq!(scanned(text.as_bytes()), expected);
}

#[test]
fn a_long_key_across_a_border() {
    // 900 lines are 58,500 bytes: the key begins in one chunk and ends in the next.
    for from in [CHUNK - 58_000, CHUNK - 30_000, CHUNK - 100, CHUNK - 129_000] {
        let text = large_text(CHUNK + 400_000, &[from - 2000], &[from], false);
        let expected = at_once(&text, |t| t.len() as u64);
        assert_eq!(expected.len(), 2);
        assert_eq!(scanned(text.as_bytes()), expected, "from {from}");
    }
}

#[test]
fn across_the_chunks_of_a_large_file_in_other_encodings() {
    // In UTF-16 a chunk of 8 MiB holds half as much text.
    let mut places = Vec::new();
    for border in [CHUNK / 2, CHUNK / 2 + 35_328, CHUNK / 2 - 70_656, CHUNK] {
        places.extend([-400, -200, -45, 0, 45, 90].map(|step: i64| (border as i64 + step) as usize));
    }
    let text = large_text(CHUNK + 300_000, &places, &[], true);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let stored = |t: &str| t.encode_utf16().count() as u64 * 2;
    let expected = at_once(&text, stored);
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(scanned(&utf16), expected, "UTF-16");
    assert_eq!(scanned(text.as_bytes()), at_once(&text, |t| t.len() as u64), "UTF-8 with wide characters");
}

/// One line without end: columns count on over chunks.
#[test]
fn one_line_of_many_megabytes() {
    let mut text = "x ".repeat(CHUNK / 2 - 30);
    text.push_str(&format!(" t={} ", github_token("1")));
    text.push_str(&"\u{e9} ".repeat(3_000_000));
    text.push_str(&format!(" t={} ", github_token("2")));
    let expected = at_once(&text, |t| t.len() as u64);
    assert_eq!(expected.len(), 2);
    assert_eq!(scanned(text.as_bytes()), expected);
}
