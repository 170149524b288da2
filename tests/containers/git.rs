//! Containers in commits, ranges and the index.

use super::support::{Report, Tree, github_token};
use super::{filler, gzip, tar, text, zip};
use serde_json::Value;

fn find<'r>(report: &'r Report, name: &str) -> Option<&'r Value> {
    report.findings().iter().find(|f| f["secret"] == Value::String(github_token(name)))
}

fn history(tree: &Tree, more: &[&str]) -> Report {
    tree.run(&[&["git", "-f", "json", "--show-secrets"], more].concat()).report()
}

fn commit(tree: &Tree, message: &str) {
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", message]);
}

/// Versions of containers that git stores as deltas of each other, and one that is deleted.
fn planted() -> Tree {
    let tree = Tree::git();
    tree.write("keysift.toml", "exclude = [\"lib/x.zip!left.env\"]\n");
    tree.write("gone.zip", zip(&[("a.env", text("gone").as_bytes())]));
    commit(&tree, "an archive");
    std::fs::remove_file(tree.join("gone.zip")).expect("it is there");
    let filler = filler(9000);
    for version in 0..6 {
        let (x, y) = (text(&format!("version {version}")), text("in both"));
        let inner = tar(&[("deep.env", x.as_bytes())]);
        tree.write(
            "lib/x.tar",
            tar(&[("filler", filler.as_bytes()), ("a.env", x.as_bytes()), ("b.env", y.as_bytes()), ("c.env", y.as_bytes())]),
        );
        tree.write("lib/x.zip", zip(&[("in.tar", &inner), ("left.env", text("left out").as_bytes())]));
        tree.write("data.env.gz", gzip(format!("{version}\n{x}").as_bytes()));
        commit(&tree, "a version");
    }
    tree.git_command(&["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    tree
}

#[test]
fn the_whole_history_with_the_same_fingerprints_as_files() {
    let tree = planted();
    let report = history(&tree, &["."]);
    let gone = find(&report, "gone").expect("found in history");
    assert_eq!((&gone["location"]["path"], &gone["location"]["container"][0]), (&"gone.zip".into(), &"a.env".into()));
    assert!(gone["introduced"]["commit"].is_string());
    for version in 0..6 {
        let name = github_token(&format!("version {version}"));
        let mut ways: Vec<String> = report
            .findings()
            .iter()
            .filter(|f| f["secret"] == Value::String(name.clone()))
            .map(|f| format!("{}{}", f["location"]["path"], f["location"]["container"]))
            .collect();
        ways.sort();
        assert_eq!(
            ways,
            ["\"data.env.gz\"[\"data.env\"]", "\"lib/x.tar\"[\"a.env\"]", "\"lib/x.zip\"[\"in.tar\",\"deep.env\"]"],
            "version {version}"
        );
    }
    assert!(find(&report, "left out").is_none());
    // What stands at the tip is what a scan of the files finds.
    let tip = |report: &Report| {
        let mut all: Vec<String> = report
            .findings()
            .iter()
            .filter(|f| f.get("at_tip").is_none_or(|tips| tips[0] == "main" || tips[0] == "master"))
            .map(|f| f["fingerprint"].as_str().expect("text").to_owned())
            .collect();
        all.sort();
        all
    };
    let scanned = tree.run(&["scan", "-f", "json", "--show-secrets", "."]).report();
    assert_eq!(tip(&report), tip(&scanned));
    assert_eq!(scanned.findings().len(), 5);
    let mut whole = history(&tree, &["--whole-blobs", "-j1", "."]).json;
    let mut fast = report.json;
    (whole["scan"]["run"], fast["scan"]["run"]) = (Value::Null, Value::Null);
    assert_eq!(fast, whole);
}

#[test]
fn ranges_and_the_index_tell_what_is_new() {
    let tree = planted();
    let report = history(&tree, &["--range", "HEAD~1..HEAD", "."]);
    assert!(find(&report, "version 5").is_some() && find(&report, "version 4").is_none() && find(&report, "in both").is_none());
    assert_eq!(report.findings().len(), 3, "{:#}", report.json["findings"]);
    let old = text("in both");
    tree.write("lib/x.tar", tar(&[("b.env", old.as_bytes()), ("new.env", text("staged").as_bytes())]));
    tree.git_command(&["add", "-A"]);
    let report = tree.run(&["staged", "-f", "json", "--show-secrets"]).report();
    let finding = report.only();
    assert_eq!(finding["secret"], Value::String(github_token("staged")));
    assert_eq!(finding["location"]["container"], serde_json::json!(["new.env"]));
    assert_eq!(finding["exposure"], "staged");
}

#[test]
fn gaps_in_blobs_are_told() {
    let tree = Tree::git();
    let mut broken = gzip(text("before").repeat(50).as_bytes());
    broken.truncate(broken.len() - 9);
    tree.write("broken.gz", &broken);
    commit(&tree, "a broken one");
    let report = history(&tree, &["."]);
    assert!(find(&report, "before").is_some(), "{:#}", report.json);
    assert_eq!(report.count("skipped", "damaged_container"), 1);
}
