//! Bytes in, candidates out.
//!
//! A [`Candidate`] is a function of the bytes of its match and at most 256 bytes around it, and of nothing else: that is
//! what lets candidates be cached by blob and inherited along deltas. Nothing here knows of files or git.
//!
//! - `prefilter`: which keywords occur, and where
//! - `keywords`: the keywords of a rule set, and what hits of them mean
//! - `window`: the stretches around the hits that a rule's regex looks at
//! - `search`: regexes in windows, under a step budget
//! - `pattern`: a rule's regex
//! - `follow`: the same without an automaton, for a few windows
//! - `memo`: what came of equal bytes lately
//! - `trace`: detection of a text that was made from another one: what copied stretches hold is inherited
//! - `stretches`: what both texts share, and the gaps between
//! - `assignment`: names, operators and values, for the generic rules
//! - `decode`: text behind an encoding, written anew
//! - `entropy`: Shannon's measure
//! - `any_of`: many words at once
//! - `short`: searches in short texts
//! - `vectors`: loops for processors with long vectors

pub(crate) mod any_of;
pub mod assignment;
pub mod candidate;
pub mod decode;
pub mod entropy;
mod follow;
mod keywords;
pub(crate) mod memo;
mod pattern;
pub mod prefilter;
mod search;
pub(crate) mod short;
mod stretches;
pub mod trace;
mod vectors;

pub mod window;

pub use candidate::{ByteSpan, Candidate, Detected};
pub use pattern::compile;
pub use search::follow;
pub use stretches::{Kept, Stretches};
pub use trace::Trace;

use crate::rule::{Cue, Rule, RuleIndex, RuleSet};
use keywords::Keywords;
use memo::Memo;
use prefilter::Hit;
use std::sync::OnceLock;
use window::{Merged, Windows};

/// Finds candidates. Built cheaply: automata and regexes come into being when they are first needed.
pub struct Detector {
    rules: RuleSet,
    prefilter: OnceLock<Keywords>,
    /// Few of them come into being: there are as many places as rules, so each is small.
    searchers: Vec<OnceLock<Box<search::Searcher>>>,
    scanner: OnceLock<Option<assignment::Scanner>>,
    path_rules: Vec<RuleIndex>,
    /// Rules without keywords, which look at every blob.
    everywhere: Vec<RuleIndex>,
}

/// Buffers that a thread uses again for each blob.
#[derive(Default)]
pub struct Scratch {
    windows: Windows,
    /// Those that were searched in the text that another one was made from.
    known: Vec<Merged>,
    /// Hits that are new.
    hits: Vec<Hit>,
    /// The hits in stretches that were looked at lately.
    lately: Memo<Vec<Hit>>,
    /// What was found in windows that were looked at lately.
    searched: search::Lately,
}

impl Detector {
    /// A detector for `rules`.
    ///
    /// # Panics
    /// On more than 65,535 rules.
    #[must_use]
    pub fn new(rules: RuleSet) -> Self {
        assert!(rules.len() < usize::from(u16::MAX), "a rule set has fewer than 65,535 rules");
        let searchers = (0..rules.len()).map(|_| OnceLock::new()).collect();
        let with = |cue: Cue| rules.heads().filter(|(_, head)| head.cue() == cue).map(|(index, _)| index).collect();
        let (path_rules, everywhere) = (with(Cue::Path), with(Cue::Anything));
        Self { everywhere, rules, prefilter: OnceLock::new(), searchers, scanner: OnceLock::new(), path_rules }
    }

    /// The rules it looks for.
    #[must_use]
    pub const fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Rules that look at a file's path alone.
    pub fn path_rules(&self) -> impl Iterator<Item = (RuleIndex, &'static Rule)> + '_ {
        self.path_rules.iter().map(|&index| (index, self.rules.get(index)))
    }

    /// All candidates in `bytes`, by position, then by rule.
    pub fn detect(&self, bytes: &[u8], scratch: &mut Scratch) -> Detected {
        let trace = self.trace(bytes, false, scratch);
        let mut found = Detected { candidates: trace.candidates, out_of_budget: trace.out_of_budget };
        found.candidates.sort_by_key(|c| (c.span.start, c.span.end, c.rule));
        found
    }

    /// What [`Self::detect`] must find, by searching every rule over the whole blob: slow, and the measure of the fast way.
    #[must_use]
    pub fn detect_whole(&self, bytes: &[u8]) -> Detected {
        let mut found = Detected::default();
        for (index, _) in self.rules.iter().filter(|(_, r)| r.pattern.is_some()) {
            let mut search = self.searcher(index).start(bytes.len());
            if search.window(index, bytes, ByteSpan::new(0, bytes.len()), &mut found.candidates).is_none() {
                found.out_of_budget.push(index);
            }
        }
        if let Some(scanner) = self.assignments() {
            scanner.scan(bytes, assignment::fragments_in(bytes).into_iter(), &mut found.candidates);
        }
        found.candidates.sort_by_key(|c| (c.span.start, c.span.end, c.rule));
        found
    }

    fn keywords(&self) -> &Keywords {
        self.prefilter.get_or_init(|| Keywords::of(&self.rules))
    }

    fn assignments(&self) -> Option<&assignment::Scanner> {
        self.scanner.get_or_init(|| assignment::Scanner::of(&self.rules)).as_ref()
    }

    fn searcher(&self, index: RuleIndex) -> &search::Searcher {
        self.searchers[usize::from(index.0)].get_or_init(|| Box::new(search::Searcher::of(self.rules.get(index))))
    }
}
