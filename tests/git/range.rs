//! `keysift git --range` and its kin: what commits add, and whose policy counts.

use super::{commit, find, git, keysift, line, names, printed, report, repository, token, write};
use serde_json::Value;
use std::path::Path;

/// A main branch, and a branch of it with one token in each place; gives what the base had.
fn branched(folder: &Path) {
    write(folder, "base.py", line("base"));
    write(folder, "moves.py", line("moves"));
    write(folder, "copied.py", line("copied"));
    commit(folder, "start");
    git(folder, &["checkout", "-q", "-b", "topic"]);
    write(folder, "added.py", line("added"));
    commit(folder, "a file");
    write(folder, "gone.py", line("gone"));
    commit(folder, "a file that goes");
    std::fs::remove_file(folder.join("gone.py")).expect("it is there");
    commit(folder, "it goes");
    commit(folder, &format!("a message\n\nwith {}", token("message")));
    git(folder, &["mv", "moves.py", "moved.py"]);
    write(folder, "copy.py", line("copied"));
    write(folder, "base.py", format!("{}# edited\n", line("base")));
    commit(folder, "moves and copies");
    git(folder, &["checkout", "-q", "main"]);
    write(folder, "main.py", line("main"));
    write(folder, "both.py", line("both"));
    commit(folder, "meanwhile");
    git(folder, &["checkout", "-q", "topic"]);
    write(folder, "both.py", line("both"));
    commit(folder, "the same on both sides");
    git(folder, &["merge", "-q", "--no-commit", "--no-ff", "-X", "ours", "main"]);
    write(folder, "evil.py", line("evil"));
    commit(folder, "a merge with more than its parents");
}

const TOKENS: [&str; 9] = ["base", "moves", "copied", "added", "gone", "message", "main", "both", "evil"];

#[test]
fn what_the_commits_of_a_range_add() {
    let folder = repository();
    let folder = folder.path();
    branched(folder);
    let (found, code) = report(folder, &["git", "--range", "main..topic"]);
    assert_eq!((names(&found, &TOKENS), code), (vec!["copied", "added", "gone", "message", "evil"], 1));
    let list = found["findings"].as_array().expect("a list");
    assert_eq!(find(list, "gone").expect("found")["at_tip"], Value::Array(Vec::new()));
    assert_eq!(find(list, "added").expect("found")["at_tip"][0], "topic");
    assert_eq!(find(list, "copied").expect("found")["location"]["path"], "copy.py");
    assert_eq!(find(list, "gone").expect("found")["introduced"]["commit"], git(folder, &["rev-parse", "topic~5"]));
    // The same from its other names, and backwards nothing but main's own.
    assert_eq!(names(&report(folder, &["git", "--range", "main.."]).0, &TOKENS), ["copied", "added", "gone", "message", "evil"]);
    let id = git(folder, &["rev-parse", "main"]);
    assert_eq!(names(&report(folder, &["git", "--range", &format!("{}..HEAD", &id[..9])]).0, &["added"]), ["added"]);
    assert_eq!(report(folder, &["git", "--range", "topic..main"]).1, 0, "topic has all of main");
    assert_eq!(
        names(&report(folder, &["git", "--range", "HEAD~1..HEAD"]).0, &TOKENS),
        ["main", "evil"],
        "a merge brings its other side"
    );
}

#[test]
fn three_dots_leave_out_only_what_was_there_when_both_parted() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.txt", "one\n");
    commit(folder, "start");
    git(folder, &["checkout", "-q", "-b", "topic"]);
    write(folder, "same.py", line("same"));
    commit(folder, "on topic");
    git(folder, &["checkout", "-q", "main"]);
    write(folder, "same.py", line("same"));
    write(folder, "main.py", line("main"));
    commit(folder, "on main");
    assert_eq!(names(&report(folder, &["git", "--range", "main...topic"]).0, &["same", "main"]), ["same"]);
    assert_eq!(report(folder, &["git", "--range", "main..topic"]).1, 0, "main has it at the same place");
}

#[test]
fn by_time_and_by_number() {
    let folder = repository();
    let folder = folder.path();
    for (n, day) in ["2024-01-10", "2024-02-10", "2024-03-10"].into_iter().enumerate() {
        write(folder, &format!("{n}.py"), line(day));
        git(folder, &["add", "-A"]);
        let made = super::git_command(folder, &["commit", "-q", "-m", day])
            .env("GIT_COMMITTER_DATE", format!("{day}T12:00:00Z"))
            .status()
            .expect("git runs");
        assert!(made.success());
    }
    let tokens = ["2024-01-10", "2024-02-10", "2024-03-10"];
    let of = |arguments: &[&str]| names(&report(folder, &[&["git"], arguments].concat()).0, &tokens);
    assert_eq!(of(&["--since", "2024-02-10"]), tokens[1..]);
    assert_eq!(of(&["--until", "2024-02-10"]), tokens[..2]);
    assert_eq!(of(&["--since", "2024-02-01", "--until", "2024-02-28"]), tokens[1..2]);
    assert_eq!(of(&["--since", "30d", "--now", "2024-03-20"]), tokens[2..]);
    assert_eq!(of(&["--max-commits", "2"]), tokens[1..]);
    assert_eq!(of(&["--max-commits", "1", "--branch", "main~1"]), tokens[1..2]);
}

