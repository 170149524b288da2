//! An audit that asks providers, from the command line to the store: against one on this machine.

use crate::organization::{Organization, SMALL, run_arguments};
use crate::provider::{Fake, Reply, authority};
use crate::support::{Run, github_token};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A fake of GitHub that refuses what stands in the list.
fn provider() -> (Fake, Arc<Mutex<Vec<String>>>) {
    let revoked: Arc<Mutex<Vec<String>>> = Arc::default();
    let list = Arc::clone(&revoked);
    let fake = Fake::start(move |asked| {
        let given = asked.header("authorization").unwrap_or_default().to_owned();
        if list.lock().unwrap().iter().any(|token| given.contains(token.as_str())) {
            return Reply::new(401, r#"{"message": "Bad credentials"}"#);
        }
        Reply::new(200, format!(r#"{{"login": "octo", "id": 7, "company": "it says {given}"}}"#)).with("X-OAuth-Scopes", "repo")
    });
    (fake, revoked)
}

#[test]
fn what_is_live_fails_the_run_until_it_is_revoked() {
    let organization = Organization::new(SMALL);
    let (fake, revoked) = provider();
    organization.tree.write("ca.pem", authority());
    let place = format!("api.github.com={}", fake.address);
    let verify = ["--verify", "--ca", "ca.pem", "--connect-to", &place, "--fail-on", "live,unknown", "--rule", "github-*"];
    let run = || {
        let before = fake.seen().len();
        let arguments = [&run_arguments("a.db", Some("mirrors"))[..], &verify].concat();
        let run = organization.audit(&arguments);
        (run, fake.seen()[before..].to_vec())
    };
    let tokens: BTreeSet<String> = (0..SMALL.secrets).filter(|s| s % 2 == 0).map(|s| github_token(&format!("s{s}"))).collect();

    let (first, asked) = run();
    assert_eq!(first.code, 1, "{}", first.printed());
    let given: Vec<&str> = asked.iter().filter_map(|a| a.header("authorization")).collect();
    assert_eq!(given.len(), tokens.len(), "each secret is asked about once, in however many repositories it stands: {given:?}");
    assert!(tokens.iter().all(|token| given.iter().any(|g| g.ends_with(token.as_str()))));
    assert!(asked.iter().all(|a| a.host == "api.github.com" && a.target == "/user"), "{asked:?}");
    assert!(first.stdout.contains("known to be live"), "{}", first.stdout);
    let report = |only: &str, state: &str| -> Vec<serde_json::Value> {
        let run = organization.audit(&["report", "--store", "a.db", "--only", only, "--state", state, "-f", "json"]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("a report");
        report["findings"].as_array().expect("findings").clone()
    };
    let ids = |all: &[serde_json::Value]| all.iter().map(|f| f["secret_id"].to_string()).collect::<BTreeSet<_>>().len();
    let live = report("live", "open");
    assert_eq!(ids(&live), tokens.len());
    assert_eq!(live[0]["verification"]["identity"]["login"], "octo");
    assert_eq!(live[0]["verification"]["identity"]["company"], "it says Bearer [redacted: 40 characters]");

    // One is revoked: the next run hears it, though no repository has changed.
    let gone = tokens.first().expect("a token").clone();
    revoked.lock().unwrap().push(gone.clone());
    let (second, asked) = run();
    assert_eq!(second.code, 1, "{}", second.printed());
    assert_eq!(asked.len(), tokens.len());
    assert_eq!((ids(&report("live", "open")), ids(&report("dead", "revoked"))), (tokens.len() - 1, 1));
    let events = organization.audit(&["export", "--store", "a.db"]).stdout;
    let told = |words: &[&str]| events.lines().filter(|l| words.iter().all(|w| l.contains(w))).count();
    let places = report("dead", "revoked").len();
    assert_eq!(told(&["\"verification\"", "\"was\":\"live\"", "\"now\":\"dead\""]), places, "{events}");
    assert_eq!(told(&["\"state\"", "\"was\":\"open\"", "\"now\":\"revoked\""]), places, "{events}");

    // All are: nothing fails any more.
    revoked.lock().unwrap().extend(tokens.iter().cloned());
    let (third, _) = run();
    assert_eq!(third.code, 0, "{}", third.printed());
    assert!(third.stdout.contains("0 open secrets"), "{}", third.stdout);

    // And no token is in any file that was written, nor in what was told.
    for file in ["a.db", "a.db-wal"] {
        let bytes = std::fs::read(organization.tree.join(file)).unwrap_or_default();
        assert!(tokens.iter().all(|token| memchr::memmem::find(&bytes, token.as_bytes()).is_none()), "{file}");
    }
    for told in [&first, &second, &third] {
        assert!(tokens.iter().all(|token| !told.printed().contains(token.as_str())));
    }
}

/// Whoever cannot be asked is unknown, which is no pass.
#[test]
fn what_nobody_could_say_makes_the_run_incomplete() {
    let organization = Organization::new(SMALL);
    let fake = Fake::start(|_| Reply::new(500, ""));
    organization.tree.write("ca.pem", authority());
    let place = format!("api.github.com={}", fake.address);
    let verify = [
        "--verify", "--ca", "ca.pem", "--connect-to", &place, "--fail-on", "live", "--rule", "github-*", "--verify-timeout", "20",
    ];
    let run: Run = organization.audit(&[&run_arguments("a.db", None)[..], &verify].concat());
    assert_eq!(run.code, 3, "{}", run.printed());
    assert!(run.stdout.contains("nobody could say whether they are live"), "{}", run.stdout);
}
