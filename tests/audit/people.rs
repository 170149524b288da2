//! What people decide, and what they are told.

use crate::organization::{Organization, SMALL};

fn fingerprint(organization: &Organization) -> String {
    organization.findings("a.db")[0]["fingerprint"].as_str().expect("a fingerprint").to_owned()
}

#[test]
fn decisions_count_from_then_on() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let all = organization.findings("a.db").len();
    let first = fingerprint(&organization);
    let mark = organization.audit(&["mark", "--store", "a.db", &first, "--as", "revoked", "--by", "ada", "--reason", "rotated"]);
    assert_eq!(mark.code, 0, "{}", mark.printed());
    let left = organization.findings("a.db");
    assert!(left.iter().all(|f| f["fingerprint"] != first.as_str()) && left.len() < all);
    // It is still decided after another run, and forks share the decision.
    organization.run("a.db", None);
    assert_eq!(organization.findings("a.db").len(), left.len());
    let revoked = organization.audit(&["report", "--store", "a.db", "--state", "revoked", "-f", "json"]);
    assert!(revoked.stdout.contains(&first));
    let events = organization.audit(&["export", "--store", "a.db"]).stdout;
    assert!(events.lines().any(|l| l.contains("\"state\"") && l.contains("\"revoked\"")), "{events}");
    let unknown = organization.audit(&["mark", "--store", "a.db", "ks1:none", "--as", "open", "--by", "ada", "--reason", "x"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("no finding has the fingerprint ks1:none"));
}

#[test]
fn decisions_are_imported_all_or_none() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let all = organization.findings("a.db");
    let ids: Vec<&str> = all.iter().filter_map(|f| f["fingerprint"].as_str()).collect();
    let header = "fingerprint,state,by,reason,until\n";
    organization.tree.write("bad.csv", format!("{header}{},revoked,ada,rotated,\nks1:none,open,ada,x,\n", ids[0]));
    assert_eq!(organization.audit(&["mark", "--store", "a.db", "--import", "bad.csv"]).code, 2);
    assert_eq!(organization.findings("a.db").len(), all.len());
    let text = format!("{header}{},revoked,ada,\"rotated, twice\",\n{},accepted,bo,old,2020-01-01\n", ids[0], ids[1]);
    organization.tree.write("good.csv", text);
    for _ in 0..2 {
        let run = organization.audit(&["mark", "--store", "a.db", "--import", "good.csv"]);
        assert_eq!(run.code, 0, "{}", run.printed());
    }
    let left = organization.findings("a.db");
    assert!(left.iter().all(|f| f["fingerprint"] != ids[0]), "it is revoked");
    assert!(left.iter().any(|f| f["fingerprint"] == ids[1]), "the day has passed");
}

