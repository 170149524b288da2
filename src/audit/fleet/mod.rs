//! An audit on many machines: NATS `JetStream` (2.10 or newer) keeps units and results, workers hold no state.
//!
//! - here: the connection, and the streams
//! - `units`: units are published, and pulled by workers
//! - `aside`: what a unit needs beside its message
//! - `results`: results are sent in parts, and collected
//!
//! `KEYSIFT_UNITS` and `KEYSIFT_RESULTS` are work queues: a message stays until it is acknowledged, and comes again where a
//! worker died. Nothing relies on its coming once: the store takes a result once for each unit and catalogue.
//! `KEYSIFT_PARKED` lists units that were given up. `KEYSIFT_KNOWN` and `KEYSIFT_PROGRESS` hold what is known of buckets and how far
//! each was looked at, until its unit is done.

mod aside;
mod results;
mod units;

pub use results::collect;
pub use units::{FleetQueue, publish};

use super::background::Background;
use super::queue::QueueError;
use super::store::Part;
use super::unit::{RepositoryKey, Unit, UnitResult};
use crate::finding::Secret;
use crate::finding::snippet::visible;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

/// How long one question to the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A unit as it travels, with what its worker must agree on.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    catalogue: String,
    fingerprint_key: String,
    unit: Unit,
    /// Its cursor of texts is too long for it, and comes in so many pieces.
    #[serde(default)]
    cursor_pieces: usize,
}

/// What workers send.
#[derive(Debug, Serialize, Deserialize)]
enum Sent {
    Result(Box<UnitResult>),
    /// A part of a bucket; its result comes behind the last one.
    Part(Box<Part>),
}

impl Sent {
    /// The run and the repository that it is about.
    fn about(&self) -> (&str, &RepositoryKey) {
        match self {
            Self::Result(result) => (&result.run, &result.repository),
            Self::Part(part) => (&part.run, &part.bucket),
        }
    }
}

/// Who logs in.
#[derive(Default)]
pub struct Login {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub token: Option<Secret>,
}

impl Login {
    /// That of `KEYSIFT_NATS_TOKEN`, or `KEYSIFT_NATS_USER` and `KEYSIFT_NATS_PASSWORD`.
    #[must_use]
    pub fn from_environment() -> Self {
        let value = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let secret = |name: &str| value(name).map(|v| Secret::new(v.as_bytes()));
        Self { user: value("KEYSIFT_NATS_USER"), password: secret("KEYSIFT_NATS_PASSWORD"), token: secret("KEYSIFT_NATS_TOKEN") }
    }
}

/// A connection; its streams are there.
pub struct Server {
    background: Background,
    context: Context,
    units: Stream,
    results: Stream,
    parked: Stream,
    known: Stream,
    progress: Stream,
}

/// What nobody forgets is forgotten then.
const AGE: Duration = Duration::from_secs(90 * 24 * 3600);

fn failed(what: &str, cause: &dyn std::fmt::Display) -> QueueError {
    QueueError::Server(format!("the queue: {what}: {}", visible(&cause.to_string())))
}

impl Server {
    /// Connects to `url`, and makes the streams where they are not there.
    ///
    /// # Errors
    /// Where there is no server, or it has no `JetStream` of a kind that will do.
    pub fn connect(url: &str, login: &Login) -> Result<Self, QueueError> {
        if url.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
            return Err(QueueError::Server(
                "the URL of the queue holds a user or a password, which would stand in process lists: take it out, and give \
                 KEYSIFT_NATS_TOKEN, or KEYSIFT_NATS_USER and KEYSIFT_NATS_PASSWORD"
                    .to_owned(),
            ));
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let background = Background::start().map_err(|e| failed("no runtime", &e))?;
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let mut options = async_nats::ConnectOptions::new().name("keysift").request_timeout(Some(PATIENCE));
        if let Some(token) = &login.token {
            options = options.token(text(token));
        } else if let (Some(user), Some(password)) = (&login.user, &login.password) {
            options = options.user_and_password(user.clone(), text(password));
        }
        let (context, streams) = background.wait(async {
            let client = options.connect(url).await.map_err(|e| failed(&format!("{} cannot be reached", visible(url)), &e))?;
            let context = jetstream::new(client);
            let queue = |name: &str, subject: &str, retention| Config {
                name: name.to_owned(),
                subjects: vec![subject.to_owned()],
                retention,
                storage: StorageType::File,
                ..Config::default()
            };
            // A unit that is in the queue is not queued again.
            let units = Config {
                max_messages_per_subject: 1,
                discard: DiscardPolicy::New,
                discard_new_per_subject: true,
                ..queue("KEYSIFT_UNITS", "keysift.units.>", RetentionPolicy::WorkQueue)
            };
            let results = queue("KEYSIFT_RESULTS", "keysift.results.>", RetentionPolicy::WorkQueue);
            let parked =
                Config { max_messages_per_subject: 1, ..queue("KEYSIFT_PARKED", "keysift.parked.>", RetentionPolicy::Limits) };
            let known = Config { max_age: AGE, ..queue("KEYSIFT_KNOWN", "keysift.known.>", RetentionPolicy::Limits) };
            let progress = Config {
                max_messages_per_subject: 1,
                max_age: AGE,
                ..queue("KEYSIFT_PROGRESS", "keysift.progress.>", RetentionPolicy::Limits)
            };
            let mut streams = Vec::new();
            for config in [units, results, parked, known, progress] {
                let name = config.name.clone();
                streams.push(context.get_or_create_stream(config).await.map_err(|e| failed(&format!("stream {name}"), &e))?);
            }
            Ok::<_, QueueError>((context, streams))
        })?;
        let streams = <[Stream; 5]>::try_from(streams).map_err(|_| failed("streams", &"five were made"))?;
        let [units, results, parked, known, progress] = streams;
        Ok(Self { background, context, units, results, parked, known, progress })
    }

    /// How many units were given up.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub fn parked(&self) -> Result<u64, QueueError> {
        let info = self.wait(self.parked.get_info()).map_err(|e| failed("stream KEYSIFT_PARKED", &e))?;
        Ok(info.state.messages)
    }

    /// Runs a conversation to its end.
    fn wait<T>(&self, conversation: impl Future<Output = T>) -> T {
        self.background.wait(conversation)
    }
}
