//! Markdown for job summaries, pull requests and wikis.

use super::Report;
use super::model::ReportedFinding;
use super::wording::{entered, incomplete, place};
use crate::finding::snippet::visible;
use crate::finding::{Status, percent};
use std::fmt::Write as _;
use std::io::{self, Write};

/// GitHub shows at most a megabyte of job summary and refuses more.
const MOST_BYTES: usize = 900_000;

/// Writes the report: what there is at a glance, a table of findings, what to do about each rule, what was not looked at.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let findings = &report.findings;
    let live = findings.iter().filter(|f| f.verification.status == Status::Live).count();
    let mut text = format!("## keysift: {}\n\n", counted(findings.len()));
    let mut parts: Vec<String> = ["critical", "high", "medium", "low"]
        .into_iter()
        .filter_map(|s| {
            let n = findings.iter().filter(|f| f.severity == s).count();
            (n > 0).then(|| format!("{n} {s}"))
        })
        .collect();
    if live > 0 {
        parts.insert(0, format!("**{live} live**"));
    }
    if !report.scan.suppressed.is_empty() {
        parts.push(format!("{} suppressed", report.scan.suppressed.len()));
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "{}\n", parts.join(" · "));
    }
    let gaps = incomplete(report);
    if gaps.is_empty() {
        let _ = writeln!(text, "Everything was looked at: {} files and texts.", report.scan.blobs);
    } else {
        let _ = writeln!(text, "**Not everything was looked at:**\n");
        for (_, line) in &gaps {
            let _ = writeln!(text, "- {}", code(line, false));
        }
    }
    if !findings.is_empty() {
        let told = table(findings, MOST_BYTES, &mut text);
        if told < findings.len() {
            let _ = writeln!(text, "\n{} more findings are left out: platforms take no longer text.", findings.len() - told);
        }
        remedies(findings, &mut text);
    }
    out.write_all(text.as_bytes())
}

/// Adds a table of findings as long as `text` has at most `most` bytes; tells how many it holds.
pub(crate) fn table(findings: &[ReportedFinding], most: usize, text: &mut String) -> usize {
    text.push_str("\n| severity | what | secret | where | state | since |\n|---|---|---|---|---|---|\n");
    let mut told = 0;
    for finding in findings {
        let told_row = row(finding);
        if text.len() + told_row.len() > most {
            break;
        }
        text.push_str(&told_row);
        told += 1;
    }
    told
}

fn counted(n: usize) -> String {
    match n {
        0 => "no secrets found".to_owned(),
        1 => "1 secret found".to_owned(),
        n => format!("{n} secrets found"),
    }
}

fn row(finding: &ReportedFinding) -> String {
    let first = entered(finding);
    let since: Vec<String> = [
        first.date.as_ref().map(|d| prose(d.get(..10).unwrap_or(d))),
        first.commit.as_ref().map(|c| code(c.get(..12).unwrap_or(c), true)),
        first.author.as_ref().map(|a| code(a, true)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let state = match finding.verification.status {
        _ if finding.notice => "notice",
        Status::Live => "**live**",
        Status::Dead => "dead",
        Status::Unknown => "unknown",
        Status::NotChecked => "",
    };
    format!(
        "| {} | {} | {} | {} | {state} | {} |\n",
        prose(&finding.severity),
        prose(&finding.rule_name),
        code(&finding.secret, true),
        code(&place(&finding.location), true),
        since.join(" ")
    )
}

/// What to do, once for each rule.
pub(crate) fn remedies(findings: &[ReportedFinding], text: &mut String) {
    let mut rules: Vec<&ReportedFinding> = findings.iter().filter(|f| !f.remedy.steps.is_empty()).collect();
    rules.sort_by(|a, b| a.rule_id.cmp(&b.rule_id));
    rules.dedup_by(|a, b| a.rule_id == b.rule_id);
    if rules.is_empty() {
        return;
    }
    text.push_str("\n### What to do\n\n");
    for rule in rules {
        let link = if rule.remedy.rotate.starts_with("https://") {
            // What could end the link is encoded.
            let url = percent::encode(&rule.remedy.rotate, b"-._~:/?#@!$&*+,;=%");
            format!(" [Revoke it](<{url}>)")
        } else {
            String::new()
        };
        let _ = writeln!(text, "- **{}**: {}{link}", prose(&rule.rule_name), prose(&rule.remedy.steps));
    }
}

/// Text in which nothing means anything to Markdown or HTML, and nobody is mentioned.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A space of no width: platforms tell people and issues that are named.
            '@' | '#' => out.extend(['\\', c, '\u{200b}']),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A span of code, with a fence longer than any in `text`; in a table, `|` would end the cell even there.
pub(crate) fn code(text: &str, in_table: bool) -> String {
    let text = visible(text);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    // A backslash before the `|` would be taken with it.
    let text = if in_table { text.replace('\\', "\u{29f5}").replace('|', "\\|") } else { text.to_owned() };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::{code, prose};

    #[test]
    fn prose_means_nothing_to_markdown() {
        assert_eq!(prose("<b>*x* [a](b) @acme #1 |"), "&lt;b&gt;\\*x\\* \\[a\\]\\(b\\) \\@\u{200b}acme \\#\u{200b}1 \\|");
        assert_eq!(prose("a\nb"), "a\u{fffd}b");
    }

    #[test]
    fn code_is_never_left() {
        assert_eq!(code("a", true), "`a`");
        assert_eq!(code("a`b``c", true), "```a`b``c```");
        assert_eq!(code("`", true), "`` ` ``");
        assert_eq!(code("a|b\\|c", true), "`a\\|b\u{29f5}\\|c`");
        assert_eq!(code("a|b", false), "`a|b`");
        assert_eq!(code("", true), "");
    }
}
