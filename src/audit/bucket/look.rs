//! One bucket, from its list to its last part. What was listed is looked at in parts, and each part is remembered before the next one
//! begins: whatever happens then, the bucket goes on behind it.

use super::http::METADATA;
use super::list::{Listed, Lister};
use super::open::Bucket;
use super::shelf::Parts;
use super::{Address, BucketAccess};
use crate::audit::background::Background;
use crate::audit::queue::QueueError;
use crate::audit::store::{KnownObject, ObjectRow, Part, Sums};
use crate::audit::texts::known::tallied;
use crate::audit::texts::look::{look_at, tell};
use crate::audit::texts::{Place, TextOrigin};
use crate::audit::unit::{Found, Outcome, RepositoryKey, Scanned, Unit};
use crate::audit::work::How;
use crate::finding::date::rfc3339;
use crate::finding::snippet::visible;
use crate::pipeline::Collector;
use crate::report::model::Gap;
use crate::source::container::look_at_download;
use crate::source::git::remote::causes;
use crate::source::{ExcludeReason, SkipReason, Stop};
use futures_util::{Stream, StreamExt as _};
use globset::GlobSet;
use object_store::{Error, GetOptions, ObjectMeta};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// So many objects that are read, or bytes of them, are remembered at a time.
const MOST_OBJECTS: usize = 100;
const MOST_BYTES: u64 = 256 << 20;
/// How much of what a server says of an error is told, in characters.
const LONGEST: usize = 600;

/// Why nobody can ask.
const NO_CREDENTIALS: &str = "no credentials: the environment has none (docs/buckets.md names the variables), and this machine has none of \
                              its own";

/// Looks at what a unit's bucket has that is new or has changed; `None` where it was interrupted.
///
/// # Errors
/// Where what came of it cannot be kept.
pub(in crate::audit) fn look(unit: &Unit, how: &How<'_>) -> Result<Option<Outcome>, QueueError> {
    let failed = |why: String, again: bool| Ok(Some(Outcome::Failed { why, again }));
    let access = how.buckets;
    let wanted = unit.objects.as_ref().unwrap_or(&access.wanted);
    let (address, include) = match Address::parse(&unit.repository.clone_url).and_then(|a| Ok((a, wanted.globs()?))) {
        Ok(read) => read,
        Err(why) => return failed(why, false),
    };
    // One of the same name at another server is another bucket.
    if unit.repository.host != access.host(address.service) {
        let why = format!("it is at {}, which is not asked here: name it with --endpoint", unit.repository.host);
        return Ok(Some(Outcome::NotVisible { why: visible(&why) }));
    }
    let background = match Background::start() {
        Ok(background) => background,
        Err(e) => return failed(format!("no thread for the network: {e}"), false),
    };
    let bucket = match Bucket::open(&address, access) {
        Ok(bucket) => bucket,
        Err(e) => return failed(told(&e), false),
    };
    let mut parts = how.shelf.open(unit, &how.catalogue.key, how.ask.is_some())?;
    let (after, sums) = parts.begun()?;
    let mut lister = Lister::new(&bucket, &background, &address.prefix, after.clone());
    let mut looking = Looking {
        unit,
        parts: &mut *parts,
        access,
        include,
        largest: wanted.largest,
        how,
        address: &address,
        bucket: &bucket,
        background: &background,
        after,
        sums,
    };
    loop {
        if how.stop.is_asked() {
            return Ok(None);
        }
        match lister.next() {
            Ok(Listed::Objects(objects)) => {
                if !looking.page(&objects)? {
                    return Ok(None);
                }
            }
            Ok(Listed::Unnamed(key)) if looking.is_left_out(&key) => {}
            Ok(Listed::Unnamed(key)) => looking.unnamed(&key)?,
            Ok(Listed::End) => break,
            Err(e) => {
                let why = told(&e);
                return if is_refusal(&e, &why) { Ok(Some(Outcome::NotVisible { why })) } else { failed(why, true) };
            }
        }
    }
    let Looking { after: last, sums, .. } = looking;
    let scanned = Scanned {
        tips: if sums.listed == 0 { String::new() } else { format!("{} objects", sums.listed) },
        complete: sums.skipped.iter().all(|gap| gap.accepted),
        skipped: sums.skipped,
        excluded: sums.excluded,
        blobs: sums.blobs,
        bytes: sums.bytes,
        rejected: sums.rejected,
        ..Scanned::default()
    };
    Ok(Some(Outcome::Objects { last, scanned: Box::new(scanned) }))
}

/// An error in words: what went wrong, and why. Of an answer in XML its message counts.
fn told(error: &Error) -> String {
    let text = causes(error);
    let message = text.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>")).map(|(message, _)| message);
    let begin = text.split("<?xml").next().unwrap_or_default().trim_end_matches([':', ' ']);
    let told = message.map_or_else(|| begin.to_owned(), |message| format!("{begin}: {message}"));
    // Where the environment has none, the machine's own are asked for.
    let asks_machine = METADATA.iter().any(|host| begin.contains(&format!("http://{host}/")));
    let told = if asks_machine { format!("{NO_CREDENTIALS}: {told}") } else { told };
    visible(&told.chars().take(LONGEST).collect::<String>())
}

