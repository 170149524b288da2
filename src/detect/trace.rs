//! Detection that can be inherited. Versions of a file share most of their text: where a text was made from one that was
//! looked at before, only what is new is looked at again, and what the copied stretches hold moves along.
//!
//! Everything is derived from what is local by its nature, so that the outcome is that of looking at the whole text:
//! - a keyword's hit depends on its own bytes,
//! - the candidates of a merged window on the bytes of the window, one more on each side, and for formats with a closing
//!   marker on the bytes up to it,
//! - an assignment on the bytes from [`REACH_BACK`] before its name to [`REACH_AHEAD`] behind it, where names on both sides of
//!   certain bytes do not touch each other ([`cuts`]).

use super::assignment::{REACH_AHEAD, REACH_BACK, cuts};
use super::candidate::CONTEXT;
use super::prefilter::Hit;
use super::search::Searched;
use super::window::ForRule;
use super::{ByteSpan, Candidate, Detector, Scratch};
use crate::rule::RuleIndex;

/// A stretch of a text that is equal to a stretch of the text it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Where it begins in the old text.
    pub from: usize,
    /// Where it begins in the new one.
    pub to: usize,
    pub len: usize,
}

/// What the detection in a text leaves for those made from it.
#[derive(Debug, Default)]
pub struct Trace {
    len: usize,
    /// By place.
    hits: Vec<Hit>,
    /// By rule, then by place.
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

/// Kept stretches shorter than this are looked at like new text.
const WORTH_KEEPING: usize = 64;

impl Detector {
    /// Looks at all of `bytes`.
    pub fn trace(&self, bytes: &[u8], scratch: &mut Scratch) -> Trace {
        self.retrace(bytes, &Trace::default(), &[], scratch)
    }

    /// Looks at `bytes`, which were made from the text of `old`: `kept` are the stretches that both share, by their places
    /// in `bytes`, apart from each other there. The outcome is that of [`Self::trace`].
    pub fn retrace(&self, bytes: &[u8], old: &Trace, kept: &[Kept], scratch: &mut Scratch) -> Trace {
        let text = Text { bytes, old, kept: Stretches::of(kept, old.len, bytes.len()) };
        let gaps = text.kept.gaps();
        let mut trace = Trace { len: bytes.len(), ..Trace::default() };
        (trace.hits, trace.looked_at) = self.hits(&text, &gaps, scratch);
        self.windows(&text, scratch, &mut trace);
        trace.assignments = trace.candidates.len();
        self.bindings(&text, &gaps, &mut trace);
        trace
    }

    /// All hits of keywords, by place, and how many bytes were looked at for them.
    fn hits(&self, text: &Text<'_>, gaps: &[ByteSpan], scratch: &mut Scratch) -> (Vec<Hit>, u64) {
        let keywords = self.keywords();
        let (mut hits, mut looked_at) = (Vec::new(), 0);
        if keywords.is_empty() {
            return (hits, looked_at);
        }
        let end = |hit: &Hit| keywords.end(hit);
        for kept in &text.kept.kept {
            let first = text.old.hits.partition_point(|h| h.start < kept.from);
            let inside = text.old.hits[first..].iter().take_while(|h| h.start < kept.from + kept.len);
            let whole = inside.filter(|h| end(h) <= kept.from + kept.len);
            hits.extend(whole.map(|h| Hit { start: h.start - kept.from + kept.to, ..*h }));
        }
        let margin = keywords.longest.saturating_sub(1);
        for stretch in widened(gaps, |gap| ByteSpan::new(gap.start.saturating_sub(margin), text.len().min(gap.end + margin))) {
            scratch.hits.clear();
            looked_at += stretch.len() as u64;
            keywords.find(stretch.of(text.bytes), &mut scratch.hits);
            let found = scratch.hits.iter().map(|h| Hit { start: h.start + stretch.start, ..*h });
            hits.extend(found.filter(|h| text.kept.around(ByteSpan::new(h.start, end(h)), 0).is_none()));
        }
        hits.sort_unstable_by_key(|h| (h.start, h.keyword));
        (hits, looked_at)
    }

