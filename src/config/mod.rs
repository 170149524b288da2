//! `keysift.toml`: own rules, what to leave out, limits, accepted gaps and where the baseline is.
//!
//! - here: what the text says, wherever it comes from
//! - `allowlist`: what is no finding, by path, text, word or commit
//! - `discover`: where a repository keeps it
//! - `extends`: files that it stands on
//! - `fetch`: gets those that are elsewhere
//! - `gitleaks`: config files of gitleaks
//! - `layers`: whose word counts
//! - `places`: where an organization and a user keep theirs

pub mod allowlist;
pub mod discover;
pub mod extends;
#[cfg(feature = "network")]
pub mod fetch;
pub mod gitleaks;
pub mod layers;
pub mod places;
#[cfg(test)]
mod schema_test;

use crate::finding::Day;
use crate::rule::catalogue::{CATALOGUE_VERSION, Version};
use crate::rule::format::file::{Author, RawRule, build_rules, toml_error};
use crate::rule::{Confidence, Rule, RuleError, RuleErrors, Severity};
use crate::triage::gate::{FailOn, Incomplete};
use allowlist::{Allowlist, RawAllowlist};
use extends::{Base, RawBase};
use layers::{Layer, Said};
use serde::Deserialize;
use toml::Spanned;

/// A config file as it stands.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Config files that this one stands on: paths, or tables as below. This one changes single values of theirs and adds to
    /// their lists.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<RawBase>"))]
    extends: Vec<Spanned<RawBase>>,
    /// Globs of paths to leave out, relative to the repository or the scanned folder; as `--exclude`.
    #[serde(default)]
    exclude: Vec<String>,
    /// Ids of rules to switch off; `*` at either end stands for anything, `built-in` for all rules of keysift; as
    /// `--exclude-rule`.
    #[serde(default)]
    disable: Vec<String>,
    /// The catalogue version that the repository was set up with, as `"0.1"`: findings that only younger rules see are told as
    /// notices and fail nothing, so that an update of keysift breaks no build. `keysift rules diff 0.1 built-in` lists them.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    catalogue: Option<Spanned<String>>,
    /// Larger files are not looked at, and make the scan incomplete: `"500MB"`, `"4GB"`, `"1GiB"` or bytes; as
    /// `--max-file-size`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    max_file_size: Option<Spanned<String>>,
    /// `false`: archives stay closed; as `--no-archives`.
    archives: Option<bool>,
    /// How many archives may stand in each other; as `--max-depth`.
    max_depth: Option<usize>,
    /// How many bytes may come out of one file; as `--max-unpacked`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    max_unpacked: Option<Spanned<String>>,
    /// How many members the archives in one file may have; as `--max-members`.
    max_members: Option<u64>,
    /// Findings that are known, a file relative to this one; as `--baseline`.
    baseline: Option<String>,
    /// How many days a finding may stand in the baseline without a decision before it fails; as `--baseline-max-age`.
    baseline_max_age: Option<u32>,
    /// `false`: the `.keysiftignore` of the repository does not count; as `--no-ignore-file`.
    ignore_file: Option<bool>,
    /// `false`: comments such as `keysift:allow` do not count; as `--no-inline-allow`.
    inline_allows: Option<bool>,
    /// What fails a run: `"any"`, `"low"`, `"medium"`, `"high"`, `"critical"` or `"none"`; as `--fail-on`, whose `live` no file
    /// can ask for.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    fail_on: Option<Spanned<String>>,
    /// The exit code of a run that fails on findings, from 1 to 255; as `--exit-code`.
    #[cfg_attr(test, schemars(with = "Option<u8>", range(min = 1)))]
    exit_code: Option<Spanned<u8>>,
    /// What an incomplete run without failing findings does: `"fail"` (exit code 3) or `"warn"` (0); as `--incomplete`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    incomplete: Option<Spanned<String>>,
    /// Refused with words of its own: no file of a repository makes keysift talk to anyone.
    #[cfg_attr(test, schemars(skip))]
    verify: Option<Spanned<toml::Value>>,
    /// Keys that nobody below changes; in the policy of an organization alone.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    lock: Vec<Spanned<String>>,
    /// Gaps in coverage that someone decided to live with.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<AcceptedGap>"))]
    accept_gap: Vec<Spanned<AcceptedGap>>,
    /// What is told in some paths, where that differs.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<RawThreshold>"))]
    threshold: Vec<Spanned<RawThreshold>>,
    /// What is no finding, by path, text, word or commit.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<RawAllowlist>"))]
    allowlist: Vec<Spanned<RawAllowlist>>,
    /// Own rules, in the format of the built-in ones; one with the id of a built-in rule replaces it.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<RawRule>"))]
    rule: Vec<Spanned<RawRule>>,
}

