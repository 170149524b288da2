//! Repositories made to hurt: what they say is not obeyed, what is broken is told, and nothing takes longer or more memory
//! than its size explains.

use super::forge::{self, Id, Stored, copies, id_of, tree};
use super::history::planted;
use super::{commit, find, findings, git, line, names, printed, token, write};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn nothing_of_the_repository_is_obeyed() {
    let folder = tempfile::tempdir().expect("a folder");
    let repo = folder.path().join("repo");
    std::fs::create_dir_all(&repo).expect("a folder");
    planted(&repo);
    let marker = folder.path().join("marker");
    let touch = format!("touch {}", marker.display());
    for key in [
        "core.fsmonitor", "core.sshCommand", "filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "core.pager",
        "credential.helper",
    ] {
        git(&repo, &["config", key, &touch]);
    }
    write(folder.path(), "included", format!("[core]\n\tfsmonitor = {touch}\n"));
    git(&repo, &["config", "include.path", "../../included"]);
    git(&repo, &["config", "core.hooksPath", "../hooks"]);
    write(&repo, ".git/info/attributes", "* filter=evil diff=evil\n");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    git(&elsewhere, &["init", "-q", "."]);
    write(&elsewhere, "x.py", format!("token = \"{}\"\n", token("elsewhere")));
    commit(&elsewhere, "another repository");
    write(&repo, ".git/objects/info/alternates", format!("{}\n", elsewhere.join(".git/objects").display()));
    let head = git(&elsewhere, &["rev-parse", "HEAD"]);
    write(&repo, ".git/refs/heads/borrowed", format!("{head}\n"));
    // A graft that says that the newest commit has no past.
    write(&repo, ".git/info/grafts", format!("{}\n", git(&repo, &["rev-parse", "main"])));
    let found = findings(&repo, &[]);
    assert!(!marker.exists(), "a program of the repository ran");
    assert!(find(&found, "deleted").is_some(), "a graft hides nothing");
    assert!(find(&found, "kept").is_some() && find(&found, "elsewhere").is_none());
    let out = Command::new(env!("CARGO_BIN_EXE_keysift")).arg("git").arg(&repo).output().expect("keysift runs");
    assert!(String::from_utf8_lossy(&out.stdout).contains("objects kept in another repository"));
    assert!(find(&findings(&repo, &["--outside-alternates"]), "elsewhere").is_some());
}

/// A clone that lacks a blob which it says to have, as after a disk failed or a download broke off.
#[test]
fn a_blob_that_is_not_there_is_told_where_a_commit_needs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let repo = folder.path();
    git(repo, &["init", "-q", "-b", "main", "."]);
    write(repo, "kept.txt", "kept\n");
    commit(repo, "one");
    write(repo, "lost.txt", format!("token = \"{}\"\n", token("lost")));
    commit(repo, "two");
    let id = git(repo, &["rev-parse", "HEAD:lost.txt"]);
    std::fs::remove_file(repo.join(".git/objects").join(&id[..2]).join(&id[2..])).expect("a loose blob");
    let run = |arguments: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_keysift"))
            .args(["git", "-f", "json"])
            .args(arguments)
            .arg(repo)
            .output()
            .expect("keysift runs");
        let report: Value = serde_json::from_slice(&out.stdout).expect("a report");
        let skipped = report["scan"]["skipped"].as_array().expect("a list");
        let missing =
            skipped.iter().find(|gap| gap["reason"] == "missing_object").map_or(0, |gap| gap["count"].as_u64().unwrap_or(0));
        (out.status.code(), missing)
    };
    assert_eq!(run(&[]), (Some(3), 1));
    // The same blob, named by nothing but a tree that is left over.
    git(repo, &["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!(run(&[]), (Some(0), 0));
    assert_eq!(run(&["--unreachable"]), (Some(3), 1));
}

#[test]
fn corrupt_packs_lose_no_more_than_they_must() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    planted(folder);
    git(folder, &["repack", "-q", "-a", "-d", "-k"]);
    let pack = std::fs::read_dir(folder.join(".git/objects/pack"))
        .expect("packs")
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "pack"))
        .expect("a pack");
    let whole = std::fs::read(&pack).expect("readable");
    let mut permissions = std::fs::metadata(&pack).expect("there").permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&pack, permissions).expect("ours");
    for at in (12..whole.len()).step_by(whole.len() / 40) {
        let mut broken = whole.clone();
        broken[at] ^= 0x55;
        std::fs::write(&pack, &broken).expect("writable");
        run(folder);
        std::fs::write(&pack, &whole[..at]).expect("writable");
        run(folder);
    }
    std::fs::write(&pack, &whole).expect("writable");
    assert!(find(&findings(folder, &[]), "kept").is_some());
}

