//! Many questions, few of them at a time.

use crate::ask::{ask, options};
use crate::fake::{Asked, Fake, Reply};
use keysift::detect::Detector;
use keysift::finding::{IdentityKey, Status};
use keysift::pipeline::Collector;
use keysift::rule::RuleSet;
use keysift::rule::format::file::Author;
use keysift::rule::format::parse_rule_file;
use keysift::rule::format::verify::Doubt;
use keysift::source::{Stop, stdin};
use keysift::verify::egress::hosts::{Allowed, Hosts};
use keysift::verify::manners::Pace;
use keysift::verify::plan;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HOSTS: usize = 12;
const SECRETS: usize = 300;
const FINDINGS: usize = 10_000;

fn rules() -> RuleSet {
    let mut text = String::new();
    for n in 0..HOSTS {
        let _ = write!(
            text,
            "[[rule]]\nid = \"provider-{n}\"\nprovider = \"Provider {n}\"\nformat_confidence = \"high\"\n\
             pattern = '\\bprov{n}k_[0-9a-z]{{24}}\\b'\n[rule.verify]\nevidence = \"documented\"\ndocs = \"https://p{n}.example/docs\"\n\
             url = \"https://api.p{n}.example/me\"\nauth = {{ bearer = \"{{{{secret}}}}\" }}\ndead = [{{ status = 401 }}]\n\
             live = [{{ status = 200, json_has = \"$.id\" }}]\n"
        );
    }
    let (rules, _) = parse_rule_file("many.toml", &text, Author::User).unwrap_or_else(|e| panic!("{e}"));
    let mut set = RuleSet::empty();
    set.add(rules);
    set
}

/// 10,000 findings with 300 secrets of 12 providers, one of which takes ten questions a second and says so.
#[test]
fn each_secret_is_asked_about_once_and_limits_are_kept() {
    let rules = rules();
    let secrets: Vec<String> = (0..SECRETS)
        .map(|n| format!("prov{}k_{}", n % HOSTS, crate::support::fill("{base36:24}", &format!("many {n}"))))
        .collect();
    let detector = Detector::new(rules.clone());
    let stop = Stop::new();
    let collector = Collector::new(&detector, &stop, false, &|_, _| false);
    // Each secret stands in many files.
    for n in 0..FINDINGS {
        let text = format!("key = {}\n", secrets[n % SECRETS]);
        stdin::scan_text(text.as_bytes(), &format!("file-{n}.txt"), 0, &collector).expect("a text");
    }
    let findings = collector.finish(&IdentityKey::public()).findings;
    assert_eq!(findings.len(), FINDINGS);
    let cases = plan::cases(&findings, &rules, &IdentityKey::public(), 0);
    assert_eq!(cases.len(), SECRETS);
    assert_eq!(cases.iter().map(|c| c.findings.len()).sum::<usize>(), FINDINGS);

    let limit: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let refused: Arc<Mutex<usize>> = Arc::default();
    let (counts, no) = (Arc::clone(&limit), Arc::clone(&refused));
    let fake = Fake::start(move |asked: &Asked| {
        if asked.host == "api.p3.example" {
            let mut taken = counts.lock().expect("no test panicked here");
            taken.retain(|at| at.elapsed() < Duration::from_secs(1));
            if taken.len() >= 10 {
                *no.lock().expect("no test panicked here") += 1;
                return Reply::new(429, "{}").with("Retry-After", "1");
            }
            taken.push(Instant::now());
        }
        let is_dead = asked.header("authorization").is_some_and(|v| v.ends_with(['a', 'b', 'c', '0', '1']));
        if is_dead { Reply::new(401, "{}") } else { Reply::new(200, r#"{"id": 1}"#) }.after(Duration::from_millis(20))
    });
    let names: Vec<String> = (0..HOSTS).map(|n| format!("api.p{n}.example")).collect();
    let mut options = options(&names, fake.address);
    options.policy.hosts = Hosts::of(&rules, Vec::<Allowed>::new());
    // Faster than the one host likes.
    options.pace = Pace { at_once: 4, interval: Duration::from_millis(40), attempts: 5, backoff: Duration::from_millis(200) };
    let begin = Instant::now();
    let answers = ask(cases, options);
    let took = begin.elapsed();

    assert!(answers.iter().all(|a| matches!(a.status, Status::Live | Status::Dead)), "{answers:?}");
    let seen = fake.seen();
    let refused = *refused.lock().expect("no test panicked here");
    let answered: Vec<&Asked> = seen.iter().collect();
    assert_eq!(answered.len(), SECRETS + refused, "only what was refused is asked again");
    assert!(refused > 0 && refused <= 12, "{refused} refusals for 25 questions at a limit of ten a second");
    let distinct: BTreeSet<&str> = seen.iter().filter_map(|a| a.header("authorization")).collect();
    assert_eq!(distinct.len(), SECRETS);
    // 25 questions at ten a second, with its waits of a second, are the longest; all others take one second at their pace.
    assert!(took < Duration::from_secs(8), "{took:?}");
    eprintln!("{SECRETS} secrets, {} requests, {refused} refused, {took:?}", seen.len());
}

/// A host that wants to be left alone for longer than there is time is left alone.
#[test]
fn a_long_wait_is_not_waited() {
    let rules = rules();
    let key = crate::support::fill("prov0k_{base36:24}", "long");
    let (detector, stop) = (Detector::new(rules.clone()), Stop::new());
    let collector = Collector::new(&detector, &stop, false, &|_, _| false);
    stdin::scan_text(key.as_bytes(), "a.txt", 0, &collector).expect("a text");
    let findings = collector.finish(&IdentityKey::public()).findings;
    let cases = plan::cases(&findings, &rules, &IdentityKey::public(), 0);
    let fake = Fake::start(|_| Reply::new(429, "{}").with("Retry-After", "3600"));
    let mut options = options(&["api.p0.example".to_owned()], fake.address);
    options.policy.hosts = Hosts::of(&rules, Vec::<Allowed>::new());
    options.budget = Duration::from_secs(30);
    let begin = Instant::now();
    let answer = ask(cases, options).remove(0);
    assert!(answer.is_because(Doubt::RateLimited), "{answer:?}");
    assert_eq!(fake.seen().len(), 1);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
