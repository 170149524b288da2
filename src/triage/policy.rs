//! What people decided, over the findings of a run.
//!
//! A [`Policy`] is made from texts, wherever they come from. With two of them, one that counts (of the base commit) and one
//! that a change would bring (of its head), what only the second says is *proposed*: it is told, and the finding stays open.

use super::PolicyError;
use super::baseline::{Baseline, Entry, Of};
use super::gitleaks::{Decisions, Fate};
use super::ignore_file::{IgnoreFile, Names};
use super::matching::{self, Surroundings};
use super::state::{Decision, How, Source, Stale, StaleReason, State, Suppression};
use crate::finding::{Day, Finding};
use std::collections::HashMap;

/// What counts.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub ignore: IgnoreFile,
    pub baseline: Option<Baseline>,
    /// What was decided for gitleaks.
    pub gitleaks: Decisions,
    pub inline: Inline,
    /// How many days a finding may stand in the baseline before someone decides on it.
    pub baseline_max_age: Option<u32>,
}

/// Whether comments in the text allow findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inline {
    #[default]
    Counts,
    Ignored,
}

/// What must be known of a run besides its findings.
pub struct View<'a> {
    pub today: Day,
    /// What was looked at whole: then a decision that is about nothing can be told. `None` where only a part was.
    pub whole: Option<Of>,
    /// Whether the path of a baseline entry holds its secret still, where findings do not tell ([`Surroundings::holds`]).
    pub holds: &'a dyn Fn(&Entry) -> bool,
    /// A path with no secret in it ([`Surroundings::clean`]).
    pub clean: &'a dyn Fn(&str) -> String,
    /// Whether the change under test wrote the comment that allows this finding: then it is proposed.
    pub is_new_comment: &'a dyn Fn(&Finding) -> bool,
}

impl View<'_> {
    /// A scan of all files on `today` of which everything is known from its findings.
    #[must_use]
    pub fn whole(today: Day) -> Self {
        Self { today, whole: Some(Of::Tree), holds: &|_| false, clean: &str::to_owned, is_new_comment: &|_| false }
    }
}

/// Findings by what becomes of them.
#[derive(Default)]
pub struct Triaged<'f> {
    pub open: Vec<&'f Finding>,
    pub suppressed: Vec<(&'f Finding, Suppression)>,
    /// Open findings that the change under test would suppress.
    pub proposed: Vec<(&'f Finding, Suppression)>,
    /// Decisions that do nothing, or no longer do.
    pub stale: Vec<Stale>,
}

/// Texts of decisions, each with the name that messages and reports give it. Where they come from is the caller's to say: files
/// as they stand, or blobs of a commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    pub ignore_file: Option<(&'a str, &'a str)>,
    /// A baseline, ours or a JSON report of gitleaks.
    pub baseline: Option<(&'a str, &'a str)>,
    /// Each `.gitleaksignore`.
    pub gitleaks_ignore: &'a [(&'a str, &'a str)],
}

