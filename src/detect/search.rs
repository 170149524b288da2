//! A rule's regex in the windows of a blob.

use super::candidate::{ByteSpan, Candidate};
use super::entropy::shannon;
use super::follow::{Followed, Program, WORTH_COMPILING};
use super::memo::{Key, Memo};
use super::pattern::{Match, Pattern, compile};
use crate::rule::format::model::MAX_UNTIL;
use crate::rule::{Rule, RuleIndex, checksum};
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps (bytes searched) that a rule may spend on a blob: a constant and a multiple of the bytes in its windows.
const STEPS: usize = 1 << 20;
const STEPS_PER_BYTE: usize = 64;

thread_local! {
    /// What programs use again.
    static FOLLOWED: RefCell<Followed> = RefCell::default();
}

/// Whether what `program` was made of matches somewhere in `text`; `None` where there is no program or it would have to try too much.
#[must_use]
pub fn follow(program: &[u8], text: &[u8]) -> Option<bool> {
    let program = Program::of(program)?;
    let found = FOLLOWED.with_borrow_mut(|followed| program.find(text, ByteSpan::new(0, text.len()), followed));
    found.ok().map(|found| found.is_some())
}

/// A rule to search for. Its program is followed as long as few windows hold what could be a secret of it; then its regex is compiled.
/// Both find the same.
pub(super) struct Searcher {
    rule: &'static Rule,
    program: Option<Program<'static>>,
    /// The steps of the program that were taken.
    taken: AtomicUsize,
    compiled: OnceLock<Compiled>,
}

struct Compiled {
    open: Pattern,
    until: Option<Regex>,
}

impl Searcher {
    pub(super) fn of(rule: &'static Rule) -> Self {
        // What a closing marker ends is rare.
        let program = Program::of(rule.program).filter(|_| rule.until.is_none());
        Self { rule, program, taken: AtomicUsize::new(0), compiled: OnceLock::new() }
    }

    /// The first match in `span` of `bytes`.
    fn find(&self, bytes: &[u8], span: ByteSpan) -> Option<Match> {
        if let Some(program) = self.program.filter(|_| self.taken.load(Ordering::Relaxed) < WORTH_COMPILING) {
            let found = FOLLOWED.with_borrow_mut(|followed| {
                let found = program.find(bytes, span, followed);
                self.taken.fetch_add(followed.steps, Ordering::Relaxed);
                found
            });
            if let Ok(found) = found {
                return found;
            }
        }
        self.compiled().open.find(bytes, span)
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let pattern = self.rule.pattern.expect("only rules with a pattern are searched");
            let open = Pattern::of(pattern, Some(self.rule.bounds.max_len as usize).filter(|longest| *longest > 0));
            Compiled { open, until: self.rule.until.map(compile) }
        })
    }

    /// A search through the windows of one blob, which have `total` bytes together.
    pub(super) fn start(&self, total: usize) -> Search<'_> {
        Search { searcher: self, closing: Closing::default(), steps: STEPS + total.saturating_mul(STEPS_PER_BYTE) }
    }

    fn candidate(&self, rule: RuleIndex, bytes: &[u8], span: ByteSpan, secret: ByteSpan) -> Candidate {
        let text = secret.of(bytes);
        Candidate {
            rule,
            span,
            secret,
            entropy: shannon(text),
            checksum: self.rule.checksum.and_then(|c| checksum::verify(c.kind, text)),
            assignment: None,
        }
    }
}

/// A search of one rule in one blob, under one budget. What it finds in a window depends on that window alone.
pub(super) struct Search<'a> {
    searcher: &'a Searcher,
    closing: Closing,
    /// The steps that are left.
    steps: usize,
}

/// What was found in windows lately, by their places there, and the steps that it took.
pub(super) type Lately = Memo<(usize, Vec<Candidate>)>;

/// What the search of a window took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searched {
    /// Steps of the budget.
    pub steps: usize,
    /// The end of what was looked at: behind the window where closing markers were looked for.
    pub reach: usize,
}

