//! Detection that can be inherited. Versions of a file share most of their text: where a text was made from one that was
//! looked at before, only what is new is looked at again, and what the copied stretches hold moves along.
//!
//! Everything is derived from what is local by its nature, so that the outcome is that of looking at the whole text:
//! - a keyword's hit depends on its own bytes,
//! - the candidates of a merged window on the bytes of the window, one more on each side, and for formats with a closing
//!   marker on the bytes up to it,
//! - an assignment on the bytes from [`REACH_BACK`] before its name to [`REACH_AHEAD`] behind it, where names on both sides of
//!   certain bytes do not touch each other ([`cuts`]).

use super::assignment::{REACH_AHEAD, REACH_BACK, Seen, cuts};
use super::candidate::CONTEXT;
use super::prefilter::{Hit, Read};
use super::search::Searched;
use super::stretches::{Kept, Stretches, widened};
use super::window::{Merged, Windows};
use super::{ByteSpan, Candidate, Detector, Scratch};
use crate::rule::RuleIndex;

/// What the detection in a text leaves for those made from it.
#[derive(Debug, Default)]
pub struct Trace {
    len: usize,
    /// By place; where nothing is made from the text, those that were needed.
    hits: Vec<Hit>,
    /// By rule, then by place; where nothing is made from the text, none.
    windows: Vec<Window>,
    /// Those of the windows in their order, then those of assignments by the places of their names.
    pub candidates: Vec<Candidate>,
    /// Where those of assignments begin.
    assignments: usize,
    /// Rules whose step budget was used up: their later matches may be missing.
    pub out_of_budget: Vec<RuleIndex>,
    /// For each candidate its place among those of the old text, if it is the same there with all that surrounds it.
    pub inherited: Vec<Option<u32>>,
    /// The bytes that went through the prefilter: what is new, and the margins around it.
    pub looked_at: u64,
}

impl Trace {
    /// The bytes of the text.
    #[must_use]
    pub const fn text_len(&self) -> usize {
        self.len
    }

    /// The hits that begin at or behind `from` and before `to`.
    fn hits(&self, from: usize, to: usize) -> &[Hit] {
        let first = self.hits.partition_point(|hit| hit.start < from);
        let count = self.hits[first..].partition_point(|hit| hit.start < to);
        &self.hits[first..first + count]
    }
}

/// A merged window of a rule, searched.
#[derive(Debug)]
struct Window {
    rule: RuleIndex,
    span: ByteSpan,
    searched: Searched,
    /// Its candidates.
    from: usize,
    to: usize,
}

/// Room for what is new in a version.
const SOME: usize = 8;

impl Detector {
    /// Looks at all of `bytes`, from which others are made if it `is_base`.
    pub fn trace(&self, bytes: &[u8], is_base: bool, scratch: &mut Scratch) -> Trace {
        self.retrace(bytes, &Trace::default(), &Stretches::of(&[], 0, bytes.len()), is_base, scratch)
    }

    /// Looks at `bytes`, which were made from the text of `old` and share `kept` with it. The outcome is that of [`Self::trace`].
    pub fn retrace(&self, bytes: &[u8], old: &Trace, kept: &Stretches, is_base: bool, scratch: &mut Scratch) -> Trace {
        let text = Text { bytes, old, kept };
        let gaps = text.kept.gaps();
        let zones = self.zones(&text, &gaps);
        let mut trace = Trace { len: bytes.len(), ..Trace::default() };
        trace.looked_at = self.find(&text, &gaps, scratch);
        let room = if is_base { (old.hits.len() + scratch.hits.len(), old.windows.len() + SOME) } else { (0, 0) };
        trace.hits.reserve(room.0);
        trace.windows.reserve(room.1);
        trace.candidates.reserve(old.candidates.len() + SOME);
        trace.inherited.reserve(old.candidates.len() + SOME);
        // Around what is new the hits that were there before count as well; the others are for those made from this text.
        let all = [ByteSpan::new(0, bytes.len())];
        for span in if is_base || !text.is_in_step() { &all[..] } else { &zones } {
            self.inherit_hits(&text, *span, &mut trace.hits);
        }
        merge(&mut trace.hits, &scratch.hits);
        self.windows(&text, is_base, scratch, &mut trace);
        trace.assignments = trace.candidates.len();
        self.bindings(&text, &zones, &mut trace);
        trace
    }

