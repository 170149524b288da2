//! What a text shares with the one that it was made from: stretches that were copied, and the gaps between them.

use super::ByteSpan;

/// A stretch of a text that is equal to a stretch of the text it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Where it begins in the old text.
    pub from: usize,
    /// Where it begins in the new one.
    pub to: usize,
    pub len: usize,
}

/// Kept stretches shorter than this are looked at like new text.
const WORTH_KEEPING: usize = 64;
/// What is copied more often than this is looked up by its place in the new text.
const MOST_LAYERS: usize = 8;

/// What a text shares with the one that it was made from: kept stretches, apart from each other, those that continue each other
/// joined. All of a text that was made from none is one gap.
#[derive(Debug)]
pub struct Stretches {
    kept: Vec<Kept>,
    /// The same by their places in the old text, in as few lists as it takes for those of each to be apart there; none where they
    /// are so as they stand.
    layers: Vec<Vec<Kept>>,
    /// The lengths of the old text and of the new one.
    old_len: usize,
    len: usize,
}

impl Stretches {
    /// What a text of `len` bytes shares with one of `old_len`: `kept` are the stretches by their places in the new text, apart from
    /// each other there.
    #[must_use]
    pub fn of(kept: &[Kept], old_len: usize, len: usize) -> Self {
        let mut stretches: Vec<Kept> = Vec::with_capacity(kept.len());
        for next in kept {
            match stretches.last_mut() {
                Some(last) if last.from + last.len == next.from && last.to + last.len == next.to => last.len += next.len,
                _ => stretches.push(*next),
            }
        }
        stretches.retain(|k| k.len >= WORTH_KEEPING);
        let in_order = stretches.is_sorted_by(|a, b| a.from + a.len <= b.from);
        let layers = if in_order { Vec::new() } else { layers(stretches.clone()) };
        Self { kept: stretches, layers, old_len, len }
    }

