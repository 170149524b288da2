//! What init will change, shown before it is done, then done.

use super::super::edit;
use super::block::{self, Stripped, places};
use crate::config::discover;
use crate::finding::snippet::visible;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file of a repository.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Target {
    pub path: PathBuf,
    /// How it is called: from the top of the repository, where it is in it.
    pub name: String,
    /// A hook, which must be executable.
    pub is_program: bool,
}

/// One file that changes.
#[derive(Debug)]
pub(in crate::cli) struct Change {
    pub target: Target,
    pub before: Option<String>,
    /// `None`: the file goes.
    pub after: Option<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(in crate::cli) struct Plan {
    pub changes: Vec<Change>,
    /// Files that are as they should be.
    pub same: Vec<String>,
    /// What cannot be done safely, and what to do instead.
    pub by_hand: Vec<String>,
    /// What is left to do for a person.
    pub next: Vec<String>,
}

/// What a file has, before init changes it.
#[derive(Debug)]
pub(in crate::cli) struct Present {
    pub text: String,
    pub stripped: Stripped,
}

impl Target {
    /// A file at `name` from `root`.
    pub(in crate::cli) fn in_tree(root: &Path, name: &str) -> Self {
        Self { path: root.join(name), name: name.to_owned(), is_program: false }
    }

    /// Reads it.
    ///
    /// # Errors
    /// The sentence to say, where it cannot be read or is half written.
    pub(in crate::cli) fn read(&self) -> Result<Option<Present>, String> {
        let name = visible(&self.name);
        let text = discover::read(&self.path).map_err(|e| format!("{name}: cannot be read: {e}"))?;
        text.map(|text| {
            let stripped = block::strip(&text).map_err(|e| {
                format!("{name}:{}: this block of keysift init has no end (`<<< keysift init`): take it out by hand", e.line)
            })?;
            Ok(Present { text, stripped })
        })
        .transpose()
    }
}

impl Plan {
    /// Plans that a file will hold a text.
    pub(in crate::cli) fn set(&mut self, target: Target, before: Option<String>, after: Option<String>) {
        if before == after {
            self.same.extend(before.map(|_| target.name));
        } else {
            self.changes.push(Change { target, before, after });
        }
    }

    /// The plan for people.
    pub(in crate::cli) fn show(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            change.show(&mut text);
        }
        for name in &self.same {
            let _ = writeln!(text, "as it should be  {}", visible(name));
        }
        for what in &self.by_hand {
            let _ = writeln!(text, "by hand  {what}");
        }
        text
    }

    /// Does it; tells each file that is done.
    ///
    /// # Errors
    /// The sentence to say; what came before it is done.
    pub(in crate::cli) fn apply(&self, root: &Path, mut done: impl FnMut(&str)) -> Result<(), String> {
        for change in &self.changes {
            change.apply(root).map_err(|e| format!("{}: cannot be written: {e}", visible(&change.target.name)))?;
            done(&change.target.name);
        }
        Ok(())
    }
}

impl Change {
    fn show(&self, text: &mut String) {
        let (before, after) = (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        let what = match (&self.before, &self.after) {
            (None, _) => "create",
            (_, None) => "delete",
            _ => "change",
        };
        let _ = writeln!(text, "{what}  {}", visible(&self.target.name));
        let all = |text: &str| Vec::from([std::ops::Range { start: 0, end: text.lines().count() }]);
        let (mut went, mut came) = (places(before), places(after));
        if went.is_empty() && came.is_empty() {
            (went, came) = differing(before, after);
        }
        if self.after.is_none() {
            went = all(before);
        }
        if self.before.is_none() {
            came = all(after);
        }
        let with_lines = |text: &str, range: &std::ops::Range<usize>| -> Vec<String> {
            text.lines().skip(range.start).take(range.len()).map(str::to_owned).collect()
        };
        for (old, sign, ranges, others) in [(before, '-', &went, (after, &came)), (after, '+', &came, (before, &went))] {
            let known: Vec<Vec<String>> = others.1.iter().map(|r| with_lines(others.0, r)).collect();
            for range in ranges {
                let lines = with_lines(old, range);
                // A block that stays as it is needs no words.
                if known.contains(&lines) {
                    continue;
                }
                let context = range.start.checked_sub(1).and_then(|n| old.lines().nth(n).map(|l| (n, ' ', l.to_owned())));
                let changed = lines.into_iter().enumerate().map(|(n, l)| (range.start + n, sign, l));
                let after = old.lines().nth(range.end).map(|l| (range.end, ' ', l.to_owned()));
                for (number, sign, line) in context.into_iter().chain(changed).chain(after) {
                    let line = format!("{:>6} {sign} {}", number + 1, visible(&line));
                    let _ = writeln!(text, "{}", line.trim_end());
                }
            }
        }
        text.push('\n');
    }

    fn apply(&self, root: &Path) -> io::Result<()> {
        let path = &self.target.path;
        let folder = path.parent().ok_or_else(|| io::Error::other("names no file"))?;
        refuse_links(root, folder)?;
        let Some(after) = &self.after else {
            fs::remove_file(path)?;
            // Folders that init made for it; those with anything else in them stay.
            for folder in path.ancestors().skip(1).take_while(|f| f.starts_with(root) && *f != root) {
                if folder.ends_with("hooks") || fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            return Ok(());
        };
        if self.before.is_none() {
            fs::create_dir_all(folder)?;
        }
        if self.before.is_none() && self.target.is_program {
            return edit::create_program(path, after);
        }
        edit::replace(path, after)
    }
}

/// The lines in which two texts differ: from the first to the last.
fn differing(before: &str, after: &str) -> (Vec<std::ops::Range<usize>>, Vec<std::ops::Range<usize>>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let last = old[first..].iter().rev().zip(new[first..].iter().rev()).take_while(|(a, b)| a == b).count();
    let range = |len: usize| (first < len - last).then(|| first..len - last).into_iter().collect();
    (range(old.len()), range(new.len()))
}

/// A folder of the repository that is a link leads somewhere else: nothing is written through it.
fn refuse_links(root: &Path, folder: &Path) -> io::Result<()> {
    for part in folder.ancestors().take_while(|f| f.starts_with(root) && *f != root) {
        if fs::symlink_metadata(part).is_ok_and(|meta| meta.is_symlink()) {
            return Err(io::Error::other(format!("{} is a link", part.display())));
        }
    }
    Ok(())
}
