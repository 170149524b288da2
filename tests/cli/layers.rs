//! Who decides: policies, the user's config, that of the repository, flags; what is locked; `keysift config`.

use crate::support::{Run, Tree, github_token, password};
use serde_json::Value;

fn tree() -> Tree {
    let tree = Tree::git();
    tree.write("src/a.txt", format!("T={}\n", github_token("a"))).write("vendor/b.txt", format!("T={}\n", github_token("b")));
    tree
}

/// Runs keysift as a user with a config of their own, `home/keysift/config.toml`.
fn run_as(tree: &Tree, home: &Tree, arguments: &[&str]) -> Run {
    Run::of(tree.command(arguments).env("XDG_CONFIG_HOME", home.path()), b"", tree)
}

fn refused(report: &Value) -> Vec<String> {
    let all = report["scan"]["refused"].as_array().cloned().unwrap_or_default();
    all.iter().map(|r| format!("{} {} {} < {}", r["key"], r["layer"], r["place"], r["locked_by"]).replace('"', "")).collect()
}

#[test]
fn the_nearer_layer_decides_and_lists_add_up() {
    let (tree, home) = (tree(), Tree::new());
    home.write("keysift/config.toml", "max_file_size = \"1\"\nexclude = [\"vendor/**\"]\n");
    let report = run_as(&tree, &home, &["scan", "-f", "json", "src", "vendor"]).report();
    assert_eq!((report.code, report.count("skipped", "too_large")), (3, 1), "{:#}", report.json);
    tree.write("keysift.toml", "max_file_size = \"1MB\"\n");
    let report = run_as(&tree, &home, &["scan", "-f", "json"]).report();
    assert_eq!(report.paths(), ["src/a.txt"]);
    assert_eq!(report.json["scan"]["policy"].as_array().map(Vec::len), Some(2));
    // What stands around a repository and what its user says, but no policy, is left out at a word.
    tree.write("policy.toml", "exclude = [\"src/**\"]\n");
    let report = run_as(&tree, &home, &["scan", "-f", "json", "--no-config", "--policy", "policy.toml"]).report();
    assert_eq!(report.paths(), ["vendor/b.txt"]);
    assert_eq!(report.json["scan"]["policy"], serde_json::json!(["policy.toml"]));
}

#[test]
fn what_a_policy_locks_nobody_changes() {
    let (tree, home) = (tree(), Tree::new());
    home.write("keysift/config.toml", "disable = [\"generic-*\"]\n\nexclude = [\"src/**\"]\n");
    tree.write("keysift.toml", "exclude = [\"**\"]\nmax_file_size = \"1\"\narchives = true\n");
    let policy = Tree::new();
    policy.write("p.toml", "# ours\nlock = [\"exclude\", \"max_file_size\"]\n");
    let file = policy.join("p.toml");
    let file = file.to_str().expect("UTF-8");
    let report = run_as(
        &tree,
        &home,
        &["scan", "-f", "json", "--policy", file, "--exclude", "vendor/**", "--max-file-size", "2", "--max-depth", "3"],
    )
    .report();
    assert_eq!((report.code, report.paths()), (1, vec!["src/a.txt", "vendor/b.txt"]));
    let by = format!("{file}:2");
    let user = home.join("keysift/config.toml");
    assert_eq!(
        refused(&report.json),
        [
            format!("exclude user {}:3 < {by}", user.display()),
            format!("exclude repository keysift.toml:1 < {by}"),
            format!("max_file_size repository keysift.toml:2 < {by}"),
            format!("exclude command_line --exclude < {by}"),
            format!("max_file_size command_line --max-file-size < {by}"),
        ]
    );
    // A person reads it, and one who reads SARIF is told on stderr.
    let run = tree.run(&["scan", "--policy", file]);
    assert!(run.stdout.contains(&format!("does not count: `exclude` of keysift.toml:1, which {by} locks")), "{}", run.stdout);
    let run = tree.run(&["scan", "-f", "sarif", "--policy", file]);
    assert!(run.stderr.contains("keysift: `exclude` of repository config keysift.toml:1 does not count"), "{}", run.stderr);
    // The environment names one too, and a flag beside it takes no lock away.
    policy.write("none.toml", "");
    let none = policy.join("none.toml");
    let mut command = tree.command(&["scan", "-f", "json", "--policy", none.to_str().expect("UTF-8")]);
    let report = Run::of(command.env("KEYSIFT_POLICY", file), b"", &tree).report();
    assert_eq!(report.paths().len(), 2);
    let mut command = tree.command(&["scan", "-f", "json", "--no-config", "--exclude", "**"]);
    assert_eq!(Run::of(command.env("KEYSIFT_POLICY", file), b"", &tree).report().paths().len(), 2);
}

