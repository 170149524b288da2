//! Texts, names and answers that want a secret to go elsewhere. Nothing leaves, and the report says why.

use crate::ask::{Nobody, ask, case, declarative, hosts, options};
use crate::fake::{Fake, Reply};
use keysift::detect::Detector;
use keysift::finding::{Finding, IdentityKey, Secret, Verification};
use keysift::pipeline::Collector;
use keysift::rule::format::file::Author;
use keysift::rule::format::parse_rule_file;
use keysift::rule::format::verify::Doubt;
use keysift::rule::{Rule, RuleSet};
use keysift::source::{Stop, stdin};
use keysift::verify::egress::hosts::{Allowed, Hosts};
use keysift::verify::egress::resolve::{Resolver, SystemResolver};
use keysift::verify::plan;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two providers of tests: one whose tenants are its own, one under whose suffix anyone can have a name; and a product that
/// people run themselves.
const RULES: &str = r#"
provider = "Acme"
[[rule]]
id = "acme-site"
format_confidence = "high"
severity = "low"
pattern = '''acme-site:(?P<secret>[0-9A-Za-z._:@/\[\]-]{1,80})'''
[[rule]]
id = "acme-key"
format_confidence = "high"
severity = "high"
pattern = '''\bacme1_[0-9a-z]{24}\b'''
near = [{ name = "site", rule = "acme-site", within_lines = 5 }]
[rule.verify]
evidence = "described"
url = "https://{{site}}.tenants.acme.example/me"
tenant_safe = true
auth = { bearer = "{{secret}}" }
live = [{ status = 200 }]
[[rule]]
id = "acme-open-key"
format_confidence = "high"
severity = "high"
pattern = '''\bacme2_[0-9a-z]{24}\b'''
near = [{ name = "site", rule = "acme-site", within_lines = 5 }]
[rule.verify]
evidence = "described"
url = "https://{{site}}.apps.acme.example/me"
auth = { bearer = "{{secret}}" }
live = [{ status = 200 }]
[[rule]]
id = "acme-server-key"
format_confidence = "high"
severity = "high"
pattern = '''\bacme3_[0-9a-z]{24}\b'''
near = [{ name = "site", rule = "acme-site", within_lines = 5 }]
[rule.verify]
evidence = "described"
url = "https://{{site}}/me"
auth = { bearer = "{{secret}}" }
live = [{ status = 200 }]
[[rule]]
id = "acme-path-key"
format_confidence = "high"
severity = "high"
pattern = '''\bacme4_[0-9a-z]{24}\b'''
near = [{ name = "site", rule = "acme-site", within_lines = 5 }]
[rule.verify]
evidence = "described"
url = "https://api.acme.example/sites/{{site}}/me"
auth = { bearer = "{{secret}}" }
live = [{ status = 200 }]
"#;

fn rules() -> RuleSet {
    let (rules, _) = parse_rule_file("acme.toml", RULES, Author::User).unwrap_or_else(|e| panic!("{e}"));
    let mut set = RuleSet::empty();
    set.add(rules);
    set
}

fn findings(rules: &RuleSet, text: &str) -> Vec<Finding> {
    let (detector, stop) = (Detector::new(rules.clone()), Stop::new());
    let collector = Collector::new(&detector, &stop, false, &|_, _| false);
    stdin::scan_text(text.as_bytes(), "leak.txt", 0, &collector).expect("a text");
    collector.finish(&IdentityKey::public()).findings
}

/// Scans a text with a key of `kind` and a site, and asks; the fake is at every address.
fn asked(kind: u8, site: &str, allow: &[&str]) -> (Verification, Vec<String>) {
    let rules = rules();
    let key = format!("acme{kind}_{}", crate::support::fill("{base36:24}", site));
    let text = format!("acme-site:victim\nkey = {key}\n");
    let fake = Fake::start(|_| Reply::new(200, "{}"));
    let names = ["victim.tenants.acme.example", "evil.apps.acme.example", "evil.example", "api.acme.example", "victim.example"];
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let mut options = options(&names, fake.address);
    options.policy.hosts = Hosts::of(&rules, allow.iter().map(|h| Allowed::parse(h).expect("a host")));
    let mut findings = findings(&rules, &text);
    findings.retain(|f| f.rule.verify.is_some());
    assert_eq!(findings.len(), 1, "{text}");
    // Whatever a companion rule may let through.
    assert_eq!(findings[0].beside[0][0].1.expose(), b"victim");
    findings[0].beside = vec![vec![("site", Secret::new(site.as_bytes()))]];
    let cases = plan::cases(&findings, &rules, &IdentityKey::public(), 0);
    let known = ask(cases, options).remove(0);
    (known, fake.seen().iter().map(|a| format!("{}{}", a.host, a.target)).collect())
}

