//! Every declarative rule of the catalogue against a fake of its provider.

use crate::ask::{ask, case, declarative, example, hosts, options};
use crate::fake::{Asked, Fake, Reply};
use base64::Engine as _;
use keysift::finding::{Status, Verification};
use keysift::rule::Rule;
use keysift::rule::format::verify::path::{self, Step};
use keysift::rule::format::verify::{Condition, Doubt, Evidence, IdentitySource, Scalar, Verify};
use keysift::verify::plan::Case;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Asks about the example of every rule at once; the answers with their rules.
fn ask_all(address: SocketAddr, timeout: Duration) -> Vec<(&'static Rule, Verification)> {
    let rules = declarative();
    let cases: Vec<Case> = rules.iter().map(|rule| case(rule)).collect();
    let hosts: Vec<String> = cases.iter().flat_map(hosts).collect();
    let mut options = options(&hosts, address);
    options.policy.timeout = timeout;
    rules.into_iter().zip(ask(cases, options)).collect()
}

const PATIENT: Duration = Duration::from_secs(20);

fn asked_about(rule: &'static Rule, reply: Reply) -> (Verification, Vec<Asked>) {
    let fake = Fake::start(move |_| reply.clone());
    let case = case(rule);
    let options = options(&hosts(&case), fake.address);
    (ask(vec![case], options).remove(0), fake.seen())
}

/// An answer that a condition holds of, with everything that the rule's identity reads.
fn answer_to(verify: &Verify, c: &Condition) -> Reply {
    let mut body = json!({});
    for (_, from) in verify.identity {
        if let IdentitySource::Json(at) = from {
            put(&mut body, at, json!("made up"));
        }
    }
    for at in c.json_has {
        put(&mut body, at, json!("made up"));
    }
    for (at, values) in c.json {
        let value = match values[0] {
            Scalar::Bool(truth) => json!(truth),
            Scalar::Integer(number) => json!(number),
            Scalar::Text(text) => json!(text),
        };
        put(&mut body, at, value);
    }
    if let Some(text) = c.body_contains.first() {
        match &mut body {
            Value::Object(map) => {
                map.insert("what stands in the body".to_owned(), json!(text));
            }
            _ => body = json!([text, body]),
        }
    }
    let mut text = body.to_string();
    if let Some(part) = c.body_contains.first().filter(|part| !text.contains(**part)) {
        // It has quotes of its own: the answer is no JSON then.
        (*part).clone_into(&mut text);
    }
    let mut reply = Reply::new(c.status.first().map_or(200, |(from, _)| *from), text);
    for (name, part) in c.headers {
        reply = reply.with(name, if part.is_empty() { "there" } else { part });
    }
    reply
}

/// Puts `value` at a path, with the objects and lists that lead there.
fn put(root: &mut Value, at: &str, value: Value) {
    let mut place = root;
    for step in path::parse(at).expect("a proven path") {
        match step {
            Step::Name(name) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                place = place.as_object_mut().expect("an object").entry(name).or_insert(Value::Null);
            }
            Step::Index(n) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().expect("a list");
                while list.len() <= n {
                    list.push(Value::Null);
                }
                place = &mut list[n];
            }
        }
    }
    if place.is_null() || !place.is_object() && !place.is_array() {
        *place = value;
    }
}

#[test]
fn what_the_provider_accepts_is_live() {
    for rule in declarative() {
        let verify = rule.verify.expect("it has a verifier");
        for (n, condition) in verify.live.iter().enumerate() {
            let (known, asked) = asked_about(rule, answer_to(&verify, condition));
            assert_eq!(known.status, Status::Live, "{} live[{n}]: {known:?}", rule.id);
            assert_eq!(asked.len(), 1, "{}: one question is enough", rule.id);
            assert!(known.checked_at.is_some() && known.since == known.checked_at, "{}", rule.id);
            let tells_more = verify.identity.iter().any(|(_, from)| matches!(from, IdentitySource::Json(_)));
            assert!(!tells_more || !known.identity.is_empty(), "{} live[{n}]: nobody knows whose it is", rule.id);
        }
    }
}

