//! `docs/verification.md` names every rule that is asked about: `KEYSIFT_WRITE_DOCS=1 cargo test --test verify` writes it.

use keysift::rule::RuleSet;
use keysift::rule::format::verify::{Doubt, Evidence};
use std::fmt::Write as _;

/// `text` with what stands between the marks of a section replaced.
fn with_section(text: &str, section: &str, body: &str) -> String {
    let (before, rest) = text.split_once(&format!("<!-- {section} -->\n")).unwrap_or_else(|| panic!("no section {section}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("an end");
    format!("{before}<!-- {section} -->\n{body}<!-- end -->{after}")
}

fn table(is_documented: bool) -> String {
    let mut out = String::from("| rule | asked | evidence |\n|---|---|---|\n");
    for (_, rule) in RuleSet::built_in().iter() {
        let Some(verify) = rule.verify.filter(|v| (v.evidence == Evidence::Documented) == is_documented) else { continue };
        let asked = match verify.protocol {
            Some(protocol) => format!("`{}`", protocol.as_str()),
            None => format!("{} `{}`", verify.method.as_str(), verify.url),
        };
        let evidence = if verify.docs.is_empty() {
            verify.evidence.as_str().to_owned()
        } else {
            format!("[{}]({})", verify.evidence.as_str(), verify.docs)
        };
        let _ = writeln!(out, "| `{}` | {asked} | {evidence} |", rule.id);
    }
    out
}

#[test]
fn the_lists_of_the_manual_are_those_of_the_catalogue() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verification.md");
    let known = std::fs::read_to_string(&file).expect("the manual");
    let reasons: String = Doubt::NAMES.iter().flat_map(|(word, _, text)| ["| `", word, "` | ", text, " |\n"]).collect();
    let mut text = with_section(&known, "reasons", &format!("| reason | |\n|---|---|\n{reasons}"));
    text = with_section(&text, "documented", &table(true));
    text = with_section(&text, "described", &table(false));
    if std::env::var_os("KEYSIFT_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).expect("the manual can be written");
        return;
    }
    assert!(known == text, "docs/verification.md does not name the rules of the catalogue: KEYSIFT_WRITE_DOCS=1 writes it");
}

#[test]
fn what_asks_nobody_is_left_out_with_a_reason() {
    let text = include_str!("../../docs/verification-left-out.md");
    let mut told: Vec<&str> = Vec::new();
    for line in text.lines().filter(|l| l.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        told.push(cells.next().expect("a cell").trim_matches('`'));
        assert!(cells.next().is_some_and(|why| why.len() > 5), "{line}: no reason");
    }
    let rules = RuleSet::built_in();
    let mut silent: Vec<&str> = rules.iter().filter(|(_, r)| r.verify.is_none()).map(|(_, r)| r.id).collect();
    told.sort_unstable();
    silent.sort_unstable();
    let missing: Vec<_> = silent.iter().filter(|id| !told.contains(id)).collect();
    let asked: Vec<_> = told.iter().filter(|id| !silent.contains(id)).collect();
    assert!(missing.is_empty() && asked.is_empty(), "without a reason: {missing:?}; listed and asked about, or none: {asked:?}");
}
