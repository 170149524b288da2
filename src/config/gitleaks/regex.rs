//! Regexes of gitleaks: Go's RE2 syntax in that of the regex crate, over bytes with unicode off.
//!
//! Perl classes and `\b` are ASCII in both. What differs is written anew: `\Q…\E`, octal escapes, `\C`, `{` that repeats
//! nothing, `[`, `&&`, `--` and `~~` in classes, `\<` and `\>`, characters outside ASCII, `\pL`. Case is not folded outside ASCII,
//! and what is no UTF-8 counts byte by byte. <https://github.com/google/re2/wiki/Syntax>

use std::fmt::Write as _;

/// Writes a Go regex in the syntax of rules.
///
/// # Errors
/// What Go has and rules have not.
pub fn translate(go: &str) -> Result<String, String> {
    let mut reader = Reader { rest: go, out: String::with_capacity(go.len() + 16) };
    while let Some(c) = reader.next() {
        match c {
            '\\' => reader.escape()?,
            '[' => reader.class()?,
            '{' if !is_repetition(reader.rest) => reader.out.push_str(r"\{"),
            c => literal(&mut reader.out, c, false),
        }
    }
    Ok(reader.out)
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
}

/// Something in a class.
#[derive(Default)]
struct Class {
    /// ASCII, as it is written.
    ascii: String,
    /// Beyond it.
    wide: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// An escape outside of classes.
    fn escape(&mut self) -> Result<(), String> {
        if let Some(rest) = self.rest.strip_prefix('Q') {
            let (text, rest) = rest.split_once(r"\E").unwrap_or((rest, ""));
            text.chars().for_each(|c| literal(&mut self.out, c, true));
            self.rest = rest;
            return Ok(());
        }
        if let Some(c) = self.character()? {
            literal(&mut self.out, c, true);
            return Ok(());
        }
        match self.next() {
            Some(c @ ('p' | 'P')) => {
                let property = self.property()?;
                let _ = write!(self.out, r"(?u-i:\{c}{property})");
            }
            Some('C') => self.out.push_str("(?s:.)"),
            Some(c @ ('A' | 'z' | 'b' | 'B' | 'd' | 'D' | 's' | 'S' | 'w' | 'W')) => self.out.extend(['\\', c]),
            Some(c) => return Err(format!("`\\{c}` means nothing in Go")),
            None => return Err("a regex cannot end with a backslash".to_owned()),
        }
        Ok(())
    }

    /// The character that an escape stands for, if it is one; the backslash is read.
    fn character(&mut self) -> Result<Option<char>, String> {
        let Some(c) = self.rest.chars().next() else { return Ok(None) };
        let found = match c {
            '0'..='7' => {
                let len = self.rest.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                if c != '0' && len == 1 {
                    return Err(format!("`\\{c}` refers back, which no linear search can"));
                }
                let number = u32::from_str_radix(&self.rest[..len], 8).ok().and_then(char::from_u32);
                self.rest = &self.rest[len..];
                return Ok(number);
            }
            'x' => {
                let (digits, len) = match self.rest[1..].strip_prefix('{') {
                    Some(rest) => rest.split_once('}').map_or(("", 0), |(digits, _)| (digits, digits.len() + 3)),
                    None => self.rest.get(1..3).map_or(("", 0), |digits| (digits, 3)),
                };
                let number = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                self.rest = &self.rest[len..];
                return number.map(Some).ok_or_else(|| format!("`\\x{digits}` is no character"));
            }
            'a' => '\x07',
            'f' => '\x0c',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0b',
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(found))
    }

