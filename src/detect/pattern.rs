//! The regex of a rule, of fewer parts than a general one. Windows are short, and few hold a match: an automaton, made as far as it
//! is needed, tells whether there is one and where it ends; only then the NFA that it is made of is asked for the groups. No second
//! one is compiled that would run back to where the match begins: that is no further away than the longest match is long. Where
//! nobody knows how long that is, as with rules that came from elsewhere, a general one is taken.

use super::ByteSpan;
use crate::rule::format::model::MAX_MATCH;
use regex_automata::hybrid::dfa;
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::captures::GroupInfo;
use regex_automata::util::pool::Pool;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// The states that a regex remembers, in bytes a thread. Few need so many; with an eighth of it those make theirs again and again. A long
/// match goes through as many states as it has bytes: where they do not fit, each is made anew whenever it is reached.
const CACHE: usize = 512 << 10;
const CACHE_PER_BYTE: usize = 256;
/// The largest NFA in bytes.
const MAX_NFA: usize = 32 << 20;

/// How patterns are read: as bytes, Unicode off.
fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Compiles a pattern the way keysift reads it, for matches of any length.
///
/// # Panics
/// Where the pattern was not parsed and proven before, or is larger than 32 MB compiled.
#[must_use]
pub fn compile(pattern: &str) -> Regex {
    let config = Regex::config()
        .utf8_empty(false)
        .nfa_size_limit(Some(MAX_NFA))
        .hybrid_cache_capacity(CACHE)
        .onepass_size_limit(Some(CACHE));
    Regex::builder().syntax(syntax()).configure(config).build(pattern).expect(PROVEN)
}

/// A pattern to search for.
pub(super) struct Pattern {
    engine: Engine,
    /// The group that holds the secret; 0 is the whole match.
    group: usize,
}

enum Engine {
    Forward(Box<Forward>),
    General(Regex),
}

/// What finds matches whose length has a bound.
struct Forward {
    dfa: dfa::DFA,
    backtracker: BoundedBacktracker,
    vm: PikeVM,
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

const PROVEN: &str = "rules are proven before they are searched";

impl Pattern {
    /// Compiles a pattern no match of which is longer than `longest` bytes, if there is such a bound.
    ///
    /// # Panics
    /// Where the pattern was not parsed and proven before, or is larger than 32 MB compiled.
    pub(super) fn of(pattern: &str, longest: Option<usize>) -> Self {
        let Some(longest) = longest else {
            let regex = compile(pattern);
            return Self { group: group_of(regex.group_info()), engine: Engine::General(regex) };
        };
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_NFA));
        let nfa = NFA::compiler().syntax(syntax()).configure(config).build(pattern).expect(PROVEN);
        let capacity = CACHE + CACHE_PER_BYTE * longest.min(MAX_MATCH as usize);
        let config = dfa::Config::new().cache_capacity(capacity).skip_cache_capacity_check(true);
        let dfa = dfa::DFA::builder().configure(config).build_from_nfa(nfa.clone()).expect(PROVEN);
        let backtracker = BoundedBacktracker::new_from_nfa(nfa.clone()).expect(PROVEN);
        let vm = PikeVM::new_from_nfa(nfa.clone()).expect(PROVEN);
        let group = group_of(nfa.group_info());
        let for_caches = dfa.clone();
        let caches: MakeCaches = Box::new(move || Caches {
            dfa: for_caches.create_cache(),
            backtracker: None,
            vm: None,
            slots: vec![None; 2 * (group + 1)],
        });
        let forward = Forward { dfa, backtracker, vm, longest, caches: Pool::new(caches) };
        Self { group, engine: Engine::Forward(Box::new(forward)) }
    }

    /// Whether the secret is the whole match.
    pub(super) const fn is_whole(&self) -> bool {
        self.group == 0
    }

    /// The first match in `span` of `bytes`; what stands around it counts for boundaries.
    pub(super) fn find(&self, bytes: &[u8], span: ByteSpan) -> Option<Match> {
        let input = Input::new(bytes).span(span.start..span.end);
        match &self.engine {
            Engine::Forward(forward) => forward.find(&input, self.group),
            Engine::General(regex) => {
                let mut slots = vec![None; 2 * (self.group + 1)];
                regex.search_slots(&input, &mut slots)?;
                Match::of(&slots, self.group)
            }
        }
    }
}

