//! Trees: which of them hold, at any depth, a blob that was flagged. Each unique tree is parsed once.

use super::objects::{Kind, Nr, Objects};
use super::pass::{DeltaTrees, Visit};
use crate::detect::Kept;
use gix::hash::{ObjectId, oid};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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
    std::iter::from_fn(move || {
        let (entry, len) = entry(rest, hash)?;
        rest = &rest[len..];
        Some(entry)
    })
}

/// The entry that `bytes` begin with, and its length; `None` where they are corrupt.
fn entry(bytes: &[u8], hash: gix::hash::Kind) -> Option<(Entry<'_>, usize)> {
    let space = memchr::memchr(b' ', bytes)?;
    let end = space + memchr::memchr(0, &bytes[space..])?;
    let kind = match &bytes[..space] {
        b"40000" | b"040000" => EntryKind::Tree,
        b"160000" => EntryKind::Submodule,
        _ => EntryKind::Blob,
    };
    let len = end + 1 + hash.len_in_bytes();
    let id = oid::try_from_bytes(bytes.get(end + 1..len)?).ok()?;
    Some((Entry { kind, name: &bytes[space + 1..end], id }, len))
}

/// An entry that may lead to something flagged: a subtree, or a flagged blob. Also one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// A number that stands for the entry's name.
    pub name: NameNr,
    pub is_tree: bool,
    /// What is not there counts on behind the objects that are.
    pub nr: Nr,
}

/// A name's number in its [`Trees`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameNr(u32);

impl Link {
    /// In eight bytes: there are millions.
    fn pack(self) -> u64 {
        u64::from(self.name.0) << 33 | u64::from(self.is_tree) << 32 | u64::from(self.nr.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of what was packed")]
    const fn unpack(packed: u64) -> Self {
        Self { name: NameNr((packed >> 33) as u32), is_tree: packed >> 32 & 1 == 1, nr: Nr(packed as u32) }
    }
}

/// Lists of links, in pieces that never move: one growing list would for a moment be there twice. A tree has the list of the one that it
/// was made from if they differ only in files that are not flagged.
struct Lists {
    pieces: Vec<Vec<u64>>,
    /// Where each list stands; the first is the empty one.
    places: Vec<Place>,
    count: usize,
}

/// The number of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ListNr(u32);

/// Where a list stands: the piece, the first link, how many.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    piece: u16,
    first: u32,
    count: u32,
}

/// How many links a piece has room for.
const PIECE: usize = 1 << 18;

impl Lists {
    fn new() -> Self {
        Self { pieces: vec![Vec::new()], places: vec![Place::default()], count: 0 }
    }

    /// Adds a list of packed links, in order; `None` where there are too many.
    fn add(&mut self, links: &[u64]) -> Option<ListNr> {
        let len = links.len();
        if self.count + len > MOST_LINKS {
            return None;
        }
        if self.pieces.last().is_none_or(|p| p.capacity() - p.len() < len) {
            u16::try_from(self.pieces.len()).ok()?;
            self.pieces.push(Vec::with_capacity(len.max(PIECE)));
        }
        let nr = ListNr(u32::try_from(self.places.len()).ok()?);
        let piece = u16::try_from(self.pieces.len() - 1).ok()?;
        let held = self.pieces.last_mut()?;
        self.places.push(Place { piece, first: u32::try_from(held.len()).ok()?, count: u32::try_from(len).ok()? });
        held.extend_from_slice(links);
        self.count += len;
        Some(nr)
    }

