//! `keysift config`: what config comes to, and who said it.

use super::common::RuleFlags;
use super::{layers, policy, usage_error};
use crate::config::discover::Home;
use crate::config::layers::Layers;
use crate::finding::snippet::visible;
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift config …`
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Layers, the nearer one last: built in, organization policy, user, repository, command line. A policy locks keys with \
                  `lock = [\"disable\", …]`.\n\n\
                  Exit codes: 0 right · 2 wrong\n\n\
                  Examples:\n  keysift config show                          what counts in this folder, and who said it\n  \
                  keysift config check                         is config right?\n  \
                  keysift config check --policy policy.toml    is this policy right, and what does it refuse?"
)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every value that counts with the file that set it, the locks, and what they refuse
    Show(PlaceArguments),
    /// Check every file that counts here
    Check(PlaceArguments),
}

/// Whose config.
#[derive(Debug, Args)]
struct PlaceArguments {
    /// A file or folder [default: the current folder]
    path: Option<PathBuf>,
    #[command(flatten)]
    flags: RuleFlags,
}

impl PlaceArguments {
    /// The layers, and what the repository's ignore file says in vain.
    fn layers(&self) -> Result<Layers, ExitCode> {
        let path = self.path.clone().unwrap_or_else(|| PathBuf::from("."));
        if !path.exists() {
            return Err(usage_error(&format!("{} is not there", visible(&path.display().to_string()))));
        }
        let home = Home::of(&[path]);
        let mut layers = layers::all(&self.flags, &home)?;
        for file in policy::own_ignore_files(&home, self.flags.gitleaks_config.is_some(), false) {
            layers.refused.extend(layers.refusal("ignore_file", &file.name, 0));
        }
        Ok(layers)
    }
}

/// Runs it.
pub(super) fn run(arguments: &ConfigArguments) -> ExitCode {
    let done = match &arguments.command {
        ConfigCommand::Show(place) => place.layers().map(|layers| super::print(&show(&layers))),
        ConfigCommand::Check(place) => check(place),
    };
    done.unwrap_or_else(|code| code)
}

/// What is built in, for keys that no file names.
const BUILT_IN: [(&str, &str); 5] = [
    ("max_file_size", "\"8GB\""),
    ("archives", "true"),
    ("max_depth", "8"),
    ("max_unpacked", "\"64GB\""),
    ("max_members", "1000000"),
];

/// Every value with its place; of a single value the nearest alone.
fn show(layers: &Layers) -> String {
    let mut out = String::new();
    for (key, value) in BUILT_IN {
        if layers.place_of(key).is_none() {
            let _ = writeln!(out, "{key} = {value}  # built in");
        }
    }
    for (n, setting) in layers.settings.iter().enumerate() {
        let is_list = ["exclude", "disable", "accept_gap", "threshold", "allowlist", "rule"].contains(&setting.key.as_str());
        if !is_list && layers.settings[n + 1..].iter().any(|later| later.key == setting.key) {
            continue;
        }
        let _ = writeln!(out, "{} = {}  # {}", setting.key, visible(&setting.value), visible(&setting.place.to_string()));
    }
    for (key, place) in layers.locks() {
        let _ = writeln!(out, "locked: {key}  # {}", visible(&place.to_string()));
    }
    for refused in &layers.refused {
        let _ = writeln!(out, "refused: {}", visible(&refused.to_string()));
    }
    out
}

/// Reads everything as a scan would.
fn check(place: &PlaceArguments) -> Result<ExitCode, ExitCode> {
    let mut layers = place.layers()?;
    for advice in std::mem::take(&mut layers.config.warnings) {
        eprintln!("{}", visible(&advice.to_string()));
    }
    let mut out = String::new();
    let files = &layers.files;
    if files.is_empty() {
        out.push_str("no config counts here: what is built in does\n");
    } else {
        let files: Vec<String> = files.iter().map(|file| visible(file)).collect();
        let _ = writeln!(out, "right: {}", files.join(", "));
    }
    for refused in &layers.refused {
        let _ = writeln!(out, "refused: {}", visible(&refused.to_string()));
    }
    // Names of rules and globs are looked at where a scan would.
    super::common::Settings::with_layers(layers, &place.flags, &[], None)?;
    Ok(super::print(&out))
}