/// The group `secret`, else the first one, else the whole match.
fn group_of(groups: &GroupInfo) -> usize {
    groups.to_index(PatternID::ZERO, "secret").unwrap_or_else(|| usize::from(groups.group_len(PatternID::ZERO) > 1))
}

impl Match {
    /// The match that `slots` tell of, with the group that holds the secret.
    fn of(slots: &[Option<NonMaxUsize>], group: usize) -> Option<Self> {
        let span = |group: usize| {
            let (from, to) = (slots.get(2 * group).copied()??, slots.get(2 * group + 1).copied()??);
            Some(ByteSpan::new(from.get(), to.get()))
        };
        let whole = span(0)?;
        Some(Self { whole, secret: span(group).unwrap_or(whole) })
    }
}

impl Forward {
    fn find(&self, input: &Input<'_>, group: usize) -> Option<Match> {
        let caches = &mut *self.caches.get();
        let span = input.get_span();
        let (from, end) = match self.dfa.try_search_fwd(&mut caches.dfa, input) {
            Ok(None) => return None,
            Ok(Some(found)) => (span.start.max(found.offset().saturating_sub(self.longest)), found.offset()),
            // It gave up: the NFA does not.
            Err(_) => (span.start, span.end),
        };
        self.groups(&input.clone().span(from..end), group, caches)
    }

    /// The first match with its groups, slowly.
    fn groups(&self, input: &Input<'_>, group: usize, caches: &mut Caches) -> Option<Match> {
        let slots = &mut caches.slots[..];
        slots.fill(None);
        if input.get_span().len() <= self.backtracker.max_haystack_len() {
            let cache = caches.backtracker.get_or_insert_with(|| self.backtracker.create_cache());
            self.backtracker.try_search_slots(cache, input, slots).ok()??;
        } else {
            let cache = caches.vm.get_or_insert_with(|| self.vm.create_cache());
            self.vm.search_slots(cache, input, slots)?;
        }
        Match::of(slots, group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All matches, one behind the other.
    fn all(pattern: &Pattern, text: &[u8], from: usize) -> Vec<Match> {
        let mut at = from;
        let next = || {
            let found = pattern.find(text, ByteSpan::new(at, text.len()))?;
            at = found.secret.end.max(found.whole.start + 1);
            Some(found)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn with_a_bound_and_without_one_the_same_is_found() {
        let patterns = [
            (r"\b(tok_[a-z]{2,6})\b", 10),
            (r"(?i:key)[ =:]{1,3}(?P<secret>[0-9a-f]{4,8}?)(?:[^0-9a-f]|$)", 15),
            (r"(?:^|[^a-z])(?P<other>a|b)?x(?P<secret>[0-9]{1,3})", 6),
            (r"tok_[a-z]{1,3}|key[0-9]", 7),
            (r"a(?s:.){0,12}?(?P<secret>b[0-9]{2})", 16),
        ];
        let pieces: [&[u8]; 12] =
            [b"tok_abc", b"tok_", b"key: ", b"KEY=", b"12ab", b" ", b"x12", b"ax9", b"b07", b"\xff\n", b"key5", b"a"];
        let mut state = 11u32;
        for (pattern, longest) in patterns {
            let (bounded, general) = (Pattern::of(pattern, Some(longest)), Pattern::of(pattern, None));
            let mut seen = 0;
            for _ in 0..300 {
                let mut text = Vec::new();
                for _ in 0..12 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    text.extend_from_slice(pieces[(state >> 16) as usize % pieces.len()]);
                }
                let from = state as usize >> 24 & 3;
                let found = all(&bounded, &text, from);
                assert_eq!(found, all(&general, &text, from), "{pattern} in {}", String::from_utf8_lossy(&text));
                seen += found.len();
            }
            assert!(seen > 20, "{pattern} {seen}");
        }
    }
}
