//! `keysift staged`: what a commit would record.

use super::{commit, find, git, git_command, keysift, keysift_command, line, names, printed, report, repository, token, write};
use std::fs;
use std::path::Path;

#[test]
fn before_the_first_commit_everything_in_the_index_is_new() {
    let folder = repository();
    let folder = folder.path();
    let out = keysift(folder, &["staged"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(printed(&out).contains("nothing to look at"), "{}", printed(&out));
    write(folder, "a.py", line("first"));
    write(folder, "b.py", line("unstaged"));
    git(folder, &["add", "a.py"]);
    let (found, code) = report(folder, &["staged"]);
    assert_eq!((names(&found, &["first", "unstaged"]), code), (vec!["first"], 1));
    let finding = &found["findings"][0];
    assert_eq!(finding["exposure"], "staged");
    assert_eq!(finding["location"]["path"], "a.py");
    assert_eq!(finding["location"]["start_line"], 2);
    assert_eq!(finding["location"]["blob"], git(folder, &["rev-parse", ":a.py"]));
}

#[test]
fn only_what_the_commit_adds() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "old.py", line("old"));
    write(folder, "sub/kept.py", line("kept"));
    commit(folder, "start");
    assert_eq!(report(folder, &["staged"]).1, 0);
    // The old secret stands in the file still; the staged text counts, not that on disk.
    write(folder, "old.py", format!("{}# more\n{}", line("old"), line("added")));
    git(folder, &["add", "-A"]);
    write(folder, "old.py", line("on disk"));
    let tokens = ["old", "kept", "added", "on disk"];
    assert_eq!(names(&report(folder, &["staged"]).0, &tokens), ["added"]);
    assert_eq!(names(&report(&folder.join("sub"), &["staged"]).0, &tokens), ["added"], "from a subfolder");
}

#[test]
fn moves_are_not_new_and_copies_are() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.py", line("moved"));
    write(folder, "c.py", line("copied"));
    commit(folder, "start");
    git(folder, &["mv", "a.py", "b.py"]);
    write(folder, "b.py", format!("{}# edited on the way\n", line("moved")));
    fs::copy(folder.join("c.py"), folder.join("d.py")).expect("a copy");
    git(folder, &["add", "-A"]);
    let (found, _) = report(folder, &["staged"]);
    assert_eq!(names(&found, &["moved", "copied"]), ["copied"]);
    assert_eq!(found["findings"][0]["location"]["path"], "d.py");
    // What moves to two places stands in one more than before.
    write(folder, "e.py", line("moved"));
    git(folder, &["add", "-A"]);
    assert_eq!(names(&report(folder, &["staged"]).0, &["moved"]), ["moved"]);
}

#[test]
fn modes_links_submodules_and_promises() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "run.sh", line("mode"));
    commit(folder, "start");
    git(folder, &["update-index", "--chmod=+x", "run.sh"]);
    assert_eq!(report(folder, &["staged"]).1, 0, "a mode is no secret");
    write(folder, "later.py", line("promised"));
    git(folder, &["add", "-N", "later.py"]);
    assert_eq!(report(folder, &["staged"]).1, 0, "add -N records nothing");
    let head = git(folder, &["rev-parse", "HEAD"]);
    git(folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{head},module")]);
    assert_eq!(report(folder, &["staged"]).1, 0, "a submodule is another repository's");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(format!("/x/{}", token("link")), folder.join("link")).expect("a link");
        git(folder, &["add", "link"]);
        assert_eq!(names(&report(folder, &["staged"]).0, &["link"]), ["link"]);
    }
}

#[test]
fn during_a_merge_all_parents_are_old() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.txt", "one\n");
    write(folder, "both.txt", "one\n");
    commit(folder, "start");
    git(folder, &["checkout", "-q", "-b", "side"]);
    write(folder, "side.py", line("side"));
    write(folder, "both.txt", "theirs\n");
    commit(folder, "side");
    git(folder, &["checkout", "-q", "main"]);
    write(folder, "main.py", line("main"));
    write(folder, "both.txt", "ours\n");
    commit(folder, "main");
    assert!(!git_command(folder, &["merge", "-q", "side"]).output().expect("git runs").status.success(), "a conflict");
    let tokens = ["side", "main", "evil", "resolved"];
    let (found, code) = report(folder, &["staged"]);
    assert_eq!((names(&found, &tokens), code), (vec![], 0), "a file in conflict is not staged yet");
    write(folder, "both.txt", line("resolved"));
    write(folder, "evil.py", line("evil"));
    git(folder, &["add", "-A"]);
    assert_eq!(names(&report(folder, &["staged"]).0, &tokens), ["evil", "resolved"]);
}

