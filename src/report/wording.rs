//! What several formats say in the same words: where a finding stands, what is known of it, what was not looked at.

use super::model::{Report, ReportedFinding};
use crate::finding::snippet::visible;
use crate::finding::{Location, Status};
use std::collections::HashMap;

/// `path:line`, with the way into archives.
pub(super) fn place(l: &Location) -> String {
    format!("{}:{}", visible(&l.joined()), l.start_line)
}

/// The line in the file itself: lines of a member are no lines of the archive, whose beginning stands for them.
pub(super) const fn line_in_file(l: &Location) -> u64 {
    if !l.container.is_empty() || l.start_line == 0 { 1 } else { l.start_line }
}

/// `LIVE ` before what is.
pub(super) fn live(finding: &ReportedFinding) -> &'static str {
    if finding.verification.status == Status::Live { "LIVE " } else { "" }
}

/// The commit that brought it, where that is known, else the one it was found in.
pub(super) fn entered(finding: &ReportedFinding) -> &Location {
    finding.introduced.as_ref().unwrap_or(&finding.location)
}

/// What is known of a finding besides its place, by name; nothing is told that is not known.
pub(super) fn facts(finding: &ReportedFinding) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Secret", visible(&finding.secret)),
        ("Place", place(&finding.location)),
        ("Confidence", finding.confidence.clone()),
    ];
    if finding.verification.status != Status::NotChecked {
        facts.push(("State", visible(&finding.verification.in_words())));
    }
    if !finding.verification.identity.is_empty() {
        let of = finding.verification.identity.iter().map(|(name, value)| format!("{name} {}", visible(value)));
        facts.push(("Whose", of.collect::<Vec<_>>().join(", ")));
    }
    if let Some(exposure) = &finding.exposure {
        facts.push(("Exposure", exposure.replace('_', " ")));
    }
    let l = entered(finding);
    let words = [("Commit", &l.commit), ("Author", &l.author), ("Date", &l.date)];
    facts.extend(words.into_iter().filter_map(|(name, value)| Some((name, visible(value.as_ref()?)))));
    facts.extend(owners(finding).map(|owners| ("Owners", visible(&owners))));
    if let Some(branches) = finding.at_tip.as_ref().filter(|b| !b.is_empty()) {
        facts.push(("At the tip of", branches.iter().map(|b| visible(b)).collect::<Vec<_>>().join(", ")));
    }
    if finding.path_class != "source" && !finding.path_class.is_empty() {
        facts.push(("Kind of file", finding.path_class.clone()));
    }
    if finding.occurrences_total > 1 {
        facts.push(("Places", finding.occurrences_total.to_string()));
    }
    facts.push(("Rule", visible(&finding.rule_id)));
    facts.push(("Fingerprint", finding.fingerprint.clone()));
    facts
}

/// What to do, with where to revoke it.
pub(super) fn remedy(finding: &ReportedFinding) -> String {
    let steps = visible(&finding.remedy.steps);
    if finding.remedy.rotate.is_empty() { steps } else { format!("{steps} Revoke at: {}", visible(&finding.remedy.rotate)) }
}

/// What makes the scan incomplete, a reason a line: `too_large`, `2 too_large: a.bin, b.bin`.
pub(super) fn incomplete(report: &Report) -> Vec<(String, String)> {
    let scan = &report.scan;
    let gaps = scan.skipped.iter().filter(|g| !g.accepted).map(|g| {
        let examples: Vec<String> = g.examples.iter().map(|e| visible(e)).collect();
        (g.reason.clone(), format!("{} {}: {}", g.count, g.reason, examples.join(", ")))
    });
    let missing = scan.missing.iter().map(|path| ("missing".to_owned(), format!("not found: {}", visible(path))));
    let mut all: Vec<(String, String)> = gaps.chain(missing).collect();
    if scan.run.interrupted {
        all.push(("interrupted".to_owned(), "interrupted: this report tells what was done until then".to_owned()));
    }
    if all.is_empty() && !scan.complete {
        all.push(("incomplete".to_owned(), "the scan is incomplete".to_owned()));
    }
    all
}

/// Each finding with an id that no other one of the report has, 32 hexadecimal digits: the fingerprint's; where equal paths
/// of two scanned folders share one, the later ones are counted.
pub(super) fn unique_ids(findings: &[ReportedFinding]) -> Vec<String> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut ids = Vec::with_capacity(findings.len());
    for fingerprint in findings.iter().map(|f| f.fingerprint.as_str()) {
        let count = seen.entry(fingerprint).or_default();
        *count += 1;
        let plain = fingerprint.strip_prefix("ks1:").filter(|hex| hex.len() == 32 && *count == 1);
        ids.push(plain.map_or_else(|| digest(&format!("{fingerprint}/{count}")), str::to_owned));
    }
    ids
}

/// 32 hexadecimal digits that stand for a text.
pub(super) fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// At most `most` characters of `text`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
/// Whom its file belongs to, where an audit knows.
pub(super) fn owners(finding: &ReportedFinding) -> Option<String> {
    let all = finding.location.origin.as_ref()?["owners"].as_array()?;
    let names: Vec<&str> = all.iter().filter_map(|owner| owner.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
