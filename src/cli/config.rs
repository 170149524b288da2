//! `keysift config`: what config comes to, and who said it.

use super::common::RuleFlags;
use super::{layers, policy, usage_error};
use crate::cli::messages::{Level, say_of_file};
use crate::config::discover::Home;
use crate::config::layers::{Layers, Place, Setting};
use crate::finding::snippet::visible;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
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
                  keysift config check --policy policy.toml    is this policy right, and what does it refuse?\n  keysift \
                  config update                        fetch what `extends` names by its URL"
)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every value that counts with the file that set it, the locks, and what they refuse
    Show(ShowArguments),
    /// Check every file that counts here
    Check(PlaceArguments),
    /// Fetch the files elsewhere that config stands on (`extends`), where their copies are not there or not as named
    Update(PlaceArguments),
}

/// How it is shown.
#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// For people, or for programs
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: ShowFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    Text,
    Json,
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
        let home = self.home()?;
        let mut layers = layers::all(&self.flags, &home)?;
        for file in policy::own_ignore_files(&home, self.flags.gitleaks_config.is_some(), false) {
            layers.refused.extend(layers.refusal(policy::IGNORE_FILE, &file.name, 0));
        }
        Ok(layers)
    }

    fn home(&self) -> Result<Home, ExitCode> {
        let path = self.path.clone().unwrap_or_else(|| PathBuf::from("."));
        if !path.exists() {
            return Err(usage_error(&format!("{} is not there", visible(&path.display().to_string()))));
        }
        Ok(Home::of(&[path]))
    }
}

/// Runs it.
pub(super) fn run(arguments: &ConfigArguments) -> ExitCode {
    let done = match &arguments.command {
        ConfigCommand::Show(ShowArguments { place, format }) => place.layers().map(|layers| {
            super::print(&match format {
                ShowFormat::Text => show(&layers),
                ShowFormat::Json => show_json(&layers),
            })
        }),
        ConfigCommand::Check(place) => check(place),
        ConfigCommand::Update(place) => update(place),
    };
    done.unwrap_or_else(|code| code)
}

/// What is built in, for keys that no file names.
const BUILT_IN: [(&str, &str); 8] = [
    ("max_file_size", "\"8GB\""),
    ("archives", "true"),
    ("max_depth", "8"),
    ("max_unpacked", "\"64GB\""),
    ("max_members", "1000000"),
    ("fail_on", "\"any\""),
    ("exit_code", "1"),
    ("incomplete", "\"fail\""),
];

/// Every value with its place; of a single value the nearest alone.
fn show(layers: &Layers) -> String {
    let mut out = String::new();
    for (key, value) in BUILT_IN {
        if layers.place_of(key).is_none() {
            let _ = writeln!(out, "{key} = {value}  # built in");
        }
    }
    for setting in counting(layers) {
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

/// The values that count: all of lists, of a single value the nearest.
fn counting(layers: &Layers) -> impl Iterator<Item = &Setting> {
    let is_list = |key: &str| ["exclude", "disable", "accept_gap", "threshold", "allowlist", "rule"].contains(&key);
    layers
        .settings
        .iter()
        .enumerate()
        .filter(move |(n, setting)| {
            is_list(&setting.key) || layers.settings[n + 1..].iter().all(|later| later.key != setting.key)
        })
        .map(|(_, setting)| setting)
}

/// The same for programs.
fn show_json(layers: &Layers) -> String {
    let place = |place: &Place| json!({ "layer": place.layer.as_str(), "file": place.name, "line": place.line });
    let built_in = BUILT_IN.iter().filter(|(key, _)| layers.place_of(key).is_none()).map(|(key, value)| {
        let value: Value = serde_json::from_str(value).unwrap_or_default();
        json!({ "key": key, "value": value, "set_by": { "layer": "built_in" } })
    });
    let said = counting(layers).map(|s| json!({ "key": s.key, "value": s.data, "set_by": place(&s.place) }));
    let settings: Vec<Value> = built_in.chain(said).collect();
    let locked: Vec<Value> = layers.locks().map(|(key, by)| json!({ "key": key, "locked_by": place(by) })).collect();
    let refused = layers.refused.iter().map(|r| json!({ "key": r.key, "said_by": place(&r.place), "locked_by": place(&r.by) }));
    let whole = json!({
        "schema_version": 1,
        "files": layers.files,
        "settings": settings,
        "locked": locked,
        "refused": refused.collect::<Vec<_>>(),
    });
    format!("{whole:#}\n")
}

/// Fetches what config stands on.
#[cfg(feature = "network")]
fn update(place: &PlaceArguments) -> Result<ExitCode, ExitCode> {
    use super::edit;
    use crate::config::discover;
    use crate::config::extends::Base;
    use std::cell::RefCell;
    use std::path::Path;
    let told = RefCell::new(String::new());
    let fetch = |base: &Base, path: &Path| {
        let Some(source) = &base.source else { return Ok(()) };
        let name = visible(&path.display().to_string());
        if discover::read(path).is_ok_and(|text| text.is_some_and(|text| source.check(text.as_bytes()).is_ok())) {
            let _ = writeln!(told.borrow_mut(), "as named: {name}");
            return Ok(());
        }
        let text = crate::config::fetch::fetch(&source.url).map_err(|e| usage_error(&visible(&e)))?;
        source.check(text.as_bytes()).map_err(|found| {
            usage_error(&visible(&format!(
                "{} has another SHA-256 than its config names, {found}: look at what changed there before you write it down",
                source.url
            )))
        })?;
        let failed = |e: std::io::Error| usage_error(&format!("{name}: cannot be written: {e}"));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        edit::replace(path, &text).map_err(failed)?;
        let _ = writeln!(told.borrow_mut(), "fetched: {name}");
        Ok(())
    };
    layers::all_with(&place.flags, &place.home()?, &fetch)?;
    let told = told.into_inner();
    Ok(super::print(if told.is_empty() { "no config here stands on a file elsewhere\n" } else { &told }))
}

#[cfg(not(feature = "network"))]
fn update(_: &PlaceArguments) -> Result<ExitCode, ExitCode> {
    Err(usage_error("this keysift is built without the feature `network`: fetch the files by hand, and check their SHA-256"))
}

/// Reads everything as a scan would.
fn check(place: &PlaceArguments) -> Result<ExitCode, ExitCode> {
    let mut layers = place.layers()?;
    for advice in std::mem::take(&mut layers.config.warnings) {
        say_of_file(Level::Warning, format_args!("{}", visible(&advice.to_string())));
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
