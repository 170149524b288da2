//! Secrets under a key of the user's: what an audit keeps so that whoever has the key can read it again. Without a key nothing
//! of a secret is kept.
//!
//! `ChaCha20-Poly1305` (RFC 8439) with a random nonce; each secret is bound to its id, so that none can be shown for another.

use crate::finding::{Secret, SecretId, hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The variables that hold the key, or name the file that does.
pub const KEY: &str = "KEYSIFT_STORE_KEY";
pub const KEY_FILE: &str = "KEYSIFT_STORE_KEY_FILE";
/// The bytes of a key.
const LENGTH: usize = 32;
/// A key of such a file is no key.
const LARGEST_FILE: usize = 4096;

/// Why there is no key. No message holds any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("{0} is no key of 32 bytes, as 64 hex digits or base64: `openssl rand -hex 32` makes one")]
    Malformed(String),
    #[error("{path}: {why}")]
    Unreadable { path: String, why: String },
    #[error("both KEYSIFT_STORE_KEY and KEYSIFT_STORE_KEY_FILE are set: keep one")]
    Both,
}

/// A key that secrets are sealed with.
pub struct StoreKey {
    key: LessSafeKey,
    id: String,
}

/// A secret that only its key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The id of the key.
    pub key: String,
    /// Nonce, text and tag; base64.
    pub text: String,
}

impl StoreKey {
    /// The key that the environment holds; `None` where it holds none.
    ///
    /// # Errors
    /// Where there is one that cannot be used.
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, KeyError> {
        let text = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        match (text(KEY), text(KEY_FILE)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(KeyError::Both),
            (Some(text), None) => Self::parse(&text).ok_or_else(|| KeyError::Malformed(KEY.to_owned())).map(Some),
            (None, Some(path)) => {
                let unreadable = |why: String| KeyError::Unreadable { path: path.clone(), why };
                let bytes = std::fs::read(Path::new(&path)).map_err(|e| unreadable(e.to_string()))?;
                let key = match &bytes[..] {
                    bytes if bytes.len() == LENGTH => Self::new(bytes),
                    bytes if bytes.len() <= LARGEST_FILE => std::str::from_utf8(bytes).ok().and_then(Self::parse),
                    _ => None,
                };
                key.ok_or(KeyError::Malformed(path)).map(Some)
            }
        }
    }

    /// A key in hex or base64.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() == LENGTH * 2 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            let digits = text.as_bytes().chunks_exact(2);
            let bytes: Option<Vec<u8>> = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()).collect();
            return Self::new(&bytes?);
        }
        Self::new(&STANDARD.decode(text).ok()?)
    }

    fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LENGTH {
            return None;
        }
        // The id tells nothing of the key that seals.
        let id = blake3::derive_key("keysift store key id v1", bytes);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &blake3::derive_key("keysift store secrets v1", bytes)).ok()?;
        Some(Self { key: LessSafeKey::new(key), id: hex::encode(&id[..8]) })
    }

    /// Names the key without telling it: 16 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a secret; `None` where the system gives no random numbers.
    #[must_use]
    pub fn seal(&self, id: &SecretId, secret: &Secret) -> Option<Sealed> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut text = secret.expose().to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(id.0.as_bytes()), &mut text)
            .ok()?;
        let all = [&nonce[..], &text, tag.as_ref()].concat();
        Some(Sealed { key: self.id.clone(), text: STANDARD.encode(all) })
    }

    /// Opens a secret; `None` where it is of another key or another secret, or was changed.
    #[must_use]
    pub fn open(&self, id: &str, sealed: &Sealed) -> Option<Secret> {
        if sealed.key != self.id {
            return None;
        }
        let all = STANDARD.decode(&sealed.text).ok()?;
        let (nonce, text) = all.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let open = self.key.open_in_place(nonce, Aad::from(id.as_bytes()), &mut text).ok()?;
        Some(Secret::new(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Option<StoreKey>, KeyError> {
        StoreKey::of(&|name| (name == KEY).then(|| text.to_owned()))
    }

    #[test]
    fn what_is_sealed_is_opened_with_its_key_alone() {
        let one = key(&"0a".repeat(32)).unwrap().unwrap();
        let same = key(&STANDARD.encode([10; 32])).unwrap().unwrap();
        let other = key(&"0b".repeat(32)).unwrap().unwrap();
        assert_eq!(one.id(), same.id());
        assert_ne!(one.id(), other.id());
        let (id, secret) = (SecretId("7f".to_owned()), Secret::new(b"made up"));
        let sealed = one.seal(&id, &secret).unwrap();
        assert_eq!(same.open("7f", &sealed).map(|s| s.expose().to_vec()), Some(b"made up".to_vec()));
        assert!(other.open("7f", &sealed).is_none());
        assert!(other.open("7f", &Sealed { key: other.id().to_owned(), ..sealed.clone() }).is_none());
        assert!(one.open("80", &sealed).is_none(), "it is not shown for another");
        let mut changed = STANDARD.decode(&sealed.text).unwrap();
        changed[14] ^= 1;
        assert!(one.open("7f", &Sealed { text: STANDARD.encode(changed), ..sealed.clone() }).is_none());
        assert!(one.open("7f", &Sealed { text: "AA==".to_owned(), ..sealed.clone() }).is_none());
        assert_ne!(one.seal(&id, &secret).unwrap(), sealed, "a nonce of its own each time");
    }

    #[test]
    fn keys_that_are_none_are_told_without_them() {
        assert!(key(" ").unwrap().is_none());
        for text in ["hidden", &"zz".repeat(32), &"0a".repeat(31), &STANDARD.encode([1; 31])] {
            let told = key(text).err().unwrap().to_string();
            assert!(told.starts_with("KEYSIFT_STORE_KEY is no key") && !told.contains(text), "{told}");
        }
        let both = StoreKey::of(&|_| Some("x".to_owned())).err();
        assert_eq!(both, Some(KeyError::Both));
    }
}
