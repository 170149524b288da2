//! `keysift git`: one distinct token in each place where one can hide.

use super::{commit, find, findings, git, line, token, write};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// A repository with a token in each place; gives the commits by the name of what they hold.
pub(super) fn planted(folder: &Path) -> Vec<(&'static str, String)> {
    let line = |name: &str| format!("first line\ntoken = \"{}\"\n", token(name));
    let mut commits = Vec::new();
    git(folder, &["init", "-q", "."]);
    git(folder, &["config", "core.autocrlf", "false"]);
    write(folder, "kept.py", line("kept"));
    commits.push(("kept", commit(folder, "start")));
    write(folder, "deleted.py", line("deleted"));
    commits.push(("deleted", commit(folder, "a file that goes")));
    std::fs::remove_file(folder.join("deleted.py")).expect("it is there");
    commit(folder, "it goes");
    write(folder, ".gitattributes", "*.secret -diff\n*.bin binary\n");
    write(folder, "hidden.secret", line("no-diff"));
    commits.push(("no-diff", commit(folder, "an attribute hides the diff")));
    write(folder, "packed.zip", zip("inner.py", line("zip").as_bytes()));
    commits.push(("zip", commit(folder, "an archive")));
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(line("utf16").encode_utf16().flat_map(u16::to_le_bytes)).collect();
    write(folder, "wide.txt", wide);
    commits.push(("utf16", commit(folder, "wide text")));
    write(folder, "crlf.ini", line("crlf").replace('\n', "\r\n"));
    commits.push(("crlf", commit(folder, "carriage returns")));
    commits.push(("message", commit(folder, &format!("a message\n\nwith {}", token("message")))));
    git(folder, &["-c", &format!("user.name={}", token("author")), "commit", "-q", "--allow-empty", "-m", "an author"]);
    write(folder, &format!("names/{}.txt", token("path-name")), "nothing\n");
    commit(folder, "a name");
    git(folder, &["tag", "-a", "v1", "-m", &format!("a tag with {}", token("tag-message"))]);
    git(folder, &["branch", &format!("fix-{}", token("ref-name"))]);
    git(folder, &["notes", "add", "-m", &format!("a note with {}", token("note"))]);
    git(folder, &["remote", "add", "origin", &format!("https://oauth2:{}@github.com/o/r.git", token("remote"))]);
    git(folder, &["checkout", "-q", "-b", "side"]);
    write(folder, "side.py", line("branch"));
    commits.push(("branch", commit(folder, "on a side branch")));
    git(folder, &["checkout", "-q", "main"]);
    write(folder, "main.py", "nothing\n");
    commit(folder, "on main");
    git(folder, &["merge", "-q", "--no-commit", "--no-ff", "side"]);
    write(folder, "merge.py", line("evil-merge"));
    commits.push(("evil-merge", commit(folder, "a merge with more than its parents")));
    git(folder, &["mv", "kept.py", "renamed.py"]);
    write(folder, "renamed.py", format!("{}{}", line("kept"), line("rename-edit")));
    commits.push(("rename-edit", commit(folder, "renamed and edited")));
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("/somewhere/{}", token("link")), folder.join("link")).expect("a link");
    commits.push(("link", commit(folder, "a link")));
    write(folder, "replaced.py", line("replaced"));
    commits.push(("replaced", commit(folder, "a blob that a replacement hides")));
    write(folder, "harmless", "nothing to see\n");
    let harmless = git(folder, &["hash-object", "-w", "harmless"]);
    let blob = git(folder, &["rev-parse", "HEAD:replaced.py"]);
    git(folder, &["replace", &blob, &harmless]);
    std::fs::remove_file(folder.join("harmless")).expect("it is there");
    write(folder, "main.py", line("stash"));
    git(folder, &["stash", "-q"]);
    write(folder, "amended.py", line("amended"));
    commit(folder, "to be amended");
    std::fs::remove_file(folder.join("amended.py")).expect("it is there");
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "--amend", "--allow-empty", "-m", "amended"]);
    commits
}

/// A zip archive with one compressed file: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(&bytes.repeat(3)).expect("memory");
    let packed = deflate.finish().expect("memory");
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    let name_len = u16::try_from(name.len()).expect("short").to_le_bytes();
    let sum = crc32fast::hash(&bytes.repeat(3)).to_le_bytes();
    let facts = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..], &sum, &number(packed.len()), &number(bytes.len() * 3), &name_len, &[0, 0]]
        .concat();
    let file = [b"PK\x03\x04", &facts[..], name.as_bytes(), &packed].concat();
    let entry = [b"PK\x01\x02\x14\0", &facts[..], &[0; 12], name.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &number(entry.len())[..], &number(file.len()), &[0, 0]].concat();
    [file, entry, end].concat()
}