/// Whether there is no such bucket, or whoever asks may not see it. Lists tell the status in words alone.
fn is_refusal(error: &Error, told: &str) -> bool {
    matches!(error, Error::NotFound { .. } | Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
        || ["401", "403", "404"].iter().any(|status| told.contains(&format!("status code: {status}")))
}

/// A bucket while it is looked at.
struct Looking<'a> {
    unit: &'a Unit,
    parts: &'a mut dyn Parts,
    access: &'a BucketAccess,
    /// Only keys that match.
    include: Option<GlobSet>,
    /// The largest object that is read, in bytes.
    largest: u64,
    how: &'a How<'a>,
    address: &'a Address,
    bucket: &'a Bucket,
    background: &'a Background,
    /// The last key that was kept.
    after: Option<String>,
    sums: Sums,
}

/// An object, and what is known of it where it has not changed since.
type Known<'p> = (&'p ObjectMeta, Option<&'p KnownObject>);

impl Looking<'_> {
    /// Whether nobody wants an object.
    fn is_left_out(&self, key: &str) -> bool {
        self.how.exclude.is_match(key) || self.include.as_ref().is_some_and(|globs| !globs.is_match(key))
    }

    /// A key that cannot be asked for.
    fn unnamed(&mut self, key: &str) -> Result<(), QueueError> {
        self.sums.listed += 1;
        let gaps = BTreeMap::from([(SkipReason::Unreadable.as_str().to_owned(), 0)]);
        self.keep(key, vec![ObjectRow { key: key.to_owned(), mark: String::new(), gaps }], Found::default(), &BTreeMap::new())
    }

    /// Looks at a page in parts; whether it came to its end.
    fn page(&mut self, objects: &[ObjectMeta]) -> Result<bool, QueueError> {
        let keys: Vec<&str> = objects.iter().map(|object| object.location.as_ref()).collect();
        let known = self.parts.known(&keys)?;
        let known = |object: &ObjectMeta| {
            known.get(object.location.as_ref()).filter(|known| !self.how.whole && known.mark == mark(object))
        };
        let (mut part, mut bytes): (Vec<Known<'_>>, u64) = (Vec::new(), 0);
        let mut parts = Vec::new();
        let mut read = 0;
        for object in objects {
            let known = known(object);
            part.push((object, known));
            if known.is_none() {
                (read, bytes) = (read + 1, bytes.saturating_add(object.size));
            }
            if read == MOST_OBJECTS || bytes >= MOST_BYTES {
                parts.push(std::mem::take(&mut part));
                (read, bytes) = (0, 0);
            }
        }
        parts.push(part);
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !self.part(&part)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks at some objects, and keeps what came of them.
    fn part(&mut self, objects: &[Known<'_>]) -> Result<bool, QueueError> {
        let how = self.how;
        let collector = how.collector(how.detector);
        let mut rows = Vec::new();
        let (mut again, mut wanted) = (BTreeMap::new(), Vec::new());
        for (object, known) in objects {
            let key = object.location.as_ref();
            if self.is_left_out(key) {
                crate::source::Sink::exclude(&collector, ExcludeReason::Excluded, key);
                continue;
            }
            self.sums.listed += 1;
            if let Some(known) = known {
                again.insert(key, &known.gaps);
            } else if object.size > self.largest {
                let gaps = BTreeMap::from([(SkipReason::TooLarge.as_str().to_owned(), object.size)]);
                rows.push(ObjectRow { key: key.to_owned(), mark: String::new(), gaps });
            } else {
                wanted.push(*object);
            }
        }
        rows.extend(self.read_all(&wanted, &collector));
        if how.stop.is_asked() {
            return Ok(false);
        }
        let mut outcome = collector.finish(how.key);
        outcome.findings.iter_mut().for_each(tell);
        if let Some(ask) = how.ask {
            ask(&mut outcome.findings);
        }
        let (findings, notes) = how.told(&outcome.findings, &outcome.redactor, None);
        self.sums.blobs += outcome.files;
        self.sums.bytes += outcome.bytes;
        self.sums.rejected += outcome.rejected_total;
        for (reason, tally) in &outcome.excluded {
            self.sums.exclude(Gap::of(reason.as_str(), tally, true, Some(&outcome.redactor)));
        }
        how.counts.blobs.fetch_add(outcome.files, Ordering::Relaxed);
        how.counts.bytes.fetch_add(outcome.bytes, Ordering::Relaxed);
        how.counts.found.fetch_add(findings.len() as u64, Ordering::Relaxed);
        let last = objects.last().map_or("", |(object, _)| object.location.as_ref());
        self.keep(last, rows, Found { findings, notes }, &again)?;
        Ok(true)
    }

    /// Keeps a part: objects that were read, what was found in them, and the gaps of those that have not changed.
    fn keep(
        &mut self,
        last: &str,
        mut rows: Vec<ObjectRow>,
        found: Found,
        again: &BTreeMap<&str, &BTreeMap<String, u64>>,
    ) -> Result<(), QueueError> {
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        let read = rows.iter().map(|row| (row.key.as_str(), &row.gaps));
        let gaps = read.chain(again.iter().map(|(key, gaps)| (*key, *gaps)));
        for ((reason, accepted), tally) in tallied(gaps, self.how.accepts) {
            self.sums.skip(Gap::of(reason.as_str(), &tally, accepted, None));
        }
        let part = Part {
            run: self.unit.run.clone(),
            bucket: RepositoryKey::of(&self.unit.repository),
            catalogue: self.how.catalogue.key.clone(),
            after: self.after.replace(last.to_owned()),
            last: last.to_owned(),
            rows,
            found,
            again: again.keys().map(|key| (*key).to_owned()).collect(),
            sums: self.sums.clone(),
        };
        self.parts.keep(part)
    }

    /// Reads objects, several at a time.
    fn read_all(&self, objects: &[&ObjectMeta], collector: &Collector<'_>) -> Vec<ObjectRow> {
        let next = Mutex::new(objects.iter());
        let seen = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.access.at_once.clamp(1, 64).min(objects.len()) {
                scope.spawn(|| {
                    loop {
                        let object = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(object) = object.filter(|_| !self.how.stop.is_asked()) else { break };
                        let came = self.read(object, collector);
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(came);
                    }
                });
            }
        });
        seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, object: &ObjectMeta, collector: &Collector<'_>) -> ObjectRow {
        let key = object.location.as_ref().to_owned();
        let date = Some(rfc3339(object.last_modified.timestamp(), 0));
        let origin = TextOrigin { kind: "object".to_owned(), url: self.address.of(&key), author: None, date };
        let place = Place { path: key.clone(), origin };
        let unread = || BTreeMap::from([(SkipReason::Unreadable.as_str().to_owned(), object.size)]);
        // Folders are objects of no bytes, which cannot be asked for.
        if object.size == 0 {
            return ObjectRow { key, mark: mark(object), gaps: BTreeMap::new() };
        }
        let got = self.background.wait(self.bucket.reads.get_opts(&object.location, GetOptions::default()));
        // What is read must be what was listed: it may have changed, or two keys may differ in nothing but a slash.
        // Azure writes its tags with quotation marks here and without them there.
        let bare = |object: &ObjectMeta| object.e_tag.as_ref().map(|tag| tag.trim_matches('"').to_owned());
        let is_other = |read: &ObjectMeta| bare(read).zip(bare(object)).is_some_and(|(read, listed)| read != listed);
        let Some(got) = got.ok().filter(|got| !is_other(&got.meta)) else {
            return ObjectRow { key, mark: String::new(), gaps: unread() };
        };
        let stream = got.into_stream().map(|piece| piece.map(Vec::from)).boxed();
        let mut reader = Reader { background: self.background, stop: self.how.stop, stream, piece: Vec::new(), at: 0 };
        let scratch = self.how.mirrors.scratch();
        let read =
            look_at(collector, &place, |origin, sink| look_at_download(&mut reader, Some(object.size), scratch, origin, sink));
        match read {
            Ok(gaps) => {
                let mut all: BTreeMap<String, u64> = BTreeMap::new();
                for (reason, bytes) in gaps {
                    *all.entry(reason.as_str().to_owned()).or_default() += bytes;
                }
                ObjectRow { key, mark: mark(object), gaps: all }
            }
            Err(_) => ObjectRow { key, mark: String::new(), gaps: unread() },
        }
    }
}

