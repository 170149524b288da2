//! The one place that every connection of verification goes through.
//!
//! - here: what is refused before anything is sent, the client, the connection
//! - `hosts`: which hosts may be contacted
//! - `addresses`: which addresses may be
//! - `resolve`: each name once, to addresses that may be contacted; those are connected to
//! - `proxy`: what the environment names
//!
//! https alone, no redirects, nothing of the answer kept beyond a megabyte.

pub mod addresses;
pub mod hosts;
pub mod proxy;
pub mod resolve;

use super::request::Request;
use crate::finding::Verification;
use crate::rule::format::verify::{Doubt, Method};
use hosts::{Grant, Hosts};
use proxy::Proxy;
use resolve::{Guard, GuardedDns, NoAddress, Resolver};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// The most of an answer that is read.
const MAX_BODY: usize = 1 << 20;

/// Who keysift is to those it asks.
const USER_AGENT: &str = concat!("keysift/", env!("CARGO_PKG_VERSION"), " (checks whether a leaked credential is live)");

/// Whom TLS trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Authorities beside those of the system.
    pub more: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// Where there are none.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let more: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match more {
            Ok(more) if !more.is_empty() => Ok(Self { more }),
            Ok(_) => Err("it holds no certificate in PEM".to_owned()),
            Err(e) => Err(format!("it is no PEM: {e}")),
        }
    }

    /// TLS as every connection uses it.
    fn config(&self) -> Result<rustls::ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(self.more.iter().cloned(), Arc::clone(&provider))
            .map_err(|e| format!("the certificates of the system cannot be used: {e}"))?;
        Ok(rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }
}

/// What the user says about connections.
pub struct Policy {
    pub hosts: Hosts,
    /// Where the user says that hosts are.
    pub connect_to: BTreeMap<String, SocketAddr>,
    pub trust: Trust,
    pub resolver: Arc<dyn Resolver>,
    pub proxy: Option<Proxy>,
    /// Nothing through a proxy: only there is the address that was checked the one that is connected to.
    pub require_pinned: bool,
    /// For a whole question and its answer.
    pub timeout: Duration,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Zeroizing<Vec<u8>>,
    /// The body is all there, not cut at a megabyte or by a broken connection.
    pub whole: bool,
    pub via_proxy: bool,
}

impl Answer {
    /// The values of a header.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub doubt: Doubt,
    /// Names hosts and addresses alone.
    pub detail: String,
}

impl Failure {
    pub(super) fn new(doubt: Doubt, detail: impl Into<String>) -> Self {
        Self { doubt, detail: detail.into() }
    }
}

impl From<Failure> for Verification {
    fn from(failure: Failure) -> Self {
        if failure.detail.is_empty() {
            Self::unknown(failure.doubt)
        } else {
            Self::unknown_because(failure.doubt, &failure.detail)
        }
    }
}

/// The way out.
pub struct Egress {
    hosts: Hosts,
    guard: Arc<Guard>,
    proxy: Option<Proxy>,
    require_pinned: bool,
    client: reqwest::Client,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) timeout: Duration,
}

