//! Where findings of a history stand: history says of what blobs held in which commits and at which paths it stood, and each
//! blob is told again with its path.

use super::git::{GitCollector, key_of};
use crate::finding::{Exposure, Finding, GitStory, IdentityKey, Location, Occurrence, date, group};
use crate::judge::PathClass;
use crate::source::git::attribution::{Stand, Story};
use crate::source::git::graph::author;
use crate::source::git::link::Linker;
use crate::source::git::objects::{Nr, Reader};
use crate::source::git::{History, Scope};
use crate::source::{ExcludeReason, Sink as _, SkipReason};
use base64::Engine as _;
use gix::hash::ObjectId;
use globset::GlobSet;
use rayon::prelude::*;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

const UNREACHABLE: &str = "git:unreachable";

/// The bytes that are looked at a second time, to tell what stands at each path.
const MOST_TOLD: u64 = 64 << 30;
/// How many stories are told at a time.
const STORIES: usize = 4096;

/// How many blobs a thread takes at a time to tell them again.
const BLOBS_AT_A_TIME: usize = 8;
/// So many stories at least share a reader, which remembers the commits that it read.
const STORIES_A_READER: usize = 64;

/// What is told of a story.
enum Told {
    Finding(Box<Finding>),
    /// It stands where config says that nobody looks.
    Excluded(String),
    Nothing,
}

/// Makes findings of what blobs held and history told.
pub(super) struct Placer<'a> {
    sink: &'a GitCollector<'a>,
    history: &'a History,
    exclude: &'a GlobSet,
    key: &'a IdentityKey,
    linker: Option<Linker>,
    /// The bytes that were looked at again.
    told: AtomicU64,
    /// By commit: on a remote branch, on the remote's default branch.
    pushed: Vec<bool>,
    merged: Vec<bool>,
}