/// A run that ends with a report and one of the codes for it.
fn run(folder: &Path) {
    let out =
        Command::new(env!("CARGO_BIN_EXE_keysift")).arg("git").arg(folder).args(["-f", "json"]).output().expect("keysift runs");
    assert!(matches!(out.status.code(), Some(0..=3)), "{:?}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    assert!(!String::from_utf8_lossy(&out.stderr).contains("internal error"), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Runs `keysift git` with no more than so many megabytes of memory; gives the report, and what else it said.
fn bounded(folder: &Path, megabytes: u32, more: &str) -> (Value, String) {
    let script = format!("ulimit -v {}; exec '{}' git -j2 -f json {more} .", megabytes * 1024, env!("CARGO_BIN_EXE_keysift"));
    let limited = if cfg!(target_os = "linux") { script } else { script.split_once("; ").expect("two parts").1.to_owned() };
    let out = Command::new("sh").args(["-c", &limited]).current_dir(folder).output().expect("sh is there");
    let said = printed(&out);
    assert!(matches!(out.status.code(), Some(0..=3)), "{:?}: {}", out.status, &said[..said.len().min(2000)]);
    assert!(!said.contains("internal error"), "{said}");
    (serde_json::from_slice(&out.stdout).expect("a report"), said)
}

fn skipped(report: &Value) -> Vec<&str> {
    report["scan"]["skipped"].as_array().expect("a list").iter().filter_map(|s| s["reason"].as_str()).collect()
}

fn blob(text: &str) -> (Id, Stored) {
    (id_of("blob", text.as_bytes()), Stored::Whole(3, text.as_bytes().to_vec()))
}

#[test]
fn deltas_in_a_circle_and_trees_that_hold_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b, selfish) = ([0xaa; 20], [0xbb; 20], [0xcc; 20]);
    let good = blob(&line("good"));
    let id = good.0;
    let root = tree(&[("100644", b"a", a), ("100644", b"b", b), ("100644", b"good.py", id), ("40000", b"self", selfish)]);
    let objects = vec![
        (a, Stored::Delta(b, copies(10, 1, b""))),
        (b, Stored::Delta(a, copies(10, 1, b""))),
        (selfish, Stored::Whole(2, tree(&[("40000", b"self", selfish), ("100644", b"good.py", id)]))),
        good,
        (id_of("tree", &root), Stored::Whole(2, root.clone())),
    ];
    forge::repository(folder.path(), id_of("tree", &root), objects);
    let (report, _) = bounded(folder.path(), 2000, "--show-secrets");
    assert_eq!(names(&report, &["good"]), ["good"]);
    assert!(skipped(&report).contains(&"corrupt_object"), "{:?}", skipped(&report));
    assert!(skipped(&report).contains(&"attribution_budget"), "{:?}", skipped(&report));
    // A range meets the same objects one by one.
    let (report, _) = bounded(folder.path(), 2000, "--show-secrets --max-commits 1");
    assert_eq!(names(&report, &["good"]), ["good"]);
    assert!(skipped(&report).contains(&"corrupt_object"), "{:?}", skipped(&report));
}

/// A few kilobytes that stand for terabytes: each delta doubles the one before.
#[test]
fn a_bomb_of_deltas() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = vec![b'x'; 1 << 20];
    let mut last = id_of("blob", &start);
    let mut len = start.len();
    let mut objects = vec![(last, Stored::Whole(3, start))];
    for n in 0..16u8 {
        let id = [n + 1; 20];
        objects.push((id, Stored::Delta(last, copies(len, if n < 13 { 2 } else { 3 }, b""))));
        // Many of the largest that are still looked at.
        if len <= 64 << 20 {
            last = id;
            len *= 2;
        }
    }
    let good = blob(&line("good"));
    let root = tree(&[("100644", b"good.py", good.0)]);
    objects.push(good);
    objects.push((id_of("tree", &root), Stored::Whole(2, root.clone())));
    forge::repository(folder.path(), id_of("tree", &root), objects);
    let (report, _) = bounded(folder.path(), 2500, "--show-secrets");
    assert_eq!(names(&report, &["good"]), ["good"]);
    assert!(skipped(&report).contains(&"corrupt_object"), "what is above the limit is told: {:?}", skipped(&report));
}

