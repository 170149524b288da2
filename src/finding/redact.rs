//! What may be shown of a secret.

use super::Secret;
use crate::rule::{Kind, Rule};
use aho_corasick::{AhoCorasick, MatchKind};
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

/// Covers every string of every report: fed with every candidate of the run, it hides them wherever they stand.
#[derive(Default)]
pub struct Redactor {
    secrets: BTreeSet<Secret>,
    matcher: Option<AhoCorasick>,
}

impl Redactor {
    /// A redactor for all of `secrets`. Values shorter than six bytes stand in ordinary words and are left to the snippet,
    /// which hides by place.
    ///
    /// # Panics
    /// Where there are gigabytes of secrets.
    #[must_use]
    pub fn new(secrets: BTreeSet<Secret>) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        for secret in &secrets {
            let bytes = secret.expose().trim_ascii();
            if bytes.len() >= SHORTEST {
                patterns.push(bytes.to_vec());
                // Multi-line secrets are shown line by line.
                if bytes.contains(&b'\n') {
                    patterns.extend(
                        bytes
                            .split(|b| *b == b'\n')
                            .map(|l| l.trim_ascii().to_vec())
                            .filter(|l| l.len() >= 24 && !l.starts_with(b"-----")),
                    );
                }
            }
        }
        let matcher = (!patterns.is_empty()).then(|| {
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns).expect("secrets fit an automaton")
        });
        for pattern in &mut patterns {
            zeroize::Zeroize::zeroize(pattern);
        }
        Self { secrets, matcher }
    }

    /// `text` with every known secret hidden.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let Some(matcher) = &self.matcher else { return text.to_owned() };
        if matcher.find(text).is_none() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        matcher.replace_all_with(text, &mut out, |_, hidden, out| {
            let _ = write!(out, "[redacted: {} characters]", hidden.chars().count());
            true
        });
        out
    }

    /// How many secrets it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }
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
    fn what_a_tool_has_hidden_is_no_secret() {
        for text in ["", "REDACTED", "[REDACTED:abc]", "abcd...", "ghp_…abcd (40 characters)", "AKIA****"] {
            assert!(is_hidden(text.as_bytes()), "{text}");
        }
        assert!(!is_hidden(b"hunter22"));
    }
}
