//! Judgements that were made lately: the same value in the same surroundings is judged the same.

use super::{Subject, Verdict, judge};
use crate::detect::candidate::CONTEXT;
use crate::detect::memo::{Key, Memo};
use crate::detect::{ByteSpan, Candidate};
use std::sync::Arc;

/// Remembers judgements of candidates whose path is not known.
#[derive(Default)]
pub struct Lately(Memo<Option<(Candidate, Arc<Verdict>)>>);

impl Lately {
    /// What [`judge`] says without a path.
    pub fn judge(&mut self, rule: &'static crate::rule::Rule, candidate: &Candidate, blob: &[u8]) -> Arc<Verdict> {
        let fresh = || Arc::new(judge(Subject { rule, candidate, blob, path: "" }));
        let from = candidate.span.start.saturating_sub(CONTEXT);
        let around = ByteSpan::new(from, blob.len().min(candidate.span.end + CONTEXT)).of(blob);
        let Some(key) = Key::of(std::ptr::from_ref(rule).addr() as u64, around) else { return fresh() };
        let there = candidate.moved(from, 0);
        if let Some(Some((known, verdict))) = self.0.get(key, around)
            && *known == there
        {
            return Arc::clone(verdict);
        }
        let verdict = fresh();
        *self.0.place(key, around) = Some((there, Arc::clone(&verdict)));
        verdict
    }
}