/// Ten trees, each holding the next one ten times: 10^10 paths.
#[test]
fn a_bomb_of_trees() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = blob(&line("good"));
    let mut below = tree(&[("100644", b"good.py", good.0)]);
    let mut objects = vec![good];
    for _ in 0..10 {
        let id = id_of("tree", &below);
        objects.push((id, Stored::Whole(2, below)));
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        let entries: Vec<(&str, &[u8], Id)> = names.iter().map(|name| ("40000", name.as_bytes(), id)).collect();
        below = tree(&entries);
    }
    objects.push((id_of("tree", &below), Stored::Whole(2, below.clone())));
    forge::repository(folder.path(), id_of("tree", &below), objects);
    let (report, _) = bounded(folder.path(), 2500, "--rule stripe-*");
    assert_eq!(report["scan"]["complete"], true, "nothing to tell, nothing to walk for");
    let (report, _) = bounded(folder.path(), 4000, "--show-secrets");
    assert!(report["findings"].as_array().is_some_and(|f| f.len() >= 10_000));
    assert!(skipped(&report).contains(&"attribution_budget"), "{:?}", skipped(&report));
}

#[test]
fn folders_a_thousand_deep() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = blob(&line("good"));
    for (depth, is_told) in [(1000, true), (20_000, false)] {
        let place = folder.path().join(depth.to_string());
        std::fs::create_dir_all(&place).expect("a folder");
        let mut below = tree(&[("100644", b"good.py", good.0)]);
        let mut objects = vec![blob(&line("good"))];
        for _ in 0..depth {
            let id = id_of("tree", &below);
            objects.push((id, Stored::Whole(2, below)));
            below = tree(&[("40000", b"d", id)]);
        }
        objects.push((id_of("tree", &below), Stored::Whole(2, below.clone())));
        forge::repository(&place, id_of("tree", &below), objects);
        for more in ["--show-secrets", "--show-secrets --max-commits 1"] {
            let (report, _) = bounded(&place, 2500, more);
            assert_eq!(names(&report, &["good"]).len(), usize::from(is_told), "{depth} {more}");
            assert_eq!(report["scan"]["complete"], is_told, "{depth} {more}");
        }
    }
}

#[test]
fn names_of_every_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = blob(&line("good"));
    let id = good.0;
    let odd: [&[u8]; 6] = [b"a\nb.py", b"..", b"\xff\xfe.py", b".git", b"C:\\x", b"\x1b[31m.py"];
    let entries: Vec<(&str, &[u8], Id)> = odd.iter().map(|name| ("100644", *name, id)).collect();
    let inner = tree(&entries);
    let inner_id = id_of("tree", &inner);
    let root = tree(&[("40000", b"..", inner_id), ("100644", b"good.py", id)]);
    let objects = vec![good, (inner_id, Stored::Whole(2, inner)), (id_of("tree", &root), Stored::Whole(2, root.clone()))];
    forge::repository(folder.path(), id_of("tree", &root), objects);
    for more in ["--show-secrets", "--show-secrets --max-commits 1"] {
        let (report, _) = bounded(folder.path(), 2000, more);
        assert_eq!(report["findings"].as_array().map(Vec::len), Some(7), "{more}");
        let bytes =
            report["findings"].as_array().expect("a list").iter().filter(|f| f["location"]["path_bytes"].is_string()).count();
        assert_eq!(bytes, 1, "the name that is no UTF-8 is there in full");
    }
    let out = super::keysift(folder.path(), &["git"]);
    let text = printed(&out);
    assert!(!text.contains('\x1b') && !text.contains("a\nb.py"), "{text}");
    assert!(!folder.path().parent().expect("a parent").join("a").exists());
}

#[test]
fn a_hundred_thousand_refs() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    git(folder, &["init", "-q", "."]);
    write(folder, "a.py", line("good"));
    let head = commit(folder, "start");
    let refs: Vec<String> = (0..100_000).map(|n| format!("{head} refs/heads/branch-{n:06}\n")).collect();
    let refs = refs.concat();
    write(folder, ".git/packed-refs", format!("# pack-refs with: peeled fully-peeled sorted \n{refs}"));
    let (report, _) = bounded(folder, 2500, "--show-secrets");
    assert_eq!(names(&report, &["good"]), ["good"]);
    assert!(report["findings"][0]["at_tip"].as_array().is_some_and(|tips| !tips.is_empty() && tips.len() <= 20));
    let (report, _) = bounded(folder, 2500, "--show-secrets --max-commits 1");
    assert_eq!(names(&report, &["good"]), ["good"]);
}
