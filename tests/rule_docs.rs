//! `docs/rules/` is generated from the catalogue; `KEYSIFT_WRITE_DOCS=1 cargo test rule_docs` writes it anew.

use keysift::rule::{Confidence, Kind, Rule, RuleSet, Severity};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The pages: their names and texts.
fn pages() -> BTreeMap<String, String> {
    let rules = RuleSet::built_in();
    let mut providers: BTreeMap<String, Vec<&Rule>> = BTreeMap::new();
    for (_, rule) in rules.iter() {
        providers.entry(rule.provider.to_owned()).or_default().push(rule);
    }
    let mut letters: BTreeMap<char, Vec<(String, Vec<&Rule>)>> = BTreeMap::new();
    let mut by_name: Vec<_> = providers.into_iter().collect();
    by_name.sort_by_key(|(name, _)| name.to_lowercase());
    for (name, rules) in by_name {
        let first = name.chars().next().filter(char::is_ascii_alphabetic).map_or('0', |c| c.to_ascii_lowercase());
        letters.entry(first).or_default().push((name, rules));
    }
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "# The rules\n\nGenerated from `rules/*.toml`. `keysift rules list`, `keysift rules show ID` tell the same.\n\n| provider | rules |\n|---|---|\n",
    );
    for (letter, providers) in &letters {
        let page = if *letter == '0' { "digits.md".to_owned() } else { format!("{letter}.md") };
        let mut text =
            format!("# Rules: {}\n\nGenerated from `rules/*.toml`; [all providers](README.md).\n", letter.to_ascii_uppercase());
        for (name, rules) in providers {
            let ids: Vec<String> = rules.iter().map(|r| format!("[`{0}`]({page}#{0})", r.id)).collect();
            let _ = writeln!(index, "| {} | {} |", cell(name), ids.join(", "));
            let _ = writeln!(text, "\n## {name}");
            if let Some(url) = rules.iter().map(|r| r.url).find(|u| !u.is_empty()) {
                let _ = writeln!(text, "\n<{url}>");
            }
            for rule in rules {
                section(&mut text, rule);
            }
        }
        pages.insert(page, text);
    }
    pages.insert("README.md".to_owned(), index);
    pages
}

fn section(text: &mut String, rule: &Rule) {
    let holder = match rule.severity {
        Severity::Critical => "control of an account, its data or its money",
        Severity::High => "access to data or services in its owner's name",
        Severity::Medium => "limited access: one service, few rights, or a quota",
        Severity::Low => "little by itself",
    };
    let certainty = match (rule.kind, rule.format_confidence) {
        (Kind::Generic, _) => "judged by name, value and surroundings",
        (_, Confidence::High) => "the format alone is proof enough",
        (_, Confidence::Medium) => "the format makes it probable",
        (_, Confidence::Low) => "the format says little: at low confidence unless something else speaks for it",
    };
    let _ = writeln!(
        text,
        "\n### {}\n\n**{}.** Severity {}: {holder}. Recognition: {certainty}.",
        rule.id,
        cell(rule.name),
        rule.severity.as_str()
    );
    for near in rule.near.iter().filter(|n| n.required) {
        let _ = writeln!(text, "Reported where `{}` stands within {} lines.", near.rule, near.within_lines);
    }
    if !rule.formerly.is_empty() {
        let _ = writeln!(text, "Formerly `{}`.", rule.formerly.join("`, `"));
    }
    let _ = writeln!(text, "\n{}", rule.remedy.steps);
    if !rule.remedy.rotate.is_empty() {
        let rotate = rule.remedy.rotate;
        let rotate =
            if rotate.starts_with("https://") && !rotate.contains(' ') { format!("<{rotate}>") } else { rotate.to_owned() };
        let _ = writeln!(text, "\nRevoke at: {rotate}");
    }
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn rule_docs_tell_the_catalogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let pages = pages();
    if std::env::var_os("KEYSIFT_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder to write to");
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text).expect("a folder to write to");
        }
    }
    for (name, text) in &pages {
        let stored = std::fs::read_to_string(folder.join(name)).unwrap_or_default().replace("\r\n", "\n");
        assert!(stored == *text, "docs/rules/{name} is not what the catalogue says: KEYSIFT_WRITE_DOCS=1 cargo test rule_docs");
    }
    let stored = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(stored, pages.len(), "docs/rules/ has a page of nothing");
}
