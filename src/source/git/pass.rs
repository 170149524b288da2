//! A pass over all objects of a kind. Deltas are followed from their roots, the heaviest tree first: every object is inflated once,
//! and no base twice. A thread follows a tree to its end; one that has nothing to do gets a part of another's.

use super::delta::Delta;
use super::objects::{Kind, MAX_OBJECT, Nr, Objects};
use super::pack::Unpacker;
use crate::detect::Kept;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Takes objects, from all threads.
pub(super) trait Visit: Sync {
    /// What an object leaves for those that are stored as deltas of it.
    type Memory: Send + Sync;
    /// Whether it has no use for an object: delta trees without any other are not read.
    fn skips(&self, _: Nr) -> bool {
        false
    }
    /// Takes an object; `made_from` is what its base left and the stretches that both share. Others are made of it if it `is_base`.
    fn visit(&self, nr: Nr, bytes: &[u8], made_from: Option<(&Self::Memory, &[Kept])>, is_base: bool) -> Self::Memory;
    /// Notes an object that is corrupt or too large.
    fn lost(&self, nr: Nr);
    /// Whether to stop.
    fn stopped(&self) -> bool;
}

/// Takes each object for itself.
pub(super) struct Each<'a, V: Fn(Nr, &[u8]) + Sync> {
    pub visit: V,
    pub lost: &'a (dyn Fn(Nr) + Sync),
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl<V: Fn(Nr, &[u8]) + Sync> Visit for Each<'_, V> {
    type Memory = ();

    fn visit(&self, nr: Nr, bytes: &[u8], _: Option<(&(), &[Kept])>, _: bool) {
        (self.visit)(nr, bytes);
    }

    fn lost(&self, nr: Nr) {
        (self.lost)(nr);
    }

    fn stopped(&self) -> bool {
        (self.stop)()
    }
}

/// What deltas are made of what.
pub struct DeltaTrees {
    /// Where the children of each object begin in `children`.
    starts: Vec<u32>,
    /// Those with the fewest objects below them first: of a base that waits for its last child nothing is kept, so the bases
    /// held at a time are no more than the logarithm of a tree's size.
    children: Vec<Nr>,
}

