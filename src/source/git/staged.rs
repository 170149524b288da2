//! Which files the index changes: what `git commit` would record. The index's own notes of trees (the cache-tree extension)
//! tell which folders are as they were, and those are not read.

use super::changes::{Changes, Comparison, Names, push};
use super::lookup::Lookup;
use super::open::Repository;
use super::trees::EntryKind;
use gix::hash::ObjectId;
use gix::index::entry::{Flags, Mode, Stage};
use gix::index::extension::Tree;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Why the index cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("{0}: the index cannot be read: {1}; `git status` tells more")]
    Unreadable(String, String),
}

/// What is staged.
#[derive(Debug, Default)]
pub struct Staged {
    pub changes: Changes,
    /// Paths with conflicts: git commits nothing while there are some.
    pub conflicts: Vec<Vec<u8>>,
}

/// Compares the index, or the one at `index`, with the trees of the commits it will be a child of.
///
/// # Errors
/// Where the index cannot be read. None at all is one without entries.
pub fn staged(
    repo: &Repository,
    lookup: &mut Lookup<'_>,
    index: Option<&Path>,
    parents: &[ObjectId],
    with_gone: bool,
) -> Result<Staged, IndexError> {
    let path = index.map_or_else(|| repo.git_dir.join("index"), Path::to_owned);
    let mut found = Staged::default();
    let trees: Vec<ObjectId> = parents.iter().filter_map(|commit| super::range::tree_of(lookup, *commit)).collect();
    let mut comparison = Comparison::new(lookup, with_gone);
    if !path.exists() {
        let before: Vec<Names> = trees.iter().map(|t| comparison.names(t)).collect();
        if let Some(first) = before.first().filter(|_| with_gone) {
            comparison.gone(&mut Vec::new(), first, &|_, _| false, 0);
        }
        found.changes = comparison.out;
        return Ok(found);
    }
    let index = gix::index::File::at(&path, repo.hash, true, gix::index::decode::Options::default())
        .map_err(|e| IndexError::Unreadable(path.display().to_string(), e.to_string()))?;
    let all = index.entries();
    let mut walk = Walk { index: &index, comparison, conflicts: Vec::new(), with_gone };
    walk.folder(&mut Vec::new(), 0..all.len(), index.tree(), &trees, 0);
    found.conflicts = walk.conflicts;
    found.conflicts.dedup();
    found.changes = walk.comparison.out;
    Ok(found)
}

/// The commits that the next commit will be a child of: HEAD, and during a merge those merged. None before the first commit.
#[must_use]
pub fn parents_of_next(repo: &Repository) -> Vec<ObjectId> {
    let mut parents: Vec<ObjectId> = repo.head().into_iter().collect();
    let merged = std::fs::read_to_string(repo.git_dir.join("MERGE_HEAD")).unwrap_or_default();
    parents.extend(merged.lines().filter_map(|line| ObjectId::from_hex(line.trim().as_bytes()).ok()));
    parents
}

/// Where git says that the index is, in hooks and with `git commit -a`: relative to the current folder.
#[must_use]
pub fn index_from_environment() -> Option<PathBuf> {
    std::env::var_os("GIT_INDEX_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

struct Walk<'i, 'l, 'a> {
    index: &'i gix::index::File,
    comparison: Comparison<'l, 'a>,
    conflicts: Vec<Vec<u8>>,
    with_gone: bool,
}

impl Walk<'_, '_, '_> {
    /// Compares the entries in `range`, all below `path`, with the trees before.
    fn folder(
        &mut self,
        path: &mut Vec<u8>,
        range: std::ops::Range<usize>,
        cached: Option<&Tree>,
        before: &[ObjectId],
        depth: usize,
    ) {
        let is_as_before =
            cached.is_some_and(|t| t.num_entries.is_some_and(|n| n as usize == range.len()) && before.contains(&t.id));
        if is_as_before || !self.comparison.enters(depth) {
            return;
        }
        let before: Vec<Names> = before.iter().map(|t| self.comparison.names(t)).collect();
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let from = if path.is_empty() { 0 } else { path.len() + 1 };
        let mut at = range.start;
        while at < range.end {
            let entry = &self.index.entries()[at];
            let below: &[u8] = entry.path(self.index).get(from..).map_or(&[], |rest| rest);
            let slash = memchr::memchr(b'/', below);
            let name = &below[..slash.unwrap_or(below.len())];
            if self.with_gone {
                seen.insert(name.to_vec());
            }
            let Some(slash) = slash else {
                self.file(path, entry, name, &before, depth);
                at += 1;
                continue;
            };
            if entry.mode == Mode::DIR {
                // A folder that is not checked out: one entry stands for all of it.
                let entry = super::trees::Entry { kind: EntryKind::Tree, name, id: &entry.id };
                self.comparison.entry(path, &entry, &before, depth);
                at += 1;
                continue;
            }
            let len = path.len();
            push(path, name);
            let child = cached.and_then(|t| t.children.iter().find(|c| &c.name[..] == name));
            let prefix = from + slash + 1;
            let end = self.end_of(at, range.end, prefix, child);
            let trees: Vec<ObjectId> =
                before.iter().filter_map(|names| names.get(name)).filter(|n| n.kind == EntryKind::Tree).map(|n| n.id).collect();
            self.folder(path, at..end, child, &trees, depth + 1);
            path.truncate(len);
            at = end;
        }
        if let Some(first) = before.first().filter(|_| self.with_gone) {
            self.comparison.gone(path, first, &|name, _| seen.contains(name), depth);
        }
    }

    /// Behind the last entry that begins with the first `prefix` bytes of the entry at `at`.
    fn end_of(&self, at: usize, limit: usize, prefix: usize, cached: Option<&Tree>) -> usize {
        let entries = self.index.entries();
        let folder = &entries[at].path(self.index)[..prefix];
        let belongs = |n: usize| entries[n].path(self.index).starts_with(folder);
        // What the cache says is right almost always; it is not trusted.
        if let Some(end) = cached.and_then(|t| t.num_entries).map(|n| at + n as usize)
            && at < end
            && end <= limit
            && belongs(end - 1)
            && (end == limit || !belongs(end))
        {
            return end;
        }
        at + entries[at..limit].partition_point(|e| e.path(self.index).starts_with(folder))
    }

    fn file(&mut self, path: &mut Vec<u8>, entry: &gix::index::Entry, name: &[u8], before: &[Names], depth: usize) {
        if entry.stage() != Stage::Unconflicted {
            let mut conflict = path.clone();
            push(&mut conflict, name);
            self.conflicts.push(conflict);
            return;
        }
        let is_file = matches!(entry.mode, Mode::FILE | Mode::FILE_EXECUTABLE | Mode::SYMLINK);
        // `git add -N` promises a file and records nothing of it.
        if is_file && !entry.flags.contains(Flags::INTENT_TO_ADD) {
            let entry = super::trees::Entry { kind: EntryKind::Blob, name, id: &entry.id };
            self.comparison.entry(path, &entry, before, depth);
        }
    }
}
