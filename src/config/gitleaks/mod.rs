//! Config files of gitleaks, written anew as config of keysift.
//!
//! What comes out is the text of a `keysift.toml` and what was said in gitleaks' file and has no equal. There is one way from
//! one to the other, whether the text is only read or kept.
//!
//! - here: what the files say together
//! - `write`: how that is said in our words
//! - `regex`: Go's syntax of regexes
//! - `ids.in`: gitleaks' default rules, and ours for the same credential
//!
//! <https://github.com/gitleaks/gitleaks#configuration>

pub mod regex;
mod write;

use crate::rule::format::file::toml_error;
use serde::Deserialize;
use std::collections::BTreeSet;
use write::Writer;

/// The ids of gitleaks' default rules, each with ours for the same credential: none where keysift finds no such thing.
const IDS: &[(&str, &[&str])] = &include!("ids.in");
/// How many files may extend each other, as in gitleaks.
const MAX_EXTENDED: usize = 2;

/// Our ids for the rule that gitleaks' default config calls `id`; `None` where it has no such rule.
#[must_use]
pub fn ours(id: &str) -> Option<&'static [&'static str]> {
    IDS.binary_search_by_key(&id, |(theirs, _)| theirs).ok().map(|n| IDS[n].1)
}

/// An id in the form of ours: lower case, digits and dashes.
#[must_use]
pub fn slug(id: &str) -> String {
    let dashed: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = dashed.split('-').filter(|w| !w.is_empty()).collect();
    words.join("-")
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawConfig {
    #[serde(default)]
    extend: Extend,
    #[serde(default)]
    rules: Vec<RawRule>,
    allowlist: Option<RawAllowlist>,
    #[serde(default)]
    allowlists: Vec<RawAllowlist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extend {
    #[serde(default)]
    path: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    use_default: bool,
    #[serde(default)]
    disabled_rules: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    #[serde(default)]
    id: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    regex: String,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    skip_report: bool,
    #[serde(default)]
    required: Vec<Required>,
    allowlist: Option<RawAllowlist>,
    #[serde(default)]
    allowlists: Vec<RawAllowlist>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Required {
    #[serde(default)]
    id: String,
    within_lines: Option<u32>,
    within_columns: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAllowlist {
    #[serde(default)]
    description: String,
    #[serde(default)]
    condition: String,
    #[serde(default)]
    target_rules: Vec<String>,
    #[serde(default)]
    regex_target: String,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default, alias = "stopWords")]
    stopwords: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
}

/// A config of gitleaks in our words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The text of a `keysift.toml`.
    pub toml: String,
    /// What has no equal, a sentence each.
    pub notes: Vec<String>,
}

/// What two files that extend each other come to.
#[derive(Default)]
struct Whole {
    rules: Vec<RawRule>,
    allowlists: Vec<RawAllowlist>,
    disabled: BTreeSet<String>,
    use_default: bool,
}

/// Reads a file that a config extends, or says why not.
pub type Open<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// Reads a config of gitleaks; `open` reads a file that it extends.
///
/// # Errors
/// What is wrong with it, with the file's name.
pub fn translate(file: &str, text: &str, open: &Open<'_>) -> Result<Translated, String> {
    let mut whole = Whole::default();
    whole.add(file, text, open, 0)?;
    let mut writer = Writer::default();
    writer.whole(file, &whole)?;
    Ok(writer.translated())
}

impl Whole {
    /// Whether gitleaks' default rules are among those of the file.
    const fn has_default_rules(&self) -> bool {
        self.use_default
    }

    fn add(&mut self, file: &str, text: &str, open: &Open<'_>, depth: usize) -> Result<(), String> {
        let raw: RawConfig = toml::from_str(text).map_err(|e| toml_error(file, text, &e).to_string())?;
        if !raw.extend.url.is_empty() {
            return Err(format!(
                "{file}: `extend.url` is not read, by gitleaks neither: keep the file beside this one, as `extend.path`"
            ));
        }
        if !raw.extend.path.is_empty() && raw.extend.use_default {
            return Err(format!(
                "{file}: `extend.path` and `extend.useDefault` exclude each other, in gitleaks too: leave one out"
            ));
        }
        if raw.allowlist.is_some() && !raw.allowlists.is_empty() {
            return Err(format!(
                "{file}: `[allowlist]` and `[[allowlists]]` exclude each other, in gitleaks too: write `[[allowlists]]`"
            ));
        }
        for rule in raw.rules {
            if rule.id.is_empty() {
                return Err(format!("{file}: a rule has no `id`"));
            }
            if rule.allowlist.is_some() && !rule.allowlists.is_empty() {
                return Err(format!(
                    "{file}: rule `{}`: `[rules.allowlist]` and `[[rules.allowlists]]` exclude each other",
                    rule.id
                ));
            }
            self.rule(rule);
        }
        self.allowlists.extend(raw.allowlist.into_iter().chain(raw.allowlists));
        if depth < MAX_EXTENDED {
            // What is disabled is so in the file that is extended alone.
            if !raw.extend.path.is_empty() {
                let mut base = Self::default();
                base.add(&raw.extend.path, &open(&raw.extend.path)?, open, depth + 1)?;
                base.rules.retain(|r| !raw.extend.disabled_rules.contains(&r.id));
                base.rules.into_iter().for_each(|rule| self.rule(rule));
                self.allowlists.extend(base.allowlists);
                self.disabled.extend(base.disabled);
                self.use_default |= base.use_default;
            }
            self.use_default |= raw.extend.use_default;
            self.disabled.extend(raw.extend.disabled_rules);
        }
        Ok(())
    }

    /// Adds a rule; one that is there says more than one of a file that is extended, and both say it where they say lists.
    fn rule(&mut self, base: RawRule) {
        let Some(rule) = self.rules.iter_mut().find(|r| r.id == base.id) else {
            self.rules.push(base);
            return;
        };
        let first = |mine: &mut String, base: String| {
            if mine.is_empty() {
                *mine = base;
            }
        };
        first(&mut rule.description, base.description);
        first(&mut rule.regex, base.regex);
        first(&mut rule.path, base.path);
        if rule.secret_group == 0 {
            rule.secret_group = base.secret_group;
        }
        if rule.entropy == 0.0 {
            rule.entropy = base.entropy;
        }
        rule.keywords.extend(base.keywords);
        rule.tags.extend(base.tags);
        rule.allowlists.extend(rule.allowlist.take());
        rule.allowlists.extend(base.allowlist.into_iter().chain(base.allowlists));
    }
}

#[cfg(test)]
mod tests {
    use super::{IDS, ours, translate};
    use crate::rule::RuleSet;

    #[test]
    fn the_table_is_sorted_and_names_rules_that_are_there() {
        let rules = RuleSet::built_in();
        assert!(IDS.is_sorted_by_key(|(theirs, _)| theirs));
        for (theirs, all) in IDS {
            assert!(all.iter().all(|id| rules.find(id).is_some_and(|r| r.id == *id)), "{theirs}: {all:?}");
        }
        assert_eq!(ours("github-pat"), Some(&["github-pat-classic"][..]));
        assert_eq!((ours("adobe-client-id"), ours("no-such-rule")), (Some(&[][..]), None));
    }

    #[test]
    fn files_extend_each_other() {
        let open = |path: &str| match path {
            "base.toml" => Ok("[[rules]]\nid='a'\nregex='a_one'\nkeywords=['a_']\n[[rules]]\nid='b'\nregex='b_one'".to_owned()),
            _ => Err("not there".to_owned()),
        };
        let text = "[extend]\npath='base.toml'\ndisabledRules=['b']\n[[rules]]\nid='a'\nregex='a_two'\nkeywords=['two']";
        let told = translate("f", text, &open).unwrap();
        assert!(told.toml.contains("pattern = 'a_two'") && told.toml.contains("keywords = ['two', 'a_']"), "{}", told.toml);
        assert!(!told.toml.contains("b_one"), "{}", told.toml);
        assert_eq!(translate("f", "[extend]\npath='x'", &open).unwrap_err(), "not there");
    }
}
