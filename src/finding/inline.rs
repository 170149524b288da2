//! Comments that allow a finding where it stands: `keysift:allow`, and the marks of other scanners.
//!
//! A mark counts for the secrets of its own line; one that stands alone in a comment counts for the next line. What is read
//! are at most [`REACH`] bytes of each line, so that an allow is a function of the bytes near the finding and of nothing else.

use super::snippet::visible;
use crate::detect::ByteSpan;
use crate::rule::Rule;

/// How far from the secret a mark may stand in its line, in bytes: longer lines are no one's handwriting.
const REACH: usize = 1024;
/// The most characters of a reason that are kept.
const LONGEST_REASON: usize = 200;

/// The marks that are known. `pragma` has forms of its own.
const MARKS: [&str; 4] = ["keysift:allow", "gitleaks:allow", "trufflehog:ignore", "kingfisher:ignore"];
const PRAGMA: &[u8] = b"pragma:";

/// A comment that allows a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineAllow {
    /// The mark as it was recognised: `keysift:allow`.
    pub mark: &'static str,
    /// The only rule that it allows; `*` at either end stands for anything.
    pub rule: Option<String>,
    pub reason: Option<String>,
}

impl InlineAllow {
    /// The allow for `secret`, which stands in `text`.
    #[must_use]
    pub fn of(text: &[u8], secret: ByteSpan) -> Option<Self> {
        let from = secret.start.saturating_sub(REACH);
        let to = text.len().min(secret.end + REACH);
        let line_start = memchr::memrchr(b'\n', &text[from..secret.start]).map_or(from, |n| from + n + 1);
        let line_end = memchr::memchr(b'\n', &text[secret.end..to]).map_or(to, |n| secret.end + n);
        // Behind the secret first: that is where most people write.
        let own = [&text[secret.end..line_end], &text[line_start..secret.start]];
        let on_line = own.into_iter().find_map(|part| Mark::find(part).filter(|m| !m.is_for_next_line));
        on_line.or_else(|| line_before(text, line_start)).map(Mark::read)
    }

    /// Whether it allows findings of `rule`.
    #[must_use]
    pub fn covers(&self, rule: &Rule) -> bool {
        self.rule.as_deref().is_none_or(|name| rule.is_named(name))
    }

    /// What holds for two places of one finding together: both must be allowed.
    #[must_use]
    pub(super) fn both(one: Option<Self>, other: Option<Self>, rule: &Rule) -> Option<Self> {
        let (one, other) = (one?, other?);
        Some(if one.covers(rule) { other } else { one })
    }
}

/// The mark in the line before the one that begins at `line_start`, if it is meant for the next one.
fn line_before(text: &[u8], line_start: usize) -> Option<Mark<'_>> {
    let end = line_start.checked_sub(1).filter(|end| text[*end] == b'\n')?;
    let from = end.saturating_sub(REACH);
    let start = memchr::memrchr(b'\n', &text[from..end]).map_or(from, |n| from + n + 1);
    // Of a line that is cut no one knows whether it is a comment alone.
    let is_whole = start == 0 || text[start - 1] == b'\n';
    Mark::find(&text[start..end]).filter(|m| is_whole && (m.is_for_next_line || is_comment_alone(m.before)))
}

/// Whether what stands before a mark does nothing but open a comment.
fn is_comment_alone(before: &[u8]) -> bool {
    let before = before.trim_ascii();
    // Batch files and m4 open comments with a word.
    [&b"rem"[..], b"@rem", b"dnl"].iter().any(|word| before.eq_ignore_ascii_case(word))
        || before.iter().all(|b| b.is_ascii_punctuation() || b.is_ascii_whitespace())
}

/// A mark in a piece of a line.
struct Mark<'a> {
    name: &'static str,
    before: &'a [u8],
    after: &'a [u8],
    is_for_next_line: bool,
}

impl<'a> Mark<'a> {
    /// The first mark in `piece`.
    fn find(piece: &'a [u8]) -> Option<Self> {
        MARKS.iter().find_map(|mark| Self::named(piece, mark)).or_else(|| Self::pragma(piece))
    }

    fn named(piece: &'a [u8], name: &'static str) -> Option<Self> {
        let places = memchr::memmem::find_iter(piece, name);
        let mut whole = places.map(|at| (&piece[..at], &piece[at + name.len()..]));
        let (before, after) = whole.find(|(before, after)| {
            !before.last().is_some_and(|b| is_word(*b)) && !after.first().is_some_and(|b| is_word(*b) || *b == b'-')
        })?;
        Some(Self { name, before, after, is_for_next_line: false })
    }

    /// The marks of detect-secrets: `pragma: allowlist secret`, `pragma: allowlist nextline secret`.
    fn pragma(piece: &'a [u8]) -> Option<Self> {
        let at = memchr::memmem::find(piece, PRAGMA)?;
        let rest = piece[at + PRAGMA.len()..].trim_ascii_start().strip_prefix(b"allowlist")?;
        let word =
            |rest: &'a [u8], word: &[u8]| rest.split_first().filter(|(b, _)| matches!(b, b' ' | b'-'))?.1.strip_prefix(word);
        let next = word(rest, b"nextline");
        let after = word(next.unwrap_or(rest), b"secret")?;
        let name = if next.is_some() { "pragma: allowlist nextline secret" } else { "pragma: allowlist secret" };
        Some(Self { name, before: &piece[..at], after, is_for_next_line: next.is_some() })
    }

