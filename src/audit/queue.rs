//! Which unit is next, and what becomes of its result. An audit on one machine takes its units from the store; a fleet's
//! workers take them from a server. Everything else is the same.

use super::store::{Leased, Run, Store, StoreError};
use super::unit::{RepositoryKey, Unit, UnitResult};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a queue has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Unit(Box<Unit>),
    /// Nothing now; perhaps later.
    Wait,
    /// Nothing any more.
    End,
}

/// Why a queue cannot be used. It ends the run; what was done stays.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Server(String),
}

/// Gives units and takes results. Called from many threads.
pub trait Queue: Sync {
    /// The next unit, which is the caller's until it is finished or given back; one whose process dies comes again.
    ///
    /// # Errors
    /// Where the queue cannot be used.
    fn next(&self) -> Result<Next, QueueError>;

    /// Takes a result; the unit is done once this returns, whatever happens then. Tells how many findings are new, as far as
    /// this machine knows.
    ///
    /// # Errors
    /// Where the queue cannot be used.
    fn finish(&self, result: UnitResult) -> Result<usize, QueueError>;

    /// Gives back a unit that was not finished.
    ///
    /// # Errors
    /// Where the queue cannot be used.
    fn give_back(&self, unit: &RepositoryKey) -> Result<(), QueueError>;
}

/// The units of a store.
pub struct StoreQueue<'a> {
    store: &'a Store,
    run: &'a Run,
    /// More may come: lists are still read.
    planning: AtomicBool,
}

impl<'a> StoreQueue<'a> {
    /// The units of a run, while lists are still read.
    #[must_use]
    pub const fn new(store: &'a Store, run: &'a Run) -> Self {
        Self { store, run, planning: AtomicBool::new(true) }
    }

    /// All lists were read as far as they can be.
    pub fn planned(&self) {
        self.planning.store(false, Ordering::Release);
    }
}

impl Queue for StoreQueue<'_> {
    fn next(&self) -> Result<Next, QueueError> {
        // Asked before: what is planned in between is seen.
        let planning = self.planning.load(Ordering::Acquire);
        Ok(match self.store.lease(self.run, crate::verify::seconds_now())? {
            Leased::Unit(unit) => Next::Unit(unit),
            Leased::Wait => Next::Wait,
            Leased::Nothing if planning => Next::Wait,
            Leased::Nothing => Next::End,
        })
    }

    fn finish(&self, result: UnitResult) -> Result<usize, QueueError> {
        Ok(self.store.apply(&result)?.new)
    }

    fn give_back(&self, unit: &RepositoryKey) -> Result<(), QueueError> {
        Ok(self.store.give_back(self.run, unit)?)
    }
}
