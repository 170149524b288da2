//! What keeps a finding's identity, and what changes it.

use crate::support::{Report, Run, Tree, github_token, password};

fn tree(tree: Tree) -> Tree {
    tree.write("src/app/a.py", format!("x = 1\ntoken = \"{}\"\ndb_password = \"{}\"\n", github_token("a"), password("a")));
    tree
}

fn of(report: &Report) -> Vec<String> {
    let all: Vec<String> = report.fingerprints().iter().map(|f| (*f).to_owned()).collect();
    assert_eq!(all.len(), 2, "{:#}", report.json);
    for fingerprint in &all {
        assert!(
            fingerprint.len() == 36 && fingerprint.starts_with("ks1:") && fingerprint[4..].bytes().all(|b| b.is_ascii_hexdigit())
        );
    }
    all
}

#[test]
fn the_same_from_everywhere_in_a_repository() {
    let tree = tree(Tree::git());
    let root = of(&tree.scan(&[]));
    let absolute = tree.join("src").to_string_lossy().into_owned();
    for arguments in [&["src"][..], &["src/app"], &["src/app/a.py"], &["./src/../src/app/a.py"], &[absolute.as_str()]] {
        assert_eq!(of(&tree.scan(arguments)), root, "{arguments:?}");
    }
    for (folder, argument) in
        [("src", "."), ("src", "app"), ("src/app", "a.py"), ("src/app", ".."), ("src/app", "../../src/app/a.py")]
    {
        assert_eq!(of(&tree.run_in(folder, &["scan", "-f", "json", argument]).report()), root, "{argument} in {folder}");
    }
    let content = tree.read("src/app/a.py");
    for path in ["src/app/a.py", "src\\app\\a.py", "./src/app/a.py", "src//app/./a.py"] {
        let line = serde_json::json!({"path": path, "content": content}).to_string();
        assert_eq!(of(&tree.run_with(&["scan", "--from-jsonl", "-f", "json"], line.as_bytes()).report()), root, "{path}");
    }
}

#[test]
fn outside_a_repository_paths_are_relative_to_the_scanned_folder() {
    let tree = tree(Tree::new());
    let root = of(&tree.scan(&[]));
    assert_eq!(of(&tree.scan(&["."])), root);
    assert_eq!(of(&tree.scan(&[tree.path().to_str().expect("UTF-8")])), root);
    assert_eq!(of(&tree.scan(&["src/app/a.py"])), root, "a named file is relative to the current folder");
    assert_ne!(of(&tree.scan(&["src"])), root);
}

#[test]
fn lines_that_move_keep_it() {
    let tree = tree(Tree::new());
    let before = of(&tree.scan(&[]));
    let text = tree.read("src/app/a.py");
    tree.write("src/app/a.py", format!("# one\n# two\n\n{text}# end\n"));
    let after = tree.scan(&[]);
    assert_eq!(of(&after), before);
    assert_eq!(after.findings()[0]["location"]["start_line"], 5);
    tree.write("src/app/a.py", text.replace('\n', "\r\n").replace("token =", "my_token   ="));
    assert_eq!(of(&tree.scan(&[])), before);
}

#[test]
fn names_that_look_alike_in_unicode_are_one() {
    let tree = Tree::new();
    let content = format!("t={}", github_token("n"));
    let of_path = |path: &str| {
        let line = serde_json::json!({"path": path, "content": content}).to_string();
        tree.run_with(&["scan", "--from-jsonl", "-f", "json"], line.as_bytes()).report().fingerprints()[0].to_owned()
    };
    assert_eq!(of_path("caf\u{e9}.txt"), of_path("cafe\u{301}.txt"));
    assert_ne!(of_path("caf\u{e9}.txt"), of_path("cafe.txt"));
}

#[test]
fn another_path_or_secret_changes_it_and_the_secret_s_own_id_stays() {
    let tree = Tree::new();
    tree.write("a.txt", format!("t={}", github_token("1")))
        .write("b.txt", format!("t={}", github_token("1")))
        .write("c.txt", format!("t={}", github_token("2")));
    let report = tree.scan(&[]);
    let id = |n: usize| report.findings()[n]["secret_id"].as_str().expect("an id");
    let prints = report.fingerprints();
    assert!(prints[0] != prints[1] && prints[1] != prints[2]);
    assert!(id(0) == id(1) && id(1) != id(2));
}

#[test]
fn a_private_key_makes_private_ids() {
    let tree = tree(Tree::new());
    let public = tree.scan(&[]);
    let with = |key: &str| {
        let mut command = tree.command(&["scan", "-f", "json"]);
        command.env("KEYSIFT_FINGERPRINT_KEY", key);
        Run::of(&mut command, b"", &tree).report()
    };
    let (one, again, two) = (with("first key"), with("first key"), with("second key"));
    assert_eq!(of(&one), of(&again));
    assert_ne!(of(&one), of(&public));
    assert_ne!(of(&one), of(&two));
    assert_ne!(one.findings()[0]["secret_id"], public.findings()[0]["secret_id"]);
    assert_eq!(public.json["scan"]["fingerprint_key"], "public");
    let id = one.json["scan"]["fingerprint_key"].as_str().expect("an id");
    assert!(id.len() == 16 && id != "first key" && id != two.json["scan"]["fingerprint_key"]);
    assert_eq!(of(&with("")), of(&public), "an empty variable is none");
}

#[test]
fn a_renamed_rule_keeps_it() {
    let tree = Tree::new();
    tree.write("a.txt", format!("x {}\n", crate::support::fill("acme_{base36:20}", "r")));
    let rule = |id: &str, formerly: &str| {
        format!("[[rule]]\nid = \"{id}\"\n{formerly}\nformat_confidence = \"high\"\npattern = 'acme_[0-9a-z]{{20}}'\n")
    };
    tree.write("old.toml", rule("acme-old", "")).write("new.toml", rule("acme-new", "formerly = [\"acme-old\"]"));
    let old = tree.scan(&["a.txt", "--rules", "old.toml"]);
    let new = tree.scan(&["a.txt", "--rules", "new.toml"]);
    assert_eq!((old.only()["rule_id"].as_str(), new.only()["rule_id"].as_str()), (Some("acme-old"), Some("acme-new")));
    assert_eq!(old.fingerprints(), new.fingerprints());
}
