//! Occurrences as they come in. A secret may stand in a file a million times: of a group of them only the first is shown, so what
//! others would be shown with is let go at once.

use super::group::{Occurrence, order};
use super::snippet::Snippet;
use std::collections::HashMap;

/// Occurrences, those that will not speak for their group without what shows them.
#[derive(Default)]
pub struct Gathered {
    all: Vec<Occurrence>,
    groups: HashMap<[u8; 16], Speakers>,
}

/// Which of a group are shown, by their places among all.
#[derive(Clone, Copy)]
struct Speakers {
    /// The one that stands first.
    first: usize,
    /// The one with the highest score, of such the first: it tells the reasons.
    best: usize,
}

/// Names a group: one secret under one family in one path of one target.
fn group_of(o: &Occurrence) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in [o.rule.family().as_bytes(), o.secret.expose(), o.location.joined().as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&(o.target as u64).to_le_bytes());
    let mut name = [0; 16];
    name.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    name
}

impl Gathered {
    /// Adds one.
    pub fn push(&mut self, o: Occurrence) {
        let at = self.all.len();
        let name = group_of(&o);
        self.all.push(o);
        let Some(before) = self.groups.insert(name, Speakers { first: at, best: at }) else { return };
        let all = &self.all;
        let first = if order(&all[at]) < order(&all[before.first]) { at } else { before.first };
        let (new, old) = (&all[at], &all[before.best]);
        let is_better = new.score > old.score || new.score == old.score && order(new) < order(old);
        let now = Speakers { first, best: if is_better { at } else { before.best } };
        for place in [at, before.first, before.best] {
            let o = &mut self.all[place];
            if place != now.first {
                o.shown = String::new();
                o.snippet = Snippet { text: String::new(), mark_start: 0, mark_end: 0 };
                o.companions = Vec::new();
                o.structure = Vec::new();
            }
            if place != now.best {
                o.reasons = Vec::new();
            }
        }
        self.groups.insert(name, now);
    }

    /// All of them, as they came.
    #[must_use]
    pub fn into_all(self) -> Vec<Occurrence> {
        self.all
    }
}

impl Extend<Occurrence> for Gathered {
    fn extend<I: IntoIterator<Item = Occurrence>>(&mut self, more: I) {
        more.into_iter().for_each(|o| self.push(o));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::group::group;
    use crate::finding::{IdentityKey, Location, Secret};
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
        for n in 0..3000u64 {
            // One at each place, in no order; every tenth is told twice.
            let (path, start, score) = (next(3), (n * 1_237) % 3001, next(5));
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
        let told = |all: Vec<Occurrence>| -> Vec<String> {
            let findings = group(all, &key).into_iter();
            let tell = |f: crate::finding::Finding| {
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
        let gathered = gathered.into_all();
        let shown = gathered.iter().filter(|o| !o.snippet.text.is_empty()).count();
        assert!(shown <= 2 * 3 * 4, "{shown}");
        let expected = told(all);
        assert!(expected.len() > 20);
        assert!(told(gathered) == expected, "groups differ");
    }
}
