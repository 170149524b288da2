//! Ignore rules: in a git work tree `.gitignore` counts for untracked files, and for nothing else.

use crate::support::{Tree, github_token};
use std::os::unix::fs::symlink;

fn leak(seed: &str) -> String {
    format!("T={}\n", github_token(seed))
}

/// A work tree with each of these files, all of them leaking.
fn tree(files: &[&str]) -> Tree {
    let tree = Tree::git();
    for file in files {
        tree.write(file, leak(file));
    }
    tree
}

#[test]
fn untracked_ignored_files_are_left_out_and_counted() {
    let tree = tree(&["a.txt", "b.log", "build/c.txt", "build/deep/d.txt"]);
    tree.write(".gitignore", "*.log\nbuild/\n");
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["a.txt"]);
    assert_eq!(report.examples("excluded", "gitignore"), ["b.log", "build"]);
    assert!(report.complete());
    let all = tree.scan(&["--no-gitignore"]);
    assert_eq!(all.paths(), ["a.txt", "b.log", "build/c.txt", "build/deep/d.txt"]);
    assert_eq!(all.count("excluded", "gitignore"), 0);
}

#[test]
fn tracked_files_are_always_looked_at() {
    let tree = tree(&["a.log", "b.log", "build/c.txt", "build/d.txt", "build/e/f/g.txt", "build/x/y.txt"]);
    tree.write(".gitignore", "*.log\nbuild/\n");
    tree.git_command(&["add", "-f", "a.log", "build/c.txt", "build/e/f/g.txt"]);
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["a.log", "build/c.txt", "build/e/f/g.txt"]);
    // What stands beside them stays left out, as git would.
    assert_eq!(report.examples("excluded", "gitignore"), ["b.log", "build/d.txt", "build/x"]);
}

#[test]
fn an_index_of_any_version_is_read() {
    for version in ["2", "3", "4"] {
        let tree = tree(&["a.log", "b.log", "dir/with/a/long/name/c.log", "dir/with/a/long/name/d.log"]);
        tree.write(".gitignore", "*.log\n");
        tree.git_command(&["add", "-f", "a.log", "dir/with/a/long/name/c.log"]);
        tree.git_command(&["update-index", "--index-version", version]);
        assert_eq!(tree.scan(&[]).paths(), ["a.log", "dir/with/a/long/name/c.log"], "version {version}");
    }
}

#[test]
fn where_the_index_cannot_be_read_everything_is_looked_at() {
    let tree = tree(&["a.log", "b/c.log"]);
    tree.write(".gitignore", "*.log\nb/\n").write(".git/index", "this is no index");
    assert_eq!(tree.scan(&[]).paths(), ["a.log", "b/c.log"]);
}

#[test]
fn negation_nested_files_and_anchors() {
    let tree = tree(&[
        "a.log", "keep.log", "sub/b.log", "sub/c.txt", "sub/keep.log", "top.txt", "sub/top.txt", "x/y/z.tmp", "deep/a/b/c.bak",
        "sub/spaced .txt",
    ]);
    tree.write(".gitignore", "# logs\n*.log\n!keep.log\n/top.txt\nx/**/*.tmp\n**/b/*.bak\n")
        .write("sub/.gitignore", "!b.log\nc.txt\nkeep.log\n");
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["keep.log", "sub/b.log", "sub/spaced .txt", "sub/top.txt"]);
}

