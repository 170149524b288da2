//! People are told what happened: one message an event and place, in the order in which things happened. What was not taken is
//! sent again the next time.

use super::store::{EventRow, Store, StoreError};
use crate::finding::{Secret, hex};
use crate::source::Stop;
use crate::source::git::remote::is_loopback;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::blocking::Client;
use reqwest::redirect;
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where messages go. The URL is a secret: whoever has it can write there.
pub enum Sink {
    /// JSON, signed where there is a key.
    Webhook {
        url: Secret,
        key: Option<Secret>,
    },
    Slack {
        url: Secret,
    },
}

/// Why messages were not sent. No message holds a URL.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the URL of {0} is none that starts with https://")]
    Url(&'static str),
    #[error("{name} did not take event {event}: {cause}; `keysift audit notify` sends it again")]
    Refused { name: &'static str, event: i64, cause: String },
}

impl Sink {
    /// What it is called in words.
    const fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "the webhook",
            Self::Slack { .. } => "Slack",
        }
    }

    const fn url(&self) -> &Secret {
        match self {
            Self::Webhook { url, .. } | Self::Slack { url } => url,
        }
    }

    /// Names it in the store, without its URL.
    fn id(&self) -> String {
        let kind = match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
        };
        format!("{kind}:{}", &blake3::hash(self.url().expose()).to_hex()[..16])
    }

    fn body(&self, event: &EventRow) -> String {
        match self {
            Self::Webhook { .. } => serde_json::to_string(event).unwrap_or_default(),
            Self::Slack { .. } => {
                // https://docs.slack.dev/messaging/formatting-message-text/#escaping
                let text = in_words(event).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({ "text": text }).to_string()
            }
        }
    }
}

/// The event in a line.
fn in_words(e: &EventRow) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let what = match (e.kind.as_str(), e.now.as_deref()) {
        ("found", _) => "found".to_owned(),
        ("gone", _) => "gone from the history".to_owned(),
        ("back", _) => "there again".to_owned(),
        ("verification", Some(now)) => format!("is {now}"),
        ("state", Some(now)) => format!("is {}", now.replace('_', " ")),
        (kind, _) => kind.to_owned(),
    };
    let was = e.was.as_ref().map_or_else(String::new, |was| format!(" (was {})", was.replace('_', " ")));
    format!(
        "keysift: {} {} in {}/{}: {what}{was}. {} {}",
        text(&e.severity),
        text(&e.rule_id),
        text(&e.repository),
        text(&e.path),
        text(&e.secret),
        text(&e.fingerprint)
    )
}

/// HMAC-SHA256 of a body, hex: the receiver makes the same with the key that both have.
///
/// # Panics
/// Never: a key of any length will do.
#[must_use]
pub fn signature(key: &[u8], body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    hex::encode(&mac.chain_update(body).finalize().into_bytes())
}

/// Sends what a sink was not told yet; tells how many messages. With `only_note`, nothing is sent and all of it counts as told.
///
/// # Errors
/// Where the store cannot be used, or the sink does not take a message: it and those after it wait.
pub fn notify(store: &Store, sink: &Sink, only_note: bool, stop: &Stop) -> Result<usize, NotifyError> {
    let id = sink.id();
    let events = store.untold(&id)?;
    if only_note {
        let all: Vec<i64> = events.iter().map(|e| e.id).collect();
        store.told(&id, &all)?;
        return Ok(0);
    }
    let url = String::from_utf8_lossy(sink.url().expose()).into_owned();
    let parsed = reqwest::Url::parse(&url).map_err(|_| NotifyError::Url(sink.name()))?;
    if parsed.scheme() != "https" && !(parsed.scheme() == "http" && is_loopback(&parsed)) {
        return Err(NotifyError::Url(sink.name()));
    }
    if events.is_empty() {
        return Ok(0);
    }
    let refused = |event: i64, cause: String| NotifyError::Refused { name: sink.name(), event, cause };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none());
    if is_loopback(&parsed) {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|e| refused(0, e.without_url().to_string()))?;
    let mut sent = 0;
    for event in events {
        if stop.is_asked() {
            break;
        }
        let body = sink.body(&event);
        let mut request = client
            .post(parsed.clone())
            .header("content-type", "application/json")
            .header("user-agent", concat!("keysift/", env!("CARGO_PKG_VERSION")))
            .header("x-keysift-event", event.id.to_string());
        if let Sink::Webhook { key: Some(key), .. } = sink {
            request = request.header("x-keysift-signature", format!("sha256={}", signature(key.expose(), body.as_bytes())));
        }
        let answer = request.body(body).send().map_err(|e| refused(event.id, e.without_url().to_string()))?;
        if !answer.status().is_success() {
            return Err(refused(event.id, format!("it answered with HTTP status {}", answer.status().as_u16())));
        }
        store.told(&id, &[event.id])?;
        sent += 1;
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        // Test case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
