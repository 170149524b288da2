//! Decisions: the ignore file, comments, `keysift allow`, and how reports tell them. The baseline has a file of its own.

use crate::support::{Report, Tree, fill, github_token, password};
use serde_json::{Value, json};

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

/// Of each suppressed finding: its path, by what, the state and the reason.
pub fn suppressed(report: &Report) -> Vec<(String, String, String, String)> {
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let all = report.json["scan"]["suppressed"].as_array().expect("a list");
    all.iter().map(|s| (word(&s["path"]), word(&s["source"]), word(&s["state"]), word(&s["reason"]))).collect()
}

/// `why entry` of each decision that does nothing.
pub fn stale(report: &Report) -> Vec<String> {
    let all = report.json["scan"]["stale"].as_array().cloned().unwrap_or_default();
    all.iter().map(|s| format!("{} {}", s["why"].as_str().expect("why"), s["entry"].as_str().expect("entry"))).collect()
}

fn row(path: &str, source: &str, state: &str, reason: &str) -> (String, String, String, String) {
    (path.to_owned(), source.to_owned(), state.to_owned(), reason.to_owned())
}

#[test]
fn an_ignore_file_names_findings_by_fingerprint_and_by_rule_and_path() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write("tests/b.env", line("b")).write("src/c.env", line("c"));
    let prints: Vec<String> = tree.scan(&[]).fingerprints().iter().map(|f| (*f).to_owned()).collect();
    tree.write(".keysiftignore", format!("# ours\n{} as=test_value -- made up\ngithub-* tests/** # fixtures\n", prints[0]));
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.paths()), (1, vec!["src/c.env"]));
    assert_eq!(
        suppressed(&report),
        [row("a.env", "ignore_file", "test_value", "made up"), row("tests/b.env", "ignore_file", "accepted", "fixtures")]
    );
    assert_eq!(report.json["scan"]["policy"], json!([".keysiftignore"]));
    // What is suppressed does not fail; what remains does.
    assert_eq!(tree.scan(&["tests"]).code, 1, "outside of a repository the scanned folder has an ignore file of its own");
    assert_eq!(tree.scan(&["a.env"]).code, 0);
    assert_eq!(tree.scan(&["--no-ignore-file"]).findings().len(), 3);
    tree.write("other", "* src/**\n");
    assert_eq!(tree.scan(&["--ignore-file", "other"]).paths(), ["a.env", "tests/b.env"]);
    assert_eq!(tree.run(&["scan", "--ignore-file", "gone"]).code, 2);
    // The history of a repository obeys the file at its top.
    let repo = Tree::git();
    repo.write("a.env", line("a")).write("b.env", line("b")).write(".keysiftignore", "* a.env\n");
    repo.git_command(&["add", "."]);
    repo.git_command(&["commit", "-qm", "x"]);
    let report = repo.run(&["git", "-f", "json"]).report();
    assert_eq!((report.code, report.paths()), (1, vec!["b.env"]));
    assert_eq!(repo.run(&["git", "-f", "json", "--no-ignore-file"]).report().findings().len(), 2);
    repo.write("sub/c.txt", "x");
    assert_eq!(repo.run_in("sub", &["scan", "-f", "json", "../a.env"]).code, 0);
}

#[test]
fn several_folders_have_no_ignore_file_in_common() {
    let tree = Tree::new();
    tree.write("a/x.env", line("a")).write("a/.keysiftignore", "* **\n").write("b/x.env", line("b"));
    let report = tree.scan(&["a", "b"]);
    assert_eq!((report.code, report.findings().len()), (1, 2));
    assert!(report.stderr.contains("does not count where several folders are scanned"), "{}", report.stderr);
    assert_eq!(tree.scan(&["a"]).code, 0);
}

