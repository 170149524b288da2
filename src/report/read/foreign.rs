//! What another tool's finding becomes. What has no equal is left empty; its secret is hashed and hidden at once.

use super::{NOT_TOLD, hide};
use crate::finding::redact::{is_hidden, shown_as_plain};
use crate::finding::snippet::{Snippet, visible};
use crate::finding::{IdentityKey, Location, Secret, Status, Verification};
use crate::report::Report;
use crate::report::model::{Gap, ReportedFinding, ReportedRemedy, Run, SCHEMA_VERSION, Scan, Tool};
use crate::rule::catalogue::CATALOGUE_VERSION;
use std::collections::BTreeSet;

/// A finding of another tool.
pub(super) struct Foreign {
    /// The tool's name of the rule.
    pub rule: String,
    pub name: String,
    pub provider: String,
    /// `high`, `medium`, `low`, or nothing.
    pub confidence: String,
    pub secret: Secret,
    /// Other texts that are secret: what stood around it, parts of it.
    pub more_secrets: Vec<Secret>,
    pub location: Location,
    pub verification: Verification,
    /// What the tool knows the finding by, for those without a secret.
    pub id: String,
}

/// The report that `found` makes.
pub(super) fn report(name: &str, tool: &str, found: Vec<Foreign>, key: &IdentityKey) -> Report {
    let mut secrets: BTreeSet<Secret> = BTreeSet::new();
    for finding in &found {
        let all = finding.more_secrets.iter().chain([&finding.secret]);
        secrets.extend(all.filter(|s| !is_hidden(s.expose())).cloned());
    }
    let mut findings: Vec<ReportedFinding> = Vec::new();
    for foreign in found {
        let one = finding(tool, foreign, key);
        match findings.iter_mut().rfind(|f| f.fingerprint == one.fingerprint) {
            // The same secret again in the same path, a line or a commit on.
            Some(known) => crate::report::merge::unite(known, one),
            None => findings.push(one),
        }
    }
    let file = visible(name);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "keysift".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue: CATALOGUE_VERSION.to_owned(),
            rules: 0,
        },
        scan: Scan {
            refused: Vec::new(),
            // What the tool did not look at, its report does not say.
            complete: false,
            blobs: 0,
            bytes: 0,
            members: 0,
            unpacked: 0,
            policy: Vec::new(),
            excluded: Vec::new(),
            skipped: vec![Gap {
                reason: NOT_TOLD.to_owned(),
                count: 1,
                bytes: 0,
                examples: vec![format!("{file} ({tool})")],
                accepted: false,
            }],
            missing: Vec::new(),
            suppressed: Vec::new(),
            proposed: Vec::new(),
            stale: Vec::new(),
            rejected: 0,
            below_threshold: 0,
            fingerprint_key: key.id(),
            run: Run {
                roots: Vec::new(),
                interrupted: false,
                threads: 0,
                milliseconds: 0,
                started_at: None,
                ended_at: None,
                verification: None,
            },
        },
        findings,
        suppressed_findings: None,
        rejected_findings: None,
        suppressed_in_full: Vec::new(),
    };
    hide::hidden(report, secrets).expect("what was made of strings stays a report")
}

fn finding(tool: &str, foreign: Foreign, key: &IdentityKey) -> ReportedFinding {
    let rule_id = format!("{tool}:{}", foreign.rule);
    let secret = foreign.secret.expose();
    let path = foreign.location.joined();
    let (secret_id, shown, fingerprint) = if is_hidden(secret) {
        let id = key.fingerprint(&rule_id, format!("hidden/{}", foreign.id).as_bytes(), &path);
        (String::new(), format!("hidden by {tool}"), id)
    } else {
        (key.secret_id(secret).0, shown_as_plain(secret), key.fingerprint(&rule_id, secret, &path))
    };
    let has_commit = foreign.location.commit.is_some();
    ReportedFinding {
        fingerprint: fingerprint.0,
        secret_id,
        rule_id,
        rule_name: foreign.name,
        provider: foreign.provider,
        severity: String::new(),
        score: match foreign.confidence.as_str() {
            "high" => 0.8,
            "medium" => 0.5,
            "low" => 0.2,
            _ => 0.0,
        },
        confidence: foreign.confidence,
        reasons: Vec::new(),
        state: "open".to_owned(),
        notice: false,
        exposure: None,
        path_class: String::new(),
        snippet: Snippet { text: shown.clone(), mark_start: 0, mark_end: shown.chars().count() },
        secret: shown,
        verification: foreign.verification,
        introduced: has_commit.then(|| foreign.location.clone()),
        at_tip: None,
        occurrences: vec![foreign.location.clone()],
        location: foreign.location,
        occurrences_total: 1,
        also: Vec::new(),
        companions: Vec::new(),
        structure: std::collections::BTreeMap::new(),
        remedy: ReportedRemedy { rotate: String::new(), steps: String::new() },
        target: 0,
    }
}

/// What a tool says of being live; a refusal means nothing as long as nobody knows what it means.
pub(super) fn told(tool: &str, is_live: bool, words: &str) -> Verification {
    if is_live {
        return Verification::of(Status::Live);
    }
    if words.is_empty() {
        return Verification::of(Status::NotChecked);
    }
    Verification { detail: Some(format!("{tool} says: {}", visible(words))), ..Verification::of(Status::Unknown) }
}

/// `2026-07-13 17:23:49 +0000` and its like as RFC 3339; what is that already stays.
pub(super) fn time(text: &str) -> Option<String> {
    let text = text.trim();
    text.get(..10).and_then(crate::finding::Day::parse)?;
    let mut parts = text.split_ascii_whitespace();
    let (day, clock, zone) = (parts.next()?, parts.next(), parts.next());
    let Some(clock) = clock else { return Some(day.to_owned()) };
    let zone = match zone {
        None | Some("+0000" | "UTC" | "Z") => "Z".to_owned(),
        Some(z) if z.len() == 5 && z.is_ascii() => format!("{}:{}", &z[..3], &z[3..]),
        Some(z) => z.to_owned(),
    };
    Some(format!("{day}T{clock}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_of_git_become_times_of_reports() {
        assert_eq!(time("2026-07-13 17:23:49 +0000").as_deref(), Some("2026-07-13T17:23:49Z"));
        assert_eq!(time("2026-07-13 17:23:49 -0730").as_deref(), Some("2026-07-13T17:23:49-07:30"));
        assert_eq!(time("2026-07-13T17:23:49Z").as_deref(), Some("2026-07-13T17:23:49Z"));
        assert_eq!(time("yesterday"), None);
        assert_eq!(time("ü2026-07-1"), None);
    }
}
