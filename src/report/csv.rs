//! CSV (RFC 4180) for spreadsheets, in which no field can become a formula.

use super::Report;
use super::model::ReportedFinding;
use super::wording::entered;
use crate::finding::snippet::visible;
use std::io::{self, Write};

/// The columns, in this order for good: new ones come last.
const COLUMNS: [&str; 24] = [
    "fingerprint", "secret_id", "rule_id", "rule_name", "provider", "severity", "confidence", "score", "state", "verification",
    "secret", "path", "container", "line", "column", "path_class", "exposure", "at_tip", "commit", "author", "email", "date",
    "occurrences", "rotate",
];

/// Writes the report: a line of names, then a finding a line.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for finding in &report.findings {
        let fields: Vec<String> = row(finding).iter().map(|f| field(f)).collect();
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

fn row(finding: &ReportedFinding) -> [String; COLUMNS.len()] {
    let (l, first) = (&finding.location, entered(finding));
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        finding.fingerprint.clone(),
        finding.secret_id.clone(),
        finding.rule_id.clone(),
        finding.rule_name.clone(),
        finding.provider.clone(),
        finding.severity.clone(),
        finding.confidence.clone(),
        finding.score.to_string(),
        finding.state.clone(),
        finding.verification.status.as_str().to_owned(),
        finding.secret.clone(),
        l.path.clone(),
        l.container.join("!"),
        l.start_line.to_string(),
        l.start_column.to_string(),
        finding.path_class.clone(),
        text(&finding.exposure),
        finding.at_tip.as_deref().unwrap_or_default().join(" "),
        text(&first.commit),
        text(&first.author),
        text(&first.email),
        text(&first.date),
        finding.occurrences_total.to_string(),
        finding.remedy.rotate.clone(),
    ]
}

/// One field: quoted where it must be; a beginning that spreadsheets take for a formula gets a `'` before it. Control
/// characters, line ends among them, become `�`.
pub(crate) fn field(text: &str) -> String {
    let text = visible(text);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\'', ';', ' ']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn no_field_becomes_a_formula_or_another_field() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@types/a", "\"'@types/a\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\u{fffd}=1"),
            ("a\r\nb", "a\u{fffd}\u{fffd}b"),
            ("", ""),
        ] {
            assert_eq!(field(text), written, "{text:?}");
        }
    }
}