#[test]
fn one_label_of_a_tenant_is_all_that_text_may_say() {
    let (known, seen) = asked(1, "victim", &[]);
    assert_eq!((known.status.as_str(), &seen[..]), ("live", &["victim.tenants.acme.example/me".to_owned()][..]));
    for site in ["evil.example/", "evil.example", "a.b", "x@evil.example", "x:443", "-x", "169.254.169.254", "[::1]", "..", "a/b"]
    {
        let (known, seen) = asked(1, site, &[]);
        assert!(known.is_because(Doubt::RefusedByPolicy), "{site}: {known:?}");
        assert_eq!(seen, [""; 0], "{site}");
    }
}

#[test]
fn a_shared_suffix_needs_the_users_word() {
    let (known, seen) = asked(2, "evil", &[]);
    assert!(known.is_because(Doubt::RefusedByPolicy), "{known:?}");
    assert!(known.detail.expect("a detail").contains("--allow-host evil.apps.acme.example"));
    assert_eq!(seen, [""; 0]);
    let (known, seen) = asked(2, "evil", &["evil.apps.acme.example"]);
    assert_eq!((known.status.as_str(), seen.len()), ("live", 1));
}

#[test]
fn a_host_beside_a_key_needs_the_users_word() {
    for site in [
        "evil.example",
        "evil.example:8443",
        "victim.example.evil.example",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "127.0.0.1",
        "user@victim.example",
        "victim.example@evil.example",
        "2130706433",
        "0x7f000001",
        "localhost",
        "victim.example:80",
    ] {
        let (known, seen) = asked(3, site, &["victim.example:443"]);
        assert!(known.is_because(Doubt::RefusedByPolicy), "{site}: {known:?}");
        assert_eq!(seen, [""; 0], "{site}");
    }
    let (known, seen) = asked(3, "Victim.Example", &["victim.example:443"]);
    assert_eq!((known.status.as_str(), &seen[..]), ("live", &["victim.example/me".to_owned()][..]));
}

#[test]
fn a_value_in_a_path_stays_there() {
    let (_, seen) = asked(4, "a/../../admin", &[]);
    assert_eq!(seen, ["api.acme.example/sites/a%2F..%2F..%2Fadmin/me"]);
    for site in ["..", "."] {
        let (known, seen) = asked(4, site, &[]);
        assert!(known.is_because(Doubt::RefusedByPolicy), "{site}: {known:?}");
        assert_eq!(seen, [""; 0], "{site}");
    }
}

/// Says a public address first, and an inner one to whoever asks again.
struct Rebinding(AtomicUsize, &'static str);

impl Resolver for Rebinding {
    fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![self.1.parse().expect("an address")])
    }
}

#[test]
fn names_that_lead_inside_are_refused() {
    for inner in [
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fd00::1",
        "0.0.0.0",
    ] {
        let rule = declarative()[0];
        let mut options = options(&[], "127.0.0.1:9".parse().expect("an address"));
        let resolver = Arc::new(Rebinding(AtomicUsize::new(0), inner));
        options.policy.resolver = Arc::clone(&resolver) as Arc<dyn Resolver>;
        options.pace.attempts = 3;
        let known = ask(vec![case(rule)], options).remove(0);
        assert!(known.is_because(Doubt::RefusedByPolicy), "{inner}: {known:?}");
        assert_eq!(resolver.0.load(Ordering::Relaxed), 1, "a name is looked up once");
    }
}

