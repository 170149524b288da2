//! Objects of a PDF: numbers, names, strings, arrays, dictionaries and references (ISO 32000-1, 7.3), and the operators
//! between them in content streams.

/// How deep arrays and dictionaries may be nested.
const DEPTH: u32 = 48;

/// How many objects one may consist of: memory, for each takes more than it has bytes.
const NODES: u32 = 1 << 18;

/// An object.
#[derive(Debug, Clone)]
pub(super) enum Obj {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Obj>),
    Dict(Dict),
    /// The number of another object. Generations are not told apart: all versions are looked at.
    Ref(u32),
    /// `true`, `null`, `endobj`, or an operator.
    Word(Vec<u8>),
}

/// A dictionary.
#[derive(Debug, Clone, Default)]
pub(super) struct Dict(pub(super) Vec<(Vec<u8>, Obj)>);

impl Dict {
    pub(super) fn get(&self, key: &str) -> Option<&Obj> {
        self.0.iter().find(|(k, _)| k == key.as_bytes()).map(|(_, value)| value)
    }

    /// Whether a key has this name as its value.
    pub(super) fn is(&self, key: &str, name: &str) -> bool {
        self.get(key).and_then(Obj::name) == Some(name.as_bytes())
    }
}

impl Obj {
    pub(super) fn name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// A number that counts.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was looked at")]
    pub(super) fn count(&self) -> Option<usize> {
        self.number().filter(|n| (0.0..4e9).contains(n)).map(|n| n as usize)
    }

    pub(super) fn array(&self) -> Option<&[Self]> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    pub(super) fn dict(&self) -> Option<&Dict> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }

    pub(super) fn reference(&self) -> Option<u32> {
        if let Self::Ref(number) = self { Some(*number) } else { None }
    }
}

/// Reads objects.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    nodes: u32,
    /// An object was too deep or too large, and was left out in part.
    pub(super) cut: bool,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, nodes: NODES, cut: false }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes over white space and comments.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                let rest = &self.bytes[self.at..];
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// The next object of a file.
    pub(super) fn object(&mut self) -> Option<Obj> {
        self.nodes = NODES;
        self.read(0, true)
    }

    /// The next operand or operator of a content stream, where `1 0 R` is three of them.
    pub(super) fn token(&mut self) -> Option<Obj> {
        self.nodes = NODES;
        self.read(0, false)
    }

    fn read(&mut self, depth: u32, references: bool) -> Option<Obj> {
        self.skip_space();
        let byte = self.peek()?;
        Some(match byte {
            b'/' => Obj::Name(self.name()),
            b'(' => Obj::Text(self.literal()),
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.at += 2;
                Obj::Dict(self.dict(depth, references))
            }
            b'<' => Obj::Text(self.hexadecimal()),
            b'[' => {
                self.at += 1;
                Obj::Array(self.array(depth, references))
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' => self.number(references),
            _ if is_delimiter(byte) => {
                self.at += 1;
                Obj::Word(vec![byte])
            }
            _ => Obj::Word(self.word().to_vec()),
        })
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|b| is_space(*b) || is_delimiter(*b)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn name(&mut self) -> Vec<u8> {
        self.at += 1;
        let word = self.word();
        let mut name = Vec::with_capacity(word.len());
        let mut at = 0;
        while at < word.len() {
            let digit = |n: usize| word.get(at + n).and_then(|b| char::from(*b).to_digit(16));
            if let (b'#', Some(high), Some(low)) = (word[at], digit(1), digit(2)) {
                name.push(u8::try_from(high << 4 | low).unwrap_or_default());
                at += 3;
            } else {
                name.push(word[at]);
                at += 1;
            }
        }
        name
    }

    fn number(&mut self, references: bool) -> Obj {
        let word = self.word();
        let text = std::str::from_utf8(&word[..word.len().min(40)]).unwrap_or_default();
        if let Ok(number) = text.parse::<u32>()
            && references
        {
            let end = self.at;
            self.skip_space();
            let generation = self.peek().filter(u8::is_ascii_digit).map(|_| self.word());
            self.skip_space();
            if generation.is_some_and(|g| g.len() < 6 && g.iter().all(u8::is_ascii_digit))
                && self.peek() == Some(b'R')
                && self.bytes.get(self.at + 1).is_none_or(|b| is_space(*b) || is_delimiter(*b))
            {
                self.at += 1;
                return Obj::Ref(number);
            }
            self.at = end;
        }
        Obj::Number(text.parse().unwrap_or_default())
    }

    /// A string in parentheses, which may be nested.
    fn literal(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut open = 1;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut text);
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                return text;
            }
            text.push(byte);
        }
        self.cut = true;
        text
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
            b'\n' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = self.peek() {
                        code = code << 3 | u32::from(digit - b'0');
                        self.at += 1;
                    }
                }
                text.push(code.to_le_bytes()[0]);
            }
            _ => text.push(byte),
        }
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        let len = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        self.at += (len + 1).min(rest.len());
        let mut text = Vec::with_capacity(len / 2);
        let mut half = None;
        for digit in rest[..len].iter().filter_map(|b| char::from(*b).to_digit(16)) {
            match half.take() {
                Some(high) => text.push(u8::try_from(high << 4 | digit).unwrap_or_default()),
                None => half = Some(digit),
            }
        }
        text.extend(half.map(|high: u32| u8::try_from(high << 4).unwrap_or_default()));
        text
    }

    /// Whether one more object fits, so deep.
    fn fits(&mut self, depth: u32) -> bool {
        self.nodes = self.nodes.saturating_sub(1);
        self.cut |= self.nodes == 0 || depth >= DEPTH;
        !self.cut
    }

    fn array(&mut self, depth: u32, references: bool) -> Vec<Obj> {
        let mut array = Vec::new();
        while self.fits(depth) {
            match self.read(depth + 1, references) {
                Some(Obj::Word(word)) if matches!(&word[..], b"]" | b"endobj" | b"obj" | b"stream") => break,
                // What is neither an object nor the end; `null` keeps its place.
                Some(Obj::Word(word)) if word != b"null" => {}
                Some(value) => array.push(value),
                None => break,
            }
        }
        array
    }

    fn dict(&mut self, depth: u32, references: bool) -> Dict {
        let mut dict = Vec::new();
        while self.fits(depth) {
            match self.read(depth + 1, references) {
                Some(Obj::Name(key)) => match self.read(depth + 1, references) {
                    Some(Obj::Word(word)) if word == b">" => {
                        self.at += usize::from(self.peek() == Some(b'>'));
                        break;
                    }
                    Some(value) => dict.push((key, value)),
                    None => break,
                },
                Some(Obj::Word(word)) if word == b">" => {
                    self.at += usize::from(self.peek() == Some(b'>'));
                    break;
                }
                Some(Obj::Word(word)) if matches!(&word[..], b"endobj" | b"obj" | b"stream") => break,
                Some(_) => {}
                None => break,
            }
        }
        Dict(dict)
    }
}
