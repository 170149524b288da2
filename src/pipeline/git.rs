//! Findings of a git repository: blobs first, then history says where and when they stood.

use super::{Collector, Looked};
use crate::detect::ByteSpan;
use crate::finding::location::Base;
use crate::finding::{Exposure, Finding, GitStory, IdentityKey, Location, Occurrence, date, group};
use crate::judge::PathClass;
use crate::source::git::attribution::{Key, Stand, Story};
use crate::source::git::graph::author;
use crate::source::git::link::Linker;
use crate::source::git::objects::{Kind, Nr, Reader};
use crate::source::git::{GitSink, History, Repository, Scope};
use crate::source::{Blob, Encoding, Origin, Sink as _, SkipReason, text, tree};
use base64::Engine as _;
use gix::hash::ObjectId;
use std::collections::HashMap;
use std::sync::Mutex;

/// Paths of what is no file. They are the same in every commit, so that a rebase changes no fingerprint.
const MESSAGE: &str = "git:commit-message";
const AUTHOR: &str = "git:author";
const TAG: &str = "git:tag-message";
const NAME: &str = "git:path-name";
const REF: &str = "git:ref-name";
const UNREACHABLE: &str = "git:unreachable";

/// Scans a repository into `collector`. Tells whether a branch that was asked for is there.
pub fn scan_repository(repo: &Repository, scope: &Scope, target: usize, collector: &Collector<'_>, key: &IdentityKey) -> bool {
    let sink = GitCollector { repo, collector, target, blobs: Mutex::default(), texts: Mutex::default() };
    let history = History::scan(repo, scope, &sink);
    if history.unknown_branch {
        return false;
    }
    sink.note_gaps(&history);
    let rejected_too = collector.keep_rejected;
    let placed = Placer::new(&sink, &history, key).findings(scope, rejected_too);
    let ref_names: Vec<&str> = history.refs.iter().map(|r| r.name.as_str()).collect();
    sink.plain_text(REF, ref_names.join("\n").as_bytes());
    tree::scan_git_folder(repo, target, collector);
    collector.lock().placed.extend(placed);
    true
}

struct GitCollector<'a> {
    repo: &'a Repository,
    collector: &'a Collector<'a>,
    target: usize,
    blobs: Mutex<HashMap<Nr, Vec<(Key, Occurrence)>>>,
    texts: Mutex<HashMap<Nr, Vec<Occurrence>>>,
}

/// Names a secret under a rule family within this run.
fn key_of(o: &Occurrence) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key("keysift run key v1");
    hasher.update(o.rule.family().as_bytes());
    hasher.update(&[0]);
    hasher.update(o.secret.expose());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

