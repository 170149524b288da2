//! A rule's templates filled: the exact request that leaves.

use super::egress::Failure;
use super::egress::hosts::{self, Allowed, Grant};
use crate::finding::{Secret, percent};
use crate::rule::format::verify::template::{self, Piece, pieces};
use crate::rule::format::verify::{Body, Doubt, Method, Verify};
use base64::Engine as _;
use zeroize::Zeroizing;

/// A request, overwritten when it is dropped.
pub struct Request {
    pub method: Method,
    pub url: Zeroizing<String>,
    /// In its normal form.
    pub host: String,
    pub port: u16,
    pub grant: Grant,
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// With its content type.
    pub body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
}

/// The values of placeholders.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub secret: &'a Secret,
    pub named: &'a [(&'static str, Secret)],
}

impl Values<'_> {
    /// The value of a placeholder, as text.
    fn of(&self, name: &str) -> Result<&str, Failure> {
        let bytes = if name == "secret" {
            self.secret.expose()
        } else {
            let found = self.named.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| value.expose()).ok_or_else(|| Failure::new(Doubt::CompanionMissing, name))?
        };
        std::str::from_utf8(bytes).map_err(|_| refused("a value is no text"))
    }

    /// A template with each value through `encode`.
    fn fill(&self, template: &str, encode: impl Fn(&str) -> Result<String, Failure>) -> Result<Zeroizing<String>, Failure> {
        let mut out = Zeroizing::new(String::new());
        for piece in pieces(template) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(name) => out.push_str(&Zeroizing::new(encode(self.of(name)?)?)),
            }
        }
        Ok(out)
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(Doubt::RefusedByPolicy, why)
}

/// Fills the request that `verify` sends to `url`, one of its templates. `instance` is `{{host}}` of an instance that the
/// user named.
///
/// # Errors
/// What is missing, or cannot be sent.
pub fn fill(verify: &Verify, url: &str, instance: Option<&Allowed>, values: Values<'_>) -> Result<Request, Failure> {
    let named = template::host(url).ok_or_else(|| refused("the URL is not one"))?;
    let (host, port, grant) = match (template::names(named).next(), instance) {
        (None, _) => (named.to_owned(), 443, Grant::Rule),
        (Some(_), Some(instance)) => (instance.host.clone(), instance.port.unwrap_or(443), Grant::User),
        (Some(name), None) => host_from_text(verify, named, values.of(name)?)?,
    };
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let port_text = if port == 443 { String::new() } else { format!(":{port}") };
    let rest = url.strip_prefix("https://").and_then(|u| u.strip_prefix(named)).unwrap_or_default();
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let mut whole = Zeroizing::new(format!("https://{shown}{port_text}"));
    whole.push_str(&values.fill(path, in_path)?);
    let mut mark = '?';
    if let Some(query) = query {
        whole.push(mark);
        whole.push_str(&values.fill(query, |v| Ok(in_query(v)))?);
        mark = '&';
    }
    for (name, value) in verify.query {
        whole.push(mark);
        whole.push_str(&in_query(name));
        whole.push('=');
        whole.push_str(&values.fill(&encoded_around(value), |v| Ok(in_query(v)))?);
        mark = '&';
    }
    let mut headers = Vec::new();
    for (name, value) in verify.headers {
        headers.push(((*name).to_owned(), values.fill(value, in_header)?));
    }
    if let Some((user, password)) = verify.basic {
        let plain = values.fill(user, |v| Ok(v.to_owned()))?;
        let password = values.fill(password, |v| Ok(v.to_owned()))?;
        if plain.contains(':') {
            return Err(refused("a user with a colon cannot stand in a header"));
        }
        let pair = Zeroizing::new(format!("{}:{}", *plain, *password));
        let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
        headers.push(("Authorization".to_owned(), Zeroizing::new(format!("Basic {}", *encoded))));
    }
    let body = match verify.body {
        Body::None => None,
        Body::Form(pairs) => {
            let mut text = Zeroizing::new(String::new());
            for (name, value) in pairs {
                if !text.is_empty() {
                    text.push('&');
                }
                text.push_str(&in_query(name));
                text.push('=');
                text.push_str(&values.fill(&encoded_around(value), |v| Ok(in_query(v)))?);
            }
            Some(("application/x-www-form-urlencoded", Zeroizing::new(text.as_bytes().to_vec())))
        }
        Body::Json(text) => {
            let text = values.fill(text, in_json)?;
            Some(("application/json", Zeroizing::new(text.as_bytes().to_vec())))
        }
    };
    Ok(Request { method: verify.method, url: whole, host, port, grant, headers, body })
}

/// A host, or its first label, that stands in the text.
fn host_from_text(verify: &Verify, named: &str, value: &str) -> Result<(String, u16, Grant), Failure> {
    match named.split_once("}}") {
        Some((_, suffix)) if suffix.starts_with('.') => {
            let label = value.to_ascii_lowercase();
            if !hosts::is_label(&label) {
                return Err(refused("what stands in the text is no single label of a host"));
            }
            let grant = if verify.tenant_safe { Grant::Tenant } else { Grant::User };
            Ok((format!("{label}{suffix}"), 443, grant))
        }
        _ => {
            let allowed = Allowed::parse(value).map_err(|_| refused("what stands in the text is no host"))?;
            Ok((allowed.host, allowed.port.unwrap_or(443), Grant::User))
        }
    }
}

/// The fixed text of a query value, encoded; placeholders stay.
fn encoded_around(value: &str) -> String {
    pieces(value)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => in_query(text),
            Piece::Value(name) => format!("{{{{{name}}}}}"),
        })
        .collect()
}

fn in_path(value: &str) -> Result<String, Failure> {
    // URL parsers resolve `.` and `..`, encoded or not.
    if value.is_empty() || value.bytes().all(|b| b == b'.') {
        return Err(refused("a value cannot stand in a path"));
    }
    Ok(percent::encode(value, b"-._~!$&'()*+,;=:@"))
}

fn in_query(value: &str) -> String {
    percent::encode(value, b"-._~")
}

fn in_header(value: &str) -> Result<String, Failure> {
    if value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        Ok(value.to_owned())
    } else {
        Err(refused("a value cannot stand in a header"))
    }
}

fn in_json(value: &str) -> Result<String, Failure> {
    let quoted = Zeroizing::new(serde_json::to_string(value).map_err(|_| refused("a value cannot stand in JSON"))?);
    Ok(quoted[1..quoted.len() - 1].to_owned())
}
