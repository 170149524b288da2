//! The built-in rules: each example is found by its rule, each counterexample by none, and each rule says what to do.

use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::rule::{Kind, RuleSet, template};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Every example through the whole detector, in the company of all rules, and what happens to it.
#[test]
fn every_example_is_found_by_its_rule() {
    let begin = Instant::now();
    let detector = Detector::new(RuleSet::built_in());
    let mut scratch = Scratch::default();
    let mut wrong = Vec::new();
    let mut looked = 0;
    for (_, rule) in detector.rules().iter() {
        for (n, example) in rule.examples.iter().enumerate() {
            let (secret, text) =
                template::example(example, &format!("{}/{n}", rule.id), rule.checksum.map(|c| c.kind)).expect(rule.id);
            assert!(example.text.contains("{{secret}}"), "{}: example {} has no {{{{secret}}}}", rule.id, n + 1);
            let examined = examine(&detector, text.as_bytes(), None, &mut scratch);
            // A part of the example's secret will do: some examples take a certificate or a pair as one.
            let found = examined.found.iter().any(|j| {
                let found = j.value(text.as_bytes());
                j.rule.id == rule.id && found.len() >= 4 && secret.as_bytes().windows(found.len()).any(|w| w == found)
            });
            if !found {
                let others: Vec<&str> = examined.found.iter().map(|j| j.rule.id).collect();
                wrong.push(format!("{} example {}: found by {others:?}", rule.id, n + 1));
            }
            looked += 1;
        }
    }
    assert!(looked > 900, "{looked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn every_counterexample_is_silent() {
    let begin = Instant::now();
    let detector = Detector::new(RuleSet::built_in());
    let mut scratch = Scratch::default();
    let mut wrong = Vec::new();
    for (_, rule) in detector.rules().iter() {
        for (n, counterexample) in rule.counterexamples.iter().enumerate() {
            let text = template::counterexample(counterexample.text, &format!("{}/-{n}", rule.id)).expect(rule.id);
            for found in examine(&detector, text.as_bytes(), None, &mut scratch).found {
                if !counterexample.but.contains(&found.rule.id) {
                    wrong.push(format!("{} counterexample {}: found by {}", rule.id, n + 1, found.rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[test]
fn every_rule_says_what_it_is_and_what_to_do() {
    for (_, rule) in RuleSet::built_in().iter() {
        let id = rule.id;
        assert!(!rule.name.is_empty() && !rule.provider.is_empty(), "{id}");
        assert!(rule.remedy.steps.len() >= 40, "{id}: {}", rule.remedy.steps);
        assert!(rule.remedy.steps.ends_with('.'), "{id}: steps are sentences");
        assert!(rule.url.is_empty() || rule.url.starts_with("https://"), "{id}: {}", rule.url);
        assert!(rule.examples.len() >= 2 || rule.pattern.is_none() && rule.path.is_some(), "{id}");
        assert!(!rule.counterexamples.is_empty() || rule.pattern.is_none() && rule.path.is_some(), "{id}");
        assert!((0.0..8.0).contains(&rule.entropy), "{id}");
        assert!(rule.assignment.is_none() || rule.kind == Kind::Generic, "{id}");
    }
}

#[test]
fn ids_are_unique_and_well_formed_former_ones_too() {
    let rules = RuleSet::built_in();
    let mut seen = BTreeSet::new();
    for (_, rule) in rules.iter() {
        for id in std::iter::once(&rule.id).chain(rule.formerly) {
            assert!(seen.insert(*id), "`{id}` stands twice");
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
            assert!(!id.starts_with('-') && !id.ends_with('-') && !id.contains("--"), "{id}");
        }
    }
}

#[test]
fn rules_name_each_other_rightly() {
    let rules = RuleSet::built_in();
    for (_, rule) in rules.iter() {
        for near in rule.near {
            assert!(rules.iter().any(|(_, r)| r.id == near.rule), "{} asks for {}", rule.id, near.rule);
            assert!(near.within_lines > 0 && near.rule != rule.id, "{}", rule.id);
        }
        for but in rule.counterexamples.iter().flat_map(|c| c.but) {
            assert!(rules.iter().any(|(_, r)| r.id == *but), "{} excepts {but}", rule.id);
        }
    }
}

/// What the prefilter and the windows rely on; the build script proved it, this says it of what is in the binary.
#[test]
fn keywords_and_bounds_are_what_the_detector_relies_on() {
    for (_, rule) in RuleSet::built_in().iter().filter(|(_, r)| r.pattern.is_some()) {
        assert!(!rule.keywords.is_empty(), "{}", rule.id);
        for keyword in rule.keywords {
            assert!(keyword.len() >= 2 && keyword.is_ascii(), "{}: {keyword}", rule.id);
            assert_eq!(*keyword, keyword.to_ascii_lowercase(), "{}", rule.id);
        }
        assert!(rule.bounds.max_len > 0 && rule.bounds.before < rule.bounds.max_len, "{}", rule.id);
    }
}

/// Two rules with the same pattern would fight for each finding.
#[test]
fn no_pattern_stands_twice() {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, rule) in RuleSet::built_in().iter() {
        if let Some(pattern) = rule.pattern.filter(|_| rule.path.is_none())
            && let Some(other) = seen.insert(pattern, rule.id)
        {
            panic!("{} and {other} have the same pattern", rule.id);
        }
    }
}

/// A secret in an example is made by a template: no finished token stands in a rule file.
#[test]
fn examples_hold_templates_and_no_tokens() {
    for (_, rule) in RuleSet::built_in().iter().filter(|(_, r)| r.kind != Kind::Generic) {
        for example in rule.examples {
            assert!(example.secret.contains('{'), "{}: `{}` is a finished token", rule.id, example.secret);
        }
    }
}