#[test]
fn mistakes_in_an_ignore_file_are_named() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write(".keysiftignore", "# c\ngithub-* a.env untill=2026-01-01\n");
    let run = tree.run(&["scan"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert_eq!(run.stderr, "keysift: .keysiftignore:2: unknown key `untill`: did you mean `until=`?\n");
    // A rule that is not there is told; the rest counts.
    tree.write(".keysiftignore", "github-pat-clasic a.env\ngithub-pat-classic a.env\n");
    let report = tree.scan(&[]);
    assert_eq!(report.code, 0);
    assert!(report.stderr.starts_with("keysift: .keysiftignore:1: there is no rule `github-pat-clasic`: did you mean"));
    assert_eq!(stale(&report), ["unused .keysiftignore:1 github-pat-clasic a.env"]);
}

#[test]
fn decisions_that_expire_or_do_nothing_are_told() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write(".keysiftignore", "* a.env until=2026-11-20 -- soon\n* gone.env\n");
    let report = tree.scan(&["--now", "2026-11-20"]);
    assert_eq!((report.code, stale(&report)), (0, vec!["unused .keysiftignore:2 * gone.env".to_owned()]));
    assert_eq!(report.json["scan"]["suppressed"][0]["until"], "2026-11-20");
    let late = tree.scan(&["--now", "2026-11-21"]);
    assert_eq!(
        (late.code, stale(&late)),
        (1, vec!["unused .keysiftignore:2 * gone.env".to_owned(), "expired .keysiftignore:1 * a.env".to_owned()])
    );
    let human = tree.run(&["scan", "--now", "2026-11-21"]).stdout;
    assert!(human.contains("\nhas expired: .keysiftignore:1 * a.env\n"), "{human}");
    // Of a part of the tree, or of the rules, nobody knows what a line is not about.
    assert_eq!(stale(&tree.scan(&["a.env", "--now", "2026-11-20"])), [""; 0]);
    assert_eq!(stale(&tree.scan(&["--rule", "aws-*", "--now", "2026-11-20"])), [""; 0]);
}

#[test]
fn comments_allow_what_stands_beside_them() {
    let tree = Tree::new();
    for (name, text) in [
        ("same.py", format!("t = \"{}\"  # keysift:allow -- made up\n", github_token("1"))),
        ("before.js", format!("// keysift:allow github-*\nt = \"{}\"\n", github_token("2"))),
        ("gitleaks.yml", format!("t: {} # gitleaks:allow\n", github_token("3"))),
        ("truffle.yml", format!("t: {} # trufflehog:ignore\n", github_token("4"))),
        ("king.yml", format!("t: {} # kingfisher:ignore\n", github_token("5"))),
        ("pragma.yml", format!("t: {} # pragma: allowlist secret\n", github_token("6"))),
        ("next.yml", format!("x: 1 # pragma: allowlist nextline secret\nt: {}\n", github_token("7"))),
        ("other.py", format!("t = \"{}\"  # keysift:allow aws-*\n", github_token("8"))),
        ("twice.py", format!("t = \"{0}\"  # keysift:allow\nu = \"{0}\"\n", github_token("9"))),
        ("below.py", format!("x = 1  # keysift:allow\nt = \"{}\"\n", github_token("10"))),
    ] {
        tree.write(name, text);
    }
    let wide: Vec<u8> =
        format!("t = {} # keysift:allow -- wide\n", github_token("w")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    tree.write("wide.txt", [&[0xff, 0xfe][..], &wide].concat());
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.paths()), (1, vec!["below.py", "other.py", "twice.py"]));
    let of = |path: &str| suppressed(&report).into_iter().find(|s| s.0 == path).unwrap_or_else(|| panic!("{path} is suppressed"));
    assert_eq!(of("same.py"), row("same.py", "inline", "accepted", "made up"));
    assert_eq!(of("wide.txt"), row("wide.txt", "inline", "accepted", "wide"));
    assert_eq!(suppressed(&report).len(), 8);
    assert_eq!(stale(&report), ["unused other.py:1 keysift:allow aws-*"]);
    let all = tree.scan(&["--no-inline-allow"]);
    assert_eq!((all.findings().len(), suppressed(&all).len()), (11, 0));
}

