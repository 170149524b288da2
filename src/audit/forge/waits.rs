//! When a forge asks to wait, and for how long.
//!
//! GitHub's rules, which fit the others: <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>.
//! `Retry-After` counts first. A budget of nothing is waited for until it is full again. A secondary limit says neither: it is
//! waited for a minute, then twice as long each time.

use crate::audit::target::RateBudget;
use crate::verify::manners::retry_after;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many seconds a limit that says nothing else is waited for; ten times that is never reached: the wait grows beyond all patience.
const USUAL: u32 = 60;
/// How often the wait may double.
const MOST_DOUBLINGS: u32 = 10;

/// What a forge says of its limits: `X-RateLimit-*`, and `RateLimit-*` without the X.
pub(super) fn budget(headers: &HeaderMap, host: &str) -> Option<RateBudget> {
    let number = |name: &str| number(headers, name);
    Some(RateBudget {
        host: host.to_owned(),
        remaining: number("remaining")?,
        limit: number("limit")?,
        resets_at: number("reset").and_then(|at| i64::try_from(at).ok()),
    })
}

/// How long a refusal asks to wait; `None` where it is none of a rate limit. `text` is the refusal's body, `second` the length of a
/// second (tests have shorter ones), `before` how often such a limit was waited for already.
pub(super) fn asked(status: StatusCode, headers: &HeaderMap, text: &[u8], second: Duration, before: u32) -> Option<Duration> {
    let is_limit = status == StatusCode::TOO_MANY_REQUESTS;
    if !(is_limit || status == StatusCode::FORBIDDEN || status == StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let after = headers.get(RETRY_AFTER).and_then(|v| retry_after(v.to_str().ok()?));
    let until_reset = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let reset = number(headers, "reset").filter(|_| number(headers, "remaining") == Some(0))?;
        Some(Duration::from_secs(reset.saturating_sub(now).saturating_add(1)))
    };
    let growing = || second * USUAL * 2u32.pow(before.min(MOST_DOUBLINGS));
    after.or_else(until_reset).or_else(|| (is_limit || is_secondary(text)).then(growing))
}

/// Whether GitHub refuses for a secondary limit, which it calls so in words alone:
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>.
fn is_secondary(text: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(text) else { return false };
    let says = |key: &str, words: &[&str]| {
        let said = body[key].as_str().unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| said.contains(word))
    };
    says("message", &["secondary rate limit", "abuse detection"])
        || says("documentation_url", &["secondary-rate-limit", "abuse-rate-limit"])
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let value = headers.get(format!("x-ratelimit-{name}")).or_else(|| headers.get(format!("ratelimit-{name}")))?;
    value.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(status: u16, headers: &[(&'static str, &str)], text: &str, before: u32) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        asked(status, &headers, text.as_bytes(), Duration::from_secs(1), before).map(|d| d.as_secs())
    }

    #[test]
    fn what_is_a_limit_and_how_long_it_lasts() {
        assert_eq!(wait(429, &[("retry-after", "7")], "", 0), Some(7));
        assert_eq!(wait(403, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], "", 0), Some(0), "a date that has passed");
        assert_eq!(wait(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")], "", 0), Some(1));
        assert_eq!(wait(403, &[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "1")], "", 0), None, "a refusal");
        assert_eq!(wait(403, &[], r#"{"message": "Must have admin rights to Repository."}"#, 0), None);
        assert_eq!(wait(500, &[("retry-after", "7")], "", 0), None);
        let secondary =
            r#"{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
        let waits: Vec<_> = (0..4).map(|before| wait(403, &[("x-ratelimit-remaining", "4000")], secondary, before)).collect();
        assert_eq!(waits, [Some(60), Some(120), Some(240), Some(480)]);
        assert_eq!(wait(429, &[], "", 1), Some(120));
        assert_eq!(wait(403, &[], r#"{"documentation_url": "https://docs.example/#abuse-rate-limits"}"#, 0), Some(60));
    }
}
