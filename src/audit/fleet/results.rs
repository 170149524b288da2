//! Results, compressed and in parts that a server takes, and who collects them into a store.

use super::{PATIENCE, Server, failed};
use crate::audit::queue::QueueError;
use crate::audit::store::{Run, Store};
use crate::audit::unit::UnitResult;
use crate::source::Stop;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use futures_util::StreamExt as _;
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
/// How many messages are taken at a time.
const AT_ONCE: usize = 64;

/// Sends a result, and hears that the server has all of it.
pub(super) async fn send(server: &Server, result: &UnitResult) -> Result<(), QueueError> {
    let json = serde_json::to_vec(result).map_err(|e| failed("a result", &e))?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(&json).and_then(|()| encoder.finish()).map_err(|e| failed("a result", &e))?;
    let subject = format!("keysift.results.{}.{}", result.run, result.repository.digest());
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

async fn put(server: &Server, subject: &str, message: PublishMessage) -> Result<(), QueueError> {
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
    Err(failed("a result is not taken", &last))
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
            // What cannot be read is of no use the next time either: the unit stays open.
            if let Some(result) = read(&whole) {
                store.apply(&result)?;
            }
            server.wait(async {
                for message in &whole {
                    let _ = tokio::time::timeout(PATIENCE, message.ack()).await;
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

/// Puts the parts of a result together.
fn read(parts: &[Message]) -> Option<UnitResult> {
    let packed: Vec<u8> = parts.iter().flat_map(|m| m.payload.iter().copied()).collect();
    let mut json = Vec::new();
    ZlibDecoder::new(&packed[..]).take(LARGEST).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