    /// The rule and the reason that follow it: `keysift:allow generic-password -- made up for the tests`.
    fn read(self) -> InlineAllow {
        let mut rest = self.after.trim_ascii_start();
        let mut rule = None;
        if self.name == MARKS[0] {
            let len = rest.iter().take_while(|b| is_word(**b) || matches!(b, b'-' | b'*')).count();
            let (word, behind) = rest.split_at(len);
            let ends = behind.first().is_none_or(u8::is_ascii_whitespace);
            if ends && word.iter().any(u8::is_ascii_alphanumeric) && !word.starts_with(b"--") {
                rule = Some(String::from_utf8_lossy(word).into_owned());
                rest = behind.trim_ascii_start();
            }
        }
        InlineAllow { mark: self.name, rule, reason: rest.strip_prefix(b"-- ").and_then(reason) }
    }
}

/// A reason as it is kept, without what closes the comment.
fn reason(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let end = ["*/", "-->", "--%>", "#}"].iter().filter_map(|close| text.find(close)).min().unwrap_or(text.len());
    let kept: String = visible(text[..end].trim()).chars().take(LONGEST_REASON).collect();
    (!kept.is_empty()).then_some(kept)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What allows the first `S3CRET` in `text`.
    fn of(text: &str) -> Option<(&'static str, Option<String>, Option<String>)> {
        let at = text.find("S3CRET").expect("the text has a secret");
        InlineAllow::of(text.as_bytes(), ByteSpan::new(at, at + 6)).map(|a| (a.mark, a.rule, a.reason))
    }

    #[test]
    fn on_the_same_line_in_any_syntax() {
        for text in [
            "p = S3CRET # keysift:allow",
            "p = S3CRET // keysift:allow\n",
            "<p>S3CRET</p> <!-- keysift:allow -->",
            "/* keysift:allow */ p = S3CRET",
            "p: S3CRET ; keysift:allow\r\n",
            "p = 'S3CRET' --keysift:allow",
        ] {
            assert_eq!(of(text), Some(("keysift:allow", None, None)), "{text}");
        }
        for mark in ["gitleaks:allow", "trufflehog:ignore", "kingfisher:ignore", "pragma: allowlist secret"] {
            assert_eq!(of(&format!("p = S3CRET # {mark}")), Some((mark, None, None)));
        }
        assert_eq!(of("p = S3CRET # pragma:allowlist-secret").map(|a| a.0), Some("pragma: allowlist secret"));
    }

    #[test]
    fn rule_and_reason() {
        let (rule, reason) = (|r: &str| Some(r.to_owned()), |r: &str| Some(r.to_owned()));
        for (text, expected) in [
            ("# keysift:allow generic-password", (rule("generic-password"), None)),
            ("# keysift:allow generic-* -- made up", (rule("generic-*"), reason("made up"))),
            ("# keysift:allow -- made up, see #12", (None, reason("made up, see #12"))),
            ("/* keysift:allow -- made up */", (None, reason("made up"))),
            ("<!-- keysift:allow x -- made up -->", (rule("x"), reason("made up"))),
            ("/* keysift:allow */", (None, None)),
            ("# gitleaks:allow generic-password", (None, None)),
            ("# gitleaks:allow -- why", (None, reason("why"))),
        ] {
            let found = of(&format!("p = S3CRET {text}")).expect(text);
            assert_eq!((found.1, found.2), expected, "{text}");
        }
    }

    #[test]
    fn the_line_before_counts_where_the_comment_stands_alone() {
        for text in [
            "# keysift:allow",
            "  // keysift:allow -- x",
            "REM keysift:allow",
            "<!-- keysift:allow -->",
            "x #pragma: allowlist nextline secret",
        ] {
            assert!(of(&format!("a\n{text}\np = S3CRET\n")).is_some(), "{text}");
            assert!(of(&format!("{text}\r\np = S3CRET\n")).is_some(), "{text}");
            assert!(of(&format!("{text}\n\np = S3CRET\n")).is_none(), "{text}");
            assert!(of(&format!("p = S3CRET\n{text}\n")).is_none(), "{text}");
        }
        // A comment behind other code is for that code.
        assert_eq!(of("q = other # keysift:allow\np = S3CRET\n"), None);
        assert_eq!(of("# pragma: allowlist secret\np = S3CRET\n").map(|a| a.0), Some("pragma: allowlist secret"));
        assert_eq!(of("p = S3CRET # pragma: allowlist nextline secret\n"), None);
    }

    #[test]
    fn what_is_no_mark() {
        for text in
            ["keysift:allowed", "keysift:allow-list", "mykeysift:allow", "keysift: allow", "pragma: allowlist", "pragma: once"]
        {
            assert_eq!(of(&format!("p = S3CRET # {text}")), None, "{text}");
        }
        // The secret itself says nothing.
        let text = b"p = keysift:allow";
        assert_eq!(InlineAllow::of(text, ByteSpan::new(4, text.len())), None);
    }

    #[test]
    fn only_what_is_near_is_read() {
        let far = "x".repeat(REACH);
        assert_eq!(of(&format!("p = S3CRET {far} # keysift:allow")), None);
        assert_eq!(of(&format!("# keysift:allow\n{far} S3CRET")), None);
        // A line before that is cut could hold code of its own.
        assert_eq!(of(&format!("q = other{} # keysift:allow\np = S3CRET", " ".repeat(REACH))), None);
        assert!(of(&format!("p = S3CRET {} # keysift:allow", &far[..900])).is_some());
    }
}
