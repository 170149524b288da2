//! The API of a forge: one request after another, with patience. Rate limits are waited for, what fails for a moment is asked
//! again, a redirect is followed to the same server alone, and the token goes to no other one.

use super::app::App;
use super::waits;
use crate::audit::target::{RateBudget, SourceError};
use crate::finding::Secret;
use crate::source::Stop;
use crate::source::git::remote::{Limits, causes, http_client, is_loopback, same_server};
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LINK, LOCATION, USER_AGENT,
};
use reqwest::{StatusCode, Url};
use serde_json::Value;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often one request is sent in all.
const ATTEMPTS: u32 = 5;
/// How often a redirect is followed.
const REDIRECTS: u32 = 5;
/// The longest wait for a rate limit: those of the forges end within the hour.
const PATIENCE: Duration = Duration::from_secs(65 * 60);
/// The largest answer.
const LARGEST: u64 = 64 << 20;
/// How much of a refusal is read.
const LARGEST_REFUSAL: u64 = 64 << 10;
/// How long one goes without looking whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// What audits call themselves.
pub(in crate::audit) const AGENT: &str = concat!("keysift/", env!("CARGO_PKG_VERSION"), " (audit)");

/// Who asks.
pub struct Account {
    /// The variable that holds the token or key, for messages.
    pub variable: String,
    pub token: Token,
    pub scheme: Scheme,
}

/// What is handed over.
pub enum Token {
    Given(Secret),
    /// Of an app, for what an owner has: one is asked for as it is needed.
    OfApp {
        app: Arc<App>,
        owner: String,
    },
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
    budget: Mutex<Option<RateBudget>>,
    /// The wait after a first failure, a second; each further one is twice as long.
    pause: Duration,
}

/// A request.
struct Question<'q> {
    url: Url,
    /// What is posted; nothing is got.
    body: Option<&'q Value>,
    /// The name of an answer that is known.
    etag: Option<&'q str>,
    /// Whether it may be sent again where nobody knows what became of it.
    repeats: bool,
    /// What stands there is a file of this type, which may be kept by another server.
    file: Option<&'static str>,
}

/// A file as it comes.
pub struct Download(Response);

