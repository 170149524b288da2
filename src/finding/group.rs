//! Grouping: one secret under one rule family in one path is one finding, however often it stands there.

use super::Secret;
use super::identity::{Fingerprint, IdentityKey, SecretId};
use super::inline::InlineAllow;
use super::location::Location;
use super::snippet::Snippet;
use super::verification::Verification;
use crate::judge::{PathClass, Reason};
use crate::rule::structure::Fact;
use crate::rule::{Confidence, Rule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One place where a secret was seen.
#[derive(Clone)]
pub struct Occurrence {
    pub rule: &'static Rule,
    pub secret: Secret,
    /// As reports show it.
    pub shown: String,
    pub snippet: Snippet,
    pub location: Location,
    pub score: f32,
    pub reasons: Vec<Reason>,
    pub also: Vec<&'static Rule>,
    pub companions: Vec<(&'static str, String)>,
    /// What the credential itself tells.
    pub structure: Vec<Fact>,
    /// What verification may need of its surroundings.
    pub beside: Beside,
    /// The comment that allows it.
    pub inline: Option<InlineAllow>,
    /// Which of the scanned targets it stands in.
    pub target: usize,
    /// Names the member of a container that it stands in, whatever the container is called; 0 outside of containers.
    pub member: u64,
}

/// One secret under one rule family in one path.
#[derive(Clone)]
pub struct Finding {
    pub rule: &'static Rule,
    pub secret: Secret,
    pub shown: String,
    pub secret_id: SecretId,
    pub fingerprint: Fingerprint,
    pub score: f32,
    pub reasons: Vec<Reason>,
    pub path_class: PathClass,
    pub snippet: Snippet,
    /// Where it stands first.
    pub location: Location,
    /// Where it stands, the first place included, at most [`MOST_OCCURRENCES`].
    pub occurrences: Vec<Location>,
    pub occurrences_total: usize,
    pub also: Vec<&'static str>,
    pub companions: Vec<(&'static str, String)>,
    /// What the credential itself tells.
    pub structure: Vec<Fact>,
    /// What verification may need of its surroundings, as they differ from place to place; at most [`MOST_BESIDE`].
    pub beside: Vec<Beside>,
    /// What its provider said, where it was asked.
    pub verification: Option<Verification>,
    /// The comment that allows it, where every one of its places has one.
    pub inline: Option<InlineAllow>,
    /// The allowlist that keeps it out, where every one of its places is in one.
    pub allowed: Option<Arc<str>>,
    pub target: usize,
    /// What git tells of it, where git is the source.
    pub git: Option<GitStory>,
}

/// What stands beside a secret and belongs to it: companions by name, the nearest first, and what the pattern matched as
/// [`MATCH`].
pub type Beside = Vec<(&'static str, Secret)>;

/// The name of the whole match in [`Beside`].
pub const MATCH: &str = "match";

/// How many different surroundings of one secret are kept.
pub const MOST_BESIDE: usize = 8;

/// What history tells of a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct GitStory {
    /// The earliest commit that has it.
    pub introduced: Option<Location>,
    pub exposure: Exposure,
    /// The branches at whose tip it stands.
    pub at_tip: Vec<String>,
}

/// How far a secret has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// About to be committed.
    Staged,
    /// In commits that no remote-tracking branch has.
    LocalOnly,
    /// On a remote branch.
    Pushed,
    /// On the remote's default branch.
    Merged,
}

impl Exposure {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::LocalOnly => "local_only",
            Self::Pushed => "pushed",
            Self::Merged => "merged",
        }
    }
}

/// How many occurrences a finding lists.
pub const MOST_OCCURRENCES: usize = 100;

