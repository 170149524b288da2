//! Config files of gitleaks, written anew as config of keysift.
//!
//! What comes out is the text of a `keysift.toml` and what was said in gitleaks' file and has no equal. There is one way from
//! one to the other, whether the text is only read or kept.
//!
//! - here: what the file says, and how it is told
//! - `regex`: Go's syntax of regexes
//! - `ids.in`: gitleaks' default rules, and ours for the same credential
//!
//! <https://github.com/gitleaks/gitleaks#configuration>

pub mod regex;

use crate::rule::format::file::toml_error;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

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
    Ok(Translated { toml: writer.out, notes: writer.notes })
}

impl Whole {
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

#[derive(Default)]
struct Writer {
    out: String,
    notes: Vec<String>,
}

impl Writer {
    fn whole(&mut self, file: &str, whole: &Whole) -> Result<(), String> {
        let _ = writeln!(self.out, "# From {}.", file.replace(['\r', '\n'], " "));
        let replaced: BTreeSet<&str> = whole.rules.iter().filter(|r| !r.regex.is_empty()).map(|r| r.id.as_str()).collect();
        let mut off: BTreeSet<&str> = BTreeSet::new();
        if whole.use_default {
            for id in whole.disabled.iter().map(String::as_str).chain(replaced.iter().copied()) {
                match ours(id) {
                    Some([]) => {}
                    Some(ids) => off.extend(ids.iter().filter(|id| !is_wanted(id, whole, &replaced))),
                    None if whole.disabled.contains(id) => {
                        self.notes.push(format!("`disabledRules` names `{id}`, which is no default rule of gitleaks"));
                    }
                    None => {}
                }
            }
            // A rule of the file takes the place of ours with its id.
            off.retain(|id| !whole.rules.iter().any(|r| slug(&r.id) == *id && !(r.regex.is_empty() && r.path.is_empty())));
            let off: Vec<String> = off.iter().map(|id| quoted(id)).collect();
            if !off.is_empty() {
                let _ = writeln!(self.out, "disable = [{}]", off.join(", "));
            }
        } else {
            self.notes.push(
                "the config does not extend gitleaks' default rules; keysift's own rules run beside those of the file all the same: \
                 say --rule ID, or `disable`, for fewer"
                    .to_owned(),
            );
        }
        for rule in &whole.rules {
            self.rule(file, rule, whole)?;
        }
        for list in &whole.allowlists {
            let rules = self.named(&list.target_rules, whole);
            if list.target_rules.is_empty() || !rules.is_empty() {
                self.allowlist(file, "the allowlist", list, &rules)?;
            }
        }
        Ok(())
    }

    /// Ours for rules that the file names.
    fn named(&mut self, ids: &[String], whole: &Whole) -> Vec<String> {
        let mut all = Vec::new();
        for id in ids {
            if whole.rules.iter().any(|r| r.id == *id && (!r.regex.is_empty() || !r.path.is_empty())) {
                all.push(slug(id));
                continue;
            }
            match ours(id) {
                Some([]) => self.notes.push(format!("keysift has no rule for `{id}`, and nothing to keep out there")),
                Some(ids) => all.extend(ids.iter().map(ToString::to_string)),
                None => self.notes.push(format!("`targetRules` names `{id}`, which is no rule")),
            }
        }
        all
    }

    fn rule(&mut self, file: &str, rule: &RawRule, whole: &Whole) -> Result<(), String> {
        let id = &rule.id;
        let wrong = |what: &str, e: String| format!("{file}: rule `{id}`: `{what}`: {e}");
        for list in rule.allowlist.iter().chain(&rule.allowlists) {
            let rules = self.named(std::slice::from_ref(id), whole);
            if !rules.is_empty() {
                self.allowlist(file, &format!("the allowlist of rule {id}"), list, &rules)?;
            }
        }
        if rule.regex.is_empty() && rule.path.is_empty() {
            if ours(id).is_none() || !whole.use_default {
                return Err(format!("{file}: rule `{id}` needs a `regex` or a `path`"));
            }
            if rule.entropy != 0.0 || rule.secret_group != 0 {
                self.notes.push(format!("rule `{id}` changes how a default rule of gitleaks looks; ours for it stays as it is"));
            }
            return Ok(());
        }
        if rule.skip_report {
            self.notes.push(format!("rule `{id}` is not to be reported (`skipReport`): it is left out"));
            return Ok(());
        }
        let out = &mut self.out;
        let _ = writeln!(out, "\n[[rule]]\nid = {}", quoted(&slug(id)));
        if slug(id) != *id {
            let _ = writeln!(out, "formerly = [{}]", quoted(id));
        }
        if !rule.description.is_empty() {
            let _ = writeln!(out, "name = {}", quoted(&rule.description));
        }
        if !rule.regex.is_empty() {
            let go = regex::translate(&rule.regex).map_err(|e| wrong("regex", e))?;
            let pattern = regex::with_secret(&go, rule.secret_group).map_err(|e| wrong("secretGroup", e))?;
            let _ = writeln!(out, "pattern = {}\nscope = \"blob\"", quoted(&pattern));
            if !rule.keywords.is_empty() {
                let keywords: Vec<String> = rule.keywords.iter().map(|k| quoted(&k.to_ascii_lowercase())).collect();
                let _ = writeln!(out, "keywords = [{}]", keywords.join(", "));
            }
        }
        if rule.entropy != 0.0 {
            let _ = writeln!(out, "entropy = {:?}", rule.entropy);
        }
        if !rule.path.is_empty() {
            let path = regex::translate(&rule.path).map_err(|e| wrong("path", e))?;
            let _ = writeln!(out, "path = {}", quoted(&path));
        }
        let near: Vec<String> = rule.required.iter().map(companion).collect();
        if !near.is_empty() {
            let _ = writeln!(out, "near = [{}]", near.join(", "));
        }
        if rule.required.iter().any(|r| r.within_columns.is_some()) {
            self.notes.push(format!("rule `{id}`: `withinColumns` is not asked, `withinLines` is"));
        }
        if !rule.tags.is_empty() {
            self.notes.push(format!("rule `{id}`: keysift has no tags ({})", rule.tags.join(", ")));
        }
        Ok(())
    }

