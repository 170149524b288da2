//! The configs of a run in their layers: policies, the user's, and that of the repository.

use super::common::RuleFlags;
use super::policy::{Named, unreadable};
use super::usage_error;
use crate::config::Config;
use crate::config::discover::{self, Home};
use crate::config::layers::{Layer, Layers};
use crate::config::places::{POLICY_VARIABLE, machine_policy, user_configs};
use crate::finding::snippet::visible;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How the text of a file that someone named is read; `None` where it does not count.
pub(super) type Reader<'a> = &'a dyn Fn(&Path) -> Result<Option<(String, String)>, ExitCode>;

/// Reads a named file as it stands.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn as_it_stands(path: &Path) -> Result<Option<(String, String)>, ExitCode> {
    let name = path.display().to_string();
    std::fs::read_to_string(path).map_err(|e| unreadable(&name, &e)).map(|text| Some((name, text)))
}

/// The layers above the repository. Policies add up, so that none takes another's locks away: that of the machine, the one that
/// the environment names, the one that a flag names. Rules of one that stands in a `scanned` folder ask nobody.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn above_repository(flags: &RuleFlags, scanned: &[PathBuf], named: Reader<'_>) -> Result<Layers, ExitCode> {
    let mut layers = Layers::default();
    let machine = machine_policy();
    if let Some(text) = if_there(&machine)? {
        add(&mut layers, Layer::Policy, &machine.display().to_string(), machine.clone(), &text)?;
    }
    let variable = std::env::var_os(POLICY_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    for path in variable.iter().chain(&flags.policy) {
        if let Some((name, text)) = named(path)? {
            let mut config = parse(&name, &text, Layer::Policy)?;
            // Whoever may change what is scanned could add a rule that sends secrets to them.
            if is_inside(path, scanned) {
                config.distrust();
            }
            layers.add(Layer::Policy, &name, path.clone(), config);
        }
    }
    if flags.no_config {
        return Ok(layers);
    }
    for path in user_configs(&|name| std::env::var_os(name)) {
        // A home of someone else, as in containers that run as another user, holds nothing of this user's.
        let is_closed = std::fs::metadata(&path).is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
        if is_closed {
            continue;
        }
        if let Some(text) = if_there(&path)? {
            add(&mut layers, Layer::User, &from_home(&path), path, &text)?;
            break;
        }
    }
    Ok(layers)
}

/// All layers, with the config that was named or stands in the `home` of the targets.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn all(flags: &RuleFlags, home: &Home) -> Result<Layers, ExitCode> {
    let mut layers = above_repository(flags, &home.roots, &as_it_stands)?;
    let Some(file) = config_file(flags, home)? else { return Ok(layers) };
    let text = match flags.named() {
        Some(_) if flags.gitleaks_text.is_some() => Ok(flags.gitleaks_text.clone().unwrap_or_default()),
        Some(path) => std::fs::read_to_string(path),
        None => discover::read(&file.path).map(Option::unwrap_or_default),
    };
    let text = text.map_err(|e| unreadable(&file.name, &e))?;
    let open = |path: &str| std::fs::read_to_string(path).map_err(|e| format!("{path}: cannot be read: {e}"));
    let config = flags.parse(&file.name, &text, &open)?;
    layers.add(Layer::Repository, &file.name, file.path, config);
    Ok(layers)
}

/// Adds the text of a file.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn add(layers: &mut Layers, layer: Layer, name: &str, path: PathBuf, text: &str) -> Result<(), ExitCode> {
    layers.add(layer, name, path, parse(name, text, layer)?);
    Ok(())
}

fn parse(name: &str, text: &str, layer: Layer) -> Result<Config, ExitCode> {
    Config::parse_of(name, text, layer).map_err(|e| usage_error(&e.to_string()))
}

/// Whether a file, or the link that leads to it, stands in one of the folders.
fn is_inside(path: &Path, folders: &[PathBuf]) -> bool {
    let Ok(absolute) = std::path::absolute(path) else { return true };
    let link = absolute.parent().and_then(|folder| folder.canonicalize().ok());
    let places = [absolute.canonicalize().ok(), link, Some(absolute)];
    folders.iter().any(|folder| places.iter().flatten().any(|place| place.starts_with(folder)))
}

/// The text of a file that need not be there. One that is there and cannot be read is an error: what it would lock is unknown.
fn if_there(path: &Path) -> Result<Option<String>, ExitCode> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(unreadable(&path.display().to_string(), &e)),
    }
}

/// A path as the user would write it.
fn from_home(path: &Path) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let below = home.and_then(|home| path.strip_prefix(home).ok().map(|rest| format!("~/{}", rest.display())));
    below.unwrap_or_else(|| path.display().to_string())
}

/// The config file of the run: the one that was named, or the one that all targets have.
fn config_file(flags: &RuleFlags, home: &Home) -> Result<Option<Named>, ExitCode> {
    if flags.no_config {
        return Ok(None);
    }
    if let Some(path) = flags.named() {
        return Ok(Some(Named::given(path)));
    }
    match (&home.configs[..], home.root()) {
        ([], _) => Ok(None),
        ([file], Some(root)) => Ok(Some(Named::found(file.clone(), root))),
        (files, _) => {
            let files: Vec<String> = files.iter().map(|f| visible(&f.display().to_string())).collect();
            Err(usage_error(&format!(
                "the folders have config of their own ({}): scan them one by one, or say --config FILE or --no-config",
                files.join(", ")
            )))
        }
    }
}

/// The baseline that config names. A config that was found leads nowhere else; one that the user named may.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn baseline(layers: &Layers, flags: &RuleFlags, home: &Home) -> Result<Option<Named>, ExitCode> {
    let Some((named, place)) = layers.config.baseline.as_ref().zip(layers.place_of("baseline")) else { return Ok(None) };
    let folder = place.path.parent().unwrap_or(Path::new(""));
    if place.layer != Layer::Repository || flags.named().is_some() {
        return Ok(Some(Named::given(&folder.join(named))));
    }
    let path = discover::inside(folder, named).ok_or_else(|| {
        usage_error(&format!(
            "{}: `baseline` is a path in the folder of the config file, without `..` and links",
            visible(&place.name)
        ))
    })?;
    Ok(Some(Named::found(path, home.root().unwrap_or(folder))))
}
