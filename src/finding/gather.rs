//! Occurrences as they come in. A secret may stand in a file a million times: of a group of them the first hundred are listed and one
//! is shown, so what else others have is let go, and the rest are only counted.

use super::group::{Beside, MOST_BESIDE, MOST_OCCURRENCES, Occurrence, group, order};
use super::snippet::Snippet;
use super::{Finding, Fingerprint, IdentityKey, InlineAllow, Location};
use crate::judge::Reason;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Occurrences, group by group: one secret under one family in one path of one target.
#[derive(Default)]
pub struct Gathered {
    groups: HashMap<[u8; 16], Group>,
}

#[derive(Default)]
struct Group {
    /// In no order, some twice what is listed.
    kept: Vec<Occurrence>,
    counted: Option<Box<Counted>>,
}

/// What later occurrences of a group add to what is told of it.
struct Counted {
    /// Names of their places: what was looked at twice counts once.
    places: HashSet<u64>,
    /// The highest score, with its reasons, of such the first, and where that is.
    score: f32,
    reasons: Vec<Reason>,
    best: At,
    also: BTreeSet<&'static str>,
    beside: BTreeSet<Beside>,
    /// The comment of the last one, where all have one, and where that is.
    inline: Option<InlineAllow>,
    last: At,
    /// What is allowed at all of their places.
    allowed: Location,
}

/// Where an occurrence is in its path, and under which rule: what its order among others is by.
type At = (u64, u64, &'static str);

const fn at(o: &Occurrence) -> At {
    (o.location.byte_start, o.location.byte_end, o.rule.id)
}

/// A part of a hash of `parts`.
fn name<const LEN: usize>(parts: &[&[u8]]) -> [u8; LEN] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut name = [0; LEN];
    name.copy_from_slice(&hasher.finalize().as_bytes()[..LEN]);
    name
}

impl Gathered {
    /// Adds one.
    pub fn push(&mut self, o: Occurrence) {
        let path = o.location.joined();
        let parts = [o.rule.family().as_bytes(), o.secret.expose(), path.as_bytes(), &(o.target as u64).to_le_bytes()];
        self.groups.entry(name(&parts)).or_default().push(o);
    }

    /// The findings that they make.
    #[must_use]
    pub fn into_findings(self, key: &IdentityKey) -> Vec<Finding> {
        let mut all = Vec::new();
        let mut counted: HashMap<(Fingerprint, usize), Box<Counted>> = HashMap::new();
        for mut group in self.groups.into_values() {
            // What came last may have been counted before.
            if group.counted.is_some() {
                group.count();
            }
            if let (Some(rest), Some(one)) = (group.counted.take(), group.kept.first()) {
                let fingerprint = key.fingerprint(one.rule.family(), one.secret.expose(), &one.location.joined());
                counted.insert((fingerprint, one.target), rest);
            }
            all.append(&mut group.kept);
        }
        let mut findings = group(all, key);
        for finding in &mut findings {
            if let Some(rest) = counted.remove(&(finding.fingerprint.clone(), finding.target)) {
                rest.add_to(finding);
            }
        }
        findings
    }
}

impl Extend<Occurrence> for Gathered {
    fn extend<I: IntoIterator<Item = Occurrence>>(&mut self, more: I) {
        more.into_iter().for_each(|o| self.push(o));
    }
}

impl Group {
    fn push(&mut self, o: Occurrence) {
        self.kept.push(o);
        if self.kept.len() >= 2 * MOST_OCCURRENCES {
            self.count();
        }
    }

    /// Keeps the first ones and counts the others.
    fn count(&mut self) {
        self.kept.sort_by(|a, b| order(a).cmp(&order(b)));
        self.kept.dedup_by(|a, b| a.rule.id == b.rule.id && a.location == b.location);
        for o in self.kept.iter_mut().skip(1) {
            // Only the first one is shown; what comes later can only come before it.
            o.shown = String::new();
            o.snippet = Snippet { text: String::new(), mark_start: 0, mark_end: 0 };
            o.companions = Vec::new();
            o.structure = Vec::new();
        }
        for o in self.kept.split_off(MOST_OCCURRENCES.min(self.kept.len())) {
            match &mut self.counted {
                Some(counted) => counted.count(o),
                none => *none = Some(Box::new(Counted::of(o))),
            }
        }
    }
}

