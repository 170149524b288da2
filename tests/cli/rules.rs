//! Choosing rules, own rules, and `keysift rules …`.

use crate::support::{Tree, fill, github_token};

/// A good rule of a user's own.
const ACME: &str = r#"provider = "Acme"

[[rule]]
id = "acme-token"
name = "Acme deploy token"
severity = "high"
format_confidence = "high"
keywords = ["acme_"]
pattern = '''\b(?P<secret>acme_[0-9a-z]{24})\b'''

[rule.remedy]
rotate = "https://acme.example/tokens"
steps = "Revoke it at Acme. Keep the next one in the vault."

[[rule.example]]
secret = "acme_{base36:24}"
text = '''ACME={{secret}}'''
[[rule.example]]
secret = "acme_{base36:24}"
text = '''deploy --token {{secret}} now'''
[[rule.counterexample]]
text = '''acme_{{base36:10}}'''
"#;

/// A secret for each of three rules.
fn three() -> Tree {
    let tree = Tree::new();
    tree.write("acme.toml", ACME);
    tree.write("acme.txt", format!("a {}\n", fill("acme_{base36:24}", "x")));
    tree.write("github.txt", format!("g {}\n", github_token("x")));
    tree.write("slack.txt", format!("s {}\n", fill("xoxb-{digits:12}-{digits:12}-{alnum:24}", "x")));
    tree
}

#[test]
fn own_rules() {
    let tree = three();
    assert_eq!(tree.scan(&["acme.txt"]).paths(), [""; 0]);
    insta::assert_snapshot!("own-rule", tree.run(&["scan", "acme.txt", "--rules", "acme.toml"]).transcript());
}

#[test]
fn only_some_rules_and_all_but_some() {
    let tree = three();
    let paths = |arguments: &[&str]| -> String {
        let all = [&["acme.txt", "github.txt", "slack.txt", "--rules", "acme.toml"], arguments].concat();
        tree.scan(&all).paths().join(" ").replace(".txt", "")
    };
    assert_eq!(paths(&[]), "acme github slack");
    assert_eq!(paths(&["--rule", "acme-token"]), "acme");
    assert_eq!(paths(&["--rule", "acme-token", "--rule", "github-*"]), "acme github");
    assert_eq!(paths(&["--exclude-rule", "github-*"]), "acme slack");
    assert_eq!(paths(&["--exclude-rule", "*-token", "--exclude-rule", "*slack*"]), "github");
    assert_eq!(paths(&["--rule", "*", "--exclude-rule", "acme-token"]), "github slack");
}

#[test]
fn an_unknown_rule_is_named_with_the_nearest_one() {
    let tree = three();
    for flag in ["--rule", "--exclude-rule"] {
        let run = tree.run(&["scan", flag, "github-pat-clasic"]);
        assert_eq!(run.code, 2);
        assert_eq!(run.stderr, "keysift: there is no rule `github-pat-clasic`: did you mean `github-pat-classic`?\n");
    }
    let run = tree.run(&["scan", "--rule", "acme-tokn", "--rules", "acme.toml"]);
    assert_eq!(run.stderr, "keysift: there is no rule `acme-tokn`: did you mean `acme-token`?\n");
    let run = tree.run(&["scan", "--rule", "zzzzzzzzzzzzzzzzzzzz"]);
    assert_eq!(run.stderr, "keysift: there is no rule `zzzzzzzzzzzzzzzzzzzz`: `keysift rules list` lists them\n");
}

#[test]
fn an_own_rule_replaces_the_built_in_one_of_its_id() {
    let tree = three();
    tree.write("own.toml", "[[rule]]\nid = \"github-pat-classic\"\nseverity = \"low\"\nformat_confidence = \"high\"\npattern = 'ghp_[0-9A-Za-z]{36}'\n");
    let report = tree.scan(&["github.txt", "--rules", "own.toml"]);
    assert_eq!(report.only()["severity"], "low");
}

