//! Which commits brought what was found, and where it stands now.
//!
//! Presence is a matter of a secret and a path: a commit introduces a secret where none of its parents has it in the file of
//! that path, whatever else changed there. A merge that brings what no parent had is found like any other commit.

use super::changes::push;
use super::graph::{CommitNr, Graph};
use super::objects::Nr;
use super::trees::{Link, Trees};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// A number that stands for a secret under a rule; what it means is the caller's business.
pub type Key = u64;

/// What a blob holds, sorted, each once. Versions of a file mostly share theirs.
pub type Keys = Arc<[Key]>;

/// Where a secret stood: a commit, and the blob in which it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub commit: CommitNr,
    pub blob: Nr,
}

/// The history of a secret in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    pub path: Vec<u8>,
    pub key: Key,
    /// The commits that introduced it, oldest first, at most [`MOST_STANDS`].
    pub introduced: Vec<Stand>,
    pub introduced_total: usize,
    /// The last commit that changed the file and left it there.
    pub last: Stand,
    /// Where it stands at the tip that is looked at first.
    pub at_head: Option<Stand>,
    /// The branches at whose tip it stands.
    pub at_tip: Vec<String>,
}

/// How many introductions a story lists.
pub const MOST_STANDS: usize = 100;
/// How many branches a story names.
const MOST_TIPS: usize = 20;
/// How many flagged entries are looked at before attribution gives up: trees can hold each other 10^10 times.
const MOST_ENTRIES: u64 = 200_000_000;
/// So many entries that are those of the first parent count as one.
const PASSED_FOR_ONE: u64 = 256;

/// How many stories are told: a tree that holds itself ten times over on ten levels has 10^10 paths.
const MOST_STORIES: usize = 200_000;
/// How many folders deep attribution goes.
const DEEPEST: usize = 2048;

/// What was flagged.
pub struct Flagged<'a> {
    pub graph: &'a Graph,
    pub trees: &'a Trees,
    /// The keys of each flagged blob, sorted.
    pub keys: &'a HashMap<Nr, Keys>,
}

/// The stories of all that was flagged, and whether all of history was seen.
pub struct Stories {
    pub stories: Vec<Story>,
    /// The flagged blobs that stand in some looked-at commit.
    pub placed: HashSet<Nr>,
    pub complete: bool,
}

impl Flagged<'_> {
    /// Walks `commits`, oldest first, and the tips of `branches`; the first branch is HEAD's.
    #[must_use]
    pub fn stories(&self, commits: &[CommitNr], branches: &[(String, CommitNr)]) -> Stories {
        let mut walk = Walk { flagged: self, told: BTreeMap::new(), placed: HashSet::new(), left: MOST_ENTRIES, too_deep: false };
        for &commit in commits {
            let Some(tree) = self.graph.get(commit).tree else { continue };
            let parents: Vec<Nr> = self.graph.get(commit).parents.iter().filter_map(|p| self.graph.get(*p).tree).collect();
            if !parents.contains(&tree) {
                walk.compare(commit, &mut Vec::new(), tree, &parents);
            }
        }
        // Most branches hold most of what others hold: equal trees are looked at once for all of them.
        let mut tips: Vec<(Nr, Branches)> = Vec::new();
        for (n, (_, commit)) in branches.iter().enumerate() {
            tips.extend(self.graph.get(*commit).tree.map(|tree| (tree, Rc::from([n]))));
        }
        walk.tips(branches, &mut Vec::new(), together(tips));
        Stories {
            complete: walk.left > 0 && !walk.too_deep && !self.trees.overflow,
            stories: walk.told.into_values().collect(),
            placed: walk.placed,
        }
    }
}

struct Walk<'a> {
    flagged: &'a Flagged<'a>,
    told: BTreeMap<(Vec<u8>, Key), Story>,
    placed: HashSet<Nr>,
    left: u64,
    too_deep: bool,
}

