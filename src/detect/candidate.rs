//! A candidate: a place in a blob that has the shape of a credential, before anyone judged it.

use super::assignment::Assignment;
use crate::rule::RuleIndex;

/// How many bytes around a match a candidate may depend on.
pub const CONTEXT: usize = 256;

/// A stretch of a blob, `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSpan {
    pub start: usize,
    pub end: usize,
}

impl ByteSpan {
    /// From `start` up to and without `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether the two share a byte.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The same stretch where `from` became `to`.
    #[must_use]
    pub const fn moved(self, from: usize, to: usize) -> Self {
        Self { start: self.start - from + to, end: self.end - from + to }
    }

    /// Its bytes in `blob`.
    #[must_use]
    pub fn of(self, blob: &[u8]) -> &[u8] {
        &blob[self.start..self.end]
    }
}

/// Something with the shape of a credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub rule: RuleIndex,
    /// The whole match.
    pub span: ByteSpan,
    /// The secret in it.
    pub secret: ByteSpan,
    /// Shannon entropy of the secret, bits a byte.
    pub entropy: f32,
    /// What the format's checksum says, where it has one.
    pub checksum: Option<bool>,
    /// How it was assigned, for the generic rules.
    pub assignment: Option<Assignment>,
}

impl Candidate {
    /// The same in a text where `from` became `to`.
    #[must_use]
    pub fn moved(&self, from: usize, to: usize) -> Self {
        let assignment = self.assignment.map(|a| Assignment {
            name: a.name.moved(from, to),
            wrapper: a.wrapper.map(|w| w.moved(from, to)),
            ..a
        });
        Self { span: self.span.moved(from, to), secret: self.secret.moved(from, to), assignment, ..self.clone() }
    }
}

/// What a blob holds.
#[derive(Debug, Default)]
pub struct Detected {
    pub candidates: Vec<Candidate>,
    /// Rules whose step budget was used up: their later matches may be missing.
    pub out_of_budget: Vec<RuleIndex>,
}