impl<'a> Placer<'a> {
    pub(super) fn new(sink: &'a GitCollector<'a>, history: &'a History, exclude: &'a GlobSet, key: &'a IdentityKey) -> Self {
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
            told: AtomicU64::new(0),
            pushed,
            merged,
        }
    }

    pub(super) fn findings(&self, scope: &Scope, rejected_too: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut rejected = Vec::new();
        let mut excluded = BTreeSet::new();
        let history = self.history;
        // So many stories at a time: what blobs hold is told again for those that stories speak of.
        for stories in history.stories.chunks(STORIES) {
            let seen = self.seen(stories);
            let placed = stories.par_iter().enumerate().with_min_len(STORIES_A_READER);
            let placed = placed.map_init(
                || Reader::new(self.sink.repo.objects()),
                |reader, (n, story)| self.place(reader, story, |stand| seen.get(&(n, stand.blob)).map(|o| &**o)),
            );
            // In the order of stories, whoever made them.
            for told in placed.collect::<Vec<_>>() {
                match told {
                    Told::Finding(finding) if finding.confidence().is_some() => findings.push(*finding),
                    Told::Finding(finding) => rejected.push(*finding),
                    Told::Excluded(path) => _ = excluded.insert(path),
                    Told::Nothing => {}
                }
            }
        }
        for path in excluded {
            self.sink.collector.exclude(ExcludeReason::Excluded, &path);
        }
        let mut reader = Reader::new(self.sink.repo.objects());
        let mut loose = Vec::new();
        for nr in history.unattached.iter().filter(|_| scope.unreachable) {
            let Some(bytes) = reader.read(*nr) else { continue };
            let looked = self.sink.tell(&bytes, UNREACHABLE);
            loose.extend(looked.found.into_iter().chain(looked.rejected).map(|mut o| {
                o.location.blob = Some(self.sink.repo.objects().id(*nr).to_string());
                o
            }));
        }
        loose.extend(self.texts(&mut reader));
        let (kept, dropped): (Vec<_>, Vec<_>) = loose.into_iter().partition(|o| crate::judge::level(o.score).is_some());
        let mut inner = self.sink.collector.lock();
        inner.found.extend(kept);
        if rejected_too {
            inner.rejected.extend(dropped);
            inner.placed_rejected.extend(rejected);
        }
        findings
    }

    /// What is told of a story.
    fn place<'s>(&self, reader: &mut Reader<'_>, story: &Story, seen: impl Fn(&Stand) -> Option<&'s Occurrence>) -> Told {
        let path = String::from_utf8_lossy(&story.path);
        if self.exclude.is_match(&*path) {
            return Told::Excluded(path.into_owned());
        }
        let Some(finding) = self.finding(reader, story, seen) else { return Told::Nothing };
        let place = &finding.location;
        if !place.container.is_empty() && !self.exclude.is_empty() && self.exclude.is_match(place.joined()) {
            return Told::Excluded(place.joined());
        }
        Told::Finding(Box::new(finding))
    }

    /// What the blobs hold that `stories` speak of, by story and blob.
    fn seen(&self, stories: &[Story]) -> HashMap<(usize, Nr), Box<Occurrence>> {
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
        let reader = || Reader::new(sink.repo.objects());
        let told = groups.par_chunks(BLOBS_AT_A_TIME).map_init(reader, |reader, groups| {
            // A blob can stand at any number of paths.
            if bytes_told.load(Ordering::Relaxed) > MOST_TOLD {
                sink.collector.skip(SkipReason::AttributionBudget, "findings in many places", 0);
                return Vec::new();
            }
            let mut told = Vec::new();
            for group in groups {
                let Some(bytes) = reader.read(group[0].0) else { continue };
                bytes_told.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                let (looked, unpacked) = sink.tell_again(group[0].0, &bytes, &String::from_utf8_lossy(group[0].1));
                bytes_told.fetch_add(unpacked, Ordering::Relaxed);
                for o in looked.found.into_iter().chain(looked.rejected) {
                    let key = key_of(o.rule.family(), o.secret.expose(), o.member);
                    let of_key = group.iter().filter(|(_, _, n)| stories[*n].key == key);
                    told.extend(of_key.map(|(nr, _, n)| ((*n, *nr), Box::new(o.clone()))));
                }
            }
            told
        });
        let told: Vec<Vec<_>> = told.collect();
        let mut seen: HashMap<(usize, Nr), Box<Occurrence>> = HashMap::with_capacity(told.iter().map(Vec::len).sum());
        for (place, occurrence) in told.into_iter().flatten() {
            // Of several in one blob the first counts, and speaks for the others.
            match seen.entry(place) {
                Entry::Vacant(entry) => _ = entry.insert(occurrence),
                Entry::Occupied(mut entry) => entry.get_mut().location.speak_for(&occurrence.location),
            }
        }
        seen
    }

    /// What stood in messages of commits and tags that were asked for.
    fn texts(&self, reader: &mut Reader<'_>) -> Vec<Occurrence> {
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
            found.push((time, id, occurrences.into_iter().map(|o| self.in_text(reader, o, nr, id, commit.is_some())).collect()));
        }
        found.sort_by_key(|a| (a.0, a.1));
        found.into_iter().flat_map(|(_, _, occurrences)| occurrences).collect()
    }

    fn in_text(&self, reader: &mut Reader<'_>, mut o: Occurrence, nr: Nr, id: ObjectId, is_commit: bool) -> Occurrence {
        let bytes = reader.read(nr);
        let at =
            AtCommit { id, bytes: bytes.as_ref().map_or(&[], |b| &b[..]), linker: self.linker.as_ref().filter(|_| is_commit) };
        o.location = at.of_text(o.location);
        o
    }

    fn finding<'s>(
        &self,
        reader: &mut Reader<'_>,
        story: &Story,
        seen: impl Fn(&Stand) -> Option<&'s Occurrence>,
    ) -> Option<Finding> {
        let stand = story.at_head.unwrap_or(story.last);
        let here = seen(&stand)?.clone();
        let path = String::from_utf8_lossy(&story.path).into_owned();
        let occurrences: Vec<Location> =
            story.introduced.iter().filter_map(|s| Some(self.location(reader, *s, seen(s)?, story))).collect();
        let first = story.introduced.first();
        let exposure = match first.map(|s| s.commit.0 as usize) {
            Some(n) if self.merged[n] => Exposure::Merged,
            Some(n) if self.pushed[n] => Exposure::Pushed,
            _ => Exposure::LocalOnly,
        };
        let placed = Placed {
            location: self.location(reader, stand, &here, story),
            total: story.introduced_total,
            story: GitStory { introduced: occurrences.first().cloned(), exposure, at_tip: story.at_tip.clone() },
            occurrences,
        };
        Some(finding_at(here, &path, self.key, placed))
    }

    fn location(&self, reader: &mut Reader<'_>, stand: Stand, o: &Occurrence, story: &Story) -> Location {
        let commit = self.history.graph.get(stand.commit);
        let blob = self.sink.repo.objects().id(stand.blob);
        let bytes = reader.read(commit.nr);
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
    let fingerprint = key.fingerprint(here.rule.family(), here.secret.expose(), &here.location.joined_from(path));
    let path_class = PathClass::of(here.location.container.last().map_or(path, String::as_str));
    Finding {
        location: placed.location,
        occurrences_total: placed.total,
        occurrences: placed.occurrences,
        git: Some(placed.story),
        ..Finding::of(here, fingerprint, path_class, key)
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
