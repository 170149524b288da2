//! `keysift rules test`: every example through the whole detector, every counterexample against all rules.

use crate::detect::{Detector, Scratch};
use crate::examine::{Examined, examine};
use crate::rule::{Rule, RuleSet, template};

/// What a test of one rule found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub rule: &'static str,
    pub message: String,
}

/// Tests `rules` in the company of all rules of `detector`.
#[must_use]
pub(super) fn test(detector: &Detector, rules: &[&'static Rule]) -> Vec<Failed> {
    let mut scratch = Scratch::default();
    let mut failed = Vec::new();
    for rule in rules {
        let mut fail = |message: String| failed.push(Failed { rule: rule.id, message });
        for (n, example) in rule.examples.iter().enumerate() {
            let seed = format!("{}/{n}", rule.id);
            match template::example(example, &seed, rule.checksum.map(|c| c.kind)) {
                Err(e) => fail(format!("example {}: {e}", n + 1)),
                Ok((secret, text)) => {
                    if !example.text.contains("{{secret}}") {
                        fail(format!("example {}: the text has no {{{{secret}}}}", n + 1));
                    }
                    let examined = examine(detector, text.as_bytes(), Some(""), &mut scratch);
                    if let Some(message) = missing(rule, &secret, &text, &examined) {
                        fail(format!("example {}: {message}", n + 1));
                    }
                }
            }
        }
        #[cfg(feature = "verify")]
        if let Err(message) = request_of(rule, detector.rules()) {
            fail(format!("verify: {message}"));
        }
        for (n, counterexample) in rule.counterexamples.iter().enumerate() {
            let text = match template::counterexample(counterexample.text, &format!("{}/-{n}", rule.id)) {
                Ok(text) => text,
                Err(e) => {
                    fail(format!("counterexample {}: {e}", n + 1));
                    continue;
                }
            };
            for found in examine(detector, text.as_bytes(), Some(""), &mut scratch).found {
                if !counterexample.but.contains(&found.rule.id) {
                    let secret = String::from_utf8_lossy(found.value(text.as_bytes())).into_owned();
                    fail(format!(
                        "counterexample {}: `{}` finds `{secret}` ({})",
                        n + 1,
                        found.rule.id,
                        told(&found.verdict.reasons)
                    ));
                }
            }
        }
    }
    failed
}

/// Whether the request of a rule can be made from its first example, with what its companions' first examples give.
#[cfg(feature = "verify")]
fn request_of(rule: &'static Rule, rules: &RuleSet) -> Result<(), String> {
    use crate::finding::{Secret, group::MATCH};
    use crate::verify::plan::{placeholders, with_parts};
    use crate::verify::request::{Values, fill};
    let Some(verify) = rule.verify.filter(|v| v.protocol.is_none()) else { return Ok(()) };
    let filled = |rule: &'static Rule| {
        let example = rule.examples.first().ok_or_else(|| format!("`{}` has no example", rule.id))?;
        template::example(example, &format!("{}/0", rule.id), rule.checksum.map(|c| c.kind)).map_err(|e| e.to_string())
    };
    let (secret, text) = filled(rule)?;
    let secret = Secret::new(secret.as_bytes());
    let mut named = with_parts(&verify, &secret, &vec![(MATCH, Secret::new(text.as_bytes()))]);
    for near in rule.near.iter().filter(|n| placeholders(&verify).contains(&n.name)) {
        let companion = rules.find(near.rule).ok_or_else(|| format!("there is no rule `{}`", near.rule))?;
        named.push((near.name, Secret::new(filled(companion)?.0.as_bytes())));
    }
    for url in verify.urls() {
        fill(&verify, url, None, Values { secret: &secret, named: &named })
            .map_err(|e| format!("the request cannot be made from the first example: {} {}", e.doubt.as_str(), e.detail))?;
    }
    Ok(())
}

/// Why the secret of an example was not found by its rule.
fn missing(rule: &Rule, secret: &str, text: &str, examined: &Examined) -> Option<String> {
    let of = |j: &crate::examine::Judged| String::from_utf8_lossy(j.value(text.as_bytes())).into_owned();
    if examined.found.iter().any(|j| j.rule.id == rule.id && (of(j) == secret || secret.contains(&of(j)) && of(j).len() >= 4)) {
        return None;
    }
    let also = examined.found.iter().find(|j| j.also.iter().any(|r| r.id == rule.id));
    if let Some(other) = also {
        return Some(format!("it is found, but `{}` takes precedence", other.rule.id));
    }
    if let Some(rejected) = examined.rejected.iter().find(|j| j.rule.id == rule.id) {
        return Some(format!("`{}` is judged not a secret: {}", of(rejected), told(&rejected.verdict.reasons)));
    }
    if let Some(part) = examined.found.iter().find(|j| j.rule.id == rule.id) {
        return Some(format!("it finds `{}` instead of `{secret}`", of(part)));
    }
    if let Some(other) = examined.found.first() {
        return Some(format!("not found; `{}` finds `{}`", other.rule.id, of(other)));
    }
    Some(format!("`{secret}` is not found"))
}

fn told(reasons: &[crate::judge::Reason]) -> String {
    reasons.iter().map(|r| format!("{} {:+.1}", r.signal, r.weight)).collect::<Vec<_>>().join(", ")
}

/// A detector for the catalogue and `own` rules, and the rules to test: the own ones, or all where there are none.
#[must_use]
pub(super) fn prepare(own: Vec<Rule>) -> (Detector, Vec<&'static Rule>) {
    let ids: Vec<&'static str> = own.iter().map(|r| r.id).collect();
    let mut set = RuleSet::built_in();
    set.add(own);
    let chosen = set.iter().map(|(_, r)| r).filter(|r| ids.is_empty() || ids.contains(&r.id)).collect();
    (Detector::new(set), chosen)
}
