//! The baseline: findings that are known, with what was decided about each.
//!
//! A text file made for clean merges: a header, then one line a finding, sorted by fingerprint, so that two branches that
//! add entries change different lines. Each line is a JSON object with its keys in one order. It holds no secret, no line
//! number, no time and no version of the program: it changes only where a finding or a decision does.
//! ```text
//! {"keysift_baseline":1,"fingerprint_key":"public","of":"tree"}
//! {"fingerprint":"ks1:…","secret_id":"…","rule":"…","path":"…","state":"open","added":"2026-11-20"}
//! ```

use super::state::{Decision, State};
use super::{PolicyError, is_fingerprint};
use crate::finding::snippet::visible;
use crate::finding::{Day, Finding};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The version of the format.
const VERSION: u32 = 1;

/// A baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The key that its fingerprints were made with, as reports name it.
    pub fingerprint_key: String,
    pub of: Of,
    /// By fingerprint.
    pub entries: Vec<Entry>,
}

/// What a baseline tells the findings of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Files as they stand.
    Tree,
    /// All of a repository's history.
    History,
}

/// A finding that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub fingerprint: String,
    pub secret_id: String,
    /// The rule's family: its oldest id.
    pub rule: String,
    pub path: String,
    pub state: State,
    /// The day it was added.
    pub added: Day,
    /// The last day the decision counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Entry {
    /// An entry for `finding`, on which nobody has decided. `path` is the finding's, with no secret in it.
    #[must_use]
    pub fn of(finding: &Finding, path: String, added: Day) -> Self {
        Self {
            fingerprint: finding.fingerprint.0.clone(),
            secret_id: finding.secret_id.0.clone(),
            rule: finding.rule.family().to_owned(),
            path,
            state: State::Open,
            added,
            until: None,
            owner: None,
            reason: None,
        }
    }

    /// What was decided.
    #[must_use]
    pub fn decision(&self) -> Decision {
        Decision { state: self.state, reason: self.reason.clone(), owner: self.owner.clone(), until: self.until }
    }

    /// Whether nobody has decided on it for more than `days`.
    #[must_use]
    pub fn is_too_old(&self, today: Day, days: u32) -> bool {
        self.state == State::Open && today.since(self.added) > i64::from(days)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    keysift_baseline: u32,
    fingerprint_key: String,
    of: Of,
}

impl Baseline {
    /// A baseline with nothing in it.
    #[must_use]
    pub fn new(fingerprint_key: String, of: Of) -> Self {
        Self { fingerprint_key, of, entries: Vec::new() }
    }

    /// Reads a baseline; `file` is its name in messages.
    ///
    /// # Errors
    /// The first thing wrong with it: the line, and what helps.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        let problem = |line: usize, message: String| PolicyError { file: file.to_owned(), line, message };
        let mut lines = text.lines().enumerate().map(|(n, l)| (n + 1, l.trim())).filter(|(_, l)| !l.is_empty());
        let mut baseline = match lines.next() {
            Some((n, line)) => {
                is_conflict(line).then_some(()).map_or(Ok(()), |()| Err(problem(n, CONFLICT.to_owned())))?;
                let version = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|v| v["keysift_baseline"].as_u64());
                match version {
                    Some(v) if v > u64::from(VERSION) => {
                        return Err(problem(n, "a newer keysift wrote this baseline: update keysift".to_owned()));
                    }
                    None => return Err(problem(n, "this is no baseline: `keysift baseline create` writes one".to_owned())),
                    Some(_) => {}
                }
                let header: Header = serde_json::from_str(line).map_err(|e| problem(n, format!("the header: {}", cause(&e))))?;
                Self::new(header.fingerprint_key, header.of)
            }
            None => return Err(problem(1, "this is no baseline: `keysift baseline create` writes one".to_owned())),
        };
        let mut known: HashMap<String, (usize, usize)> = HashMap::new();
        for (n, line) in lines {
            if is_conflict(line) {
                return Err(problem(n, CONFLICT.to_owned()));
            }
            let entry: Entry = serde_json::from_str(line).map_err(|e| problem(n, cause(&e)))?;
            if !is_fingerprint(&entry.fingerprint) {
                return Err(problem(n, "`fingerprint` is `ks1:` and 32 hex digits".to_owned()));
            }
            match known.get(&entry.fingerprint) {
                None => {
                    known.insert(entry.fingerprint.clone(), (n, baseline.entries.len()));
                    baseline.entries.push(entry);
                }
                // Two branches added it on different days: it has been known since the first.
                Some(&(first, at)) => {
                    let kept = &mut baseline.entries[at];
                    let added = kept.added.min(entry.added);
                    if (Entry { added, ..kept.clone() }) != (Entry { added, ..entry }) {
                        return Err(problem(
                            n,
                            format!("decides otherwise than line {first} on the same finding: keep one of them"),
                        ));
                    }
                    kept.added = added;
                }
            }
        }
        baseline.sort();
        Ok(baseline)
    }

    /// Checks that its fingerprints can be those of a run with the key of this id.
    ///
    /// # Errors
    /// Where they were made with another one.
    pub fn check_key(&self, file: &str, id: &str) -> Result<(), PolicyError> {
        if self.fingerprint_key == id {
            return Ok(());
        }
        let message = format!(
            "made with the fingerprint key {}, and this run has {id}: set KEYSIFT_FINGERPRINT_KEY to the text that it was made \
             with, or write a new baseline",
            visible(&self.fingerprint_key)
        );
        Err(PolicyError { file: file.to_owned(), line: 1, message })
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let header = Header { keysift_baseline: VERSION, fingerprint_key: self.fingerprint_key.clone(), of: self.of };
        let mut text = line(&header);
        for entry in &self.entries {
            text.push_str(&line(entry));
        }
        text
    }

    /// Puts the entries in the order of the file, each once.
    pub fn sort(&mut self) {
        self.entries.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        self.entries.dedup_by(|a, b| a.fingerprint == b.fingerprint);
    }

    /// The entry with this fingerprint.
    pub fn find_mut(&mut self, fingerprint: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.fingerprint == fingerprint)
    }
}