#[test]
fn a_name_that_is_not_found_says_nothing() {
    let mut options = options(&[], "127.0.0.1:9".parse().expect("an address"));
    options.policy.resolver = Arc::new(Nobody);
    let known = ask(vec![case(declarative()[0])], options).remove(0);
    assert!(known.is_because(Doubt::Dns), "{known:?}");
    // The system's resolver is asked for this machine alone.
    assert!(SystemResolver.lookup("localhost").expect("this machine").iter().all(IpAddr::is_loopback));
}

#[test]
fn a_rule_that_is_not_trusted_asks_nobody() {
    let (rules, _) = parse_rule_file("keysift.toml", RULES, Author::Config).expect("it is a fine rule");
    let mut set = RuleSet::empty();
    set.add(rules);
    let key = format!("acme1_{}", crate::support::fill("{base36:24}", "x"));
    let findings = findings(&set, &format!("acme-site:victim\n{key}\n"));
    let found: Vec<&Finding> = findings.iter().filter(|f| f.rule.verify.is_some()).collect();
    let cases = plan::cases(found, &set, &IdentityKey::public(), 0);
    assert!(cases[0].settled.as_ref().expect("it is settled").is_because(Doubt::RefusedByPolicy));
    let hosts = Hosts::of(&set, Vec::<Allowed>::new());
    assert!(!hosts.permits("api.acme.example", 443, keysift::verify::egress::hosts::Grant::Rule));
}

