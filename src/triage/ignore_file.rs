//! `.keysiftignore`: a decision a line.
//!
//! ```text
//! # a comment
//! ks1:65d5fa609eeb9b03cbc45a33f6c2441f as=test_value -- made up for the login tests
//! generic-password tests/fixtures/** until=2027-06-30 owner=qa -- thrown away with the old API
//! generic-* "docs/with blanks/*.md"
//! ```
//! A line names a finding by its fingerprint, or findings by rule (`*` at either end stands for anything) and a glob of
//! paths. `as=STATE` (`accepted` where left out), `until=DAY`, `owner=WHO` and, behind ` -- ` or ` # `, a reason may follow.
//! Anything with blanks in it stands in double quotes, in which `\"` and `\\` stand for `"` and `\`.

use super::state::{Decision, State};
use super::{PolicyError, is_fingerprint};
use crate::finding::snippet::visible;
use crate::finding::{Day, Finding};
use crate::rule::RuleSet;
use crate::rule::format::file::nearest;
use globset::{GlobBuilder, GlobMatcher};
use std::fmt::Write as _;

/// The name of the file.
pub const NAME: &str = ".keysiftignore";

/// An ignore file.
#[derive(Debug, Clone, Default)]
pub struct IgnoreFile {
    /// Its name in messages and reports.
    pub file: String,
    pub lines: Vec<Line>,
}

/// A decision in it.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its place in the file, from 1.
    pub number: usize,
    pub names: Names,
    pub decision: Decision,
}

/// Which findings a line is about.
#[derive(Debug, Clone)]
pub enum Names {
    Fingerprint(String),
    RuleAndPath { rule: String, path: String, matcher: GlobMatcher },
}

impl Line {
    /// Whether it is about `finding`.
    #[must_use]
    pub fn is_about(&self, finding: &Finding) -> bool {
        match &self.names {
            Names::Fingerprint(fingerprint) => finding.fingerprint.0 == *fingerprint,
            Names::RuleAndPath { rule, matcher, .. } => {
                let place = &finding.location;
                finding.rule.is_named(rule) && (matcher.is_match(&place.path) || matcher.is_match(place.joined()))
            }
        }
    }
}

impl IgnoreFile {
    /// Reads an ignore file; `file` is its name in messages.
    ///
    /// # Errors
    /// The first thing wrong with it: the line, and what helps.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        let mut lines = Vec::new();
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parsed = parse_line(line).map_err(|message| PolicyError {
                file: file.to_owned(),
                line: n + 1,
                message: visible(&message),
            })?;
            lines.push(Line { number: n + 1, ..parsed });
        }
        Ok(Self { file: file.to_owned(), lines })
    }

    /// Where a line stands and what it names, for messages.
    #[must_use]
    pub fn place(&self, line: &Line) -> String {
        let what = match &line.names {
            Names::Fingerprint(fingerprint) => fingerprint.clone(),
            Names::RuleAndPath { rule, path, .. } => format!("{rule} {path}"),
        };
        format!("{}:{} {what}", self.file, line.number)
    }

    /// Lines whose rule is none of `rules`: they do nothing, and their writer should know.
    #[must_use]
    pub fn unknown_rules(&self, rules: &RuleSet) -> Vec<String> {
        let unknown = self.lines.iter().filter_map(|line| match &line.names {
            Names::RuleAndPath { rule, .. } if !rules.knows(rule) => {
                let hint = rules.nearest(rule).map_or(String::new(), |near| format!(": did you mean `{near}`?"));
                Some(format!("{}:{}: there is no rule `{rule}`{hint}", self.file, line.number))
            }
            _ => None,
        });
        unknown.collect()
    }
}

/// The line that records `decision` on one finding.
#[must_use]
pub fn line_for(fingerprint: &str, decision: &Decision) -> String {
    let mut line = format!("{fingerprint} as={}", decision.state.as_str());
    if let Some(until) = decision.until {
        let _ = write!(line, " until={until}");
    }
    if let Some(owner) = &decision.owner {
        let _ = write!(line, " owner={}", quoted(owner));
    }
    if let Some(reason) = &decision.reason {
        let _ = write!(line, " -- {}", visible(reason.trim()));
    }
    line
}

