//! Coverage is honest: what could not be looked at is counted by reason, named, and decides the exit code.

use crate::support::{Run, Tree, github_token, keysift};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

fn mkfifo(path: std::path::PathBuf) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo is installed").success());
}

/// Runs a scan as someone whom file permissions stop: root, to whom everything is readable, becomes nobody.
fn run_as_anyone(tree: &Tree, arguments: &[&str]) -> Run {
    let mut command = tree.command(arguments);
    if fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0) {
        let copy = tree.join("../").join(format!("keysift-{}", std::process::id()));
        fs::copy(env!("CARGO_BIN_EXE_keysift"), &copy).expect("the program can be copied");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("permissions can be set");
        command = Command::new(&copy);
        command.args(arguments).current_dir(tree.path()).uid(65_534).gid(65_534);
        let run = Run::of(&mut command, b"", tree);
        fs::remove_file(copy).expect("the copy can be removed");
        return run;
    }
    Run::of(&mut command, b"", tree)
}

#[test]
fn unreadable_files_and_folders() {
    let tree = Tree::new();
    tree.write("a.txt", format!("T={}\n", github_token("a"))).write("locked.txt", "x").write("locked/b.txt", "x");
    for path in ["locked.txt", "locked"] {
        fs::set_permissions(tree.join(path), fs::Permissions::from_mode(0o000)).expect("permissions can be set");
    }
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).expect("permissions can be set");
    let report = run_as_anyone(&tree, &["scan", "-f", "json"]).report();
    assert_eq!(report.paths(), ["a.txt"]);
    assert_eq!((report.code, report.complete()), (1, false));
    assert_eq!(report.examples("skipped", "unreadable"), ["locked", "locked.txt"]);
    let report = run_as_anyone(&tree, &["scan", "-f", "json", "locked.txt"]).report();
    assert_eq!((report.code, report.examples("skipped", "unreadable")), (3, vec!["locked.txt"]));
    let report = run_as_anyone(&tree, &["scan", "-f", "json", "locked"]).report();
    assert_eq!((report.code, report.examples("skipped", "unreadable")), (3, vec!["."]));
    fs::set_permissions(tree.join("locked"), fs::Permissions::from_mode(0o755)).expect("permissions can be set");
}

/// A file that opens but cannot be read, for root too: the memory of a process at address 0.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_it_is_read() {
    let tree = Tree::new();
    let report = tree.scan(&["/proc/self/mem"]);
    assert_eq!((report.code, report.complete(), report.count("skipped", "unreadable")), (3, false, 1));
    // In a folder a link to it is not followed.
    symlink("/proc/self/mem", tree.join("link")).expect("links can be made");
    let report = tree.scan(&["."]);
    assert_eq!((report.code, report.complete()), (0, true));
}

#[test]
fn a_path_that_is_not_there() {
    let tree = Tree::new();
    tree.write("a.txt", "x");
    symlink("nowhere", tree.join("dangling")).expect("links can be made");
    for path in ["gone", "gone/deep.txt", "a.txt/x", ""] {
        let run = tree.run(&["scan", path]);
        assert_eq!(run.code, 2, "`{path}`: {}", run.printed());
    }
    let report = tree.scan(&["dangling"]);
    assert_eq!((report.code, report.complete()), (3, false), "a named link that leads nowhere could not be read");
}

/// A pipe in a folder holds no text and is left out; a pipe that the user names was meant to be read.
#[test]
fn pipes_and_sockets() {
    let tree = Tree::new();
    tree.write("a.txt", "x");
    mkfifo(tree.join("pipe"));
    let _socket = UnixListener::bind(tree.join("socket")).expect("sockets can be made");
    let report = tree.scan(&["."]);
    assert_eq!((report.code, report.complete(), report.count("excluded", "special_file")), (0, true, 2));
    for named in ["pipe", "socket", "/dev/null"] {
        let report = tree.scan(&[named]);
        assert_eq!((report.code, report.complete()), (3, false), "{named}");
        assert_eq!(report.count("skipped", "not_regular"), 1, "{named}");
    }
}

#[test]
fn links_are_not_followed_and_their_text_is_looked_at() {
    let tree = Tree::new();
    let outside = Tree::new();
    outside
        .write("secret.txt", format!("T={}\n", github_token("outside")))
        .write("d/secret.txt", format!("T={}\n", github_token("d")));
    symlink(outside.join("secret.txt"), tree.join("file")).expect("links can be made");
    symlink(outside.join("d"), tree.join("folder")).expect("links can be made");
    symlink(".", tree.join("loop")).expect("links can be made");
    symlink("/", tree.join("everything")).expect("links can be made");
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.complete(), report.blobs()), (0, true, 4), "{:#}", report.json);

    symlink(format!("https://x:{}@github.com/a/b", github_token("text")), tree.join("remote")).expect("links can be made");
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["remote"]);
    assert_eq!(report.only()["location"]["start_line"], 1);
}

