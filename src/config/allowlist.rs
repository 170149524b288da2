//! Allowlists: what config says is no finding, by its path, its text, a word in it or its commit.
//!
//! An allowlist is no filter of what is looked at: what it keeps out is counted and told like every other decision. Regexes
//! and stop words are asked where a secret is seen, with its text at hand ([`Allowlists::marks`]); paths and commits when all
//! places of a finding are known ([`Allowlists::of`]). A finding is kept out where each of its places is allowed.

use crate::detect::ByteSpan;
use crate::finding::{Finding, Location};
use crate::rule::{Rule, RuleSet};
use aho_corasick::AhoCorasick;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde::Deserialize;
use std::sync::Arc;

/// How much of a line is looked at on either side of a match, in bytes: longer lines are no one's handwriting.
const REACH: usize = 1024;
/// The largest compiled regex, in bytes.
const LARGEST: usize = 32 << 20;
/// The least digits of a commit's id.
const SHORTEST_COMMIT: usize = 7;

/// An `[[allowlist]]` as it stands in a config file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawAllowlist {
    /// Why; reports tell it.
    #[serde(default)]
    pub description: String,
    /// The rules whose findings it is about, `*` at either end stands for anything; all where left out.
    #[serde(default)]
    pub rules: Vec<String>,
    /// `"or"`, where left out: one of the criteria is enough; `"and"`: all that are given must hold.
    #[serde(default)]
    pub condition: Condition,
    /// Regexes of paths, relative to the repository or the scanned folder; of a member of an archive as `outer.zip!member`
    /// too.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Regexes of text, over bytes, in the syntax of rules.
    #[serde(default)]
    pub regexes: Vec<String>,
    /// Which text: `"secret"`, where left out, `"match"` (all that the rule matched) or `"line"` (the lines of the match, 1024
    /// bytes on either side).
    #[serde(default)]
    pub target: Target,
    /// Words in the secret, in any case.
    #[serde(default)]
    pub stop_words: Vec<String>,
    /// Ids of commits, at least 7 digits of each: what came in with them.
    #[serde(default)]
    pub commits: Vec<String>,
}

/// How the criteria of an allowlist come together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// One of them is enough.
    #[default]
    Or,
    /// All that are given must hold.
    And,
}

/// What `regexes` are matched against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The secret.
    #[default]
    Secret,
    /// All that the rule matched.
    Match,
    /// The lines of the match, 1024 bytes on either side of it.
    Line,
}

/// An allowlist, compiled.
#[derive(Debug)]
pub struct Allowlist {
    /// As reports call it.
    name: Arc<str>,
    /// All that was written.
    said: String,
    rules: Vec<String>,
    condition: Condition,
    paths: Option<Regex>,
    regexes: Option<Regex>,
    target: Target,
    stop_words: Option<AhoCorasick>,
    /// Lower case.
    commits: Vec<String>,
}

/// What stands at a place, as allowlists look at it.
pub struct Sight<'a> {
    pub text: &'a [u8],
    pub secret: ByteSpan,
    /// All that the rule matched.
    pub span: ByteSpan,
    /// Where `text` was decoded: the text that it stood in, and where.
    pub around: Option<(&'a [u8], ByteSpan)>,
}

