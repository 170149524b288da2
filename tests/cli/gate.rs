//! What is reported, what fails a run, and every row of the exit codes.

use crate::support::{Tree, github_token};

/// A rule that gives findings of each severity and confidence, named in the token.
const LEVELS: &str = r#"
[[rule]]
id = "level-critical-high"
severity = "critical"
format_confidence = "high"
pattern = 'critical-[0-9a-z]{16}'
[[rule]]
id = "level-high-medium"
severity = "high"
format_confidence = "medium"
pattern = 'highrisk-[0-9a-z]{16}'
[[rule]]
id = "level-low-low"
severity = "low"
format_confidence = "low"
pattern = 'lowrisk-[0-9a-z]{16}'
"#;

fn levels(arguments: &[&str]) -> (i32, Vec<String>, u64) {
    let tree = Tree::new();
    let text: String =
        ["critical", "highrisk", "lowrisk"].map(|l| format!("{l}-{}\n", crate::support::fill("{base36:16}", l))).concat();
    tree.write("levels.txt", text).write("levels.toml", LEVELS);
    let report = tree.scan(&[&["levels.txt", "--rules", "levels.toml"], arguments].concat());
    let ids = report.findings().iter().map(|f| f["rule_id"].as_str().expect("an id").replace("level-", "")).collect();
    (report.code, ids, report.json["scan"]["below_threshold"].as_u64().expect("a number"))
}

#[test]
fn least_confidence_and_severity() {
    let of = |arguments: &[&str]| {
        let (code, ids, below) = levels(arguments);
        (code, ids.join(" "), below)
    };
    assert_eq!(of(&[]), (1, "critical-high high-medium".into(), 1));
    assert_eq!(of(&["--min-confidence", "low"]), (1, "critical-high high-medium low-low".into(), 0));
    assert_eq!(of(&["--min-confidence", "high"]), (1, "critical-high".into(), 2));
    assert_eq!(of(&["--min-severity", "critical"]), (1, "critical-high".into(), 2));
    assert_eq!(of(&["--min-severity", "critical", "--rule", "level-low-low", "--rule", "level-high*"]), (0, String::new(), 2));
}

#[test]
fn what_fails_a_run() {
    for (arguments, code) in [
        (&["--fail-on", "any"][..], 1),
        (&["--fail-on", "low"], 1),
        (&["--fail-on", "critical"], 1),
        (&["--fail-on", "critical", "--exclude-rule", "level-critical-high"], 0),
        (&["--fail-on", "high", "--exclude-rule", "level-critical-high"], 1),
        (&["--fail-on", "none"], 0),
        (&["--exit-code", "42"], 42),
        (&["--exit-code", "0"], 0),
        // What is not reported does not fail.
        (&["--fail-on", "low", "--rule", "level-low-low"], 0),
        (&["--fail-on", "low", "--rule", "level-low-low", "--min-confidence", "low"], 1),
    ] {
        assert_eq!(levels(arguments).0, code, "{arguments:?}");
    }
}

#[test]
fn words_that_mean_nothing_are_usage_errors() {
    for (arguments, message) in [
        (["--fail-on", "hihg"], "one of any, low, medium, high, critical, live, live,unknown, none"),
        (["--min-confidence", "critical"], "one of low, medium, high"),
        (["--min-severity", "x"], "one of low, medium, high, critical"),
        (["--incomplete", "ignore"], "one of fail, warn"),
        (["--exit-code", "256"], "256"),
        (["--now", "tomorrow"], "a day such as 2026-12-31"),
        (["--max-file-size", "big"], "a size such as 500MB"),
        (["--threads", "0"], "a number from 1 to 1024"),
        (["--exclude", "a[b"], "`a[b` is no glob"),
    ] {
        let run = Tree::new().run(&[&["scan"], &arguments[..]].concat());
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

/// The table of exit codes: how a run ends, and the code.
#[test]
fn exit_codes() {
    let tree = Tree::new();
    tree.write("clean/a.txt", "nothing").write("leak/a.txt", format!("T={}", github_token("x")));
    tree.write("large/a.txt", "1234567890")
        .write("both/a.txt", format!("T={}", github_token("x")))
        .write("both/large.txt", "x".repeat(99));
    std::fs::create_dir(tree.join("empty")).expect("folders can be made");
    for (row, arguments, code) in [
        ("0: complete, nothing found", &["clean"][..], 0),
        ("0: nothing there to look at", &["empty"], 0),
        ("0: complete, what was found fails nothing", &["leak", "--fail-on", "none"], 0),
        ("0: incomplete, taken as a warning", &["large", "--max-file-size", "9", "--incomplete", "warn"], 0),
        ("1: findings", &["leak"], 1),
        ("1: findings and incomplete", &["both", "--max-file-size", "60"], 1),
        ("N: findings with --exit-code N", &["leak", "--exit-code", "9"], 9),
        ("2: a named path that does not exist", &["gone"], 2),
        ("2: the same with findings elsewhere", &["gone", "leak"], 2),
        ("2: the same whatever --incomplete says", &["gone", "clean", "--incomplete", "warn"], 2),
        ("2: usage", &["--no-such-flag"], 2),
        ("2: config", &["clean", "-c", "gone.toml"], 2),
        ("3: incomplete, nothing found", &["large", "--max-file-size", "9"], 3),
        ("3: incomplete, what was found fails nothing", &["both", "--max-file-size", "60", "--fail-on", "none"], 3),
    ] {
        let run = tree.run(&[&["scan"], arguments].concat());
        assert_eq!(run.code, code, "{row}: {}", run.printed());
    }
}

#[test]
fn findings_in_an_incomplete_scan_tell_both() {
    let tree = Tree::new();
    tree.write("a.txt", format!("T={}", github_token("x"))).write("large.txt", "x".repeat(99));
    let report = tree.scan(&["--max-file-size", "60"]);
    assert_eq!((report.code, report.complete(), report.findings().len()), (1, false, 1));
    assert_eq!(report.examples("skipped", "too_large"), ["large.txt"]);
}

#[test]
fn a_missing_path_does_not_keep_the_rest_from_being_scanned() {
    let tree = Tree::new();
    tree.write("a.txt", format!("T={}", github_token("a"))).write("b.txt", format!("T={}", github_token("b")));
    let report = tree.scan(&["a.txt", "gone/x.txt", "b.txt"]);
    assert_eq!(report.code, 2);
    assert_eq!(report.paths(), ["a.txt", "b.txt"]);
    assert_eq!(report.json["scan"]["missing"], serde_json::json!(["gone/x.txt"]));
    assert!(!report.complete());
    assert!(report.stderr.contains("gone/x.txt"), "{}", report.stderr);
}
