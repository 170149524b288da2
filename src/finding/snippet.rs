//! The line that a finding stands in, with every candidate in it hidden by its place.

use crate::detect::ByteSpan;
use serde::{Deserialize, Serialize};

/// The most characters shown on each side of the secret.
const AROUND: usize = 80;
/// The bytes taken from each side of it before the redactor of the run has seen them: a secret that is known from elsewhere
/// must not be cut in two before it is hidden.
const TAKEN: usize = 480;

/// A redacted line, and where in it the secret stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Snippet {
    /// The line, control characters replaced, cut to a readable length.
    pub text: String,
    /// Where the redacted secret stands in `text`, in Unicode scalars from 0.
    pub mark_start: usize,
    pub mark_end: usize,
}

impl Snippet {
    /// The same, no longer than is shown.
    #[must_use]
    pub fn cut(&self) -> Self {
        let chars: Vec<char> = self.text.chars().collect();
        let from = if self.mark_start > AROUND + 1 { self.mark_start - AROUND } else { 0 };
        let to = if chars.len() > self.mark_end + AROUND + 1 { self.mark_end + AROUND } else { chars.len() };
        let mut text = String::new();
        if from > 0 {
            text.push('…');
        }
        let mark_start = self.mark_start - from + usize::from(from > 0);
        text.extend(&chars[from..to]);
        if to < chars.len() {
            text.push('…');
        }
        Self { text, mark_start, mark_end: mark_start + (self.mark_end - self.mark_start) }
    }
}

/// The stretch of `text` that a snippet of `secret` may show, and no less: places to hide outside of it do not matter.
#[must_use]
pub fn reach(text: &[u8], secret: ByteSpan) -> ByteSpan {
    ByteSpan::new(secret.start.saturating_sub(TAKEN), text.len().min(secret.end + TAKEN + 4))
}

/// Makes the snippet of `secret` in `text`, longer than is shown ([`Snippet::cut`]). `hidden` are all places to hide, with what to show instead; `secret` is one of
/// them.
#[must_use]
pub fn snippet(text: &[u8], secret: ByteSpan, hidden: &[(ByteSpan, String)]) -> Snippet {
    let line_start = memchr::memrchr(b'\n', &text[..secret.start]).map_or(0, |n| n + 1);
    let first_line_end = memchr::memchr(b'\n', &text[secret.start..]).map_or(text.len(), |n| secret.start + n);
    let from = boundary(text, line_start.max(secret.start.saturating_sub(TAKEN)));
    let shown_end = secret.end.min(first_line_end).max(secret.start);
    let to = boundary(text, first_line_end.min(shown_end + TAKEN));
    let mut out = Snippet { text: String::new(), mark_start: 0, mark_end: 0 };
    if from > line_start {
        out.text.push('…');
    }
    let mut at = from;
    let mut places: Vec<&(ByteSpan, String)> = hidden.iter().filter(|(s, _)| s.end > from && s.start < to).collect();
    // Of overlapping places the secret itself comes first, then the one that begins first.
    places.sort_by_key(|(s, _)| (s.start, *s != secret));
    for (span, instead) in places {
        if *span != secret && span.overlaps(secret) {
            continue;
        }
        if span.start < at && *span != secret {
            at = at.max(span.end.min(to));
            continue;
        }
        push(&mut out.text, &text[at..span.start.clamp(at, to)]);
        if *span == secret {
            out.mark_start = out.text.chars().count();
        }
        out.text.push_str(instead);
        if *span == secret {
            out.mark_end = out.text.chars().count();
        }
        at = span.end.clamp(at, to);
    }
    push(&mut out.text, &text[at..to]);
    if to < first_line_end {
        out.text.push('…');
    }
    out
}

/// Appends text that may hold anything: invalid bytes and control characters become `�`.
fn push(out: &mut String, bytes: &[u8]) {
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\t' => out.push(' '),
            '\r' => {}
            c if c.is_control() || is_direction(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// `text` without what would steer a terminal or forge a line: control characters and marks of direction become `�`.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_direction(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Marks that would reorder what a terminal shows.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The next place at or after `at` where no UTF-8 sequence is cut.
fn boundary(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] & 0xc0 == 0x80 {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_the_secret_and_its_neighbours() {
        let text = b"x = 1\nuser=joe1234 next=hunter22 z\nlast";
        let find = |what: &[u8]| {
            let at = memchr::memmem::find(text, what).unwrap();
            ByteSpan::new(at, at + what.len())
        };
        let hidden = [(find(b"hunter22"), "<8>".to_owned()), (find(b"joe1234"), "<7>".to_owned())];
        let found = snippet(text, hidden[0].0, &hidden);
        assert_eq!(found.text, "user=<7> next=<8> z");
        assert_eq!((found.mark_start, found.mark_end), (14, 17));
    }

    #[test]
    fn a_long_line_is_cut_and_a_secret_over_lines_shows_once() {
        let text = [&b"a".repeat(300)[..], b"SECRET\nSECRET\nend"].concat();
        let span = ByteSpan::new(300, 313);
        let found = snippet(&text, span, &[(span, "<>".to_owned())]).cut();
        assert_eq!((found.mark_start, found.mark_end, found.text.chars().count()), (81, 83, 83));
        assert!(found.text.starts_with("…a") && found.text.ends_with("<>"), "{}", found.text);
    }
}