impl Egress {
    /// The way out under `policy`.
    ///
    /// # Errors
    /// Where no TLS can be had.
    pub fn new(policy: Policy) -> Result<Self, String> {
        let proxies = policy.proxy.iter().map(Proxy::host).collect();
        let guard = Arc::new(Guard::new(policy.resolver, policy.hosts.clone(), policy.connect_to, proxies));
        let tls = policy.trust.config()?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .user_agent(USER_AGENT)
            .pool_max_idle_per_host(8)
            .connect_timeout(policy.timeout)
            .timeout(policy.timeout)
            .dns_resolver(GuardedDns(Arc::clone(&guard)));
        if let Some(proxy) = &policy.proxy {
            let decides = proxy.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| {
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
                decides.serves(host).then(|| decides.url.clone())
            }));
        }
        let client = builder.build().map_err(|e| causes(&e.without_url()))?;
        Ok(Self {
            hosts: policy.hosts,
            guard,
            proxy: policy.proxy,
            require_pinned: policy.require_pinned,
            client,
            tls: Arc::new(tls),
            timeout: policy.timeout,
        })
    }

    /// Whether `host` is asked through a proxy.
    #[must_use]
    pub fn is_proxied(&self, host: &str) -> bool {
        self.proxy.as_ref().is_some_and(|p| p.serves(host))
    }

    /// Refuses what the policy does not let out.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, host: &str, port: u16, grant: Grant) -> Result<(), Failure> {
        let refuse = |why: String| Err(Failure::new(Doubt::RefusedByPolicy, why));
        if hosts::normal(host).as_deref() != Some(host) {
            return refuse("the host's name is not one".to_owned());
        }
        if !self.hosts.permits(host, port, grant) {
            let place = if port == 443 { host.to_owned() } else { format!("{host}:{port}") };
            return refuse(format!("{place} is not on the list of hosts (--allow-host {place} adds it)"));
        }
        if self.require_pinned && self.is_proxied(host) {
            return refuse(format!("{host} would be asked through a proxy"));
        }
        Ok(())
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        self.check(&request.host, request.port, request.grant)?;
        let url = reqwest::Url::parse(&request.url).map_err(|_| Failure::new(Doubt::RefusedByPolicy, "the URL is not one"))?;
        // What is connected to is what was checked, whatever the URL parser made of it.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_as_checked = url.scheme() == "https"
            && host == request.host
            && url.port_or_known_default() == Some(request.port)
            && url.username().is_empty()
            && url.password().is_none();
        if !is_as_checked {
            return Err(Failure::new(Doubt::RefusedByPolicy, "the URL leads elsewhere"));
        }
        let via_proxy = self.is_proxied(&request.host);
        if !via_proxy && host.parse::<std::net::IpAddr>().is_ok() {
            // The client does not look addresses up.
            self.guard.addresses(host).map_err(|e| no_address(&e))?;
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, url);
        for (name, value) in &request.headers {
            let mut value = reqwest::header::HeaderValue::from_str(value)
                .map_err(|_| Failure::new(Doubt::RefusedByPolicy, "a value cannot stand in a header"))?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        if let Some((kind, body)) = &request.body {
            builder = builder.header(reqwest::header::CONTENT_TYPE, *kind).body(body.to_vec());
        }
        let mut response = builder.send().await.map_err(|e| failure(&e.without_url()))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        let mut whole = true;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = MAX_BODY - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        whole = false;
                        break;
                    }
                }
                Ok(None) => break,
                Err(e) if e.is_timeout() => return Err(failure(&e.without_url())),
                Err(_) => {
                    whole = false;
                    break;
                }
            }
        }
        Ok(Answer { status, headers, body, whole, via_proxy })
    }

    /// Connects to a service that does not speak HTTP.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        self.check(host, port, Grant::User)?;
        if self.is_proxied(host) && self.require_pinned {
            return Err(Failure::new(Doubt::RefusedByPolicy, format!("{host} would be asked through a proxy")));
        }
        let (guard, name) = (Arc::clone(&self.guard), host.to_owned());
        let addresses = tokio::task::spawn_blocking(move || guard.addresses(&name))
            .await
            .map_err(|_| Failure::new(Doubt::Dns, ""))?
            .map_err(|e| no_address(&e))?;
        let mut last = Failure::new(Doubt::Network, "");
        for mut address in addresses {
            if address.port() == 0 {
                address.set_port(port);
            }
            match tokio::time::timeout(self.timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(e)) => last = Failure::new(Doubt::Network, e.kind().to_string()),
                Err(_) => last = Failure::new(Doubt::Timeout, ""),
            }
        }
        Err(last)
    }
}

fn no_address(error: &NoAddress) -> Failure {
    let doubt = match error {
        NoAddress::Refused { .. } => Doubt::RefusedByPolicy,
        NoAddress::NotFound { .. } => Doubt::Dns,
    };
    Failure::new(doubt, error.to_string())
}

/// What an error of the client means. Its own text may hold anything, so only known parts of it are told.
fn failure(error: &reqwest::Error) -> Failure {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(e) = cause.downcast_ref::<NoAddress>() {
            return no_address(e);
        }
        if let Some(e) = cause.downcast_ref::<rustls::Error>() {
            return Failure::new(Doubt::Tls, e.to_string());
        }
        if let Some(e) = cause.downcast_ref::<std::io::Error>() {
            // An io::Error hides what it was made of from `source`.
            if let Some(inner) = e.get_ref() {
                if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                    return Failure::new(Doubt::Tls, tls.to_string());
                }
                if let Some(e) = inner.downcast_ref::<NoAddress>() {
                    return no_address(e);
                }
            }
        }
        next = cause.source();
    }
    if error.is_timeout() { Failure::new(Doubt::Timeout, "") } else { Failure::new(Doubt::Network, "") }
}

/// An error and what caused it.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
