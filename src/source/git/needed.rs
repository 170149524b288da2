//! Objects that trees name and the repository has not: how many of them commits need. Trees that nothing refers to any more stay
//! behind when git throws their blobs away, and say nothing of what is looked at.

use super::objects::{Nr, Objects, Reader};
use super::trees::{EntryKind, entries};
use gix::hash::ObjectId;
use std::collections::HashSet;

/// How many of `missing` the trees below `roots` name. Each tree is read once.
pub(super) fn of(objects: &Objects, hash: gix::hash::Kind, missing: &HashSet<ObjectId>, roots: impl Iterator<Item = Nr>) -> u64 {
    if missing.is_empty() {
        return 0;
    }
    let mut reader = Reader::new(objects);
    let mut seen = vec![false; objects.len()];
    let mut needed: HashSet<ObjectId> = HashSet::new();
    let mut stack: Vec<Nr> = roots.collect();
    while let Some(nr) = stack.pop() {
        if std::mem::replace(&mut seen[nr.0 as usize], true) {
            continue;
        }
        let Some(tree) = reader.read(nr) else { continue };
        for entry in entries(&tree, hash) {
            if missing.contains(entry.id) {
                needed.insert(entry.id.to_owned());
            } else if entry.kind == EntryKind::Tree {
                stack.extend(objects.find(entry.id));
            }
        }
    }
    needed.len() as u64
}
