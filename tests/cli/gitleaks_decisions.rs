//! What was decided for gitleaks: `.gitleaksignore` and JSON baselines, read as they are.

use crate::support::{Run, Tree, fill, github_token};
use crate::triage::{stale, suppressed};
use serde_json::json;
use std::process::Command;

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

/// The paths that stay open, and those that a decision keeps out, each with its state.
fn told(run: &Run) -> (Vec<String>, Vec<String>) {
    let report = run.report();
    let open = report.paths().iter().map(|p| (*p).to_owned()).collect();
    (open, suppressed(&report).into_iter().map(|(path, source, state, _)| format!("{path} {source} {state}")).collect())
}

fn head(tree: &Tree) -> String {
    let run = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(tree.path()).output().expect("git is installed");
    String::from_utf8_lossy(&run.stdout).trim().to_owned()
}

fn commit(tree: &Tree) -> String {
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-qm", "x"]);
    head(tree)
}

const DEFAULT: &str = "[extend]\nuseDefault = true\n";

#[test]
fn an_ignore_file_counts_with_a_config_of_gitleaks_or_by_name() {
    let tree = Tree::new();
    tree.write("gl.toml", DEFAULT).write("a.env", line("a")).write("b.env", format!("x\n{}", line("b")));
    tree.write(".gitleaksignore", "# made up\na.env:github-pat:1\nb.env:github-pat:1\nno entry\n");
    let plain = ["scan", "-f", "json", "--exclude", ".gitleaksignore"];
    assert_eq!(tree.run(&plain).report().findings().len(), 2);
    for more in [["--gitleaks-config", "gl.toml"], ["--gitleaks-ignore", ".gitleaksignore"]] {
        let run = tree.run(&[&plain[..], &more].concat());
        let report = run.report();
        assert_eq!(report.paths(), ["b.env"], "a line off is another finding");
        let known = &report.json["scan"]["suppressed"][0];
        assert_eq!((&known["matched"], &known["state"]), (&json!("place"), &json!("accepted")));
        assert_eq!(known["reason"], "made up (.gitleaksignore:2)");
        assert!(run.stderr.contains(".gitleaksignore:4: `no entry` is no FILE:RULE:LINE"), "{}", run.stderr);
    }
    let whole = tree.run(&["scan", "-f", "json", "--gitleaks-config", "gl.toml"]).report();
    assert_eq!(stale(&whole), ["unused .gitleaksignore:3 b.env:github-pat:1"]);
    assert_eq!(tree.run(&["scan", "--gitleaks-ignore", "gone"]).code, 2);
}

#[test]
fn a_line_names_one_secret_and_no_other() {
    let tree = Tree::new();
    let other = format!("k={}\n", fill("sk_live_{alnum:24}", "s"));
    tree.write("gl.toml", DEFAULT).write("a.env", format!("T={} {other}", github_token("a")));
    let run = |lines: &str| {
        tree.write("ignored", lines);
        let run = tree.run(&["scan", "-f", "json", "a.env", "--gitleaks-ignore", "ignored"]);
        let report = run.report();
        let mut rules: Vec<String> = report.findings().iter().map(|f| f["rule_id"].as_str().unwrap_or("").to_owned()).collect();
        rules.sort();
        rules.join(" ")
    };
    let both = run("");
    assert_eq!(both.split(' ').count(), 2, "{both}");
    assert!(!run("a.env:github-pat:1").contains("github"));
    assert!(!run("a.env:stripe-access-token:1").contains("stripe"));
    // Of two secrets nobody knows which one a generic rule saw.
    assert_eq!(run("a.env:generic-api-key:1"), both);
    tree.write("a.env", line("a"));
    assert_eq!(run("a.env:generic-api-key:1"), "");
    // A rule of gitleaks for which there is another of ours says nothing of this one.
    assert!(run("a.env:stripe-access-token:1").contains("github"));
}

