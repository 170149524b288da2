//! Strings in pieces: `"abc" + "def"`, `"abc" \` with the rest on the next line, and values that stand on the line below their
//! name, as in YAML's block scalars.

use super::{ByteSpan, Decoded, Kind, Writer};

/// The most blanks between a piece and what joins it to the next one.
pub(super) const BLANKS: usize = 120;

/// The seams that begin between the two places.
fn seams(
    text: &[u8],
    from: usize,
    to: usize,
    seam: fn(&[u8], usize) -> Option<ByteSpan>,
    signs: [u8; 2],
) -> impl Iterator<Item = ByteSpan> + '_ {
    let mut end = from;
    let places = memchr::memchr2_iter(signs[0], signs[1], text.get(from..to).unwrap_or_default());
    places.map(move |at| at + from).filter_map(move |at| {
        let seam = (at >= end).then(|| seam(text, at)).flatten()?;
        end = seam.end;
        Some(seam)
    })
}

/// Writes `span` of `text` with the seams taken out.
pub(super) fn decode(text: &[u8], span: ByteSpan, kind: Kind) -> Option<Decoded> {
    let seams = match kind {
        Kind::Block => seams(text, span.start, span.end, block_scalar, [b'|', b'>']),
        _ => seams(text, span.start, span.end, between_strings, [b'"', b'\'']),
    };
    let mut writer = Writer::new(text, span);
    for seam in seams.filter(|seam| seam.end <= span.end) {
        writer.replace(seam, b"", None);
    }
    writer.finish(span.end, if kind == Kind::Block { "block" } else { "concatenation" })
}

/// From a closing quote to the opening one of the next piece.
pub(super) fn between_strings(text: &[u8], at: usize) -> Option<ByteSpan> {
    let quote = *text.get(at).filter(|b| matches!(b, b'"' | b'\''))?;
    // Most quotes are none that close a piece: before it stands a part of a token.
    let is_token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b':' | b'@');
    if at == 0 || !is_token(text[at - 1]) {
        return None;
    }
    // A piece that ends with a line break, as those of messages do.
    if at >= 2 && text[at - 2] == b'\\' {
        return None;
    }
    let mut cursor = at + 1;
    let (count, new_line) = blanks(text, cursor);
    cursor += count;
    match text.get(cursor)? {
        b'+' | b'&' | b'~' => cursor += 1,
        b'.' => cursor += 1 + usize::from(text.get(cursor + 1) == Some(&b'.')),
        b'|' if text.get(cursor + 1) == Some(&b'|') => cursor += 2,
        b'\\' if text.get(cursor + 1).is_some_and(|b| matches!(b, b'\n' | b'\r')) => cursor += 1,
        b if *b == quote && new_line => {
            if is_unbound(&text[..at], quote)
                && ends_with_word(&text[..at], quote)
                && begins_with_word(&text[cursor + 1..], quote)
            {
                return None;
            }
        }
        _ => return None,
    }
    cursor += blanks(text, cursor).0;
    let opens = text.get(cursor) == Some(&quote) && text.get(cursor + 1).is_some_and(|b| is_token(*b));
    (opens && cursor > at).then(|| ByteSpan::new(at, cursor + 1))
}

/// A longer run of letters may be a part of a secret.
const LONGEST_WORD: usize = 24;
/// How far back the begin of a string is looked for.
pub(super) const MOST_OF_LINE: usize = 128;

/// Whether the string that ends here stands for itself in its line, or behind a mere word: an operator before it binds it to a name.
fn is_unbound(text: &[u8], quote: u8) -> bool {
    let near = &text[text.len().saturating_sub(MOST_OF_LINE)..];
    let before = memchr::memrchr(quote, near).and_then(|open| near[..open].iter().rfind(|b| !matches!(b, b' ' | b'\t')));
    before.is_some_and(|b| *b == b'\n' || b.is_ascii_alphanumeric())
}

/// Whether a part of a path is all that ends here. Strings side by side that are lists of names, as those of what Go code imports,
/// are no pieces of one; two parts of a secret look like that once in some thousand times.
fn ends_with_word(text: &[u8], quote: u8) -> bool {
    let run = text.iter().rev().take(LONGEST_WORD + 1).take_while(|b| is_of_word(**b)).count();
    let before = text.len().checked_sub(run + 1).map(|at| text[at]);
    is_word(&text[text.len() - run..]) && before.is_some_and(|b| b == quote || is_between_words(b))
}

/// Whether a part of a path is all that begins here.
fn begins_with_word(text: &[u8], quote: u8) -> bool {
    let run = text.iter().take(LONGEST_WORD + 1).take_while(|b| is_of_word(**b)).count();
    is_word(&text[..run]) && text.get(run).is_some_and(|b| *b == quote || is_between_words(*b))
}

const fn is_of_word(b: u8) -> bool {
    matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

const fn is_between_words(b: u8) -> bool {
    matches!(b, b'/' | b'.')
}

/// Small letters, and at most three digits behind them: `oauth2`, `v3`.
fn is_word(run: &[u8]) -> bool {
    let digits = run.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let letters = &run[..run.len() - digits];
    run.len() <= LONGEST_WORD && digits <= 3 && !letters.is_empty() && !letters.iter().any(u8::is_ascii_digit)
}

/// `key: |` and one line below it that is all of the value.
pub(super) fn block_scalar(text: &[u8], at: usize) -> Option<ByteSpan> {
    if !matches!(text.get(at), Some(b'|' | b'>')) || !text[..at].ends_with(b": ") {
        return None;
    }
    let mut cursor = at + 1;
    if matches!(text.get(cursor), Some(b'-' | b'+')) {
        cursor += 1;
    }
    let (count, new_line) = blanks(text, cursor);
    let value = cursor + count;
    if !new_line || count < 2 {
        return None;
    }
    let line = memchr::memchr(b'\n', &text[value..text.len().min(value + 512)])?;
    // The next line is indented less: the value has but one.
    let indent = text[..value].iter().rev().take_while(|b| **b == b' ').count();
    let next = &text[value + line + 1..];
    let next_indent = next.iter().take_while(|b| **b == b' ').count();
    let is_alone = next_indent < indent || matches!(next.get(next_indent), None | Some(b'\n' | b'\r'));
    (indent > 0 && is_alone).then(|| ByteSpan::new(at, value))
}

/// How many blanks stand at `at`, and whether a line ends among them.
fn blanks(text: &[u8], at: usize) -> (usize, bool) {
    let rest = &text[at..text.len().min(at + BLANKS)];
    let count = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    (count, rest[..count].contains(&b'\n'))
}
