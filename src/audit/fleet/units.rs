//! Units are published by whoever plans, and pulled by workers. While one is worked on, its worker says so; where it says
//! nothing any more, another worker gets it.

use super::aside::{cursor_of, forget, is_large, progress_of, put_aside};
use super::results::send;
use super::{Envelope, PATIENCE, Sent, Server, failed};
use crate::audit::catalogue::Catalogue;
use crate::audit::queue::{Next, Queue, QueueError};
use crate::audit::store::{Run, Store};
use crate::audit::unit::{Outcome, RepositoryKey, Unit, UnitResult};
use crate::source::Stop;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt as _;
use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a unit is handed out before it is given up.
const MOST_DELIVERIES: i64 = 5;
/// How often what may pass is tried.
const MOST_TRIES: i64 = 3;
/// Until what failed for what may pass comes again.
const AGAIN_AFTER: Duration = Duration::from_secs(20);
/// How long a worker waits for a unit before it looks whether it is to stop.
const A_WHILE: Duration = Duration::from_secs(1);
/// How many units are published at a time.
const AT_ONCE: usize = 256;

/// Publishes the units of a run that are not done, after `fill` said what of each is read. Those that are in the queue stay there
/// once. Tells how many are new there.
///
/// # Errors
/// Where the store or the server cannot be used.
pub fn publish(
    server: &Server,
    store: &Store,
    run: &Run,
    catalogue: &Catalogue,
    key_id: &str,
    fill: &dyn Fn(&mut Unit),
    stop: &Stop,
) -> Result<u64, QueueError> {
    let (mut after, mut published) = (0, 0);
    while !stop.is_asked() {
        let units = store.ready_units(run, after, AT_ONCE)?;
        let Some((last, _)) = units.last() else { break };
        after = *last;
        let mut messages = Vec::new();
        for (_, mut unit) in units {
            fill(&mut unit);
            let subject = format!("keysift.units.{}.{}", run.name, RepositoryKey::of(&unit.repository).digest());
            // A worker may be at it: what it reads stays as it is.
            if is_large(&unit) && server.wait(server.units.get_last_raw_message_by_subject(&subject)).is_ok() {
                continue;
            }
            let cursor_pieces = put_aside(server, store, &mut unit, &catalogue.key)?;
            let envelope = Envelope { catalogue: catalogue.key.clone(), fingerprint_key: key_id.to_owned(), unit, cursor_pieces };
            messages.push((subject, serde_json::to_vec(&envelope).map_err(|e| failed("a unit", &e))?));
        }
        published += server.wait(async {
            let mut acks = Vec::new();
            for (subject, payload) in messages {
                let sent = server.context.send_publish(subject, PublishMessage::build().payload(payload.into())).await;
                acks.push(sent.map_err(|e| failed("a unit is not taken", &e))?);
            }
            let mut new = 0;
            for ack in acks {
                match ack.into_future().await {
                    Ok(_) => new += 1,
                    Err(e) if is_there_already(&e) => {}
                    Err(e) => return Err(failed("a unit is not taken", &e)),
                }
            }
            Ok(new)
        })?;
    }
    Ok(published)
}

/// Whether the server has a message of this subject and wants no other.
fn is_there_already(error: &async_nats::jetstream::context::PublishError) -> bool {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text.contains("maximum messages per subject")
}

/// The units that a worker pulls.
pub struct FleetQueue<'a> {
    server: &'a Server,
    consumer: PullConsumer,
    catalogue: String,
    key_id: String,
    /// It ends when there are none left, in place of waiting for more.
    until_empty: bool,
    held: Arc<Mutex<HashMap<RepositoryKey, Held>>>,
    beat: tokio::task::JoinHandle<()>,
}

/// A unit that is worked on.
#[derive(Clone)]
struct Held {
    message: Arc<Message>,
    /// How often it was handed out since it last came on.
    delivered: i64,
    /// There is more of it than its message.
    has_more: bool,
}

