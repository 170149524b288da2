//! A whole repository from another machine, bare, with nothing in it that anyone would obey.

use super::visit::Visit;
use super::{Network, RemoteError};
use crate::source::git::url::RemoteUrl;
use std::path::Path;

/// A clone in a temporary folder that only its owner can read; the folder goes away with this.
pub struct TemporaryClone {
    folder: tempfile::TempDir,
}

impl TemporaryClone {
    /// Clones `url`.
    ///
    /// # Errors
    /// Where the repository cannot be fetched or the folder cannot be written; nothing of it stays.
    pub fn of(url: &RemoteUrl, network: Network<'_>) -> Result<Self, RemoteError> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("keysift-clone-")
            .tempdir_in(&temporary)
            .map_err(|cause| RemoteError::Local { path: temporary.display().to_string(), cause })?;
        clone_bare(url, folder.path(), network)?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes the empty folder `into` a bare clone of `url`: its whole history, branches, tags and notes.
///
/// # Errors
/// Where the repository cannot be fetched or the folder cannot be written.
pub fn clone_bare(url: &RemoteUrl, into: &Path, network: Network<'_>) -> Result<(), RemoteError> {
    Visit::of(url, network)?.fetch(into, &[])
}