/// Each mistake in a rule file, and the message a user reads.
#[test]
fn mistakes_in_a_rule_file_are_told_with_file_line_and_what_to_do() {
    let tree = Tree::new();
    let rule = |body: &str| format!("# Acme\n[[rule]]\nid = \"acme\"\n{body}\n");
    let mut told = String::new();
    for (what, text) in [
        ("not TOML", "[[rule]\nid = 1\n".to_owned()),
        ("a misspelled key", rule("patern = 'acme_[a-z]{9}'")),
        ("an unknown key", rule("zebra = 1\npattern = 'acme_[a-z]{9}'")),
        ("a key of the wrong type", rule("pattern = 7")),
        ("no id", "[[rule]]\npattern = 'acme_[a-z]{9}'\n".to_owned()),
        ("a bad id", "[[rule]]\nid = \"Acme Token\"\npattern = 'acme_[a-z]{9}'\n".to_owned()),
        ("a misspelled severity", rule("severity = \"hihg\"\npattern = 'acme_[a-z]{9}'")),
        ("an invalid pattern", rule("pattern = 'acme_([a-z]{9}'")),
        ("look-around", rule("pattern = '(?<=x)acme_[a-z]{9}'")),
        ("a back-reference", rule(r"pattern = 'acme_([a-z])\1{9}'")),
        ("an alternative without a keyword", rule("keywords = [\"acme_\"]\npattern = '(?:acme_|emca-)[a-z]{9}'")),
        ("no literal to derive a keyword from", rule("pattern = '[a-z]{9}'")),
        ("an unbounded repetition", rule("pattern = 'acme_[a-z]+'")),
        ("too long a match", rule("pattern = 'acme_[a-z]{5000}'")),
        ("an unbounded closing marker", rule("pattern = 'acme_'\nuntil = 'z+'")),
        ("neither pattern nor path", rule("severity = \"low\"")),
        ("an unknown checksum", rule("checksum = { kind = \"github-crc23\" }\npattern = 'acme_[a-z]{9}'")),
        ("a keyword outside ASCII", rule("keywords = [\"caf\u{e9}\"]\npattern = 'acme_[a-z]{9}'")),
    ] {
        tree.write("acme.toml", &text);
        for command in [&["scan", "--rules", "acme.toml"][..], &["rules", "check", "acme.toml"]] {
            let run = tree.run(command);
            assert_eq!(run.code, 2, "{what}: {}", run.printed());
            assert!(run.stderr.contains("acme.toml:"), "{what}: {}", run.stderr);
            if command[0] == "rules" {
                told.push_str(&format!("# {what}\n{}\n", run.stderr));
            }
        }
    }
    insta::assert_snapshot!("rule-file-mistakes", told);
}

#[test]
fn all_mistakes_of_a_rule_file_are_told_at_once() {
    let tree = Tree::new();
    tree.write("a.toml", "[[rule]]\nid = \"one\"\npattern = 'acme_[a-z]+'\n[[rule]]\nid = \"two\"\npattern = 'acme_('\n");
    let run = tree.run(&["rules", "check", "a.toml"]);
    assert!(run.stderr.contains("a.toml:3: rule `one`") && run.stderr.contains("a.toml:6: rule `two`"), "{}", run.stderr);
}