/// What changes whenever an object does.
fn mark(object: &ObjectMeta) -> String {
    let text = format!("{:?} {} {}", object.e_tag, object.size, object.last_modified.timestamp_millis());
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// An object as it comes.
struct Reader<'a> {
    background: &'a Background,
    stop: &'a Stop,
    stream: Pin<Box<dyn Stream<Item = object_store::Result<Vec<u8>>> + Send + 'a>>,
    /// What came, and how much of it was read.
    piece: Vec<u8>,
    at: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.stop.is_asked() {
                return Err(io::Error::other("interrupted"));
            }
            match self.background.wait(self.stream.next()) {
                Some(Ok(piece)) => (self.piece, self.at) = (piece, 0),
                Some(Err(e)) => return Err(io::Error::other(e)),
                None => return Ok(0),
            }
        }
        let rest = &self.piece[self.at..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_credentials_is_told_so() {
        let error = |source: &str| Error::Generic { store: "S3", source: source.to_owned().into() };
        let none = told(&error("Error performing PUT http://169.254.169.254/latest/api/token in 3s: error sending request"));
        assert!(none.starts_with("no credentials: the environment has none") && none.contains("169.254.169.254"), "{none}");
        let other = told(&error(
            "Error performing GET https://s3.example/b: <?xml version=\"1.0\"?><Error><Message>No</Message></Error>",
        ));
        assert!(other.ends_with("GET https://s3.example/b: No"), "{other}");
    }
}
