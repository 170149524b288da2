//! Decisions over findings of made-up files: matching, precedence, and what a change only proposes.

use super::baseline::{Baseline, Entry, Of};
use super::policy::{Inline, Policy, Triaged, View};
use super::state::{How, Source, StaleReason, State};
use super::{IgnoreFile, matching};
use crate::detect::Detector;
use crate::finding::{Day, Exposure, Finding, GitStory, IdentityKey};
use crate::pipeline::Collector;
use crate::rule::{ChecksumKind, RuleSet, template};
use crate::source::{Stop, stdin};

const TODAY: Day = Day(20_777);

fn token(seed: &str) -> String {
    template::fill("ghp_{alnum:30}{checksum}", seed, Some(ChecksumKind::Github)).expect("a template")
}

/// The findings in files, given as path and content.
fn findings(files: &[(&str, String)]) -> Vec<Finding> {
    thread_local! {
        static DETECTOR: Detector = Detector::new(RuleSet::built_in());
    }
    DETECTOR.with(|detector| {
        let stop = Stop::new();
        let collector = Collector::new(detector, &stop, false, &|_, _| false);
        let lines: Vec<String> =
            files.iter().map(|(path, content)| serde_json::json!({"path": path, "content": content}).to_string()).collect();
        stdin::scan_jsonl(lines.join("\n").as_bytes(), 0, &collector).expect("text in memory can be read");
        collector.finish(&IdentityKey::public()).findings
    })
}

/// A line `T=…` for each of the seeds.
fn lines(seeds: &str) -> String {
    seeds.split(' ').map(|seed| format!("T={}", token(seed))).collect::<Vec<_>>().join("\n")
}

fn baseline_of(findings: &[Finding]) -> Baseline {
    let mut baseline = Baseline::new("public".to_owned(), Of::Tree);
    baseline.entries = findings.iter().map(|f| Entry::of(f, f.location.path.clone(), TODAY)).collect();
    baseline.sort();
    baseline
}

fn with_baseline(baseline: Baseline) -> Policy {
    Policy { baseline: Some(baseline), ..Policy::default() }
}

fn ignoring(text: &str) -> Policy {
    Policy { ignore: IgnoreFile::parse("ignore", text).expect("a right file"), ..Policy::default() }
}

/// The paths of open findings, and of suppressed ones with how.
fn told(triaged: &Triaged<'_>) -> (Vec<String>, Vec<String>) {
    let path = |f: &Finding| f.location.path.clone();
    let open = triaged.open.iter().map(|f| path(f)).collect();
    let of = |how: &How| match how {
        How::Moved { from } | How::ReRuled { from } => format!(" from {from}"),
        _ => String::new(),
    };
    let suppressed = triaged.suppressed.iter().map(|(f, s)| format!("{} {}{}", path(f), s.how.as_str(), of(&s.how)));
    (open, suppressed.collect())
}

fn stale(triaged: &Triaged<'_>) -> Vec<String> {
    triaged.stale.iter().map(|s| format!("{} {} {}", s.source.as_str(), s.why.as_str(), s.entry)).collect()
}

/// What a baseline of `before` says of `after`.
fn after(before: &[(&str, String)], after: &[(&str, String)]) -> (Vec<String>, Vec<String>) {
    let policy = with_baseline(baseline_of(&findings(before)));
    let found = findings(after);
    told(&policy.apply(&found, &View::whole(TODAY)))
}

#[test]
fn known_moved_and_copied() {
    let old = [("a/x.env", lines("1"))];
    let is = |open: &[&str], suppressed: &[&str]| {
        (open.iter().map(|s| (*s).to_owned()).collect(), suppressed.iter().map(|s| (*s).to_owned()).collect())
    };
    assert_eq!(after(&old, &[("a/x.env", format!("\n# moved down\n{}", lines("1")))]), is(&[], &["a/x.env fingerprint"]));
    assert_eq!(after(&old, &[("b/x.env", lines("1"))]), is(&[], &["b/x.env moved from a/x.env"]));
    // The old path holds another secret by now.
    assert_eq!(
        after(&old, &[("a/x.env", lines("2")), ("b/x.env", lines("1"))]),
        is(&["a/x.env"], &["b/x.env moved from a/x.env"])
    );
    // The old path holds it still: a copy.
    assert_eq!(after(&old, &[("a/x.env", lines("1")), ("b/x.env", lines("1"))]), is(&["b/x.env"], &["a/x.env fingerprint"]));
    // One entry moves to one place: that with the same name.
    assert_eq!(
        after(&old, &[("a/y.env", lines("1")), ("b/x.env", lines("1"))]),
        is(&["a/y.env"], &["b/x.env moved from a/x.env"])
    );
    // Two entries of one secret move to two places.
    let two = [("a/x.env", lines("1")), ("a/y.env", lines("1"))];
    assert_eq!(
        after(&two, &[("b/x.env", lines("1")), ("b/y.env", lines("1")), ("b/z.env", lines("1"))]),
        is(&["b/z.env"], &["b/x.env moved from a/x.env", "b/y.env moved from a/y.env"])
    );
}