/// What config says is no finding is none in audits too, is told as such, and a changed allowlist decides anew.
#[test]
fn allowlists_of_config_count() {
    let organization = Organization::new(SMALL);
    organization.tree.write("ours.toml", "[[allowlist]]\ndescription = \"made up\"\npaths = ['''^conf/''']\n");
    organization.tree.write("theirs.toml", "[[allowlist]]\ndescription = \"none of ours\"\npaths = ['''^nowhere/''']\n");
    let run = |config: &str| {
        let arguments = [&crate::organization::run_arguments("a.db", Some("mirrors"))[..], &["--config", config]].concat();
        organization.audit(&arguments)
    };
    organization.run("b.db", Some("mirrors"));
    let all = organization.findings("b.db");
    let is_ours = |f: &serde_json::Value| f["location"]["path"].as_str().is_some_and(|path| path.starts_with("conf/"));
    let ours = all.iter().filter(|f| is_ours(f)).count();
    assert!(ours > 0 && ours < all.len(), "{ours} of {}", all.len());

    run("ours.toml");
    let open = organization.findings("a.db");
    assert_eq!((open.len(), open.iter().any(is_ours)), (all.len() - ours, false));
    let report = organization.audit(&["report", "--store", "a.db", "-f", "json"]).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    let kept_out = report["scan"]["suppressed"].as_array().expect("decisions");
    assert!(!kept_out.is_empty());
    for told in kept_out {
        let words = (&told["source"], &told["state"], &told["reason"], &told["matched"]);
        assert_eq!(words, (&"allowlist".into(), &"accepted".into(), &"made up".into(), &"allowlist".into()));
    }
    // Nobody is told of what is no finding.
    let events = organization.audit(&["export", "--store", "a.db"]).stdout;
    let found = |state: &str| events.lines().filter(|l| l.contains("\"found\"") && l.contains(state)).count();
    assert_eq!((found("\"now\":\"accepted\""), found("\"now\":\"open\"")), (ours, all.len() - ours));

    // Without the allowlist, or with another one, they are open, but for one that somebody decided on.
    let fingerprint = kept_out[0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    organization.audit(&["mark", "--store", "a.db", &fingerprint, "--as", "test_value", "--by", "ada", "--reason", "seen"]);
    run("theirs.toml");
    let open = organization.findings("a.db");
    assert!(open.iter().any(is_ours) && open.iter().all(|f| f["fingerprint"] != fingerprint.as_str()), "{open:#?}");
    run("ours.toml");
    assert!(!organization.findings("a.db").iter().any(is_ours));
    let decided = organization.audit(&["report", "--store", "a.db", "--state", "test_value", "-f", "json"]).stdout;
    assert!(decided.contains(&fingerprint), "a decision counts before config");
}

#[test]
fn reports_in_all_forms() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    for (format, says) in [
        ("human", "r0/conf/"),
        ("jsonl", "\"repository\":\"r0\""),
        ("sarif", "r0/conf/"),
        ("csv", "r0/conf/"),
        ("html", "r0/conf/"),
        ("markdown", "r0/conf/"),
    ] {
        let run = organization.audit(&["report", "--store", "a.db", "-f", format]);
        assert_eq!(run.code, 0, "{format}: {}", run.printed());
        assert!(run.stdout.contains(says), "{format}: {}", run.stdout);
        assert!(organization.planted.iter().all(|(_, secret)| !run.stdout.contains(secret)), "{format}");
    }
    let without = organization.audit(&["report", "--store", "a.db", "-f", "json", "--no-authors"]);
    assert!(!without.stdout.contains("ada@example.org"));
    assert!(organization.audit(&["report", "--store", "a.db", "-f", "json"]).stdout.contains("ada@example.org"));
    let one = organization.audit(&["report", "--store", "a.db", "-f", "jsonl", "--repository", "r3"]);
    assert!(one.stdout.contains("\"r3\"") && !one.stdout.contains("\"r0\""));
}

#[test]
fn numbers() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let csv = organization.audit(&["report", "--store", "a.db", "--summary"]).stdout;
    assert!(csv.contains("\"coverage\",\"scanned\",8\r\n"), "{csv}");
    organization.audit(&["report", "--store", "a.db", "--summary", "-o", "s.html"]);
    assert!(organization.tree.read("s.html").contains("<caption>coverage</caption>"));
    let metrics = organization.audit(&["export", "metrics", "--store", "a.db"]).stdout;
    assert!(metrics.contains("keysift_audit_repositories{status=\"scanned\"} 8\n"), "{metrics}");
    assert!(metrics.contains("keysift_audit_complete 1\n"));
    let status = organization.audit(&["status", "--store", "a.db", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!((&json["complete"], &json["repositories"]["scanned"]), (&true.into(), &8.into()));
}

/// Heads and bodies of requests.
type Requests = std::sync::Arc<std::sync::Mutex<Vec<(String, String)>>>;

/// A receiver that refuses the first message, then takes all.
fn receiver() -> (u16, Requests) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&seen);
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a request");
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&lower);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let status = if n == 0 { "503 Not now" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).expect("it is taken");
            if n > 0 {
                log.lock().expect("no panic").push((head, String::from_utf8(body).expect("UTF-8")));
            }
        }
    });
    (port, seen)
}

#[test]
fn people_are_told_once() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let (port, seen) = receiver();
    let notify = || {
        let mut command = organization.command(&["notify", "--store", "a.db"]);
        command.env("KEYSIFT_WEBHOOK_URL", format!("http://127.0.0.1:{port}/hook-4711")).env("KEYSIFT_WEBHOOK_SECRET", "ours");
        crate::support::Run::of(&mut command, b"", &organization.tree)
    };
    let refused = notify();
    assert_eq!(refused.code, 3, "{}", refused.printed());
    assert!(refused.stderr.contains("HTTP status 503") && !refused.printed().contains("hook-4711"), "{}", refused.stderr);
    let all = organization.findings("a.db").len();
    assert_eq!(notify().code, 0);
    let told = seen.lock().expect("no panic").clone();
    assert_eq!(told.len(), all, "one a finding");
    for (head, body) in &told {
        let signature = keysift::audit::notify::signature(b"ours", body.as_bytes());
        assert!(head.contains(&format!("x-keysift-signature: sha256={signature}")), "{head}");
        assert!(body.contains("\"kind\":\"found\"") && organization.planted.iter().all(|(_, secret)| !body.contains(secret)));
    }
    organization.run("a.db", None);
    let first = fingerprint(&organization);
    organization.audit(&["mark", "--store", "a.db", &first, "--as", "accepted", "--by", "ada", "--reason", "old"]);
    assert_eq!(notify().code, 0);
    let news = seen.lock().expect("no panic")[told.len()..].to_vec();
    assert!(!news.is_empty() && news.iter().all(|(_, body)| body.contains("\"accepted\"")), "{news:?}");
}

