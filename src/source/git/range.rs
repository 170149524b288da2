//! Which commits a range names: those that its head reaches and its base does not.

use super::graph::{Header, header};
use super::lookup::{Lookup, Lost};
use super::objects::Kind;
use super::open::Repository;
use gix::hash::ObjectId;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Commits, each after its parents, and how far they could be followed.
#[derive(Debug, Default)]
pub struct Range {
    pub commits: Vec<InRange>,
    /// Where head and base meet: what stood there is not new.
    pub meets: Vec<ObjectId>,
    /// A parent is missing before head and base meet: what came between is not known.
    pub cut: bool,
    /// Commits that are there and cannot be read.
    pub corrupt: Vec<ObjectId>,
}

/// A commit of a range.
#[derive(Debug, Clone)]
pub struct InRange {
    pub id: ObjectId,
    pub header: Header,
    /// A parent is missing.
    pub cut: bool,
}

/// What a commit is reached from.
#[derive(Clone, Copy, Default)]
struct Marks {
    head: bool,
    base: bool,
    /// Below a place where both meet.
    below: bool,
}

/// Dates of committers are off by some: how many seconds older than the oldest commit of a range its neighbours may be.
const SLOP: i64 = 86_400 * 7;

impl Range {
    /// The commits that one of `heads` reaches and none of `bases`.
    #[must_use]
    pub fn between(lookup: &mut Lookup<'_>, heads: &[ObjectId], bases: &[ObjectId]) -> Self {
        let mut walk = Walk { lookup, known: HashMap::new(), marks: HashMap::new(), queue: BinaryHeap::new() };
        let mut range = Self::default();
        for id in heads {
            walk.mark(*id, Marks { head: true, ..Marks::default() });
        }
        for id in bases {
            walk.mark(*id, Marks { base: true, ..Marks::default() });
        }
        let mut oldest = i64::MAX;
        let mut meets = Vec::new();
        let mut done: HashSet<ObjectId> = HashSet::new();
        while let Some((time, id)) = walk.queue.pop() {
            let mut marks = walk.marks[&id];
            if marks.head && !marks.base {
                oldest = oldest.min(time);
            } else if !walk.wanted() && time < oldest.saturating_sub(SLOP) {
                break;
            }
            if marks.head && marks.base && !marks.below {
                if done.insert(id) {
                    meets.push(id);
                }
                marks.below = true;
            }
            let parents = walk.known[&id].as_ref().map(|c| c.header.parents.clone()).unwrap_or_default();
            for parent in parents {
                walk.mark(parent, marks);
            }
        }
        range.meets = meets.into_iter().filter(|id| !walk.marks[id].below).collect();
        let mut chosen: Vec<InRange> = Vec::new();
        for (id, marks) in &walk.marks {
            match &walk.known[id] {
                Ok(commit) if marks.head && !marks.base => {
                    range.cut |= commit.cut;
                    chosen.push(commit.clone());
                }
                Err(Lost::Corrupt) => range.corrupt.push(*id),
                _ => {}
            }
        }
        range.corrupt.sort_unstable();
        range.commits = parents_first(chosen);
        range
    }
}

struct Walk<'w, 'a> {
    lookup: &'w mut Lookup<'a>,
    known: HashMap<ObjectId, Result<InRange, Lost>>,
    marks: HashMap<ObjectId, Marks>,
    /// Youngest first.
    queue: BinaryHeap<(i64, ObjectId)>,
}

impl Walk<'_, '_> {
    /// Marks a commit, and looks at it (again) if that is news.
    fn mark(&mut self, id: ObjectId, more: Marks) {
        let known = self.known.entry(id).or_insert_with(|| read(self.lookup, id));
        let time = known.as_ref().map_or(i64::MIN, |c| c.header.time);
        let is_first = !self.marks.contains_key(&id);
        let marks = self.marks.entry(id).or_default();
        let news = more.head && !marks.head || more.base && !marks.base || more.below && !marks.below;
        marks.head |= more.head;
        marks.base |= more.base;
        marks.below |= more.below;
        if is_first || news {
            self.queue.push((time, id));
        }
    }

    /// Whether a commit that only the head reaches waits.
    fn wanted(&self) -> bool {
        self.queue.iter().any(|(_, id)| {
            let marks = self.marks[id];
            marks.head && !marks.base
        })
    }
}

