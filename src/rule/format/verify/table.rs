//! A `[rule.verify]` table: TOML in, a proven [`Verify`] or what is wrong with it out.

use super::super::{file, pattern};
use super::model::{Body, Condition, Doubt, Evidence, IdentitySource, Method, PartsOf, Protocol, Scalar, Unclear, Verify};
use super::{path, template};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The table as it stands in a file.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawVerify {
    evidence: String,
    #[serde(default)]
    docs: String,
    protocol: Option<String>,
    method: Option<String>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    other_urls: Vec<String>,
    #[serde(default)]
    instance_url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    auth: Option<RawAuth>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    form: BTreeMap<String, String>,
    json: Option<String>,
    parts: Option<RawParts>,
    #[serde(default)]
    unknown: Vec<RawCondition>,
    #[serde(default)]
    dead: Vec<RawCondition>,
    #[serde(default)]
    live: Vec<RawCondition>,
    #[serde(default)]
    identity: BTreeMap<String, String>,
    #[serde(default)]
    regional: bool,
    #[serde(default)]
    tenant_safe: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawAuth {
    bearer: Option<String>,
    basic: Option<[String; 2]>,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawParts {
    #[serde(rename = "in")]
    of: String,
    pattern: String,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawCondition {
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    status: Option<toml::Value>,
    #[serde(default)]
    header: BTreeMap<String, String>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, serde_json::Value>"))]
    json: BTreeMap<String, toml::Value>,
    #[serde(default)]
    json_has: OneOrMany,
    #[serde(default)]
    body_contains: OneOrMany,
    reason: Option<String>,
}

/// A text, or a list of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(text) => vec![text],
            Self::Many(list) => list,
        }
    }
}

