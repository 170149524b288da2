//! SARIF 2.1.0, as code scanning platforms take it in.

use super::Report;
use super::model::ReportedFinding;
use super::triage::Suppressed;
use crate::finding::snippet::visible;
use crate::finding::{Status, percent};
use crate::rule::RuleSet;
use crate::triage::Source;
use serde_sarif::sarif;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// GitHub takes in this many results a run and refuses more.
const MOST_RESULTS: usize = 25_000;

/// Writes the report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report))?;
    out.write_all(b"\n")
}

/// A finding, and the decision on it with its status in words of the standard.
type Told<'a> = (&'a ReportedFinding, Option<(&'a Suppressed, &'static str)>);

fn document(report: &Report) -> sarif::Sarif {
    let proposed: HashMap<(&str, &str), &Suppressed> =
        report.scan.proposed.iter().map(|p| ((p.fingerprint.as_str(), p.path.as_str()), p)).collect();
    let proposal = |f: &ReportedFinding| proposed.get(&(f.fingerprint.as_str(), f.location.path.as_str())).copied();
    let open = report.findings.iter().map(|f| (f, proposal(f).map(|p| (p, "underReview"))));
    let decided = report.suppressed_in_full.iter().zip(&report.scan.suppressed).map(|(f, s)| (f, Some((s, "accepted"))));
    let mut all: Vec<Told<'_>> = open.chain(decided).collect();
    // Platforms cut from the end: what fails stands first, the most severe before the rest.
    all.sort_by_key(|(f, by)| (by.is_some_and(|(_, status)| status == "accepted"), std::cmp::Reverse(weight(f))));
    let cut = all.len().saturating_sub(MOST_RESULTS);
    all.truncate(MOST_RESULTS);
    let findings: Vec<&ReportedFinding> = all.iter().map(|(f, _)| *f).collect();
    let mut ids: Vec<&str> = findings.iter().map(|f| f.rule_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules = ids.iter().map(|id| descriptor(id, &findings)).collect::<Vec<_>>();
    let place = |f: &ReportedFinding| ids.binary_search(&f.rule_id.as_str()).unwrap_or(0);
    // The standard wants suppressions on all results of a run or on none.
    let any_decision = all.iter().any(|(_, by)| by.is_some());
    let results = all.iter().map(|(f, by)| {
        let mut result = result(f, place(f));
        result.suppressions =
            any_decision.then(|| by.map(|(decision, status)| suppression(decision, status)).into_iter().collect());
        result
    });
    let driver = sarif::ToolComponent::builder()
        .name("keysift")
        .semantic_version(report.tool.version.clone())
        .version(report.tool.version.clone())
        .information_uri("https://crates.io/crates/keysift")
        .rules(rules)
        .build();
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .column_kind(serde_json::json!("unicodeCodePoints"))
        .automation_details(sarif::RunAutomationDetails::builder().id("keysift/").build())
        .invocations(vec![invocation(report, cut)])
        .results(results.collect::<Vec<_>>())
        .build();
    sarif::Sarif::builder()
        .schema("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
        .version(serde_json::json!("2.1.0"))
        .runs(vec![run])
        .build()
}

fn weight(finding: &ReportedFinding) -> (bool, u8, u8) {
    let severity = match finding.severity.as_str() {
        "critical" => 3,
        "high" => 2,
        "medium" => 1,
        _ => 0,
    };
    let confidence = match finding.confidence.as_str() {
        "high" => 2,
        "medium" => 1,
        _ => 0,
    };
    (finding.verification.status == Status::Live, severity, confidence)
}

/// The standard's priority, 0 to 100; none where nobody was asked.
const fn rank(status: Status) -> Option<f64> {
    match status {
        Status::Live => Some(100.0),
        Status::Unknown => Some(50.0),
        Status::Dead => Some(5.0),
        Status::NotChecked => None,
    }
}

/// GitHub reads severities of rules from this number, 0 to 10.
fn security_severity(severity: &str) -> &'static str {
    match severity {
        "critical" => "9.5",
        "high" => "8.0",
        "medium" => "5.5",
        _ => "3.0",
    }
}

fn level(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    }
}

fn text(text: &str) -> sarif::MultiformatMessageString {
    sarif::MultiformatMessageString::builder().text(text).build()
}

fn properties(pairs: Vec<(&str, serde_json::Value)>, tags: Option<Vec<String>>) -> sarif::PropertyBag {
    let additional: BTreeMap<String, serde_json::Value> = pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let mut bag = sarif::PropertyBag::builder().additional_properties(additional).build();
    bag.tags = tags;
    bag
}

/// `github-pat-classic` as `GithubPatClassic`.
fn one_word(id: &str) -> String {
    let parts = id.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts
        .flat_map(|part| {
            let mut chars = part.chars();
            chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect::<Vec<_>>()
        })
        .collect()
}

