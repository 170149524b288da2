//! Nothing that is read makes keysift panic: texts, rule files, config files, samples, templates, reports fed back.
//!
//! Inputs are made by changing good ones; the seed is in the message of a failure, `KEYSIFT_SEED` repeats it, and
//! `KEYSIFT_SLOW_TESTS` takes ten times as many.

use keysift::config::{Config, parse_size};
use keysift::detect::{ByteSpan, Detector, Scratch};
use keysift::examine::examine;
use keysift::finding::{Day, InlineAllow};
use keysift::finding::{redact, snippet};
use keysift::rule::format::file::{Author, nearest};
use keysift::rule::format::parse_rule_file;
use keysift::rule::{ChecksumKind, RuleSet, checksum, draft, template};
use keysift::source::Encoding;
use keysift::triage::{Baseline, IgnoreFile};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A small generator of numbers (xorshift64*): the same for the same seed on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).expect("it is below a usize")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Pieces that parsers trip over.
const PIECES: &[&[u8]] = &[
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"'''",
    b"\"\"\"",
    b"\"",
    b"'",
    b"[[rule]]\n",
    b"[rule.remedy]\n",
    b"[[rule.example]]\n",
    b"= ",
    b"{",
    b"}",
    b"{{",
    b"}}",
    b"{alnum:9}",
    b"{hex:99999999999999999999}",
    b"{[z-a]:3}",
    b"{[]:1}",
    b"{checksum}",
    b"{b64:{b64:{hex:3}}}",
    b"(",
    b")",
    b"[^",
    b"(?P<secret>",
    b"(?i)",
    b"\\p{L}",
    b"{1,4096}",
    b"{0,0}",
    b"*",
    b"+?",
    b"|",
    b"$",
    b"^",
    b"\\b",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"-----BEGIN RSA ",
    b"-----END",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"nan",
    b"true",
    b"[]",
    b"{}",
];

/// `good` with some of its bytes changed, moved, doubled, cut, or replaced by a piece.
fn changed(good: &[u8], random: &mut Random) -> Vec<u8> {
    let mut text = good.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(text.len() + 1);
        let end = at + random.below((text.len() - at).min(60) + 1);
        match random.below(7) {
            0 if at < text.len() => text[at] = u8::try_from(random.below(256)).expect("a byte"),
            1 => drop(text.drain(at..end)),
            2 => {
                let copy = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, copy);
            }
            3 => text.truncate(at),
            4 if end > at => text[at..end].reverse(),
            _ => drop(text.splice(at..at, random.pick(PIECES).iter().copied())),
        }
    }
    text
}

/// Calls `look` with `count` changed copies of `goods` within `limit`.
fn try_all(what: &str, goods: &[Vec<u8>], count: u64, limit: Duration, mut look: impl FnMut(&[u8])) {
    let slow = std::env::var_os("KEYSIFT_SLOW_TESTS").is_some();
    let (count, limit) = if slow { (count * 10, limit * 10) } else { (count, limit) };
    let first: u64 = std::env::var("KEYSIFT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let begin = Instant::now();
    for seed in first..first + count {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let good = random.pick(goods).clone();
        let text = changed(&good, &mut random);
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| look(&text)));
        assert!(result.is_ok(), "{what}, KEYSIFT_SEED={seed}: {:?}", String::from_utf8_lossy(&text));
        assert!(started.elapsed() < Duration::from_secs(10), "{what}, KEYSIFT_SEED={seed} took {:?}", started.elapsed());
    }
    assert!(begin.elapsed() < limit, "{what}: {count} took {:?}", begin.elapsed());
}

fn examples() -> Vec<Vec<u8>> {
    let rules = RuleSet::built_in();
    let all = rules.iter().flat_map(|(_, rule)| {
        let examples =
            rule.examples.iter().map(|e| template::example(e, rule.id, rule.checksum.map(|c| c.kind)).expect(rule.id).1);
        examples.chain(rule.counterexamples.iter().map(|c| template::counterexample(c.text, rule.id).expect(rule.id)))
    });
    all.map(String::into_bytes).collect()
}

fn rule_files() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let files = std::fs::read_dir(folder).expect("rules/ is there").map(|e| e.expect("an entry").path());
    // Small files, and the first rules of large ones: proofs take their time.
    let mut texts: Vec<Vec<u8>> = files.map(|f| std::fs::read(f).expect("rule files can be read")).collect();
    for text in &mut texts {
        text.truncate(2500);
    }
    texts.sort();
    texts
}