    /// The links of a list, by name.
    fn get(&self, list: ListNr) -> &[u64] {
        let place = self.places[list.0 as usize];
        &self.pieces[usize::from(place.piece)][place.first as usize..(place.first + place.count) as usize]
    }
}

/// What a walk over all trees found.
pub struct Trees {
    /// By object number: the links of a tree.
    lists_of: Vec<ListNr>,
    lists: Lists,
    /// By object number: whether the tree holds a flagged blob at any depth.
    holds: Vec<bool>,
    /// Every distinct name of an entry.
    names: Vec<Box<[u8]>>,
    /// How many blobs and trees there are that trees name and the repository has not.
    pub missing: u64,
    /// There were more links than are counted.
    pub overflow: bool,
}

/// What to look for in trees.
pub struct Wanted<'a> {
    pub hash: gix::hash::Kind,
    /// Flagged blobs.
    pub flagged: &'a HashMap<ObjectId, Nr>,
    /// Whether it is asked later which trees name what is not there.
    pub missing: bool,
}

impl Trees {
    /// Parses every tree; of those that are stored as deltas only what is new.
    pub fn walk(
        objects: &Objects,
        deltas: &DeltaTrees,
        wanted: &Wanted<'_>,
        lost: &(dyn Fn(Nr) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Self {
        let walk = Walk {
            objects,
            wanted,
            lost,
            stop,
            names: (0..SHARDS).map(|_| Mutex::default()).collect(),
            named: AtomicU32::new(0),
            hasher: RandomState::new(),
            found: Mutex::new((vec![ListNr::default(); objects.len()], Lists::new())),
            missing: Mutex::default(),
            overflow: AtomicBool::new(false),
        };
        deltas.for_each(objects, Kind::Tree, &walk);
        let (lists_of, lists) = into(walk.found);
        let (count, shards) = (walk.named.into_inner() as usize, walk.names);
        let (holds, names) = rayon::join(|| spread(&lists_of, &lists), || by_number(count, shards));
        let missing = into(walk.missing).len() as u64;
        Self { lists_of, lists, holds, names, missing, overflow: walk.overflow.into_inner() }
    }

    /// How many of the objects that are not there the trees below `roots` name. Trees that nothing refers to any more stay behind
    /// when git throws their blobs away, and say nothing of what is looked at.
    pub fn missing_below(&self, roots: impl Iterator<Item = Nr>) -> u64 {
        if self.missing == 0 {
            return 0;
        }
        let mut seen = vec![false; self.lists_of.len()];
        let mut missing: HashSet<Nr> = HashSet::new();
        let mut stack: Vec<Nr> = roots.collect();
        while let Some(tree) = stack.pop() {
            match seen.get_mut(tree.0 as usize) {
                Some(seen) => {
                    if !std::mem::replace(seen, true) {
                        let links = self.links(tree).iter().map(|packed| Link::unpack(*packed));
                        stack.extend(links.map(|link| link.nr));
                    }
                }
                None => {
                    missing.insert(tree);
                }
            }
        }
        missing.len() as u64
    }

    /// The entries of a tree that lead to something flagged.
    pub(super) fn flagged(&self, tree: Nr) -> impl Iterator<Item = Link> {
        self.links(tree).iter().filter_map(|packed| self.leading(*packed))
    }

    /// All links of a tree, packed, by name; equal ones are equal.
    pub(super) fn links(&self, tree: Nr) -> &[u64] {
        self.lists.get(self.lists_of[tree.0 as usize])
    }

    /// Whether two trees lead to the same by the same names.
    pub(super) fn lead_alike(&self, one: Nr, other: Nr) -> bool {
        self.lists_of[one.0 as usize] == self.lists_of[other.0 as usize]
    }

    /// A link, if it leads to something flagged.
    pub(super) fn leading(&self, packed: u64) -> Option<Link> {
        let link = Link::unpack(packed);
        self.holds.get(link.nr.0 as usize).is_some_and(|holds| !link.is_tree || *holds).then_some(link)
    }

    /// The entries of a tree that have a name and lead to something flagged: two in a forged one.
    pub(super) fn named(&self, tree: Nr, name: NameNr) -> impl Iterator<Item = Link> {
        let links = self.links(tree);
        let from = links.partition_point(|packed| Link::unpack(*packed).name < name);
        links[from..].iter().take_while(move |packed| Link::unpack(**packed).name == name).filter_map(|p| self.leading(*p))
    }

    /// A name.
    pub(super) fn name(&self, nr: NameNr) -> &[u8] {
        &self.names[nr.0 as usize]
    }

    /// All distinct names of files and folders, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = self.names.iter().map(|n| &n[..]).collect();
        names.sort_unstable();
        names
    }
}

/// The names in the order of their numbers.
fn by_number(count: usize, shards: Vec<Mutex<HashMap<Box<[u8]>, NameNr>>>) -> Vec<Box<[u8]>> {
    let mut names = vec![Box::default(); count];
    for (name, nr) in shards.into_iter().flat_map(into) {
        names[nr.0 as usize] = name;
    }
    names
}

/// Which trees hold a flagged blob at any depth. Every link is followed once; a tree that holds itself, which only a forged
/// index can say, holds nothing by that.
fn spread(lists_of: &[ListNr], lists: &Lists) -> Vec<bool> {
    let mut holds = vec![false; lists.places.len()];
    let mut seen = vec![false; lists.places.len()];
    let mut stack: Vec<(ListNr, usize)> = Vec::new();
    for start in 1..lists.places.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        stack.push((ListNr(u32::try_from(start).unwrap_or(u32::MAX)), 0));
        while let Some((list, next)) = stack.last_mut() {
            let (list, at) = (*list, *next);
            if let Some(link) = lists.get(list).get(at).map(|packed| Link::unpack(*packed)) {
                *next += 1;
                let Some(child) = lists_of.get(link.nr.0 as usize) else { continue };
                if !link.is_tree {
                    holds[list.0 as usize] = true;
                } else if !std::mem::replace(&mut seen[child.0 as usize], true) {
                    stack.push((*child, 0));
                } else if holds[child.0 as usize] {
                    holds[list.0 as usize] = true;
                }
            } else {
                stack.pop();
                if let Some((parent, _)) = stack.last()
                    && holds[list.0 as usize]
                {
                    holds[parent.0 as usize] = true;
                }
            }
        }
    }
    lists_of.iter().map(|list| holds[list.0 as usize]).collect()
}

