//! What stands behind encodings in a blob: each encoded region is written anew and examined like a blob of its own, to a depth.
//! What is found counts where it needs the decoding: all else was found in the blob itself.

use super::{Decoding, Examined, Judged, judge_all, see_again, settle};
use crate::detect::decode::{self, MAX_DECODED, MAX_DEPTH, Region};
use crate::detect::{ByteSpan, Detector, Kept, Scratch, Stretches};
use std::sync::Arc;

/// What the encoded regions of a blob hold.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Those that hold anything, by place.
    regions: Vec<Held>,
    undecoded: bool,
    /// The bytes that were written.
    decoded: u64,
    /// Nothing is new, and nothing went.
    pub(super) is_as_before: bool,
}

/// What an encoded region holds.
#[derive(Debug, Clone)]
struct Held {
    region: Region,
    judged: Arc<[Judged]>,
}

/// The state of one run through a blob.
struct Run<'a> {
    detector: &'a Detector,
    path: Option<&'a str>,
    scratch: &'a mut Scratch,
    /// The bytes that may still be written.
    room: usize,
    /// The bytes that were written.
    decoded: usize,
    undecoded: bool,
}

impl Behind {
    /// Looks behind all regions of `blob`.
    pub(super) fn all(detector: &Detector, blob: &[u8], path: Option<&str>, scratch: &mut Scratch) -> Self {
        let mut run = Run { detector, path, scratch, room: decode::room(blob.len()), decoded: 0, undecoded: false };
        let found = decode::regions(blob, &[ByteSpan::new(0, blob.len())]);
        let regions = found.iter().filter_map(|region| run.held(blob, region, 1)).collect();
        Self { regions, undecoded: run.undecoded, decoded: run.decoded as u64, is_as_before: false }
    }

    /// The same for a `blob` that was made from one of which `old` tells: what is in `shared` stretches is inherited.
    pub(super) fn derived(detector: &Detector, blob: &[u8], old: &Self, shared: &Stretches, scratch: &mut Scratch) -> Self {
        let room = decode::room(blob.len());
        let mut run = Run { detector, path: None, scratch, room, decoded: 0, undecoded: old.undecoded };
        let mut regions: Vec<Held> = Vec::new();
        // Each of them once, in the order in which they were.
        let mut is_whole = true;
        for held in &old.regions {
            let before = regions.len();
            let holding = shared.holding_old(held.region.span, held.region.margin());
            regions.extend(holding.map(|kept| held.moved(kept)));
            is_whole &= regions.len() == before + 1;
        }
        is_whole &= regions.is_sorted_by_key(|held| held.region.span);
        let inherited = regions.len();
        for region in decode::regions(blob, &shared.gaps()) {
            if shared.around(region.span, region.margin()).is_none() && !regions.iter().any(|held| held.region == region) {
                regions.extend(run.held(blob, &region, 1));
            }
        }
        let is_as_before = is_whole && regions.len() == inherited;
        regions.sort_by_key(|held| held.region);
        Self { regions, undecoded: run.undecoded, decoded: run.decoded as u64, is_as_before }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.regions.is_empty() && !self.undecoded
    }

    /// Adds what is held to what stands in the blob as it is.
    pub(super) fn join(&self, examined: &mut Examined, blob: &[u8]) {
        examined.undecoded |= self.undecoded;
        examined.decoded += self.decoded;
        if self.regions.is_empty() {
            return;
        }
        let (found, rejected): (Vec<_>, Vec<_>) =
            self.regions.iter().flat_map(|held| held.judged.iter().cloned()).partition(|j| j.verdict.level().is_some());
        for item in found {
            add(&mut examined.found, item, blob);
        }
        examined.rejected.extend(rejected);
        let found = &examined.found;
        let stands = |item: &Judged| found.iter().any(|f| f.at().overlaps(item.at()));
        examined.rejected.retain(|item| !stands(item));
        examined.found.sort_by_key(|j| (j.at(), j.rule.id));
        examined.rejected.sort_by_key(|j| (j.at(), j.rule.id));
        // Two ways to undo an encoding may come to the same.
        examined.rejected.dedup_by(|a, b| a.at() == b.at() && a.rule.id == b.rule.id && a.value(blob) == b.value(blob));
    }
}

