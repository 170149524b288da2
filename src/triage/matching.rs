//! Which baseline entry is which finding.
//!
//! By fingerprint first. What is left over may still be known: the same secret in the same path under another rule was
//! *re-ruled*; the same secret in another path *moved* there, where the old path is without it now. With the old path still
//! holding it, it is a copy: new. One entry moves to one place: where a secret went from one file to two, the second is new.

use super::baseline::{Baseline, Entry};
use super::state::How;
use crate::finding::Finding;
use crate::finding::identity::canonical;
use std::collections::HashMap;

/// What must be known besides the findings.
pub struct Surroundings<'a> {
    /// Whether the path of an entry holds its secret still, as far as findings do not tell: it may not have been looked at.
    pub holds: &'a dyn Fn(&Entry) -> bool,
    /// A path as baselines keep it, with no secret in it.
    pub clean: &'a dyn Fn(&str) -> String,
}

/// An entry that is about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its place in the baseline.
    pub entry: usize,
    pub how: How,
}

/// For each finding the entry that is about it.
#[must_use]
pub fn known(baseline: &Baseline, findings: &[Finding], around: &Surroundings<'_>) -> Vec<Option<Known>> {
    let by_print: HashMap<&str, usize> = baseline.entries.iter().enumerate().map(|(n, e)| (e.fingerprint.as_str(), n)).collect();
    let mut known: Vec<Option<Known>> = findings
        .iter()
        .map(|f| by_print.get(f.fingerprint.0.as_str()).map(|&entry| Known { entry, how: How::Fingerprint }))
        .collect();
    // The rest needs work for few secrets only: those that have an entry, and a finding without one.
    let mut by_secret: HashMap<&str, Group> = HashMap::new();
    for (n, entry) in baseline.entries.iter().enumerate() {
        by_secret.entry(&entry.secret_id).or_default().entries.push(n);
    }
    for (n, finding) in findings.iter().enumerate() {
        if let Some(group) = by_secret.get_mut(finding.secret_id.0.as_str()) {
            group.findings.push(n);
            group.has_unknown |= known[n].is_none();
        }
    }
    for group in by_secret.values().filter(|g| g.has_unknown) {
        group.resolve(baseline, findings, around, &mut known);
    }
    known
}

/// Entries and findings of one secret.
#[derive(Default)]
struct Group {
    entries: Vec<usize>,
    findings: Vec<usize>,
    has_unknown: bool,
}

/// How many entries are tried for one place in history, where other branches hold their paths still.
const MOST_TRIES: usize = 64;

impl Group {
    fn resolve(&self, baseline: &Baseline, findings: &[Finding], around: &Surroundings<'_>, known: &mut [Option<Known>]) {
        let places = Places::of(self.findings.iter().map(|&nr| (nr, &findings[nr])), around.clean);
        let entries: Vec<Old<'_>> = self.entries.iter().map(|&nr| Old::of(nr, &baseline.entries[nr])).collect();
        let re_ruled = |nr: usize| Known { entry: nr, how: How::ReRuled { from: baseline.entries[nr].rule.clone() } };
        for old in &entries {
            for place in places.at(&old.path) {
                known[place.nr].get_or_insert_with(|| re_ruled(old.nr));
            }
        }
        // Entries whose path was left, at the tip of some branch at least.
        let left: Vec<&Old<'_>> = entries
            .iter()
            .filter(|old| !places.at(&old.path).any(|p| p.finding.git.is_none()) && !(around.holds)(old.entry))
            .collect();
        let mut is_taken = vec![false; left.len()];
        // The likeliest pairs first: a renamed folder keeps the names of its files.
        for likeness in [Likeness::NameAndRule, Likeness::Name, Likeness::Rule, Likeness::Secret] {
            let mut alike: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
            for (n, old) in left.iter().enumerate().rev().filter(|(n, _)| !is_taken[*n]) {
                alike.entry(likeness.key(&old.path, &old.entry.rule)).or_default().push(n);
            }
            for place in places.all.iter().filter(|p| p.stands()) {
                let candidates = alike.get_mut(&likeness.key(&place.path, place.finding.rule.family()));
                let Some(candidates) = candidates.filter(|_| known[place.nr].is_none()) else { continue };
                let tried = candidates.iter().rev().take(MOST_TRIES).position(|&n| !places.is_copy(left[n], place));
                if let Some(behind) = tried {
                    let n = candidates.remove(candidates.len() - 1 - behind);
                    is_taken[n] = true;
                    known[place.nr] = Some(left[n].moved());
                }
            }
        }
        for place in &places.all {
            if known[place.nr].is_some() {
                continue;
            }
            // Another rule at a place that an entry moved to, or a place on the way there that only history has.
            let beside = places.at(&place.path).find_map(|p| known[p.nr].as_ref());
            known[place.nr] = match beside {
                Some(moved) => Some(re_ruled(moved.entry)),
                None if place.stands() => None,
                None => left.iter().take(MOST_TRIES).find(|old| !places.is_copy(old, place)).map(|old| old.moved()),
            };
        }
    }
}

