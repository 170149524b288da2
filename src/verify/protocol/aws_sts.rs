//! AWS: `GetCallerIdentity` of the security token service, which every live key may call.
//!
//! The secret does not leave: requests are signed with it. The partitions (`aws`, `aws-cn`, `aws-us-gov`) know nothing of
//! each other's keys, so an id that one does not know is asked for in the next.

use super::sigv4::{Signed, Signer};
use crate::finding::date::rfc3339;
use crate::finding::{Beside, Secret, Status, Verification};
use crate::rule::format::verify::{Doubt, Method};
use crate::rule::structure::cloud::aws_account;
use crate::verify::Asker;
use crate::verify::egress::hosts::Grant;
use crate::verify::plan::Way;
use crate::verify::request::Request;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The host of each partition, the region it signs for, and the start of its ARNs.
const PARTITIONS: [(&str, &str); 3] = [
    ("sts.amazonaws.com", "us-east-1"),
    ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
];

/// The hosts that are asked.
pub(super) const HOSTS: [&str; 3] = [PARTITIONS[0].0, PARTITIONS[1].0, PARTITIONS[2].0];

/// For this long after a wrong signature AWS may refuse a right one for the same key id.
const AFTER_A_MISMATCH: Duration = Duration::from_millis(5500);

/// Accounts whose keys are canaries: a call with one raises an alarm with whoever laid it out. As published by trufflehog
/// (`pkg/detectors/aws`): canarytokens.org, and services like it.
const CANARY_ACCOUNTS: [&str; 25] = [
    "052310077262", "171436882533", "534261010715", "595918472158", "717712589309", "819147034852", "992382622183",
    "730335385048", "266735846894", "044858866125", "251535659677", "344043088457", "351906852752", "390477818340",
    "426127672474", "427150556519", "439872796651", "445142720921", "465867158099", "637958123769", "693412236332",
    "732624840810", "735421457923", "959235150393", "982842642351",
];

/// When each key id was last refused for its signature.
#[derive(Default)]
pub(crate) struct Mismatches(std::sync::Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Option<Instant>>>>>);

impl Mismatches {
    /// That of one key id; held while it is asked about.
    fn of(&self, key_id: &str) -> Arc<tokio::sync::Mutex<Option<Instant>>> {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(all.entry(key_id.to_owned()).or_default())
    }
}

/// The account that a key id belongs to, twelve digits.
#[must_use]
pub fn account(key_id: &str) -> Option<String> {
    aws_account(key_id.as_bytes()).map(|account| format!("{account:012}"))
}

/// Pairs of the secret with each key id, the nearest first; temporary ids with their session token.
pub(super) fn values(beside: &Beside) -> Result<Vec<Beside>, &'static str> {
    let ids = beside.iter().filter(|(name, _)| matches!(*name, "key_id" | "sts_key_id")).map(|(_, id)| id);
    let mut tokens = beside.iter().filter(|(name, _)| *name == "session_token").map(|(_, token)| token);
    let token = tokens.next();
    let mut sets = Vec::new();
    let mut missing = "key_id";
    for id in ids {
        if !id.expose().starts_with(b"ASIA") {
            sets.push(vec![("key_id", id.clone())]);
        } else if let Some(token) = token {
            sets.push(vec![("key_id", id.clone()), ("session_token", token.clone())]);
        } else {
            missing = "session_token";
        }
    }
    if sets.is_empty() { Err(missing) } else { Ok(sets) }
}

/// Asks whose key it is.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    let value = |name: &str| {
        let found = way.values.iter().find(|(n, _)| *n == name).map(|(_, v)| v.expose());
        found.and_then(|v| std::str::from_utf8(v).ok())
    };
    let Some(key_id) = value("key_id") else { return Verification::unknown_because(Doubt::CompanionMissing, "key_id") };
    let account = account(key_id);
    let known: BTreeMap<String, String> = account.iter().map(|a| ("account".to_owned(), a.clone())).collect();
    if !asker.ask_canaries && account.as_deref().is_some_and(|a| CANARY_ACCOUNTS.contains(&a)) {
        return Verification { identity: known, ..Verification::unknown(Doubt::Canary) };
    }
    let mut last = Verification::unknown(Doubt::UnexpectedAnswer);
    for (host, region) in PARTITIONS {
        let call = Call { host, region, key_id, secret, session_token: value("session_token") };
        let answer = call.patiently(asker).await;
        let elsewhere = answer.status == Status::Dead && answer.detail.as_deref() == Some(UNKNOWN_ID);
        last =
            Verification { identity: if answer.identity.is_empty() { known.clone() } else { answer.identity.clone() }, ..answer };
        if !elsewhere {
            return last;
        }
    }
    last
}

/// What a partition says of an id that it has not got.
const UNKNOWN_ID: &str = "no partition of AWS knows the key id as an active one";
const WRONG_SECRET: &str = "the secret does not belong to the key id";

struct Call<'a> {
    host: &'a str,
    region: &'a str,
    key_id: &'a str,
    secret: &'a Secret,
    session_token: Option<&'a str>,
}

