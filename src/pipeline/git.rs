//! Findings of a git repository: blobs first, then history says where and when they stood.

use super::clean::{Clean, is_clean};
use super::inside::Inside;
use super::{Collector, Looked, SCRATCH, in_core, member_key};
use crate::detect::{ByteSpan, Kept};
use crate::examine::{self, Derived, Examined, examine, examine_derived};
use crate::finding::location::Base;
use crate::finding::{Exposure, Finding, GitStory, IdentityKey, Location, Occurrence, date, group};
use crate::judge::PathClass;
use crate::source::container;
use crate::source::git::attribution::{Key, Keys, Stand, Story};
use crate::source::git::graph::author;
use crate::source::git::link::Linker;
use crate::source::git::objects::{Kind, Nr, Reader};
use crate::source::git::{GitSink, History, Repository, Scope};
use crate::source::{Blob, Encoding, ExcludeReason, Origin, Sink as _, SkipReason, text, tree};
use base64::Engine as _;
use gix::hash::ObjectId;
use globset::GlobSet;
use rayon::prelude::*;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Paths of what is no file. They are the same in every commit, so that a rebase changes no fingerprint.
pub(super) const MESSAGE: &str = "git:commit-message";
pub(super) const AUTHOR: &str = "git:author";
pub(super) const TAG: &str = "git:tag-message";
pub(super) const NAME: &str = "git:path-name";
pub(super) const REF: &str = "git:ref-name";
const UNREACHABLE: &str = "git:unreachable";

/// The bytes that are looked at a second time, to tell what stands at each path.
const MOST_TOLD: u64 = 64 << 30;
/// How many stories are told at a time.
const STORIES: usize = 4096;

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
    texts: Mutex<HashMap<Nr, Vec<Occurrence>>>,
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
        Self { repo, collector, clean: None, texts: Mutex::default() }
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
        self.with_examined(stored, path, then);
        (0, false)
    }

    /// Calls `then` with what a blob holds, without counting it.
    fn with_examined<T>(&self, stored: &[u8], path: Option<&str>, then: impl FnOnce(&Examined, &Blob<'_>) -> T) -> T {
        with_blob(stored, path, |blob| {
            let examined = SCRATCH.with_borrow_mut(|scratch| examine(self.collector.detector, blob.bytes, path, scratch));
            then(&examined, blob)
        })
    }

    /// Tells again what a blob holds, now that its path is known.
    pub(super) fn tell(&self, stored: &[u8], path: &str) -> Looked {
        self.tell_counted(stored, path).0
    }

    /// The same, with how many bytes came out of a container.
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

    fn blob(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Memory, &[Kept])>) -> (Keys, Memory) {
        self.collector.file(bytes.len() as u64);
        let detector = self.collector.detector;
        // A container is looked into whole, whatever it was stored as a delta of.
        if container::is_one(bytes) {
            let (keys, is_clean) = self.inside(nr, bytes);
            self.learn(nr, is_clean);
            return (keys, None);
        }
        if Encoding::of(&bytes[..bytes.len().min(text::PROBE)]) != Encoding::Bytes {
            return self.with_examined(bytes, None, |examined, blob| {
                self.learn(nr, is_clean(examined));
                (self.note(nr, examined, blob), None)
            });
        }
        let old = made_from.and_then(|(old, kept)| Some((old.as_ref()?, kept)));
        let base = old.map(|(old, kept)| (&old.memory, kept));
        let (derived, memory) = SCRATCH.with_borrow_mut(|scratch| examine_derived(detector, bytes, base, scratch));
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

/// Makes findings of what blobs held and history told.
struct Placer<'a> {
    sink: &'a GitCollector<'a>,
    history: &'a History,
    exclude: &'a GlobSet,
    key: &'a IdentityKey,
    linker: Option<Linker>,
    reader: Reader<'a>,
    /// The bytes that were looked at again.
    told: AtomicU64,
    /// By commit: on a remote branch, on the remote's default branch.
    pushed: Vec<bool>,
    merged: Vec<bool>,
}