/// Proves a table. `companions` are the names that the rule's `near` gives.
///
/// # Errors
/// All that is wrong with it.
pub fn build(raw: RawVerify, companions: &[String], trusted: bool) -> Result<Verify, Vec<String>> {
    let mut wrong = Wrong(Vec::new());
    let evidence = wrong.word(&raw.evidence, "evidence", &Evidence::NAMES).unwrap_or(Evidence::Observed);
    let protocol = raw.protocol.as_ref().and_then(|p| wrong.word(p, "protocol", &Protocol::NAMES));
    let method = raw.method.as_ref().map_or(Some(Method::Get), |m| wrong.word(m, "method", &Method::NAMES));
    let parts = raw.parts.and_then(|p| {
        let of = wrong.word(&p.of, "place of parts", &[("secret", PartsOf::Secret), ("match", PartsOf::Match)])?;
        Some((of, p.pattern))
    });
    let mut known: Vec<String> = companions.to_vec();
    if let Some((_, text)) = &parts {
        match pattern::parse(text) {
            Ok(_) => known.extend(group_names(text)),
            Err(_) => wrong.say("`verify.parts`: the pattern is no valid regular expression".to_owned()),
        }
    }
    let mut headers: Vec<(String, String)> = raw.headers.into_iter().collect();
    let mut basic = None;
    match raw.auth {
        Some(RawAuth { bearer: Some(token), basic: None }) => {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        Some(RawAuth { bearer: None, basic: Some(pair) }) => basic = Some(pair),
        Some(_) => wrong.say("`verify.auth` is either `bearer` or `basic`".to_owned()),
        None => {}
    }
    let body = match (raw.form.is_empty(), raw.json) {
        (false, Some(_)) => {
            wrong.say("`verify` has `form` and `json`: give one of them".to_owned());
            RawBody::None
        }
        (false, None) => RawBody::Form(raw.form.into_iter().collect()),
        (true, Some(json)) => RawBody::Json(json),
        (true, None) => RawBody::None,
    };
    let unknown: Vec<Unclear> = raw.unknown.into_iter().filter_map(|c| wrong.unclear(c)).collect();
    let dead: Vec<Condition> = raw.dead.into_iter().filter_map(|c| wrong.plain(c)).collect();
    let live: Vec<Condition> = raw.live.into_iter().filter_map(|c| wrong.plain(c)).collect();
    let identity: Vec<_> = raw.identity.into_iter().map(|(name, from)| (leak(name), wrong.source(from))).collect();

    let request = RequestParts {
        url: &raw.url,
        other_urls: &raw.other_urls,
        instance_url: &raw.instance_url,
        tenant_safe: raw.tenant_safe,
        headers: &headers,
        query: &raw.query,
        basic: basic.as_ref(),
        body: &body,
        method,
    };
    if protocol.is_none() {
        if live.is_empty() {
            wrong.say("`verify` has no `live` condition".to_owned());
        }
        wrong.request(&request, &known, companions);
    } else if !raw.url.is_empty() || !live.is_empty() || !dead.is_empty() || !headers.is_empty() {
        wrong.say("`verify` has a `protocol`: it says itself what is sent and how answers are read".to_owned());
    }
    if evidence == Evidence::Documented {
        if !raw.docs.starts_with("https://") {
            wrong.say("`verify` with documented evidence names the page as `docs = \"https://…\"`".to_owned());
        }
        if protocol.is_none() && dead.is_empty() {
            wrong.say("`verify` with documented evidence has a `dead` condition".to_owned());
        }
    }
    if !wrong.0.is_empty() {
        return Err(wrong.0);
    }
    Ok(Verify {
        evidence,
        docs: leak(raw.docs),
        trusted,
        protocol,
        method: method.unwrap_or(Method::Get),
        url: leak(raw.url),
        other_urls: raw.other_urls.into_iter().map(leak).collect::<Vec<_>>().leak(),
        instance_url: leak(raw.instance_url),
        headers: leak_pairs(headers),
        basic: basic.map(|[user, password]| (leak(user), leak(password))),
        query: leak_pairs(raw.query.into_iter().collect()),
        body: match body {
            RawBody::None => Body::None,
            RawBody::Form(pairs) => Body::Form(leak_pairs(pairs)),
            RawBody::Json(text) => Body::Json(leak(text)),
        },
        parts: parts.map(|(of, pattern)| (of, leak(pattern))),
        unknown: unknown.leak(),
        dead: dead.leak(),
        live: live.leak(),
        identity: identity.leak(),
        regional: raw.regional,
        tenant_safe: raw.tenant_safe,
    })
}

/// What a declarative request is made of.
struct RequestParts<'a> {
    url: &'a String,
    other_urls: &'a [String],
    instance_url: &'a str,
    tenant_safe: bool,
    headers: &'a [(String, String)],
    query: &'a BTreeMap<String, String>,
    basic: Option<&'a [String; 2]>,
    body: &'a RawBody,
    method: Option<Method>,
}

impl RequestParts<'_> {
    /// The names of all placeholders.
    fn used(&self) -> Vec<&str> {
        let mut templates: Vec<&str> = self.other_urls.iter().map(String::as_str).chain([self.url.as_str()]).collect();
        templates.extend(self.headers.iter().map(|(_, value)| value.as_str()));
        templates.extend(self.query.values().map(String::as_str));
        templates.extend(self.basic.into_iter().flatten().map(String::as_str));
        match self.body {
            RawBody::None => {}
            RawBody::Form(pairs) => templates.extend(pairs.iter().map(|(_, value)| value.as_str())),
            RawBody::Json(text) => templates.push(text),
        }
        let mut used: Vec<&str> = templates.into_iter().flat_map(template::names).collect();
        used.extend(template::names(self.instance_url).filter(|name| *name != "host"));
        used
    }
}

enum RawBody {
    None,
    Form(Vec<(String, String)>),
    Json(String),
}

/// The named groups of a pattern.
fn group_names(pattern: &str) -> Vec<String> {
    let starts = pattern.match_indices("(?P<").map(|(at, open)| at + open.len());
    starts.filter_map(|at| pattern[at..].split_once('>').map(|(name, _)| name.to_owned())).collect()
}

/// What is wrong with a table.
struct Wrong(Vec<String>);

impl Wrong {
    fn say(&mut self, message: String) {
        self.0.push(message);
    }

