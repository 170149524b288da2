//! Reads the name around a word, and what is bound to it.

use super::{ByteSpan, MAX_VALUE, Operator, Quote};
use crate::detect::short::find;
use std::cell::Cell;

/// The longest name in bytes.
const MAX_NAME: usize = 80;
/// The most blanks between the parts of an assignment.
const MAX_BLANKS: usize = 48;

/// A value bound to a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    pub operator: Operator,
    pub quote: Quote,
    pub value: ByteSpan,
    pub wrapper: Option<ByteSpan>,
    pub whole_line: bool,
}

pub(super) const fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$')
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

const fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// The identifier that the word at `start..end` stands in, with a leading word as in `Client Secret`; and where that ends which was
/// read to tell.
pub(super) fn name_around(bytes: &[u8], start: usize, end: usize) -> (ByteSpan, usize) {
    let mut from = start;
    while from > 0 && start - from < MAX_NAME && is_name(bytes[from - 1]) {
        from -= 1;
    }
    let mut to = end;
    while to < bytes.len() && to - end < MAX_NAME && (is_name(bytes[to]) || bytes[to] >= 0x80) {
        to += 1;
    }
    let read = to + 1;
    while from < start && matches!(bytes[from], b'-' | b'.' | b'$') {
        from += 1;
    }
    while to > end && matches!(bytes[to - 1], b'.' | b'-') {
        to -= 1;
    }
    (ByteSpan::new(leading_word(bytes, from), to), read)
}

/// Where the name begins if the word before it belongs to it: `API Key`, `Client Secret`.
fn leading_word(bytes: &[u8], from: usize) -> usize {
    const LEADING: [&[u8]; 18] = [
        b"api", b"access", b"secret", b"private", b"client", b"auth", b"account", b"app", b"master", b"admin", b"root", b"user",
        b"database", b"bearer", b"signing", b"encryption", b"consumer", b"refresh",
    ];
    if from < 3 || bytes[from - 1] != b' ' {
        return from;
    }
    let end = from - 1;
    let mut begin = end;
    while begin > 0 && end - begin < 12 && bytes[begin - 1].is_ascii_alphanumeric() {
        begin -= 1;
    }
    let word = &bytes[begin..end];
    if LEADING.iter().any(|l| word.eq_ignore_ascii_case(l)) { begin } else { from }
}

/// What is bound to `name`, if anything is, and where that ends which was read to tell: behind the end of the text where that counted.
/// `is_login` tells whether a call of that name takes a user and a password.
pub(super) fn binding(bytes: &[u8], name: ByteSpan, is_login: &dyn Fn() -> bool) -> (Option<Binding>, usize) {
    let limit = bytes.len().min(name.end + MAX_VALUE + 3 * MAX_BLANKS);
    let reader = Reader { bytes, limit, end: Cell::new(name.end) };
    let binding = bound(&reader, name, is_login);
    (binding, reader.end.get())
}

fn bound(reader: &Reader<'_>, name: ByteSpan, is_login: &dyn Fn() -> bool) -> Option<Binding> {
    let bytes = reader.bytes;
    let (at, closed) = reader.closers(name.end);
    if reader.at(at) == Some(b'(') && !closed {
        return reader.second_literal(at + 1).filter(|_| is_login()).or_else(|| reader.call(at + 1));
    }
    let before = name.start.checked_sub(1).map_or(b' ', |i| bytes[i]);
    // `(?P<secret>` is a group of a regular expression.
    let group = name.start >= 2 && matches!(&bytes[name.start - 2..name.start], b"?<" | b"P<");
    if !group && reader.at(at) == Some(b'>') && (closed && is_quote(before) || !closed && matches!(before, b'<' | b':')) {
        return reader.element(at + 1);
    }
    if let Some(value) = reader.pair(at) {
        return reader.value(value, Operator::Pair, false);
    }
    let after_blanks = reader.blanks(at);
    if let Some(value) = reader.block(after_blanks, closed) {
        return reader.literal(value, Operator::Pair, None);
    }
    if let Some((operator, next)) = reader.operator(after_blanks, closed || before == b':') {
        let line_start = reader.starts_line(name.start);
        return reader
            .second_of_call(next)
            .filter(|_| is_login())
            .or_else(|| reader.typed(operator, next, line_start))
            .or_else(|| reader.value(next, operator, line_start));
    }
    if after_blanks > at {
        return reader.keyword(name, after_blanks).or_else(|| reader.declared(after_blanks));
    }
    None
}