/// The same work tree, and what git itself says is there.
#[test]
fn what_is_looked_at_is_what_git_would_see() {
    let files = [
        "a.txt", "b.log", "d/e.log", "d/f.txt", "d/g/h.txt", "d/g/i.log", "out/j.txt", "out/k/l.txt", "m/out/n.txt",
        "foo/bar.txt", "bar/foo.txt", "#x.txt", "sp ace.txt", "caf\u{e9}.log", "[x].txt", "q?.txt",
    ];
    for ignore in [
        "*.log\n",
        "out\n",
        "/out\n",
        "out/\n",
        "d/*\n!d/g\n",
        "d/**\n!d/g/\n!d/g/h.txt\n",
        "**/g\n",
        "foo\n",
        "foo/*\n",
        "*\n!*.txt\n",
        "*\n!*/\n!*.txt\n",
        "\\#x.txt\n",
        "sp\\ ace.txt\n",
        "[[]x].txt\n",
        "q\\?.txt\n",
        "*.txt   \n",
        "d/g/h.txt\r\n*.log\r\n",
        "  a.txt\n",
        "!a.txt\n*.txt\n",
        "*.l?g\n",
        "[a-b].*\n",
        "/d/g\n",
        "d/g/\n",
        "caf*\n",
        "m/**/n.txt\n",
        "\u{feff}*.log\n",
    ] {
        let tree = tree(&files);
        tree.write(".gitignore", ignore);
        let output = std::process::Command::new("git")
            .args(["-c", "core.excludesFile=/dev/null", "ls-files", "-z", "--others", "--exclude-standard"])
            .current_dir(tree.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is installed");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let mut seen: Vec<&str> = text.split_terminator('\0').filter(|p| *p != ".gitignore").collect();
        seen.sort_unstable();
        assert_eq!(tree.scan(&[]).paths(), seen, "{ignore:?}");
    }
}

#[test]
fn outside_a_work_tree_ignore_files_are_not_obeyed() {
    let tree = Tree::new();
    tree.write(".gitignore", "*\n").write(".ignore", "*\n").write("a.txt", leak("a"));
    assert_eq!(tree.scan(&[]).paths(), ["a.txt"]);
}

#[test]
fn other_ignore_files_are_not_read() {
    let tree = tree(&["a.txt"]);
    tree.write(".ignore", "*\n").write(".rgignore", "*\n").write(".git/info/exclude", "*\n");
    assert_eq!(tree.scan(&[]).paths(), ["a.txt"]);
}

#[test]
fn ignore_files_above_the_repository_are_not_read() {
    let outer = Tree::new();
    outer.write(".gitignore", "*\n").write("repo/a.txt", leak("a"));
    outer.git_command(&["init", "-q", "repo"]);
    assert_eq!(outer.scan(&["repo"]).paths(), ["a.txt"]);
}

#[test]
fn an_ignore_file_that_is_a_link_is_not_followed() {
    let tree = tree(&["a.txt"]);
    tree.write("rules", "*.txt\n");
    symlink("rules", tree.join(".gitignore")).expect("links can be made");
    assert_eq!(tree.scan(&[]).paths(), ["a.txt"]);
}

#[test]
fn a_subfolder_gives_the_same_as_the_root() {
    let tree = tree(&["a.log", "sub/b.log", "sub/c.txt", "sub/deep/d.tmp", "sub/deep/e.txt", "other/f.txt"]);
    tree.write(".gitignore", "*.log\n").write("sub/.gitignore", "*.tmp\n");
    tree.git_command(&["add", "-f", "sub/b.log"]);
    let root = tree.scan(&[]);
    assert_eq!(root.paths(), ["other/f.txt", "sub/b.log", "sub/c.txt", "sub/deep/e.txt"]);
    let inside = |prefix: &str| -> Vec<serde_json::Value> {
        root.findings()
            .iter()
            .filter(|f| f["location"]["path"].as_str().is_some_and(|p| p.starts_with(prefix)))
            .cloned()
            .collect()
    };
    assert_eq!(tree.scan(&["sub"]).findings(), inside("sub/"));
    assert_eq!(tree.scan(&["sub/deep"]).findings(), inside("sub/deep/"));
    assert_eq!(tree.run_in("sub/deep", &["scan", "-f", "json"]).report().findings(), inside("sub/deep/"));
    assert_eq!(tree.run_in("sub/deep", &["scan", "-f", "json", "../../sub"]).report().findings(), inside("sub/"));
}

#[test]
fn a_file_that_is_named_is_looked_at_though_it_is_ignored() {
    let tree = tree(&["a.log"]);
    tree.write(".gitignore", "*.log\n");
    assert_eq!(tree.scan(&["a.log"]).paths(), ["a.log"]);
}

#[test]
fn a_folder_that_is_named_is_looked_at_though_it_is_ignored() {
    let tree = tree(&["build/a.txt"]);
    tree.write(".gitignore", "build/\n");
    assert_eq!(tree.scan(&["build"]).paths(), ["build/a.txt"]);
}

#[test]
fn a_linked_work_tree_is_one() {
    let tree = tree(&["a.txt"]);
    tree.write(".gitignore", "*.log\n");
    tree.git_command(&["add", "."]);
    tree.git_command(&["commit", "-q", "-m", "x"]);
    let other = Tree::new();
    tree.git_command(&["worktree", "add", "-q", other.join("wt").to_str().expect("UTF-8")]);
    other.write("wt/b.log", leak("b"));
    let report = other.run_in("wt", &["scan", "-f", "json"]).report();
    assert_eq!(report.paths(), ["a.txt"]);
    assert_eq!((report.count("excluded", "gitignore"), report.count("excluded", "git_folder")), (1, 1));
}

/// Another repository inside: its own `.gitignore` counts with those above it.
#[test]
fn a_repository_in_a_repository_is_looked_at() {
    let tree = tree(&["a.txt", "inner/b.txt", "inner/c.log"]);
    tree.git_command(&["init", "-q", "inner"]);
    tree.write("inner/.gitignore", "*.log\n");
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["a.txt", "inner/b.txt"]);
}