#[test]
fn a_link_that_is_named_is_followed() {
    let tree = Tree::new();
    tree.write("real.txt", format!("T={}\n", github_token("real")));
    symlink("real.txt", tree.join("named")).expect("links can be made");
    assert_eq!(tree.scan(&["named"]).paths(), ["named"]);
}

#[test]
fn a_named_link_to_a_folder_is_scanned() {
    let tree = Tree::new();
    tree.write("real/a.txt", format!("T={}\n", github_token("real")));
    symlink("real", tree.join("named")).expect("links can be made");
    for named in ["named", "named/"] {
        let report = tree.scan(&[named]);
        assert_eq!((report.code, report.findings().len()), (1, 1), "{named}: {:#}", report.json);
    }
}

/// The file is cut while it is read: whatever was read is looked at, and the run ends well.
#[test]
fn a_file_that_shrinks_while_it_is_read() {
    let tree = Tree::new();
    let line = format!("T={}\n", github_token("first"));
    let whole = [line.as_bytes(), &b"nothing to see here\n".repeat(3 << 20)].concat();
    for wait in [0, 1, 3, 10, 30] {
        tree.write("log.txt", &whole);
        let mut child =
            tree.command(&["scan", "-f", "json", "-o", "out.json", "log.txt"]).spawn().expect("keysift can be started");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        fs::OpenOptions::new().write(true).open(tree.join("log.txt")).and_then(|f| f.set_len(50)).expect("the file can be cut");
        assert_eq!(child.wait().expect("keysift ends").code(), Some(1));
        let report: serde_json::Value = serde_json::from_str(&tree.read("out.json")).expect("JSON");
        assert_eq!((report["scan"]["complete"].as_bool(), report["scan"]["blobs"].as_u64()), (Some(true), Some(1)));
    }
}

/// Folders and files come and go while the tree is walked: no crash, and what could not be read is told.
#[test]
fn a_tree_that_changes_while_it_is_walked() {
    let tree = Tree::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for n in 0..40 {
                    tree.write(format!("d{n}/e/f.txt"), "x");
                }
                for n in 0..40 {
                    fs::remove_dir_all(tree.join(format!("d{n}"))).expect("folders can be removed");
                }
            }
        });
        for _ in 0..15 {
            let report = tree.scan(&["."]);
            let unreadable = report.count("skipped", "unreadable");
            assert_eq!(report.code, if unreadable > 0 { 3 } else { 0 }, "{:#}", report.json);
            assert_eq!(report.complete(), unreadable == 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn nothing_to_look_at_is_a_pass_that_says_so() {
    let tree = Tree::new();
    let run = tree.run(&["scan"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("there was nothing to look at"), "{}", run.stdout);
    let report = tree.scan(&[]);
    assert_eq!((report.complete(), report.blobs()), (true, 0));
}

#[test]
fn things_there_but_none_of_them_read_is_incomplete() {
    let tree = Tree::new();
    tree.write("a.bin", "x".repeat(99));
    let run = tree.run(&["scan", "--max-file-size", "50"]);
    assert_eq!(run.code, 3);
    assert!(run.stdout.contains("no secrets found in what was looked at"), "{}", run.stdout);
    assert!(!run.stdout.contains("nothing to look at"), "{}", run.stdout);
}

#[test]
fn hidden_files_are_looked_at() {
    let tree = Tree::new();
    tree.write(".env", format!("T={}\n", github_token("a"))).write(".hidden/.deep/x", format!("T={}\n", github_token("b")));
    assert_eq!(tree.scan(&[]).paths(), [".env", ".hidden/.deep/x"]);
}

#[test]
fn git_s_own_folder_is_left_out_and_counted() {
    let tree = Tree::git();
    tree.write("a.txt", "x")
        .write(".git/config", format!("[remote \"o\"]\nurl = https://x:{}@github.com/a/b\n", github_token("x")));
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.complete(), report.count("excluded", "git_folder")), (0, true, 1));
    let human = tree.run(&["scan"]).stdout;
    assert!(human.contains("left out: 1 git's own folder; `keysift git` looks into it: .git"), "{human}");
    // Who names a file gets it looked at.
    assert_eq!(tree.scan(&[".git/config"]).findings().len(), 1);
}

/// A folder of the name alone makes no repository: a file called `.git` that is none is looked at.
#[test]
fn a_file_called_git_that_is_no_link_to_a_repository_is_looked_at() {
    let tree = Tree::new();
    tree.write("x/.git", format!("T={}\n", github_token("x")));
    assert_eq!(tree.scan(&[]).paths(), ["x/.git"]);
}

#[test]
fn stdin_that_cannot_be_read_is_an_error() {
    let tree = Tree::new();
    let folder = fs::File::open(tree.path()).expect("a folder can be opened");
    for arguments in [["scan", "-"], ["scan", "--from-jsonl"]] {
        let output = keysift(&arguments).stdin(folder.try_clone().expect("a handle")).output().expect("keysift ends");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("stdin cannot be read"));
    }
}
