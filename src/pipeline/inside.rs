//! What stands in a container that is a blob of git: its members, handed to whoever looks, and its gaps.

use super::{Collector, SCRATCH};
use crate::examine::{Examined, examine};
use crate::source::container::Containers;
use crate::source::{Blob, ExcludeReason, Sink, SkipReason, Stop};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes what stands in a container.
pub(super) type Taker<'a> = Mutex<&'a mut (dyn FnMut(&Examined, &Blob<'_>) + Send)>;

/// What stands in a container that is a blob.
pub(super) struct Inside<'a> {
    pub collector: &'a Collector<'a>,
    /// The path of the blob, if it is known.
    pub path: Option<&'a str>,
    /// What to put in front of the names of what was not looked at; `None` where that was told before.
    pub gaps_of: Option<&'a str>,
    /// Something in it was not looked at.
    pub has_gaps: AtomicBool,
    pub then: Taker<'a>,
}

impl Sink for Inside<'_> {
    fn blob(&self, blob: &Blob<'_>) -> u64 {
        let steps = &blob.origin.container;
        let is_named = self.path.is_some() || steps.len() > 1 || steps.first().is_some_and(|step| !step.unpacked);
        let path = is_named.then(|| blob.origin.inner_path());
        let examined = SCRATCH.with_borrow_mut(|scratch| examine(self.collector.detector, blob.bytes, path, scratch));
        (self.then.lock().unwrap_or_else(std::sync::PoisonError::into_inner))(&examined, blob);
        examined.decoded
    }

    fn file(&self, _: u64) {}

    fn member(&self, bytes: u64) {
        if self.gaps_of.is_some() {
            self.collector.member(bytes);
        }
    }

    fn containers(&self) -> &Containers {
        self.collector.containers()
    }

    fn skip(&self, reason: SkipReason, path: &str, bytes: u64) {
        self.has_gaps.store(true, Ordering::Relaxed);
        if let Some(name) = self.gaps_of {
            self.collector.skip(reason, &format!("{name}{path}"), bytes);
        }
    }

    fn exclude(&self, reason: ExcludeReason, path: &str) {
        self.has_gaps.store(true, Ordering::Relaxed);
        if let Some(name) = self.gaps_of {
            self.collector.exclude(reason, &format!("{name}{path}"));
        }
    }

    fn stop(&self) -> &Stop {
        self.collector.stop()
    }
}
