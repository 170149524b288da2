//! Follows the program of a pattern through a window. It knows what to do without any preparation, and is slower than an automaton
//! by far: it is for rules that meet a few windows in a run, and gives up where it would have to try too much.

use super::ByteSpan;
use super::pattern::Match;
use crate::rule::format::program::{
    ANY, ANY_NUMBER, BACK, BEGIN, CLASS, EDGE, EITHER, END, FOLDED, FOLDED_TEXTS, IF, LEAST, LINE_BEGIN, LINE_END, MATCH, MOST,
    NO_EDGE, ON, ONE, ONE_OR, OR_ELSE, PLACE, PLACE_OR, SHORT, TEXT, TEXT_BEGIN, TEXT_END, TEXTS,
};

/// A program, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Program<'a> {
    /// What a match begins with.
    first: &'a [u8; CLASS],
    classes: &'a [[u8; CLASS]],
    steps: &'a [u8],
}

/// Something that may still be tried: a step, a place, and what else belongs to it.
enum Untried {
    Step {
        step: usize,
        at: usize,
    },
    Fewer(Fewer),
    More(More),
    /// The text that stands at `text` in the list that ends at `step`.
    Text {
        step: usize,
        at: usize,
        text: usize,
        is_folded: bool,
    },
    /// Nothing: a place of the secret that is what it was.
    Secret {
        secret: [usize; 2],
    },
}

/// On from one of these places, the last one first, if `next` is behind it.
#[derive(Clone, Copy)]
struct Fewer {
    step: usize,
    least: usize,
    at: usize,
    next: u8,
}

/// On from `at` or behind more bytes of a class, if `next` is behind it.
#[derive(Clone, Copy)]
struct More {
    step: usize,
    at: usize,
    class: u8,
    left: usize,
    next: u8,
}

/// What is used again for each search.
#[derive(Default)]
pub(super) struct Followed {
    untried: Vec<Untried>,
    /// The steps that the last search took.
    pub steps: usize,
}

/// It would have to try too much.
pub(super) struct GaveUp;

/// The steps after which a pattern's automaton would have been made and paid for.
pub(super) const WORTH_COMPILING: usize = 1 << 16;
/// The steps that a search may take, and for each byte of its window.
const STEPS: usize = 2048;
const STEPS_PER_BYTE: usize = 32;
/// No place.
const NOWHERE: usize = usize::MAX;

const fn has(class: &[u8; CLASS], byte: u8) -> bool {
    class[(byte >> 3) as usize] >> (byte & 7) & 1 == 1
}

impl<'a> Program<'a> {
    /// Takes a program apart; `None` where there is none.
    pub(super) fn of(program: &'a [u8]) -> Option<Self> {
        let (count, rest) = program.split_first()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (classes, steps) = rest.split_at_checked(usize::from(*count) * CLASS)?;
        Some(Self { first, classes: classes.as_chunks().0, steps })
    }

    /// The first match in `span` of `bytes`; what stands around it counts for edges of words and ends of lines.
    pub(super) fn find(&self, bytes: &[u8], span: ByteSpan, followed: &mut Followed) -> Result<Option<Match>, GaveUp> {
        let most = WORTH_COMPILING.min(STEPS + STEPS_PER_BYTE * span.len());
        let mut run = Run { program: *self, bytes, end: span.end, followed, left: most };
        let found = (span.start..span.end)
            .filter(|at| has(self.first, bytes[*at]))
            .find_map(|at| run.matches(at).transpose())
            .transpose();
        followed.steps = most - run.left;
        found
    }

    fn number(&self, step: usize) -> usize {
        usize::from(u16::from_le_bytes([self.steps[step], self.steps[step + 1]]))
    }
}

struct Run<'a, 'f> {
    program: Program<'a>,
    bytes: &'a [u8],
    /// The end of what may be taken.
    end: usize,
    followed: &'f mut Followed,
    /// The steps that may still be taken.
    left: usize,
}