/// An organization's rules may ask, those of what is scanned may not, wherever they stand.
#[test]
fn rules_of_a_policy_ask_and_those_of_the_repository_do_not() {
    let fake = Fake::start(|_| Reply::new(200, r#"{"id": "acme"}"#));
    let (tree, outside) = (crate::support::Tree::git(), crate::support::Tree::new());
    let rule = "[[rule]]\nid = \"acme-own\"\nseverity = \"high\"\nformat_confidence = \"high\"\npattern = '\\bacme9_[0-9a-z]{24}\\b'\n\
                [rule.verify]\nevidence = \"described\"\nurl = \"https://api.acme.example/me\"\n\
                auth = { bearer = \"{{secret}}\" }\nlive = [{ status = 200 }]\n";
    tree.write("a.txt", crate::support::fill("acme9_{base36:24}\n", "x"));
    outside.write("ca.pem", crate::fake::authority()).write("rule.toml", rule).write("empty.toml", "");
    let named = |name: &str| outside.join(name).display().to_string();
    let (ca, place) = (named("ca.pem"), format!("api.acme.example={}", fake.address));
    let scan = |flags: &[&str], user: &str| {
        let how = ["scan", "a.txt", "-f", "json", "--verify", "--ca", &ca, "--connect-to", &place];
        let mut command = tree.command(&[&how[..], flags].concat());
        let run = crate::support::Run::of(command.env("XDG_CONFIG_HOME", user), b"", &tree);
        let report = run.report();
        let known = &report.only()["verification"];
        (known["status"].as_str().expect("a status").to_owned(), known["reason"].as_str().unwrap_or_default().to_owned())
    };
    let (live, refused) = (("live".to_owned(), String::new()), ("unknown".to_owned(), "refused_by_policy".to_owned()));
    assert_eq!(scan(&["--policy", &named("rule.toml")], "/nonexistent"), live);
    let user = crate::support::Tree::new();
    user.write("keysift/config.toml", rule);
    assert_eq!(scan(&[], user.path().to_str().expect("UTF-8")), live);
    assert_eq!(fake.seen().len(), 2);
    // A config is the repository's, whoever names it; a policy that stands in what is scanned could be anyone's.
    assert_eq!(scan(&["--config", &named("rule.toml")], "/nonexistent"), refused);
    tree.write("rule.toml", rule);
    assert_eq!(scan(&["--policy", "rule.toml"], "/nonexistent"), refused);
    std::os::unix::fs::symlink(tree.join("rule.toml"), outside.join("link.toml")).expect("a link");
    assert_eq!(scan(&["--policy", &named("link.toml")], "/nonexistent"), refused);
    let base = format!("extends = [\"{}\"]\n", tree.join("rule.toml").display());
    outside.write("above.toml", base);
    assert_eq!(scan(&["--policy", &named("above.toml")], "/nonexistent"), refused);
    tree.write("keysift.toml", rule);
    assert_eq!(scan(&[], "/nonexistent"), refused);
    assert_eq!(fake.seen().len(), 2, "nothing more left");
}

#[test]
fn tables_that_would_leave_the_house_are_no_rules() {
    let table = |lines: &str| {
        let text = format!(
            "[[rule]]\nid = \"x\"\npattern = 'xkey-[0-9a-z]{{20}}'\nnear = [{{ name = \"site\", rule = \"y\", within_lines = 1 }}]\n\
             [rule.verify]\nevidence = \"observed\"\nlive = [{{ status = 200 }}]\nauth = {{ bearer = \"{{{{secret}}}}\" }}\n{lines}\n"
        );
        parse_rule_file("x.toml", &text, Author::User).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(table("url = 'https://api.example.com/me'"), "");
    for (url, why) in [
        ("http://api.example.com/me", "does not begin with https://"),
        ("https://user@api.example.com/me", "a user or a port"),
        ("https://api.example.com:8443/me", "a user or a port"),
        ("https://169.254.169.254/me", "no name of a host"),
        ("https://localhost/me", "no name of a host"),
        ("https://{{secret}}.example.com/me", "the secret cannot name the host"),
        ("https://x{{site}}.example.com/me", "first label"),
        ("https://api.{{site}}.com/me", "first label"),
        ("https://{{site}}example.com/me", "first label"),
        ("https://{{other}}.example.com/me", "neither `near` nor"),
        ("https://[::1]/me", "a user or a port"),
    ] {
        let message = table(&format!("url = '{url}'"));
        assert!(message.contains(why), "{url}: {message}");
    }
    let message = table("url = 'https://{{site}}/me'\ntenant_safe = true");
    assert!(message.contains("cannot be tenant_safe"), "{message}");
}

/// Two rules of different providers see the same secret equally well.
#[test]
fn where_two_providers_are_possible_nobody_is_asked() {
    let rule = |provider: &str, word: &str| {
        format!(
            "[[rule]]\nid = \"{word}-key\"\nprovider = \"{provider}\"\nformat_confidence = \"medium\"\nassigned = [\"{word}_key\"]\n\
             pattern = '[0-9a-f]{{32}}'\n[rule.verify]\nevidence = \"observed\"\nurl = \"https://api.{word}.example/me\"\n\
             auth = {{ bearer = \"{{{{secret}}}}\" }}\nlive = [{{ status = 200 }}]\n"
        )
    };
    let text = format!("{}{}", rule("One", "first"), rule("Two", "second"));
    let (rules, _) = parse_rule_file("two.toml", &text, Author::User).unwrap_or_else(|e| panic!("{e}"));
    let mut set = RuleSet::empty();
    set.add(rules);
    let secret = crate::support::fill("{hex:32}", "two");
    let findings = findings(&set, &format!("first_key = {secret}\n\nsecond_key = {secret}\n"));
    assert_eq!(findings.len(), 2);
    let cases = plan::cases(&findings, &set, &IdentityKey::public(), 0);
    assert_eq!(cases.len(), 1);
    assert!(cases[0].settled.as_ref().expect("it is settled").is_because(Doubt::AmbiguousProvider));
    assert_eq!(cases[0].findings.len(), 2);
}

#[test]
fn what_cannot_stand_in_a_request_does_not_leave() {
    let fake = Fake::start(|_| Reply::new(200, "{}"));
    let bearer =
        |rule: &&'static Rule| rule.verify.is_some_and(|v| v.headers.iter().any(|(_, value)| value.contains("{{secret}}")));
    let rule = declarative().into_iter().find(bearer).expect("a rule with a header");
    for secret in [&b"a\r\nHost: evil.example"[..], b"a\nb", b"\xff\xfe", b"a\0b"] {
        let mut case = case(rule);
        case.secret = Secret::new(secret);
        let options = options(&hosts(&case), fake.address);
        let known = ask(vec![case], options).remove(0);
        assert!(known.is_because(Doubt::RefusedByPolicy), "{known:?}");
    }
    assert_eq!(fake.seen(), []);
}
