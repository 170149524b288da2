//! Turns `rules/*.toml` into statics: keysift starts without parsing anything, and a rule that fails its proofs fails
//! the build.

// The rule format is linted as a part of the library.
#![allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, unused_imports)]

#[path = "src/rule/format/mod.rs"]
mod format;

use format::file::Author;
use format::{OnFail, Rule};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=src/rule/format");
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
    let out = Path::new(&std::env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("catalogue.rs");
    std::fs::write(out, emit(&rules)).expect("OUT_DIR is writable");
}

/// The catalogue as a Rust expression.
fn emit(rules: &[Rule]) -> String {
    let mut out = String::from("&[\n");
    for r in rules {
        write!(
            out,
            "Rule {{ id: {:?}, formerly: &{:?}, since: {:?}, provider: {:?}, url: {:?}, name: {:?}, severity: Severity::{:?}, \
             format_confidence: Confidence::{:?}, kind: Kind::{:?}, keywords: &{:?}, pattern: {:?}, until: {:?}, \
             scope: Scope::{:?}, entropy: {:?}, checksum: {}, path: {:?}, near: &{:?}, assignment: {}, remedy: {:?}, \
             examples: &{:?}, counterexamples: {}, bounds: {:?} }},\n",
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
            r.path,
            r.near,
            r.assignment.map_or("None".to_owned(), |a| format!("Some(AssignmentClass::{a:?})")),
            r.remedy,
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
        )
        .expect("a string can be written to");
    }
    out.push(']');
    out
}
