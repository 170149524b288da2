//! Config and decisions from commits: where a change is under test, those of its base count, and what the change itself says
//! is proposed.

use super::common::{RuleFlags, Settings};
use super::policy::{Loaded, Named, PolicyFlags, tell_unread};
use super::{layers, usage_error};
use crate::cli::messages::warn;
use crate::config::discover;
use crate::config::extends::{Opened, Reach};
use crate::config::layers::{Layer, Layers};
use crate::finding::Day;
use crate::finding::snippet::visible;
use crate::source::git::Repository;
use crate::source::git::changes::blob_at;
use crate::source::git::lookup::{Lookup, Store};
use crate::source::git::objects::Kind;
use crate::source::git::range::tree_of;
use crate::triage::{Inline, Policy, Texts, gitleaks, ignore_file};
use gix::hash::ObjectId;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The commits that a change goes from and to, with what they say of scans.
pub(super) struct Commits {
    base: Side,
    head: Side,
    /// The top of the work tree, if there is one.
    work_tree: Option<PathBuf>,
}

/// One of the two commits; one that is not there says nothing.
struct Side {
    store: Arc<Store>,
    commit: Option<ObjectId>,
}

/// A text, and what reports call it.
type NamedText = (String, String);

/// What a side says of decisions.
struct SideTexts {
    ignore: Option<NamedText>,
    baseline: Option<NamedText>,
    gitleaks: Vec<NamedText>,
}

impl Commits {
    /// The two commits of `repo`.
    pub(super) fn of(repo: &Repository, base: Option<ObjectId>, head: Option<ObjectId>) -> Self {
        let side = |commit| Side { store: repo.store(), commit };
        Self { base: side(base), head: side(head), work_tree: repo.work_tree.clone() }
    }

