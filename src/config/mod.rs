//! `keysift.toml`: own rules, what to leave out, limits, accepted gaps and where the baseline is.
//!
//! - here: what the text says, wherever it comes from
//! - `allowlist`: what is no finding, by path, text, word or commit
//! - `discover`: where a repository keeps it

pub mod allowlist;
pub mod discover;

use crate::finding::Day;
use crate::rule::catalogue::{CATALOGUE_VERSION, Version};
use crate::rule::format::file::{Author, RawRule, build_rules, toml_error};
use crate::rule::{Rule, RuleError, RuleErrors};
use allowlist::{Allowlist, RawAllowlist};
use serde::Deserialize;
use toml::Spanned;

/// A config file as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Globs of paths to leave out.
    #[serde(default)]
    exclude: Vec<String>,
    /// Ids of rules to switch off.
    #[serde(default)]
    disable: Vec<String>,
    /// The catalogue version that the repository was set up with.
    catalogue: Option<Spanned<String>>,
    max_file_size: Option<Spanned<String>>,
    /// Whether archives are opened.
    archives: Option<bool>,
    max_depth: Option<usize>,
    max_unpacked: Option<Spanned<String>>,
    max_members: Option<u64>,
    /// The baseline, relative to the config file.
    baseline: Option<String>,
    /// Refused with words of its own: no file of a repository makes keysift talk to anyone.
    verify: Option<Spanned<toml::Value>>,
    #[serde(default)]
    accept_gap: Vec<Spanned<AcceptedGap>>,
    #[serde(default)]
    allowlist: Vec<Spanned<RawAllowlist>>,
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
}

/// A gap in coverage that someone decided to live with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedGap {
    /// The reason of the skip, as the report names it.
    pub reason: String,
    /// A glob of the paths it covers; all where left out.
    pub path: Option<String>,
    /// Why.
    pub note: String,
    /// The last day it counts, `2026-12-31`.
    pub until: Option<String>,
}

/// What a config file says.
#[derive(Debug, Default)]
pub struct Config {
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
    pub accept_gap: Vec<AcceptedGap>,
    pub allowlists: Vec<Allowlist>,
    pub rules: Vec<Rule>,
    pub warnings: Vec<RuleError>,
}

impl Config {
    /// Reads a config file's text; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything wrong with it, each with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleErrors> {
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
        (config.rules, config.warnings) = build_rules(file, text, Author::Config, ("", ""), raw.rule)?;
        Ok(config)
    }
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
    fn errors_name_file_line_and_nearest_key() {
        let error = Config::parse("keysift.toml", "exclude = []\nmax_file_sise = \"1MB\"\n").unwrap_err();
        assert_eq!(error.to_string(), "keysift.toml:2: unknown key `max_file_sise`: did you mean `max_file_size`?");
        let error = Config::parse("k.toml", "[[accept_gap]]\nreason = \"boredom\"\nnote = \"x\"\n").unwrap_err();
        assert!(error.to_string().starts_with("k.toml:1: `boredom` is no reason"), "{error}");
    }
}