/// What is told in some paths, as it stands.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawThreshold {
    /// A glob of the paths it is about; all where left out.
    path: Option<String>,
    /// The least confidence that is told there: `"low"`, `"medium"`, `"high"`.
    min_confidence: Option<String>,
    /// The least severity that is told there: `"low"`, `"medium"`, `"high"`, `"critical"`.
    min_severity: Option<String>,
}

/// What is told in some paths; the last one that is about a path and says something counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// A glob; all paths where left out.
    pub path: Option<String>,
    pub min_confidence: Option<Confidence>,
    pub min_severity: Option<Severity>,
}

/// The keys of a config file that layers decide on.
pub const KEYS: [&str; 19] = [
    "exclude", "disable", "catalogue", "max_file_size", "archives", "max_depth", "max_unpacked", "max_members", "baseline",
    "baseline_max_age", "ignore_file", "inline_allows", "fail_on", "exit_code", "incomplete", "accept_gap", "allowlist",
    "threshold", "rule",
];

/// What no file sets and only the command line says; a policy can lock it all the same.
pub const FLAGS: [&str; 3] = ["allow_push_option", "now", "policy_from"];

/// A gap in coverage that someone decided to live with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptedGap {
    /// The reason of the skip, as the report names it (`too_large`, `encrypted_member` …).
    pub reason: String,
    /// A glob of the paths it covers; all where left out.
    pub path: Option<String>,
    /// Why; for those who come after.
    pub note: String,
    /// The last day it counts, as `"2027-06-30"`; for good where left out. An expired gap is told and counts no longer.
    pub until: Option<String>,
}

/// What a config file says.
#[derive(Debug, Default)]
pub struct Config {
    /// What it stands on.
    pub extends: Vec<Base>,
    pub exclude: Vec<String>,
    pub disable: Vec<String>,
    /// Findings of rules younger than this version fail nothing.
    pub catalogue: Option<Version>,
    pub max_file_size: Option<u64>,
    /// Whether archives are opened, how deep, how many bytes may come out of one file, and how many members.
    pub archives: Option<bool>,
    pub max_depth: Option<usize>,
    pub max_unpacked: Option<u64>,
    pub max_members: Option<u64>,
    /// Where the baseline is, relative to the config file.
    pub baseline: Option<String>,
    /// How many days a finding may stand in it without a decision.
    pub baseline_max_age: Option<u32>,
    /// Whether the ignore file of the repository, and comments in what is scanned, count.
    pub ignore_file: Option<bool>,
    pub inline_allows: Option<bool>,
    /// What fails a run, and how it ends then.
    pub fail_on: Option<FailOn>,
    pub exit_code: Option<u8>,
    pub incomplete: Option<Incomplete>,
    pub accept_gap: Vec<AcceptedGap>,
    pub allowlists: Vec<Allowlist>,
    pub thresholds: Vec<Threshold>,
    pub rules: Vec<Rule>,
    pub warnings: Vec<RuleError>,
    /// The keys of the file, each with its line.
    pub said: Vec<Said>,
    /// The keys that later layers cannot change, each with its line.
    pub lock: Vec<(String, usize)>,
}

