//! Private keys in DER, in PEM around it, or in base64 without: PKCS#1 (RFC 8017), PKCS#8 (RFC 5958), SEC 1 (RFC 5915), DSA.

use super::{Cursor, STANDARD, Says, Structure, armor, bits, decoded, openssh, ssh_fingerprint};
use base64::Engine as _;

/// Reads a key between `-----BEGIN` and `-----END`.
pub(super) fn read_pem(text: &[u8]) -> Structure {
    let Some(body) = armor::body(text) else { return Structure::broken("its body is no base64") };
    if body.encrypted {
        let mut structure = Structure { facts: Vec::new(), says: Says::Encrypted };
        structure.tell("encrypted", "yes");
        return structure;
    }
    if body.bytes.starts_with(openssh::MAGIC) {
        return openssh::read_bytes(&body.bytes);
    }
    read_der(&body.bytes)
}

/// Reads a key in base64: DER, or PEM encoded once more.
pub(super) fn read_base64(text: &[u8]) -> Structure {
    let Some(bytes) = STANDARD.decode(text).ok().or_else(|| decoded(text)) else {
        return Structure::broken("it is no base64");
    };
    if memchr::memmem::find(&bytes, b"-----BEGIN ").is_some() { read_pem(&bytes) } else { read_der(&bytes) }
}

/// Reads a key in DER.
pub(super) fn read_der(der: &[u8]) -> Structure {
    const CUT: &str = "its body does not parse as a key";
    let mut outer = Cursor(der);
    let Some((SEQUENCE, key)) = element(&mut outer) else { return Structure::broken(CUT) };
    let mut fields = Cursor(key);
    let structure = match element(&mut fields) {
        Some((INTEGER, version)) if bits(version) <= 2 => match element(&mut fields) {
            Some((SEQUENCE, algorithm)) => pkcs8(algorithm, &mut fields),
            Some((INTEGER, number)) => integers(number, &mut fields),
            Some((OCTETS, secret)) => sec1(secret, &mut fields, None),
            _ => None,
        },
        // EncryptedPrivateKeyInfo: an algorithm, then bytes.
        Some((SEQUENCE, _)) if matches!(element(&mut fields), Some((OCTETS, _))) => {
            let mut structure = Structure { facts: Vec::new(), says: Says::Encrypted };
            structure.tell("encrypted", "yes");
            Some(structure)
        }
        _ => None,
    };
    structure.unwrap_or_else(|| Structure::broken(CUT))
}

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const FIRST: u8 = 0xa0;
const SECOND: u8 = 0xa1;

/// The next element: its tag and its content (X.690 §8.1; definite lengths alone).
fn element<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let tag = cursor.byte()?;
    let first = cursor.byte()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => cursor.take(usize::from(first & 0x7f))?.iter().fold(0, |n, b| n << 8 | usize::from(*b)),
        _ => return None,
    };
    Some((tag, cursor.take(length)?))
}

/// `PrivateKeyInfo` behind its version.
fn pkcs8(algorithm: &[u8], fields: &mut Cursor<'_>) -> Option<Structure> {
    let mut algorithm = Cursor(algorithm);
    let (OID, oid) = element(&mut algorithm)? else { return None };
    let (OCTETS, key) = element(fields)? else { return None };
    let inner = || match element(&mut Cursor(key)) {
        Some((SEQUENCE, inner)) => Some(Cursor(inner)),
        _ => None,
    };
    match oid {
        // 1.2.840.113549.1.1.1 rsaEncryption, .10 RSASSA-PSS
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1 | 10] => {
            let mut inner = inner()?;
            element(&mut inner)?;
            let (INTEGER, modulus) = element(&mut inner)? else { return None };
            integers(modulus, &mut inner)
        }
        // 1.2.840.10045.2.1 ecPublicKey; the curve stands beside it
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => {
            let curve = match element(&mut algorithm) {
                Some((OID, curve)) => Some(curve),
                _ => None,
            };
            let mut inner = inner()?;
            element(&mut inner)?;
            let (OCTETS, secret) = element(&mut inner)? else { return None };
            sec1(secret, &mut inner, curve)
        }
        // 1.2.840.10040.4.1 DSA
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => {
            let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it parses as a private key") };
            structure.tell("key_type", "DSA");
            Some(structure)
        }
        // 1.3.101.110 to .113 (RFC 8410)
        [0x2b, 0x65, kind @ 0x6e..=0x71] => {
            let (OCTETS, secret) = element(&mut Cursor(key))? else { return None };
            let (name, length) = match kind {
                0x6e => ("X25519", 32),
                0x6f => ("X448", 56),
                0x70 => ("Ed25519", 32),
                _ => ("Ed448", 57),
            };
            let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it parses as a private key") };
            structure.tell("key_type", name);
            if *kind == 0x70 {
                structure.tell_if("fingerprint", ed25519_public(fields).map(|public| ssh_fingerprint(&ssh_ed25519(public))));
            }
            (secret.len() == length).then_some(structure)
        }
        _ => {
            let mut structure = Structure::default();
            structure.tell("key_type", "other");
            Some(structure)
        }
    }
}