#[test]
fn comments_count_in_history_and_in_large_files() {
    let tree = Tree::git();
    tree.write("a.py", format!("# keysift:allow -- made up\nt = \"{}\"\n", github_token("1"))).write("b.py", line("2"));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "x"]);
    let report = tree.run(&["git", "-f", "json"]).report();
    assert_eq!((report.paths(), suppressed(&report)), (vec!["b.py"], vec![row("a.py", "inline", "accepted", "made up")]));
    // Whatever side of a chunk's border the comment falls on.
    let tree = Tree::new();
    for shift in [0_i64, 30, 60, 90] {
        let before = format!("{}\n", "x".repeat(99));
        let filler = before.repeat(((8 << 20) / 100) as usize);
        let cut = &filler[..(filler.len() as i64 - 100 + shift) as usize];
        let text = format!("{cut}\n# keysift:allow\nt = \"{}\" \n{}", github_token("big"), before.repeat(3000));
        tree.write(format!("{shift}.txt"), text);
    }
    let report = tree.scan(&[]);
    assert_eq!((report.code, suppressed(&report).len()), (0, 4), "{:#}", report.json);
}

/// Every format tells what is suppressed, by whom and why.
#[test]
fn reports_tell_what_is_suppressed() {
    let tree = Tree::new();
    tree.write("a.env", line("a"))
        .write("b.env", format!("T={} # keysift:allow -- made up for the docs\n", github_token("b")))
        .write("c.env", line("c"))
        .write(".keysiftignore", "github-* a.env as=revoked until=2027-06-30 owner=ops -- ticket 4711\n* gone/**\n");
    insta::assert_snapshot!("suppressed-human", tree.run(&["scan", "--now", "2026-11-20"]).transcript());
    let shown = tree.run(&["scan", "--now", "2026-11-20", "--show-suppressed", "a.env", "b.env"]);
    insta::assert_snapshot!("show-suppressed", shown.transcript());
    let json = tree.scan(&["--show-suppressed"]);
    assert_eq!(json.json["scan"]["suppressed"].as_array().map(Vec::len), Some(2));
    let full = json.json["suppressed_findings"].as_array().expect("asked for");
    assert_eq!((full[0]["state"].as_str(), full[1]["state"].as_str()), (Some("revoked"), Some("accepted")));
    assert_eq!(tree.scan(&[]).json.get("suppressed_findings"), None);
    let run = tree.run(&["scan", "-f", "sarif"]);
    let sarif: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 3);
    assert_eq!(results[0]["suppressions"], json!([]), "what fails stands first, and says that nothing suppresses it");
    assert_eq!(
        results[1]["suppressions"],
        json!([{
            "kind": "external", "status": "accepted", "properties": {"state": "revoked"},
            "justification": "revoked by the ignore file until 2027-06-30, owner ops: ticket 4711"
        }])
    );
    assert_eq!(results[2]["suppressions"][0]["kind"], "inSource");
    let github = tree.run(&["scan", "-f", "github"]).stdout;
    assert_eq!(github.matches("::error").count(), 1, "{github}");
    let lines = tree.run(&["scan", "-f", "jsonl"]).stdout;
    let last: Value = serde_json::from_str(lines.lines().last().expect("a summary")).expect("JSON");
    assert_eq!((lines.lines().count(), &last["scan"]["suppressed"]), (2, &json.json["scan"]["suppressed"]));
}

#[test]
fn decisions_pass_the_redactor_and_cannot_steer_a_terminal() {
    let tree = Tree::new();
    let secret = github_token("a");
    tree.write("a.env", format!("T={secret} # keysift:allow -- was {secret}\n"))
        .write(".keysiftignore", format!("* {secret}.txt\n* b.env -- \u{1b}[2J was {secret}\n"))
        .write("b.env", line("b"));
    for arguments in [&["scan"][..], &["scan", "--show-suppressed"], &["scan", "-f", "json"], &["scan", "-f", "sarif"]] {
        let run = tree.run(arguments);
        assert_eq!(run.code, 1, "the ignore file itself holds the secret: {}", run.printed());
        assert!(!run.printed().contains(&secret) && !run.printed().contains('\u{1b}'), "{}", run.printed());
    }
}

