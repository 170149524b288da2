//! What a repository was scanned with: the key under which what was learned holds, and what differs from another one.

use crate::config::allowlist::Allowlists;
use crate::rule::format::Remedy;
use crate::rule::{Kind, Rule, RuleSet};
use crate::source::container::Limits;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Raised with every change of detection, decoding or judgement that could find something where nothing was.
pub const DETECTOR: u32 = 1;

/// Detector, rules and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Names all of it.
    pub key: String,
    pub version: String,
    pub detector: String,
    /// What is opened and how far, what is left out, and what allowlists keep out.
    pub limits: String,
    pub rules: BTreeMap<String, RuleMark>,
}

/// What of a rule decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleMark {
    pub hash: String,
    /// Its candidates change nothing about those of other rules, but where both see the same secret.
    pub alone: bool,
}

impl Catalogue {
    /// That of a run. `exclude` are the globs of paths that are left out.
    #[must_use]
    pub fn of(rules: &RuleSet, opens: bool, limits: &Limits, exclude: &[String], allowlists: &Allowlists) -> Self {
        let neighbours: BTreeSet<&str> = rules.iter().flat_map(|(_, r)| r.near.iter().map(|n| n.rule)).collect();
        let marks: BTreeMap<String, RuleMark> =
            rules.iter().map(|(_, rule)| (rule.id.to_owned(), RuleMark::of(rule, &neighbours))).collect();
        let detector = format!("{} {DETECTOR}", env!("CARGO_PKG_VERSION"));
        let mut limits = format!("archives {opens} {limits:?} exclude {exclude:?}");
        if let Some(digest) = allowlists.digest() {
            limits.extend([" allowlists ", &digest]);
        }
        let version = crate::rule::catalogue::CATALOGUE_VERSION.to_owned();
        let mut hasher = blake3::Hasher::new_derive_key("keysift audit catalogue v1");
        for part in [&version, &detector, &limits] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        for (id, mark) in &marks {
            hasher.update(id.as_bytes());
            hasher.update(mark.hash.as_bytes());
        }
        let key = hasher.finalize().to_hex()[..32].to_owned();
        Self { key, version, detector, limits, rules: marks }
    }

    /// The rules that differ from `old`, where looking for them alone tells all that is new: the detector and the limits are the
    /// same, and no rule that came, went or changed has a say in what others find. Where one of them finds something, or has
    /// found something, the repository is looked at whole all the same.
    #[must_use]
    pub fn changed_alone(&self, old: &Self) -> Option<Changed> {
        if (&self.detector, &self.limits) != (&old.detector, &old.limits) {
            return None;
        }
        let mut changed = Changed::default();
        for (id, mark) in &self.rules {
            let before = old.rules.get(id);
            if before.is_some_and(|b| b.hash == mark.hash) {
                continue;
            }
            if !mark.alone || before.is_some_and(|b| !b.alone) {
                return None;
            }
            changed.look_for.insert(id.clone());
            if before.is_some() {
                changed.outdated.insert(id.clone());
            }
        }
        for (id, mark) in &old.rules {
            if !self.rules.contains_key(id) {
                if !mark.alone {
                    return None;
                }
                changed.outdated.insert(id.clone());
            }
        }
        Some(changed)
    }
}

/// Rules that differ between two catalogues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Those that are new or have changed.
    pub look_for: BTreeSet<String>,
    /// Those whose findings count no longer.
    pub outdated: BTreeSet<String>,
}

impl RuleMark {
    fn of(rule: &Rule, neighbours: &BTreeSet<&str>) -> Self {
        // What a person reads and how providers are asked finds nothing; a program says what the pattern says.
        let told = Rule {
            program: &[],
            examples: &[],
            counterexamples: &[],
            verify: None,
            remedy: Remedy { rotate: "", steps: "" },
            ..*rule
        };
        let written = postcard::to_extend(&told, Vec::new()).expect("a rule can be written");
        let hash = blake3::hash(&written).to_hex()[..16].to_owned();
        // A failed checksum speaks against other rules too; generic rules judge by what stands around.
        let alone = rule.kind == Kind::Provider
            && rule.pattern.is_some()
            && rule.assignment.is_none()
            && rule.near.is_empty()
            && rule.checksum.is_none()
            && rule.path.is_none()
            && !neighbours.contains(rule.id);
        Self { hash, alone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Head;

    fn with(keep: impl Fn(Head) -> bool, exclude: &[String]) -> Catalogue {
        let mut rules = RuleSet::built_in();
        rules.retain(keep);
        Catalogue::of(&rules, true, &Limits::default(), exclude, &Allowlists::default())
    }

    #[test]
    fn what_changed_is_looked_for_alone_where_that_tells_all() {
        let all = with(|_| true, &[]);
        let alone = all.rules.iter().find(|(_, m)| m.alone).expect("such a rule").0.clone();
        let other = all.rules.iter().find(|(_, m)| !m.alone).expect("such a rule").0.clone();
        let fewer = with(|head| head.id() != alone, &[]);
        assert_ne!(all.key, fewer.key);
        assert_eq!(all.changed_alone(&fewer).expect("alone").look_for, BTreeSet::from([alone.clone()]));
        let back = fewer.changed_alone(&all).expect("alone");
        assert_eq!((back.look_for.len(), back.outdated), (0, BTreeSet::from([alone])));
        assert_eq!(all.changed_alone(&with(|head| head.id() != other, &[])), None);
        assert_eq!(all.changed_alone(&with(|_| true, &["vendor/**".to_owned()])), None);
        assert_eq!(all.key, with(|_| true, &[]).key);
    }

    #[test]
    fn allowlists_are_part_of_it() {
        use crate::config::allowlist::{Allowlist, RawAllowlist};
        let with = |words: &[&str]| {
            let all = words.iter().map(|word| {
                let raw = RawAllowlist { stop_words: vec![(*word).to_owned()], ..RawAllowlist::default() };
                Allowlist::build(raw, "allowlist 1").expect("an allowlist")
            });
            Catalogue::of(&RuleSet::built_in(), true, &Limits::default(), &[], &Allowlists::new(all.collect()))
        };
        let (none, one, other) = (with(&[]), with(&["sample"]), with(&["example"]));
        assert_ne!(none.key, one.key);
        assert_ne!(one.key, other.key);
        assert_eq!(one.key, with(&["sample"]).key);
        // What was found before may be open now, or no longer: everything is looked at.
        assert_eq!(one.changed_alone(&none), None);
    }
}