impl GitCollector<'_> {
    fn look(&self, stored: &[u8], path: Option<&str>) -> Looked {
        let encoding = Encoding::of(&stored[..stored.len().min(text::PROBE)]);
        let mut wide = Vec::new();
        let bytes = if encoding.is_wide() {
            encoding.transcode(&stored[encoding.mark_len()..], &mut wide);
            &wide[..]
        } else {
            &stored[encoding.mark_len()..]
        };
        let origin = Origin { path: path.unwrap_or_default().to_owned(), target: self.target, ..Origin::default() };
        let blob = Blob {
            bytes,
            core: ByteSpan::new(0, bytes.len()),
            base: Base::default(),
            stored_before: encoding.mark_len() as u64,
            encoding,
            origin: &origin,
        };
        self.collector.look(&blob, path)
    }

    /// Text that has no history.
    fn plain_text(&self, path: &str, bytes: &[u8]) {
        let looked = self.look(bytes, Some(path));
        let mut inner = self.collector.lock();
        inner.found.extend(looked.found);
        inner.rejected.extend(looked.rejected);
    }

    fn note_gaps(&self, history: &History) {
        let note = |reason: SkipReason, n: u64, what: &str| {
            for _ in 0..n {
                self.collector.skip(reason, what, 0);
            }
        };
        note(SkipReason::MissingObject, history.missing, "blobs and trees that commits name");
        note(SkipReason::MissingObject, history.cut, "parents of commits");
        for path in &self.repo.refused {
            self.collector.skip(SkipReason::OutsideAlternate, &path.to_string_lossy(), 0);
        }
        for path in &self.repo.objects.broken_packs {
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

impl GitSink for GitCollector<'_> {
    fn blob(&self, nr: Nr, bytes: &[u8]) -> Vec<Key> {
        self.collector.file(bytes.len() as u64);
        let looked = self.look(bytes, None);
        let found: Vec<(Key, Occurrence)> = looked.found.into_iter().chain(looked.rejected).map(|o| (key_of(&o), o)).collect();
        if found.is_empty() {
            return Vec::new();
        }
        let keys = found.iter().map(|(key, _)| *key).collect();
        self.blobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(nr, found);
        keys
    }

    fn text(&self, nr: Nr, kind: Kind, bytes: &[u8]) {
        let end = memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2);
        let (head, message) = bytes.split_at(end);
        let message_path = if kind == Kind::Tag { TAG } else { MESSAGE };
        let mut found = Vec::new();
        for (text, path) in [(head, AUTHOR), (message, message_path)] {
            let looked = self.look(text, Some(path));
            found.extend(looked.found);
            found.extend(looked.rejected);
        }
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
    key: &'a IdentityKey,
    linker: Option<Linker>,
    reader: Reader<'a>,
    /// By commit: on a remote branch, on the remote's default branch.
    pushed: Vec<bool>,
    merged: Vec<bool>,
}

impl<'a> Placer<'a> {
    fn new(sink: &'a GitCollector<'a>, history: &'a History, key: &'a IdentityKey) -> Self {
        let repo = sink.repo;
        let tips = |wanted: &dyn Fn(&str) -> bool| {
            let tips: Vec<_> =
                history.refs.iter().filter(|r| wanted(&r.name)).filter_map(|r| history.graph.peel(r.target)).collect();
            history.graph.reachable(tips)
        };
        let bare = repo.work_tree.is_none();
        let has_remotes = history.refs.iter().any(|r| r.name.starts_with("refs/remotes/"));
        // A bare repository is what others push to: its branches are the remote ones.
        let (pushed, merged) = if bare && !has_remotes {
            let head = repo.head_branch();
            (tips(&|name| name.starts_with("refs/heads/")), tips(&|name| Some(name) == head.as_deref()))
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
            key,
            linker: repo.remote_url.as_deref().and_then(Linker::of),
            reader: Reader::new(&repo.objects),
            pushed,
            merged,
        }
    }

    fn findings(&mut self, scope: &Scope, rejected_too: bool) -> Vec<Finding> {
        let blobs = std::mem::take(&mut *self.sink.blobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut findings = Vec::new();
        let mut rejected = Vec::new();
        for story in &self.history.stories {
            if let Some(finding) = self.finding(story, &blobs) {
                if finding.confidence().is_some() { findings.push(finding) } else { rejected.push(finding) }
            }
        }
        let mut loose = Vec::new();
        if scope.unreachable {
            for nr in &self.history.unattached {
                for (_, o) in blobs.get(nr).into_iter().flatten() {
                    let mut o = o.clone();
                    UNREACHABLE.clone_into(&mut o.location.path);
                    o.location.blob = Some(self.sink.repo.objects.id(*nr).to_string());
                    loose.push(o);
                }
            }
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
                None if self.history.tags.contains(&nr) => (self.sink.repo.objects.id(nr), i64::MAX),
                None => continue,
            };
            found.push((time, id, occurrences.into_iter().map(|o| self.in_text(o, nr, id, commit.is_some())).collect()));
        }
        found.sort_by_key(|a| (a.0, a.1));
        found.into_iter().flat_map(|(_, _, occurrences)| occurrences).collect()
    }

    fn in_text(&mut self, mut o: Occurrence, nr: Nr, id: ObjectId, is_commit: bool) -> Occurrence {
        o.location.commit = Some(id.to_string());
        if let Some(signature) = self.reader.read(nr).and_then(|bytes| author(&bytes)) {
            o.location.author = Some(signature.name);
            o.location.email = Some(signature.email);
            o.location.date = Some(date::rfc3339(signature.time, signature.offset));
        }
        o.location.link = self.linker.as_ref().filter(|_| is_commit).map(|l| l.commit(&id.to_string()));
        o
    }

    fn finding(&mut self, story: &Story, blobs: &HashMap<Nr, Vec<(Key, Occurrence)>>) -> Option<Finding> {
        let stand = story.at_head.unwrap_or(story.last);
        let seen = |stand: &Stand| blobs.get(&stand.blob)?.iter().find(|(key, _)| *key == story.key).map(|(_, o)| o);
        let here = seen(&stand)?.clone();
        let path = String::from_utf8_lossy(&story.path).into_owned();
        if here.rule.path.is_some_and(|pattern| !crate::examine::path_matches(pattern, &path)) {
            return None;
        }
        let occurrences: Vec<Location> =
            story.introduced.iter().filter_map(|s| seen(s).map(|o| (s, o))).map(|(s, o)| self.location(*s, o, story)).collect();
        let first = story.introduced.first();
        let exposure = match first.map(|s| s.commit.0 as usize) {
            Some(n) if self.merged[n] => Exposure::Merged,
            Some(n) if self.pushed[n] => Exposure::Pushed,
            _ => Exposure::LocalOnly,
        };
        Some(Finding {
            rule: here.rule,
            secret_id: self.key.secret_id(here.secret.expose()),
            fingerprint: self.key.fingerprint(here.rule.family(), here.secret.expose(), &path),
            shown: here.shown.clone(),
            score: here.score,
            reasons: here.reasons.clone(),
            path_class: PathClass::of(&path),
            snippet: here.snippet.clone(),
            location: self.location(stand, &here, story),
            occurrences_total: story.introduced_total,
            git: Some(GitStory { introduced: occurrences.first().cloned(), exposure, at_tip: story.at_tip.clone() }),
            occurrences,
            also: here.also.iter().map(|r| r.id).collect(),
            companions: here.companions.clone(),
            inline: here.inline.clone(),
            target: self.sink.target,
            secret: here.secret,
        })
    }

    fn location(&mut self, stand: Stand, o: &Occurrence, story: &Story) -> Location {
        let commit = self.history.graph.get(stand.commit);
        let path = String::from_utf8_lossy(&story.path).into_owned();
        let id = commit.id.to_string();
        let signature = self.reader.read(commit.nr).and_then(|bytes| author(&bytes));
        Location {
            path_bytes: std::str::from_utf8(&story.path)
                .is_err()
                .then(|| base64::engine::general_purpose::STANDARD.encode(&story.path)),
            blob: Some(self.sink.repo.objects.id(stand.blob).to_string()),
            link: self.linker.as_ref().map(|l| l.line(&id, &path, o.location.start_line)),
            author: signature.as_ref().map(|s| s.name.clone()),
            email: signature.as_ref().map(|s| s.email.clone()),
            date: signature.map(|s| date::rfc3339(s.time, s.offset)),
            commit: Some(id),
            path,
            ..o.location.clone()
        }
    }
}

/// How many occurrences history tells of one finding.
const _: () = assert!(group::MOST_OCCURRENCES == crate::source::git::attribution::MOST_STANDS);