#[test]
fn allow_records_changes_and_takes_back() {
    let tree = Tree::git();
    tree.write("sub/a.env", line("a")).write(".keysiftignore", "# ours\n* gone/**\n");
    let print = tree.scan(&[]).fingerprints()[0].to_owned();
    let allow = |arguments: &[&str]| tree.run_in("sub", &[&["allow", print.as_str(), "--now", "2026-11-20"], arguments].concat());
    let run = allow(&["--as", "test_value", "--reason", "made up"]);
    assert_eq!((run.code, run.stdout), (0, format!("{print} is test_value: recorded in .keysiftignore\n")));
    assert_eq!(tree.read(".keysiftignore"), format!("# ours\n* gone/**\n{print} as=test_value -- made up\n"));
    assert_eq!(tree.scan(&[]).code, 0);
    // Another decision on the same finding takes its place.
    allow(&["--as", "accepted", "--until", "2026-12-31", "--owner", "the ops team", "--reason", "goes away"]);
    assert_eq!(
        tree.read(".keysiftignore"),
        format!("# ours\n* gone/**\n{print} as=accepted until=2026-12-31 owner=\"the ops team\" -- goes away\n")
    );
    let report = tree.scan(&["--now", "2026-11-20"]);
    assert_eq!(suppressed(&report), [row("sub/a.env", "ignore_file", "accepted", "goes away")]);
    assert_eq!(report.json["scan"]["suppressed"][0]["owner"], "the ops team");
    assert_eq!(allow(&["--as", "open"]).code, 0);
    assert_eq!((tree.read(".keysiftignore"), tree.scan(&[]).code), ("# ours\n* gone/**\n".to_owned(), 1));
    assert_eq!(allow(&["--as", "revoked", "--reason", "x", "--ignore-file", "own"]).code, 0);
    assert_eq!(tree.scan(&["--ignore-file", "sub/own"]).code, 0);
}

#[test]
fn allow_says_what_it_cannot_record() {
    let tree = Tree::new();
    let print = format!("ks1:{}", "0".repeat(32));
    for (arguments, message) in [
        (&["ks1:12", "--as", "revoked", "--reason", "x"][..], "`ks1:12` is no fingerprint"),
        (&[&print, "--as", "revoked"], "say why: --reason TEXT"),
        (&[&print, "--as", "fine", "--reason", "x"], "one of open, revoked, false_positive, test_value, accepted"),
        (&[&print, "--as", "accepted", "--reason", "x", "--until", "2026-01-01", "--now", "2026-01-02"], "has passed"),
        (&[&print, "--as", "accepted", "--reason", "x", "--until", "soon"], "a day such as 2026-12-31"),
        (&[&print, "--as", "revoked", "--reason", "x", "--baseline", "gone"], "gone is not there: `keysift baseline create"),
    ] {
        let run = tree.run(&[&["allow"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
    assert!(!tree.join(".keysiftignore").exists());
    // A file that is wrong does not grow, and a link is not followed.
    tree.write(".keysiftignore", "nonsense\n");
    assert_eq!(tree.run(&["allow", &print, "--as", "revoked", "--reason", "x"]).code, 2);
    assert_eq!(tree.read(".keysiftignore"), "nonsense\n");
}

#[test]
fn a_file_that_allow_changes_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let tree = Tree::new();
    tree.write(".keysiftignore", "# x\n");
    let set = std::fs::Permissions::from_mode(0o664);
    std::fs::set_permissions(tree.join(".keysiftignore"), set).expect("rights can be set");
    let print = format!("ks1:{}", "0".repeat(32));
    assert_eq!(tree.run(&["allow", &print, "--as", "revoked", "--reason", "x"]).code, 0);
    let mode = std::fs::metadata(tree.join(".keysiftignore")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o664);
}

/// What is below the asked level is neither open nor suppressed.
#[test]
fn levels_are_asked_of_suppressed_findings_too() {
    let tree = Tree::new();
    tree.write("a.env", format!("DB_PASSWORD={} # keysift:allow\n", password("p"))).write("b.env", line("b"));
    tree.write("c.txt", fill("x {hex:8}\n", "c"));
    let report = tree.scan(&["--min-severity", "critical"]);
    assert_eq!((suppressed(&report).len(), report.findings().len()), (0, 1));
    assert_eq!(report.json["scan"]["below_threshold"], 1);
    let report = tree.scan(&[]);
    assert_eq!((suppressed(&report).len(), report.findings().len()), (1, 1));
    assert_eq!(report.json["scan"]["below_threshold"], 0);
}
