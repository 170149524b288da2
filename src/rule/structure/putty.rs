//! `PuTTY` key files (its manual, appendix C): the message code shows whether a file is whole.

use super::{Says, Structure, decoded, ssh_fingerprint};
use crate::finding::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Digest as _;

/// Reads a file of version 2 or 3.
pub(super) fn read(text: &[u8]) -> Structure {
    parse(text).unwrap_or_else(|| Structure::broken("it does not parse as a PuTTY key"))
}

fn parse(text: &[u8]) -> Option<Structure> {
    let text = std::str::from_utf8(text).ok()?.replace("\\r", "").replace("\\n", "\n");
    let field = |name: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let version = text.trim_start().strip_prefix("PuTTY-User-Key-File-")?.bytes().next()?;
    let kind = field(&format!("PuTTY-User-Key-File-{}", char::from(version)))?;
    let (cipher, comment, code) = (field("Encryption")?, field("Comment")?, field("Private-MAC"));
    let (public, private) = (block(&text, "Public-Lines")?, block(&text, "Private-Lines")?);
    let mut structure = Structure::default();
    structure.tell("key_type", kind.clone());
    structure.tell("fingerprint", ssh_fingerprint(&public));
    structure.tell("comment", comment.clone());
    if cipher != "none" {
        structure.tell("encrypted", "yes");
        structure.says = Says::Encrypted;
        return Some(structure);
    }
    let mut signed = Vec::new();
    for part in [kind.as_bytes(), cipher.as_bytes(), comment.as_bytes(), &public, &private] {
        signed.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        signed.extend(part);
    }
    if let Some(code) = code {
        let right = if version == b'3' {
            hex::encode(&Hmac::<sha2::Sha256>::new_from_slice(b"").ok()?.chain_update(&signed).finalize().into_bytes())
        } else {
            let key = sha1::Sha1::digest(b"putty-private-key-file-mac-key");
            hex::encode(&Hmac::<sha1::Sha1>::new_from_slice(&key).ok()?.chain_update(&signed).finalize().into_bytes())
        };
        structure.says = if code.eq_ignore_ascii_case(&right) {
            Says::Proven("its message code is right")
        } else {
            Says::Broken("its message code is wrong")
        };
    }
    Some(structure)
}

/// The base64 lines behind `Name: count`.
fn block(text: &str, name: &str) -> Option<Vec<u8>> {
    let mut lines = text.lines().skip_while(|line| !line.trim().starts_with(name));
    let count: usize = lines.next()?.split_once(':')?.1.trim().parse().ok()?;
    let body: String = lines.take(count.min(1000)).map(str::trim).collect();
    decoded(body.as_bytes())
}