impl Counted {
    fn of(o: Occurrence) -> Self {
        Self {
            places: HashSet::from([place(&o)]),
            score: o.score,
            best: at(&o),
            last: at(&o),
            reasons: o.reasons,
            also: o.also.iter().map(|rule| rule.id).collect(),
            beside: Some(o.beside).filter(|beside| !beside.is_empty()).into_iter().collect(),
            inline: o.inline,
            allowed: o.location,
        }
    }

    fn count(&mut self, o: Occurrence) {
        if !self.places.insert(place(&o)) {
            return;
        }
        let at = at(&o);
        let is_better = match o.score.total_cmp(&self.score) {
            Ordering::Greater => true,
            Ordering::Equal => at < self.best,
            Ordering::Less => false,
        };
        if is_better {
            (self.score, self.reasons, self.best) = (o.score, o.reasons, at);
        }
        self.also.extend(o.also.iter().map(|rule| rule.id));
        if !o.beside.is_empty() {
            self.beside.insert(o.beside);
            // The first ones by what they are: in what order places are counted depends on threads.
            if self.beside.len() > MOST_BESIDE {
                self.beside.pop_last();
            }
        }
        if self.inline.is_none() || o.inline.is_none() {
            self.inline = None;
        } else if at > self.last {
            (self.inline, self.last) = (o.inline, at);
        }
        self.allowed.speak_for(&o.location);
    }

    fn add_to(self, finding: &mut Finding) {
        finding.occurrences_total += self.places.len();
        finding.join(self.score, self.reasons, self.also, self.beside, self.inline);
        if let Some(last) = finding.occurrences.last_mut() {
            last.speak_for(&self.allowed);
        }
    }
}

/// Names the place of an occurrence in its path.
fn place(o: &Occurrence) -> u64 {
    let Location { byte_start, byte_end, commit, .. } = &o.location;
    let commit = commit.as_deref().unwrap_or_default();
    u64::from_le_bytes(name(&[o.rule.id.as_bytes(), &byte_start.to_le_bytes(), &byte_end.to_le_bytes(), commit.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Secret;
    use crate::judge::Reason;
    use crate::rule::RuleSet;

    #[test]
    fn groups_come_out_as_if_all_had_been_kept() {
        let rules = RuleSet::built_in();
        let few: Vec<_> =
            ["generic-password", "generic-token"].iter().filter_map(|id| rules.iter().find(|(_, r)| r.id == *id)).collect();
        let mut state = 9u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut all: Vec<Occurrence> = Vec::new();
        for n in 0..9000u64 {
            // One at each place, in no order; every tenth is told twice.
            let (path, start, score) = (next(3), (n * 1_237) % 9001, next(5));
            if n % 10 == 9 {
                let before = all[all.len() - 1 - next(9) as usize].clone();
                all.push(before);
            }
            all.push(Occurrence {
                rule: few[next(2) as usize].1,
                secret: Secret::new(format!("made-up-{}", next(4)).as_bytes()),
                shown: format!("shown {n}"),
                snippet: Snippet { text: format!("line {n}"), mark_start: 0, mark_end: 4 },
                location: Location { path: format!("p{path}"), byte_start: start, byte_end: start + 8, ..Location::default() },
                #[expect(clippy::cast_precision_loss, reason = "below 5")]
                score: score as f32 / 8.0,
                reasons: vec![Reason { signal: "name", text: format!("reason {n}").into(), weight: 0.1 }],
                also: Vec::new(),
                companions: vec![("id", format!("companion {n}"))],
                structure: Vec::new(),
                beside: Vec::new(),
                inline: None,
                target: 0,
                member: 0,
            });
        }
        let key = IdentityKey::default();
        let told = |findings: Vec<Finding>| -> Vec<String> {
            let findings = findings.into_iter();
            let tell = |f: Finding| {
                format!(
                    "{} {} {:?} {:?} {} {:?} {} {:?} {:?}",
                    f.fingerprint.0,
                    f.rule.id,
                    f.location,
                    f.snippet,
                    f.shown,
                    f.reasons,
                    f.occurrences_total,
                    f.occurrences,
                    f.companions
                )
            };
            findings.map(tell).collect()
        };
        let mut gathered = Gathered::default();
        gathered.extend(all.clone());
        let kept = gathered.groups.values().map(|group| group.kept.len()).max();
        assert!(kept < Some(2 * MOST_OCCURRENCES), "{kept:?}");
        let expected = told(group(all, &key));
        assert!(expected.len() > 20);
        assert!(told(gathered.into_findings(&key)) == expected, "groups differ");
    }
}
