//! The fast ways against the measures of them, on texts that any bytes spell: a fuzzer chooses them (`fuzz/`), or chance
//! (`tests/properties.rs`).

use keysift::detect::prefilter::{AhoCorasickPrefilter, HashWindowPrefilter, Hit, Prefilter, built_in};
use keysift::detect::{Candidate, Detector, Kept, Scratch};
use keysift::examine::{Derived, Examined, examine, examine_derived};
use keysift::rule::{RuleSet, template};
use std::sync::LazyLock;

pub(crate) static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(RuleSet::built_in()));

/// Every example of the catalogue, filled.
pub(crate) static EXAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let rules = RuleSet::built_in();
    let all = rules.iter().flat_map(|(_, rule)| {
        rule.examples.iter().map(|e| template::example(e, rule.id, rule.checksum.map(|c| c.kind)).expect(rule.id).1.into_bytes())
    });
    all.collect()
});

/// Every keyword of the catalogue, each once.
pub(crate) static KEYWORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let words = built_in().1;
    words.iter().map(|word| &*String::from_utf8_lossy(word).into_owned().leak()).collect()
});

/// Words that a prefilter could stumble over: they repeat or hold each other, or differ from others in the bit that tells
/// cases of letters apart.
const ODD: [&str; 16] = [
    "aaa",
    "aaaa",
    "aaaaa",
    "abab",
    "ababa",
    "bab",
    "://",
    "_-_",
    "____",
    "@key",
    "`key",
    "key[",
    "key{",
    "\u{7f}\u{7f}\u{7f}\u{7f}",
    "a_long_keyword_of_many_bytes",
    "keyword_of",
];

/// The prefilters of the whole catalogue: that which the build made, one made now, and the reference.
static OF_CATALOGUE: LazyLock<[Box<dyn Prefilter>; 3]> = LazyLock::new(|| {
    [Box::new(built_in().0), Box::new(HashWindowPrefilter::new(&KEYWORDS)), Box::new(AhoCorasickPrefilter::new(&KEYWORDS))]
});

/// Takes bytes one after the other; zeros where there are no more.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// A number below 256.
    fn number(&mut self) -> usize {
        self.next().into()
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[(self.number() << 8 | self.number()) % list.len()]
    }
}

/// The text that `input` spells: bytes below 128 stand for themselves, others for a word of `words` (whole, in any case, cut), an
/// example of a rule, any byte, or many equal ones.
fn spelled(input: &[u8], words: &[&str]) -> Vec<u8> {
    let (mut bytes, mut text) = (Bytes(input.iter()), Vec::new());
    while !bytes.0.as_slice().is_empty() {
        let byte = bytes.next();
        if byte < 128 {
            text.push(byte);
            continue;
        }
        match byte % 8 {
            0 | 1 => text.extend_from_slice(bytes.pick(words).as_bytes()),
            2 => text.extend_from_slice(bytes.pick(words).to_uppercase().as_bytes()),
            3 => {
                let (word, upper) = (bytes.pick(words), bytes.next());
                let cased =
                    word.bytes().enumerate().map(|(n, b)| if upper >> (n % 8) & 1 == 1 { b.to_ascii_uppercase() } else { b });
                text.extend(cased);
            }
            4 => {
                let (word, at) = (bytes.pick(words).as_bytes(), bytes.number());
                let (begin, end) = word.split_at(at / 2 % (word.len() + 1));
                text.extend_from_slice(if at % 2 == 0 { begin } else { end });
            }
            5 => text.extend_from_slice(bytes.pick::<Vec<u8>>(&EXAMPLES)),
            6 => text.push(bytes.next()),
            _ => {
                let (filler, times) = (bytes.next(), bytes.number());
                text.resize(text.len() + times * 20, filler);
            }
        }
    }
    text
}

/// The hits of a prefilter, in order.
fn hits(prefilter: &dyn Prefilter, text: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    prefilter.find(text, &mut hits);
    hits.sort_unstable();
    hits
}

/// Every prefilter finds the same; the first bytes of `input` choose of which words.
///
/// # Panics
/// Where it does not.
pub(crate) fn prefilters(input: &[u8]) {
    let (choice, input) = input.split_at(input.len().min(3));
    let [of_catalogue, step, first] = std::array::from_fn(|n| choice.get(n).copied().map_or(0, usize::from));
    if of_catalogue % 2 == 0 {
        let text = spelled(input, &KEYWORDS);
        let expected = hits(&*OF_CATALOGUE[2], &text);
        for prefilter in &OF_CATALOGUE[..2] {
            assert_eq!(hits(&**prefilter, &text), expected, "{:?}", String::from_utf8_lossy(&text));
        }
    } else {
        let of_catalogue = KEYWORDS.iter().skip(first).step_by(step + 10);
        let words: Vec<&str> = of_catalogue.chain(ODD.iter().skip(first % 4).step_by(1 + step % 3)).copied().collect();
        let text = spelled(input, &words);
        let (fast, expected) = (HashWindowPrefilter::new(&words), AhoCorasickPrefilter::new(&words));
        assert_eq!(hits(&fast, &text), hits(&expected, &text), "{words:?} in {:?}", String::from_utf8_lossy(&text));
    }
}

