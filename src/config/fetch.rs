//! Files that configs stand on, fetched: for `keysift config update` alone, never in a scan.

use crate::source::git::remote::{Limits, causes, http_client, is_loopback, same_server};
use reqwest::Url;
use reqwest::header::USER_AGENT;
use std::io::Read as _;

/// The largest file that is fetched, in bytes.
const LARGEST: u64 = 16 << 20;
/// How often a redirect is followed, to the same server.
const REDIRECTS: u32 = 5;

/// The text that stands at `url`: https, http for this machine alone, no credentials.
///
/// # Errors
/// Why there is none; names the place, and no more of its query.
pub fn fetch(url: &str) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|e| format!("`{url}` is no URL: {e}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL in a config holds no credentials: whoever reads the config would have them".to_owned());
    }
    let is_here = is_loopback(&url);
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return Err(format!("`{}` does not begin with https://", shown(&url)));
    }
    let client = http_client(url.scheme() == "https", is_here, Limits::default()).map_err(|e| causes(&e.without_url()))?;
    let unreachable = |url: &Url, e: reqwest::Error| format!("{} cannot be reached: {}", shown(url), causes(&e.without_url()));
    for _ in 0..=REDIRECTS {
        let request = client.get(url.clone()).header(USER_AGENT, concat!("keysift/", env!("CARGO_PKG_VERSION")));
        let answer = request.send().map_err(|e| unreachable(&url, e))?;
        let status = answer.status();
        if status.is_redirection() {
            url = same_server(&url, answer.headers())
                .ok_or_else(|| format!("{} redirects to another server, which is not followed: name that one", shown(&url)))?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("{} answers with HTTP status {}", shown(&url), status.as_u16()));
        }
        let mut text = Vec::new();
        answer.take(LARGEST + 1).read_to_end(&mut text).map_err(|e| format!("{} ends too early: {e}", shown(&url)))?;
        if text.len() as u64 > LARGEST {
            return Err(format!("{} is larger than 16 MB: it is no config", shown(&url)));
        }
        return String::from_utf8(text).map_err(|_| format!("{} is no UTF-8: it is no config", shown(&url)));
    }
    Err(format!("{} redirects again and again", shown(&url)))
}

/// An address, for messages.
fn shown(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.authority(), url.path())
}
