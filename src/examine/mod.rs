//! One blob, looked at whole: candidates, companions, judgement, and which of overlapping candidates stands.
//!
//! - here: the blob as it is
//! - `decoded`: what stands behind encodings in it

mod decoded;

use crate::detect::entropy::shannon;
use crate::detect::{ByteSpan, Candidate, Detector, Kept, Scratch, Stretches, Trace};
use crate::judge::{self, Reason, Subject, Verdict};
use crate::rule::format::model::MAX_MATCH;
use crate::rule::structure::Fact;
use crate::rule::{Confidence, Kind, Rule, RuleIndex};
use decoded::Behind;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A candidate that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    pub candidate: Candidate,
    pub rule: &'static Rule,
    pub verdict: Arc<Verdict>,
    /// Rules that see the same secret and stand back.
    pub also: Vec<&'static Rule>,
    /// Other credentials that belong to it: the name under which the rule asks for them, and where they stand.
    pub companions: Vec<(&'static str, ByteSpan)>,
    /// More of the same a little further away, the nearer first: verification tries them too.
    pub others: Vec<(&'static str, ByteSpan)>,
    /// Where its text comes from, where that is not the blob itself: all places of it are places in that text.
    pub decoding: Option<Decoding>,
}

/// The text of a candidate that stands behind an encoding.
#[derive(Debug, Clone)]
pub struct Decoding {
    pub text: Arc<[u8]>,
    /// What was undone, outermost first: `base64`, `gzip`.
    pub chain: Arc<[&'static str]>,
    /// Where in the blob the secret stands, encoded.
    pub at: ByteSpan,
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
    /// Something is encoded more often than is undone, or comes to more than is looked at.
    pub undecoded: bool,
    /// The bytes that were written anew to look at what is encoded.
    pub decoded: u64,
}

/// What the examination of a blob leaves for those made from it.
#[derive(Debug)]
pub struct Memory {
    trace: Trace,
    /// By candidate of the trace.
    verdicts: Vec<Arc<Verdict>>,
    behind: Behind,
}

/// What a blob gave that was made from another one.
#[derive(Debug)]
pub enum Derived {
    /// The same as the other one, moved.
    AsBefore,
    Changed(Examined),
}

/// Examines `blob`, which stands at `path` (`/`-separated; empty where it has none, `None` where it is not known yet: rules
/// that ask for a path then count everywhere, and the caller asks them later).
pub fn examine(detector: &Detector, blob: &[u8], path: Option<&str>, scratch: &mut Scratch) -> Examined {
    examine_again(detector, blob, path, &Known::default(), scratch)
}

/// What is known of a blob that was looked at before.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// All candidates in its text.
    pub candidates: Option<Arc<[Candidate]>>,
    /// Nothing stands behind encodings in it, whatever its path.
    pub is_plain: bool,
}

/// The same for a blob of which something is known.
pub fn examine_again(detector: &Detector, blob: &[u8], path: Option<&str>, known: &Known, scratch: &mut Scratch) -> Examined {
    let (candidates, out_of_budget) = if let Some(candidates) = &known.candidates {
        (candidates.to_vec(), Vec::new())
    } else {
        let trace = detector.trace(blob, false, scratch);
        (trace.candidates, trace.out_of_budget)
    };
    let mut judged = judge_all(detector, candidates, blob, path);
    judge_by_path(detector, blob, path.unwrap_or_default(), &mut judged);
    let mut examined = settle(judged, out_of_budget, blob);
    if !known.is_plain {
        Behind::all(detector, blob, path, scratch).join(&mut examined, blob);
    }
    examined
}

/// Judges the candidates of a text, but those of rules that ask for another path.
fn judge_all(detector: &Detector, candidates: Vec<Candidate>, text: &[u8], path: Option<&str>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let rule = detector.rules().get(candidate.rule);
        if path.is_some_and(|path| !may_stand_at(rule, path)) {
            continue;
        }
        let verdict = verdict(rule, &candidate, text, path.unwrap_or_default());
        judged.push(Judged::of(candidate, rule, verdict));
    }
    judged
}

/// The judgement of a candidate. Without a path it is the same wherever the same text stands around it.
fn verdict(rule: &'static Rule, candidate: &Candidate, blob: &[u8], path: &str) -> Arc<Verdict> {
    if path.is_empty() {
        return judge::judge_without_path(rule, candidate, blob);
    }
    Arc::new(judge::judge(Subject { rule, candidate, blob, path }))
}