/// The public key behind attributes, where the file has it (RFC 5958 §2).
fn ed25519_public<'a>(fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
    while let Some((tag, content)) = element(fields) {
        if tag & !0x20 == SECOND & !0x20 {
            return content.strip_prefix(&[0]).filter(|public| public.len() == 32);
        }
    }
    None
}

fn ssh_ed25519(public: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, b"ssh-ed25519");
    put(&mut blob, public);
    blob
}

/// A list of numbers behind a version: RSA has eight (modulus first), DSA five (the prime first).
fn integers(first: &[u8], fields: &mut Cursor<'_>) -> Option<Structure> {
    let mut numbers = vec![first];
    while numbers.len() < 9
        && let Some((INTEGER, number)) = element(fields)
    {
        numbers.push(number);
    }
    let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it parses as a private key") };
    let mut blob = Vec::new();
    let size = bits(first);
    match numbers[..] {
        [modulus, exponent, _, p, q, _, _, _, ..] => {
            // The two primes are as long as the modulus, to a bit.
            let whole = bits(p) + bits(q);
            if size < 256 || !(size..=size + 1).contains(&whole) || !is_odd(modulus) || !is_odd(exponent) {
                return None;
            }
            structure.tell("key_type", "RSA");
            put(&mut blob, b"ssh-rsa");
            put(&mut blob, exponent);
            put(&mut blob, modulus);
        }
        [p, q, g, y, _] => {
            if size < 256 || bits(q) < 128 || bits(q) > 256 {
                return None;
            }
            structure.tell("key_type", "DSA");
            put(&mut blob, b"ssh-dss");
            for number in [p, q, g, y] {
                put(&mut blob, number);
            }
        }
        _ => return None,
    }
    structure.tell("bits", size.to_string());
    structure.tell("fingerprint", ssh_fingerprint(&blob));
    Some(structure)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|b| b & 1 == 1)
}

/// `ECPrivateKey` behind its version and secret.
fn sec1<'a>(secret: &[u8], fields: &mut Cursor<'a>, mut curve: Option<&'a [u8]>) -> Option<Structure> {
    let mut public = None;
    while let Some((tag, content)) = element(fields) {
        match tag {
            FIRST => {
                if let Some((OID, oid)) = element(&mut Cursor(content)) {
                    curve = Some(oid);
                }
            }
            SECOND => {
                if let Some((BITS, point)) = element(&mut Cursor(content)) {
                    public = point.strip_prefix(&[0]);
                }
            }
            _ => {}
        }
    }
    let (name, ssh, length) = match curve {
        Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]) => ("EC P-256", Some("nistp256"), 32),
        Some([0x2b, 0x81, 4, 0, 0x22]) => ("EC P-384", Some("nistp384"), 48),
        Some([0x2b, 0x81, 4, 0, 0x23]) => ("EC P-521", Some("nistp521"), 66),
        Some([0x2b, 0x81, 4, 0, 0x0a]) => ("EC secp256k1", None, 32),
        _ => ("EC", None, 0),
    };
    if !(16..=80).contains(&secret.len()) || length > 0 && secret.len() > length {
        return None;
    }
    let mut structure = Structure { facts: Vec::new(), says: Says::Proven("it parses as a private key") };
    structure.tell("key_type", name);
    if let (Some(ssh), Some(point)) = (ssh, public) {
        let mut blob = Vec::new();
        put(&mut blob, format!("ecdsa-sha2-{ssh}").as_bytes());
        put(&mut blob, ssh.as_bytes());
        put(&mut blob, point);
        structure.tell("fingerprint", ssh_fingerprint(&blob));
    }
    Some(structure)
}

/// Appends `field` behind its length (RFC 4251 §5).
fn put(blob: &mut Vec<u8>, field: &[u8]) {
    blob.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
    blob.extend(field);
}
