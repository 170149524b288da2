//! Rule files: TOML in, rules or errors with their places out.

use serde::Deserialize;
use std::fmt;
use toml::Spanned;

use super::model::{
    AssignmentClass, Bounds, Checksum, ChecksumKind, Confidence, Counterexample, Example, FIRST_CATALOGUE, Kind, MAX_MATCH, Near,
    OnFail, Remedy, Rule, Run, Scope, Severity, StructureKind,
};
use super::verify::{self, RawVerify};
use super::{pattern, program, proof};

/// One thing wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file as it was named.
    pub file: String,
    /// 1-based; 0 where no place is known.
    pub line: usize,
    /// The rule it is about, if any.
    pub rule: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
    /// A mere advice: the rule works.
    pub warning: bool,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", if self.warning { "warning: " } else { "" })?;
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors(pub Vec<RuleError>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    provider: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
}

/// A `[[rule]]` table as it stands in a file; config files embed it too.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    #[cfg_attr(test, schemars(with = "String"))]
    id: Spanned<String>,
    #[serde(default)]
    formerly: Vec<String>,
    since: Option<String>,
    provider: Option<String>,
    name: Option<String>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    severity: Option<Spanned<String>>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    format_confidence: Option<Spanned<String>>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    kind: Option<Spanned<String>>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    keywords: Option<Spanned<Vec<String>>>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pattern: Option<Spanned<String>>,
    #[serde(default)]
    assigned: Vec<String>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    assignment: Option<Spanned<String>>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    until: Option<Spanned<String>>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    scope: Option<Spanned<String>>,
    #[serde(default)]
    entropy: f32,
    checksum: Option<RawChecksum>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    structure: Option<Spanned<String>>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    path: Option<Spanned<String>>,
    #[serde(default)]
    near: Vec<RawNear>,
    #[serde(default)]
    remedy: RawRemedy,
    #[cfg_attr(test, schemars(with = "Option<RawVerify>"))]
    verify: Option<Spanned<RawVerify>>,
    #[serde(default)]
    example: Vec<RawExample>,
    #[serde(default)]
    counterexample: Vec<RawCounterexample>,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawChecksum {
    #[cfg_attr(test, schemars(with = "String"))]
    kind: Spanned<String>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    on_fail: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawNear {
    name: String,
    rule: String,
    within_lines: u32,
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawRemedy {
    #[serde(default)]
    rotate: String,
    #[serde(default)]
    steps: String,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawExample {
    secret: String,
    text: String,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawCounterexample {
    text: String,
    #[serde(default)]
    but: Vec<String>,
}

/// Who wrote a file: built-in rules must carry examples and a remedy, for users these are advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    BuiltIn,
    /// A file of rules that the user named, their config, or the policy of their organization.
    User,
    /// The config file of a repository, which may be the scanned one: its rules ask nobody.
    Config,
}

/// Reads a rule file and proves its rules. Warnings come beside the rules.
///
/// # Errors
/// Everything wrong with the file, each with its line.
pub fn parse_rule_file(file: &str, text: &str, author: Author) -> Result<(Vec<Rule>, Vec<RuleError>), RuleErrors> {
    let raw: RawFile = toml::from_str(text).map_err(|e| RuleErrors(vec![toml_error(file, text, &e)]))?;
    build_rules(file, text, author, (&raw.provider, &raw.url), raw.rule)
}

/// Proves the `[[rule]]` tables of a file.
///
/// # Errors
/// Everything wrong with them, each with its line.
pub fn build_rules(
    file: &str,
    text: &str,
    author: Author,
    (provider, url): (&str, &str),
    tables: Vec<Spanned<RawRule>>,
) -> Result<(Vec<Rule>, Vec<RuleError>), RuleErrors> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut problems = Vec::new();
    for table in tables {
        let start = table.span().start;
        let mut builder =
            Builder { file, text, rule: table.get_ref().id.get_ref().clone(), problems: &mut problems, table_start: start };
        if let Some(rule) = builder.build(table.into_inner(), provider, url, author) {
            if rules.iter().any(|r| r.id == rule.id) {
                builder.error(start, "stands twice in this file".into());
            }
            rules.push(rule);
        }
    }
    if problems.iter().any(|p| !p.warning) { Err(RuleErrors(problems)) } else { Ok((rules, problems)) }
}

/// Turns a TOML error into ours: with the line, and the nearest key for an unknown one.
#[must_use]
pub fn toml_error(file: &str, text: &str, error: &toml::de::Error) -> RuleError {
    let line = error.span().map_or(0, |span| line_of(text, span.start));
    let mut message = error.message().trim().replace('\n', " ");
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let mut words = rest.split('`').step_by(2);
        let key = words.next().unwrap_or_default().to_owned();
        let known: Vec<&str> = words.collect();
        let nearest = nearest(&key, &known);
        message = match nearest {
            Some(near) => format!("unknown key `{key}`: did you mean `{near}`?"),
            None => format!("unknown key `{key}`: the keys here are {}", known.join(", ")),
        };
    }
    RuleError { file: file.to_owned(), line, rule: None, message, warning: false }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&b| b == b'\n').count()
}