impl Download {
    /// Its bytes, where the server tells how many there are.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.0.content_length()
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// An answer of a forge.
pub struct Answer {
    /// The address that was asked, as the next request could name it.
    pub url: Url,
    pub body: Value,
    /// Names the answer: as long as it is the same, the forge says so in place of telling it again.
    pub etag: Option<String>,
    link: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// There is nothing at this place, or not for this account.
    NotThere(String),
    /// It was there, or is switched off.
    Gone(String),
    Ended(SourceError),
}

impl Trouble {
    /// Why, in words.
    #[must_use]
    pub fn into_message(self) -> String {
        match self {
            Self::NotThere(why) | Self::Gone(why) => why,
            Self::Ended(e) => e.to_string(),
        }
    }
}

/// What came of sending a request once.
enum Sent {
    Answer(Box<Answer>),
    File(Download),
    /// The answer that is known still holds.
    Same,
    Moved(Url),
    /// The token counts no longer.
    Stale,
    Wait(Duration),
    Failed(String),
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
        let is_loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(format!("`{base}` must begin with https://: a token goes nowhere in the clear")),
        }
        let client =
            http_client(url.scheme() == "https", is_loopback, Limits::default()).map_err(|e| e.without_url().to_string())?;
        let authority = authority(&url);
        let host = authority.strip_prefix("api.").unwrap_or(&authority).to_owned();
        Ok(Self { client, base: url, host, account, headers, budget: Mutex::new(None), pause: Duration::from_secs(1) })
    }

    /// The same with another length of a second, where waits are counted in such: for tests.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Who asks from now on.
    pub fn set_account(&mut self, account: Account) {
        self.account = Some(account);
    }

    /// Whether somebody asks, or just anybody.
    #[must_use]
    pub const fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// `github.com`, `git.example.org:8443`: the host of the repositories, as people know it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What all its addresses begin with.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// What the forge said last of its limits.
    #[must_use]
    pub fn budget(&self) -> Option<RateBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who asks, for messages.
    #[must_use]
    pub fn who(&self) -> String {
        let shown = |account: &Account| match account.token {
            Token::Given(_) => format!("the token in {}", account.variable),
            Token::OfApp { .. } => format!("the app of {}", account.variable),
        };
        self.account.as_ref().map_or_else(|| "someone without a token".to_owned(), shown)
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
    pub fn get(&self, place: &str, stop: &Stop) -> Result<Answer, Trouble> {
        let question = Question { url: self.place(place)?, body: None, etag: None, repeats: true, file: None };
        self.answered(question, stop)
    }

    /// The same where the answer with this etag is known: `None` where it still holds.
    ///
    /// # Errors
    /// As above.
    pub fn get_if_changed(&self, place: &str, etag: &str, stop: &Stop) -> Result<Option<Answer>, Trouble> {
        let question = Question { url: self.place(place)?, body: None, etag: Some(etag), repeats: true, file: None };
        match self.send(question, stop)? {
            Sent::Answer(answer) => Ok(Some(*answer)),
            _ => Ok(None),
        }
    }

    /// Gets the file at `place`: an asset, a log. Forges keep such things on other servers, to which a redirect may lead; the
    /// token stays here.
    ///
    /// # Errors
    /// Where there is none, after all attempts.
    pub fn download(&self, place: &str, accept: &'static str, stop: &Stop) -> Result<Download, Trouble> {
        let question = Question { url: self.place(place)?, body: None, etag: None, repeats: true, file: Some(accept) };
        let shown = Self::shown(&question.url);
        match self.send(question, stop)? {
            Sent::File(file) => Ok(file),
            _ => Err(unavailable(format!("{shown}: no file came"), None)),
        }
    }

    /// Posts `body`. It is sent again only where the forge said that it did nothing.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn post(&self, place: &str, body: &Value, stop: &Stop) -> Result<Answer, Trouble> {
        let question = Question { url: self.place(place)?, body: Some(body), etag: None, repeats: false, file: None };
        self.answered(question, stop)
    }

    fn place(&self, place: &str) -> Result<Url, Trouble> {
        let url = self.base.join(place).map_err(|e| Trouble::NotThere(format!("`{place}`: {e}")))?;
        if self.is_here(&url) {
            return Ok(url);
        }
        let why = format!("{} sent the next page to {}, which is not asked", self.host(), url.host_str().unwrap_or_default());
        Err(Trouble::Ended(SourceError::Refused(why)))
    }

    fn answered(&self, question: Question<'_>, stop: &Stop) -> Result<Answer, Trouble> {
        let shown = Self::shown(&question.url);
        let unasked = || format!("{shown}: nothing has changed, says the forge, and nobody asked");
        match self.send(question, stop)? {
            Sent::Answer(answer) => Ok(*answer),
            _ => Err(unavailable(unasked(), None)),
        }
    }

    /// Sends until there is an answer or a file, or the one that is known still holds.
    fn send(&self, mut question: Question<'_>, stop: &Stop) -> Result<Sent, Trouble> {
        let (mut attempt, mut redirects, mut limits, mut is_renewed, mut waited) = (1, 0, 0, false, Duration::ZERO);
        loop {
            if stop.is_asked() {
                return Err(Trouble::Ended(SourceError::Interrupted));
            }
            let rest = match self.send_once(&question, limits, stop)? {
                sent @ (Sent::Answer(_) | Sent::File(_) | Sent::Same) => return Ok(sent),
                Sent::Moved(to) if redirects < REDIRECTS && question.body.is_none() => {
                    (question.url, redirects) = (to, redirects + 1);
                    continue;
                }
                Sent::Moved(_) => {
                    let why = format!("{} sends elsewhere, again and again", self.host());
                    return Err(Trouble::Ended(SourceError::Refused(why)));
                }
                // One that was made may have ended early; another one is asked for once.
                Sent::Stale if self.renew() && !is_renewed => {
                    is_renewed = true;
                    continue;
                }
                Sent::Stale => return Err(self.refused("does not accept")),
                Sent::Wait(wait) => {
                    // Waiting is what was asked for: it is no failed attempt. Never none at all: a server that asks for no
                    // pause, again and again, would be asked without an end.
                    let wait = wait.max(self.pause);
                    limits += 1;
                    waited = waited.saturating_add(wait);
                    if waited > PATIENCE {
                        return Err(unavailable(format!("{} asks to wait", self.host()), Some(wait)));
                    }
                    wait
                }
                Sent::Failed(why) => {
                    if attempt == ATTEMPTS || !question.repeats {
                        return Err(unavailable(why, None));
                    }
                    attempt += 1;
                    self.pause * 2u32.pow(attempt - 2)
                }
            };
            sleep(rest, stop);
        }
    }

    /// `limits` is how often it was waited before.
    fn send_once(&self, question: &Question<'_>, limits: u32, stop: &Stop) -> Result<Sent, Trouble> {
        let request = self.request(question, stop)?;
        let response = match request.send() {
            Err(e) => return Ok(Sent::Failed(format!("{} cannot be reached: {}", self.host(), causes(&e.without_url())))),
            Ok(response) => response,
        };
        if self.is_here(&question.url)
            && let Some(told) = waits::budget(response.headers(), self.host())
        {
            *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Sent::Same);
        }
        if status.is_redirection()
            && let Some(to) = same_server(&question.url, response.headers())
                .or_else(|| question.file.and_then(|_| self.elsewhere(&question.url, response.headers())))
        {
            return Ok(Sent::Moved(to));
        }
        // Azure answers with a page to sign in on.
        if status == StatusCode::NON_AUTHORITATIVE_INFORMATION || status.is_redirection() {
            return Err(self.refused("asks to sign in"));
        }
        if status.is_success() && question.file.is_some() {
            return Ok(Sent::File(Download(response)));
        }
        if status.is_success() {
            let read = self.answer(question.url.clone(), response);
            return Ok(read.map_or_else(Sent::Failed, |answer| Sent::Answer(Box::new(answer))));
        }
        let headers = response.headers().clone();
        let mut text = Vec::new();
        // What a refusal says is of use, and no more than that.
        let _ = response.take(LARGEST_REFUSAL).read_to_end(&mut text);
        if let Some(wait) = waits::asked(status, &headers, &text, self.pause, limits) {
            return Ok(Sent::Wait(wait));
        }
        match status {
            StatusCode::UNAUTHORIZED => Ok(Sent::Stale),
            StatusCode::FORBIDDEN => Err(self.refused("refuses (403)")),
            StatusCode::NOT_FOUND => Err(Trouble::NotThere(format!("{} answers 404", Self::shown(&question.url)))),
            StatusCode::GONE => Err(Trouble::Gone(format!("{} answers 410", Self::shown(&question.url)))),
            _ if status.is_server_error() => Ok(Sent::Failed(format!("{} answers {}", self.host(), status.as_u16()))),
            _ => Err(self.refused(&format!("answers {} to", status.as_u16()))),
        }
    }

    fn request(&self, question: &Question<'_>, stop: &Stop) -> Result<RequestBuilder, Trouble> {
        let mut headers = if self.is_here(&question.url) { self.headers(stop)? } else { anonymous() };
        if let Some(accept) = question.file {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if let Some(etag) = question.etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let Some(body) = question.body else { return Ok(self.client.get(question.url.clone()).headers(headers)) };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self.client.post(question.url.clone()).headers(headers).body(body.to_string()))
    }

    /// Whether an address is of this server.
    fn is_here(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Where a redirect leads that leaves this server: over https, or to this machine from itself.
    fn elsewhere(&self, from: &Url, headers: &HeaderMap) -> Option<Url> {
        let to = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
        let is_this_machine = is_loopback(&self.base) && is_loopback(&to);
        let has_userinfo = !to.username().is_empty() || to.password().is_some();
        ((to.scheme() == "https" || is_this_machine) && !has_userinfo).then_some(to)
    }

    fn headers(&self, stop: &Stop) -> Result<HeaderMap, Trouble> {
        let mut headers = anonymous();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let Some(Account { token, scheme, .. }) = &self.account else { return Ok(headers) };
        let token = match token {
            Token::Given(token) => token.clone(),
            Token::OfApp { app, owner } => app.token(owner, stop)?,
        };
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
        Ok(headers)
    }

    /// Forgets a token that was made; whether there is such a one.
    fn renew(&self) -> bool {
        let Some(Account { token: Token::OfApp { app, owner }, .. }) = &self.account else { return false };
        app.forget(owner);
        true
    }

    fn answer(&self, url: Url, response: Response) -> Result<Answer, String> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (link, etag) = (header(LINK), header(ETAG));
        let mut text = Vec::new();
        let read = response.take(LARGEST + 1).read_to_end(&mut text);
        read.map_err(|e| format!("{} broke off: {e}", self.host()))?;
        if text.len() as u64 > LARGEST {
            return Err(format!("{} answers with more than {LARGEST} bytes", self.host()));
        }
        let body = serde_json::from_slice(&text).map_err(|_| format!("{}: the answer is no JSON", Self::shown(&url)))?;
        Ok(Answer { url, body, etag, link })
    }

    fn refused(&self, what: &str) -> Trouble {
        let why = match &self.account {
            None => format!("{} asks for a token", self.host()),
            Some(_) => format!("{} {what} {}", self.host(), self.who()),
        };
        Trouble::Ended(SourceError::Refused(why))
    }
}

const fn unavailable(message: String, retry_after: Option<Duration>) -> Trouble {
    Trouble::Ended(SourceError::Unavailable { message, retry_after })
}

/// The headers that tell nobody who asks.
fn anonymous() -> HeaderMap {
    HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(AGENT))])
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
    /// The entries of an answer that is a list.
    ///
    /// # Errors
    /// Where it is none.
    pub fn list(&self) -> Result<&Vec<Value>, SourceError> {
        self.body.as_array().ok_or_else(|| self.unread("is no list that keysift knows"))
    }

    /// It is something else than was asked for: `what` says so of "the answer".
    #[must_use]
    pub fn unread(&self, what: &str) -> SourceError {
        SourceError::Unavailable { message: format!("{}: the answer {what}", Api::shown(&self.url)), retry_after: None }
    }

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
