//! What each platform demands of its format: the rules of its published schema or importer, checked one by one.

use crate::support::Tree;
use crate::{shop, told};
use serde_json::Value;
use std::collections::HashSet;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    let text = value[key].as_str().unwrap_or_else(|| panic!("`{key}` is a text: {value:#}"));
    assert!(!text.is_empty(), "`{key}` says something: {value:#}");
    text
}

fn incomplete() -> Tree {
    let tree = shop();
    tree.write("big.bin", vec![b'x'; 5000]).write("keysift.toml", "max_file_size = \"4000B\"\n");
    tree
}

/// The schema `secret-detection-report-format.json`, 15.0: required keys, patterns, enumerations and lengths.
#[test]
fn gitlab_secret_detection() {
    let report = json(&told(&shop(), "gitlab"));
    assert!(text(&report, "version").starts_with("15."));
    assert!(text(&report, "schema").starts_with("https://"));
    let scan = &report["scan"];
    assert_eq!((text(scan, "type"), text(scan, "status")), ("secret_detection", "success"));
    for time in ["start_time", "end_time"] {
        let time = text(scan, time);
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00", "{time}");
        assert!(time > "2020", "{time}");
    }
    for who in ["analyzer", "scanner"] {
        for key in ["id", "name", "version"] {
            text(&scan[who], key);
        }
        text(&scan[who]["vendor"], "name");
    }
    assert_eq!(list(&scan["messages"]).len(), 0);
    let found = list(&report["vulnerabilities"]);
    assert_eq!(found.len(), 2);
    let ids: HashSet<&str> = found.iter().map(|v| text(v, "id")).collect();
    assert_eq!(ids.len(), 2);
    for one in found {
        assert!(text(one, "name").chars().count() <= 255 && text(one, "solution").chars().count() <= 7000);
        assert!(["Info", "Unknown", "Low", "Medium", "High", "Critical"].contains(&text(one, "severity")));
        assert!(!list(&one["identifiers"]).is_empty());
        for identifier in list(&one["identifiers"]).iter().chain(list(&scan["primary_identifiers"])) {
            for key in ["type", "name", "value"] {
                text(identifier, key);
            }
            assert!(identifier.get("url").is_none_or(|u| u.as_str().is_some_and(|u| u.starts_with("https://"))));
        }
        let location = &one["location"];
        text(location, "file");
        text(&location["commit"], "sha");
        assert!(location["start_line"].as_u64() >= Some(1) && location["end_line"].as_u64() >= location["start_line"].as_u64());
        for link in one.get("links").map(list).into_iter().flatten() {
            assert!(text(link, "url").starts_with("http"));
        }
        let signature = &one["tracking"]["items"][0]["signatures"][0];
        assert_eq!(text(signature, "value").len(), 32);
        for (key, detail) in one["details"].as_object().expect("named details") {
            assert_eq!((text(detail, "type"), detail["value"].is_string()), ("text", true), "{key}");
            text(detail, "name");
        }
    }
}

#[test]
fn gitlab_code_quality() {
    let report = json(&told(&shop(), "codequality"));
    let issues = list(&report);
    assert_eq!(issues.len(), 2);
    for issue in issues {
        for key in ["description", "check_name", "fingerprint"] {
            text(issue, key);
        }
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&text(issue, "severity")));
        assert!(!text(&issue["location"], "path").starts_with("./"));
        assert!(issue["location"]["lines"]["begin"].as_u64() >= Some(1));
    }
    let prints: HashSet<&str> = issues.iter().map(|i| text(i, "fingerprint")).collect();
    assert_eq!(prints.len(), issues.len(), "GitLab drops what has the fingerprint of another");
}

/// Platforms drop findings whose id they have seen: equal paths of two folders must not share one.
#[test]
fn ids_are_unique_where_fingerprints_are_not() {
    let tree = Tree::new();
    let line = format!("GH_TOKEN={}\n", crate::support::github_token("both"));
    tree.write("a/.env", &line).write("b/.env", &line);
    let run = tree.run(&["scan", "a", "b", "-f", "codequality"]);
    let issues = json(&run.stdout);
    assert_eq!(list(&issues).len(), 2, "{issues:#}");
    assert_ne!(issues[0]["fingerprint"], issues[1]["fingerprint"]);
}

/// The keys that `DefectDojo`'s parser takes; with any other one it refuses the whole file.
const DEFECTDOJO: [&str; 23] = [
    "title", "severity", "description", "mitigation", "cwe", "file_path", "line", "static_finding", "dynamic_finding", "active",
    "verified", "false_p", "risk_accepted", "is_mitigated", "mitigated", "scanner_confidence", "nb_occurences",
    "unique_id_from_tool", "vuln_id_from_tool", "tags", "references", "date", "impact",
];

