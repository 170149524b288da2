//! What may be asked about a credential, and how answers are read.

use super::super::model::leaked;
use serde::{Deserialize, Deserializer, Serialize};

/// How sure it is what the provider's answers mean. Only documented refusals say "dead".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// Seen in the wild; nobody wrote it down.
    Observed,
    /// Written down by others than the provider.
    Described,
    /// The provider's own documentation says so.
    Documented,
}

impl Evidence {
    /// All kinds with their words in rule files.
    pub const NAMES: [(&'static str, Self); 3] =
        [("documented", Self::Documented), ("described", Self::Described), ("observed", Self::Observed)];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Described => "described",
            Self::Documented => "documented",
        }
    }
}

/// What a declarative request cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    AwsSts,
    Postgres,
    Mysql,
    Mongodb,
    Redis,
    Amqp,
}

impl Protocol {
    /// All protocols with their names in rule files.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("aws-sts", Self::AwsSts),
        ("postgres", Self::Postgres),
        ("mysql", Self::Mysql),
        ("mongodb", Self::Mongodb),
        ("redis", Self::Redis),
        ("amqp", Self::Amqp),
    ];

    /// Its name in rule files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, p)| *p == self).map_or("", |(name, _)| name)
    }
}

/// The methods of requests. None of them may change anything at the provider: a POST is for APIs that read with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    Get,
    Head,
    Post,
}

impl Method {
    /// All methods with their names.
    pub const NAMES: [(&'static str, Self); 3] = [("GET", Self::Get), ("HEAD", Self::Head), ("POST", Self::Post)];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    None,
    /// `application/x-www-form-urlencoded`: names and templates.
    Form(#[serde(deserialize_with = "leaked")] &'static [(&'static str, &'static str)]),
    /// JSON with placeholders inside of strings.
    Json(&'static str),
}

/// Where the named groups of `parts` are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartsOf {
    Secret,
    /// What the rule's pattern matched, and what follows up to the next blank, quote or bracket.
    Match,
}

/// A value in JSON that a condition compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(&'static str),
}

/// What must hold of an answer, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Condition {
    /// Ranges of status codes, both ends included; empty: any.
    #[serde(deserialize_with = "leaked")]
    pub status: &'static [(u16, u16)],
    /// Names of headers, and texts that they contain in any case; an empty text: it is there.
    #[serde(deserialize_with = "leaked")]
    pub headers: &'static [(&'static str, &'static str)],
    /// Paths in JSON, each with the values of which it has one.
    #[serde(deserialize_with = "leaked_pairs")]
    pub json: &'static [(&'static str, &'static [Scalar])],
    /// Paths in JSON at which something stands, `null` is nothing.
    #[serde(deserialize_with = "leaked")]
    pub json_has: &'static [&'static str],
    /// Texts of which the body contains one, in any case; empty: any body.
    #[serde(deserialize_with = "leaked")]
    pub body_contains: &'static [&'static str],
}

/// What [`Condition::json`] is made of, read.
type Pairs = &'static [(&'static str, &'static [Scalar])];

/// Reads a list of names, each with a list of its own.
fn leaked_pairs<'de: 'static, D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
    let pairs = Vec::<(&'static str, Vec<Scalar>)>::deserialize(from)?;
    Ok(pairs.into_iter().map(|(path, values)| (path, &*values.leak())).collect::<Vec<_>>().leak())
}

/// Why nobody knows whether a credential is live. The words are a contract with whoever reads reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Doubt {
    RateLimited,
    ForbiddenForCaller,
    SsoRequired,
    IpRestricted,
    ServerError,
    Timeout,
    Dns,
    Tls,
    Network,
    RefusedByPolicy,
    CompanionMissing,
    AmbiguousProvider,
    OtherInstancePossible,
    UnprovenNegative,
    UnexpectedAnswer,
    Canary,
    ExpiredOffline,
    SourceMissing,
    OutOfTime,
    Interrupted,
}