/// Examines a `blob` whose path is not known yet, like [`examine`], but looks only at what differs from `made_from`: the
/// blob that it was made from and the stretches that both share. What is left is for blobs made from this one, if it `is_base`.
pub fn examine_derived(
    detector: &Detector,
    blob: &[u8],
    made_from: Option<(&Memory, &[Kept])>,
    is_base: bool,
    scratch: &mut Scratch,
) -> (Derived, Memory) {
    let made_from = made_from.map(|(old, kept)| (old, Stretches::of(kept, old.trace.text_len(), blob.len())));
    let trace = match &made_from {
        Some((old, kept)) => detector.retrace(blob, &old.trace, kept, is_base, scratch),
        None => detector.trace(blob, is_base, scratch),
    };
    let inherited =
        trace.inherited.iter().map(|place| made_from.as_ref().zip(*place).map(|((old, _), at)| &old.verdicts[at as usize]));
    let verdicts: Vec<Arc<Verdict>> = trace
        .candidates
        .iter()
        .zip(inherited)
        .map(|(candidate, inherited)| {
            let judge = || verdict(detector.rules().get(candidate.rule), candidate, blob, "");
            inherited.map_or_else(judge, Arc::clone)
        })
        .collect();
    let behind = match &made_from {
        Some((old, kept)) => Behind::derived(detector, blob, &old.behind, kept, scratch),
        None => Behind::all(detector, blob, None, scratch),
    };
    let memory = Memory { trace, verdicts, behind };
    if made_from.is_some_and(|(old, _)| memory.is_as(old, detector)) {
        return (Derived::AsBefore, memory);
    }
    let all = memory.trace.candidates.iter().zip(&memory.verdicts);
    let judged = all.map(|(c, verdict)| Judged::of(c.clone(), detector.rules().get(c.rule), Arc::clone(verdict))).collect();
    let mut examined = settle(judged, memory.trace.out_of_budget.clone(), blob);
    memory.behind.join(&mut examined, blob);
    (Derived::Changed(examined), memory)
}

impl Memory {
    /// The bytes of the blob itself that went through the prefilter; what stands behind encodings is not counted.
    #[must_use]
    pub const fn looked_at(&self) -> u64 {
        self.trace.looked_at
    }

    /// Whether nothing stands behind encodings in it, whatever its path.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.behind.is_empty()
    }

    /// All candidates in the text itself; nothing where some may be missing.
    #[must_use]
    pub fn candidates(&self) -> Option<&[Candidate]> {
        self.trace.out_of_budget.is_empty().then_some(&self.trace.candidates)
    }

    /// Whether the same candidates stand in the same order, and apart or overlapping, as in the old blob.
    fn is_as(&self, old: &Self, detector: &Detector) -> bool {
        let (new, old) = (&self.trace, &old.trace);
        let same_count =
            new.candidates.len() == old.candidates.len() && new.out_of_budget.is_empty() && old.out_of_budget.is_empty();
        let in_order = || new.inherited.iter().zip(0u32..).all(|(place, n)| *place == Some(n));
        let alone = || new.candidates.iter().all(|c| detector.rules().get(c.rule).near.is_empty());
        let moved = || {
            let mut pairs: Vec<(ByteSpan, ByteSpan)> =
                old.candidates.iter().map(|c| c.span).zip(new.candidates.iter().map(|c| c.span)).collect();
            pairs.sort_unstable();
            let mut ends = (0, 0);
            let mut shift = 0;
            pairs.iter().all(|(before, now)| {
                let apart = before.start >= ends.0 && now.start >= ends.1;
                let by = now.start.wrapping_sub(before.start);
                let fits = apart || by == shift;
                shift = by;
                ends = (ends.0.max(before.end), ends.1.max(now.end));
                fits
            })
        };
        same_count && self.behind.is_as_before && in_order() && alone() && moved()
    }
}

impl Judged {
    const fn of(candidate: Candidate, rule: &'static Rule, verdict: Arc<Verdict>) -> Self {
        Self { candidate, rule, verdict, also: Vec::new(), companions: Vec::new(), others: Vec::new(), decoding: None }
    }

    /// The text that its places are places of: `blob`, or what was decoded from it.
    #[must_use]
    pub fn text<'a>(&'a self, blob: &'a [u8]) -> &'a [u8] {
        self.decoding.as_ref().map_or(blob, |d| &d.text)
    }

    /// The secret.
    #[must_use]
    pub fn value<'a>(&'a self, blob: &'a [u8]) -> &'a [u8] {
        self.candidate.secret.of(self.text(blob))
    }

    /// Where it stands in the blob, encoded or not.
    #[must_use]
    pub fn at(&self) -> ByteSpan {
        self.decoding.as_ref().map_or(self.candidate.secret, |d| d.at)
    }
}

/// What stands of all that was judged in a blob.
fn settle(mut judged: Vec<Judged>, out_of_budget: Vec<RuleIndex>, blob: &[u8]) -> Examined {
    judged.sort_by_key(|j| (j.candidate.span, j.candidate.rule));
    join_companions(&mut judged, blob);
    let mut examined = resolve(judged);
    examined.out_of_budget = out_of_budget;
    examined
}

