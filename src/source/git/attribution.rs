//! Which commits brought what was found, and where it stands now.
//!
//! Presence is a matter of a secret and a path: a commit introduces a secret where none of its parents has it in the file of
//! that path, whatever else changed there. A merge that brings what no parent had is found like any other commit.

use super::graph::{CommitNr, Graph};
use super::objects::{Nr, Objects, Reader};
use super::trees::{EntryKind, Trees, entries};
use gix::hash::ObjectId;
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
/// How many entries are remembered.
const REMEMBERED: usize = 2_000_000;

/// What was flagged.
pub struct Flagged<'a> {
    pub objects: &'a Objects,
    pub graph: &'a Graph,
    pub trees: &'a Trees,
    pub hash: gix::hash::Kind,
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
        let ids = self.keys.keys().map(|nr| (self.objects.id(*nr), *nr)).collect();
        let mut walk = Walk {
            flagged: self,
            ids,
            reader: Reader::new(self.objects),
            known: HashMap::new(),
            remembered: 0,
            told: BTreeMap::new(),
            placed: HashSet::new(),
            left: MOST_ENTRIES,
        };
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
        Stories { complete: walk.left > 0, stories: walk.told.into_values().collect(), placed: walk.placed }
    }
}

struct Walk<'a> {
    flagged: &'a Flagged<'a>,
    /// The flagged blobs by their ids.
    ids: HashMap<ObjectId, Nr>,
    reader: Reader<'a>,
    /// The flagged entries of trees seen before.
    known: HashMap<Nr, Rc<Vec<Kept>>>,
    remembered: usize,
    told: BTreeMap<(Vec<u8>, Key), Story>,
    placed: HashSet<Nr>,
    left: u64,
}

/// An entry that is flagged, or holds what is.
struct Kept {
    is_tree: bool,
    name: Vec<u8>,
    nr: Nr,
}

impl Walk<'_> {
    /// The entries of a tree that lead to something flagged, by name.
    fn flagged_entries(&mut self, tree: Nr) -> Rc<Vec<Kept>> {
        if let Some(known) = self.known.get(&tree) {
            return Rc::clone(known);
        }
        let mut kept = Vec::new();
        if self.flagged.trees.holds(tree)
            && let Some(bytes) = self.reader.read(tree)
        {
            for entry in entries(&bytes, self.flagged.hash) {
                let nr = match entry.kind {
                    EntryKind::Blob => self.ids.get(entry.id).copied(),
                    EntryKind::Tree => self.flagged.objects.find(entry.id).filter(|nr| self.flagged.trees.holds(*nr)),
                    EntryKind::Submodule => None,
                };
                if let Some(nr) = nr {
                    kept.push(Kept { is_tree: entry.kind == EntryKind::Tree, name: entry.name.to_vec(), nr });
                }
            }
        }
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        let kept = Rc::new(kept);
        self.remembered += kept.len() + 1;
        if self.remembered > REMEMBERED {
            self.known.clear();
            self.remembered = kept.len() + 1;
        }
        self.known.insert(tree, Rc::clone(&kept));
        kept
    }

    /// Notes what `tree` has and none of `parents` has at the same path. What is not flagged in a parent cannot be the same.
    fn compare(&mut self, commit: CommitNr, path: &mut Vec<u8>, tree: Nr, parents: &[Nr]) {
        if self.left == 0 || path.len() > 65_536 {
            return;
        }
        let ours = self.flagged_entries(tree);
        let theirs: Vec<Rc<Vec<Kept>>> = parents.iter().map(|p| self.flagged_entries(*p)).collect();
        self.left = self.left.saturating_sub(ours.len() as u64);
        let mut same_name = Vec::new();
        for entry in &*ours {
            same_name.clear();
            for their in &theirs {
                if let Ok(at) = their.binary_search_by(|e| e.name.cmp(&entry.name)) {
                    same_name.push(&their[at]);
                }
            }
            if same_name.iter().any(|e| e.nr == entry.nr) {
                continue;
            }
            let len = path.len();
            push(path, &entry.name);
            let of_kind: Vec<Nr> = same_name.iter().filter(|e| e.is_tree == entry.is_tree).map(|e| e.nr).collect();
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
        if self.left == 0 || path.len() > 65_536 {
            return;
        }
        let kept = self.flagged_entries(tree);
        self.left = self.left.saturating_sub(kept.len() as u64);
        for entry in &*kept {
            let len = path.len();
            push(path, &entry.name);
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

fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