    /// The layers above the repository. A policy that stands in the work tree is that of the base.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn above(&self, flags: &RuleFlags) -> Result<Layers, ExitCode> {
        let bases = |path: &Path| self.text(&self.base, Some(path), "");
        let named = |path: &Path| {
            let found = bases(path)?;
            if found.is_none() {
                let name = visible(&path.display().to_string());
                warn(format_args!("the policy {name} is not in the base of the change, and counts once it is merged"));
            }
            Ok(found)
        };
        layers::above_repository(flags, self.work_tree.as_slice(), (&named, &bases))
    }

    /// Whether base or head have an ignore file of their own.
    pub(super) fn has_ignore_file(&self) -> bool {
        [&self.base, &self.head].iter().any(|side| side.text(ignore_file::NAME.as_bytes()).is_some())
    }

    /// The settings that the base's config and the flags make.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn settings(&self, flags: &RuleFlags, exclude: &[String], now: Option<Day>) -> Result<Settings, ExitCode> {
        let mut layers = self.above(flags)?;
        let found = if flags.no_config { None } else { self.text(&self.base, flags.named(), discover::NAME)? };
        let Some((name, text)) = found else { return Self::finish(layers, flags, exclude, now) };
        let is_same = self.text(&self.head, flags.named(), discover::NAME)?.is_some_and(|(_, head)| head == text);
        if flags.gitleaks_config.is_some() {
            let open = |path: &str| match self.text(&self.base, Some(Path::new(path)), "") {
                Ok(Some((_, text))) => Ok(text),
                Ok(None) | Err(_) => Err(format!("{path}: it is not in the commit")),
            };
            layers.add(Layer::Repository, &name, PathBuf::from(discover::NAME), flags.parse(&name, &text, &open)?);
        } else {
            let path = flags.named().map_or_else(|| PathBuf::from(discover::NAME), Path::to_owned);
            let (reach, file) = (
                flags.named().map_or(Reach::Folder, |_| Reach::Anywhere),
                Opened { name: name.clone(), path, text: text.clone() },
            );
            let found =
                |path: &Path| self.text(&self.base, flags.named().map(|_| path), &path.to_string_lossy().replace('\\', "/"));
            layers::add_parts(&mut layers, layers::with_bases(Layer::Repository, file, reach, &found, &layers::nothing)?);
        }
        if !is_same && let Some(shown) = layers.files.last_mut() {
            *shown = format!("{name} (the change has another: proposed)");
        }
        Self::finish(layers, flags, exclude, now)
    }

    fn finish(layers: Layers, flags: &RuleFlags, exclude: &[String], now: Option<Day>) -> Result<Settings, ExitCode> {
        // One that a policy or the user names stands outside of the commit.
        let baseline = layers.config.baseline.as_ref().zip(layers.place_of("baseline")).map(|(path, place)| match place.layer {
            Layer::Repository => {
                // A config that was found, or one that it stands on, names what is in its own folder.
                let path = flags.named().map_or_else(|| place.path.with_file_name(path), |_| PathBuf::from(path));
                Named { name: path.to_string_lossy().replace('\\', "/"), path }
            }
            _ => Named::given(&std::path::absolute(place.path.with_file_name(path)).unwrap_or_else(|_| PathBuf::from(path))),
        });
        let mut settings = Settings::with_layers(layers, flags, exclude, now)?;
        settings.baseline = baseline;
        Ok(settings)
    }

    /// The decisions of head and base.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(super) fn policies(&self, flags: &PolicyFlags, settings: &Settings) -> Result<(Loaded, Policy), ExitCode> {
        let key = settings.key.id();
        let texts = |side: &Side| -> Result<SideTexts, ExitCode> {
            let ignore =
                if flags.no_ignore_file { None } else { self.text(side, flags.ignore_file.as_deref(), ignore_file::NAME)? };
            let baseline = match (&flags.baseline, &settings.baseline) {
                (Some(path), _) => self.text(side, Some(path), "")?,
                (None, Some(file)) if file.path.is_absolute() => self.text(side, Some(&file.path), "")?,
                (None, Some(file)) => self.text(side, None, &file.name)?,
                (None, None) => None,
            };
            let mut gitleaks = Vec::new();
            for path in &flags.gitleaks_ignore {
                gitleaks.extend(self.text(side, Some(path), "")?);
            }
            if flags.finds_gitleaks_ignore && flags.gitleaks_ignore.is_empty() {
                gitleaks.extend(self.text(side, None, gitleaks::NAME)?);
            }
            Ok(SideTexts { ignore, baseline, gitleaks })
        };
        let read = |texts: &SideTexts| {
            let [ignore_file, baseline] =
                [&texts.ignore, &texts.baseline].map(|text| text.as_ref().map(|(name, text)| (&name[..], &text[..])));
            let gitleaks: Vec<(&str, &str)> = texts.gitleaks.iter().map(|(name, text)| (&name[..], &text[..])).collect();
            Policy::read(Texts { ignore_file, baseline, gitleaks_ignore: &gitleaks }, &key)
        };
        let finish = |policy: Policy| Policy {
            inline: if flags.no_inline_allow { Inline::Ignored } else { Inline::Counts },
            baseline_max_age: flags.baseline_max_age,
            ..policy
        };
        let base_texts = texts(&self.base)?;
        let base = read(&base_texts).map_err(|e| usage_error(&visible(&e.to_string())))?;
        tell_unread(&base);
        // A change must not stop its own check with a broken file: it proposes nothing then.
        let head = texts(&self.head).ok().map(|t| read(&t)).and_then(|read| {
            read.map_err(|e| {
                warn(format_args!("what the change says does not count and cannot be read: {}", visible(&e.to_string())));
            })
            .ok()
        });
        let SideTexts { ignore, baseline, gitleaks } = base_texts;
        let files = ignore.into_iter().chain(gitleaks).chain(baseline).map(|(name, _)| name).collect();
        Ok((Loaded { policy: finish(head.unwrap_or_default()), files }, finish(base)))
    }

    /// The text of a file that the user named, or that stands at `usual` in the commit. A named file in the work tree is that
    /// of the commit: the change could have written the other.
    fn text(&self, side: &Side, named: Option<&Path>, usual: &str) -> Result<Option<NamedText>, ExitCode> {
        let Some(named) = named else { return Ok(side.text(usual.as_bytes()).map(|text| (side.name(usual), text))) };
        let absolute = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        let folder = absolute.parent().and_then(|p| p.canonicalize().ok());
        let inside = folder
            .zip(absolute.file_name())
            .map(|(folder, name)| folder.join(name))
            .and_then(|path| path.strip_prefix(self.work_tree.as_deref()?).ok().map(|p| p.to_string_lossy().replace('\\', "/")));
        if let Some(relative) = inside {
            return Ok(side.text(relative.as_bytes()).map(|text| (side.name(&relative), text)));
        }
        let name = named.display().to_string();
        let text =
            std::fs::read_to_string(named).map_err(|e| usage_error(&format!("{}: cannot be read: {e}", visible(&name))))?;
        Ok(Some((name, text)))
    }
}

impl Side {
    fn text(&self, path: &[u8]) -> Option<String> {
        let mut lookup = Lookup::new(&self.store);
        let tree = tree_of(&mut lookup, self.commit?)?;
        let blob = blob_at(&mut lookup, tree, path)?;
        let bytes = lookup.read_kind(&blob, Kind::Blob).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn name(&self, path: &str) -> String {
        self.commit.map_or_else(|| path.to_owned(), |id| format!("{path} of {}", id.to_hex_with_len(12)))
    }
}
