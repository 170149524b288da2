//! The report as data. `docs/report.schema.json` is generated from it.

use super::triage::{StaleDecision, Suppressed};
use crate::finding::snippet::{Snippet, visible};
use crate::finding::{Finding, Location, Redactor, Status, Verification};
use crate::judge::Reason;
use crate::pipeline::Tally;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the report's keys.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    pub schema_version: u32,
    pub tool: Tool,
    pub scan: Scan,
    pub findings: Vec<ReportedFinding>,
    /// Findings that a decision keeps out, where `--show-suppressed` asked for them; in the order of `scan.suppressed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_findings: Option<Vec<ReportedFinding>>,
    /// Candidates judged not a secret, where `--show-rejected` asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_findings: Option<Vec<ReportedFinding>>,
    /// The same as `suppressed_findings`, for formats that always tell them.
    #[serde(skip)]
    pub suppressed_in_full: Vec<ReportedFinding>,
}

/// Who made the report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub catalogue: String,
    pub rules: usize,
}

/// What was looked at, and what was not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scan {
    /// Everything was looked at, but for what was asked to be left out and gaps that config accepts.
    pub complete: bool,
    /// Files, texts and link targets looked at.
    pub blobs: u64,
    pub bytes: u64,
    /// Members of archives and what compressed files hold, and the bytes that came out.
    pub members: u64,
    pub unpacked: u64,
    /// The files whose word counted: config, ignore file, baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<String>,
    /// What config or a flag says of keys that a policy locks: it did not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedSetting>,
    pub excluded: Vec<Gap>,
    pub skipped: Vec<Gap>,
    /// Named paths that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Findings that a decision keeps out.
    pub suppressed: Vec<Suppressed>,
    /// Findings that stay open, and that the change under test would keep out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposed: Vec<Suppressed>,
    /// Decisions that do nothing, or no longer do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<StaleDecision>,
    /// Candidates judged not a secret.
    pub rejected: u64,
    /// Findings below the least confidence or severity asked for.
    pub below_threshold: u64,
    /// The key that ids were made with: `public`, or the id of a private one.
    pub fingerprint_key: String,
    /// What depends on this run alone.
    pub run: Run,
}

/// Something that was said of a locked key, and did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RefusedSetting {
    pub key: String,
    /// Who said it: `policy`, `user`, `repository`, `command_line`.
    pub layer: String,
    /// The file and line, or the flag.
    pub place: String,
    /// Where the lock is.
    pub locked_by: String,
}

impl RefusedSetting {
    /// Tells `refused`; every string passes `clean`.
    #[must_use]
    pub fn of(refused: &crate::config::layers::Refused, clean: &impl Fn(&str) -> String) -> Self {
        Self {
            key: clean(&refused.key),
            layer: refused.place.layer.as_str().to_owned(),
            place: clean(&refused.place.short()),
            locked_by: clean(&refused.by.short()),
        }
    }
}

/// What was left out or not looked at, for one reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    pub reason: String,
    pub count: u64,
    pub bytes: u64,
    /// At most ten paths.
    pub examples: Vec<String>,
    /// Config accepts the gap.
    pub accepted: bool,
}

/// What depends on this run alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Run {
    /// The folders that paths are relative to.
    pub roots: Vec<String>,
    pub interrupted: bool,
    pub threads: usize,
    pub milliseconds: u64,
    /// When the scan began and ended, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What providers said of the findings, where they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Told>,
}

/// How many findings of those that could be asked about are in which state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Told {
    pub live: u64,
    pub dead: u64,
    /// By reason.
    pub unknown: BTreeMap<String, u64>,
    /// Answers that came through a proxy.
    pub via_proxy: u64,
    /// Answers of earlier runs.
    pub cached: u64,
}

impl Told {
    /// Counts; `None` where nobody was asked about anything.
    #[must_use]
    pub fn of<'a>(all: impl Iterator<Item = &'a Verification>) -> Option<Self> {
        let mut told = None;
        for known in all {
            let counts: &mut Self = told.get_or_insert_default();
            match known.status {
                Status::Live => counts.live += 1,
                Status::Dead => counts.dead += 1,
                Status::Unknown => *counts.unknown.entry(known.reason.clone().unwrap_or_default()).or_default() += 1,
                Status::NotChecked => {}
            }
            counts.via_proxy += u64::from(known.via_proxy);
            counts.cached += u64::from(known.cached);
        }
        told
    }
}

