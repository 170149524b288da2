//! Which questions the findings of a run come to: each distinct secret once, to the provider that it belongs to.

use super::protocol;
use crate::finding::group::MATCH;
use crate::finding::{Beside, Finding, IdentityKey, Secret, Verification};
use crate::rule::format::verify::template::names;
use crate::rule::format::verify::{Body, Doubt, PartsOf, Verify};
use crate::rule::{Kind, Rule, RuleSet};
use base64::Engine as _;
use std::collections::{BTreeMap, BTreeSet};

/// How many pairs of a secret and what stands beside it are tried.
pub const MOST_WAYS: usize = 4;

/// One way to ask about a secret: a rule, and the values beside the secret.
#[derive(Clone)]
pub struct Way {
    pub rule: &'static Rule,
    pub verify: Verify,
    pub values: Vec<(&'static str, Secret)>,
}

/// A secret that somebody is asked about.
pub struct Case {
    pub secret: Secret,
    pub provider: &'static str,
    /// The nearest pair first.
    pub ways: Vec<Way>,
    /// Pairs that are not tried.
    pub left_out: usize,
    /// The places of its findings.
    pub findings: Vec<usize>,
    /// What is known without asking.
    pub settled: Option<Verification>,
    /// Names the question, in the cache.
    pub question: String,
}

/// The questions about `findings`; the places in the cases are those in `findings`. `now` is in seconds since 1970.
#[must_use]
pub fn cases<'a>(findings: impl IntoIterator<Item = &'a Finding>, rules: &RuleSet, key: &IdentityKey, now: i64) -> Vec<Case> {
    let mut of_secret: BTreeMap<&Secret, Vec<(usize, &Finding)>> = BTreeMap::new();
    for (place, finding) in findings.into_iter().enumerate() {
        of_secret.entry(&finding.secret).or_default().push((place, finding));
    }
    let mut cases = Vec::new();
    for (secret, all) in of_secret {
        let (of_providers, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, f)| f.rule.kind == Kind::Provider);
        cases.extend(case_of(secret, &of_providers, rules, key, now));
        // A password is the same in two databases without anyone confusing them.
        let mut by_rule: BTreeMap<&str, Vec<(usize, &Finding)>> = BTreeMap::new();
        for (place, finding) in others {
            by_rule.entry(finding.rule.id).or_default().push((place, finding));
        }
        cases.extend(by_rule.values().filter_map(|all| case_of(secret, all, rules, key, now)));
    }
    cases
}

/// The question about one secret; `None` where there is no way to ask.
fn case_of(secret: &Secret, all: &[(usize, &Finding)], rules: &RuleSet, key: &IdentityKey, now: i64) -> Option<Case> {
    if all.iter().all(|(_, f)| f.rule.verify.is_none()) {
        return None;
    }
    let provider = owner(all, rules);
    let mine = |rule: &Rule| rule.kind != Kind::Provider || Some(rule.provider) == provider;
    let asking: Vec<&Finding> = all.iter().map(|(_, f)| *f).filter(|f| f.rule.verify.is_some() && mine(f.rule)).collect();
    let mut case = Case {
        secret: secret.clone(),
        provider: provider.or_else(|| all.first().map(|(_, f)| f.rule.provider)).unwrap_or_default(),
        ways: Vec::new(),
        left_out: 0,
        findings: all.iter().map(|(place, _)| *place).collect(),
        settled: None,
        question: String::new(),
    };
    if asking.is_empty() {
        case.settled = Some(Verification::unknown(Doubt::AmbiguousProvider));
    } else if asking.iter().any(|f| f.rule.verify.is_some_and(|v| !v.trusted)) {
        let why = "rules of a config file ask nobody; those of a --rules file do";
        case.settled = Some(Verification::unknown_because(Doubt::RefusedByPolicy, why));
    } else if has_expired(secret.expose(), now) {
        case.settled = Some(Verification::unknown(Doubt::ExpiredOffline));
    } else {
        let mut missing = None;
        for finding in asking {
            match ways(finding, secret) {
                Ok((ways, left_out)) => {
                    case.left_out += left_out;
                    for way in ways {
                        if !case.ways.iter().any(|w| is_same(w, &way)) {
                            case.ways.push(way);
                        }
                    }
                }
                Err(name) => missing = Some(name),
            }
        }
        case.left_out += case.ways.len().saturating_sub(MOST_WAYS);
        case.ways.truncate(MOST_WAYS);
        if case.ways.is_empty() {
            case.settled = Some(Verification::unknown_because(Doubt::CompanionMissing, missing.unwrap_or_default()));
        }
    }
    case.question = question(&case, key);
    Some(case)
}

/// The same request, whichever rule it comes from.
fn is_same(a: &Way, b: &Way) -> bool {
    let asks = |w: &Way| (w.verify.protocol, w.verify.url, w.verify.headers, w.verify.basic);
    asks(a) == asks(b) && a.values == b.values
}

fn question(case: &Case, key: &IdentityKey) -> String {
    let mut parts: Vec<&[u8]> = vec![case.provider.as_bytes(), case.secret.expose()];
    for way in &case.ways {
        parts.push(way.rule.family().as_bytes());
        for (name, value) in &way.values {
            parts.extend([name.as_bytes(), value.expose()]);
        }
    }
    key.question_id(&parts)
}