/// What makes it likely that a secret moved from one place to another.
#[derive(Clone, Copy)]
enum Likeness {
    NameAndRule,
    Name,
    Rule,
    Secret,
}

impl Likeness {
    /// Equal for places that are alike.
    fn key<'a>(self, path: &'a str, rule: &'a str) -> (&'a str, &'a str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        match self {
            Self::NameAndRule => (name, rule),
            Self::Name => (name, ""),
            Self::Rule => ("", rule),
            Self::Secret => ("", ""),
        }
    }
}

/// The places where the secret was found.
struct Places<'a> {
    all: Vec<Place<'a>>,
    by_path: HashMap<String, Vec<usize>>,
}

/// One of them.
struct Place<'a> {
    nr: usize,
    path: String,
    finding: &'a Finding,
}

impl<'a> Places<'a> {
    fn of(findings: impl Iterator<Item = (usize, &'a Finding)>, clean: &dyn Fn(&str) -> String) -> Self {
        let all: Vec<Place<'a>> =
            findings.map(|(nr, finding)| Place { nr, path: canonical(&clean(&finding.location.path)), finding }).collect();
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, place) in all.iter().enumerate() {
            by_path.entry(place.path.clone()).or_default().push(n);
        }
        Self { all, by_path }
    }

    fn at(&self, path: &str) -> impl Iterator<Item = &Place<'a>> {
        self.by_path.get(path).into_iter().flatten().map(|n| &self.all[*n])
    }

    /// Whether the secret stands at `place` and in the entry's path at once: at the tip of one branch, or, of a place that
    /// only history has, at the tip of any.
    fn is_copy(&self, old: &Old<'_>, place: &Place<'_>) -> bool {
        self.at(&old.path).any(|p| if place.stands() { p.stands_beside(place) } else { p.stands() })
    }
}

impl Place<'_> {
    /// Whether it stands there now; without git, what is found stands there.
    fn stands(&self) -> bool {
        self.finding.git.as_ref().is_none_or(|git| !git.at_tip.is_empty())
    }

    /// Whether both stand at the tip of one branch.
    fn stands_beside(&self, other: &Self) -> bool {
        match (&self.finding.git, &other.finding.git) {
            (Some(one), Some(two)) => one.at_tip.iter().any(|tip| two.at_tip.contains(tip)),
            _ => self.stands() && other.stands(),
        }
    }
}

/// An entry of the secret.
struct Old<'a> {
    nr: usize,
    entry: &'a Entry,
    path: String,
}

impl<'a> Old<'a> {
    fn of(nr: usize, entry: &'a Entry) -> Self {
        Self { nr, entry, path: canonical(&entry.path) }
    }

    fn moved(&self) -> Known {
        Known { entry: self.nr, how: How::Moved { from: self.entry.path.clone() } }
    }
}
