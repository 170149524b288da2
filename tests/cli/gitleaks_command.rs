//! `keysift gitleaks …`: the flags, reports and exit codes of gitleaks 8.

use crate::support::{Run, Tree, fill, github_token};
use serde_json::{Value, json};
use std::process::Command;

fn line(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

/// Runs `keysift gitleaks …`.
fn run(tree: &Tree, arguments: &[&str]) -> Run {
    run_with(tree, arguments, &[], b"")
}

fn run_with(tree: &Tree, arguments: &[&str], environment: &[(&str, &str)], stdin: &[u8]) -> Run {
    let mut command = tree.command(&[&["gitleaks"], arguments].concat());
    command.env_remove("GITLEAKS_CONFIG").env_remove("GITLEAKS_CONFIG_TOML").envs(environment.iter().copied());
    Run::of(&mut command, stdin, tree)
}

/// The rule and file of each entry of a JSON report on stdout.
fn told(run: &Run) -> Vec<String> {
    let all: Vec<Value> = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.printed()));
    all.iter().map(|f| format!("{} {}", f["RuleID"].as_str().unwrap_or(""), f["File"].as_str().unwrap_or(""))).collect()
}

fn commit(tree: &Tree) {
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-qm", "x"]);
}

const JSON: [&str; 4] = ["-f", "json", "-r", "-"];

#[test]
fn exit_codes_are_those_of_gitleaks() {
    let tree = Tree::new();
    tree.write("clean/a.txt", "nothing").write("leak/a.env", line("a"));
    for (arguments, code, said) in [
        (&["dir", "clean"][..], 0, "no leaks found"),
        (&["dir", "leak"], 1, "leaks found: 1"),
        (&["dir", "leak", "--exit-code", "7"], 7, "leaks found: 1"),
        (&["--exit-code=0", "dir", "leak"], 0, "leaks found: 1"),
        (&["dir", "leak", "--exit-code", "2"], 2, "leaks found: 1"),
        (&["dir", "leak", "-l", "error"], 1, ""),
        (&["dir", "gone"], 1, "gone"),
        (&["dir", "leak", "-c", "gone.toml", "--exit-code", "0"], 1, "gone.toml: cannot be read"),
        (&["git", "clean"], 1, "no git repository"),
        (&["dir", "--no-such"], 126, "unexpected argument"),
        (&["dir", "--exit-code", "many"], 1, "invalid value"),
        (&["protect"], 1, "add --staged"),
        (&["git", "--pre-commit"], 1, "add --staged"),
        (&["version"], 0, ""),
        (&["dir", "leak", "--timeout", "600", "--no-banner", "--no-color", "--diagnostics", "cpu"], 1, "no such thing"),
    ] {
        let run = run(&tree, arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.printed());
        assert!(run.stderr.contains(said) && (!said.is_empty() || run.stderr.is_empty()), "{arguments:?}: {}", run.stderr);
    }
    // Findings are shown when asked for.
    assert_eq!(run(&tree, &["dir", "leak"]).stdout, "");
    assert!(run(&tree, &["dir", "leak", "-v"]).stdout.contains("leak/a.env:1"));
}

#[test]
fn a_green_run_has_looked_at_everything() {
    let tree = Tree::git();
    tree.write("a.env", line("a"));
    commit(&tree);
    tree.write("a.env", "gone");
    commit(&tree);
    let shallow = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", tree.path().display());
    let done = Command::new("git").args(["clone", "-q", "--depth", "1", &url, "."]).current_dir(shallow.path()).status();
    assert!(done.expect("git is installed").success());
    let path = shallow.path().display().to_string();
    for code in ["0", "1", "5"] {
        let run = run(&tree, &["git", &path, "--exit-code", code, "-l", "error"]);
        assert_eq!(run.code, 1, "{}", run.printed());
        assert!(run.stderr.contains("no leaks found, and not everything could be looked at"), "{}", run.stderr);
    }
    // What someone asked to leave out is no gap.
    tree.write("large.bin", vec![b'x'; 1_500_000]);
    assert_eq!(run(&tree, &["dir", "--max-target-megabytes", "1"]).code, 0);
}

#[test]
fn the_config_is_found_as_gitleaks_finds_it() {
    let tree = Tree::new();
    let only = |path: &str| format!("[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['''^(?:[^{path}]|.[^.])''']\n");
    for name in ["a", "b", "c", "d"] {
        tree.write(format!("s/{name}.env"), line(name)).write(format!("{name}.toml"), only(name));
    }
    let found = |arguments: &[&str], environment: &[(&str, &str)]| {
        let run = run_with(&tree, &[&["dir", "s"], &JSON[..], arguments].concat(), environment, b"");
        told(&run).join(", ")
    };
    assert_eq!(found(&[], &[]).split(", ").count(), 4);
    tree.write("s/.gitleaks.toml", only("d"));
    assert_eq!(found(&[], &[]), "github-pat-classic d.env");
    let text = only("c");
    let (path, text) = (("GITLEAKS_CONFIG", "b.toml"), ("GITLEAKS_CONFIG_TOML", text.as_str()));
    assert_eq!(found(&[], &[text]), "github-pat-classic c.env");
    assert_eq!(found(&[], &[path, text]), "github-pat-classic b.env");
    assert_eq!(found(&["-c", "a.toml"], &[path, text]), "github-pat-classic a.env");
    // A keysift.toml is no config of gitleaks.
    tree.write("s/keysift.toml", "exclude = [\"**\"]\n");
    assert_eq!(found(&[], &[]), "github-pat-classic d.env");
}