    /// The candidates of all windows around the hits.
    fn windows(&self, text: &Text<'_>, scratch: &mut Scratch, trace: &mut Trace) {
        let keywords = self.keywords();
        scratch.windows.clear();
        for hit in &trace.hits {
            for index in keywords.rules(hit) {
                scratch.windows.add(index, self.rules().get(index), hit.start, text.len());
            }
        }
        for &index in self.everywhere.iter().filter(|_| text.len() > 0) {
            scratch.windows.add(index, self.rules().get(index), 0, text.len());
        }
        for ForRule { rule, spans } in scratch.windows.merged() {
            let mut search = self.searcher(rule).start(spans.iter().map(|s| s.len()).sum());
            for &span in spans {
                let from = trace.candidates.len();
                let inherited = text.window(rule, span).filter(|(old, _)| search.spend(old.searched.steps));
                let searched = if let Some((old, kept)) = inherited {
                    for place in old.from..old.to {
                        text.inherit(place, kept, trace);
                    }
                    let reach = old.searched.reach - kept.from + kept.to;
                    Some(Searched { reach, ..old.searched })
                } else {
                    let searched = search.window(rule, text.bytes, span, &mut trace.candidates);
                    trace.inherited.resize(trace.candidates.len(), None);
                    searched
                };
                let Some(searched) = searched else {
                    trace.out_of_budget.push(rule);
                    break;
                };
                trace.windows.push(Window { rule, span, searched, from, to: trace.candidates.len() });
            }
        }
    }

    /// The candidates of all assignments.
    fn bindings(&self, text: &Text<'_>, gaps: &[ByteSpan], trace: &mut Trace) {
        let Some(scanner) = self.assignments() else { return };
        let keywords = self.keywords();
        let zones = widened(gaps, |gap| {
            let from = gap.start.saturating_sub(REACH_AHEAD);
            let to = text.len().min(gap.end + REACH_BACK);
            let cut_before = text.bytes[..from].iter().rposition(|b| cuts(*b)).map_or(0, |at| at + 1);
            let cut_behind = text.bytes[to..].iter().position(|b| cuts(*b)).map_or(text.len(), |at| to + at + 1);
            ByteSpan::new(cut_before, cut_behind)
        });
        let old = &text.old.candidates[text.old.assignments..];
        let mut next_zone = zones.iter().peekable();
        let mut clean_from = 0;
        // Zone, clean stretch, zone, …: what is found stays in the order of the names.
        loop {
            let zone = next_zone.next();
            let clean = ByteSpan::new(clean_from, zone.map_or(text.len(), |z| z.start));
            for kept in text.kept.overlapping(clean) {
                let begin = clean.start.max(kept.to) - kept.to + kept.from;
                let end = clean.end.min(kept.to + kept.len) - kept.to + kept.from;
                let first = old.partition_point(|c| name_start(c) < begin);
                for (n, _) in old[first..].iter().enumerate().take_while(|(_, c)| name_start(c) < end) {
                    text.inherit(text.old.assignments + first + n, kept, trace);
                }
            }
            let Some(zone) = zone else { return };
            let first = trace.hits.partition_point(|hit| hit.start < zone.start);
            let inside = trace.hits[first..].iter().take_while(|hit| hit.start < zone.end);
            let fragments = inside.filter_map(|hit| Some((hit.start, keywords.fragment(hit)?)));
            let spans = fragments.map(|(start, fragment)| ByteSpan::new(start, start + fragment.word.len()));
            scanner.scan(text.bytes, spans, &mut trace.candidates);
            for candidate in &trace.candidates[trace.inherited.len()..] {
                trace.inherited.push(text.same_assignment(candidate));
            }
            clean_from = zone.end;
        }
    }
}

/// Where the name of an assignment begins.
fn name_start(candidate: &Candidate) -> usize {
    candidate.assignment.map_or(candidate.span.start, |a| a.name.start)
}

/// A text with what is known of it.
struct Text<'a> {
    bytes: &'a [u8],
    old: &'a Trace,
    kept: Stretches,
}

