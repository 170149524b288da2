//! The whole history of a repository: every blob once, messages, names, and the story of what was found.

use super::attribution::{Flagged, Keys, Stories, Story};
use super::graph::{CommitNr, Graph};
use super::objects::{Kind, Nr, Objects};
use super::open::{Ref, Repository};
use super::pass::{DeltaTrees, Visit};
use super::trees::{Trees, Wanted};
use crate::detect::Kept;
use gix::hash::ObjectId;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Which part of a repository is looked at.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Also what no ref reaches: stashes, what reflogs remember, dangling objects.
    pub unreachable: bool,
    /// Only what this branch, tag or commit reaches.
    pub branch: Option<String>,
    /// Look at every blob in full instead of at what differs from another one: slow, and the measure of the fast way.
    pub whole_blobs: bool,
}

/// Takes what a history holds. Called from many threads.
pub trait GitSink: Sync {
    /// What a blob leaves for those made from it.
    type Memory: Send + Sync;
    /// Whether an object need not be looked at: it is known to hold nothing.
    fn skips(&self, _: Nr) -> bool {
        false
    }
    /// Looks at a blob; gives a key for each thing that it holds. `made_from` is what another blob left, and the stretches
    /// that both share. Others are made from it if it `is_base`.
    fn blob(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Self::Memory, &[Kept])>, is_base: bool) -> (Keys, Self::Memory);
    /// Looks at a commit's or tag's own text and remembers what it holds.
    fn text(&self, nr: Nr, kind: Kind, bytes: &[u8]);
    /// Looks at names of files and folders, a line each; tells which lines hold something.
    fn names(&self, names: &[u8]) -> Vec<usize>;
    /// Notes an object that is corrupt or too large.
    fn lost(&self, id: ObjectId);
    /// Whether to stop.
    fn stopped(&self) -> bool;
}

/// What a walk through history tells.
pub struct History {
    pub graph: Graph,
    pub stories: Vec<Story>,
    /// Attribution saw all of history.
    pub complete: bool,
    /// By commit: whether it is reachable from what was asked for.
    pub reachable: Vec<bool>,
    /// Tags that were looked at because a ref points to them.
    pub tags: HashSet<Nr>,
    /// Names that hold something, with the commits at which a tree has them first.
    pub names: Vec<Vec<u8>>,
    /// Blobs and trees that are named and not there.
    pub missing: u64,
    /// Commits whose parents are not there.
    pub cut: u64,
    pub refs: Vec<Ref>,
    /// Flagged blobs that no looked-at commit holds.
    pub unattached: Vec<Nr>,
    /// A branch was asked for and is not there.
    pub unknown_branch: bool,
}

impl History {
    /// Looks at everything in `scope`.
    #[must_use]
    pub fn scan<S: GitSink>(repo: &Repository, scope: &Scope, sink: &S) -> Self {
        let objects = repo.objects();
        let deltas = DeltaTrees::of(objects);
        let lost = |nr: Nr| sink.lost(objects.id(nr));
        let stop = || sink.stopped();
        let blobs = Blobs { objects, sink, whole: scope.whole_blobs, keys: Mutex::default() };
        let text = |nr: Nr, bytes: &[u8]| sink.text(nr, objects.kind(nr), bytes);
        // At once: where one file has most of the history, a single thread is the last one to look at blobs.
        let look = || deltas.for_each(objects, Kind::Blob, &blobs);
        let ((), graph) = rayon::join(look, || Graph::read(objects, &deltas, &text, &lost, &stop));
        let keys = blobs.keys.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let refs = repo.refs();
        let chosen = Chosen::of(repo, &graph, &refs, scope);
        let flagged_ids: HashMap<ObjectId, Nr> = keys.keys().map(|nr| (objects.id(*nr), *nr)).collect();
        // What a partial clone left with its server is all told; elsewhere only what is looked at counts.
        let all_missing = repo.partial || scope.unreachable;
        let wanted = Wanted { hash: repo.hash, flagged: &flagged_ids, missing: !all_missing };
        let trees = Trees::walk(objects, &deltas, &wanted, &lost, &stop);
        let flagged = Flagged { graph: &graph, trees: &trees, keys: &keys };
        let order = graph.oldest_first(&chosen.reachable);
        let missing = || {
            if all_missing { trees.missing } else { trees.missing_below(order.iter().filter_map(|c| graph.get(*c).tree)) }
        };
        let beside = || (names_that_hold(&trees, sink), missing());
        let (told, (names, missing)) = rayon::join(|| flagged.stories(&order, &chosen.branches), beside);
        let Stories { stories, placed, complete } = told;
        let mut unattached: Vec<Nr> = keys.keys().copied().filter(|nr| !placed.contains(nr)).collect();
        unattached.sort_unstable();
        let cut = order.iter().filter(|c| graph.get(**c).cut).count() as u64;
        let unread = order.iter().filter(|c| graph.get(**c).tree.is_none()).count() as u64;
        Self {
            stories,
            complete,
            reachable: chosen.reachable,
            tags: chosen.tags,
            names,
            missing: missing + unread,
            cut,
            refs,
            unattached,
            unknown_branch: chosen.unknown_branch,
            graph,
        }
    }
}