#[test]
fn reports_have_the_shapes_of_gitleaks_and_hide_secrets() {
    let tree = Tree::git();
    tree.write("a b.env", line("a"));
    commit(&tree);
    let secret = github_token("a");
    let all: Value = serde_json::from_str(&run(&tree, &[&["git"], &JSON[..]].concat()).stdout).expect("JSON");
    let first = &all[0];
    let keys: Vec<&str> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    for key in [
        "RuleID", "Description", "StartLine", "EndLine", "StartColumn", "EndColumn", "Match", "Secret", "File", "SymlinkFile",
        "Commit", "Entropy", "Author", "Email", "Date", "Message", "Tags", "Fingerprint",
    ] {
        assert!(keys.contains(&key), "{key}: {keys:?}");
    }
    let id = first["Commit"].as_str().expect("a commit").to_owned();
    assert_eq!(first["Fingerprint"], format!("{id}:a b.env:github-pat-classic:1"));
    run(&tree, &["git", "-r", "r.csv"]);
    let csv = tree.read("r.csv");
    let (head, row) = csv.split_once('\n').expect("two lines");
    assert_eq!(
        head,
        "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine,EndLine,StartColumn,EndColumn,Author,Message,Date,Email,Fingerprint,Tags"
    );
    assert!(row.starts_with(&format!("github-pat-classic,{id},\"a b.env\",,")), "{row}");
    run(&tree, &["git", "-r", "r.sarif"]);
    let sarif: Value = serde_json::from_str(&tree.read("r.sarif")).expect("JSON");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["partialFingerprints"]["commitSha"]), (&json!("github-pat-classic"), &json!(id)));
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%20b.env");
    let junit = run(&tree, &["git", "-f", "junit", "-r", "-"]).stdout;
    assert!(junit.starts_with("<?xml"), "{junit}");
    for text in [all.to_string(), csv, sarif.to_string(), junit, run(&tree, &["git", "-v"]).stdout] {
        assert!(!text.contains(&secret), "{text}");
    }
    for redact in ["--redact", "--redact=20", "--redact=100"] {
        assert!(!run(&tree, &[&["git", redact], &JSON[..]].concat()).stdout.contains(&secret));
    }
    let shown = run(&tree, &[&["git", "--redact=0"], &JSON[..]].concat());
    assert!(shown.stdout.contains(&secret));
    // What was reported in full is a baseline from then on.
    tree.write("known.json", &shown.stdout);
    assert_eq!(run(&tree, &["git", "-b", "known.json"]).code, 0);
    tree.write("clean.txt", "x");
    assert_eq!(run(&tree, &["dir", "clean.txt", "-f", "csv", "-r", "-"]).stdout, "");
    assert_eq!(run(&tree, &[&["dir", "clean.txt"], &JSON[..]].concat()).stdout, "[]\n");
    for arguments in [&["-f", "template", "-r", "x"][..], &["--report-template", "t", "-r", "x"], &["-r", "x.txt"]] {
        let run = run(&tree, &[&["git"], arguments].concat());
        assert!(run.code == 1 && !tree.join("x").exists(), "{}", run.printed());
    }
}

#[test]
fn each_command_looks_at_what_it_looks_at_in_gitleaks() {
    let tree = Tree::git();
    tree.write("old.env", line("old"));
    commit(&tree);
    std::fs::remove_file(tree.join("old.env")).expect("ours");
    tree.write(".gitignore", "ignored.env\n").write("ignored.env", line("ignored")).write("new.env", line("new"));
    tree.git_command(&["add", "-A"]);
    let all = |arguments: &[&str]| told(&run(&tree, &[arguments, &JSON[..]].concat()));
    let rows = |paths: &[&str]| paths.iter().map(|p| format!("github-pat-classic {p}")).collect::<Vec<_>>();
    for history in [&["git"][..], &["git", "."], &["detect"], &["detect", "--source", ".", "-v"], &["git", "--log-opts=--all"]] {
        assert_eq!(all(history), rows(&["old.env"]), "{history:?}");
    }
    // gitleaks knows no .gitignore.
    for files in [&["dir"][..], &["directory", "."], &["file", "."], &["detect", "--no-git"]] {
        assert_eq!(all(files), rows(&["ignored.env", "new.env"]), "{files:?}");
    }
    for staged in [&["git", "--staged"][..], &["git", "--pre-commit", "--staged", "--redact", "-v"], &["protect", "--staged"]] {
        assert_eq!(all(staged), rows(&["new.env"]), "{staged:?}");
    }
    for stdin in [&["stdin"][..], &["detect", "--no-banner", "--pipe"]] {
        let run = run_with(&tree, &[stdin, &JSON[..]].concat(), &[], line("in").as_bytes());
        assert_eq!((run.code, told(&run).len()), (1, 1), "{}", run.printed());
    }
    commit(&tree);
    for (options, paths) in [
        ("HEAD~1..HEAD", &["new.env"][..]),
        ("--no-merges --first-parent HEAD~1..HEAD", &["new.env"]),
        ("-1", &["new.env"]),
        ("-n 1 --all", &["new.env"]),
        ("HEAD~1", &["old.env"]),
        ("--since=2001-01-01", &["new.env", "old.env"]),
    ] {
        assert_eq!(all(&["git", "--log-opts", options]), rows(paths), "{options}");
    }
    for options in ["--author=me", "a..b c..d", "-- src", "--since"] {
        let run = run(&tree, &["git", "--log-opts", options]);
        assert!(run.code == 1 && run.stderr.contains("--log-opts"), "{options}: {}", run.printed());
    }
}

