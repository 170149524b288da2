//! Files and folders on disk. Nothing is followed that leads out of the tree, and nothing of it is obeyed but `.gitignore`
//! files of a work tree, for untracked files.

use super::container::{Input, look};
use super::ignored::{Rules, WorkTree};
use super::{ExcludeReason, Origin, Sink, SkipReason};
use globset::GlobSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What to scan and what to leave out.
pub struct Tree {
    /// As the user named it.
    pub named: PathBuf,
    /// Its place among the targets.
    pub target: usize,
    /// Paths to leave out, matched against relative paths.
    pub exclude: GlobSet,
    /// Larger files are skips, in bytes.
    pub max_file_size: u64,
    /// Whether `.gitignore` files count.
    pub obey_gitignore: bool,
}

/// A target that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct Missing {
    pub path: String,
    pub cause: std::io::Error,
}

/// Where a target's relative paths begin.
pub struct Root {
    /// The folder that paths are relative to: the repository's, else the named folder, else the current one.
    pub folder: PathBuf,
    work_tree: Option<WorkTree>,
}

impl Root {
    /// The root for a named path.
    ///
    /// # Errors
    /// Where the path does not exist.
    pub fn of(named: &Path) -> Result<Self, Missing> {
        let missing = |cause| Missing { path: named.display().to_string(), cause };
        let meta = named_meta(named).map_err(missing)?;
        let absolute = absolute(named).map_err(missing)?;
        let folder = if meta.is_dir() { absolute.clone() } else { absolute.parent().unwrap_or(&absolute).to_owned() };
        if let Some(work_tree) = WorkTree::around(&folder) {
            return Ok(Self { folder: work_tree.root.clone(), work_tree: Some(work_tree) });
        }
        if meta.is_dir() {
            return Ok(Self { folder, work_tree: None });
        }
        let here = std::env::current_dir().and_then(|d| d.canonicalize()).unwrap_or_else(|_| folder.clone());
        let folder = if absolute.starts_with(&here) { here } else { folder };
        Ok(Self { folder, work_tree: None })
    }
}

impl Root {
    /// Whether it is the top of a git work tree.
    #[must_use]
    pub fn is_work_tree(&self) -> bool {
        self.work_tree.is_some()
    }
}

/// What a named path is: a link that the user names is taken for what it points to, where that is there.
fn named_meta(path: &Path) -> std::io::Result<fs::Metadata> {
    fs::metadata(path).or_else(|_| fs::symlink_metadata(path))
}

/// The path without links in its folders; a link to a file as last part stays.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let meta = named_meta(path)?;
    if meta.is_dir() || path.file_name().is_none() {
        return path.canonicalize();
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(parent.canonicalize()?.join(path.file_name().unwrap_or_default()))
}

impl Tree {
    /// Looks at everything, in parallel.
    ///
    /// # Errors
    /// Where the named path does not exist.
    pub fn scan(&self, root: &Root, sink: &dyn Sink) -> Result<(), Missing> {
        let missing = |cause| Missing { path: self.named.display().to_string(), cause };
        let path = absolute(&self.named).map_err(missing)?;
        let walk = Walk { tree: self, root, sink };
        if fs::symlink_metadata(&path).map_err(missing)?.is_dir() {
            let rules = walk.rules_above(&path);
            rayon::scope(|scope| walk.folder(scope, &path, rules));
        } else {
            walk.named_file(&path);
        }
        Ok(())
    }
}