impl Allowlist {
    /// Compiles an allowlist; `place` names it where it has no description.
    ///
    /// # Errors
    /// What is wrong with it, and what helps.
    pub fn build(raw: RawAllowlist, place: &str) -> Result<Self, String> {
        if raw.paths.is_empty() && raw.regexes.is_empty() && raw.stop_words.is_empty() && raw.commits.is_empty() {
            return Err("an allowlist needs `paths`, `regexes`, `stop_words` or `commits`".to_owned());
        }
        if raw.stop_words.iter().any(String::is_empty) {
            return Err("an empty stop word is in every secret: take it out".to_owned());
        }
        let is_commit = |id: &String| id.len() >= SHORTEST_COMMIT && id.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(bad) = raw.commits.iter().find(|id| !is_commit(id)) {
            return Err(format!("`{bad}` is no commit: its id, at least {SHORTEST_COMMIT} digits of it"));
        }
        let words = (!raw.stop_words.is_empty())
            .then(|| AhoCorasick::builder().ascii_case_insensitive(true).build(&raw.stop_words))
            .transpose()
            .map_err(|e| format!("`stop_words`: {e}"))?;
        Ok(Self {
            said: format!("{raw:?}"),
            name: if raw.description.trim().is_empty() { place } else { raw.description.trim() }.into(),
            rules: raw.rules,
            condition: raw.condition,
            paths: compile(&raw.paths, "paths")?,
            regexes: compile(&raw.regexes, "regexes")?,
            target: raw.target,
            stop_words: words,
            commits: raw.commits.iter().map(|id| id.to_ascii_lowercase()).collect(),
        })
    }

    fn is_about(&self, rule: &Rule) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|name| rule.is_named(name))
    }

    const fn asks_for_text(&self) -> bool {
        self.regexes.is_some() || self.stop_words.is_some()
    }

    /// Whether regexes and stop words allow what stands there.
    fn allows_text(&self, sight: &Sight<'_>) -> bool {
        let regex = self.regexes.as_ref().map(|regex| sight.texts(self.target).iter().any(|text| regex.is_match(*text)));
        let word = self.stop_words.as_ref().map(|words| words.is_match(sight.secret.of(sight.text)));
        match self.condition {
            Condition::Or => regex == Some(true) || word == Some(true),
            Condition::And => regex != Some(false) && word != Some(false),
        }
    }

    /// Whether it allows `place`; `nr` is its own number, and `commit` whether what stands there came in with one of its commits.
    fn allows(&self, nr: usize, place: &Location, commit: bool) -> bool {
        let path = self.paths.as_ref().map(|regex| {
            let joined = (!place.container.is_empty()).then(|| place.joined());
            !place.path.is_empty() && (regex.is_match(&place.path) || joined.is_some_and(|path| regex.is_match(&path)))
        });
        let text = self.asks_for_text().then(|| place.allows.iter().any(|n| usize::from(*n) == nr));
        let commit = (!self.commits.is_empty()).then_some(commit);
        let mut given = [path, text, commit].into_iter().flatten();
        match self.condition {
            Condition::Or => given.any(|holds| holds),
            Condition::And => given.all(|holds| holds),
        }
    }

    fn names(&self, commit: Option<&String>) -> bool {
        commit.is_some_and(|id| self.commits.iter().any(|prefix| id.starts_with(prefix.as_str())))
    }

    /// Whether it says the same of all places of a secret in a path.
    fn is_the_same_everywhere(&self) -> bool {
        self.commits.is_empty() && (self.regexes.is_none() || self.target == Target::Secret)
    }
}

impl Sight<'_> {
    /// The texts to match against.
    fn texts(&self, target: Target) -> Vec<&[u8]> {
        match target {
            Target::Secret => vec![self.secret.of(self.text)],
            Target::Match => vec![self.span.of(self.text)],
            Target::Line => {
                let around = self.around.map(|(text, span)| lines(text, span));
                std::iter::once(lines(self.text, self.span)).chain(around).collect()
            }
        }
    }
}

/// The lines in which `span` stands.
fn lines(text: &[u8], span: ByteSpan) -> &[u8] {
    let from = span.start.saturating_sub(REACH);
    let to = text.len().min(span.end + REACH);
    let start = memchr::memrchr(b'\n', &text[from..span.start]).map_or(from, |n| from + n + 1);
    let end = memchr::memchr(b'\n', &text[span.end..to]).map_or(to, |n| span.end + n);
    &text[start..end]
}

