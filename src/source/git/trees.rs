//! Trees: which of them hold, at any depth, a blob that was flagged. Each unique tree is parsed once.

use super::objects::{Kind, Nr, Objects};
use super::pass::{DeltaTrees, Each};
use gix::hash::{ObjectId, oid};
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub kind: EntryKind,
    pub name: &'a [u8],
    pub id: &'a oid,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Blob,
    Tree,
    /// A commit of a submodule: not of this repository.
    Submodule,
}

/// The entries of a tree's bytes; ends where they are corrupt.
pub(super) fn entries(bytes: &[u8], hash: gix::hash::Kind) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = bytes;
    let id_len = hash.len_in_bytes();
    std::iter::from_fn(move || {
        let space = memchr::memchr(b' ', rest)?;
        let end = space + memchr::memchr(0, &rest[space..])?;
        let kind = match &rest[..space] {
            b"40000" | b"040000" => EntryKind::Tree,
            b"160000" => EntryKind::Submodule,
            _ => EntryKind::Blob,
        };
        let id = oid::try_from_bytes(rest.get(end + 1..end + 1 + id_len)?).ok()?;
        let entry = Entry { kind, name: &rest[space + 1..end], id };
        rest = &rest[end + 1 + id_len..];
        Some(entry)
    })
}

/// What a walk over all trees found.
pub struct Trees {
    /// By object number: whether the tree holds a flagged blob at any depth.
    holds: Vec<bool>,
    /// Every distinct name with a tree that has it.
    pub names: Vec<(Vec<u8>, Nr)>,
    /// Blobs that trees name and the repository has not.
    pub missing: HashSet<ObjectId>,
}

/// What to look for in trees.
pub struct Wanted<'a> {
    pub hash: gix::hash::Kind,
    /// Flagged blobs.
    pub flagged: &'a HashSet<ObjectId>,
    /// Whether to look up every blob: only a partial clone lacks some.
    pub check_missing: bool,
    /// Whether to collect names.
    pub collect_names: bool,
}

const SHARDS: usize = 64;
const RECENT: usize = 1 << 14;

thread_local! {
    /// Hashes of names seen a moment ago: most trees differ from the last one in a single entry.
    static RECENTLY: RefCell<Vec<u64>> = RefCell::new(vec![0; RECENT]);
}

impl Trees {
    /// Parses every tree.
    pub fn walk(
        objects: &Objects,
        deltas: &DeltaTrees,
        wanted: &Wanted<'_>,
        lost: &(dyn Fn(Nr) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Self {
        let hasher = RandomState::new();
        let seen: Vec<Mutex<HashSet<u64>>> = (0..SHARDS).map(|_| Mutex::default()).collect();
        let names: Mutex<Vec<(Vec<u8>, Nr)>> = Mutex::default();
        let missing: Mutex<HashSet<ObjectId>> = Mutex::default();
        // Edges from a subtree to a tree that holds it, and the trees that hold a flagged blob themselves.
        let edges: Mutex<Vec<(Nr, Nr)>> = Mutex::default();
        let direct: Mutex<Vec<Nr>> = Mutex::default();
        RECENTLY.with_borrow_mut(|r| r.fill(0));
        let visit = |nr: Nr, bytes: &[u8]| {
            let mut up = Vec::new();
            let mut holds = false;
            for entry in entries(bytes, wanted.hash) {
                match entry.kind {
                    EntryKind::Tree => match objects.find(entry.id) {
                        Some(child) => up.push((child, nr)),
                        None => drop(lock(&missing).insert(entry.id.to_owned())),
                    },
                    EntryKind::Blob => {
                        holds |= wanted.flagged.contains(entry.id);
                        if wanted.check_missing && objects.find(entry.id).is_none() {
                            lock(&missing).insert(entry.id.to_owned());
                        }
                    }
                    EntryKind::Submodule => {}
                }
                if wanted.collect_names {
                    let hash = hasher.hash_one(entry.name) | 1;
                    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
                    let (low, high) = (hash as usize >> 1 & (RECENT - 1), (hash >> 32) as usize & (SHARDS - 1));
                    let known = RECENTLY.with_borrow_mut(|r| {
                        let slot = &mut r[low];
                        std::mem::replace(slot, hash) == hash
                    });
                    if !known && lock(&seen[high]).insert(hash) {
                        lock(&names).push((entry.name.to_vec(), nr));
                    }
                }
            }
            if !wanted.flagged.is_empty() {
                lock(&edges).extend(up);
                if holds {
                    lock(&direct).push(nr);
                }
            }
        };
        deltas.for_each(objects, Kind::Tree, &Each { visit, lost, stop });
        let mut names = into(names);
        names.sort();
        names.dedup_by(|a, b| a.0 == b.0);
        Self { holds: spread(objects.len(), into(edges), into(direct)), names, missing: into(missing) }
    }

    /// Whether the tree holds a flagged blob at any depth.
    #[must_use]
    pub fn holds(&self, tree: Nr) -> bool {
        self.holds[tree.0 as usize]
    }
}

/// Marks the trees of `direct` and all that hold them.
fn spread(len: usize, mut edges: Vec<(Nr, Nr)>, direct: Vec<Nr>) -> Vec<bool> {
    edges.sort_unstable();
    let mut holds = vec![false; len];
    let mut stack = direct;
    while let Some(nr) = stack.pop() {
        if std::mem::replace(&mut holds[nr.0 as usize], true) {
            continue;
        }
        let from = edges.partition_point(|(child, _)| *child < nr);
        stack.extend(edges[from..].iter().take_while(|(child, _)| *child == nr).map(|(_, parent)| *parent));
    }
    holds
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn into<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
