//! Cut off and flipped bits: no panic, no hang, and what stands before the damage is found.

use super::made;
use super::support::{Tree, github_token};
use std::collections::BTreeMap;
use std::fs;

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("64 bits") % below.max(1)
    }
}

#[test]
fn thousands_of_damaged_containers() {
    let tree = Tree::new();
    let told = made(&tree.path());
    let versions = if std::env::var_os("KEYSIFT_SLOW_TESTS").is_some() { 200 } else { 30 };
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut written = 0;
    for case in told.iter().filter(|case| case.get("file").is_some()) {
        let file = case["file"].as_str().expect("a file");
        if !["alone/", "image/", "deep/", "sparse/"].iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        let whole = fs::read(tree.join("made").join(file)).expect("it was made");
        for n in 0..versions {
            let mut bytes = whole.clone();
            match n % 3 {
                0 => bytes.truncate(numbers.next(whole.len())),
                1 => {
                    for _ in 0..=numbers.next(4) {
                        let at = numbers.next(bytes.len());
                        bytes[at] ^= 1 << numbers.next(8);
                    }
                }
                // Most of what a format says of itself stands at its ends.
                _ => {
                    let at = if numbers.next(2) == 0 {
                        numbers.next(64)
                    } else {
                        bytes.len() - 1 - numbers.next(bytes.len().min(300))
                    };
                    let at = at.min(bytes.len() - 1);
                    bytes[at] = u8::try_from(numbers.next(256)).expect("a byte");
                }
            }
            tree.write(format!("bad/{written}"), bytes);
            written += 1;
        }
    }
    assert!(written > 1000, "{written}");
    let run = tree.run(&["scan", "-f", "json", "bad"]);
    assert!(!run.stderr.contains("internal error"), "{}", run.stderr);
    let report = run.report();
    assert_eq!(report.blobs(), written);
    assert!(report.count("skipped", "damaged_container") > written / 10);
}

/// A token, then filler of some 2 MB: more than one block of any format; cut off in the filler the token is found, and the damage told.
#[test]
fn what_stands_before_the_damage_is_found() {
    let tree = Tree::new();
    let token = github_token("before the damage");
    tree.write("tokens", &token);
    let make = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/make.py");
    let out = std::process::Command::new("python3")
        .arg(make)
        .args(["cut", "tokens", "--damaged"])
        .current_dir(tree.path())
        .output()
        .expect("python3 is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let report = tree.run(&["scan", "-f", "json", "--show-secrets", "cut"]).report();
    let mut by_file: BTreeMap<String, bool> = fs::read_dir(tree.join("cut"))
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().into_string().expect("a name"))
        .map(|name| (name, false))
        .collect();
    for finding in report.findings().iter().filter(|f| f["secret"] == token.as_str()) {
        let path = finding["location"]["path"].as_str().expect("a path");
        assert!(finding["location"]["start_line"] == 3 || finding["location"].get("container").is_none(), "{finding:#}");
        by_file.insert(path.trim_start_matches("cut/").to_owned(), true);
    }
    // 7z keeps what says where anything is at its end, and the archive behind a program is known by its end.
    let at_end = |name: &str| name.contains(" cut ") && (name.contains(".7z") || name.starts_with("program"));
    let lost: Vec<&String> = by_file.iter().filter(|(name, found)| !**found && !at_end(name)).map(|(name, _)| name).collect();
    assert!(by_file.len() > 150 && lost.is_empty(), "{} of {}: {lost:#?}", lost.len(), by_file.len());
    assert!(report.count("skipped", "damaged_container") > 100);
}
