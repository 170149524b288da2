//! What a unit needs and its message has no room for, in streams of their own: the objects of a bucket that are known, long
//! cursors of texts, and how far a bucket was looked at, so that another worker goes on there.

use super::results::{pack, send, unpack};
use super::{PATIENCE, Sent, Server, failed};
use crate::audit::bucket::shelf::{Parts, Shelf};
use crate::audit::queue::QueueError;
use crate::audit::store::{KnownObject, Part, Store, Sums};
use crate::audit::unit::{RepositoryKey, Unit};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::IntoFuture as _;
use std::time::Duration;

/// The most bytes of a message before it is compressed; servers take a megabyte where nobody says otherwise.
const PIECE: usize = 512 << 10;
/// The bytes that an object takes in a message beside its key and gaps, at most.
const BESIDE_KEY: usize = 64;
/// How many objects are read from the store at a time.
const AT_ONCE: usize = 1000;
/// How often something is asked for before the worker gives up: the server may restart.
const TRIES: u32 = 12;
const A_WHILE: Duration = Duration::from_secs(1);

/// How far a bucket was looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    last: Option<String>,
    sums: Sums,
    /// How often the unit had been handed out by then.
    pub delivered: i64,
}

fn subject(of: &str, run: &str, key: &RepositoryKey) -> String {
    format!("keysift.{of}.{run}.{}", key.digest())
}

/// Whether a unit has more than fits into its message.
pub(super) fn is_large(unit: &Unit) -> bool {
    unit.objects.is_some() || unit.text_cursor.as_ref().is_some_and(|cursor| cursor.len() > PIECE / 2)
}

/// Publishes what does not fit into the message of a unit, which then goes without it. Tells how many pieces its cursor is in.
pub(super) fn put_aside(server: &Server, store: &Store, unit: &mut Unit, catalogue: &str) -> Result<usize, QueueError> {
    let place = subject("known", &unit.run, &RepositoryKey::of(&unit.repository));
    if unit.objects.is_some() {
        server.wait(purge(&server.known, &place))?;
        let mut after = String::new();
        let (mut piece, mut size): (Vec<(String, KnownObject)>, usize) = (Vec::new(), 0);
        loop {
            let known = store.known_behind(unit, &after, catalogue, AT_ONCE)?;
            let Some((last, _)) = known.last() else { break };
            after.clone_from(last);
            // Objects that are read again are none.
            for (key, object) in known.into_iter().filter(|(_, object)| !object.mark.is_empty()) {
                size += key.len() + object.gaps.keys().map(|reason| reason.len() + BESIDE_KEY).sum::<usize>() + BESIDE_KEY;
                piece.push((key, object));
                if size >= PIECE {
                    server.wait(put(server, &place, pack(&std::mem::take(&mut piece))?))?;
                    size = 0;
                }
            }
        }
        if !piece.is_empty() {
            server.wait(put(server, &place, pack(&piece)?))?;
        }
        return Ok(0);
    }
    let Some(cursor) = unit.text_cursor.take_if(|cursor| cursor.len() > PIECE / 2) else { return Ok(0) };
    server.wait(purge(&server.known, &place))?;
    let pieces: Vec<&[u8]> = cursor.as_bytes().chunks(PIECE).collect();
    for piece in &pieces {
        server.wait(put(server, &place, pack(piece)?))?;
    }
    Ok(pieces.len())
}

/// Gives a unit its cursor again. Where a piece is missing it has none, and its texts are read anew.
pub(super) async fn cursor_of(server: &Server, unit: &Unit, pieces: usize) -> Result<Option<String>, QueueError> {
    let place = subject("known", &unit.run, &RepositoryKey::of(&unit.repository));
    let (mut cursor, mut sequence) = (Vec::new(), 1);
    for _ in 0..pieces {
        let Some(message) = get(&server.known, &place, Some(sequence)).await? else { return Ok(None) };
        let Some(piece) = unpack::<Vec<u8>>(&message.payload) else { return Ok(None) };
        cursor.extend(piece);
        sequence = message.sequence + 1;
    }
    Ok(String::from_utf8(cursor).ok())
}

/// How far the bucket of a unit was looked at.
pub(super) async fn progress_of(server: &Server, unit: &Unit) -> Result<Progress, QueueError> {
    let place = subject("progress", &unit.run, &RepositoryKey::of(&unit.repository));
    let message = get(&server.progress, &place, None).await?;
    Ok(message.and_then(|message| unpack(&message.payload)).unwrap_or_default())
}

