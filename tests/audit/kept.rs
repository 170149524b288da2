//! Secrets that are kept under a key of the user's, and are not kept without one.

use crate::organization::{Organization, SMALL, run_arguments};
use crate::support::Run;
use base64::Engine as _;
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn with_key(organization: &Organization, arguments: &[&str], key: &str) -> Run {
    let mut command = organization.command(arguments);
    command.env("KEYSIFT_STORE_KEY", key);
    Run::of(&mut command, b"", &organization.tree)
}

/// Whether a secret stands in a file of the store, in any of the ways that it could be written.
fn holds(organization: &Organization, store: &str) -> bool {
    let files = [store.to_owned(), format!("{store}-wal")];
    let bytes: Vec<u8> = files.iter().flat_map(|f| std::fs::read(organization.tree.join(f)).unwrap_or_default()).collect();
    assert!(bytes.len() > 4096);
    let encoded = |secret: &str| base64::engine::general_purpose::STANDARD.encode(secret);
    let hex = |secret: &str| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    organization.planted.iter().any(|(_, secret)| {
        [secret.clone(), encoded(secret), hex(secret)].iter().any(|text| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
    })
}

#[test]
fn secrets_are_kept_for_whoever_has_the_key() {
    let organization = Organization::new(SMALL);
    let (ours, theirs) = ("0a".repeat(32), "0b".repeat(32));
    let run = with_key(&organization, &run_arguments("a.db", None), &ours);
    assert_eq!(run.code, 1, "{}", run.printed());
    assert!(!holds(&organization, "a.db"));
    let export = ["export", "findings", "--store", "a.db", "--show-secrets", "--min-confidence", "low"];
    let shown = with_key(&organization, &export, &ours);
    assert_eq!(shown.code, 0, "{}", shown.printed());
    let secrets: BTreeSet<String> = shown
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["secret"].as_str().expect("a text").to_owned())
        .collect();
    assert!(organization.planted.iter().all(|(_, secret)| secrets.contains(secret)), "{secrets:?}");
    // A file is as good.
    organization.tree.write("key", format!("{ours}\n"));
    let mut command = organization.command(&export);
    command.env("KEYSIFT_STORE_KEY_FILE", organization.tree.join("key"));
    assert_eq!(Run::of(&mut command, b"", &organization.tree).stdout, shown.stdout);

    // Another key opens nothing, and mixes nothing in.
    for arguments in [&export[..], &["report", "--store", "a.db"], &run_arguments("a.db", None)] {
        let refused = with_key(&organization, arguments, &theirs);
        assert_eq!(refused.code, 2, "{}", refused.printed());
        assert!(
            refused.stderr.contains("has secrets under the key") && !refused.printed().contains(&theirs),
            "{}",
            refused.stderr
        );
    }
    // Without one, nothing is shown; all else works.
    let without = organization.audit(&export);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("set KEYSIFT_STORE_KEY"), "{}", without.stderr);
    let plain = organization.audit(&["export", "findings", "--store", "a.db"]);
    assert!(plain.code == 0 && organization.planted.iter().all(|(_, secret)| !plain.stdout.contains(secret)));
    let malformed = with_key(&organization, &run_arguments("a.db", None), "hidden");
    assert!(malformed.code == 2 && malformed.stderr.contains("is no key of 32 bytes") && !malformed.stderr.contains("hidden"));
}

#[test]
fn without_a_key_nothing_of_a_secret_is_kept() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    assert!(!holds(&organization, "a.db"));
    let store = rusqlite::Connection::open(organization.tree.join("a.db")).expect("a store");
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!(count("SELECT count(*) FROM secrets"), 0);
    assert_eq!(count("SELECT count(*) FROM meta WHERE key = 'store_key'"), 0);
    assert!(count("SELECT count(*) FROM findings") > 0);
}
