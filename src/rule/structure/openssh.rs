//! OpenSSH's own key format (PROTOCOL.key in its source).

use super::{Cursor, Says, Structure, armor, ssh_fingerprint};

/// What the decoded body begins with.
pub(super) const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Reads a key between `-----BEGIN OPENSSH PRIVATE KEY-----` and its end.
pub(super) fn read(text: &[u8]) -> Structure {
    armor::body(text).map_or_else(|| Structure::broken("its body is no base64"), |body| read_bytes(&body.bytes))
}

/// Reads the decoded body.
pub(super) fn read_bytes(bytes: &[u8]) -> Structure {
    parse(bytes).unwrap_or_else(|| Structure::broken("its body does not parse as an OpenSSH key"))
}

fn parse(bytes: &[u8]) -> Option<Structure> {
    let mut outer = Cursor(bytes.strip_prefix(MAGIC)?);
    let cipher = outer.string()?;
    let (_derivation, _options) = (outer.string()?, outer.string()?);
    if outer.u32()? != 1 {
        return None;
    }
    let public = outer.string()?;
    let private = outer.string()?;
    let kind = Cursor(public).string()?;
    let mut structure = Structure::default();
    structure.tell("key_type", String::from_utf8_lossy(kind));
    structure.tell("fingerprint", ssh_fingerprint(public));
    if cipher != b"none" {
        structure.tell("encrypted", "yes");
        structure.says = Says::Encrypted;
        return Some(structure);
    }
    let mut inner = Cursor(private);
    let (first, second) = (inner.u32()?, inner.u32()?);
    if first != second || inner.string()? != kind {
        return None;
    }
    structure.says = Says::Proven("it parses as a private key, check numbers included");
    structure.tell_if("comment", comment(kind, &mut inner));
    Some(structure)
}

/// What stands behind the numbers of the key.
fn comment(kind: &[u8], inner: &mut Cursor<'_>) -> Option<String> {
    let fields = match kind {
        b"ssh-ed25519" => 2,
        b"ssh-rsa" => 6,
        b"ssh-dss" => 5,
        _ if kind.starts_with(b"ecdsa-sha2-") => 3,
        _ => return None,
    };
    for _ in 0..fields {
        inner.string()?;
    }
    String::from_utf8(inner.string()?.to_vec()).ok()
}
