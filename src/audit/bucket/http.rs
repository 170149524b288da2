//! Requests for buckets, through the HTTP client that all of keysift has: rustls with ring, no redirects, limits on silence.

use crate::audit::forge::api::AGENT;
use crate::source::git::remote::{Limits, is_loopback};
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::{Client, Request, Url, redirect};
use std::future::Future;
use std::pin::Pin;

/// Where clouds tell their own machines who they are, without TLS: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>,
/// <https://cloud.google.com/compute/docs/metadata/overview>.
pub(super) const METADATA: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "metadata.google.internal", "metadata"];

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector {
    /// Without TLS, to hosts that are neither this machine nor where clouds tell machines who they are.
    pub allow_http: bool,
    /// Proxies are not asked.
    pub direct: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        // Fails only where a provider is there already, which then is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limits = Limits::default();
        let mut builder = Client::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .redirect(redirect::Policy::none())
            .user_agent(AGENT);
        if self.direct {
            builder = builder.no_proxy();
        }
        let client =
            builder.build().map_err(|e| object_store::Error::Generic { store: "http", source: Box::new(e.without_url()) })?;
        Ok(HttpClient::new(Service { client, allow_http: self.allow_http }))
    }
}

#[derive(Debug)]
struct Service {
    client: Client,
    allow_http: bool,
}

impl HttpService for Service {
    fn call<'s, 'a>(&'s self, request: HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let unreadable = |e: &dyn std::fmt::Display| HttpError::new(HttpErrorKind::Unknown, Refused(e.to_string()));
            let url = Url::parse(&parts.uri.to_string()).map_err(|e| unreadable(&e))?;
            let is_known = url.host_str().is_some_and(|host| METADATA.contains(&host)) || is_loopback(&url);
            if url.scheme() != "https" && !self.allow_http && !is_known {
                return Err(unreadable(&"the address does not begin with https://: --allow-http asks it all the same"));
            }
            let bytes = body.collect().await?.to_bytes();
            let mut sent = Request::new(parts.method, url);
            *sent.headers_mut() = parts.headers;
            *sent.body_mut() = Some(bytes.into());
            let mut answer = self.client.execute(sent).await.map_err(trouble)?;
            let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
            let mut response = HttpResponse::new(HttpResponseBody::new(reqwest::Body::from(answer).map_err(trouble)));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        })
    }
}

/// What went wrong, as far as it decides whether to try again. No URL stands in it.
fn trouble(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error.without_url())
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);
