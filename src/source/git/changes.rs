//! Which files a commit changes: its tree against those of its parents, equal subtrees never read.

use super::lookup::{Lookup, Lost};
use super::objects::Kind;
use super::trees::{Entry, EntryKind, entries};
use gix::hash::ObjectId;
use std::collections::HashMap;

/// A file that is new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    pub path: Vec<u8>,
    pub blob: ObjectId,
    /// What stood at this path before, by parent; empty for a new file.
    pub was: Vec<ObjectId>,
}

/// What differs between a state and those before it.
#[derive(Debug, Default)]
pub struct Changes {
    pub changed: Vec<Change>,
    /// Files of the first state before that are gone, if they were asked for.
    pub gone: Vec<(Vec<u8>, ObjectId)>,
    /// Trees that are not there.
    pub missing: u64,
    /// Trees that cannot be read.
    pub corrupt: u64,
    /// The trees were too many or too deep to see all of them.
    pub cut_short: bool,
}

/// How many folders deep a comparison goes.
const DEEPEST: usize = 2048;
/// How many entries are compared: trees can hold each other 10^10 times.
const MOST_ENTRIES: u64 = 100_000_000;

/// What a name stands for in a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub kind: EntryKind,
    pub id: ObjectId,
}

/// The entries of a tree by name.
pub(super) type Names = HashMap<Vec<u8>, Named>;

/// Compares states of a repository.
pub struct Comparison<'l, 'a> {
    pub(super) lookup: &'l mut Lookup<'a>,
    pub(super) out: Changes,
    with_gone: bool,
    left: u64,
}

impl<'l, 'a> Comparison<'l, 'a> {
    /// A comparison that reads objects from `lookup`; `with_gone` also lists files that are gone.
    #[must_use]
    pub fn new(lookup: &'l mut Lookup<'a>, with_gone: bool) -> Self {
        Self { lookup, out: Changes::default(), with_gone, left: MOST_ENTRIES }
    }

    /// What `tree` has that none of `before` has.
    #[must_use]
    pub fn trees(mut self, tree: ObjectId, before: &[ObjectId]) -> Changes {
        self.compare(&mut Vec::new(), tree, before, 0);
        self.out
    }

    /// The entries of a tree; an unreadable one is counted and has none.
    pub(super) fn names(&mut self, tree: &ObjectId) -> Names {
        let bytes = self.read(tree);
        let all = bytes.iter().flat_map(|bytes| entries(bytes, tree.kind()));
        let names: Names = all.map(|e| (e.name.to_vec(), Named { kind: e.kind, id: e.id.to_owned() })).collect();
        self.left = self.left.saturating_sub(names.len() as u64);
        names
    }

    fn read(&mut self, tree: &ObjectId) -> Option<std::sync::Arc<Vec<u8>>> {
        match self.lookup.read_kind(tree, Kind::Tree) {
            Ok(bytes) => Some(bytes),
            // Git knows the empty tree without having it.
            Err(Lost::Missing) if tree.is_empty_tree() => None,
            Err(Lost::Missing) => {
                self.out.missing += 1;
                None
            }
            Err(Lost::Corrupt) => {
                self.out.corrupt += 1;
                None
            }
        }
    }

    /// Whether to go on in a folder that deep.
    pub(super) const fn enters(&mut self, depth: usize) -> bool {
        let enters = depth <= DEEPEST && self.left > 0;
        self.out.cut_short |= !enters;
        enters
    }

    pub(super) fn compare(&mut self, path: &mut Vec<u8>, tree: ObjectId, before: &[ObjectId], depth: usize) {
        if before.contains(&tree) || !self.enters(depth) {
            return;
        }
        let Some(bytes) = self.read(&tree) else { return };
        let before: Vec<Names> = before.iter().map(|t| self.names(t)).collect();
        let mut seen: HashMap<&[u8], EntryKind> = HashMap::new();
        for entry in entries(&bytes, tree.kind()) {
            self.left = self.left.saturating_sub(1);
            if self.with_gone {
                seen.insert(entry.name, entry.kind);
            }
            self.entry(path, &entry, &before, depth);
        }
        if let Some(first) = before.first().filter(|_| self.with_gone) {
            self.gone(path, first, &|name, named| seen.get(name) == Some(&named.kind), depth);
        }
    }

    /// Compares an entry with those of its name in the states before.
    pub(super) fn entry(&mut self, path: &mut Vec<u8>, entry: &Entry<'_>, before: &[Names], depth: usize) {
        let was = || before.iter().filter_map(|names| names.get(entry.name)).filter(|n| n.kind == entry.kind);
        if entry.kind == EntryKind::Submodule || was().any(|n| *n.id == *entry.id) {
            return;
        }
        let was: Vec<ObjectId> = was().map(|n| n.id).collect();
        let len = path.len();
        push(path, entry.name);
        if entry.kind == EntryKind::Tree {
            self.compare(path, entry.id.to_owned(), &was, depth + 1);
        } else {
            self.out.changed.push(Change { path: path.clone(), blob: entry.id.to_owned(), was });
        }
        path.truncate(len);
    }

    /// Lists the files of `before` that are not there any more, in the order of their names.
    pub(super) fn gone(&mut self, path: &mut Vec<u8>, before: &Names, is_there: &dyn Fn(&[u8], &Named) -> bool, depth: usize) {
        let mut names: Vec<(&Vec<u8>, &Named)> = before.iter().filter(|(name, named)| !is_there(name, named)).collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        for (name, named) in names {
            let len = path.len();
            push(path, name);
            match named.kind {
                EntryKind::Blob => self.out.gone.push((path.clone(), named.id)),
                EntryKind::Tree if self.enters(depth) => {
                    let below = self.names(&named.id);
                    self.gone(path, &below, &|_, _| false, depth + 1);
                }
                EntryKind::Tree | EntryKind::Submodule => {}
            }
            path.truncate(len);
        }
    }
}

/// The blob at `path` of a tree.
#[must_use]
pub fn blob_at(lookup: &mut Lookup<'_>, tree: ObjectId, path: &[u8]) -> Option<ObjectId> {
    let mut at = tree;
    let mut pieces = path.split(|b| *b == b'/').peekable();
    while let Some(name) = pieces.next() {
        let bytes = lookup.read_kind(&at, Kind::Tree).ok()?;
        let entry = entries(&bytes, at.kind()).find(|e| e.name == name)?;
        match entry.kind {
            EntryKind::Tree if pieces.peek().is_some() => at = entry.id.to_owned(),
            EntryKind::Blob if pieces.peek().is_none() => return Some(entry.id.to_owned()),
            _ => return None,
        }
    }
    None
}

/// Appends a name to a path.
pub(super) fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
