//! Names made to break a format, and secrets that must not show.

use crate::support::{Tree, github_token, password};
use proptest::prelude::*;

const FORMATS: [&str; 13] = [
    "human", "json", "jsonl", "sarif", "github", "junit", "gitlab", "codequality", "gitleaks", "defectdojo", "csv", "html",
    "markdown",
];

/// Report text as a machine reads it: what is not well-formed fails here.
fn parse(format: &str, text: &str) {
    match format {
        "json" | "sarif" | "gitlab" | "codequality" | "gitleaks" | "defectdojo" => {
            serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|e| panic!("{format}: {e}\n{text}"));
        }
        "jsonl" => text.lines().for_each(|l| drop(serde_json::from_str::<serde_json::Value>(l).expect("JSON lines"))),
        "junit" => {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{fffe}' || c == '\u{ffff}'), "{text:?}");
            // Each tag that opens is one of ours: no name has made another.
            for tag in text.split('<').skip(1) {
                let name = tag.trim_start_matches(['/', '?']).split([' ', '>', '/', '?']).next().unwrap_or_default();
                assert!(["xml", "testsuites", "testsuite", "testcase", "failure", "error", "skipped"].contains(&name), "<{tag}");
            }
        }
        "csv" => {
            for record in text.split_terminator("\r\n") {
                let quotes = record.matches('"').count();
                assert!(quotes % 2 == 0 && !record.contains(['\r', '\n']), "{record:?}");
                for field in fields(record) {
                    assert!(!field.starts_with(['=', '+', '-', '@', '\t']), "{field:?} is a formula");
                }
            }
        }
        "html" => {
            assert_eq!(text.matches("</script>").count(), 2, "the data and the program");
            assert_eq!(text.matches("<script").count(), 2);
            let data = text.split_once("id=\"data\">").expect("data").1.split_once("</script>").expect("it ends").0;
            assert!(!data.contains(['<', '>']));
            serde_json::from_str::<serde_json::Value>(data).expect("the data is JSON");
        }
        _ => assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{format}: {text:?}"),
    }
}

/// The fields of a CSV record.
fn fields(record: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut chars = record.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields.last_mut().expect("one").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("one").push(c),
        }
    }
    fields
}

#[test]
fn hostile_names_are_only_names() {
    let names = [
        "</script><script>alert(1)</script>.env",
        "=HYPERLINK(\"a\").env",
        "@SUM(1+1).env",
        "-1+1.env",
        "+1.env",
        "a|b`c``d.env",
        "]]><x>&amp;\"'.env",
        "line\nbreak\r.env",
        "esc\u{1b}[31m\u{7}.env",
        "bidi\u{202e}vne.env",
        "a,b;\"c\".env",
        "**x** [a](javascript:alert(1)) @acme #1.env",
        "%0A::error::x.env",
        "\u{2028}\u{ffff}.env",
        "tab\t.env",
    ];
    let tree = Tree::new();
    let mut secrets = Vec::new();
    for name in names {
        let token = github_token(name);
        let folder = name.replace('/', "");
        tree.write(format!("{folder}/{folder}"), format!("GH_TOKEN={token}\n"));
        secrets.push(token);
    }
    for format in FORMATS {
        let run = tree.run(&["scan", "-f", format]);
        assert_eq!(run.code, 1, "{format}: {}", run.stderr);
        parse(format, &run.stdout);
        for secret in &secrets {
            assert!(!run.printed().contains(secret.as_str()), "{format} tells a secret");
        }
    }
    tree.run(&["scan", "-f", "json", "-o", "out.json"]);
    for format in FORMATS {
        let run = tree.run(&["report", "out.json", "-f", format]);
        assert_eq!(run.code, 0, "{format}: {}", run.stderr);
        parse(format, &run.stdout);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands around a secret, in content, path and origin: no format tells it, and each one stays well-formed.
    #[test]
    fn no_format_tells_a_secret(name in "[^\\x00/]{1,24}", before in "\\PC{0,20}", after in "[\\x01-\\x7f]{0,20}", seed in "[a-z]{6}") {
        let (token, word) = (github_token(&seed), password(&seed));
        let content = format!("{before} GH_TOKEN={token}\n{after}\nDB_PASSWORD={word}\n");
        let line = serde_json::json!({"path": format!("{name}/{token}/{name}"), "content": content, "origin": {"at": word, "by": name}}).to_string();
        let tree = Tree::new();
        let json = tree.run_with(&["scan", "--from-jsonl", "-f", "json"], line.as_bytes());
        tree.write("in.json", &json.stdout);
        let raw = tree.run_with(&["scan", "--from-jsonl", "-f", "json", "--show-secrets"], line.as_bytes());
        prop_assert!(raw.stdout.contains(&token));
        tree.write("raw.json", &raw.stdout);
        for format in FORMATS {
            for report in ["in.json", "raw.json"] {
                let run = tree.run(&["report", report, "-f", format]);
                prop_assert_eq!(run.code, 0, "{}: {}", format, run.stderr);
                parse(format, &run.stdout);
                prop_assert!(!run.printed().contains(&token) && !run.printed().contains(&word), "{} of {}: {}", format, report, run.stdout);
            }
        }
    }
}