impl<'a> FleetQueue<'a> {
    /// The queue of a worker with a catalogue; a unit comes to another worker when this one says nothing for `ack_wait`.
    ///
    /// # Errors
    /// Where the server cannot be used.
    pub fn open(
        server: &'a Server,
        catalogue: &Catalogue,
        key_id: &str,
        ack_wait: Duration,
        until_empty: bool,
    ) -> Result<Self, QueueError> {
        let config = pull::Config {
            durable_name: Some("workers".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            // Units that are worked on at a time, by all workers.
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let consumer = server
            .wait(server.units.get_or_create_consumer("workers", config))
            .map_err(|e| failed("no consumer for workers", &e))?;
        let held: Arc<Mutex<HashMap<RepositoryKey, Held>>> = Arc::default();
        let beating = Arc::clone(&held);
        let beat = server.background.handle().spawn(async move {
            loop {
                tokio::time::sleep(ack_wait / 3).await;
                let all: Vec<Arc<Message>> = lock(&beating).values().map(|held| Arc::clone(&held.message)).collect();
                for message in all {
                    let _ = message.ack_with(AckKind::Progress).await;
                }
            }
        });
        Ok(Self { server, consumer, catalogue: catalogue.key.clone(), key_id: key_id.to_owned(), until_empty, held, beat })
    }

    /// The next message; `None` where none comes for a while. A server that restarts is waited for.
    async fn pull(&self) -> Option<Message> {
        let batch = self.consumer.fetch().max_messages(1).expires(A_WHILE).messages();
        let Ok(Ok(mut batch)) = tokio::time::timeout(PATIENCE, batch).await else {
            tokio::time::sleep(A_WHILE).await;
            return None;
        };
        tokio::time::timeout(A_WHILE * 2, batch.next()).await.ok().flatten().and_then(Result::ok)
    }

    /// Whether the queue is empty, units that others work on included.
    async fn is_empty(&self) -> bool {
        let info = tokio::time::timeout(PATIENCE, self.server.units.get_info()).await;
        matches!(info, Ok(Ok(info)) if info.state.messages == 0)
    }

    /// Gives a unit up: it is parked, and its run told.
    async fn park(&self, unit: &Unit, message: &Message) -> Result<(), QueueError> {
        let subject = format!("keysift.parked.{}.{}", unit.run, RepositoryKey::of(&unit.repository).digest());
        let sent = self.server.context.publish(subject, message.payload.clone()).await;
        sent.map_err(|e| failed("a unit cannot be parked", &e))?.await.map_err(|e| failed("a unit cannot be parked", &e))?;
        let result = UnitResult {
            run: unit.run.clone(),
            repository: RepositoryKey::of(&unit.repository),
            catalogue: self.catalogue.clone(),
            fingerprint_key: self.key_id.clone(),
            outcome: Outcome::Failed {
                why: format!("given up: {MOST_DELIVERIES} workers had it, and none came to an end"),
                again: false,
            },
            texts: None,
            milliseconds: 0,
        };
        send(self.server, &Sent::Result(Box::new(result))).await?;
        acknowledge(message).await?;
        forget(self.server, &unit.run, &RepositoryKey::of(&unit.repository)).await;
        Ok(())
    }
}

/// Tells the server that a message is done, and hears that it heard.
async fn acknowledge(message: &Message) -> Result<(), QueueError> {
    let mut last = None;
    for _ in 0..6 {
        match tokio::time::timeout(PATIENCE, message.double_ack()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(e)) => last = Some(e.to_string()),
            Err(_) => last = Some("it does not answer".to_owned()),
        }
        tokio::time::sleep(A_WHILE).await;
    }
    // It comes again, and its result is known then.
    Err(failed("a unit cannot be acknowledged", &last.unwrap_or_default()))
}

impl Queue for FleetQueue<'_> {
    fn next(&self) -> Result<Next, QueueError> {
        self.server.wait(async {
            let Some(message) = self.pull().await else {
                let is_over = self.until_empty && self.is_empty().await;
                return Ok(if is_over { Next::End } else { Next::Wait });
            };
            let Ok(Envelope { catalogue, fingerprint_key, mut unit, cursor_pieces }) = serde_json::from_slice(&message.payload)
            else {
                let _ = message.ack_with(AckKind::Term).await;
                return Ok(Next::Wait);
            };
            if catalogue != self.catalogue || fingerprint_key != self.key_id {
                let _ = message.ack_with(AckKind::Nak(Some(A_WHILE))).await;
                let what = if catalogue == self.catalogue { "another fingerprint key" } else { "another version or other rules" };
                return Err(QueueError::Server(format!("the units in the queue were planned with {what} than this worker has")));
            }
            let handed_out = message.info().map_or(1, |info| info.delivered);
            // A unit that comes on is none that ends its worker again and again.
            let before = if unit.objects.is_some() { progress_of(self.server, &unit).await?.delivered } else { 0 };
            let delivered = handed_out - before.clamp(1, handed_out) + 1;
            if delivered > MOST_DELIVERIES {
                self.park(&unit, &message).await?;
                return Ok(Next::Wait);
            }
            if cursor_pieces > 0 {
                unit.text_cursor = cursor_of(self.server, &unit, cursor_pieces).await?;
            }
            unit.attempt = u32::try_from(handed_out - 1).unwrap_or(0);
            let has_more = unit.objects.is_some() || cursor_pieces > 0;
            lock(&self.held)
                .insert(RepositoryKey::of(&unit.repository), Held { message: Arc::new(message), delivered, has_more });
            Ok(Next::Unit(Box::new(unit)))
        })
    }

    fn finish(&self, mut result: UnitResult) -> Result<usize, QueueError> {
        let Some(Held { message, delivered, has_more }) = lock(&self.held).get(&result.repository).cloned() else {
            return Ok(0);
        };
        let found = match &result.outcome {
            Outcome::Scanned(scanned) => scanned.findings.len(),
            _ => 0,
        };
        let key = result.repository.clone();
        let done = self.server.wait(async {
            if let Outcome::Failed { again, .. } = &mut result.outcome {
                if *again && delivered < MOST_TRIES {
                    let _ = message.ack_with(AckKind::Nak(Some(AGAIN_AFTER))).await;
                    return Ok(());
                }
                *again = false;
            }
            let run = result.run.clone();
            send(self.server, &Sent::Result(Box::new(result))).await?;
            acknowledge(&message).await?;
            if has_more {
                forget(self.server, &run, &key).await;
            }
            Ok(())
        });
        lock(&self.held).remove(&key);
        done.map(|()| found)
    }

    fn give_back(&self, unit: &RepositoryKey) -> Result<(), QueueError> {
        if let Some(held) = lock(&self.held).remove(unit) {
            let _ = self.server.wait(held.message.ack_with(AckKind::Nak(None)));
        }
        Ok(())
    }
}

impl Drop for FleetQueue<'_> {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