impl Text<'_> {
    const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The window of the old text that is equal to `span`, with all that its search read.
    fn window(&self, rule: RuleIndex, span: ByteSpan) -> Option<(&Window, &Kept)> {
        let kept = self.kept.around(span, 1)?;
        let there = span.moved(kept.to, kept.from);
        let at = self.old.windows.binary_search_by_key(&(rule, there), |w| (w.rule, w.span)).ok()?;
        let window = &self.old.windows[at];
        let read = ByteSpan::new(span.start, window.searched.reach - kept.from + kept.to);
        self.kept.holds(kept, read, 1).then_some((window, kept))
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

    /// Takes a candidate over from the old text.
    fn inherit(&self, place: usize, kept: &Kept, trace: &mut Trace) {
        let candidate = self.old.candidates[place].moved(kept.from, kept.to);
        let same_context = self.kept.holds(kept, candidate.span, CONTEXT);
        trace.candidates.push(candidate);
        trace.inherited.push(same_context.then(|| u32::try_from(place).ok()).flatten());
    }
}

/// Kept stretches, apart from each other, those that continue each other joined.
struct Stretches {
    kept: Vec<Kept>,
    /// The lengths of the old text and of the new one.
    old_len: usize,
    len: usize,
}

impl Stretches {
    fn of(kept: &[Kept], old_len: usize, len: usize) -> Self {
        let mut stretches: Vec<Kept> = Vec::with_capacity(kept.len());
        for next in kept {
            match stretches.last_mut() {
                Some(last) if last.from + last.len == next.from && last.to + last.len == next.to => last.len += next.len,
                _ => stretches.push(*next),
            }
        }
        stretches.retain(|k| k.len >= WORTH_KEEPING);
        Self { kept: stretches, old_len, len }
    }

    /// Whether both texts begin with this stretch.
    const fn begins(kept: &Kept) -> bool {
        kept.from == 0 && kept.to == 0
    }

    /// Whether both texts end with it.
    const fn ends(&self, kept: &Kept) -> bool {
        kept.from + kept.len == self.old_len && kept.to + kept.len == self.len
    }

    /// What lies between the stretches, seams without a byte between them too.
    fn gaps(&self) -> Vec<ByteSpan> {
        let mut gaps = Vec::with_capacity(self.kept.len() + 1);
        let mut at = 0;
        for kept in &self.kept {
            if !Self::begins(kept) {
                gaps.push(ByteSpan::new(at, kept.to));
            }
            at = kept.to + kept.len;
        }
        if !self.kept.last().is_some_and(|last| self.ends(last)) {
            gaps.push(ByteSpan::new(at, self.len));
        }
        gaps
    }

    /// The stretch that holds `span` and `more` bytes on each side of it, as far as the texts go.
    fn around(&self, span: ByteSpan, more: usize) -> Option<&Kept> {
        let at = self.kept.partition_point(|k| k.to <= span.start).checked_sub(1)?;
        Some(&self.kept[at]).filter(|kept| self.holds(kept, span, more))
    }

    /// Whether `kept` holds `span` and `more` bytes on each side of it, as far as the texts go.
    const fn holds(&self, kept: &Kept, span: ByteSpan, more: usize) -> bool {
        (span.start >= kept.to + more || Self::begins(kept))
            && (span.end + more <= kept.to + kept.len || self.ends(kept) && span.end <= self.len)
    }

    /// The stretches that share a byte with `span`.
    fn overlapping(&self, span: ByteSpan) -> impl Iterator<Item = &Kept> {
        let first = self.kept.partition_point(|k| k.to + k.len <= span.start);
        self.kept[first..].iter().take_while(move |k| k.to < span.end)
    }
}

/// The gaps as wide as `widen` makes them, those that touch joined.
fn widened(gaps: &[ByteSpan], widen: impl Fn(ByteSpan) -> ByteSpan) -> Vec<ByteSpan> {
    let mut out: Vec<ByteSpan> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match out.last_mut() {
            // What is wide enough already needs no second look at where it ends.
            Some(last) if gap.end < last.end && last.end - gap.end >= REACH_BACK => {}
            _ => {
                let wide = widen(*gap);
                match out.last_mut() {
                    Some(last) if wide.start <= last.end => last.end = last.end.max(wide.end),
                    _ => out.push(wide),
                }
            }
        }
    }
    out
}
