//! Which repositories an audit is about: flags become lists.

use super::forges::ForgeFlags;
use crate::audit::forge::app::App;
use crate::audit::listed::{Folder, Urls};
use crate::audit::target::{RepositorySource, TextSource};
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
}

/// The lists that flags name.
pub(super) struct Sources {
    pub repositories: Vec<Box<dyn RepositorySource>>,
    pub texts: Vec<Box<dyn TextSource>>,
    /// Whose tokens open repositories of GitHub, where it is an app.
    pub app: Option<Arc<App>>,
}

impl SourceFlags {
    /// The lists.
    ///
    /// # Errors
    /// The exit code, after the message, where one cannot be read, or nothing was named.
    pub(super) fn sources(&self) -> Result<Sources, ExitCode> {
        let env = |name: &str| std::env::var(name).ok();
        let app = self.forges.app(&env).map_err(|e| usage_error(&e))?;
        let mut all = Sources { repositories: Vec::new(), texts: Vec::new(), app };
        for file in &self.urls {
            let name = file.display().to_string();
            let text = read(file).map_err(|e| usage_error(&format!("{name}: cannot be read: {e}")))?;
            all.repositories.push(Box::new(Urls::new(&name, &text)));
        }
        for folder in &self.folder {
            let source = Folder::new(folder).map_err(|e| usage_error(&format!("{}: {e}", folder.display())))?;
            all.repositories.push(Box::new(source));
        }
        let forges = self.forges.sources(&env, all.app.as_ref()).map_err(|e| usage_error(&e))?;
        all.repositories.extend(forges);
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