#[test]
fn what_the_provider_refuses_is_dead_where_that_is_documented() {
    for rule in declarative() {
        let verify = rule.verify.expect("it has a verifier");
        for (n, condition) in verify.dead.iter().enumerate() {
            let (known, asked) = asked_about(rule, answer_to(&verify, condition));
            let wanted = if verify.evidence != Evidence::Documented {
                Some(Doubt::UnprovenNegative)
            } else if verify.regional {
                Some(Doubt::OtherInstancePossible)
            } else {
                None
            };
            match wanted {
                None => assert_eq!(known.status, Status::Dead, "{} dead[{n}]: {known:?}", rule.id),
                Some(doubt) => assert!(known.is_because(doubt), "{} dead[{n}]: {known:?}", rule.id),
            }
            assert_eq!(asked.len(), verify.urls().count(), "{}: every region is asked", rule.id);
        }
    }
}

#[test]
fn what_says_nothing_is_told_with_its_reason() {
    for rule in declarative() {
        let verify = rule.verify.expect("it has a verifier");
        for (n, unclear) in verify.unknown.iter().enumerate() {
            let (known, _) = asked_about(rule, answer_to(&verify, &unclear.when));
            assert!(known.is_because(unclear.reason), "{} unknown[{n}]: {known:?}", rule.id);
        }
    }
}

