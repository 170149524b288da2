//! `docs/config.schema.json`, for editors, and the tables of `docs/config.md`: generated from the types of a config file, and
//! checked here against what is in the repository; and every example of TOML in the manual.
//!
//! After a change of the keys: `KEYSIFT_WRITE_SCHEMA=1 cargo test config_schema`.

use super::layers::Layer;
use super::{Config, KEYS, Raw};
use serde_json::Value;
use std::path::Path;

/// The schema of what is read.
fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = serde_json::to_value(settings.into_generator().into_root_schema_for::<Raw>()).expect("a schema is JSON");
    schema["title"] = "keysift.toml".into();
    schema
}

#[test]
fn config_schema() {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).expect("a schema is JSON"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    if std::env::var_os("KEYSIFT_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, &text).expect("docs/ can be written to");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "docs/config.schema.json is not what the types say: see src/config/schema_test.rs");
}

/// An editor can complete every key, and marks one that is unknown.
#[test]
fn config_schema_has_every_key() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    for key in KEYS.into_iter().chain(["lock"]) {
        let property = &schema["properties"][key];
        assert!(property["description"].as_str().is_some_and(|d| !d.is_empty()), "{key}: {property}");
    }
    assert!(schema["properties"].get("verify").is_none(), "no config file can ask for verification");
    assert!(schema.get("required").is_none(), "an empty file is right");
    for table in ["AcceptedGap", "RawThreshold", "RawRule", "RawNear", "RawVerify"] {
        assert_eq!(schema["$defs"][table]["additionalProperties"], false, "{table}");
    }
}

/// The keys of a table with what they mean, in the order of `first`, then of their names.
fn rows(properties: &Value, first: &[&str]) -> String {
    let all = properties.as_object().expect("properties");
    let rest = all.keys().map(String::as_str).filter(|key| !first.contains(key));
    let row = |key: &str| {
        let meaning = all[key]["description"].as_str().unwrap_or_else(|| panic!("{key} is not described"));
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("| `{key}` | {} |\n", meaning.trim_end_matches('.').replace('|', "\\|"))
    };
    let rows: String = first.iter().copied().chain(rest).map(row).collect();
    format!("| key | meaning |\n|---|---|\n{rows}")
}

/// `text` with another body between `<!-- section -->` and the next `<!-- end -->`.
fn with_section(text: &str, section: &str, body: &str) -> String {
    let mark = format!("<!-- {section} -->\n");
    let (before, rest) = text.split_once(&mark).unwrap_or_else(|| panic!("no section {section}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("an end");
    format!("{before}{mark}{body}<!-- end -->{after}")
}

#[test]
fn config_schema_is_the_manual_of_the_keys() {
    let schema = schema();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let known = std::fs::read_to_string(&file).expect("the manual");
    let keys: Vec<&str> = ["extends"].into_iter().chain(KEYS).chain(["lock"]).collect();
    let mut text = with_section(&known, "keys", &rows(&schema["properties"], &keys));
    for (section, table, first) in [
        ("extends", "RawTable", &["file", "url", "sha256"][..]),
        ("accept_gap", "AcceptedGap", &["reason", "path", "note", "until"]),
        ("allowlist", "RawAllowlist", &["description", "rules", "condition", "paths", "regexes", "target"]),
        ("threshold", "RawThreshold", &["path", "min_confidence", "min_severity"]),
    ] {
        text = with_section(&text, section, &rows(&schema["$defs"][table]["properties"], first));
    }
    // Written only where it differs: another test may read the page at the same time.
    if known != text && std::env::var_os("KEYSIFT_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, &text).expect("docs/ can be written to");
        return;
    }
    assert!(known == text, "the tables of docs/config.md are not what the types say: see src/config/schema_test.rs");
}

/// The examples of TOML in a page: each with its line.
fn examples(page: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (n, line) in page.lines().enumerate() {
        match (&mut open, line.trim()) {
            (None, "```toml") => open = Some((n + 2, String::new())),
            (Some(_), "```") => all.extend(open.take()),
            (Some((_, text)), _) => text.extend([line, "\n"]),
            _ => {}
        }
    }
    all
}

/// What stands in the manual is a config, a file of rules, or a part of a rule that only lacks the rest.
#[test]
fn config_schema_holds_for_every_example_of_the_manual() {
    use crate::rule::format::file::Author;
    use crate::rule::format::parse_rule_file;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(folder.join("docs")).expect("docs/").map(|e| e.expect("an entry").path());
    let pages = pages.chain([folder.join("README.md")]).filter(|page| page.extension().is_some_and(|e| e == "md"));
    let mut looked = 0;
    for page in pages {
        for (line, text) in examples(&std::fs::read_to_string(&page).expect("UTF-8")) {
            let place = format!("{}:{line}", page.display());
            let rule = "[[rule]]\nid = \"x\"\nname = \"x\"\nseverity = \"low\"\n";
            let tries = [
                Config::parse_of(&place, &text, Layer::Policy).map(|_| ()),
                parse_rule_file(&place, &text, Author::User).map(|_| ()),
                parse_rule_file(&place, &format!("{rule}{text}"), Author::User).map(|_| ()),
                parse_rule_file(&place, &format!("{rule}pattern = '\\bxkey-[0-9a-z]{{20}}'\n{text}"), Author::User).map(|_| ()),
            ];
            let wrong: Vec<String> = tries.iter().filter_map(|tried| tried.as_ref().err().map(ToString::to_string)).collect();
            assert!(wrong.len() < tries.len(), "{place} is none of ours:\n{}", wrong.join("\n"));
            looked += 1;
        }
    }
    assert!(looked >= 8, "{looked}");
}
