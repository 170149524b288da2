//! `keysift baseline`, and `--baseline`: what is known does not fail, what is new does.

use crate::support::{Report, Run, Tree, github_token};
use crate::triage::{stale, suppressed};

const NAME: &str = "keysift-baseline.jsonl";
const DAY: [&str; 2] = ["--now", "2026-11-20"];

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

fn baseline(tree: &Tree, arguments: &[&str]) -> Run {
    tree.run(&[&["baseline"], arguments, &DAY].concat())
}

fn scan(tree: &Tree, arguments: &[&str]) -> Report {
    tree.scan(&[&["--baseline", NAME], &DAY[..], arguments].concat())
}

/// The lines of a baseline but for the header.
fn entries(tree: &Tree) -> Vec<serde_json::Value> {
    tree.read(NAME).lines().skip(1).map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

fn known() -> Tree {
    let tree = Tree::git();
    tree.write("a.env", line("a")).write("src/b.env", line("b"));
    let run = baseline(&tree, &["create"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    tree
}

#[test]
fn what_is_known_does_not_fail_and_what_is_new_does() {
    let tree = known();
    let report = scan(&tree, &[]);
    assert_eq!((report.code, report.findings().len(), stale(&report).len()), (0, 0, 0));
    assert_eq!(suppressed(&report).iter().map(|s| (s.1.as_str(), s.2.as_str())).collect::<Vec<_>>(), [("baseline", "open"); 2]);
    tree.write("c.env", line("c"));
    let report = scan(&tree, &[]);
    assert_eq!((report.code, report.paths()), (1, vec!["c.env"]));
    assert_eq!(tree.scan(&[]).findings().len(), 3, "without the flag nothing is known");
    // A config that names it makes it count.
    tree.write("keysift.toml", format!("baseline = \"{NAME}\"\n"));
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.paths()), (1, vec!["c.env"]));
    assert_eq!(report.json["scan"]["policy"], serde_json::json!(["keysift.toml", NAME]));
    assert_eq!(tree.scan(&["src"]).code, 0);
    assert_eq!(tree.run_in("src", &["scan"]).code, 0);
}

#[test]
fn a_baseline_as_it_is_written() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write("dir with blanks/b \"quoted\".env", line("b"));
    assert_eq!(baseline(&tree, &["create"]).stdout.lines().next(), Some("keysift-baseline.jsonl: 2 known findings"));
    insta::assert_snapshot!("baseline", tree.read(NAME));
    for secret in [github_token("a"), github_token("b")] {
        assert!(!tree.read(NAME).contains(&secret));
    }
    // The next scan sees no secret in it.
    assert_eq!(tree.scan(&[NAME]).code, 0);
    // The same findings give the same file, on another day and from another folder.
    let before = tree.read(NAME);
    assert_eq!(tree.run(&["baseline", "update", "--now", "2027-01-01"]).code, 0);
    assert_eq!(tree.run(&["baseline", "add", "--now", "2027-01-01"]).code, 0);
    assert_eq!(tree.read(NAME), before);
    let run = baseline(&tree, &["create"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("is there already") && run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(baseline(&tree, &["create", "--force"]).code, 0);
    assert_eq!(tree.read(NAME), before);
}

#[test]
fn a_secret_in_the_name_of_a_file_does_not_get_into_it() {
    let tree = Tree::new();
    let secret = github_token("n");
    tree.write(format!("{secret}.env"), format!("T={secret}\n"));
    assert_eq!(baseline(&tree, &["create"]).code, 0);
    assert!(!tree.read(NAME).contains(&secret), "{}", tree.read(NAME));
    assert_eq!(scan(&tree, &[]).code, 0);
    // A copy is a copy all the same.
    tree.write("copy.env", format!("T={secret}\n"));
    assert_eq!(scan(&tree, &[]).paths(), ["copy.env"]);
}

#[test]
fn moved_is_known_and_copied_is_new() {
    let tree = known();
    std::fs::create_dir(tree.join("lib")).expect("folders can be made");
    std::fs::rename(tree.join("src/b.env"), tree.join("lib/b.env")).expect("files can be moved");
    let report = scan(&tree, &[]);
    assert_eq!((report.code, stale(&report).len()), (0, 0));
    let moved = &report.json["scan"]["suppressed"][1];
    assert_eq!((moved["matched"].as_str(), moved["from"].as_str()), (Some("moved"), Some("src/b.env")));
    tree.write("src/b.env", tree.read("lib/b.env"));
    assert_eq!(scan(&tree, &[]).paths(), ["lib/b.env"], "the old path has it again: a copy");
    // A scan of the copy alone looks at the old path as well.
    let report = scan(&tree, &["lib/b.env"]);
    assert_eq!((report.code, report.paths()), (1, vec!["lib/b.env"]));
    tree.write("src/b.env", "nothing");
    assert_eq!(scan(&tree, &["lib/b.env"]).code, 0);
    // A path that is left out may hold it still.
    tree.write("src/b.env", tree.read("lib/b.env"));
    assert_eq!(scan(&tree, &["--exclude", "src/**"]).paths(), ["lib/b.env"]);
}

#[test]
fn update_follows_and_takes_out_and_add_adds() {
    let tree = known();
    let allow = |seed: &str| {
        let report = tree.scan(&[]);
        let print = report.findings().iter().find(|f| f["location"]["path"] == seed).expect("it is found")["fingerprint"].clone();
        let print = print.as_str().expect("text").to_owned();
        let run = tree.run(&[
            "allow", &print, "--as", "accepted", "--reason", "for now", "--until", "2026-12-31", "--baseline", NAME, DAY[0],
            DAY[1],
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    allow("src/b.env");
    tree.write("a.env", "nothing").write("c.env", line("c"));
    std::fs::rename(tree.join("src/b.env"), tree.join("src/renamed.env")).expect("files can be moved");
    let report = scan(&tree, &[]);
    assert_eq!((report.paths(), stale(&report).len()), (vec!["c.env"], 1));
    let run = baseline(&tree, &["update"]);
    assert_eq!(run.stdout, "keysift-baseline.jsonl: 1 gone, 1 moved, 1 known finding\n");
    let left = entries(&tree);
    assert_eq!((left[0]["path"].as_str(), left[0]["state"].as_str()), (Some("src/renamed.env"), Some("accepted")));
    assert_eq!((left[0]["until"].as_str(), left[0]["reason"].as_str()), (Some("2026-12-31"), Some("for now")));
    assert_eq!(scan(&tree, &[]).paths(), ["c.env"], "what is new is not taken in by update");
    assert_eq!(scan(&tree, &[]).json["scan"]["suppressed"][0]["matched"], "fingerprint");
    assert_eq!(baseline(&tree, &["add"]).stdout, "keysift-baseline.jsonl: 1 added, 2 known findings\n");
    assert_eq!(scan(&tree, &[]).code, 0);
    // What has expired is open again, and prune takes it out.
    let late = tree.scan(&["--baseline", NAME, "--now", "2027-01-01"]);
    assert_eq!((late.code, late.paths()), (1, vec!["src/renamed.env"]));
    assert!(stale(&late)[0].starts_with("expired ks1:"), "{:?}", stale(&late));
    let run = tree.run(&["baseline", "prune", "--now", "2027-01-01"]);
    assert_eq!(run.stdout, "keysift-baseline.jsonl: 1 taken out, 1 known finding\n");
}

#[test]
fn decisions_elsewhere_need_no_entry() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write("b.env", format!("T={} # keysift:allow\n", github_token("b"))).write("c.env", line("c"));
    tree.write(".keysiftignore", "* c.env\n");
    assert_eq!(baseline(&tree, &["create"]).code, 0);
    assert_eq!(entries(&tree).iter().map(|e| e["path"].clone()).collect::<Vec<_>>(), ["a.env"]);
}

#[test]
fn nothing_is_taken_out_where_not_everything_could_be_looked_at() {
    let tree = known();
    let before = tree.read(NAME);
    tree.write("keysift.toml", format!("max_file_size = \"20\"\nbaseline = \"{NAME}\"\n"));
    for command in ["update", "prune"] {
        let run = baseline(&tree, &[command]);
        assert_eq!(run.code, 3, "{}", run.printed());
        assert!(run.stderr.contains("stays as it is"), "{}", run.stderr);
    }
    assert_eq!(tree.read(NAME), before);
    assert_eq!(baseline(&tree, &["add"]).code, 3, "what was found is added, and what is missing told");
}

#[test]
fn status_tells_ages_and_undecided_ones() {
    let tree = known();
    tree.write("c.env", line("c"));
    assert_eq!(tree.run(&["baseline", "add", "--now", "2026-12-01"]).code, 0);
    let print = entries(&tree).iter().find(|e| e["path"] == "a.env").expect("it is in it")["fingerprint"].clone();
    let print = print.as_str().expect("text");
    let allowed = tree.run(&[
        "allow", print, "--as", "test-value", "--reason", "x", "--until", "2026-12-10", "--baseline", NAME, "--now", "2026-12-01",
    ]);
    assert_eq!(allowed.code, 0);
    let run = tree.run(&["baseline", "status", "--now", "2026-12-20"]);
    assert_eq!(run.code, 0);
    insta::assert_snapshot!("baseline-status", run.transcript());
    let run = tree.run(&["baseline", "status", "--now", "2026-12-20", "--baseline-max-age", "29"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("undecided since 2026-11-20: ks1:") && run.stdout.contains("src/b.env"), "{}", run.stdout);
    assert_eq!(tree.run(&["baseline", "status", "--now", "2026-12-20", "--baseline-max-age", "30"]).code, 0);
    // The same on a scan.
    let report = |days: &str| tree.scan(&["--baseline", NAME, "--now", "2026-12-05", "--baseline-max-age", days]);
    assert_eq!(report("15").code, 0);
    let late = report("14");
    assert_eq!((late.code, late.paths()), (1, vec!["src/b.env"]));
    assert!(stale(&late)[0].starts_with("too_old ks1:"), "{:?}", stale(&late));
}

#[test]
fn another_fingerprint_key_is_an_error() {
    let tree = known();
    let with_key = |arguments: &[&str]| {
        let mut command = tree.command(arguments);
        command.env("KEYSIFT_FINGERPRINT_KEY", "ours");
        Run::of(&mut command, b"", &tree)
    };
    for arguments in [&["scan", "--baseline", NAME][..], &["baseline", "update"], &["baseline", "status"]] {
        let run = with_key(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains("made with the fingerprint key public, and this run has "), "{}", run.stderr);
    }
    assert_eq!(with_key(&["baseline", "create", "--force"]).code, 0);
    assert_eq!(with_key(&["scan", "--baseline", NAME]).code, 0);
    assert_eq!(tree.run(&["scan", "--baseline", NAME]).code, 2);
}

#[test]
fn a_baseline_of_history_follows_renames_there() {
    let tree = Tree::git();
    let commit = |message: &str| {
        tree.git_command(&["add", "-A"]);
        tree.git_command(&["commit", "-qm", message]);
    };
    tree.write("a.env", line("a")).write("old.env", line("old"));
    commit("one");
    std::fs::remove_file(tree.join("old.env")).expect("it is there");
    commit("two");
    assert_eq!(baseline(&tree, &["create", "--history"]).code, 0);
    assert_eq!(entries(&tree).len(), 2, "what only history has is known too");
    let history = || tree.run(&["git", "-f", "json", "--baseline", NAME, DAY[0], DAY[1]]).report();
    assert_eq!((history().code, stale(&history()).len()), (0, 0));
    // Of the files as they stand one entry is gone, and that is no news: it is about history.
    let report = scan(&tree, &[]);
    assert_eq!((report.code, stale(&report).len()), (0, 0));
    tree.git_command(&["mv", "a.env", "b.env"]);
    commit("three");
    let report = history();
    assert_eq!((report.code, suppressed(&report).len()), (0, 3), "{:#}", report.json);
    tree.write("c.env", line("a"));
    commit("four");
    assert_eq!((history().code, history().paths()), (1, vec!["c.env"]));
    let run = baseline(&tree, &["update"]);
    assert_eq!(run.stdout, "keysift-baseline.jsonl: 0 gone, 0 moved, 2 known findings\n");
}

/// Two branches add different findings: git merges their baselines without a conflict, and the result is in order.
#[test]
fn branches_merge_their_baselines() {
    let tree = Tree::git();
    let commit = |message: &str| {
        tree.git_command(&["add", "-A"]);
        tree.git_command(&["commit", "-qm", message]);
    };
    for n in 0..12 {
        tree.write(format!("{n}.env"), line(&n.to_string()));
    }
    assert_eq!(baseline(&tree, &["create"]).code, 0);
    commit("base");
    tree.git_command(&["checkout", "-qb", "other"]);
    tree.write("other.env", line("other one"));
    assert_eq!(baseline(&tree, &["add"]).code, 0);
    commit("other");
    tree.git_command(&["checkout", "-q", "-"]);
    tree.write("main.env", line("main"));
    assert_eq!(baseline(&tree, &["add"]).code, 0);
    commit("main");
    tree.git_command(&["merge", "-q", "-m", "merge", "other"]);
    let report = scan(&tree, &[]);
    assert_eq!((report.code, suppressed(&report).len(), stale(&report).len()), (0, 14, 0));
    let before = tree.read(NAME);
    assert_eq!(baseline(&tree, &["update"]).code, 0);
    assert_eq!(tree.read(NAME), before);
}
