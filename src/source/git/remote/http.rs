//! git's smart protocol over https: reqwest with rustls and ring, nothing that a scanned repository or git's configuration says.
//!
//! A redirect is followed to the same server alone, so no header can leave for another one.
//! The protocol: <https://git-scm.com/docs/http-protocol>.

use super::stream::{Incoming, Patience, pump};
use super::{Limits, RemoteError};
use crate::source::git::url::{RemoteUrl, Scheme};
use gix_transport::client::AuthenticationRequired;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use reqwest::blocking::{Client, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url, redirect};
use std::any::Any;
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{LazyLock, Mutex};
use tokio::runtime::Runtime;

/// How often a server may redirect.
const MOST_REDIRECTS: usize = 5;
/// How many requests are made at a time; those that are too many wait. No audit has so many threads that ask.
const MOST_REQUESTS: usize = 1024;
/// How much of a request is sent: what is wanted and what is there, 50 bytes each.
const MOST_SENT: usize = 64 << 20;

/// The client of one conversation.
pub(super) struct Web<'a> {
    client: Client,
    patience: Patience<'a>,
    /// Where a redirect led.
    base: Option<String>,
}

impl<'a> Web<'a> {
    /// A client for `url`, shared with other conversations.
    pub(super) fn new(url: &RemoteUrl, limits: Limits, patience: Patience<'a>) -> Result<Self, RemoteError> {
        let client = client(url.scheme == Scheme::Https, url.is_loopback(), limits)
            .map_err(|e| RemoteError::Unreachable { url: url.to_string(), cause: causes(&e.without_url()) })?;
        Ok(Self { client, patience, base: None })
    }

    /// Starts a request in a thread that does nothing else meanwhile.
    fn start(&self, request: Request) -> Answer<'a> {
        let (head_sender, head) = sync_channel(1);
        let (body_sender, body) = Incoming::pair(self.patience.clone());
        let client = self.client.clone();
        in_a_thread(move || run(&client, request, &head_sender, &body_sender));
        Answer { head: Head::Awaited(head, self.patience.clone()), body }
    }

    /// Where to ask now for what stands at `url` below `base`.
    fn moved(&self, url: &str, base: &str) -> String {
        match (&self.base, url.strip_prefix(base)) {
            (Some(new), Some(tail)) => format!("{new}{tail}"),
            _ => url.to_owned(),
        }
    }
}

/// The threads of requests: one that is done takes the next request. An audit asks of hundreds of thousands of repositories, and a
/// thread for each question would take more time than the question.
static THREADS: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().max_blocking_threads(MOST_REQUESTS).build());

fn in_a_thread(work: impl FnOnce() + Send + 'static) {
    match &*THREADS {
        Ok(threads) => drop(threads.spawn_blocking(work)),
        Err(_) => drop(std::thread::spawn(work)),
    }
}

/// What a client was made for: https alone, past all proxies, limits.
type MadeFor = (bool, bool, Limits);

/// The clients there are: they keep connections, and to make one reads all certificates.
static CLIENTS: Mutex<Vec<(MadeFor, Client)>> = Mutex::new(Vec::new());

/// A client for https alone or for http, past all proxies or not.
pub(crate) fn client(is_https: bool, is_loopback: bool, limits: Limits) -> Result<Client, reqwest::Error> {
    let mut clients = CLIENTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let wanted = (is_https, is_loopback, limits);
    if let Some((_, client)) = clients.iter().find(|(made_for, _)| *made_for == wanted) {
        return Ok(client.clone());
    }
    // Fails only where a provider is there already, which then is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .connect_timeout(limits.connect)
        .timeout(limits.silence)
        .redirect(redirect::Policy::none())
        .https_only(is_https);
    if is_loopback {
        builder = builder.no_proxy();
    }
    let client = builder.build()?;
    clients.push((wanted, client.clone()));
    Ok(client)
}

struct Request {
    url: String,
    headers: HeaderMap,
    /// Gives the body once it is complete; `None` for a GET.
    body: Option<Receiver<Vec<u8>>>,
}

struct Answer<'a> {
    head: Head<'a>,
    body: Incoming<'a>,
}

/// What comes before the body.
type Outcome = Result<(StatusCode, HeaderMap, Url), reqwest::Error>;

fn run(client: &Client, request: Request, head: &SyncSender<Outcome>, body: &SyncSender<io::Result<Vec<u8>>>) {
    let builder = match request.body {
        None => client.get(&request.url),
        Some(sent) => match sent.recv() {
            Ok(sent) => client.post(&request.url).body(sent),
            Err(_) => return,
        },
    };
    match builder.headers(request.headers).send() {
        Err(e) => {
            let _ = head.send(Err(e));
        }
        Ok(response) => answer(response, head, body),
    }
}

fn answer(mut response: Response, head: &SyncSender<Outcome>, body: &SyncSender<io::Result<Vec<u8>>>) {
    let about = (response.status(), response.headers().clone(), response.url().clone());
    let is_wanted = response.status().is_success();
    if head.send(Ok(about)).is_ok() && is_wanted {
        pump(&mut response, body);
    }
}

/// The headers of an answer, a line each, once they are there.
pub(super) enum Head<'a> {
    Awaited(Receiver<Outcome>, Patience<'a>),
    There(io::Cursor<Vec<u8>>),
}

