//! What git leaves untracked: `.gitignore` files of a work tree, and its index, because tracked files are always looked at.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A git work tree.
pub(super) struct WorkTree {
    /// The folder that holds `.git`.
    pub root: PathBuf,
    /// The repository's own folder: `.git`, or where the file of that name points.
    git_dir: PathBuf,
    tracked: OnceLock<Option<Tracked>>,
}

/// The index, which has its paths in order; `None` where there is none.
struct Tracked(Option<gix::index::File>);

impl WorkTree {
    /// The work tree that `path` (absolute) is in.
    #[must_use]
    pub(super) fn around(path: &Path) -> Option<Self> {
        path.ancestors().find_map(Self::at)
    }

    /// The work tree whose top is `folder`.
    #[must_use]
    pub(super) fn at(folder: &Path) -> Option<Self> {
        let dot_git = folder.join(".git");
        let meta = std::fs::symlink_metadata(&dot_git).ok()?;
        let git_dir = if meta.is_dir() {
            dot_git
        } else if meta.is_file() && meta.len() < 4096 {
            let text = std::fs::read_to_string(&dot_git).ok()?;
            folder.join(text.strip_prefix("gitdir:")?.trim())
        } else {
            return None;
        };
        git_dir.join("HEAD").exists().then(|| Self { root: folder.to_owned(), git_dir, tracked: OnceLock::new() })
    }

    /// Whether the index holds the file, or a file in the folder, at `path` (relative, `/`-separated). Where the index cannot
    /// be read everything counts as tracked: better looked at than left out.
    pub(super) fn is_tracked(&self, path: &[u8], folder: bool) -> bool {
        let tracked = self.tracked.get_or_init(|| Tracked::read(&self.git_dir));
        tracked.as_ref().is_none_or(|tracked| tracked.holds(path, folder))
    }
}

impl Tracked {
    fn read(git_dir: &Path) -> Option<Self> {
        let path = git_dir.join("index");
        if !path.exists() {
            return Some(Self(None));
        }
        let index = [gix::hash::Kind::Sha1, gix::hash::Kind::Sha256]
            .into_iter()
            .find_map(|kind| gix::index::File::at(&path, kind, true, gix::index::decode::Options::default()).ok())?;
        // Git writes no index out of order: one that is hides what is tracked.
        let in_order = index.entries().is_sorted_by(|a, b| a.path(&index) <= b.path(&index));
        in_order.then_some(Self(Some(index)))
    }

    fn holds(&self, path: &[u8], folder: bool) -> bool {
        let Some(index) = &self.0 else { return false };
        let path = if folder { Cow::Owned([path, b"/"].concat()) } else { Cow::Borrowed(path) };
        let path: &[u8] = &path;
        let at = index.entries().partition_point(|entry| **entry.path(index) < *path);
        let next = index.entries().get(at).map(|entry| &**entry.path(index));
        next.is_some_and(|next| if folder { next.starts_with(path) } else { next == path })
    }
}

/// The `.gitignore` files from the top of a work tree down to a folder; later ones decide.
#[derive(Clone, Default)]
pub(super) enum Rules {
    /// No rules.
    #[default]
    None,
    /// A `.gitignore` and those above it.
    Some(Arc<Node>),
    /// Within an ignored folder: nothing in there can be taken in again.
    Everything,
}

pub(super) struct Node {
    parent: Rules,
    matcher: Gitignore,
}

impl Rules {
    /// These rules and those of the `.gitignore` in `folder`, if there is one.
    #[must_use]
    pub(super) fn with(&self, folder: &Path) -> Self {
        if matches!(self, Self::Everything) {
            return Self::Everything;
        }
        let file = folder.join(".gitignore");
        // A link could point to a file elsewhere; git reads none either.
        if !std::fs::symlink_metadata(&file).is_ok_and(|m| m.is_file() && m.len() < 1 << 20) {
            return self.clone();
        }
        let mut builder = GitignoreBuilder::new(folder);
        let _ = builder.add(&file);
        match builder.build() {
            Ok(matcher) if !matcher.is_empty() => Self::Some(Arc::new(Node { parent: self.clone(), matcher })),
            _ => self.clone(),
        }
    }

    /// Whether there are any.
    pub(super) const fn are_any(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether `path` (absolute) is ignored.
    #[must_use]
    pub(super) fn ignores(&self, path: &Path, folder: bool) -> bool {
        let mut rules = self;
        loop {
            let node = match rules {
                Self::None => return false,
                Self::Everything => return true,
                Self::Some(node) => node,
            };
            match node.matcher.matched(path, folder) {
                ignore::Match::None => rules = &node.parent,
                ignore::Match::Ignore(_) => return true,
                ignore::Match::Whitelist(_) => return false,
            }
        }
    }
}