    fn allowlist(&mut self, file: &str, what: &str, list: &RawAllowlist, rules: &[String]) -> Result<(), String> {
        let wrong = |e: String| format!("{file}: {what}: {e}");
        let condition = match list.condition.to_ascii_uppercase().as_str() {
            "" | "OR" | "||" => "or",
            "AND" | "&&" => "and",
            other => return Err(wrong(format!("`{other}` is no condition: `AND` or `OR`"))),
        };
        let target = match list.regex_target.as_str() {
            "" => "secret",
            target @ ("secret" | "match" | "line") => target,
            other => return Err(wrong(format!("`{other}` is no `regexTarget`: `secret`, `match` or `line`"))),
        };
        let regexes = |all: &[String]| {
            all.iter().map(|r| regex::translate(r).map_err(|e| wrong(format!("`{r}`: {e}")))).collect::<Result<Vec<_>, _>>()
        };
        let (commits, no_commits): (Vec<String>, Vec<String>) = list
            .commits
            .iter()
            .map(|id| id.trim().to_owned())
            .partition(|id| id.len() >= 7 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        for id in no_commits {
            self.notes.push(format!("{what}: `{id}` is no commit"));
        }
        let words: Vec<String> = list.stopwords.iter().filter(|w| !w.is_empty()).cloned().collect();
        let lists =
            [("paths", regexes(&list.paths)?), ("regexes", regexes(&list.regexes)?), ("stop_words", words), ("commits", commits)];
        if lists.iter().all(|(_, all)| all.is_empty()) {
            self.notes.push(format!("{what} keeps nothing out"));
            return Ok(());
        }
        let out = &mut self.out;
        out.push_str("\n[[allowlist]]\n");
        if !list.description.trim().is_empty() {
            let _ = writeln!(out, "description = {}", quoted(list.description.trim()));
        }
        if !rules.is_empty() {
            let rules: Vec<String> = rules.iter().map(|r| quoted(r)).collect();
            let _ = writeln!(out, "rules = [{}]", rules.join(", "));
        }
        if condition == "and" {
            out.push_str("condition = \"and\"\n");
        }
        for (key, all) in lists {
            let all: Vec<String> = all.iter().map(|text| quoted(text)).collect();
            match all.len() {
                0 => {}
                1 => _ = writeln!(out, "{key} = [{}]", all[0]),
                _ => _ = writeln!(out, "{key} = [\n    {},\n]", all.join(",\n    ")),
            }
        }
        if target != "secret" && !list.regexes.is_empty() {
            let _ = writeln!(out, "target = {}", quoted(target));
        }
        Ok(())
    }
}

/// Whether a rule of ours stands in for another default rule of theirs that is on. What a generic rule finds is what theirs does.
fn is_wanted(ours: &str, whole: &Whole, replaced: &BTreeSet<&str>) -> bool {
    let on = |theirs: &str| !whole.disabled.contains(theirs) && !replaced.contains(theirs);
    !ours.starts_with("generic-") && IDS.iter().any(|(theirs, all)| all.contains(&ours) && on(theirs))
}

/// What must stand near, as rules say it: anywhere in the file where no lines are given.
fn companion(required: &Required) -> String {
    let id = slug(&required.id);
    let lines = required.within_lines.unwrap_or(1_000_000);
    format!("{{ name = {0}, rule = {0}, within_lines = {lines}, required = true }}", quoted(&id))
}

/// A string of TOML: literal where it can be.
fn quoted(text: &str) -> String {
    if !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
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
