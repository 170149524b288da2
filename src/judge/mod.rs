//! Is this candidate a secret? Every signal gives its reason and its weight; the score is their sum, nothing is dropped
//! in silence.
//!
//! Judgement is a function of the candidate, the 256 bytes around it, and the path.
//!
//! - `reference`: the value names a secret that is kept elsewhere
//! - `placeholder`: the value stands in for a secret
//! - `sample`: the value is published by its vendor as a sample
//! - `expression`: the value is code that computes something
//! - `name`: what the name says of the value
//! - `shape`, `value`, `stock`: what the value's text looks like
//! - `language`: what the line around it is
//! - `weights`: how much each signal of a generic rule counts
//! - `lately`: what came of candidates is remembered for a while
//! - `path`: what kind of file it stands in

mod expression;
mod generic;
mod language;
mod lately;
mod name;
pub mod path;
mod placeholder;
mod reference;
mod sample;
mod shape;
mod stock;
mod value;
pub mod weights;

pub use path::PathClass;

use crate::detect::candidate::CONTEXT;
use crate::detect::{ByteSpan, Candidate};
use crate::rule::structure::{self, Fact, Says, Text};
use crate::rule::{Confidence, Kind, OnFail, Rule};
use lately::Lately;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

/// A candidate with what a judge may look at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub rule: &'static Rule,
    pub candidate: &'a Candidate,
    pub blob: &'a [u8],
    /// `/`-separated, relative; empty where there is none.
    pub path: &'a str,
}

impl<'a> Subject<'a> {
    /// The secret's bytes.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        self.candidate.secret.of(self.blob)
    }

    /// The bytes before the match, at most 256.
    #[must_use]
    pub fn before(&self) -> &'a [u8] {
        let end = self.candidate.span.start;
        &self.blob[end.saturating_sub(CONTEXT)..end]
    }

    /// The bytes after the match, at most 256.
    #[must_use]
    pub fn after(&self) -> &'a [u8] {
        let start = self.candidate.span.end;
        &self.blob[start..self.blob.len().min(start + CONTEXT)]
    }

    /// The match as readers of structure see it.
    #[must_use]
    fn text(&self) -> Text<'a> {
        let span = self.candidate.span.of(self.blob);
        Text { secret: self.value(), span, before: self.before(), after: self.after() }
    }

    /// What stands before the match on its line.
    #[must_use]
    pub fn line_before(&self) -> &'a [u8] {
        let before = self.before();
        &before[before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1)..]
    }
}

/// One thing that spoke for or against a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The signal's stable name.
    pub signal: &'static str,
    /// What it said, in words.
    pub text: Cow<'static, str>,
    /// Its weight: log-odds for generic rules, a change of the score for others.
    pub weight: f32,
}

/// What the judge thinks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// From 0 to 1.
    pub score: f32,
    /// The format proves itself: never lowered.
    pub proven: bool,
    /// What it says of itself limits its score: a vaguer rule that sees it too does not raise that.
    pub limited: bool,
    pub reasons: Vec<Reason>,
    /// What the credential itself tells.
    pub structure: Vec<Fact>,
}

/// The least score of a low, medium and high finding.
pub const LOW: f32 = 0.2;
/// See [`LOW`].
pub const MEDIUM: f32 = 0.5;
/// See [`LOW`].
pub const HIGH: f32 = 0.8;

/// The level of a score; `None` is "judged not a secret".
#[must_use]
pub fn level(score: f32) -> Option<Confidence> {
    match score {
        s if s >= HIGH => Some(Confidence::High),
        s if s >= MEDIUM => Some(Confidence::Medium),
        s if s >= LOW => Some(Confidence::Low),
        _ => None,
    }
}

impl Verdict {
    /// Not a secret, for one reason.
    fn rejected(signal: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { score: 0.0, reasons: vec![Reason { signal, text: text.into(), weight: -1.0 }], ..Self::default() }
    }