impl Walk<'_> {
    /// Whether to go on below `path`.
    fn enters(&mut self, path: &[u8]) -> bool {
        let too_deep = path.len() > DEEPEST && memchr::memchr_iter(b'/', path).count() > DEEPEST;
        self.too_deep |= too_deep;
        self.left > 0 && !too_deep
    }

    /// Notes what `tree` has and none of `parents` has at the same path. What is not flagged in a parent cannot be the same.
    fn compare(&mut self, commit: CommitNr, path: &mut Vec<u8>, tree: Nr, parents: &[Nr]) {
        if !self.enters(path) {
            return;
        }
        let trees = self.flagged.trees;
        if parents.iter().any(|parent| trees.lead_alike(tree, *parent)) {
            return;
        }
        // Most entries are those of the first parent: both lists are in the same order.
        let mut theirs = parents.first().map_or(&[][..], |p| trees.links(*p));
        let mut ours = trees.links(tree);
        self.left = self.left.saturating_sub(ours.len() as u64 / PASSED_FOR_ONE);
        loop {
            let same = begin_alike(ours, theirs);
            (ours, theirs) = (&ours[same..], &theirs[same..]);
            let Some((&packed, rest)) = ours.split_first() else { break };
            theirs = &theirs[theirs.iter().take_while(|their| **their < packed).count()..];
            if theirs.first() == Some(&packed) {
                continue;
            }
            ours = rest;
            let Some(entry) = trees.leading(packed) else { continue };
            self.left = self.left.saturating_sub(1);
            let mut of_kind: Vec<Nr> = Vec::new();
            let mut is_known = false;
            for their in parents.iter().flat_map(|p| trees.named(*p, entry.name)) {
                is_known |= their == entry;
                if their.is_tree == entry.is_tree {
                    of_kind.push(their.nr);
                }
            }
            if is_known {
                continue;
            }
            let len = path.len();
            push(path, trees.name(entry.name));
            if entry.is_tree {
                self.compare(commit, path, entry.nr, &of_kind);
            } else {
                self.changed(Stand { commit, blob: entry.nr }, path, &of_kind);
            }
            path.truncate(len);
        }
    }

    fn changed(&mut self, stand: Stand, path: &[u8], parents: &[Nr]) {
        self.placed.insert(stand.blob);
        let keys = &self.flagged.keys[&stand.blob];
        for key in keys.iter() {
            let was_there = parents.iter().any(|p| self.flagged.keys.get(p).is_some_and(|k| k.binary_search(key).is_ok()));
            if self.told.len() >= MOST_STORIES && !self.told.contains_key(&(path.to_vec(), *key)) {
                self.left = 0;
                return;
            }
            let story = self.told.entry((path.to_vec(), *key)).or_insert_with(|| Story {
                path: path.to_vec(),
                key: *key,
                introduced: Vec::new(),
                introduced_total: 0,
                last: stand,
                at_head: None,
                at_tip: Vec::new(),
            });
            story.last = stand;
            if !was_there {
                story.introduced_total += 1;
                if story.introduced.len() < MOST_STANDS {
                    story.introduced.push(stand);
                }
            }
        }
    }

    /// Notes what stands at tips of branches, which have `at` at a path.
    fn tips(&mut self, branches: &[(String, CommitNr)], path: &mut Vec<u8>, at: Vec<(Nr, Branches)>) {
        if !self.enters(path) {
            return;
        }
        let trees = self.flagged.trees;
        let mut entries: Vec<(Link, Branches)> = Vec::new();
        for (tree, at) in at {
            entries.extend(trees.flagged(tree).map(|entry| (entry, Rc::clone(&at))));
        }
        self.left = self.left.saturating_sub(entries.len() as u64);
        entries.sort_by_key(|(entry, _)| (entry.name, entry.is_tree));
        for same in entries.chunk_by(|(a, _), (b, _)| (a.name, a.is_tree) == (b.name, b.is_tree)) {
            let below = together(same.iter().map(|(entry, at)| (entry.nr, Rc::clone(at))).collect());
            let len = path.len();
            push(path, trees.name(same[0].0.name));
            if same[0].0.is_tree {
                self.tips(branches, path, below);
            } else {
                self.stand_at_tips(branches, path, &below);
            }
            path.truncate(len);
        }
    }

    /// Notes what stands in the blobs that tips of branches have at `path`.
    fn stand_at_tips(&mut self, branches: &[(String, CommitNr)], path: &[u8], blobs: &[(Nr, Branches)]) {
        let mut by_key: BTreeMap<Key, (Vec<usize>, Option<Stand>)> = BTreeMap::new();
        for (blob, at) in blobs {
            let at_head = at.first().filter(|n| **n == 0).map(|n| Stand { commit: branches[*n].1, blob: *blob });
            for key in self.flagged.keys[blob].iter() {
                let (all, head) = by_key.entry(*key).or_default();
                all.extend_from_slice(at);
                *head = at_head.or(*head);
            }
        }
        for (key, (at, at_head)) in by_key {
            if let Some(story) = self.told.get_mut(&(path.to_vec(), key)) {
                // Names with slashes in them, which only forged trees have, lead to one path twice.
                story.at_head = at_head.or(story.at_head);
                story.at_tip.extend(first_few(at).iter().map(|n| branches[*n].0.clone()));
                story.at_tip.truncate(MOST_TIPS);
            }
        }
    }
}

/// How many entries two lists begin with that are the same in both.
fn begin_alike(one: &[u64], other: &[u64]) -> usize {
    const AT_ONCE: usize = 16;
    let pairs = one.chunks_exact(AT_ONCE).zip(other.chunks_exact(AT_ONCE));
    let same = pairs.take_while(|(a, b)| a == b).count() * AT_ONCE;
    same + one[same..].iter().zip(&other[same..]).take_while(|(a, b)| a == b).count()
}

/// Branches by their place in the list, in order, the first few of them.
type Branches = Rc<[usize]>;

fn first_few(mut branches: Vec<usize>) -> Branches {
    branches.sort_unstable();
    branches.dedup();
    branches.truncate(MOST_TIPS);
    branches.into()
}

/// Each object once, with all the branches that have it.
fn together(mut all: Vec<(Nr, Branches)>) -> Vec<(Nr, Branches)> {
    all.sort_by_key(|(nr, _)| *nr);
    let same = all.chunk_by(|a, b| a.0 == b.0).map(|same| match same {
        [(nr, alone)] => (*nr, Rc::clone(alone)),
        _ => (same[0].0, first_few(same.iter().flat_map(|(_, at)| &**at).copied().collect())),
    });
    same.collect()
}
