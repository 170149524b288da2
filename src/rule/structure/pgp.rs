//! `OpenPGP` secret keys (RFC 4880 and 9580): key id, user, whether a passphrase protects it.

use super::{Cursor, Says, Structure, armor, decoded, time};
use crate::finding::hex;
use sha1::Digest as _;

/// Reads an armored block.
pub(super) fn read(text: &[u8]) -> Structure {
    parse(text).unwrap_or_else(|| Structure::broken("its body does not parse as an OpenPGP key"))
}

fn parse(text: &[u8]) -> Option<Structure> {
    let begin = memchr::memmem::find(text, b"BLOCK-----")? + 10;
    let end = begin + memchr::memmem::find(&text[begin..], b"-----END")?;
    let body = armor::pieces(&text[begin..end]);
    // The checksum of the armor stands behind the last `=` that four characters follow.
    let (data, sum) = match body.len().checked_sub(5).map(|at| body.split_at(at)) {
        Some((data, [b'=', sum @ ..])) => (data, decoded(sum)),
        _ => (&body[..], None),
    };
    let bytes = decoded(data)?;
    if sum.as_ref().is_some_and(|sum| sum[..] != crc24(&bytes).to_be_bytes()[1..]) {
        return None;
    }
    let mut structure = Structure::default();
    let mut packets = Cursor(&bytes);
    let mut keys = 0;
    while let Some((tag, packet)) = packet(&mut packets) {
        match tag {
            5 if keys == 0 => {
                keys += 1;
                secret_key(packet, &mut structure)?;
            }
            13 if !structure.facts.iter().any(|(name, _)| *name == "user") => {
                structure.tell("user", String::from_utf8_lossy(packet));
            }
            _ => {}
        }
    }
    (keys > 0).then_some(structure)
}

/// The next packet: its tag and its content (RFC 9580 §4.2); partial lengths do not occur in keys.
fn packet<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let head = cursor.byte()?;
    if head & 0x80 == 0 {
        return None;
    }
    let (tag, length) = if head & 0x40 == 0 {
        let length = match head & 3 {
            0 => usize::from(cursor.byte()?),
            1 => cursor.u16()?,
            2 => cursor.u32()?,
            _ => cursor.0.len(),
        };
        (head >> 2 & 15, length)
    } else {
        let length = match cursor.byte()? {
            first @ 0..=191 => usize::from(first),
            first @ 192..=223 => ((usize::from(first) - 192) << 8) + usize::from(cursor.byte()?) + 192,
            255 => cursor.u32()?,
            _ => return None,
        };
        (head & 0x3f, length)
    };
    Some((tag, cursor.take(length)?))
}

/// A secret-key packet of version 4 (RFC 9580 §5.5.3).
fn secret_key(packet: &[u8], structure: &mut Structure) -> Option<()> {
    let mut fields = Cursor(packet);
    if fields.byte()? != 4 {
        structure.tell("key_type", "OpenPGP");
        return Some(());
    }
    let created = fields.u32()?;
    let algorithm = fields.byte()?;
    let (name, numbers, curve) = match algorithm {
        1..=3 => ("OpenPGP RSA", 2, false),
        16 => ("OpenPGP Elgamal", 3, false),
        17 => ("OpenPGP DSA", 4, false),
        19 => ("OpenPGP ECDSA", 1, true),
        22 => ("OpenPGP EdDSA", 1, true),
        25 | 27 => ("OpenPGP Ed25519", 0, false),
        _ => return None,
    };
    if curve {
        let length = usize::from(fields.byte()?);
        fields.take(length)?;
    }
    for _ in 0..numbers {
        let length = fields.u16()?;
        fields.take(length.div_ceil(8))?;
    }
    if matches!(algorithm, 25 | 27) {
        fields.take(32)?;
    }
    let public = &packet[..packet.len() - fields.0.len()];
    let usage = fields.byte()?;
    structure.tell("key_type", name);
    let mut digest = sha1::Sha1::new();
    digest.update([0x99]);
    digest.update(u16::try_from(public.len()).ok()?.to_be_bytes());
    digest.update(public);
    structure.tell("fingerprint", hex::encode(&digest.finalize()).to_ascii_uppercase());
    structure.tell_if("issued", i64::try_from(created).ok().and_then(time));
    if usage == 0 {
        structure.says = Says::Proven("it parses as an OpenPGP secret key");
    } else {
        structure.tell("encrypted", "yes");
        structure.says = Says::Encrypted;
    }
    Some(())
}

/// RFC 9580 §6.1.
fn crc24(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(0x00b7_04ce, |sum: u32, b| {
        (0..8).fold(sum ^ u32::from(*b) << 16, |sum, _| if sum & 0x0080_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x0186_4cfb })
    });
    sum & 0x00ff_ffff
}