#[test]
fn texts() {
    let detector = Detector::new(RuleSet::built_in());
    let mut scratch = Scratch::default();
    try_all("examine", &examples(), 8000, Duration::from_secs(60), |text| {
        let encoding = Encoding::of(text);
        let mut wide = Vec::new();
        encoding.transcode(&text[encoding.mark_len()..], &mut wide);
        for text in [text, &wide] {
            let examined = examine(&detector, text, Some("a/b.yml"), &mut scratch);
            for j in examined.found.iter().chain(&examined.rejected) {
                let shown = redact::shown(j.rule, j.value(text));
                let _ = snippet::snippet(text, j.at(), &[(j.at(), shown)]).cut();
            }
        }
    });
}

#[test]
fn paths() {
    let detector = Detector::new(RuleSet::built_in());
    let mut scratch = Scratch::default();
    let goods = ["src/tests/a_test.go", "node_modules/x/.env.example", "config/master.key", "a\\b/../c", ""]
        .map(|p| p.as_bytes().to_vec());
    let text = ["password = \"", "kx83hd92ks", "\""].concat();
    try_all("paths", &goods, 2000, Duration::from_secs(30), |path| {
        let path = String::from_utf8_lossy(path);
        let _ = examine(&detector, text.as_bytes(), Some(&path), &mut scratch);
        let _ = keysift::finding::identity::canonical(&path);
    });
}

#[test]
fn rule_files_of_users() {
    try_all("rule files", &rule_files(), 1500, Duration::from_secs(90), |text| {
        let text = String::from_utf8_lossy(text);
        match parse_rule_file("a.toml", &text, Author::User) {
            Ok((rules, warnings)) => {
                assert!(warnings.iter().all(|w| w.warning));
                assert!(rules.iter().all(|r| r.pattern.is_none() || !r.keywords.is_empty()));
            }
            Err(errors) => {
                let lines = text.lines().count() + 1;
                assert!(errors.0.iter().any(|e| !e.warning) && errors.0.iter().all(|e| e.line <= lines));
                let _ = errors.to_string();
            }
        }
    });
}

/// A rule that passes its proofs can be searched with.
#[test]
fn rules_that_pass_their_proofs_can_be_used() {
    let text = b"token_abcdefghijklmnopqrstuvwxyz acme_0123456789 -----BEGIN x -----END x\n".repeat(20);
    let goods = [
        r"pattern = '''acme_[0-9a-z]{10}'''",
        "keywords = [\"token_\", \"acme_\"]\npattern = '''(?:token|acme)_(?P<secret>[0-9a-z]{3,40})(?:[^a-z]|$)'''",
        "assigned = [\"acme\", \"x_y\"]\npattern = '''[0-9a-f]{8}'''",
        "pattern = '''-----BEGIN'''\nuntil = '''-----END x'''",
        "pattern = '''(?i)acme_(a|b|[c-z0-9]{1,9}){1,9}\\b'''\nscope = \"blob\"",
        "pattern = '''acme_(?:)(?P<secret>[0-9]{0,10})'''\npath = '''\\.txt$'''\nentropy = 1.5",
    ]
    .map(|body| format!("[[rule]]\nid = \"acme\"\n{body}\n").into_bytes());
    try_all("rules in use", &goods, 1500, Duration::from_secs(90), |file| {
        if let Ok((rules, _)) = parse_rule_file("a.toml", &String::from_utf8_lossy(file), Author::User) {
            let mut set = RuleSet::empty();
            set.add(rules);
            let detector = Detector::new(set);
            let fast = detector.detect(&text, &mut Scratch::default());
            if fast.out_of_budget.is_empty() {
                assert_eq!(fast.candidates, detector.detect_whole(&text).candidates);
            }
            let _ = examine(&detector, &text, Some("a.txt"), &mut Scratch::default());
        }
    });
}

#[test]
fn config_files() {
    let good = b"exclude = [\"a/**\", \"*.log\"]\ndisable = [\"generic-*\"]\nmax_file_size = \"8MB\"\n[[accept_gap]]\nreason = \"too_large\"\npath = \"**/*.iso\"\nnote = \"images\"\nuntil = \"2026-12-31\"\n[[rule]]\nid = \"acme\"\npattern = 'acme_[a-z]{9}'\n";
    try_all("config", &[good.to_vec()], 5000, Duration::from_secs(60), |text| {
        let text = String::from_utf8_lossy(text);
        if let Err(errors) = Config::parse("k.toml", &text) {
            assert!(errors.0.iter().all(|e| e.line <= text.lines().count() + 1), "{errors}");
        }
        for word in text.split_whitespace() {
            let _ = (parse_size(word), Day::parse(word.trim_matches('"')), nearest(word, &["exclude", "disable"]));
        }
    });
}