impl Search<'_> {
    /// Takes what the search of an equal window took; `false` where so much is not left.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        let enough = steps <= self.steps;
        if enough {
            self.steps -= steps;
        }
        enough
    }

    /// Appends the candidates that lie in `window`; `None` where the budget was used up.
    pub(super) fn window(
        &mut self,
        index: RuleIndex,
        bytes: &[u8],
        window: ByteSpan,
        candidates: &mut Vec<Candidate>,
    ) -> Option<Searched> {
        if self.lacks(window.of(bytes)) {
            return Some(Searched { steps: 0, reach: window.end });
        }
        self.look(index, bytes, window, candidates)
    }

    /// Whether a text lacks what every match has.
    fn lacks(&self, text: &[u8]) -> bool {
        let bounds = &self.searcher.rule.bounds;
        bounds.needs.is_some_and(|b| memchr::memchr(b, text).is_none()) || !bounds.secret.is_in(text)
    }

    /// The same as [`Self::window`], but what was found in an equal window lately is found again without looking.
    pub(super) fn window_again(
        &mut self,
        index: RuleIndex,
        bytes: &[u8],
        window: ByteSpan,
        lately: &mut Lately,
        candidates: &mut Vec<Candidate>,
    ) -> Option<Searched> {
        let rule = self.searcher.rule;
        if self.lacks(window.of(bytes)) {
            return Some(Searched { steps: 0, reach: window.end });
        }
        // A match depends on the byte before and the one behind, where closing markers are looked for also on what comes then.
        let around = ByteSpan::new(window.start.saturating_sub(1), bytes.len().min(window.end + 1));
        let ends = u64::from(around.start < window.start) | u64::from(window.end < around.end) << 1;
        let what = std::ptr::from_ref(rule).addr() as u64 * 4 + ends;
        let Some(key) = Key::of(what, around.of(bytes)).filter(|_| rule.until.is_none()) else {
            return self.look(index, bytes, window, candidates);
        };
        // Where so many steps are not left, looking finds a part.
        if let Some((steps, found)) = lately.get(key, around.of(bytes)).filter(|(steps, _)| self.spend(*steps)) {
            candidates.extend(found.iter().map(|c| Candidate { rule: index, ..c.moved(0, window.start) }));
            return Some(Searched { steps: *steps, reach: window.end });
        }
        let from = candidates.len();
        let searched = self.look(index, bytes, window, candidates)?;
        let (steps, found) = lately.place(key, around.of(bytes));
        *steps = searched.steps;
        found.clear();
        found.extend(candidates[from..].iter().map(|c| c.moved(window.start, 0)));
        Some(searched)
    }

    /// Looks for the candidates that lie in `window`, which may hold some.
    fn look(&mut self, index: RuleIndex, bytes: &[u8], window: ByteSpan, candidates: &mut Vec<Candidate>) -> Option<Searched> {
        let searcher = self.searcher;
        let until = searcher.rule.until.and_then(|_| searcher.compiled().until.as_ref());
        let before = self.steps;
        let mut reach = window.end;
        let mut at = window.start;
        while at < window.end {
            let Some(Match { whole: open, secret }) = searcher.find(bytes, ByteSpan::new(at, window.end)) else { break };
            let cost = open.end - at + searcher.rule.bounds.max_len as usize;
            if !self.spend(cost) {
                return None;
            }
            let mut next = secret.end.max(open.start + 1);
            let spans = match until {
                None => Some((open, secret)),
                Some(until) => {
                    let end = self.closing.after(until, bytes, open);
                    reach = reach.max(end.unwrap_or_else(|| bytes.len().min(open.start + MAX_UNTIL as usize)));
                    end.map(|end| {
                        let whole = ByteSpan::new(open.start, end);
                        next = end;
                        (whole, if searcher.compiled().open.is_whole() { whole } else { ByteSpan::new(secret.start, end) })
                    })
                }
            };
            if let Some((span, secret)) = spans.filter(|(_, secret)| !secret.is_empty()) {
                candidates.push(searcher.candidate(index, bytes, span, secret));
            }
            at = next;
        }
        Some(Searched { steps: before - self.steps, reach })
    }
}

/// Finds closing markers, each stretch of the blob searched once however many openings stand in it.
#[derive(Default)]
struct Closing {
    /// No marker begins in here before `found`.
    searched: Option<ByteSpan>,
    found: Option<ByteSpan>,
}

impl Closing {
    /// The end of the first marker that begins after `open` and ends at most `MAX_UNTIL` bytes after its start.
    fn after(&mut self, until: &Regex, bytes: &[u8], open: ByteSpan) -> Option<usize> {
        let limit = bytes.len().min(open.start + MAX_UNTIL as usize);
        let known = self.searched.filter(|s| s.start <= open.end && open.end <= s.end);
        if let (Some(_), Some(marker)) = (known, self.found)
            && marker.start >= open.end
        {
            return (marker.end <= limit).then_some(marker.end);
        }
        let begin = match (known, self.found) {
            (Some(searched), None) => searched.end,
            _ => open.end,
        };
        if begin < limit {
            let input = Input::new(bytes).span(begin..limit).anchored(Anchored::No);
            self.found = until.find(input).map(|m| ByteSpan::new(m.start(), m.end()));
        } else {
            self.found = None;
        }
        let start = known.map_or(open.end, |s| s.start);
        // A marker may straddle the limit: the last bytes are searched again.
        let end = self.found.map_or(limit.saturating_sub(256).max(begin.min(limit)), |m| m.end);
        self.searched = Some(ByteSpan::new(start, end));
        self.found.map(|m| m.end)
    }
}
