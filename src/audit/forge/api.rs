//! The API of a forge: one request after another, with patience. Rate limits are waited for, what fails for a moment is asked
//! again, a redirect is followed to the same server alone, and the token goes to no other one.

use crate::audit::target::{RateBudget, SourceError};
use crate::finding::Secret;
use crate::source::Stop;
use crate::source::git::remote::{Limits, causes, http_client, same_server};
use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER, USER_AGENT};
use reqwest::{StatusCode, Url};
use serde_json::Value;
use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often one request is sent in all.
const ATTEMPTS: u32 = 5;
/// How often a redirect is followed.
const REDIRECTS: u32 = 5;
/// The longest wait for a rate limit: those of the forges end within the hour.
const PATIENCE: Duration = Duration::from_secs(65 * 60);
/// The shortest one.
const SHORTEST: Duration = Duration::from_secs(1);
/// The largest answer.
const LARGEST: u64 = 64 << 20;
/// How long one goes without looking whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// Who asks.
pub struct Account {
    /// The variable that holds the token, for messages.
    pub variable: String,
    pub token: Secret,
    pub scheme: Scheme,
}

/// How a token is handed over.
pub enum Scheme {
    /// `Authorization: Bearer …`
    Bearer,
    /// A header of the forge's own: `PRIVATE-TOKEN: …`
    Header(&'static str),
    /// As the password of a user.
    Basic { user: String },
}

/// See the top of this file.
pub struct Api {
    client: Client,
    /// What all requests begin with; ends with a slash.
    base: Url,
    host: String,
    account: Option<Account>,
    headers: &'static [(&'static str, &'static str)],
    budget: Option<RateBudget>,
    /// The wait after a first failure; each further one is twice as long.
    pause: Duration,
}

/// An answer of a forge.
pub struct Answer {
    /// The address that was asked, as the next request could name it.
    pub url: Url,
    pub body: Value,
    link: Option<String>,
}

/// Why there is no answer.
pub enum Trouble {
    /// There is nothing at this place, or not for this account.
    NotThere(String),
    Ended(SourceError),
}

impl Api {
    /// A client for the API at `base`, `https://api.github.com`; http is for this machine alone.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(base: &str, account: Option<Account>, headers: &'static [(&'static str, &'static str)]) -> Result<Self, String> {
        let url = Url::parse(&format!("{}/", base.trim_end_matches('/'))).map_err(|e| format!("`{base}` is no URL: {e}"))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("the URL of an API holds no credentials, query or fragment: tokens come from the environment".to_owned());
        }
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(format!("`{base}` must begin with https://: a token goes nowhere in the clear")),
        }
        let client =
            http_client(url.scheme() == "https", is_loopback, Limits::default()).map_err(|e| e.without_url().to_string())?;
        let authority = authority(&url);
        let host = authority.strip_prefix("api.").unwrap_or(&authority).to_owned();
        Ok(Self { client, base: url, host, account, headers, budget: None, pause: Duration::from_secs(1) })
    }

    /// `github.com`, `git.example.org:8443`: the host of the repositories, as people know it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What the forge said last of its limits.
    #[must_use]
    pub fn budget(&self) -> Option<RateBudget> {
        self.budget.clone()
    }

    /// Who asks, for messages.
    #[must_use]
    pub fn who(&self) -> String {
        let with_token = |account: &Account| format!("the token in {}", account.variable);
        self.account.as_ref().map_or_else(|| "someone without a token".to_owned(), with_token)
    }

    /// An address, for messages.
    #[must_use]
    pub fn shown(url: &Url) -> String {
        format!("{}{}", authority(url), url.path())
    }

    /// Gets `place`: a path below the API's address, or the whole address of a next page, which is of the same server.
    ///
    /// # Errors
    /// Where there is no answer, after all attempts.
    pub fn get(&mut self, place: &str, stop: &Stop) -> Result<Answer, Trouble> {
        let mut url = self.base.join(place).map_err(|e| Trouble::NotThere(format!("`{place}`: {e}")))?;
        if url.origin() != self.base.origin() {
            let why = format!("{} sent the next page to {}, which is not asked", self.host(), url.host_str().unwrap_or_default());
            return Err(Trouble::Ended(SourceError::Refused(why)));
        }
        let (mut attempt, mut redirects, mut waited) = (1, 0, Duration::ZERO);
        loop {
            if stop.is_asked() {
                return Err(Trouble::Ended(SourceError::Interrupted));
            }
            let sent = self.client.get(url.clone()).headers(self.headers()).send();
            let (message, wait) = match sent {
                Err(e) => (format!("{} cannot be reached: {}", self.host(), causes(&e.without_url())), None),
                Ok(response) => {
                    self.note(response.headers());
                    let status = response.status();
                    if status.is_redirection()
                        && redirects < REDIRECTS
                        && let Some(to) = same_server(&url, response.headers())
                    {
                        (url, redirects) = (to, redirects + 1);
                        continue;
                    }
                    // Azure answers with a page to sign in on.
                    if status == StatusCode::NON_AUTHORITATIVE_INFORMATION || status.is_redirection() {
                        return Err(self.refused("asks to sign in"));
                    }
                    if status.is_success() {
                        match self.answer(url.clone(), response) {
                            Ok(answer) => return Ok(answer),
                            Err(why) => (why, None),
                        }
                    } else {
                        let wait = self.limit(status, response.headers());
                        match status {
                            _ if wait.is_some() => (format!("{} asks to wait", self.host()), wait),
                            StatusCode::UNAUTHORIZED => return Err(self.refused("does not accept")),
                            StatusCode::FORBIDDEN => return Err(self.refused("refuses (403)")),
                            StatusCode::NOT_FOUND | StatusCode::GONE => {
                                return Err(Trouble::NotThere(format!("{} answers {}", Self::shown(&url), status.as_u16())));
                            }
                            _ if status.is_server_error() => (format!("{} answers {}", self.host(), status.as_u16()), None),
                            _ => return Err(self.refused(&format!("answers {} to", status.as_u16()))),
                        }
                    }
                }
            };
            let rest = if let Some(wait) = wait {
                // Waiting is what was asked for: it is no failed attempt.
                // Never none at all: a server that asks for no pause, again and again, would be asked without an end.
                let wait = wait.max(SHORTEST);
                waited = waited.saturating_add(wait);
                if waited > PATIENCE {
                    return Err(Trouble::Ended(SourceError::Unavailable { message, retry_after: Some(wait) }));
                }
                wait
            } else {
                if attempt == ATTEMPTS {
                    return Err(Trouble::Ended(SourceError::Unavailable { message, retry_after: None }));
                }
                attempt += 1;
                self.pause * 2u32.pow(attempt - 2)
            };
            sleep(rest, stop);
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keysift/", env!("CARGO_PKG_VERSION"), " (audit)")));
        for (name, value) in self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let Some(Account { token, scheme, .. }) = &self.account else { return headers };
        let (name, mut value) = match scheme {
            Scheme::Bearer => (AUTHORIZATION, [b"Bearer ", token.expose()].concat()),
            Scheme::Header(name) => (HeaderName::from_static(name), token.expose().to_vec()),
            Scheme::Basic { user } => {
                use base64::Engine as _;
                let both = [user.as_bytes(), b":", token.expose()].concat();
                (AUTHORIZATION, format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both)).into_bytes())
            }
        };
        value.retain(|b| !b.is_ascii_whitespace() || *b == b' ');
        if let Ok(mut value) = HeaderValue::from_bytes(&value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers
    }

    fn answer(&self, url: Url, response: Response) -> Result<Answer, String> {
        let link = response.headers().get(LINK).and_then(|link| link.to_str().ok()).map(str::to_owned);
        let mut text = Vec::new();
        let read = response.take(LARGEST + 1).read_to_end(&mut text);
        read.map_err(|e| format!("{} broke off: {e}", self.host()))?;
        if text.len() as u64 > LARGEST {
            return Err(format!("{} answers with more than {LARGEST} bytes", self.host()));
        }
        let body = serde_json::from_slice(&text).map_err(|_| format!("{}: the answer is no JSON", Self::shown(&url)))?;
        Ok(Answer { url, body, link })
    }

    fn refused(&self, what: &str) -> Trouble {
        let why = match &self.account {
            None => format!("{} asks for a token", self.host()),
            Some(_) => format!("{} {what} {}", self.host(), self.who()),
        };
        Trouble::Ended(SourceError::Refused(why))
    }

    /// Remembers what a forge says of its limits: `X-RateLimit-*`, and `RateLimit-*` without the X.
    fn note(&mut self, headers: &HeaderMap) {
        let number = |name: &str| limit_header(headers, name);
        if let (Some(remaining), Some(limit)) = (number("remaining"), number("limit")) {
            let resets_at = number("reset").and_then(|at| i64::try_from(at).ok());
            self.budget = Some(RateBudget { host: self.host().to_owned(), remaining, limit, resets_at });
        }
    }

    /// How long a refusal asks to wait; `None` where it is none of a rate limit. GitHub tells its primary limit by a budget of
    /// nothing, its secondary one by `Retry-After`, both also with 403.
    fn limit(&self, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
        let is_limit = status == StatusCode::TOO_MANY_REQUESTS;
        if !(is_limit || status == StatusCode::FORBIDDEN || status == StatusCode::SERVICE_UNAVAILABLE) {
            return None;
        }
        let after = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok()).map(Duration::from_secs);
        let until_reset = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let reset = limit_header(headers, "reset").filter(|_| limit_header(headers, "remaining") == Some(0))?;
            Some(Duration::from_secs(reset.saturating_sub(now).saturating_add(1)))
        };
        after.or_else(until_reset).or_else(|| is_limit.then_some(self.pause * 60))
    }
}

fn limit_header(headers: &HeaderMap, name: &str) -> Option<u64> {
    let value = headers.get(format!("x-ratelimit-{name}")).or_else(|| headers.get(format!("ratelimit-{name}")))?;
    value.to_str().ok()?.trim().parse().ok()
}

/// Host and port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn sleep(all: Duration, stop: &Stop) {
    let mut left = all;
    while left > Duration::ZERO && !stop.is_asked() {
        let nap = left.min(NAP);
        std::thread::sleep(nap);
        left -= nap;
    }
}

impl Answer {
    /// The next page, as the header `Link` names it (RFC 8288).
    #[must_use]
    pub fn next_link(&self) -> Option<String> {
        let links = self.link.as_ref()?.split(',');
        links.filter_map(|link| link.split_once('>')).find_map(|(target, parameters)| {
            let is_next = parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
            is_next.then(|| target.trim().trim_start_matches('<').to_owned())
        })
    }

    /// The address of this answer with another value of a parameter.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> String {
        let mut url = self.url.clone();
        let others: Vec<(String, String)> =
            url.query_pairs().filter(|(n, _)| n != name).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
        url.into()
    }
}
