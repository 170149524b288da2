//! Where a repository keeps what it says about its own scans: `keysift.toml` and the ignore file.
//!
//! Looked for from the scanned folder upwards, not above the top of its repository; outside of a repository in the scanned
//! folder alone. Only regular files of a bounded size are read: a link could lead anywhere.

use crate::source::tree::Root;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The name of a config file.
pub const NAME: &str = "keysift.toml";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What the targets of a scan have in common.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The folders that paths are relative to; none for text from a pipe.
    pub roots: Vec<PathBuf>,
    /// The config files that were found, each once.
    pub configs: Vec<PathBuf>,
}

impl Home {
    /// The home of `targets`; those that are not there have none.
    #[must_use]
    pub fn of(targets: &[PathBuf]) -> Self {
        let mut home = Self::default();
        let mut seen: HashSet<PathBuf> = HashSet::new();
        for target in targets {
            // Of a thousand named files most share a folder.
            let is_folder = target.is_dir();
            let folder = if is_folder { target.as_path() } else { target.parent().unwrap_or(target) };
            if !seen.insert(folder.to_owned()) {
                continue;
            }
            let Ok(root) = Root::of(target) else { continue };
            let config = if root.is_work_tree() {
                let start = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                start.canonicalize().ok().and_then(|start| upwards(&start, &root.folder))
            } else {
                upwards(&root.folder, &root.folder)
            };
            if !home.roots.contains(&root.folder) {
                home.roots.push(root.folder);
            }
            home.configs.extend(config.filter(|c| !home.configs.contains(c)));
        }
        home
    }

    /// The one root, where all targets share it.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        match &self.roots[..] {
            [root] => Some(root),
            _ => None,
        }
    }
}

/// The config file nearest to `folder`, in it or above it up to `top`.
fn upwards(folder: &Path, top: &Path) -> Option<PathBuf> {
    let within = folder.ancestors().take_while(|a| a.starts_with(top));
    within.map(|a| a.join(NAME)).find(|file| std::fs::symlink_metadata(file).is_ok())
}

/// The text of a file that was found; `None` where there is none.
///
/// # Errors
/// Where it cannot be read, is no regular file, is too large or no UTF-8.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        // In a folder that cannot be entered nothing can be found; the scan itself tells that.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => return Ok(None),
        Err(e) => return Err(e),
    };
    if !meta.is_file() {
        return Err(io::Error::other("it is a link or no regular file, and is not followed: name the file itself with a flag"));
    }
    if meta.len() > LARGEST {
        return Err(io::Error::other("it is larger than 64 MB"));
    }
    std::fs::read_to_string(path).map(Some)
}

/// Where a path that a found config names leads: within the config's own folder, or nowhere. Nor is any folder on the way a
/// link: it could lead anywhere.
#[must_use]
pub fn inside(folder: &Path, named: &str) -> Option<PathBuf> {
    let path = Path::new(named);
    let is_plain = path.components().all(|c| matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    let is_link = |on_the_way: &Path| std::fs::symlink_metadata(folder.join(on_the_way)).is_ok_and(|m| m.is_symlink());
    let is_straight = || path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).all(|above| !is_link(above));
    (is_plain && path.file_name().is_some() && is_straight()).then(|| folder.join(path))
}
