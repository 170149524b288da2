//! Whom files belong to, as CODEOWNERS says: whom to tell of what is found in them.
//!
//! - GitHub: <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>
//! - GitLab: <https://docs.gitlab.com/user/project/codeowners/reference/>, with its sections
//!
//! The file is the repository's own word. It decides nothing but whom a report names, and it is read within bounds.

use super::target::{Forge, Part, RepositoryRef};
use crate::source::git::Repository;
use crate::source::git::changes::blob_at;
use crate::source::git::lookup::Lookup;
use crate::source::git::objects::Kind;
use crate::source::git::range::{peel, tree_of};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeSet;

/// The largest file that is read, in bytes, and the most of its rules; of GitHub's 3 MB hardly anyone needs a tenth.
const LARGEST: usize = 512 << 10;
const MOST_RULES: usize = 5000;
/// The most owners of a file, and the longest name of one.
const MOST_OWNERS: usize = 20;
const LONGEST_OWNER: usize = 200;

/// Whose rules of reading count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    GitHub,
    GitLab,
}

/// Whom files belong to.
#[derive(Debug)]
pub struct Owners {
    /// By section; in a file of GitHub's one.
    sections: Vec<Section>,
    globs: GlobSet,
    /// Where the rule of each glob is: section and number.
    places: Vec<(usize, usize)>,
}

#[derive(Debug, Default)]
struct Section {
    /// In lower case.
    name: String,
    /// Of rules that name nobody.
    usual: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    owners: Vec<String>,
    /// What it fits belongs to nobody in this section, whatever other rules say.
    excludes: bool,
}

impl Owners {
    /// What a repository says of its files at its HEAD; `None` where it says nothing.
    #[must_use]
    pub fn of(repository: &RepositoryRef, repo: &Repository) -> Option<Self> {
        let (places, manner): (&[&str], _) = match repository.forge {
            Forge::GitHub => (&[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"], Some(Manner::GitHub)),
            Forge::GitLab => (&["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"], Some(Manner::GitLab)),
            // Nobody knows where it is served from.
            Forge::Urls | Forge::Folder => (&[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"], None),
            _ => return None,
        };
        if repository.part != Part::Code {
            return None;
        }
        let store = repo.store();
        let mut lookup = Lookup::new(&store);
        let commit = peel(&mut lookup, repo.head()?)?;
        let tree = tree_of(&mut lookup, commit)?;
        let (place, blob) = places.iter().find_map(|place| Some((place, blob_at(&mut lookup, tree, place.as_bytes())?)))?;
        let bytes = lookup.read_kind(&blob, Kind::Blob).ok().filter(|bytes| bytes.len() <= LARGEST)?;
        let text = String::from_utf8_lossy(&bytes);
        let has_sections = || text.lines().any(|line| section(line.trim()).is_some());
        let looks_like = || if place.starts_with(".gitlab") || has_sections() { Manner::GitLab } else { Manner::GitHub };
        Some(Self::read(&text, manner.unwrap_or_else(looks_like)))
    }

    /// Reads a file. What makes no sense in it says nothing.
    fn read(text: &str, manner: Manner) -> Self {
        let mut this = Self { sections: vec![Section::default()], globs: GlobSet::empty(), places: Vec::new() };
        let mut globs = GlobSetBuilder::new();
        let mut at = 0;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((name, usual)) = section(line).filter(|_| manner == Manner::GitLab) {
                let name = name.to_lowercase();
                at = this.sections.iter().position(|s| s.name == name).unwrap_or(this.sections.len());
                if at == this.sections.len() {
                    this.sections.push(Section { name, usual: owners(usual), rules: Vec::new() });
                }
                continue;
            }
            let (pattern, rest) = split(line);
            let (pattern, excludes) = match pattern.strip_prefix('!') {
                Some(rest) => (rest, true),
                None => (pattern, false),
            };
            // GitHub knows neither.
            let is_foreign = manner == Manner::GitHub && (excludes || pattern.contains('['));
            if is_foreign || this.places.len() >= MOST_RULES {
                continue;
            }
            let built: Option<Vec<_>> = globs_of(pattern, manner)
                .iter()
                .map(|glob| GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build().ok())
                .collect();
            let section = &mut this.sections[at];
            for glob in built.into_iter().flatten() {
                globs.add(glob);
                this.places.push((at, section.rules.len()));
            }
            section.rules.push(Rule { owners: owners(rest), excludes });
        }
        this.globs = globs.build().unwrap_or_else(|_| GlobSet::empty());
        this
    }

    /// Whom the file at `path` belongs to: in each section the last rule that fits decides.
    #[must_use]
    pub fn of_path(&self, path: &str) -> Vec<String> {
        let fitting: BTreeSet<(usize, usize)> =
            self.globs.matches(path).into_iter().filter_map(|n| self.places.get(n).copied()).collect();
        let mut all: Vec<String> = Vec::new();
        for (n, section) in self.sections.iter().enumerate() {
            let of_section = || fitting.iter().filter(|(at, _)| *at == n).map(|(_, rule)| &section.rules[*rule]);
            if of_section().any(|rule| rule.excludes) {
                continue;
            }
            let Some(rule) = of_section().next_back() else { continue };
            let owners = if rule.owners.is_empty() { &section.usual } else { &rule.owners };
            for owner in owners {
                if !all.contains(owner) && all.len() < MOST_OWNERS {
                    all.push(owner.clone());
                }
            }
        }
        all
    }
}

/// The name of a section, and what stands behind it: `[Docs][2] @docs-team`, `^[Docs]`.
fn section(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, rest) = rest.split_once(']').filter(|(name, _)| !name.trim().is_empty())?;
    let approvals = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let rest = approvals.filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit())).map_or(rest, |(_, rest)| rest);
    // `[a-z]*.txt` is a pattern.
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((name.trim(), rest))
}