impl Run<'_, '_> {
    /// The match that begins at a place.
    fn matches(&mut self, start: usize) -> Result<Option<Match>, GaveUp> {
        let Program { steps, classes, .. } = self.program;
        self.followed.untried.clear();
        let (mut step, mut at) = (0, start);
        let mut secret = [NOWHERE; 2];
        loop {
            self.left = self.left.checked_sub(1).ok_or(GaveUp)?;
            let goes_on = match steps[step] {
                MATCH => {
                    let whole = ByteSpan::new(start, at);
                    let [from, to] = secret;
                    let secret = if to == NOWHERE || from == NOWHERE { whole } else { ByteSpan::new(from, to) };
                    return Ok(Some(Match { whole, secret }));
                }
                kind @ (TEXT | FOLDED) => {
                    let from = step + 2;
                    step = from + usize::from(steps[step + 1]);
                    self.takes(&mut at, from..step, kind == FOLDED)
                }
                ONE => {
                    let class = &classes[usize::from(steps[step + 1])];
                    step += 2;
                    let is_in = at < self.end && has(class, self.bytes[at]);
                    at += usize::from(is_in);
                    is_in
                }
                MOST | LEAST => self.repeats(&mut step, &mut at),
                EITHER | OR_ELSE | IF | PLACE_OR | ONE_OR | ON | BACK => {
                    self.branches(&mut step, &mut at);
                    true
                }
                kind @ (TEXTS | FOLDED_TEXTS) => {
                    let text = step + 3;
                    step = text + self.program.number(step + 1);
                    self.one_of(&mut at, text, step, kind == FOLDED_TEXTS)
                }
                PLACE => {
                    let kind = steps[step + 1];
                    step += 2;
                    self.is_at(kind, at)
                }
                kind @ (BEGIN | END) => {
                    self.followed.untried.push(Untried::Secret { secret });
                    secret[usize::from(kind == END)] = at;
                    step += 1;
                    true
                }
                other => unreachable!("no step of a program: {other}"),
            };
            if !goes_on && !self.other_way(&mut step, &mut at, &mut secret)? {
                return Ok(None);
            }
        }
    }

    /// Takes as many bytes of a class as a step tells; `false` where there are fewer.
    #[inline]
    fn repeats(&mut self, step: &mut usize, at: &mut usize) -> bool {
        let Program { steps, classes, .. } = self.program;
        let (begin, from) = (*step, *at);
        let class = steps[begin + 1];
        let is_in = |b: &u8| has(&classes[usize::from(class)], *b);
        let (least, most, next) = (self.program.number(begin + 2), self.most(begin + 4), steps[begin + 6]);
        *step += 7;
        let step = *step;
        let place = if steps[begin] == MOST {
            let end = self.end.min(from.saturating_add(most));
            let taken = self.bytes[from..end].iter().take_while(|b| is_in(b)).count();
            self.left = self.left.saturating_sub(taken / 4);
            let fewer = Fewer { step, least: from + least, at: from + taken, next };
            if taken >= least { self.fewer(fewer) } else { None }
        } else {
            let are_in = self.bytes[from..self.end].get(..least).is_some_and(|needed| needed.iter().all(is_in));
            let more = More { step, at: from + least, class, left: most - least, next };
            if are_in { self.more(more) } else { None }
        };
        *at = place.unwrap_or(from);
        place.is_some()
    }