    /// Whether the stretches have the same order in both texts, and nothing is there twice.
    pub(super) const fn in_order(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether nothing is there so often that looking for it in the old text would take long.
    pub(super) const fn is_sparse(&self) -> bool {
        self.layers.len() <= MOST_LAYERS
    }

    /// Whether more than one of the stretches has a part of `span` of the old text, where one of them has all of it.
    pub(super) fn is_shared(&self, span: ByteSpan) -> bool {
        let has_part = |layer: &&Vec<Kept>| {
            let at = layer.partition_point(|k| k.from < span.end);
            at.checked_sub(1).is_some_and(|at| layer[at].from + layer[at].len > span.start)
        };
        self.layers.iter().filter(has_part).nth(1).is_some()
    }

    /// The stretches that hold the byte of the old text at `place`.
    pub(super) fn around_old(&self, place: usize) -> impl Iterator<Item = &Kept> {
        let as_they_stand = self.in_order().then_some(&self.kept);
        as_they_stand.into_iter().chain(&self.layers).filter_map(move |layer| {
            let at = layer.partition_point(|k| k.from <= place).checked_sub(1)?;
            Some(&layer[at]).filter(|kept| place < kept.from + kept.len)
        })
    }

    /// Whether both texts begin with this stretch.
    pub(super) const fn begins(kept: &Kept) -> bool {
        kept.from == 0 && kept.to == 0
    }

    /// Whether both texts end with it.
    const fn ends(&self, kept: &Kept) -> bool {
        kept.from + kept.len == self.old_len && kept.to + kept.len == self.len
    }

    /// What lies between the stretches, ascending, seams without a byte between them too.
    #[must_use]
    pub fn gaps(&self) -> Vec<ByteSpan> {
        let mut gaps = Vec::with_capacity(self.kept.len() + 1);
        let mut at = 0;
        for kept in &self.kept {
            if !Self::begins(kept) {
                gaps.push(ByteSpan::new(at, kept.to));
            }
            at = kept.to + kept.len;
        }
        if !self.kept.last().is_some_and(|last| self.ends(last)) {
            gaps.push(ByteSpan::new(at, self.len));
        }
        gaps
    }

    /// The stretches that hold `span` of the old text and `more` bytes on each side of it, as far as the texts go.
    pub fn holding_old(&self, span: ByteSpan, more: usize) -> impl Iterator<Item = &Kept> {
        let (sparse, others) =
            if self.is_sparse() { (Some(self.around_old(span.start)), None) } else { (None, Some(&self.kept)) };
        sparse.into_iter().flatten().chain(others.into_iter().flatten()).filter(move |kept| {
            let is_inside = kept.from <= span.start && span.end <= kept.from + kept.len;
            is_inside && self.holds(kept, span.moved(kept.from, kept.to), more)
        })
    }

    /// The stretch that holds `span` and `more` bytes on each side of it, as far as the texts go.
    #[must_use]
    pub fn around(&self, span: ByteSpan, more: usize) -> Option<&Kept> {
        let at = self.kept.partition_point(|k| k.to <= span.start).checked_sub(1)?;
        Some(&self.kept[at]).filter(|kept| self.holds(kept, span, more))
    }

    /// Whether `kept` holds `span` and `more` bytes on each side of it, as far as the texts go.
    pub(super) const fn holds(&self, kept: &Kept, span: ByteSpan, more: usize) -> bool {
        (span.start >= kept.to + more || Self::begins(kept))
            && (span.end + more <= kept.to + kept.len || self.ends(kept) && span.end <= self.len)
    }

    /// The stretches that share a byte with `span`.
    pub(super) fn overlapping(&self, span: ByteSpan) -> impl Iterator<Item = &Kept> {
        let first = self.kept.partition_point(|k| k.to + k.len <= span.start);
        self.kept[first..].iter().take_while(move |k| k.to < span.end)
    }
}

/// Lists of stretches that are apart in the old text, at most one more than [`MOST_LAYERS`]: then some are left out.
fn layers(mut stretches: Vec<Kept>) -> Vec<Vec<Kept>> {
    stretches.sort_unstable_by_key(|k| (k.from, k.to));
    let mut layers: Vec<Vec<Kept>> = Vec::new();
    for kept in stretches {
        let free = layers.iter().position(|layer| layer.last().is_none_or(|last| last.from + last.len <= kept.from));
        match free {
            Some(free) => layers[free].push(kept),
            None if layers.len() <= MOST_LAYERS => layers.push(vec![kept]),
            None => break,
        }
    }
    layers
}

/// The gaps as wide as `widen` makes them, those that touch joined. Behind a gap they are wider by `behind` bytes or more.
pub(super) fn widened(gaps: &[ByteSpan], behind: usize, widen: impl Fn(ByteSpan) -> ByteSpan) -> Vec<ByteSpan> {
    let mut out: Vec<ByteSpan> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match out.last_mut() {
            // What is wide enough already needs no second look at where it ends.
            Some(last) if gap.end < last.end && last.end - gap.end >= behind => {}
            _ => {
                let wide = widen(*gap);
                match out.last_mut() {
                    Some(last) if wide.start <= last.end => last.end = last.end.max(wide.end),
                    _ => out.push(wide),
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn kept(from: usize, to: usize, len: usize) -> Kept {
        Kept { from, to, len }
    }

    fn around(stretches: &Stretches, place: usize) -> Vec<Kept> {
        let mut all: Vec<Kept> = stretches.around_old(place).copied().collect();
        all.sort_unstable_by_key(|k| k.to);
        all
    }

    #[test]
    fn what_is_copied_often_is_found_everywhere() {
        let in_order = [kept(0, 0, 100), kept(150, 120, 100)];
        let stretches = Stretches::of(&in_order, 300, 220);
        assert!(stretches.in_order() && stretches.is_sparse());
        assert_eq!((around(&stretches, 99), around(&stretches, 100)), (vec![in_order[0]], vec![]));

        let copied = [kept(100, 0, 100), kept(0, 100, 150), kept(120, 250, 80), kept(20, 330, 64)];
        let stretches = Stretches::of(&copied, 300, 394);
        assert!(!stretches.in_order() && stretches.is_sparse());
        assert_eq!(around(&stretches, 130), [copied[0], copied[1], copied[2]]);
        assert_eq!(around(&stretches, 50), [copied[1], copied[3]]);
        assert_eq!(around(&stretches, 200), []);
        assert!(stretches.is_shared(ByteSpan::new(70, 101)) && !stretches.is_shared(ByteSpan::new(84, 90)));

        let often: Vec<Kept> = (0..20).map(|n| kept(0, n * 64, 64)).collect();
        assert!(!Stretches::of(&often, 64, 20 * 64).is_sparse());
    }
}
