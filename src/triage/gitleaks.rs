//! Decisions that were made for gitleaks: the lines of a `.gitleaksignore`, the entries of a JSON baseline.
//!
//! gitleaks knows a finding by the place where it was seen: commit, file, rule and line. Here a finding is a secret in a path.
//! One is decided on where each of its places is named; from then on it is known like an entry of a baseline, and followed
//! where it moves.
//!
//! ```text
//! # a comment
//! tests/a.env:aws-access-token:3
//! 0123456789abcdef0123456789abcdef01234567:tests/a.env:aws-access-token:3
//! ```

use super::PolicyError;
use super::baseline::{self, Baseline, Of};
use super::matching::{self, Surroundings};
use super::state::{How, State};
use crate::config::gitleaks::{ours, slug};
use crate::finding::redact::is_hidden;
use crate::finding::snippet::visible;
use crate::finding::{Day, Finding, Location, Secret};
use memchr::memmem;
use serde::Deserialize;
use std::collections::HashMap;

/// The name of gitleaks' ignore file.
pub const NAME: &str = ".gitleaksignore";
/// The least digits of a commit's id.
const SHORTEST_COMMIT: usize = 7;

/// What was decided.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    pub entries: Vec<Entry>,
    /// Lines that are none, each in a sentence.
    pub unread: Vec<String>,
}

/// One decision.
#[derive(Clone)]
pub struct Entry {
    /// The name of its file.
    pub file: String,
    /// Its line there, or its place among the entries of a baseline, from 1.
    pub number: usize,
    /// `accepted` where someone chose to ignore it, `open` where it was taken note of.
    pub state: State,
    /// The comment above it.
    pub reason: Option<String>,
    commit: Option<String>,
    path: String,
    rule: String,
    first_line: u64,
    last_line: u64,
    /// What was found, where a baseline tells it in full.
    secret: Option<Secret>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is about nothing that is found.
    Nothing,
    /// It is about a finding that has other places too, on which nobody decided.
    Partly { finding: usize },
    /// It is about a finding that is decided on.
    Decides { finding: usize },
}

/// Findings on which these decisions were made.
pub struct Decided {
    /// For each finding the decision as a baseline holds it, and how it was found to be about it.
    pub findings: Vec<Option<(baseline::Entry, How)>>,
    /// For each entry.
    pub fates: Vec<Fate>,
}

/// The keys of a finding in gitleaks' JSON that say which one it is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    #[serde(rename = "RuleID")]
    rule: String,
    file: String,
    #[serde(default)]
    commit: String,
    #[serde(default)]
    start_line: u64,
    #[serde(default)]
    end_line: u64,
    #[serde(default)]
    secret: String,
}

/// How well a finding fits a rule of gitleaks.
#[derive(PartialEq, Eq)]
enum Fit {
    Same,
    /// It may be the same credential under another rule.
    Near,
    Other,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Entry {
    /// Where it stands and what it names, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let commit = self.commit.as_deref().map_or(String::new(), |id| format!("{}:", id.get(..12).unwrap_or(id)));
        visible(&format!("{} {commit}{}:{}:{}", self.place(), self.path, self.rule, self.first_line))
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.number)
    }

    /// The commit that it names.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Whether it is about a place in history.
    #[must_use]
    pub const fn is_of_history(&self) -> bool {
        self.commit.is_some()
    }

    /// Whether it names this place. A line of an ignore file without a commit counts for every commit, an entry of a baseline
    /// for files as they stand.
    fn is_at(&self, place: &Location) -> bool {
        let commit = match (&self.commit, &place.commit) {
            (None, None) => true,
            (None, Some(_)) => self.state == State::Accepted,
            (Some(named), Some(id)) => id.starts_with(named.as_str()),
            (Some(_), None) => false,
        };
        commit && (self.first_line..=self.last_line).contains(&place.start_line)
    }

    fn fit(&self, finding: &Finding) -> Fit {
        if let Some(secret) = &self.secret {
            let (theirs, ours) = (secret.expose(), finding.secret.expose());
            let same = memmem::find(theirs, ours).is_some() || memmem::find(ours, theirs).is_some();
            return if same { Fit::Same } else { Fit::Other };
        }
        let is = |id: &str| finding.rule.is_named(id) || finding.also.contains(&id);
        let known = ours(&self.rule);
        if is(&self.rule) || is(&slug(&self.rule)) || known.is_some_and(|ids| ids.iter().any(|id| is(id))) {
            return Fit::Same;
        }
        // Theirs was generic and ours is not, or the other way round; or it is a rule that is known no more.
        let generic = |id: &str| id.starts_with("generic-") || id.starts_with("curl-auth");
        if generic(&self.rule) || generic(finding.rule.id) || known.is_none_or(<[_]>::is_empty) { Fit::Near } else { Fit::Other }
    }
}

