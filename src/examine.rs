//! One blob, looked at whole: candidates, companions, judgement, and which of overlapping candidates stands.

use crate::detect::entropy::shannon;
use crate::detect::{ByteSpan, Candidate, Detector, Scratch};
use crate::judge::{self, Reason, Subject, Verdict};
use crate::rule::format::model::MAX_MATCH;
use crate::rule::{Confidence, Kind, Rule, RuleIndex};

/// A candidate that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    pub candidate: Candidate,
    pub rule: &'static Rule,
    pub verdict: Verdict,
    /// Rules that see the same secret and stand back.
    pub also: Vec<&'static Rule>,
    /// Other credentials that belong to it: the name under which the rule asks for them, and where they stand.
    pub companions: Vec<(&'static str, ByteSpan)>,
}

/// All that a blob gave.
#[derive(Debug, Default)]
pub struct Examined {
    /// Findings at any level, by position.
    pub found: Vec<Judged>,
    /// Judged not a secret, by position.
    pub rejected: Vec<Judged>,
    /// Rules whose step budget was used up.
    pub out_of_budget: Vec<RuleIndex>,
}

/// Examines `blob`, which stands at `path` (`/`-separated; empty where it has none, `None` where it is not known yet: rules
/// that ask for a path then count everywhere, and the caller asks them later).
pub fn examine(detector: &Detector, blob: &[u8], path: Option<&str>, scratch: &mut Scratch) -> Examined {
    let detected = detector.detect(blob, scratch);
    let mut judged: Vec<Judged> = Vec::with_capacity(detected.candidates.len());
    for candidate in &detected.candidates {
        let rule = detector.rules().get(candidate.rule);
        if rule.path.zip(path).is_some_and(|(pattern, path)| !path_matches(pattern, path)) {
            continue;
        }
        let verdict = judge::judge(Subject { rule, candidate, blob, path: path.unwrap_or_default() });
        judged.push(Judged { candidate: candidate.clone(), rule, verdict, also: Vec::new(), companions: Vec::new() });
    }
    judge_by_path(detector, blob, path.unwrap_or_default(), &mut judged);
    join_companions(&mut judged, blob);
    let mut examined = resolve(judged);
    examined.out_of_budget = detected.out_of_budget;
    examined
}

/// Rules that have a `path` and no pattern: the file itself is the finding, its content the secret.
fn judge_by_path(detector: &Detector, blob: &[u8], path: &str, judged: &mut Vec<Judged>) {
    for (index, rule) in detector.path_rules() {
        if path.is_empty() || blob.is_empty() || !rule.path.is_some_and(|pattern| path_matches(pattern, path)) {
            continue;
        }
        let start = blob.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
        let end = blob.len().min(start + MAX_MATCH as usize);
        let len = blob[start..end].trim_ascii_end().len();
        if len == 0 {
            continue;
        }
        let secret = ByteSpan::new(start, start + len);
        let candidate =
            Candidate { rule: index, span: secret, secret, entropy: shannon(secret.of(blob)), checksum: None, assignment: None };
        let verdict = judge::judge(Subject { rule, candidate: &candidate, blob, path });
        judged.push(Judged { candidate, rule, verdict, also: Vec::new(), companions: Vec::new() });
    }
}

/// Whether a rule's `path` pattern matches.
#[must_use]
pub fn path_matches(pattern: &str, path: &str) -> bool {
    use std::cell::RefCell;
    use std::collections::HashMap;
    thread_local! {
        static COMPILED: RefCell<HashMap<String, regex_automata::meta::Regex>> = RefCell::new(HashMap::new());
    }
    COMPILED.with_borrow_mut(|compiled| {
        compiled.entry(pattern.to_owned()).or_insert_with(|| crate::detect::compile(pattern)).is_match(path.as_bytes())
    })
}

