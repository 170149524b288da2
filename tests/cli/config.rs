//! `keysift.toml`: what to leave out, which rules to switch off, own rules, limits and accepted gaps.

use crate::support::{Tree, fill, github_token};

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write("src/a.txt", format!("T={}\n", github_token("a"))).write("vendor/lib/b.txt", format!("T={}\n", github_token("b")));
    tree
}

#[test]
fn exclude_and_disable() {
    let tree = tree();
    tree.write("k.toml", "exclude = [\"vendor/**\", \"k.toml\"]\n");
    let report = tree.scan(&["-c", "k.toml"]);
    assert_eq!((report.code, report.paths()), (1, vec!["src/a.txt"]));
    assert!(report.complete(), "what was asked to be left out leaves the scan complete");
    assert!(report.count("excluded", "excluded") >= 2, "{:#}", report.json);
    // The command line adds to it.
    assert_eq!(tree.scan(&["-c", "k.toml", "--exclude", "src/*"]).code, 0);
    tree.write("k.toml", "disable = [\"github-*\"]\n");
    assert_eq!(tree.scan(&["-c", "k.toml"]).paths(), [""; 0]);
}

#[test]
fn own_rules_in_config() {
    let tree = tree();
    tree.write("k.toml", "[[rule]]\nid = \"acme\"\nformat_confidence = \"high\"\npattern = 'acme_[0-9a-z]{20}'\n");
    tree.write("c.txt", format!("x {}\n", fill("acme_{base36:20}", "c")));
    let report = tree.scan(&["-c", "k.toml", "c.txt"]);
    assert_eq!(report.only()["rule_id"], "acme");
    assert!(report.stderr.starts_with("k.toml:1: warning: rule `acme`: has not got"), "{}", report.stderr);
}

#[test]
fn the_largest_size_of_a_file() {
    let tree = tree();
    tree.write("k.toml", "max_file_size = \"20\"\n").write("large.bin", [b'x'; 1500]);
    let report = tree.scan(&["-c", "k.toml", "src", "large.bin"]);
    assert_eq!((report.code, report.count("skipped", "too_large")), (3, 2));
    // The flag is nearer than the file.
    let report = tree.scan(&["-c", "k.toml", "src", "large.bin", "--max-file-size", "1kB"]);
    assert_eq!((report.code, report.examples("skipped", "too_large")), (1, vec!["large.bin"]));
}

#[test]
fn gaps_that_someone_accepts_stay_in_the_report() {
    let tree = Tree::new();
    tree.write("a/large.bin", [b'x'; 99]).write("b/large.bin", [b'x'; 99]).write("c.txt", "x");
    let gap = |rest: &str| format!("[[accept_gap]]\nreason = \"too_large\"\nnote = \"disk images\"\n{rest}\n");
    let run = |config: &str, now: &str| {
        tree.write("k.toml", config);
        tree.run(&["scan", "-f", "json", "a", "b", "c.txt", "-c", "k.toml", "--max-file-size", "50", "--now", now]).report()
    };
    let report = run(&gap(""), "2026-11-20");
    assert_eq!((report.code, report.complete(), report.count("skipped", "too_large")), (0, true, 2));
    assert_eq!(report.json["scan"]["skipped"][0]["accepted"], true);

    // Paths are relative to what was scanned.
    let report = run(&gap("path = \"**/small.bin\""), "2026-11-20");
    assert_eq!((report.code, report.complete()), (3, false));

    // The last day counts.
    let until = gap("until = \"2026-11-20\"");
    assert_eq!(run(&until, "2026-11-20").code, 0);
    let late = run(&until, "2026-11-21");
    assert_eq!((late.code, late.complete()), (3, false));
    assert_eq!(late.stderr, "keysift: an accepted gap (too_large) has expired: disk images\n");
}

#[test]
fn only_the_paths_that_a_gap_names_are_accepted() {
    let tree = Tree::new();
    tree.write("images/large.bin", [b'x'; 99]).write("other/large.bin", [b'x'; 99]);
    tree.write("k.toml", "[[accept_gap]]\nreason = \"too_large\"\npath = \"images/**\"\nnote = \"n\"\n");
    let report = tree.scan(&[".", "-c", "k.toml", "--max-file-size", "90"]);
    assert_eq!((report.code, report.complete()), (3, false));
    let run = tree.run(&["scan", ".", "-c", "k.toml", "--max-file-size", "90"]);
    insta::assert_snapshot!("accepted-gap", run.transcript());
}

