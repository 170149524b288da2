//! What a git repository holds: every object looked at once. `placing` then asks history where and when it stood.

use super::clean::{Clean, is_clean};
use super::inside::Inside;
use super::placing::Placer;
use super::{Collector, Looked, SCRATCH, in_core, member_key};
use crate::detect::{ByteSpan, Candidate, Kept};
use crate::examine::{self, Derived, Examined, Known, examine_again, examine_derived};
use crate::finding::location::Base;
use crate::finding::{IdentityKey, Occurrence};
use crate::source::container;
use crate::source::git::attribution::{Key, Keys};
use crate::source::git::objects::{Kind, Nr};
use crate::source::git::{GitSink, History, Repository, Scope};
use crate::source::{Blob, Encoding, Origin, Sink as _, SkipReason, text, tree};
use gix::hash::ObjectId;
use globset::GlobSet;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Paths of what is no file. They are the same in every commit, so that a rebase changes no fingerprint.
pub(super) const MESSAGE: &str = "git:commit-message";
pub(super) const AUTHOR: &str = "git:author";
pub(super) const TAG: &str = "git:tag-message";
pub(super) const NAME: &str = "git:path-name";
pub(super) const REF: &str = "git:ref-name";

/// Scans a repository into `collector`. Tells whether a branch that was asked for is there.
pub fn scan_repository(
    repo: &Repository,
    scope: &Scope,
    exclude: &GlobSet,
    collector: &Collector<'_>,
    key: &IdentityKey,
) -> bool {
    scan_with(&GitCollector::new(repo, collector), scope, exclude, key)
}

/// The same, but that what is known to hold nothing is not looked at again; `clean` learns what else holds nothing.
pub fn scan_repository_again(
    repo: &Repository,
    scope: &Scope,
    exclude: &GlobSet,
    collector: &Collector<'_>,
    key: &IdentityKey,
    clean: &Clean<'_>,
) -> bool {
    scan_with(&GitCollector { clean: Some(clean), ..GitCollector::new(repo, collector) }, scope, exclude, key)
}

fn scan_with(sink: &GitCollector<'_>, scope: &Scope, exclude: &GlobSet, key: &IdentityKey) -> bool {
    let (repo, collector) = (sink.repo, sink.collector);
    let history = History::scan(repo, scope, sink);
    if history.unknown_branch {
        return false;
    }
    sink.note_gaps(&history);
    let rejected_too = collector.keep_rejected;
    let placed = Placer::new(sink, &history, exclude, key).findings(scope, rejected_too);
    let ref_names: Vec<&str> = history.refs.iter().map(|r| r.name.as_str()).collect();
    sink.plain_text(REF, ref_names.join("\n").as_bytes());
    tree::scan_git_folder(repo, 0, collector);
    collector.lock().placed.extend(placed);
    true
}

pub(super) struct GitCollector<'a> {
    pub repo: &'a Repository,
    pub collector: &'a Collector<'a>,
    clean: Option<&'a Clean<'a>>,
    flagged: Mutex<Flagged>,
    /// What stood in messages of commits and tags.
    pub(super) texts: Mutex<HashMap<Nr, Vec<Occurrence>>>,
}

/// What is known of flagged blobs: when they are told, nobody looks for it again.
#[derive(Default)]
struct Flagged {
    blobs: HashMap<Nr, Known>,
    /// How many candidates are kept.
    kept: usize,
}

/// So many candidates are kept at most, of 160 bytes or less. What has no room is looked for again.
const MOST_KEPT: usize = 100_000;
const _: () = assert!(size_of::<Candidate>() <= 160);

impl Flagged {
    fn add(&mut self, nr: Nr, memory: &examine::Memory) {
        let candidates = memory.candidates().filter(|candidates| self.kept + candidates.len() <= MOST_KEPT);
        self.kept += candidates.map_or(0, <[_]>::len);
        self.blobs.insert(nr, Known { candidates: candidates.map(Arc::from), is_plain: memory.is_plain() });
    }
}

