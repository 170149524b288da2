//! Decisions as reports tell them.

use crate::finding::Finding;
use crate::triage::state::{How, Stale};
use crate::triage::{Source, Suppression};
use serde::{Deserialize, Serialize};

/// A finding that a decision keeps out, or would.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Suppressed {
    /// Where the decision stands: `ignore_file`, `inline`, `allowlist` or `baseline`.
    pub source: String,
    pub fingerprint: String,
    pub rule_id: String,
    pub path: String,
    pub start_line: u64,
    /// What was decided: `revoked`, `false_positive`, `test_value`, `accepted`; `open` in a baseline where nobody has.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The last day it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How the decision was found to be about it: `fingerprint`, `rule_and_path`, `comment`, `place`, `allowlist`, `moved`, `re_ruled`.
    pub matched: String,
    /// The path or the rule that it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A decision that does nothing, or no longer does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StaleDecision {
    /// `ignore_file`, `inline` or `baseline`.
    pub source: String,
    /// `unused`, `expired`, or `too_old`: in the baseline without a decision for longer than `--baseline-max-age`.
    pub why: String,
    /// Where it stands and what it names.
    pub entry: String,
}

impl Suppressed {
    /// Tells a decision on `finding`; every string passes `clean`.
    #[must_use]
    pub fn of(finding: &Finding, suppression: &Suppression, clean: &impl Fn(&str) -> String) -> Self {
        let decision = &suppression.decision;
        let from = match &suppression.how {
            How::Moved { from } | How::ReRuled { from } => Some(clean(from)),
            _ => None,
        };
        Self {
            source: suppression.source.as_str().to_owned(),
            fingerprint: finding.fingerprint.0.clone(),
            rule_id: finding.rule.id.to_owned(),
            path: clean(&finding.location.path),
            start_line: finding.location.start_line,
            state: decision.state.as_str().to_owned(),
            reason: decision.reason.as_deref().map(clean),
            owner: decision.owner.as_deref().map(clean),
            until: decision.until.map(|u| u.to_string()),
            matched: suppression.how.as_str().to_owned(),
            from,
        }
    }

    /// `accepted by the ignore file until 2027-06-30: made up`, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let state = if self.state == "open" { "known" } else { &self.state };
        let mut text = format!("{} by {}", state.replace('_', " "), source_in_words(&self.source));
        let add = |text: &mut String, word: &str, what: &Option<String>| {
            if let Some(what) = what {
                text.push_str(word);
                text.push_str(what);
            }
        };
        add(&mut text, " until ", &self.until);
        add(&mut text, ", owner ", &self.owner);
        if self.from.is_some() {
            add(&mut text, if self.matched == "moved" { ", moved from " } else { ", before under " }, &self.from);
        }
        add(&mut text, ": ", &self.reason);
        text
    }
}

impl StaleDecision {
    /// Tells it; every string passes `clean`.
    #[must_use]
    pub fn of(stale: &Stale, clean: &impl Fn(&str) -> String) -> Self {
        Self { source: stale.source.as_str().to_owned(), why: stale.why.as_str().to_owned(), entry: clean(&stale.entry) }
    }
}

/// A source as people call it.
#[must_use]
pub fn source_in_words(source: &str) -> &'static str {
    match Source::ALL.into_iter().find(|s| s.as_str() == source) {
        Some(Source::IgnoreFile) => "the ignore file",
        Some(Source::Inline) => "a comment",
        Some(Source::Allowlist) => "an allowlist",
        Some(Source::Baseline) => "the baseline",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector;
    use crate::finding::{Day, IdentityKey};
    use crate::pipeline::Collector;
    use crate::report::model::{Report, ReportedFinding, Run, Scan, Tool};
    use crate::report::{Format, Style};
    use crate::rule::{ChecksumKind, RuleSet, template};
    use crate::source::{Stop, stdin};
    use crate::triage::{IgnoreFile, Policy, View};

    /// The report of a change that adds a secret and the line that ignores it.
    fn report() -> Report {
        let detector = Detector::new(RuleSet::built_in());
        let stop = Stop::new();
        let collector = Collector::new(&detector, &stop, false, &|_, _| false);
        let token = template::fill("ghp_{alnum:30}{checksum}", "p", Some(ChecksumKind::Github)).expect("a template");
        stdin::scan_text(format!("T={token}\n").as_bytes(), "a.env", 0, &collector).expect("text in memory can be read");
        let outcome = collector.finish(&IdentityKey::public());
        let ignore = IgnoreFile::parse("i", "* a.env as=false_positive owner=ann -- only a test").expect("a right file");
        let head = Policy { ignore, ..Policy::default() };
        let triaged = Policy::default().apply_with(Some(&head), &outcome.findings, &View::whole(Day(20_777)));
        let clean = |text: &str| outcome.redactor.redact(text);
        Report {
            schema_version: 1,
            tool: Tool { name: "keysift".into(), version: "0".into(), catalogue: "0".into(), rules: 1 },
            scan: Scan {
                refused: Vec::new(),
                members: 0,
                unpacked: 0,
                complete: true,
                blobs: 1,
                bytes: 1,
                policy: Vec::new(),
                excluded: Vec::new(),
                skipped: Vec::new(),
                missing: Vec::new(),
                suppressed: Vec::new(),
                proposed: triaged.proposed.iter().map(|(f, s)| Suppressed::of(f, s, &clean)).collect(),
                stale: Vec::new(),
                rejected: 0,
                below_threshold: 0,
                fingerprint_key: "public".into(),
                run: Run {
                    roots: Vec::new(),
                    interrupted: false,
                    threads: 1,
                    milliseconds: 0,
                    started_at: None,
                    ended_at: None,
                    verification: None,
                },
            },
            findings: ReportedFinding::all(&triaged.open, Some(&outcome.redactor)),
            suppressed_findings: None,
            rejected_findings: None,
            suppressed_in_full: Vec::new(),
        }
    }

    fn written(format: Format) -> String {
        let style = Style { color: false, links: false, width: 110, here: None, quiet: false, verbose: false };
        let mut out = Vec::new();
        format.write(&report(), &style, &mut out).expect("memory can be written to");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_proposal_is_told_and_the_finding_stays_open() {
        let human = written(Format::Human);
        let line = "  proposed  false positive by the ignore file, owner ann: only a test; it counts once it is merged\n";
        assert!(human.starts_with("critical: ") && human.contains(line), "{human}");
        assert!(human.contains("\n1 would be suppressed once the change is merged: 1 by the ignore file\n"), "{human}");
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json)).expect("JSON");
        assert_eq!(json["findings"][0]["state"], "open");
        let proposed = &json["scan"]["proposed"][0];
        assert_eq!((&proposed["state"], &proposed["source"]), (&"false_positive".into(), &"ignore_file".into()));
        assert_eq!((&proposed["reason"], &proposed["fingerprint"]), (&"only a test".into(), &json["findings"][0]["fingerprint"]));
        let sarif: serde_json::Value = serde_json::from_str(&written(Format::Sarif)).expect("JSON");
        let suppression = &sarif["runs"][0]["results"][0]["suppressions"][0];
        assert_eq!((&suppression["status"], &suppression["kind"]), (&"underReview".into(), &"external".into()));
    }
}
