//! Each format in each position, plain and behind each encoding, made by real tools: all found, with right lines and ways.

use super::made;
use super::support::Tree;
use serde_json::Value;
use std::collections::HashMap;

/// Tools that the whole matrix needs. `.ci/run` sees to it that they are there.
const HOW: &str = "apt-get install p7zip-full zstd xz-utils lz4 lzip cpio rpm";

#[test]
fn every_format_in_every_position() {
    let tree = Tree::new();
    let told = made(&tree.path());
    let missing: Vec<&str> = told.iter().filter_map(|line| line["missing"].as_str()).collect();
    if !missing.is_empty() {
        eprintln!("not tested: what {} makes; to test all of it: {HOW}", missing.join(", "));
        assert!(std::env::var_os("KEYSIFT_SLOW_TESTS").is_none(), "{missing:?} are missing: {HOW}");
    }
    let report = tree.run(&["scan", "-f", "json", "--show-secrets", "made"]).report();
    let mut found: HashMap<&str, Vec<&Value>> = HashMap::new();
    for finding in report.findings() {
        let all = found.entry(finding["secret"].as_str().expect("shown")).or_default();
        all.extend(finding["occurrences"].as_array().expect("a list"));
    }
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in told.iter().filter(|line| line.get("token").is_some()) {
        let places = found.get(case["token"].as_str().expect("a token")).map_or(&[][..], Vec::as_slice);
        let file = case["file"].as_str().expect("a file");
        let empty = Value::Array(Vec::new());
        let fits = |place: &&Value| {
            let way = place.get("container").unwrap_or(&empty);
            let at_line = case["line"] == 0 || place["start_line"] == case["line"];
            let decoded = place.get("decoded").unwrap_or(&empty);
            let is_decoded = case.get("decoded").unwrap_or(&empty) == decoded;
            place["path"].as_str() == Some(file) && *way == case["container"] && at_line && is_decoded
        };
        checked += 1;
        if !places.iter().any(fits) {
            wrong.push(format!("{file} {} line {}: found in {places:#?}", case["container"], case["line"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {checked} are wrong:\n{}\n{}",
        wrong.len(),
        wrong.join("\n"),
        report.json["scan"]["skipped"]
    );
    let least = if missing.is_empty() { 3000 } else { 1500 };
    assert!(checked > least, "{checked}");
    let odd = ["irregular_container"];
    let skipped = report.json["scan"]["skipped"].as_array().expect("a list");
    let others: Vec<&Value> = skipped.iter().filter(|gap| !odd.contains(&gap["reason"].as_str().expect("a name"))).collect();
    assert!(others.is_empty(), "{others:#?}");
}
