//! `keysift audit mark`: decisions, one by one or from a CSV file.

use super::StoreFlags;
use crate::audit::store::{Access, Mark, Store};
use crate::cli::usage_error;
use crate::finding::Day;
use crate::triage::State;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift audit mark …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit mark ks1:65d5… --as revoked --by ada --reason OPS-4711                what was done\n\
    \x20 keysift audit mark ks1:65d5… --as accepted --until 2026-12-31 --by ada --reason …   for a while\n\
    \x20 keysift audit mark --import decisions.csv                                           many at once")]
pub(super) struct MarkArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// The findings, by fingerprint: in whichever repositories they are
    #[arg(value_name = "FINGERPRINT", required_unless_present = "import")]
    fingerprints: Vec<String>,
    /// What was decided: open, revoked, false_positive, test_value, accepted
    #[arg(long = "as", value_name = "STATE", value_parser = State::parse, required_unless_present = "import")]
    state: Option<State>,
    /// Who decided
    #[arg(long, value_name = "WHO", required_unless_present = "import")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "import")]
    reason: Option<String>,
    /// The last day it counts: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = crate::cli::common::day)]
    until: Option<Day>,
    /// Decisions from a CSV file with the columns fingerprint, state, by, reason, and, where wanted, until and at
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fingerprints", "state", "by", "reason", "until"])]
    import: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(arguments: &MarkArguments) -> Result<ExitCode, ExitCode> {
    let marks = if let Some(file) = &arguments.import {
        import(file).map_err(|e| usage_error(&format!("{}: {e}", file.display())))?
    } else {
        let state = arguments.state.unwrap_or(State::Open);
        let all = arguments.fingerprints.iter().map(|fingerprint| Mark {
            fingerprint: fingerprint.clone(),
            state,
            by: arguments.by.clone(),
            reason: arguments.reason.clone(),
            until: arguments.until.map(|day| day.to_string()),
            at: None,
        });
        all.collect()
    };
    let store: Store = arguments.store.open(Access::Existing)?;
    let count = store.mark(&marks).map_err(|e| usage_error(&e.to_string()))?;
    let findings = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
    Ok(crate::cli::print(&format!("{findings} marked\n")))
}

fn import(file: &Path) -> Result<Vec<Mark>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("cannot be read: {e}"))?;
    let mut rows = records(&text)?.into_iter();
    let (_, names) = rows.next().ok_or("is empty: its first line names the columns")?;
    let place = |name: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(name));
    let needed = |name: &str| place(name).ok_or_else(|| format!("has no column `{name}`"));
    let (fingerprint, state, by, reason) = (needed("fingerprint")?, needed("state")?, needed("by")?, needed("reason")?);
    let (until, at) = (place("until"), place("at"));
    rows.map(|(line, fields)| {
        let field = |n: usize| fields.get(n).map(|f| f.trim()).unwrap_or_default();
        let some = |n: usize| Some(field(n).to_owned()).filter(|f| !f.is_empty());
        let until = until.and_then(some);
        if until.as_deref().is_some_and(|day| Day::parse(day).is_none()) {
            return Err(format!("line {line}: `until` is a day such as 2026-12-31"));
        }
        let state = State::parse(field(state)).map_err(|words| format!("line {line}: `state` is {words}"))?;
        if field(fingerprint).is_empty() || field(by).is_empty() {
            return Err(format!("line {line}: `fingerprint` and `by` must say something"));
        }
        Ok(Mark {
            fingerprint: field(fingerprint).to_owned(),
            state,
            by: some(by),
            reason: some(reason),
            until,
            at: at.and_then(some),
        })
    })
    .collect()
}

/// The records of a CSV text (RFC 4180), each with the line that it begins in; empty lines are none.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut all = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    let mut field = String::new();
    let (mut quoted, mut line, mut begin) = (false, 1, 1);
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                let record = std::mem::take(&mut fields);
                if record.iter().any(|f| !f.is_empty()) {
                    all.push((begin, record));
                }
                begin = line;
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err(format!("line {begin}: a quote is not closed"));
    }
    fields.push(field);
    if fields.iter().any(|f| !f.is_empty()) {
        all.push((begin, fields));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_as_spreadsheets_write_it() {
        let text = "\u{feff}fingerprint,state,by,reason\r\nks1:a,revoked,ada,\"rotated, \"\"at last\"\"\nsee 4711\"\r\n\r\nks1:b,open,bo,x";
        let all = records(text).unwrap();
        assert_eq!(all[1], (2, ["ks1:a", "revoked", "ada", "rotated, \"at last\"\nsee 4711"].map(str::to_owned).to_vec()));
        assert_eq!((all[2].0, all.len()), (5, 3));
        assert!(records("a,\"b").is_err());
    }
}
