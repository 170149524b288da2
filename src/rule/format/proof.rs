//! Proofs about patterns, from their syntax trees: every match contains a keyword, and no match is longer than a bound.
//!
//! The prefilter may skip a file only because of the first proof, and windows are sound only because of the second.

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::noncontiguous;
use regex_automata::nfa::thompson::{Compiler, Config, NFA, State};
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::{BTreeSet, HashSet};

use super::model::{Bounds, Run};

/// The most pairs of states looked at before a proof gives up.
const STEP_BUDGET: usize = 4_000_000;

/// Why a pattern could not be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A text that it matches and that has none of the keywords.
    NoKeyword(String),
    /// The match has no bound, or one above the limit (in bytes).
    TooLong(Option<usize>),
    /// The pattern is too large for the proof.
    TooComplex,
    /// No keyword was given and none of 3 bytes or more could be derived.
    NoLiteral,
}

/// The length bound of the pattern's matches in bytes, if there is one.
#[must_use]
pub fn max_len(hir: &Hir) -> Option<usize> {
    hir.properties().maximum_len()
}

/// Proves `hir` against `keywords` (lower case) and `limit`, and tells how far matches reach around a keyword's hit.
///
/// # Errors
/// The first proof that fails.
pub fn bounds(hir: &Hir, keywords: &[String], limit: usize) -> Result<Bounds, Failure> {
    let max_len = match max_len(hir) {
        Some(n) if n <= limit => n,
        other => return Err(Failure::TooLong(other)),
    };
    contains_keyword(hir, keywords)?;
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let shortest = keywords.iter().map(String::len).min().unwrap_or(0);
    let mut before = max_len.saturating_sub(shortest);
    let mut prefix_len = 0;
    for k in 0..pieces.len() {
        prefix_len += max_len_or_zero(&pieces[k]);
        if matches!(pieces[k].kind(), HirKind::Look(_) | HirKind::Empty) || prefix_len < shortest {
            continue;
        }
        let prefix = Hir::concat(pieces[..=k].to_vec());
        if contains_keyword(&prefix, keywords).is_ok() {
            before = prefix_len - shortest;
            break;
        }
    }
    Ok(Bounds {
        before: u32::try_from(before).unwrap_or(u32::MAX),
        max_len: u32::try_from(max_len).unwrap_or(u32::MAX),
        secret: secret(hir),
        needs: needs(hir, keywords),
    })
}

/// Bytes that are rare in source text, the rarest first. Others are in nearly every window.
const RARE: &[u8] = b"~^@%$!&?+|*{}[];<>#\\\"'=:/()";

/// The rarest byte that stands in every match of the pattern, if it says more than that a keyword does.
fn needs(hir: &Hir, keywords: &[String]) -> Option<u8> {
    let needed = in_every_match(hir);
    RARE.iter().copied().find(|b| needed.contains(b) && !keywords.iter().all(|word| word.as_bytes().contains(b)))
}

/// The bytes each of which stands in every match.
fn in_every_match(hir: &Hir) -> BTreeSet<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().copied().collect(),
        HirKind::Class(Class::Bytes(class)) => match class.ranges() {
            [range] if range.start() == range.end() => BTreeSet::from([range.start()]),
            _ => BTreeSet::new(),
        },
        HirKind::Repetition(repetition) if repetition.min > 0 => in_every_match(&repetition.sub),
        HirKind::Capture(group) => in_every_match(&group.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(in_every_match).collect(),
        HirKind::Alternation(parts) => parts.iter().map(in_every_match).reduce(|a, b| &a & &b).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

/// What every secret is that the pattern finds: the group `secret`, else the first one, else the whole match.
fn secret(hir: &Hir) -> Run {
    let mut groups = Vec::new();
    certain_groups(hir, &mut groups);
    let named = groups.iter().find(|g| g.name.as_deref() == Some("secret"));
    match named.or_else(|| groups.iter().find(|g| g.index == 1)) {
        Some(group) => run(&group.sub),
        None if hir.properties().explicit_captures_len() == 0 => run(hir),
        // A group that need not take part in a match says nothing of those without it.
        None => Run::ANY,
    }
}

/// The groups that are part of every match.
fn certain_groups<'a>(hir: &'a Hir, out: &mut Vec<&'a regex_syntax::hir::Capture>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|p| certain_groups(p, out)),
        HirKind::Capture(group) => {
            out.push(group);
            certain_groups(&group.sub, out);
        }
        _ => {}
    }
}

fn run(hir: &Hir) -> Run {
    let mut bytes = [0; 4];
    add_bytes(hir, &mut bytes);
    let least = hir.properties().minimum_len().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Run { bytes, least }
}

/// Adds all bytes that can stand in a match.
fn add_bytes(hir: &Hir, bytes: &mut [u64; 4]) {
    let mut add = |b: u8| bytes[usize::from(b >> 6)] |= 1 << (b & 63);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().copied().for_each(add),
        HirKind::Class(Class::Bytes(class)) => class.ranges().iter().for_each(|r| (r.start()..=r.end()).for_each(&mut add)),
        HirKind::Class(Class::Unicode(_)) => (0..=u8::MAX).for_each(add),
        HirKind::Repetition(repetition) => add_bytes(&repetition.sub, bytes),
        HirKind::Capture(group) => add_bytes(&group.sub, bytes),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|p| add_bytes(p, bytes)),
    }
}

fn max_len_or_zero(hir: &Hir) -> usize {
    hir.properties().maximum_len().unwrap_or(0)
}

/// The pieces that follow one another in `hir`, groups opened.
fn flatten(hir: &Hir, out: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|p| flatten(p, out)),
        HirKind::Capture(group) => flatten(&group.sub, out),
        _ => out.push(hir.clone()),
    }
}

