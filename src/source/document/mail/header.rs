//! Header blocks: fields unfolded, encoded words (RFC 2047) and parameters (RFC 2231) decoded.

use super::encoding;

/// A header block, and what of it says how to read what follows.
#[derive(Default)]
pub(super) struct Header {
    /// The fields as `Name: value` lines, decoded.
    pub(super) text: Vec<u8>,
    content_type: Vec<u8>,
    transfer_encoding: Vec<u8>,
    disposition: Vec<u8>,
}

/// A header block and what follows the empty line behind it. What begins with an empty line has no headers.
pub(super) fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n + 1);
        if text[at..end].trim_ascii().is_empty() {
            return (&text[..at], &text[end..]);
        }
        at = end;
    }
    (text, &[])
}

/// The fields of a block: names, and values with their continuation lines. What is neither has no name.
fn fields(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end = memchr::memchr(b'\n', &rest[end..]).map_or(rest.len(), |n| end + n + 1);
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        let colon = memchr::memchr(b':', field).filter(|at| *at > 0 && field[..*at].iter().all(u8::is_ascii_graphic));
        (!field.is_empty()).then(|| colon.map_or((&[][..], field), |at| (&field[..at], &field[at + 1..])))
    })
}

/// Whether a text begins with headers that only mail has, and nothing else up to an empty line.
pub(super) fn is_block(text: &[u8]) -> bool {
    // Most texts begin with no header, and go on for long before an empty line.
    if fields(text).next().is_none_or(|(name, _)| name.is_empty()) {
        return false;
    }
    let (block, rest) = split(text);
    let names = [
        "date",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "subject",
        "to",
        "delivered-to",
        "content-type",
        "content-transfer-encoding",
    ];
    let (mut from, mut seen) = (false, 0_u32);
    for (name, _) in fields(block) {
        if name.is_empty() {
            return false;
        }
        from |= name.eq_ignore_ascii_case(b"from");
        seen |= names.iter().position(|n| name.eq_ignore_ascii_case(n.as_bytes())).map_or(0, |n| 1 << n);
    }
    from && seen.count_ones() >= 2 && !rest.is_empty()
}

/// Whether a block has encoded words.
pub(super) fn has_encoded_word(block: &[u8]) -> bool {
    memchr::memmem::find_iter(block, b"=?").any(|at| encoded_word(&block[at..]).is_some())
}

impl Header {
    pub(super) fn read(block: &[u8]) -> Self {
        let mut header = Self::default();
        for (name, value) in fields(block) {
            let value = decode_words(value);
            if !name.is_empty() {
                header.text.extend_from_slice(name);
                header.text.extend_from_slice(b": ");
            }
            header.text.extend_from_slice(&value);
            header.text.push(b'\n');
            for (is, kept) in [
                ("content-type", &mut header.content_type),
                ("content-transfer-encoding", &mut header.transfer_encoding),
                ("content-disposition", &mut header.disposition),
            ] {
                if name.eq_ignore_ascii_case(is.as_bytes()) && kept.is_empty() {
                    kept.clone_from(&value);
                }
            }
        }
        header
    }

    fn has_type(&self, prefix: &str) -> bool {
        self.content_type.get(..prefix.len()).is_some_and(|t| t.eq_ignore_ascii_case(prefix.as_bytes()))
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.has_type("multipart/")
    }

    pub(super) fn is_message(&self) -> bool {
        self.has_type("message/rfc822") || self.has_type("message/global")
    }

    /// Text is what says so, and what says nothing.
    pub(super) fn is_text(&self) -> bool {
        self.content_type.is_empty() || self.has_type("text/")
    }

    pub(super) fn boundary(&self) -> Option<Vec<u8>> {
        self.is_multipart().then(|| parameter(&self.content_type, "boundary")).flatten().filter(|b| !b.is_empty())
    }

    pub(super) fn charset(&self) -> Option<String> {
        parameter(&self.content_type, "charset").map(|c| String::from_utf8_lossy(&c).to_ascii_lowercase())
    }

    pub(super) fn encoding(&self) -> &[u8] {
        &self.transfer_encoding
    }

