//! Several reports made one.

use super::Report;
use super::model::{Gap, ReportedFinding, Told};
use crate::finding::group::MOST_OCCURRENCES;
use crate::finding::{Location, Status};
use std::collections::HashMap;

/// How many paths a gap names.
const MOST_EXAMPLES: usize = 10;

/// The reports as one: findings with one fingerprint are one finding, and what several tools found of one secret in one path
/// is one finding with the others in `also`; what was looked at is added up, and complete only if all of it was.
#[must_use]
pub fn merge(mut reports: Vec<Report>) -> Option<Report> {
    // What keysift says comes first, whatever the order: it knows most.
    reports.sort_by_key(|r| r.findings.first().is_some_and(|f| f.rule_id.contains(':')));
    let mut reports = reports.into_iter();
    let mut all = reports.next()?;
    for more in reports {
        add(&mut all, more);
    }
    Some(all)
}

fn add(all: &mut Report, more: Report) {
    let by_fingerprint: HashMap<String, usize> = places(all, |f| Some(f.fingerprint.clone()));
    let same_secret = |f: &ReportedFinding| (!f.secret_id.is_empty()).then(|| format!("{} {}", f.secret_id, f.location.joined()));
    let by_secret = places(all, same_secret);
    for finding in more.findings {
        let known = by_fingerprint.get(&finding.fingerprint).copied();
        let is_foreign = finding.rule_id.contains(':');
        let other = || same_secret(&finding).filter(|_| is_foreign).and_then(|key| by_secret.get(&key).copied());
        match known.or_else(other) {
            Some(place) => unite(&mut all.findings[place], finding),
            None => all.findings.push(finding),
        }
    }
    let order = |f: &ReportedFinding| {
        let l = &f.location;
        (f.verification.status != Status::Live, l.joined(), l.byte_start, l.start_line, f.rule_id.clone(), l.commit.clone())
    };
    all.findings.sort_by_cached_key(order);
    let (scan, more_scan) = (&mut all.scan, more.scan);
    scan.complete &= more_scan.complete;
    scan.blobs += more_scan.blobs;
    scan.bytes += more_scan.bytes;
    scan.members += more_scan.members;
    scan.unpacked += more_scan.unpacked;
    scan.rejected += more_scan.rejected;
    scan.below_threshold += more_scan.below_threshold;
    gaps(&mut scan.excluded, more_scan.excluded);
    gaps(&mut scan.skipped, more_scan.skipped);
    unite_lists(&mut scan.policy, more_scan.policy);
    scan.refused.extend(more_scan.refused);
    unite_lists(&mut scan.missing, more_scan.missing);
    scan.proposed.extend(more_scan.proposed);
    scan.stale.extend(more_scan.stale);
    let (run, more_run) = (&mut scan.run, more_scan.run);
    unite_lists(&mut run.roots, more_run.roots);
    run.interrupted |= more_run.interrupted;
    run.threads = run.threads.max(more_run.threads);
    run.milliseconds += more_run.milliseconds;
    run.started_at = [run.started_at.take(), more_run.started_at].into_iter().flatten().min();
    run.ended_at = [run.ended_at.take(), more_run.ended_at].into_iter().flatten().max();
    // A decision and its finding keep their place beside each other.
    let is_paired =
        all.suppressed_in_full.len() == scan.suppressed.len() && more.suppressed_in_full.len() == more_scan.suppressed.len();
    for (n, decision) in more_scan.suppressed.into_iter().enumerate() {
        if scan.suppressed.iter().any(|s| s.fingerprint == decision.fingerprint && s.path == decision.path) {
            continue;
        }
        scan.suppressed.push(decision);
        if is_paired {
            all.suppressed_in_full.push(more.suppressed_in_full[n].clone());
        }
    }
    if !is_paired {
        all.suppressed_in_full.clear();
    }
    let shown = all.suppressed_findings.is_some() || more.suppressed_findings.is_some();
    all.suppressed_findings = (shown && is_paired).then(|| all.suppressed_in_full.clone());
    let rejected = all.rejected_findings.take().into_iter().chain(more.rejected_findings).flatten().collect::<Vec<_>>();
    all.rejected_findings = Some(rejected).filter(|r| !r.is_empty());
    let asked = all.findings.iter().map(|f| &f.verification).filter(|v| v.status != Status::NotChecked);
    all.scan.run.verification = Told::of(asked);
}

/// Where the findings with a key stand; the first one counts.
fn places(report: &Report, key: impl Fn(&ReportedFinding) -> Option<String>) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (n, finding) in report.findings.iter().enumerate() {
        if let Some(key) = key(finding) {
            places.entry(key).or_insert(n);
        }
    }
    places
}

/// Two tellings of one finding as one.
pub(super) fn unite(known: &mut ReportedFinding, more: ReportedFinding) {
    let place = |l: &Location| (l.joined(), l.commit.clone(), l.start_line);
    // Other tools know no bytes, and count columns in their own ways.
    let is_vague = |l: &Location| l.byte_end == 0;
    let same =
        |a: &Location, b: &Location| place(a) == place(b) && (a.start_column == b.start_column || is_vague(a) || is_vague(b));
    let mut new = 0;
    for place in more.occurrences {
        if known.occurrences.iter().any(|l| same(l, &place)) {
            continue;
        }
        new += 1;
        if known.occurrences.len() < MOST_OCCURRENCES {
            known.occurrences.push(place);
        }
    }
    // What neither report lists was counted by both.
    known.occurrences_total = (known.occurrences_total + new).max(more.occurrences_total);
    if more.rule_id != known.rule_id {
        known.also.push(more.rule_id);
    }
    known.also.extend(more.also);
    known.also.sort();
    known.also.dedup();
    let moment = |l: &Location| l.date.clone();
    known.introduced = match (known.introduced.take(), more.introduced) {
        (Some(a), Some(b)) if moment(&b) < moment(&a) && b.date.is_some() => Some(b),
        (a, b) => a.or(b),
    };
    known.exposure = [known.exposure.take(), more.exposure].into_iter().flatten().max_by_key(|e| weight(e));
    known.at_tip = match (known.at_tip.take(), more.at_tip) {
        (Some(mut a), Some(b)) => {
            unite_lists(&mut a, b);
            Some(a)
        }
        (a, b) => a.or(b),
    };
    let (old, new) = (&known.verification, &more.verification);
    let is_asked = |s: Status| s != Status::NotChecked;
    if is_asked(new.status) && (!is_asked(old.status) || new.checked_at > old.checked_at) {
        known.verification = more.verification.clone().after(old);
    }
    if more.state == "open" {
        known.state = more.state;
    }
    known.notice &= more.notice;
}

fn weight(exposure: &str) -> usize {
    ["staged", "local_only", "pushed", "merged"].iter().position(|e| *e == exposure).unwrap_or(0)
}

fn gaps(all: &mut Vec<Gap>, more: Vec<Gap>) {
    for gap in more {
        match all.iter_mut().find(|g| g.reason == gap.reason && g.accepted == gap.accepted) {
            None => all.push(gap),
            Some(known) => {
                known.count += gap.count;
                known.bytes += gap.bytes;
                unite_lists(&mut known.examples, gap.examples);
                known.examples.truncate(MOST_EXAMPLES);
            }
        }
    }
}

fn unite_lists(all: &mut Vec<String>, more: Vec<String>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
