//! Commits and tags, and what refs reach.

use super::objects::{Kind, Nr, Objects};
use super::pass::{DeltaTrees, Each};
use gix::hash::ObjectId;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Mutex;

/// A commit's place in its [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitNr(pub u32);

/// What of a commit decides who brought what.
#[derive(Debug, Clone)]
pub struct Commit {
    pub nr: Nr,
    pub id: ObjectId,
    /// `None` where the tree is missing.
    pub tree: Option<Nr>,
    pub parents: Vec<CommitNr>,
    /// A parent is missing: the clone is shallow, or broken.
    pub cut: bool,
    /// The committer's date in seconds since 1970.
    pub time: i64,
}

/// All commits of a repository.
#[derive(Default)]
pub struct Graph {
    pub commits: Vec<Commit>,
    by_id: HashMap<ObjectId, CommitNr>,
    tags: HashMap<ObjectId, ObjectId>,
}

/// The header of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    pub time: i64,
}

impl Graph {
    /// Reads all commits and tags; `text` is called with each one's bytes.
    pub fn read(
        objects: &Objects,
        trees: &DeltaTrees,
        text: &(dyn Fn(Nr, &[u8]) + Sync),
        lost: &(dyn Fn(Nr) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Self {
        let found: Mutex<Vec<(Nr, Header)>> = Mutex::default();
        let visit = |nr: Nr, bytes: &[u8]| {
            text(nr, bytes);
            match header(bytes) {
                Some(header) => found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((nr, header)),
                None => lost(nr),
            }
        };
        trees.for_each(objects, Kind::Commit, &Each { visit, lost, stop });
        let tags: Mutex<HashMap<ObjectId, ObjectId>> = Mutex::default();
        let visit = |nr: Nr, bytes: &[u8]| {
            text(nr, bytes);
            if let Some(target) = tagged(bytes) {
                tags.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(objects.id(nr), target);
            }
        };
        trees.for_each(objects, Kind::Tag, &Each { visit, lost, stop });
        let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tags = tags.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Self::of(objects, found, tags)
    }

    fn of(objects: &Objects, mut found: Vec<(Nr, Header)>, tags: HashMap<ObjectId, ObjectId>) -> Self {
        // One number for each id, in an order that does not depend on how objects are packed.
        let mut ids: Vec<(ObjectId, usize)> = found.iter().enumerate().map(|(i, (nr, _))| (objects.id(*nr), i)).collect();
        ids.sort_unstable();
        ids.dedup_by_key(|(id, _)| *id);
        let by_id: HashMap<ObjectId, CommitNr> =
            ids.iter().enumerate().map(|(n, (id, _))| (*id, CommitNr(u32::try_from(n).unwrap_or(u32::MAX)))).collect();
        let commits = ids
            .iter()
            .map(|(id, i)| {
                let (nr, header) = &mut found[*i];
                let parents: Vec<CommitNr> = header.parents.iter().filter_map(|p| by_id.get(p).copied()).collect();
                Commit {
                    nr: *nr,
                    id: *id,
                    tree: objects.find(&header.tree),
                    cut: parents.len() < header.parents.len(),
                    parents,
                    time: header.time,
                }
            })
            .collect();
        Self { commits, by_id, tags }
    }

    /// The commit at a place.
    #[must_use]
    pub fn get(&self, nr: CommitNr) -> &Commit {
        &self.commits[nr.0 as usize]
    }

    /// The commit that `id` is, or that the tag `id` points to.
    #[must_use]
    pub fn peel(&self, id: ObjectId) -> Option<CommitNr> {
        let mut id = id;
        for _ in 0..64 {
            if let Some(commit) = self.by_id.get(&id) {
                return Some(*commit);
            }
            id = *self.tags.get(&id)?;
        }
        None
    }

    /// Which commits are reachable from `tips`.
    #[must_use]
    pub fn reachable(&self, tips: impl IntoIterator<Item = CommitNr>) -> Vec<bool> {
        let mut seen = vec![false; self.commits.len()];
        let mut stack: Vec<CommitNr> = tips.into_iter().collect();
        while let Some(nr) = stack.pop() {
            if !std::mem::replace(&mut seen[nr.0 as usize], true) {
                stack.extend(&self.get(nr).parents);
            }
        }
        seen
    }

    /// The commits of `chosen`, each after its parents; among those that could be next the oldest first, then by id.
    #[must_use]
    pub fn oldest_first(&self, chosen: &[bool]) -> Vec<CommitNr> {
        let is_chosen = |nr: &CommitNr| chosen[nr.0 as usize];
        let mut waiting = vec![0u32; self.commits.len()];
        let mut children: Vec<Vec<CommitNr>> = vec![Vec::new(); self.commits.len()];
        let mut ready = BinaryHeap::new();
        let next = |nr: CommitNr| std::cmp::Reverse((self.get(nr).time, nr));
        for n in 0..self.commits.len() {
            let nr = CommitNr(u32::try_from(n).unwrap_or(u32::MAX));
            if !chosen[n] {
                continue;
            }
            let parents = self.get(nr).parents.iter().filter(|p| is_chosen(p));
            for parent in parents {
                waiting[n] += 1;
                children[parent.0 as usize].push(nr);
            }
            if waiting[n] == 0 {
                ready.push(next(nr));
            }
        }
        let mut order = Vec::new();
        while let Some(std::cmp::Reverse((_, nr))) = ready.pop() {
            order.push(nr);
            for child in std::mem::take(&mut children[nr.0 as usize]) {
                waiting[child.0 as usize] -= 1;
                if waiting[child.0 as usize] == 0 {
                    ready.push(next(child));
                }
            }
        }
        order
    }
}

/// The id behind `name` in the header of a commit or tag.
fn field(bytes: &[u8], name: &[u8]) -> Option<ObjectId> {
    for line in bytes.split(|b| *b == b'\n') {
        if line.is_empty() {
            return None;
        }
        if let Some(hex) = line.strip_prefix(name) {
            return ObjectId::from_hex(hex).ok();
        }
    }
    None
}

/// What a tag points to.
#[must_use]
pub fn tagged(bytes: &[u8]) -> Option<ObjectId> {
    field(bytes, b"object ")
}

/// Reads the header of a commit.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let tree = field(bytes, b"tree ")?;
    let mut parents = Vec::new();
    let mut time = 0;
    for line in bytes.split(|b| *b == b'\n').take_while(|l| !l.is_empty()) {
        if let Some(hex) = line.strip_prefix(b"parent ") {
            parents.push(ObjectId::from_hex(hex).ok()?);
        } else if line.starts_with(b"committer ") {
            time = signature(line).map_or(0, |s| s.time);
        }
    }
    Some(Header { tree, parents, time })
}

/// A name, an address and a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub email: String,
    pub time: i64,
    /// Minutes east of Greenwich.
    pub offset: i32,
}

