//! Values that are code: the right-hand side of `password = getPassword()` is no password.

use super::{Subject, language, shape};
use crate::detect::assignment::{Operator, Quote};
use crate::detect::short::contains;
use crate::rule::AssignmentClass;

/// Whether an unquoted value stands in source code of a language that quotes its strings: not in a comment, not in a string.
#[must_use]
pub(super) fn in_source(subject: Subject<'_>) -> bool {
    let Some(assignment) = subject.candidate.assignment else { return false };
    let line = subject.line_before();
    assignment.quote == Quote::None
        && !matches!(assignment.operator, Operator::Flag | Operator::Element)
        && language::quotes_strings(subject.path)
        && !language::is_comment(line)
        && !language::in_string(line)
        && !language::in_block(subject.before())
}

/// What kind of code the value is, if it is code.
#[must_use]
pub(super) fn code(subject: Subject<'_>) -> Option<&'static str> {
    let value = subject.value();
    let assignment = subject.candidate.assignment?;
    if assignment.quote != Quote::None {
        return in_quotes(value);
    }
    let is_time = value.len() == 10 && value[0] == b'1' && value.iter().all(u8::is_ascii_digit);
    if is_time && assignment.class == AssignmentClass::Token {
        return Some("a time in seconds");
    }
    if contains(value, b"%d") || contains(value, b"%s") || contains(value, b"%0") {
        return Some("a format string");
    }
    if value.len() < 16 && value.ends_with(b"=") && value[..value.len() - 1].iter().all(u8::is_ascii_alphabetic) {
        return Some("a name with its operator");
    }
    let (first, last) = (*value.first()?, *value.last()?);
    let has = |b: u8| value.contains(&b);
    if has(b'(') && call(value) || subject.after().first() == Some(&b'(') {
        return Some("a call");
    }
    let open = |opening: u8, closing: u8| first == opening && !has(closing);
    if open(b'(', b')')
        || open(b'[', b']')
        || open(b'{', b'}')
        || open(b'<', b'>')
        || value.ends_with(b"})")
        || value.ends_with(b"))")
    {
        return Some("a piece of an expression");
    }
    if b"{[(".contains(&last) || value == b"[]" || value == b"{}" || last == b'>' && has(b'<') {
        return Some("an opening bracket or a type");
    }
    if contains(value, b" => ") || contains(value, b"->") || contains(value, b"::") {
        return Some("an expression");
    }
    if has(b'[') && first.is_ascii_alphabetic() {
        return Some("an element of something");
    }
    if operators(value) || begins_expression(value) {
        return Some("an expression");
    }
    if last == b':' && value[..value.len() - 1].iter().all(u8::is_ascii_alphabetic) {
        return Some("a label");
    }
    if contains(value, b".is") && has(b'=') {
        return Some("an assignment");
    }
    dotted(value).then_some("a member of something")
}

/// A first blank with an operator behind it.
fn operators(value: &[u8]) -> bool {
    const OPERATORS: [&[u8]; 16] = [
        b"|| ", b"&& ", b"+ ", b"? ", b"== ", b"!= ", b"or ", b"and ", b"if ", b"in ", b"not ", b"is ", b"- ", b"* ", b"as ",
        b"= ",
    ];
    memchr::memchr(b' ', value).is_some_and(|at| OPERATORS.iter().any(|op| value[at + 1..].starts_with(op)))
}

/// Keywords and members that expressions begin with; a mark such as `!` or `&` before a lower-case name.
fn begins_expression(value: &[u8]) -> bool {
    const STARTS: [&[u8]; 30] = [
        b"new ", b"await ", b"function(", b"function ", b"lambda ", b"lambda:", b"return ", b"not ", b"self.", b"this.", b"ctx.",
        b"req.", b"request.", b"props.", b"data[", b"args.", b"options.", b"opts.", b"params.", b"settings.", b"conf.", b"cfg.",
        b"#include", b"typeof ", b"Get-", b"Read-Host", b"ConvertTo-", b"ConvertFrom-", b"New-Object", b"Import-",
    ];
    let plain = !value.iter().skip(1).any(|b| b"!#%^".contains(b));
    let marked = matches!(value[0], b'!' | b'@' | b'*' | b'&') && value.get(1).is_some_and(u8::is_ascii_lowercase);
    let name_behind_mark = value[0] == b'&' && value[1..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    plain && (STARTS.iter().any(|p| value.starts_with(p)) || marked) || name_behind_mark
}

/// A name directly before the first bracket.
fn call(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|b| *b == b'(') else { return false };
    let name = &value[..at];
    let named = name.last() != Some(&b' ') && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_.$:> -!&*?<@".contains(b));
    // `Pa(ss)w0rd` is no call: a call ends with its bracket, or its end was cut off.
    let closes = value
        .iter()
        .rposition(|b| *b == b')')
        .is_none_or(|close| close + 1 == value.len() || b".,;)}]| ?".contains(&value[close + 1]));
    (at == 0 || named) && closes
}

/// `a.b.c`: two or more identifiers, the last of them no word with digits in it.
fn dotted(value: &[u8]) -> bool {
    let mut parts = 0;
    for part in value.split(|b| *b == b'.') {
        let starts = part.first().is_some_and(|b| b.is_ascii_lowercase() || *b == b'_')
            || parts > 0 && part.first().is_some_and(u8::is_ascii_alphabetic);
        let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
        let plain = part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if !starts || digits > usize::from(part.len() >= 6) || !plain || part.len() >= 5 && shape::surprise(part) > 4.9 {
            return false;
        }
        parts += 1;
    }
    parts >= 2
}

/// Strings that a program fills in, and code in strings.
fn in_quotes(value: &[u8]) -> Option<&'static str> {
    const FORMATS: [&[u8]; 12] = [b"%s", b"%d", b"%v", b"%q", b"%@", b"{0}", b"{1}", b"\\(", b"\" +", b"' +", b"\" .", b"' ."];
    let whole_call = value.last() == Some(&b')')
        && call(value)
        && value.first().is_some_and(u8::is_ascii_alphabetic)
        && !value.contains(&b' ');
    if whole_call {
        return Some("a call");
    }
    if value.starts_with(b"--") && value.ends_with(b"=") {
        return Some("a flag whose value follows");
    }
    if value.starts_with(b".$") || value.starts_with(b". $") {
        return Some("code between two strings");
    }
    if value.starts_with(b"\\U000") {
        return Some("an escaped character");
    }
    if FORMATS.iter().any(|f| contains(value, f))
        || value.first() == Some(&b'+') && value.last().is_some_and(|b| b"+ ,".contains(b))
    {
        return Some("a format string");
    }
    let braces = value.iter().position(|b| *b == b'{').zip(value.iter().rposition(|b| *b == b'}'));
    if let Some((open, close)) = braces
        && open + 1 < close
        && value[open + 1..close].iter().all(|b| b.is_ascii_alphanumeric() || b"_.:".contains(b))
    {
        return Some("a format string");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_members_are_told_from_passwords() {
        for text in
            ["isEqual(a", "randstr(10)", "crypto.randomBytes(16).toString('hex')", "crypt($2, gen_salt('bf'))", "(required"]
        {
            assert!(call(text.as_bytes()), "{text}");
        }
        assert!(!call(b"Pa(ss)w0rd"));
        assert!(dotted(b"user.password") && dotted(b"bn.accessKey") && !dotted(b"Cisco.Kid1") && !dotted(b"x9.Kq7z"));
        assert!(begins_expression(b"&CVWords") && !begins_expression(b"&Xk9!"));
    }
}