/// Rules that have a `path` and no pattern: the file itself is the finding, its content the secret.
fn judge_by_path(detector: &Detector, blob: &[u8], path: &str, judged: &mut Vec<Judged>) {
    for (index, rule) in detector.path_rules() {
        if path.is_empty() || blob.is_empty() || !may_stand_at(rule, path) {
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
        judged.push(Judged::of(candidate, rule, Arc::new(verdict)));
    }
}

/// Whether a rule's `path` pattern matches, where it has one.
fn may_stand_at(rule: &'static Rule, path: &str) -> bool {
    use std::collections::HashMap;
    thread_local! {
        static COMPILED: RefCell<HashMap<&'static str, regex_automata::meta::Regex>> = RefCell::new(HashMap::new());
    }
    let Some(pattern) = rule.path else { return true };
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.contains_key(pattern)
            && rule.pattern.is_none()
            // To compile it takes longer than most scans of one file.
            && let Some(found) = crate::detect::follow(rule.program, path.as_bytes())
        {
            return found;
        }
        compiled.entry(pattern).or_insert_with(|| crate::detect::compile(pattern)).is_match(path.as_bytes())
    })
}

/// Finds what each rule's `near` asks for; without a required companion a candidate is rejected. Of several the nearest
/// counts: by lines, then by bytes.
fn join_companions(judged: &mut [Judged], blob: &[u8]) {
    let wanted: BTreeSet<&'static str> = judged.iter().flat_map(|j| j.rule.near).map(|n| n.rule).collect();
    if wanted.is_empty() {
        return;
    }
    let mut places: BTreeMap<&'static str, Vec<ByteSpan>> = BTreeMap::new();
    // What a companion tells, its owner tells too: the account of an id, say.
    let mut facts: BTreeMap<ByteSpan, Vec<Fact>> = BTreeMap::new();
    for j in judged.iter().filter(|j| wanted.contains(j.rule.id) && j.verdict.score > 0.0) {
        places.entry(j.rule.id).or_default().push(j.candidate.secret);
        facts.insert(j.candidate.secret, j.verdict.structure.clone());
    }
    for spans in places.values_mut() {
        spans.sort_unstable();
    }
    let ends = judged.iter().filter(|j| wanted.contains(j.rule.id) || !j.rule.near.is_empty());
    let lines_of = Lines::of(blob, ends.flat_map(|j| [j.candidate.secret.start, j.candidate.secret.end]));
    for item in judged.iter_mut().filter(|j| !j.rule.near.is_empty()) {
        for near in item.rule.near {
            let spans = places.get(near.rule).map_or(&[][..], Vec::as_slice);
            match nearest(spans, item.candidate.secret, &lines_of).filter(|(lines, _)| *lines <= near.within_lines as usize) {
                Some((lines, span)) => {
                    item.companions.push((near.name, span));
                    let told = facts.get(&span).map_or(&[][..], Vec::as_slice);
                    if item.rule.verify.is_some() {
                        let further = others(spans, item.candidate.secret, span, near.within_lines, &lines_of);
                        item.others.extend(further.map(|span| (near.name, span)));
                    }
                    let verdict = Arc::make_mut(&mut item.verdict);
                    verdict.reasons.push(Reason {
                        signal: "companion",
                        text: format!("{} stands {lines} lines away", near.rule).into(),
                        weight: 0.3,
                    });
                    if !verdict.proven && verdict.score > 0.0 {
                        verdict.score = (verdict.score + 0.3).min(0.98);
                    }
                    for fact in told {
                        if !verdict.structure.iter().any(|(name, _)| *name == fact.0) {
                            verdict.structure.push(fact.clone());
                        }
                    }
                }
                None if near.required => {
                    let verdict = Arc::make_mut(&mut item.verdict);
                    verdict.score = 0.0;
                    verdict.reasons.push(Reason {
                        signal: "companion",
                        text: format!("no {} within {} lines", near.rule, near.within_lines).into(),
                        weight: -1.0,
                    });
                }
                None => {}
            }
        }
    }
}

/// How many companions of a kind are told beside the nearest one.
const MOST_OTHERS: usize = 8;

/// Of `spans` (ascending) those within `most` lines of `to`, without `nearest`; the nearer first.
fn others(
    spans: &[ByteSpan],
    to: ByteSpan,
    nearest: ByteSpan,
    most: u32,
    lines: &Lines,
) -> impl Iterator<Item = ByteSpan> + use<> {
    let at = spans.partition_point(|s| s.start < to.start);
    let around = &spans[at.saturating_sub(MOST_OTHERS)..spans.len().min(at + MOST_OTHERS)];
    let mut near: Vec<(usize, ByteSpan)> = around
        .iter()
        .filter(|span| **span != nearest && **span != to)
        .filter(|span| lines.at(span.start).abs_diff(lines.at(to.start)) <= most as usize)
        .map(|span| (span.start.abs_diff(to.start), *span))
        .collect();
    near.sort_unstable();
    near.into_iter().take(MOST_OTHERS).map(|(_, span)| span)
}

