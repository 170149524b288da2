//! Names, folders and files made to do harm.

use crate::support::{Tree, github_token, private_key};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

#[test]
fn names_that_are_not_utf_8() {
    let tree = Tree::new();
    tree.write(OsStr::from_bytes(b"caf\xe9.txt"), format!("t={}", github_token("a")));
    tree.write(OsStr::from_bytes(b"d\xff\xfe/x.txt"), format!("t={}", github_token("b")));
    let report = tree.scan(&[]);
    assert_eq!(report.paths(), ["caf\u{fffd}.txt", "d\u{fffd}\u{fffd}/x.txt"]);
    // The bytes themselves, in base64.
    assert_eq!(report.findings()[0]["location"]["path_bytes"], "Y2Fm6S50eHQ=");
    assert_eq!(report.findings()[1]["location"]["path_bytes"], "ZP/+L3gudHh0");
    let named = tree.run(&[OsStr::new("scan"), OsStr::new("-f"), OsStr::new("json"), OsStr::from_bytes(b"caf\xe9.txt")]).report();
    assert_eq!(named.only()["location"], report.findings()[0]["location"]);
}

#[test]
fn a_name_that_is_utf_8_has_no_path_bytes() {
    let tree = Tree::new();
    tree.write("caf\u{e9}.txt", format!("t={}", github_token("a")));
    assert_eq!(tree.scan(&[]).only()["location"].get("path_bytes"), None);
}

/// A name must not forge a line of a report, nor steer the terminal.
#[test]
fn names_with_newlines_and_control_characters() {
    let names = [
        "two\nlines.txt",
        "cr\rx.txt",
        "esc\u{1b}[2J\u{1b}[31mx.txt",
        "bell\u{7}.txt",
        "::error::x.txt",
        "rtl\u{202e}txt.exe",
        "tab\tx.txt",
        "c1\u{9b}31m.txt",
    ];
    let tree = Tree::new();
    for name in names {
        tree.write(name, format!("t={}\n", github_token(name)));
        tree.write(format!("large {name}"), "x".repeat(999));
    }
    let arguments = ["--max-file-size", "900", "--exclude", "bell*"];
    let report = tree.scan(&arguments);
    assert_eq!(report.findings().len(), names.len() - 1);
    assert!(report.paths().contains(&"two\nlines.txt"), "JSON tells a name as it is");
    assert_eq!(report.count("skipped", "too_large"), 8);

    for format in ["human", "github", "sarif", "json", "jsonl"] {
        let run = tree.run(&[&["scan", "-f", format, "gone\u{1b}[31m\nfile"], &arguments[..], &["."]].concat());
        assert_eq!(run.code, 2);
        for (what, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            let bad = text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
            assert!(bad.is_none() || format.starts_with("json") || format == "sarif", "{format}: {bad:?} on {what}: {text:?}");
            assert!(!text.contains('\u{1b}'), "{format}: an escape on {what}: {text:?}");
            assert!(!text.lines().any(|l| l.starts_with("lines.txt") || l.starts_with("file")), "{format} {what}: {text}");
        }
        if format == "github" {
            assert!(
                run.stdout.lines().all(|l| l.starts_with("::error file=") || l.starts_with("::warning title=")),
                "{}",
                run.stdout
            );
        }
    }
}

/// The content of a file must not steer the terminal either, nor forge a line.
#[test]
fn content_with_control_characters() {
    let tree = Tree::new();
    tree.write("a.txt", format!("\u{1b}]0;owned\u{7}\u{1b}[2J \u{202e} token = {} \u{9b}31m\u{8}\u{0}\n", github_token("c")));
    for format in ["human", "github"] {
        let text = tree.run(&["scan", "-f", format, "-v", "a.txt"]).stdout;
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{format}: {text:?}");
    }
    let text = tree.run(&["explain", "a.txt:1"]).stdout;
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
}

#[test]
fn a_thousand_folders_deep() {
    let tree = Tree::new();
    let deep = "d/".repeat(1000);
    tree.write(format!("{deep}a.txt"), format!("t={}", github_token("deep")));
    for threads in ["1", "2"] {
        let report = tree.scan(&["-j", threads]);
        assert_eq!((report.code, report.complete()), (1, true));
        assert_eq!(report.paths(), [format!("{deep}a.txt")]);
    }
}

/// Deeper than a path can name: what is down there could not be read, and that is told.
#[test]
fn deeper_than_any_path() {
    let tree = Tree::new();
    // Two halves that can be named, the one then moved to the bottom of the other.
    let half = format!("{}/", "d".repeat(200)).repeat(15);
    tree.write(format!("upper/{half}x.txt"), "x").write(format!("lower/{half}y.txt"), "y");
    std::fs::rename(tree.join("lower"), tree.join(format!("upper/{half}lower"))).expect("folders can be moved");
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.complete(), report.count("skipped", "unreadable")), (3, false, 1));
}

#[test]
fn ten_thousand_names_in_one_folder() {
    let tree = Tree::new();
    for n in 0..10_000 {
        std::fs::write(tree.join(format!("f{n}.txt")), format!("{n}\n")).expect("files can be written");
    }
    tree.write("f5000.txt", format!("t={}", github_token("one")));
    let report = tree.scan(&[]);
    assert_eq!((report.blobs(), report.paths()), (10_000, vec!["f5000.txt"]));
}

#[test]
fn files_of_every_odd_kind_of_content() {
    let tree = Tree::new();
    let all: Vec<u8> = (0..=255).collect();
    tree.write("empty", "")
        .write("bytes", all.repeat(40))
        .write("zeros", vec![0; 100_000])
        .write("newlines", "\n".repeat(100_000))
        .write("one-line", "a".repeat(1_000_000))
        .write("half-a-mark", [0xff])
        .write("marks", [0xff, 0xfe, 0xff, 0xfe, 0, 0, 0xfe, 0xff])
        .write("odd-utf16", [&[0xff, 0xfe][..], &b"a\0b\0c\0d"[..]].concat())
        .write("lone-surrogates", [&[0xff, 0xfe][..], &[0, 0xd8].repeat(300)].concat())
        .write("utf32-out-of-range", [&[0xff, 0xfe, 0, 0][..], &[0xff; 400]].concat())
        .write("quotes", "password = \"".repeat(3000))
        .write("assignments", "password=".repeat(30_000))
        .write("key-without-end", private_key("x", 9).replace("-----END", "-----"));
    let report = tree.scan(&["--show-rejected", "--min-confidence", "low"]);
    assert!(report.complete(), "{:#}", report.json["scan"]);
    assert_eq!(report.blobs(), 13);
}