impl Decisions {
    /// Reads a `.gitleaksignore`. What is no entry does nothing, in gitleaks too, and is told.
    #[must_use]
    pub fn of_ignore_file(file: &str, text: &str) -> Self {
        let mut all = Self::default();
        let mut reason = None;
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                reason = Some(visible(comment.trim_start_matches('#').trim())).filter(|r| !r.is_empty());
                continue;
            }
            if line.is_empty() {
                reason = None;
                continue;
            }
            match ignored(line) {
                Some((commit, path, rule, at)) => all.entries.push(Entry {
                    file: file.to_owned(),
                    number: n + 1,
                    state: State::Accepted,
                    reason: reason.clone(),
                    commit,
                    path,
                    rule,
                    first_line: at,
                    last_line: at,
                    secret: None,
                }),
                None => all.unread.push(format!(
                    "{file}:{}: `{}` is no FILE:RULE:LINE and no COMMIT:FILE:RULE:LINE: it does nothing",
                    n + 1,
                    visible(line)
                )),
            }
        }
        all
    }

    /// Reads a JSON report of gitleaks as a baseline.
    ///
    /// # Errors
    /// It is no such report.
    pub fn of_baseline(file: &str, text: &str) -> Result<Self, PolicyError> {
        let raw: Option<Vec<Raw>> = serde_json::from_str(text).map_err(|e| PolicyError {
            file: file.to_owned(),
            line: e.line(),
            message: format!("this is no JSON report of gitleaks: {}", visible(&baseline::cause(&e))),
        })?;
        let entry = |(n, raw): (usize, Raw)| Entry {
            file: file.to_owned(),
            number: n + 1,
            state: State::Open,
            reason: None,
            commit: Some(raw.commit).filter(|id| !id.is_empty()),
            path: normal(&raw.file),
            rule: raw.rule,
            first_line: raw.start_line,
            last_line: raw.end_line.max(raw.start_line),
            secret: (!is_hidden(raw.secret.as_bytes())).then(|| Secret::new(raw.secret.as_bytes())),
        };
        Ok(Self { entries: raw.unwrap_or_default().into_iter().enumerate().map(entry).collect(), unread: Vec::new() })
    }

    /// Whether a text is a JSON report of gitleaks rather than a baseline of ours.
    #[must_use]
    pub fn is_baseline(text: &str) -> bool {
        text.trim_start_matches('\u{feff}').trim_start().starts_with('[') || text.trim() == "null"
    }

    /// Takes a folder off the beginning of paths: gitleaks names files from where it was started, and we from the folder that
    /// is scanned.
    pub fn without_folder(&mut self, folder: &str) {
        let folder = normal(folder.trim_end_matches(['/', '\\']));
        for entry in self.entries.iter_mut().filter(|_| !matches!(folder.as_str(), "" | ".")) {
            if let Some(rest) = entry.path.strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/')) {
                entry.path = rest.to_owned();
            }
        }
    }

    /// Adds those of another file.
    pub fn extend(&mut self, more: Self) {
        self.entries.extend(more.entries);
        self.unread.extend(more.unread);
    }

    /// On which of `findings` these decisions were made.
    #[must_use]
    pub fn over(&self, findings: &[Finding], around: &Surroundings<'_>, today: Day) -> Decided {
        let (by, fates) = self.named(findings);
        let mut known = Baseline::new(String::new(), Of::Tree);
        for (finding, entry) in findings.iter().zip(by) {
            let Some(entry) = entry.map(|n| &self.entries[n]) else { continue };
            let reason = entry.reason.as_ref().map_or_else(|| entry.place(), |why| format!("{why} ({})", entry.place()));
            known.entries.push(baseline::Entry {
                state: entry.state,
                reason: Some(visible(&reason)),
                ..baseline::Entry::of(finding, (around.clean)(&finding.location.path), today)
            });
        }
        let found = matching::known(&known, findings, around);
        let entry = |known_by: matching::Known| {
            let how = if known_by.how == How::Fingerprint { How::Place } else { known_by.how };
            (known.entries[known_by.entry].clone(), how)
        };
        Decided { findings: found.into_iter().map(|k| k.map(entry)).collect(), fates }
    }

    /// For each entry whether it could be about one of `findings`, wherever in its file that stands.
    #[must_use]
    pub fn could_be(&self, findings: &[Finding]) -> Vec<bool> {
        let mut by_path: HashMap<String, Vec<&Finding>> = HashMap::new();
        for finding in findings {
            by_path.entry(finding.location.joined()).or_default().push(finding);
        }
        let is_there = |entry: &Entry| by_path.get(&entry.path).into_iter().flatten().any(|f| entry.fit(f) != Fit::Other);
        self.entries.iter().map(is_there).collect()
    }

    /// For each finding the entry that decides on it, and what became of each entry.
    fn named(&self, findings: &[Finding]) -> (Vec<Option<usize>>, Vec<Fate>) {
        let mut by_path: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for (n, finding) in findings.iter().enumerate() {
            for (at, place) in places(finding).iter().enumerate() {
                by_path.entry(place.joined()).or_default().push((n, at));
            }
        }
        // Which entry names which place of which finding.
        let mut named: HashMap<(usize, usize), usize> = HashMap::new();
        let mut about: Vec<Vec<usize>> = vec![Vec::new(); self.entries.len()];
        for (nr, entry) in self.entries.iter().enumerate() {
            let there = by_path.get(&entry.path).or_else(|| from_the_top(&by_path, &entry.path));
            let there: Vec<(usize, usize)> =
                there.into_iter().flatten().copied().filter(|(n, at)| entry.is_at(&places(&findings[*n])[*at])).collect();
            let fitting = |fit: &Fit| -> Vec<usize> {
                let mut all: Vec<usize> = there.iter().map(|(n, _)| *n).filter(|n| entry.fit(&findings[*n]) == *fit).collect();
                all.dedup();
                all
            };
            let mut chosen = fitting(&Fit::Same);
            if chosen.is_empty() {
                // Of several on a line nobody knows which one was meant.
                chosen = fitting(&Fit::Near);
                chosen.truncate(usize::from(chosen.len() == 1));
            }
            for (n, at) in there.iter().filter(|(n, _)| chosen.contains(n)) {
                named.entry((*n, *at)).or_insert(nr);
            }
            about[nr] = chosen;
        }
        let by = |n: usize, finding: &Finding| {
            let all = places(finding);
            // Of places beyond those that are listed nothing is known.
            let is_whole = all.len() >= finding.occurrences_total && (0..all.len()).all(|at| named.contains_key(&(n, at)));
            is_whole.then(|| named.get(&(n, 0)).copied()).flatten()
        };
        let by: Vec<Option<usize>> = findings.iter().enumerate().map(|(n, f)| by(n, f)).collect();
        // In one version of a file only the first place of a secret is told: entries for the others are about it as well.
        let beside = |entry: &Entry| {
            let there = by_path.get(&entry.path).into_iter().flatten().map(|(n, _)| *n);
            there.into_iter().find(|n| by[*n].is_some() && entry.fit(&findings[*n]) == Fit::Same)
        };
        let fate = |(about, entry): (&Vec<usize>, &Entry)| match (about.iter().find(|n| by[**n].is_some()), about.first()) {
            (Some(&finding), _) => Fate::Decides { finding },
            (None, Some(&finding)) => Fate::Partly { finding },
            (None, None) => beside(entry).map_or(Fate::Nothing, |finding| Fate::Decides { finding }),
        };
        let fates = about.iter().zip(&self.entries).map(fate).collect();
        (by, fates)
    }
}