/// Reads what stands behind a name. All of that goes through [`Reader::at`], [`Reader::ahead`] and [`Reader::skip`], which note it.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Nothing from here on is read.
    limit: usize,
    /// Where that ends which was read.
    end: Cell<usize>,
}

impl Reader<'_> {
    fn note(&self, end: usize) {
        self.end.set(self.end.get().max(end));
    }

    fn at(&self, at: usize) -> Option<u8> {
        self.note(at + 1);
        (at < self.limit).then(|| self.bytes[at])
    }

    /// So many bytes at a place, if there are.
    fn ahead(&self, at: usize, len: usize) -> Option<&[u8]> {
        self.note(at + len);
        self.bytes.get(at..at + len)
    }

    fn starts(&self, at: usize, text: &[u8]) -> bool {
        self.note(at + text.len());
        self.bytes.get(at..self.limit).is_some_and(|rest| rest.starts_with(text))
    }

    fn skip(&self, from: usize, most: usize, what: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[from.min(self.limit)..self.limit.min(from + most)];
        let count = rest.iter().position(|b| !what(*b)).unwrap_or(rest.len());
        self.note(from + count + 1);
        from + count
    }

    fn blanks(&self, at: usize) -> usize {
        self.skip(at, MAX_BLANKS, is_blank)
    }

    /// Quotes and brackets that close around the name; tells whether a quote did.
    fn closers(&self, mut at: usize) -> (usize, bool) {
        let mut closed = false;
        for _ in 0..3 {
            match self.at(at) {
                Some(b'[') if !closed && self.at(at + 1) == Some(b']') => at += 2,
                Some(b) if is_quote(b) => {
                    closed = true;
                    at += 1;
                }
                Some(b'\\') if self.at(at + 1).is_some_and(is_quote) => {
                    closed = true;
                    at += 2;
                }
                Some(b']' | b')' | b'}') if closed || self.at(at) == Some(b']') => at += 1,
                _ => break,
            }
        }
        (at, closed)
    }

    /// `name("value"`
    fn call(&self, at: usize) -> Option<Binding> {
        let at = self.blanks(at);
        self.literal(at, Operator::Call, None)
    }

    /// `<name>value</name>`, `<name><value>value</value></name>`
    fn element(&self, at: usize) -> Option<Binding> {
        let mut start = self.skip(at, MAX_BLANKS, |b| b.is_ascii_whitespace());
        if self.ahead(start, 7).is_some_and(|tag| tag.eq_ignore_ascii_case(b"<value>")) {
            start += 7;
        }
        if self.starts(start, b"<![CDATA[") {
            start += 9;
        }
        let end = self.skip(start, MAX_VALUE, |b| !matches!(b, b'<' | b'\n' | b'\r' | b']'));
        matches!(self.at(end), Some(b'<' | b'\n' | b'\r' | b']')).then_some(())?;
        self.bare(start, end, Operator::Element, false)
    }

    /// `"user", "value")` behind an opening bracket: the second of two literals.
    fn second_literal(&self, at: usize) -> Option<Binding> {
        let user = self.literal(self.blanks(at), Operator::Argument, None)?;
        let comma = self.blanks(user.value.end + 1);
        if self.at(comma) != Some(b',') {
            return None;
        }
        let second = self.skip(comma + 1, MAX_BLANKS, |b| b.is_ascii_whitespace());
        let found = self.literal(second, Operator::Argument, None)?;
        matches!(self.at(self.blanks(found.value.end + 1)), Some(b')' | b']' | b',')).then_some(found)
    }

    /// `("user", "value")` or `Name("user", "value")` behind an operator.
    fn second_of_call(&self, at: usize) -> Option<Binding> {
        let open = self.skip(self.blanks(at), 48, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b' '));
        (self.at(open) == Some(b'(')).then(|| self.second_literal(open + 1)).flatten()
    }

    /// Where the value begins in `"NAME": {"value": "` and `"NAME" { … default = "`.
    fn block(&self, at: usize, closed: bool) -> Option<usize> {
        let space = |at: usize| self.skip(at, MAX_BLANKS, |b| b.is_ascii_whitespace());
        if !closed {
            return None;
        }
        if self.at(at) == Some(b'{') {
            let end = self.skip(at, 200, |b| b != b'}');
            let found = find(&self.bytes[at..end], b"default")?;
            let next = self.blanks(at + found + 7);
            return (self.at(next) == Some(b'=')).then(|| self.blanks(next + 1));
        }
        let open = self.blanks(at + 1);
        (self.at(at) == Some(b':') && self.at(open) == Some(b'{'))
            .then(|| self.pair(space(open + 1)).map(|v| self.blanks(v)))
            .flatten()
    }

    /// `NAME As String = "value"`, `NAME string = 'value'`, `NAME { get; set; } = "value"`: a type between name and operator.
    fn declared(&self, at: usize) -> Option<Binding> {
        let end = self.skip(at, MAX_BLANKS, |b| b.is_ascii_alphanumeric() || b" _.;{}[]*&".contains(&b));
        if self.at(end) != Some(b'=') || matches!(self.at(end + 1), Some(b'=' | b'>' | b'~')) {
            return None;
        }
        let literal = self.blanks(end + 1);
        self.at(literal).filter(|b| is_quote(*b)).and_then(|_| self.quoted(literal, Operator::Equals, None))
    }

    /// Where the value begins in `NAME" value="`, `NAME, "value": "` or `NAME\n  value: `.
    fn pair(&self, at: usize) -> Option<usize> {
        let mut at = self.skip(at, MAX_BLANKS, |b| b.is_ascii_whitespace() || b == b',');
        if self.at(at).is_some_and(is_quote) {
            at += 1;
        }
        if self.starts(at, b"android:") {
            at += 8;
        }
        at += [&b"value"[..], b"with"].iter().find(|w| self.ahead(at, w.len()).is_some_and(|t| t.eq_ignore_ascii_case(w)))?.len();
        if self.at(at).is_some_and(is_quote) {
            at += 1;
        }
        at = self.blanks(at);
        matches!(self.at(at), Some(b'=' | b':')).then_some(at + 1)
    }

    fn operator(&self, at: usize, closed: bool) -> Option<(Operator, usize)> {
        self.note(at + 3);
        let two = self.bytes.get(at..self.limit.min(at + 2)).unwrap_or_default();
        let three = self.bytes.get(at..self.limit.min(at + 3)).unwrap_or_default();
        match (three, two) {
            (b"===" | b"!==", _) => return Some((Operator::Comparison, at + 3)),
            (b"||=" | b"??=", _) => return Some((Operator::Equals, at + 3)),
            (_, b"==" | b"!=" | b"=~" | b"<>") => return Some((Operator::Comparison, at + 2)),
            (_, b"=>") => return Some((Operator::Arrow, at + 2)),
            (_, b"||" | b"??" | b":=" | b"?=" | b"+=" | b"<-" | b".=") => return Some((Operator::Equals, at + 2)),
            (_, b"::" | b":?") => return None,
            (_, b":-" | b"?:") => return Some((Operator::Colon, at + 2)),
            _ => {}
        }
        match self.at(at)? {
            b'=' => Some((Operator::Equals, at + 1)),
            b':' => Some((Operator::Colon, at + 1)),
            b',' if closed => Some((Operator::Comma, at + 1)),
            _ => None,
        }
    }

    /// `: type = "value"`
    fn typed(&self, operator: Operator, at: usize, line_start: bool) -> Option<Binding> {
        if operator != Operator::Colon {
            return None;
        }
        let start = self.blanks(at);
        let end = self.skip(start, 48, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'<' | b'>' | b'&' | b'\'' | b'[' | b']' | b'?' | b'|' | b' ')
        });
        if end == start
            || self.at(end) != Some(b'=')
            || self.at(end + 1) == Some(b'=')
            || !self.bytes[start].is_ascii_alphabetic() && self.bytes[start] != b'&'
        {
            return None;
        }
        self.value(end + 1, Operator::Equals, line_start)
    }

    /// A value after an operator.
    fn value(&self, at: usize, operator: Operator, line_start: bool) -> Option<Binding> {
        let start = self.blanks(at);
        if matches!(self.at(start), Some(b'\n' | b'\r')) {
            // Only a literal may stand on the next line: a bare word there is the next name.
            let next = self.skip(start, MAX_BLANKS * 2, |b| b.is_ascii_whitespace());
            return self.at(next).filter(|b| is_quote(*b)).and_then(|_| self.quoted(next, operator, None));
        }
        if let Some(found) = self.literal(start, operator, None) {
            // `key="NAME" value="…"`: what is bound here is the name of what comes next.
            return (self.pair(found.value.end + 1).is_none() || operator == Operator::Pair).then_some(found);
        }
        if matches!(operator, Operator::Comma | Operator::Call | Operator::Comparison | Operator::Arrow) {
            return None;
        }
        if let Some(found) = self.fallback(start, operator) {
            return Some(found);
        }
        if line_start || operator == Operator::Pair {
            let mut end = self.skip(start, MAX_VALUE, |b| b != b'\n' && b != b'\r');
            for comment in [&b" #"[..], b" (", b" //"] {
                if let Some(at) = find(&self.bytes[start..end], comment) {
                    end = start + at;
                }
            }
            while end > start && (is_blank(self.bytes[end - 1]) || matches!(self.bytes[end - 1], b',' | b';' | b'\\')) {
                end -= 1;
            }
            if operator == Operator::Equals && start == at {
                end = start + before_the_next_word(&self.bytes[start..end]);
            }
            return self.bare(start, end, operator, true);
        }
        let start = self.behind_scheme(start);
        let end = self.skip(start, MAX_VALUE, |b| {
            !b.is_ascii_whitespace()
                && !is_quote(b)
                && !matches!(b, b',' | b';' | b'&' | b')' | b'}' | b'<' | b'>' | b'|' | b'\\')
        });
        self.bare(start, end, operator, false)
    }

    /// Behind a scheme of HTTP authentication: `token …`, `ApiKey …`.
    fn behind_scheme(&self, at: usize) -> usize {
        let scheme = super::SCHEMES.iter().find(|s| self.ahead(at, s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)));
        scheme.map_or(at, |s| at + s.len())
    }

    /// The literal in `variable || "value"`, `variable ?? "value"` and `variable or "value"`.
    fn fallback(&self, at: usize, operator: Operator) -> Option<Binding> {
        let end = self.skip(at, 80, |b| b.is_ascii_alphanumeric() || b"_.[]()'\"$:-".contains(&b));
        let next = self.blanks(end);
        let word = [&b"||"[..], b"??", b"or ", b"?:"].into_iter().find(|word| end > at && self.starts(next, word))?;
        let literal = self.blanks(next + word.len());
        self.at(literal).filter(|b| is_quote(*b)).and_then(|_| self.quoted(literal, operator, None))
    }

    fn bare(&self, start: usize, mut end: usize, operator: Operator, whole_line: bool) -> Option<Binding> {
        while end > start && is_blank(self.bytes[end - 1]) {
            end -= 1;
        }
        (end > start).then_some(Binding {
            operator,
            quote: Quote::None,
            value: ByteSpan::new(start, end),
            wrapper: None,
            whole_line,
        })
    }

    /// A string literal at `at`, behind brackets, a string prefix or the call that wraps it.
    fn literal(&self, at: usize, operator: Operator, wrapper: Option<ByteSpan>) -> Option<Binding> {
        let next = self.at(at)?;
        if is_quote(next) || next == b'\\' && self.at(at + 1).is_some_and(is_quote) {
            return self.quoted(at, operator, wrapper);
        }
        if wrapper.is_some() {
            return None;
        }
        let path = self.skip(at, 64, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'[' | b']' | b'@' | b'$' | b'&' | b'*' | b' ')
        });
        if self.at(path).is_some_and(is_quote) {
            let prefix = &self.bytes[at..path];
            let is_prefix = prefix.len() <= 2 && prefix.iter().all(|b| b"rbfuLRBFU@$[".contains(b));
            return is_prefix.then(|| self.quoted(path, operator, None)).flatten();
        }
        if matches!(self.at(path), Some(b'(' | b'{')) {
            let inside = self.blanks(path + 1);
            let wrapper = (path > at).then_some(ByteSpan::new(at, path));
            return self.at(inside).filter(|b| is_quote(*b)).and_then(|_| self.quoted(inside, operator, wrapper));
        }
        None
    }

    /// A string literal that opens at `at`.
    fn quoted(&self, at: usize, operator: Operator, wrapper: Option<ByteSpan>) -> Option<Binding> {
        let escaped = self.at(at) == Some(b'\\');
        let mark = self.at(at + usize::from(escaped))?;
        let quote = match mark {
            b'"' => Quote::Double,
            b'\'' => Quote::Single,
            _ => Quote::Backtick,
        };
        let triple = !escaped && self.at(at + 1) == Some(mark) && self.at(at + 2) == Some(mark);
        if triple && quote == Quote::Backtick {
            return None;
        }
        let start = at + if triple { 3 } else { 1 + usize::from(escaped) };
        let mut end = start;
        loop {
            match self.at(end)? {
                b'\\' if escaped && self.at(end + 1) == Some(mark) => break,
                b'\\' if !escaped => end += 2,
                b'\n' | b'\r' if !triple => return None,
                b if b == mark && !escaped => break,
                b if b == mark && escaped => return None,
                _ => end += 1,
            }
        }
        (end > start).then_some(Binding { operator, quote, value: ByteSpan::new(start, end), wrapper, whole_line: false })
    }

    /// `--name value`, `NAME 'value'` of SQL, and `name value` lines of configuration files.
    fn keyword(&self, name: ByteSpan, at: usize) -> Option<Binding> {
        let text = name.of(self.bytes);
        let dashes = self.bytes[..name.start].iter().rev().take_while(|b| **b == b'-').count();
        if dashes > 0 {
            if let Some(found) = self.literal(at, Operator::Flag, None) {
                return Some(found);
            }
            let end = self.skip(at, MAX_VALUE, |b| {
                !b.is_ascii_whitespace() && !is_quote(b) && !matches!(b, b')' | b'|' | b';' | b'&' | b',' | b']')
            });
            let value = &self.bytes[at..end];
            return (value.first() != Some(&b'-')).then(|| self.bare(at, end, Operator::Flag, false)).flatten();
        }
        if text.eq_ignore_ascii_case(b"identified") {
            let by = self.ahead(at, 2).filter(|w| w.eq_ignore_ascii_case(b"by"))?;
            let quoted = self.blanks(at + by.len());
            let quoted = match self.ahead(quoted, 8) {
                Some(word) if word.eq_ignore_ascii_case(b"password") => self.blanks(quoted + 8),
                _ => quoted,
            };
            return self.at(quoted).filter(|b| is_quote(*b)).and_then(|_| self.quoted(quoted, Operator::Keyword, None));
        }
        let keyworded = name.start > 0 && self.bytes[name.start - 1] == b':';
        if self.at(at).is_some_and(is_quote) && (text.eq_ignore_ascii_case(b"password") || keyworded) {
            return self.quoted(at, Operator::Keyword, None);
        }
        // `#define NAME "value"`, `ENV NAME value`, `keyPassword 'value'`: all there is on the line.
        if let Some(directive) = self.directive(name.start) {
            let found = self.literal(at, Operator::Keyword, None).or_else(|| {
                let end = self.skip(at, MAX_VALUE, |b| !b.is_ascii_whitespace());
                directive.then(|| self.bare(at, end, Operator::Keyword, true)).flatten()
            });
            if let Some(found) = found {
                let rest = self
                    .skip(found.value.end + usize::from(found.quote != Quote::None), MAX_BLANKS, |b| is_blank(b) || b == b';');
                return (directive || matches!(self.at(rest), None | Some(b'\n' | b'\r'))).then_some(found);
            }
        }
        // `requirepass value`: the first of two words that are the whole line.
        let begins_line = name.start == 0 || self.bytes[name.start - 1] == b'\n';
        let lower = text.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-' | b'.'));
        if !begins_line || !lower {
            return None;
        }
        let end = self.skip(at, MAX_VALUE, |b| !b.is_ascii_whitespace());
        let rest = self.blanks(end);
        matches!(self.at(rest), None | Some(b'\n' | b'\r')).then(|| self.bare(at, end, Operator::Keyword, true)).flatten()
    }

    /// Whether the name at `at` is the first word of its line (`Some(false)`) or stands behind `#define`, `ENV`, `set -x` and
    /// their like (`Some(true)`).
    fn directive(&self, at: usize) -> Option<bool> {
        let from = at.saturating_sub(64);
        let begin = self.bytes[from..at].iter().rposition(|b| *b == b'\n').map_or(from, |n| from + n + 1);
        match self.bytes[begin..at].trim_ascii() {
            b"" if begin > from || from == 0 => Some(false),
            b"#define" | b"# define" | b"ENV" | b"setenv" | b"set -x" | b"set -gx" | b"set -Ux" | b"set" => Some(true),
            _ => None,
        }
    }

    /// Whether nothing but what introduces a configuration line stands before `at` on its line.
    fn starts_line(&self, at: usize) -> bool {
        let from = at.saturating_sub(64);
        let begin = self.bytes[from..at].iter().rposition(|b| *b == b'\n').map_or(from, |n| from + n + 1);
        if begin == from && from > 0 {
            return false;
        }
        let mut before = self.bytes[begin..at].trim_ascii();
        loop {
            let stripped =
                [&b"export"[..], b"set", b"ENV", b"ARG", b"-", b"#", b"//", b";", b"*", b"-e", b"--", b"-D", b"+", b"\"", b"'"]
                    .iter()
                    .find_map(|word| before.strip_suffix(*word));
            match stripped {
                Some(rest) => before = rest.trim_ascii_end(),
                None => return before.is_empty(),
            }
        }
    }
}

/// Where a value of the shell ends: `A=x B=y` are two of them, and in `A=x command -o` a command follows.
fn before_the_next_word(line: &[u8]) -> usize {
    let Some(blank) = line.iter().position(|b| is_blank(*b)) else { return line.len() };
    let rest = line[blank..].trim_ascii_start();
    let word = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/')).count();
    let next_assignment = word > 0 && rest.get(word) == Some(&b'=');
    let is_command = word > 1 && rest[..word].iter().all(|b| !b.is_ascii_uppercase()) && find(&rest[word..], b" -").is_some();
    if next_assignment || is_command { blank } else { line.len() }
}