    /// Finds the hits that are new, by place, into the scratch; tells how many bytes were looked at for them.
    fn find(&self, text: &Text<'_>, gaps: &[ByteSpan], scratch: &mut Scratch) -> u64 {
        let keywords = self.keywords();
        scratch.hits.clear();
        if keywords.is_empty() {
            return 0;
        }
        let mut looked_at = 0;
        let margin = keywords.longest.saturating_sub(1);
        for stretch in
            widened(gaps, margin, |gap| ByteSpan::new(gap.start.saturating_sub(margin), text.len().min(gap.end + margin)))
        {
            looked_at += stretch.len() as u64;
            let from = scratch.hits.len();
            if text.old.len > 0 {
                keywords.find_again(stretch.of(text.bytes), &mut scratch.lately, &mut scratch.hits);
            } else {
                keywords.find(stretch.of(text.bytes), &mut scratch.hits);
            }
            let mut at = from;
            while let Some(hit) = scratch.hits.get_mut(at) {
                hit.start += stretch.start;
                let span = ByteSpan::new(hit.start, keywords.end(hit));
                if text.kept.around(span, 0).is_some() {
                    scratch.hits.swap_remove(at);
                } else {
                    at += 1;
                }
            }
            scratch.hits[from..].sort_unstable_by_key(by_place);
        }
        looked_at
    }

    /// Appends the hits of the old text that lie in `span` of the new one.
    fn inherit_hits(&self, text: &Text<'_>, span: ByteSpan, hits: &mut Vec<Hit>) {
        for kept in text.kept.overlapping(span) {
            let from = kept.from + span.start.saturating_sub(kept.to);
            let to = kept.from + kept.len - (kept.to + kept.len).saturating_sub(span.end);
            let inside = text.old.hits(from, to).iter().filter(|hit| self.is_whole(hit, kept));
            hits.extend(inside.map(|hit| Hit { start: hit.start - kept.from + kept.to, ..*hit }));
        }
    }

    /// Whether all of a hit of the old text, which begins in it, stands in a kept stretch.
    fn is_whole(&self, hit: &Hit, kept: &Kept) -> bool {
        let end = kept.from + kept.len;
        let keywords = self.keywords();
        hit.start + keywords.longest <= end || keywords.end(hit) <= end
    }

    /// The candidates of all windows around the hits.
    fn windows(&self, text: &Text<'_>, is_base: bool, scratch: &mut Scratch, trace: &mut Trace) {
        let keywords = self.keywords();
        let Scratch { windows, hits: found, known, searched: lately, .. } = scratch;
        windows.clear();
        known.clear();
        let is_in_step = text.is_in_step();
        let hits = if is_in_step {
            self.known_windows(text, windows, known);
            &found[..]
        } else {
            &trace.hits
        };
        for hit in hits {
            for index in keywords.rules(hit) {
                windows.add(index, self.rules().get(index), hit.start, text.len());
            }
        }
        for &index in self.everywhere.iter().filter(|_| text.len() > 0) {
            windows.add(index, self.rules().get(index), 0, text.len());
        }
        for of_rule in windows.merged(known).chunk_by(|a, b| a.rule == b.rule) {
            let rule = of_rule[0].rule;
            let mut search = self.searcher(rule).start(of_rule.iter().map(|w| w.span.len()).sum());
            for &Merged { span, known, .. } in of_rule {
                let from = trace.candidates.len();
                let known = if is_in_step { known } else { text.window(rule, span) };
                let old = known.map(|n| &text.old.windows[n as usize]).filter(|old| search.spend(old.searched.steps));
                let searched = if let Some(old) = old {
                    if let Some(kept) = text.kept.around(span, 1).filter(|_| old.from < old.to) {
                        (old.from..old.to).for_each(|place| text.inherit(place, kept, trace));
                    }
                    let reach = old.searched.reach - old.span.start + span.start;
                    Some(Searched { reach, ..old.searched })
                } else {
                    let searched = search.window_again(rule, text.bytes, span, lately, &mut trace.candidates);
                    trace.inherited.resize(trace.candidates.len(), None);
                    searched
                };
                let Some(searched) = searched else {
                    trace.out_of_budget.push(rule);
                    break;
                };
                if is_base {
                    trace.windows.push(Window { rule, span, searched, from, to: trace.candidates.len() });
                }
            }
        }
    }

