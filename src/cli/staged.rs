//! `keysift staged`: what `git commit` would record.

use super::common::{MAX_FILE_SIZE, Settings};
use super::run::{self, Flags, RunFlags, Targets, Whence};
use super::usage_error;
use crate::finding::snippet::visible;
use crate::pipeline::{Collector, scan_staged};
use crate::source::git::Repository;
use crate::source::git::open::Options;
use crate::source::git::staged::{index_from_environment, parents_of_next};
use crate::source::tree::{Root, Tree};
use clap::Args;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift staged …`
#[derive(Debug, Args)]
#[command(
    after_help = "Only what the commit adds is told, judged with the whole file. Named files that are not staged are read whole.\n\n\
                        Exit codes: 0 nothing found and everything looked at · 1 secrets found · 2 wrong usage, config, or no repository \
                        there · 3 nothing found, but not everything could be looked at · 130 interrupted\n\n\
                        Examples:\n  keysift staged                   before a commit\n  keysift staged src/config.py     this file alone"
)]
pub(super) struct StagedArguments {
    /// Only these files; those that are not staged are read whole
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub run: RunFlags,
}

/// Runs it.
pub(super) fn run(arguments: &StagedArguments) -> ExitCode {
    let flags = arguments.run.flags();
    match open_here(&Options::default()) {
        Ok(repo) if arguments.files.is_empty() => look_at_index(&flags, &repo, &Files::WhereNothingIsStaged(Vec::new())),
        Ok(repo) => look_at_index(&flags, &repo, &Files::Only(arguments.files.clone())),
        Err(code) => code,
    }
}

/// The repository of the current folder, or the one that git names to its hooks.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn open_here(options: &Options) -> Result<Repository, ExitCode> {
    let named = std::env::var_os("GIT_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    // In a work tree the current folder leads to the same place, and tells where that work tree is.
    let here = Repository::open(Path::new("."), options);
    let same = |repo: &Repository| named.as_ref().is_none_or(|dir| dir.canonicalize().is_ok_and(|dir| dir == repo.git_dir));
    let opened = match (here, &named) {
        (Ok(repo), _) if same(&repo) => Ok(repo),
        (_, Some(dir)) => Repository::open(dir, options),
        (other, None) => other,
    };
    opened.map_err(|e| usage_error(&e.to_string()))
}

/// Files that are named beside what is staged.
pub(super) enum Files {
    /// These alone: what of them is staged, and those that are not, whole.
    Only(Vec<PathBuf>),
    /// All that is staged; these whole, where nothing is.
    WhereNothingIsStaged(Vec<PathBuf>),
}

/// Looks at what is staged, and at named files that are not.
pub(super) fn look_at_index(flags: &Flags<'_>, repo: &Repository, files: &Files) -> ExitCode {
    let top = [repo.root().to_owned()];
    run::run(flags, &Whence::Files(&top), |settings, collector, targets: &mut Targets| {
        targets.roots.push(repo.root().to_string_lossy().into_owned());
        let relative: Vec<Option<Vec<u8>>> = match files {
            Files::Only(files) => files.iter().map(|file| in_repository(repo, file)).collect(),
            Files::WhereNothingIsStaged(_) => Vec::new(),
        };
        let only: Option<Vec<Vec<u8>>> = matches!(files, Files::Only(_)).then(|| relative.iter().flatten().cloned().collect());
        let parents = parents_of_next(repo);
        let index = index_from_environment();
        let staged = scan_staged(repo, index.as_deref(), &parents, only.as_deref(), &settings.exclude, collector, &settings.key)
            .map_err(|e| usage_error(&visible(&e.to_string())))?;
        let staged: HashSet<Vec<u8>> = staged.into_iter().collect();
        let whole: Vec<&PathBuf> = match files {
            Files::Only(files) => {
                let is_staged = |path: &Option<Vec<u8>>| path.as_ref().is_some_and(|path| staged.contains(path));
                files.iter().zip(&relative).filter(|(_, path)| !is_staged(path)).map(|(file, _)| file).collect()
            }
            Files::WhereNothingIsStaged(files) => files.iter().filter(|_| staged.is_empty()).collect(),
        };
        for file in whole {
            read_whole(file, flags, settings, collector, targets);
        }
        Ok(())
    })
}

/// Looks at a file as it is on disk.
fn read_whole(file: &Path, flags: &Flags<'_>, settings: &Settings, collector: &Collector<'_>, targets: &mut Targets) {
    let scanned = Root::of(file).and_then(|root| {
        let folder = root.folder.to_string_lossy().into_owned();
        let target = targets.roots.iter().position(|r| *r == folder).unwrap_or_else(|| {
            targets.roots.push(folder);
            targets.roots.len() - 1
        });
        let tree = Tree {
            named: file.to_owned(),
            target,
            exclude: settings.exclude.clone(),
            max_file_size: settings.max_file_size.unwrap_or(MAX_FILE_SIZE),
            obey_gitignore: !flags.limits.no_gitignore,
        };
        tree.scan(&root, collector)
    });
    if let Err(missing) = scanned {
        targets.missing.push(missing);
    }
}

/// The path of a file as git writes it; `None` where it lies outside of the work tree.
fn in_repository(repo: &Repository, file: &Path) -> Option<Vec<u8>> {
    let absolute = std::path::absolute(file).ok()?;
    // The file may be gone, and may be a link: its folder says where it is.
    let folder = absolute.parent()?.canonicalize().ok()?;
    let path = folder.join(absolute.file_name()?);
    let relative = path.strip_prefix(repo.work_tree.as_deref()?).ok()?;
    let text = relative.as_os_str().as_encoded_bytes().to_vec();
    Some(if cfg!(windows) { text.iter().map(|b| if *b == b'\\' { b'/' } else { *b }).collect() } else { text })
}
