//! `keysift migrate`: from gitleaks' files to ours, with the same findings decided and no others.

use crate::support::{Run, Tree, fill, github_token};
use crate::triage::suppressed;
use serde_json::json;

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

fn commit(tree: &Tree) {
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-qm", "x"]);
}

fn migrate(tree: &Tree, arguments: &[&str]) -> Run {
    tree.run(&[&["migrate"], arguments, &["--now", "2026-11-29"]].concat())
}

const CONFIG: &str = "[extend]\nuseDefault = true\ndisabledRules = ['aws-access-token']\n[[rules]]\nid = 'Acme_Key'\nregex = '''acme_[0-9a-f]{32}'''\ntags = ['x']\n[[allowlists]]\ndescription = 'generated'\npaths = ['''^gen/''']\n";
const HOOK: &str = "# ours\nrepos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.30.1\n    hooks:\n      - id: gitleaks\n        args: [--baseline-path=ci/known.json]\n\n  # formatting\n  - repo: https://example.org/black\n    rev: '24'\n    hooks:\n      - id: black\n";

/// A repository with a gate of gitleaks, whose findings are all decided.
fn guarded() -> Tree {
    let tree = Tree::git();
    tree.write("old.env", line("old")).write("ignored.env", line("ignored")).write("acme.env", fill("k=acme_{hex:32}\n", "a"));
    tree.write("gen/a.env", line("gen"));
    commit(&tree);
    let entry = |file: &str, rule: &str, secret: &str, start: u64| {
        json!({"RuleID": rule, "Description": "x", "StartLine": 1, "EndLine": 1, "StartColumn": start, "EndColumn": 42, "Match": secret,
            "Secret": secret, "File": file, "Commit": "", "Entropy": 4.5, "Author": "", "Email": "", "Date": "", "Message": "",
            "Tags": [], "Fingerprint": ""})
    };
    let secret = tree.read("acme.env").trim().trim_start_matches("k=").to_owned();
    let known = json!([entry("old.env", "github-pat", &github_token("old"), 3), entry("acme.env", "Acme_Key", &secret, 3)]);
    tree.write("ci/known.json", known.to_string()).write(".gitleaks.toml", CONFIG).write(".pre-commit-config.yaml", HOOK);
    tree.write(
        ".gitleaksignore",
        "# made up for the tests\nignored.env:github-pat:1\nignored.env:github-pat:9\ngone.env:github-pat:1\n",
    );
    tree.write(".github/workflows/ci.yml", "jobs:\n  scan:\n    steps:\n      - uses: gitleaks/gitleaks-action@v2\n");
    commit(&tree);
    tree
}

#[test]
fn one_command_leads_to_the_same_gate() {
    let tree = guarded();
    let shown = migrate(&tree, &[]);
    assert_eq!(shown.code, 0, "{}", shown.printed());
    for part in [
        "create  keysift.toml",
        "create  .keysiftignore",
        "create  keysift-baseline.jsonl",
        "change  .pre-commit-config.yaml",
        "no equal  .gitleaks.toml: rule `Acme_Key`: keysift has no tags (x)",
        "no equal  .gitleaksignore:4 gone.env:github-pat:1: keysift finds nothing there",
        "of 5 decisions of gitleaks 4 count",
        "nothing is written: `--write` writes it",
        ".github/workflows/ci.yml:4: `- uses: gitleaks/gitleaks-action@v2`: the action of keysift",
        ".pre-commit-config.yaml:7: `args: [--baseline-path=ci/known.json]` of gitleaks is not carried over",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    assert!(!tree.join("keysift.toml").exists() && tree.read(".pre-commit-config.yaml") == HOOK);

    let written = migrate(&tree, &["--write"]);
    assert_eq!(written.code, 0, "{}", written.printed());
    let config = tree.read("keysift.toml");
    for part in ["exclude = [\".gitleaks.toml\", \"ci/known.json\"]", "baseline = \"keysift-baseline.jsonl\"", "id = 'acme-key'"]
    {
        assert!(config.contains(part), "{part}: {config}");
    }
    let hook = tree.read(".pre-commit-config.yaml");
    assert!(hook.contains("\n  - repo: local\n    hooks:\n      - id: keysift\n") && !hook.contains("gitleaks"), "{hook}");
    assert!(hook.starts_with("# ours\n") && hook.contains("\n\n  # formatting\n  - repo: https://example.org/black\n"), "{hook}");
    let ignored = tree.read(".keysiftignore");
    assert!(ignored.contains(" as=accepted -- made up for the tests (.gitleaksignore:2)\n"), "{ignored}");
    assert_eq!(ignored.lines().count(), 1);

    for what in ["scan", "git"] {
        let report = tree.run(&[what, "-f", "json"]).report();
        let mut known: Vec<String> =
            suppressed(&report).into_iter().map(|(path, source, ..)| format!("{path} {source}")).collect();
        known.sort();
        assert_eq!(known, ["acme.env baseline", "gen/a.env allowlist", "ignored.env ignore_file", "old.env baseline"], "{what}");
        assert_eq!((report.code, report.paths()), (0, vec![""; 0]), "{what}");
    }
    // The gate holds: what is new is told, a copy of what is known too.
    tree.write("new.env", line("new")).write("copy.env", line("ignored")).write("b.env", fill("k=acme_{hex:32}\n", "b"));
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.paths()), (1, vec!["b.env", "copy.env", "new.env"]));
    for name in ["new.env", "copy.env", "b.env"] {
        std::fs::remove_file(tree.join(name)).expect("ours");
    }

    let again = migrate(&tree, &["--write"]);
    assert!(again.code == 0 && again.stdout.contains("nothing to write"), "{}", again.printed());
    assert_eq!((tree.read("keysift.toml"), tree.read(".keysiftignore")), (config, ignored));
}