    /// The windows of the old text that stand in kept stretches with all that their searches read; of the others the hits that are
    /// left, each with its own window.
    fn known_windows(&self, text: &Text<'_>, windows: &mut Windows, known: &mut Vec<Merged>) {
        let keywords = self.keywords();
        for (n, old) in (0..).zip(&text.old.windows) {
            let before = known.len();
            known.extend(text.moved(old).map(|span| Merged { rule: old.rule, span, known: Some(n) }));
            if known.len() > before && !text.kept.is_shared(old.span) {
                continue;
            }
            let rule = self.rules().get(old.rule);
            for hit in text.old.hits(old.span.start, old.span.end) {
                if keywords.rules(hit).all(|index| index != old.rule) {
                    continue;
                }
                for kept in text.kept.around_old(hit.start).filter(|kept| self.is_whole(hit, kept)) {
                    let start = hit.start - kept.from + kept.to;
                    let is_known = known[before..].iter().any(|w| w.span.start <= start && start < w.span.end);
                    if !is_known {
                        windows.add(old.rule, rule, start, text.len());
                    }
                }
            }
        }
        if !text.kept.in_order() {
            known.sort_unstable_by_key(|w| (w.rule, w.span));
        }
    }

    /// The stretches in which names may bind something that they did not bind before.
    fn zones(&self, text: &Text<'_>, gaps: &[ByteSpan]) -> Vec<ByteSpan> {
        if self.assignments().is_none() {
            return Vec::new();
        }
        widened(gaps, REACH_BACK, |gap| {
            let from = gap.start.saturating_sub(REACH_AHEAD);
            let to = text.len().min(gap.end + REACH_BACK);
            let cut_before = text.bytes[..from].iter().rposition(|b| cuts(*b)).map_or(0, |at| at + 1);
            let cut_behind = text.bytes[to..].iter().position(|b| cuts(*b)).map_or(text.len(), |at| to + at + 1);
            ByteSpan::new(cut_before, cut_behind)
        })
    }

    /// The candidates of all assignments. Notes at hits what was read of them.
    fn bindings(&self, text: &Text<'_>, zones: &[ByteSpan], trace: &mut Trace) {
        let Some(scanner) = self.assignments() else { return };
        let keywords = self.keywords();
        let old = &text.old.candidates[text.old.assignments..];
        let mut hits = std::mem::take(&mut trace.hits);
        let mut clean_from = 0;
        // Clean stretch, zone, clean stretch, …: what is found stays in the order of the names.
        for zone in zones.iter().copied().chain([ByteSpan::new(text.len(), text.len())]) {
            let clean = ByteSpan::new(clean_from, zone.start);
            for kept in text.kept.overlapping(clean) {
                let begin = clean.start.max(kept.to) - kept.to + kept.from;
                let end = clean.end.min(kept.to + kept.len) - kept.to + kept.from;
                let first = old.partition_point(|c| name_start(c) < begin);
                for (n, _) in old[first..].iter().enumerate().take_while(|(_, c)| name_start(c) < end) {
                    text.inherit(text.old.assignments + first + n, kept, trace);
                }
            }
            clean_from = zone.end;
            let first = hits.partition_point(|hit| hit.start < zone.start);
            let mut at = zone.start;
            for hit in hits[first..].iter_mut().take_while(|hit| hit.start < zone.end) {
                let Some(fragment) = keywords.fragment(hit) else { continue };
                if hit.start < at {
                    // What was made of it when it stood for itself is no longer so.
                    hit.read = Read::default();
                    continue;
                }
                if let Some(kept) = text.stands_as_read(hit) {
                    at = hit.start + usize::from(hit.read.name_end);
                    let there = ByteSpan::new(hit.start, hit.start + fragment.word.len()).moved(kept.to, kept.from);
                    if let Some(n) = assigned(old, there, hit.read) {
                        text.inherit(text.old.assignments + n, kept, trace);
                    }
                    continue;
                }
                let span = ByteSpan::new(hit.start, hit.start + fragment.word.len());
                let seen = scanner.scan_one(text.bytes, span, &mut trace.candidates);
                at = seen.name_end;
                hit.read = read(hit.start, seen);
                for candidate in &trace.candidates[trace.inherited.len()..] {
                    trace.inherited.push(text.same_assignment(candidate));
                }
            }
        }
        trace.hits = hits;
    }
}

/// The place of the assignment that was read around a fragment, if anything was bound. Names with a word before them begin where others
/// do, but no two end at the same place.
fn assigned(candidates: &[Candidate], fragment: ByteSpan, read: Read) -> Option<usize> {
    let name_end = fragment.start + usize::from(read.name_end);
    let before = candidates.partition_point(|c| name_start(c) <= fragment.start);
    let mut near = candidates[..before].iter().rev().take_while(|c| name_start(c) + REACH_BACK > fragment.start);
    let is_its = |name: ByteSpan| fragment.start < name.end && name.end.max(fragment.end) == name_end;
    let back = near.position(|c| c.assignment.is_some_and(|a| is_its(a.name)))?;
    Some(before - 1 - back)
}

