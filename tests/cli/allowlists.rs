//! `[[allowlist]]` of `keysift.toml`: what it keeps out is counted and told, in files, history, ranges and what is staged.

use crate::support::{Report, Tree, github_token};
use crate::triage::suppressed;

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

/// The paths of what is suppressed, each with the name of its allowlist.
fn by_allowlist(report: &Report) -> Vec<(String, String)> {
    let all = suppressed(report).into_iter();
    all.map(|(path, source, state, reason)| {
        assert_eq!((source.as_str(), state.as_str()), ("allowlist", "accepted"));
        (path, reason)
    })
    .collect()
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(path, name)| ((*path).to_owned(), (*name).to_owned())).collect()
}

/// A `keysift.toml` with one allowlist.
fn config(text: &str) -> String {
    format!("[[allowlist]]\n{text}\n")
}

#[test]
fn each_criterion_keeps_findings_out_and_is_told() {
    let tree = Tree::new();
    let word = &github_token("b")[10..16].to_uppercase();
    tree.write("src/a.env", line("a")).write("src/b.env", line("b")).write("tests/c.env", line("c"));
    tree.write("src/d.env", format!("{}x\nsample {}", line("d"), line("e")));
    for (text, kept_out) in [
        ("paths = ['^tests/']".to_owned(), rows(&[("tests/c.env", "allowlist 1 of keysift.toml")])),
        (format!("stop_words = ['{word}']\ndescription = 'a word'"), rows(&[("src/b.env", "a word")])),
        (format!("regexes = ['^{}']", &github_token("a")[..20]), rows(&[("src/a.env", "allowlist 1 of keysift.toml")])),
        ("regexes = ['^sample ']\ntarget = 'line'".to_owned(), rows(&[("src/d.env", "allowlist 1 of keysift.toml")])),
        ("paths = ['.']\nrules = ['aws-*']".to_owned(), rows(&[])),
        (
            format!("paths = ['^src/']\nstop_words = ['{word}']\ncondition = 'and'\nrules = ['github-*']"),
            rows(&[("src/b.env", "allowlist 1 of keysift.toml")]),
        ),
    ] {
        // What the regex names stands in the config itself too.
        tree.write("keysift.toml", format!("exclude = ['keysift.toml']\n{}", config(&text)));
        let report = tree.scan(&[]);
        assert_eq!(by_allowlist(&report), kept_out, "{text}");
        assert_eq!((report.code, report.findings().len()), (1, 5 - kept_out.len()), "{text}");
    }
    tree.write("keysift.toml", config("paths = ['.']\ndescription = 'all of it'"));
    let run = tree.run(&["scan"]);
    assert!(run.code == 0 && run.stdout.contains("5 suppressed: 5 by an allowlist"), "{}", run.printed());
    let run = tree.run(&["scan", "--show-suppressed"]);
    assert!(run.stdout.contains("accepted by an allowlist: all of it"), "{}", run.stdout);
    assert_eq!(tree.scan(&["--no-config"]).findings().len(), 5);
}

#[test]
fn every_place_of_a_finding_must_be_allowed() {
    let tree = Tree::new();
    tree.write("keysift.toml", config("regexes = ['sample']\ntarget = 'line'"));
    tree.write("a.env", format!("sample {}", line("a")));
    assert_eq!(tree.scan(&[]).code, 0);
    tree.write("a.env", format!("sample {}{}", line("a"), line("a")));
    assert_eq!(tree.scan(&[]).code, 1);
    // Beyond the places that a finding lists, too.
    tree.write("a.env", format!("{}{}", format!("sample {}", line("a")).repeat(150), line("a")));
    assert_eq!(tree.scan(&[]).code, 1);
    tree.write("a.env", format!("sample {}", line("a")).repeat(150));
    assert_eq!(tree.scan(&[]).code, 0);
}

#[test]
fn in_history_in_a_range_and_for_what_is_staged() {
    let tree = Tree::git();
    let toml = |more: &str| config(&format!("regexes = ['sample']\ntarget = 'line'\n{more}"));
    tree.write("keysift.toml", toml("")).write("a.env", format!("sample {}", line("a"))).write("b.env", line("b"));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "one"]);
    let report = tree.run(&["git", "-f", "json"]).report();
    assert_eq!((by_allowlist(&report).len(), report.paths()), (1, vec!["b.env"]));
    tree.write("c.env", format!("sample {}{}", line("c"), line("d")));
    tree.write("e.env", format!("sample {}{}", line("e"), line("e")));
    tree.git_command(&["add", "."]);
    let both = |report: &Report| {
        assert_eq!((by_allowlist(report).len(), report.paths()), (1, vec!["c.env", "e.env"]), "{:#}", report.json);
    };
    both(&tree.run(&["staged", "-f", "json"]).report());
    tree.git_command(&["commit", "-qm", "two"]);
    both(&tree.run(&["git", "--range", "HEAD~1..HEAD", "-f", "json"]).report());
    assert_eq!(tree.run(&["git", "-f", "json"]).report().paths(), ["b.env", "c.env", "e.env"]);
    // An allowlist that the change itself brings does not count.
    tree.write("keysift.toml", config("paths = ['.']")).write("f.env", line("f"));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "three"]);
    let report = tree.run(&["git", "--range", "HEAD~1..HEAD", "-f", "json"]).report();
    assert_eq!((report.code, report.paths()), (1, vec!["f.env"]));
}

#[test]
fn commits_are_those_that_bring_a_finding_in() {
    let tree = Tree::git();
    tree.write("a.env", line("a"));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "one"]);
    let first = tree.run(&["git", "-f", "json"]).report().only()["introduced"]["commit"].as_str().expect("a commit").to_owned();
    tree.write("b.env", line("b")).write("a.env", format!("# x\n{}", line("a")));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "two"]);
    tree.write("keysift.toml", config(&format!("commits = ['{}']", first[..12].to_uppercase())));
    let report = tree.run(&["git", "-f", "json"]).report();
    assert_eq!((by_allowlist(&report).len(), report.paths()), (1, vec!["b.env"]));
}

#[test]
fn mistakes_are_named_with_their_line() {
    let tree = Tree::new();
    tree.write("a.env", line("a"));
    for (text, message) in [
        ("paths = ['(']", "keysift.toml:1: `paths`: `(` is no regular expression: unclosed group"),
        ("description = 'x'", "keysift.toml:1: an allowlist needs `paths`, `regexes`, `stop_words` or `commits`"),
        ("path = ['x']", "keysift.toml:2: unknown key `path`: did you mean `paths`?"),
        ("paths = ['x']\ncondition = 'xor'", "keysift.toml:3: unknown variant `xor`, expected `or` or `and`"),
    ] {
        tree.write("keysift.toml", config(text));
        let run = tree.run(&["scan"]);
        assert!(run.code == 2 && run.stderr.contains(message), "{}", run.printed());
    }
    tree.write("keysift.toml", config("paths = ['x']\nrules = ['github-pat-clasic']"));
    let run = tree.run(&["scan"]);
    let told = "names the rule `github-pat-clasic`, which is not there: did you mean `github-pat-classic`?";
    assert!(run.code == 1 && run.stderr.contains(told), "{}", run.printed());
}