/// Everything that is found without being asked for more.
const REACHABLE: [&str; 20] = [
    "kept", "deleted", "no-diff", "utf16", "crlf", "message", "author", "path-name", "tag-message", "ref-name", "note", "remote",
    "branch", "evil-merge", "rename-edit", "link", "replaced", "stash", "amended", "zip",
];

#[test]
fn every_place_is_looked_at_loose_and_packed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let commits = planted(folder);
    for packed in [false, true] {
        if packed {
            git(folder, &["repack", "-q", "-a", "-d", "-k", "--depth=50", "--window=50"]);
            git(folder, &["pack-refs", "--all"]);
        }
        let default = findings(folder, &[]);
        let all = findings(folder, &["--unreachable"]);
        for name in REACHABLE {
            let asked = matches!(name, "stash" | "amended");
            assert_eq!(find(&default, name).is_some(), !asked, "{name}, packed: {packed}, by default");
            assert!(find(&all, name).is_some(), "{name}, packed: {packed}, with --unreachable");
        }
        for (name, commit) in &commits {
            let finding = find(&default, name).expect("found");
            let place = if *name == "message" { &finding["location"] } else { &finding["introduced"] };
            assert_eq!(place["commit"], Value::String(commit.clone()), "{name}");
        }
        let kept = find(&default, "kept").expect("found");
        let tips = kept["at_tip"].as_array().expect("a list");
        assert!(tips.contains(&"side".into()) && !tips.contains(&"main".into()), "kept.py was renamed on main: {tips:?}");
        let renamed = default.iter().find(|f| f["secret"] == kept["secret"] && f["location"]["path"] == "renamed.py");
        assert_eq!(renamed.expect("under its new name")["at_tip"][0], "main");
        assert_eq!(find(&default, "remote").expect("found")["location"]["path"], ".git/config");
        assert_eq!(find(&default, "evil-merge").expect("found")["exposure"], "local_only");
        let link = find(&default, "no-diff").expect("found")["location"]["link"].as_str().unwrap_or_default().to_owned();
        assert!(link.starts_with("https://github.com/o/r/blob/") && link.ends_with("/hidden.secret#L2"), "{link}");
    }
}

#[test]
fn branches_are_named_whatever_their_number_and_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    git(folder, &["init", "-q", "-b", "main", "."]);
    write(folder, "everywhere.py", line("everywhere"));
    commit(folder, "start");
    for n in 0..25 {
        git(folder, &["branch", &format!("m{n:02}")]);
    }
    git(folder, &["checkout", "-q", "-b", "z-one"]);
    write(folder, "src/late.py", line("late"));
    commit(folder, "late");
    git(folder, &["branch", "z-other"]);
    write(folder, "src/more.py", "more = 1\n");
    commit(folder, "more");
    let all = findings(folder, &[]);
    let tips = |name: &str| -> Vec<String> {
        let list = find(&all, name).expect("found")["at_tip"].as_array().expect("a list");
        list.iter().map(|tip| tip.as_str().expect("a name").to_owned()).collect()
    };
    // Two trees hold it, and both come behind twenty others.
    assert_eq!(tips("late"), ["z-one", "z-other"]);
    let first = ["z-one".to_owned()].into_iter().chain((0..19).map(|n| format!("m{n:02}")));
    assert_eq!(tips("everywhere"), first.collect::<Vec<_>>());
}

/// A file with all of a history is one delta tree: threads without another one get parts of it.
#[test]
fn threads_share_one_delta_tree_and_find_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    git(folder, &["init", "-q", "-b", "main", "."]);
    let mut lines = Vec::new();
    for n in 0..120 {
        lines.push(format!("value_{n} = {n} * {n} + {}\n", n * 7919));
        if n % 10 == 3 {
            lines.push(line(&format!("secret-{n}")));
        }
        write(folder, "all.py", lines.concat());
        commit(folder, &format!("version {n}"));
    }
    git(folder, &["repack", "-q", "-a", "-d", "-f", "--depth=4", "--window=200"]);
    let alone = findings(folder, &["--threads", "1"]);
    assert_eq!(alone.len(), 12);
    for threads in ["2", "3", "8"] {
        assert_eq!(findings(folder, &["--threads", threads]), alone, "{threads} threads");
    }
    assert_eq!(findings(folder, &["--whole-blobs"]), alone);
}