/// The tree of a commit.
#[must_use]
pub fn tree_of(lookup: &mut Lookup<'_>, commit: ObjectId) -> Option<ObjectId> {
    read(lookup, commit).ok().map(|c| c.header.tree)
}

/// Reads a commit; its parents that are missing are left out.
fn read(lookup: &mut Lookup<'_>, id: ObjectId) -> Result<InRange, Lost> {
    let bytes = lookup.read_kind(&id, Kind::Commit)?;
    let mut header = header(&bytes).ok_or(Lost::Corrupt)?;
    let all = header.parents.len();
    header.parents.retain(|parent| lookup.store().contains(parent));
    Ok(InRange { id, cut: header.parents.len() < all, header })
}

/// Each commit after its parents; among those that could be next the oldest first, then by id.
fn parents_first(commits: Vec<InRange>) -> Vec<InRange> {
    let mut waiting: HashMap<ObjectId, usize> = HashMap::new();
    let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    let mut by_id: HashMap<ObjectId, InRange> = commits.into_iter().map(|c| (c.id, c)).collect();
    for commit in by_id.values() {
        let inside: HashSet<ObjectId> = commit.header.parents.iter().copied().filter(|p| by_id.contains_key(p)).collect();
        waiting.insert(commit.id, inside.len());
        for parent in inside {
            children.entry(parent).or_default().push(commit.id);
        }
    }
    let next = |commit: &InRange| std::cmp::Reverse((commit.header.time, commit.id));
    let mut ready: BinaryHeap<_> = by_id.values().filter(|c| waiting[&c.id] == 0).map(next).collect();
    let mut order = Vec::with_capacity(by_id.len());
    while let Some(std::cmp::Reverse((_, id))) = ready.pop() {
        for child in children.remove(&id).unwrap_or_default() {
            let left = waiting.entry(child).or_default();
            *left -= 1;
            if *left == 0
                && let Some(commit) = by_id.get(&child)
            {
                ready.push(next(commit));
            }
        }
        order.extend(by_id.remove(&id));
    }
    order
}

/// What a person's word for a commit means: a ref, its short name, an id or the beginning of one, `HEAD`, each with `~N` and
/// `^N` behind it. Tags are followed.
#[must_use]
pub fn commit_named(repo: &Repository, lookup: &mut Lookup<'_>, word: &str) -> Option<ObjectId> {
    let end = word.find(['~', '^']).unwrap_or(word.len());
    let (name, mut steps) = word.split_at(end);
    let named = if name == "HEAD" || name == "@" { repo.head() } else { ref_or_id(repo, lookup, name) };
    let mut id = peel(lookup, named?)?;
    while let Some(mark) = steps.chars().next() {
        let rest = &steps[1..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count: usize = if digits == 0 { 1 } else { rest[..digits].parse().ok()? };
        steps = &rest[digits..];
        match mark {
            '~' => {
                for _ in 0..count {
                    id = *read(lookup, id).ok()?.header.parents.first()?;
                }
            }
            '^' if count > 0 => id = *read(lookup, id).ok()?.header.parents.get(count - 1)?,
            '^' => {}
            _ => return None,
        }
    }
    Some(id)
}

fn ref_or_id(repo: &Repository, lookup: &Lookup<'_>, word: &str) -> Option<ObjectId> {
    let names = [
        word.to_owned(),
        format!("refs/{word}"),
        format!("refs/tags/{word}"),
        format!("refs/heads/{word}"),
        format!("refs/remotes/{word}"),
        format!("refs/remotes/{word}/HEAD"),
    ];
    if let Some(found) = names.iter().find_map(|name| repo.find_ref(name)) {
        return Some(found);
    }
    if let Ok(id) = ObjectId::from_hex(word.as_bytes()) {
        return lookup.store().contains(&id).then_some(id);
    }
    lookup.store().by_prefix(word)
}

/// The commit that a tag, or a tag of a tag, points to.
#[must_use]
pub fn peel(lookup: &mut Lookup<'_>, id: ObjectId) -> Option<ObjectId> {
    let mut id = id;
    for _ in 0..64 {
        let object = lookup.read(&id).ok()?;
        match object.kind {
            Kind::Commit => return Some(id),
            Kind::Tag => id = super::graph::tagged(&object.bytes)?,
            _ => return None,
        }
    }
    None
}
