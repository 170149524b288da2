//! No way out of an organization's policy: whatever a repository, its user, a flag or the scanned text says, a run that fails
//! without it fails with it where the policy locks every key, and where it locks that key alone.

use crate::support::{Run, Tree, fill, github_token, password};
use std::collections::BTreeSet;
use std::io::Write as _;

/// A way to make a run pass that should fail.
struct Way {
    /// The key that locks it.
    key: &'static str,
    /// Files that a change could bring, each with its text.
    files: Vec<(&'static str, String)>,
    flags: &'static [&'static str],
    /// What else the policy says.
    policy: &'static str,
    /// The exit code that it gets away from.
    code: i32,
}

fn flags(key: &'static str, flags: &'static [&'static str]) -> Way {
    Way { key, files: Vec::new(), flags, policy: "", code: 1 }
}

fn config(key: &'static str, text: impl Into<String>) -> Way {
    Way { key, files: vec![("keysift.toml", text.into())], flags: &[], policy: "", code: 1 }
}

/// A rule of the name of each that sees something here, and that finds nothing.
fn silent_rules() -> String {
    let silent = |id: &str| {
        format!("[[rule]]\nid = \"{id}\"\nseverity = \"low\"\nformat_confidence = \"low\"\npattern = 'never_there_[0-9]{{9}}'\n")
    };
    ["github-pat-classic", "generic-password", "generic-token", "generic-secret"].map(silent).concat()
}

/// A rule of the organization that came after the catalogue that a repository may pin.
const YOUNG: &str = "[[rule]]\nid = \"acme\"\nsince = \"0.2\"\nseverity = \"high\"\nformat_confidence = \"high\"\npattern = '''acme_[0-9a-z]{16}'''\n";

/// One of whose findings nobody is sure.
const MEDIUM: &str =
    "[[rule]]\nid = \"acme\"\nseverity = \"high\"\nformat_confidence = \"medium\"\npattern = 'highrisk-[0-9a-z]{16}'\n";

/// Every way there is.
fn ways() -> Vec<Way> {
    let token = github_token("a");
    let line = "github-pat-classic a.txt -- known\ngeneric-* a.py -- known\ngithub-pat-classic b.txt.gz* -- known\n";
    let commented = |mark: &str| {
        let files = vec![("a.txt", format!("{token} # {mark}\n")), ("a.py", String::new()), ("b.txt.gz", String::new())];
        Way { key: "inline_allows", files, flags: &[], policy: "", code: 1 }
    };
    // A file of gitleaks that ignores all there is.
    let theirs = |given: &'static [&'static str]| {
        let ignored = |name| (name, "a.txt:github-pat:1\n".to_owned());
        let config = ("gl.toml", "[extend]\nuseDefault = true\n".to_owned());
        Way {
            files: [gone(&["a.py", "b.txt.gz"]), vec![ignored("mine"), ignored(".gitleaksignore"), config]].concat(),
            ..flags("ignore_file", given)
        }
    };
    let alone = |way: Way| Way { files: [way.files, gone(&["a.txt", "a.py"])].concat(), ..way };
    let password_alone = |way: Way| Way { files: [way.files, gone(&["a.txt", "b.txt.gz"])].concat(), ..way };
    let incomplete = |way: Way| {
        let files =
            [way.files, gone(&["a.txt", "a.py"]), vec![("b.txt.gz", String::new()), ("c.zip", "PK\u{3}\u{4}broken".to_owned())]]
                .concat();
        Way { files, code: 3, ..way }
    };
    vec![
        flags("exclude", &["--exclude", "**"]),
        config("exclude", "exclude = [\"a.*\", \"b.*\"]\n"),
        flags("disable", &["--exclude-rule", "github-*", "--exclude-rule", "generic-*"]),
        flags("disable", &["--rule", "aws-*"]),
        config("disable", "disable = [\"github-*\", \"generic-*\"]\n"),
        config("disable", "disable = [\"built-in\"]\n"),
        flags("disable", &["--exclude-rule", "built-in"]),
        Way { files: vec![("silent.toml", silent_rules())], ..flags("rule", &["--rules", "silent.toml"]) },
        Way { files: vec![("silent.toml", silent_rules())], ..flags("disable", &["--rules", "silent.toml"]) },
        config("rule", silent_rules()),
        config("disable", silent_rules()),
        password_alone(flags("threshold", &["--min-severity", "critical"])),
        Way {
            files: [gone(&["a.py", "b.txt.gz"]), vec![("a.txt", fill("highrisk-{base36:16}\n", "a"))]].concat(),
            policy: MEDIUM,
            ..flags("threshold", &["--min-confidence", "high"])
        },
        password_alone(flags("threshold", &["--verify", "--only", "live"])),
        password_alone(config("threshold", "[[threshold]]\nmin_severity = \"critical\"\n")),
        flags("fail_on", &["--fail-on", "none"]),
        password_alone(flags("fail_on", &["--fail-on", "critical"])),
        password_alone(flags("fail_on", &["--fail-on", "live", "--verify", "--incomplete", "warn"])),
        config("fail_on", "fail_on = \"none\"\n"),
        flags("exit_code", &["--exit-code", "0"]),
        flags("exit_code", &["--exit-code", "3"]),
        config("exit_code", "exit_code = 3\n"),
        incomplete(flags("incomplete", &["--incomplete", "warn"])),
        incomplete(config("incomplete", "incomplete = \"warn\"\n")),
        incomplete(config("accept_gap", "[[accept_gap]]\nreason = \"damaged_container\"\nnote = \"n\"\n")),
        Way { files: vec![(".keysiftignore", line.to_owned())], ..flags("ignore_file", &[]) },
        Way { files: vec![("mine", line.to_owned())], ..flags("ignore_file", &["--ignore-file", "mine"]) },
        theirs(&["--gitleaks-ignore", "mine"]),
        theirs(&["--gitleaks-config", "gl.toml"]),
        commented("keysift:allow"),
        commented("keysift:allow github-pat-classic -- mine"),
        commented("gitleaks:allow"),
        commented("trufflehog:ignore"),
        commented("kingfisher:ignore"),
        commented("pragma: allowlist secret"),
        flags("baseline", &["--baseline", "known.jsonl"]),
        config("baseline", "baseline = \"known.jsonl\"\n"),
        // What waits too long for a decision fails, as the policy has it.
        Way {
            policy: "baseline = \"known.jsonl\"\nbaseline_max_age = 7\n",
            ..flags("baseline_max_age", &["--baseline-max-age", "3000000"])
        },
        Way {
            policy: "baseline = \"known.jsonl\"\nbaseline_max_age = 7\n",
            ..config("baseline_max_age", "baseline_max_age = 3000000\n")
        },
        config("allowlist", "[[allowlist]]\npaths = ['.']\n"),
        Way {
            files: [
                gone(&["a.py", "b.txt.gz"]),
                vec![("a.txt", fill("acme_{base36:16}\n", "a")), ("keysift.toml", "catalogue = \"0.1\"\n".into())],
            ]
            .concat(),
            policy: YOUNG,
            ..flags("catalogue", &[])
        },
        Way {
            policy: "[[allowlist]]\npaths = ['^a']\n[[accept_gap]]\nreason = \"damaged_container\"\nnote = \"n\"\nuntil = \"2026-01-01\"\n",
            ..incomplete(flags("now", &["--now", "2025-06-01"]))
        },
        flags("max_file_size", &["--max-file-size", "1"]),
        config("max_file_size", "max_file_size = \"1\"\n"),
        alone(flags("archives", &["--no-archives"])),
        alone(config("archives", "archives = false\n")),
        alone(flags("max_depth", &["--max-depth", "0"])),
        alone(config("max_depth", "max_depth = 0\n")),
        alone(flags("max_unpacked", &["--max-unpacked", "1"])),
        alone(config("max_unpacked", "max_unpacked = \"1\"\n")),
        alone(flags("max_members", &["--max-members", "0"])),
        alone(config("max_members", "max_members = 0\n")),
    ]
}

