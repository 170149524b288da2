//! What a change adds: the commits of a range, or the index. Files are judged whole; what stood at the same path before, and
//! what only moved, is not new.

use super::git::{GitCollector, NAME, REF, key_of};
use super::placing::{AtCommit, Placed, finding_at, located};
use super::{Collector, Looked};
use crate::finding::{Exposure, Finding, GitStory, IdentityKey, Location, Occurrence, group};
use crate::source::git::Repository;
use crate::source::git::attribution::Key;
use crate::source::git::changes::{Change, Changes, Comparison, blob_at};
use crate::source::git::link::Linker;
use crate::source::git::lookup::{Lookup, Lost, Store};
use crate::source::git::objects::Kind;
use crate::source::git::range::{InRange, Range, tree_of};
use crate::source::git::staged::{IndexError, staged};
use crate::source::{ExcludeReason, Sink as _, SkipReason};
use gix::hash::ObjectId;
use globset::GlobSet;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

/// What to look at of a range.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Commits whose history is looked at, with the names that reports give them.
    pub heads: Vec<(String, ObjectId)>,
    /// Commits that hold, with all of their history, what is known.
    pub bases: Vec<ObjectId>,
    /// What stands at a base's own tip is no news either, beyond what stood where head and base meet.
    pub tips_are_known: bool,
    /// Tags that are looked at with their messages.
    pub tags: Vec<ObjectId>,
    /// Blobs and trees that a ref names without a commit.
    pub loose: Vec<ObjectId>,
    /// Names of refs that are new.
    pub ref_names: Vec<String>,
    /// Commits of these are pushed already.
    pub pushed: Vec<ObjectId>,
    /// Only commits of this time, in seconds since 1970, both ends included.
    pub since: Option<i64>,
    pub until: Option<i64>,
    /// Only so many commits, the youngest.
    pub most: Option<usize>,
}

/// How many files that are gone are looked into for what only moved.
const MOST_GONE: usize = 20_000;

/// Scans what commits of a range add into `collector`; tells how many commits there were.
pub fn scan_range(repo: &Repository, asked: &Asked, exclude: &GlobSet, collector: &Collector<'_>, key: &IdentityKey) -> usize {
    let store = repo.store();
    let sink = GitCollector::new(repo, collector);
    let scan = Scan { sink: &sink, store: &store, key, linker: repo.remote_url.as_deref().and_then(Linker::of) };
    let mut lookup = Lookup::new(&store);
    let heads: Vec<ObjectId> = asked.heads.iter().map(|(_, id)| *id).collect();
    let mut range = Range::between(&mut lookup, &heads, &asked.bases);
    let is_old = |time: i64| asked.since.is_some_and(|since| time < since) || asked.until.is_some_and(|until| time > until);
    range.commits.retain(|commit| !is_old(commit.header.time));
    if let Some(most) = asked.most {
        range.commits.drain(..range.commits.len().saturating_sub(most));
    }
    range.cut = range.commits.iter().any(|commit| commit.cut);
    sink.note_refused();
    for id in &range.corrupt {
        collector.skip(SkipReason::CorruptObject, &id.to_string(), 0);
    }
    let known_trees: Vec<ObjectId> = range
        .meets
        .iter()
        .chain(asked.bases.iter().filter(|_| asked.tips_are_known || range.cut))
        .filter_map(|commit| tree_of(&mut lookup, *commit))
        .collect();
    if range.cut {
        collector.skip(SkipReason::MissingObject, "commits between the base and the head", 0);
    }
    let local = if asked.pushed.is_empty() {
        None
    } else {
        let local = Range::between(&mut lookup, &heads, &asked.pushed);
        Some(local.commits.into_iter().map(|c| c.id).collect::<HashSet<_>>())
    };
    let mut changes: Vec<(usize, Change)> = Vec::new();
    for (n, commit) in range.commits.iter().enumerate() {
        if collector.stop().is_asked() {
            break;
        }
        let mut before: Vec<ObjectId> = commit.header.parents.iter().filter_map(|p| tree_of(&mut lookup, *p)).collect();
        if commit.cut {
            // What came between is not here: what the base has is all that is known to be old.
            before.extend(&known_trees);
        }
        let found = Comparison::new(&mut lookup, false).trees(commit.header.tree, &before);
        scan.note(&found);
        changes.extend(found.changed.into_iter().map(|change| (n, change)));
        scan.texts(&mut lookup, commit);
    }
    scan.leave_out(exclude, &mut changes);
    scan.names(&changes);
    scan.tags(&mut lookup, &asked.tags);
    sink.plain_text(REF, asked.ref_names.join("\n").as_bytes());
    for id in &asked.loose {
        scan.loose(&mut lookup, id);
    }
    let mut added = scan.added(&changes);
    scan.drop_known(&mut lookup, &known_trees, &mut added);
    let mut tips: Vec<Tip<'_>> = Vec::new();
    for (name, commit) in &asked.heads {
        tips.extend(tree_of(&mut lookup, *commit).map(|tree| Tip { name, commit: *commit, tree }));
    }
    if let Some(Tip { tree: tip, .. }) = tips.first().filter(|_| !added.is_empty() && !known_trees.is_empty()) {
        let gone = Comparison::new(&mut lookup, true).trees(*tip, &known_trees).gone;
        scan.drop_moved(&mut lookup, &gone, &mut added);
    }
    let exposure = |commit: ObjectId| match &local {
        Some(local) if !local.contains(&commit) => Exposure::Pushed,
        _ => Exposure::LocalOnly,
    };
    let findings = scan.of_range(&mut lookup, &range.commits, added, &tips, exposure);
    collector.lock().placed.extend(findings);
    range.commits.len()
}

