//! Turns `rules/*.toml` into statics: keysift starts without parsing anything, and a rule that fails its proofs fails
//! the build.

// The rule format is linted as a part of the library.
#![allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, unused_imports)]

#[path = "src/rule/format/mod.rs"]
mod format;
#[path = "src/detect/assignment/fragments.rs"]
mod fragments;
#[path = "src/detect/prefilter/table.rs"]
mod table;

use format::file::Author;
use format::verify::{Body, Condition, Verify};
use format::{OnFail, Rule};
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
    std::fs::write(out.join("catalogue.rs"), emit(&rules)).expect("OUT_DIR is writable");
    std::fs::write(out.join("prefilter.rs"), emit_prefilter(&rules)).expect("OUT_DIR is writable");
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
        "pub const FACTOR: u32 = {factor};\npub const SHORT: [u64; {}] = {short:?};\n\
         pub static SLOTS: [u32; {}] = {slots:?};\npub static BUCKETS: [u32; {}] = {buckets:?};\n\
         pub static WINDOWS: [Window; {}] = {windows:?};\npub static ENTRIES: [Entry; {}] = {entries:?};\n",
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

/// The catalogue as a Rust expression.
fn emit(rules: &[Rule]) -> String {
    let mut out = String::from("&[\n");
    for r in rules {
        write!(
            out,
            "Rule {{ id: {:?}, formerly: &{:?}, since: {:?}, provider: {:?}, url: {:?}, name: {:?}, severity: Severity::{:?}, \
             format_confidence: Confidence::{:?}, kind: Kind::{:?}, keywords: &{:?}, pattern: {:?}, until: {:?}, \
             scope: Scope::{:?}, entropy: {:?}, checksum: {}, structure: {}, path: {:?}, near: &{:?}, assignment: {}, remedy: {:?}, \
             verify: {}, examples: &{:?}, counterexamples: {}, bounds: {:?}, program: b\"{}\" }},\n",
            r.id,
            r.formerly,
            r.since,
            r.provider,
            r.url,
            r.name,
            r.severity,
            r.format_confidence,
            r.kind,
            r.keywords,
            r.pattern,
            r.until,
            r.scope,
            r.entropy,
            r.checksum.map_or("None".to_owned(), |c| format!(
                "Some(Checksum {{ kind: ChecksumKind::{:?}, on_fail: OnFail::{:?} }})",
                c.kind, c.on_fail
            )),
            r.structure.map_or("None".to_owned(), |s| format!("Some(crate::rule::StructureKind::{s:?})")),
            r.path,
            r.near,
            r.assignment.map_or("None".to_owned(), |a| format!("Some(AssignmentClass::{a:?})")),
            r.remedy,
            r.verify.as_ref().map_or("None".to_owned(), |v| format!("Some({})", emit_verify(v))),
            r.examples,
            format_args!(
                "&[{}]",
                r.counterexamples
                    .iter()
                    .map(|c| format!("Counterexample {{ text: {:?}, but: &{:?} }}", c.text, c.but))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            r.bounds,
            r.program.escape_ascii(),
        )
        .expect("a string can be written to");
    }
    out.push(']');
    out
}

/// A `[T]` as a Rust expression.
fn list<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    format!("&[{}]", items.iter().map(each).collect::<Vec<_>>().join(", "))
}

fn emit_condition(c: &Condition) -> String {
    let json = list(c.json, |(path, values)| format!("({path:?}, {})", list(values, |v| format!("Scalar::{v:?}"))));
    format!(
        "Condition {{ status: &{:?}, headers: &{:?}, json: {json}, json_has: &{:?}, body_contains: &{:?} }}",
        c.status, c.headers, c.json_has, c.body_contains
    )
}

/// How a provider is asked, as a Rust expression.
fn emit_verify(v: &Verify) -> String {
    let body = match v.body {
        Body::None => "Body::None".to_owned(),
        Body::Form(pairs) => format!("Body::Form(&{pairs:?})"),
        Body::Json(text) => format!("Body::Json({text:?})"),
    };
    let identity = list(v.identity, |(name, from)| format!("({name:?}, IdentitySource::{from:?})"));
    format!(
        "Verify {{ evidence: Evidence::{:?}, docs: {:?}, trusted: {:?}, protocol: {}, method: Method::{:?}, url: {:?}, \
         other_urls: &{:?}, instance_url: {:?}, headers: &{:?}, basic: {:?}, query: &{:?}, body: {body}, parts: {}, \
         unknown: {}, dead: {}, live: {}, identity: {identity}, regional: {:?}, tenant_safe: {:?} }}",
        v.evidence,
        v.docs,
        v.trusted,
        v.protocol.map_or("None".to_owned(), |p| format!("Some(Protocol::{p:?})")),
        v.method,
        v.url,
        v.other_urls,
        v.instance_url,
        v.headers,
        v.basic,
        v.query,
        v.parts.map_or("None".to_owned(), |(of, pattern)| format!("Some((PartsOf::{of:?}, {pattern:?}))")),
        list(v.unknown, |u| format!("Unclear {{ when: {}, reason: Doubt::{:?} }}", emit_condition(&u.when), u.reason)),
        list(v.dead, emit_condition),
        list(v.live, emit_condition),
        v.regional,
        v.tenant_safe,
    )
}