#[test]
fn a_refusal_that_no_rule_names_says_nothing() {
    let fake = Fake::start(|_| Reply::new(403, r#"{"made": "up"}"#));
    for (rule, known) in ask_all(fake.address, PATIENT) {
        let verify = rule.verify.expect("it has a verifier");
        let names_403 = |c: &Condition| c.status.iter().any(|(from, to)| (*from..=*to).contains(&403));
        assert_ne!(known.status, Status::Live, "{}: {known:?}", rule.id);
        if !verify.dead.iter().any(names_403) {
            assert!(known.is_because(Doubt::ForbiddenForCaller), "{}: {known:?}", rule.id);
        }
    }
}

#[test]
fn a_rate_limit_is_no_answer() {
    let fake = Fake::start(|_| Reply::new(429, "{}").with("Retry-After", "0"));
    for (rule, known) in ask_all(fake.address, PATIENT) {
        assert!(known.is_because(Doubt::RateLimited), "{}: {known:?}", rule.id);
    }
    let wanted: usize = declarative().iter().filter_map(|r| r.verify).map(|v| v.urls().count() * 2).sum();
    assert_eq!(fake.seen().len(), wanted, "each question is asked twice, as the pace says");
}

#[test]
fn an_error_of_the_provider_is_no_answer() {
    for status in [500, 502, 503] {
        let fake = Fake::start(move |_| Reply::new(status, "{}"));
        for (rule, known) in ask_all(fake.address, PATIENT) {
            assert!(known.is_because(Doubt::ServerError), "{}: {known:?}", rule.id);
        }
    }
}

#[test]
fn silence_is_no_answer() {
    let fake = Fake::start(|_| Reply::new(200, "{}").after(Duration::from_secs(6)));
    let begin = Instant::now();
    for (rule, known) in ask_all(fake.address, Duration::from_secs(2)) {
        assert!(known.is_because(Doubt::Timeout), "{}: {known:?}", rule.id);
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn a_page_of_somebody_else_is_no_answer() {
    for page in ["<html><title>Sign in to the guest network</title></html>", "", "\0\u{1}\u{2}", "[", "null", "\"id\""] {
        let fake = Fake::start(move |_| Reply::new(200, page));
        for (rule, known) in ask_all(fake.address, PATIENT) {
            assert!(known.is_because(Doubt::UnexpectedAnswer), "{} and {page:?}: {known:?}", rule.id);
        }
    }
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let body = format!(r#"{{"id": "made up", "filler": "{}"}}"#, "x".repeat(8 << 20));
    let fake = Fake::start(move |_| Reply::new(200, body.clone()));
    for (rule, known) in ask_all(fake.address, PATIENT * 6) {
        assert!(known.is_because(Doubt::UnexpectedAnswer), "{}: {known:?}", rule.id);
    }
}

#[test]
fn redirects_are_not_followed() {
    let inner = Fake::start(|_| Reply::new(200, "{}"));
    let there = format!("https://{}/latest/meta-data/", inner.address);
    for to in [there, "http://169.254.169.254/latest/meta-data/".to_owned(), "/elsewhere".to_owned()] {
        let fake = Fake::start(move |_| Reply::new(302, "").with("Location", &to));
        for (rule, known) in ask_all(fake.address, PATIENT) {
            assert!(known.is_because(Doubt::RefusedByPolicy), "{}: {known:?}", rule.id);
        }
        let wanted: usize = declarative().iter().filter_map(|r| r.verify).map(|v| v.urls().count()).sum();
        assert_eq!(fake.seen().len(), wanted, "nothing is asked twice");
    }
    assert_eq!(inner.seen(), []);
}

#[test]
fn a_host_that_cannot_prove_its_name_gets_nothing() {
    let fake = Fake::with_certificate_of("somebody.else.example");
    for (rule, known) in ask_all(fake.address, PATIENT) {
        assert!(known.is_because(Doubt::Tls), "{}: {known:?}", rule.id);
    }
    assert_eq!(fake.seen(), []);
}

/// The exact request of every rule, with the secret as `{{secret}}`: `KEYSIFT_WRITE_REQUESTS=1` writes the file.
#[test]
fn every_request_is_the_one_on_record() {
    let mut text = String::from("# What leaves for each rule. Written by `KEYSIFT_WRITE_REQUESTS=1 cargo test --test verify`.\n");
    for rule in declarative() {
        let (_, asked) = asked_about(rule, Reply::new(404, ""));
        let case = case(rule);
        let _ = writeln!(text, "\n{}", rule.id);
        for asked in asked {
            text.push_str(&told(&asked, &case));
        }
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify/requests.txt");
    if std::env::var_os("KEYSIFT_WRITE_REQUESTS").is_some() {
        std::fs::write(&file, &text).expect("the file can be written");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    if known != text {
        let differs = known.lines().zip(text.lines()).find(|(a, b)| a != b);
        panic!("tests/verify/requests.txt is not what leaves; the first difference: {differs:?}");
    }
}

/// A request in the words of the record.
fn told(asked: &Asked, case: &Case) -> String {
    let mut values = vec![("secret", String::from_utf8_lossy(case.secret.expose()).into_owned())];
    values.extend(case.ways[0].values.iter().map(|(name, v)| (*name, String::from_utf8_lossy(v.expose()).into_owned())));
    // Longer ones first: a part of the secret stands in the secret.
    values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    let hide = |text: &str| {
        values.iter().fold(text.to_owned(), |text, (name, value)| {
            let mark = format!("{{{{{name}}}}}");
            let encoded: String = value
                .bytes()
                .map(|b| {
                    if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                        char::from(b).to_string()
                    } else {
                        format!("%{b:02X}")
                    }
                })
                .collect();
            let in_json = serde_json::to_string(value).expect("a text");
            [value.as_str(), &encoded, in_json.trim_matches('"')]
                .iter()
                .fold(text, |text, form| if form.len() < 2 { text } else { text.replace(form, &mark) })
        })
    };
    let mut out = format!("  {} https://{}{}\n", asked.method, hide(&asked.host), hide(&asked.target));
    for (name, value) in &asked.headers {
        if ["host", "user-agent", "content-length"].contains(&name.as_str()) || name == "accept" && value == "*/*" {
            continue;
        }
        // Where the secret itself is the pair, encoded by its provider, it need not be base64.
        let pair = value.strip_prefix("Basic ").and_then(|pair| base64::engine::general_purpose::STANDARD.decode(pair).ok());
        let value = pair.map_or_else(|| hide(value), |plain| format!("Basic base64({})", hide(&String::from_utf8_lossy(&plain))));
        let _ = writeln!(out, "  {name}: {value}");
    }
    if !asked.body.is_empty() {
        let _ = writeln!(out, "  {}", hide(&String::from_utf8_lossy(&asked.body)));
    }
    out
}

#[test]
fn questions_say_who_asks_and_send_the_secret_to_its_provider_alone() {
    let fake = Fake::start(|_| Reply::new(404, ""));
    let _ = ask_all(fake.address, PATIENT);
    let seen = fake.seen();
    assert!(seen.len() >= declarative().len());
    for asked in &seen {
        let agent = asked.header("user-agent").expect("an agent");
        assert!(agent.starts_with("keysift/"), "{agent}");
    }
    for rule in declarative() {
        let case = case(rule);
        let secret = String::from_utf8_lossy(case.secret.expose()).into_owned();
        let own: Vec<String> =
            declarative().iter().filter(|r| r.provider == rule.provider).flat_map(|r| hosts(&self::case(r))).collect();
        let holds = |asked: &Asked| {
            asked.target.contains(&secret)
                || asked.headers.iter().any(|(_, v)| v.contains(&secret))
                || String::from_utf8_lossy(&asked.body).contains(&secret)
        };
        for asked in seen.iter().filter(|a| secret.len() > 8 && holds(a)) {
            assert!(own.contains(&asked.host), "{}: its secret went to {}", rule.id, asked.host);
        }
        let _ = example(rule);
    }
}