impl Finding {
    /// The finding of what stands in one place.
    pub(crate) fn of(o: Occurrence, fingerprint: Fingerprint, path_class: PathClass, key: &IdentityKey) -> Self {
        Self {
            rule: o.rule,
            secret_id: key.secret_id(o.secret.expose()),
            secret: o.secret,
            shown: o.shown,
            fingerprint,
            score: o.score,
            reasons: o.reasons,
            path_class,
            snippet: o.snippet,
            occurrences: vec![o.location.clone()],
            location: o.location,
            occurrences_total: 1,
            also: o.also.iter().map(|r| r.id).collect(),
            companions: o.companions,
            structure: o.structure,
            beside: Some(o.beside).filter(|b| !b.is_empty()).into_iter().collect(),
            verification: None,
            inline: o.inline,
            allowed: None,
            target: o.target,
            git: None,
        }
    }

    /// Takes over what further places tell of it.
    pub(super) fn join(
        &mut self,
        score: f32,
        reasons: Vec<Reason>,
        also: impl IntoIterator<Item = &'static str>,
        beside: impl IntoIterator<Item = Beside>,
        inline: Option<InlineAllow>,
    ) {
        self.inline = InlineAllow::both(self.inline.take(), inline, self.rule);
        if score > self.score {
            (self.score, self.reasons) = (score, reasons);
        }
        for id in also {
            if !self.also.contains(&id) {
                self.also.push(id);
            }
        }
        for beside in beside {
            if self.beside.len() < MOST_BESIDE && !beside.is_empty() && !self.beside.contains(&beside) {
                self.beside.push(beside);
            }
        }
    }

    /// Its level.
    #[must_use]
    pub fn confidence(&self) -> Option<Confidence> {
        crate::judge::level(self.score)
    }
}

/// Groups occurrences into findings, by path, position, rule. Targets are kept apart: the same path in two of them is two
/// files. What was looked at twice counts once.
#[must_use]
pub fn group(mut occurrences: Vec<Occurrence>, key: &IdentityKey) -> Vec<Finding> {
    occurrences.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.secret.cmp(&b.secret)));
    occurrences.dedup_by(|a, b| (a.target, a.rule.id, &a.location, &a.secret) == (b.target, b.rule.id, &b.location, &b.secret));
    let mut places: BTreeMap<(Fingerprint, usize), usize> = BTreeMap::new();
    let mut findings: Vec<Finding> = Vec::new();
    for o in occurrences {
        let fingerprint = key.fingerprint(o.rule.family(), o.secret.expose(), &o.location.joined());
        if let Some(&at) = places.get(&(fingerprint.clone(), o.target)) {
            let finding = &mut findings[at];
            finding.occurrences_total += 1;
            finding.join(o.score, o.reasons, o.also.iter().map(|rule| rule.id), Some(o.beside), o.inline);
            if finding.occurrences.len() < MOST_OCCURRENCES {
                finding.occurrences.push(o.location);
            } else if let Some(last) = finding.occurrences.last_mut() {
                last.speak_for(&o.location);
            }
            continue;
        }
        places.insert((fingerprint.clone(), o.target), findings.len());
        let path_class = PathClass::of(o.location.inner_path());
        findings.push(Finding::of(o, fingerprint, path_class, key));
    }
    findings
}

/// Joins two lists of findings in the order of reports; of one that is in both the first stays.
#[must_use]
pub fn merge(mut first: Vec<Finding>, second: Vec<Finding>) -> Vec<Finding> {
    let known: std::collections::HashSet<Fingerprint> = first.iter().map(|f| f.fingerprint.clone()).collect();
    first.extend(second.into_iter().filter(|f| !known.contains(&f.fingerprint)));
    first.sort_by(|a, b| in_order(a).cmp(&in_order(b)));
    first
}

/// By path, position, rule, commit.
fn in_order(f: &Finding) -> (&str, &[String], u64, u64, &str, &Option<String>, &str, usize) {
    let l = &f.location;
    (&l.path, &l.container, l.byte_start, l.byte_end, f.rule.id, &l.commit, &f.fingerprint.0, f.target)
}

/// By path, position, rule, target.
pub(super) fn order(o: &Occurrence) -> (&str, &[String], u64, u64, &str, usize) {
    (&o.location.path, &o.location.container, o.location.byte_start, o.location.byte_end, o.rule.id, o.target)
}