/// Adds a finding that needed decoding to those that stand: one secret is one finding, and of an encoded text and the secret in
/// it the more specific one stands.
fn add(found: &mut Vec<Judged>, mut item: Judged, blob: &[u8]) {
    let at = item.at();
    let mut place = 0;
    while place < found.len() {
        let other = &mut found[place];
        if !other.at().overlaps(at) {
            place += 1;
            continue;
        }
        if other.value(blob) == item.value(blob) {
            return see_again(other, &item);
        }
        // Two secrets behind one stretch, each with its own place there.
        let both_decoded = other.decoding.is_some() && item.decoding.is_some() && !item.value(blob).is_empty();
        if both_decoded && !contains(other.value(blob), item.value(blob)) && !contains(item.value(blob), other.value(blob)) {
            place += 1;
            continue;
        }
        let weight = |j: &Judged| (j.verdict.proven, j.rule.kind, j.verdict.level());
        // A part of a string that goes on is less than the whole.
        let is_part = contains(item.value(blob), other.value(blob));
        if weight(other) > weight(&item) || weight(other) == weight(&item) && !is_part {
            if other.rule.id != item.rule.id && !other.also.iter().any(|r| r.id == item.rule.id) {
                other.also.push(item.rule);
            }
            return;
        }
        let gone = found.remove(place);
        if gone.rule.id != item.rule.id && !item.also.iter().any(|r| r.id == gone.rule.id) {
            item.also.push(gone.rule);
        }
    }
    found.push(item);
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(whole, part).is_some()
}

impl Run<'_> {
    /// What `region` of `text` holds, if anything.
    fn held(&mut self, text: &[u8], region: &Region, depth: usize) -> Option<Held> {
        let judged = self.look(text, region, depth);
        (!judged.is_empty()).then(|| Held { region: *region, judged: judged.into() })
    }

    fn look(&mut self, text: &[u8], region: &Region, depth: usize) -> Vec<Judged> {
        let Some(decoded) = decode::decode(text, region, self.room) else {
            // What comes of nothing is less than what there is room for, else nobody knows.
            self.undecoded |= self.room < region.span.len();
            return Vec::new();
        };
        self.undecoded |= decoded.is_cut;
        self.decoded += decoded.bytes.len();
        self.room = self.room.saturating_sub(decoded.bytes.len());
        let inner = self.examine(&decoded, depth);
        let bytes: Arc<[u8]> = decoded.bytes.as_slice().into();
        let chain: Arc<[&'static str]> = decoded.chain.as_slice().into();
        let all = inner.found.into_iter().chain(inner.rejected);
        all.filter_map(|mut judged| {
            let touched = if judged.decoding.is_some() { judged.at() } else { judged.candidate.span };
            if !decoded.is_changed(touched) {
                return None;
            }
            let at = decoded.source(judged.at());
            judged.decoding = Some(match judged.decoding.take() {
                None => Decoding { text: Arc::clone(&bytes), chain: Arc::clone(&chain), at },
                Some(inner) => {
                    let chain = decoded.chain.iter().chain(inner.chain.iter()).copied().collect();
                    Decoding { text: inner.text, chain, at }
                }
            });
            Some(judged)
        })
        .collect()
    }

    /// Examines a text that was decoded, and what is encoded in it again.
    fn examine(&mut self, decoded: &decode::Decoded, depth: usize) -> Examined {
        let text = &decoded.bytes[..];
        let mut trace = self.detector.trace(text, false, self.scratch);
        // Assignments beside what was decoded were judged where they stand: in a text full of encoded values each would be seen
        // again around each of them. Other candidates may be companions.
        trace.candidates.retain(|c| c.assignment.is_none() || decoded.is_changed(c.span));
        let judged = judge_all(self.detector, trace.candidates, text, self.path);
        let mut examined = settle(judged, trace.out_of_budget, text);
        let regions = decode::regions(text, &[ByteSpan::new(0, text.len())]);
        if depth >= MAX_DEPTH {
            self.undecoded |= regions.iter().any(|region| decode::decode(text, region, MAX_DECODED).is_some());
            return examined;
        }
        let held = regions.iter().filter_map(|region| self.held(text, region, depth + 1)).collect();
        Behind { regions: held, ..Behind::default() }.join(&mut examined, text);
        examined
    }
}

impl Held {
    /// The same in a text that has the stretch that it stands in.
    fn moved(&self, kept: &Kept) -> Self {
        let moved = |judged: &Judged| {
            let mut judged = judged.clone();
            if let Some(decoding) = &mut judged.decoding {
                decoding.at = decoding.at.moved(kept.from, kept.to);
            }
            judged
        };
        let judged = if kept.from == kept.to { Arc::clone(&self.judged) } else { self.judged.iter().map(moved).collect() };
        Self { region: self.region.moved(kept.from, kept.to), judged }
    }
}