/// Each mistake in a config file, and the message a user reads.
#[test]
fn mistakes_in_a_config_file() {
    let tree = Tree::new();
    let mut told = String::new();
    for text in [
        "exclude = [\"a\"\n",
        "\nmax_file_sise = \"1MB\"\n",
        "max_file_size = \"many\"\n",
        "max_file_size = 7\n",
        "exclude = [\"a[b\"]\n",
        "disable = [\"github-pat-clasic\"]\n",
        "[[accept_gap]]\nreason = \"boredom\"\nnote = \"n\"\n",
        "[[accept_gap]]\nreason = \"too_large\"\n",
        "[[accept_gap]]\nreason = \"too_large\"\nnote = \"n\"\nuntil = \"soon\"\n",
        "[[accept_gap]]\nreason = \"too_large\"\nnote = \"n\"\npaths = \"x\"\n",
        "[[accept_gap]]\nreason = \"too_large\"\nnote = \"n\"\npath = \"a[b\"\n",
        "\n\n[[rule]]\nid = \"acme\"\npattern = 'acme_[a-z]+'\n",
    ] {
        tree.write("k.toml", text);
        let run = tree.run(&["scan", "-c", "k.toml"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{text}: {}", run.printed());
        told.push_str(&format!("{}\n{}\n", text.trim_end(), run.stderr));
    }
    insta::assert_snapshot!("config-mistakes", told);
}

#[test]
fn a_config_file_that_is_not_there_or_no_text() {
    let tree = Tree::new();
    tree.write("bytes.toml", [0xff, 0xfe, 0]);
    for file in ["gone.toml", "bytes.toml", "."] {
        let run = tree.run(&["scan", "-c", file]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.starts_with(&format!("keysift: {file}: cannot be read")), "{}", run.stderr);
    }
}

#[test]
fn the_config_of_a_repository_is_found_upwards_but_not_above_it() {
    let outer = tree();
    outer.write("keysift.toml", "exclude = [\"**\"]\n").write("repo/src/a.txt", format!("T={}\n", github_token("r")));
    // Outside of a repository the scanned folder alone counts.
    assert_eq!(outer.scan(&[]).paths(), [""; 0]);
    assert_eq!(outer.scan(&["src"]).paths(), ["a.txt"]);
    let run = outer.run_in("src", &["scan", "-f", "json"]);
    assert_eq!(run.report().paths(), ["a.txt"]);
    outer.git_command(&["init", "-q", "repo"]);
    assert_eq!(outer.scan(&["repo"]).paths(), ["src/a.txt"], "nothing above a repository counts");
    outer.write("repo/keysift.toml", "disable = [\"github-*\", \"generic-*\"]\n");
    for target in ["repo", "repo/src", "repo/src/a.txt"] {
        let report = outer.scan(&[target]);
        assert_eq!((report.code, report.paths()), (0, vec![]), "{target}");
        assert_eq!(report.json["scan"]["policy"], serde_json::json!(["keysift.toml"]));
    }
    // The nearest one counts, and a flag goes before it.
    outer.write("repo/src/keysift.toml", "exclude = [\"nothing\"]\n");
    assert_eq!(outer.scan(&["repo/src"]).json["scan"]["policy"], serde_json::json!(["src/keysift.toml"]));
    assert_eq!(outer.scan(&["repo/src"]).paths(), ["src/a.txt"]);
    let report = outer.scan(&["repo", "--no-config"]);
    assert_eq!((report.paths(), &report.json["scan"]["policy"]), (vec!["src/a.txt"], &serde_json::Value::Null));
    outer.write("own.toml", "");
    assert_eq!(outer.scan(&["repo", "-c", "own.toml"]).paths(), ["src/a.txt"]);
    assert_eq!(outer.run(&["scan", "-c", "own.toml", "--no-config"]).code, 2);
    // Text from a pipe belongs to the current folder.
    let text = format!("T={}\n", github_token("p"));
    assert_eq!(outer.run_with(&["scan", "-"], text.as_bytes()).code, 1);
    outer.write("keysift.toml", "disable = [\"github-*\", \"generic-*\"]\n");
    assert_eq!(outer.run_with(&["scan", "-"], text.as_bytes()).code, 0);
}

#[test]
fn folders_with_different_configs_are_scanned_one_by_one() {
    let tree = tree();
    tree.write("src/keysift.toml", "disable = [\"aws-*\"]\n").write("vendor/keysift.toml", "disable = [\"aws-*\"]\n");
    let run = tree.run(&["scan", "src", "vendor"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("config of their own") && run.stderr.contains("--no-config"), "{}", run.stderr);
    assert_eq!(tree.scan(&["src", "vendor", "--no-config"]).paths().len(), 2);
}

/// What a repository may not say about its own scan.
#[test]
fn a_found_config_leads_nowhere_else() {
    let tree = tree();
    for (text, message) in [
        ("verify = true\n", "keysift.toml:1: a config file cannot ask for verification"),
        ("\n[verify]\nurl = \"x\"\n", "keysift.toml:2: a config file cannot ask for verification"),
        ("baseline = \"../b\"\n", "keysift.toml: `baseline` is a path in the folder of the config file"),
        ("baseline = \"/etc/passwd\"\n", "keysift.toml: `baseline` is a path in the folder of the config file"),
        ("baseline = \"b.jsonl\"\n", "b.jsonl is not there: `keysift baseline create --baseline b.jsonl` writes it"),
        ("baseline = \"src/a.txt\"\n", "src/a.txt:1: this is no baseline"),
        ("exclude = 1\n", "keysift.toml:1: "),
    ] {
        tree.write("keysift.toml", text);
        let run = tree.run(&["scan"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{text}");
        assert!(run.stderr.starts_with(&format!("keysift: {message}")), "{text}: {}", run.stderr);
    }
    // Nor by way of a link.
    let outside = Tree::new();
    outside.write("b.jsonl", "");
    std::os::unix::fs::symlink(outside.path(), tree.join("way")).expect("links can be made");
    tree.write("keysift.toml", "baseline = \"way/b.jsonl\"\n");
    let run = tree.run(&["scan"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("is a path in the folder of the config file, without `..` and links"), "{}", run.stderr);
    std::fs::remove_file(tree.join("keysift.toml")).expect("it is there");
    for name in ["keysift.toml", ".keysiftignore"] {
        std::os::unix::fs::symlink("/etc/hostname", tree.join(name)).expect("links can be made");
        let run = tree.run(&["scan"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.starts_with(&format!("keysift: {name}: cannot be read: it is a link")), "{}", run.stderr);
        std::fs::remove_file(tree.join(name)).expect("it is there");
    }
}

/// An update of keysift breaks no build: what only younger rules see is told, and fails nothing.
#[test]
fn findings_of_rules_younger_than_the_named_catalogue_are_notices() {
    let tree = Tree::new();
    let rule = |since: &str| {
        format!("[[rule]]\nid = \"acme\"\nsince = \"{since}\"\nformat_confidence = \"high\"\npattern = 'acme_[0-9a-z]{{20}}'\n")
    };
    tree.write("c.txt", format!("x {}\n", fill("acme_{base36:20}", "c")));
    tree.write("k.toml", format!("catalogue = \"0.1\"\n{}", rule("0.2")));
    let report = tree.scan(&["-c", "k.toml", "c.txt"]);
    assert_eq!((report.code, report.only()["notice"].as_bool()), (0, Some(true)));
    tree.write("k.toml", format!("catalogue = \"0.1\"\n{}", rule("0.1")));
    let report = tree.scan(&["-c", "k.toml", "c.txt"]);
    assert_eq!((report.code, report.only().get("notice")), (1, None));
    // What an older rule sees as well fails as before.
    tree.write("d.txt", format!("T={}\n", github_token("d")));
    let github =
        "[[rule]]\nid = \"acme-github\"\nsince = \"0.2\"\nformat_confidence = \"high\"\npattern = 'T=ghp_[0-9A-Za-z]{36}'\n";
    tree.write("k.toml", format!("catalogue = \"0.1\"\n{github}"));
    assert_eq!(tree.scan(&["-c", "k.toml", "d.txt"]).code, 1);
    tree.write("k.toml", "catalogue = \"9.9\"\n");
    let report = tree.run(&["scan", "-c", "k.toml", "c.txt"]);
    assert_eq!(report.code, 2);
    assert!(report.stderr.starts_with("keysift: k.toml:1: `9.9` is no catalogue version up to"), "{}", report.stderr);
}
