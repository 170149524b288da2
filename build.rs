//! Turns `rules/*.toml` into bytes and tables without a single address: keysift starts without parsing anything, no pointer has to
//! be set before it does, and a rule is read when it is first asked for. A rule that fails its proofs fails the build.

// The rule format is linted as a part of the library.
#![allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, unused_imports)]

#[path = "src/rule/format/mod.rs"]
mod format;
#[path = "src/detect/assignment/fragments.rs"]
mod fragments;
#[path = "src/detect/prefilter/table.rs"]
mod table;

use format::Rule;
use format::file::Author;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=src/rule/format");
    println!("cargo:rerun-if-changed=src/detect/assignment/fragments.rs");
    println!("cargo:rerun-if-changed=src/detect/prefilter/table.rs");
    println!("cargo:rerun-if-changed=src/detect/prefilter/fourgrams.bin");
    let mut files: Vec<PathBuf> = std::fs::read_dir("rules")
        .expect("rules/ is beside Cargo.toml")
        .map(|entry| entry.expect("rules/ can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut rules = Vec::new();
    let mut failed = false;
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a rule file is readable UTF-8");
        match format::parse_rule_file(&file.display().to_string(), &text, Author::BuiltIn) {
            Ok((found, _)) => rules.extend(found),
            Err(errors) => {
                failed = true;
                println!("cargo:warning={}", errors.to_string().replace('\n', "; "));
            }
        }
    }
    assert!(!failed, "the catalogue has invalid rules");
    rules.sort_by_key(|rule| rule.id);
    for pair in rules.windows(2) {
        assert!(pair[0].id != pair[1].id, "rule id `{}` stands twice in the catalogue", pair[0].id);
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |name: &str, made: &[u8]| std::fs::write(out.join(name), made).expect("OUT_DIR is writable");
    let read_later: Vec<Vec<u8>> =
        rules.iter().map(|rule| postcard::to_extend(rule, Vec::new()).expect("a rule is plain data")).collect();
    write("catalogue.bin", &read_later.concat());
    write("catalogue.rs", emit_heads(&rules, ends(read_later.iter().map(Vec::len))).as_bytes());
    write("prefilter.rs", emit_prefilter(&rules).as_bytes());
}

/// Where each rule ends in the bytes, and what is known of rules that are not read: their names and cues.
fn emit_heads(rules: &[Rule], rule_ends: Vec<usize>) -> String {
    let names: Vec<String> =
        rules.iter().map(|rule| std::iter::once(&rule.id).chain(rule.formerly).copied().collect::<Vec<_>>().join(" ")).collect();
    let has_blank = |rule: &Rule| std::iter::once(&rule.id).chain(rule.formerly).any(|name| name.contains(' '));
    assert!(!rules.iter().any(has_blank), "a blank ends a name");
    let cues: Vec<format::Cue> = rules.iter().map(Rule::cue).collect();
    let name_ends = ends(names.iter().map(String::len));
    format!(
        "pub static RULE_ENDS: [u32; {}] = {rule_ends:?};\npub static NAMES: &[u8] = b\"{}\";\n\
         pub static NAME_ENDS: [u32; {}] = {name_ends:?};\npub static CUES: [Cue; {}] = {cues:?};\n",
        rule_ends.len(),
        names.concat().as_bytes().escape_ascii(),
        name_ends.len(),
        cues.len()
    )
}

/// The keywords of all rules in order, the rules of each, then the pieces of names of secrets, and the prefilter's tables.
fn emit_prefilter(rules: &[Rule]) -> String {
    let mut of_word: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate().filter(|(_, r)| r.pattern.is_some()) {
        for word in rule.keywords {
            of_word.entry(word).or_default().push(u16::try_from(place).expect("fewer than 65,536 rules"));
        }
    }
    let words: Vec<&str> = of_word.keys().copied().chain(fragments::FRAGMENTS.iter().map(|f| f.word)).collect();
    assert!(words.iter().all(|w| w.len() >= 3), "keywords of the catalogue have three bytes or more");
    let table::Table { factor, slots, buckets, windows, entries, short } = table::Table::of(&words, table::best_factor(&words));
    let word_ends = ends(words.iter().map(|word| word.len()));
    let places: Vec<u16> = of_word.values().flatten().copied().collect();
    // Fragments are no rule's.
    let rule_ends = ends(of_word.values().map(Vec::len).chain(fragments::FRAGMENTS.map(|_| 0)));
    let mut out = format!(
        "pub static WORDS: &[u8] = b\"{}\";\npub static WORD_ENDS: [u32; {}] = {word_ends:?};\n\
         pub static RULES: [u16; {}] = {places:?};\npub static RULE_ENDS: [u32; {}] = {rule_ends:?};\n",
        words.concat().as_bytes().escape_ascii(),
        word_ends.len(),
        places.len(),
        rule_ends.len()
    );
    write!(
        out,
        "pub const LONGEST: usize = {};\npub const FACTOR: u32 = {factor};\npub const SHORT: [u64; {}] = {short:?};\n\
         pub static SLOTS: [u32; {}] = {slots:?};\npub static BUCKETS: [u32; {}] = {buckets:?};\n\
         pub static WINDOWS: [Window; {}] = {windows:?};\npub static ENTRIES: [Entry; {}] = {entries:?};\n",
        words.iter().map(|word| word.len()).max().unwrap_or(0),
        short.len(),
        slots.len(),
        buckets.len(),
        windows.len(),
        entries.len()
    )
    .expect("a string can be written to");
    out
}

/// Where lists of such lengths end, one behind the other.
fn ends(lens: impl Iterator<Item = usize>) -> Vec<usize> {
    lens.scan(0, |end, len| {
        *end += len;
        Some(*end)
    })
    .collect()
}