/// Forgets what was put aside for a unit that is done. What stays all the same goes with its age.
pub(super) async fn forget(server: &Server, run: &str, key: &RepositoryKey) {
    let _ = purge(&server.known, &subject("known", run, key)).await;
    let _ = purge(&server.progress, &subject("progress", run, key)).await;
}

async fn purge(stream: &Stream, place: &str) -> Result<(), QueueError> {
    stream.purge().filter(place).into_future().await.map(drop).map_err(|e| failed("old pieces stay", &e))
}

/// The first message of a subject from a sequence on, or the last one of all. A server that restarts is waited for.
async fn get(stream: &Stream, place: &str, from: Option<u64>) -> Result<Option<StreamMessage>, QueueError> {
    let mut last = String::new();
    for _ in 0..TRIES {
        let asked = async {
            match from {
                Some(sequence) => stream.get_first_raw_message_by_subject(place, sequence).await,
                None => stream.get_last_raw_message_by_subject(place).await,
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(message)) => return Ok(Some(message)),
            Ok(Err(e)) if e.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
            Ok(Err(e)) => last = e.to_string(),
            Err(_) => "it does not answer".clone_into(&mut last),
        }
        tokio::time::sleep(A_WHILE).await;
    }
    Err(failed("what is known cannot be read", &last))
}

async fn put(server: &Server, place: &str, payload: Vec<u8>) -> Result<(), QueueError> {
    super::results::put(server, place, PublishMessage::build().payload(payload.into())).await
}

impl Shelf for Server {
    fn open<'s>(&'s self, unit: &Unit, _: &str, _: bool) -> Result<Box<dyn Parts + 's>, QueueError> {
        let key = RepositoryKey::of(&unit.repository);
        Ok(Box::new(Sending {
            server: self,
            known: subject("known", &unit.run, &key),
            progress: subject("progress", &unit.run, &key),
            unit: unit.clone(),
            objects: BTreeMap::new(),
            next: Some(1),
        }))
    }
}

/// Sends the parts of a bucket to whoever collects.
struct Sending<'s> {
    server: &'s Server,
    unit: Unit,
    known: String,
    progress: String,
    /// Known objects that came and are still to be listed.
    objects: BTreeMap<String, KnownObject>,
    /// Where their next message is looked for; there is none any more.
    next: Option<u64>,
}

impl Parts for Sending<'_> {
    fn begun(&mut self) -> Result<(Option<String>, Sums), QueueError> {
        let Progress { last, sums, .. } = self.server.wait(progress_of(self.server, &self.unit))?;
        Ok((last, sums))
    }

    fn known(&mut self, keys: &[&str]) -> Result<HashMap<String, KnownObject>, QueueError> {
        let Some(last) = keys.iter().max() else { return Ok(HashMap::new()) };
        let asked: HashSet<&str> = keys.iter().copied().collect();
        while self.objects.last_key_value().is_none_or(|(key, _)| key.as_str() < *last) {
            let Some(next) = self.next else { break };
            let server = self.server;
            let message = server.wait(get(&server.known, &self.known, Some(next)))?;
            self.next = message.as_ref().map(|message| message.sequence + 1);
            let piece: Vec<(String, KnownObject)> = message.and_then(|m| unpack(&m.payload)).unwrap_or_default();
            // Those that are not listed any more are of no use.
            self.objects.extend(piece.into_iter().filter(|(key, _)| key.as_str() > *last || asked.contains(key.as_str())));
        }
        let known = keys.iter().filter_map(|key| Some(((*key).to_owned(), self.objects.remove(*key)?))).collect();
        self.objects = self.objects.split_off(*last);
        Ok(known)
    }

    fn keep(&mut self, part: Part) -> Result<(), QueueError> {
        let reached =
            Progress { last: Some(part.last.clone()), sums: part.sums.clone(), delivered: i64::from(self.unit.attempt) + 1 };
        let payload = pack(&reached)?;
        let part = Sent::Part(Box::new(part));
        self.server.wait(async {
            send(self.server, &part).await?;
            // Only then is it a place to go on from.
            put(self.server, &self.progress, payload).await
        })
    }
}