#[test]
fn bad_ranges_are_told() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "a.py", "nothing\n");
    commit(folder, "start");
    for (range, message) in
        [("main", "is no range"), ("a..b..c", "is no range"), ("nowhere..main", "no branch, tag or commit `nowhere`")]
    {
        let out = keysift(folder, &["git", "--range", range]);
        assert_eq!(out.status.code(), Some(2), "{range}");
        assert!(printed(&out).contains(message), "{}", printed(&out));
    }
    let out = keysift(folder, &["git", "--since", "yesterday-ish"]);
    assert!(out.status.code() == Some(2) && printed(&out).contains("is no day"), "{}", printed(&out));
    let out = keysift(folder, &["git", "--range", "main..main"]);
    assert!(out.status.code() == Some(0) && printed(&out).contains("nothing to look at"), "{}", printed(&out));
}

/// A change cannot switch off its own check: what it says of findings is proposed, and the gate stays shut.
#[test]
fn the_policy_of_the_base_counts() {
    let folder = repository();
    let folder = folder.path();
    write(folder, "keysift.toml", "exclude = [\"vendor/**\"]\n");
    write(folder, ".keysiftignore", "github-pat-classic known/** -- known to the base\n");
    write(folder, "baseline.jsonl", "");
    commit(folder, "start");
    git(folder, &["checkout", "-q", "-b", "topic"]);
    write(folder, "known/a.py", line("known"));
    write(folder, "ignored.py", line("ignored"));
    write(folder, "inline.py", format!("token = \"{}\" # keysift:allow -- mine\n", token("inline")));
    write(folder, "excluded.py", line("excluded"));
    write(folder, "disabled.py", line("disabled"));
    write(
        folder,
        ".keysiftignore",
        "github-pat-classic known/** -- known to the base\ngithub-pat-classic ignored.py -- please\n",
    );
    write(folder, "keysift.toml", "exclude = [\"**\"]\ndisable = [\"github-*\"]\n");
    commit(folder, "secrets, and excuses for them");
    let tokens = ["known", "ignored", "inline", "excluded", "disabled"];
    let (found, code) = report(folder, &["git", "--range", "main..topic"]);
    assert_eq!((names(&found, &tokens), code), (vec!["ignored", "inline", "excluded", "disabled"], 1));
    let proposed = found["scan"]["proposed"].as_array().expect("a list");
    let sources: Vec<&str> = proposed.iter().filter_map(|p| p["source"].as_str()).collect();
    assert!(sources.contains(&"ignore_file") && sources.contains(&"inline"), "{proposed:?}");
    assert_eq!(found["scan"]["suppressed"].as_array().map(Vec::len), Some(1));
    let told = found["scan"]["policy"].to_string();
    assert!(told.contains("proposed") && told.contains("keysift.toml of "), "{told}");
    let human = printed(&keysift(folder, &["git", "--range", "main..topic"]));
    assert!(human.contains("it counts once it is merged"), "{human}");
    // The files as they are now count where that is asked for, and once the change is merged.
    assert_eq!(report(folder, &["git", "--range", "main..topic", "--policy-from", "head"]).1, 0);
    // Naming the file does not help: it is that of the commit.
    let (found, _) = report(folder, &["git", "--range", "main..topic", "--ignore-file", ".keysiftignore", "-c", "keysift.toml"]);
    assert_eq!(names(&found, &tokens), ["ignored", "inline", "excluded", "disabled"]);
    // A baseline of the change's own making is proposed as well.
    let out = keysift(folder, &["baseline", "create", "--baseline", "new.jsonl"]);
    assert!(out.status.success(), "{}", printed(&out));
    commit(folder, "a baseline");
    let (found, code) = report(folder, &["git", "--range", "main..topic", "--baseline", "new.jsonl"]);
    assert_eq!((names(&found, &tokens).len(), code), (4, 1));
}

#[test]
fn a_checkout_that_is_too_shallow_says_so() {
    let folder = repository();
    let origin = folder.path();
    write(origin, "a.txt", "one\n");
    commit(origin, "start");
    for n in 0..5 {
        write(origin, &format!("{n}.py"), line(&format!("token {n}")));
        commit(origin, &format!("commit {n}"));
    }
    let clones = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", origin.display());
    git(clones.path(), &["clone", "-q", "--depth=2", &url, "shallow"]);
    let shallow = clones.path().join("shallow");
    let base = git(origin, &["rev-parse", "main~4"]);
    let out = keysift(&shallow, &["git", "--range", &format!("{base}..HEAD")]);
    assert_eq!(out.status.code(), Some(2));
    // With the base there, and nothing between: what both differ in is told, and that more is not known.
    git(&shallow, &["fetch", "-q", "--depth=1", "origin", &base]);
    let (found, code) = report(&shallow, &["git", "--range", &format!("{base}..HEAD")]);
    let tokens = ["token 0", "token 1", "token 2", "token 3", "token 4"];
    assert_eq!((names(&found, &tokens), code), (vec!["token 1", "token 2", "token 3", "token 4"], 1));
    assert_eq!(found["scan"]["complete"], false);
}