    /// Goes one way, and notes the other.
    #[inline]
    fn branches(&mut self, step: &mut usize, at: &mut usize) {
        let (steps, begin) = (self.program.steps, *step);
        match steps[begin] {
            PLACE_OR | ONE_OR => {
                *step += 2;
                let (operand, before) = (steps[begin + 1], *at);
                let is_place = steps[begin] == PLACE_OR;
                if if is_place { self.is_at(operand, before) } else { self.fits(operand, before) } {
                    self.followed.untried.push(Untried::Step { step: *step, at: before });
                    *step += SHORT;
                    *at += usize::from(!is_place);
                }
            }
            kind => {
                let next = begin + 3;
                let distance = self.program.number(begin + 1);
                match kind {
                    EITHER => {
                        self.followed.untried.push(Untried::Step { step: next + distance, at: *at });
                        *step = next;
                    }
                    OR_ELSE => {
                        self.followed.untried.push(Untried::Step { step: next, at: *at });
                        *step = next + distance;
                    }
                    IF if self.fits(steps[next], *at) => {
                        self.followed.untried.push(Untried::Step { step: next + distance, at: *at });
                        *step = next + 1;
                    }
                    BACK => *step = next - distance,
                    _ => *step = next + distance,
                }
            }
        }
    }

    /// The greatest number of repetitions that is told at a step.
    fn most(&self, step: usize) -> usize {
        let most = self.program.number(step);
        if most == usize::from(ANY_NUMBER) { usize::MAX } else { most }
    }

    /// Takes the text that stands in the program, if it stands at the place.
    fn takes(&self, at: &mut usize, text: std::ops::Range<usize>, is_folded: bool) -> bool {
        let text = &self.program.steps[text];
        let here = self.bytes[*at..self.end].get(..text.len());
        let is_here = here.is_some_and(|here| if is_folded { here.eq_ignore_ascii_case(text) } else { here == text });
        *at += if is_here { text.len() } else { 0 };
        is_here
    }

    /// Takes the first of the texts that begin at `text` and end at `end` which stands at the place.
    fn one_of(&mut self, at: &mut usize, text: usize, end: usize, is_folded: bool) -> bool {
        let mut text = text;
        let here = self.bytes[*at..self.end].first().map(|b| if is_folded { b.to_ascii_lowercase() } else { *b });
        while text < end {
            let next = text + 1 + usize::from(self.program.steps[text]);
            let before = *at;
            if here == Some(self.program.steps[text + 1]) && self.takes(at, text + 1..next, is_folded) {
                if next < end {
                    self.followed.untried.push(Untried::Text { step: end, at: before, text: next, is_folded });
                }
                return true;
            }
            text = next;
        }
        false
    }

    /// Whether what must stand at a place does.
    fn fits(&self, next: u8, at: usize) -> bool {
        next == ANY || at < self.end && has(&self.program.classes[usize::from(next)], self.bytes[at])
    }

    /// The last place to go on from; those before it remain to be tried.
    fn fewer(&mut self, fewer: Fewer) -> Option<usize> {
        let place = (fewer.least..=fewer.at).rev().find(|at| self.fits(fewer.next, *at));
        self.left = self.left.saturating_sub((fewer.at - place.unwrap_or(fewer.least)) / 4);
        if let Some(at) = place.and_then(|place| place.checked_sub(1)).filter(|at| *at >= fewer.least) {
            self.followed.untried.push(Untried::Fewer(Fewer { at, ..fewer }));
        }
        place
    }

    /// The first place to go on from; those behind it remain to be tried.
    fn more(&mut self, more: More) -> Option<usize> {
        let More { mut at, mut left, .. } = more;
        while !self.fits(more.next, at) {
            let is_in = left > 0 && at < self.end && has(&self.program.classes[usize::from(more.class)], self.bytes[at]);
            if !is_in {
                return None;
            }
            (at, left) = (at + 1, left - 1);
        }
        self.left = self.left.saturating_sub((at - more.at) / 4);
        if left > 0 {
            self.followed.untried.push(Untried::More(More { at, left, ..more }));
        }
        Some(at)
    }

