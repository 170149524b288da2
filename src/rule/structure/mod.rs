//! What a credential tells by itself, without asking anyone: whose it is, where it works, until when, and whether it is what
//! it seems to be.
//!
//! Each file reads one family of formats. All of them are functions of a match and the text near it; none believes what it
//! reads: lengths are checked, nothing recurses, nothing is kept that could be a secret.
//!
//! - `jwt`: JSON web tokens
//! - `key`: private keys in PEM and DER; `armor` takes them out of source code; `openssh`, `pgp`, `putty`: theirs
//! - `login`: user, host and database beside a password
//! - `cloud`: AWS, Azure, Google
//! - `macaroon`: those of `PyPI`
//! - `parts`: tokens whose parts say something: GitLab, Slack, Discord, Telegram, Mailchimp
//! - `json`: JSON behind base64

mod armor;
pub mod cloud;
mod json;
mod jwt;
mod key;
mod login;
mod macaroon;
mod openssh;
mod parts;
mod pgp;
mod putty;

use super::format::StructureKind;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A match as the readers see it.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The secret alone.
    pub secret: &'a [u8],
    /// The whole match.
    pub span: &'a [u8],
    /// What precedes the match, some hundred bytes at most.
    pub before: &'a [u8],
    /// What follows the match, some hundred bytes at most.
    pub after: &'a [u8],
}

/// One thing that a credential tells: its name in reports, and what it says.
pub type Fact = (&'static str, String);

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Structure {
    /// In the order in which a person wants them.
    pub facts: Vec<Fact>,
    pub says: Says,
}

/// What the inside of a credential says of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Says {
    /// Nothing for or against.
    #[default]
    Nothing,
    /// It parses down to a check that chance does not pass.
    Proven(&'static str),
    /// It cannot be what it seems to be.
    Broken(&'static str),
    /// It is under a passphrase: of use to who knows or guesses that.
    Encrypted,
    /// It stands where everyone is shown it: of use only where its owner forgot to restrict it.
    Shown(&'static str),
    /// It is made to be public.
    Public(&'static str),
    /// It is a sample that someone publishes.
    Sample(&'static str),
    /// It is made with a key that everybody knows.
    KnownKey(&'static str),
}

/// The longest fact, in characters.
const MOST: usize = 200;

impl Structure {
    fn broken(why: &'static str) -> Self {
        Self { facts: Vec::new(), says: Says::Broken(why) }
    }

    /// Notes a fact, cut to a length that fits a line; nothing where `value` says nothing.
    fn tell(&mut self, name: &'static str, value: impl Into<String>) {
        let mut value: String = value.into();
        if value.trim().is_empty() {
            return;
        }
        if let Some((cut, _)) = value.char_indices().nth(MOST) {
            value.truncate(cut);
            value.push('…');
        }
        self.facts.push((name, value));
    }

    fn tell_if(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.tell(name, value);
        }
    }
}

/// Reads what `text` tells.
#[must_use]
pub fn read(kind: StructureKind, text: Text<'_>) -> Structure {
    match kind {
        StructureKind::Jwt => jwt::read(text.secret),
        StructureKind::Base64Jwt => decoded(text.secret).map_or_else(Structure::default, |token| jwt::read(&token)),
        StructureKind::PrivateKey => key::read_pem(text.secret),
        StructureKind::Base64PrivateKey => key::read_base64(text.secret),
        StructureKind::OpensshKey => openssh::read(text.secret),
        StructureKind::PgpKey => pgp::read(text.secret),
        StructureKind::PuttyKey => putty::read(text.secret),
        StructureKind::GoogleServiceAccount => cloud::google_service_account(text),
        StructureKind::GoogleApiKey => cloud::google_api_key(text),
        StructureKind::AwsKey => cloud::aws_key(text),
        StructureKind::AzureSas => cloud::azure_sas(text),
        StructureKind::AzureEndpoint => cloud::azure_endpoint(text),
        StructureKind::PypiMacaroon => macaroon::read(text.secret),
        StructureKind::GitlabRoutable => parts::gitlab(text.secret),
        StructureKind::Slack => parts::slack(text.secret),
        StructureKind::Discord => parts::discord(text.secret),
        StructureKind::Telegram => parts::telegram(text.secret),
        StructureKind::Mailchimp => parts::mailchimp(text.secret),
        StructureKind::Base64Json => json::read(text.secret),
        StructureKind::Login => login::read(text),
        StructureKind::BasicAuth => login::basic(text),
        StructureKind::PasswordHash => login::hash(text),
    }
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The bytes behind base64 of either alphabet, padded or not.
pub(crate) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    if is_url_safe(text) { URL_SAFE.decode(text).ok() } else { STANDARD.decode(text).ok() }
}

/// The same, into a buffer, of which the part that was written is given.
pub(crate) fn decoded_into<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let written = if is_url_safe(text) { URL_SAFE.decode_slice(text, buffer) } else { STANDARD.decode_slice(text, buffer) };
    buffer.get(..written.ok()?)
}

fn is_url_safe(text: &[u8]) -> bool {
    text.iter().any(|b| matches!(b, b'-' | b'_'))
}

/// The `SHA256:…` that `ssh-keygen -l` shows of a public key in SSH's wire format (RFC 4253 §6.6).
fn ssh_fingerprint(public: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(public);
    format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest))
}

/// A point in time as reports tell it, from seconds since 1970; nothing where no calendar has it.
fn time(seconds: i64) -> Option<String> {
    (0..=253_402_300_799).contains(&seconds).then(|| crate::finding::date::rfc3339(seconds, 0))
}

/// Walks through bytes, field by field.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Option<usize> {
        self.take(2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]))
    }

    fn u32(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    /// Bytes behind their length in four bytes (RFC 4251 §5).
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length)
    }
}

/// The length of a number in bits, big-endian.
fn bits(number: &[u8]) -> usize {
    let number = &number[number.iter().take_while(|b| **b == 0).count()..];
    number.first().map_or(0, |first| 8 * number.len() - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