/// Looks at all blobs.
struct Blobs<'a, S: GitSink> {
    objects: &'a Objects,
    sink: &'a S,
    whole: bool,
    keys: Mutex<HashMap<Nr, Keys>>,
}

impl<S: GitSink> Visit for Blobs<'_, S> {
    type Memory = Option<S::Memory>;

    fn skips(&self, nr: Nr) -> bool {
        !self.objects.is_first(nr) || self.sink.skips(nr)
    }

    fn visit(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Self::Memory, &[Kept])>, is_base: bool) -> Self::Memory {
        // An object that stands in two packs is looked at once.
        if !self.objects.is_first(nr) || self.sink.skips(nr) {
            return None;
        }
        let made_from = made_from.and_then(|(memory, kept)| Some((memory.as_ref()?, kept))).filter(|_| !self.whole);
        let (keys, memory) = self.sink.blob(nr, bytes, made_from, is_base);
        if !keys.is_empty() {
            self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(nr, keys);
        }
        Some(memory)
    }

    fn lost(&self, nr: Nr) {
        self.sink.lost(self.objects.id(nr));
    }

    fn stopped(&self) -> bool {
        self.sink.stopped()
    }
}

/// What a scope comes to.
struct Chosen {
    reachable: Vec<bool>,
    /// HEAD's branch first.
    branches: Vec<(String, CommitNr)>,
    tags: HashSet<Nr>,
    unknown_branch: bool,
}

impl Chosen {
    fn of(repo: &Repository, graph: &Graph, refs: &[Ref], scope: &Scope) -> Self {
        let mut tips: Vec<CommitNr> = Vec::new();
        let mut tags = HashSet::new();
        let mut unknown_branch = false;
        let mut add = |target: ObjectId| {
            if let Some(nr) = repo.objects().find(&target).filter(|nr| repo.objects().kind(*nr) == Kind::Tag) {
                tags.insert(nr);
            }
            tips.extend(graph.peel(target));
        };
        if let Some(branch) = &scope.branch {
            match resolve(repo, graph, refs, branch) {
                Some(target) => add(target),
                None => unknown_branch = true,
            }
        } else {
            refs.iter().filter(|r| r.name != "refs/stash").for_each(|r| add(r.target));
        }
        let mut reachable = graph.reachable(tips);
        if scope.unreachable {
            reachable.fill(true);
            tags.extend(repo.objects().iter().filter(|nr| repo.objects().kind(*nr) == Kind::Tag));
        }
        let head = repo.head_branch();
        let mut branches: Vec<(String, CommitNr)> = refs
            .iter()
            .filter(|r| r.name == "HEAD" || r.name.starts_with("refs/heads/") || r.name.starts_with("refs/remotes/"))
            .filter_map(|r| Some((r.name.clone(), graph.peel(r.target)?)))
            .filter(|(_, commit)| reachable[commit.0 as usize])
            .collect();
        // HEAD stands for its branch; detached, for itself.
        let named = head.as_ref().filter(|h| branches.iter().any(|(name, _)| name == *h));
        let first = scope.branch.as_ref().map(|b| format!("refs/heads/{b}")).or_else(|| named.cloned());
        branches.retain(|(name, _)| name != "HEAD" || first.is_none());
        branches.sort_by_key(|(name, _)| (Some(name) != first.as_ref() && name != "HEAD", name.clone()));
        for (name, _) in &mut branches {
            for prefix in ["refs/heads/", "refs/remotes/"] {
                if let Some(short) = name.strip_prefix(prefix) {
                    *name = short.to_owned();
                    break;
                }
            }
        }
        Self { reachable, branches, tags, unknown_branch }
    }
}

/// What a person's word for a commit means: a ref, its short name, or an id.
#[must_use]
pub fn resolve(repo: &Repository, graph: &Graph, refs: &[Ref], word: &str) -> Option<ObjectId> {
    let candidates = [
        word.to_owned(),
        format!("refs/{word}"),
        format!("refs/heads/{word}"),
        format!("refs/tags/{word}"),
        format!("refs/remotes/{word}"),
    ];
    for name in &candidates {
        if let Some(found) = refs.iter().find(|r| r.name == *name) {
            return Some(found.target);
        }
    }
    if let Ok(id) = ObjectId::from_hex(word.as_bytes()) {
        return repo.objects().find(&id).map(|_| id);
    }
    // A short id, if only one commit has it.
    let is_short = word.len() >= 4 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = word.to_ascii_lowercase();
    let mut matching = graph.commits.iter().filter(|c| is_short && c.id.to_hex().to_string().starts_with(&lower));
    matching.next().map(|c| c.id).filter(|_| matching.next().is_none())
}

/// The distinct names of files and folders that hold something.
fn names_that_hold<S: GitSink>(trees: &Trees, sink: &S) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for batch in trees.names().chunks(50_000) {
        let mut text = Vec::new();
        for name in batch {
            // A name may hold anything but a slash and a zero: a newline in it must not look like two names.
            text.extend(name.iter().map(|b| if *b == b'\n' { b' ' } else { *b }));
            text.push(b'\n');
        }
        found.extend(sink.names(&text).into_iter().filter_map(|line| batch.get(line).map(|name| name.to_vec())));
    }
    found
}
