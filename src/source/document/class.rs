//! Java class files: the constants of their pool, and what names a string is given.
//!
//! Format: The Java Virtual Machine Specification, chapter 4. Source is long gone, but a field's initial value and the
//! arguments of a call show what a string is for: `PASSWORD = "…"`, `put("token", "…")`.

use super::{Gap, out::Out};

/// How many strings may be pushed before a call to be told as its arguments.
const ARGUMENTS: usize = 8;

/// Longer names say no more.
const NAME: usize = 200;

/// Whether a file is a class. Universal binaries of macOS share the signature; they have a small count where classes have
/// their version, 45 or more.
pub(super) fn is(bytes: &[u8]) -> bool {
    matches!(bytes, [0xca, 0xfe, 0xba, 0xbe, _, _, high, low, ..] if (45..200).contains(&u16::from_be_bytes([*high, *low])))
}

/// Gives all constants as lines, and the strings that have a name with it.
pub(super) fn read(bytes: &[u8], out: &mut Out<'_>) {
    let mut reader = Reader { bytes, at: 8 };
    let (pool, whole) = Pool::read(&mut reader);
    let mut text = Vec::new();
    for constant in &pool.0 {
        if let Constant::Utf8(utf8) = constant {
            modified_utf8(utf8, &mut text);
            text.push(b'\n');
        }
    }
    if !out.part("constants", &text) {
        return;
    }
    text.clear();
    // A string may have many names: what names make of it is bounded.
    let most = out.room().min(4 * bytes.len() + 4096);
    let whole = whole && members(&mut reader, &pool, most, &mut text).is_some();
    if text.len() > most {
        out.gap(Gap::Budget, "named strings");
    }
    out.part("named strings", &text[..text.len().min(most)]);
    if !whole {
        out.gap(Gap::Damaged, "");
    }
}

/// A constant, as far as it is of use.
enum Constant<'a> {
    Utf8(&'a [u8]),
    /// A string, and the number of its text.
    String(u16),
    /// A field or method, and the number of its name and type.
    Member(u16),
    /// The number of a name.
    NameAndType(u16),
    Other,
}

struct Pool<'a>(Vec<Constant<'a>>);

impl<'a> Pool<'a> {
    /// All constants up to damage, and whether there was none.
    fn read(reader: &mut Reader<'a>) -> (Self, bool) {
        let mut constants = vec![Constant::Other];
        let count = usize::from(reader.u16().unwrap_or_default());
        while constants.len() < count {
            let Some(constant) = Self::constant(reader) else { return (Self(constants), false) };
            constants.push(constant.0);
            if constant.1 {
                constants.push(Constant::Other);
            }
        }
        (Self(constants), count > 0)
    }

    /// A constant, and whether it takes two numbers.
    fn constant(reader: &mut Reader<'a>) -> Option<(Constant<'a>, bool)> {
        let constant = match reader.u8()? {
            1 => {
                let len = reader.u16()?;
                Constant::Utf8(reader.take(usize::from(len))?)
            }
            5 | 6 => return reader.take(8).map(|_| (Constant::Other, true)),
            8 => Constant::String(reader.u16()?),
            9..=11 => {
                reader.u16()?;
                Constant::Member(reader.u16()?)
            }
            12 => {
                let name = reader.u16()?;
                reader.u16()?;
                Constant::NameAndType(name)
            }
            7 | 16 | 19 | 20 => reader.take(2).map(|_| Constant::Other)?,
            15 => reader.take(3).map(|_| Constant::Other)?,
            3 | 4 | 17 | 18 => reader.take(4).map(|_| Constant::Other)?,
            _ => return None,
        };
        Some((constant, false))
    }

    fn utf8(&self, index: u16) -> Option<&'a [u8]> {
        match self.0.get(usize::from(index))? {
            Constant::Utf8(utf8) => Some(utf8),
            _ => None,
        }
    }

    fn string(&self, index: u16) -> Option<&'a [u8]> {
        match self.0.get(usize::from(index))? {
            Constant::String(text) => self.utf8(*text),
            _ => None,
        }
    }

    /// The name of a field or method.
    fn member(&self, index: u16) -> Option<&'a [u8]> {
        let Constant::Member(name_and_type) = self.0.get(usize::from(index))? else { return None };
        match self.0.get(usize::from(*name_and_type))? {
            Constant::NameAndType(name) => self.utf8(*name).filter(|n| n.len() <= NAME),
            _ => None,
        }
    }
}