    fn word<T: Copy>(&mut self, word: &str, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let hint = file::nearest(word, &names)
                .map_or_else(|| format!("one of {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
            self.say(format!("`verify`: `{word}` is no {what}: {hint}"));
        }
        found
    }

    fn request(&mut self, request: &RequestParts<'_>, known: &[String], companions: &[String]) {
        for url in std::iter::once(request.url).chain(request.other_urls) {
            self.url(url, request.tenant_safe);
        }
        if !request.instance_url.is_empty() {
            self.url(request.instance_url, false);
            if template::host(request.instance_url) != Some("{{host}}") {
                self.say("`verify.instance_url` begins with https://{{host}}/".to_owned());
            }
        }
        let used = request.used();
        for name in &used {
            if *name != "secret" && !known.iter().any(|k| k == name) {
                self.say(format!("`verify` uses {{{{{name}}}}}, which neither `near` nor `verify.parts` names"));
            }
        }
        let is_part = |name: &&str| *name == "secret" || !companions.iter().any(|c| c == name);
        if !used.iter().any(is_part) {
            let places = "`auth`, `headers`, `query`, `url` or the body";
            self.say(format!("`verify` sends the secret nowhere: put {{{{secret}}}} into {places}"));
        }
        if request.method != Some(Method::Post) && !matches!(request.body, RawBody::None) {
            self.say("`verify` has a body: the method is POST".to_owned());
        }
        for (name, value) in request.headers {
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !is_name || value.contains(['\r', '\n']) {
                self.say(format!("`{name}` is no header of a request"));
            }
        }
    }

    /// Where a value of the identity comes from.
    fn source(&mut self, from: String) -> IdentitySource {
        if let Some(header) = from.strip_prefix("header:") {
            return IdentitySource::Header(leak(header.to_ascii_lowercase()));
        }
        if let Some(literal) = from.strip_prefix('=') {
            return IdentitySource::Literal(leak(literal.to_owned()));
        }
        self.path(&from);
        IdentitySource::Json(leak(from))
    }

    fn path(&mut self, text: &str) {
        if path::parse(text).is_none() {
            self.say(format!("`verify`: `{text}` is no path in JSON: write $.name, $['name'] or $[0]"));
        }
    }

    /// A fixed host; a first label from text where the provider answers for all of them; or a host that is found in text
    /// and that the user must allow.
    fn url(&mut self, url: &str, tenant_safe: bool) {
        let Some(host) = template::host(url) else {
            return self.say(format!("`verify`: `{url}` does not begin with https://"));
        };
        if url.contains(['#', ' ']) || host.contains(['@', ':', '\\']) {
            return self.say(format!("`verify`: `{url}` has a fragment, a blank, a user or a port: none of them is sent"));
        }
        let placeholders: Vec<&str> = template::names(host).collect();
        let (fixed, is_label) = match placeholders[..] {
            [] => (host, false),
            [name] => {
                if name == "secret" {
                    return self.say(format!("`verify`: the secret cannot name the host in `{url}`"));
                }
                let whole = format!("{{{{{name}}}}}");
                if host == whole {
                    if tenant_safe {
                        self.say("`verify`: a whole host from text cannot be tenant_safe".to_owned());
                    }
                    return;
                }
                match host.strip_prefix(&whole).and_then(|rest| rest.strip_prefix('.')) {
                    Some(suffix) => (suffix, true),
                    None => {
                        return self.say(format!("`verify`: in `{url}` a placeholder is the host's first label, or all of it"));
                    }
                }
            }
            _ => return self.say(format!("`verify`: the host of `{url}` has more than one placeholder")),
        };
        let is_label_text =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let is_address = fixed.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if !fixed.contains('.') || is_address || !fixed.split('.').all(is_label_text) {
            self.say(format!("`verify`: `{fixed}` is no name of a host: lower case, with a dot, no address"));
        }
        if tenant_safe && !is_label {
            self.say(format!("`verify`: `tenant_safe` is for a first label from text, and `{url}` has none"));
        }
    }

    fn unclear(&mut self, mut raw: RawCondition) -> Option<Unclear> {
        let Some(word) = raw.reason.take() else {
            self.say("`verify.unknown`: each condition has a `reason`".to_owned());
            return None;
        };
        let known: Vec<(&str, Doubt)> = Doubt::NAMES.iter().map(|(word, doubt, _)| (*word, *doubt)).collect();
        let reason = self.word(&word, "reason", &known)?;
        Some(Unclear { when: self.condition(raw)?, reason })
    }

    fn plain(&mut self, raw: RawCondition) -> Option<Condition> {
        if raw.reason.is_some() {
            self.say("`verify`: `reason` is for conditions of `unknown`".to_owned());
        }
        self.condition(raw)
    }

    fn condition(&mut self, raw: RawCondition) -> Option<Condition> {
        let status = raw.status.as_ref().map_or(Some(Vec::new()), statuses);
        let Some(status) = status else {
            self.say("`verify`: a `status` is a number, \"2xx\", \"500-599\", or a list of them".to_owned());
            return None;
        };
        let json = raw.json.into_iter().map(|(at, value)| {
            self.path(&at);
            let values = match value {
                toml::Value::Array(list) => list,
                one => vec![one],
            };
            let scalars: Vec<Option<Scalar>> = values.into_iter().map(scalar).collect();
            if scalars.is_empty() || scalars.iter().any(Option::is_none) {
                self.say(format!("`verify`: `{at}` is compared with texts, whole numbers, true and false"));
            }
            (leak(at), &*scalars.into_iter().flatten().collect::<Vec<_>>().leak())
        });
        let json: Vec<(&'static str, &'static [Scalar])> = json.collect();
        let json_has = raw.json_has.list();
        for at in &json_has {
            self.path(at);
        }
        let body_contains = raw.body_contains.list();
        if status.is_empty() && raw.header.is_empty() && json.is_empty() && json_has.is_empty() && body_contains.is_empty() {
            self.say("`verify`: a condition says something of the answer".to_owned());
            return None;
        }
        Some(Condition {
            status: status.leak(),
            headers: leak_pairs(raw.header.into_iter().map(|(name, text)| (name.to_ascii_lowercase(), text)).collect()),
            json: json.leak(),
            json_has: json_has.into_iter().map(leak).collect::<Vec<_>>().leak(),
            body_contains: body_contains.into_iter().map(leak).collect::<Vec<_>>().leak(),
        })
    }
}

fn statuses(value: &toml::Value) -> Option<Vec<(u16, u16)>> {
    let one = |value: &toml::Value| -> Option<(u16, u16)> {
        let (from, to) = match value {
            toml::Value::Integer(code) => {
                let code = u16::try_from(*code).ok()?;
                (code, code)
            }
            toml::Value::String(text) => match text.strip_suffix("xx") {
                Some(hundreds) => {
                    let hundreds: u16 = hundreds.parse().ok()?;
                    (hundreds.checked_mul(100)?, hundreds.checked_mul(100)? + 99)
                }
                None => text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))?,
            },
            _ => return None,
        };
        (100 <= from && from <= to && to <= 599).then_some((from, to))
    };
    match value {
        toml::Value::Array(list) if !list.is_empty() => list.iter().map(one).collect(),
        other => one(other).map(|range| vec![range]),
    }
}

fn scalar(value: toml::Value) -> Option<Scalar> {
    match value {
        toml::Value::String(text) => Some(Scalar::Text(leak(text))),
        toml::Value::Integer(number) => Some(Scalar::Integer(number)),
        toml::Value::Boolean(truth) => Some(Scalar::Bool(truth)),
        _ => None,
    }
}

fn leak(text: String) -> &'static str {
    if text.is_empty() { "" } else { text.leak() }
}

fn leak_pairs(pairs: Vec<(String, String)>) -> &'static [(&'static str, &'static str)] {
    pairs.into_iter().map(|(a, b)| (leak(a), leak(b))).collect::<Vec<_>>().leak()
}
