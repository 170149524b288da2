//! Reports of gitleaks, trufflehog and kingfisher, in the shapes that they write, as one list with ours.

use crate::support::{Tree, github_token};
use serde_json::{Value, json};

fn gitleaks(secret: &str, file: &str, line: u64) -> Value {
    json!({"RuleID": "github-pat", "Description": "Uncovered a GitHub Personal Access Token", "StartLine": line, "EndLine": line,
        "StartColumn": 9, "EndColumn": 48, "Match": format!("TOKEN={secret}"), "Secret": secret, "File": file, "SymlinkFile": "",
        "Commit": "", "Entropy": 4.5, "Author": "Ann", "Email": "ann@example.org", "Date": "2024-03-02T10:00:00Z",
        "Message": format!("add {secret}"), "Tags": [], "Fingerprint": format!("{file}:github-pat:{line}")})
}

fn trufflehog(secret: &str, file: &str, is_live: bool) -> Value {
    json!({"SourceMetadata": {"Data": {"Git": {"commit": "71d455a32d1587c20e35f6484230b8ab6112d0da", "file": file,
        "email": "Ann <ann@example.org>", "timestamp": "2024-03-02 10:00:00 +0000", "line": 2}}}, "SourceID": 1, "SourceType": 16,
        "SourceName": "trufflehog - git", "DetectorType": 8, "DetectorName": "Github", "DecoderName": "PLAIN", "Verified": is_live,
        "Raw": secret, "RawV2": "", "Redacted": "", "ExtraData": null, "StructuredData": null})
}

fn kingfisher(secret: &str, path: &str, status: &str) -> Value {
    json!({"rule": {"name": "GitHub Personal Access Token", "id": "kingfisher.github.1"}, "finding": {"snippet": secret,
        "fingerprint": "14085685380484734428", "confidence": "medium", "entropy": "4.5", "validation": {"status": status,
        "response": ""}, "language": "Unknown", "line": 3, "column_start": 8, "column_end": 47, "path": path}})
}

fn read(tree: &Tree, arguments: &[&str]) -> Value {
    let run = tree.run(&[&["report", "-f", "json"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn their_findings_become_ours_and_tell_no_secret() {
    let tree = Tree::new();
    let token = github_token("theirs");
    tree.write("gitleaks.json", json!([gitleaks(&token, "a.env", 4)]).to_string())
        .write("trufflehog.json", format!("{}\n{}\n", trufflehog(&token, "b.env", true), trufflehog(&token, "c.env", false)))
        .write(
            "kingfisher.json",
            json!({"findings": [kingfisher(&token, "d.env", "Inactive Credential")], "metadata": {}}).to_string(),
        )
        .write(
            "kingfisher.jsonl",
            format!("{}\n{}\n", kingfisher(&token, "e.env", "Not Attempted"), json!({"findings": 1, "kingfisher": {}})),
        );
    let all = ["gitleaks.json", "trufflehog.json", "kingfisher.json", "kingfisher.jsonl"];
    let report = read(&tree, &all);
    let of = |path: &str| {
        report["findings"].as_array().expect("findings").iter().find(|f| f["location"]["path"] == path).expect("it is told")
    };
    for (path, rule, status) in [
        ("a.env", "gitleaks:github-pat", "not_checked"),
        ("b.env", "trufflehog:Github", "live"),
        ("c.env", "trufflehog:Github", "not_checked"),
        ("d.env", "kingfisher:kingfisher.github.1", "unknown"),
        ("e.env", "kingfisher:kingfisher.github.1", "not_checked"),
    ] {
        let finding = of(path);
        assert_eq!((&finding["rule_id"], &finding["verification"]["status"]), (&rule.into(), &status.into()), "{path}");
        assert_eq!((&finding["severity"], &finding["path_class"]), (&"".into(), &"".into()), "nobody said it");
    }
    assert_eq!(of("a.env")["location"]["start_line"], 4);
    assert_eq!(
        (&of("b.env")["introduced"]["date"], &of("b.env")["location"]["author"]),
        (&"2024-03-02T10:00:00Z".into(), &"Ann".into())
    );
    let ids: Vec<&Value> = report["findings"].as_array().expect("findings").iter().map(|f| &f["secret_id"]).collect();
    tree.write("ours.env", format!("GH_TOKEN={token}\n"));
    assert!(ids.iter().all(|id| **id == tree.scan(&["ours.env"]).only()["secret_id"]), "one secret, one id, whoever found it");
    assert_eq!(report["scan"]["complete"], false, "what they did not look at, they do not tell");
    assert_eq!(report["scan"]["skipped"][0]["reason"], "not_told");
    for format in [
        "human", "json", "jsonl", "sarif", "github", "junit", "gitlab", "codequality", "gitleaks", "defectdojo", "csv", "html",
        "markdown",
    ] {
        let run = tree.run(&[&["report", "--show-secrets", "-f", format], &all[..]].concat());
        assert_eq!(run.code, 0, "{format}: {}", run.stderr);
        assert!(!run.printed().contains(&token), "{format} tells a secret of another tool");
    }
}

#[test]
fn what_several_tools_found_is_one_finding() {
    let tree = Tree::new();
    let token = github_token("same");
    tree.write("a.env", format!("GH_TOKEN={token}\n"));
    tree.write("gitleaks.json", json!([gitleaks(&token, "a.env", 1), gitleaks(&token, "a.env", 7)]).to_string())
        .write("king.jsonl", kingfisher(&token, "./a.env", "Active Credential").to_string());
    tree.run(&["scan", "-f", "json", "-o", "ours.json", "a.env"]);
    for order in [["ours.json", "gitleaks.json", "king.jsonl"], ["king.jsonl", "gitleaks.json", "ours.json"]] {
        let report = read(&tree, &order);
        let findings = report["findings"].as_array().expect("findings");
        assert_eq!(findings.len(), 1, "{report:#}");
        assert_eq!(findings[0]["rule_id"], "github-pat-classic");
        assert_eq!(findings[0]["also"], json!(["generic-token", "gitleaks:github-pat", "kingfisher:kingfisher.github.1"]));
        assert_eq!(findings[0]["occurrences_total"], 3);
        assert_eq!(findings[0]["verification"]["status"], "live");
    }
}

#[test]
fn what_a_tool_has_hidden_has_no_id() {
    let tree = Tree::new();
    tree.write("gitleaks.json", json!([gitleaks("REDACTED", "a.env", 1), gitleaks("REDACTED", "a.env", 2)]).to_string());
    let report = read(&tree, &["gitleaks.json"]);
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 2, "two lines may hold two secrets");
    assert_eq!(findings[0]["secret_id"], "");
    assert_eq!(findings[0]["secret"], "hidden by gitleaks");
    tree.write("nothing.json", "[]\n");
    assert_eq!(read(&tree, &["nothing.json"])["findings"], json!([]));
}

/// Our own report in the shape of gitleaks is read as one that hides its secrets.
#[test]
fn our_gitleaks_report_can_be_read_back() {
    let tree = crate::shop();
    tree.run(&["scan", "-f", "gitleaks", "-o", "out.json"]);
    let report = read(&tree, &["out.json"]);
    let paths: Vec<&Value> = report["findings"].as_array().expect("findings").iter().map(|f| &f["location"]["path"]).collect();
    assert_eq!(paths, ["app/.env", "deploy/ci.yml", "deploy/ci.yml"]);
}