/// Scans what the index, or the one at `index`, adds to `parents` into `collector`; tells which paths it looked at and which
/// are in conflict.
///
/// # Errors
/// Where the index cannot be read.
pub fn scan_staged(
    repo: &Repository,
    index: Option<&Path>,
    parents: &[ObjectId],
    only: Option<&[Vec<u8>]>,
    exclude: &GlobSet,
    collector: &Collector<'_>,
    key: &IdentityKey,
) -> Result<Vec<Vec<u8>>, IndexError> {
    let store = repo.store();
    let sink = GitCollector::new(repo, collector);
    let scan = Scan { sink: &sink, store: &store, key, linker: None };
    let mut lookup = Lookup::new(&store);
    let mut found = staged(repo, &mut lookup, index, parents, false)?;
    sink.note_refused();
    if let Some(only) = only {
        found.changes.changed.retain(|change| only.contains(&change.path));
    }
    scan.note(&found.changes);
    let paths: Vec<Vec<u8>> = found.changes.changed.iter().map(|c| c.path.clone()).collect();
    let mut changes: Vec<(usize, Change)> = found.changes.changed.into_iter().map(|change| (0, change)).collect();
    scan.leave_out(exclude, &mut changes);
    scan.names(&changes);
    let mut added = scan.added(&changes);
    if !added.is_empty() {
        let gone = staged(repo, &mut lookup, index, parents, true)?.changes.gone;
        scan.drop_moved(&mut lookup, &gone, &mut added);
    }
    collector.lock().placed.extend(scan.of_index(added));
    Ok(paths)
}

/// Something that a change adds.
struct Added {
    /// The place of its commit in the range.
    commit: usize,
    path: Vec<u8>,
    blob: ObjectId,
    key: Key,
    occurrence: Occurrence,
}

/// What was added, by path and secret.
fn grouped(added: Vec<Added>) -> BTreeMap<(Vec<u8>, Key), Vec<Added>> {
    let mut groups: BTreeMap<(Vec<u8>, Key), Vec<Added>> = BTreeMap::new();
    for one in added {
        groups.entry((one.path.clone(), one.key)).or_default().push(one);
    }
    groups
}

/// A changed file: its path, its blob, and those before.
type Wanted<'c> = (&'c [u8], ObjectId, &'c [ObjectId]);

