//! The one way a repository is opened.
//!
//! Nothing of it is obeyed: no include of its config is followed, no hook, filter or helper is run. Replacement refs and grafts
//! are ignored (the objects themselves are all looked at). Alternates that lead outside of the repository are refused unless
//! the user allowed them, and told.

use super::lookup::Store;
use super::objects::Objects;
use gix::hash::ObjectId;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Why a repository cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0} is no git repository (and none of its parents is); to scan files use `keysift scan`")]
    NotARepository(String),
    #[error("{path}: {cause}")]
    Unreadable { path: String, cause: std::io::Error },
    #[error("{0}: the repository's config cannot be read: {1}")]
    Config(String, String),
    #[error("{0} keeps its refs as a reftable, which is not supported; `git refs migrate --ref-format=files` on a copy helps")]
    Reftable(String),
}

/// How careful to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Follow alternates that lead outside of the repository.
    pub outside_alternates: bool,
    /// More folders of objects, which git named to a hook: the quarantine of a push. Their alternates count as others do.
    pub object_folders: Vec<PathBuf>,
}

/// Whose config is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoseConfig {
    /// That of the repository alone, no include followed: what a scan may know.
    Repository,
    /// As git itself reads it for the user: system, user, repository, linked work tree, with includes.
    UserAndRepository,
}

/// An open repository.
pub struct Repository {
    /// `.git`, or the folder of a linked work tree.
    pub git_dir: PathBuf,
    /// Where objects and refs are: differs from `git_dir` in a linked work tree.
    pub common_dir: PathBuf,
    /// The folder with the checked-out files, if there is one.
    pub work_tree: Option<PathBuf>,
    /// Where its objects are.
    pub folders: Vec<PathBuf>,
    objects: OnceLock<Objects>,
    store: OnceLock<Arc<Store>>,
    pub hash: gix::hash::Kind,
    /// The commits whose parents a shallow clone lacks.
    pub shallow: HashSet<ObjectId>,
    /// Alternates that were not followed.
    pub refused: Vec<PathBuf>,
    /// Some of its objects were left with the server.
    pub partial: bool,
    /// The URL of `origin`, or of the only remote.
    pub remote_url: Option<String>,
}

/// A ref and what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The whole name: `refs/heads/main`.
    pub name: String,
    pub target: ObjectId,
}

impl Repository {
    /// Opens the repository that `path` is, or is in.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let unreadable = |cause| OpenError::Unreadable { path: path.display().to_string(), cause };
        let absolute = path.canonicalize().map_err(unreadable)?;
        let (git_dir, work_tree) = discover(&absolute).ok_or_else(|| OpenError::NotARepository(path.display().to_string()))?;
        let common_dir = match fs::read_to_string(git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim()).canonicalize().map_err(unreadable)?,
            Err(_) => git_dir.clone(),
        };
        let config = read_config(&common_dir)?;
        if config.string("extensions.refStorage").is_some_and(|v| v == "reftable") {
            return Err(OpenError::Reftable(path.display().to_string()));
        }
        let hash = match config.string("extensions.objectFormat").map(|v| v.to_string()) {
            Some(format) if format.eq_ignore_ascii_case("sha256") => gix::hash::Kind::Sha256,
            _ => gix::hash::Kind::Sha1,
        };
        let (folders, refused) = object_folders(&common_dir, options);
        let shallow = fs::read_to_string(common_dir.join("shallow")).unwrap_or_default();
        let remote_url = config
            .string("remote.origin.url")
            .or_else(|| {
                let mut urls = config.sections_by_name("remote").into_iter().flatten().filter_map(|s| s.value("url"));
                urls.next().filter(|_| urls.next().is_none())
            })
            .map(|url| url.to_string());
        Ok(Self {
            folders,
            objects: OnceLock::new(),
            store: OnceLock::new(),
            hash,
            shallow: shallow.lines().filter_map(|line| ObjectId::from_hex(line.trim().as_bytes()).ok()).collect(),
            refused,
            partial: config.string("extensions.partialClone").is_some()
                || config.sections_by_name("remote").into_iter().flatten().any(|s| s.value("promisor").is_some()),
            remote_url,
            git_dir,
            common_dir,
            work_tree,
        })
    }

    /// Its config.
    ///
    /// # Errors
    /// Where a file of it cannot be read.
    pub fn config(&self, whose: WhoseConfig) -> Result<gix::config::File, OpenError> {
        match whose {
            WhoseConfig::Repository => read_config(&self.common_dir),
            WhoseConfig::UserAndRepository => read_users_config(&self.git_dir, &self.common_dir),
        }
    }

    /// All its objects, listed when they are first asked for.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        self.objects.get_or_init(|| Objects::open(&self.folders, self.hash))
    }

    /// Its objects, to be looked up one by one; opened when they are first asked for.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(self.store.get_or_init(|| Arc::new(Store::open(&self.folders, self.hash))))
    }

    /// The folder that reports' paths are relative to.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.work_tree.as_deref().unwrap_or(&self.git_dir)
    }

    /// All refs that point to an object, and HEAD, in the order of their names.
    #[must_use]
    pub fn refs(&self) -> Vec<Ref> {
        let store = gix::refs::file::Store::for_linked_worktree(self.git_dir.clone(), self.common_dir.clone(), self.hash);
        let mut refs = Vec::new();
        if let Ok(platform) = store.iter()
            && let Ok(all) = platform.all()
        {
            for reference in all.flatten() {
                if let gix::refs::Target::Object(target) = reference.target {
                    refs.push(Ref { name: reference.name.as_bstr().to_string(), target });
                }
            }
        }
        if let Some(target) = self.head() {
            refs.push(Ref { name: "HEAD".to_owned(), target });
        }
        refs.sort_by(|a, b| a.name.cmp(&b.name));
        refs.dedup();
        refs
    }

    /// The branch that HEAD names: `refs/heads/main`, whether it exists or not.
    #[must_use]
    pub fn head_branch(&self) -> Option<String> {
        let text = fs::read_to_string(self.git_dir.join("HEAD")).ok()?;
        text.strip_prefix("ref:").map(|name| name.trim().to_owned())
    }

    /// The commit that is checked out; `None` before the first one.
    #[must_use]
    pub fn head(&self) -> Option<ObjectId> {
        let text = fs::read_to_string(self.git_dir.join("HEAD")).ok()?;
        match text.strip_prefix("ref:") {
            None => ObjectId::from_hex(text.trim().as_bytes()).ok(),
            Some(name) => self.find_ref(name.trim()),
        }
    }

    /// What the ref with this whole name points to.
    #[must_use]
    pub fn find_ref(&self, name: &str) -> Option<ObjectId> {
        let store = gix::refs::file::Store::for_linked_worktree(self.git_dir.clone(), self.common_dir.clone(), self.hash);
        let mut name = name.to_owned();
        // Symbolic refs may point in circles.
        for _ in 0..8 {
            let found = store.try_find(name.as_str()).ok()??;
            match found.target {
                gix::refs::Target::Object(id) => return Some(id),
                gix::refs::Target::Symbolic(next) => name = next.as_bstr().to_string(),
            }
        }
        None
    }
}

