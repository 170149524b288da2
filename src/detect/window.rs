//! Windows: the stretches of a blob in which a rule's matches must lie, merged so that nothing is searched twice.

use super::candidate::ByteSpan;
use crate::rule::{Rule, RuleIndex, Scope};

/// The windows of all rules in one blob.
#[derive(Default)]
pub struct Windows {
    raw: Vec<(RuleIndex, ByteSpan)>,
    merged: Vec<Merged>,
}

/// A window that nothing else of its rule touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    pub rule: RuleIndex,
    pub span: ByteSpan,
    /// The number under which it was known to be searched.
    pub known: Option<u32>,
}

impl Windows {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.raw.clear();
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

    /// The merged windows, rule by rule in the order of the rule set, by place. `known` are some more, in the same order, that were
    /// searched already and do not touch each other.
    pub fn merged(&mut self, known: &[Merged]) -> &[Merged] {
        self.raw.sort_unstable();
        self.merged.clear();
        let mut new = self.raw.iter().map(|(rule, span)| Merged { rule: *rule, span: *span, known: None }).peekable();
        let mut known = known.iter().copied().peekable();
        loop {
            let next = match (new.peek(), known.peek()) {
                (Some(new), Some(known)) if (known.rule, known.span) < (new.rule, new.span) => None,
                (None, _) => None,
                _ => new.next(),
            };
            let Some(next) = next.or_else(|| known.next()) else { return &self.merged };
            match self.merged.last_mut() {
                Some(last) if last.rule == next.rule && last.span == next.span => last.known = last.known.or(next.known),
                Some(last) if last.rule == next.rule && next.span.start <= last.span.end => {
                    last.span.end = last.span.end.max(next.span.end);
                    last.known = None;
                }
                _ => self.merged.push(next),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(rule: u16, start: usize, end: usize, known: Option<u32>) -> Merged {
        Merged { rule: RuleIndex(rule), span: ByteSpan::new(start, end), known }
    }

    #[test]
    fn known_windows_stand_unless_something_new_touches_them() {
        let mut windows = Windows::default();
        for (rule, start, end) in [(1, 90, 110), (1, 40, 60), (2, 0, 10), (1, 200, 210)] {
            windows.raw.push((RuleIndex(rule), ByteSpan::new(start, end)));
        }
        let known = [
            window(0, 5, 9, Some(0)),
            window(1, 0, 30, Some(1)),
            window(1, 60, 90, Some(2)),
            window(1, 200, 210, Some(3)),
            window(2, 11, 20, Some(4)),
        ];
        let expected = [
            window(0, 5, 9, Some(0)),
            window(1, 0, 30, Some(1)),
            // The end of one is the begin of the next: what they hold is searched as one.
            window(1, 40, 110, None),
            window(1, 200, 210, Some(3)),
            window(2, 0, 10, None),
            window(2, 11, 20, Some(4)),
        ];
        assert_eq!(windows.merged(&known), expected);
        windows.clear();
        assert_eq!(windows.merged(&known), known);
        assert_eq!(windows.merged(&[]), []);
    }
}
