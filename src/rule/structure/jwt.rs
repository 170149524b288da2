//! JSON web tokens (RFC 7519): what the claims say, and whether a well-known key signed it.

use super::{Says, Structure, URL_SAFE, time};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;

/// Keys that documentation signs its samples with, and who publishes them.
const SAMPLE_KEYS: [(&str, &str); 7] = [
    ("your-256-bit-secret", "jwt.io"),
    ("your-384-bit-secret", "jwt.io"),
    ("your-512-bit-secret", "jwt.io"),
    ("a-string-secret-at-least-256-bits-long", "jwt.io"),
    ("a-valid-string-secret-that-is-at-least-384-bits-long", "jwt.io"),
    ("a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", "jwt.io"),
    ("qwertyuiopasdfghjklzxcvbnm123456", "jwt.ms"),
];

/// Keys that people write while they try something, and forget.
const WEAK_KEYS: [&str; 14] = [
    "secret", "Secret", "SECRET", "password", "changeme", "test", "key", "mysecret", "my-secret", "supersecret", "shhhhh",
    "jwt_secret", "secretkey", "123456",
];

/// Reads `header.claims.signature`.
pub(super) fn read(token: &[u8]) -> Structure {
    let mut parts = token.splitn(3, |b| *b == b'.');
    let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return Structure::broken("it has not the three parts of a token");
    };
    let Some(header_json) = object(header) else { return Structure::broken("its header is no JSON") };
    let algorithm = text(&header_json, "alg");
    if algorithm.is_none() && header_json.get("enc").is_none() {
        return Structure::broken("its header names no algorithm");
    }
    let Some(payload) = object(claims) else { return Structure::broken("its claims are no JSON") };
    let mut structure = Structure::default();
    structure.tell_if("algorithm", algorithm.clone());
    for (claim, name) in [("iss", "issuer"), ("sub", "subject"), ("aud", "audience"), ("email", "email"), ("scope", "scope")] {
        structure.tell_if(name, text(&payload, claim));
    }
    for (claim, name) in [("role", "role"), ("namespace", "namespace"), ("kid", "key_id")] {
        structure.tell_if(name, text(&payload, claim).or_else(|| text(&header_json, claim)));
    }
    for (claim, name) in [("iat", "issued"), ("exp", "expires")] {
        structure.tell_if(name, payload.get(claim).and_then(seconds).and_then(time));
    }
    let signed = &token[..header.len() + 1 + claims.len()];
    structure.says = says(algorithm.as_deref(), &payload, signed, signature);
    structure
}

fn says(algorithm: Option<&str>, claims: &Value, signed: &[u8], signature: &[u8]) -> Says {
    // https://supabase.com/docs/guides/api/api-keys: the anonymous key is meant to be in pages.
    if text(claims, "role").as_deref() == Some("anon") && text(claims, "iss").is_some_and(|i| i.starts_with("supabase")) {
        return Says::Public("Supabase's anonymous key, which browsers get");
    }
    let Ok(signature) = URL_SAFE.decode(signature) else { return Says::Broken("its signature is no base64") };
    let Some(algorithm) = algorithm else { return Says::Nothing };
    // RFC 7518 §3.1; RSA signatures are as long as the key.
    let fits = match algorithm {
        "HS256" => signature.len() == 32,
        "HS384" => signature.len() == 48,
        "HS512" => signature.len() == 64,
        "ES256" | "ES256K" | "EdDSA" => (64..=72).contains(&signature.len()) || signature.len() == 114,
        "ES384" => (96..=104).contains(&signature.len()),
        "ES512" => (132..=139).contains(&signature.len()),
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => (128..=1024).contains(&signature.len()),
        _ => true,
    };
    if !fits {
        return Says::Broken("its signature is too short or too long for its algorithm");
    }
    if let Some((_, owner)) = SAMPLE_KEYS.iter().find(|(key, _)| is_signed_by(algorithm, key, signed, &signature)) {
        return Says::Sample(owner);
    }
    WEAK_KEYS.iter().find(|key| is_signed_by(algorithm, key, signed, &signature)).map_or(Says::Nothing, |key| Says::KnownKey(key))
}

fn is_signed_by(algorithm: &str, key: &str, text: &[u8], signature: &[u8]) -> bool {
    macro_rules! right {
        ($digest:ty) => {
            Hmac::<$digest>::new_from_slice(key.as_bytes())
                .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
        };
    }
    match algorithm {
        "HS256" => right!(sha2::Sha256),
        "HS384" => right!(sha2::Sha384),
        "HS512" => right!(sha2::Sha512),
        _ => false,
    }
}

fn object(part: &[u8]) -> Option<Value> {
    let json: Value = serde_json::from_slice(&URL_SAFE.decode(part).ok()?).ok()?;
    json.is_object().then_some(json)
}

/// A claim in words: a text, a number, or the first of a list.
fn text(json: &Value, claim: &str) -> Option<String> {
    match json.get(claim)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => {
            let words: Vec<&str> = list.iter().filter_map(Value::as_str).take(5).collect();
            (!words.is_empty()).then(|| words.join(", "))
        }
        _ => None,
    }
}

/// Seconds since 1970; some issuers write fractions.
#[allow(clippy::cast_possible_truncation, reason = "a time beyond every calendar is told as none")]
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|f| f as i64))
}
