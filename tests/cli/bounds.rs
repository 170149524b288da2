//! Time grows with the size of the input and no faster; memory does not grow with it.

use crate::support::{Tree, fill, github_token, keysift};
use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::rule::format::file::Author;
use keysift::rule::format::parse_rule_file;
use keysift::rule::{Rule, RuleSet};
use std::time::{Duration, Instant};

/// How long a look at `text` takes.
fn time(detector: &Detector, text: &[u8]) -> Duration {
    let begin = Instant::now();
    std::hint::black_box(examine(detector, text, Some("x.txt"), &mut Scratch::default()));
    begin.elapsed()
}

/// What a rule's first example begins with, up to and with a keyword: enough to make the rule look.
fn opening(rule: &Rule) -> Vec<u8> {
    let example =
        keysift::rule::template::example(&rule.examples[0], rule.id, rule.checksum.map(|c| c.kind)).expect("examples are right");
    let text = example.1.into_bytes();
    let lower = text.to_ascii_lowercase();
    let found = rule.keywords.iter().filter_map(|k| {
        let at = lower.windows(k.len()).position(|w| w == k.as_bytes())?;
        Some((at, k.len()))
    });
    let (at, len) = found.min().expect("an example holds a keyword");
    // A little before the keyword and a good deal after it, where the pattern goes on.
    let end = text.len().min(at + len + 24);
    text[at.saturating_sub(8)..end].to_vec()
}

/// A text of 800 KB that repeats `unit`, and one twice as long.
fn assert_linear(detector: &Detector, name: &str, unit: &[u8]) {
    let count = 800_000 / unit.len();
    assert_growth(detector, name, &unit.repeat(count), &unit.repeat(2 * count));
}

/// `twice`, which is twice as long, takes less than three times as long.
fn assert_growth(detector: &Detector, name: &str, once: &[u8], twice: &[u8]) {
    let mut last = (Duration::ZERO, Duration::ZERO);
    // Others use the machine too: what is linear is seen to be in one of a few tries.
    for _ in 0..4 {
        last = (time(detector, once), time(detector, twice));
        if last.1 < last.0 * 3 || last.1 < Duration::from_millis(60) {
            assert!(last.1 < Duration::from_secs(20), "{name}: 1.6 MB took {:?}", last.1);
            return;
        }
    }
    panic!("{name}: twice the input took {:?} instead of {:?}", last.1, last.0);
}

#[test]
fn repeated_openings_of_a_rule_with_a_closing_marker() {
    let detector = Detector::new(RuleSet::built_in());
    let rules: Vec<&Rule> = detector.rules().iter().map(|(_, r)| r).filter(|r| r.until.is_some()).collect();
    assert!(rules.len() >= 8);
    for rule in rules {
        assert_linear(&detector, rule.id, &opening(rule));
    }
}

#[test]
fn repeated_openings_of_rules_that_look_in_windows() {
    let detector = Detector::new(RuleSet::built_in());
    let mut rules: Vec<&Rule> =
        detector.rules().iter().map(|(_, r)| r).filter(|r| r.until.is_none() && r.pattern.is_some()).collect();
    // Those with the longest matches have the most to search again.
    rules.sort_by_key(|r| std::cmp::Reverse((r.bounds.max_len, r.id)));
    let every = rules.iter().copied().step_by(60);
    for rule in rules.iter().copied().take(6).chain(every) {
        assert_linear(&detector, rule.id, &opening(rule));
        assert_linear(&detector, rule.id, rule.keywords[0].as_bytes());
    }
}

#[test]
fn repeated_assignments() {
    let detector = Detector::new(RuleSet::built_in());
    for unit in [
        "password",
        "password=",
        "password = \"",
        "password=\"a\" ",
        "token: {",
        "api_key(\"",
        "secret=>'x",
        "password\n",
        "<password>",
        "key=\"password\" value=",
        "a.b-c_password",
    ] {
        assert_linear(&detector, unit, unit.as_bytes());
    }
}

/// What makes the n-th piece of a text.
type Piece<'a> = &'a dyn Fn(usize) -> String;

