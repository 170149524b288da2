//! What a rule is: plain data that borrows its texts, those of the catalogue from the program itself.
//!
//! Lists, and rules that users write, are leaked on purpose: a rule set lives as long as the process, and no rule is read twice.

use super::verify::Verify;
use serde::{Deserialize, Deserializer, Serialize};

/// Reads a list of which nothing but its texts is there yet.
///
/// # Errors
/// Where there is no such list.
pub(super) fn leaked<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<&'static [T], D::Error> {
    Vec::deserialize(from).map(|list| &*list.leak())
}

/// What the holder of a credential can do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All severities, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in rule files, reports and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// How sure something is: of a rule, how much its format alone proves; of a finding, the judge's score in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// All levels, least first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word used in rule files, reports and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The level that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// What sort of rule it is. Where findings overlap the more specific kind wins, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    Generic,
    Connection,
    Provider,
}

impl Kind {
    /// All kinds, least specific first.
    pub const ALL: [Self; 3] = [Self::Generic, Self::Connection, Self::Provider];

    /// The word used in rule files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Connection => "connection",
            Self::Provider => "provider",
        }
    }

    /// The kind that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// Where a rule's pattern is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Around the hits of its keywords, as wide as its proven bounds.
    Window,
    /// Over the whole blob, once.
    Blob,
}

/// What a failed checksum does to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnFail {
    /// Takes the confidence down to low.
    Lower,
    /// It is not this credential.
    Reject,
}

/// A checksum that the format carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    pub kind: ChecksumKind,
    pub on_fail: OnFail,
}

/// The checksum families, see `docs/rules.md` for what each computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumKind {
    Github,
    Vercel,
    Cloudflare,
    Grafana,
    Atlassian,
    Zuplo,
    Confluent,
    Gitlab,
    AgeBech32,
    Base58Check,
    Nkey,
}

impl ChecksumKind {
    /// All families with their names in rule files.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("github-crc32", Self::Github),
        ("vercel-crc32", Self::Vercel),
        ("cloudflare-crc32", Self::Cloudflare),
        ("grafana-crc32", Self::Grafana),
        ("atlassian-crc32", Self::Atlassian),
        ("zuplo-crc32", Self::Zuplo),
        ("confluent-crc32", Self::Confluent),
        ("gitlab-crc32", Self::Gitlab),
        ("age-bech32", Self::AgeBech32),
        ("base58check", Self::Base58Check),
        ("nkey-crc16", Self::Nkey),
    ];
}

/// What is read from the inside of a credential, see `docs/rules.md` for what each tells (`rule::structure` reads them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StructureKind {
    Jwt,
    Base64Jwt,
    PrivateKey,
    Base64PrivateKey,
    OpensshKey,
    PgpKey,
    PuttyKey,
    GoogleServiceAccount,
    GoogleApiKey,
    AwsKey,
    PypiMacaroon,
    GitlabRoutable,
    Base64Json,
    AzureSas,
    AzureEndpoint,
    Slack,
    Discord,
    Telegram,
    Mailchimp,
    Login,
    BasicAuth,
    PasswordHash,
}

impl StructureKind {
    /// All kinds with their names in rule files.
    pub const NAMES: [(&'static str, Self); 22] = [
        ("jwt", Self::Jwt),
        ("base64-jwt", Self::Base64Jwt),
        ("private-key", Self::PrivateKey),
        ("base64-private-key", Self::Base64PrivateKey),
        ("openssh-key", Self::OpensshKey),
        ("pgp-key", Self::PgpKey),
        ("putty-key", Self::PuttyKey),
        ("google-service-account", Self::GoogleServiceAccount),
        ("google-api-key", Self::GoogleApiKey),
        ("aws-key", Self::AwsKey),
        ("pypi-macaroon", Self::PypiMacaroon),
        ("gitlab-routable", Self::GitlabRoutable),
        ("base64-json", Self::Base64Json),
        ("azure-sas", Self::AzureSas),
        ("azure-endpoint", Self::AzureEndpoint),
        ("slack", Self::Slack),
        ("discord", Self::Discord),
        ("telegram", Self::Telegram),
        ("mailchimp", Self::Mailchimp),
        ("login", Self::Login),
        ("basic-auth", Self::BasicAuth),
        ("password-hash", Self::PasswordHash),
    ];
}

/// A class of the assignment scanner that a generic rule reports (`detect/assignment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AssignmentClass {
    Password,
    Secret,
    Token,
    Key,
    Credential,
}

impl AssignmentClass {
    /// All classes with their names in rule files.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("password", Self::Password),
        ("secret", Self::Secret),
        ("token", Self::Token),
        ("key", Self::Key),
        ("credential", Self::Credential),
    ];
}

/// What makes a rule look at a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cue {
    /// A keyword of it stands there.
    Keyword,
    /// There is a text: it has no keywords.
    Anything,
    /// A name of this class stands there, with a value.
    Name(AssignmentClass),
    /// The path alone.
    Path,
}

