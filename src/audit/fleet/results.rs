//! Results, compressed and in parts that a server takes, and who collects them into a store.

use super::{PATIENCE, Sent, Server, failed};
use crate::audit::queue::QueueError;
use crate::audit::store::{Kept, Run, Store};
use crate::audit::unit::{Outcome, UnitResult};
use crate::source::Stop;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{AckKind, Message};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

/// The bytes of a part; servers take a megabyte where nobody says otherwise.
const PART: usize = 512 << 10;
/// The most bytes that a result may come to.
const LARGEST: u64 = 2 << 30;
/// How often a part is sent before the worker gives up: the server may restart.
const TRIES: u32 = 12;
const A_WHILE: Duration = Duration::from_secs(1);
/// How long what came too early waits, and how often: whoever took what comes before it may have died.
const EARLY: Duration = Duration::from_secs(2);
const MOST_WAITS: i64 = 100;
/// How many messages are taken at a time.
const AT_ONCE: usize = 64;

/// Something as it travels: JSON, compressed.
pub(super) fn pack(what: &impl Serialize) -> Result<Vec<u8>, QueueError> {
    let json = serde_json::to_vec(what).map_err(|e| failed("a message", &e))?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).and_then(|()| encoder.finish()).map_err(|e| failed("a message", &e))
}

/// What was packed; `None` where it is none of ours.
pub(super) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    let mut json = Vec::new();
    ZlibDecoder::new(packed).take(LARGEST).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Sends a result or a part of a bucket, and hears that the server has all of it.
pub(super) async fn send(server: &Server, what: &Sent) -> Result<(), QueueError> {
    let packed = pack(what)?;
    let (run, repository) = what.about();
    let subject = format!("keysift.results.{run}.{}", repository.digest());
    // Names this sending: parts of another one are not mixed in.
    let sending = format!("{}-{:?}", std::process::id(), SystemTime::now());
    let sending = blake3::hash(format!("{subject} {sending}").as_bytes()).to_hex()[..32].to_owned();
    let parts: Vec<&[u8]> = packed.chunks(PART).collect();
    for (n, part) in parts.iter().enumerate() {
        let message = PublishMessage::build()
            .payload(part.to_vec().into())
            .header("Keysift-Sending", sending.as_str())
            .header("Keysift-Part", format!("{n}/{}", parts.len()).as_str())
            .message_id(format!("{sending}/{n}"));
        put(server, &subject, message).await?;
    }
    Ok(())
}

/// Publishes a message, and hears that the server has it. One that restarts is waited for.
pub(super) async fn put(server: &Server, subject: &str, message: PublishMessage) -> Result<(), QueueError> {
    let mut last = String::new();
    for _ in 0..TRIES {
        let sent = async {
            let ack = server.context.send_publish(subject.to_owned(), message.clone()).await.map_err(|e| e.to_string())?;
            ack.await.map_err(|e| e.to_string()).map(drop)
        };
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(e)) => last = e,
            Err(_) => "it does not answer".clone_into(&mut last),
        }
        tokio::time::sleep(A_WHILE).await;
    }
    Err(failed("a message is not taken", &last))
}

/// The parts of one sending that have come.
#[derive(Default)]
struct Parts {
    messages: Vec<Option<Message>>,
}

impl Parts {
    /// Adds one; gives all of them once they are there.
    fn add(&mut self, message: Message, n: usize, of: usize) -> Option<Vec<Message>> {
        self.messages.resize_with(of, || None);
        *self.messages.get_mut(n)? = Some(message);
        if self.messages.iter().all(Option::is_some) { self.messages.drain(..).collect() } else { None }
    }
}

/// Collects the results of a run into a store, until it is stopped or, where `until_done`, until the last unit is done.
/// `told` is called after each.
///
/// # Errors
/// Where the store or the server cannot be used.
pub fn collect(
    server: &Server,
    store: &Store,
    run: &Run,
    until_done: bool,
    stop: &Stop,
    told: &mut dyn FnMut(),
) -> Result<(), QueueError> {
    let name = format!("collect-{}", run.name);
    let config = pull::Config {
        durable_name: Some(name.clone()),
        ack_policy: AckPolicy::Explicit,
        filter_subject: format!("keysift.results.{}.>", run.name),
        ack_wait: Duration::from_secs(60),
        max_ack_pending: 100_000,
        ..pull::Config::default()
    };
    let consumer: PullConsumer =
        server.wait(server.results.get_or_create_consumer(&name, config)).map_err(|e| failed("no consumer for results", &e))?;
    let mut waiting: HashMap<String, Parts> = HashMap::new();
    while !stop.is_asked() {
        for message in server.wait(take(&consumer)) {
            let header = |name: &str| message.headers.as_ref().and_then(|h| h.get(name)).map(|v| v.as_str().to_owned());
            let part = header("Keysift-Part").and_then(|part| {
                let (n, of) = part.split_once('/')?;
                Some((n.parse::<usize>().ok()?, of.parse::<usize>().ok().filter(|of| (1..=100_000).contains(of))?))
            });
            let (Some(sending), Some((n, of))) = (header("Keysift-Sending"), part) else {
                let _ = server.wait(message.ack());
                continue;
            };
            let Some(whole) = waiting.entry(sending.clone()).or_default().add(message, n, of) else { continue };
            waiting.remove(&sending);
            let packed: Vec<u8> = whole.iter().flat_map(|m| m.payload.iter().copied()).collect();
            let is_last_try = whole.first().and_then(|m| m.info().ok()).is_some_and(|info| info.delivered > MOST_WAITS);
            // What cannot be read is of no use the next time either: the unit stays open.
            let is_early = match unpack(&packed) {
                Some(sent) => !keep(store, sent, is_last_try)?,
                None => false,
            };
            let ack = || if is_early { AckKind::Nak(Some(EARLY)) } else { AckKind::Ack };
            server.wait(async {
                for message in &whole {
                    let _ = tokio::time::timeout(PATIENCE, message.ack_with(ack())).await;
                }
            });
            told();
        }
        if until_done {
            let units = store.unit_counts(run)?;
            if ["ready", "leased"].iter().all(|state| units.get(*state).is_none_or(|n| *n == 0)) {
                break;
            }
        }
    }
    Ok(())
}

/// What comes within a while; a server that restarts is waited for.
async fn take(consumer: &PullConsumer) -> Vec<Message> {
    let batch = consumer.fetch().max_messages(AT_ONCE).expires(A_WHILE).messages();
    let Ok(Ok(mut batch)) = tokio::time::timeout(PATIENCE, batch).await else {
        tokio::time::sleep(A_WHILE).await;
        return Vec::new();
    };
    let mut all = Vec::new();
    while let Ok(Some(Ok(message))) = tokio::time::timeout(A_WHILE * 2, batch.next()).await {
        all.push(message);
    }
    all
}

/// Keeps what came; whether it could be, or parts that come before it must be here first.
fn keep(store: &Store, sent: Sent, is_last_try: bool) -> Result<bool, QueueError> {
    match sent {
        Sent::Part(part) => Ok(store.keep_part(&part)? != Kept::Early || is_last_try),
        Sent::Result(result) if !store.apply(&result)?.early => Ok(true),
        Sent::Result(_) if !is_last_try => Ok(false),
        Sent::Result(result) => {
            let why = "parts of it never came: was another store collected into?".to_owned();
            store.apply(&UnitResult { outcome: Outcome::Failed { why, again: false }, ..*result })?;
            Ok(true)
        }
    }
}