    /// The name of an attached file.
    pub(super) fn file_name(&self) -> Option<String> {
        let name = parameter(&self.disposition, "filename").or_else(|| parameter(&self.content_type, "name"))?;
        let name: String = String::from_utf8_lossy(&name).chars().filter(|c| !c.is_control()).take(200).collect();
        (!name.is_empty()).then_some(name)
    }
}

/// A parameter of a field, in one piece or in RFC 2231's numbered and percent-encoded ones.
fn parameter(value: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut found = None;
    for (name, value) in parameters(value) {
        let (base, suffix) = name.iter().position(|b| *b == b'*').map_or((name, &[][..]), |at| name.split_at(at));
        if !base.eq_ignore_ascii_case(wanted.as_bytes()) {
            continue;
        }
        let mut piece = value;
        if suffix.ends_with(b"*") {
            // The first piece begins with a charset and a language.
            if found.is_none() {
                let marks: Vec<usize> = memchr::memchr_iter(b'\'', &piece).take(2).collect();
                piece = marks.get(1).map_or(piece.clone(), |at| piece[at + 1..].to_vec());
            }
            piece = encoding::quoted(&piece, b'%');
        }
        if suffix.is_empty() {
            return Some(piece);
        }
        found.get_or_insert_with(Vec::new).extend_from_slice(&piece);
    }
    found
}

/// The `name=value` pairs behind the semicolons of a field; values in quotes without them.
fn parameters(value: &[u8]) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
    let mut rest = memchr::memchr(b';', value).map_or(&[][..], |at| &value[at + 1..]);
    std::iter::from_fn(move || {
        let equals = memchr::memchr(b'=', rest)?;
        let name = rest[..equals].trim_ascii();
        let name = name.strip_prefix(b";").unwrap_or(name).trim_ascii();
        rest = rest[equals + 1..].trim_ascii_start();
        let mut value = Vec::new();
        let mut at = 0;
        if rest.first() == Some(&b'"') {
            at = 1;
            while at < rest.len() && rest[at] != b'"' {
                at += usize::from(rest[at] == b'\\');
                value.extend(rest.get(at));
                at += 1;
            }
        }
        let end = memchr::memchr(b';', &rest[at.min(rest.len())..]).map_or(rest.len(), |n| at + n);
        if at == 0 {
            value.extend_from_slice(rest[..end].trim_ascii());
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        Some((name, value))
    })
}

/// A field's value in one line, its encoded words decoded. White space between two of them is not part of the text.
fn decode_words(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.trim_ascii();
    let mut behind_word = false;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let word = encoded_word(&rest[at..]);
        if !(behind_word && word.is_some() && rest[..at].trim_ascii().is_empty()) {
            push_unfolded(&rest[..at], &mut out);
        }
        behind_word = word.is_some();
        if let Some((text, len)) = word {
            out.extend_from_slice(&text);
            rest = &rest[at + len..];
        } else {
            out.extend_from_slice(b"=?");
            rest = &rest[at + 2..];
        }
    }
    push_unfolded(rest, &mut out);
    out
}

fn push_unfolded(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.iter().filter(|b| !matches!(b, b'\r' | b'\n')));
}

/// Decodes `=?charset?B or Q?text?=` at the start of a text; also says how long it is. RFC 2047 allows 75 bytes, mailers
/// write more.
fn encoded_word(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let text = &text[..text.len().min(1024)];
    let mut pieces = text.get(2..)?.splitn(3, |b| *b == b'?');
    let (charset, kind, rest) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let end = memchr::memmem::find(rest, b"?=")?;
    let body = &rest[..end];
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) || !body.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
    {
        return None;
    }
    let decoded = match kind {
        b"B" | b"b" => encoding::base64(body),
        b"Q" | b"q" => {
            let spaced: Vec<u8> = body.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
            encoding::quoted(&spaced, b'=')
        }
        _ => return None,
    };
    let charset = String::from_utf8_lossy(charset).to_ascii_lowercase();
    Some((encoding::to_utf8(Some(&charset), decoded), 2 + charset.len() + 1 + kind.len() + 1 + end + 2))
}
