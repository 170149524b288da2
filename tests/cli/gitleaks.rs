//! `--gitleaks-config`: a config of gitleaks in place of ours.

use crate::support::{Tree, fill, github_token};
use crate::triage::suppressed;

/// A rule of the house, its secret in the second group.
const RULE: &str = "[[rules]]\nid = 'Acme_Key'\ndescription = 'Acme'\nregex = '''(acme|ACME)_[a-z]+[-]([\\da-f]{32})\\b'''\nsecretGroup = 2\nkeywords = ['ACME_']\nentropy = 2.5\n";

fn acme(seed: &str) -> String {
    format!("k=acme_live-{}\n", fill("{hex:32}", seed))
}

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write("a.env", acme("a")).write("sub/b.env", acme("b")).write("g.env", format!("T={}\n", github_token("g")));
    tree
}

/// The paths of what is found, each with its rule.
fn found(tree: &Tree, config: &str) -> Vec<(String, String)> {
    tree.write("gl.toml", config);
    let report = tree.scan(&["--gitleaks-config", "gl.toml", "--exclude", "gl.toml"]);
    let word = |f: &serde_json::Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
    report
        .findings()
        .iter()
        .map(|f| (f["location"]["path"].as_str().unwrap_or_default().to_owned(), word(f, "rule_id")))
        .collect()
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(path, rule)| ((*path).to_owned(), (*rule).to_owned())).collect()
}

#[test]
fn rules_run_beside_what_stands_in_for_the_default_ones() {
    let tree = tree();
    let sorted = |config: &str| {
        let mut found = found(&tree, config);
        found.sort();
        found
    };
    let both = [("a.env", "acme-key"), ("g.env", "github-pat-classic"), ("sub/b.env", "acme-key")];
    assert_eq!(sorted(&format!("[extend]\nuseDefault = true\n{RULE}")), rows(&both));
    let off = format!("[extend]\nuseDefault = true\ndisabledRules = ['github-pat']\n{RULE}");
    assert_eq!(sorted(&off), rows(&[both[0], both[2]]));
    let path = format!("[extend]\nuseDefault = true\n{RULE}path = '''^sub/'''\n");
    assert_eq!(sorted(&path), rows(&both[1..]));
}

#[test]
fn allowlists_old_and_new_keep_out_and_are_told() {
    let tree = tree();
    let extend = "[extend]\nuseDefault = true\n";
    for (config, kept_out) in [
        (format!("{extend}{RULE}[allowlist]\npaths = ['''^sub/''']"), "sub/b.env"),
        (format!("{extend}{RULE}[rules.allowlist]\npaths = ['''\\.env$''']\nstopwords = ['nowhere']"), "a.env sub/b.env"),
        (
            format!(
                "{extend}{RULE}[[rules.allowlists]]\ncondition = 'AND'\npaths = ['''^sub/''']\nregexTarget = 'line'\nregexes = ['''^k=''']"
            ),
            "sub/b.env",
        ),
        (format!("{extend}{RULE}[[allowlists]]\ntargetRules = ['github-pat']\npaths = ['''.''']"), "g.env"),
        (format!("{extend}{RULE}[[rules]]\nid = 'github-pat'\n[[rules.allowlists]]\npaths = ['''g''']"), "g.env"),
        (format!("{extend}{RULE}[[allowlists]]\nregexTarget = 'match'\nregexes = ['''^acme_\\Qlive-\\E''']"), "a.env sub/b.env"),
    ] {
        tree.write("gl.toml", &config);
        let report = tree.scan(&["--gitleaks-config", "gl.toml", "--exclude", "gl.toml"]);
        let mut paths: Vec<String> = suppressed(&report).into_iter().map(|(path, ..)| path).collect();
        paths.sort();
        assert_eq!((paths.join(" ").as_str(), report.findings().len()), (kept_out, 3 - paths.len()), "{config}");
    }
}

#[test]
fn a_range_takes_the_config_of_its_base() {
    let tree = Tree::git();
    tree.write(".gitleaks.toml", "[extend]\nuseDefault = true\n[allowlist]\npaths = ['''^old/''']");
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "one"]);
    tree.write(".gitleaks.toml", "[extend]\nuseDefault = true\n[allowlist]\npaths = ['''.''']");
    tree.write("old/a.env", format!("T={}\n", github_token("a"))).write("new.env", format!("T={}\n", github_token("b")));
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-qm", "two"]);
    let arguments = ["git", "--range", "HEAD~1..HEAD", "--gitleaks-config", ".gitleaks.toml", "-f", "json"];
    assert_eq!(tree.run(&arguments).report().paths(), ["new.env"]);
}