impl Config {
    /// Reads the text of a repository's config file; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything wrong with it, each with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleErrors> {
        Self::parse_of(file, text, Layer::Repository)
    }

    /// Reads the text of a config file of `layer`; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything wrong with it, each with its line.
    pub fn parse_of(file: &str, text: &str, layer: Layer) -> Result<Self, RuleErrors> {
        let raw: Raw = toml::from_str(text).map_err(|e| RuleErrors(vec![toml_error(file, text, &e)]))?;
        let line = |offset: usize| 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset]).count();
        let problem = |offset: usize, message: String| {
            RuleErrors(vec![RuleError { file: file.to_owned(), line: line(offset), rule: None, message, warning: false }])
        };
        let mut config = Self { exclude: raw.exclude, disable: raw.disable, baseline: raw.baseline, ..Self::default() };
        if let Some(verify) = raw.verify {
            let message = "a config file cannot ask for verification: `verify` is for the one who runs keysift to say";
            return Err(problem(verify.span().start, message.into()));
        }
        for key in raw.lock {
            let start = key.span().start;
            let key = key.into_inner();
            if layer != Layer::Policy {
                return Err(problem(start, "`lock` is for the policy of an organization: this file cannot lock anything".into()));
            }
            if !layers::is_lockable(&key) {
                let all = [&KEYS[..], &FLAGS].concat();
                let hint = crate::rule::format::file::nearest(&key, &all).map_or_else(
                    || format!("one of {}, or `*` for all", all.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(problem(start, format!("`{key}` is no key that can be locked: {hint}")));
            }
            config.lock.push((key, line(start)));
        }
        for base in raw.extends {
            let start = base.span().start;
            let base = Base::read(base.into_inner(), line(start)).map_err(|message| problem(start, message))?;
            config.extends.push(base);
        }
        for glob in &config.exclude {
            globset::Glob::new(glob).map_err(|e| problem(0, format!("`exclude`: {e}")))?;
        }
        if let Some(version) = raw.catalogue {
            let known = Version::parse(version.get_ref()).filter(|v| *v <= Version::current());
            let message = || format!("`{}` is no catalogue version up to this keysift's {CATALOGUE_VERSION}", version.get_ref());
            config.catalogue = Some(known.ok_or_else(|| problem(version.span().start, message()))?);
        }
        let bytes = |size: Option<Spanned<String>>| {
            let Some(size) = size else { return Ok(None) };
            parse_size(size.get_ref()).map(Some).ok_or_else(|| {
                problem(size.span().start, format!("`{}` is no size: write for example \"500MB\" or \"4GB\"", size.get_ref()))
            })
        };
        config.max_file_size = bytes(raw.max_file_size)?;
        config.max_unpacked = bytes(raw.max_unpacked)?;
        (config.archives, config.max_depth, config.max_members) = (raw.archives, raw.max_depth, raw.max_members);
        (config.ignore_file, config.inline_allows) = (raw.ignore_file, raw.inline_allows);
        config.baseline_max_age = raw.baseline_max_age;
        if let Some(word) = raw.fail_on {
            config.fail_on = Some(fail_on(word.get_ref()).map_err(|message| problem(word.span().start, message))?);
        }
        if let Some(code) = raw.exit_code {
            if *code.get_ref() == 0 {
                let message = "`exit_code = 0` would tell nobody of findings: `fail_on = \"none\"` says that they fail nothing";
                return Err(problem(code.span().start, message.into()));
            }
            config.exit_code = Some(code.into_inner());
        }
        if let Some(word) = raw.incomplete {
            let read = Incomplete::parse(word.get_ref());
            let wrong = |hint| problem(word.span().start, format!("`incomplete` is {hint}, not `{}`", word.get_ref()));
            config.incomplete = Some(read.map_err(wrong)?);
        }
        for gap in raw.accept_gap {
            let start = gap.span().start;
            let gap = gap.into_inner();
            let reasons: Vec<&str> = crate::source::SkipReason::ALL.iter().map(|r| r.as_str()).collect();
            if !reasons.contains(&gap.reason.as_str()) {
                return Err(problem(start, format!("`{}` is no reason of a skip: one of {}", gap.reason, reasons.join(", "))));
            }
            if gap.until.as_ref().is_some_and(|u| Day::parse(u).is_none()) {
                return Err(problem(start, "`until` is a day such as 2026-12-31".into()));
            }
            if let Some(Err(e)) = gap.path.as_deref().map(globset::Glob::new) {
                return Err(problem(start, format!("`path`: {e}")));
            }
            config.accept_gap.push(gap);
        }
        for (n, table) in raw.allowlist.into_iter().enumerate() {
            let start = table.span().start;
            let built = Allowlist::build(table.into_inner(), &format!("allowlist {} of {file}", n + 1));
            config.allowlists.push(built.map_err(|message| problem(start, message))?);
        }
        for threshold in raw.threshold {
            let start = threshold.span().start;
            config.thresholds.push(Threshold::read(threshold.into_inner()).map_err(|message| problem(start, message))?);
        }
        config.said = said(text);
        let author = if layer <= Layer::User { Author::User } else { Author::Config };
        (config.rules, config.warnings) = build_rules(file, text, author, ("", ""), raw.rule)?;
        Ok(config)
    }

    /// Takes the right to ask providers from its rules: the file stands in what is scanned, whoever named it.
    pub fn distrust(&mut self) {
        for verify in self.rules.iter_mut().filter_map(|rule| rule.verify.as_mut()) {
            verify.trusted = false;
        }
    }

    /// Takes what `nearer` says of `key`: a single value replaces the one that is here, a list adds to it. Says whether it
    /// is a key that layers decide on.
    fn take(&mut self, key: &str, nearer: &mut Self) -> bool {
        match key {
            "exclude" => self.exclude.append(&mut nearer.exclude),
            "disable" => self.disable.append(&mut nearer.disable),
            "catalogue" => self.catalogue = nearer.catalogue,
            "max_file_size" => self.max_file_size = nearer.max_file_size,
            "archives" => self.archives = nearer.archives,
            "max_depth" => self.max_depth = nearer.max_depth,
            "max_unpacked" => self.max_unpacked = nearer.max_unpacked,
            "max_members" => self.max_members = nearer.max_members,
            "baseline" => self.baseline = nearer.baseline.take(),
            "baseline_max_age" => self.baseline_max_age = nearer.baseline_max_age,
            "ignore_file" => self.ignore_file = nearer.ignore_file,
            "inline_allows" => self.inline_allows = nearer.inline_allows,
            "fail_on" => self.fail_on = nearer.fail_on,
            "exit_code" => self.exit_code = nearer.exit_code,
            "incomplete" => self.incomplete = nearer.incomplete,
            "accept_gap" => self.accept_gap.append(&mut nearer.accept_gap),
            "threshold" => self.thresholds.append(&mut nearer.thresholds),
            "allowlist" => self.allowlists.append(&mut nearer.allowlists),
            "rule" => self.rules.append(&mut nearer.rules),
            _ => return false,
        }
        true
    }
}