#[test]
fn only_whole_findings_are_carried_over() {
    let tree = Tree::new();
    tree.write("a.env", line("a").repeat(2)).write(".gitleaksignore", "a.env:github-pat:1\n").write("b.env", line("b"));
    let run = migrate(&tree, &["--write"]);
    let told = "no equal  .gitleaksignore:1 a.env:github-pat:1: the same secret stands in places of a.env that nobody decided on";
    assert!(run.code == 0 && run.stdout.contains(told), "{}", run.printed());
    assert!(run.stdout.contains("2 findings are open") && !tree.join(".keysiftignore").exists(), "{}", run.stdout);
    assert_eq!(tree.scan(&[]).paths(), ["a.env", "b.env"]);
}

#[test]
fn what_is_there_stays() {
    let nothing = Tree::new();
    let run = migrate(&nothing, &["--write"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "nothing of gitleaks is here\n"));

    // After init there is a config with a block of its own.
    let tree = guarded();
    let init = tree.run(&["init", "--yes", "--ci", "none", "--hook", "none"]);
    assert_eq!(init.code, 0, "{}", init.printed());
    assert_eq!(migrate(&tree, &["--write"]).code, 0);
    let config = tree.read("keysift.toml");
    assert!(config.contains("keysift init") && config.matches("catalogue = ").count() == 1, "{config}");
    assert_eq!(tree.run(&["config", "check"]).code, 0);
    assert!(migrate(&tree, &["--write"]).stdout.contains("nothing to write"));

    // A config of one's own is not written into.
    let tree = guarded();
    tree.write("keysift.toml", "exclude = [\"vendor/**\"]\n").write(".keysiftignore", "# mine\n");
    let run = migrate(&tree, &["--write"]);
    assert!(run.code == 3 && run.stdout.contains("by hand  keysift.toml is there already"), "{}", run.printed());
    assert_eq!(tree.read("keysift.toml"), "exclude = [\"vendor/**\"]\n");
    assert!(tree.read(".keysiftignore").starts_with("# mine\nks1:"));
}

#[test]
fn files_are_named_and_mistakes_told() {
    let tree = Tree::new();
    tree.write("a.env", line("a")).write("x/gl.toml", "[extend]\nuseDefault = true\n").write("x/ignore", "a.env:github-pat:1\n");
    let run = migrate(&tree, &["-c", "x/gl.toml", "-i", "x/ignore"]);
    assert!(run.stdout.contains("of 1 decisions of gitleaks 1 count"), "{}", run.printed());
    for (arguments, said) in [
        (&["-c", "gone.toml"][..], "gone.toml: cannot be read"),
        (&["-b", "x/gl.toml"], "x/gl.toml:1: this is no JSON report of gitleaks"),
        (&["gone"], "gone"),
    ] {
        let run = migrate(&tree, arguments);
        assert!(run.code == 2 && run.stderr.contains(said), "{arguments:?}: {}", run.printed());
    }
    tree.write(".gitleaks.toml", "[[rules]]\nid = 'x'\nregex = '''(a)\\1'''\n");
    let run = migrate(&tree, &[]);
    assert!(run.code == 2 && run.stderr.contains("rule `x`: `regex`"), "{}", run.printed());
}

#[test]
fn a_plain_scan_says_once_that_files_of_gitleaks_do_not_count() {
    let tree = Tree::new();
    tree.write("a.txt", "nothing").write(".gitleaks.toml", "[extend]\nuseDefault = true\n").write(".gitleaksignore", "a:b:1\n");
    let said = |arguments: &[&str]| tree.run(arguments).stderr;
    let hint = "gitleaks' files do not count here (.gitleaks.toml, .gitleaksignore): `keysift migrate`";
    assert_eq!(said(&["scan"]).matches(hint).count(), 1);
    for quiet in [&["scan", "-q"][..], &["scan", "--gitleaks-config", ".gitleaks.toml"], &["gitleaks", "dir"]] {
        assert!(!said(quiet).contains("do not count"), "{quiet:?}");
    }
    assert_eq!(migrate(&tree, &["--write"]).code, 0);
    tree.write(".keysiftignore", "");
    assert_eq!(said(&["scan"]), "");
}

/// Every command in the shell blocks of docs/migration.md, in a repository like the one that they speak of.
#[test]
fn the_commands_of_the_docs_are_right() {
    let docs = include_str!("../../docs/migration.md");
    let blocks = docs.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let commands: Vec<&str> =
        blocks.flat_map(str::lines).filter_map(|line| line.split(" # ").next()?.trim().strip_prefix("keysift ")).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    let tree = guarded();
    tree.write("new.env", line("new")).git_command(&["add", "new.env"]);
    for command in commands {
        let run = tree.run(&command.split_whitespace().collect::<Vec<_>>());
        assert!(matches!(run.code, 0 | 1), "{command}: {}", run.printed());
        assert!(!run.stderr.contains("error:") && !run.stderr.contains("cannot"), "{command}: {}", run.stderr);
    }
    // The flags of the table are those of the program.
    let help = tree.run(&["gitleaks", "git", "--help"]).stdout;
    for flag in ["--baseline-path", "--gitleaks-ignore-path", "--redact", "--log-opts", "--enable-rule", "--max-archive-depth"] {
        assert!(docs.contains(flag) && help.contains(flag), "{flag}");
    }
}