#[test]
fn another_rule_in_the_same_path() {
    let secret = template::fill("{base64url:24}", "r", None).expect("a template");
    let before = findings(&[("a.py", format!("password = \"{secret}\"\n"))]);
    let found = findings(&[("a.py", format!("api_token = \"{secret}\"\n"))]);
    assert_ne!(before[0].fingerprint, found[0].fingerprint);
    let policy = with_baseline(baseline_of(&before));
    let triaged = policy.apply(&found, &View::whole(TODAY));
    assert_eq!(told(&triaged).1, ["a.py re_ruled from generic-password"]);
    // Moved and seen by another rule at once.
    let found = findings(&[("b.py", format!("api_token = \"{secret}\"\n"))]);
    assert_eq!(told(&policy.apply(&found, &View::whole(TODAY))).1, ["b.py moved from a.py"]);
}

#[test]
fn a_path_that_was_not_looked_at_may_hold_it_still() {
    let policy = with_baseline(baseline_of(&findings(&[("a.env", lines("1"))])));
    let found = findings(&[("b.env", lines("1"))]);
    for (holds, open) in [(true, 1), (false, 0)] {
        let view = View { holds: &|entry| entry.path == "a.env" && holds, whole: None, ..View::whole(TODAY) };
        assert_eq!(policy.apply(&found, &view).open.len(), open);
    }
}

/// In history a path that was left still has its finding; what counts is the tips.
#[test]
fn moves_in_history() {
    let git = |tips: &[&str]| {
        let at_tip = tips.iter().map(|t| (*t).to_owned()).collect();
        Some(GitStory { introduced: None, exposure: Exposure::LocalOnly, at_tip })
    };
    let policy = with_baseline(baseline_of(&findings(&[("a.env", lines("1"))])));
    let mut found = findings(&[("a.env", lines("1")), ("b.env", lines("1")), ("c.env", lines("1"))]);
    for (tips, open) in [
        // Renamed twice.
        ([&[][..], &[], &["main"]], &[][..]),
        // Renamed on one branch, not on the other.
        ([&["old"], &[], &["main"]], &["b.env"]),
        // Copied.
        ([&["main"], &["main"], &[]], &["b.env", "c.env"]),
        // Renamed, then copied.
        ([&[], &["main"], &["main"]], &["c.env"]),
    ] {
        for (finding, tips) in found.iter_mut().zip(tips) {
            finding.git = git(tips);
        }
        assert_eq!(told(&policy.apply(&found, &View::whole(TODAY))).0, open, "{tips:?}");
    }
}

#[test]
fn many_copies_of_one_secret_take_no_time() {
    let text = |folder: &str| -> Vec<(String, String)> { (0..4000).map(|n| (format!("{folder}/{n}.env"), lines("1"))).collect() };
    let of = |folder: &str| {
        let files = text(folder);
        findings(&files.iter().map(|(path, content)| (path.as_str(), content.clone())).collect::<Vec<_>>())
    };
    let (before, found) = (of("a"), of("b"));
    let baseline = baseline_of(&before);
    let start = std::time::Instant::now();
    let clean = |path: &str| path.to_owned();
    let known = matching::known(&baseline, &found, &matching::Surroundings { holds: &|_| false, clean: &clean });
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    for (known, finding) in known.iter().zip(&found) {
        let from = finding.location.path.replace("b/", "a/");
        assert_eq!(known.as_ref().map(|k| k.how.clone()), Some(How::Moved { from }));
    }
}

#[test]
fn who_decides_where_several_do() {
    let text = format!("T={} # keysift:allow -- inline\n", token("1"));
    let found = findings(&[("a.env", text)]);
    let print = &found[0].fingerprint.0;
    let mut baseline = baseline_of(&found);
    let by = |policy: &Policy| {
        let triaged = policy.apply(&found, &View::whole(TODAY));
        assert_eq!(stale(&triaged), [""; 0]);
        triaged.suppressed.first().map(|(_, s)| (s.source, s.decision.state, s.decision.reason.clone().unwrap_or_default()))
    };
    let mut policy = with_baseline(baseline.clone());
    assert_eq!(by(&policy), Some((Source::Inline, State::Accepted, "inline".to_owned())), "open in the baseline decides nothing");
    policy.inline = Inline::Ignored;
    assert_eq!(by(&policy), Some((Source::Baseline, State::Open, String::new())));
    baseline.entries[0].state = State::Revoked;
    policy = with_baseline(baseline);
    policy.ignore = IgnoreFile::parse("i", "github-* **\n").expect("a right file");
    assert_eq!(by(&policy).map(|d| d.0), Some(Source::IgnoreFile));
    policy.ignore =
        IgnoreFile::parse("i", &format!("github-* ** -- many\n{print} as=test_value -- one\n{print} -- two\n")).expect("right");
    assert_eq!(by(&policy), Some((Source::IgnoreFile, State::TestValue, "one".to_owned())));
}