    /// The name of a property, behind `\p`: `N`, `{Greek}`, `{^Greek}`.
    fn property(&mut self) -> Result<String, String> {
        let len = if self.rest.starts_with('{') {
            self.rest.find('}').map(|n| n + 1)
        } else {
            self.rest.chars().next().map(char::len_utf8)
        };
        let (name, rest) = self.rest.split_at(len.ok_or("`\\p` needs the name of a property")?);
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.starts_with('^');
        if negated {
            self.next();
        }
        let mut class = Class::default();
        let mut is_first = true;
        loop {
            let Some(c) = self.rest.chars().next() else { return Err("a class `[…` is not closed".to_owned()) };
            if c == ']' && !is_first {
                self.next();
                break;
            }
            is_first = false;
            if let Some(end) = self.rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) {
                class.ascii.push_str(&self.rest[..end + 4]);
                self.rest = &self.rest[end + 4..];
                continue;
            }
            let Some(low) = self.member(&mut class)? else { continue };
            let is_range = self.rest.starts_with('-') && self.rest[1..].chars().next().is_some_and(|c| c != ']');
            let high = if is_range {
                self.next();
                self.member(&mut class)?.ok_or("a range ends with a class")?
            } else {
                low
            };
            if low > high {
                return Err(format!("the range `{low}-{high}` is empty"));
            }
            class.add(low, high);
        }
        let Class { ascii, wide } = class;
        match (wide.is_empty(), negated) {
            (true, true) => _ = write!(self.out, "[^{ascii}]"),
            (true, false) => _ = write!(self.out, "[{ascii}]"),
            (false, false) if ascii.is_empty() => _ = write!(self.out, "(?u-i:[{wide}])"),
            (false, false) => _ = write!(self.out, "(?:[{ascii}]|(?u-i:[{wide}]))"),
            (false, true) => _ = write!(self.out, "(?u-i:[^{}{wide}])", in_unicode(&ascii)?),
        }
        Ok(())
    }

    /// One member of a class: a character, or a class of its own, which is added at once.
    fn member(&mut self, class: &mut Class) -> Result<Option<char>, String> {
        if !self.rest.starts_with('\\') {
            return Ok(self.next());
        }
        self.next();
        if let Some(c) = self.character()? {
            return Ok(Some(c));
        }
        match self.next() {
            Some(c @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => class.ascii.extend(['\\', c]),
            Some(c @ ('p' | 'P')) => {
                let property = self.property()?;
                let _ = write!(class.wide, r"\{c}{property}");
            }
            c => return Err(format!("`\\{}` means nothing in a class of Go", c.unwrap_or(' '))),
        }
        Ok(None)
    }
}

impl Class {
    fn add(&mut self, low: char, high: char) {
        if low.is_ascii() {
            range(&mut self.ascii, low, high.min('\x7f'));
        }
        if !high.is_ascii() {
            range(&mut self.wide, low.max('\u{80}'), high);
        }
    }
}

fn range(out: &mut String, low: char, high: char) {
    member(out, low);
    if low != high {
        out.push('-');
        member(out, high);
    }
}

/// A character in a class.
fn member(out: &mut String, c: char) {
    match c {
        '<' | '>' | ' ' => out.push(c),
        c if c.is_ascii_alphanumeric() => out.push(c),
        c if c.is_ascii_punctuation() => out.extend(['\\', c]),
        c => _ = write!(out, r"\x{{{:X}}}", u32::from(c)),
    }
}

/// ASCII members of a class where unicode is on.
fn in_unicode(ascii: &str) -> Result<String, String> {
    if ascii.contains(r"\D") || ascii.contains(r"\S") || ascii.contains(r"\W") || ascii.contains("[:^") {
        return Err("a class without characters outside ASCII and without a negated class: write them one by one".to_owned());
    }
    Ok(ascii.replace(r"\d", "0-9").replace(r"\w", "0-9A-Za-z_").replace(r"\s", r"\t\n\x0C\r\x20"))
}

/// Writes a character that stands for itself where `is_plain`, else as the pattern has it.
fn literal(out: &mut String, c: char, is_plain: bool) {
    if !c.is_ascii() {
        out.push_str("(?:");
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            let _ = write!(out, r"\x{byte:02X}");
        }
        out.push(')');
    } else if is_plain && c.is_ascii_control() {
        let _ = write!(out, r"\x{:02X}", u32::from(c));
    } else if is_plain && c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.extend(['\\', c]);
    } else {
        out.push(c);
    }
}