    /// Certainly one, for one reason.
    fn proven(signal: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        let reasons = vec![Reason { signal, text: text.into(), weight: 1.0 }];
        Self { score: 1.0, proven: true, reasons, ..Self::default() }
    }

    /// Changes the score by `weight`.
    fn add(&mut self, signal: &'static str, text: impl Into<Cow<'static, str>>, weight: f32) {
        self.score = (self.score + weight).clamp(0.0, 1.0);
        self.reasons.push(Reason { signal, text: text.into(), weight });
    }

    /// A medium or high one: words of all languages stand behind names of all kinds in translations: one level less for what a name alone tells.
    fn in_translations(&mut self) {
        let lowered = if self.score >= HIGH { 0.65 } else { 0.35 };
        self.add("translations", "in a file of translations", lowered - self.score);
    }

    /// Counts what the structure says, where that does not decide by itself.
    fn weigh(&mut self, says: &Says) {
        self.limited = matches!(says, Says::Encrypted | Says::Shown(_) | Says::KnownKey(_));
        match says {
            Says::Broken(why) => self.add("structure", *why, (self.score - 0.25).max(0.25_f32.min(self.score)) - self.score),
            Says::Encrypted => self.add("encrypted", "a passphrase protects it", 0.35 - self.score.max(0.35)),
            Says::Shown(place) => self.add("shown", format!("it stands {place}"), 0.35 - self.score.max(0.35)),
            Says::KnownKey(key) => {
                self.add("known-key", format!("signed with the well-known key `{key}`: anyone can make it"), -0.3);
            }
            Says::Nothing | Says::Proven(_) | Says::Public(_) | Says::Sample(_) => {}
        }
    }

    /// The level, `None` where rejected.
    #[must_use]
    pub fn level(&self) -> Option<Confidence> {
        level(self.score)
    }
}

thread_local! {
    static LATELY: RefCell<Lately<Arc<Verdict>>> = RefCell::default();
}

/// Judges one candidate whose path is not known: the same value in the same surroundings is judged the same.
#[must_use]
pub fn judge_without_path(rule: &'static Rule, candidate: &Candidate, blob: &[u8]) -> Arc<Verdict> {
    let from = candidate.span.start.saturating_sub(CONTEXT);
    let around = ByteSpan::new(from, blob.len().min(candidate.span.end + CONTEXT));
    let judge = || Arc::new(judge(Subject { rule, candidate, blob, path: "" }));
    let of_rule = std::ptr::from_ref(rule).addr() as u64;
    LATELY.with_borrow_mut(|lately| lately.get_or(of_rule, candidate, around, blob, judge))
}

/// Judges one candidate.
#[must_use]
pub fn judge(subject: Subject<'_>) -> Verdict {
    let verdict = judge_unpublished(subject);
    // Most of what generic rules see is no secret anyway.
    let counts = subject.rule.kind != Kind::Generic || verdict.level().is_some();
    match counts.then(|| sample::published(subject.value())).flatten() {
        Some(owner) => Verdict::rejected("published-sample", format!("a sample that {owner} publishes")),
        None => verdict,
    }
}

/// The judgement of what nobody publishes as a sample.
fn judge_unpublished(subject: Subject<'_>) -> Verdict {
    let rule = subject.rule;
    if let (Some(false), Some(OnFail::Reject)) = (subject.candidate.checksum, rule.checksum.map(|c| c.on_fail)) {
        return Verdict::rejected("checksum", "the checksum in it is wrong");
    }
    let structure = rule.structure.map(|kind| structure::read(kind, subject.text())).unwrap_or_default();
    let mut verdict = match &structure.says {
        _ if subject.candidate.checksum == Some(true) => Verdict::proven("checksum", "the checksum in it is right"),
        Says::Proven(why) => Verdict::proven("structure", *why),
        Says::Sample(owner) => Verdict::rejected("published-sample", format!("a sample that {owner} publishes")),
        Says::Public(what) => Verdict::rejected("public", format!("made to be public: {what}")),
        _ => by_signals(subject),
    };
    if rule.kind == Kind::Generic && verdict.score >= MEDIUM && PathClass::of(subject.path) == PathClass::Locale {
        verdict.in_translations();
    }
    if verdict.score > 0.0 {
        verdict.weigh(&structure.says);
        verdict.structure = structure.facts;
    }
    verdict
}