impl<'a> Placer<'a> {
    fn new(sink: &'a GitCollector<'a>, history: &'a History, exclude: &'a GlobSet, key: &'a IdentityKey) -> Self {
        let repo = sink.repo;
        let tips = |wanted: &dyn Fn(&str) -> bool| {
            let tips: Vec<_> =
                history.refs.iter().filter(|r| wanted(&r.name)).filter_map(|r| history.graph.peel(r.target)).collect();
            history.graph.reachable(tips)
        };
        let bare = repo.work_tree.is_none();
        let has_remotes = history.refs.iter().any(|r| r.name.starts_with("refs/remotes/"));
        // A bare repository is what others push to: all that its refs reach was.
        let (pushed, merged) = if bare && !has_remotes {
            let head = repo.head_branch();
            (tips(&|_| true), tips(&|name| Some(name) == head.as_deref()))
        } else {
            let default = std::fs::read_to_string(repo.common_dir.join("refs/remotes/origin/HEAD"))
                .ok()
                .and_then(|t| t.strip_prefix("ref:").map(|n| n.trim().to_owned()));
            let is_default = |name: &str| match &default {
                Some(default) => name == default,
                None => matches!(name, "refs/remotes/origin/main" | "refs/remotes/origin/master" | "refs/remotes/origin/trunk"),
            };
            (tips(&|name| name.starts_with("refs/remotes/")), tips(&is_default))
        };
        Self {
            sink,
            history,
            exclude,
            key,
            linker: repo.remote_url.as_deref().and_then(Linker::of),
            reader: Reader::new(repo.objects()),
            told: AtomicU64::new(0),
            pushed,
            merged,
        }
    }

    fn findings(&mut self, scope: &Scope, rejected_too: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut rejected = Vec::new();
        let mut excluded = BTreeSet::new();
        let history = self.history;
        // So many stories at a time: what blobs hold is told again for those that stories speak of.
        for stories in history.stories.chunks(STORIES) {
            let seen = self.seen(stories);
            for (n, story) in stories.iter().enumerate() {
                let path = String::from_utf8_lossy(&story.path);
                if self.exclude.is_match(&*path) {
                    excluded.insert(path);
                    continue;
                }
                if let Some(finding) = self.finding(story, |stand| seen.get(&(n, stand.blob))) {
                    let place = &finding.location;
                    if !place.container.is_empty() && !self.exclude.is_empty() && self.exclude.is_match(place.joined()) {
                        excluded.insert(place.joined().into());
                        continue;
                    }
                    if finding.confidence().is_some() { findings.push(finding) } else { rejected.push(finding) }
                }
            }
        }
        for path in excluded {
            self.sink.collector.exclude(ExcludeReason::Excluded, &path);
        }
        let mut loose = Vec::new();
        for nr in history.unattached.iter().filter(|_| scope.unreachable) {
            let Some(bytes) = self.reader.read(*nr) else { continue };
            let looked = self.sink.tell(&bytes, UNREACHABLE);
            loose.extend(looked.found.into_iter().chain(looked.rejected).map(|mut o| {
                o.location.blob = Some(self.sink.repo.objects().id(*nr).to_string());
                o
            }));
        }
        loose.extend(self.texts());
        let (kept, dropped): (Vec<_>, Vec<_>) = loose.into_iter().partition(|o| crate::judge::level(o.score).is_some());
        let mut inner = self.sink.collector.lock();
        inner.found.extend(kept);
        if rejected_too {
            inner.rejected.extend(dropped);
            inner.placed_rejected.extend(rejected);
        }
        findings
    }