/// Reads `author Name <address> 1700000000 +0100`.
#[must_use]
pub fn signature(line: &[u8]) -> Option<Signature> {
    let line = &line[memchr::memchr(b' ', line)? + 1..];
    let open = memchr::memchr(b'<', line)?;
    let close = memchr::memrchr(b'>', line)?;
    let mut rest = std::str::from_utf8(line.get(close + 1..)?).ok()?.split_whitespace();
    let time = rest.next().and_then(|t| t.parse().ok()).unwrap_or(0);
    let zone: i32 = rest.next().and_then(|z| z.parse().ok()).unwrap_or(0);
    Some(Signature {
        name: String::from_utf8_lossy(line[..open].trim_ascii()).into_owned(),
        email: String::from_utf8_lossy(line.get(open + 1..close)?).into_owned(),
        time,
        offset: zone / 100 * 60 + zone % 100,
    })
}

/// The author line of a commit, or the tagger line of a tag.
#[must_use]
pub fn author(bytes: &[u8]) -> Option<Signature> {
    bytes
        .split(|b| *b == b'\n')
        .take_while(|l| !l.is_empty())
        .find(|l| l.starts_with(b"author ") || l.starts_with(b"tagger "))
        .and_then(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_commit() {
        let id = "0123456789012345678901234567890123456789";
        let text = format!(
            "tree {id}\nparent {id}\nparent {id}\nauthor A B <a@b> 5 +0130\ncommitter C <c@d> 1700000000 -0800\n\ntree x\n"
        );
        let header = header(text.as_bytes()).unwrap();
        assert_eq!((header.parents.len(), header.time), (2, 1_700_000_000));
        let author = author(text.as_bytes()).unwrap();
        assert_eq!((author.name.as_str(), author.email.as_str(), author.offset), ("A B", "a@b", 90));
    }
}