/// The word nearest to `word`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|k| (distance(word, k), *k))
        .min()
        .filter(|(d, k)| *d <= 1 + k.len() / 4 || k.starts_with(word) || word.starts_with(k))
        .map(|(_, k)| k)
}

/// Levenshtein distance over bytes.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// What is proven of a rule's pattern.
struct Proven {
    keywords: Vec<String>,
    bounds: Bounds,
    /// The whole of it; `None` for rules that have none.
    pattern: Option<String>,
    program: Vec<u8>,
}

struct Builder<'a> {
    file: &'a str,
    text: &'a str,
    rule: String,
    problems: &'a mut Vec<RuleError>,
    table_start: usize,
}

impl Builder<'_> {
    fn problem(&mut self, offset: usize, message: String, warning: bool) {
        self.problems.push(RuleError {
            file: self.file.to_owned(),
            line: line_of(self.text, offset),
            rule: Some(self.rule.clone()),
            message,
            warning,
        });
    }

    fn error(&mut self, offset: usize, message: String) {
        self.problem(offset, message, false);
    }

    /// Reads one of a fixed list of words.
    fn word<T: Copy>(&mut self, value: Option<&Spanned<String>>, what: &str, known: &[(&str, T)], default: T) -> T {
        let Some(value) = value else { return default };
        if let Some((_, found)) = known.iter().find(|(name, _)| name == value.get_ref()) {
            return *found;
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let hint = nearest(value.get_ref(), &names)
            .map_or_else(|| format!("one of {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        self.error(value.span().start, format!("`{}` is no {what}: {hint}", value.get_ref()));
        default
    }

    fn build(&mut self, raw: RawRule, provider: &str, url: &str, author: Author) -> Option<Rule> {
        let errors_before = self.problems.iter().filter(|p| !p.warning).count();
        let id = raw.id.get_ref();
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            self.error(raw.id.span().start, "an id is made of lower-case letters, digits and dashes".into());
        }
        let severities = Severity::ALL.map(|s| (s.as_str(), s));
        let levels = Confidence::ALL.map(|c| (c.as_str(), c));
        let severity = self.word(raw.severity.as_ref(), "severity", &severities, Severity::High);
        let format_confidence = self.word(raw.format_confidence.as_ref(), "confidence", &levels, Confidence::Medium);
        let kind = self.word(raw.kind.as_ref(), "kind", &Kind::ALL.map(|k| (k.as_str(), k)), Kind::Provider);
        let scope = self.word(raw.scope.as_ref(), "scope", &[("window", Scope::Window), ("blob", Scope::Blob)], Scope::Window);
        let checksum = raw.checksum.as_ref().map(|c| Checksum {
            kind: self.word(Some(&c.kind), "checksum", &ChecksumKind::NAMES, ChecksumKind::Github),
            on_fail: self.word(
                c.on_fail.as_ref(),
                "way to fail",
                &[("lower", OnFail::Lower), ("reject", OnFail::Reject)],
                OnFail::Lower,
            ),
        });
        if let Some(since) = raw.since.as_deref().filter(|s| !is_version(s)) {
            self.error(raw.id.span().start, format!("`since` is a catalogue version such as {FIRST_CATALOGUE}, not `{since}`"));
        }
        let structure =
            raw.structure.as_ref().map(|s| self.word(Some(s), "structure", &StructureKind::NAMES, StructureKind::Jwt));
        let assignment = raw
            .assignment
            .as_ref()
            .map(|a| self.word(Some(a), "class of assignments", &AssignmentClass::NAMES, AssignmentClass::Secret));
        self.advise(&raw, author);
        let Proven { keywords, bounds, pattern, mut program } = self.prove(&raw, scope, assignment.is_some())?;
        if let Some(path) = &raw.path
            && let Some(hir) = self.regex(path, "path")
            && pattern.is_none()
        {
            program = program::of(&hir);
        }
        let companions: Vec<String> = raw.near.iter().map(|n| n.name.clone()).collect();
        let verify = raw.verify.and_then(|table| {
            let place = table.span().start;
            match verify::build(table.into_inner(), &companions, author != Author::Config) {
                Ok(verify) => Some(verify),
                Err(wrong) => {
                    for message in wrong {
                        self.error(place, message);
                    }
                    None
                }
            }
        });
        if self.problems.iter().filter(|p| !p.warning).count() > errors_before {
            return None;
        }
        let provider = raw.provider.unwrap_or_else(|| provider.to_owned());
        Some(Rule {
            name: leak(raw.name.unwrap_or_else(|| id.clone())),
            id: leak(id.clone()),
            formerly: leak_list(raw.formerly),
            since: raw.since.map_or(FIRST_CATALOGUE, leak),
            provider: leak(provider),
            url: leak(url.to_owned()),
            severity,
            format_confidence,
            kind: if assignment.is_some() { Kind::Generic } else { kind },
            keywords: leak_list(keywords),
            pattern: pattern.map(leak),
            until: raw.until.map(|u| leak(u.into_inner())),
            scope,
            entropy: raw.entropy,
            checksum,
            structure,
            path: raw.path.map(|p| leak(p.into_inner())),
            near: raw
                .near
                .into_iter()
                .map(|n| Near { name: leak(n.name), rule: leak(n.rule), within_lines: n.within_lines, required: n.required })
                .collect::<Vec<_>>()
                .leak(),
            assignment,
            remedy: Remedy { rotate: leak(raw.remedy.rotate), steps: leak(raw.remedy.steps) },
            verify,
            examples: raw
                .example
                .into_iter()
                .map(|e| Example { secret: leak(e.secret), text: leak(e.text) })
                .collect::<Vec<_>>()
                .leak(),
            counterexamples: raw
                .counterexample
                .into_iter()
                .map(|c| Counterexample { text: leak(c.text), but: leak_list(c.but) })
                .collect::<Vec<_>>()
                .leak(),
            bounds,
            program: program.leak(),
        })
    }

    /// What a good rule has and this one lacks: an error in the catalogue, a warning in a user's file.
    fn advise(&mut self, raw: &RawRule, author: Author) {
        let warning = author != Author::BuiltIn;
        let path_only = raw.pattern.is_none() && raw.assignment.is_none() && raw.path.is_some();
        let mut lacks = Vec::new();
        if raw.name.is_none() {
            lacks.push("a `name`");
        }
        if raw.severity.is_none() {
            lacks.push("a `severity`");
        }
        if raw.remedy.steps.is_empty() {
            lacks.push("remedy `steps`");
        }
        if raw.example.len() < 2 && !path_only {
            lacks.push("two examples");
        }
        if raw.counterexample.is_empty() && !path_only {
            lacks.push("a counterexample");
        }
        if !lacks.is_empty() {
            self.problem(self.table_start, format!("has not got {}", lacks.join(", ")), warning);
        }
    }

    fn regex(&mut self, source: &Spanned<String>, what: &str) -> Option<regex_syntax::hir::Hir> {
        match pattern::parse(source.get_ref()) {
            Ok(hir) => Some(hir),
            Err(e) => {
                self.error(source.span().start, format!("the {what} is no valid regular expression: {}", regex_problem(&e)));
                None
            }
        }
    }

    /// What is proven of a rule's pattern; `None` after an error.
    fn prove(&mut self, raw: &RawRule, scope: Scope, is_assignment: bool) -> Option<Proven> {
        let no_bounds = Bounds { before: 0, max_len: 0, secret: Run::ANY, needs: None };
        let Some(source) = &raw.pattern else {
            if raw.path.is_none() && !is_assignment {
                self.error(self.table_start, "needs a `pattern`, or a `path`".into());
            }
            return Some(Proven { keywords: Vec::new(), bounds: no_bounds, pattern: None, program: Vec::new() });
        };
        if is_assignment {
            self.error(source.span().start, "has a `pattern` and an `assignment`: give one of them".into());
            return None;
        }
        self.regex(source, "pattern")?;
        let place = source.span().start;
        let mut keywords: Vec<String> = Vec::new();
        let whole = if raw.assigned.is_empty() {
            source.get_ref().clone()
        } else {
            keywords = raw.assigned.iter().flat_map(|w| pattern::spellings(w)).collect();
            pattern::assigned(&raw.assigned, source.get_ref())
        };
        let hir = match pattern::parse(&whole) {
            Ok(hir) => hir,
            Err(e) => {
                self.error(place, format!("`assigned` and the pattern make no valid regular expression: {e}"));
                return None;
            }
        };
        let keyword_place = raw.keywords.as_ref().map_or(place, |k| k.span().start);
        if let Some(given) = &raw.keywords {
            keywords = given.get_ref().iter().map(|k| k.to_ascii_lowercase()).collect();
        }
        if keywords.is_empty() {
            let Some(found) = proof::derive_keywords(&hir) else {
                if scope == Scope::Blob {
                    return Some(Proven { keywords, bounds: no_bounds, pattern: Some(whole), program: Vec::new() });
                }
                self.error(place, no_keyword_help(&proof::Failure::NoLiteral, &keywords));
                return None;
            };
            keywords = found;
        }
        keywords.sort();
        keywords.dedup();
        if let Some(bad) = keywords.iter().find(|k| k.len() < 2 || !k.is_ascii()) {
            self.error(keyword_place, format!("keyword `{bad}` must be ASCII and at least 2 bytes long"));
            return None;
        }
        if let Some(until) = &raw.until {
            let closing = self.regex(until, "closing marker (`until`)")?;
            if proof::max_len(&closing).is_none_or(|n| n == 0 || n > MAX_MATCH as usize) {
                self.error(until.span().start, "the closing marker must match between 1 and 4096 bytes".into());
                return None;
            }
        }
        let limit = if scope == Scope::Blob { usize::MAX } else { MAX_MATCH as usize };
        match proof::bounds(&hir, &keywords, limit) {
            Ok(bounds) => {
                // What a closing marker ends may go on behind the window.
                let secret = if raw.until.is_some() { Run::ANY } else { bounds.secret };
                let program = program::of(&hir);
                Some(Proven { keywords, bounds: Bounds { secret, ..bounds }, pattern: Some(whole), program })
            }
            // A keyword anywhere has the whole of it searched.
            Err(proof::Failure::TooLong(_) | proof::Failure::NoKeyword(_)) if scope == Scope::Blob => {
                Some(Proven { keywords, bounds: no_bounds, pattern: Some(whole), program: Vec::new() })
            }
            Err(failure) => {
                let place = if matches!(failure, proof::Failure::NoKeyword(_)) { keyword_place } else { place };
                self.error(place, no_keyword_help(&failure, &keywords));
                None
            }
        }
    }
}

/// What the regex parser says, without its drawing of the pattern.
fn regex_problem(error: &regex_syntax::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn no_keyword_help(failure: &proof::Failure, keywords: &[String]) -> String {
    match failure {
        proof::Failure::NoKeyword(text) => format!(
            "the pattern matches `{text}`, which contains none of the keywords ({}): add a keyword for it, or narrow the pattern",
            keywords.join(", ")
        ),
        proof::Failure::TooLong(Some(n)) => format!(
            "a match can be {n} bytes long, the limit is {MAX_MATCH}: narrow the repetitions, or give the closing marker as `until`, or set scope = \"blob\""
        ),
        proof::Failure::TooLong(None) => format!(
            "a match has no length limit (a `*`, `+` or `{{n,}}` without upper bound): bound it to {MAX_MATCH} bytes in all, or give the closing marker as `until`, or set scope = \"blob\""
        ),
        proof::Failure::TooComplex => "the pattern is too large to prove: split it into several rules".to_owned(),
        proof::Failure::NoLiteral => {
            "no literal of 3 bytes or more is in every match: give `keywords`, or `assigned` words for a body that means nothing by itself; scope = \"blob\" searches every file, which is slow".to_owned()
        }
    }
}

/// `0.1`: two numbers.
fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn leak(text: String) -> &'static str {
    if text.is_empty() { "" } else { text.leak() }
}

fn leak_list(list: Vec<String>) -> &'static [&'static str] {
    list.into_iter().map(leak).collect::<Vec<_>>().leak()
}