/// The end of a range.
struct Tip<'a> {
    name: &'a str,
    commit: ObjectId,
    tree: ObjectId,
}

struct Scan<'a> {
    sink: &'a GitCollector<'a>,
    store: &'a Store,
    key: &'a IdentityKey,
    linker: Option<Linker>,
}

impl Scan<'_> {
    fn collector(&self) -> &Collector<'_> {
        self.sink.collector
    }

    fn note(&self, changes: &Changes) {
        for _ in 0..changes.missing {
            self.collector().skip(SkipReason::MissingObject, "trees", 0);
        }
        for _ in 0..changes.corrupt {
            self.collector().skip(SkipReason::CorruptObject, "trees", 0);
        }
        if changes.cut_short {
            self.collector().skip(SkipReason::AttributionBudget, "trees", 0);
        }
    }

    /// Leaves out files that config or flags exclude.
    fn leave_out(&self, exclude: &GlobSet, changes: &mut Vec<(usize, Change)>) {
        let mut left_out: BTreeSet<String> = BTreeSet::new();
        changes.retain(|(_, change)| {
            let path = String::from_utf8_lossy(&change.path);
            let is_out = exclude.is_match(&*path);
            if is_out {
                left_out.insert(path.into_owned());
            }
            !is_out
        });
        for path in left_out {
            self.collector().exclude(ExcludeReason::Excluded, &path);
        }
    }

    /// Looks at a commit's author and message.
    fn texts(&self, lookup: &mut Lookup<'_>, commit: &InRange) {
        let Ok(bytes) = lookup.read_kind(&commit.id, Kind::Commit) else { return };
        self.text_of(&commit.id, Kind::Commit, &bytes);
    }

    fn tags(&self, lookup: &mut Lookup<'_>, tags: &[ObjectId]) {
        for tag in tags {
            match lookup.read(tag) {
                Ok(object) if object.kind == Kind::Tag => self.text_of(tag, Kind::Tag, &object.bytes),
                Ok(_) => {}
                Err(lost) => self.lost(lost, tag),
            }
        }
    }

    /// Looks at what a ref names without a commit around it.
    fn loose(&self, lookup: &mut Lookup<'_>, id: &ObjectId) {
        let blobs = match lookup.read(id) {
            Ok(object) if object.kind == Kind::Blob => vec![(b"git:unreachable".to_vec(), *id)],
            Ok(object) if object.kind == Kind::Tree => {
                let found = Comparison::new(lookup, false).trees(*id, &[]);
                self.note(&found);
                found.changed.into_iter().map(|change| (change.path, change.blob)).collect()
            }
            Ok(_) => Vec::new(),
            Err(lost) => return self.lost(lost, id),
        };
        for (path, blob) in blobs {
            let Ok(bytes) = lookup.read_kind(&blob, Kind::Blob) else { continue };
            self.collector().file(bytes.len() as u64);
            self.sink.plain_text(&String::from_utf8_lossy(&path), &bytes);
        }
    }

    fn text_of(&self, id: &ObjectId, kind: Kind, bytes: &[u8]) {
        let mut looked = self.sink.look_at_text(kind, bytes);
        let at = AtCommit { id: *id, bytes, linker: self.linker.as_ref().filter(|_| kind == Kind::Commit) };
        for o in looked.found.iter_mut().chain(&mut looked.rejected) {
            o.location = at.of_text(std::mem::take(&mut o.location));
        }
        self.collector().add(looked);
    }

    /// Looks at the names of new files.
    fn names(&self, changes: &[(usize, Change)]) {
        let mut names: Vec<&[u8]> = changes
            .iter()
            .filter(|(_, change)| change.was.is_empty())
            .flat_map(|(_, change)| change.path.split(|b| *b == b'/'))
            .collect();
        names.sort_unstable();
        names.dedup();
        let lines: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).replace('\n', " ")).collect();
        self.sink.plain_text(NAME, lines.join("\n").as_bytes());
    }

    fn lost(&self, lost: Lost, id: &ObjectId) {
        let reason = if lost == Lost::Missing { SkipReason::MissingObject } else { SkipReason::CorruptObject };
        self.collector().skip(reason, &id.to_string(), 0);
    }

    /// What changed files hold that they did not hold before.
    fn added(&self, changes: &[(usize, Change)]) -> Vec<Added> {
        // The same change can come in several commits, of which the first counts first.
        let mut wanted: BTreeMap<Wanted<'_>, Vec<usize>> = BTreeMap::new();
        for (commit, change) in changes {
            wanted.entry((&change.path, change.blob, &change.was)).or_default().push(*commit);
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        let look = |lookup: &mut Lookup<'_>, ((path, blob, was), commits): &(Wanted<'_>, Vec<usize>)| {
            if self.collector().stop().is_asked() {
                return Vec::new();
            }
            let bytes = match lookup.read_kind(blob, Kind::Blob) {
                Ok(bytes) => bytes,
                Err(lost) => {
                    self.lost(lost, blob);
                    return Vec::new();
                }
            };
            self.collector().file(bytes.len() as u64);
            let shown = String::from_utf8_lossy(path);
            let Looked { found, rejected, is_noted, .. } = self.sink.look(&bytes, Some(&shown));
            self.collector().add(Looked { rejected, is_noted, ..Looked::default() });
            if found.is_empty() {
                return Vec::new();
            }
            let known: HashSet<Key> = was.iter().flat_map(|id| self.keys_of(lookup, *id, &shown)).collect();
            let keyed = found.into_iter().map(|o| (key_of(o.rule.family(), o.secret.expose(), o.member), o));
            let new = keyed.filter(|(key, _)| !known.contains(key));
            new.flat_map(|(key, occurrence)| {
                commits.iter().map(move |commit| Added {
                    commit: *commit,
                    path: path.to_vec(),
                    blob: *blob,
                    key,
                    occurrence: occurrence.clone(),
                })
            })
            .collect()
        };
        if wanted.len() < 8 {
            // Most commits change a few files: threads would take longer to wake up.
            let mut lookup = Lookup::new(self.store);
            return wanted.iter().flat_map(|w| look(&mut lookup, w)).collect();
        }
        let added: Vec<Vec<Added>> = wanted.par_iter().map_init(|| Lookup::new(self.store), look).collect();
        added.into_iter().flatten().collect()
    }

    /// The keys of what a blob holds at a path.
    fn keys_of(&self, lookup: &mut Lookup<'_>, blob: ObjectId, path: &str) -> Vec<Key> {
        lookup.read_kind(&blob, Kind::Blob).map_or_else(|_| Vec::new(), |bytes| self.sink.keys_at(&bytes, path).to_vec())
    }

    /// Drops what stands at the same path of a known tree.
    fn drop_known(&self, lookup: &mut Lookup<'_>, trees: &[ObjectId], added: &mut Vec<Added>) {
        let mut known: HashMap<Vec<u8>, HashSet<Key>> = HashMap::new();
        added.retain(|one| {
            let keys = known.entry(one.path.clone()).or_insert_with(|| {
                let shown = String::from_utf8_lossy(&one.path);
                let blobs: HashSet<ObjectId> = trees.iter().filter_map(|tree| blob_at(lookup, *tree, &one.path)).collect();
                blobs.into_iter().flat_map(|blob| self.keys_of(lookup, blob, &shown)).collect()
            });
            !keys.contains(&one.key)
        });
    }

    /// Drops what stood in files that are gone: it moved. What moved from one place stands in one place now; more are copies.
    fn drop_moved(&self, lookup: &mut Lookup<'_>, gone: &[(Vec<u8>, ObjectId)], added: &mut Vec<Added>) {
        let mut left: HashMap<Key, usize> = HashMap::new();
        for (path, blob) in gone.iter().take(MOST_GONE).filter(|_| !added.is_empty()) {
            for key in self.keys_of(lookup, *blob, &String::from_utf8_lossy(path)) {
                *left.entry(key).or_default() += 1;
            }
        }
        let places: BTreeSet<(Key, &[u8])> = added.iter().map(|one| (one.key, &one.path[..])).collect();
        let mut moved: HashSet<(Key, Vec<u8>)> = HashSet::new();
        for (key, path) in places {
            if let Some(left) = left.get_mut(&key).filter(|left| **left > 0) {
                *left -= 1;
                moved.insert((key, path.to_vec()));
            }
        }
        added.retain(|one| !moved.contains(&(one.key, one.path.clone())));
    }

    /// The findings of a range: where each stands at the tip, else where it stood last.
    fn of_range(
        &self,
        lookup: &mut Lookup<'_>,
        commits: &[InRange],
        added: Vec<Added>,
        tips: &[Tip<'_>],
        exposure: impl Fn(ObjectId) -> Exposure,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for ((path, key), mut stands) in grouped(added) {
            stands.sort_by_key(|one| (one.commit, one.occurrence.location.byte_start));
            // Of several in one commit the first counts, and speaks for the others.
            stands.dedup_by(|one, first| {
                let is_same = one.commit == first.commit;
                if is_same {
                    first.occurrence.location.speak_for(&one.occurrence.location);
                }
                is_same
            });
            let shown = String::from_utf8_lossy(&path).into_owned();
            let mut places: Vec<Location> = Vec::new();
            for one in stands.iter().take(group::MOST_OCCURRENCES) {
                places.push(self.place(lookup, &one.occurrence, &path, one.blob, commits[one.commit].id));
            }
            let at_tip = tips.iter().find_map(|tip| {
                let blob = blob_at(lookup, tip.tree, &path)?;
                let bytes = lookup.read_kind(&blob, Kind::Blob).ok()?;
                let all = self.sink.tell(&bytes, &shown).found;
                let mut here = all.into_iter().filter(|o| key_of(o.rule.family(), o.secret.expose(), o.member) == key);
                let mut first = here.next()?;
                here.for_each(|o| first.location.speak_for(&o.location));
                let here = first;
                Some((here, blob, tip))
            });
            let first = commits[stands[0].commit].id;
            let total = stands.len();
            let (here, location, tip) = if let Some((here, blob, tip)) = at_tip {
                let location = self.place(lookup, &here, &path, blob, tip.commit);
                (here, location, vec![tip.name.to_owned()])
            } else {
                let Some(last) = stands.pop() else { continue };
                let location = self.place(lookup, &last.occurrence, &path, last.blob, commits[last.commit].id);
                (last.occurrence, location, Vec::new())
            };
            let story = GitStory { introduced: places.first().cloned(), exposure: exposure(first), at_tip: tip };
            findings.push(finding_at(here, &shown, self.key, Placed { location, occurrences: places, total, story }));
        }
        findings
    }

    fn place(&self, lookup: &mut Lookup<'_>, o: &Occurrence, path: &[u8], blob: ObjectId, commit: ObjectId) -> Location {
        let bytes = lookup.read_kind(&commit, Kind::Commit).map(|b| b.to_vec()).unwrap_or_default();
        located(&o.location, path, blob, Some(&AtCommit { id: commit, bytes: &bytes, linker: self.linker.as_ref() }))
    }

    /// The findings of the index.
    fn of_index(&self, added: Vec<Added>) -> Vec<Finding> {
        let finding = |((path, _), stands): ((Vec<u8>, Key), Vec<Added>)| {
            let places: Vec<Location> =
                stands.iter().map(|one| located(&one.occurrence.location, &path, one.blob, None)).collect();
            let here = stands.into_iter().next()?.occurrence;
            let story = GitStory { introduced: None, exposure: Exposure::Staged, at_tip: Vec::new() };
            let stands_at = Placed {
                location: places.first()?.clone(),
                total: places.len(),
                occurrences: places.into_iter().take(group::MOST_OCCURRENCES).collect(),
                story,
            };
            Some(finding_at(here, &String::from_utf8_lossy(&path), self.key, stands_at))
        };
        grouped(added).into_iter().filter_map(finding).collect()
    }
}
