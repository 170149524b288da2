//! Questions in the process: every rule's example as a case, and options that lead to the fake.

use crate::fake::authority;
use keysift::finding::group::MATCH;
use keysift::finding::{Secret, Verification};
use keysift::rule::format::verify::template as templates;
use keysift::rule::{Rule, RuleSet, template};
use keysift::source::Stop;
use keysift::verify::egress::hosts::{Allowed, Grant, Hosts, normal};
use keysift::verify::egress::resolve::Resolver;
use keysift::verify::egress::{Policy, Trust};
use keysift::verify::manners::Pace;
use keysift::verify::plan::{Case, Way, placeholders, with_parts};
use keysift::verify::{Options, verify};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Knows nobody: what is not connected to by the user's word fails.
pub struct Nobody;

impl Resolver for Nobody {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other(format!("a test looked {host} up")))
    }
}

/// Options under which every host of `hosts` is at `address`.
pub fn options(hosts: &[String], address: SocketAddr) -> Options {
    let connect_to = hosts.iter().map(|host| (normal(host).expect("a name"), address)).collect();
    Options {
        policy: Policy {
            hosts: Hosts::of(&RuleSet::built_in(), allowed(hosts)),
            connect_to,
            trust: Trust::read(authority().as_bytes()).expect("a certificate"),
            resolver: Arc::new(Nobody),
            proxy: None,
            require_pinned: false,
            timeout: Duration::from_secs(5),
        },
        pace: Pace { at_once: 8, interval: Duration::ZERO, attempts: 2, backoff: Duration::from_millis(1) },
        budget: Duration::from_secs(60),
        instances: Vec::new(),
        ask_canaries: false,
        fresh_dead: false,
    }
}

/// Of `hosts` those that the user must allow, because the text names them.
fn allowed(hosts: &[String]) -> Vec<Allowed> {
    let known = Hosts::of(&RuleSet::built_in(), Vec::<Allowed>::new());
    let is_known = |host: &str| known.permits(host, 443, Grant::Rule) || known.permits(host, 443, Grant::Tenant);
    hosts.iter().filter(|host| !is_known(host)).map(|host| Allowed::parse(host).expect("a host")).collect()
}

/// Asks.
pub fn ask(cases: Vec<Case>, options: Options) -> Vec<Verification> {
    verify(cases, options, None, &Stop::new()).expect("a runtime and TLS")
}

/// The rules of the catalogue that are asked about with a declarative request.
pub fn declarative() -> Vec<&'static Rule> {
    let rules = RuleSet::built_in();
    rules.iter().map(|(_, r)| r).filter(|r| r.verify.is_some_and(|v| v.protocol.is_none())).collect()
}

/// The example of a rule that a case is made from, with its text.
pub fn example(rule: &Rule) -> (String, String) {
    let example = rule.examples.first().unwrap_or_else(|| panic!("{} has no example", rule.id));
    template::example(example, &format!("{}/0", rule.id), rule.checksum.map(|c| c.kind)).expect(rule.id)
}

/// A case of a rule: its first example, and made-up companions.
pub fn case(rule: &'static Rule) -> Case {
    let verify = rule.verify.expect("it has a verifier");
    let (secret, text) = example(rule);
    let secret = found_by(rule, &text).unwrap_or(secret);
    let secret = Secret::new(secret.as_bytes());
    let mut beside = with_parts(&verify, &secret, &vec![(MATCH, Secret::new(text.as_bytes()))]);
    let all = RuleSet::built_in();
    for near in rule.near {
        let companion = all.find(near.rule).unwrap_or_else(|| panic!("{} names {}", rule.id, near.rule));
        let (text_secret, text) = example(companion);
        let value = found_by(companion, &text).unwrap_or(text_secret);
        beside.push((near.name, Secret::new(value.as_bytes())));
    }
    let values = placeholders(&verify)
        .into_iter()
        .map(|name| {
            let found = beside.iter().find(|(n, _)| *n == name);
            let value = found.unwrap_or_else(|| panic!("{}: nothing gives {{{{{name}}}}} for its first example", rule.id));
            (name, value.1.clone())
        })
        .collect();
    Case {
        secret,
        provider: rule.provider,
        ways: vec![Way { rule, verify, values }],
        left_out: 0,
        findings: vec![0],
        settled: None,
        question: rule.id.to_owned(),
    }
}

/// What the rule takes for the secret in a text.
fn found_by(rule: &'static Rule, text: &str) -> Option<String> {
    use keysift::detect::{Detector, Scratch};
    thread_local! {
        static DETECTOR: Detector = Detector::new(RuleSet::built_in());
    }
    DETECTOR.with(|detector| {
        let examined = keysift::examine::examine(detector, text.as_bytes(), Some(""), &mut Scratch::default());
        let judged = examined.found.iter().find(|j| j.rule.id == rule.id)?;
        String::from_utf8(judged.candidate.secret.of(text.as_bytes()).to_vec()).ok()
    })
}

/// The hosts that a case is asked at.
pub fn hosts(case: &Case) -> Vec<String> {
    let way = &case.ways[0];
    let values: BTreeMap<&str, &Secret> = way.values.iter().map(|(n, v)| (*n, v)).collect();
    let text = |name: &str| String::from_utf8_lossy(values[name].expose()).into_owned();
    way.verify
        .urls()
        .filter_map(templates::host)
        .map(|host| match templates::names(host).next() {
            None => host.to_owned(),
            Some(name) => host.replace(&format!("{{{{{name}}}}}"), &text(name)),
        })
        .collect()
}