/// The git folder at or above `path`, and the work tree that it belongs to.
fn discover(path: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    for folder in path.ancestors() {
        let dot_git = folder.join(".git");
        if is_git_dir(&dot_git) {
            return Some((dot_git, Some(folder.to_owned())));
        }
        if dot_git.is_file() {
            let text = fs::read_to_string(&dot_git).ok()?;
            let target = folder.join(text.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
            return is_git_dir(&target).then(|| (target, Some(folder.to_owned())));
        }
        if is_git_dir(folder) {
            return Some((folder.to_owned(), None));
        }
    }
    None
}

/// `HEAD`, and `objects` and `refs` here or in the common folder.
fn is_git_dir(path: &Path) -> bool {
    path.join("HEAD").is_file()
        && (path.join("objects").is_dir() && path.join("refs").is_dir() || path.join("commondir").is_file())
}

fn read_config(common_dir: &Path) -> Result<gix::config::File, OpenError> {
    let path = common_dir.join("config");
    if !path.exists() {
        return Ok(gix::config::File::default());
    }
    gix::config::File::from_path_no_includes(path.clone(), gix::config::Source::Local)
        .map_err(|e| OpenError::Config(path.display().to_string(), e.to_string()))
}

/// Config as git reads it for the user, but for the variables `GIT_CONFIG_COUNT` and `-c`.
fn read_users_config(git_dir: &Path, common_dir: &Path) -> Result<gix::config::File, OpenError> {
    use gix::config::Source;
    use gix::config::file::Metadata;
    use gix::config::file::includes::{self, conditional};
    use gix::config::file::init;
    let home = std::env::home_dir();
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let mut files: Vec<(PathBuf, Source)> = Vec::new();
    if variable("GIT_CONFIG_NOSYSTEM").is_none() {
        files.push((variable("GIT_CONFIG_SYSTEM").unwrap_or_else(|| PathBuf::from("/etc/gitconfig")), Source::System));
    }
    if let Some(global) = variable("GIT_CONFIG_GLOBAL") {
        files.push((global, Source::User));
    } else {
        let xdg = variable("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|h| h.join(".config")));
        files.extend(xdg.map(|folder| (folder.join("git/config"), Source::Git)));
        files.extend(home.as_ref().map(|h| (h.join(".gitconfig"), Source::User)));
    }
    files.push((common_dir.join("config"), Source::Local));
    if read_config(common_dir)?.boolean("extensions.worktreeConfig").is_ok_and(|v| v == Some(true)) {
        files.push((git_dir.join("config.worktree"), Source::Worktree));
    }
    let options = init::Options {
        includes: includes::Options {
            conditional: conditional::Context { git_dir: Some(git_dir), branch_name: None },
            ..includes::Options::follow_without_conditional(home.as_deref())
        },
        ..init::Options::default()
    };
    let mut files = files.into_iter().filter(|(path, _)| path.is_file()).map(|(path, source)| Metadata::from(source).at(path));
    let config = gix::config::File::from_paths_metadata_buf(&mut files, &mut Vec::new(), false, options)
        .map_err(|e| OpenError::Config(git_dir.display().to_string(), e.to_string()))?;
    Ok(config.unwrap_or_default())
}

/// The object folders to read, and the alternates that are refused.
fn object_folders(common_dir: &Path, options: &Options) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let own = common_dir.join("objects");
    let mut folders = vec![own.clone()];
    let more = options.object_folders.iter().filter_map(|f| f.canonicalize().ok());
    folders.extend(more.filter(|f| !own.canonicalize().is_ok_and(|own| own == *f)));
    let mut refused = Vec::new();
    let mut next = 0;
    while next < folders.len() && folders.len() < 64 {
        let text = fs::read(folders[next].join("info/alternates")).unwrap_or_default();
        for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty() && l[0] != b'#') {
            let line = String::from_utf8_lossy(line).into_owned();
            let Ok(folder) = folders[next].join(&line).canonicalize() else {
                refused.push(PathBuf::from(line));
                continue;
            };
            let inside = common_dir.canonicalize().is_ok_and(|c| folder.starts_with(c));
            if !inside && !options.outside_alternates {
                refused.push(folder);
            } else if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        next += 1;
    }
    (folders, refused)
}