/// A finding as it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReportedFinding {
    pub fingerprint: String,
    pub secret_id: String,
    pub rule_id: String,
    pub rule_name: String,
    pub provider: String,
    pub severity: String,
    /// `high`, `medium`, `low`, or `rejected`.
    pub confidence: String,
    pub score: f64,
    pub reasons: Vec<ReportedReason>,
    /// `open` until someone decides otherwise.
    pub state: String,
    /// Its rule is younger than the catalogue that config names: it is told, and fails nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub notice: bool,
    /// Where git is the source: `staged`, `local_only`, `pushed` or `merged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<String>,
    pub path_class: String,
    /// Redacted; raw only with `--show-secrets`.
    pub secret: String,
    pub snippet: Snippet,
    pub verification: Verification,
    /// Where it stands: at the tip if it is there, else where it stood last.
    pub location: Location,
    /// Where git is the source: the earliest commit that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced: Option<Location>,
    /// Where git is the source: the branches at whose tip it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_tip: Option<Vec<String>>,
    pub occurrences: Vec<Location>,
    pub occurrences_total: usize,
    /// Rules that see the same secret.
    pub also: Vec<String>,
    /// Other credentials that belong to it, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<Companion>,
    /// What the credential itself tells: account, user, host, expiry, type of key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub structure: BTreeMap<String, String>,
    pub remedy: ReportedRemedy,
    /// Which of `scan.run.roots` its paths are relative to.
    #[serde(skip)]
    pub target: usize,
}

/// Why a finding has its score.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReportedReason {
    pub signal: String,
    pub text: String,
    pub weight: f64,
}

/// Another credential that belongs to a finding.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Companion {
    pub name: String,
    pub secret: String,
}

/// What to do about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReportedRemedy {
    pub rotate: String,
    pub steps: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Two decimals: scores are no measurements.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

/// So many findings are worth waking other threads for.
const WORTH_SHARING: usize = 128;

impl ReportedFinding {
    /// Tells all of `findings`, in their order.
    #[must_use]
    pub fn all(findings: &[&Finding], redactor: Option<&Redactor>) -> Vec<Self> {
        if findings.len() < WORTH_SHARING {
            return findings.iter().map(|f| Self::of(f, redactor)).collect();
        }
        findings.par_iter().with_min_len(WORTH_SHARING / 4).map(|f| Self::of(f, redactor)).collect()
    }