impl Call<'_> {
    /// A wrong signature makes AWS refuse right ones for some seconds: what was refused in that time is asked again. Questions
    /// with one key id follow each other, so that each knows how the one before ended.
    async fn patiently(&self, asker: &Asker) -> Verification {
        let last = asker.mismatches.of(self.key_id);
        let mut last = last.lock().await;
        let is_soon = last.is_some_and(|at| at.elapsed() < AFTER_A_MISMATCH);
        let mut answer = self.once(asker).await;
        let is_wrong = |answer: &Verification| answer.detail.as_deref() == Some(WRONG_SECRET);
        if is_soon && is_wrong(&answer) {
            if let Some(at) = *last {
                tokio::time::sleep_until(at + AFTER_A_MISMATCH).await;
            }
            answer = self.once(asker).await;
        }
        if is_wrong(&answer) {
            *last = Some(Instant::now());
        }
        answer
    }

    async fn once(&self, asker: &Asker) -> Verification {
        let request = || self.request();
        match asker.answer(self.host, request).await {
            Err(failure) => failure.into(),
            Ok(answer) => {
                let read = read(answer.status, &String::from_utf8_lossy(&answer.body));
                Verification { via_proxy: answer.via_proxy, ..read }
            }
        }
    }

    fn request(&self) -> Request {
        let body = b"Action=GetCallerIdentity&Version=2011-06-15";
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let time = rfc3339(i64::try_from(now).unwrap_or(0), 0).replace(['-', ':'], "");
        let mut headers = vec![("content-type", kind), ("host", self.host), ("x-amz-date", time.as_str())];
        if let Some(token) = self.session_token {
            headers.push(("x-amz-security-token", token));
        }
        let signer =
            Signer { key_id: self.key_id, secret: self.secret.expose(), region: self.region, service: "sts", time: &time };
        let what = Signed { method: "POST", path: "/", query: "", headers: &headers, body };
        let mut sent = vec![
            ("X-Amz-Date".to_owned(), Zeroizing::new(time.clone())),
            ("Authorization".to_owned(), signer.authorization(&what)),
        ];
        if let Some(token) = self.session_token {
            sent.push(("X-Amz-Security-Token".to_owned(), Zeroizing::new(token.to_owned())));
        }
        Request {
            method: Method::Post,
            url: Zeroizing::new(format!("https://{}/", self.host)),
            host: self.host.to_owned(),
            port: 443,
            grant: Grant::Rule,
            headers: sent,
            body: Some((kind, Zeroizing::new(body.to_vec()))),
        }
    }
}

/// Reads an answer: <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.
fn read(status: u16, body: &str) -> Verification {
    let of = |name: &str| {
        let inside = body.split_once(&format!("<{name}>"))?.1;
        let value = inside.split_once(&format!("</{name}>"))?.0.trim();
        (!value.is_empty() && value.len() <= 2048 && !value.contains('<')).then(|| value.to_owned())
    };
    if let (200, Some(account), Some(arn)) = (status, of("Account"), of("Arn")) {
        let mut identity = BTreeMap::from([("account".to_owned(), account), ("arn".to_owned(), arn)]);
        identity.extend(of("UserId").map(|id| ("user_id".to_owned(), id)));
        return Verification { identity, ..Verification::of(Status::Live) };
    }
    let dead = |detail: &str| Verification { detail: Some(detail.to_owned()), ..Verification::of(Status::Dead) };
    let message = of("Message").unwrap_or_default();
    match of("Code").as_deref() {
        Some("InvalidClientTokenId") => dead(UNKNOWN_ID),
        Some("SignatureDoesNotMatch") if message.contains("Signature expired") || message.contains("not yet current") => {
            Verification::unknown_because(Doubt::UnexpectedAnswer, "the clock of this machine is off")
        }
        Some("SignatureDoesNotMatch") => dead(WRONG_SECRET),
        Some("ExpiredToken" | "ExpiredTokenException") => dead("the session is over"),
        Some("AccessDenied" | "AccessDeniedException") => Verification::unknown(Doubt::ForbiddenForCaller),
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded") => Verification::unknown(Doubt::RateLimited),
        _ if status == 429 => Verification::unknown(Doubt::RateLimited),
        _ if status >= 500 => Verification::unknown_because(Doubt::ServerError, &status.to_string()),
        _ => Verification::unknown_because(Doubt::UnexpectedAnswer, &format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_stand_in_key_ids() {
        assert_eq!(account(&["ASIAY34", "FZKBOKMUTVV7A"].concat()).as_deref(), Some("609629065308"));
        assert_eq!(account(&["AKIAAYLPMN5H", "AAAAAAAA"].concat()).as_deref(), Some("052310077262"));
        assert_eq!(account("AKIA"), None);
        assert_eq!(account(&["AKIA1111", "FZKBOKMUTVV7"].concat()), None);
    }

    #[test]
    fn answers_are_read() {
        let live =
            read(200, "<R><Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>AIDA</UserId><Account>123456789012</Account></R>");
        assert_eq!(live.status, Status::Live);
        assert_eq!(live.identity["arn"], "arn:aws:iam::123456789012:user/a");
        let error = |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
        assert_eq!(read(403, &error("InvalidClientTokenId")).status, Status::Dead);
        assert_eq!(read(403, &error("SignatureDoesNotMatch")).status, Status::Dead);
        assert_eq!(read(403, &error("ExpiredToken")).status, Status::Dead);
        assert!(read(400, &error("Throttling")).is_because(Doubt::RateLimited));
        assert!(read(403, &error("AccessDenied")).is_because(Doubt::ForbiddenForCaller));
        assert!(read(503, "").is_because(Doubt::ServerError));
        assert!(read(200, "<html>sign in</html>").is_because(Doubt::UnexpectedAnswer));
        let late =
            "<Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 2015 is now earlier than</Message></Error>";
        assert!(read(403, late).is_because(Doubt::UnexpectedAnswer));
    }
}
