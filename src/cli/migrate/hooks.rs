//! Who runs gitleaks: the entry of a hook manager, which is replaced, and lines of CI jobs and scripts, which are told.

use super::super::init::ci;
use super::super::init::hooks::{PRE_COMMIT, has_extension, pre_commit_entry};
use super::super::init::plan::{Plan, Target};
use super::super::init::yaml::{self, Found};
use crate::config::discover;
use crate::finding::snippet::visible;
use std::path::Path;

/// Where gitleaks' hooks come from.
const REPOSITORIES: [&str; 2] = ["gitleaks/gitleaks", "zricethezav/gitleaks"];
/// Files that may run gitleaks, besides those of CI systems.
const SCRIPTS: [&str; 12] = [
    PRE_COMMIT, "lefthook.yml", ".lefthook.yml", "lefthook.yaml", ".husky/pre-commit", ".husky/pre-push", "Makefile", "justfile",
    "Taskfile.yml", "package.json", "tox.ini", ".git/hooks/pre-commit",
];
/// How many workflows are read.
const MOST_WORKFLOWS: usize = 200;

/// Files that lines with gitleaks name.
#[derive(Default)]
pub(super) struct Named {
    pub configs: Vec<String>,
    pub baselines: Vec<String>,
}

/// Lines that run gitleaks.
#[derive(Default)]
pub(super) struct Mentions {
    pub named: Named,
    /// What to do about each, a sentence.
    pub lines: Vec<String>,
}

impl Mentions {
    /// Reads the files that may have some.
    pub(super) fn of(root: &Path) -> Self {
        let mut mentions = Self::default();
        let workflows = std::fs::read_dir(root.join(".github/workflows")).into_iter().flatten().flatten();
        let mut names: Vec<String> = workflows
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| has_extension(name, "yml") || has_extension(name, "yaml"))
            .map(|name| format!(".github/workflows/{name}"))
            .collect();
        names.sort();
        names.truncate(MOST_WORKFLOWS);
        names.extend(ci::files().chain(SCRIPTS).map(str::to_owned));
        names.sort();
        names.dedup();
        for name in names {
            let text = discover::inside(root, &name).and_then(|path| discover::read(&path).ok().flatten());
            if let Some(text) = text.filter(|text| text.to_ascii_lowercase().contains("gitleaks")) {
                mentions.read(&name, &text);
            }
        }
        mentions
    }

    fn read(&mut self, name: &str, text: &str) {
        let ours = if name == PRE_COMMIT { items(text).unwrap_or_default() } else { Vec::new() };
        for (n, line) in text.lines().enumerate() {
            let said = line.trim();
            self.named.note(said);
            if said.starts_with('#') || said.starts_with("//") || ours.iter().any(|range| range.contains(&n)) {
                continue;
            }
            if let Some(what) = instead(said) {
                self.lines.push(visible(&format!("{name}:{}: `{said}`: {what}", n + 1)));
            }
        }
    }
}

impl Named {
    /// Notes the files that a line names.
    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split([' ', '=', '\t', ',', '[', ']', '"', '\'']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let file = pair[1].trim_start_matches("./").to_owned();
            match pair[0] {
                "--baseline-path" => self.baselines.push(file),
                "--config" | "-c" | "GITLEAKS_CONFIG:" | "GITLEAKS_CONFIG" if has_extension(&file, "toml") => {
                    self.configs.push(file);
                }
                _ => {}
            }
        }
    }
}

/// What stands for a line that runs gitleaks.
fn instead(line: &str) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase();
    let runs = |command: &str| lower.contains(&format!("gitleaks {command}"));
    if lower.contains("gitleaks-action") {
        Some("the action of keysift, see docs/ci.md; or `keysift init --ci github`")
    } else if ["detect", "protect", "git", "dir", "directory", "stdin"].into_iter().any(runs) {
        Some("`keysift gitleaks …` takes the same flags; `keysift git --ci` is the job of docs/ci.md")
    } else if lower.contains("gitleaks") && (lower.contains("image:") || lower.contains("docker run")) {
        Some("the image of keysift, see docs/ci.md")
    } else {
        None
    }
}