/// The text of an ignore file with the line for a fingerprint put in, changed, or (`None`) taken out; all else stays as it is.
#[must_use]
pub fn with_line(text: &str, fingerprint: &str, line: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len() + 128);
    let mut line = line;
    for old in text.lines() {
        if old.split_whitespace().next() == Some(fingerprint) {
            if let Some(new) = line.take() {
                out.push_str(new);
                out.push('\n');
            }
        } else {
            out.push_str(old);
            out.push('\n');
        }
    }
    if let Some(new) = line {
        out.push_str(new);
        out.push('\n');
    }
    out
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"') {
        format!("\"{}\"", visible(word).replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        visible(word)
    }
}

/// Reads a line that is no comment; its number is the caller's.
fn parse_line(line: &str) -> Result<Line, String> {
    let (words, reason) = words(line)?;
    let mut words = words.into_iter();
    let Some((first, _)) = words.next() else { return Err("a line begins with a fingerprint or a rule".to_owned()) };
    let names = if first.starts_with("ks1:") {
        if !is_fingerprint(&first) {
            return Err(format!("`{first}` is no fingerprint: `ks1:` and 32 hex digits, as reports show it"));
        }
        Names::Fingerprint(first)
    } else {
        let path = words.next().map(|(path, _)| path).filter(|p| key_of(p).is_none());
        let Some(path) = path else {
            return Err(format!("`{first}` needs a glob of paths behind it, for example `{first} tests/**`"));
        };
        if first.is_empty() || !first.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*')) {
            return Err(format!("`{first}` is no rule id: a line begins with a fingerprint, or with a rule and a glob of paths"));
        }
        let matcher =
            GlobBuilder::new(&path).build().map_err(|e| format!("`{path}` is no glob: {}", e.kind()))?.compile_matcher();
        Names::RuleAndPath { rule: first, path, matcher }
    };
    let mut decision = Decision { reason, ..Decision::of(State::Accepted) };
    for (word, is_quoted) in words {
        let Some((key, value)) = key_of(&word).filter(|_| !is_quoted) else {
            return Err(format!("`{word}` is too much here: a reason stands behind ` -- `, a path with blanks in double quotes"));
        };
        match key {
            "as" => decision.state = state(value)?,
            "until" => {
                let day = Day::parse(value).ok_or_else(|| format!("`{value}` is no day: write until=2026-12-31"))?;
                decision.until = Some(day);
            }
            "owner" => decision.owner = Some(value.to_owned()),
            _ => {
                let hint = nearest(key, &["as", "until", "owner"]).map_or_else(
                    || ": as=STATE, until=DAY and owner=WHO are known".to_owned(),
                    |near| format!(": did you mean `{near}=`?"),
                );
                return Err(format!("unknown key `{key}`{hint}"));
            }
        }
    }
    Ok(Line { number: 0, names, decision })
}

fn state(word: &str) -> Result<State, String> {
    match State::parse(word) {
        Ok(State::Open) => Err("a finding that is open needs no line: take it out".to_owned()),
        Ok(state) => Ok(state),
        Err(known) => Err(format!("`{word}` is no state: {}", known.replace("open, ", ""))),
    }
}

/// `key=value`, where a word looks like that.
fn key_of(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase()))
}

/// A word, and whether it began with a quote.
type Word = (String, bool);

/// The words of a line, and the reason behind ` -- ` or ` # `.
fn words(line: &str) -> Result<(Vec<Word>, Option<String>), String> {
    let mut words: Vec<Word> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let reason = rest.strip_prefix("--").filter(|r| r.is_empty() || r.starts_with(char::is_whitespace));
        if let Some(reason) = reason.or_else(|| rest.strip_prefix('#')) {
            let reason = visible(reason.trim());
            return Ok((words, (!reason.is_empty()).then_some(reason)));
        }
        if rest.is_empty() {
            return Ok((words, None));
        }
        let (word, is_quoted, behind) = next_word(rest)?;
        words.push((word, is_quoted));
        rest = behind;
    }
}