    /// What the blobs hold that `stories` speak of, by story and blob.
    fn seen(&self, stories: &[Story]) -> HashMap<(usize, Nr), Occurrence> {
        // A blob is read once for each path: all stories of a path stand together.
        let mut wanted: Vec<(Nr, &[u8], usize)> = Vec::new();
        for (n, story) in stories.iter().enumerate() {
            let stands = story.introduced.iter().chain([&story.last]).chain(&story.at_head);
            wanted.extend(stands.map(|stand| (stand.blob, &story.path[..], n)));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut groups: Vec<&[(Nr, &[u8], usize)]> = wanted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        // Blobs of one path are versions of each other: they share bases.
        groups.sort_by_key(|group| (group[0].1, group[0].0));
        let (sink, bytes_told) = (self.sink, &self.told);
        let told = groups.par_chunks(64).map(|groups| {
            // A blob can stand at any number of paths.
            if bytes_told.load(Ordering::Relaxed) > MOST_TOLD {
                sink.collector.skip(SkipReason::AttributionBudget, "findings in many places", 0);
                return Vec::new();
            }
            let mut reader = Reader::new(sink.repo.objects());
            let mut told = Vec::new();
            for group in groups {
                let Some(bytes) = reader.read(group[0].0) else { continue };
                bytes_told.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                let (looked, unpacked) = sink.tell_counted(&bytes, &String::from_utf8_lossy(group[0].1));
                bytes_told.fetch_add(unpacked, Ordering::Relaxed);
                for o in looked.found.into_iter().chain(looked.rejected) {
                    let key = key_of(o.rule.family(), o.secret.expose(), o.member);
                    let of_key = group.iter().filter(|(_, _, n)| stories[*n].key == key);
                    told.extend(of_key.map(|(nr, _, n)| ((*n, *nr), o.clone())));
                }
            }
            told
        });
        let mut seen: HashMap<(usize, Nr), Occurrence> = HashMap::new();
        for (place, occurrence) in told.collect::<Vec<_>>().into_iter().flatten() {
            // Of several in one blob the first counts, and speaks for the others.
            match seen.entry(place) {
                Entry::Vacant(entry) => _ = entry.insert(occurrence),
                Entry::Occupied(mut entry) => entry.get_mut().location.speak_for(&occurrence.location),
            }
        }
        seen
    }

    /// What stood in messages of commits and tags that were asked for.
    fn texts(&mut self) -> Vec<Occurrence> {
        let texts = std::mem::take(&mut *self.sink.texts.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut commits: HashMap<Nr, (ObjectId, i64)> = HashMap::new();
        for (n, commit) in self.history.graph.commits.iter().enumerate() {
            if self.history.reachable[n] {
                commits.insert(commit.nr, (commit.id, commit.time));
            }
        }
        let mut found: Vec<(i64, ObjectId, Vec<Occurrence>)> = Vec::new();
        for (nr, occurrences) in texts {
            let commit = commits.get(&nr).copied();
            let (id, time) = match commit {
                Some(known) => known,
                None if self.history.tags.contains(&nr) => (self.sink.repo.objects().id(nr), i64::MAX),
                None => continue,
            };
            found.push((time, id, occurrences.into_iter().map(|o| self.in_text(o, nr, id, commit.is_some())).collect()));
        }
        found.sort_by_key(|a| (a.0, a.1));
        found.into_iter().flat_map(|(_, _, occurrences)| occurrences).collect()
    }

    fn in_text(&mut self, mut o: Occurrence, nr: Nr, id: ObjectId, is_commit: bool) -> Occurrence {
        let bytes = self.reader.read(nr);
        let at =
            AtCommit { id, bytes: bytes.as_ref().map_or(&[], |b| &b[..]), linker: self.linker.as_ref().filter(|_| is_commit) };
        o.location = at.of_text(o.location);
        o
    }

    fn finding<'s>(&mut self, story: &Story, seen: impl Fn(&Stand) -> Option<&'s Occurrence>) -> Option<Finding> {
        let stand = story.at_head.unwrap_or(story.last);
        let here = seen(&stand)?.clone();
        let path = String::from_utf8_lossy(&story.path).into_owned();
        let occurrences: Vec<Location> =
            story.introduced.iter().filter_map(|s| seen(s).map(|o| (s, o))).map(|(s, o)| self.location(*s, o, story)).collect();
        let first = story.introduced.first();
        let exposure = match first.map(|s| s.commit.0 as usize) {
            Some(n) if self.merged[n] => Exposure::Merged,
            Some(n) if self.pushed[n] => Exposure::Pushed,
            _ => Exposure::LocalOnly,
        };
        let placed = Placed {
            location: self.location(stand, &here, story),
            total: story.introduced_total,
            story: GitStory { introduced: occurrences.first().cloned(), exposure, at_tip: story.at_tip.clone() },
            occurrences,
        };
        Some(finding_at(here, &path, self.key, placed))
    }

    fn location(&mut self, stand: Stand, o: &Occurrence, story: &Story) -> Location {
        let commit = self.history.graph.get(stand.commit);
        let blob = self.sink.repo.objects().id(stand.blob);
        let bytes = self.reader.read(commit.nr);
        let at = AtCommit { id: commit.id, bytes: bytes.as_ref().map_or(&[], |b| &b[..]), linker: self.linker.as_ref() };
        located(&o.location, &story.path, blob, Some(&at))
    }
}

/// Where a finding stands in a repository.
pub(super) struct Placed {
    pub location: Location,
    pub occurrences: Vec<Location>,
    pub total: usize,
    pub story: GitStory,
}

/// The finding of a secret at a path.
pub(super) fn finding_at(here: Occurrence, path: &str, key: &IdentityKey, placed: Placed) -> Finding {
    Finding {
        rule: here.rule,
        secret_id: key.secret_id(here.secret.expose()),
        fingerprint: key.fingerprint(here.rule.family(), here.secret.expose(), &here.location.joined_from(path)),
        shown: here.shown,
        score: here.score,
        reasons: here.reasons,
        path_class: PathClass::of(here.location.container.last().map_or(path, String::as_str)),
        snippet: here.snippet,
        location: placed.location,
        occurrences_total: placed.total,
        occurrences: placed.occurrences,
        git: Some(placed.story),
        also: here.also.iter().map(|r| r.id).collect(),
        companions: here.companions,
        structure: here.structure,
        beside: Some(here.beside).filter(|b| !b.is_empty()).into_iter().collect(),
        verification: None,
        inline: here.inline,
        allowed: None,
        target: here.target,
        secret: here.secret,
    }
}

/// A commit in which something stands.
pub(super) struct AtCommit<'a> {
    pub id: ObjectId,
    pub bytes: &'a [u8],
    pub linker: Option<&'a Linker>,
}

