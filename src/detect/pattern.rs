//! The regex of a rule, of fewer parts than a general one. Windows are short, and few hold a match: an automaton, made as far as it
//! is needed, tells whether there is one and where it ends; only then the NFA that it is made of is asked for the groups. No second
//! one is compiled that would run back to where the match begins: that is no further away than the longest match is long.

use super::ByteSpan;
use crate::rule::format::model::MAX_MATCH;
use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::pool::Pool;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// The states that a regex remembers, in bytes a thread: windows are small, and there are many rules. A long match goes through
/// as many states as it has bytes: where they do not fit, each is made anew whenever it is reached.
const CACHE: usize = 64 << 10;
const CACHE_PER_BYTE: usize = 256;
/// The largest NFA in bytes.
const MAX_NFA: usize = 32 << 20;

/// How patterns are read: as bytes, Unicode off.
pub(super) fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// A pattern to search for.
pub(super) struct Pattern {
    dfa: dfa::DFA,
    backtracker: BoundedBacktracker,
    vm: PikeVM,
    /// The group that holds the secret; 0 is the whole match.
    group: usize,
    /// The length of the longest match.
    longest: usize,
    caches: Pool<Caches, MakeCaches>,
}

/// Makes what a thread needs.
type MakeCaches = Box<dyn Fn() -> Caches + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// What a thread needs to search.
struct Caches {
    dfa: dfa::Cache,
    backtracker: Option<backtrack::Cache>,
    vm: Option<pikevm::Cache>,
    slots: Vec<Option<NonMaxUsize>>,
}

/// A match, and the part of it that is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub whole: ByteSpan,
    pub secret: ByteSpan,
}

impl Pattern {
    /// Compiles a pattern no match of which is longer than `longest` bytes.
    ///
    /// # Panics
    /// Where the pattern was not parsed and proven before, or is larger than 32 MB compiled.
    pub(super) fn of(pattern: &str, longest: usize) -> Self {
        const PROVEN: &str = "rules are proven before they are searched";
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_NFA));
        let nfa = NFA::compiler().syntax(syntax()).configure(config).build(pattern).expect(PROVEN);
        let capacity = CACHE + CACHE_PER_BYTE * longest.min(MAX_MATCH as usize);
        let config = dfa::Config::new().cache_capacity(capacity).skip_cache_capacity_check(true);
        let dfa = dfa::DFA::builder().configure(config).build_from_nfa(nfa.clone()).expect(PROVEN);
        let backtracker = BoundedBacktracker::new_from_nfa(nfa.clone()).expect(PROVEN);
        let vm = PikeVM::new_from_nfa(nfa.clone()).expect(PROVEN);
        let groups = nfa.group_info();
        let group =
            groups.to_index(PatternID::ZERO, "secret").unwrap_or_else(|| usize::from(groups.group_len(PatternID::ZERO) > 1));
        let for_caches = dfa.clone();
        let caches: MakeCaches = Box::new(move || Caches {
            dfa: for_caches.create_cache(),
            backtracker: None,
            vm: None,
            slots: vec![None; 2 * (group + 1)],
        });
        Self { dfa, backtracker, vm, group, longest, caches: Pool::new(caches) }
    }

    /// Whether the secret is the whole match.
    pub(super) const fn is_whole(&self) -> bool {
        self.group == 0
    }

    /// The first match in `span` of `bytes`; what stands around it counts for boundaries.
    pub(super) fn find(&self, bytes: &[u8], span: ByteSpan) -> Option<Match> {
        let caches = &mut *self.caches.get();
        let input = Input::new(bytes).span(span.start..span.end);
        let (from, end) = match self.dfa.try_search_fwd(&mut caches.dfa, &input) {
            Ok(None) => return None,
            Ok(Some(found)) => (span.start.max(found.offset().saturating_sub(self.longest)), found.offset()),
            // It gave up: the NFA does not.
            Err(_) => (span.start, span.end),
        };
        self.groups(&input.span(from..end), caches)
    }

    /// The first match with its groups, slowly.
    fn groups(&self, input: &Input<'_>, caches: &mut Caches) -> Option<Match> {
        let slots = &mut caches.slots[..];
        slots.fill(None);
        if input.get_span().len() <= self.backtracker.max_haystack_len() {
            let cache = caches.backtracker.get_or_insert_with(|| self.backtracker.create_cache());
            self.backtracker.try_search_slots(cache, input, slots).ok()??;
        } else {
            let cache = caches.vm.get_or_insert_with(|| self.vm.create_cache());
            self.vm.search_slots(cache, input, slots)?;
        }
        let span = |group: usize| {
            let (from, to) = (slots.get(2 * group).copied()??, slots.get(2 * group + 1).copied()??);
            Some(ByteSpan::new(from.get(), to.get()))
        };
        let whole = span(0)?;
        Some(Match { whole, secret: span(self.group).unwrap_or(whole) })
    }
}
