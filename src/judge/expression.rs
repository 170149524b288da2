//! Values that are code: the right-hand side of `password = getPassword()` is no password.

use super::Subject;
use crate::detect::assignment::Quote;

/// What kind of code the value is, if it is code.
#[must_use]
pub(super) fn code(subject: Subject<'_>) -> Option<&'static str> {
    let value = subject.value();
    let assignment = subject.candidate.assignment?;
    if assignment.quote != Quote::None {
        return interpolation(value);
    }
    let last = *value.last()?;
    let has = |b: u8| value.contains(&b);
    if has(b'(') && (has(b')') || value.ends_with(b"(")) && call(value) {
        return Some("a call");
    }
    if value.ends_with(b"{")
        || value.ends_with(b"[")
        || value.ends_with(b"(")
        || value == b"[]"
        || value == b"{}"
        || last == b'>' && has(b'<')
    {
        return Some("an opening bracket or a type");
    }
    if memchr::memmem::find(value, b" => ").is_some()
        || memchr::memmem::find(value, b"->").is_some()
        || memchr::memmem::find(value, b"::").is_some()
    {
        return Some("an expression");
    }
    if has(b'[') && has(b']') && value[0].is_ascii_alphabetic() {
        return Some("an element of something");
    }
    if let Some(at) = memchr::memmem::find(value, b" ")
        && [
            &b"|| "[..],
            b"&& ",
            b"+ ",
            b"? ",
            b"== ",
            b"or ",
            b"and ",
            b"if ",
            b"in ",
            b"not ",
            b"is ",
            b"- ",
            b"* ",
            b"as ",
            b"= ",
        ]
        .iter()
        .any(|op| value[at + 1..].starts_with(op))
    {
        return Some("an expression");
    }
    if [
        &b"new "[..],
        b"await ",
        b"function",
        b"lambda",
        b"return ",
        b"not ",
        b"!",
        b"&",
        b"*",
        b"@",
        b"self.",
        b"this.",
        b"ctx.",
        b"req.",
        b"request.",
        b"props.",
        b"data[",
        b"args.",
        b"options.",
        b"opts.",
        b"params.",
        b"settings.",
        b"conf.",
        b"cfg.",
    ]
    .iter()
    .any(|p| value.starts_with(p))
        && !value.iter().skip(1).any(|b| b"!#%^".contains(b))
        && !(value[0] == b'!' || value[0] == b'@' || value[0] == b'*' || value[0] == b'&')
            | value.get(1).is_some_and(u8::is_ascii_lowercase)
    {
        return Some("an expression");
    }
    if subject.after().first() == Some(&b'(') {
        return Some("a call");
    }
    if dotted(value) {
        return Some("a member of something");
    }
    None
}

/// A name directly before the first bracket.
fn call(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|b| *b == b'(') else { return false };
    at == 0
        || value[..at].iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'_' | b'.' | b'$' | b':' | b' ' | b'>' | b'-' | b'!' | b'&' | b'*' | b'?' | b'<')
        })
}

/// `a.b.c`: two or more identifiers.
fn dotted(value: &[u8]) -> bool {
    let mut parts = 0;
    for part in value.split(|b| *b == b'.') {
        let starts = part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
        if !starts
            || digits > 2
            || !part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
            || super::shape::Shape::of(part).surprise > 4.9
        {
            return false;
        }
        parts += 1;
    }
    parts >= 2
}

/// Strings that a program fills in.
fn interpolation(value: &[u8]) -> Option<&'static str> {
    let has = |text: &[u8]| memchr::memmem::find(value, text).is_some();
    let formats = [&b"%s"[..], b"%d", b"%v", b"%q", b"%@", b"{0}", b"{1}", b"\\(", b"\" +", b"' +", b"\" .", b"' ."];
    if formats.iter().any(|f| has(f)) {
        return Some("a format string");
    }
    let braces = value.iter().position(|b| *b == b'{').zip(value.iter().rposition(|b| *b == b'}'));
    if let Some((open, close)) = braces
        && open < close
        && value[open + 1..close].iter().all(|b| b.is_ascii_alphanumeric() || b"_.:".contains(b))
        && close > open + 1
    {
        return Some("a format string");
    }
    None
}
