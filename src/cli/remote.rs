//! Where the repository is that a person named: here, or behind a URL; then it is cloned, looked at and removed.

use super::run::interruptible;
use super::usage_error;
use crate::source::Stop;
use crate::source::git::Repository;
use crate::source::git::url::RemoteUrl;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where a repository is.
#[cfg_attr(not(feature = "network"), expect(dead_code, reason = "nothing is cloned"))]
pub(super) enum Place {
    Here(PathBuf),
    /// A clone, which goes away with this.
    Cloned(Clone),
    /// Cloning this URL was interrupted.
    Interrupted(String),
}

/// A clone of what is behind a URL.
pub(super) struct Clone {
    #[cfg(feature = "network")]
    folder: crate::source::git::remote::TemporaryClone,
    /// It is never there.
    #[cfg(not(feature = "network"))]
    folder: std::convert::Infallible,
    url: String,
}

impl Place {
    /// Gets what was named.
    ///
    /// # Errors
    /// The exit code, after the message, where it is a URL that cannot be cloned.
    pub(super) fn of(named: &Path) -> Result<Self, ExitCode> {
        match named.to_str().filter(|text| RemoteUrl::is_meant(text)) {
            None => Ok(Self::Here(named.to_owned())),
            Some(text) => clone(&RemoteUrl::parse(text).map_err(|e| usage_error(&e.to_string()))?, interruptible()),
        }
    }

    /// The folder to open.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Here(path) => path,
            Self::Cloned(clone) => clone.path(),
            Self::Interrupted(_) => Path::new(""),
        }
    }

    /// Where config and decisions are looked for: what is behind a URL does not say how it is looked at.
    pub(super) fn trusted(&self) -> &[PathBuf] {
        match self {
            Self::Here(path) => std::slice::from_ref(path),
            Self::Cloned(_) | Self::Interrupted(_) => &[],
        }
    }

    /// What reports call it.
    pub(super) fn root(&self, repo: &Repository) -> String {
        match self {
            Self::Here(_) => repo.root().to_string_lossy().into_owned(),
            Self::Cloned(Clone { url, .. }) | Self::Interrupted(url) => url.clone(),
        }
    }
}

#[cfg(feature = "network")]
impl Clone {
    fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(feature = "network")]
fn clone(url: &RemoteUrl, stop: &Stop) -> Result<Place, ExitCode> {
    use crate::source::git::remote::{Credentials, Limits, Network, RemoteError, TemporaryClone};
    let env = |name: &str| std::env::var(name).ok();
    let credentials = Credentials::for_typed(&env);
    match TemporaryClone::of(url, Network { credentials: &credentials, limits: Limits::default(), stop }) {
        Ok(folder) => Ok(Place::Cloned(Clone { folder, url: url.to_string() })),
        Err(RemoteError::Interrupted) => Ok(Place::Interrupted(url.to_string())),
        Err(e) => Err(usage_error(&e.to_string())),
    }
}

#[cfg(not(feature = "network"))]
impl Clone {
    const fn path(&self) -> &Path {
        match self.folder {}
    }
}

#[cfg(not(feature = "network"))]
fn clone(url: &RemoteUrl, _stop: &Stop) -> Result<Place, ExitCode> {
    Err(usage_error(&format!(
        "{url}: this keysift was built without the feature `network`; clone it with `git clone --mirror` and give the folder"
    )))
}