impl Policy {
    /// Reads a policy; `fingerprint_key` is the id of the key of this run.
    ///
    /// # Errors
    /// Where a text is wrong, or the baseline was made with another key.
    pub fn read(texts: Texts<'_>, fingerprint_key: &str) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        if let Some((name, text)) = texts.ignore_file {
            policy.ignore = IgnoreFile::parse(name, text)?;
        }
        for (name, text) in texts.gitleaks_ignore {
            policy.gitleaks.extend(Decisions::of_ignore_file(name, text));
        }
        if let Some((name, text)) = texts.baseline {
            if Decisions::is_baseline(text) {
                policy.gitleaks.extend(Decisions::of_baseline(name, text)?);
                return Ok(policy);
            }
            let baseline = Baseline::parse(name, text)?;
            baseline.check_key(name, fingerprint_key)?;
            policy.baseline = Some(baseline);
        }
        Ok(policy)
    }

    /// What becomes of `findings`.
    #[must_use]
    pub fn apply<'f>(&self, findings: &'f [Finding], view: &View<'_>) -> Triaged<'f> {
        self.apply_with(None, findings, view)
    }

    /// The same where a change under test brings a policy of its own, `head`: what only that one says is proposed.
    #[must_use]
    pub fn apply_with<'f>(&self, head: Option<&Self>, findings: &'f [Finding], view: &View<'_>) -> Triaged<'f> {
        let is_new = |f: &Finding| f.inline.is_some() && (view.is_new_comment)(f);
        let (decided, mut stale) = self.decide(findings, view, &|f| !is_new(f));
        let wishes = if head.is_some() || findings.iter().any(is_new) {
            let (wishes, of_head) = head.unwrap_or(self).decide(findings, view, &|_| true);
            if head.is_some() {
                // Whoever changes the head can act on what stands there.
                stale.retain(|s| s.why != StaleReason::Unused);
                stale.extend(of_head);
            }
            wishes
        } else {
            vec![None; findings.len()]
        };
        stale.sort();
        stale.dedup();
        let mut triaged = Triaged { stale, ..Triaged::default() };
        for ((finding, decided), wish) in findings.iter().zip(decided).zip(wishes) {
            if let Some(suppression) = decided {
                triaged.suppressed.push((finding, suppression));
            } else {
                triaged.open.push(finding);
                triaged.proposed.extend(wish.map(|s| (finding, s)));
            }
        }
        triaged
    }

    /// For each finding the decision that keeps it out, and the decisions that do nothing.
    fn decide(
        &self,
        findings: &[Finding],
        view: &View<'_>,
        has_comment: &dyn Fn(&Finding) -> bool,
    ) -> (Vec<Option<Suppression>>, Vec<Stale>) {
        let mut stale = Vec::new();
        let by_line = self.by_line(findings, view, &mut stale);
        let by_comment = self.by_comment(findings, view, has_comment, &mut stale);
        let by_gitleaks = self.by_gitleaks(findings, view, &mut stale);
        let by_baseline = self.by_baseline(findings, view, &mut stale);
        // What someone said of this finding before what was only taken note of.
        let said = by_line
            .into_iter()
            .zip(by_comment)
            .zip(by_gitleaks)
            .zip(findings)
            .map(|(((line, comment), gitleaks), f)| line.or(comment).or(gitleaks).or_else(|| by_allowlist(f)));
        let chosen = said.zip(by_baseline).map(|(said, known)| {
            let decided = |s: &Suppression| s.decision.state != State::Open;
            match known {
                Some(known) if !decided(&known) => said.or(Some(known)),
                known => said.or(known),
            }
        });
        (chosen.collect(), stale)
    }

    fn by_line(&self, findings: &[Finding], view: &View<'_>, stale: &mut Vec<Stale>) -> Vec<Option<Suppression>> {
        let mut decided: Vec<Option<Suppression>> = vec![None; findings.len()];
        let mut by_print: HashMap<&str, Vec<usize>> = HashMap::new();
        for (n, finding) in findings.iter().enumerate().filter(|_| !self.ignore.lines.is_empty()) {
            by_print.entry(&finding.fingerprint.0).or_default().push(n);
        }
        for line in &self.ignore.lines {
            let note = |why| Stale { source: Source::IgnoreFile, why, entry: (view.clean)(&self.ignore.place(line)) };
            if !line.decision.counts_on(view.today) {
                stale.push(note(StaleReason::Expired));
                continue;
            }
            let (about, how) = match &line.names {
                Names::Fingerprint(print) => (by_print.get(print.as_str()).cloned().unwrap_or_default(), How::Fingerprint),
                Names::RuleAndPath { .. } => {
                    let about = findings.iter().enumerate().filter(|(_, f)| line.is_about(f)).map(|(n, _)| n);
                    (about.collect(), How::RuleAndPath)
                }
            };
            if about.is_empty() && view.whole.is_some() {
                stale.push(note(StaleReason::Unused));
            }
            for n in about {
                // A line for this finding says more than one for many; of equal ones the first counts.
                let is_better = how == How::Fingerprint && decided[n].as_ref().is_some_and(|d| d.how != how);
                if decided[n].is_none() || is_better {
                    let decision = line.decision.clone();
                    decided[n] = Some(Suppression { source: Source::IgnoreFile, decision, how: how.clone() });
                }
            }
        }
        decided
    }

    fn by_comment(
        &self,
        findings: &[Finding],
        view: &View<'_>,
        has_comment: &dyn Fn(&Finding) -> bool,
        stale: &mut Vec<Stale>,
    ) -> Vec<Option<Suppression>> {
        let of = |finding: &Finding| {
            let allow = finding.inline.as_ref().filter(|_| self.inline == Inline::Counts && has_comment(finding))?;
            if !allow.covers(finding.rule) {
                let (path, line) = (&finding.location.path, finding.location.start_line);
                let rule = allow.rule.as_deref().unwrap_or_default();
                let entry = (view.clean)(&format!("{path}:{line} {} {rule}", allow.mark));
                stale.push(Stale { source: Source::Inline, why: StaleReason::Unused, entry });
                return None;
            }
            let decision = Decision { reason: allow.reason.clone(), ..Decision::of(State::Accepted) };
            Some(Suppression { source: Source::Inline, decision, how: How::Comment })
        };
        findings.iter().map(of).collect()
    }

    fn by_gitleaks(&self, findings: &[Finding], view: &View<'_>, stale: &mut Vec<Stale>) -> Vec<Option<Suppression>> {
        if self.gitleaks.entries.is_empty() {
            return vec![None; findings.len()];
        }
        let around = Surroundings { holds: view.holds, clean: view.clean };
        let decided = self.gitleaks.over(findings, &around, view.today);
        let source = |state| if state == State::Open { Source::Baseline } else { Source::IgnoreFile };
        for (entry, fate) in self.gitleaks.entries.iter().zip(decided.fates) {
            let is_seen = match view.whole {
                Some(Of::History) => true,
                Some(Of::Tree) => !entry.is_of_history(),
                None => false,
            };
            if fate == Fate::Nothing && is_seen {
                let entry = Stale { source: source(entry.state), why: StaleReason::Unused, entry: (view.clean)(&entry.name()) };
                stale.push(entry);
            }
        }
        let suppression =
            |(entry, how): (Entry, How)| Suppression { source: source(entry.state), decision: entry.decision(), how };
        decided.findings.into_iter().map(|d| d.map(suppression)).collect()
    }

    fn by_baseline(&self, findings: &[Finding], view: &View<'_>, stale: &mut Vec<Stale>) -> Vec<Option<Suppression>> {
        let Some(baseline) = &self.baseline else { return vec![None; findings.len()] };
        let around = Surroundings { holds: view.holds, clean: view.clean };
        let known = matching::known(baseline, findings, &around);
        let mut used = vec![false; baseline.entries.len()];
        for known in known.iter().flatten() {
            used[known.entry] = true;
        }
        let too_old = |entry: &Entry| self.baseline_max_age.is_some_and(|days| entry.is_too_old(view.today, days));
        for (entry, used) in baseline.entries.iter().zip(used) {
            let why = if !entry.decision().counts_on(view.today) {
                StaleReason::Expired
            } else if !used && view.whole == Some(baseline.of) {
                StaleReason::Unused
            } else if used && too_old(entry) {
                StaleReason::TooOld
            } else {
                continue;
            };
            let entry = format!("{} {} {}", entry.fingerprint, entry.rule, entry.path);
            stale.push(Stale { source: Source::Baseline, why, entry });
        }
        let suppression = |known: matching::Known| {
            let entry = &baseline.entries[known.entry];
            let counts = entry.decision().counts_on(view.today) && !too_old(entry);
            counts.then(|| Suppression { source: Source::Baseline, decision: entry.decision(), how: known.how })
        };
        known.into_iter().map(|k| k.and_then(suppression)).collect()
    }
}

/// The allowlist of the config that keeps `finding` out.
fn by_allowlist(finding: &Finding) -> Option<Suppression> {
    let name = finding.allowed.as_ref()?;
    let decision = Decision { reason: Some(name.to_string()), ..Decision::of(State::Accepted) };
    Some(Suppression { source: Source::Allowlist, decision, how: How::Allowlist })
}