#[test]
fn a_rule_file_that_is_not_there() {
    let run = Tree::new().run(&["scan", "--rules", "gone.toml"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("gone.toml: cannot be read"), "{}", run.stderr);
}

#[test]
fn list_and_filter() {
    let tree = Tree::new();
    let all = tree.run(&["rules", "list"]).stdout;
    assert!(all.lines().count() > 300);
    assert!(all.lines().is_sorted());
    let github = tree.run(&["rules", "list", "GitHub"]).stdout;
    assert!(github.lines().any(|l| l.starts_with("github-pat-classic ") && l.contains("critical")), "{github}");
    assert!(github.lines().count() < 30);
    assert_eq!(tree.run(&["rules", "list", "no such thing"]).stdout, "");
}

#[test]
fn show() {
    let tree = Tree::new();
    insta::assert_snapshot!("rules-show", tree.run(&["rules", "show", "github-pat-classic"]).transcript());
    let run = tree.run(&["rules", "show", "github-pat-clasic"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (2, "keysift: there is no rule `github-pat-clasic`: did you mean `github-pat-classic`?\n")
    );
}

/// A draft is a rule that passes its own checks and finds the samples, and holds none of them.
#[test]
fn new_drafts_a_rule_that_works() {
    let tree = Tree::new();
    let samples: Vec<String> = (0..5).map(|n| fill("acmelive_{base36:28}", &n.to_string())).collect();
    let draft = tree.run_with(&["rules", "new", "--id", "acme-live"], samples.join("\n").as_bytes());
    assert_eq!(draft.code, 0, "{}", draft.stderr);
    for sample in &samples {
        assert!(!draft.stdout.contains(&sample[10..]), "{}", draft.stdout);
    }
    insta::assert_snapshot!("rules-new", draft.transcript());
    tree.write("acme.toml", &draft.stdout);
    for command in ["check", "test"] {
        let run = tree.run(&["rules", command, "acme.toml"]);
        assert_eq!(run.code, 0, "{command}: {}", run.printed());
    }
    tree.write("a.txt", format!("token: {}\n", fill("acmelive_{base36:28}", "another")));
    assert_eq!(tree.scan(&["a.txt", "--rules", "acme.toml", "--rule", "acme-live"]).paths(), ["a.txt"]);
}

#[test]
fn new_says_which_sample_is_none() {
    let tree = Tree::new();
    for (samples, message) in [
        ("", "keysift: no sample: give at least one token on stdin, one a line\n"),
        ("good-sample-1\nno good\n", "keysift: line 2: a sample is printable ASCII without spaces, at least 8 characters long\n"),
    ] {
        let run = tree.run_with(&["rules", "new"], samples.as_bytes());
        assert_eq!((run.code, run.stderr.as_str()), (2, message));
    }
}

#[test]
fn check_and_test() {
    let tree = Tree::new();
    tree.write("acme.toml", ACME);
    assert_eq!(tree.run(&["rules", "check", "acme.toml"]).stdout, "1 rules are proven\n");
    assert_eq!(tree.run(&["rules", "test", "acme.toml"]).stdout, "1 rules, 2 examples, 1 counterexamples: 0 failed\n");
    let run = tree.run(&["rules", "check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    // What is missing is a warning in a user's own file.
    tree.write("bare.toml", "[[rule]]\nid = \"bare\"\npattern = 'acme_[a-z]{9}'\n");
    let run = tree.run(&["rules", "check", "bare.toml"]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.starts_with("bare.toml:1: warning: rule `bare`: has not got a `name`"), "{}", run.stderr);
    // A rule that names another one that is not there.
    tree.write(
        "near.toml",
        ACME.replace("[rule.remedy]", "near = [{ name = \"id\", rule = \"acme-key-id\", within_lines = 3 }]\n[rule.remedy]"),
    );
    let run = tree.run(&["rules", "check", "near.toml"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.stderr, "rule `acme-token`: `near` names `acme-key-id`, and there is no such rule\n");
}

#[test]
fn test_tells_each_example_that_is_wrong() {
    let tree = Tree::new();
    let wrong = ACME
        .replace("secret = \"acme_{base36:24}\"\ntext = '''ACME", "secret = \"acme_{base36:9}\"\ntext = '''ACME")
        .replace("'''acme_{{base36:10}}'''", "'''acme_{{base36:24}}'''")
        .replace("deploy --token {{secret}} now", "deploy --token {{hex}} now");
    tree.write("acme.toml", wrong);
    let run = tree.run(&["rules", "test", "acme.toml"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stdout, "1 rules, 2 examples, 1 counterexamples: 4 failed\n");
    for message in [
        "acme-token: example 1: ",
        "acme-token: example 2: the text has no {{secret}}",
        "acme-token: counterexample 1: `acme-token` finds",
    ] {
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}

#[test]
fn a_rule_for_some_paths_only() {
    let tree = three();
    tree.write("path.toml", ACME.replace("[rule.remedy]", "path = '''(?:^|/)deploy/'''\n[rule.remedy]"));
    tree.write("deploy/acme.txt", tree.read("acme.txt"));
    assert_eq!(tree.scan(&[".", "--rules", "path.toml", "--rule", "acme-token"]).paths(), ["deploy/acme.txt"]);
}

/// docs/rules.md: "With no `pattern`: the file itself is the finding".
#[test]
fn a_rule_with_a_path_and_no_pattern_finds_the_file_itself() {
    let tree = Tree::new();
    tree.write(
        "own.toml",
        "[[rule]]\nid = \"vault-file\"\nseverity = \"high\"\nformat_confidence = \"high\"\npath = '''\\.vault$'''\n",
    );
    tree.write("a/prod.vault", [7, 0, 255, 3]).write("a/prod.txt", "x");
    let report = tree.scan(&["a", "--rules", "own.toml"]);
    assert_eq!(report.paths(), ["prod.vault"]);
    assert_eq!(report.only()["rule_id"], "vault-file");
}

#[test]
fn catalogues_are_compared() {
    let tree = Tree::new();
    tree.write("old/acme.toml", ACME);
    tree.write(
        "new/acme.toml",
        [
            ACME.replace("id = \"acme-token\"", "id = \"acme-deploy-token\"\nformerly = [\"acme-token\"]")
                .replace("severity = \"high\"", "severity = \"critical\""),
            ACME.replace("provider = \"Acme\"\n", "").replace("acme-token", "acme-other").replace("acme_", "acmo_"),
        ]
        .concat(),
    );
    let run = tree.run(&["rules", "diff", "old", "new"]);
    assert_eq!(
        run.stdout,
        "~ acme-deploy-token                            was acme-token; severity high -> critical\n\
         + acme-other                                   high      Acme deploy token\n\
         1 added, 0 removed, 1 changed, 0 as before\n"
    );
    let run = tree.run(&["rules", "diff", "new", "old/acme.toml"]);
    assert!(run.stdout.contains("- acme-other"), "{}", run.stdout);
    let run = tree.run(&["rules", "diff", "0.1", "built-in"]);
    assert!(run.stdout.starts_with("0 added, 0 removed, 0 changed, "), "{}", run.stdout);
    assert_eq!(tree.run(&["rules", "diff", "nowhere", "built-in"]).code, 2);
}
