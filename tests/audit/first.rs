//! A first audit: everything is found, and what could not be looked at is told.

use crate::organization::{Organization, SMALL};
use std::collections::BTreeSet;
use std::fs;

fn found(all: &[serde_json::Value]) -> usize {
    let ids: BTreeSet<&str> = all.iter().filter_map(|f| f["secret_id"].as_str()).collect();
    ids.len()
}

#[test]
fn everything_planted_is_found_with_mirrors_and_without() {
    let organization = Organization::new(SMALL);
    let run = organization.run("a.db", Some("mirrors"));
    assert_eq!(run.code, 1, "{}", run.printed());
    let all = organization.findings("a.db");
    assert_eq!(found(&all), organization.planted.len(), "{all:#?}");
    let run = organization.run("b.db", None);
    assert_eq!(run.code, 1, "{}", run.printed());
    assert_eq!(organization.dump("a.db"), organization.dump("b.db"));
    assert!(!organization.tree.join("b.db.work").exists(), "clones do not stay");
    // No secret is in the store.
    let bytes = fs::read(organization.tree.join("a.db")).expect("a store");
    for (_, secret) in &organization.planted {
        assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none());
    }
}

#[test]
fn fingerprints_are_those_of_other_scans() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let one = organization.tree.run(&["git", "-f", "json", "--min-confidence", "low", "served/r0"]).report();
    let audited = organization.findings("a.db");
    let of_r0: BTreeSet<&str> = audited
        .iter()
        .filter(|f| f["location"]["origin"]["repository"] == "r0")
        .filter_map(|f| f["fingerprint"].as_str())
        .collect();
    assert_eq!(of_r0, one.fingerprints().into_iter().collect());
    assert!(!of_r0.is_empty());
}

#[test]
fn what_is_not_there_or_broken_is_told_and_stops_nothing() {
    let organization = Organization::new(SMALL);
    let port = organization.server.port;
    let mut list = organization.tree.read("list");
    list.extend([format!("http://127.0.0.1:{port}/none\nhttps://ada:hidden@example.org/x\nhttp://127.0.0.1:{port}/empty\n")]);
    fs::create_dir_all(organization.tree.join("served/empty")).expect("a folder");
    crate::organization::git(&organization.tree.join("served/empty"), &["init", "-q", "--bare", "."], "");
    organization.tree.write("list", list);
    let run = organization.audit(&["run", "--store", "a.db", "--urls", "list", "--fail-on", "none"]);
    assert_eq!(run.code, 3, "{}", run.printed());
    assert!(
        run.stdout.contains("1 not visible") && run.stdout.contains("1 empty") && run.stdout.contains("entry 10"),
        "{}",
        run.stdout
    );
    assert!(!run.printed().contains("hidden"));
    let all = organization.findings("a.db");
    assert_eq!(found(&all), organization.planted.len());
}

#[test]
fn folders_of_clones_are_looked_at_where_they_are() {
    let organization = Organization::new(SMALL);
    let run = organization.audit(&["run", "--store", "a.db", "--folder", "served"]);
    assert_eq!(run.code, 1, "{}", run.printed());
    assert_eq!(found(&organization.findings("a.db")), organization.planted.len());
    assert_eq!(organization.server.seen().len(), 0, "nobody was contacted");
}

#[test]
fn two_audits_do_not_work_with_one_store() {
    let organization = Organization::new(SMALL);
    let key = keysift::finding::IdentityKey::public().id();
    let store = keysift::audit::store::Store::open(&organization.tree.join("a.db"), keysift::audit::store::Access::Create, &key);
    let store = store.expect("a store");
    let lock = store.lock_run().expect("the lock");
    let run = organization.run("a.db", None);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("another `keysift audit` works with"), "{}", run.stderr);
    drop(lock);
    assert_eq!(organization.run("a.db", None).code, 1);
    let other =
        organization.command(&["status", "--store", "a.db"]).env("KEYSIFT_FINGERPRINT_KEY", "ours").output().expect("it runs");
    assert_eq!(other.status.code(), Some(2));
}