#[test]
fn decisions_of_gitleaks_count() {
    let tree = Tree::new();
    tree.write("s/a.env", line("a"))
        .write("s/b.env", line("b"))
        .write("s/c.env", format!("{} # gitleaks:allow\n", line("c").trim()));
    tree.write("s/.gitleaksignore", "a.env:github-pat:1\n").write("more", "b.env:github-pat:1\n");
    let open = |arguments: &[&str]| told(&run(&tree, &[&["dir", "s"], arguments, &JSON[..]].concat())).len();
    assert_eq!((open(&[]), open(&["-i", "more"]), open(&["--ignore-gitleaks-allow"])), (1, 0, 2));
    assert_eq!(
        (open(&["-i", "gone"]), open(&["--enable-rule", "github-pat"]), open(&["--enable-rule=stripe-access-token"])),
        (1, 1, 0)
    );
    let run = run(&tree, &["dir", "s", "--enable-rule", "no-such"]);
    assert!(run.code == 1 && run.stderr.contains("no rule `no-such`"), "{}", run.printed());
    let archive = Tree::new();
    archive.write("a.env", line("a"));
    let done = Command::new("tar").args(["czf", "a.tgz", "a.env"]).current_dir(archive.path()).status();
    assert!(done.expect("tar is installed").success());
    std::fs::remove_file(archive.join("a.env")).expect("ours");
    let codes = [&["dir"][..], &["dir", "--max-archive-depth", "2"]]
        .map(|arguments| super::gitleaks_command::run(&archive, arguments).code);
    assert_eq!(codes, [0, 1]);
}

#[test]
fn paths_of_gitleaks_begin_with_the_folder_that_was_named() {
    let tree = Tree::new();
    tree.write("s/a.env", line("a")).write(".gitleaksignore", "s/a.env:github-pat:1\n");
    let top = tree.path().display().to_string();
    tree.write("top", format!("{top}/s/a.env:github-pat:1\n")).write("other", "t/a.env:github-pat:1\n");
    let code = |arguments: &[&str]| run(&tree, arguments).code;
    assert_eq!((code(&["dir", "s"]), code(&["dir", "./s"]), code(&["dir", "."])), (0, 0, 0));
    let named = format!("{top}/s");
    assert_eq!((code(&["dir", &named, "-i", "top"]), code(&["dir", "s", "-i", "other"])), (0, 1));
}

#[test]
fn a_rule_of_the_config_is_chosen_by_its_name_there() {
    let tree = Tree::new();
    let config = "[extend]\nuseDefault = true\n[[rules]]\nid = 'Acme_Key'\nregex = '''acme_[0-9a-f]{32}'''\n";
    tree.write(".gitleaks.toml", config).write("a.env", format!("k={}\n{}", fill("acme_{hex:32}", "a"), line("a")));
    let all = |arguments: &[&str]| told(&run(&tree, &[&["dir", "."], arguments, &JSON[..]].concat())).join(" ");
    assert_eq!(all(&["--enable-rule", "Acme_Key"]), "acme-key a.env");
    assert_eq!(all(&[]).split(' ').count(), 4);
}

#[cfg(unix)]
#[test]
fn under_the_name_of_gitleaks_it_is_gitleaks() {
    let tree = Tree::new();
    tree.write("a.env", line("a"));
    let name = tree.join("bin/gitleaks");
    std::fs::create_dir_all(tree.join("bin")).expect("ours");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_keysift"), &name).expect("a link");
    let mut command = Command::new(&name);
    command.args(["detect", "--no-git", "-v", "--redact"]).current_dir(tree.path()).env("XDG_CONFIG_HOME", "/nonexistent");
    let run = Run::of(&mut command, b"", &tree);
    assert!(run.code == 1 && run.stdout.contains("a.env:1"), "{}", run.printed());
}
