//! What readers write to: it keeps them within the room there is, and repeats no complaint.

use super::{Gap, Parts};

/// How many different complaints about one document are passed on.
const GAPS: usize = 32;

/// Parts and gaps of one document.
pub(super) struct Out<'a> {
    parts: &'a mut dyn Parts,
    gaps: Vec<(Gap, String)>,
    open: bool,
}

impl<'a> Out<'a> {
    pub(super) fn new(parts: &'a mut dyn Parts) -> Self {
        Self { parts, gaps: Vec::new(), open: true }
    }

    /// Whether more is wanted.
    pub(super) fn open(&self) -> bool {
        self.open
    }

    /// Passes a text on, as much of it as there is room for; texts of white space alone are nothing to look at. False: stop.
    pub(super) fn part(&mut self, label: &str, text: &[u8]) -> bool {
        if !self.open || text.iter().all(|b| b.is_ascii_whitespace() || *b == 0) {
            return self.open;
        }
        let room = self.room();
        let fitting = &text[..text.len().min(room)];
        if !fitting.is_empty() {
            self.made(fitting.len());
            self.open = self.parts.part(label, fitting);
        }
        if fitting.len() < text.len() {
            self.gap(Gap::Budget, label);
            self.open = false;
        }
        self.open
    }

    /// How many bytes may still be made.
    pub(super) fn room(&self) -> usize {
        usize::try_from(self.parts.room()).unwrap_or(usize::MAX)
    }

    /// Counts what was unpacked.
    pub(super) fn made(&mut self, bytes: usize) {
        self.parts.made(bytes as u64);
    }

    /// Notes what could not be looked at.
    pub(super) fn gap(&mut self, gap: Gap, label: &str) {
        if self.gaps.len() < GAPS && !self.gaps.iter().any(|(g, l)| (*g, l.as_str()) == (gap, label)) {
            self.gaps.push((gap, label.to_owned()));
            self.parts.gap(gap, label);
        }
    }
}