impl Head<'_> {
    fn there(&mut self) -> io::Result<&mut io::Cursor<Vec<u8>>> {
        if let Head::Awaited(outcome, patience) = self {
            let text = match patience.receive(outcome)? {
                Some(outcome) => lines(outcome, patience)?,
                None => Vec::new(),
            };
            *self = Head::There(io::Cursor::new(text));
        }
        match self {
            Head::There(text) => Ok(text),
            Head::Awaited(..) => unreachable!("it is there now"),
        }
    }
}

/// The headers of a success; else what went wrong.
fn lines(outcome: Outcome, patience: &Patience<'_>) -> io::Result<Vec<u8>> {
    let url = || patience.url.clone();
    let (status, headers, from) = match outcome {
        Ok(about) => about,
        Err(e) if e.is_timeout() && !e.is_connect() => return Err(patience.silent()),
        Err(e) => {
            return Err(patience.trouble.note(RemoteError::Unreachable { url: url(), cause: causes(&e.without_url()) }));
        }
    };
    match status {
        status if status.is_success() => {}
        StatusCode::UNAUTHORIZED => {
            let www_authenticate = headers.get_all(WWW_AUTHENTICATE).iter().map(|v| v.as_bytes().into()).collect();
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, AuthenticationRequired { www_authenticate }));
        }
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => {
            return Err(patience.trouble.note(RemoteError::NotFound(url())));
        }
        status if status.is_redirection() => {
            let to = headers.get(LOCATION).and_then(|to| from.join(to.to_str().ok()?).ok());
            let to = to.map_or_else(|| "nowhere".to_owned(), |to| without_credentials(&to));
            return Err(patience.trouble.note(RemoteError::Redirect { url: url(), to }));
        }
        status => return Err(patience.trouble.note(RemoteError::Status { url: url(), status: status.as_u16() })),
    }
    let mut text = Vec::new();
    for (name, value) in &headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

impl Read for Head<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.there()?.read(buffer)
    }
}

impl BufRead for Head<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.there()?.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        if let Head::There(text) = self {
            text.consume(n);
        }
    }
}

/// What is to be posted; it is sent once this is dropped.
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    to: Sender<Vec<u8>>,
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MOST_SENT {
            return Err(io::Error::other("the request is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let _ = self.to.send(std::mem::take(&mut self.bytes));
    }
}

impl<'a> Http for Web<'a> {
    type Headers = Head<'a>;
    type ResponseBody = Incoming<'a>;
    type PostBody = Outgoing;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::error::Result<GetResponse<Head<'a>, Incoming<'a>>> {
        let headers = header_map(headers);
        let tail = url.strip_prefix(base_url).unwrap_or_default().to_owned();
        let mut url = self.moved(url, base_url);
        for _ in 0..MOST_REDIRECTS {
            let answer = self.start(Request { url: url.clone(), headers: headers.clone(), body: None });
            let Head::Awaited(outcome, patience) = answer.head else { unreachable!("it was started just now") };
            let outcome = patience.receive(&outcome).map_err(gix::error::Error::from_error)?;
            let target = outcome
                .as_ref()
                .and_then(|o| o.as_ref().ok())
                .and_then(|(status, headers, from)| status.is_redirection().then(|| same_server(from, headers)).flatten());
            // Only where the whole repository moved: what follows is asked at its new place.
            let Some(base) = target.as_ref().and_then(|to| to.as_str().strip_suffix(tail.as_str())) else {
                let (sender, again) = sync_channel(1);
                if let Some(outcome) = outcome {
                    let _ = sender.send(outcome);
                }
                return Ok(GetResponse { headers: Head::Awaited(again, patience), body: answer.body });
            };
            url = format!("{base}{tail}");
            self.base = Some(base.to_owned());
        }
        let error = RemoteError::Redirect { url: self.patience.url.clone(), to: "itself, again and again".to_owned() };
        Err(gix::error::Error::from_error(self.patience.trouble.note(error)))
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::error::Result<PostResponse<Head<'a>, Incoming<'a>, Outgoing>> {
        let (to, body) = channel();
        let url = self.moved(url, base_url);
        let answer = self.start(Request { url, headers: header_map(headers), body: Some(body) });
        Ok(PostResponse { post_body: Outgoing { bytes: Vec::new(), to }, headers: answer.head, body: answer.body })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::error::Result<()> {
        Ok(())
    }
}

/// Whether an address is of this machine: by name, nobody is asked.
pub(crate) fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Where a redirect leads, if it is to the same server.
pub(crate) fn same_server(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let to = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let has_userinfo = !to.username().is_empty() || to.password().is_some();
    (to.origin() == from.origin() && !has_userinfo).then_some(to)
}

/// A URL to show: what could be a credential is left out.
fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines {
        let parsed = line.as_ref().split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value = HeaderValue::try_from(value.trim()).ok()?;
            value.set_sensitive(name == reqwest::header::AUTHORIZATION);
            Some((name, value))
        });
        if let Some((name, value)) = parsed {
            map.append(name, value);
        }
    }
    map
}

/// An error and what caused it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = and_cause(text, &cause.to_string());
        next = cause.source();
    }
    text
}

/// Appends a cause, unless it was told already.
pub(super) fn and_cause(mut text: String, cause: &str) -> String {
    if !text.contains(cause) {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(cause);
    }
    text
}