/// A pattern, and what stands behind it; blanks within it stand behind a backslash.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && !is_escaped {
            return line.split_at(at);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    (line, "")
}

/// Users, teams, roles and addresses; what follows `#` is a comment.
fn owners(text: &str) -> Vec<String> {
    let words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
    words.filter(|word| word.contains('@') && word.len() <= LONGEST_OWNER).take(MOST_OWNERS).map(str::to_owned).collect()
}

/// A pattern as globs over paths in which `*` stands for no slash.
fn globs_of(pattern: &str, manner: Manner) -> Vec<String> {
    let body = pattern.trim_start_matches('/').trim_end_matches('/');
    if body.is_empty() {
        return if pattern == "/" { vec!["**".to_owned()] } else { Vec::new() };
    }
    // GitHub reads a pattern with a slash in it from the root, as git does; GitLab only one that begins with it.
    let is_from_root = pattern.starts_with('/') || manner == Manner::GitHub && body.contains('/');
    let mut glob = if is_from_root || body.starts_with("**/") { String::new() } else { "**/".to_owned() };
    let mut is_escaped = false;
    for c in body.chars() {
        // What means something to globs and nothing here.
        if "[]{}".contains(c) && !is_escaped {
            glob.push('\\');
        }
        glob.push(c);
        is_escaped = c == '\\' && !is_escaped;
    }
    let below = format!("{glob}/**");
    let last = body.rsplit('/').next().unwrap_or(body);
    if pattern.ends_with('/') {
        vec![below]
    } else if manner == Manner::GitHub && !matches!(last, "*" | "**") {
        // The name of a folder stands for what is in it.
        vec![glob, below]
    } else {
        vec![glob]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, manner: Manner, path: &str) -> String {
        Owners::read(text, manner).of_path(path).join(" ")
    }

    /// The examples of GitHub's page.
    #[test]
    fn as_github_reads_it() {
        let text = "# a comment\n*       @global-owner1 @global-owner2\n*.js    @js-owner #This is an inline comment.\n\
                    *.go docs@example.com\n*.txt @octo-org/octocats\n/build/logs/ @doctocat\ndocs/*  docs@example.com\n\
                    apps/ @octocat\n/docs/ @doctocat\n/scripts/ @doctocat @octocat\n**/logs @octocat\n/apps/ @octocat\n/apps/github\n\
                    !*.md @nobody\n[a-z].rs @nobody\n/a\\ b.txt @blank\n/single @one\n";
        for (path, owners) in [
            ("README", "@global-owner1 @global-owner2"),
            ("src/a.js", "@js-owner"),
            ("x/y.go", "docs@example.com"),
            ("notes.txt", "@octo-org/octocats"),
            ("build/logs/a", "@octocat"),
            ("docs/a.go", "@doctocat"),
            ("docs/deep/a.go", "@doctocat"),
            ("x/apps/a", "@octocat"),
            ("scripts/x", "@doctocat @octocat"),
            ("deep/logs", "@octocat"),
            ("deep/logs/x", "@octocat"),
            ("apps/github", ""),
            ("apps/github/x", ""),
            ("a.md", "@global-owner1 @global-owner2"),
            ("b.rs", "@global-owner1 @global-owner2"),
            ("a b.txt", "@blank"),
            ("single/file", "@one"),
            ("x/single", "@global-owner1 @global-owner2"),
        ] {
            assert_eq!(of(text, Manner::GitHub, path), owners, "{path}");
        }
        assert_eq!(of("docs/* @a\n", Manner::GitHub, "docs/build/x.md"), "");
        assert_eq!(of("docs/* @a\n", Manner::GitHub, "x/docs/y"), "", "a slash within: from the root");
    }

    #[test]
    fn as_gitlab_reads_it() {
        let text = "* @all\nREADME.md @readme\ninternal/a.rb @internal\n/docs/ @docs\n\n[Database][2] @dba\nmodel/db/ \nconfig/db/setup.rb @ops\n\
                    \n^[Optional] @maybe @some/group\n*.rb\n[DATABASE]\n*.sql @sql\n!/model/db/generated/\n[Roles]\n*.role @@maintainer\n";
        for (path, owners) in [
            ("x", "@all"),
            ("a/README.md", "@readme"),
            ("lib/internal/a.rb", "@internal @maybe @some/group"),
            ("docs/x/y", "@docs"),
            ("app/model/db/x", "@all @dba"),
            ("config/db/setup.rb", "@all @ops @maybe @some/group"),
            ("x.sql", "@all @sql"),
            ("model/db/generated/x", "@all"),
            ("a.role", "@all @@maintainer"),
        ] {
            assert_eq!(of(text, Manner::GitLab, path), owners, "{path}");
        }
        assert_eq!(section("[a-z]*.txt @x"), None);
        assert_eq!(section("^[Docs][2] @docs"), Some(("Docs", " @docs")));
    }

    #[test]
    fn nonsense_says_nothing() {
        for text in ["[", "\\", "*{ @a", "a**b/ @a", "[x", "/ ", "\u{0}\u{1}", "***/** @a", "a\\"] {
            for manner in [Manner::GitHub, Manner::GitLab] {
                let _ = Owners::read(text, manner).of_path("x/y");
            }
        }
    }
}
