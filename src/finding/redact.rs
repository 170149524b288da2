//! What may be shown of a secret.

use super::Secret;
use crate::rule::{Kind, Rule};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The least number of hidden characters that lets the last four be shown.
const ENOUGH_HIDDEN: usize = 20;
/// The shortest text that the redactor looks for: shorter ones stand in ordinary words.
const SHORTEST: usize = 6;

/// A secret as reports show it: the format's public prefix, `…`, the last four characters if enough stay hidden, and the
/// length; of generic and short secrets the length and the kinds of characters alone.
#[must_use]
pub fn shown(rule: &Rule, secret: &[u8]) -> String {
    let text = String::from_utf8_lossy(secret);
    let length = text.chars().count();
    let one_line = !text.contains('\n') && !text.contains("\\n");
    let prefix = if rule.kind == Kind::Provider { public_prefix(rule, &text) } else { "" };
    let hidden = length - prefix.chars().count();
    if rule.kind == Kind::Provider && one_line && hidden >= ENOUGH_HIDDEN + 4 {
        let tail: String = text.chars().skip(length - 4).collect();
        format!("{prefix}…{tail} ({length} characters)")
    } else if prefix.is_empty() {
        format!("… ({length} characters: {})", classes(secret))
    } else {
        format!("{prefix}… ({length} characters)")
    }
}

/// A secret of which nobody knows the format: its length and the kinds of its characters.
#[must_use]
pub fn shown_as_plain(secret: &[u8]) -> String {
    format!("… ({} characters: {})", String::from_utf8_lossy(secret).chars().count(), classes(secret))
}

/// Whether a tool has hidden a secret, or a part of it, before it wrote it down.
#[must_use]
pub fn is_hidden(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret);
    text.trim().is_empty()
        || text.contains('…')
        || text.contains("***")
        || text.ends_with("...")
        || text.contains("[...]")
        || text.to_ascii_uppercase().contains("REDACTED")
}

/// The part of `text` that every secret of this kind begins with.
fn public_prefix<'a>(rule: &Rule, text: &'a str) -> &'a str {
    rule.keywords
        .iter()
        .filter(|k| text.get(..k.len()).is_some_and(|start| start.eq_ignore_ascii_case(k)) && k.len() * 2 <= text.len())
        .map(|k| k.len())
        .max()
        .map_or("", |len| &text[..len])
}

fn classes(secret: &[u8]) -> String {
    let mut words = Vec::new();
    let mut when = |what: fn(&u8) -> bool, word: &'static str| {
        if secret.iter().any(what) {
            words.push(word);
        }
    };
    when(u8::is_ascii_lowercase, "lower case");
    when(u8::is_ascii_uppercase, "upper case");
    when(u8::is_ascii_digit, "digits");
    when(u8::is_ascii_punctuation, "symbols");
    when(u8::is_ascii_whitespace, "blanks");
    when(|b| !b.is_ascii(), "non-ASCII");
    words.join(", ")
}

/// Covers every string of every report: fed with every candidate of the run, it hides them wherever they stand. A history has a
/// hundred thousand of them, so they are looked for by the bytes that they begin with instead of by an automaton.
#[derive(Default)]
pub struct Redactor {
    /// How many secrets it was given.
    known: usize,
    /// What is hidden, ascending, each once.
    hidden: Vec<Secret>,
    /// For each of them the place of the longest other one that it begins with.
    shorter: Vec<Option<u32>>,
    /// A bit for each hash of the first four bytes; as many as are sparse.
    begins: Vec<u64>,
}

/// The bytes of what is hidden that are hashed.
const HASHED: usize = 4;
const _: () = assert!(HASHED <= SHORTEST);

impl Redactor {
    /// A redactor for all of `secrets`. Values shorter than six bytes stand in ordinary words and are left to the snippet,
    /// which hides by place.
    #[must_use]
    pub fn new(secrets: BTreeSet<Secret>) -> Self {
        let known = secrets.len();
        let mut hidden: Vec<Secret> = Vec::new();
        for secret in secrets {
            let bytes = secret.expose().trim_ascii();
            if bytes.len() < SHORTEST {
                continue;
            }
            // Multi-line secrets are shown line by line.
            if bytes.contains(&b'\n') {
                let lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
                hidden.extend(lines.filter(|l| l.len() >= 24 && !l.starts_with(b"-----")).map(Secret::new));
            }
            hidden.push(if bytes.len() == secret.expose().len() { secret } else { Secret::new(bytes) });
        }
        hidden.sort_unstable();
        hidden.dedup();
        let mut shorter: Vec<Option<u32>> = Vec::with_capacity(hidden.len());
        for (n, secret) in hidden.iter().enumerate() {
            // What the one before begins with, itself included, is all that this one can begin with.
            let mut place = n.checked_sub(1).and_then(|before| u32::try_from(before).ok());
            while let Some(at) = place.filter(|at| !secret.expose().starts_with(hidden[*at as usize].expose())) {
                place = shorter[at as usize];
            }
            shorter.push(place);
        }
        let mut begins = vec![0u64; (hidden.len() / 4).next_power_of_two().max(1)];
        for secret in &hidden {
            if let Some(four) = secret.expose().first_chunk() {
                let bit = bit(*four, begins.len());
                begins[bit >> 6] |= 1 << (bit & 63);
            }
        }
        Self { known, hidden, shorter, begins }
    }

