//! What keys of the large clouds tell: AWS account, Azure endpoints and signatures, Google service accounts.

use super::{Says, Structure, Text, key};
use crate::rule::checksum;

/// The account behind an access key id: the base32 body holds it in its first 48 bits
/// (<https://hackingthe.cloud/aws/enumeration/get-account-id-from-keys/>); older ids, whose fifth letter is `I` or `J`, do not.
#[must_use]
pub fn aws_account(id: &[u8]) -> Option<u64> {
    let body = id.get(4..14)?;
    if id.len() != 20 || !body.first()?.is_ascii_uppercase() && !body[0].is_ascii_digit() || matches!(body[0], b'I' | b'J') {
        return None;
    }
    // Ten letters are 50 bits; the account stands in bits 7 to 46 of the first 48.
    let bits = checksum::base32(body)?.into_iter().take(6).fold(0u64, |bits, b| bits << 8 | u64::from(b));
    let account = (bits & 0x7fff_ffff_ff80) >> 7;
    (account < 1_000_000_000_000).then_some(account)
}

/// Reads an access key id, or a secret with its id in the same match.
pub(super) fn aws_key(text: Text<'_>) -> Structure {
    let mut structure = Structure::default();
    let starts = memchr::memmem::find_iter(text.span, b"AKIA").chain(memchr::memmem::find_iter(text.span, b"ASIA"));
    let ids = starts.filter_map(|at| text.span.get(at..at + 20));
    if let Some(account) = ids.filter(|id| id.iter().all(u8::is_ascii_alphanumeric)).find_map(aws_account) {
        structure.tell("account", format!("{account:012}"));
    }
    structure
}

/// Reads a shared access signature (<https://learn.microsoft.com/rest/api/storageservices/create-service-sas>).
pub(super) fn azure_sas(text: Text<'_>) -> Structure {
    let mut structure = Structure::default();
    let span = String::from_utf8_lossy(text.span).replace("&amp;", "&").replace("\\u0026", "&");
    let value = |name: &str| {
        span.split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .map(|v| v.replace("%3A", ":").replace("%3a", ":"))
    };
    // The host stands before the question mark, outside of the match.
    let before = String::from_utf8_lossy(text.before);
    let url = before.rsplit(|c: char| c.is_whitespace() || c == '"' || c == '\'').next().unwrap_or_default();
    let host = url.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default().to_owned());
    structure.tell_if("host", host);
    structure.tell_if("permissions", value("sp"));
    structure.tell_if("issued", value("st"));
    structure.tell_if("expires", value("se"));
    structure
}

/// Reads the account or host in a connection string.
pub(super) fn azure_endpoint(text: Text<'_>) -> Structure {
    let mut structure = Structure::default();
    let span = String::from_utf8_lossy(text.span);
    let near = format!("{}{span}", String::from_utf8_lossy(&text.before[text.before.len().saturating_sub(100)..]));
    let value = |name: &str| {
        let (_, rest) = near.rsplit_once(name)?;
        Some(rest[..rest.find([';', '"', '\'', ' ', ',', '\n']).unwrap_or(rest.len())].to_owned())
    };
    structure.tell_if("account", value("AccountName="));
    structure.tell_if("name", value("SharedAccessKeyName=").or_else(|| value("DeviceId=")));
    let host = value("HostName=").or_else(|| value("AccountEndpoint=")).or_else(|| value("Endpoint="));
    structure
        .tell_if("host", host.map(|h| h.split_once("://").map_or(h.clone(), |(_, rest)| rest.trim_end_matches('/').to_owned())));
    structure
}

/// Tells whether a key stands in a Firebase config, which every visitor or phone gets
/// (<https://firebase.google.com/docs/projects/api-keys>).
pub(super) fn google_api_key(text: Text<'_>) -> Structure {
    const MARKS: [&[u8]; 7] = [
        b"authDomain", b"firebaseapp.com", b"messagingSenderId", b"firebase_url", b"mobilesdk_app_id", b"GCM_SENDER_ID",
        b"firebaseio.com",
    ];
    let is_near = |mark: &[u8]| [text.before, text.after].iter().any(|side| memchr::memmem::find(side, mark).is_some());
    let says = if MARKS.iter().any(|m| is_near(m)) {
        Says::Shown("in a Firebase config, which pages and apps carry")
    } else {
        Says::Nothing
    };
    Structure { facts: Vec::new(), says }
}

/// Reads the private key of a service account with the project and user that stand beside it.
pub(super) fn google_service_account(text: Text<'_>) -> Structure {
    let mut structure = key::read_pem(text.secret);
    if matches!(structure.says, Says::Broken(_)) && memchr::memmem::find(text.secret, b"-----BEGIN").is_none() {
        structure.says = Says::Nothing;
    }
    let near = [text.before, text.span, text.after].concat();
    let near = String::from_utf8_lossy(&near).replace("\\\"", "\"");
    for (name, fact) in [("project_id", "project"), ("client_email", "user"), ("private_key_id", "key_id")] {
        let value = near.split_once(&format!("\"{name}\"")).and_then(|(_, rest)| {
            let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        });
        structure.tell_if(fact, value);
    }
    structure
}