/// Files that are not there.
fn gone(names: &[&'static str]) -> Vec<(&'static str, String)> {
    names.iter().map(|name| (*name, String::new())).collect()
}

/// A repository with a secret in a text, a password in code, a secret in a compressed file; and what `way` brings.
fn tree(way: &Way) -> Tree {
    let tree = Tree::git();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(format!("{}{}\n", "plain\n".repeat(1 << 18), github_token("c")).as_bytes()).expect("memory takes it");
    tree.write("a.txt", format!("{}\n", github_token("a")));
    tree.write("a.py", format!("password = \"{}\"\n", password("a")));
    tree.write("b.txt.gz", packed.finish().expect("memory takes it"));
    for (name, text) in &way.files {
        tree.write(name, text);
    }
    let old = ["--min-confidence", "low", "--now", "2020-01-01", "--baseline", "known.jsonl", "--no-config"];
    let _ = tree.run(&[&["baseline", "create"], &old[..]].concat());
    tree
}

/// Runs keysift over it, bound by what a policy elsewhere says.
fn scan(tree: &Tree, way: &Way, lock: &str) -> Run {
    let policies = Tree::new();
    // What a policy names stands beside it.
    policies.write("p.toml", format!("lock = [{lock}]\n{}", way.policy));
    if let Ok(known) = std::fs::read(tree.join("known.jsonl")) {
        policies.write("known.jsonl", known);
    }
    let arguments = [&["scan", "-f", "json"], way.flags].concat();
    Run::of(tree.command(&arguments).env("KEYSIFT_POLICY", policies.join("p.toml")), b"", tree)
}

#[test]
fn no_way_leads_out_of_a_policy() {
    for way in ways() {
        let tree = tree(&way);
        let named = format!("{}: {:?} {:?}", way.key, way.flags, way.files.iter().map(|(name, _)| name).collect::<Vec<_>>());
        let free = scan(&tree, &way, "");
        assert_ne!(free.code, way.code, "{named} is no way out at all: {}{}", free.stdout, free.stderr);
        assert_ne!(free.code, 2, "{named}: {}", free.stderr);
        for lock in ["\"*\"".to_owned(), format!("\"{}\"", way.key)] {
            let report = scan(&tree, &way, &lock).report();
            assert_eq!(report.code, way.code, "{named} under {lock}: {:#}", report.json["scan"]);
            let refused = report.json["scan"]["refused"].as_array().cloned().unwrap_or_default();
            let is_told = |r: &serde_json::Value| {
                let key = r["key"].as_str().expect("a key");
                key == way.key || way.key == "disable" && key.starts_with("rule")
            };
            assert!(refused.iter().any(is_told), "{named} under {lock}: {refused:?}");
        }
    }
}

#[test]
fn every_key_has_a_way() {
    let tried: BTreeSet<&str> = ways().iter().map(|way| way.key).collect();
    let all: BTreeSet<&str> = keysift::config::KEYS.into_iter().chain(keysift::config::FLAGS).collect();
    // Tested with commits (below) and with a server's hook (tests/git/hooks.rs).
    let elsewhere: BTreeSet<&str> = ["allow_push_option", "policy_from"].into();
    assert_eq!(all.difference(&tried).copied().collect::<BTreeSet<_>>(), elsewhere);
}

/// Flags that cannot make a run pass that fails without them, and those that say what is looked at: which folder, commits or
/// repositories is for the caller to say, as is whether keysift runs at all.
const HARMLESS: &str = "--config --no-config --policy --gitleaks-config --format --output --show-secrets --show-suppressed \
    --show-rejected --quiet --verbose --color --progress --no-gitignore --threads --no-ignore-file --no-inline-allow --verify \
    --verify-plan --allow-host --instance --connect-to --ca --require-pinned --verify-cache --verify-cache-ttl --verify-timeout \
    --verify-canaries --help --from-jsonl --branch --range --ci --fetch-missing --since --until --max-commits --unreachable \
    --outside-alternates --log-format --hyperlinks";

/// A new flag is either tried above or known to do no harm.
#[test]
fn every_flag_is_thought_of() {
    let tree = Tree::new();
    let mut tried: BTreeSet<&str> = ways().iter().flat_map(|way| way.flags.iter().copied()).collect();
    tried.extend(["--policy-from", "--allow-push-option"]);
    tried.extend(HARMLESS.split_ascii_whitespace());
    for command in ["scan", "git", "staged", "hook"] {
        let help = tree.run(&[command, "--help"]).stdout;
        let flags = help.lines().filter_map(|line| line.trim_start().split_once("--").filter(|(before, _)| before.len() <= 4));
        for (_, rest) in flags {
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(tried.contains(&format!("--{name}")[..]), "`keysift {command} --{name}`: can it make a failing run pass?");
        }
    }
}

#[test]
fn a_policy_sets_what_it_locks() {
    let way = flags("fail_on", &[]);
    let tree = tree(&way);
    tree.write("keysift.toml", "fail_on = \"any\"\nexit_code = 5\n");
    let of = |policy: &'static str, more: &'static [&str]| {
        let run = scan(&tree, &Way { policy, flags: more, ..flags("fail_on", &[]) }, "\"*\"");
        (run.code, run.report().json["scan"]["refused"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(of("fail_on = \"none\"\n", &[]), (0, 2));
    assert_eq!(of("fail_on = \"none\"\n", &["--fail-on", "any", "--exit-code", "6"]), (0, 4));
    assert_eq!(of("fail_on = \"critical\"\nexit_code = 9\n", &[]), (9, 2));
    // Without a lock a nearer word counts.
    let free = scan(&tree, &Way { policy: "fail_on = \"none\"\nexit_code = 9\n", ..way }, "");
    assert_eq!(free.code, 5);
    // Decisions of the repository count under every lock where the policy says so.
    tree.write(".keysiftignore", "github-* * -- n\n")
        .write("a.py", format!("password = \"{}\" # keysift:allow\n", password("a")));
    assert_eq!(of("", &[]).0, 1);
    assert_eq!(of("ignore_file = true\n", &[]).0, 1);
    assert_eq!(of("ignore_file = true\ninline_allows = true\n", &[]).0, 0);
    // And do not where config says that, with no lock.
    tree.write("keysift.toml", "inline_allows = false\n");
    assert_eq!(tree.scan(&[]).paths(), ["a.py"]);
    tree.write("keysift.toml", "ignore_file = false\n");
    assert_eq!(tree.scan(&[]).paths(), ["a.txt", "b.txt.gz"]);
    assert_eq!(tree.scan(&["--ignore-file", ".keysiftignore"]).paths().len(), 0);
}

#[test]
fn what_is_refused_is_told() {
    let tree = Tree::git();
    let policy = Tree::new();
    policy.write("p.toml", "lock = [\"*\"]\n");
    let file = policy.join("p.toml");
    let file = file.to_str().expect("UTF-8");
    for n in 0..25 {
        tree.write(format!("{n:02}.txt"), format!("{} # keysift:allow\n", github_token(&n.to_string())));
    }
    tree.write(".keysiftignore", "github-* * -- n\n");
    let run = tree.run(&["config", "show", "--policy", file]);
    let by = format!("does not count: organization policy {file}:1 locks it");
    assert!(run.stdout.contains(&format!("refused: `ignore_file` of repository config .keysiftignore {by}")), "{}", run.stdout);
    let run = tree.run(&["scan", "--policy", file]);
    for part in [
        format!("does not count: `ignore_file` of .keysiftignore, which {file}:1 locks"),
        format!("does not count: `inline_allows` of 00.txt:1, which {file}:1 locks"),
        format!("does not count: `inline_allows` of 5 more places, which {file}:1 locks"),
    ] {
        assert!(run.stdout.contains(&part), "{part}: {}", run.stdout);
    }
    let run = tree.run(&["scan", "-f", "sarif", "--policy", file]);
    assert!(run.stderr.contains("`inline_allows` of repository config 00.txt:1 does not count"), "{}", run.stderr);
    // What a flag leaves out anyway is refused to nobody.
    let report = tree.scan(&["--policy", file, "--no-ignore-file", "--no-inline-allow"]);
    assert_eq!((report.code, &report.json["scan"]["refused"]), (1, &serde_json::Value::Null));
}

/// Whose word counts where a change is under test is not for the change to say.
#[test]
fn the_base_decides() {
    let tree = Tree::git();
    let policy = Tree::new();
    tree.write("a.txt", "x\n");
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "base"]);
    tree.git_command(&["tag", "base"]);
    tree.write("keysift.toml", "disable = [\"github-*\"]\n").write("b.txt", format!("{}\n", github_token("b")));
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "change"]);
    let run = |lock: &str, more: &[&str]| {
        policy.write("p.toml", format!("lock = [{lock}]\n"));
        let arguments = [&["git", "--range", "base..HEAD", "-f", "json"], more].concat();
        Run::of(tree.command(&arguments).env("KEYSIFT_POLICY", policy.join("p.toml")), b"", &tree).report()
    };
    assert_eq!(run("", &[]).code, 1);
    assert_eq!(run("", &["--policy-from", "head"]).code, 0);
    for lock in ["\"policy_from\"", "\"*\""] {
        let report = run(lock, &["--policy-from", "head"]);
        assert_eq!(report.code, 1, "{lock}");
        assert_eq!(report.json["scan"]["refused"][0]["key"], "policy_from");
    }
    // Nor does what the base says of decisions, where it is locked.
    tree.git_command(&["checkout", "-q", "base"]);
    tree.write(".keysiftignore", "github-* * -- n\n").write("keysift.toml", "incomplete = \"warn\"\n");
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "decisions"]);
    tree.git_command(&["tag", "-f", "base"]);
    tree.write("c.txt", format!("{}\n", github_token("c")));
    tree.git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-q", "-m", "change"]);
    assert_eq!(run("", &[]).code, 0);
    assert_eq!(run("\"ignore_file\"", &[]).code, 1);
}