#[test]
fn named_files_that_are_not_staged_are_read_whole() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "old.py", line("old"));
    write(folder, "other.py", line("other"));
    commit(folder, "start");
    write(folder, "new.py", line("new"));
    git(folder, &["add", "new.py"]);
    let tokens = ["old", "other", "new"];
    assert_eq!(names(&report(folder, &["staged", "old.py", "new.py"]).0, &tokens), ["old", "new"]);
    let (_, code) = report(folder, &["staged", "gone.py"]);
    assert_eq!(code, 2);
}

#[test]
fn the_fingerprint_is_that_of_a_scan() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "sub/a.py", line("same"));
    git(folder, &["add", "-A"]);
    let fingerprint = |arguments: &[&str]| {
        let (found, _) = report(folder, arguments);
        find(found["findings"].as_array().expect("a list"), "same").expect("found")["fingerprint"].clone()
    };
    let staged = fingerprint(&["staged"]);
    assert_eq!(staged, fingerprint(&["scan", "."]));
    commit(folder, "start");
    assert_eq!(staged, fingerprint(&["git"]));
    assert_eq!(staged, fingerprint(&["git", "--max-commits", "1"]));
}

#[test]
fn another_index_linked_work_trees_and_an_empty_index() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.py", "nothing\n");
    commit(folder, "start");
    write(folder, "b.py", line("elsewhere"));
    let index = folder.join(".git/other-index");
    let add = git_command(folder, &["add", "b.py"]).env("GIT_INDEX_FILE", &index).status().expect("git runs");
    assert!(add.success());
    let staged = |with: Option<&Path>, at: &Path| {
        let mut command = keysift_command(at, &["staged", "-q"]);
        command.envs(with.map(|index| ("GIT_INDEX_FILE", index)));
        command.output().expect("keysift runs").status.code()
    };
    assert_eq!((staged(None, folder), staged(Some(&index), folder)), (Some(0), Some(1)));
    git(folder, &["worktree", "add", "-q", "-b", "linked", "linked"]);
    let linked = folder.join("linked");
    write(&linked, "c.py", line("linked"));
    git(&linked, &["add", "c.py"]);
    assert_eq!((staged(None, folder), staged(None, &linked)), (Some(0), Some(1)));
    git(folder, &["rm", "-q", "-r", "--cached", "."]);
    assert_eq!(staged(None, folder), Some(0), "everything staged for removal adds nothing");
}

#[test]
fn an_index_that_cannot_be_read_is_told() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.py", line("x"));
    git(folder, &["add", "-A"]);
    fs::write(folder.join(".git/index"), "no index at all").expect("writable");
    let out = keysift(folder, &["staged"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(printed(&out).contains("the index cannot be read") && printed(&out).contains("git status"), "{}", printed(&out));
}

/// The index's notes of trees may say anything: what they say is only believed where it cannot matter.
#[test]
fn a_folder_that_is_as_before_is_not_read() {
    let folder = repository();
    let folder = folder.path();
    for n in 0..50 {
        write(folder, &format!("deep/{n}/file.txt"), format!("{n}\n"));
    }
    commit(folder, "start");
    write(folder, "deep/7/file.txt", line("deep"));
    write(folder, "deep/70/new.txt", line("new folder"));
    git(folder, &["add", "-A"]);
    assert_eq!(names(&report(folder, &["staged"]).0, &["deep", "new folder"]), ["deep", "new folder"]);
    git(folder, &["write-tree"]);
    assert_eq!(names(&report(folder, &["staged"]).0, &["deep", "new folder"]), ["deep", "new folder"], "with the notes complete");
}