/// Goes through fields and methods.
fn members(reader: &mut Reader<'_>, pool: &Pool<'_>, most: usize, text: &mut Vec<u8>) -> Option<()> {
    reader.take(6)?;
    let interfaces = reader.u16()?;
    reader.take(2 * usize::from(interfaces))?;
    for _fields_then_methods in 0..2 {
        for _ in 0..reader.u16()? {
            reader.u16()?;
            let name = reader.u16()?;
            reader.u16()?;
            for _ in 0..reader.u16()? {
                let attribute = pool.utf8(reader.u16()?);
                let len = reader.u32()?;
                let content = reader.take(len as usize)?;
                if text.len() > most {
                    return Some(());
                }
                match (attribute, content) {
                    (Some(b"ConstantValue"), [high, low]) => {
                        if let (Some(name), Some(value)) = (pool.utf8(name), pool.string(u16::from_be_bytes([*high, *low]))) {
                            assignment(&name[..name.len().min(NAME)], value, text);
                        }
                    }
                    (Some(b"Code"), [_, _, _, _, code @ ..]) => instructions(code, pool, most, text),
                    _ => {}
                }
            }
        }
    }
    Some(())
}

/// Looks for strings that are pushed and then stored in a field, or given to a method. Instructions are not told from their
/// operands: that would take tables for little, for what looks like both a push and a store but is neither is rare.
fn instructions(code: &[u8], pool: &Pool<'_>, most: usize, text: &mut Vec<u8>) {
    let mut pushed: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while at < code.len() && text.len() <= most {
        let index = |n: usize| Some(u16::from_be_bytes([*code.get(at + n)?, *code.get(at + n + 1)?]));
        let string = match code[at] {
            0x12 => code.get(at + 1).and_then(|i| pool.string(u16::from(*i))).map(|s| (s, 2)),
            0x13 => index(1).and_then(|i| pool.string(i)).map(|s| (s, 3)),
            _ => None,
        };
        if let Some((string, len)) = string {
            if pushed.len() == ARGUMENTS {
                pushed.remove(0);
            }
            pushed.push(string);
            at += len;
            continue;
        }
        let user = index(1).and_then(|i| pool.member(i));
        match (code[at], user, pushed.last()) {
            // putstatic, putfield
            (0xb3 | 0xb5, Some(name), Some(value)) => assignment(name, value, text),
            // invokevirtual, invokespecial, invokestatic, invokeinterface
            (0xb6..=0xb9, Some(name), Some(_)) => call(name, &pushed, text),
            _ => {}
        }
        pushed.clear();
        at += 1;
    }
}

/// `name = "value"`.
fn assignment(name: &[u8], value: &[u8], text: &mut Vec<u8>) {
    modified_utf8(name, text);
    text.extend_from_slice(b" = \"");
    modified_utf8(value, text);
    text.extend_from_slice(b"\"\n");
}

/// `name("argument", "argument")`.
fn call(name: &[u8], arguments: &[&[u8]], text: &mut Vec<u8>) {
    modified_utf8(name, text);
    text.push(b'(');
    for (n, argument) in arguments.iter().enumerate() {
        text.extend_from_slice(if n == 0 { b"\"" } else { b", \"" });
        modified_utf8(argument, text);
        text.push(b'"');
    }
    text.extend_from_slice(b")\n");
}

/// UTF-8 as Java writes it (4.4.7): zero is two bytes, and what is beyond the first plane is two surrogates of three bytes.
fn modified_utf8(bytes: &[u8], text: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(0xc0, 0xed, rest) {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let len = match rest {
            [0xc0, 0x80, ..] => {
                text.push(0);
                2
            }
            [0xed, b @ 0xa0..=0xaf, c, 0xed, e @ 0xb0..=0xbf, f, ..] => {
                let code = 0x1_0000
                    + (u32::from(b & 0x0f) << 16 | u32::from(c & 0x3f) << 10 | u32::from(e & 0x0f) << 6 | u32::from(f & 0x3f));
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                6
            }
            _ => {
                text.push(rest[0]);
                1
            }
        };
        rest = &rest[len..];
    }
    text.extend_from_slice(rest);
}

/// Reads big-endian numbers.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read_as, survives_damage};
    use super::super::{Document, kind};

    /// What javac 17 made of Box.java, which stands beside it.
    const CLASS: &[u8] = include_bytes!("../../../tests/data/Box.class");

    #[test]
    fn strings_come_with_their_names() {
        let kept = read_as(Document::JavaClass, CLASS);
        let text = kept.text("named strings");
        for line in
            ["PASSWORD = \"mandarin 🍊\0\"\n", "token = \"apricot\"\n", "user = \"melon\"\n", "put(\"colour\", \"quince\")\n"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(kept.text("constants").contains("\nplüm\n"));
        assert_eq!(kept.gaps, []);
        survives_damage(Document::JavaClass, CLASS);
    }

    #[test]
    fn other_files_that_begin_so_are_no_classes() {
        assert_eq!(kind(b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07"), None);
    }
}