impl DeltaTrees {
    /// Lists the children of every object.
    pub fn of(objects: &Objects) -> Self {
        let mut starts = vec![0u32; objects.len() + 1];
        for nr in objects.iter() {
            if let Some(base) = objects.base(nr) {
                starts[base.0 as usize + 1] += 1;
            }
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut children = vec![Nr(0); starts.last().copied().unwrap_or(0) as usize];
        for nr in objects.iter() {
            if let Some(base) = objects.base(nr) {
                let at = &mut next[base.0 as usize];
                children[*at as usize] = nr;
                *at += 1;
            }
        }
        drop(next);
        let mut this = Self { starts, children };
        this.sort_children(objects);
        this
    }

    fn sort_children(&mut self, objects: &Objects) {
        // Bases before what is made of them: read backwards, children come before their bases.
        let mut order: Vec<Nr> = objects.iter().filter(|nr| objects.base(*nr).is_none()).collect();
        let mut at = 0;
        while at < order.len() {
            order.extend_from_slice(self.children(order[at]));
            at += 1;
        }
        let mut below = vec![0u32; objects.len()];
        for nr in order.iter().rev() {
            if let Some(base) = objects.base(*nr) {
                below[base.0 as usize] += below[nr.0 as usize] + 1;
            }
        }
        for pair in 1..self.starts.len() {
            let range = self.starts[pair - 1] as usize..self.starts[pair] as usize;
            self.children[range].sort_unstable_by_key(|nr| (below[nr.0 as usize], *nr));
        }
    }

    fn children(&self, nr: Nr) -> &[Nr] {
        let at = nr.0 as usize;
        &self.children[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// The bytes stored below a root: what its thread will have to do.
    fn weight(&self, objects: &Objects, root: Nr) -> u64 {
        let mut total = 0;
        let mut stack = vec![root];
        while let Some(nr) = stack.pop() {
            // A delta costs its result, which is about the size of the root.
            total += 64 + objects.stored_size(nr).max(objects.stored_size(root) / 4);
            stack.extend(self.children(nr));
        }
        total
    }

    /// Whether `visitor` has a use for an object of the tree from `root`.
    fn has_use(&self, root: Nr, visitor: &impl Visit) -> bool {
        let mut stack = vec![root];
        while let Some(nr) = stack.pop() {
            if !visitor.skips(nr) {
                return true;
            }
            stack.extend(self.children(nr));
        }
        false
    }

    /// An object that cannot be read takes all that are made of it along.
    fn lose(&self, nr: Nr, visitor: &impl Visit) {
        let mut stack = vec![nr];
        while let Some(nr) = stack.pop() {
            visitor.lost(nr);
            stack.extend(self.children(nr));
        }
    }

    /// Hands every object of `kind` to `visitor`. Together they may have so many bytes; what is beyond is lost.
    pub(super) fn for_each<V: Visit>(&self, objects: &Objects, kind: Kind, visitor: &V) {
        let mut roots: Vec<(u64, Nr)> = objects
            .iter()
            .filter(|nr| objects.kind(*nr) == kind && objects.base(*nr).is_none() && self.has_use(*nr, visitor))
            .map(|nr| (self.weight(objects, nr), nr))
            .collect();
        roots.sort_unstable_by_key(|(weight, nr)| (std::cmp::Reverse(*weight), *nr));
        let budget = AtomicU64::new(LEAST_BUDGET.max(objects.packed_bytes().saturating_mul(BUDGET_PER_BYTE)));
        let large = Mutex::new(());
        let queue = Queue::new(roots);
        rayon::broadcast(|_| {
            let mut worker = Worker {
                trees: self,
                objects,
                visitor,
                queue: &queue,
                budget: &budget,
                large: &large,
                unpacker: Unpacker::default(),
                stored: Vec::new(),
                kept: Vec::new(),
                spare: Vec::new(),
            };
            while let Some((part, _busy)) = queue.take() {
                worker.follow(part);
            }
        });
        for nr in objects.iter().filter(|_| kind == Kind::Blob) {
            if objects.kind(nr) == Kind::Broken {
                visitor.lost(nr);
            }
        }
    }
}

/// An object that others are made of.
struct Base<M> {
    bytes: Vec<u8>,
    memory: M,
}

/// An object to read, and what it is made of.
type Waiting<M> = (Nr, Option<Arc<Base<M>>>);

/// What nobody follows yet: delta trees, and parts of them that were given away.
struct Queue<M> {
    roots: Vec<(u64, Nr)>,
    waiting: Mutex<Parts<M>>,
    /// How many threads have nothing to follow.
    hungry: AtomicUsize,
}

struct Parts<M> {
    /// The first of the roots that nobody follows.
    next: usize,
    given: Vec<Waiting<M>>,
    /// How many threads follow something, of which they may give a part.
    busy: usize,
}

/// How long a thread sleeps that has nothing to do.
const NAP: Duration = Duration::from_micros(50);

impl<M> Queue<M> {
    fn new(roots: Vec<(u64, Nr)>) -> Self {
        Self { roots, waiting: Mutex::new(Parts { next: 0, given: Vec::new(), busy: 0 }), hungry: AtomicUsize::new(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, Parts<M>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something to follow, and what is held meanwhile; `None` once nothing is left and nobody could give anything.
    fn take(&self) -> Option<(Waiting<M>, Busy<'_, M>)> {
        let mut is_hungry = None;
        loop {
            let mut waiting = self.waiting();
            let part = waiting.given.pop().or_else(|| {
                let root = self.roots.get(waiting.next).map(|(_, root)| (*root, None));
                waiting.next += 1;
                root
            });
            if let Some(part) = part {
                waiting.busy += 1;
                return Some((part, Busy(self)));
            }
            if waiting.busy == 0 {
                return None;
            }
            drop(waiting);
            is_hungry.get_or_insert_with(|| Hungry::new(&self.hungry));
            // Another pass may have work meanwhile: that over commits goes on beside the one over blobs. Two never wait for each other: all
            // threads come to their parts of passes in the same order, so that only an earlier one can have a later one within it.
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Gives a part of what waits in `stack` to a thread that has nothing: of what is nearest to the root the most is made.
    fn give(&self, stack: &mut VecDeque<Waiting<M>>) {
        let hungry = self.hungry.load(Ordering::Relaxed);
        if hungry > 0 && !stack.is_empty() {
            let mut waiting = self.waiting();
            if waiting.given.len() < hungry {
                waiting.given.extend(stack.pop_front());
            }
        }
    }
}

/// Held by a thread that follows something, also where it panics.
struct Busy<'a, M>(&'a Queue<M>);

impl<M> Drop for Busy<'_, M> {
    fn drop(&mut self) {
        self.0.waiting().busy -= 1;
    }
}

/// Held by a thread that has nothing.
struct Hungry<'a>(&'a AtomicUsize);

impl<'a> Hungry<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Hungry<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Worker<'a, V: Visit> {
    trees: &'a DeltaTrees,
    objects: &'a Objects,
    visitor: &'a V,
    queue: &'a Queue<V::Memory>,
    /// The bytes that may still be made.
    budget: &'a AtomicU64,
    /// Held while a large object is looked at: one at a time.
    large: &'a Mutex<()>,
    unpacker: Unpacker,
    /// Buffers that are used again.
    stored: Vec<u8>,
    kept: Vec<Kept>,
    spare: Vec<Vec<u8>>,
}

/// The bytes that objects of a kind may have together: so many for each byte of the packs, and at least so many. Real histories
/// have some 30 for a byte; a forged pack of a few kilobytes can ask for any number.
const BUDGET_PER_BYTE: u64 = 1000;
const LEAST_BUDGET: u64 = 16 << 30;
/// Objects above this many bytes are looked at one at a time, so that threads do not hold several each.
const LARGE: u64 = 32 << 20;

/// The buffers that wait to be used again, and the largest of them in bytes.
const SPARE: usize = 8;
const SPARE_LEN: usize = 16 << 20;

impl<V: Visit> Worker<'_, V> {
    /// Takes an object and all that are made of it, but for parts that are given away.
    fn follow(&mut self, part: Waiting<V::Memory>) {
        let mut stack = VecDeque::from([part]);
        while let Some((nr, base)) = stack.pop_back() {
            self.queue.give(&mut stack);
            if self.visitor.stopped() {
                return;
            }
            let is_large = self.objects.stored_size(nr) > LARGE || base.as_ref().is_some_and(|b| b.bytes.len() as u64 > LARGE);
            let _large = is_large.then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
            let Some(bytes) = self.bytes(nr, base.as_deref()) else {
                self.trees.lose(nr, self.visitor);
                continue;
            };
            let made_from = base.as_deref().map(|base| (&base.memory, &self.kept[..]));
            let children = self.trees.children(nr);
            let memory = self.visitor.visit(nr, &bytes, made_from, !children.is_empty());
            if let Some(base) = base.and_then(Arc::into_inner) {
                self.put_back(base.bytes);
            }
            if children.is_empty() {
                self.put_back(bytes);
            } else {
                let base = Arc::new(Base { bytes, memory });
                stack.extend(children.iter().rev().map(|c| (*c, Some(Arc::clone(&base)))));
            }
        }
    }

    fn put_back(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE && buffer.capacity() <= SPARE_LEN {
            self.spare.push(buffer);
        }
    }

    fn bytes(&mut self, nr: Nr, base: Option<&Base<V::Memory>>) -> Option<Vec<u8>> {
        let mut out = self.spare.pop().unwrap_or_default();
        let Some(base) = base else {
            self.spend(self.objects.stored_size(nr))?;
            self.objects.stored(nr, &mut self.unpacker, &mut out)?;
            return Some(out);
        };
        self.objects.stored(nr, &mut self.unpacker, &mut self.stored)?;
        let delta = Delta::parse(&self.stored).filter(|d| d.result_len <= MAX_OBJECT)?;
        self.spend(delta.result_len)?;
        delta.apply(&base.bytes, &mut out, &mut self.kept)?;
        Some(out)
    }

    /// Takes bytes from the budget; `None` where so many are not left.
    fn spend(&self, bytes: u64) -> Option<()> {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).ok().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;
    use std::sync::mpsc::channel;

    /// Does other work in each visit, as those do that wait for the members of a large archive.
    struct Interrupted(AtomicUsize);

    impl Visit for Interrupted {
        type Memory = ();

        fn visit(&self, _: Nr, _: &[u8], _: Option<(&(), &[Kept])>, _: bool) {
            std::thread::sleep(Duration::from_micros(20));
            rayon::yield_now();
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn lost(&self, nr: Nr) {
            panic!("{nr:?} is lost");
        }

        fn stopped(&self) -> bool {
            false
        }
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
        assert!(command.output().expect("git").status.success(), "git {arguments:?}");
    }

    #[test]
    fn passes_within_each_other_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "."]);
        for version in 0..30 {
            let lines: Vec<String> = (0..100).map(|n| format!("{n} of {}\n", version * usize::from(n % 30 == 0))).collect();
            std::fs::write(folder.path().join("a"), lines.concat()).unwrap();
            git(folder.path(), &["add", "."]);
            git(folder.path(), &["commit", "-q", "-m", &format!("version {version}")]);
        }
        git(folder.path(), &["repack", "-q", "-a", "-d", "-f"]);
        let objects = Objects::open(&[folder.path().join(".git/objects")], gix::hash::Kind::Sha1);
        let trees = DeltaTrees::of(&objects);
        let (sender, done) = channel();
        std::thread::spawn(move || {
            for threads in [2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for _ in 0..50 {
                    let passes = [Kind::Blob, Kind::Commit, Kind::Tree].map(|kind| (kind, Interrupted(AtomicUsize::new(0))));
                    let [blobs, commits, folders] = &passes;
                    let pass = |(kind, visitor): &(Kind, Interrupted)| trees.for_each(&objects, *kind, visitor);
                    pool.install(|| rayon::join(|| pass(blobs), || rayon::join(|| pass(commits), || pass(folders))));
                    assert_eq!(passes.map(|(_, visitor)| visitor.0.into_inner()), [30; 3]);
                }
            }
            sender.send(()).unwrap();
        });
        done.recv_timeout(Duration::from_secs(60)).expect("an end");
    }
}