    /// Tells `finding`; every string passes `redactor` unless secrets are to be shown.
    #[must_use]
    pub fn of(finding: &Finding, redactor: Option<&Redactor>) -> Self {
        let clean = |text: &str| redactor.map_or_else(|| text.to_owned(), |r| r.redact(text));
        let location = |l: &Location| Location {
            path: clean(&l.path),
            container: l.container.iter().map(|name| clean(name)).collect(),
            path_bytes: l.path_bytes.clone().filter(|_| clean(&l.path) == l.path),
            origin: l.origin.as_ref().map(|o| redact_json(o, &clean)),
            author: l.author.as_deref().map(&clean),
            email: l.email.as_deref().map(&clean),
            link: l.link.as_deref().map(&clean),
            ..l.clone()
        };
        let shown = match redactor {
            Some(_) => finding.shown.clone(),
            None => String::from_utf8_lossy(finding.secret.expose()).into_owned(),
        };
        Self {
            fingerprint: finding.fingerprint.0.clone(),
            secret_id: finding.secret_id.0.clone(),
            rule_id: finding.rule.id.to_owned(),
            rule_name: finding.rule.name.to_owned(),
            provider: finding.rule.provider.to_owned(),
            severity: finding.rule.severity.as_str().to_owned(),
            confidence: finding.confidence().map_or("rejected", crate::rule::Confidence::as_str).to_owned(),
            score: rounded(finding.score),
            reasons: finding.reasons.iter().map(|r| reason(r, &clean)).collect(),
            state: "open".to_owned(),
            notice: false,
            exposure: finding.git.as_ref().map(|g| g.exposure.as_str().to_owned()),
            path_class: finding.path_class.as_str().to_owned(),
            snippet: if redactor.is_some() {
                redact_snippet(&finding.snippet, &clean).cut()
            } else {
                with_secret(&finding.snippet, &shown).cut()
            },
            secret: shown,
            verification: told_verification(finding.verification.as_ref(), &clean),
            location: location(&finding.location),
            introduced: finding.git.as_ref().and_then(|g| g.introduced.as_ref()).map(location),
            at_tip: finding.git.as_ref().map(|g| g.at_tip.iter().map(|b| clean(b)).collect()),
            occurrences: finding.occurrences.iter().map(location).collect(),
            occurrences_total: finding.occurrences_total,
            also: finding.also.iter().map(|r| (*r).to_owned()).collect(),
            companions: finding
                .companions
                .iter()
                .map(|(name, shown)| Companion { name: (*name).to_owned(), secret: shown.clone() })
                .collect(),
            structure: finding.structure.iter().map(|(name, value)| ((*name).to_owned(), clean(value))).collect(),
            remedy: ReportedRemedy { rotate: finding.rule.remedy.rotate.to_owned(), steps: finding.rule.remedy.steps.to_owned() },
            target: finding.target,
        }
    }
}

/// What its provider said, every string of it through the redactor.
pub(crate) fn told_verification(known: Option<&Verification>, clean: &impl Fn(&str) -> String) -> Verification {
    let Some(known) = known else { return Verification::of(Status::NotChecked) };
    Verification {
        detail: known.detail.as_deref().map(clean),
        identity: known.identity.iter().map(|(name, value)| (name.clone(), clean(value))).collect(),
        ..known.clone()
    }
}

fn reason(reason: &Reason, clean: &impl Fn(&str) -> String) -> ReportedReason {
    ReportedReason { signal: reason.signal.to_owned(), text: clean(&reason.text), weight: rounded(reason.weight) }
}

/// The snippet hides by place; what is known from elsewhere in the run is hidden here. The mark stays where it is as long as
/// nothing before it changes.
fn redact_snippet(snippet: &Snippet, clean: &impl Fn(&str) -> String) -> Snippet {
    let part = |from: usize, to: usize| snippet.text.chars().skip(from).take(to - from).collect::<String>();
    let before = clean(&part(0, snippet.mark_start));
    let marked = part(snippet.mark_start, snippet.mark_end);
    let after = clean(&part(snippet.mark_end, snippet.text.chars().count()));
    let mark_start = before.chars().count();
    let mark_end = mark_start + marked.chars().count();
    Snippet { text: format!("{before}{marked}{after}"), mark_start, mark_end }
}

/// The snippet with the secret itself in it, in one line.
fn with_secret(snippet: &Snippet, secret: &str) -> Snippet {
    let before: String = snippet.text.chars().take(snippet.mark_start).collect();
    let after: String = snippet.text.chars().skip(snippet.mark_end).collect();
    let secret = visible(&secret.replace('\r', "").replace('\n', "\\n"));
    let mark_end = snippet.mark_start + secret.chars().count();
    Snippet { text: format!("{before}{secret}{after}"), mark_start: snippet.mark_start, mark_end }
}

fn redact_json(value: &serde_json::Value, clean: &impl Fn(&str) -> String) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => Value::Array(items.iter().map(|v| redact_json(v, clean)).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (clean(k), redact_json(v, clean))).collect()),
        other => other.clone(),
    }
}

impl Gap {
    /// Tells a tally.
    #[must_use]
    pub fn of(reason: &str, tally: &Tally, accepted: bool, redactor: Option<&Redactor>) -> Self {
        Self {
            reason: reason.to_owned(),
            count: tally.count,
            bytes: tally.bytes,
            examples: tally.examples.iter().map(|p| redactor.map_or_else(|| p.clone(), |r| r.redact(p))).collect(),
            accepted,
        }
    }
}
