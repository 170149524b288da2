//! A secret in memory.

use zeroize::Zeroizing;

/// The bytes of a secret. It cannot be printed by accident and is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a copy of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Its bytes, for hashing, redaction, verification, and where the user asked to see them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