fn descriptor(id: &str, findings: &[&ReportedFinding]) -> sarif::ReportingDescriptor {
    let finding = findings.iter().find(|f| f.rule_id == id).expect("ids come from findings");
    let built_in = RuleSet::built_in();
    let formerly = built_in.find(id).filter(|r| r.id == id).map_or(&[][..], |r| r.formerly);
    let mut help = finding.remedy.steps.clone();
    if help.is_empty() {
        // Of other tools' rules nobody said it, and the standard wants a text.
        "Revoke it where it was issued.".clone_into(&mut help);
    }
    if !finding.remedy.rotate.is_empty() {
        help = format!("{help}\n\nRevoke at: {}", finding.remedy.rotate);
    }
    let mut rule = sarif::ReportingDescriptor::builder()
        .id(id)
        .short_description(text(&format!("{} found", finding.rule_name)))
        .full_description(text(&format!("{} ({}): whoever can read this text can use it.", finding.rule_name, finding.provider)))
        .help(text(&help))
        .default_configuration(
            sarif::ReportingConfiguration::builder().level(serde_json::json!(level(&finding.severity))).build(),
        )
        .properties(properties(
            vec![("security-severity", serde_json::json!(security_severity(&finding.severity)))],
            Some(vec!["security".to_owned(), "secret".to_owned(), "external/cwe/cwe-798".to_owned()]),
        ))
        .build();
    // Azure DevOps asks for a name; the standard wants it in one word.
    rule.name = Some(one_word(id));
    if finding.remedy.rotate.starts_with("https://") && !finding.remedy.rotate.contains(char::is_whitespace) {
        rule.help_uri = Some(finding.remedy.rotate.clone());
    }
    if !formerly.is_empty() {
        rule.deprecated_ids = Some(formerly.iter().map(|f| (*f).to_owned()).collect());
    }
    rule
}

fn result(finding: &ReportedFinding, rule_index: usize) -> sarif::Result {
    let l = &finding.location;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // Lines of a member are no lines of the file: there its beginning stands for it.
    let is_member = !l.container.is_empty();
    let region = sarif::Region::builder()
        .start_line(number(l.start_line))
        .start_column(number(l.start_column))
        .end_line(number(l.end_line))
        .end_column(number(l.end_column))
        .snippet(sarif::ArtifactContent::builder().text(finding.snippet.text.clone()).build())
        .build();
    let place = sarif::PhysicalLocation::builder()
        .artifact_location(sarif::ArtifactLocation::builder().uri(uri(&l.path)).uri_base_id("%SRCROOT%").build())
        .region(if is_member { sarif::Region::builder().start_line(1).build() } else { region })
        .build();
    let live = if finding.verification.status == Status::Live { "LIVE: " } else { "" };
    let within = if is_member { format!(" in {}:{}", visible(&l.joined()), l.start_line) } else { String::new() };
    let message = format!(
        "{live}{} {}{within} ({} confidence). {}",
        finding.rule_name, finding.secret, finding.confidence, finding.remedy.steps
    );
    let logical = is_member.then(|| {
        vec![sarif::LogicalLocation::builder().name(l.inner_path()).fully_qualified_name(l.joined()).kind("member").build()]
    });
    let mut location = sarif::Location::builder().physical_location(place).build();
    location.logical_locations = logical;
    let level: sarif::ResultLevel =
        serde_json::from_value(serde_json::json!(if finding.notice { "note" } else { level(&finding.severity) }))
            .expect("a level of the standard");
    // The hash that GitHub matches alerts by is ours: it does not change when lines move.
    let hash = format!("{}:1", &finding.fingerprint[4..20.min(finding.fingerprint.len())]);
    let mut facts = vec![
        ("confidence", serde_json::json!(finding.confidence)),
        ("score", serde_json::json!(finding.score)),
        ("severity", serde_json::json!(finding.severity)),
        ("secretId", serde_json::json!(finding.secret_id)),
        ("verification", serde_json::json!(finding.verification.status.as_str())),
        ("structure", serde_json::json!(finding.structure)),
        ("occurrences", serde_json::json!(finding.occurrences_total)),
    ];
    if let Some(reason) = &finding.verification.reason {
        facts.push(("verificationReason", serde_json::json!(reason)));
    }
    if !finding.verification.identity.is_empty() {
        facts.push(("identity", serde_json::json!(finding.verification.identity)));
    }
    let mut result = sarif::Result::builder()
        .rule_id(finding.rule_id.clone())
        .rule_index(i64::try_from(rule_index).unwrap_or(0))
        .level(level)
        .message(sarif::Message::builder().text(message).build())
        .locations(vec![location])
        .partial_fingerprints(BTreeMap::from([
            ("primaryLocationLineHash".to_owned(), hash),
            ("keysift/v1".to_owned(), finding.fingerprint.clone()),
        ]))
        .properties(properties(facts, None))
        .build();
    result.rank = rank(finding.verification.status);
    result
}

fn suppression(decision: &Suppressed, status: &str) -> sarif::Suppression {
    let kind = if decision.source == Source::Inline.as_str() { "inSource" } else { "external" };
    sarif::Suppression::builder()
        .kind(serde_json::json!(kind))
        .status(serde_json::json!(status))
        .justification(decision.in_words())
        .properties(properties(vec![("state", serde_json::json!(decision.state))], None))
        .build()
}

fn invocation(report: &Report, cut: usize) -> sarif::Invocation {
    let mut notes = Vec::new();
    let mut note = |level: &str, message: String| {
        notes.push(
            sarif::Notification::builder()
                .level(serde_json::json!(level))
                .message(sarif::Message::builder().text(message).build())
                .build(),
        );
    };
    for gap in &report.scan.skipped {
        let level = if gap.accepted { "note" } else { "warning" };
        note(level, format!("not looked at: {} ({}): {}", gap.count, gap.reason, gap.examples.join(", ")));
    }
    for path in &report.scan.missing {
        note("error", format!("not found: {path}"));
    }
    if cut > 0 {
        note(
            "warning",
            format!("{cut} findings of the least severity are left out: platforms take {MOST_RESULTS} results a run"),
        );
    }
    let mut invocation = sarif::Invocation::builder().execution_successful(report.scan.complete).build();
    if !notes.is_empty() {
        invocation.tool_execution_notifications = Some(notes);
    }
    invocation
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    percent::encode(path, percent::IN_PATHS)
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("a b/c#d%e:f.txt"), "a%20b/c%23d%25e%3Af.txt");
        assert_eq!(uri("caf\u{e9}"), "caf%C3%A9");
    }
}
