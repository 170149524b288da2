//! Identity: equal for the same secret in the same place, whoever scanned it and wherever it moved within the file.

use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// Identifies a secret: a hash of its bytes, hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(pub String);

/// Identifies a finding: `ks1:` and 32 hex digits over rule family, secret and path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that ids are made with. The default is public: whoever guesses a password can confirm the guess. A private one
/// comes from `KEYSIFT_FINGERPRINT_KEY`.
#[derive(Clone, Default)]
pub struct IdentityKey(Option<[u8; 32]>);

impl IdentityKey {
    /// The public key.
    #[must_use]
    pub const fn public() -> Self {
        Self(None)
    }

    /// A private key from any text.
    #[must_use]
    pub fn private(text: &[u8]) -> Self {
        Self(Some(blake3::derive_key("keysift fingerprint key v1", text)))
    }

    /// The private key of `KEYSIFT_FINGERPRINT_KEY`, or the public one where that is not set or empty.
    #[must_use]
    pub fn from_environment() -> Self {
        match std::env::var_os("KEYSIFT_FINGERPRINT_KEY") {
            Some(text) if !text.is_empty() => Self::private(text.as_encoded_bytes()),
            _ => Self::public(),
        }
    }

    /// Names the key without telling it: `public`, or 16 hex digits.
    #[must_use]
    pub fn id(&self) -> String {
        match self.0 {
            None => "public".to_owned(),
            Some(key) => {
                let mut hasher = blake3::Hasher::new_derive_key("keysift fingerprint key id v1");
                hasher.update(&key);
                hasher.finalize().to_hex()[..16].to_owned()
            }
        }
    }

    fn hasher(&self, context: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        if let Some(key) = &self.0 {
            hasher.update(b"keyed");
            hasher.update(key);
        }
        hasher
    }

    /// The id of a secret.
    #[must_use]
    pub fn secret_id(&self, secret: &[u8]) -> SecretId {
        let mut hasher = self.hasher("keysift secret v1");
        hasher.update(secret);
        SecretId(hasher.finalize().to_hex().to_string())
    }

    /// The id of a question about a secret: who is asked, the secret, and what belongs to it.
    #[must_use]
    pub fn question_id(&self, parts: &[&[u8]]) -> String {
        let mut hasher = self.hasher("keysift question v1");
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The fingerprint of a finding. `path` is relative to the repository, else to the scan root.
    #[must_use]
    pub fn fingerprint(&self, family: &str, secret: &[u8], path: &str) -> Fingerprint {
        let mut hasher = self.hasher("keysift fingerprint v1");
        for part in [family.as_bytes(), secret, canonical(path).as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Fingerprint(format!("ks1:{}", &hasher.finalize().to_hex()[..32]))
    }
}

/// A path as it counts for identity: `/` between its parts, no `.` parts, NFC.
#[must_use]
pub fn canonical(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|p| !p.is_empty() && *p != ".").collect();
    parts.join("/").nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_do_not_depend_on_how_a_path_is_written() {
        let key = IdentityKey::public();
        let plain = key.fingerprint("rule", b"secret", "src/caf\u{e9}.py");
        for path in ["./src/caf\u{e9}.py", "src\\caf\u{e9}.py", "src//cafe\u{301}.py"] {
            assert_eq!(key.fingerprint("rule", b"secret", path), plain, "{path}");
        }
        assert_ne!(key.fingerprint("rule", b"secret", "src/cafe.py"), plain);
        assert_eq!(plain.0.len(), 4 + 32);
    }

    #[test]
    fn a_private_key_makes_other_ids() {
        let (public, private) = (IdentityKey::public(), IdentityKey::private(b"ours"));
        assert_ne!(public.secret_id(b"x"), private.secret_id(b"x"));
        assert_eq!(private.id(), IdentityKey::private(b"ours").id());
        assert_ne!(private.id(), public.id());
    }
}
