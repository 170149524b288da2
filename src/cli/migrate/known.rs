//! Decisions made for gitleaks, mapped onto findings: what is decided is what a scan of the files or of history finds at each
//! place that was named.

use super::super::baseline::{NAME as BASELINE, look_at_history, look_at_tree};
use super::super::common::{Settings, When};
use super::super::init::plan::{Plan, Target};
use super::super::policy::{self, Named};
use super::super::{run, usage_error};
use crate::finding::snippet::visible;
use crate::finding::{Finding, Fingerprint};
use crate::pipeline::Outcome;
use crate::source::git::Repository;
use crate::source::git::lookup::Lookup;
use crate::source::git::open::Options;
use crate::source::git::range::commit_named;
use crate::triage::baseline::{Baseline, Entry, Of};
use crate::triage::gitleaks::{Decisions, Fate};
use crate::triage::matching::Surroundings;
use crate::triage::{Decision, IgnoreFile, Policy, State, Texts, ignore_file};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

/// What a scan of one kind found.
struct Seen {
    outcome: Outcome,
    targets: run::Targets,
}

/// What is known of gitleaks' decisions.
pub(super) struct Known {
    seen: Vec<Seen>,
    /// By fingerprint.
    decided: BTreeMap<String, Entry>,
    /// What has no equal, a sentence each.
    pub untold: Vec<String>,
    of_history: bool,
    mapped: usize,
    needless: usize,
}

impl Known {
    /// Looks at the files, and at history where there is one.
    pub(super) fn of(root: &Path, settings: &Settings, decisions: &Decisions) -> Result<Self, ExitCode> {
        let mut seen = vec![look(root, settings, Of::Tree)?];
        let repo = Repository::open(root, &Options::default()).ok();
        if repo.is_some() {
            seen.push(look(root, settings, Of::History)?);
        }
        let mut decided: BTreeMap<String, Entry> = BTreeMap::new();
        let mut fates: Vec<(Fate, Option<&Finding>)> = vec![(Fate::Nothing, None); decisions.entries.len()];
        for part in &seen {
            let findings = &part.outcome.findings;
            let over = run::viewed(settings, &part.outcome, &part.targets, |view| {
                let around = Surroundings { holds: view.holds, clean: view.clean };
                let over = decisions.over(findings, &around, view.today);
                // What moved or has another rule now is an entry of its own.
                let anew = |f: &Finding, entry: &Entry| Entry {
                    state: entry.state,
                    reason: entry.reason.clone(),
                    ..Entry::of(f, (view.clean)(&f.location.path), view.today)
                };
                let all = findings.iter().zip(&over.findings).filter_map(|(f, d)| d.as_ref().map(|d| (f, d)));
                // What an allowlist keeps out needs no decision of its own.
                for (finding, (entry, _)) in all.filter(|(f, _)| f.allowed.is_none()) {
                    decided.entry(finding.fingerprint.0.clone()).or_insert_with(|| anew(finding, entry));
                }
                over
            });
            for (known, fate) in fates.iter_mut().zip(over.fates) {
                let rank = |fate: &Fate| match fate {
                    Fate::Nothing => 0,
                    Fate::Partly { .. } => 1,
                    Fate::Decides { .. } => 2,
                };
                if rank(&fate) > rank(&known.0) {
                    let finding = match fate {
                        Fate::Partly { finding } | Fate::Decides { finding } => findings.get(finding),
                        Fate::Nothing => None,
                    };
                    *known = (fate, finding);
                }
            }
        }
        let mut judged_none = vec![false; decisions.entries.len()];
        for part in &seen {
            judged_none.iter_mut().zip(decisions.could_be(&part.outcome.rejected)).for_each(|(all, is)| *all |= is);
        }
        let (mut mapped, mut needless, mut untold) = (0, 0, Vec::new());
        for ((entry, (fate, finding)), is_none) in decisions.entries.iter().zip(&fates).zip(judged_none) {
            let why = match (fate, finding) {
                (Fate::Decides { .. }, _) => None,
                // An allowlist keeps it out.
                (_, Some(f)) if f.allowed.is_some() || decided.contains_key(&f.fingerprint.0) => None,
                (Fate::Partly { .. }, Some(f)) => Some(format!(
                    "the same secret stands in places of {} that nobody decided on: it stays open ({})",
                    f.location.path, f.fingerprint.0
                )),
                _ if is_none => {
                    needless += 1;
                    continue;
                }
                _ if entry.commit().is_some_and(|id| !has_commit(repo.as_ref(), id)) => {
                    Some("its commit is not in this clone".to_owned())
                }
                _ => Some("keysift finds nothing there".to_owned()),
            };
            match why {
                None => mapped += 1,
                Some(why) => untold.push(format!("{}: {why}", entry.name())),
            }
        }
        let of_history = decisions.entries.iter().any(|e| e.state == State::Open && e.is_of_history());
        Ok(Self { seen, decided, untold, of_history, mapped, needless })
    }

