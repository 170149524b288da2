//! Files that say what counts: keysift.toml, and the lines of CODEOWNERS that keep watch over such files.

use super::block::{Comment, append, insert, lines_of, marked};
use super::ci::CiKind;
use super::plan::{Plan, Target};
use crate::cli::baseline;
use crate::config::discover;
use crate::rule::catalogue::CATALOGUE_VERSION;
use crate::triage::ignore_file;
use std::path::Path;

/// Where CODEOWNERS may stand, in the order in which forges look.
pub(super) const CODEOWNERS: [&str; 5] =
    [".github/CODEOWNERS", ".gitlab/CODEOWNERS", ".bitbucket/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Plans keysift.toml; tells the baseline that it names.
///
/// # Errors
/// The sentence to say, where it cannot be read.
pub(super) fn config(root: &Path, plan: &mut Plan) -> Result<String, String> {
    let target = Target::in_tree(root, discover::NAME);
    let present = target.read()?;
    let text = present.as_ref().map_or("", |p| p.text.as_str());
    let table: toml::Table = toml::from_str(text).map_err(|e| format!("{}: {}", discover::NAME, e.message()))?;
    let named = table.get("baseline").and_then(toml::Value::as_str);
    let mut lines = Vec::new();
    if !table.contains_key("catalogue") {
        lines.push(
            "# What only younger rules see is told and fails nothing: raise it after a look at `keysift rules diff`.".to_owned(),
        );
        lines.push(format!("catalogue = \"{CATALOGUE_VERSION}\""));
    }
    if named.is_none() && root.join(baseline::NAME).is_file() {
        lines.push(format!("baseline = \"{}\"", baseline::NAME));
    }
    let baseline = named.unwrap_or(baseline::NAME).to_owned();
    match present {
        Some(_) if lines.is_empty() => plan.same.push(target.name),
        Some(present) if present.stripped.found => {
            // A block that lacks the baseline, which came later.
            let kept = block_lines(&present.text);
            let is_whole = present.stripped.is_ours;
            let all: Vec<String> = kept.into_iter().chain(lines).collect();
            let text = insert(&present.stripped.rest, 0, &marked(&all, 0, Comment::Hash, is_whole));
            plan.set(target, Some(present.text), Some(text));
        }
        // Keys of the file itself stand before its first table.
        Some(present) => {
            let text = insert(&present.text, 0, &marked(&lines, 0, Comment::Hash, false));
            plan.set(target, Some(present.text), Some(text));
        }
        None => plan.set(target, None, Some(marked(&lines, 0, Comment::Hash, true))),
    }
    Ok(baseline)
}

/// The lines of the first block, without its marks.
fn block_lines(text: &str) -> Vec<String> {
    let place = super::block::places(text).into_iter().next().unwrap_or(0..0);
    let inside = place.len().saturating_sub(2);
    text.lines().skip(place.start + 1).take(inside).map(str::to_owned).collect()
}

/// Plans lines of CODEOWNERS for the files that could switch the gate off.
///
/// # Errors
/// The sentence to say, where the file cannot be read.
pub(super) fn codeowners(
    root: &Path,
    ci: &[CiKind],
    ci_files: &[String],
    baseline: &str,
    owner: Option<&str>,
    plan: &mut Plan,
) -> Result<(), String> {
    let own = match ci.first() {
        Some(CiKind::GitHub) => CODEOWNERS[0],
        Some(CiKind::GitLab) => CODEOWNERS[1],
        Some(CiKind::Bitbucket) => CODEOWNERS[2],
        _ => CODEOWNERS[3],
    };
    let name = CODEOWNERS.into_iter().find(|name| root.join(name).exists()).unwrap_or(own);
    let target = Target::in_tree(root, name);
    let present = target.read()?;
    let rest = present.as_ref().map_or("", |p| p.stripped.rest.as_str());
    let kept = present.as_ref().and_then(|p| owner_of_block(&p.text));
    let Some(owner) = owner.map(str::to_owned).or(kept).or_else(|| owner_of_all(rest)) else {
        plan.next.push(
            "`keysift init --owner @org/team`: CODEOWNERS then asks that team about changes to what keysift ignores".to_owned(),
        );
        return Ok(());
    };
    let mut lines = Vec::new();
    // There the lines would belong to the section before them, which may be an optional one.
    if ci.contains(&CiKind::GitLab) && name != CODEOWNERS[0] {
        lines.push("[keysift]".to_owned());
    }
    let files =
        [discover::NAME, ignore_file::NAME, baseline].into_iter().chain(ci_files.iter().map(String::as_str)).chain([name]);
    lines.extend(files.map(|file| format!("/{} {owner}", file.replace(' ', "\\ "))));
    let is_whole = present.as_ref().is_none_or(|p| p.stripped.is_ours);
    // The last line that fits counts.
    let text = append(rest, &marked(&lines, 0, Comment::Hash, is_whole));
    plan.set(target, present.map(|p| p.text), Some(text));
    Ok(())
}

/// Who owns everything: the last rule for `*`.
fn owner_of_all(text: &str) -> Option<String> {
    let owners = text.lines().rev().find_map(|l| l.trim().strip_prefix("* "))?;
    let owners = owners.split('#').next().unwrap_or_default().trim();
    (!owners.is_empty()).then(|| owners.to_owned())
}

/// Who was named before.
fn owner_of_block(text: &str) -> Option<String> {
    let wanted = format!("/{} ", discover::NAME);
    block_lines(text).iter().find_map(|l| l.strip_prefix(&wanted).map(str::to_owned))
}

/// Takes `@name`, `@org/team` and mail addresses, several with spaces between them.
///
/// # Errors
/// Where it is none.
pub(super) fn parse_owner(text: &str) -> Result<String, String> {
    let is_owner = |word: &str| word.contains('@') && word.chars().all(|c| c.is_alphanumeric() || "@/._-+".contains(c));
    let words = lines_of(&text.replace(' ', "\n"));
    if words.is_empty() || !words.iter().all(|w| is_owner(w)) {
        return Err("an owner is @name, @org/team or a mail address".into());
    }
    Ok(text.to_owned())
}
