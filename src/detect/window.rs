//! Windows: the stretches of a blob in which a rule's matches must lie, merged so that nothing is searched twice.

use super::candidate::ByteSpan;
use crate::rule::{Rule, RuleIndex, Scope};

/// The windows of all rules in one blob.
#[derive(Default)]
pub struct Windows {
    raw: Vec<(RuleIndex, ByteSpan)>,
    merged: Vec<ByteSpan>,
    bounds: Vec<(RuleIndex, usize, usize)>,
}

/// The windows of one rule: ascending, apart from each other.
pub struct ForRule<'a> {
    pub rule: RuleIndex,
    pub spans: &'a [ByteSpan],
}

impl Windows {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.merged.clear();
        self.bounds.clear();
    }

    /// Adds the window of a keyword hit at `start` in a blob of `len` bytes. One byte more on each side than the proof
    /// says lets a pattern that ends with a class see the byte that delimits it.
    pub fn add(&mut self, index: RuleIndex, rule: &Rule, start: usize, len: usize) {
        let span = if rule.scope == Scope::Blob {
            ByteSpan::new(0, len)
        } else {
            let from = start.saturating_sub(rule.bounds.before as usize);
            ByteSpan::new(from, len.min(start + rule.bounds.max_len as usize))
        };
        match self.raw.last_mut() {
            // Hits come mostly in ascending order: the common case merges at once.
            Some((last, window)) if *last == index && window.start <= span.start && span.start <= window.end => {
                window.end = window.end.max(span.end);
            }
            _ => self.raw.push((index, span)),
        }
    }

    /// The merged windows, rule by rule in the order of the rule set.
    pub fn merged(&mut self) -> impl Iterator<Item = ForRule<'_>> {
        self.raw.sort_unstable();
        for &(rule, span) in &self.raw {
            match self.bounds.last_mut() {
                Some((last, _, to)) if *last == rule => match self.merged.last_mut() {
                    Some(window) if span.start <= window.end => window.end = window.end.max(span.end),
                    _ => {
                        self.merged.push(span);
                        *to += 1;
                    }
                },
                _ => {
                    let from = self.merged.len();
                    self.merged.push(span);
                    self.bounds.push((rule, from, from + 1));
                }
            }
        }
        self.bounds.iter().map(|&(rule, from, to)| ForRule { rule, spans: &self.merged[from..to] })
    }
}