/// The first word of `text`; quotes may begin within it: `owner="the ops team"`.
fn next_word(text: &str) -> Result<(String, bool, &str), String> {
    let mut word = String::new();
    let mut in_quotes = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => in_quotes = !in_quotes,
            '\\' if in_quotes => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => word.push(c),
                Some((_, c)) => word.extend(['\\', c]),
                None => {}
            },
            c if c.is_whitespace() && !in_quotes => return Ok((word, text.starts_with('"'), &text[at..])),
            c => word.push(c),
        }
    }
    if in_quotes { Err("a double quote is not closed".to_owned()) } else { Ok((word, text.starts_with('"'), "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "ks1:00112233445566778899aabbccddeeff";

    fn only(text: &str) -> Line {
        let mut file = IgnoreFile::parse("f", text).unwrap();
        assert_eq!(file.lines.len(), 1, "{text}");
        file.lines.remove(0)
    }

    fn fields(line: &Line) -> (State, Option<String>, Option<&str>, Option<&str>) {
        let d = &line.decision;
        (d.state, d.until.map(|u| u.to_string()), d.owner.as_deref(), d.reason.as_deref())
    }

    #[test]
    fn fingerprints_and_what_follows() {
        assert_eq!(fields(&only(PRINT)), (State::Accepted, None, None, None));
        let all = format!(
            "\u{feff}# c\n\n  {PRINT} as=test_value until=2027-01-31 owner=\"the ops team\" -- made up # not -- real\r\n"
        );
        let line = only(&all);
        assert_eq!(line.number, 3);
        assert_eq!(
            fields(&line),
            (State::TestValue, Some("2027-01-31".into()), Some("the ops team"), Some("made up # not -- real"))
        );
        assert_eq!(fields(&only(&format!("{PRINT} # why"))).3, Some("why"));
    }

    #[test]
    fn rules_and_globs() {
        let line = only("generic-* \"docs/a b/*.md\" as=false-positive --");
        let Names::RuleAndPath { rule, path, matcher } = &line.names else { panic!("{line:?}") };
        assert_eq!((rule.as_str(), path.as_str()), ("generic-*", "docs/a b/*.md"));
        assert!(matcher.is_match("docs/a b/x.md") && !matcher.is_match("docs/x.md"));
    }

    #[test]
    fn mistakes_say_what_helps() {
        for (line, message) in [
            ("ks1:123", "`ks1:123` is no fingerprint"),
            ("generic-password", "`generic-password` needs a glob of paths behind it, for example `generic-password tests/**`"),
            ("generic-password until=2026-01-01", "`generic-password` needs a glob"),
            ("a/b c", "`a/b` is no rule id"),
            ("x a[b", "`a[b` is no glob"),
            ("x a untill=2026-01-01", "unknown key `untill`: did you mean `until=`?"),
            ("x a until=soon", "`soon` is no day"),
            ("x a as=fine", "`fine` is no state: one of revoked, false_positive, test_value, accepted"),
            ("x a as=open", "a finding that is open needs no line"),
            ("x a b c", "`b` is too much here"),
            ("x \"a b", "a double quote is not closed"),
            ("-- why", "a line begins with"),
        ] {
            let error = IgnoreFile::parse("f", &format!("# c\n{line}\n")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.to_string().starts_with(&format!("f:2: {message}")), "{error}");
        }
    }

    #[test]
    fn a_line_that_is_written_is_read_again() {
        let decision = Decision {
            state: State::Revoked,
            reason: Some("rotated \"today\"\n-- x".into()),
            owner: Some("Ann \"A\" \\ B".into()),
            until: Day::parse("2027-01-31"),
        };
        let line = only(&line_for(PRINT, &decision));
        assert_eq!(
            fields(&line),
            (State::Revoked, Some("2027-01-31".into()), Some("Ann \"A\" \\ B"), Some("rotated \"today\"\u{fffd}-- x"))
        );
    }

    #[test]
    fn a_line_is_put_in_changed_and_taken_out() {
        let old = format!("# mine\nx y # z\n{PRINT} # old\nlast a");
        let put = with_line("# mine\n", PRINT, Some("NEW"));
        assert_eq!(put, "# mine\nNEW\n");
        assert_eq!(with_line(&old, PRINT, Some("NEW")), "# mine\nx y # z\nNEW\nlast a\n");
        assert_eq!(with_line(&old, PRINT, None), "# mine\nx y # z\nlast a\n");
    }
}
