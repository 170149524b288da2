//! Which repositories and buckets an audit is about: flags become lists.

use super::forges::ForgeFlags;
use crate::audit::bucket::{Address, BucketAccess, Named, ObjectsWanted};
use crate::audit::forge::app::App;
use crate::audit::listed::{Folder, Urls};
use crate::audit::target::RepositorySource;
use crate::audit::texts::TextSource;
use crate::cli::usage_error;
use clap::Args;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Which repositories.
#[derive(Debug, Clone, Args)]
pub(super) struct SourceFlags {
    /// A file of URLs, a line each; `-` is stdin; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Which repositories")]
    pub urls: Vec<PathBuf>,
    /// A folder of clones or mirrors, at any depth; may be given several times
    #[arg(long, visible_alias = "mirrors", value_name = "FOLDER", help_heading = "Which repositories")]
    pub folder: Vec<PathBuf>,
    #[command(flatten)]
    pub forges: ForgeFlags,
    #[command(flatten)]
    pub buckets: BucketFlags,
}

/// Which buckets.
#[derive(Debug, Clone, Args)]
pub(super) struct BucketFlags {
    /// Buckets: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix; who asks stands in the environment
    #[arg(value_name = "BUCKET", help_heading = "Which buckets")]
    pub buckets: Vec<String>,
    /// Only objects whose key matches; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "Which buckets")]
    pub include_object: Vec<String>,
    #[command(flatten)]
    pub access: AccessFlags,
}

/// How buckets are asked.
#[derive(Debug, Clone, Args)]
pub(super) struct AccessFlags {
    /// Where the buckets are, if not at the service itself
    #[arg(long, value_name = "URL", help_heading = "Which buckets")]
    pub endpoint: Option<String>,
    /// Ask a server without TLS that is not on this machine: credentials are signed, objects can be read on the way
    #[arg(long, help_heading = "Which buckets")]
    pub allow_http: bool,
    /// How many objects are read at a time
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Which buckets")]
    pub readers: usize,
}

impl BucketFlags {
    /// How buckets are asked; objects are read up to `largest` bytes.
    ///
    /// # Errors
    /// What is wrong with a flag, in words.
    fn access(&self, largest: u64) -> Result<BucketAccess, String> {
        let wanted = ObjectsWanted { include: self.include_object.clone(), largest };
        wanted.globs()?;
        Ok(BucketAccess { wanted, ..self.access.access()? })
    }
}

impl AccessFlags {
    /// How buckets are asked.
    ///
    /// # Errors
    /// What is wrong with a flag, in words.
    pub(super) fn access(&self) -> Result<BucketAccess, String> {
        Ok(BucketAccess { at_once: self.readers, ..BucketAccess::at(self.endpoint.as_deref(), self.allow_http)? })
    }
}

/// The largest object, file of a release or log that is read where nobody says otherwise.
const LARGEST: u64 = 1_000_000_000;

/// The lists that flags name.
#[derive(Default)]
pub(super) struct Sources {
    pub repositories: Vec<Box<dyn RepositorySource>>,
    pub texts: Vec<Arc<dyn TextSource>>,
    /// Whose tokens open repositories of GitHub, where it is an app.
    pub app: Option<Arc<App>>,
    pub buckets: BucketAccess,
}

impl SourceFlags {
    /// The lists. Objects, files of releases and logs are read up to `largest` bytes.
    ///
    /// # Errors
    /// The exit code, after the message, where one cannot be read, or nothing was named.
    pub(super) fn sources(&self, largest: Option<u64>) -> Result<Sources, ExitCode> {
        let largest = largest.unwrap_or(LARGEST);
        let buckets = self.buckets.access(largest).map_err(|e| usage_error(&e))?;
        let env = |name: &str| std::env::var(name).ok();
        let app = self.forges.app(&env).map_err(|e| usage_error(&e))?;
        let mut all = Sources { app, buckets, ..Sources::default() };
        for file in &self.urls {
            let name = file.display().to_string();
            let text = read(file).map_err(|e| usage_error(&format!("{name}: cannot be read: {e}")))?;
            all.repositories.push(Box::new(Urls::new(&name, &text)));
        }
        for folder in &self.folder {
            let source = Folder::new(folder).map_err(|e| usage_error(&format!("{}: {e}", folder.display())))?;
            all.repositories.push(Box::new(source));
        }
        let forges = self.forges.sources(largest, &env, all.app.as_ref()).map_err(|e| usage_error(&e))?;
        all.repositories.extend(forges.repositories);
        all.texts.extend(forges.texts);
        for text in &self.buckets.buckets {
            let address = Address::parse(text).map_err(|e| usage_error(&e))?;
            all.repositories.push(Box::new(Named::new(address, &all.buckets)));
        }
        Ok(all)
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