/// Walks the product of the pattern's automaton and the keywords' automaton: a way from start to match that passes no
/// keyword is a counterexample.
fn contains_keyword(hir: &Hir, keywords: &[String]) -> Result<(), Failure> {
    let nfa = Compiler::new()
        .configure(Config::new().utf8(false).nfa_size_limit(Some(16 << 20)))
        .build_from_hir(hir)
        .map_err(|_| Failure::TooComplex)?;
    let words = noncontiguous::Builder::new().ascii_case_insensitive(true).build(keywords).map_err(|_| Failure::TooComplex)?;
    let start = words.start_state(Anchored::No).map_err(|_| Failure::TooComplex)?;
    let mut representative = [false; 256];
    for b in keywords.iter().flat_map(|k| k.bytes()) {
        representative[usize::from(b.to_ascii_lowercase())] = true;
        representative[usize::from(b.to_ascii_uppercase())] = true;
    }
    let mut search = Search { nfa: &nfa, words: &words, representative, nodes: Vec::new(), seen: HashSet::new() };
    search.push(nfa.start_anchored(), start, None);
    search.run()
}

struct Search<'a> {
    nfa: &'a NFA,
    words: &'a noncontiguous::NFA,
    /// The bytes that keywords are made of; all others behave alike.
    representative: [bool; 256],
    nodes: Vec<Node>,
    seen: HashSet<(StateID, u32)>,
}

struct Node {
    state: StateID,
    word: aho_corasick::automaton::StateID,
    from: Option<(usize, Option<u8>)>,
}

impl Search<'_> {
    fn push(&mut self, state: StateID, word: aho_corasick::automaton::StateID, from: Option<(usize, Option<u8>)>) {
        if self.seen.insert((state, word.as_u32())) {
            self.nodes.push(Node { state, word, from });
        }
    }

    fn run(&mut self) -> Result<(), Failure> {
        let mut next = 0;
        while next < self.nodes.len() {
            if self.nodes.len() > STEP_BUDGET {
                return Err(Failure::TooComplex);
            }
            let (state, word) = (self.nodes[next].state, self.nodes[next].word);
            let nfa = self.nfa;
            match nfa.state(state) {
                State::ByteRange { trans } => self.step(next, word, trans.start, trans.end, trans.next),
                State::Sparse(sparse) => {
                    for t in &*sparse.transitions {
                        self.step(next, word, t.start, t.end, t.next);
                    }
                }
                State::Dense(dense) => {
                    for byte in 0..=u8::MAX {
                        if let Some(to) = dense.matches(&[byte], 0) {
                            self.advance(next, word, byte, to);
                        }
                    }
                }
                State::Look { next: to, .. } | State::Capture { next: to, .. } => self.push(*to, word, Some((next, None))),
                State::Union { alternates } => alternates.iter().for_each(|&to| self.push(to, word, Some((next, None)))),
                State::BinaryUnion { alt1, alt2 } => {
                    self.push(*alt1, word, Some((next, None)));
                    self.push(*alt2, word, Some((next, None)));
                }
                State::Fail => {}
                State::Match { .. } => return Err(Failure::NoKeyword(self.text_of(next))),
            }
            next += 1;
        }
        Ok(())
    }

    fn step(&mut self, from: usize, word: aho_corasick::automaton::StateID, start: u8, end: u8, to: StateID) {
        let mut other = None;
        for byte in start..=end {
            if self.representative[usize::from(byte)] {
                self.advance(from, word, byte, to);
            } else {
                other = other.filter(|o: &u8| o.is_ascii_graphic()).or(Some(byte));
            }
        }
        if let Some(byte) = other {
            self.advance(from, word, byte, to);
        }
    }

    fn advance(&mut self, from: usize, word: aho_corasick::automaton::StateID, byte: u8, to: StateID) {
        let word = self.words.next_state(Anchored::No, word, byte);
        if !self.words.is_match(word) {
            self.push(to, word, Some((from, Some(byte))));
        }
    }

    fn text_of(&self, node: usize) -> String {
        let mut bytes = Vec::new();
        let mut at = node;
        while let Some((from, byte)) = self.nodes[at].from {
            bytes.extend(byte);
            at = from;
        }
        bytes.reverse();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Literals of which every match contains one, longest first choice, lower case.
#[must_use]
pub fn derive_keywords(hir: &Hir) -> Option<Vec<String>> {
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let mut extractor = Extractor::new();
    extractor.limit_class(8).limit_repeat(4).limit_total(256);
    let mut best: Option<(usize, Vec<String>)> = None;
    for k in 0..pieces.len() {
        let sequence = extractor.extract(&Hir::concat(pieces[k..].to_vec()));
        let Some(literals) = sequence.literals() else { continue };
        let mut words: Vec<String> = literals
            .iter()
            .map(|l| l.as_bytes().iter().take_while(|b| b.is_ascii()).map(|b| char::from(b.to_ascii_lowercase())).collect())
            .collect();
        words.sort();
        words.dedup();
        // A word that contains another one adds nothing.
        let all = words.clone();
        words.retain(|w| !all.iter().any(|o| o != w && w.contains(o.as_str())));
        let Some(shortest) = words.iter().map(String::len).min() else { continue };
        let worth = shortest.min(12) * 16 / (16 + words.len());
        let better = shortest >= 3 && words.len() <= 24 && best.as_ref().is_none_or(|(w, _)| worth > *w);
        if better && contains_keyword(hir, &words).is_ok() {
            best = Some((worth, words));
        }
    }
    best.map(|(_, words)| words)
}
