//! `keysift report`: formats, filters and merging of our own reports.

use crate::shop;
use crate::support::{Tree, github_token};
use serde_json::Value;

fn converted(tree: &Tree, arguments: &[&str]) -> Value {
    let run = tree.run(&[&["report", "-f", "json"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).expect("JSON")
}

fn paths(report: &Value) -> Vec<&str> {
    report["findings"].as_array().expect("findings").iter().map(|f| f["location"]["path"].as_str().expect("a path")).collect()
}

#[test]
fn a_report_comes_out_as_it_went_in() {
    let tree = shop();
    tree.run(&["scan", "-f", "json,jsonl", "-o", "out.json", "-o", "out.jsonl"]);
    let json = tree.read("out.json");
    assert_eq!(tree.run(&["report", "out.json", "-f", "json"]).stdout, json);
    assert_eq!(tree.run(&["report", "out.jsonl", "-f", "json"]).stdout, json, "a finding a line is the same report");
    assert_eq!(tree.run_with(&["report", "-", "-f", "json"], json.as_bytes()).stdout, json);
    for format in ["sarif", "junit", "gitlab", "csv", "html", "markdown", "defectdojo", "codequality", "gitleaks"] {
        let run = tree.run(&["report", "out.json", "-f", format]);
        assert_eq!(
            run.stdout,
            tree.run(&["report", "out.jsonl", "-f", format]).stdout,
            "{format}: the same input, the same output"
        );
        assert!(!run.stdout.is_empty());
    }
    assert_eq!(
        tree.run(&["report", "out.json", "-f", "csv"]).stdout,
        tree.run(&["scan", "--exclude", "out.*", "-f", "csv"]).stdout
    );
}

#[test]
fn filters() {
    let tree = shop();
    tree.run(&["scan", "-f", "json", "-o", "out.json"]);
    assert_eq!(paths(&converted(&tree, &["out.json"])), ["app/.env", "deploy/ci.yml"]);
    for (arguments, left) in [
        (&["--min-severity", "critical"][..], &["deploy/ci.yml"][..]),
        (&["--rule", "github-*"], &["deploy/ci.yml"]),
        (&["--path", "app"], &["app/.env"]),
        (&["--path", "**/*.yml"], &["deploy/ci.yml"]),
        (&["--only", "live"], &[]),
        (&["--only", "not_checked", "--min-confidence", "low"], &["app/.env", "deploy/ci.yml"]),
    ] {
        let report = converted(&tree, &[&["out.json"], arguments].concat());
        assert_eq!(paths(&report), left, "{arguments:?}");
        let below = u64::from(arguments.contains(&"--min-severity"));
        assert_eq!(report["scan"]["below_threshold"], below, "{arguments:?}");
    }
}

#[test]
fn several_reports_become_one() {
    let tree = Tree::new();
    let line = |seed: &str| format!("GH_TOKEN={}\n", github_token(seed));
    tree.write("both.env", line("both")).write("one.env", line("one")).write("big.bin", vec![b'x'; 5000]);
    tree.run(&["scan", "--max-file-size", "4000", "-f", "json", "-o", "a.json", "both.env", "one.env", "big.bin"]);
    tree.write("both.env", format!("# moved\n{}", line("both"))).write("two.env", line("two"));
    tree.run(&["scan", "-f", "json", "-o", "b.json", "both.env", "two.env"]);
    let merged = converted(&tree, &["a.json", "b.json"]);
    assert_eq!(paths(&merged), ["both.env", "one.env", "two.env"]);
    let lines: Vec<&Value> =
        merged["findings"][0]["occurrences"].as_array().expect("places").iter().map(|l| &l["start_line"]).collect();
    assert_eq!(lines, [1, 2]);
    assert_eq!(merged["findings"][0]["occurrences_total"], 2);
    assert_eq!((&merged["scan"]["blobs"], &merged["scan"]["complete"]), (&4.into(), &false.into()));
    assert_eq!(merged["scan"]["skipped"][0]["reason"], "too_large");
    let twice = converted(&tree, &["b.json", "b.json"]);
    assert_eq!((&twice["scan"]["complete"], paths(&twice).len()), (&true.into(), 2));
    assert_eq!(twice["findings"][0]["occurrences_total"], 1, "the same place is one place");
}

#[test]
fn what_cannot_be_read_or_merged_is_said() {
    let tree = shop();
    tree.write("text.json", "no json").write("other.json", "{\"a\": 1}").write("cut.jsonl", "");
    tree.run(&["scan", "-f", "json,jsonl", "-o", "a.json", "-o", "a.jsonl", "app"]);
    let lines = tree.read("a.jsonl");
    tree.write("cut.jsonl", lines.split_once('\n').expect("two lines").1);
    tree.write("forged.json", tree.read("a.json").replace("\"ks1:", "\"x"));
    let mut command = tree.command(&["scan", "-f", "json", "-o", "private.json", "app"]);
    command.env("KEYSIFT_FINGERPRINT_KEY", "ours").output().expect("it runs");
    for (arguments, message) in [
        (&["gone.json"][..], "gone.json cannot be read"),
        (&["text.json"], "text.json is no JSON"),
        (&["other.json"], "other.json is no report of keysift, gitleaks, trufflehog or kingfisher"),
        (&["cut.jsonl"], "cut.jsonl is cut off"),
        (&["forged.json"], "is no fingerprint"),
        (&["a.json", "private.json"], "private.json was made with the fingerprint key"),
        (&["a.json", "-f", "htm"], "`htm` is no report format (did you mean html?)"),
    ] {
        let run = tree.run(&[&["report"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
}
