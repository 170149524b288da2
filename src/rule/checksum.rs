//! Checksums that credentials carry, computed offline. Formats: `docs/rules.md`, "Checksums".

use super::format::ChecksumKind;
use sha2::{Digest, Sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Whether the checksum in `secret` is right; `None` where it has no place for one.
#[must_use]
pub fn verify(kind: ChecksumKind, secret: &[u8]) -> Option<bool> {
    if let ChecksumKind::Base58Check = kind {
        return base58check(secret);
    }
    if let ChecksumKind::Nkey = kind {
        let bytes = base32(secret)?;
        let (payload, sum) = bytes.split_at_checked(34)?;
        return Some(sum == crc16(payload).to_le_bytes());
    }
    let tail = tail_len(kind);
    let body = secret.get(..secret.len().checked_sub(tail)?)?;
    let computed = complete(kind, std::str::from_utf8(body).ok()?)?;
    Some(computed.as_bytes() == &secret[body.len()..])
}

/// The checksum that belongs behind `body`, the token up to it; `None` where `body` has not the format.
#[must_use]
pub fn complete(kind: ChecksumKind, body: &str) -> Option<String> {
    let crc = |text: &str| crc32fast::hash(text.as_bytes());
    match kind {
        ChecksumKind::Github | ChecksumKind::Vercel => {
            let (_, random) = body.split_once('_')?;
            Some(in_base(crc(random), BASE62, 6))
        }
        ChecksumKind::Cloudflare => Some(format!("{:08x}", crc(body.split_once('_')?.1))),
        ChecksumKind::Grafana => Some(format!("{:08x}", crc(body.strip_suffix('_')?).swap_bytes())),
        ChecksumKind::Atlassian => Some(format!("{:08X}", crc(body))),
        ChecksumKind::Zuplo => {
            let random = body.strip_suffix('_')?;
            Some(format!("{:08x}", crc(random.get(random.len().checked_sub(32)?..)?)))
        }
        ChecksumKind::Confluent => {
            use base64::Engine as _;
            let random = body.strip_prefix("cflt").unwrap_or(body);
            let mut text = base64::engine::general_purpose::STANDARD.encode(crc(random).to_le_bytes());
            text.truncate(6);
            Some(text)
        }
        ChecksumKind::Gitlab => Some(in_base(crc(body), BASE36, 7)),
        ChecksumKind::AgeBech32 => bech32(body),
        ChecksumKind::Nkey => {
            // 54 of 58 characters are 270 of the payload's 272 bits; the other two are left 0.
            let mut bits = base32_bits(body.as_bytes())?;
            bits.extend([0; 2]);
            let sum = crc16(&octets(&bits));
            bits.extend(sum.to_le_bytes().iter().flat_map(|b| (0..8).rev().map(move |i| (b >> i) & 1)));
            bits.resize(290, 0);
            let digit = |five: &[u8]| char::from(BASE32[five.iter().fold(0, |n, b| 2 * n + usize::from(*b))]);
            Some(bits[270..].chunks(5).map(digit).collect())
        }
        ChecksumKind::Base58Check => None,
    }
}

const fn tail_len(kind: ChecksumKind) -> usize {
    match kind {
        ChecksumKind::Github | ChecksumKind::Vercel | ChecksumKind::Confluent | ChecksumKind::AgeBech32 => 6,
        ChecksumKind::Gitlab => 7,
        ChecksumKind::Cloudflare | ChecksumKind::Grafana | ChecksumKind::Atlassian | ChecksumKind::Zuplo => 8,
        ChecksumKind::Base58Check | ChecksumKind::Nkey => 0,
    }
}

/// `value` in the base of `digits`, padded to `width` with the digit for zero.
fn in_base(mut value: u32, digits: &[u8], width: usize) -> String {
    let base = u32::try_from(digits.len()).unwrap_or(62);
    let mut out = vec![digits[0]; width];
    for slot in out.iter_mut().rev() {
        *slot = digits[(value % base) as usize];
        value /= base;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The six checksum characters of a Bech32 text (BIP 173) in the case of `body`.
fn bech32(body: &str) -> Option<String> {
    let upper = body.bytes().any(|b| b.is_ascii_uppercase());
    let lower = body.to_ascii_lowercase();
    let (prefix, data) = lower.rsplit_once('1')?;
    let mut values: Vec<u8> = prefix.bytes().map(|b| b >> 5).collect();
    values.push(0);
    values.extend(prefix.bytes().map(|b| b & 31));
    for b in data.bytes() {
        values.push(u8::try_from(BECH32.iter().position(|&c| c == b)?).ok()?);
    }
    values.extend([0; 6]);
    let sum = bech32_polymod(&values) ^ 1;
    let text: String = (0..6u32).map(|i| char::from(BECH32[(sum >> (5 * (5 - i)) & 31) as usize])).collect();
    Some(if upper { text.to_ascii_uppercase() } else { text })
}

fn bech32_polymod(values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.iter().fold(1, |sum, &v| {
        let top = sum >> 25;
        let next = ((sum & 0x01ff_ffff) << 5) ^ u32::from(v);
        GENERATOR.iter().enumerate().filter(|(i, _)| (top >> i) & 1 == 1).fold(next, |acc, (_, g)| acc ^ g)
    })
}

/// The bits of a base32 text (RFC 4648, no padding).
fn base32_bits(text: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Vec::with_capacity(5 * text.len());
    for c in text {
        let digit = BASE32.iter().position(|d| d == c)?;
        bits.extend((0..5).rev().map(|i| u8::from((digit >> i) & 1 == 1)));
    }
    Some(bits)
}

/// Whole bytes of `bits`; what is left over is dropped.
fn octets(bits: &[u8]) -> Vec<u8> {
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |n, b| 2 * n + b)).collect()
}

/// The bytes of a base32 text (RFC 4648, no padding); bits that make no byte are dropped.
pub(super) fn base32(text: &[u8]) -> Option<Vec<u8>> {
    base32_bits(text).map(|bits| octets(&bits))
}

/// CRC-16 as NATS' nkeys use it (XMODEM: polynomial 0x1021, begins with 0).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, b| {
        (0..8).fold(crc ^ u16::from(*b) << 8, |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// Whether the last four bytes are the double SHA-256 of those before (Bitcoin WIF, extended keys).
fn base58check(secret: &[u8]) -> Option<bool> {
    if secret.len() > 128 {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for &c in secret {
        let mut carry = BASE58.iter().position(|&d| d == c)?;
        for b in bytes.iter_mut().rev() {
            carry += usize::from(*b) * 58;
            *b = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            bytes.insert(0, carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    let (payload, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    Some(Sha256::digest(Sha256::digest(payload))[..4] == *sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_base62_is_padded() {
        assert_eq!(in_base(0, BASE62, 6), "000000");
        assert_eq!(in_base(61, BASE62, 6), "00000z");
        assert_eq!(in_base(u32::MAX, BASE62, 6), "4gfFC3");
    }

    #[test]
    fn bech32_matches_the_published_vector() {
        // BIP 173, "A12UEL5L": no data, checksum 2UEL5L.
        assert_eq!(complete(ChecksumKind::AgeBech32, "A1").as_deref(), Some("2UEL5L"));
        assert_eq!(verify(ChecksumKind::AgeBech32, b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"), Some(true));
        assert_eq!(verify(ChecksumKind::AgeBech32, b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxq"), Some(false));
    }

    #[test]
    fn every_kind_accepts_what_it_computes_and_refuses_a_change() {
        for (kind, body) in [
            (ChecksumKind::Github, "ghp_0123456789abcdefghijklmnopqrst".to_owned()),
            (ChecksumKind::Vercel, format!("vcp_{}", "k7".repeat(25))),
            (ChecksumKind::Cloudflare, format!("cfut_{}", "aB3d".repeat(10))),
            (ChecksumKind::Grafana, format!("glsa_{}_", "aB3d".repeat(8))),
            (ChecksumKind::Atlassian, format!("ATATT3xFfGF0{}=", "aB3d".repeat(8))),
            (ChecksumKind::Zuplo, format!("zpka_{}_", "a1b2".repeat(8))),
            (ChecksumKind::Confluent, format!("cflt{}", "aB3".repeat(18))),
            (ChecksumKind::Gitlab, format!("glpat-{}.01.1w", "aB3".repeat(9))),
            (ChecksumKind::Nkey, format!("SUAC{}", "K7WX5".repeat(10))),
        ] {
            let sum = complete(kind, &body).expect("the body has the format");
            let token = format!("{body}{sum}");
            assert_eq!(verify(kind, token.as_bytes()), Some(true), "{kind:?}");
            let mut other = token.into_bytes();
            other[12] = if other[12] == b'3' { b'5' } else { b'3' };
            assert_eq!(verify(kind, &other), Some(false), "{kind:?}");
        }
    }

    #[test]
    fn crc16_is_that_of_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn base58check_knows_a_published_key() {
        // The private key of the Bitcoin wiki's page on the format, in two halves.
        let wif = ["5HueCGU8rMjxEXxiPuD5BDk", "u4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"].concat();
        assert_eq!(verify(ChecksumKind::Base58Check, wif.as_bytes()), Some(true));
        assert_eq!(verify(ChecksumKind::Base58Check, wif.replace('G', "H").as_bytes()), Some(false));
    }
}