impl Doubt {
    /// All reasons with their words and what they say to a person.
    pub const NAMES: [(&'static str, Self, &'static str); 20] = [
        ("rate_limited", Self::RateLimited, "the provider wants fewer questions"),
        (
            "forbidden_for_caller",
            Self::ForbiddenForCaller,
            "the provider refuses this question, which says nothing about the key",
        ),
        ("sso_required", Self::SsoRequired, "the provider asks for single sign-on"),
        ("ip_restricted", Self::IpRestricted, "the key works from other addresses only"),
        ("server_error", Self::ServerError, "the provider has an error of its own"),
        ("timeout", Self::Timeout, "no answer in time"),
        ("dns", Self::Dns, "the name of the host is not found"),
        ("tls", Self::Tls, "the host cannot prove who it is"),
        ("network", Self::Network, "the host cannot be reached"),
        ("refused_by_policy", Self::RefusedByPolicy, "keysift does not connect there"),
        ("companion_missing", Self::CompanionMissing, "what belongs to it was not found beside it"),
        ("ambiguous_provider", Self::AmbiguousProvider, "it may belong to one of several providers, so nobody was asked"),
        ("other_instance_possible", Self::OtherInstancePossible, "refused by the default host; another instance may accept it"),
        ("unproven_negative", Self::UnprovenNegative, "refused, and nothing documents what that means"),
        ("unexpected_answer", Self::UnexpectedAnswer, "an answer that its documentation does not tell of"),
        ("canary", Self::Canary, "a known canary: asking would raise an alarm"),
        ("expired_offline", Self::ExpiredOffline, "it says itself that it has expired; nobody was asked"),
        ("source_missing", Self::SourceMissing, "its text is not there any more"),
        ("out_of_time", Self::OutOfTime, "the time for verification was over"),
        ("interrupted", Self::Interrupted, "verification was interrupted"),
    ];

    /// The word used in rule files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, d, _)| *d == self).map_or("", |(word, ..)| word)
    }

    /// What it says to a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        Self::NAMES.iter().find(|(_, d, _)| *d == self).map_or("", |(.., words)| words)
    }
}

/// A condition under which the answer says nothing, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Unclear {
    pub when: Condition,
    pub reason: Doubt,
}

/// Where an answer tells whose credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentitySource {
    /// A path in the JSON body.
    Json(&'static str),
    /// A header.
    Header(&'static str),
    /// What the rule itself knows.
    Literal(&'static str),
}

/// How a provider is asked whether a credential is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    pub evidence: Evidence,
    /// The page that says what a refusal means.
    pub docs: &'static str,
    /// Only rules of the catalogue and of files that the user named ask anyone.
    pub trusted: bool,
    /// In place of the request below.
    pub protocol: Option<Protocol>,
    pub method: Method,
    pub url: &'static str,
    /// The same question at the provider's other regions: refused by all of them is refused.
    #[serde(deserialize_with = "leaked")]
    pub other_urls: &'static [&'static str],
    /// The question to an instance of the product that `--instance` names, as `{{host}}`.
    pub instance_url: &'static str,
    #[serde(deserialize_with = "leaked")]
    pub headers: &'static [(&'static str, &'static str)],
    pub basic: Option<(&'static str, &'static str)>,
    #[serde(deserialize_with = "leaked")]
    pub query: &'static [(&'static str, &'static str)],
    pub body: Body,
    /// A pattern whose named groups are values for placeholders.
    pub parts: Option<(PartsOf, &'static str)>,
    #[serde(deserialize_with = "leaked")]
    pub unknown: &'static [Unclear],
    #[serde(deserialize_with = "leaked")]
    pub dead: &'static [Condition],
    #[serde(deserialize_with = "leaked")]
    pub live: &'static [Condition],
    #[serde(deserialize_with = "leaked")]
    pub identity: &'static [(&'static str, IdentitySource)],
    /// Others may run the product too: a refusal by the default host proves nothing.
    pub regional: bool,
    /// The provider itself answers for every name below the host's first label.
    pub tenant_safe: bool,
}

impl Verify {
    /// All URL templates: the default one, other regions.
    pub fn urls(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.url).chain(self.other_urls.iter().copied()).filter(|url| !url.is_empty())
    }

    /// Whether answers are JSON: where a condition or the identity reads it.
    #[must_use]
    pub fn expects_json(&self) -> bool {
        let reads = |c: &Condition| !c.json.is_empty() || !c.json_has.is_empty();
        self.identity.iter().any(|(_, from)| matches!(from, IdentitySource::Json(_))) || self.live.iter().any(reads)
    }
}