impl AtCommit<'_> {
    /// The place with this commit or tag, and who made it.
    fn sign(&self, place: Location) -> Location {
        let signature = author(self.bytes);
        Location {
            author: signature.as_ref().map(|s| s.name.clone()),
            email: signature.as_ref().map(|s| s.email.clone()),
            date: signature.map(|s| date::rfc3339(s.time, s.offset)),
            commit: Some(self.id.to_string()),
            ..place
        }
    }

    /// A place in its own text; only commits have a linker.
    pub(super) fn of_text(&self, place: Location) -> Location {
        Location { link: self.linker.map(|l| l.commit(&self.id.to_string())), ..self.sign(place) }
    }
}

/// A place within a blob, with where git has the blob.
pub(super) fn located(place: &Location, path: &[u8], blob: ObjectId, at: Option<&AtCommit<'_>>) -> Location {
    let shown = String::from_utf8_lossy(path).into_owned();
    let place = Location {
        path_bytes: std::str::from_utf8(path).is_err().then(|| base64::engine::general_purpose::STANDARD.encode(path)),
        blob: Some(blob.to_string()),
        // A line of a member is no line of the file.
        link: at.and_then(|at| {
            let line = if place.container.is_empty() { place.start_line } else { 1 };
            Some(at.linker?.line(&at.id.to_string(), &shown, line))
        }),
        path: shown,
        ..place.clone()
    };
    match at {
        Some(at) => at.sign(place),
        None => place,
    }
}

/// How many occurrences history tells of one finding.
const _: () = assert!(group::MOST_OCCURRENCES == crate::source::git::attribution::MOST_STANDS);
