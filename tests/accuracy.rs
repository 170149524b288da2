//! How well credentials are told from text that only looks like them, on the labelled corpus (`corpus/README.md`).
//!
//! Prints precision and recall by file and by kind; the floors are what was reached, rounded down.

#![allow(clippy::print_stdout, reason = "the table is what one runs it for")]

use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::rule::{Confidence, RuleSet, template};
use std::collections::BTreeMap;
use std::path::Path;

/// A line of the corpus.
struct Case {
    is_secret: bool,
    kind: String,
    path: String,
    value: String,
    text: String,
    line: usize,
}

fn corpus(name: &str) -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let text = std::fs::read_to_string(&file).expect("the corpus is in the repository");
    let mut cases = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [label, kind, path, value, text] = columns[..] else { panic!("{name}:{}: five columns", n + 1) };
        let is_secret = match label {
            "T" => true,
            "F" => false,
            other => panic!("{name}:{}: label {other}", n + 1),
        };
        // Of literal braces the inner pair may be a template: `{{base64:43}=}`.
        let value = template::fill(value, &format!("{name}:{}", n + 1), None).unwrap_or_else(|_| value.to_owned());
        let text = unescape(text).replace("{{value}}", &value);
        cases.push(Case { is_secret, kind: kind.to_owned(), path: path.to_owned(), value, text, line: n + 1 });
    }
    cases
}

/// `\n`, `\t` and `\\`.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out
}

#[derive(Default, Clone, Copy)]
struct Score {
    secrets: usize,
    found: usize,
    others: usize,
    mistaken: usize,
}

impl Score {
    fn recall(self) -> f64 {
        ratio(self.found, self.secrets)
    }

    fn precision(self) -> f64 {
        ratio(self.found, self.found + self.mistaken)
    }

    /// How many of the look-alikes are let pass.
    fn silence(self) -> f64 {
        ratio(self.others - self.mistaken, self.others)
    }

    fn add(&mut self, is_secret: bool, reported: bool) {
        let (all, hit) = if is_secret { (&mut self.secrets, &mut self.found) } else { (&mut self.others, &mut self.mistaken) };
        *all += 1;
        *hit += usize::from(reported);
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    f64::from(u32::try_from(part).expect("small")) / f64::from(u32::try_from(whole).expect("small"))
}

/// Whether the value of the case is reported at the default confidence.
fn reported(detector: &Detector, case: &Case, scratch: &mut Scratch) -> bool {
    let text = case.text.as_bytes();
    examine(detector, text, Some(&case.path), scratch).found.iter().any(|j| {
        let found = String::from_utf8_lossy(j.value(text)).into_owned();
        j.verdict.level() >= Some(Confidence::Medium) && (found.contains(&case.value) || case.value.contains(&found))
    })
}

#[test]
fn precision_and_recall() {
    let detector = Detector::new(RuleSet::built_in());
    let mut scratch = Scratch::default();
    let mut total = Score::default();
    let mut by_file: BTreeMap<&str, Score> = BTreeMap::new();
    let mut by_kind: BTreeMap<String, Score> = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in ["human-passwords.tsv", "random-secrets.tsv", "look-alikes.tsv"] {
        for case in corpus(name) {
            let reported = reported(&detector, &case, &mut scratch);
            for score in [&mut total, by_file.entry(name).or_default(), by_kind.entry(case.kind.clone()).or_default()] {
                score.add(case.is_secret, reported);
            }
            if reported != case.is_secret {
                wrong.push(format!("{name}:{}: {} {}", case.line, if case.is_secret { "missed" } else { "mistaken" }, case.kind));
            }
        }
    }
    println!("{:<28} {:>7} {:>7}  {:>7} {:>7}", "", "secrets", "recall", "others", "silence");
    let row = |name: &str, s: Score| {
        println!("{name:<28} {:>7} {:>6.1}%  {:>7} {:>6.1}%", s.secrets, 100.0 * s.recall(), s.others, 100.0 * s.silence());
    };
    for (name, score) in by_file.iter().map(|(n, s)| (*n, s)).chain(by_kind.iter().map(|(n, s)| (n.as_str(), s))) {
        row(name, *score);
    }
    row("all", total);
    println!("precision {:.1}%", 100.0 * total.precision());
    if std::env::var_os("KEYSIFT_SHOW_MISTAKES").is_some() {
        println!("{}", wrong.join("\n"));
    }
    assert!(total.secrets > 600 && total.others > 600, "the corpus is read whole");
    for (name, recall, silence) in FLOORS {
        let score = by_file[name];
        assert!(score.recall() >= recall, "{name}: recall {:.3} is below {recall}", score.recall());
        assert!(score.silence() >= silence, "{name}: silence {:.3} is below {silence}", score.silence());
    }
    assert!(total.precision() >= PRECISION, "precision {:.3} is below {PRECISION}", total.precision());
}

/// By file: the least recall, and the least share of look-alikes that are let pass.
const FLOORS: [(&str, f64, f64); 3] =
    [("human-passwords.tsv", 0.87, 1.0), ("random-secrets.tsv", 0.82, 1.0), ("look-alikes.tsv", 1.0, 0.985)];
const PRECISION: f64 = 0.985;

/// The reader of the corpus fills templates and leaves every other brace alone.
#[test]
fn the_corpus_is_read_as_its_readme_says() {
    let all: Vec<Case> = ["human-passwords.tsv", "random-secrets.tsv", "look-alikes.tsv"].into_iter().flat_map(corpus).collect();
    for case in &all {
        assert!(case.text.contains(&case.value), "line {}: {}", case.line, case.text);
        for placeholder in ["{alnum:", "{hex:", "{base64:", "{base64url:", "{digits:", "{lower:", "{upper:", "{uuid}"] {
            assert!(!case.value.contains(placeholder), "line {}: {}", case.line, case.value);
        }
    }
    assert_eq!(unescape(r"a\nb\\n\tc\d"), "a\nb\\n\tc\\d");
}