/// Of `spans` (ascending) the one nearest to `to`, with the lines between.
fn nearest(spans: &[ByteSpan], to: ByteSpan, lines: &Lines) -> Option<(usize, ByteSpan)> {
    let at = spans.partition_point(|s| s.start < to.start);
    let before = spans[..at].last();
    let after = spans[at..].iter().find(|s| **s != to);
    let measured = before.into_iter().chain(after).map(|span| {
        let (first, second) = if span.start <= to.start { (*span, to) } else { (to, *span) };
        let bytes = second.start.saturating_sub(first.end);
        (if bytes == 0 { 0 } else { lines.at(second.start) - lines.at(first.end) }, bytes, *span)
    });
    measured.min().map(|(lines, _, span)| (lines, span))
}

/// In which lines some places of a text stand, all counted in one pass.
struct Lines(Vec<(usize, usize)>);

impl Lines {
    fn of(text: &[u8], places: impl Iterator<Item = usize>) -> Self {
        let mut places: Vec<usize> = places.collect();
        places.sort_unstable();
        places.dedup();
        let (mut line, mut from) = (0, 0);
        let counted = places.into_iter().map(|at| {
            line += memchr::memchr_iter(b'\n', &text[from..at]).count();
            from = at;
            (at, line)
        });
        Self(counted.collect())
    }

    /// The line of one of the places, from 0.
    fn at(&self, place: usize) -> usize {
        self.0.binary_search_by_key(&place, |(at, _)| *at).map_or(0, |n| self.0[n].1)
    }
}

/// Secrets that stand, apart from each other: where each begins, where it ends, and its place in the list.
#[derive(Default)]
struct Standing(BTreeMap<usize, (usize, usize)>);

impl Standing {
    fn add(&mut self, secret: ByteSpan, place: usize) {
        self.0.insert(secret.start, (secret.end, place));
    }

    /// The places of those that share a byte with `secret`.
    fn overlapping(&self, secret: ByteSpan) -> impl Iterator<Item = usize> {
        let before_its_end = self.0.range(..secret.end).rev();
        before_its_end.take_while(move |(_, (end, _))| *end > secret.start).map(|(_, (_, place))| *place)
    }
}

/// Among overlapping candidates the most specific stands: proven structure, provider, connection string, generic.
fn resolve(mut judged: Vec<Judged>) -> Examined {
    judged.sort_by(|a, b| {
        rank(b).cmp(&rank(a)).then_with(|| a.candidate.span.cmp(&b.candidate.span)).then_with(|| a.rule.id.cmp(b.rule.id))
    });
    let mut examined = Examined::default();
    let mut standing = Standing::default();
    let mut vetoes: BTreeMap<usize, usize> = BTreeMap::new();
    for item in judged {
        let secret = item.candidate.secret;
        if let Some(first) = standing.overlapping(secret).min() {
            see_again(&mut examined.found[first], &item);
            continue;
        }
        // Tokens with a checksum are no longer than a match.
        let from = secret.start.saturating_sub(MAX_MATCH as usize);
        let is_vetoed = vetoes.range(from..=secret.start).any(|(_, end)| *end >= secret.end);
        if item.verdict.level().is_none() || is_vetoed {
            // What a checksum proves not to be a token is none under a vaguer name either.
            if item.candidate.checksum == Some(false) {
                let end = vetoes.entry(secret.start).or_default();
                *end = secret.end.max(*end);
            }
            examined.rejected.push(item);
        } else {
            standing.add(secret, examined.found.len());
            examined.found.push(item);
        }
    }
    // A rejected view of a secret that stands under another rule is no news.
    examined.rejected.retain(|r| standing.overlapping(r.candidate.secret).next().is_none());
    examined.found.sort_by_key(|j| (j.candidate.secret, j.rule.id));
    examined.rejected.sort_by_key(|j| (j.candidate.secret, j.rule.id));
    examined
}

/// Another view of a secret that stands: a weaker rule's certainty still counts, unless the format's own
/// checksum is wrong or it says of itself that it counts for little.
fn see_again(standing: &mut Judged, item: &Judged) {
    if item.verdict.level().is_none() {
        return;
    }
    if standing.candidate.checksum != Some(false) && !standing.verdict.limited && item.verdict.score > standing.verdict.score {
        Arc::make_mut(&mut standing.verdict).score = item.verdict.score;
    }
    if item.rule.id != standing.rule.id && !standing.also.iter().any(|r| r.id == item.rule.id) {
        standing.also.push(item.rule);
    }
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
