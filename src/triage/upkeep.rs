//! A baseline brought up to date with what is found now.

use super::baseline::{Baseline, Entry};
use super::matching::{self, Known, Surroundings};
use super::state::How;
use crate::finding::{Day, Finding};

/// What was changed in a baseline.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Entries that were taken out.
    pub removed: usize,
    /// Entries that now name the path or the rule that their secret has now.
    pub moved: usize,
}

/// Takes out entries that nothing is found for, and lets those whose secret moved or was re-ruled name its present place.
/// What was decided stays. `findings` are all there are: of a scan that missed something, too much would be taken out.
pub fn update(baseline: &mut Baseline, findings: &[Finding], around: &Surroundings<'_>) -> Changes {
    let mut changes = Changes::default();
    let now = present(baseline, findings, around);
    let mut kept = Vec::with_capacity(baseline.entries.len());
    for (entry, now) in std::mem::take(&mut baseline.entries).into_iter().zip(now) {
        match now {
            None => changes.removed += 1,
            Some((_, How::Fingerprint)) => kept.push(entry),
            Some((finding, _)) => {
                changes.moved += 1;
                let place = Entry::of(finding, (around.clean)(&finding.location.path), entry.added);
                kept.push(Entry { fingerprint: place.fingerprint, rule: place.rule, path: place.path, ..entry });
            }
        }
    }
    baseline.entries = kept;
    baseline.sort();
    changes
}

/// Takes out entries that nothing is found for, and those whose decision has expired.
pub fn prune(baseline: &mut Baseline, findings: &[Finding], around: &Surroundings<'_>, today: Day) -> Changes {
    let now = present(baseline, findings, around);
    let before = baseline.entries.len();
    let mut now = now.into_iter();
    baseline.entries.retain(|entry| now.next().is_some_and(|n| n.is_some()) && entry.decision().counts_on(today));
    Changes { removed: before - baseline.entries.len(), moved: 0 }
}

/// Adds `findings` that are not in it, as open since `today`; tells how many.
pub fn add<'f>(
    baseline: &mut Baseline,
    findings: impl Iterator<Item = &'f Finding>,
    clean: &dyn Fn(&str) -> String,
    today: Day,
) -> usize {
    let before = baseline.entries.len();
    // Sorting is stable, and of equal fingerprints the first stays: what is known keeps its decision.
    baseline.entries.extend(findings.map(|f| Entry::of(f, clean(&f.location.path), today)));
    baseline.sort();
    baseline.entries.len() - before
}

/// For each entry the finding that it is about, its own before another place.
fn present<'f>(baseline: &Baseline, findings: &'f [Finding], around: &Surroundings<'_>) -> Vec<Option<(&'f Finding, How)>> {
    let mut now: Vec<Option<(&Finding, How)>> = vec![None; baseline.entries.len()];
    let known = matching::known(baseline, findings, around);
    for (finding, known) in findings.iter().zip(known) {
        let Some(Known { entry, how }) = known else { continue };
        let rank = |how: &How| match how {
            How::Fingerprint => 2,
            How::Moved { .. } => 1,
            _ => 0,
        };
        if now[entry].as_ref().is_none_or(|(_, old)| rank(&how) > rank(old)) {
            now[entry] = Some((finding, how));
        }
    }
    now
}