    /// Plans the ignore file and the baseline; gives their texts.
    pub(super) fn plan(&self, root: &Path, settings: &Settings, plan: &mut Plan) -> Result<(String, Option<String>), ExitCode> {
        let failed = |e: String| usage_error(&e);
        let target = Target::in_tree(root, ignore_file::NAME);
        let before = target.read().map_err(failed)?.map(|present| present.text);
        let mut text = before.clone().unwrap_or_default();
        IgnoreFile::parse(ignore_file::NAME, &text).map_err(|e| usage_error(&e.to_string()))?;
        let is_there: HashSet<String> = text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect();
        for entry in self.with(State::Accepted).filter(|e| !is_there.contains(&e.fingerprint)) {
            let decision = Decision { reason: entry.reason.clone(), ..Decision::of(State::Accepted) };
            text = ignore_file::with_line(&text, &entry.fingerprint, Some(&ignore_file::line_for(&entry.fingerprint, &decision)));
        }
        if before.is_some() || !text.is_empty() {
            plan.set(target, before, Some(text.clone()));
        }

        let target = Target::in_tree(root, BASELINE);
        let before = target.read().map_err(failed)?.map(|present| present.text);
        if before.is_none() && self.with(State::Open).next().is_none() {
            return Ok((text, None));
        }
        let mut baseline = match &before {
            Some(_) => policy::read_baseline(&Named::found(target.path.clone(), root), &settings.key)?,
            None => Baseline::new(settings.key.id(), if self.of_history { Of::History } else { Of::Tree }),
        };
        // Of two the first stays: what was decided since.
        baseline.entries.extend(self.with(State::Open).cloned().map(|entry| Entry { reason: None, ..entry }));
        baseline.sort();
        let after = baseline.to_text();
        plan.set(target, before, Some(after.clone()));
        Ok((text, Some(after)))
    }

    fn with(&self, state: State) -> impl Iterator<Item = &Entry> {
        self.decided.values().filter(move |e| e.state == state)
    }

    /// How many findings stay open.
    pub(super) fn open(&self, settings: &Settings, ignored: &str, baseline: Option<&str>) -> Result<usize, ExitCode> {
        let texts = Texts {
            ignore_file: Some((ignore_file::NAME, ignored)),
            baseline: baseline.map(|text| (BASELINE, text)),
            ..Texts::default()
        };
        let policy = Policy::read(texts, &settings.key.id()).map_err(|e| usage_error(&visible(&e.to_string())))?;
        let mut open: HashSet<&Fingerprint> = HashSet::new();
        for part in &self.seen {
            let triaged = run::viewed(settings, &part.outcome, &part.targets, |view| policy.apply(&part.outcome.findings, view));
            open.extend(triaged.open.into_iter().filter(|f| settings.asks_for(f)).map(|f| &f.fingerprint));
        }
        Ok(open.len())
    }

    /// How much was mapped.
    pub(super) fn summary(&self, decisions: &Decisions) -> String {
        let mut text = format!(
            "of {} decisions of gitleaks {} count, {} are about what keysift takes for no secret, {} have no equal",
            decisions.entries.len(),
            self.mapped,
            self.needless,
            decisions.entries.len() - self.mapped - self.needless
        );
        if self.seen.iter().any(|part| !part.outcome.is_complete()) {
            text.push_str("; not everything could be looked at: `keysift scan` and `keysift git` tell what is missing");
        }
        text
    }
}

/// Whether history here has this commit.
fn has_commit(repo: Option<&Repository>, id: &str) -> bool {
    repo.is_some_and(|repo| {
        let store = repo.store();
        commit_named(repo, &mut Lookup::new(&store), id).is_some()
    })
}

fn look(root: &Path, settings: &Settings, of: Of) -> Result<Seen, ExitCode> {
    let (outcome, targets) = run::look_with(settings, true, When::Auto, |settings, collector, targets| {
        targets.roots.push(root.to_string_lossy().into_owned());
        targets.whole = Some(of);
        match of {
            Of::Tree => look_at_tree(root, settings, collector),
            Of::History => look_at_history(root, settings, collector),
        }
    })?;
    Ok(Seen { outcome, targets })
}