/// The judgement where neither a checksum nor the structure decides.
fn by_signals(subject: Subject<'_>) -> Verdict {
    let (rule, value) = (subject.rule, subject.value());
    if subject.candidate.entropy < rule.entropy {
        let text = format!("entropy {:.2} is below the rule's {:.2}", subject.candidate.entropy, rule.entropy);
        return Verdict::rejected("entropy", text);
    }
    if let Some(system) = reference::system(value, subject) {
        return Verdict::rejected("reference", format!("a reference to {system}, not the secret itself"));
    }
    if let Some(why) = placeholder::stands_in(value) {
        return Verdict::rejected("placeholder", why);
    }
    match rule.kind {
        Kind::Generic => generic::judge(subject),
        Kind::Connection => connection(subject),
        Kind::Provider => specific(subject),
    }
}

/// The judgement of a rule whose format says where the secret is, and nothing of how it looks.
fn connection(subject: Subject<'_>) -> Verdict {
    let decoded = basic_auth_password(subject.value());
    let value = decoded.as_deref().unwrap_or(subject.value());
    if let Some(word) = placeholder::word(value) {
        return Verdict::rejected("placeholder", format!("`{word}` stands in for a password"));
    }
    let mut verdict = specific(subject);
    let verdict_is_medium = verdict.score >= MEDIUM;
    let mut lower = |signal, text: &'static str, weight: f32| verdict.add(signal, text, weight);
    let around = &subject.blob[subject.candidate.span.start..subject.candidate.secret.start];
    if value.len() >= 3 && memchr::memmem::find(around, value).is_some() {
        lower("repeats-user", "the same word as the user or the database", -0.4);
    } else if stock::share(value, b"") == stock::Share::All {
        lower("stock", "made of nothing but stock words", -0.4);
    } else if value.len() <= 3 {
        lower("tiny", "three characters or fewer", -0.3);
    } else if value.iter().all(u8::is_ascii_digit) && value.len() <= 6 {
        lower("short-number", "a short number", -0.3);
    }
    if value.iter().filter(|b| !b.is_ascii()).count() * 3 > value.len() {
        lower("foreign", "text outside ASCII", -0.4);
    }
    if verdict_is_medium && value::is_hash(value) {
        lower("hash", "the hash of a password", -0.3);
    }
    verdict
}

/// The password in `user:password` behind base64, as HTTP's basic authentication sends it.
fn basic_auth_password(value: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
    let colon = pair.iter().position(|b| *b == b':')?;
    pair.iter().all(|b| b.is_ascii_graphic() || *b == b' ').then(|| pair[colon + 1..].to_vec())
}

/// The judgement of a rule whose format says something by itself.
fn specific(subject: Subject<'_>) -> Verdict {
    let base: f32 = match subject.rule.format_confidence {
        Confidence::High => 0.92,
        Confidence::Medium => 0.65,
        Confidence::Low => 0.35,
    };
    let mut verdict = Verdict::default();
    verdict.add("format", format!("the format alone says {}", subject.rule.format_confidence.as_str()), base);
    let value = subject.value();
    if subject.candidate.checksum == Some(false) {
        verdict.add("checksum", "the checksum in it is wrong", 0.3 - base.max(0.3));
    }
    if let Some(word) = placeholder::stop_word(value) {
        verdict.add("stop-word", format!("contains `{word}`"), -0.45);
    }
    if let Some(run) = placeholder::sequence(value) {
        verdict.add("sequence", format!("{run} characters of it count up or repeat"), -0.45);
    }
    verdict
}

#[cfg(test)]
mod tests;