/// Looks at the files of a git folder that hold text: its config, `FETCH_HEAD`, hooks and credential files. Links are not
/// followed.
pub fn scan_git_folder(repo: &super::git::Repository, target: usize, sink: &dyn Sink) {
    let prefix = if repo.work_tree.is_some() { ".git/" } else { "" };
    let mut names: Vec<PathBuf> = [
        "config", "config.worktree", "FETCH_HEAD", "credentials", "git-credentials", "description", "info/exclude",
        "info/attributes",
    ]
    .iter()
    .map(PathBuf::from)
    .collect();
    let hooks = fs::read_dir(repo.common_dir.join("hooks")).into_iter().flatten().flatten();
    names.extend(hooks.map(|e| Path::new("hooks").join(e.file_name())).filter(|p| p.extension().is_none_or(|e| e != "sample")));
    names.sort();
    for name in names {
        let path = repo.common_dir.join(&name);
        if !fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
            continue;
        }
        let shown = format!("{prefix}{}", name.to_string_lossy().replace('\\', "/"));
        let origin = Origin { path: shown, target, ..Origin::default() };
        match open(&path).and_then(|mut file| look(Input::Stream(&mut file), &origin, sink)) {
            Ok(bytes) => sink.file(bytes),
            Err(_) => sink.skip(SkipReason::Unreadable, &origin.path, 0),
        }
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    root: &'a Root,
    sink: &'a dyn Sink,
}

impl<'a> Walk<'a> {
    /// The ignore rules of the folders above `folder`, within the work tree.
    fn rules_above(&self, folder: &Path) -> Rules {
        let mut rules = Rules::default();
        let Some(work_tree) = self.obeyed() else { return rules };
        let mut above: Vec<&Path> = folder.ancestors().skip(1).take_while(|a| a.starts_with(&work_tree.root)).collect();
        above.reverse();
        for folder in above {
            rules = rules.with(folder);
        }
        rules
    }

    fn obeyed(&self) -> Option<&WorkTree> {
        self.root.work_tree.as_ref().filter(|_| self.tree.obey_gitignore)
    }

    fn folder<'s>(&'s self, scope: &rayon::Scope<'s>, folder: &Path, rules: Rules)
    where
        'a: 's,
    {
        if self.sink.stop().is_asked() {
            self.sink.skip(SkipReason::Interrupted, &self.relative(folder).path, 0);
            return;
        }
        let rules = if self.obeyed().is_some() { rules.with(folder) } else { rules };
        let here = self.relative(folder);
        let Ok(entries) = fs::read_dir(folder) else {
            return self.sink.skip(SkipReason::Unreadable, &here.path, 0);
        };
        // Files of a folder are looked at in batches, so that one folder of a thousand files keeps all threads busy.
        let mut batch: Vec<(PathBuf, Origin)> = Vec::new();
        for entry in entries {
            let Ok(entry) = entry else {
                self.sink.skip(SkipReason::Unreadable, &here.path, 0);
                continue;
            };
            let path = entry.path();
            let origin = self.within(&here, &path, &entry.file_name());
            let Ok(kind) = entry.file_type() else {
                self.sink.skip(SkipReason::Unreadable, &origin.path, 0);
                continue;
            };
            if let Some(reason) = self.leaves_out(&path, &origin, kind.is_dir(), &rules) {
                self.sink.exclude(reason, &origin.path);
            } else if kind.is_dir() {
                // An ignored folder that is looked into for its tracked files: all else in it stays left out.
                let rules = if rules.ignores(&path, true) { Rules::Everything } else { rules.clone() };
                scope.spawn(move |scope| self.folder(scope, &path, rules));
            } else if kind.is_symlink() {
                self.link(&path, &origin);
            } else if kind.is_file() {
                batch.push((path, origin));
                if batch.len() == 64 {
                    let full = std::mem::take(&mut batch);
                    scope.spawn(move |_| self.files(&full));
                }
            } else {
                self.sink.exclude(ExcludeReason::Special, &origin.path);
            }
        }
        self.files(&batch);
    }

    fn files(&self, batch: &[(PathBuf, Origin)]) {
        for (path, origin) in batch {
            if self.sink.stop().is_asked() {
                self.sink.skip(SkipReason::Interrupted, &origin.path, 0);
            } else {
                self.file(path, origin);
            }
        }
    }

