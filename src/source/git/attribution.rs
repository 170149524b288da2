//! Which commits brought what was found, and where it stands now.
//!
//! Presence is a matter of a secret and a path: a commit introduces a secret where none of its parents has it in the file of
//! that path, whatever else changed there. A merge that brings what no parent had is found like any other commit.

use super::changes::push;
use super::graph::{CommitNr, Graph};
use super::objects::Nr;
use super::trees::Trees;
use std::collections::{BTreeMap, HashMap, HashSet};
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
        let mut seen: HashMap<Nr, usize> = HashMap::new();
        for (n, (name, commit)) in branches.iter().enumerate() {
            let Some(tree) = self.graph.get(*commit).tree else { continue };
            // Branches with equal trees share what stands at their tip; only so many are named.
            let first = *seen.entry(tree).or_insert(n);
            if first == n || n < MOST_TIPS {
                walk.tip(*commit, name, n == 0, &mut Vec::new(), tree);
            }
        }
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
        // Most entries are those of the first parent: both lists are in the same order.
        let mut first = parents.first().map_or(&[][..], |p| trees.links(*p)).iter().peekable();
        let links = trees.links(tree);
        self.left = self.left.saturating_sub(links.len() as u64 / PASSED_FOR_ONE);
        for &packed in links {
            while first.next_if(|their| **their < packed).is_some() {}
            if first.peek() == Some(&&packed) {
                continue;
            }
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

    /// Notes what stands at a branch's tip.
    fn tip(&mut self, commit: CommitNr, branch: &str, is_head: bool, path: &mut Vec<u8>, tree: Nr) {
        if !self.enters(path) {
            return;
        }
        let trees = self.flagged.trees;
        for entry in trees.flagged(tree) {
            self.left = self.left.saturating_sub(1);
            let len = path.len();
            push(path, trees.name(entry.name));
            if entry.is_tree {
                self.tip(commit, branch, is_head, path, entry.nr);
            } else {
                for key in self.flagged.keys[&entry.nr].iter() {
                    if let Some(story) = self.told.get_mut(&(path.clone(), *key)) {
                        if is_head {
                            story.at_head = Some(Stand { commit, blob: entry.nr });
                        }
                        if story.at_tip.len() < MOST_TIPS {
                            story.at_tip.push(branch.to_owned());
                        }
                    }
                }
            }
            path.truncate(len);
        }
    }
}
