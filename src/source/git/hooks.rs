//! Where git takes the hooks of a repository from, for the one who works in it: `core.hooksPath` of their own config counts,
//! which scans never read.

use super::open::{OpenError, Repository, WhoseConfig};
use std::path::{Path, PathBuf};

/// The folder of hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HooksFolder {
    /// The folder, absolute.
    pub path: PathBuf,
    /// `core.hooksPath` as config has it; `None` where git looks in its own folder.
    pub configured: Option<String>,
}

/// Finds it as git does: config of the system, of the user, of the repository, of the linked work tree; the last word counts.
///
/// # Errors
/// Where a config file cannot be read.
pub fn folder(repo: &Repository) -> Result<HooksFolder, OpenError> {
    let config = repo.config(WhoseConfig::UserAndRepository)?;
    let configured = config.string("core.hooksPath").map(|v| v.to_string()).filter(|v| !v.is_empty());
    let path = match &configured {
        None => repo.common_dir.join("hooks"),
        // A relative one counts from where hooks run: the top of the work tree.
        Some(named) => repo.root().join(expand_home(named)),
    };
    Ok(HooksFolder { path, configured })
}

/// `~/…` as git reads it.
fn expand_home(named: &str) -> PathBuf {
    match named.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => Path::new(named).to_owned(),
    }
}
