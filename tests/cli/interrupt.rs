//! Ctrl-C: the scan ends with a report of what was done, and exit code 130.

#![cfg(target_os = "linux")]

use crate::support::{Tree, github_token};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Waits until keysift listens for Ctrl-C, then sends it.
fn interrupt(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(&status).expect("keysift runs");
        let caught = text.lines().find_map(|l| l.strip_prefix("SigCgt:")).expect("a line of /proc");
        // SIGINT is signal 2: the second bit.
        if u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & 2 != 0 {
            break;
        }
        assert!(Instant::now() < deadline, "keysift never listens for Ctrl-C");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is installed").success());
}

/// The end of a run that was interrupted, which must come soon.
fn end_of(mut child: Child) -> serde_json::Value {
    let begin = Instant::now();
    let mut text = String::new();
    child.stdout.take().expect("stdout is piped").read_to_string(&mut text).expect("UTF-8");
    assert_eq!(child.wait().expect("keysift ends").code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(20), "it took {:?} to stop", begin.elapsed());
    let report: serde_json::Value = serde_json::from_str(&text).expect("a whole JSON report");
    assert_eq!(report["scan"]["run"]["interrupted"], true);
    assert_eq!(report["scan"]["complete"], false);
    report
}

#[test]
fn in_the_middle_of_json_lines() {
    let tree = Tree::new();
    let mut child = tree
        .command(&["scan", "--from-jsonl", "-f", "json", "--progress", "never"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("keysift can be started");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let line = |n: usize| {
        format!("{}\n", serde_json::json!({"path": format!("{n}.txt"), "content": format!("t={}", github_token(&n.to_string()))}))
    };
    stdin.write_all((0..10).map(line).collect::<String>().as_bytes()).expect("keysift reads");
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(200));
    // The next line wakes it up; it is not looked at.
    stdin.write_all((10..12).map(line).collect::<String>().as_bytes()).expect("keysift reads");
    drop(stdin);
    let report = end_of(child);
    let findings = report["findings"].as_array().expect("findings");
    let fed_before = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|n| format!("{n}.txt"));
    assert!(findings.iter().all(|f| fed_before.iter().any(|p| f["location"]["path"] == *p)), "{findings:?}");
    assert_eq!(report["scan"]["blobs"], findings.len(), "what was looked at is in the report");
    assert_eq!(report["scan"]["skipped"][0]["reason"], "interrupted");
}

/// A file of 60 GB that takes no room: nobody waits for its end.
#[test]
fn in_the_middle_of_a_huge_file() {
    let tree = Tree::new();
    tree.write("a.txt", format!("t={}", github_token("a")));
    let huge = std::fs::File::create(tree.join("huge.img")).expect("files can be made");
    huge.set_len(60 << 30).expect("the file system knows sparse files");
    let child = tree
        .command(&["scan", "-f", "json", "--max-file-size", "100GB", "a.txt", "huge.img", "a.txt"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("keysift can be started");
    interrupt(&child);
    let report = end_of(child);
    let skipped = report["scan"]["skipped"].as_array().expect("gaps");
    assert!(
        skipped
            .iter()
            .any(|g| g["reason"] == "interrupted" && g["examples"].as_array().is_some_and(|e| e.iter().any(|p| p == "huge.img"))),
        "the file that was not read to its end is named: {skipped:?}"
    );
}

#[test]
fn a_second_time_ends_it_at_once() {
    let tree = Tree::new();
    // It waits for a text that never comes.
    let mut child =
        tree.command(&["scan", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("keysift can be started");
    let begin = Instant::now();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    if child.try_wait().expect("it can be asked").is_none() {
        interrupt(&child);
    }
    assert_eq!(child.wait().expect("keysift ends").code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(20));
}