/// Many findings, one beside the other and one below the other, and pairs that belong together.
#[test]
fn many_findings_in_one_text() {
    let detector = Detector::new(RuleSet::built_in());
    let token = |n: usize| github_token(&n.to_string());
    let id = |n: usize| fill("AKIA{base32:16}", &n.to_string());
    let key = |n: usize| fill("{base64:40}", &n.to_string());
    let kinds: [(&str, usize, Piece<'_>); 4] = [
        ("tokens in a line", 20_000, &|n| format!("t={} ", token(n))),
        ("tokens in lines", 20_000, &|n| format!("t={}\n", token(n))),
        ("pairs in a line", 5_000, &|n| format!("aws_access_key_id={} aws_secret_access_key={} ", id(n), key(n))),
        ("pairs in lines", 5_000, &|n| format!("aws_access_key_id={}\naws_secret_access_key={}\n", id(n), key(n))),
    ];
    for (name, count, piece) in kinds {
        let text = |count: usize| (0..count).map(piece).collect::<String>().into_bytes();
        assert_growth(&detector, name, &text(count), &text(2 * count));
    }
}

/// Of several companions the nearest belongs to a key.
#[test]
fn the_nearest_companion_counts() {
    let rules = "[[rule]]\nid = \"pair-id\"\nformat_confidence = \"high\"\npattern = 'pid_[0-9]{8}'\n\
        [[rule]]\nid = \"pair-key\"\nformat_confidence = \"high\"\npattern = 'pkey_[0-9a-z]{24}'\n\
        near = [{ name = \"id\", rule = \"pair-id\", within_lines = 3, required = true }]\n";
    let (rules, _) = parse_rule_file("pairs.toml", rules, Author::User).expect("the rules are right");
    let mut set = RuleSet::empty();
    set.add(rules);
    let detector = Detector::new(set);
    for between in [" ", "\n"] {
        let pair = |n: usize| {
            let (id, key) = (fill("pid_{digits:8}", &n.to_string()), fill("pkey_{base36:24}", &n.to_string()));
            format!("{id}{between}{key}{between}{between}")
        };
        let text: String = (0..6).map(pair).collect();
        let found = examine(&detector, text.as_bytes(), Some("pairs"), &mut Scratch::default()).found;
        let keys: Vec<_> = found.iter().filter(|j| j.rule.id == "pair-key").collect();
        assert_eq!(keys.len(), 6);
        for key in keys {
            let [(name, id)] = key.companions[..] else { panic!("one companion") };
            assert_eq!((name, id.end + between.len()), ("id", key.candidate.secret.start), "the one before it");
        }
    }
    // Four lines away is too far, and the key needs it.
    let text = format!("{}\n\n\n\n{}", fill("pid_{digits:8}", "far"), fill("pkey_{base36:24}", "far"));
    let examined = examine(&detector, text.as_bytes(), Some("pairs"), &mut Scratch::default());
    assert_eq!((examined.found.len(), examined.rejected.len()), (1, 1));
}

/// The whole way, with places, snippets and redaction: many findings in one line of a file.
#[test]
fn a_line_of_ten_thousand_tokens_is_reported_in_time() {
    let tree = Tree::new();
    let text: String = (0..10_000).map(|n| format!("\"{}\",", github_token(&n.to_string()))).collect();
    tree.write("one-line.json", format!("[{text}]"));
    let begin = Instant::now();
    let report = tree.scan(&[]);
    assert_eq!(report.findings().len(), 10_000);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

/// Windows that are used up by a rule whose every match is long: told as a skip, never in silence.
#[test]
fn a_used_up_step_budget_is_told() {
    let tree = Tree::new();
    // Each match ends one byte after it began, and the pattern must look 4,000 bytes ahead for a longer one.
    tree.write(
        "slow.toml",
        "[[rule]]\nid = \"slow\"\nformat_confidence = \"high\"\npattern = '''(?:(?P<secret>slow)[ab]{4000}c|slow)'''\n",
    );
    tree.write("a.txt", format!("{}\n", "slow".repeat(60_000)));
    let report = tree.scan(&["a.txt", "--rules", "slow.toml", "--rule", "slow"]);
    if report.count("skipped", "step_budget") > 0 {
        assert!(!report.complete());
        assert_eq!(report.examples("skipped", "step_budget"), ["a.txt (slow)"]);
    }
}

/// The most memory that a process has used, in bytes; it waits for its end.
#[cfg(target_os = "linux")]
fn peak_memory(child: &mut std::process::Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("it can be asked").is_none() {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))
        {
            peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    peak
}

/// A file of 2 GB in one line that takes no room on disk. Some seconds with optimisation, a minute without: only where asked.
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_two_gigabytes() {
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
        eprintln!("skipped: set KEYSIFT_SLOW_TESTS=1");
        return;
    }
    let tree = Tree::new();
    let scan = |gigabytes: u64| {
        let file = std::fs::File::create(tree.join("huge.img")).expect("files can be made");
        file.set_len(gigabytes << 30).expect("the file system knows sparse files");
        let begin = Instant::now();
        let mut child = keysift(&["scan", "huge.img", "-f", "json", "-o", "out.json"])
            .current_dir(tree.path())
            .spawn()
            .expect("keysift can be started");
        let peak = peak_memory(&mut child);
        assert_eq!(child.wait().expect("keysift ends").code(), Some(0));
        assert!(peak < 150_000_000, "{peak} bytes of memory");
        begin.elapsed()
    };
    let (one, two) = (scan(1), scan(2));
    assert!(two < one * 3, "{one:?}, then {two:?}");
}

/// The same with 60 MB, always, and with something to find in it.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_a_file() {
    let tree = Tree::new();
    let piece = fill("{base64:8000}", "piece");
    let mut text = piece.repeat(7500);
    text.push_str(&format!(" t={}", github_token("end")));
    tree.write("one-line.txt", text);
    let mut child = tree.command(&["scan", "-f", "json", "-o", "out.json"]).spawn().expect("keysift can be started");
    let peak = peak_memory(&mut child);
    assert_eq!(child.wait().expect("keysift ends").code(), Some(1));
    assert!(peak < 150_000_000, "{peak} bytes of memory");
}