/// The places of a finding as gitleaks counts them: where commits bring it, or where it stands.
fn places(finding: &Finding) -> &[Location] {
    if finding.occurrences.is_empty() { std::slice::from_ref(&finding.location) } else { &finding.occurrences }
}

/// Of a path from the top of a file system, which another machine may have had: the longest end of it that is known.
fn from_the_top<'a, T>(by_path: &'a HashMap<String, T>, path: &str) -> Option<&'a T> {
    if !path.starts_with('/') && path.as_bytes().get(1) != Some(&b':') {
        return None;
    }
    path.match_indices('/').find_map(|(at, _)| by_path.get(&path[at + 1..]))
}

/// A path as ours are written.
fn normal(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.trim_start_matches("./").to_owned()
}

/// The commit, path, rule and line of an ignored finding.
fn ignored(text: &str) -> Option<(Option<String>, String, String, u64)> {
    let (rest, line) = text.rsplit_once(':')?;
    let (rest, rule) = rest.rsplit_once(':')?;
    let line = line.trim().parse().ok()?;
    let is_commit = |id: &str| id.len() >= SHORTEST_COMMIT && id.bytes().all(|b| b.is_ascii_hexdigit());
    let (commit, path) = match rest.split_once(':').filter(|(id, _)| is_commit(id)) {
        Some((id, path)) => (Some(id.to_ascii_lowercase()), path),
        None => (None, rest),
    };
    (!path.is_empty() && !rule.is_empty()).then(|| (commit, normal(path), rule.to_owned(), line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_ignore_file() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let text = format!(
            "# made up\nb\\c.env:generic-api-key:7\n{id}:a b:c.py:aws-access-token:12\n\n./d.env:x:1\nno entry\na:b\n{id}\n"
        );
        let all = Decisions::of_ignore_file("f", &text);
        let names: Vec<String> = all.entries.iter().map(Entry::name).collect();
        assert_eq!(names, ["f:2 b/c.env:generic-api-key:7", "f:3 0123456789ab:a b:c.py:aws-access-token:12", "f:5 d.env:x:1"]);
        let reasons: Vec<Option<&str>> = all.entries.iter().map(|e| e.reason.as_deref()).collect();
        assert_eq!(reasons, [Some("made up"), Some("made up"), None]);
        assert_eq!(all.unread.len(), 3);
        assert!(all.unread[0].starts_with("f:6: `no entry` is no FILE:RULE:LINE"), "{:?}", all.unread);
    }

    #[test]
    fn baselines_of_gitleaks_are_told_from_ours() {
        assert!(Decisions::is_baseline("\n [\n]") && Decisions::is_baseline("null\n"));
        assert!(!Decisions::is_baseline("{\"keysift_baseline\":1}"));
        assert_eq!(Decisions::of_baseline("f", "null").unwrap().entries.len(), 0);
        let error = Decisions::of_baseline("f", "[\n{\"RuleID\": 1}]").unwrap_err().to_string();
        assert!(error.starts_with("f:2: this is no JSON report of gitleaks: invalid type: integer"), "{error}");
    }

    #[test]
    fn paths_from_the_top_of_another_machine() {
        let known: HashMap<String, u8> = [("src/a.py".to_owned(), 1), ("a.py".to_owned(), 2)].into();
        assert_eq!(from_the_top(&known, "/build/src/a.py"), Some(&1));
        assert_eq!(from_the_top(&known, "C:/b/a.py"), Some(&2));
        assert_eq!(from_the_top(&known, "src/b/a.py"), None);
    }
}