#[test]
fn ignore_files_baselines_and_comments() {
    let print = format!("ks1:{}", "0".repeat(32));
    let ignore = format!("# c\n{print} as=accepted until=2026-12-31 owner=\"a \\\" b\" -- why\ngeneric-* \"a b/**\" # x\n");
    try_all("ignore file", &[ignore.into_bytes()], 5000, Duration::from_secs(60), |text| {
        let text = String::from_utf8_lossy(text);
        if let Err(error) = IgnoreFile::parse("i", &text) {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
        }
    });
    let entry = format!(
        r#"{{"fingerprint":"{print}","secret_id":"x","rule":"r","path":"p","state":"open","added":"2026-11-20","reason":"why"}}"#
    );
    let baseline = format!("{{\"keysift_baseline\":1,\"fingerprint_key\":\"public\",\"of\":\"tree\"}}\n{entry}\n");
    try_all("baseline", &[baseline.into_bytes()], 5000, Duration::from_secs(60), |text| {
        // What can be read is read again as it is written.
        if let Ok(baseline) = Baseline::parse("b", &String::from_utf8_lossy(text)) {
            assert_eq!(Baseline::parse("b", &baseline.to_text()), Ok(baseline));
        }
    });
    let comment = b"x\n// keysift:allow generic-* -- why */\nS3CRET # pragma: allowlist nextline secret -->\n";
    try_all("comment", &[comment.to_vec()], 5000, Duration::from_secs(60), |text| {
        for start in 0..text.len() {
            let _ = InlineAllow::of(text, ByteSpan::new(start, (start + 6).min(text.len())));
        }
    });
}

#[test]
fn days_that_are_none() {
    for (day, is) in [
        ("2026-02-29", false),
        ("2024-02-29", true),
        ("2026-04-31", false),
        ("0000-01-01", true),
        ("-026-01-01", false),
        ("2026-1-1", false),
        ("+026-01-01", false),
    ] {
        assert_eq!(Day::parse(day).is_some(), is, "{day}");
    }
}

#[test]
fn samples_and_templates() {
    let samples = b"acme_live_8fk2m39dkq81mzx0\nacme_live_zk39dmq81kx02mf8\nacme_live_m2k8fz39dq81kx0a\n";
    try_all(
        "samples",
        &[samples.to_vec(), b"abcdefgh\n".to_vec(), b"!\"#$%&'()*+,-./\n".to_vec(), b"a'''_\"quoted\n".to_vec()],
        3000,
        Duration::from_secs(60),
        |text| {
            if let Ok(rule) = draft::draft("my-rule", &String::from_utf8_lossy(text)) {
                // A draft may still need work, but it is a rule file that can be read.
                if let Err(errors) = parse_rule_file("draft", &rule, Author::User) {
                    panic!("{errors}\n{rule}");
                }
            }
        },
    );
    let templates = ["ghp_{alnum:30}{checksum}", "{b64:{\"a\":{hex:4}}}", "{[a-z_]:9}-{uuid}", "{{hex:32}}{x}"]
        .map(|t| t.as_bytes().to_vec());
    try_all("templates", &templates, 5000, Duration::from_secs(60), |text| {
        let text = String::from_utf8_lossy(text);
        let _ = template::fill(&text, "seed", Some(ChecksumKind::Github));
        let _ = template::counterexample(&text, "seed");
        for (_, kind) in ChecksumKind::NAMES {
            let _ = (checksum::verify(kind, text.as_bytes()), checksum::complete(kind, &text));
        }
    });
}

/// Checksums over any bytes, real tokens with changes among them.
#[test]
fn checksums() {
    let rules = RuleSet::built_in();
    let tokens: Vec<Vec<u8>> = rules
        .iter()
        .filter_map(|(_, r)| r.checksum.map(|c| (r, c.kind)))
        .map(|(r, kind)| template::fill(r.examples[0].secret, r.id, Some(kind)).expect(r.id).into_bytes())
        .collect();
    try_all("checksums", &tokens, 5000, Duration::from_secs(30), |token| {
        for (_, kind) in ChecksumKind::NAMES {
            let _ = checksum::verify(kind, token);
        }
    });
}
