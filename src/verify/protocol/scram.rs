//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the password proves itself and does not leave.

use super::hmac;
use crate::rule::format::verify::Doubt;
use crate::verify::egress::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::hash::{BuildHasher as _, RandomState};
use zeroize::Zeroizing;

/// A server that wants more rounds wants to keep us busy.
const MOST_ROUNDS: u32 = 1_000_000;

/// One conversation.
pub(super) struct Scram {
    first: String,
    nonce: String,
}

impl Scram {
    /// A conversation for `user`.
    pub(super) fn new(user: &str) -> Self {
        let random = || RandomState::new().hash_one(0u8).to_le_bytes();
        let nonce = STANDARD.encode([random(), random(), random()].concat());
        Self::with_nonce(user, nonce)
    }

    fn with_nonce(user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { first: format!("n={user},r={nonce}"), nonce }
    }

    /// What the client says first.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first)
    }

    /// What the client says last, after the server's first message.
    pub(super) fn last(&self, server: &str, password: &[u8]) -> Result<Zeroizing<String>, Failure> {
        let wrong = || Failure::new(Doubt::UnexpectedAnswer, "the server speaks no SCRAM");
        let of = |name: &str| server.split(',').find_map(|part| part.strip_prefix(name)).ok_or_else(wrong);
        let nonce = of("r=")?;
        let salt = STANDARD.decode(of("s=")?).map_err(|_| wrong())?;
        let rounds: u32 = of("i=")?.parse().map_err(|_| wrong())?;
        if !nonce.starts_with(&self.nonce) || rounds == 0 || rounds > MOST_ROUNDS {
            return Err(wrong());
        }
        let salted = salted(password, &salt, rounds);
        let key = hmac(&*salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{server},{without_proof}", self.first);
        let signature = hmac(&Sha256::digest(*key), message.as_bytes());
        let proof: Zeroizing<Vec<u8>> = Zeroizing::new(key.iter().zip(signature.iter()).map(|(a, b)| a ^ b).collect());
        Ok(Zeroizing::new(format!("{without_proof},p={}", STANDARD.encode(&*proof))))
    }
}

fn salted(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[u8; 32]> {
    let mut last = hmac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut all = last.clone();
    for _ in 1..rounds {
        last = hmac(password, &*last);
        all.iter_mut().zip(last.iter()).for_each(|(a, b)| *a ^= b);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard() {
        let scram = Scram::with_nonce("user", "rOprNGfwEbeRWgbNEkqO".to_owned());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = scram.last(server, b"pencil").expect("it is SCRAM");
        assert_eq!(
            *last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(scram.last("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", b"pencil").is_err());
        assert!(scram.last("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000000", b"pencil").is_err());
    }
}
