//! Is it live? Providers are asked, safely, politely and truthfully, and only where the user said so.
//!
//! What is asked: one question that changes nothing, as the rule of the finding says it. Of whom: of the provider that the
//! secret belongs to alone; where two could own it, nobody. What may be answered: live, dead where the provider documents
//! its refusal, and else unknown with a reason.
//! ```text
//! findings → plan → (cache) → manners → egress → judge → findings
//! ```
//! - `plan`: which questions the findings come to; each distinct secret once
//! - `request`: the exact request that leaves
//! - `egress`: the one place that every connection goes through
//! - `manners`: how many questions a host gets
//! - `judge`: what an answer means
//! - `protocol`: what a declarative request cannot say
//! - `cache`: answers of earlier runs
//! - `preview`: what would be asked, told without asking

pub mod cache;
pub mod egress;
pub mod judge;
pub mod manners;
pub mod plan;
pub mod preview;
pub mod protocol;
pub mod request;

use crate::finding::date::rfc3339;
use crate::finding::{Redactor, Secret, Status, Verification};
use crate::rule::format::verify::Doubt;
use crate::source::Stop;
use cache::Cache;
use egress::hosts::Allowed;
use egress::{Answer, Egress, Failure, Policy};
use manners::{Manners, Pace};
use plan::{Case, Way};
use request::{Request, Values};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How a run asks.
pub struct Options {
    pub policy: Policy,
    pub pace: Pace,
    /// For all questions together.
    pub budget: Duration,
    /// Installations of products: the provider as rules name it, in any case, and the host.
    pub instances: Vec<(String, Allowed)>,
    /// Ask about known canaries too.
    pub ask_canaries: bool,
    /// A dead one of the cache is asked about again.
    pub fresh_dead: bool,
}

/// Asks about `cases`; the answers are in their order.
///
/// # Errors
/// Where nothing can be asked at all: no runtime, no TLS.
pub fn verify(cases: Vec<Case>, options: Options, cache: Option<&mut Cache>, stop: &Stop) -> Result<Vec<Verification>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let answers = runtime.block_on(run(cases, options, cache, stop));
    // A name that is still looked up keeps nobody.
    runtime.shutdown_background();
    answers
}

async fn run(
    cases: Vec<Case>,
    options: Options,
    mut cache: Option<&mut Cache>,
    stop: &Stop,
) -> Result<Vec<Verification>, String> {
    let deadline = Instant::now() + options.budget;
    let asker = Arc::new(Asker {
        egress: Egress::new(options.policy)?,
        manners: Manners::new(options.pace, deadline),
        instances: options.instances,
        ask_canaries: options.ask_canaries,
        mismatches: protocol::aws_sts::Mismatches::default(),
    });
    let mut answers: Vec<Verification> = Vec::with_capacity(cases.len());
    let mut questions = Vec::with_capacity(cases.len());
    let mut open = JoinSet::new();
    for (n, case) in cases.into_iter().enumerate() {
        questions.push(case.question.clone());
        let known = case.settled.clone().or_else(|| {
            let known = cache.as_ref()?.get(&case.question)?;
            (known.status != Status::Dead || !options.fresh_dead).then_some(known)
        });
        answers.push(known.clone().unwrap_or_else(|| Verification::unknown(Doubt::OutOfTime)));
        if known.is_none() {
            let asker = Arc::clone(&asker);
            open.spawn(async move { (n, without_secrets(asker.ask(&case).await, &case)) });
        }
    }
    while !open.is_empty() {
        match tokio::time::timeout(Duration::from_millis(50), open.join_next()).await {
            Ok(Some(Ok((n, answer)))) => {
                answers[n] = Verification { checked_at: Some(now()), ..answer };
                if let Some(cache) = &mut cache {
                    cache.put(&questions[n], &answers[n]);
                }
            }
            Err(_) if stop.is_asked() => {
                open.abort_all();
                for answer in answers.iter_mut().filter(|v| v.is_because(Doubt::OutOfTime) && v.checked_at.is_none()) {
                    *answer = Verification::unknown(Doubt::Interrupted);
                }
                break;
            }
            // Each question ends by itself soon after the deadline; nothing waits for one that does not.
            Err(_) if Instant::now() > deadline + asker.egress.timeout => break,
            // Time to look at the clock; or a panic, of which its hook has told where it was: the others go on.
            Err(_) | Ok(Some(Err(_)) | None) => {}
        }
    }
    for answer in &mut answers {
        if answer.since.is_none() {
            answer.since.clone_from(&answer.checked_at);
        }
    }
    Ok(answers)
}

/// An answer without the secret that was sent: some providers say it again.
fn without_secrets(answer: Verification, case: &Case) -> Verification {
    let values = case.ways.iter().flat_map(|w| &w.values).filter(|(name, _)| *name == "session_token").map(|(_, v)| v);
    let redactor = Redactor::new(values.chain([&case.secret]).cloned().collect());
    Verification {
        detail: answer.detail.as_deref().map(|d| redactor.redact(d)),
        identity: answer.identity.into_iter().map(|(name, value)| (name, redactor.redact(&value))).collect(),
        ..answer
    }
}

fn now() -> String {
    rfc3339(seconds_now(), 0)
}

/// Seconds since 1970, by the clock.
#[must_use]
pub fn seconds_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|d| i64::try_from(d.as_secs()).ok()).unwrap_or(0)
}