    /// Whether a place is of a kind.
    fn is_at(&self, kind: u8, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| self.bytes[before]);
        let behind = self.bytes.get(at).copied();
        let is_word = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        match kind {
            TEXT_BEGIN => before.is_none(),
            TEXT_END => behind.is_none(),
            LINE_BEGIN => before.is_none_or(|b| b == b'\n'),
            LINE_END => behind.is_none_or(|b| b == b'\n'),
            EDGE => is_word(before) != is_word(behind),
            NO_EDGE => is_word(before) == is_word(behind),
            other => unreachable!("no kind of a place: {other}"),
        }
    }

    /// Goes to what was to be tried next; `false` where nothing is left.
    fn other_way(&mut self, step: &mut usize, at: &mut usize, secret: &mut [usize; 2]) -> Result<bool, GaveUp> {
        while let Some(untried) = self.followed.untried.pop() {
            self.left = self.left.checked_sub(1).ok_or(GaveUp)?;
            match untried {
                Untried::Step { step: next, at: place } => (*step, *at) = (next, place),
                Untried::Fewer(fewer) => {
                    let Some(place) = self.fewer(fewer) else { continue };
                    (*step, *at) = (fewer.step, place);
                }
                Untried::More(more) => {
                    let is_in = more.at < self.end && has(&self.program.classes[usize::from(more.class)], self.bytes[more.at]);
                    let one = is_in.then(|| self.more(More { at: more.at + 1, left: more.left - 1, ..more })).flatten();
                    let Some(place) = one else { continue };
                    (*step, *at) = (more.step, place);
                }
                Untried::Text { step: next, at: place, text, is_folded } => {
                    *at = place;
                    if !self.one_of(at, text, next, is_folded) {
                        continue;
                    }
                    *step = next;
                }
                Untried::Secret { secret: before } => {
                    *secret = before;
                    continue;
                }
            }
            return Ok(true);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::*;
    use crate::rule::format::{pattern::parse, program};
    use crate::rule::{RuleSet, template};

    /// All matches, one behind the other; `None` where it gave up.
    fn all(program: Program<'_>, text: &[u8], span: ByteSpan) -> Option<Vec<Match>> {
        let mut found = Vec::new();
        let mut at = span.start;
        while let Some(one) = program.find(text, ByteSpan::new(at, span.end), &mut Followed::default()).ok()? {
            at = one.secret.end.max(one.whole.start + 1).min(span.end);
            found.push(one);
        }
        Some(found)
    }

    /// What an automaton finds.
    fn expected(pattern: &Pattern, text: &[u8], span: ByteSpan) -> Vec<Match> {
        let mut at = span.start;
        let next = || {
            let found = pattern.find(text, ByteSpan::new(at, span.end))?;
            at = found.secret.end.max(found.whole.start + 1).min(span.end);
            Some(found)
        };
        std::iter::from_fn(next).collect()
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or(0) % n
        }
    }

    #[test]
    fn the_catalogue_finds_what_its_automata_find() {
        let rules = RuleSet::built_in();
        let mut random = Random(5);
        let (mut programs, mut matches, mut gave_up) = (0, 0, 0);
        for (_, rule) in rules.iter() {
            let (Some(pattern), Some(program)) = (rule.pattern, Program::of(rule.program)) else { continue };
            programs += 1;
            let automaton = Pattern::of(pattern, Some(rule.bounds.max_len as usize));
            let kind = rule.checksum.map(|c| c.kind);
            let examples = rule.examples.iter().filter_map(|e| Some(template::example(e, rule.id, kind).ok()?.1));
            let counterexamples = rule.counterexamples.iter().filter_map(|c| template::counterexample(c.text, rule.id).ok());
            for text in examples.chain(counterexamples) {
                for round in 0..6 {
                    let mut text = text.clone().into_bytes();
                    for _ in 0..round {
                        let at = random.below(text.len());
                        match random.below(4) {
                            0 => text[at] = b" \n\"=:x0-/"[random.below(9)],
                            1 => drop(text.remove(at)),
                            2 => text.extend_from_within(at..),
                            _ => text[at].make_ascii_uppercase(),
                        }
                    }
                    let start = random.below(text.len().min(3) + 1);
                    let span = ByteSpan::new(start, text.len() - random.below((text.len() - start).min(3) + 1));
                    let Some(found) = all(program, &text, span) else {
                        gave_up += 1;
                        continue;
                    };
                    matches += found.len();
                    assert_eq!(found, expected(&automaton, &text, span), "{} in {}", rule.id, text.escape_ascii());
                }
            }
        }
        assert!(programs > 1300 && matches > 1000 && gave_up < matches / 20, "{programs} {matches} {gave_up}");
    }

    #[test]
    fn paths_are_those_that_their_automata_match() {
        let names =
            ["", "a", ".vault_pass", "vault-pass.txt", "ansible_vault_password", "config/master.key", "config/x.key", ".key"];
        let folders = ["", "/", "a/", "b/a/", "a", "config/", "config/credentials/", "a/config/credentials/"];
        let (mut asked, mut matched) = (0, 0);
        for (_, rule) in RuleSet::built_in().iter().filter(|(_, rule)| rule.pattern.is_none()) {
            let Some(pattern) = rule.path else { continue };
            let automaton = super::super::compile(pattern);
            for path in folders.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}{name}"))) {
                let found = super::super::follow(rule.program, path.as_bytes());
                assert_eq!(found, Some(automaton.is_match(path.as_bytes())), "{} at {path}", rule.id);
                (asked, matched) = (asked + 1, matched + usize::from(found == Some(true)));
            }
        }
        assert!(matched > 8 && asked > 2 * matched, "{asked} {matched}");
    }

    #[test]
    fn every_form_of_a_pattern_is_followed() {
        let patterns = [
            r"(?:a|b|ab)(?:c|bcd)(?:d*)",
            r"(?i:key|key_id)[ =]{0,3}?(?P<secret>[0-9a-f]{2,4}?)(?:[^0-9a-f]|$)",
            r"\b(?:x{1,3}y?){1,3}\B",
            r"(?m)^[a-c]+?x?$",
            r"(?:(?P<secret>[0-9]{2})|k=|a){2,4}b",
            r"(?:ab?){1,3}?(?P<other>k?)(?P<secret>x+)",
            r"(?s)k.{0,9}?(?:x|[0-9]+)(?:=|$)",
            r"\A(?:ab|k)+(?:[^x]|\z)",
            r"(?:[xy]|(?:ab|k=)){0,3}?(?i:keyX)",
        ];
        let pieces: [&[u8]; 16] =
            [b"a", b"b", b"c", b"bcd", b"ab", b"key", b"KEY_id", b"=", b"x", b"y", b"12", b"\n", b" ", b"k=", b"k", b"x="];
        let mut random = Random(7);
        for source in patterns {
            let hir = parse(source).expect("a pattern");
            let made = program::of(&hir);
            let program = Program::of(&made).unwrap_or_else(|| panic!("no program for {source}"));
            let automaton = Pattern::of(source, hir.properties().maximum_len());
            let mut seen = 0;
            for _ in 0..4000 {
                let text: Vec<u8> = (0..random.below(14)).flat_map(|_| pieces[random.below(pieces.len())]).copied().collect();
                let start = random.below(text.len() + 1);
                let span = ByteSpan::new(start, start + random.below(text.len() - start + 1));
                let found = all(program, &text, span).expect("short texts");
                assert_eq!(found, expected(&automaton, &text, span), "{source} in {} {span:?}", text.escape_ascii());
                seen += found.len();
            }
            assert!(seen > 20, "{source} {seen}");
        }
    }

    #[test]
    fn it_gives_up_before_it_takes_too_long() {
        let made = program::of(&parse("(?:a?){20}(?:a|aa|b){9}[ab]{0,200}a{0,200}c").expect("a pattern"));
        let text = vec![b'a'; 400];
        let mut followed = Followed::default();
        let found = Program::of(&made).expect("a program").find(&text, ByteSpan::new(0, text.len()), &mut followed);
        assert!(found.is_err());
        assert!(followed.steps <= STEPS + STEPS_PER_BYTE * text.len());
    }
}