#[test]
fn what_does_nothing_is_told() {
    let found = findings(&[("a.env", lines("1")), ("b.env", format!("T={} # keysift:allow aws-*\n", token("2")))]);
    let mut policy = ignoring("github-* tests/** -- x\ngithub-* a.env until=2026-11-19\n");
    policy.baseline = Some(baseline_of(&findings(&[("gone.env", lines("3"))])));
    let gone = policy.baseline.as_ref().expect("there").entries[0].fingerprint.clone();
    let triaged = policy.apply(&found, &View::whole(TODAY));
    assert_eq!(triaged.open.len(), 2);
    assert_eq!(
        stale(&triaged),
        [
            "ignore_file unused ignore:1 github-* tests/**".to_owned(),
            "ignore_file expired ignore:2 github-* a.env".to_owned(),
            "inline unused b.env:1 keysift:allow aws-*".to_owned(),
            format!("baseline unused {gone} github-pat-classic gone.env"),
        ]
    );
    // Of a part nobody knows what it is not about.
    let part = View { whole: None, ..View::whole(TODAY) };
    assert_eq!(policy.apply(&found, &part).stale.len(), 2);
}

#[test]
fn nobody_decided_for_too_long() {
    let found = findings(&[("a.env", lines("1")), ("b.env", lines("2"))]);
    let mut baseline = baseline_of(&found);
    baseline.entries[0].state = State::Accepted;
    let undecided = baseline.entries[1].fingerprint.clone();
    let policy = Policy { baseline_max_age: Some(90), ..with_baseline(baseline) };
    assert_eq!(policy.apply(&found, &View::whole(Day(TODAY.0 + 90))).open.len(), 0);
    let late = policy.apply(&found, &View::whole(Day(TODAY.0 + 91)));
    assert_eq!(late.open.iter().map(|f| &f.fingerprint.0).collect::<Vec<_>>(), [&undecided]);
    assert_eq!(late.stale.iter().map(|s| s.why).collect::<Vec<_>>(), [StaleReason::TooOld]);
}

#[test]
fn what_a_change_brings_is_proposed() {
    let inline = |seed: &str| format!("T={} # gitleaks:allow -- mine\n", token(seed));
    let found = findings(&[
        ("base.env", lines("1")),
        ("head.env", lines("2")),
        ("new.env", inline("3")),
        ("old.env", inline("4")),
        ("both.env", lines("5")),
    ]);
    let base = ignoring("* base.env -- known\n* both.env -- known\n");
    let head = ignoring("* head.env as=false_positive -- proposed\n* both.env -- changed\n* nothing.env\n");
    let view = View { is_new_comment: &|f| f.location.path == "new.env", ..View::whole(TODAY) };
    let triaged = base.apply_with(Some(&head), &found, &view);
    let open: Vec<&str> = triaged.open.iter().map(|f| f.location.path.as_str()).collect();
    assert_eq!(open, ["head.env", "new.env"]);
    let proposed: Vec<_> = triaged
        .proposed
        .iter()
        .map(|(f, s)| (f.location.path.as_str(), s.source.as_str(), s.decision.state.as_str(), s.decision.reason.as_deref()))
        .collect();
    assert_eq!(
        proposed,
        [("head.env", "ignore_file", "false_positive", Some("proposed")), ("new.env", "inline", "accepted", Some("mine"))]
    );
    assert_eq!(triaged.suppressed.len(), 3);
    assert_eq!(stale(&triaged), ["ignore_file unused ignore:3 * nothing.env"]);
    // A comment takes nothing away from what counts already.
    let policy = with_baseline(baseline_of(&found));
    assert_eq!(policy.apply(&found, &view).suppressed.len(), 5);
    // What the head takes away counts until it is merged.
    let found = findings(&[("base.env", lines("1"))]);
    assert_eq!(base.apply_with(Some(&Policy::default()), &found, &view).suppressed.len(), 1);
}

#[test]
fn every_place_of_a_finding_must_be_allowed() {
    let secret = token("1");
    let allowed = "# keysift:allow";
    for (text, open) in [
        (format!("T={secret} {allowed}\nU={secret} {allowed}\n"), 0),
        (format!("T={secret} {allowed}\nU={secret}\n"), 1),
        (format!("T={secret}\nU={secret} {allowed}\n"), 1),
        (format!("T={secret} {allowed} aws-*\nU={secret} {allowed}\n"), 1),
        (format!("T={secret} {allowed}\nU={secret} {allowed} aws-*\n"), 1),
        (format!("T={secret} {allowed} github-pat-classic\nU={secret} {allowed} github-*\n"), 0),
    ] {
        let found = findings(&[("a.env", text.clone())]);
        assert_eq!(found.len(), 1);
        let triaged = Policy::default().apply(&found, &View::whole(TODAY));
        assert_eq!(triaged.open.len(), open, "{}", text.replace(&secret, "…"));
    }
}