/// How many places a scan under the policy tells.
fn tree_scan(tree: &Tree, more: &[&str]) -> usize {
    tree.run(&[&["scan", "-f", "json", "--policy", "policy.toml"], more].concat()).report().paths().len()
}

#[test]
fn a_policy_keeps_rules_decisions_and_thresholds() {
    let tree = &tree();
    let locked = |key: &str| {
        tree.write("policy.toml", format!("lock = [\"{key}\"]\nexclude = [\"policy.toml\"]\n"));
        move |more: &[&str]| tree_scan(tree, more)
    };
    let scan = locked("disable");
    assert_eq!(scan(&["--exclude-rule", "github-*"]), 2);
    assert_eq!(scan(&["--rule", "aws-*"]), 2);
    // Nor is a rule of its name that finds nothing.
    let silent = ["github-pat-classic", "generic-token", "generic-password"].map(|id| {
        format!("[[rule]]\nid = \"{id}\"\nname = \"n\"\nseverity = \"low\"\nformat_confidence = \"low\"\npattern = 'never_there_[0-9]{{9}}'\n")
    });
    tree.write("silent.toml", silent.concat());
    assert_eq!(scan(&["--rules", "silent.toml"]), 2);
    assert!(tree.run(&["scan", "--policy", "policy.toml", "--rules", "silent.toml"]).stdout.contains("rule.github-pat-classic"));
    let scan = locked("max_depth");
    assert_eq!(scan(&["--rules", "silent.toml"]), 0);
    let scan = locked("threshold");
    assert_eq!(scan(&["--min-severity", "critical"]), scan(&[]));
    // A baseline of one's own is no way out.
    assert_eq!(tree.run(&["baseline", "create", "--baseline", "known.jsonl"]).code, 0);
    assert_eq!(tree_scan(tree, &["--baseline", "known.jsonl"]), 0);
    let scan = locked("baseline");
    assert_eq!(scan(&["--baseline", "known.jsonl"]), 2);
    tree.write("keysift.toml", "baseline = \"known.jsonl\"\n");
    assert_eq!(scan(&[]), 2);
}