#[test]
fn every_place_must_be_named() {
    let tree = Tree::new();
    tree.write("a.env", line("a").repeat(2))
        .write("one", "a.env:github-pat:1\n")
        .write("two", "a.env:github-pat:1\na.env:github-pat:2\n");
    let open = |file: &str| tree.run(&["scan", "-f", "json", "a.env", "--gitleaks-ignore", file]).report().findings().len();
    assert_eq!((open("one"), open("two")), (1, 0));
}

#[test]
fn commits_are_named_and_moves_followed() {
    let tree = Tree::git();
    tree.write(".gitleaks.toml", DEFAULT).write("a.env", line("a")).write("b.env", line("b"));
    let first = commit(&tree);
    tree.write("c.env", line("c"));
    let second = commit(&tree);
    tree.write("ignored", format!("{first}:a.env:github-pat:1\n{second}:b.env:github-pat:1\nc.env:github-pat:1\n"));
    let look = |what: &str| {
        told(&tree.run(&[what, "-f", "json", "--gitleaks-config", ".gitleaks.toml", "--gitleaks-ignore", "ignored"]))
    };
    let known = |paths: &[&str]| paths.iter().map(|p| format!("{p} ignore_file accepted")).collect::<Vec<_>>();
    // The second line names a commit that did not bring it.
    assert_eq!(look("git"), (vec!["b.env".to_owned()], known(&["a.env", "c.env"])));
    // In files as they stand nobody knows of commits, in gitleaks neither.
    assert_eq!(look("scan"), (vec!["a.env".to_owned(), "b.env".to_owned()], known(&["c.env"])));
    tree.git_command(&["mv", "a.env", "moved.env"]);
    commit(&tree);
    assert_eq!(look("git"), (vec!["b.env".to_owned()], known(&["a.env", "c.env", "moved.env"])));
    // A copy is new.
    tree.write("copy.env", tree.read("c.env"));
    commit(&tree);
    assert_eq!(look("git").0, ["b.env", "copy.env"]);
}

#[test]
fn a_baseline_of_gitleaks_is_read_where_ours_is() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write("b.env", line("b")).write("c.env", line("c"));
    let entry = |file: &str, secret: &str| {
        json!({"RuleID": "github-pat", "Description": "x", "StartLine": 1, "EndLine": 1, "StartColumn": 3, "EndColumn": 42,
            "Match": secret, "Secret": secret, "File": file, "SymlinkFile": "", "Commit": "", "Entropy": 4.5, "Author": "",
            "Email": "", "Date": "", "Message": "", "Tags": [], "Fingerprint": format!("{file}:github-pat:1")})
    };
    let all = json!([entry("a.env", &github_token("a")), entry("b.env", "REDACTED"), entry("c.env", &github_token("old"))]);
    tree.write("gl/base.json", all.to_string());
    let run = tree.run(&["scan", "-f", "json", "--exclude", "gl", "--baseline", "gl/base.json"]);
    // What stood there before was another secret.
    assert_eq!(told(&run), (vec!["c.env".to_owned()], vec!["a.env baseline open".to_owned(), "b.env baseline open".to_owned()]));
    assert_eq!(run.report().json["scan"]["policy"], json!(["gl/base.json"]));
    tree.write("gl/base.json", "[{\"a\": 1}]");
    let run = tree.run(&["scan", "--baseline", "gl/base.json"]);
    assert!(run.code == 2 && run.stderr.contains("gl/base.json:1: this is no JSON report of gitleaks"), "{}", run.printed());
}

#[test]
fn a_range_takes_the_decisions_of_its_base() {
    let tree = Tree::git();
    tree.write(".gitleaks.toml", DEFAULT).write(".gitleaksignore", "old.env:github-pat:1\n");
    commit(&tree);
    tree.write("old.env", line("a")).write("new.env", line("b"));
    tree.write(".gitleaksignore", "old.env:github-pat:1\nnew.env:github-pat:1\n");
    commit(&tree);
    let arguments = ["git", "--range", "HEAD~1..HEAD", "--gitleaks-config", ".gitleaks.toml", "-f", "json"];
    let report = tree.run(&arguments).report();
    assert_eq!(report.paths(), ["new.env"]);
    assert_eq!(report.json["scan"]["proposed"][0]["path"], "new.env");
}
