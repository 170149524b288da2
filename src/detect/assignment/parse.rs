//! Reads the name around a word, and what is bound to it.

use super::{ByteSpan, MAX_VALUE, Operator, Quote};

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

const fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$')
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

const fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// The identifier that the word at `start..end` stands in, with a leading word as in `Client Secret`.
pub(super) fn name_around(bytes: &[u8], start: usize, end: usize) -> ByteSpan {
    let mut from = start;
    while from > 0 && start - from < MAX_NAME && is_name(bytes[from - 1]) {
        from -= 1;
    }
    let mut to = end;
    while to < bytes.len() && to - end < MAX_NAME && is_name(bytes[to]) {
        to += 1;
    }
    while from < start && matches!(bytes[from], b'-' | b'.' | b'$') {
        from += 1;
    }
    while to > end && matches!(bytes[to - 1], b'.' | b'-') {
        to -= 1;
    }
    ByteSpan::new(leading_word(bytes, from), to)
}

/// Where the name begins if the word before it belongs to it: `API Key`, `Client Secret`.
fn leading_word(bytes: &[u8], from: usize) -> usize {
    const LEADING: [&[u8]; 18] = [
        b"api",
        b"access",
        b"secret",
        b"private",
        b"client",
        b"auth",
        b"account",
        b"app",
        b"master",
        b"admin",
        b"root",
        b"user",
        b"database",
        b"bearer",
        b"signing",
        b"encryption",
        b"consumer",
        b"refresh",
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

/// What is bound to `name`, if anything is.
pub(super) fn binding(bytes: &[u8], name: ByteSpan) -> Option<Binding> {
    let reader = Reader { bytes, limit: bytes.len().min(name.end + MAX_VALUE + 3 * MAX_BLANKS) };
    let (at, closed) = reader.closers(name.end);
    if reader.at(at) == Some(b'(') && !closed {
        return reader.call(at + 1);
    }
    if name.start > 0 && matches!(bytes[name.start - 1], b'<' | b':') && reader.at(at) == Some(b'>') && !closed {
        return reader.element(at + 1);
    }
    if let Some(value) = reader.pair(at) {
        return reader.value(value, Operator::Pair, false);
    }
    let after_blanks = reader.blanks(at);
    if let Some((operator, next)) = reader.operator(after_blanks, closed) {
        let line_start = reader.starts_line(name.start);
        return reader.typed(operator, next, line_start).or_else(|| reader.value(next, operator, line_start));
    }
    if after_blanks > at {
        return reader.keyword(name, after_blanks);
    }
    None
}

struct Reader<'a> {
    bytes: &'a [u8],
    limit: usize,
}

impl Reader<'_> {
    fn at(&self, at: usize) -> Option<u8> {
        (at < self.limit).then(|| self.bytes[at])
    }

    fn starts(&self, at: usize, text: &[u8]) -> bool {
        self.bytes.get(at..self.limit).is_some_and(|rest| rest.starts_with(text))
    }

    fn skip(&self, mut at: usize, most: usize, what: impl Fn(u8) -> bool) -> usize {
        let from = at;
        while at - from < most && self.at(at).is_some_and(&what) {
            at += 1;
        }
        at
    }

    fn blanks(&self, at: usize) -> usize {
        self.skip(at, MAX_BLANKS, is_blank)
    }

    /// Quotes and brackets that close around the name; tells whether a quote did.
    fn closers(&self, mut at: usize) -> (usize, bool) {
        let mut closed = false;
        for _ in 0..3 {
            match self.at(at) {
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

    /// `<name>value</name>`
    fn element(&self, at: usize) -> Option<Binding> {
        let mut start = self.skip(at, MAX_BLANKS, |b| b.is_ascii_whitespace());
        if self.starts(start, b"<![CDATA[") {
            start += 9;
        }
        let end = self.skip(start, MAX_VALUE, |b| !matches!(b, b'<' | b'\n' | b'\r' | b']'));
        matches!(self.at(end), Some(b'<' | b'\n' | b'\r' | b']')).then_some(())?;
        self.bare(start, end, Operator::Element, false)
    }

    /// Where the value begins in `NAME" value="`, `NAME, "value": "` or `NAME\n  value: `.
    fn pair(&self, at: usize) -> Option<usize> {
        let mut at = self.skip(at, MAX_BLANKS, |b| b.is_ascii_whitespace() || b == b',');
        if self.at(at).is_some_and(is_quote) {
            at += 1;
        }
        let word = self.bytes.get(at..at + 5)?;
        if !word.eq_ignore_ascii_case(b"value") {
            return None;
        }
        at += 5;
        if self.at(at).is_some_and(is_quote) {
            at += 1;
        }
        at = self.blanks(at);
        matches!(self.at(at), Some(b'=' | b':')).then_some(at + 1)
    }

    fn operator(&self, at: usize, closed: bool) -> Option<(Operator, usize)> {
        let two = self.bytes.get(at..self.limit.min(at + 2)).unwrap_or_default();
        let three = self.bytes.get(at..self.limit.min(at + 3)).unwrap_or_default();
        match (three, two) {
            (b"===" | b"!==", _) => return Some((Operator::Comparison, at + 3)),
            (b"||=" | b"??=", _) => return Some((Operator::Equals, at + 3)),
            (_, b"==" | b"!=" | b"=~" | b"<>") => return Some((Operator::Comparison, at + 2)),
            (_, b"=>") => return Some((Operator::Arrow, at + 2)),
            (_, b":=" | b"?=" | b"+=" | b"<-" | b".=") => return Some((Operator::Equals, at + 2)),
            (_, b"::") => return None,
            (_, b"?:") => return Some((Operator::Colon, at + 2)),
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
            return Some(found);
        }
        if matches!(operator, Operator::Comma | Operator::Call | Operator::Comparison | Operator::Arrow) {
            return None;
        }
        if line_start || operator == Operator::Pair {
            let mut end = self.skip(start, MAX_VALUE, |b| b != b'\n' && b != b'\r');
            if let Some(comment) = find(&self.bytes[start..end], b" #") {
                end = start + comment;
            }
            while end > start && (is_blank(self.bytes[end - 1]) || matches!(self.bytes[end - 1], b',' | b';' | b'\\')) {
                end -= 1;
            }
            return self.bare(start, end, operator, true);
        }
        let end = self.skip(start, MAX_VALUE, |b| {
            !b.is_ascii_whitespace() && !is_quote(b) && !matches!(b, b',' | b';' | b'&' | b')' | b'}' | b'<' | b'>' | b'|')
        });
        self.bare(start, end, operator, false)
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
            let by = self.bytes.get(at..at + 2).filter(|w| w.eq_ignore_ascii_case(b"by"))?;
            let quoted = self.blanks(at + by.len());
            let quoted = match self.bytes.get(quoted..quoted + 8) {
                Some(word) if word.eq_ignore_ascii_case(b"password") => self.blanks(quoted + 8),
                _ => quoted,
            };
            return self.at(quoted).filter(|b| is_quote(*b)).and_then(|_| self.quoted(quoted, Operator::Keyword, None));
        }
        if self.at(at).is_some_and(is_quote) && text.eq_ignore_ascii_case(b"password") {
            return self.quoted(at, Operator::Keyword, None);
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

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}