const SHARDS: usize = 64;

/// The most links that are kept, of eight bytes and more each.
const MOST_LINKS: usize = 1 << 28;

struct Walk<'a> {
    objects: &'a Objects,
    wanted: &'a Wanted<'a>,
    lost: &'a (dyn Fn(Nr) + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
    names: Vec<Mutex<HashMap<Box<[u8]>, NameNr>>>,
    named: AtomicU32,
    hasher: RandomState,
    /// The lists of trees by object number, and the lists.
    found: Mutex<(Vec<ListNr>, Lists)>,
    /// Objects that are not there, with their numbers.
    missing: Mutex<HashMap<ObjectId, Nr>>,
    overflow: AtomicBool,
}

/// What a tree leaves for those made from it.
#[derive(Default)]
struct Memory {
    /// Where its entries begin, and where the last one ends.
    bounds: Vec<u32>,
    /// Its links, with where their entries begin.
    links: Vec<(u32, Link)>,
    /// Where they are kept.
    list: ListNr,
}

impl Walk<'_> {
    fn name(&self, name: &[u8]) -> NameNr {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let shard = self.hasher.hash_one(name) as usize % SHARDS;
        let mut names = lock(&self.names[shard]);
        if let Some(known) = names.get(name) {
            return *known;
        }
        let nr = NameNr(self.named.fetch_add(1, Ordering::Relaxed));
        names.insert(name.into(), nr);
        nr
    }

    /// Notes an entry that was not seen in the tree's base.
    fn entry(&self, entry: &Entry<'_>) -> Option<Link> {
        let name = self.name(entry.name);
        let nr = match entry.kind {
            EntryKind::Tree => self.objects.find(entry.id).filter(|nr| self.objects.kind(*nr) == Kind::Tree),
            EntryKind::Blob => self.wanted.flagged.get(entry.id).copied(),
            EntryKind::Submodule => return None,
        };
        let is_tree = entry.kind == EntryKind::Tree;
        let nr = nr.or_else(|| if self.objects.find(entry.id).is_none() { self.missing(entry.id) } else { None });
        nr.map(|nr| Link { name, is_tree, nr })
    }

    /// Notes an object that is not there; gives its number where that is asked for.
    fn missing(&self, id: &oid) -> Option<Nr> {
        let mut missing = lock(&self.missing);
        let next = u32::try_from(self.objects.len() + missing.len()).ok()?;
        let nr = *missing.entry(id.to_owned()).or_insert(Nr(next));
        self.wanted.missing.then_some(nr)
    }
}

