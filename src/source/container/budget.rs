//! What containers may cost: bytes that come out of them, members, depth, and memory. Reaching a bound is a skip with its own
//! reason; memory alone is waited for, so that what is found never depends on what other threads do.

use crate::source::SkipReason;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far containers are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many containers may stand in each other.
    pub depth: usize,
    /// The bytes that may come out of one file, all levels together.
    pub unpacked: u64,
    /// The members of one file, all levels together.
    pub members: u64,
    /// The bytes of one member.
    pub member: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 8, unpacked: 64_000_000_000, members: 1_000_000, member: 8_000_000_000 }
    }
}

/// What may come out for each byte of a file. Text of many equal lines gives 50 for one, a bomb 1000 at each level.
const RATIO: u64 = 200;
/// Small files may grow more, but no more than this, and by a ratio as well: many small bombs cost no more than their bytes allow.
const FLOOR: u64 = 100_000_000;
const SMALL_FLOOR: u64 = 16_000_000;
const SMALL_RATIO: u64 = 2000;

/// What one file has cost so far.
pub(super) struct Spent {
    limits: Limits,
    /// The bytes of the file as far as they were read.
    stored: AtomicU64,
    unpacked: AtomicU64,
    /// Bytes that were decoded and do not count yet.
    decoded: AtomicU64,
    members: AtomicU64,
}

impl Spent {
    /// Nothing, of a file of so many bytes.
    pub(super) fn of(limits: Limits, stored: u64) -> Self {
        let none = || AtomicU64::new(0);
        Self { limits, stored: AtomicU64::new(stored), unpacked: none(), decoded: none(), members: none() }
    }

    /// The bytes that may come out of it.
    pub(super) fn allowed(&self) -> u64 {
        let stored = self.stored.load(Ordering::Relaxed);
        let small = stored.saturating_mul(SMALL_RATIO).saturating_add(SMALL_FLOOR).min(FLOOR);
        self.limits.unpacked.min(stored.saturating_mul(RATIO).max(small))
    }

    /// Notes that more of a file was read whose size nobody knew.
    pub(super) fn read(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes bytes that came out; tells whether so many may.
    pub(super) fn unpack(&self, bytes: u64) -> bool {
        self.unpacked.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.allowed()
    }

    /// Notes bytes that were decoded from what came out.
    pub(super) fn decode(&self, bytes: u64) {
        self.decoded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Lets what was decoded count like what came out; tells whether nothing more may come out for that.
    pub(super) fn settle(&self) -> bool {
        let decoded = self.decoded.swap(0, Ordering::Relaxed);
        let before = self.unpacked.fetch_add(decoded, Ordering::Relaxed);
        let allowed = self.allowed();
        before < allowed && before.saturating_add(decoded) >= allowed
    }

    /// The bytes that may still come out.
    pub(super) fn left(&self) -> u64 {
        self.allowed().saturating_sub(self.unpacked.load(Ordering::Relaxed))
    }

    /// All that came out.
    pub(super) fn total(&self) -> u64 {
        self.unpacked.load(Ordering::Relaxed)
    }

    /// Notes members; tells whether there may be so many.
    pub(super) fn members(&self, count: u64) -> bool {
        self.members.fetch_add(count, Ordering::Relaxed).saturating_add(count) <= self.limits.members
    }

    /// The members that may still come.
    pub(super) fn members_left(&self) -> u64 {
        self.limits.members.saturating_sub(self.members.load(Ordering::Relaxed))
    }
}

/// What all threads together may hold of containers that cannot be read as streams, and of dictionaries: of those 64 MiB, the
/// largest that `xz -9` makes, and its tables.
const SHARED: u64 = 66 << 20;
/// What one of them, one at a time, may hold beyond that, for containers in containers.
const BEYOND: u64 = 64 << 20;
/// What needs no asking for.
pub(super) const SMALL: u64 = 1 << 20;

/// Memory that threads share and wait for. A thread waits while it holds nothing, or for the one place of those that need more;
/// whoever has that place waits for nothing: so somebody always goes on.
pub(super) struct Memory {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    shared_left: u64,
    beyond_taken: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { state: Mutex::new(State { shared_left: SHARED, beyond_taken: false }), freed: Condvar::new() }
    }
}

impl Memory {
    fn wait(&self, until: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.freed.wait_while(state, |state| !until(state)).unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the containers hold that a thread is in, one in the other.
pub(super) struct Chain<'a> {
    memory: &'a Memory,
    /// Of what is shared, and beyond that. One thread changes it.
    shared: AtomicU64,
    beyond: AtomicU64,
}

/// Memory that is given back when this goes.
pub(super) struct Held<'a> {
    chain: &'a Chain<'a>,
    bytes: u64,
    beyond: bool,
}

impl<'a> Chain<'a> {
    pub(super) const fn new(memory: &'a Memory) -> Self {
        Self { memory, shared: AtomicU64::new(0), beyond: AtomicU64::new(0) }
    }