#[test]
fn lines_and_columns_are_those_of_git_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    planted(folder);
    let mut compared = 0;
    for finding in findings(folder, &[]) {
        let place = &finding["location"];
        let (Some(commit), Some(path)) = (place["commit"].as_str(), place["path"].as_str()) else { continue };
        let is_text = !path.starts_with("git:") && !matches!(path, "wide.txt" | "link" | "packed.zip");
        if !is_text || finding["rule_id"] != "github-pat-classic" {
            continue;
        }
        let shown = git(folder, &["--no-replace-objects", "show", &format!("{commit}:{path}")]);
        let number = |key: &str| usize::try_from(place[key].as_u64().expect("a number")).expect("small");
        let line = shown.lines().nth(number("start_line") - 1).expect("the line");
        let secret = finding["secret"].as_str().expect("shown");
        assert_eq!(&line[number("start_column") - 1..number("end_column") - 1], secret, "{path}");
        compared += 1;
    }
    assert!(compared >= 8, "{compared}");
}

#[test]
fn bare_repositories_linked_work_trees_and_subfolders() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = folder.path().join("work");
    std::fs::create_dir_all(&work).expect("a folder");
    planted(&work);
    git(folder.path(), &["clone", "-q", "--bare", "--no-local", "work", "bare.git"]);
    git(&work, &["worktree", "add", "-q", "../linked", "side"]);
    for place in ["bare.git", "linked", "work/names"] {
        let found = findings(&folder.path().join(place), &[]);
        for name in ["kept", "deleted", "evil-merge", "tag-message", "replaced"] {
            assert!(find(&found, name).is_some(), "{name} in {place}");
        }
    }
    let found = findings(&folder.path().join("bare.git"), &[]);
    assert_eq!(find(&found, "evil-merge").expect("found")["exposure"], "merged");
    assert_eq!(find(&found, "branch").expect("found")["exposure"], "merged");
    git(&folder.path().join("bare.git"), &["update-ref", "-d", "refs/heads/side"]);
    git(&work, &["checkout", "-q", "-b", "proposal"]);
    write(&work, "proposal.py", format!("token = \"{}\"\n", token("proposal")));
    commit(&work, "a proposal");
    git(&work, &["push", "-q", "../bare.git", "proposal:refs/pull/1/head"]);
    let found = findings(&folder.path().join("bare.git"), &[]);
    assert_eq!(find(&found, "proposal").expect("found")["exposure"], "pushed", "a server has what was pushed to it");
}

#[test]
fn only_a_branch() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    planted(folder);
    let found = findings(folder, &["--branch", "side"]);
    assert!(find(&found, "branch").is_some() && find(&found, "evil-merge").is_none());
}

#[test]
fn a_shallow_clone_says_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = folder.path().join("work");
    std::fs::create_dir_all(&work).expect("a folder");
    planted(&work);
    let url = format!("file://{}", work.display());
    git(folder.path(), &["clone", "-q", "--depth=1", &url, "shallow"]);
    let out =
        Command::new(env!("CARGO_BIN_EXE_keysift")).arg("git").arg(folder.path().join("shallow")).output().expect("keysift runs");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("not in this clone") && text.contains("--unshallow"), "{text}");
}

/// Versions of files, stored as deltas of each other: what is inherited along them is what every version holds.
#[test]
fn the_fast_way_and_the_whole_way_tell_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    planted(folder);
    let ordinary = "def compute(value):\n    return value + 1  # no token here\n";
    for version in 0..12 {
        let mut text = ordinary.repeat(40);
        for n in 0..=version {
            let secret = token(&format!("version {}", n * (version % 5)));
            text = format!("{text}api_token_{n} = \"{secret}\"\n{ordinary}db_password_{n} = 'k{n}Zq{version}w2Lmx7Rt'\n");
        }
        write(folder, "versions.py", &text);
        write(folder, "moved.py", text.lines().rev().collect::<Vec<_>>().join("\n"));
        commit(folder, &format!("version {version}"));
    }
    git(folder, &["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    let deltas = git(folder, &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(deltabase)"]);
    let blobs = deltas.lines().filter(|l| l.starts_with("blob") && !l.ends_with(&"0".repeat(40))).count();
    assert!(blobs >= 15, "git stored {blobs} blobs as deltas");
    let report = |more: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_keysift"))
            .args(["git", "-f", "json", "--show-rejected", "--min-confidence", "low", "--unreachable"])
            .args(more)
            .arg(folder)
            .output()
            .expect("keysift runs");
        let mut report: Value = serde_json::from_slice(&out.stdout).expect("a report");
        report["scan"]["run"] = Value::Null;
        report
    };
    let fast = report(&[]);
    assert!(fast["findings"].as_array().expect("a list").len() > 50);
    assert_eq!(fast, report(&["--whole-blobs", "-j1"]));
}
