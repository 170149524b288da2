//! Repositories made to hurt: what they say is not obeyed, what is broken is told, and nothing takes longer or more memory
//! than its size explains.

use super::history::planted;
use super::{commit, find, findings, git, token, write};
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
    let found = findings(&repo, &[]);
    assert!(!marker.exists(), "a program of the repository ran");
    assert!(find(&found, "kept").is_some() && find(&found, "elsewhere").is_none());
    let out = Command::new(env!("CARGO_BIN_EXE_keysift")).arg("git").arg(&repo).output().expect("keysift runs");
    assert!(String::from_utf8_lossy(&out.stdout).contains("objects kept in another repository"));
    assert!(find(&findings(&repo, &["--outside-alternates"]), "elsewhere").is_some());
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