/// Finds what each rule's `near` asks for; without a required companion a candidate is rejected.
fn join_companions(judged: &mut [Judged], blob: &[u8]) {
    if judged.iter().all(|j| j.rule.near.is_empty()) {
        return;
    }
    let places: Vec<(&'static str, ByteSpan, bool)> =
        judged.iter().map(|j| (j.rule.id, j.candidate.secret, j.verdict.score > 0.0)).collect();
    for item in judged.iter_mut().filter(|j| !j.rule.near.is_empty()) {
        for near in item.rule.near {
            let companion = places
                .iter()
                .filter(|(rule, span, usable)| *rule == near.rule && *usable && *span != item.candidate.secret)
                .map(|(_, span, _)| (lines_between(blob, *span, item.candidate.secret), *span))
                .filter(|(lines, _)| *lines <= near.within_lines as usize)
                .min();
            match companion {
                Some((lines, span)) => {
                    item.companions.push((near.name, span));
                    item.verdict.reasons.push(Reason {
                        signal: "companion",
                        text: format!("{} stands {lines} lines away", near.rule),
                        weight: 0.3,
                    });
                    if !item.verdict.proven && item.verdict.score > 0.0 {
                        item.verdict.score = (item.verdict.score + 0.3).min(0.98);
                    }
                }
                None if near.required => {
                    item.verdict.score = 0.0;
                    item.verdict.reasons.push(Reason {
                        signal: "companion",
                        text: format!("no {} within {} lines", near.rule, near.within_lines),
                        weight: -1.0,
                    });
                }
                None => {}
            }
        }
    }
}

fn lines_between(blob: &[u8], a: ByteSpan, b: ByteSpan) -> usize {
    let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
    if first.end >= second.start {
        return 0;
    }
    memchr::memchr_iter(b'\n', &blob[first.end..second.start]).count()
}

/// Among overlapping candidates the most specific stands: proven structure, provider, connection string, generic.
fn resolve(mut judged: Vec<Judged>) -> Examined {
    judged.sort_by(|a, b| {
        rank(b).cmp(&rank(a)).then_with(|| a.candidate.span.cmp(&b.candidate.span)).then_with(|| a.rule.id.cmp(b.rule.id))
    });
    let mut examined = Examined::default();
    let mut vetoes: Vec<ByteSpan> = Vec::new();
    'next: for item in judged {
        let secret = item.candidate.secret;
        for standing in &mut examined.found {
            if standing.candidate.secret.overlaps(secret) {
                // Two views of one secret; a weaker rule's certainty still counts, unless the format's own checksum is wrong.
                if item.verdict.level().is_some() {
                    if standing.candidate.checksum != Some(false) {
                        standing.verdict.score = standing.verdict.score.max(item.verdict.score);
                    }
                    if item.rule.id != standing.rule.id && !standing.also.iter().any(|r| r.id == item.rule.id) {
                        standing.also.push(item.rule);
                    }
                }
                continue 'next;
            }
        }
        let is_vetoed = vetoes.iter().any(|v| v.contains(secret));
        if item.verdict.level().is_none() || is_vetoed {
            // What a checksum proves not to be a token is none under a vaguer name either.
            if item.candidate.checksum == Some(false) {
                vetoes.push(secret);
            }
            examined.rejected.push(item);
        } else {
            examined.found.push(item);
        }
    }
    // A rejected view of a secret that stands under another rule is no news.
    let found = &examined.found;
    examined.rejected.retain(|r| !found.iter().any(|f| f.candidate.secret.overlaps(r.candidate.secret)));
    examined.found.sort_by_key(|j| (j.candidate.secret, j.rule.id));
    examined.rejected.sort_by_key(|j| (j.candidate.secret, j.rule.id));
    examined
}

/// Proven first, then findings before rejected ones within what a checksum can say, then kind, confidence of the format, the
/// length of the secret, and of the text that was needed to recognise it.
fn rank(item: &Judged) -> (bool, bool, Kind, Confidence, usize, usize) {
    let stands = item.verdict.level().is_some() || item.candidate.checksum == Some(false);
    (
        item.verdict.proven,
        stands,
        item.rule.kind,
        item.rule.format_confidence,
        item.candidate.secret.len(),
        item.candidate.span.len(),
    )
}
