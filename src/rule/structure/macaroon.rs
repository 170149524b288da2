//! `PyPI`'s tokens: macaroons (libmacaroons' binary format, version 2) in base64url.

use super::{Cursor, Says, Structure, URL_SAFE};
use base64::Engine as _;

/// Reads `pypi-…`.
pub(super) fn read(token: &[u8]) -> Structure {
    parse(token).unwrap_or_else(|| Structure::broken("it does not parse as a macaroon"))
}

const END: usize = 0;
const LOCATION: usize = 1;
const IDENTIFIER: usize = 2;
const SIGNATURE: usize = 6;

fn parse(token: &[u8]) -> Option<Structure> {
    let bytes = URL_SAFE.decode(token.strip_prefix(b"pypi-")?).ok()?;
    let mut cursor = Cursor(&bytes);
    if cursor.byte()? != 2 {
        return None;
    }
    let mut structure = Structure::default();
    let mut restrictions = Vec::new();
    let mut section = 0;
    loop {
        let (kind, content) = field(&mut cursor)?;
        match kind {
            LOCATION if section == 0 => structure.tell("site", String::from_utf8_lossy(content)),
            // Identifiers of caveats: JSON, as `["project", …]` in one of the forms that Warehouse has had.
            IDENTIFIER if section > 0 => restrictions.push(String::from_utf8_lossy(content).into_owned()),
            END => {
                section += 1;
                // Two ends in a row close the caveats; the signature follows.
                if cursor.0.first() == Some(&0) {
                    cursor.byte()?;
                    break;
                }
            }
            SIGNATURE => return None,
            _ => {}
        }
    }
    let (SIGNATURE, signature) = field(&mut cursor)? else { return None };
    if signature.len() != 32 || !cursor.0.is_empty() {
        return None;
    }
    structure.tell("restrictions", restrictions.join(", "));
    structure.says = Says::Proven("it parses as a macaroon down to its signature");
    Some(structure)
}

/// A field: its kind, its length, its content; kind and length are LEB128 numbers.
fn field<'a>(cursor: &mut Cursor<'a>) -> Option<(usize, &'a [u8])> {
    let kind = number(cursor)?;
    if kind == END {
        return Some((END, &[]));
    }
    let length = number(cursor)?;
    Some((kind, cursor.take(length)?))
}

fn number(cursor: &mut Cursor<'_>) -> Option<usize> {
    let mut value = 0;
    for place in 0..3 {
        let byte = cursor.byte()?;
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