#[test]
fn defectdojo_generic_findings() {
    for tree in [shop(), incomplete()] {
        let report = json(&told(&tree, "defectdojo"));
        for finding in list(&report["findings"]) {
            for key in finding.as_object().expect("an object").keys() {
                assert!(DEFECTDOJO.contains(&key.as_str()), "`{key}` would be refused");
            }
            for key in ["title", "description", "unique_id_from_tool"] {
                text(finding, key);
            }
            assert!(["Info", "Low", "Medium", "High", "Critical"].contains(&text(finding, "severity")));
            assert!(text(finding, "title").chars().count() <= 511);
        }
    }
    let tree = shop();
    let ids = json(&told(&tree, "defectdojo"));
    let ids: Vec<&str> = list(&ids["findings"]).iter().map(|f| text(f, "unique_id_from_tool")).collect();
    assert_eq!(ids, tree.scan(&[]).fingerprints());
}

/// The keys of gitleaks 8.
#[test]
fn gitleaks() {
    let report = json(&told(&shop(), "gitleaks"));
    assert_eq!(list(&report).len(), 3, "an entry for each place");
    for entry in list(&report) {
        for key in ["RuleID", "Description", "Match", "Secret", "File", "Fingerprint"] {
            text(entry, key);
        }
        for key in ["Commit", "Author", "Email", "Date", "Message", "SymlinkFile"] {
            assert!(entry[key].is_string(), "{key}");
        }
        for key in ["StartLine", "EndLine", "StartColumn", "EndColumn", "Entropy"] {
            assert!(entry[key].is_number(), "{key}");
        }
        assert!(entry["Tags"].is_array());
    }
    assert_eq!(Tree::new().run(&["scan", "-f", "gitleaks"]).stdout, "[]\n");
    let shown = shop().run(&["scan", "-f", "gitleaks", "--show-secrets"]).stdout;
    assert!(shown.contains(&crate::support::github_token("shop")));
}

/// Elements and attributes as the XSD of Jenkins' xunit plugin has them; the counts fit.
#[test]
fn junit() {
    let xml = told(&shop(), "junit");
    let allowed: [(&str, &[&str]); 6] = [
        ("testsuites", &["name", "time", "tests", "failures", "errors"]),
        ("testsuite", &["name", "tests", "failures", "errors", "skipped"]),
        ("testcase", &["name", "time", "classname"]),
        ("failure", &["type", "message"]),
        ("error", &["type", "message"]),
        ("skipped", &["type", "message"]),
    ];
    let mut counts = std::collections::HashMap::new();
    for open in xml.split('<').skip(2).filter(|t| !t.starts_with('/')) {
        let head = open.split('>').next().expect("a tag ends").trim_end_matches('/');
        let (name, attributes) = head.split_once(' ').unwrap_or((head, ""));
        let known = allowed.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("<{name}> is not in the schema"));
        *counts.entry(name).or_insert(0) += 1;
        for attribute in attributes.split("=\"").filter_map(|a| a.rsplit(['"', ' ']).next()).filter(|a| !a.is_empty()) {
            assert!(known.1.contains(&attribute), "<{name} {attribute}> is not in the schema");
        }
    }
    assert_eq!((counts["testcase"], counts["failure"], counts.get("error")), (3, 2, None));
    assert!(xml.contains(r#"<testsuite name="keysift" tests="3" failures="2" errors="0" skipped="0">"#), "{xml}");
    let xml = told(&incomplete(), "junit");
    assert!(xml.contains(r#"errors="1""#) && xml.contains("<error") && xml.contains("too_large"), "{xml}");
}

#[test]
fn csv() {
    let csv = told(&shop(), "csv");
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("fingerprint,secret_id,rule_id,"));
    assert!(lines[1].contains(",app/.env,,1,"), "{csv}");
}

#[test]
fn markdown() {
    let text = told(&shop(), "markdown");
    assert!(text.starts_with("## keysift: 2 secrets found\n\n1 critical · 1 high\n"), "{text}");
    assert!(text.contains("| `deploy/ci.yml:2` |"), "{text}");
    let none = Tree::new();
    none.write("README.md", "nothing\n");
    let run = none.run(&["scan", "-f", "markdown"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "## keysift: no secrets found\n\nEverything was looked at: 1 files and texts.\n")
    );
}

/// Each format tells what was not looked at; the two that cannot let stderr say it.
#[test]
fn gaps_are_told_in_every_format() {
    let tree = incomplete();
    for format in ["junit", "gitlab", "codequality", "defectdojo", "html", "markdown"] {
        assert!(told(&tree, format).contains("too_large"), "{format}");
    }
    for format in ["gitleaks", "csv"] {
        let run = tree.run(&["scan", "-f", format]);
        assert!(run.stderr.contains("the scan is incomplete") && run.stderr.contains("1 too_large"), "{}", run.stderr);
    }
}

/// Decisions are told where the platform has a word for them.
#[test]
fn decisions_are_told() {
    let tree = shop();
    let fingerprint = tree.scan(&[]).fingerprints()[0].to_owned();
    let allowed = tree.run(&["allow", &fingerprint, "--as", "false_positive", "--reason", "made up"]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    let dojo = json(&told(&tree, "defectdojo"));
    let marked: Vec<&Value> = list(&dojo["findings"]).iter().filter(|f| f["false_p"] == true).collect();
    assert_eq!(marked.len(), 1, "{dojo:#}");
    assert_eq!(marked[0]["active"], false);
    let xml = told(&tree, "junit");
    assert!(xml.contains(r#"skipped="1""#) && xml.contains("<skipped message=\"false positive by"), "{xml}");
}