/// What is found in windows around keywords in the text that `input` spells is what its whole holds.
///
/// # Panics
/// Where it is not.
pub(crate) fn detection(input: &[u8]) {
    windows(&spelled(input, &KEYWORDS));
}

/// What is found in windows around keywords is what the whole text holds.
///
/// # Panics
/// Where it is not.
pub(crate) fn windows(text: &[u8]) {
    let fast = DETECTOR.detect(text, &mut Scratch::default());
    let whole = DETECTOR.detect_whole(text);
    let told = |all: &[Candidate]| all.iter().map(|c| (DETECTOR.rules().get(c.rule).id, c.span, c.secret)).collect::<Vec<_>>();
    assert_eq!(told(&fast.candidates), told(&whole.candidates), "{:?}", String::from_utf8_lossy(text));
    assert_eq!(fast.candidates, whole.candidates);
}

/// The bytes of an input that say what versions take over from each other.
const SCRIPT: usize = 64;

/// What is told of versions of a text, each looked at as far as it differs from the one before, is what is told of all of it.
///
/// # Panics
/// Where it is not.
pub(crate) fn versions(input: &[u8]) {
    let (script, input) = input.split_at(input.len().min(SCRIPT));
    let mut script = Bytes(script.iter());
    let mut pieces = input.chunks(input.len().div_ceil(5).max(1)).map(|piece| spelled(piece, &KEYWORDS));
    let scratch = &mut Scratch::default();
    let mut text = pieces.next().unwrap_or_default();
    let (_, mut memory) = examine_derived(&DETECTOR, &text, None, true, scratch);
    let mut last = judged(&examine(&DETECTOR, &text, None, scratch), &text);
    let mut put = None;
    for piece in pieces {
        let (new, kept) = edited(&text, &piece, &mut script, &mut put);
        let (outcome, next) = examine_derived(&DETECTOR, &new, Some((&memory, &kept)), true, scratch);
        let expected = examine(&DETECTOR, &new, None, scratch);
        let shown = || format!("{:?} made of {:?} by {kept:?}", String::from_utf8_lossy(&new), String::from_utf8_lossy(&text));
        let of_new = judged(&expected, &new);
        same(&outcome, &expected, (&last, &of_new), &shown);
        (text, memory, last) = (new, next, of_new);
    }
}

/// What was judged, and how, wherever it stands.
pub(crate) type Verdicts = Vec<(&'static str, Vec<u8>, String)>;

/// The verdicts on what a text holds.
pub(crate) fn judged(examined: &Examined, text: &[u8]) -> Verdicts {
    let all = examined.found.iter().chain(&examined.rejected);
    all.map(|j| (j.rule.id, j.value(text).to_vec(), format!("{:?}", j.verdict))).collect()
}

/// What came of a version is what is `expected` of all of it; `before` and `now` are the verdicts on the text that it was made from
/// and on itself.
///
/// # Panics
/// Where it is not.
pub(crate) fn same(outcome: &Derived, expected: &Examined, (before, now): (&Verdicts, &Verdicts), shown: &dyn Fn() -> String) {
    let told = |e: &Examined| format!("{:?} {:?} {:?}", e.found, e.rejected, e.out_of_budget);
    match outcome {
        Derived::Changed(examined) => assert_eq!(told(examined), told(expected), "{}", shown()),
        Derived::AsBefore => assert_eq!(before, now, "{}", shown()),
    }
}

/// A text made of stretches of another one with a new piece between them, and the stretches. Where something was `put` in before, it may
/// be taken out again, which joins what it had parted.
fn edited(old: &[u8], piece: &[u8], script: &mut Bytes<'_>, put: &mut Option<(usize, usize)>) -> (Vec<u8>, Vec<Kept>) {
    let mut below = |most: usize| (script.number() << 8 | script.number()) % (most + 1);
    if let Some((from, to)) = put.take().filter(|_| below(2) > 0) {
        let kept = vec![Kept { from: 0, to: 0, len: from }, Kept { from: to, to: from, len: old.len() - to }];
        return ([&old[..from], &old[to..]].concat(), kept);
    }
    if below(2) > 0 {
        let (at, end) = (below(old.len()), below(piece.len()));
        *put = Some((at, at + end));
        let kept = vec![Kept { from: 0, to: 0, len: at }, Kept { from: at, to: at + end, len: old.len() - at }];
        return ([&old[..at], &piece[..end], &old[at..]].concat(), kept);
    }
    let (mut new, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..=below(2) {
        let from = below(old.len());
        let len = below(old.len() - from);
        kept.push(Kept { from, to: new.len(), len });
        new.extend_from_slice(&old[from..from + len]);
        let at = below(piece.len());
        new.extend_from_slice(&piece[at..at + below(piece.len() - at)]);
    }
    (new, kept)
}
