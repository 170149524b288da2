//! A pass over all objects of a kind. Deltas are followed from their roots, each delta tree by one thread, the heaviest first:
//! every object is inflated once, and no base twice.

use super::delta::Delta;
use super::inflate::Inflater;
use super::objects::{Kind, MAX_OBJECT, Nr, Objects};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What deltas are made of what.
pub struct DeltaTrees {
    /// Where the children of each object begin in `children`.
    starts: Vec<u32>,
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
        Self { starts, children }
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

    /// An object that cannot be read takes all that are made of it along.
    fn lose(&self, nr: Nr, lost: &(dyn Fn(Nr) + Sync)) {
        let mut stack = vec![nr];
        while let Some(nr) = stack.pop() {
            lost(nr);
            stack.extend(self.children(nr));
        }
    }

    /// Calls `visit` with every object of `kind` and its bytes, from all threads; `lost` with those that are corrupt or too
    /// large. `stop` ends it.
    pub fn for_each(
        &self,
        objects: &Objects,
        kind: Kind,
        visit: &(dyn Fn(Nr, &[u8]) + Sync),
        lost: &(dyn Fn(Nr) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) {
        let mut roots: Vec<(u64, Nr)> = objects
            .iter()
            .filter(|nr| objects.kind(*nr) == kind && objects.base(*nr).is_none())
            .map(|nr| (self.weight(objects, nr), nr))
            .collect();
        roots.sort_unstable_by_key(|(weight, nr)| (std::cmp::Reverse(*weight), *nr));
        let next = AtomicUsize::new(0);
        rayon::broadcast(|_| {
            let mut worker = Worker { inflater: Inflater::default(), stored: Vec::new() };
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, root)) = roots.get(at) else { return };
                worker.tree(self, objects, *root, visit, lost, stop);
            }
        });
        for nr in objects.iter().filter(|_| kind == Kind::Blob) {
            if objects.kind(nr) == Kind::Broken {
                lost(nr);
            }
        }
    }
}

struct Worker {
    inflater: Inflater,
    stored: Vec<u8>,
}

impl Worker {
    fn tree(
        &mut self,
        trees: &DeltaTrees,
        objects: &Objects,
        root: Nr,
        visit: &(dyn Fn(Nr, &[u8]) + Sync),
        lost: &(dyn Fn(Nr) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) {
        let mut stack: Vec<(Nr, Option<Rc<Vec<u8>>>)> = vec![(root, None)];
        while let Some((nr, base)) = stack.pop() {
            if stop() {
                return;
            }
            let Some(bytes) = self.bytes(objects, nr, base) else {
                trees.lose(nr, lost);
                continue;
            };
            visit(nr, &bytes);
            let children = trees.children(nr);
            if !children.is_empty() {
                let bytes = Rc::new(bytes);
                stack.extend(children.iter().rev().map(|c| (*c, Some(Rc::clone(&bytes)))));
            }
        }
    }

    fn bytes(&mut self, objects: &Objects, nr: Nr, base: Option<Rc<Vec<u8>>>) -> Option<Vec<u8>> {
        objects.stored(nr, &mut self.inflater, &mut self.stored)?;
        let Some(base) = base else { return Some(std::mem::take(&mut self.stored)) };
        let delta = Delta::parse(&self.stored).filter(|d| d.result_len <= MAX_OBJECT)?;
        let mut out = Vec::new();
        delta.apply(&base, &mut out)?;
        Some(out)
    }
}
