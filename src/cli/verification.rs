//! The flags of verification: whether providers are asked, and how.

use crate::finding::Status;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Whether providers are asked, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyFlags {
    /// Ask providers whether what was found is live
    #[arg(long, help_heading = "Verification")]
    pub verify: bool,
    /// Show what --verify would ask, or its hosts alone, and contact nobody
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "questions", conflicts_with = "verify", help_heading = "Verification")]
    pub verify_plan: Option<Preview>,
    #[command(flatten)]
    pub how: HowFlags,
}

/// How providers are asked.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct HowFlags {
    /// A host of yours that may be asked where found text names it: HOST or HOST:PORT; may be given several times
    #[arg(long, value_name = "HOST", help_heading = "Verification")]
    pub allow_host: Vec<String>,
    /// Your installation of a product, asked beside its default host: gitlab=git.example.com; may be given several times
    #[arg(long, value_name = "PROVIDER=HOST", help_heading = "Verification")]
    pub instance: Vec<String>,
    /// Connect to this address for a host: HOST=ADDRESS:PORT; may be given several times
    #[arg(long, value_name = "HOST=ADDRESS", help_heading = "Verification")]
    pub connect_to: Vec<String>,
    /// Trust these certificate authorities too, a file in PEM
    #[arg(long, value_name = "FILE", help_heading = "Verification")]
    pub ca: Option<PathBuf>,
    /// Ask nobody through a proxy
    #[arg(long, help_heading = "Verification")]
    pub require_pinned: bool,
    /// Keep answers in this file and use those of earlier runs; it holds no secrets
    #[arg(long, value_name = "FILE", help_heading = "Verification")]
    pub verify_cache: Option<PathBuf>,
    /// How long answers in the cache count, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60, help_heading = "Verification")]
    pub verify_cache_ttl: u64,
    /// The time for all questions together, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = "Verification")]
    pub verify_timeout: u64,
    /// Ask about known canaries too, which alarms whoever laid them out
    #[arg(long, help_heading = "Verification")]
    pub verify_canaries: bool,
}

/// What is shown in place of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preview {
    Questions,
    Hosts,
}

/// Reads the words of `--only`.
pub(super) fn status(word: &str) -> Result<Status, String> {
    let all = [Status::Live, Status::Dead, Status::Unknown, Status::NotChecked];
    all.into_iter().find(|s| s.as_str() == word).ok_or_else(|| "one of live, dead, unknown, not_checked".to_owned())
}
