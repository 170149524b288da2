//! Standard input, and blobs that another program feeds as JSON lines.

use crate::support::{Tree, fill, github_token};

#[test]
fn a_text_on_stdin() {
    let run = Tree::new().run_with(&["scan", "-"], format!("diff\n+GH_TOKEN={}\n", github_token("x")).as_bytes());
    insta::assert_snapshot!("stdin", run.transcript());
}

#[test]
fn nothing_on_stdin() {
    let run = Tree::new().run_with(&["scan", "-"], b"");
    assert_eq!(run.code, 0, "{}", run.printed());
}

#[test]
fn stdin_beside_files() {
    let tree = Tree::new();
    tree.write("a.env", format!("A={}\n", github_token("a")));
    let run = tree.run_with(&["scan", "-f", "json", "a.env", "-"], format!("B={}\n", github_token("b")).as_bytes());
    assert_eq!(run.report().paths(), ["a.env", "stdin"]);
}

/// One blob a line: text, bytes, with and without a path, with an origin.
#[test]
fn blobs_as_json_lines() {
    let (a, b, c) = (github_token("a"), github_token("b"), github_token("c"));
    // "GH_TOKEN=…\xff", which is no UTF-8, in base64 by a template that encodes what it holds.
    let encoded = fill(&format!("{{b64:x={b}}}"), "");
    let lines = [
        serde_json::json!({"path": "src\\a.py", "content": format!("x = 1\nt = '{a}'\n"), "origin": {"commit": "c0ffee", "n": 7}}).to_string(),
        String::new(),
        serde_json::json!({"path": "b.bin", "content_base64": encoded}).to_string(),
        serde_json::json!({"content": format!("t={c}")}).to_string(),
    ]
    .join("\n");
    let report = Tree::new().run_with(&["scan", "--from-jsonl", "-f", "json"], lines.as_bytes()).report();
    assert_eq!(report.paths(), ["b.bin", "line 4", "src/a.py"]);
    assert_eq!(report.findings()[2]["location"]["origin"], serde_json::json!({"commit": "c0ffee", "n": 7}));
    assert_eq!(report.findings()[2]["location"]["start_line"], 2);
    assert_eq!(report.findings()[0]["location"].get("origin"), None);
    assert_eq!((report.code, report.complete(), report.blobs()), (1, true, 3));
}

#[test]
fn a_bad_line_is_a_skip_that_is_named_by_its_number() {
    let good = serde_json::json!({"path": "a", "content": "nothing"}).to_string();
    for bad in [
        "not json",
        "[]",
        "{}",
        r#"{"path": "a"}"#,
        r#"{"path": "a", "content": "x", "content_base64": "eA=="}"#,
        r#"{"path": "a", "content_base64": "!"}"#,
        r#"{"path": "a", "content": 7}"#,
        r#"{"path": "a", "content": "x", "colour": "red"}"#,
        "\u{1}",
    ] {
        let lines = format!("{good}\n{bad}\n{good}\n");
        let run = Tree::new().run_with(&["scan", "--from-jsonl", "-f", "json"], lines.as_bytes());
        let report = run.report();
        assert_eq!((report.code, report.complete(), report.blobs()), (3, false, 2), "{bad}");
        assert_eq!(report.examples("skipped", "bad_input"), ["line 2"], "{bad}");
    }
    let run = Tree::new().run_with(&["scan", "--from-jsonl", "-f", "json"], b"\xff\xfe\n");
    assert_eq!(run.report().examples("skipped", "bad_input"), ["line 1"]);
}

#[test]
fn json_lines_and_paths_exclude_each_other() {
    let run = Tree::new().run(&["scan", "--from-jsonl", "a.txt"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}