impl Threshold {
    fn read(raw: RawThreshold) -> Result<Self, String> {
        if raw.min_confidence.is_none() && raw.min_severity.is_none() {
            return Err("a threshold needs `min_confidence` or `min_severity`".to_owned());
        }
        if let Some(Err(e)) = raw.path.as_deref().map(globset::Glob::new) {
            return Err(format!("`path`: {e}"));
        }
        let sure =
            |word: String| Confidence::parse(&word).ok_or_else(|| format!("`{word}` is no confidence: one of low, medium, high"));
        let severe = |word: String| {
            Severity::parse(&word).ok_or_else(|| format!("`{word}` is no severity: one of low, medium, high, critical"))
        };
        Ok(Self {
            path: raw.path,
            min_confidence: raw.min_confidence.map(sure).transpose()?,
            min_severity: raw.min_severity.map(severe).transpose()?,
        })
    }
}

/// Reads `fail_on`. What asks providers is for the one who runs keysift to say.
fn fail_on(word: &str) -> Result<FailOn, String> {
    match FailOn::parse(word) {
        Ok(FailOn::Live { .. }) => Err("a config file cannot ask for verification: `live` is for --fail-on".to_owned()),
        Ok(read) => Ok(read),
        Err(_) => Err(format!("`fail_on` is one of any, low, medium, high, critical, none, not `{word}`")),
    }
}

/// The keys of a file that can be read, in the order of their lines.
fn said(text: &str) -> Vec<Said> {
    use toml::de::{DeTable, DeValue};
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let mut whole = toml::from_str::<serde_json::Map<String, serde_json::Value>>(text).unwrap_or_default();
    let mut said: Vec<Said> = table
        .into_inner()
        .iter()
        .filter(|(key, _)| KEYS.contains(&key.get_ref().as_ref()))
        .map(|(key, value)| {
            let start = key.span().start.min(value.span().start);
            let written = match value.get_ref() {
                DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))) => {
                    format!("{} of them", items.len())
                }
                _ => text.get(value.span()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
            };
            let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count();
            let data = whole.remove::<str>(key.get_ref()).unwrap_or_default();
            Said { key: key.get_ref().to_string(), value: written, data, line }
        })
        .collect();
    said.sort_by_key(|said| said.line);
    said
}

/// Reads `500`, `20kB`, `8MB`, `4GB`, `1GiB`: bytes.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("8MB"), Some(8_000_000));
        assert_eq!(parse_size("1 GiB"), Some(1 << 30));
        assert_eq!(parse_size("many"), None);
    }

    #[test]
    fn layers_decide_on_every_key() {
        for key in KEYS {
            assert!(Config::default().take(key, &mut Config::default()), "{key}");
            // A value of a wrong type is found out only where the key is known.
            let error = toml::from_str::<Raw>(&format!("{key} = 1979-05-27")).expect_err(key).to_string();
            assert!(!error.contains("unknown field"), "{error}");
        }
        let all = said("exclude = [\n  \"a\",\n  \"b\"]\n[[threshold]]\nmin_severity = \"high\"\n");
        assert_eq!((&all[0].value[..], all[0].line, &all[1].value[..], all[1].line), ("[ \"a\", \"b\"]", 1, "1 of them", 4));
    }

    #[test]
    fn errors_name_file_line_and_nearest_key() {
        let error = Config::parse("keysift.toml", "exclude = []\nmax_file_sise = \"1MB\"\n").unwrap_err();
        assert_eq!(error.to_string(), "keysift.toml:2: unknown key `max_file_sise`: did you mean `max_file_size`?");
        for (text, message) in [
            ("[[accept_gap]]\nreason = \"boredom\"\nnote = \"x\"\n", "k.toml:1: `boredom` is no reason"),
            ("\nfail_on = \"live\"\n", "k.toml:2: a config file cannot ask for verification"),
            ("fail_on = \"hihg\"\n", "k.toml:1: `fail_on` is one of any, low, medium, high, critical, none, not `hihg`"),
            ("exit_code = 0\n", "k.toml:1: `exit_code = 0` would tell nobody of findings: `fail_on = \"none\"`"),
            ("incomplete = \"ignore\"\n", "k.toml:1: `incomplete` is one of fail, warn, not `ignore`"),
        ] {
            let error = Config::parse("k.toml", text).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
