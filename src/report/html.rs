//! One HTML file that works from disk, without a network: the findings stand in it as JSON, and a script of its own shows,
//! filters and groups them. Nothing else may run: the policy names the hashes of the one script and the one style.

use super::Report;
use super::model::ReportedFinding;
use super::triage::Suppressed;
use super::wording::{entered, incomplete, owners};
use crate::finding::snippet::visible;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/app.js");
const BODY: &str = include_str!("page/body.html");

/// Writes the page.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>keysift report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{BODY}\
         <script type=\"application/json\" id=\"data\">"
    )?;
    out.write_all(inert(&data(report).to_string()).as_bytes())?;
    writeln!(out, "</script>\n<script>{SCRIPT}</script>\n</body>\n</html>")
}

/// As Content Security Policy names a script or style.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// JSON in which nothing ends or opens an element; the same JSON when it is read.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn data(report: &Report) -> Value {
    // Each rule's remedy stands in the page once.
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    for f in report.findings.iter().chain(&report.suppressed_in_full) {
        rules.entry(&f.rule_id).or_insert_with(|| {
            json!({
                "name": shown(&f.rule_name), "provider": shown(&f.provider),
                "rotate": shown(&f.remedy.rotate), "steps": shown(&f.remedy.steps),
            })
        });
    }
    let open = report.findings.iter().map(|f| finding(f, None));
    let decided = report.suppressed_in_full.iter().zip(&report.scan.suppressed).map(|(f, s)| finding(f, Some(s)));
    json!({
        "tool": { "version": report.tool.version, "catalogue": report.tool.catalogue },
        "scan": {
            "complete": report.scan.complete,
            "blobs": report.scan.blobs,
            "bytes": report.scan.bytes,
            "started": report.scan.run.started_at,
            "roots": report.scan.run.roots.iter().map(|r| shown(r)).collect::<Vec<_>>(),
            "gaps": incomplete(report).into_iter().map(|(_, line)| line).collect::<Vec<_>>(),
            "rejected": report.scan.rejected,
            "suppressed": report.scan.suppressed.len(),
        },
        "rules": rules,
        "findings": open.chain(decided).collect::<Vec<Value>>(),
    })
}

/// A finding with short keys, of which 5,000 stand in a page; what is not known is left out.
fn finding(f: &ReportedFinding, decision: Option<&Suppressed>) -> Value {
    let (l, first) = (&f.location, entered(f));
    let mut told = json!({
        "id": f.fingerprint, "sid": f.secret_id, "rule": f.rule_id, "sev": f.severity, "conf": f.confidence,
        "state": f.state, "ver": f.verification.status.as_str(), "secret": shown(&f.secret),
        "path": shown(&l.joined()), "line": l.start_line, "n": f.occurrences_total,
        "snip": shown(&f.snippet.text), "mark": [f.snippet.mark_start, f.snippet.mark_end],
    });
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[key] = value;
        }
    };
    let text = |value: &Option<String>| value.as_deref().filter(|t| !t.is_empty()).map(|t| json!(shown(t)));
    add("why", text(&f.verification.detail).or_else(|| text(&f.verification.reason)));
    add("since", text(&f.verification.since));
    add("who", (!f.verification.identity.is_empty()).then(|| pairs(&f.verification.identity)));
    add("facts", (!f.structure.is_empty()).then(|| pairs(&f.structure)));
    add("exp", text(&f.exposure));
    add("class", (f.path_class != "source" && !f.path_class.is_empty()).then(|| json!(f.path_class)));
    add("tip", f.at_tip.as_ref().map(|all| json!(all.iter().map(|b| shown(b)).collect::<Vec<_>>())));
    add("commit", text(&first.commit));
    add("author", text(&first.author).or_else(|| text(&first.email)));
    add("date", text(&first.date));
    add("owners", text(&owners(f)));
    add("link", text(&l.link));
    add("also", (!f.also.is_empty()).then(|| json!(f.also)));
    add("notice", f.notice.then_some(json!(true)));
    add("decision", decision.map(|d| json!(shown(&d.in_words()))));
    told
}

fn pairs(all: &BTreeMap<String, String>) -> Value {
    all.iter().map(|(name, value)| (shown(name), Value::String(shown(value)))).collect::<serde_json::Map<_, _>>().into()
}

fn shown(text: &str) -> String {
    visible(text)
}

#[cfg(test)]
mod tests {
    use super::{BODY, SCRIPT, STYLE, inert};

    #[test]
    fn data_cannot_leave_its_element_and_stays_what_it_is() {
        let hostile = serde_json::json!("</script><!-- <script> \u{2028} & \" ");
        let text = inert(&hostile.to_string());
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), hostile);
    }

    /// Text reaches the page as text alone, and the page reaches nothing.
    #[test]
    fn the_page_makes_no_html_of_text_and_loads_nothing() {
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest", "import("]
        {
            assert!(!SCRIPT.contains(word), "{word}");
        }
        for part in [BODY, STYLE] {
            assert!(!part.contains("http") && !part.contains("url(") && !part.contains("@import"), "nothing is loaded");
        }
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
    }
}
