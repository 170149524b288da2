//! The binary, from findings to the gate: what is told of live and dead secrets, and what is not asked.

use crate::fake::{Fake, Reply, authority};
use crate::support::{Tree, fill, github_token};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// A fake of GitHub and Stripe: what stands in the list is refused.
fn provider() -> (Fake, Arc<Mutex<Vec<String>>>) {
    let revoked: Arc<Mutex<Vec<String>>> = Arc::default();
    let list = Arc::clone(&revoked);
    let fake = Fake::start(move |asked| {
        let given = asked.header("authorization").unwrap_or_default().to_owned();
        let is_revoked = list.lock().expect("no test panicked here").iter().any(|token| given.contains(token.as_str()));
        match asked.host.as_str() {
            _ if is_revoked => Reply::new(401, r#"{"message": "Bad credentials"}"#),
            "api.github.com" => Reply::new(200, format!(r#"{{"login": "octo", "id": 7, "company": "it says {given}"}}"#))
                .with("X-OAuth-Scopes", "repo, user"),
            "api.stripe.com" => Reply::new(403, "{}"),
            _ => Reply::new(404, ""),
        }
    });
    (fake, revoked)
}

struct Run {
    tree: Tree,
    fake: Fake,
    revoked: Arc<Mutex<Vec<String>>>,
    flags: Vec<String>,
}

impl Run {
    fn new() -> Self {
        let (fake, revoked) = provider();
        let tree = Tree::new();
        let outside = tree.join("../");
        let ca = outside.join(format!("ca-{}.pem", fake.address.port()));
        std::fs::write(&ca, authority()).expect("a file");
        let mut flags = vec!["--ca".to_owned(), ca.display().to_string()];
        for host in ["api.github.com", "api.stripe.com"] {
            flags.extend(["--connect-to".to_owned(), format!("{host}={}", fake.address)]);
        }
        Self { tree, fake, revoked, flags }
    }

    fn keysift(&self, arguments: &[&str]) -> crate::support::Run {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.tree.run(&[arguments, &flags].concat())
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.keysift(&[arguments, &["-f", "json"]].concat());
        (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {} {}", ran.stdout, ran.stderr)))
    }

    fn revoke(&self, token: &str) {
        self.revoked.lock().expect("no test panicked here").push(token.to_owned());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.flags[1]);
    }
}

fn statuses(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|f| f["verification"]["status"].as_str().expect("a status")).collect()
}

#[test]
fn without_the_flag_nobody_is_asked() {
    let run = Run::new();
    run.tree.write("a.env", format!("GITHUB_TOKEN={}\n", github_token("quiet")));
    let (code, report) = run.json(&["scan", "."]);
    assert_eq!((code, statuses(&report)), (1, vec!["not_checked"]));
    let plan = run.keysift(&["scan", ".", "--verify-plan"]);
    assert!(
        plan.stdout.contains("1 secrets would be asked about") && plan.stdout.contains("GET https://api.github.com/user"),
        "{}",
        plan.stdout
    );
    assert_eq!(run.keysift(&["scan", ".", "--verify-plan=hosts"]).stdout, "api.github.com\n");
    assert_eq!(run.fake.seen(), []);
    assert_eq!(run.keysift(&["scan", ".", "--fail-on", "live"]).code, 2);
    assert_eq!(run.keysift(&["scan", ".", "--only", "live"]).code, 2);
}

#[test]
fn live_ones_stand_first_in_every_format() {
    let run = Run::new();
    let (live, dead) = (github_token("live"), github_token("dead"));
    run.revoke(&dead);
    let stripe = fill("sk_live_51{alnum:97}", "stripe");
    run.tree.write("a.env", format!("GITHUB_TOKEN={dead}\n")).write("b.env", format!("STRIPE={stripe}\n"));
    run.tree.write("c.env", format!("GITHUB_TOKEN={live}\nagain: {live}\n")).write("d.env", format!("T={live}\n"));
    let (code, report) = run.json(&["scan", ".", "--verify"]);
    assert_eq!((code, statuses(&report)), (1, vec!["live", "live", "dead", "unknown"]));
    let first = &report["findings"][0]["verification"];
    assert_eq!((&first["identity"]["login"], &first["identity"]["scopes"]), (&"octo".into(), &"repo, user".into()));
    // What the provider says passes the redactor.
    assert_eq!(first["identity"]["company"], "it says Bearer [redacted: 40 characters]");
    assert_eq!(report["findings"][3]["verification"]["reason"], "forbidden_for_caller");
    let told = &report["scan"]["run"]["verification"];
    assert_eq!((&told["live"], &told["dead"], &told["unknown"]["forbidden_for_caller"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(run.fake.seen().len(), 3, "each secret once");

    let human = run.keysift(&["scan", ".", "--verify"]).stdout;
    assert!(human.starts_with("LIVE critical: GitHub"), "{human}");
    assert!(human.contains("login octo") && human.contains("It is live: revoke it first"), "{human}");
    assert!(human.contains("asked their providers: 2 live, 1 dead, 1 unknown (forbidden_for_caller)"), "{human}");
    for token in [&live, &dead, &stripe] {
        assert!(!human.contains(token.as_str()));
    }
    let sarif: Value = serde_json::from_str(&run.keysift(&["scan", ".", "--verify", "-f", "sarif"]).stdout).expect("JSON");
    let first = &sarif["runs"][0]["results"][0];
    assert_eq!((&first["rank"], &first["properties"]["verification"]), (&100.0.into(), &"live".into()));
    let github = run.keysift(&["scan", ".", "--verify", "-f", "github"]).stdout;
    assert!(github.lines().next().expect("a line").contains("::LIVE "), "{github}");
    let (_, only) = run.json(&["scan", ".", "--verify", "--only", "live"]);
    assert_eq!(statuses(&only), ["live", "live"]);
}

#[test]
fn the_gate_of_live_secrets() {
    let run = Run::new();
    let token = github_token("gate");
    run.tree.write("a.env", format!("GITHUB_TOKEN={token}\n"));
    let live = ["scan", ".", "--verify", "--fail-on", "live"];
    let or_unknown = ["scan", ".", "--verify", "--fail-on", "live,unknown"];
    assert_eq!(run.keysift(&live).code, 1);
    run.revoke(&token);
    assert_eq!((run.keysift(&live).code, run.keysift(&or_unknown).code), (0, 0));
    run.tree.write("b.env", format!("STRIPE={}\n", fill("sk_live_51{alnum:97}", "gate")));
    let undecided = run.keysift(&live);
    assert_eq!(undecided.code, 3);
    assert!(undecided.stderr.contains("of 1 findings nobody could say"), "{}", undecided.stderr);
    assert_eq!(run.keysift(&or_unknown).code, 1);
}

#[test]
fn the_cache_spares_questions_and_holds_no_secret() {
    let run = Run::new();
    let token = github_token("cache");
    run.tree.write("a.env", format!("GITHUB_TOKEN={token}\n"));
    let cache = run.tree.join("../").join(format!("cache-{}.json", run.fake.address.port()));
    let name = cache.display().to_string();
    let ask = |more: &[&str]| run.json(&[&["scan", ".", "--verify", "--verify-cache", &name], more].concat()).1;
    assert_eq!(ask(&[])["findings"][0]["verification"]["cached"], Value::Null);
    let text = std::fs::read_to_string(&cache).expect("a cache");
    assert!(!text.contains(&token) && text.contains("octo"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&cache).expect("a cache").permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(ask(&[])["findings"][0]["verification"]["cached"], true);
    assert_eq!(run.fake.seen().len(), 1);
    let _ = ask(&["--verify-cache-ttl", "0"]);
    run.revoke(&token);
    // A dead one passes the gate only when it was asked about in this run.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(statuses(&ask(&["--verify-cache-ttl", "0"])), ["dead"]);
    let before = run.fake.seen().len();
    assert_eq!(ask(&["--fail-on", "live"])["findings"][0]["verification"]["cached"], Value::Null);
    assert_eq!(run.fake.seen().len(), before + 1);
    std::fs::remove_file(cache).expect("it is there");
}

/// A rule in the config of what is scanned would send the key to its author.
#[test]
fn a_repository_does_not_say_who_is_asked() {
    let run = Run::new();
    run.tree.write("a.txt", format!("evil_{}\n", fill("{alnum:30}", "evil")));
    run.tree.write(
        "keysift.toml",
        "[[rule]]\nid = \"evil\"\nformat_confidence = \"high\"\npattern = 'evil_[0-9A-Za-z]{30}'\n[rule.verify]\n\
         evidence = \"observed\"\nurl = \"https://api.github.com/user\"\nauth = { bearer = \"{{secret}}\" }\nlive = [{ status = 200 }]\n",
    );
    let (_, report) = run.json(&["scan", ".", "--verify"]);
    assert_eq!(report["findings"][0]["verification"]["reason"], "refused_by_policy");
    assert_eq!(run.fake.seen(), []);
    // Named by the user it is their own.
    let (_, report) = run.json(&["scan", "a.txt", "--no-config", "--rules", "keysift.toml", "--verify"]);
    assert_eq!(statuses(&report), ["live"]);
}

#[test]
fn installations_are_asked_where_the_user_names_them() {
    let run = Run::new();
    let token = fill("glpat-{alnum:20}", "instance");
    run.tree.write("a.env", format!("GITLAB_TOKEN={token}\n"));
    let own = Fake::start(|asked| {
        let is_own = asked.host == "git.corp.test" && asked.target == "/api/v4/personal_access_tokens/self";
        if is_own { Reply::new(200, r#"{"active": true, "id": 1, "name": "ci"}"#) } else { Reply::new(401, "{}") }
    });
    let default = format!("gitlab.com={}", own.address);
    let there = format!("git.corp.test={}", own.address);
    let (_, report) = run.json(&["scan", ".", "--verify", "--connect-to", &default]);
    assert_eq!(report["findings"][0]["verification"]["reason"], "other_instance_possible");
    let instance = ["--instance", "gitlab=git.corp.test", "--connect-to", &there, "--connect-to", &default];
    let (_, report) = run.json(&[&["scan", ".", "--verify"], &instance[..]].concat());
    assert_eq!(statuses(&report), ["live"]);
    assert_eq!(run.keysift(&["scan", ".", "--verify", "--instance", "stripe=x.test"]).code, 2);
}

/// A redacted report, a key that is revoked, and the same report again.
#[test]
fn what_was_live_is_dead_since_a_day() {
    let run = Run::new();
    let (first, second) = (github_token("since one"), github_token("since two"));
    run.tree.write("src/a.env", format!("GITHUB_TOKEN={first}\n")).write("b.env", format!("GITHUB_TOKEN={second}\n"));
    let report = run.tree.join("../").join(format!("report-{}.json", run.fake.address.port()));
    let name = report.display().to_string();
    assert_eq!(run.keysift(&["scan", ".", "--verify", "-f", "json", "-o", &name]).code, 1);
    let text = std::fs::read_to_string(&report).expect("a report");
    assert!(!text.contains(&first) && !text.contains(&second));

    let (code, again) = run.json(&["verify", &name]);
    assert_eq!((code, statuses(&again)), (1, vec!["live", "live"]));
    run.revoke(&first);
    run.tree.write("b.env", "GITHUB_TOKEN=\n");
    assert_eq!(run.keysift(&["verify", &name, "-f", "json", "-o", &name]).code, 0);
    let now: Value = serde_json::from_str(&std::fs::read_to_string(&report).expect("a report")).expect("JSON");
    let of = |path: &str| {
        let findings = now["findings"].as_array().expect("findings");
        findings.iter().find(|f| f["location"]["path"] == path).unwrap_or_else(|| panic!("{path}")).clone()
    };
    let (dead, gone) = (of("src/a.env"), of("b.env"));
    assert_eq!((&dead["verification"]["status"], &dead["state"]), (&"dead".into(), &"revoked".into()));
    assert_eq!(dead["verification"]["history"][0]["status"], "live");
    assert_eq!(gone["verification"]["reason"], "source_missing");
    assert_eq!((&gone["verification"]["history"][0]["status"], &gone["state"]), (&"live".into(), &"open".into()));
    let human = run.keysift(&["verify", &name]).stdout;
    assert!(human.contains("dead since 20") && human.contains("before  live from"), "{human}");

    // It works again: open again.
    run.revoked.lock().expect("no test panicked here").clear();
    let (code, back) = run.json(&["verify", &name]);
    assert_eq!(code, 1);
    assert_eq!((&back["findings"][0]["verification"]["status"], &back["findings"][0]["state"]), (&"live".into(), &"open".into()));
    assert_eq!(back["findings"][0]["verification"]["history"].as_array().expect("a history").len(), 2);

    // The folder moved.
    let elsewhere = Tree::new();
    elsewhere.write("src/a.env", format!("GITHUB_TOKEN={first}\n"));
    run.tree.write("src/a.env", "");
    let there = elsewhere.path().display().to_string();
    assert_eq!(statuses(&run.json(&["verify", &name, "--source", &there]).1)[0], "live");
    assert_eq!(run.keysift(&["verify", &name, "--fail-on", "live"]).code, 3);
    std::fs::remove_file(report).expect("it is there");
}

#[test]
fn secrets_of_history_are_read_from_their_objects() {
    let run = Run::new();
    let (blob, message) = (github_token("blob"), github_token("message"));
    run.tree.git_command(&["init", "-q"]);
    run.tree.write("a.env", format!("GITHUB_TOKEN={blob}\n"));
    run.tree.git_command(&["add", "."]);
    run.tree.git_command(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", &format!("uses {message}")]);
    run.tree.write("a.env", "");
    run.tree.git_command(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "gone"]);
    let report = run.tree.join("../").join(format!("history-{}.json", run.fake.address.port()));
    let name = report.display().to_string();
    assert_eq!(run.keysift(&["git", ".", "-f", "json", "-o", &name]).code, 1);
    let (code, again) = run.json(&["verify", &name]);
    assert_eq!((code, statuses(&again)), (1, vec!["live", "live"]));
    std::fs::remove_file(report).expect("it is there");
}

#[test]
fn one_secret_on_stdin() {
    let run = Run::new();
    let token = github_token("stdin");
    let flags: Vec<&str> = run.flags.iter().map(String::as_str).collect();
    let asked =
        |input: &str| run.tree.run_with(&[&["verify", "--rule", "github-pat-classic"], &flags[..]].concat(), input.as_bytes());
    let live = asked(&format!("{token}\n"));
    assert_eq!(live.code, 1, "{}{}", live.stdout, live.stderr);
    assert!(live.stdout.starts_with("live\n") && live.stdout.contains("login: octo"), "{}", live.stdout);
    assert!(!live.stdout.contains(&token));
    run.revoke(&token);
    let dead = asked(&format!("export GITHUB_TOKEN={token}"));
    assert!(dead.code == 0 && dead.stdout.starts_with("dead since "), "{}", dead.stdout);
    assert_eq!(asked("").code, 2);
    assert_eq!(run.tree.run(&["verify", "--rule", "pem-rsa-private-key"]).code, 2);
}

/// A secret in an archive, encoded: read again through both.
#[test]
fn secrets_in_archives_are_read_again() {
    let run = Run::new();
    let token = github_token("archive");
    run.tree.write("inner/a.env", format!("GITHUB_TOKEN={token}\n"));
    let packed = std::process::Command::new("tar")
        .args(["czf", "backup.tgz", "inner"])
        .current_dir(run.tree.path())
        .status()
        .expect("tar runs");
    assert!(packed.success());
    std::fs::remove_dir_all(run.tree.join("inner")).expect("it is there");
    let report = run.tree.join("../").join(format!("archive-{}.json", run.fake.address.port()));
    let name = report.display().to_string();
    assert_eq!(run.keysift(&["scan", ".", "--verify", "-f", "json", "-o", &name]).code, 1);
    run.revoke(&token);
    let (code, again) = run.json(&["verify", &name]);
    assert_eq!((code, statuses(&again)), (0, vec!["dead"]));
    std::fs::remove_file(report).expect("it is there");
}
