//! Sample credentials that vendors publish in their documentation. Only digests stand here, so that neither this file nor
//! the binary holds a token.

/// The first eight bytes of the SHA-256 of each sample, with who publishes it.
const SAMPLES: [([u8; 8], &str); 13] = include!("samples.in");

/// Who publishes `value` as a sample, if anyone does.
#[must_use]
pub(super) fn published(value: &[u8]) -> Option<&'static str> {
    use sha2::Digest as _;
    if value.len() < 16 || value.len() > 256 {
        return None;
    }
    let digest = sha2::Sha256::digest(value);
    SAMPLES.iter().find(|(known, _)| digest[..8] == known[..]).map(|(_, owner)| *owner)
}
