//! What is known to hold nothing, and need not be looked at again.

use crate::examine::Examined;
use gix::hash::ObjectId;
use std::sync::Mutex;

/// Objects in which nothing stands that looks like a secret, at any score, and that were looked at whole: blobs, and the texts
/// of commits and tags. It holds for one detector, one set of rules and one set of limits.
pub struct Clean<'a> {
    knows: &'a (dyn Fn(&ObjectId) -> bool + Sync),
    learnt: Mutex<Vec<ObjectId>>,
}

impl<'a> Clean<'a> {
    /// Those for which `knows` says yes.
    #[must_use]
    pub fn new(knows: &'a (dyn Fn(&ObjectId) -> bool + Sync)) -> Self {
        Self { knows, learnt: Mutex::default() }
    }

    /// What was looked at since, and holds nothing; in order.
    #[must_use]
    pub fn learnt(self) -> Vec<ObjectId> {
        let mut learnt = self.learnt.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        learnt.sort_unstable();
        learnt.dedup();
        learnt
    }

    pub(super) fn knows(&self, id: &ObjectId) -> bool {
        (self.knows)(id)
    }

    pub(super) fn learn(&self, id: ObjectId) {
        self.learnt.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
    }
}

/// Whether nothing at all stood in a text that was looked at whole.
pub(super) fn is_clean(examined: &Examined) -> bool {
    examined.found.is_empty() && examined.rejected.is_empty() && examined.out_of_budget.is_empty() && !examined.undecoded
}