/// Asks, with all that questions of a run share.
pub(crate) struct Asker {
    pub egress: Egress,
    manners: Manners,
    instances: Vec<(String, Allowed)>,
    pub ask_canaries: bool,
    pub mismatches: protocol::aws_sts::Mismatches,
}

/// The first answer of each kind, of several places that were asked the same.
#[derive(Default)]
struct Answers {
    dead: Option<Verification>,
    unknown: Option<Verification>,
}

impl Answers {
    /// Keeps an answer, or gives it back where it is live: then nobody else need be asked.
    fn note(&mut self, answer: Verification) -> Option<Verification> {
        let kept = match answer.status {
            Status::Live => return Some(answer),
            Status::Dead => &mut self.dead,
            _ => &mut self.unknown,
        };
        kept.get_or_insert(answer);
        None
    }
}

impl Asker {
    /// Asks each way until one says live. Dead is what all of them say.
    async fn ask(&self, case: &Case) -> Verification {
        let mut answers = Answers::default();
        for way in &case.ways {
            let answer = match way.verify.protocol {
                Some(protocol) => protocol::ask(self, protocol, &case.secret, way).await,
                None => self.ask_everywhere(&case.secret, way).await,
            };
            if let Some(live) = answers.note(answer) {
                return live;
            }
        }
        match (answers.unknown, answers.dead) {
            (Some(unknown), _) => unknown,
            (None, Some(dead)) if case.left_out == 0 => dead,
            (None, Some(dead)) => Verification {
                identity: dead.identity,
                via_proxy: dead.via_proxy,
                ..Verification::unknown_because(
                    Doubt::UnprovenNegative,
                    &format!("refused with the nearest {}, {} more were not tried", case.ways.len(), case.left_out),
                )
            },
            (None, None) => Verification::unknown(Doubt::CompanionMissing),
        }
    }

    /// Asks the provider in all its regions, and the instances that the user named.
    async fn ask_everywhere(&self, secret: &Secret, way: &Way) -> Verification {
        let verify = &way.verify;
        let values = Values { secret, named: &way.values };
        let instances: Vec<&Allowed> = self
            .instances
            .iter()
            .filter(|(provider, _)| !verify.instance_url.is_empty() && provider.eq_ignore_ascii_case(way.rule.provider))
            .map(|(_, host)| host)
            .collect();
        let places = verify.urls().map(|url| (url, None)).chain(instances.iter().map(|host| (verify.instance_url, Some(*host))));
        let mut answers = Answers::default();
        for (url, instance) in places {
            if let Some(live) = answers.note(self.ask_at(verify, url, instance, values).await) {
                return live;
            }
        }
        match (answers.unknown, answers.dead) {
            (Some(unknown), _) => unknown,
            (None, Some(dead)) if verify.regional && instances.is_empty() => {
                Verification { via_proxy: dead.via_proxy, ..Verification::unknown(Doubt::OtherInstancePossible) }
            }
            (None, Some(dead)) => dead,
            (None, None) => Verification::unknown(Doubt::UnexpectedAnswer),
        }
    }

    async fn ask_at(
        &self,
        verify: &crate::rule::Verify,
        url: &str,
        instance: Option<&Allowed>,
        values: Values<'_>,
    ) -> Verification {
        let request = match request::fill(verify, url, instance, values) {
            Ok(request) => request,
            Err(failure) => return failure.into(),
        };
        let host = request.host.clone();
        let mut attempt = 0;
        loop {
            let answer = match self.once(&host, &request).await {
                Ok(answer) => answer,
                Err(failure) => return failure.into(),
            };
            let verdict = judge::judge(verify, &answer);
            attempt += 1;
            if !self.asks_again(&host, &answer, verdict.is_because(Doubt::RateLimited), attempt).await {
                return verdict;
            }
        }
    }

    /// The answer of `host` to what `request` makes, asked again where the host has no time or an error.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn answer(&self, host: &str, request: impl Fn() -> Request) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            let answer = self.once(host, &request()).await?;
            attempt += 1;
            let throttled = answer.status == 429 || answer.status == 400 && answer.body.windows(10).any(|w| w == b"Throttling");
            if !self.asks_again(host, &answer, throttled, attempt).await {
                return Ok(answer);
            }
        }
    }

    /// Waits for the turn of a question to `host`.
    ///
    /// # Errors
    /// Where the time is over before.
    pub(crate) async fn turn(&self, host: &str) -> Result<tokio::sync::OwnedSemaphorePermit, Failure> {
        self.manners.turn(host).await
    }

    async fn once(&self, host: &str, request: &Request) -> Result<Answer, Failure> {
        // What the policy refuses waits for no turn.
        self.egress.check(&request.host, request.port, request.grant)?;
        let _turn = self.manners.turn(host).await?;
        self.egress.send(request).await
    }

    /// Whether a question is asked again, after the wait that its answer asks for.
    async fn asks_again(&self, host: &str, answer: &Answer, rate_limited: bool, attempt: u32) -> bool {
        if rate_limited || answer.status == 503 && answer.header("retry-after").next().is_some() {
            let there_is_time = self.manners.leave_alone(host, Some(answer), attempt);
            return there_is_time && attempt < self.manners.pace().attempts;
        }
        answer.status >= 500 && attempt < self.manners.pace().attempts && self.manners.pause(attempt).await
    }
}
