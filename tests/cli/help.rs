//! Every help page, as it is printed.

use crate::support::Tree;

fn page(name: &str, arguments: &[&str]) {
    let run = Tree::new().run(arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(name, run.transcript());
}

#[test]
fn help_pages() {
    page("help", &["--help"]);
    page("help-scan", &["scan", "--help"]);
    page("help-git", &["git", "--help"]);
    page("help-init", &["init", "--help"]);
    page("help-allow", &["allow", "--help"]);
    page("help-baseline", &["baseline", "--help"]);
    page("help-baseline-create", &["baseline", "create", "--help"]);
    page("help-baseline-status", &["baseline", "status", "--help"]);
    page("help-config", &["config", "--help"]);
    page("help-config-show", &["config", "show", "--help"]);
    page("help-completions", &["completions", "--help"]);
    page("help-man", &["man", "--help"]);
    page("help-report", &["report", "--help"]);
    page("help-explain", &["explain", "--help"]);
    page("help-rules", &["rules", "--help"]);
    page("help-rules-list", &["rules", "list", "--help"]);
    page("help-rules-show", &["rules", "show", "--help"]);
    page("help-rules-new", &["rules", "new", "--help"]);
    page("help-rules-check", &["rules", "check", "--help"]);
    page("help-rules-test", &["rules", "test", "--help"]);
    #[cfg(feature = "audit")]
    for name in ["plan", "run", "status", "report", "diff", "export", "notify", "mark"] {
        page(&format!("help-audit-{name}"), &["audit", name, "--help"]);
    }
    #[cfg(feature = "fleet")]
    for name in ["worker", "collect"] {
        page(&format!("help-audit-{name}"), &["audit", name, "--help"]);
    }
}

#[test]
fn version() {
    let run = Tree::new().run(&["--version"]);
    assert_eq!(run.stdout, format!("keysift {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_misspelled_flag_or_command_is_named_with_the_right_one() {
    let tree = Tree::new();
    let run = tree.run(&["scan", "--min-confidense", "high"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--min-confidence"), "{}", run.stderr);
    let run = tree.run(&["scna"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("scan"), "{}", run.stderr);
    tree.write("src/a.txt", "");
    let run = tree.run(&["src"]);
    assert_eq!((run.code, &run.stderr[..]), (2, "keysift: `src` is no command: `keysift scan src` looks at what stands there\n"));
}