impl Visit for Walk<'_> {
    type Memory = Memory;

    fn visit(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Memory, &[Kept])>, _: bool) -> Memory {
        let mut memory = Memory { bounds: vec![0], ..Memory::default() };
        let mut at = 0;
        for kept in made_from.into_iter().flat_map(|(old, kept)| kept.iter().map(move |k| (old, k))) {
            let (old, kept) = kept;
            while at < kept.to + kept.len {
                if at >= kept.to && memory.take_over(old, kept, &mut at) {
                    break;
                }
                let Some(len) = memory.read(self, bytes, at) else { break };
                at += len;
            }
        }
        while let Some(len) = memory.read(self, bytes, at) {
            at += len;
        }
        if !memory.links.is_empty() {
            // Where only files that are not flagged differ, both trees lead to the same.
            let same = made_from.filter(|(old, _)| memory.links.iter().map(|l| l.1).eq(old.links.iter().map(|l| l.1)));
            // In order before others have to wait.
            let mut packed: Vec<u64> = Vec::new();
            if same.is_none() {
                packed.extend(memory.links.iter().map(|(_, link)| link.pack()));
                packed.sort_unstable();
            }
            let mut found = lock(&self.found);
            let (lists_of, lists) = &mut *found;
            let list = same.map_or_else(|| lists.add(&packed), |(old, _)| Some(old.list));
            self.overflow.fetch_or(list.is_none(), Ordering::Relaxed);
            memory.list = list.unwrap_or_default();
            lists_of[nr.0 as usize] = memory.list;
        }
        memory
    }

    fn lost(&self, nr: Nr) {
        (self.lost)(nr);
    }

    fn stopped(&self) -> bool {
        (self.stop)()
    }
}

impl Memory {
    /// Reads the entry at `at`; gives its length.
    fn read(&mut self, walk: &Walk<'_>, bytes: &[u8], at: usize) -> Option<usize> {
        let (entry, len) = entry(bytes.get(at..)?, walk.wanted.hash)?;
        let place = u32::try_from(at).ok()?;
        if let Some(link) = walk.entry(&entry) {
            self.links.push((place, link));
        }
        self.bounds.push(place + u32::try_from(len).ok()?);
        Some(len)
    }

    /// Takes over the entries of the old tree that `kept` holds from `at` on, if one begins there; moves `at` behind them.
    fn take_over(&mut self, old: &Self, kept: &Kept, at: &mut usize) -> bool {
        let to_new = |place: u32| place as usize - kept.from + kept.to;
        let Ok(here) = u32::try_from(*at - kept.to + kept.from) else { return false };
        let Ok(first) = old.bounds.binary_search(&here) else { return false };
        let last = old.bounds.partition_point(|b| *b as usize <= kept.from + kept.len) - 1;
        if last <= first {
            return false;
        }
        let place = |b: u32| u32::try_from(to_new(b)).unwrap_or(u32::MAX);
        self.bounds.extend(old.bounds[first + 1..=last].iter().map(|b| place(*b)));
        let from = old.links.partition_point(|(b, _)| *b < here);
        let inside = old.links[from..].iter().take_while(|(b, _)| *b < old.bounds[last]);
        self.links.extend(inside.map(|(b, link)| (place(*b), *link)));
        *at = to_new(old.bounds[last]);
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn into<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
