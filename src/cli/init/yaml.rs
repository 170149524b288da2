//! Where in a YAML file something can be added, told by its lines: block style is understood, anything else is left alone.
//!
//! A file of others keeps its comments, order and quotes, which it would lose in a parser and a writer.

use super::block::{Comment, insert, marked};

/// What stands under a path of keys.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Found {
    /// A block: its lines, from and to, and how far its entries are indented.
    Block { from: usize, to: usize, indent: usize },
    /// So many keys of the path are there.
    Missing { known: usize },
    /// It is there in a style that is not understood: `{…}`, `[…]`, an alias, several documents.
    Unclear,
}

/// Finds the block under a path of keys.
pub(in crate::cli) fn find(text: &str, path: &[&str]) -> Found {
    let lines: Vec<&str> = text.lines().collect();
    let content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let marks: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("---") || lines[*n].starts_with("...")).collect();
    let first = lines.iter().position(|l| content(l)).unwrap_or(0);
    if marks.iter().any(|n| *n > first) || lines.iter().any(|l| l.starts_with(['\t', '{', '['])) {
        return Found::Unclear;
    }
    let (mut from, mut to) = (marks.first().map_or(0, |n| n + 1), lines.len());
    let mut indent = 0;
    for (known, key) in path.iter().enumerate() {
        let is_key = |n: &usize| indent_of(lines[*n]) == indent && key_of(lines[*n]).is_some_and(|(k, _)| k == *key);
        let Some(at) = (from..to).filter(|n| content(lines[*n])).find(is_key) else { return Found::Missing { known } };
        if key_of(lines[at]).is_some_and(|(_, value)| !value.is_empty() && !value.starts_with('#')) {
            return Found::Unclear;
        }
        let belongs = |line: &str| indent_of(line) > indent || indent_of(line) == indent && line.trim_start().starts_with("- ");
        let end = (at + 1..to).find(|n| content(lines[*n]) && !belongs(lines[*n])).unwrap_or(to);
        let child = (at + 1..end).map(|n| lines[n]).find(|l| content(l)).map_or(indent + 2, indent_of);
        (from, to, indent) = (at + 1, end, child);
    }
    Found::Block { from, to, indent }
}

/// The entries of a block without their indentation; none where it is not there.
pub(in crate::cli) fn entries(text: &str, path: &[&str]) -> Vec<String> {
    let Found::Block { from, to, indent } = find(text, path) else { return Vec::new() };
    let lines = text.lines().skip(from).take(to - from);
    lines.map(|l| l.get(indent..).unwrap_or_default().to_owned()).collect()
}

/// Adds entries at the beginning of the block under `path`, in a marked block; what the path lacks is added around them.
/// `is_whole`: nothing else is in the file. `None` where it is in a style that is not understood.
pub(in crate::cli) fn add(text: &str, path: &[&str], lines: &[String], is_whole: bool) -> Option<String> {
    match find(text, path) {
        Found::Block { from, indent, .. } => Some(insert(text, from, &marked(lines, indent, Comment::Hash, is_whole))),
        Found::Missing { known } => {
            let Found::Block { from, to, indent } = find(text, &path[..known]) else { return None };
            let mut wrapped = Vec::new();
            for (depth, key) in path[known..].iter().enumerate() {
                let quoted = if key.starts_with('*') { format!("\"{key}\"") } else { (*key).to_owned() };
                wrapped.push(format!("{}{quoted}:", "  ".repeat(depth)));
            }
            let pad = "  ".repeat(path.len() - known);
            wrapped.extend(lines.iter().map(|l| if l.is_empty() { String::new() } else { format!("{pad}{l}") }));
            // At the top new keys come last: first are those that say what the file is.
            let at = if known == 0 { to } else { from };
            Some(insert(text, at, &marked(&wrapped, indent, Comment::Hash, is_whole)))
        }
        Found::Unclear => None,
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The key of a line, without quotes, and what follows it.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (key, value) = match line.strip_prefix(['"', '\'']) {
        Some(rest) => {
            let (key, value) = rest.split_once(line.chars().next()?)?;
            (key, value.strip_prefix(':')?)
        }
        None if line.starts_with('-') => return None,
        None => line.split_once(':')?,
    };
    (value.is_empty() || value.starts_with([' ', '\t'])).then(|| (key.trim_end(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::block::{lines_of, strip};
    use super::*;

    const FILE: &str = "# mine\ndefault_stages: [commit]\nrepos:\n# the first\n-   repo: a # b: c\n    hooks:\n    - id: x\n\nci:\n  skip: [x]\n";

    #[test]
    fn lists_grow_at_their_beginning() {
        let with = add(FILE, &["repos"], &lines_of("- repo: local\n  hooks: []"), false).unwrap();
        assert!(
            with.contains("repos:\n# >>> keysift init\n- repo: local\n  hooks: []\n# <<< keysift init\n# the first\n"),
            "{with}"
        );
        assert_eq!(strip(&with).unwrap().rest, FILE);
        let deep = "pipelines:\n    'default':\n        - step: 1\n    branches:\n        main: []\n";
        let with = add(deep, &["pipelines", "default"], &lines_of("- step: 2"), false).unwrap();
        assert!(with.contains("    'default':\n        # >>> keysift init\n        - step: 2\n"), "{with}");
        assert_eq!(entries(deep, &["pipelines", "default"]), ["- step: 1"]);
    }

    #[test]
    fn missing_keys_are_added() {
        let with = add("a: 1\nb:\n   c: 2\n", &["b", "**", "d"], &lines_of("- e"), false).unwrap();
        assert_eq!(with, "a: 1\nb:\n   # >>> keysift init\n   \"**\":\n     d:\n       - e\n   # <<< keysift init\n   c: 2\n");
        assert_eq!(
            add("a: 1", &["b"], &lines_of("c: 2"), false).unwrap(),
            "a: 1\n# >>> keysift init\nb:\n  c: 2\n# <<< keysift init"
        );
    }

    #[test]
    fn what_is_not_understood_stays() {
        for text in ["repos: []\n", "repos: &a\n- b\n", "{repos: []}\n", "a: 1\n---\nrepos:\n- b\n", "repos: *x\n"] {
            assert_eq!(add(text, &["repos"], &lines_of("- c"), false), None, "{text}");
        }
        assert!(add("---\nrepos:\n- b\n", &["repos"], &lines_of("- c"), false).is_some());
        assert_eq!(find("x: 'repos:'\nurl: a:b\n", &["repos"]), Found::Missing { known: 0 });
    }
}