#[test]
fn what_cannot_be_read_is_named_and_what_has_no_equal_is_told() {
    let tree = tree();
    let run = |config: &str| {
        tree.write("gl.toml", config);
        tree.run(&["scan", "--gitleaks-config", "gl.toml"])
    };
    for (config, message) in [
        ("[extend]\nurl = 'https://example.org/x'", "gl.toml: `extend.url` is not read"),
        ("[extend]\npath = 'gone.toml'", "gone.toml: cannot be read"),
        ("title = 1\n[[rules]]\nid = 1", "gl.toml:3: "),
        ("[[rules]]\nid = 'x'\nregex = '''(a)\\1'''", "gl.toml: rule `x`: `regex`: `\\1` refers back"),
        ("[allowlist]\nregexTarget = 'word'\npaths = ['''a''']", "`word` is no `regexTarget`"),
    ] {
        let run = run(config);
        assert!(run.code == 2 && run.stderr.contains(message), "{config}: {}", run.printed());
    }
    let run = run(&format!("[extend]\nuseDefault = true\ndisabledRules = ['no-such']\n{RULE}tags = ['x']"));
    assert!(run.stderr.contains("gl.toml: `disabledRules` names `no-such`"), "{}", run.printed());
    assert!(run.stderr.contains("rule `Acme_Key`: keysift has no tags (x)"), "{}", run.printed());
}

#[test]
fn without_use_default_only_the_rules_of_the_file_run() {
    let tree = tree();
    assert_eq!(found(&tree, RULE), rows(&[("a.env", "acme-key"), ("sub/b.env", "acme-key")]));
    // A file without rules would find nothing.
    tree.write("gl.toml", "[allowlist]\npaths = ['''^sub/''']\n");
    let run = tree.run(&["scan", "-f", "json", "--gitleaks-config", "gl.toml"]);
    assert_eq!(run.report().paths(), ["g.env"]);
    assert!(run.stderr.contains("gitleaks finds nothing with it; keysift's own rules run"), "{}", run.stderr);
}

#[test]
fn rules_without_keywords_look_at_every_file() {
    let tree = tree();
    let hex = |rest: &str| format!("[[rules]]\nid = 'x'\nregex = '''\\b[\\da-f]{{32}}\\b'''\n{rest}");
    let both = rows(&[("a.env", "x"), ("sub/b.env", "x")]);
    // One letter or another alphabet is no keyword for us: every file is searched then.
    for rest in ["", "keywords = ['=']\n", "keywords = ['']\n", "keywords = ['é']\n"] {
        assert_eq!(found(&tree, &hex(rest)), both, "{rest}");
    }
    assert_eq!(found(&tree, &hex("keywords = ['nowhere']\n")), rows(&[]));
    // In history as well, where versions of a file share what was looked at.
    let repo = Tree::git();
    let lines: String = (0..200).map(|n| format!("line {n} of a file\n")).collect();
    repo.write("gl.toml", hex("")).write("a.txt", &lines);
    for (n, seed) in ["one", "two"].iter().enumerate() {
        repo.git_command(&["add", "."]);
        repo.git_command(&["commit", "-qm", "x"]);
        let text = repo.read("a.txt").replace(&format!("line {}0 of", n + 3), &format!("line {} of", fill("{hex:32}", seed)));
        repo.write("a.txt", text);
    }
    repo.git_command(&["commit", "-qam", "x"]);
    repo.git_command(&["gc", "-q"]);
    let report = repo.run(&["git", "-f", "json", "--gitleaks-config", "gl.toml", "--exclude", "gl.toml"]).report();
    assert_eq!(report.findings().len(), 2, "{:#}", report.json["findings"]);
}

#[test]
fn what_is_required_need_not_be_reported() {
    let tree = Tree::new();
    let config = "[[rules]]\nid = 'Key'\nregex = '''key_[0-9a-f]{32}'''\n[[rules.required]]\nid = 'Name'\nwithinLines = 1\n\
                  [[rules]]\nid = 'Name'\nregex = '''user_[a-z]{12}'''\nskipReport = true\n";
    let (key, user) = (fill("key_{hex:32}", "k"), ["user_", "qwmzxkvjhtbd"].concat());
    tree.write("a.env", format!("{user}\n{key}\n")).write("b.env", format!("{key}\n")).write("c.env", format!("{user}\n"));
    tree.write("d.env", format!("{user}\n\n\n{key}\n"));
    assert_eq!(found(&tree, config), rows(&[("a.env", "key")]));
}

#[test]
fn the_entropy_must_be_above_what_is_said() {
    let tree = Tree::new();
    // Sixteen digits, each twice: four bits each.
    tree.write("a.env", format!("k={}\n", ["0b7e5d2c91f3a846", "a4f1c0e89b2d7365"].concat()));
    for (entropy, is_found) in [("3.99", true), ("4", false), ("4.0", false)] {
        let config = format!("[[rules]]\nid = 'x'\nregex = '''[0-9a-f]{{32}}'''\nentropy = {entropy}\n");
        assert_eq!(!found(&tree, &config).is_empty(), is_found, "{entropy}");
    }
}