/// What was seen, from where the hit begins; nothing where it goes on further than can be noted.
fn read(start: usize, seen: Seen) -> Read {
    let end = u16::try_from(seen.end - start);
    let name_end = u16::try_from(seen.name_end - start);
    end.ok().zip(name_end.ok()).map(|(end, name_end)| Read { end, name_end }).unwrap_or_default()
}

/// Where the name of an assignment begins.
fn name_start(candidate: &Candidate) -> usize {
    candidate.assignment.map_or(candidate.span.start, |a| a.name.start)
}

/// A text with what is known of it.
struct Text<'a> {
    bytes: &'a [u8],
    old: &'a Trace,
    kept: &'a Stretches,
}

impl Text<'_> {
    const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all windows of the old text are known and easily followed; else each is looked up by its place in the new one.
    fn is_in_step(&self) -> bool {
        self.kept.is_sparse() && self.old.out_of_budget.is_empty()
    }

    /// The place of the window of the old text that is equal to `span`, with all that its search read.
    fn window(&self, rule: RuleIndex, span: ByteSpan) -> Option<u32> {
        let kept = self.kept.around(span, 1)?;
        let there = span.moved(kept.to, kept.from);
        let at = self.old.windows.binary_search_by_key(&(rule, there), |w| (w.rule, w.span)).ok()?;
        let read = ByteSpan::new(span.start, self.old.windows[at].searched.reach - kept.from + kept.to);
        u32::try_from(at).ok().filter(|_| self.kept.holds(kept, read, 1))
    }

    /// Where a window of the old text stands in the new one with all that its search read.
    fn moved(&self, old: &Window) -> impl Iterator<Item = ByteSpan> {
        let read = ByteSpan::new(old.span.start, old.searched.reach);
        let span = old.span;
        self.kept.around_old(span.start).filter_map(move |kept| {
            let fits = read.end <= kept.from + kept.len && self.kept.holds(kept, read.moved(kept.from, kept.to), 1);
            fits.then(|| span.moved(kept.from, kept.to))
        })
    }

    /// The place of an assignment of the old text that is the same with all that surrounds it.
    fn same_assignment(&self, candidate: &Candidate) -> Option<u32> {
        let kept = self.kept.around(candidate.span, CONTEXT)?;
        let there = candidate.moved(kept.to, kept.from);
        let old = &self.old.candidates[self.old.assignments..];
        let first = old.partition_point(|c| name_start(c) < name_start(&there));
        let n = old[first..].iter().take_while(|c| name_start(c) == name_start(&there)).position(|c| *c == there)?;
        u32::try_from(self.old.assignments + first + n).ok()
    }

    /// The kept stretch that holds a hit of a name with all that was read of it, and as much before it as counts.
    fn stands_as_read(&self, hit: &Hit) -> Option<&Kept> {
        let read = ByteSpan::new(hit.start, hit.start + usize::from(hit.read.end));
        let kept = self.kept.around(read, 0).filter(|_| !read.is_empty())?;
        (read.start >= kept.to + REACH_BACK || Stretches::begins(kept)).then_some(kept)
    }

    /// Takes a candidate over from the old text.
    fn inherit(&self, place: usize, kept: &Kept, trace: &mut Trace) {
        let candidate = self.old.candidates[place].moved(kept.from, kept.to);
        let same_context = self.kept.holds(kept, candidate.span, CONTEXT);
        trace.candidates.push(candidate);
        trace.inherited.push(same_context.then(|| u32::try_from(place).ok()).flatten());
    }
}

fn by_place(hit: &Hit) -> (usize, u32) {
    (hit.start, hit.keyword)
}

/// Merges `more` into `hits`; both are sorted by place.
fn merge(hits: &mut Vec<Hit>, more: &[Hit]) {
    let (mut old, mut new) = (hits.len(), more.len());
    hits.extend_from_slice(more);
    while old > 0 && new > 0 {
        let is_behind = by_place(&hits[old - 1]) > by_place(&more[new - 1]);
        hits[old + new - 1] = if is_behind { hits[old - 1] } else { more[new - 1] };
        if is_behind { old -= 1 } else { new -= 1 }
    }
    hits[..new].copy_from_slice(&more[..new]);
}