#[test]
fn thresholds_by_path() {
    let tree = Tree::new();
    tree.write("app/a.py", format!("password = \"{}\"\n", password("a")));
    tree.write("lab/b.py", format!("T = \"{}\"\n", github_token("b")));
    let all = tree.scan(&[]);
    assert_eq!(all.paths(), ["app/a.py", "lab/b.py"]);
    let severity = all.findings()[0]["severity"].as_str().expect("a word").to_owned();
    assert_ne!(severity, "critical");
    tree.write("keysift.toml", "[[threshold]]\npath = \"app/**\"\nmin_severity = \"critical\"\n");
    let report = tree.scan(&[]);
    assert_eq!((report.paths(), report.json["scan"]["below_threshold"].as_u64()), (vec!["lab/b.py"], Some(1)));
    // The last word about a path counts, and a flag goes before it.
    tree.write(
        "keysift.toml",
        "[[threshold]]\nmin_severity = \"critical\"\n[[threshold]]\npath = \"app/**\"\nmin_severity = \"low\"\n",
    );
    assert!(tree.scan(&[]).paths().contains(&"app/a.py"));
    assert_eq!(tree.scan(&["--min-severity", "low"]).paths().len(), 2);
    for (text, message) in [
        ("[[threshold]]\npath = \"a\"\n", "keysift: keysift.toml:1: a threshold needs `min_confidence` or `min_severity`"),
        ("[[threshold]]\nmin_severity = \"grave\"\n", "keysift: keysift.toml:1: `grave` is no severity: one of low"),
    ] {
        tree.write("keysift.toml", text);
        let run = tree.run(&["scan"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.starts_with(message), "{}", run.stderr);
    }
}

#[test]
fn config_show_and_check() {
    let (tree, home) = (tree(), Tree::new());
    home.write("keysift/config.toml", "max_depth = 3\nmax_members = 7\n");
    tree.write("policy.toml", "lock = [\"archives\"]\n\nmax_depth = 2\nexclude = [\n  \"a\",\n  \"b\",\n]\n");
    tree.write("keysift.toml", "exclude = [\"c\"]\narchives = false\nmax_depth = 4\n");
    let run = run_as(&tree, &home, &["config", "show", "--policy", "policy.toml"]);
    let user = home.join("keysift/config.toml");
    assert_eq!(
        run.stdout,
        format!(
            "max_file_size = \"8GB\"  # built in\n\
             archives = true  # built in\n\
             max_unpacked = \"64GB\"  # built in\n\
             fail_on = \"any\"  # built in\n\
             exit_code = 1  # built in\n\
             incomplete = \"fail\"  # built in\n\
             exclude = [ \"a\", \"b\", ]  # organization policy policy.toml:4\n\
             max_members = 7  # user config {}:2\n\
             exclude = [\"c\"]  # repository config keysift.toml:1\n\
             max_depth = 4  # repository config keysift.toml:3\n\
             locked: archives  # organization policy policy.toml:1\n\
             refused: `archives` of repository config keysift.toml:2 does not count: organization policy policy.toml:1 locks it\n",
            user.display()
        )
    );
    assert_eq!(run_as(&tree, &home, &["config", "check", "--policy", "policy.toml"]).code, 0);
    assert_eq!(tree.run(&["config", "check", "--no-config"]).stdout, "no config counts here: what is built in does\n");
    for (text, message) in [
        ("lock = [\"exclude\"]\n", "keysift: keysift.toml:1: `lock` is for the policy of an organization"),
        ("disable = [\"github-pat-clasic\"]\n", "keysift: there is no rule `github-pat-clasic`: did you mean"),
    ] {
        tree.write("keysift.toml", text);
        let run = tree.run(&["config", "check"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.starts_with(message), "{}", run.stderr);
    }
    tree.write("keysift.toml", "").write("policy.toml", "lock = [\"exclud\"]\n");
    let run = tree.run(&["config", "check", "--policy", "policy.toml"]);
    assert!(
        run.stderr.contains("policy.toml:1: `exclud` is no key that can be locked: did you mean `exclude`?"),
        "{}",
        run.stderr
    );
    let run = tree.run(&["scan", "--policy", "gone.toml"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.starts_with("keysift: gone.toml: cannot be read"), "{}", run.stderr);
}

/// A change can neither loosen the policy that stands in its repository nor bring config that counts.
#[test]
fn a_change_is_judged_by_the_policy_of_its_base() {
    let tree = Tree::git();
    tree.write("policy.toml", "lock = [\"exclude\"]\n").write("a.txt", "x\n");
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "base"]);
    tree.git_command(&["tag", "base"]);
    tree.write("policy.toml", "").write("keysift.toml", "exclude = [\"**\"]\n");
    tree.write("b.txt", format!("T={}\n", github_token("b")));
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "change"]);
    let run = tree.run(&["git", "--range", "base..HEAD", "--policy", "policy.toml", "--exclude", "**", "-f", "json"]);
    let report = run.report();
    assert_eq!((report.code, report.paths()), (1, vec!["b.txt"]));
    assert_eq!(refused(&report.json).len(), 1);
}

#[test]
fn completions_and_man_pages() {
    let tree = Tree::new();
    for (shell, part) in [("bash", "complete -F"), ("zsh", "#compdef keysift"), ("fish", "complete -c keysift")] {
        let run = tree.run(&["completions", shell]);
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains(part) && run.stdout.contains("min-confidence"), "{shell}");
    }
    assert_eq!(tree.run(&["man", "out"]).code, 0);
    let page = tree.read("out/keysift-scan.1");
    assert!(page.contains(".TH") && page.contains("min\\-confidence"), "{page}");
    assert!(tree.read("out/keysift.1").contains("Exit codes"));
    tree.write("file", "");
    let run = tree.run(&["man", "file/x"]);
    assert_eq!(run.code, 2);
}