/// A companion: another credential that belongs to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    /// The name under which it stands in the finding.
    pub name: &'static str,
    /// The rule that finds it.
    pub rule: &'static str,
    /// How many lines it may be away.
    pub within_lines: u32,
    /// Without it there is no finding.
    pub required: bool,
}

/// What to do about a leaked credential of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// Where it is revoked: a URL or a place in a console. May be empty.
    pub rotate: &'static str,
    /// Two or three plain sentences.
    pub steps: &'static str,
}

/// A text on which the rule must fire; see `rule::template` for the template of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub secret: &'static str,
    pub text: &'static str,
}

/// A text on which no rule may fire, but for those named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterexample {
    pub text: &'static str,
    #[serde(deserialize_with = "leaked")]
    pub but: &'static [&'static str],
}

/// How far a match reaches around the start of a keyword hit, proven from the syntax tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The most bytes of a match that stand before the start of the keyword hit.
    pub before: u32,
    /// The greatest length of a match of `pattern` in bytes; `until` extends it. 0 where nothing is known.
    pub max_len: u32,
    /// What every secret is.
    pub secret: Run,
    /// A byte that stands in every match, of such the one that is rarest in text, where it is not a part of every keyword.
    pub needs: Option<u8>,
}

/// Bytes that a secret is made of, and how many it has at least: a window without such a run needs no search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// A bit for each byte.
    pub bytes: [u64; 4],
    /// 0 where nothing is known.
    pub least: u32,
}

impl Run {
    /// Nothing is known.
    pub const ANY: Self = Self { bytes: [u64::MAX; 4], least: 0 };

    /// Whether `text` holds such a run.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        let least = self.least as usize;
        let has = |b: u8| self.bytes[usize::from(b >> 6)] >> (b & 63) & 1 == 1;
        let mut start = 0;
        // From the end of where a run would be: most bytes are never looked at.
        while let Some(run) = text.get(start..start + least) {
            match run.iter().rposition(|b| !has(*b)) {
                None => return true,
                Some(gap) => start += gap + 1,
            }
        }
        false
    }
}

/// One kind of credential and how it is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub id: &'static str,
    #[serde(deserialize_with = "leaked")]
    pub formerly: &'static [&'static str],
    pub since: &'static str,
    pub provider: &'static str,
    pub url: &'static str,
    pub name: &'static str,
    pub severity: Severity,
    pub format_confidence: Confidence,
    pub kind: Kind,
    /// Lower-case ASCII. Every match of `pattern` contains one of them.
    #[serde(deserialize_with = "leaked")]
    pub keywords: &'static [&'static str],
    /// The whole pattern, `assigned` expanded. `None` for path rules and for generic rules.
    pub pattern: Option<&'static str>,
    pub until: Option<&'static str>,
    pub scope: Scope,
    /// Bits a byte; 0 asks for nothing.
    pub entropy: f32,
    pub checksum: Option<Checksum>,
    pub structure: Option<StructureKind>,
    pub path: Option<&'static str>,
    #[serde(deserialize_with = "leaked")]
    pub near: &'static [Near],
    pub assignment: Option<AssignmentClass>,
    pub remedy: Remedy,
    /// How its provider is asked whether it is live.
    pub verify: Option<Verify>,
    #[serde(deserialize_with = "leaked")]
    pub examples: &'static [Example],
    #[serde(deserialize_with = "leaked")]
    pub counterexamples: &'static [Counterexample],
    pub bounds: Bounds,
    /// The pattern, or where there is none the path, as a program; empty where there is none for it.
    pub program: &'static [u8],
}

/// The catalogue version that rules without `since` belong to.
pub const FIRST_CATALOGUE: &str = "0.1";

/// The longest match of a rule without `until`, in bytes.
pub const MAX_MATCH: u32 = 4096;

/// The longest match of a rule with `until`, in bytes.
pub const MAX_UNTIL: u32 = 64 * 1024;

impl Rule {
    /// The name under which its fingerprints are made: the oldest id, so that a rename keeps every finding's identity.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.formerly.first().copied().unwrap_or(self.id)
    }

    /// What makes it look at a text.
    #[must_use]
    pub const fn cue(&self) -> Cue {
        match (self.pattern, self.assignment) {
            (Some(_), _) if self.keywords.is_empty() => Cue::Anything,
            (Some(_), _) => Cue::Keyword,
            (None, Some(class)) => Cue::Name(class),
            (None, None) => Cue::Path,
        }
    }

    /// Whether `name` names the rule, by its id or an earlier one; `*` at either end of `name` stands for anything.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        stands_for(name, self.id) || self.formerly.iter().any(|id| stands_for(name, id))
    }
}

/// Whether `name` stands for `id`: `*` at either end of it stands for anything.
#[must_use]
pub fn stands_for(name: &str, id: &str) -> bool {
    match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(rest), Some(_)) => id.contains(rest.trim_end_matches('*')),
        (Some(end), None) => id.ends_with(end),
        (None, Some(start)) => id.starts_with(start),
        (None, None) => id == name,
    }
}
