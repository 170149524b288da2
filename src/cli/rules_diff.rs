//! `keysift rules diff OLD NEW`: what a change of the catalogue means for those who scan with it.

use crate::rule::catalogue::Version;
use crate::rule::{Rule, RuleSet};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tells what differs between two sets of rules, each a folder of rule files, one file, `built-in`, or a catalogue version:
/// the built-in rules that were there then.
pub(super) fn run(old: &str, new: &str) -> ExitCode {
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => super::print(&told(&old, &new)),
        (Err(e), _) | (_, Err(e)) => super::usage_error(&e),
    }
}

/// The rules that `word` names.
fn read(word: &str) -> Result<Vec<Rule>, String> {
    let built_in = RuleSet::built_in();
    let built_in = built_in.iter().map(|(_, rule)| *rule);
    if word == "built-in" {
        return Ok(built_in.collect());
    }
    if let Some(version) = Version::parse(word) {
        return Ok(built_in.filter(|rule| rule.since() <= version).collect());
    }
    let path = Path::new(word);
    let files = if path.is_dir() { rule_files(path).map_err(|e| format!("{word}: {e}"))? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(format!("{word}: there is no rule file (*.toml) in it"));
    }
    let mut rules = Vec::new();
    for file in files {
        let (found, _) = super::read_rule_file(&file).map_err(|e| e.to_string())?;
        rules.extend(found);
    }
    Ok(rules)
}

fn rule_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "toml"));
    files.sort();
    Ok(files)
}

fn told(old: &[Rule], new: &[Rule]) -> String {
    let by_id = |rules: &[Rule]| rules.iter().map(|r| (r.id, *r)).collect::<BTreeMap<_, _>>();
    let (old, new) = (by_id(old), by_id(new));
    // A rule that stands in both, under its name or an earlier one.
    let before = |rule: &Rule| {
        let mut names = std::iter::once(&rule.id).chain(rule.formerly.iter().rev());
        names.find_map(|id| old.get(*id))
    };
    let (mut added, mut changed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for rule in new.values() {
        match before(rule) {
            None => added.push(format!("+ {:<44} {:<9} {}", rule.id, rule.severity.as_str(), rule.name)),
            Some(earlier) => {
                kept.push(earlier.id);
                let what = changes(earlier, rule);
                if !what.is_empty() {
                    changed.push(format!("~ {:<44} {}", rule.id, what.join("; ")));
                }
            }
        }
    }
    let gone = old.values().filter(|rule| !kept.contains(&rule.id));
    let removed: Vec<String> =
        gone.map(|rule| format!("- {:<44} {:<9} {}", rule.id, rule.severity.as_str(), rule.name)).collect();
    let mut out = String::new();
    for line in removed.iter().chain(&changed).chain(&added) {
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let same = kept.len() - changed.len();
    let _ = writeln!(out, "{} added, {} removed, {} changed, {same} as before", added.len(), removed.len(), changed.len());
    out
}

/// What of a rule is not what it was, in words; texts and examples change no finding and are left out.
fn changes(old: &Rule, new: &Rule) -> Vec<String> {
    let mut out = Vec::new();
    if old.id != new.id {
        out.push(format!("was {}", old.id));
    }
    let mut word = |what: &str, from: &str, to: &str| {
        if from != to {
            out.push(format!("{what} {from} -> {to}"));
        }
    };
    word("severity", old.severity.as_str(), new.severity.as_str());
    word("format confidence", old.format_confidence.as_str(), new.format_confidence.as_str());
    word("kind", old.kind.as_str(), new.kind.as_str());
    word("entropy", &format!("{:.1}", old.entropy), &format!("{:.1}", new.entropy));
    for (what, is_changed) in [
        ("other pattern", old.pattern != new.pattern || old.until != new.until),
        ("other keywords", old.keywords != new.keywords),
        ("other checksum", old.checksum != new.checksum),
        ("other structure", old.structure != new.structure),
        ("other paths", old.path != new.path),
        ("other companions", old.near != new.near),
    ] {
        if is_changed {
            out.push(what.to_owned());
        }
    }
    out
}