/// The one provider that a secret can belong to: of the rules that see it, those that know the format best.
fn owner(all: &[(usize, &Finding)], rules: &RuleSet) -> Option<&'static str> {
    let also = all.iter().flat_map(|(_, f)| &f.also).filter_map(|id| rules.find(id));
    let seeing: Vec<&Rule> = all.iter().map(|(_, f)| f.rule).chain(also).filter(|r| r.kind == Kind::Provider).collect();
    let best = seeing.iter().map(|r| r.format_confidence).max()?;
    let owners: BTreeSet<&'static str> = seeing.iter().filter(|r| r.format_confidence == best).map(|r| r.provider).collect();
    if owners.len() == 1 { owners.first().copied() } else { None }
}

/// The ways to ask about a finding, the nearest values first, and how many are left out; else the name of what is missing.
fn ways(finding: &Finding, secret: &Secret) -> Result<(Vec<Way>, usize), &'static str> {
    let rule = finding.rule;
    let Some(verify) = rule.verify else { return Ok((Vec::new(), 0)) };
    let nothing = [Beside::new()];
    let places = if finding.beside.is_empty() { &nothing[..] } else { &finding.beside };
    let mut ways: Vec<Way> = Vec::new();
    let mut left_out = 0;
    let mut missing = "";
    for beside in places {
        let beside = with_parts(&verify, secret, beside);
        let sets = match verify.protocol {
            Some(protocol) => protocol::values(protocol, &beside),
            None => values(&verify, &beside),
        };
        match sets {
            Ok(sets) => {
                for values in sets {
                    let way = Way { rule, verify, values };
                    if ways.iter().any(|w| is_same(w, &way)) {
                        continue;
                    }
                    if ways.len() < MOST_WAYS {
                        ways.push(way);
                    } else {
                        left_out += 1;
                    }
                }
            }
            Err(name) => missing = name,
        }
    }
    if ways.is_empty() { Err(missing) } else { Ok((ways, left_out)) }
}

/// What stands beside a secret, and what the rule's `parts` find in it.
fn with_parts(verify: &Verify, secret: &Secret, beside: &Beside) -> Beside {
    let mut all = beside.clone();
    let Some((of, pattern)) = verify.parts else { return all };
    let text = match of {
        PartsOf::Secret => Some(secret),
        PartsOf::Match => beside.iter().find(|(name, _)| *name == MATCH).map(|(_, text)| text),
    };
    let Some(text) = text else { return all };
    let regex = crate::detect::compile(pattern);
    let mut captures = regex.create_captures();
    regex.captures(text.expose(), &mut captures);
    for name in regex.group_info().pattern_names(regex_automata::PatternID::ZERO).flatten() {
        if let Some(span) = captures.get_group_by_name(name) {
            // Names of groups are those of the rule, which lives as long as the process.
            let at = pattern.find(&format!("<{name}>")).map(|at| &pattern[at + 1..=at + name.len()]);
            if let Some(name) = at {
                all.insert(0, (name, Secret::new(&text.expose()[span.start..span.end])));
            }
        }
    }
    all
}

/// The names of all placeholders that a request is filled with, but for the secret.
#[must_use]
pub fn placeholders(verify: &Verify) -> Vec<&'static str> {
    let mut templates: Vec<&'static str> = verify.urls().collect();
    templates.extend(verify.headers.iter().chain(verify.query).map(|(_, value)| *value));
    templates.extend(verify.basic.iter().flat_map(|(user, password)| [*user, *password]));
    match verify.body {
        Body::None => {}
        Body::Form(pairs) => templates.extend(pairs.iter().map(|(_, value)| *value)),
        Body::Json(text) => templates.push(text),
    }
    let mut all: Vec<&str> =
        templates.into_iter().flat_map(|t| names(t).collect::<Vec<_>>()).filter(|n| *n != "secret").collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All combinations of the values that placeholders have.
fn values(verify: &Verify, beside: &Beside) -> Result<Vec<Beside>, &'static str> {
    let mut sets: Vec<Beside> = vec![Vec::new()];
    for name in placeholders(verify) {
        let of_name: Vec<&Secret> = beside.iter().filter(|(n, _)| *n == name).map(|(_, value)| value).collect();
        if of_name.is_empty() {
            return Err(name);
        }
        // The nearest of each first; the cap is applied by the caller.
        let mut next = Vec::new();
        for value in of_name.iter().take(2 * MOST_WAYS) {
            next.extend(sets.iter().take(2 * MOST_WAYS).map(|set| {
                let mut set = set.clone();
                set.push((name, (*value).clone()));
                set
            }));
        }
        sets = next;
    }
    Ok(sets)
}

/// Whether a JSON web token says that its time is over.
fn has_expired(secret: &[u8], now: i64) -> bool {
    let Ok(text) = std::str::from_utf8(secret) else { return false };
    let parts: Vec<&str> = text.split('.').collect();
    let [head, payload, _] = parts[..] else { return false };
    if !head.starts_with("eyJ") {
        return false;
    }
    let Ok(json) = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')) else { return false };
    let Ok(claims) = serde_json::from_slice::<serde_json::Value>(&json) else { return false };
    claims["exp"].as_i64().is_some_and(|expires| expires < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_say_they_are_over() {
        let token = |claims: &str| {
            let encode = |t: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(t);
            format!("{}.{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims), "x".repeat(43))
        };
        assert!(has_expired(token(r#"{"exp":1000}"#).as_bytes(), 2000));
        assert!(!has_expired(token(r#"{"exp":3000}"#).as_bytes(), 2000));
        assert!(!has_expired(token(r#"{"sub":"a"}"#).as_bytes(), 2000));
        assert!(!has_expired(b"a.b.c", 2000));
    }
}
