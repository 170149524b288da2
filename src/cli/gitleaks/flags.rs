//! The command line of gitleaks 8, as it is typed.
//! <https://github.com/gitleaks/gitleaks/tree/v8.30.1/cmd>

use crate::report::Format;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// `keysift gitleaks …`
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Exit codes: 0 no leaks and everything looked at · 1 leaks (--exit-code changes it), an error, or not everything \
                        could be looked at (whatever --exit-code says) · 126 an unknown flag\n\n\
                        Secrets are redacted unless --redact=0 is given. docs/migration.md tells what else differs.\n\n\
                        Examples:\n  keysift gitleaks git -v\n  keysift gitleaks git --staged --redact -v\n  keysift gitleaks dir src -f \
                        sarif -r gitleaks.sarif\n  keysift gitleaks detect --source . --no-git --baseline-path known.json"
)]
pub(in crate::cli) struct GitleaksArguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub shared: SharedFlags,
}

/// What gitleaks does.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Scan the history of a repository, or what is staged
    Git {
        /// The repository [default: the current folder]
        repo: Option<PathBuf>,
        /// Scan what `git commit` would record
        #[arg(long)]
        staged: bool,
        /// Scan what has changed; needs --staged
        #[arg(long)]
        pre_commit: bool,
        #[command(flatten)]
        history: HistoryFlags,
    },
    /// Scan files and folders
    #[command(aliases = ["file", "directory"])]
    Dir {
        /// A file or a folder [default: the current folder]
        path: Option<PathBuf>,
        /// Links are not followed: what they lead to is looked at where it stands
        #[arg(long)]
        follow_symlinks: bool,
    },
    /// Scan what comes on stdin
    Stdin,
    /// Scan history, or files with --no-git, or stdin with --pipe: what `git`, `dir` and `stdin` do
    Detect {
        /// The repository or folder
        #[arg(short, long, value_name = "PATH", default_value = ".")]
        source: PathBuf,
        /// Scan files as they stand
        #[arg(long)]
        no_git: bool,
        /// Scan stdin
        #[arg(long)]
        pipe: bool,
        /// Links are not followed: what they lead to is looked at where it stands
        #[arg(long)]
        follow_symlinks: bool,
        #[command(flatten)]
        history: HistoryFlags,
    },
    /// Scan what is staged: what `git --staged` does
    Protect {
        /// The repository
        #[arg(short, long, value_name = "PATH", default_value = ".")]
        source: PathBuf,
        /// Scan what `git commit` would record
        #[arg(long)]
        staged: bool,
        #[arg(long, hide = true)]
        log_opts: Option<String>,
    },
    /// Tell the version of keysift
    Version,
}

/// Which history.
#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryFlags {
    /// Options of `git log`: ranges, revisions, --all, --since, --until and -n are understood
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub log_opts: Option<String>,
    /// Links to places come by themselves
    #[arg(long, hide = true)]
    pub platform: Option<String>,
}

/// What all commands share.
#[derive(Debug, Args)]
pub(in crate::cli) struct SharedFlags {
    /// A config file [default: GITLEAKS_CONFIG, the text in GITLEAKS_CONFIG_TOML, .gitleaks.toml of what is scanned, else
    /// keysift's rules]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// A JSON report of gitleaks, or a baseline of keysift: what it names does not fail
    #[arg(short, long, value_name = "FILE", global = true)]
    pub baseline_path: Option<PathBuf>,
    /// A .gitleaksignore, or a folder that holds one
    #[arg(short = 'i', long, value_name = "PATH", default_value = ".", global = true)]
    pub gitleaks_ignore_path: PathBuf,
    /// Where the report goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", global = true)]
    pub report_path: Option<PathBuf>,
    /// The form of the report: json, csv, junit, sarif [default: as the file is called]
    #[arg(short = 'f', long, value_name = "FORMAT", global = true)]
    pub report_format: Option<String>,
    #[arg(long, hide = true, global = true)]
    pub report_template: Option<PathBuf>,
    /// The exit code where there are leaks
    #[arg(long, value_name = "N", default_value_t = 1, global = true)]
    pub exit_code: u8,
    /// Secrets are redacted whole; 0 shows them
    #[arg(
        long,
        value_name = "PERCENT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "100",
        value_parser = clap::value_parser!(u8).range(..=100),
        global = true
    )]
    pub redact: Option<u8>,
    /// Show what is found
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// There is none
    #[arg(long, hide = true, global = true)]
    pub no_banner: bool,
    /// Use no colour
    #[arg(long, global = true)]
    pub no_color: bool,
    /// What stderr tells: trace, debug, info, warn, error, fatal
    #[arg(short, long, value_name = "LEVEL", default_value = "info", global = true)]
    pub log_level: String,
    /// Leave out files that are larger
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    pub max_target_megabytes: u64,
    /// Up to five levels are always decoded
    #[arg(long, value_name = "N", default_value_t = 5, global = true)]
    pub max_decode_depth: usize,
    /// Open archives, so many in each other
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    pub max_archive_depth: usize,
    /// Only these rules, by their ids here or in gitleaks
    #[arg(long, value_name = "ID", value_delimiter = ',', global = true)]
    pub enable_rule: Vec<String>,
    /// Comments such as gitleaks:allow do not count
    #[arg(long, global = true)]
    pub ignore_gitleaks_allow: bool,
    /// Stop after so many seconds: the scan is incomplete then
    #[arg(long, value_name = "SECONDS", default_value_t = 0, global = true)]
    pub timeout: u64,
    #[arg(long, hide = true, global = true)]
    pub diagnostics: Option<String>,
    #[arg(long, hide = true, global = true)]
    pub diagnostics_dir: Option<PathBuf>,
}

impl SharedFlags {
    /// The form of the report.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) fn format(&self, path: &Path) -> Result<Format, String> {
        if self.report_template.is_some() {
            return Err("--report-template: keysift has no templates; -f json has all of a report for a program to format".into());
        }
        let of_name = || path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let named = self.report_format.as_deref().map(|f| f.trim().to_ascii_lowercase()).filter(|f| !f.is_empty());
        match named.unwrap_or_else(of_name).as_str() {
            "json" => Ok(Format::Gitleaks),
            "csv" => Ok(Format::GitleaksCsv),
            "sarif" => Ok(Format::GitleaksSarif),
            "junit" => Ok(Format::Junit),
            "template" => {
                Err("-f template: keysift has no templates; -f json has all of a report for a program to format".into())
            }
            other => Err(format!("`{other}` is no report format: -f json, csv, junit or sarif")),
        }
    }
}