/// Names the group that holds the secret, where gitleaks takes another than the first; 0 is the first one, or all of it.
///
/// # Errors
/// There is no such group.
pub fn with_secret(pattern: &str, group: usize) -> Result<String, String> {
    let wanted = group.max(1);
    let mut out = String::with_capacity(pattern.len() + 11);
    let mut rest = pattern;
    let (mut groups, mut in_class) = (0, false);
    while let Some(c) = rest.chars().next() {
        let is_escape = c == '\\';
        let len = if is_escape { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
        let name = ["(?P<", "(?<"].into_iter().find(|open| rest.starts_with(open));
        let is_group = !in_class && c == '(' && (name.is_some() || !rest.starts_with("(?"));
        if is_group {
            groups += 1;
            // No other name is of use, and one of them could be ours.
            rest = name.and_then(|open| rest[open.len()..].split_once('>')).map_or(&rest[1..], |(_, rest)| rest);
            out.push_str(if groups == wanted { "(?P<secret>" } else { "(" });
            continue;
        }
        match c {
            '[' if in_class => {
                let end = rest.find(":]").map_or(len, |n| n + 2);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    if group > groups { Err(format!("the regex has no group {group}: it has {groups}")) } else { Ok(out) }
}

/// Whether what follows a `{` makes it a repetition: `3}`, `3,}`, `3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number(low) && (high.is_empty() || is_number(high))
}

#[cfg(test)]
mod tests {
    use super::{translate, with_secret};

    #[test]
    fn the_group_of_the_secret() {
        for (go, group, ours) in [
            (r"a[0-9]", 0, r"a[0-9]"),
            (r"(a)(b)", 0, r"(?P<secret>a)(b)"),
            (r"(?i)(?:x)(a)\((b)[[:alpha:](](c)", 2, r"(?i)(?:x)(a)\((?P<secret>b)[[:alpha:](](c)"),
            (r"(?P<secret>a)(?<key>b)", 2, r"(a)(?P<secret>b)"),
        ] {
            assert_eq!(with_secret(go, group).as_deref(), Ok(ours), "{go}");
        }
        assert!(with_secret("(a)", 2).unwrap_err().contains("no group 2: it has 1"));
    }

    #[test]
    fn what_differs() {
        for (go, ours) in [
            (r"(?i)\bkey[_-]?[0-9a-z]{32,}\z", r"(?i)\bkey[\_\-]?[0-9a-z]{32,}\z"),
            (r"\Qa.b\E+c", r"a\.b+c"),
            (r"\Q[é", r"\[(?:\xC3\xA9)"),
            (r"\x41\x{e9}\101\0", r"A(?:\xC3\xA9)A\x00"),
            (r"é*", r"(?:\xC3\xA9)*"),
            (r"a{,3}b{2}c{x}", r"a\{,3}b{2}c\{x}"),
            (r"\<a\>\/\_", r"<a>\/\_"),
            (r"[[&&~~]", r"[\[\&\&\~\~]"),
            (r"[]a]", r"[\]a]"),
            (r"[^]a]", r"[^\]a]"),
            (r"[\w.-]", r"[\w\.\-]"),
            (r"[\w-.]", r"[\w\-\.]"),
            (r"[[:alpha:][:^digit:]_]", r"[[:alpha:][:^digit:]\_]"),
            (r"[aé]", r"(?:[a]|(?u-i:[\x{E9}]))"),
            (r"[^é\d]", r"(?u-i:[^0-9\x{E9}])"),
            (r"[\pL\d]\p{Greek}\PN", r"(?:[\d]|(?u-i:[\pL]))(?u-i:\p{Greek})(?u-i:\PN)"),
            (r"\C{2}", r"(?s:.){2}"),
        ] {
            assert_eq!(translate(go).as_deref(), Ok(ours), "{go}");
        }
        for (go, message) in [
            (r"(a)\1", r"`\1` refers back"),
            (r"[a", "a class"),
            (r"\y", r"`\y` means nothing"),
            (r"[z-a]", "the range `z-a` is empty"),
            (r"\x{110000}", r"`\x110000` is no character"),
        ] {
            assert!(translate(go).unwrap_err().starts_with(message), "{go}");
        }
    }
}