/// Plans the hook of keysift in the place of that of gitleaks.
///
/// # Errors
/// The sentence to say, where the file cannot be read.
pub(super) fn plan(root: &Path, plan: &mut Plan) -> Result<(), String> {
    let target = Target::in_tree(root, PRE_COMMIT);
    let Some(present) = target.read()? else { return Ok(()) };
    let Some(all) = items(&present.text) else {
        if REPOSITORIES.iter().any(|name| present.text.contains(name)) {
            plan.by_hand
                .push(format!("{PRE_COMMIT}: `repos` is written in a way that is not understood here: put keysift's hook in it"));
        }
        return Ok(());
    };
    let Some(first) = all.first().cloned() else { return Ok(()) };
    let lines: Vec<&str> = present.text.lines().collect();
    let indent = lines[first.start].len() - lines[first.start].trim_start().len();
    let is_there = lines.iter().any(|l| l.trim().trim_start_matches("- ") == "id: keysift");
    let mut after: Vec<String> = Vec::with_capacity(lines.len());
    for (n, line) in lines.iter().enumerate() {
        if n == first.start && !is_there {
            after.extend(pre_commit_entry().into_iter().map(|l| format!("{}{l}", " ".repeat(indent))));
        }
        if !all.iter().any(|range| range.contains(&n)) {
            after.push((*line).to_owned());
        }
    }
    if let Some(line) = all.iter().flat_map(Clone::clone).find(|n| lines[*n].trim_start().starts_with("args:")) {
        plan.next.push(visible(&format!("{PRE_COMMIT}:{}: `{}` of gitleaks is not carried over", line + 1, lines[line].trim())));
    }
    let end = if present.text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut text = after.join(end);
    if present.text.ends_with('\n') {
        text.push_str(end);
    }
    plan.set(target, Some(present.text), Some(text));
    Ok(())
}

/// The lines of each entry of `repos` that is of gitleaks; `None` where the file is not understood.
fn items(text: &str) -> Option<Vec<std::ops::Range<usize>>> {
    let Found::Block { from, to, indent } = yaml::find(text, &["repos"]) else { return None };
    let lines: Vec<&str> = text.lines().collect();
    let begins = |n: &usize| {
        let line = lines[*n];
        line.len() - line.trim_start().len() == indent && line.trim_start().starts_with("- ")
    };
    let starts: Vec<usize> = (from..to).filter(begins).collect();
    let mut all = Vec::new();
    for (i, &start) in starts.iter().enumerate() {
        let mut end = starts.get(i + 1).copied().unwrap_or(to);
        // Blank lines and comments behind an entry belong to what follows.
        while end > start + 1 && (lines[end - 1].trim().is_empty() || lines[end - 1].trim_start().starts_with('#')) {
            end -= 1;
        }
        let is_theirs = lines[start..end].iter().any(|line| {
            let line = line.trim().trim_start_matches("- ").trim_start();
            let url = line.strip_prefix("repo:").map(|url| url.trim().trim_matches(['"', '\'']).trim_end_matches('/'));
            url.is_some_and(|url| REPOSITORIES.iter().any(|name| url.trim_end_matches(".git").ends_with(name)))
        });
        if is_theirs {
            all.push(start..end);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_run_gitleaks() {
        assert!(instead("- uses: gitleaks/gitleaks-action@v2").is_some_and(|w| w.contains("action")));
        assert!(instead("run: gitleaks detect -v --source .").is_some_and(|w| w.contains("keysift gitleaks")));
        assert!(instead("image: zricethezav/gitleaks:latest").is_some_and(|w| w.contains("image")));
        assert!(instead("run: docker run x/gitleaks:latest -v").is_some_and(|w| w.contains("image")));
        assert_eq!((instead("name: gitleaks"), instead("docker run postgres")), (None, None));
        let mut named = Named::default();
        named.note("args: [\"--baseline-path=./known.json\", \"--config\", \"ci/gl.toml\"]");
        named.note("GITLEAKS_CONFIG: .github/gitleaks.toml");
        assert_eq!(
            (named.baselines, named.configs),
            (vec!["known.json".to_owned()], vec!["ci/gl.toml".to_owned(), ".github/gitleaks.toml".to_owned()])
        );
    }

    #[test]
    fn entries_of_gitleaks_are_found_with_their_lines() {
        let lines = |text: &str| items(text).map(|all| all.into_iter().map(|r| (r.start, r.end)).collect::<Vec<_>>());
        let text = "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8\n    hooks:\n      - id: gitleaks\n\n  # black\n  - repo: b\n    hooks: []\n";
        assert_eq!(lines(text), Some([(1, 5)].into()));
        assert_eq!(lines("repos: [a]\n"), None);
        let last = "repos:\n- hooks:\n  - id: gitleaks\n  repo: 'https://github.com/zricethezav/gitleaks.git'\n";
        assert_eq!(lines(last), Some([(1, 4)].into()));
    }
}
