//! An audit: lists are read, repositories fetched, scanned and asked about at the same time, with bounded queues between, so
//! that network and processor are both busy and neither fills the disk. What goes wrong with one repository is told of that
//! repository; the others go on.

use super::queue::{Next, Queue, QueueError, StoreQueue};
use super::store::{Listing, Run, Store, StoreError};
use super::target::{RateBudget, RepositorySource, SourceError};
use super::unit::{Unit, UnitResult};
use super::work::{Fetched, How, Looked, Ready};
use crate::audit::unit::{Outcome, RepositoryKey};
use crate::source::Stop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread waits for work before it asks again.
const NAP: Duration = Duration::from_millis(25);

/// How many of each there are.
#[derive(Debug, Clone, Copy)]
pub struct Threads {
    /// That fetch.
    pub fetchers: usize,
    /// That scan a repository each, all with the same pool behind them.
    pub scanners: usize,
    /// That wait for providers.
    pub askers: usize,
}

/// What happened while lists were read.
#[derive(Debug, Default)]
pub struct Planned {
    /// The last that a forge said of its limits.
    pub budget: Mutex<Option<RateBudget>>,
    /// Lists that could not be read to their end, and why.
    pub failed: Mutex<Vec<(String, String)>>,
}

/// Reads lists to their end, each from where it was left. A list that fails is told, and the others go on.
///
/// # Errors
/// Where the store cannot be written.
pub fn plan(
    store: &Store,
    run: &Run,
    sources: &mut [Box<dyn RepositorySource>],
    planned: &Planned,
    stop: &Stop,
) -> Result<(), StoreError> {
    for source in sources {
        let name = source.name();
        let mut cursor = match store.listing(run, &name)? {
            Listing::Done => continue,
            Listing::Open { cursor } => cursor,
        };
        let mut began_again = false;
        while !stop.is_asked() {
            let known = store.known_page(&name, cursor.as_deref())?;
            let told = match &known {
                Some(validator) => source.page_if_changed(cursor.as_deref(), validator, stop),
                None => source.page(cursor.as_deref(), stop).map(Some),
            };
            if let Some(budget) = source.budget() {
                store.note_budget(&budget)?;
                *lock(&planned.budget) = Some(budget);
            }
            match told {
                Ok(page) => {
                    cursor = match page {
                        Some(page) => {
                            store.add_page(run, &name, cursor.as_deref(), &page)?;
                            page.next
                        }
                        None => store.page_again(run, &name, cursor.as_deref())?,
                    };
                    if cursor.is_none() {
                        break;
                    }
                }
                Err(SourceError::Interrupted) => break,
                Err(SourceError::CursorLost(why)) => {
                    store.fail_listing(run, &name, &why, true)?;
                    cursor = None;
                    if std::mem::replace(&mut began_again, true) {
                        lock(&planned.failed).push((name.clone(), why));
                        break;
                    }
                }
                Err(e @ (SourceError::Refused(_) | SourceError::Unavailable { .. })) => {
                    store.fail_listing(run, &name, &e.to_string(), false)?;
                    lock(&planned.failed).push((name.clone(), e.to_string()));
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads lists and works on what they name at the same time.
///
/// # Errors
/// Where the store cannot be used; what was done stays.
pub fn plan_and_work(
    store: &Store,
    run: &Run,
    sources: &mut [Box<dyn RepositorySource>],
    planned: &Planned,
    how: &How<'_>,
    threads: Threads,
) -> Result<(), QueueError> {
    let queue = StoreQueue::new(store, run);
    std::thread::scope(|scope| {
        let lister = scope.spawn(|| {
            let result = catch_unwind(AssertUnwindSafe(|| plan(store, run, sources, planned, how.stop)));
            queue.planned();
            result.unwrap_or_else(|_| {
                lock(&planned.failed).push(("a list".to_owned(), "internal error".to_owned()));
                Ok(())
            })
        });
        let worked = work(&queue, how, threads);
        let planned = lister.join().unwrap_or(Ok(()));
        worked.and(planned.map_err(QueueError::from))
    })
}

/// Works on units until there are none, or until it is stopped.
///
/// # Errors
/// Where the queue cannot be used; what was done stays.
pub fn work(queue: &dyn Queue, how: &How<'_>, threads: Threads) -> Result<(), QueueError> {
    let (ready_sender, ready) = sync_channel(threads.scanners.max(1));
    let (looked_sender, looked) = sync_channel(threads.askers.max(1) * 2);
    let line = Line { queue, how, failed: Mutex::new(None), is_over: AtomicBool::new(false) };
    let (ready, looked) = (Mutex::new(ready), Mutex::new(looked));
    std::thread::scope(|scope| {
        for _ in 0..threads.fetchers.max(1) {
            let sender = ready_sender.clone();
            let line = &line;
            scope.spawn(move || line.fetch(&sender));
        }
        drop(ready_sender);
        for _ in 0..threads.scanners.max(1) {
            let sender = looked_sender.clone();
            let (line, ready) = (&line, &ready);
            scope.spawn(move || line.scan(ready, &sender));
        }
        drop(looked_sender);
        for _ in 0..threads.askers.max(1) {
            scope.spawn(|| line.conclude(&looked));
        }
    });
    match line.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// The three steps of a unit, and what ends them.
struct Line<'a, 'h> {
    queue: &'a dyn Queue,
    how: &'a How<'h>,
    failed: Mutex<Option<QueueError>>,
    is_over: AtomicBool,
}

impl<'h> Line<'_, 'h> {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.how.stop.is_asked()
    }

    /// Ends the run.
    fn fail(&self, error: QueueError) {
        lock(&self.failed).get_or_insert(error);
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn fetch(&self, ready: &SyncSender<Ready<'h>>) {
        while !self.is_over() {
            let unit = match self.queue.next() {
                Ok(Next::Unit(unit)) => *unit,
                Ok(Next::Wait) => {
                    std::thread::sleep(NAP);
                    continue;
                }
                Ok(Next::End) => break,
                Err(e) => return self.fail(e),
            };
            let Some(fetched) = self.guarded(&unit, || self.how.fetch(unit.clone())) else { continue };
            match fetched {
                Ok(Fetched::Done(result)) => self.finish(*result),
                Ok(Fetched::GiveBack) => self.give_back(&RepositoryKey::of(&unit.repository)),
                Ok(Fetched::Ready(unit)) => {
                    if ready.send(*unit).is_err() {
                        break;
                    }
                }
                Err(e) => return self.fail(e),
            }
        }
    }

    fn scan(&self, ready: &Mutex<Receiver<Ready<'h>>>, looked: &SyncSender<Looked>) {
        loop {
            let Ok(unit) = lock(ready).recv() else { break };
            let key = unit.key();
            if self.is_over() {
                self.give_back(&key);
                continue;
            }
            let told = unit.unit().clone();
            let Some(scanned) = self.guarded(&told, || self.how.scan(unit)) else { continue };
            match scanned {
                Ok(None) => self.give_back(&key),
                Ok(Some(Err(result))) => self.finish(*result),
                Ok(Some(Ok(unit))) if self.how.ask.is_some() => {
                    if looked.send(unit).is_err() {
                        break;
                    }
                }
                // There is nobody to wait for.
                Ok(Some(Ok(unit))) => self.finish(self.how.conclude(unit)),
                Err(e) => return self.fail(e.into()),
            }
        }
    }

    fn conclude(&self, looked: &Mutex<Receiver<Looked>>) {
        loop {
            let Ok(unit) = lock(looked).recv() else { break };
            let told = unit.unit().clone();
            if let Some(result) = self.guarded(&told, || self.how.conclude(unit)) {
                // Answers that an interruption cut off are none.
                if self.how.stop.is_asked() {
                    self.give_back(&RepositoryKey::of(&told.repository));
                } else {
                    self.finish(result);
                }
            }
        }
    }

    /// Runs a step; a panic in it is a failure of its unit.
    fn guarded<T>(&self, unit: &Unit, step: impl FnOnce() -> T) -> Option<T> {
        if let Ok(done) = catch_unwind(AssertUnwindSafe(step)) {
            return Some(done);
        }
        self.finish(self.how.failure(unit, "internal error of keysift; please report it"));
        None
    }

    fn finish(&self, result: UnitResult) {
        let is_failure = matches!(result.outcome, Outcome::Failed { .. } | Outcome::NotVisible { .. });
        match self.queue.finish(result) {
            Ok(_) => {
                let counts = &self.how.counts;
                if is_failure { &counts.failed } else { &counts.done }.fetch_add(1, Ordering::Relaxed);
            }
            Err(e) => self.fail(e),
        }
    }

    fn give_back(&self, unit: &RepositoryKey) {
        if let Err(e) = self.queue.give_back(unit) {
            self.fail(e);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