/// What providers say: live, dead, live again; of every place of the secret.
#[test]
fn what_providers_say_becomes_a_history() {
    use keysift::audit::listed::Urls;
    use keysift::audit::run::{Planned, plan};
    use keysift::audit::store::{Access, Filter, Store};
    use keysift::audit::target::{Forge, RepositorySource};
    use keysift::audit::unit::{Outcome, RepositoryKey, Scanned, UnitResult};
    use keysift::finding::{Status, Verification};
    use keysift::report::model::ReportedFinding;

    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let store = Store::open(&organization.tree.join("a.db"), Access::Existing, "public").expect("a store");
    let key: String = rusqlite::Connection::open(store.path())
        .and_then(|c| c.query_row("SELECT key FROM catalogues", [], |row| row.get(0)))
        .expect("a key");
    let catalogue = store.catalogue(&key).expect("it is read").expect("it is there");
    let of_r0: Vec<ReportedFinding> = store
        .findings(&Filter { repository: Some("r0".to_owned()), ..Filter::default() })
        .expect("findings")
        .into_iter()
        .map(|row| row.finding)
        .collect();
    let secret = of_r0[0].secret_id.clone();
    let id = format!("http://127.0.0.1:{}/r0", organization.server.port);
    let mut turn = 0;
    let mut told = |status: Status| {
        turn += 1;
        let run = store.begin_run(&catalogue, true).expect("a run");
        let mut lists: Vec<Box<dyn RepositorySource>> = vec![Box::new(Urls::new("list", &organization.tree.read("list")))];
        plan(&store, &run, &mut lists, &Planned::default(), &keysift::source::Stop::new()).expect("a plan");
        let mut findings = of_r0.clone();
        let at = Some(format!("2026-11-0{turn}T00:00:00Z"));
        for finding in findings.iter_mut().filter(|f| f.secret_id == secret) {
            finding.verification = Verification { checked_at: at.clone(), ..Verification::of(status) };
        }
        let result = UnitResult {
            run: run.name.clone(),
            repository: RepositoryKey { forge: Forge::Urls, host: String::new(), id: id.clone() },
            catalogue: key.clone(),
            fingerprint_key: "public".to_owned(),
            outcome: Outcome::Scanned(Box::new(Scanned {
                complete: true,
                tips: format!("{turn}"),
                findings,
                ..Scanned::default()
            })),
            texts: None,
            milliseconds: 0,
        };
        let host = format!("127.0.0.1:{}", organization.server.port);
        let result = UnitResult { repository: RepositoryKey { host, ..result.repository.clone() }, ..result };
        assert!(!store.apply(&result).expect("it is kept").known, "{:?}", result.repository);
        assert!(store.apply(&result).expect("it is known").known, "a result counts once");
        store.end_run(&run).expect("it ends");
        let all = store.findings(&Filter { states: vec!["open".to_owned(), "revoked".to_owned()], ..Filter::default() });
        let of_secret: Vec<_> = all.expect("findings").into_iter().filter(|r| r.finding.secret_id == secret).collect();
        assert!(of_secret.len() >= 2, "the fork has it too");
        let states: Vec<String> = of_secret.iter().map(|r| r.finding.state.clone()).collect();
        let last = of_secret[0].finding.verification.clone();
        (states, last)
    };
    let (states, last) = told(Status::Live);
    assert!(states.iter().all(|s| s == "open") && last.status == Status::Live);
    let (states, last) = told(Status::Dead);
    assert!(states.iter().all(|s| s == "revoked"), "{states:?}");
    assert_eq!((last.status, last.history.len()), (Status::Dead, 1));
    let (states, last) = told(Status::Unknown);
    assert!(states.iter().all(|s| s == "revoked") && last.status == Status::Unknown, "nobody could say");
    let (states, _) = told(Status::Live);
    assert!(states.iter().all(|s| s == "open"), "{states:?}");
    assert_eq!(store.reappearances().expect("numbers").1, u64::try_from(states.len()).expect("few"));
}