    /// `text` with every known secret hidden.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut at = 0;
        while let Some(found) = self.next(text, at) {
            out.push_str(&text[done..found.start]);
            let _ = write!(out, "[redacted: {} characters]", text[found.clone()].chars().count());
            done = found.end;
            at = found.end;
        }
        out.push_str(&text[done..]);
        out
    }

    /// The first secret in `text` from a place on; of those that begin there the longest.
    fn next(&self, text: &str, from: usize) -> Option<std::ops::Range<usize>> {
        if self.hidden.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        (from..bytes.len().saturating_sub(HASHED - 1)).find_map(|at| {
            let bit = bit(*bytes[at..].first_chunk()?, self.begins.len());
            if self.begins[bit >> 6] >> (bit & 63) & 1 == 0 {
                return None;
            }
            // The longest one that the text begins with is what comes before the text in their order, or that begins with it.
            let rest = &bytes[at..];
            let mut place = self.hidden.partition_point(|secret| secret.expose() <= rest).checked_sub(1);
            while let Some(n) = place.filter(|n| !rest.starts_with(self.hidden[*n].expose())) {
                place = self.shorter[n].map(|n| n as usize);
            }
            let end = at + self.hidden[place?].expose().len();
            (text.is_char_boundary(at) && text.is_char_boundary(end)).then_some(at..end)
        })
    }

    /// How many secrets it knows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.known
    }

    /// Whether it knows none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.known == 0
    }
}

/// The place of four bytes among the bits of so many words, a power of two.
const fn bit(four: [u8; HASHED], words: usize) -> usize {
    (u32::from_le_bytes(four).wrapping_mul(0x9e37_79b1) >> 7) as usize & (words * 64 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RuleSet, template};

    #[test]
    fn a_token_shows_its_prefix_and_tail_and_no_more() {
        let rules = RuleSet::built_in();
        let rule = rules.find("github-pat-classic").expect("a rule of the catalogue");
        let token = template::fill("ghp_{alnum:36}", "x", None).unwrap();
        let text = shown(rule, token.as_bytes());
        assert_eq!(text, format!("ghp_…{} (40 characters)", &token[36..]));
    }

    #[test]
    fn a_generic_secret_shows_its_kind_alone() {
        let rules = RuleSet::built_in();
        let rule = rules.find("generic-password").expect("a rule of the catalogue");
        assert_eq!(shown(rule, b"Summer2024!"), "… (11 characters: lower case, upper case, digits, symbols)");
    }

    #[test]
    fn the_redactor_hides_secrets_anywhere() {
        let redactor = Redactor::new([Secret::new(b"hunter22x"), Secret::new(b"abc")].into());
        assert_eq!(redactor.redact("a hunter22x b abc"), "a [redacted: 9 characters] b abc");
        assert_eq!(redactor.len(), 2);
    }

    #[test]
    fn of_several_that_begin_alike_the_longest_is_hidden_wherever_it_stands() {
        let pieces = ["abc", "abcd", "x", "y\u{e9}", "zz", "-", "abcabc"];
        let mut state = 3u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let mut seen = 0;
        for _ in 0..300 {
            let mut word = |most: usize| (0..=next(most)).map(|_| pieces[next(pieces.len())]).collect::<String>();
            let secrets: BTreeSet<Secret> = (0..12).map(|_| Secret::new(word(4).as_bytes())).collect();
            let text = word(40);
            let longest = |at: usize| {
                let here =
                    secrets.iter().map(Secret::expose).filter(|s| s.len() >= SHORTEST && text.as_bytes()[at..].starts_with(s));
                here.map(<[u8]>::len).max()
            };
            let (mut expected, mut at) = (String::new(), 0);
            while let Some(c) = text[at..].chars().next() {
                if let Some(len) = longest(at) {
                    let _ = write!(expected, "[redacted: {} characters]", text[at..at + len].chars().count());
                    at += len;
                    seen += 1;
                } else {
                    expected.push(c);
                    at += c.len_utf8();
                }
            }
            assert_eq!(Redactor::new(secrets.clone()).redact(&text), expected, "{text}");
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn what_a_tool_has_hidden_is_no_secret() {
        for text in ["", "REDACTED", "[REDACTED:abc]", "abcd...", "ghp_…abcd (40 characters)", "AKIA****"] {
            assert!(is_hidden(text.as_bytes()), "{text}");
        }
        assert!(!is_hidden(b"hunter22"));
    }
}
