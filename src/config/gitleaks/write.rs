//! What gitleaks' files say together, as the text of a `keysift.toml`.

use super::{IDS, RawAllowlist, RawRule, Required, Translated, Whole, ours, regex, slug};
use crate::rule::catalogue::BUILT_IN_RULES;
use crate::rule::format::model::MAX_MATCH;
use crate::rule::format::{pattern, proof};
use std::collections::BTreeSet;
use std::fmt::Write as _;

#[derive(Default)]
pub(super) struct Writer {
    out: String,
    notes: Vec<String>,
}

impl Writer {
    /// What was written.
    pub(super) fn translated(self) -> Translated {
        Translated { toml: self.out, notes: self.notes }
    }

    /// Writes all of it; `file` is its name in messages.
    ///
    /// # Errors
    /// What cannot be said in our words.
    pub(super) fn whole(&mut self, file: &str, whole: &Whole) -> Result<(), String> {
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
        } else if whole.rules.iter().any(|r| !r.regex.is_empty() || !r.path.is_empty()) {
            // As in gitleaks, only what the file has is looked for.
            let _ = writeln!(self.out, "disable = [{}]", quoted(BUILT_IN_RULES));
        } else {
            self.notes.push(
                "the config has no rules and does not extend the default ones (`[extend] useDefault = true`): gitleaks finds nothing \
                 with it; keysift's own rules run"
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
            match ours(id).filter(|_| whole.has_default_rules()) {
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
        let is_companion = whole.rules.iter().any(|r| r.required.iter().any(|required| required.id == *id));
        if rule.skip_report && !is_companion {
            self.notes.push(format!("rule `{id}` is not to be reported (`skipReport`), and no rule requires it: it is left out"));
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
            let _ = writeln!(out, "pattern = {}", quoted(&pattern));
            let keywords = keywords(&rule.keywords);
            if !is_proven(&pattern, &keywords) {
                out.push_str("scope = \"blob\"\n");
            }
            if !keywords.is_empty() {
                let keywords: Vec<String> = keywords.iter().map(|k| quoted(k)).collect();
                let _ = writeln!(out, "keywords = [{}]", keywords.join(", "));
            }
        }
        if rule.entropy != 0.0 {
            let _ = writeln!(out, "entropy = {:?}", above(rule.entropy));
        }
        if !rule.path.is_empty() {
            let path = regex::translate(&rule.path).map_err(|e| wrong("path", e))?;
            let _ = writeln!(out, "path = {}", quoted(&path));
        }
        if rule.skip_report {
            let _ = writeln!(out, "severity = \"low\"\nformat_confidence = \"low\"");
        }
        let near: Vec<String> = rule.required.iter().filter_map(|r| self.companion(r, whole)).collect();
        let out = &mut self.out;
        if !near.is_empty() {
            let _ = writeln!(out, "near = [{}]", near.join(", "));
        }
        if rule.skip_report {
            let _ = writeln!(
                out,
                "\n[[allowlist]]\ndescription = 'what other rules require, and is not reported (skipReport)'\nrules = [{}]\nregexes = ['']",
                quoted(&slug(id))
            );
        }
        if rule.required.iter().any(|r| r.within_columns.is_some()) {
            self.notes.push(format!("rule `{id}`: `withinColumns` is not asked, `withinLines` is"));
        }
        if !rule.tags.is_empty() {
            self.notes.push(format!("rule `{id}`: keysift has no tags ({})", rule.tags.join(", ")));
        }
        Ok(())
    }

    /// What must stand near, as rules say it: anywhere in the file where no lines are given.
    fn companion(&mut self, required: &Required, whole: &Whole) -> Option<String> {
        let id = self.named(std::slice::from_ref(&required.id), whole).into_iter().next()?;
        let lines = required.within_lines.unwrap_or(1_000_000);
        Some(format!("{{ name = {0}, rule = {0}, within_lines = {lines}, required = true }}", quoted(&id)))
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

/// Keywords as rules have them; none where one of them is none for us: then every file is searched.
fn keywords(theirs: &[String]) -> Vec<String> {
    let all: Vec<String> = theirs.iter().map(|k| k.to_ascii_lowercase()).filter(|k| !k.is_empty()).collect();
    if all.iter().all(|k| k.is_ascii() && k.len() > 1) { all } else { Vec::new() }
}

/// Whether every match is short and has one of the keywords in it: then what stands around them is searched, and no more.
fn is_proven(text: &str, keywords: &[String]) -> bool {
    let Ok(hir) = pattern::parse(text) else { return false };
    let derived = if keywords.is_empty() { proof::derive_keywords(&hir) } else { None };
    let keywords = derived.as_deref().unwrap_or(keywords);
    !keywords.is_empty() && proof::bounds(&hir, keywords, MAX_MATCH as usize).is_ok()
}

/// The least entropy that counts: gitleaks wants more than it says.
fn above(entropy: f64) -> f64 {
    if entropy > 0.0 { ((entropy * 1000.0).floor() + 1.0) / 1000.0 } else { entropy }
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
