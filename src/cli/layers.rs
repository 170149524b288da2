//! The configs of a run in their layers: policies, the user's, and that of the repository, each behind the files it stands on.

use super::common::RuleFlags;
use super::policy::{Named, unreadable};
use super::usage_error;
use crate::config::discover::{self, Home};
use crate::config::extends::{self, Base, Opened, Part, Reach};
use crate::config::layers::{Layer, Layers};
use crate::config::places::{POLICY_VARIABLE, machine_policy, user_configs};
use crate::finding::snippet::visible;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The readers for files on disk: those that are named, and those that they name.
pub(super) const ON_DISK: (Reader<'static>, Reader<'static>) = (&as_it_stands, &if_it_stands);

/// How the text of a file that someone named is read; `None` where it does not count.
pub(super) type Reader<'a> = &'a dyn Fn(&Path) -> Result<Option<(String, String)>, ExitCode>;

/// Makes a copy of what a config stands on be there, before it is read; says where it is to be. Scans fetch nothing.
pub(super) type Fetch<'a> = &'a dyn Fn(&Base, &Path) -> Result<(), ExitCode>;

/// Fetches nothing.
#[allow(clippy::unnecessary_wraps, reason = "it stands where one stands that can fail")]
pub(super) const fn nothing(_: &Base, _: &Path) -> Result<(), ExitCode> {
    Ok(())
}

/// Reads a named file as it stands.
///
/// # Errors
/// The exit code, after the message.
fn as_it_stands(path: &Path) -> Result<Option<(String, String)>, ExitCode> {
    let name = path.display().to_string();
    std::fs::read_to_string(path).map_err(|e| unreadable(&name, &e)).map(|text| Some((name, text)))
}

/// The same for a file that another one names, which may not be there.
fn if_it_stands(path: &Path) -> Result<Option<(String, String)>, ExitCode> {
    if_there(path).map(|text| text.map(|text| (path.display().to_string(), text)))
}

/// The layers above the repository. Policies add up, so that none takes another's locks away: that of the machine, the one that
/// the environment names, the one that a flag names. Rules of one that stands in a `scanned` folder ask nobody.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn above_repository(
    flags: &RuleFlags,
    scanned: &[PathBuf],
    (named, bases): (Reader<'_>, Reader<'_>),
) -> Result<Layers, ExitCode> {
    above(flags, scanned, named, bases, &nothing)
}

/// `named` reads policies, `bases` what they stand on.
fn above(
    flags: &RuleFlags,
    scanned: &[PathBuf],
    named: Reader<'_>,
    bases: Reader<'_>,
    fetch: Fetch<'_>,
) -> Result<Layers, ExitCode> {
    let mut layers = Layers::default();
    // What someone changes who may change what is scanned could be a rule that sends secrets to them.
    let mut add = |layer: Layer, file: Opened, is_own: bool, named: Reader<'_>| -> Result<(), ExitCode> {
        let root = file.path.clone();
        for mut part in with_bases(layer, file, Reach::Anywhere, named, fetch)? {
            if !(is_own && part.path == root) && is_inside(&part.path, scanned) {
                part.config.distrust();
            }
            layers.add(layer, &part.name, part.path, part.config);
        }
        Ok(())
    };
    let machine = machine_policy();
    if let Some(text) = if_there(&machine)? {
        let file = Opened { name: machine.display().to_string(), path: machine, text };
        add(Layer::Policy, file, true, &if_it_stands)?;
    }
    let variable = std::env::var_os(POLICY_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    for path in variable.iter().chain(&flags.policy) {
        if let Some((name, text)) = named(path)? {
            add(Layer::Policy, Opened { name, path: path.clone(), text }, false, bases)?;
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
            add(Layer::User, Opened { name: from_home(&path), path, text }, true, &if_it_stands)?;
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
    all_with(flags, home, &nothing)
}

/// The same, where copies are fetched that are not there.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn all_with(flags: &RuleFlags, home: &Home, fetch: Fetch<'_>) -> Result<Layers, ExitCode> {
    let mut layers = above(flags, &home.roots, &as_it_stands, &if_it_stands, fetch)?;
    let Some(file) = config_file(flags, home)? else { return Ok(layers) };
    let text = match flags.named() {
        Some(_) if flags.gitleaks_text.is_some() => Ok(flags.gitleaks_text.clone().unwrap_or_default()),
        Some(path) => std::fs::read_to_string(path),
        None => discover::read(&file.path).map(Option::unwrap_or_default),
    };
    let text = text.map_err(|e| unreadable(&file.name, &e))?;
    if flags.gitleaks_config.is_some() {
        let open = |path: &str| std::fs::read_to_string(path).map_err(|e| format!("{path}: cannot be read: {e}"));
        let config = flags.parse(&file.name, &text, &open)?;
        layers.add(Layer::Repository, &file.name, file.path, config);
        return Ok(layers);
    }
    let is_named = flags.named().is_some();
    let root = home.root().map(Path::to_owned);
    let opened = Opened { name: file.name, path: file.path, text };
    let found = |path: &Path| {
        let named = Named::found(path.to_owned(), root.as_deref().unwrap_or(path));
        let text = discover::read(path).map_err(|e| unreadable(&named.name, &e))?;
        Ok(text.map(|text| (named.name, text)))
    };
    let parts = if is_named {
        with_bases(Layer::Repository, opened, Reach::Anywhere, &if_it_stands, fetch)?
    } else {
        with_bases(Layer::Repository, opened, Reach::Folder, &found, fetch)?
    };
    add_parts(&mut layers, parts);
    Ok(layers)
}

/// Adds a config of the repository, behind all that it stands on.
pub(super) fn add_parts(layers: &mut Layers, parts: Vec<Part>) {
    for part in parts {
        layers.add(Layer::Repository, &part.name, part.path, part.config);
    }
}

/// A config file of a layer behind all that it stands on, read by `read`, no farther away than `reach`.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn with_bases(
    layer: Layer,
    file: Opened,
    reach: Reach,
    read: Reader<'_>,
    fetch: Fetch<'_>,
) -> Result<Vec<Part>, ExitCode> {
    let mut open = |from: &Opened, base: &Base| {
        let at = format!("{}:{}", from.name, base.line);
        let wrong = |message: &str| usage_error(&visible(&format!("{at}: {message}")));
        let folder = from.path.parent().unwrap_or(Path::new(""));
        let path = base.place(folder, reach).map_err(|message| wrong(&message))?;
        fetch(base, &path)?;
        let hint = if base.source.is_some() { ": `keysift config update` fetches it" } else { "" };
        let (name, text) = read(&path)?.ok_or_else(|| wrong(&format!("{} is not there{hint}", path.display())))?;
        Ok(Opened { name, path, text })
    };
    extends::read(layer, file, &mut open, &|message| {
        let lines: Vec<String> = message.lines().map(visible).collect();
        usage_error(&lines.join("\n"))
    })
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