/// One regex for all of them: over bytes, unicode off, as in rules.
fn compile(patterns: &[String], key: &str) -> Result<Option<Regex>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let builder = || {
        let mut builder = Regex::builder();
        builder
            .syntax(syntax::Config::new().unicode(false).utf8(false).nest_limit(64))
            .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(LARGEST)));
        builder
    };
    let all = builder().build_many(patterns);
    all.map(Some).map_err(|all| {
        // Which of them it is.
        let bad = patterns.iter().find_map(|p| builder().build(p).err().map(|e| (p, e)));
        bad.map_or_else(
            || format!("`{key}`: {all}"),
            |(p, e)| format!("`{key}`: `{p}` is no regular expression: {}", problem(&e)),
        )
    })
}

/// What the parser says, without its drawing of the pattern.
fn problem(error: &regex_automata::meta::BuildError) -> String {
    if error.size_limit().is_some() {
        return "it is too large: make its repetitions smaller".to_owned();
    }
    let text = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// The allowlists of a run.
#[derive(Debug, Default)]
pub struct Allowlists(Vec<Allowlist>);

impl Allowlists {
    /// The allowlists of a run, in the order in which they are asked.
    #[must_use]
    pub const fn new(all: Vec<Allowlist>) -> Self {
        Self(all)
    }

    /// The numbers of those whose regexes and stop words allow what is seen by `rule`.
    #[must_use]
    pub fn marks(&self, rule: &Rule, sight: &Sight<'_>) -> Vec<u16> {
        let asked = self.numbered().filter(|(_, a)| a.asks_for_text() && a.is_about(rule));
        asked.filter(|(_, a)| a.allows_text(sight)).filter_map(|(n, _)| u16::try_from(n).ok()).collect()
    }

    /// The name of the allowlist that keeps `finding` out: each of its places is allowed by one.
    #[must_use]
    pub fn of(&self, finding: &Finding) -> Option<Arc<str>> {
        let about: Vec<(usize, &Allowlist)> = self.numbered().filter(|(_, a)| a.is_about(finding.rule)).collect();
        if about.is_empty() {
            return None;
        }
        let by = |place: &Location, came_with: &dyn Fn(&Allowlist) -> bool| {
            about.iter().find(|(nr, a)| a.allows(*nr, place, came_with(a))).map(|(_, a)| *a)
        };
        let came_in = |place: &Location| by(place, &|a| a.names(place.commit.as_ref()));
        let mut first = None;
        for place in &finding.occurrences {
            let allowed = came_in(place)?;
            first.get_or_insert(allowed);
        }
        // Where it stands now it need not have come in.
        if !finding.occurrences.contains(&finding.location) {
            let came_with =
                |a: &Allowlist| !finding.occurrences.is_empty() && finding.occurrences.iter().all(|o| a.names(o.commit.as_ref()));
            let allowed = by(&finding.location, &|a| came_with(a) || a.names(finding.location.commit.as_ref()))?;
            first.get_or_insert(allowed);
        }
        // Of places in history beyond those that are listed nothing is known; in files the last one speaks for them.
        if finding.git.is_some() && finding.occurrences_total > finding.occurrences.len() {
            first = about
                .iter()
                .map(|(n, a)| (*n, *a))
                .find(|(n, a)| a.is_the_same_everywhere() && a.allows(*n, &finding.location, false))
                .map(|(_, a)| a);
        }
        first.map(|a| Arc::clone(&a.name))
    }

    /// What is wrong with the rules that allowlists name: they do nothing, and their writer should know.
    #[must_use]
    pub fn unknown_rules(&self, rules: &RuleSet) -> Vec<String> {
        let named = self.0.iter().flat_map(|a| a.rules.iter().map(move |rule| (&a.name, rule)));
        let unknown = named.filter(|(_, rule)| !rules.knows(rule));
        unknown
            .map(|(name, rule)| {
                let hint = rules.nearest(rule).map_or(String::new(), |near| format!(": did you mean `{near}`?"));
                format!("the allowlist `{name}` names the rule `{rule}`, which is not there{hint}")
            })
            .collect()
    }

    /// Names all that they say, for those who remember what it made of findings; `None` where there are none.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let mut hasher = blake3::Hasher::new_derive_key("keysift allowlists v1");
        for allowlist in &self.0 {
            for part in [&*allowlist.name, &allowlist.said] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        (!self.0.is_empty()).then(|| hasher.finalize().to_hex()[..16].to_owned())
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Allowlist)> {
        self.0.iter().enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(raw: RawAllowlist) -> Result<Allowlist, String> {
        Allowlist::build(raw, "allowlist 1")
    }

    fn some(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    fn sight(text: &str) -> Sight<'_> {
        let at = text.find("S3CRET").expect("the text has a secret");
        let secret = ByteSpan::new(at, at + 6);
        Sight { text: text.as_bytes(), secret, span: ByteSpan::new(at - 2, at + 6), around: None }
    }

    #[test]
    fn texts() {
        let text = "first\nkey: k=S3CRET # why\nlast S3CRET";
        for (target, pattern, holds) in [
            (Target::Secret, "^S3CRET$", true),
            (Target::Secret, "k=", false),
            (Target::Match, "^k=S3CRET$", true),
            (Target::Line, "^key: .*why$", true),
            (Target::Line, "first|last", false),
        ] {
            let raw = RawAllowlist { regexes: some(&[pattern]), target, ..RawAllowlist::default() };
            assert_eq!(build(raw).unwrap().allows_text(&sight(text)), holds, "{pattern}");
        }
        let raw = RawAllowlist { stop_words: some(&["s3C"]), regexes: some(&["x"]), ..RawAllowlist::default() };
        assert!(build(raw.clone()).unwrap().allows_text(&sight(text)));
        assert!(!build(RawAllowlist { condition: Condition::And, ..raw }).unwrap().allows_text(&sight(text)));
    }

    #[test]
    fn criteria_come_together() {
        let raw = RawAllowlist { paths: some(&["^tests/"]), commits: some(&["ABCDEF0"]), ..RawAllowlist::default() };
        let both = build(RawAllowlist { condition: Condition::And, ..raw.clone() }).unwrap();
        let one = build(raw).unwrap();
        let place = |path: &str| Location { path: path.to_owned(), ..Location::default() };
        for (path, commit, or, and) in
            [("tests/a", true, true, true), ("tests/a", false, true, false), ("a", true, true, false), ("a", false, false, false)]
        {
            assert_eq!((one.allows(0, &place(path), commit), both.allows(0, &place(path), commit)), (or, and), "{path}");
        }
        assert!(one.names(Some(&"abcdef0123".to_owned())) && !one.names(Some(&"abcdef1123".to_owned())) && !one.names(None));
        let inside = Location { container: vec!["tests.txt".to_owned()], ..place("a.zip") };
        let joined = build(RawAllowlist { paths: some(&["zip!tests"]), ..RawAllowlist::default() }).unwrap();
        assert!(joined.allows(0, &inside, false));
    }

    #[test]
    fn mistakes_say_what_helps() {
        for (raw, message) in [
            (RawAllowlist::default(), "an allowlist needs `paths`"),
            (RawAllowlist { stop_words: some(&[""]), ..RawAllowlist::default() }, "an empty stop word"),
            (RawAllowlist { commits: some(&["main"]), ..RawAllowlist::default() }, "`main` is no commit"),
            (
                RawAllowlist { paths: some(&["a", "(b"]), ..RawAllowlist::default() },
                "`paths`: `(b` is no regular expression: unclosed group",
            ),
            (
                RawAllowlist { regexes: some(&["((a{1000}){1000}){1000}"]), ..RawAllowlist::default() },
                "`regexes`: `((a{1000}){1000}){1000}` is no regular expression: it is too large",
            ),
        ] {
            let error = build(raw).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