/// What a blob leaves for those made from it; nothing where its bytes are not looked at as they are.
pub(super) type Memory = Option<Remembered>;

pub(super) struct Remembered {
    memory: examine::Memory,
    keys: Keys,
    /// How many of its candidates are judged not to be secrets.
    rejected: u64,
    is_clean: bool,
}

/// Names a secret under a rule family within this run.
pub(super) fn key_of(family: &str, secret: &[u8], member: u64) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key("keysift run key v1");
    hasher.update(family.as_bytes());
    hasher.update(&[0]);
    hasher.update(secret);
    if member != 0 {
        hasher.update(&member.to_le_bytes());
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// Calls `then` with the bytes as they are looked at.
fn with_blob<T>(stored: &[u8], path: Option<&str>, then: impl FnOnce(&Blob<'_>) -> T) -> T {
    let encoding = Encoding::of(&stored[..stored.len().min(text::PROBE)]);
    let mut wide = Vec::new();
    let bytes = if encoding.is_wide() {
        encoding.transcode(&stored[encoding.mark_len()..], &mut wide);
        &wide[..]
    } else {
        &stored[encoding.mark_len()..]
    };
    let origin = Origin { path: path.unwrap_or_default().to_owned(), ..Origin::default() };
    then(&Blob {
        bytes,
        core: ByteSpan::new(0, bytes.len()),
        base: Base::default(),
        stored_before: encoding.mark_len() as u64,
        encoding,
        origin: &origin,
    })
}

impl<'a> GitCollector<'a> {
    /// Looks at blobs of `repo` for `collector`.
    pub(super) fn new(repo: &'a Repository, collector: &'a Collector<'a>) -> Self {
        Self { repo, collector, clean: None, flagged: Mutex::default(), texts: Mutex::default() }
    }

    pub(super) fn look(&self, stored: &[u8], path: Option<&str>) -> Looked {
        let collector = self.collector;
        let mut all = Looked { is_noted: container::is_one(stored), ..Looked::default() };
        self.each(stored, path, Some(""), &mut |examined, blob| {
            all.is_noted |= !is_clean(examined);
            let rejected = examined.rejected.iter().filter(|j| in_core(blob, j)).count() as u64;
            collector.count(rejected, examined, &blob.origin.joined());
            collector.hide(examined, blob.bytes);
            all.extend(collector.tell(examined, blob));
        });
        all
    }

    /// Calls `then` with what a blob holds: with each member if it is a container, whose gaps are told where `gaps_of` names it.
    /// Tells how many bytes came out of the container, and whether it has gaps.
    fn each(
        &self,
        stored: &[u8],
        path: Option<&str>,
        gaps_of: Option<&str>,
        then: &mut (dyn FnMut(&Examined, &Blob<'_>) + Send),
    ) -> (u64, bool) {
        let origin = Origin { path: path.unwrap_or_default().to_owned(), ..Origin::default() };
        let inside =
            Inside { collector: self.collector, path, gaps_of, has_gaps: AtomicBool::new(false), then: Mutex::new(then) };
        if let Some(unpacked) = container::look_into(stored, &origin, &inside) {
            return (unpacked, inside.has_gaps.into_inner());
        }
        let then = inside.then.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.with_examined(stored, path, &Known::default(), then);
        (0, false)
    }

    /// Calls `then` with what a blob holds, without counting it.
    fn with_examined<T>(
        &self,
        stored: &[u8],
        path: Option<&str>,
        known: &Known,
        then: impl FnOnce(&Examined, &Blob<'_>) -> T,
    ) -> T {
        with_blob(stored, path, |blob| {
            let examined = SCRATCH.with_borrow_mut(|s| examine_again(self.collector.detector, blob.bytes, path, known, s));
            then(&examined, blob)
        })
    }

    /// Tells again what a blob holds, now that its path is known.
    pub(super) fn tell(&self, stored: &[u8], path: &str) -> Looked {
        self.tell_counted(stored, path).0
    }

    /// The same for a blob that was looked at in this run.
    pub(super) fn tell_again(&self, nr: Nr, stored: &[u8], path: &str) -> (Looked, u64) {
        let known = self.flagged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).blobs.get(&nr).cloned();
        let Some(known) = known else { return self.tell_counted(stored, path) };
        (self.with_examined(stored, Some(path), &known, |examined, blob| self.collector.tell(examined, blob)), 0)
    }

    /// Tells what a blob holds, and how many bytes came out of it if it is a container.
    fn tell_counted(&self, stored: &[u8], path: &str) -> (Looked, u64) {
        let mut all = Looked::default();
        let (unpacked, _) =
            self.each(stored, Some(path), None, &mut |examined, blob| all.extend(self.collector.tell(examined, blob)));
        (all, unpacked)
    }

    /// The keys of what stands in a blob at `path`.
    pub(super) fn keys_at(&self, stored: &[u8], path: &str) -> Keys {
        let mut keys = Vec::new();
        self.each(stored, Some(path), None, &mut |examined, blob| self.keys(examined, blob, &mut keys));
        sorted(keys)
    }

    /// Counts what a blob holds and lets the redactor know; gives its keys.
    fn note(&self, nr: Nr, examined: &Examined, blob: &Blob<'_>) -> Keys {
        let name = if examined.out_of_budget.is_empty() && !examined.undecoded {
            String::new()
        } else {
            self.repo.objects().id(nr).to_string()
        };
        self.collector.count(examined.rejected.len() as u64, examined, &name);
        self.collector.hide(examined, blob.bytes);
        let mut keys = Vec::new();
        self.keys(examined, blob, &mut keys);
        sorted(keys)
    }

    /// Adds the keys of what a blob holds.
    fn keys(&self, examined: &Examined, blob: &Blob<'_>, keys: &mut Vec<Key>) {
        let member = member_key(blob.origin);
        let rejected = examined.rejected.iter().filter(|_| self.collector.keep_rejected);
        let all = examined.found.iter().chain(rejected);
        keys.extend(all.map(|j| key_of(j.rule.family(), j.value(blob.bytes), member)));
    }

    /// Looks into a blob that is a container; gives the keys of what it holds, and whether it is clean.
    fn inside(&self, nr: Nr, bytes: &[u8]) -> (Keys, bool) {
        let name = self.repo.objects().id(nr).to_string();
        let mut keys = Vec::new();
        let mut clean = true;
        let (_, has_gaps) = self.each(bytes, None, Some(&name), &mut |examined, blob| {
            let rejected = examined.rejected.iter().filter(|j| in_core(blob, j)).count() as u64;
            self.collector.count(rejected, examined, &name);
            self.collector.hide(examined, blob.bytes);
            self.keys(examined, blob, &mut keys);
            clean &= is_clean(examined);
        });
        (sorted(keys), clean && !has_gaps)
    }

    /// Whether an object is known to hold nothing.
    fn knows(&self, nr: Nr) -> bool {
        self.clean.is_some_and(|clean| clean.knows(&self.repo.objects().id(nr)))
    }

    /// Notes that an object holds nothing.
    fn learn(&self, nr: Nr, is_clean: bool) {
        if let Some(clean) = self.clean.filter(|_| is_clean && !self.collector.stop().is_asked()) {
            clean.learn(self.repo.objects().id(nr));
        }
    }

    /// Text that has no history.
    pub(super) fn plain_text(&self, path: &str, bytes: &[u8]) {
        self.collector.add(self.look(bytes, Some(path)));
    }

    /// What stands in a commit's or tag's own text: in its header, with the names of people, and in its message.
    pub(super) fn look_at_text(&self, kind: Kind, bytes: &[u8]) -> Looked {
        let end = memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2);
        let (head, message) = bytes.split_at(end);
        let mut all = self.look(head, Some(AUTHOR));
        let in_message = self.look(message, Some(if kind == Kind::Tag { TAG } else { MESSAGE }));
        all.extend(in_message);
        all
    }

    /// Tells of alternates that were not followed.
    pub(super) fn note_refused(&self) {
        for path in &self.repo.refused {
            self.collector.skip(SkipReason::OutsideAlternate, &path.to_string_lossy(), 0);
        }
    }

    fn note_gaps(&self, history: &History) {
        let note = |reason: SkipReason, n: u64, what: &str| {
            for _ in 0..n {
                self.collector.skip(reason, what, 0);
            }
        };
        note(SkipReason::MissingObject, history.missing, "blobs and trees that commits name");
        note(SkipReason::MissingObject, history.cut, "parents of commits");
        self.note_refused();
        for path in &self.repo.objects().broken_packs {
            self.collector.skip(SkipReason::CorruptObject, &path.file_name().unwrap_or_default().to_string_lossy(), 0);
        }
        if !history.complete {
            self.collector.skip(SkipReason::AttributionBudget, "history", 0);
        }
        if self.collector.stop().is_asked() {
            self.collector.skip(SkipReason::Interrupted, "history", 0);
        }
    }
}

/// Keys in order, each once.
fn sorted(mut keys: Vec<Key>) -> Keys {
    keys.sort_unstable();
    keys.dedup();
    keys.into()
}

impl GitSink for GitCollector<'_> {
    type Memory = Memory;

    fn skips(&self, nr: Nr) -> bool {
        self.knows(nr)
    }

    fn blob(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Memory, &[Kept])>, is_base: bool) -> (Keys, Memory) {
        self.collector.file(bytes.len() as u64);
        let detector = self.collector.detector;
        // A container is looked into whole, whatever it was stored as a delta of.
        if container::is_one(bytes) {
            let (keys, is_clean) = self.inside(nr, bytes);
            self.learn(nr, is_clean);
            return (keys, None);
        }
        if Encoding::of(&bytes[..bytes.len().min(text::PROBE)]) != Encoding::Bytes {
            return self.with_examined(bytes, None, &Known::default(), |examined, blob| {
                self.learn(nr, is_clean(examined));
                (self.note(nr, examined, blob), None)
            });
        }
        let old = made_from.and_then(|(old, kept)| Some((old.as_ref()?, kept)));
        let base = old.map(|(old, kept)| (&old.memory, kept));
        let (derived, memory) = SCRATCH.with_borrow_mut(|scratch| examine_derived(detector, bytes, base, is_base, scratch));
        let (keys, rejected, is_clean) = match (derived, old) {
            (Derived::AsBefore, Some((old, _))) => {
                self.collector.count(old.rejected, &Examined::default(), "");
                (Arc::clone(&old.keys), old.rejected, old.is_clean)
            }
            (Derived::AsBefore, None) => (Keys::default(), 0, false),
            (Derived::Changed(examined), _) => {
                let keys = with_blob(bytes, None, |blob| self.note(nr, &examined, blob));
                (keys, examined.rejected.len() as u64, is_clean(&examined))
            }
        };
        self.learn(nr, is_clean);
        if !keys.is_empty() {
            self.flagged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(nr, &memory);
        }
        (Arc::clone(&keys), Some(Remembered { memory, keys, rejected, is_clean }))
    }

    fn text(&self, nr: Nr, kind: Kind, bytes: &[u8]) {
        if self.knows(nr) {
            return;
        }
        let Looked { mut found, rejected, is_noted, .. } = self.look_at_text(kind, bytes);
        self.learn(nr, !is_noted);
        found.extend(rejected);
        if !found.is_empty() {
            self.texts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(nr, found);
        }
    }

    fn names(&self, names: &[u8]) -> Vec<usize> {
        let looked = self.look(names, Some(NAME));
        let mut lines: Vec<usize> = looked.found.iter().filter_map(|o| usize::try_from(o.location.start_line - 1).ok()).collect();
        lines.dedup();
        let mut inner = self.collector.lock();
        inner.found.extend(looked.found);
        lines
    }

    fn lost(&self, id: ObjectId) {
        self.collector.skip(SkipReason::CorruptObject, &id.to_string(), 0);
    }

    fn stopped(&self) -> bool {
        self.collector.stop().is_asked()
    }
}
