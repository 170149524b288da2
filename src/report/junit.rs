//! `JUnit` XML, as Jenkins, GitLab, Azure and `CircleCI` show test results: a finding is a test that fails.

use super::Report;
use super::model::ReportedFinding;
use super::wording::{facts, incomplete, live, place, remedy};
use crate::finding::snippet::visible;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes the report. What was not looked at is a test with an error; a scan without findings is one test that passed, since
/// some platforms refuse a report without tests.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let gaps = incomplete(report);
    let notices = report.findings.iter().filter(|f| f.notice).count();
    let skipped = notices + report.suppressed_in_full.len();
    let tests = report.findings.len() + report.suppressed_in_full.len() + 1;
    let failures = report.findings.len() - notices;
    let errors = usize::from(!gaps.is_empty());
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="keysift" tests="{tests}" failures="{failures}" errors="{errors}">"#)?;
    writeln!(out, r#"  <testsuite name="keysift" tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}">"#)?;
    for finding in &report.findings {
        case(finding, None, out)?;
    }
    for (finding, decision) in report.suppressed_in_full.iter().zip(&report.scan.suppressed) {
        case(finding, Some(&decision.in_words()), out)?;
    }
    coverage(&gaps, out)?;
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn case(finding: &ReportedFinding, decision: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let name = format!("{} in {}", finding.rule_name, place(&finding.location));
    writeln!(out, r#"    <testcase name="{}" classname="{}">"#, escaped(&name), escaped(&finding.location.path))?;
    let message = format!("{}{} ({})", live(finding), finding.rule_name, finding.secret);
    let message = escaped(&message);
    if let Some(decision) = decision {
        writeln!(out, r#"      <skipped message="{}"/>"#, escaped(decision))?;
    } else if finding.notice {
        writeln!(out, r#"      <skipped message="notice of a rule younger than the configured catalogue: {message}"/>"#)?;
    } else {
        let mut text = String::new();
        for (name, value) in facts(finding) {
            let _ = writeln!(text, "{name}: {value}");
        }
        let _ = writeln!(text, "{}", remedy(finding));
        let kind = escaped(&finding.severity);
        writeln!(out, r#"      <failure message="{message}" type="{kind}">{}</failure>"#, escaped_text(&text))?;
    }
    writeln!(out, "    </testcase>")
}

fn coverage(gaps: &[(String, String)], out: &mut dyn Write) -> io::Result<()> {
    let name = "everything was looked at";
    if gaps.is_empty() {
        return writeln!(out, r#"    <testcase name="{name}" classname="coverage"/>"#);
    }
    let lines: Vec<&str> = gaps.iter().map(|(_, line)| line.as_str()).collect();
    writeln!(out, r#"    <testcase name="{name}" classname="coverage">"#)?;
    writeln!(
        out,
        r#"      <error message="not everything was looked at" type="incomplete">{}</error>"#,
        escaped_text(&lines.join("\n"))
    )?;
    writeln!(out, "    </testcase>")
}

/// For an attribute, on one line.
fn escaped(text: &str) -> String {
    escaped_text(&visible(text))
}

/// For what stands between tags: no character is left that XML 1.0 does not allow.
fn escaped_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escaped, escaped_text};

    #[test]
    fn nothing_that_xml_does_not_allow_is_left() {
        assert_eq!(
            escaped("a<b>&\"'\n\u{0}\u{1b}\u{ffff}]]>"),
            "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}\u{fffd}\u{fffd}\u{fffd}]]&gt;"
        );
        assert_eq!(escaped_text("a\nb\u{85}"), "a\nb\u{fffd}");
    }
}
