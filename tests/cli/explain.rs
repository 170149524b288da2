//! `keysift explain`: why a line, or a fingerprint, is or is not a finding.

use crate::support::{Tree, github_token};

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write("a.yml", format!("x: 1\ntoken: {}\npassword: changeme\nplain: text\n", github_token("a")));
    tree
}

#[test]
fn a_line() {
    let tree = tree();
    insta::assert_snapshot!("explain-line", tree.run(&["explain", "a.yml:2", "--rule", "github-pat-classic"]).transcript());
    let run = tree.run(&["explain", "a.yml:3"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("not a secret: rejected"), "{}", run.stdout);
    let run = tree.run(&["explain", "a.yml:4"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "a.yml:4: no rule sees a candidate here\n"));
}

#[test]
fn a_fingerprint() {
    let tree = tree();
    let report = tree.scan(&["a.yml"]);
    let fingerprint = report.fingerprints()[0];
    let run = tree.run(&["explain", fingerprint]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("a.yml:2:8  github-pat-classic  a secret: high, score 1.00\n"), "{}", run.stdout);
    assert!(run.stdout.contains(fingerprint), "{}", run.stdout);
    let run = tree.run(&["explain", "ks1:00000000000000000000000000000000"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("is not found below the current folder"), "{}", run.stderr);
}

#[test]
fn the_fingerprint_is_the_one_of_the_scan() {
    let tree = tree();
    let report = tree.scan(&["a.yml"]);
    assert!(tree.run(&["explain", "a.yml:2"]).stdout.contains(report.fingerprints()[0]));
}

#[test]
fn secrets_are_shown_only_where_asked() {
    let tree = tree();
    let token = github_token("a");
    assert!(!tree.run(&["explain", "a.yml:2"]).printed().contains(&token));
    assert!(tree.run(&["explain", "a.yml:2", "--show-secrets"]).stdout.contains(&token));
}

#[test]
fn what_cannot_be_explained_is_a_usage_error() {
    let tree = tree();
    for (what, message) in [
        ("a.yml", "explain takes FILE:LINE, COMMIT:PATH:LINE or a fingerprint"),
        ("a.yml:0", "explain takes FILE:LINE, COMMIT:PATH:LINE or a fingerprint"),
        ("a.yml:x", "explain takes FILE:LINE, COMMIT:PATH:LINE or a fingerprint"),
        ("gone.yml:1", "gone.yml: cannot be read"),
    ] {
        let run = tree.run(&["explain", what]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{what}");
        assert!(run.stderr.contains(message), "{what}: {}", run.stderr);
    }
}

/// What history alone holds has a place too.
#[test]
fn a_line_of_a_commit() {
    let tree = Tree::git();
    tree.write("conf/a.env", format!("x\nTOKEN={}\n", github_token("a")));
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "one"]);
    tree.write("conf/a.env", "x\n");
    tree.git_command(&["commit", "-q", "-am", "two"]);
    let run = tree.run(&["explain", "HEAD~1:conf/a.env:2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("conf/a.env:2:7  github-pat-classic  a secret"), "{}", run.stdout);
    for (what, message) in [
        ("HEAD:conf/a.env:2", ""),
        ("HEAD:gone.env:1", "keysift: gone.env is no file in HEAD\n"),
        ("HEAD:conf:1", "keysift: conf is no file in HEAD\n"),
        ("nowhere:conf/a.env:1", "keysift: there is no commit `nowhere`\n"),
        ("gone.env:1", "keysift: gone.env: cannot be read"),
    ] {
        let run = tree.run(&["explain", what]);
        assert!(run.stderr.starts_with(message), "{what}: {}", run.stderr);
        assert_eq!(run.code, if message.is_empty() { 0 } else { 2 }, "{what}");
    }
}