const CONFLICT: &str = "a merge conflict: keep the lines of both sides and delete the marks, then run `keysift baseline update`";

fn is_conflict(line: &str) -> bool {
    ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark))
}

fn line(of: &impl Serialize) -> String {
    let mut text = serde_json::to_string(of).unwrap_or_default();
    text.push('\n');
    text
}

/// What serde says, without the place in the line, and without what could steer a terminal.
pub(super) fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    visible(text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"keysift_baseline":1,"fingerprint_key":"public","of":"tree"}"#;

    fn entry(digit: char, rest: &str) -> String {
        let fingerprint = format!("ks1:{}", digit.to_string().repeat(32));
        format!(
            r#"{{"fingerprint":"{fingerprint}","secret_id":"{digit}","rule":"r","path":"a \"b\"","state":"open","added":"2026-11-20"{rest}}}"#
        )
    }

    #[test]
    fn a_baseline_is_written_as_it_was_read() {
        let text = format!(
            "{HEADER}\n{}\n{}\n",
            entry('a', ""),
            entry('b', r#","until":"2027-01-31","owner":"ops","reason":"line\nbreak \u001b[1m""#)
        );
        let baseline = Baseline::parse("b", &text).unwrap();
        assert_eq!(baseline.entries[0].path, "a \"b\"");
        assert_eq!(baseline.to_text(), text);
        assert_eq!(Baseline::parse("b", &text.replace('\n', "\r\n")).unwrap(), baseline);
    }

    #[test]
    fn what_merges_leave_behind() {
        let twice = [HEADER, &entry('b', ""), &entry('a', ""), &entry('b', "").replace("11-20", "10-01")].join("\n");
        let baseline = Baseline::parse("b", &twice).unwrap();
        let days: Vec<String> = baseline.entries.iter().map(|e| e.added.to_string()).collect();
        assert_eq!(days, ["2026-11-20", "2026-10-01"]);
        let differ = [HEADER, &entry('b', ""), &entry('b', "").replace("open", "revoked")].join("\n");
        assert_eq!(
            Baseline::parse("b", &differ).unwrap_err().to_string(),
            "b:3: decides otherwise than line 2 on the same finding: keep one of them"
        );
        let conflict = [HEADER, "<<<<<<< HEAD", &entry('b', "")].join("\n");
        assert!(Baseline::parse("b", &conflict).unwrap_err().to_string().starts_with("b:2: a merge conflict"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            (String::new(), "b:1: this is no baseline"),
            ("{}\n".to_owned(), "b:1: this is no baseline"),
            (HEADER.replace(":1", ":2"), "b:1: a newer keysift wrote this baseline"),
            (HEADER.replace("tree", "moon"), "b:1: the header: unknown variant `moon`"),
            (format!("{HEADER}\n{}", entry('a', "").replace("open", "fine")), "b:2: unknown variant `fine`"),
            (format!("{HEADER}\n\n{}", entry('a', "").replace("11-20", "11-31")), "b:3: a day is written 2026-12-31"),
            (format!("{HEADER}\n{}", entry('g', "")), "b:2: `fingerprint` is"),
            (format!("{HEADER}\n{}", entry('a', r#","colour":"\u001b""#)), "b:2: unknown field `colour`"),
        ] {
            let error = Baseline::parse("b", &text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