    /// A file that the user named: looked at whatever ignore rules say.
    fn named_file(&self, path: &Path) {
        let origin = self.relative(path);
        match fs::metadata(path) {
            Ok(meta) if meta.is_file() => self.file(path, &origin),
            Ok(_) => self.sink.skip(SkipReason::NotRegular, &origin.path, 0),
            Err(_) => self.sink.skip(SkipReason::Unreadable, &origin.path, 0),
        }
    }

    fn leaves_out(&self, path: &Path, origin: &Origin, folder: bool, rules: &Rules) -> Option<ExcludeReason> {
        if path.file_name().is_some_and(|n| n == ".git") && (folder || WorkTree::at(path.parent()?).is_some()) {
            return Some(ExcludeReason::GitFolder);
        }
        if self.tree.exclude.is_match(&origin.path) {
            return Some(ExcludeReason::Excluded);
        }
        let work_tree = self.obeyed()?;
        let bytes = origin.path_bytes.as_deref().unwrap_or(origin.path.as_bytes());
        // Most files are tracked, and that is told sooner than whether rules match.
        let left_out = rules.are_any() && !work_tree.is_tracked(bytes, folder) && rules.ignores(path, folder);
        left_out.then_some(ExcludeReason::Gitignore)
    }

    /// A link is not followed: its target is in the tree, and looked at there, or outside. The text of its target counts.
    fn link(&self, path: &Path, origin: &Origin) {
        match fs::read_link(path) {
            Ok(target) => {
                let text = target.as_os_str().as_encoded_bytes();
                let read = look(Input::Bytes(text), origin, self.sink);
                self.sink.file(read.unwrap_or(0));
            }
            Err(_) => self.sink.skip(SkipReason::Unreadable, &origin.path, 0),
        }
    }

    fn file(&self, path: &Path, origin: &Origin) {
        let Ok(file) = open(path) else {
            return self.sink.skip(SkipReason::Unreadable, &origin.path, 0);
        };
        let meta = match file.metadata() {
            Ok(meta) if meta.is_file() => meta,
            Ok(_) => return self.sink.skip(SkipReason::NotRegular, &origin.path, 0),
            Err(_) => return self.sink.skip(SkipReason::Unreadable, &origin.path, 0),
        };
        if meta.len() > self.tree.max_file_size {
            return self.sink.skip(SkipReason::TooLarge, &origin.path, meta.len());
        }
        match look(Input::File(&file, meta.len()), origin, self.sink) {
            Ok(bytes) => self.sink.file(bytes),
            Err(_) => self.sink.skip(SkipReason::Unreadable, &origin.path, meta.len()),
        }
    }

    /// The origin of what is called `name` in the folder `here` and stands at `path` (absolute).
    fn within(&self, here: &Origin, path: &Path, name: &OsStr) -> Origin {
        match name.to_str() {
            Some(name) if here.path_bytes.is_none() => {
                let path = if here.path == "." { name.to_owned() } else { format!("{}/{name}", here.path) };
                Origin { path, target: self.tree.target, ..Origin::default() }
            }
            _ => self.relative(path),
        }
    }

    /// The origin of what stands at `path` (absolute).
    fn relative(&self, path: &Path) -> Origin {
        let relative = path.strip_prefix(&self.root.folder).unwrap_or(path);
        let text = relative.to_string_lossy();
        let lossy = relative.to_str().is_none();
        let path_bytes = lossy.then(|| relative.as_os_str().as_encoded_bytes().to_vec());
        let path = if std::path::MAIN_SEPARATOR == '/' { text.into_owned() } else { text.replace('\\', "/") };
        let path = if path.is_empty() { ".".to_owned() } else { path };
        Origin { path, path_bytes, target: self.tree.target, ..Origin::default() }
    }
}

/// Opens a file for reading; a pipe that took its place since the folder was read does not block.
fn open(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // O_NONBLOCK has this value on Linux; elsewhere the check of the file type above must do.
        #[cfg(target_os = "linux")]
        options.custom_flags(0o4000);
        #[cfg(not(target_os = "linux"))]
        options.custom_flags(0x4);
    }
    options.open(path)
}