    /// Waits for memory; `None` where there is never so much.
    pub(super) fn hold(&'a self, bytes: u64) -> Option<Held<'a>> {
        let (shared, beyond) = (self.shared.load(Ordering::Relaxed), self.beyond.load(Ordering::Relaxed));
        if bytes <= SMALL {
            return Some(Held { chain: self, bytes: 0, beyond: false });
        }
        if shared == 0 && beyond == 0 {
            if bytes > SHARED {
                return None;
            }
            self.memory.wait(|state| state.shared_left >= bytes).shared_left -= bytes;
            self.shared.store(bytes, Ordering::Relaxed);
            return Some(Held { chain: self, bytes, beyond: false });
        }
        if beyond + bytes > BEYOND {
            return None;
        }
        if beyond == 0 {
            self.memory.wait(|state| !state.beyond_taken).beyond_taken = true;
        }
        self.beyond.store(beyond + bytes, Ordering::Relaxed);
        Some(Held { chain: self, bytes, beyond: true })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut state = self.chain.memory.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.beyond {
            state.beyond_taken = self.chain.beyond.fetch_sub(self.bytes, Ordering::Relaxed) > self.bytes;
        } else {
            self.chain.shared.fetch_sub(self.bytes, Ordering::Relaxed);
            state.shared_left += self.bytes;
        }
        drop(state);
        self.chain.memory.freed.notify_all();
    }
}

/// Why a reader stops, within an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.as_str())]
pub(super) struct Fault(pub SkipReason);

/// What a reader says when it stopped and the report knows why already.
#[derive(Debug, thiserror::Error)]
#[error("told already")]
pub(super) struct Told;

/// The error of a reader that stops for `reason`.
pub(super) fn fault(reason: SkipReason) -> io::Error {
    io::Error::other(Fault(reason))
}

/// The error of a reader whose reason the report knows.
pub(super) fn told() -> io::Error {
    io::Error::other(Told)
}

/// Why a reader stopped: `None` where the report knows.
pub(super) fn reason_of(error: &io::Error) -> Option<SkipReason> {
    match error.get_ref() {
        Some(inner) if inner.is::<Told>() => None,
        Some(inner) => Some(inner.downcast_ref::<Fault>().map_or(SkipReason::DamagedContainer, |fault| fault.0)),
        None => Some(SkipReason::DamagedContainer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_threads_wait_for_it() {
        let memory = Memory::default();
        let chain = Chain::new(&memory);
        assert!(chain.hold(SHARED + 1).is_none());
        let first = chain.hold(SHARED).expect("all of it");
        let second = chain.hold(BEYOND).expect("and what one may have beyond");
        assert!(chain.hold(SMALL + 1).is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Chain::new(&memory).hold(SHARED).is_some());
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop((second, first));
            assert!(waiting.join().expect("it ends"));
        });
        let state = memory.state.lock().unwrap();
        assert!(state.shared_left == SHARED && !state.beyond_taken);
    }

    #[test]
    fn small_files_may_grow_more_than_large_ones() {
        let allowed = |stored| Spent::of(Limits::default(), stored).allowed();
        assert_eq!(allowed(10), 16_020_000);
        assert_eq!((allowed(100_000), allowed(500_000), allowed(1_000_000)), (FLOOR, FLOOR, 200_000_000));
        assert_eq!(allowed(1_000_000_000), 64_000_000_000);
        let spent = Spent::of(Limits { members: 2, ..Limits::default() }, 10);
        assert!(spent.members(2) && !spent.members(1));
        assert!(spent.unpack(16_000_000) && spent.left() == 20_000);
        spent.decode(20_000);
        assert_eq!(spent.left(), 20_000);
        assert!(spent.settle() && !spent.settle());
        assert!(!spent.unpack(1));
    }
}
