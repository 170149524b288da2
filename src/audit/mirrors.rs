//! Clones on this machine: kept under a size limit, or gone once they were looked at.

use super::unit::RepositoryKey;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

/// The file in a mirror that names the mirror whose objects it does without.
const PARENT: &str = "keysift-parent";
/// How many mirrors may stand behind one another.
const MOST_PARENTS: usize = 8;
/// From so many packs on a mirror is fetched anew: every fetch adds one.
const MOST_PACKS: usize = 64;

/// Where clones are.
pub struct Mirrors {
    /// Where they are kept; `None` where they are not.
    root: Option<PathBuf>,
    /// The bytes that may be kept.
    most: u64,
    /// Where those are that go away.
    work: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By digest: bytes, and when it was last used.
    sizes: HashMap<String, (u64, SystemTime)>,
    /// Of all of them together.
    total: u64,
    in_use: HashMap<String, usize>,
}

impl Known {
    fn note(&mut self, digest: &str, bytes: u64, used: SystemTime) {
        let before = self.sizes.insert(digest.to_owned(), (bytes, used)).map_or(0, |(bytes, _)| bytes);
        self.total = self.total - before + bytes;
    }
}

impl Mirrors {
    /// Mirrors in `root` of together at most `most` bytes; what goes away is in `work`, which is emptied.
    ///
    /// # Errors
    /// Where the folders cannot be made or read.
    pub fn open(root: Option<PathBuf>, most: u64, work: PathBuf) -> io::Result<Self> {
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        private_folder(&work)?;
        let mut known = Known::default();
        if let Some(root) = &root {
            private_folder(root)?;
            for shard in fs::read_dir(root)?.flatten().filter(|e| e.path().is_dir()) {
                for mirror in fs::read_dir(shard.path())?.flatten() {
                    let path = mirror.path();
                    let Some(digest) = path.file_stem().and_then(|s| s.to_str()) else { continue };
                    let used = mirror.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                    known.note(digest, size(&path), used);
                }
            }
        }
        let this = Self { root, most, work, known: Mutex::new(known) };
        this.make_room();
        Ok(this)
    }

    /// A folder for files that go away.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.work
    }

    /// A place for a clone of a repository; where its `parent` has a mirror, that one's objects count as there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn home(&self, repository: &RepositoryKey, parent: Option<&RepositoryKey>) -> io::Result<Home<'_>> {
        let parent = parent.map(RepositoryKey::digest).filter(|digest| self.path(digest).is_some_and(|p| p.is_dir()));
        let Some(path) = self.path(&repository.digest()) else {
            let folder = tempfile::Builder::new().prefix("clone-").tempdir_in(&self.work)?;
            return Ok(Home { mirrors: self, digests: Vec::new(), place: Place::Temporary(folder), others: Vec::new() });
        };
        let digest = repository.digest();
        self.pin(&digest, 1);
        let mut home =
            Home { mirrors: self, digests: vec![digest.clone()], place: Place::Kept(path.clone()), others: Vec::new() };
        let is_there = path.join("HEAD").exists();
        let named = fs::read_to_string(path.join(PARENT)).ok();
        // Without its parent's objects it is of no use, and one of a hundred packs is of little.
        let is_whole = named.as_ref().is_none_or(|digest| self.path(digest).is_some_and(|p| p.join("HEAD").exists()));
        if path.exists() && (!is_there || !is_whole || packs(&path) >= MOST_PACKS) {
            fs::remove_dir_all(&path)?;
        }
        if !path.exists() {
            fs::create_dir_all(&path)?;
            if let Some(parent) = parent.filter(|p| *p != digest) {
                fs::write(path.join(PARENT), parent)?;
            }
        }
        let mut at = path;
        for _ in 0..MOST_PARENTS {
            let Some(next) = fs::read_to_string(at.join(PARENT)).ok().filter(|d| !home.digests.contains(d)) else { break };
            let Some(folder) = self.path(&next) else { break };
            self.pin(&next, 1);
            home.digests.push(next);
            home.others.push(folder.join("objects"));
            at = folder;
        }
        Ok(home)
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let is_digest = digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        self.root.as_ref().filter(|_| is_digest).map(|root| root.join(&digest[..2]).join(format!("{digest}.git")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn pin(&self, digest: &str, by: isize) {
        let mut known = self.lock();
        let count = known.in_use.entry(digest.to_owned()).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            known.in_use.remove(digest);
        }
    }

    /// Removes the mirrors that were not used for longest, until the rest fits.
    fn make_room(&self) {
        let mut known = self.lock();
        if known.total <= self.most {
            return;
        }
        let by_age: BTreeMap<(SystemTime, String), u64> =
            known.sizes.iter().map(|(digest, (size, used))| ((*used, digest.clone()), *size)).collect();
        for ((_, digest), size) in by_age {
            if known.total <= self.most {
                break;
            }
            if known.in_use.contains_key(&digest) {
                continue;
            }
            if let Some(path) = self.path(&digest)
                && fs::remove_dir_all(path).is_ok()
            {
                known.sizes.remove(&digest);
                known.total -= size;
            }
        }
    }
}

impl Drop for Mirrors {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.work);
    }
}

/// Where a clone is, while it is used.
pub struct Home<'a> {
    mirrors: &'a Mirrors,
    /// The mirrors in use: its own, and those that it leans on.
    digests: Vec<String>,
    place: Place,
    others: Vec<PathBuf>,
}

enum Place {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Home<'_> {
    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Kept(path) => path,
            Place::Temporary(folder) => folder.path(),
        }
    }

    /// Folders with more of its objects.
    #[must_use]
    pub fn others(&self) -> &[PathBuf] {
        &self.others
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        if let Place::Kept(path) = &self.place {
            let now = SystemTime::now();
            let _ = fs::File::open(path).and_then(|folder| folder.set_modified(now));
            self.mirrors.lock().note(&self.digests[0], size(path), now);
        }
        for digest in &self.digests {
            self.mirrors.pin(digest, -1);
        }
        if !self.digests.is_empty() {
            self.mirrors.make_room();
        }
    }
}

/// The bytes of a mirror: its packs are nearly all of it.
fn size(mirror: &Path) -> u64 {
    let packs = fs::read_dir(mirror.join("objects/pack")).into_iter().flatten().flatten();
    let bytes: u64 = packs.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum();
    let refs = fs::metadata(mirror.join("packed-refs")).map_or(0, |m| m.len());
    bytes + refs + 4096
}

fn packs(mirror: &Path) -> usize {
    let all = fs::read_dir(mirror.join("objects/pack")).into_iter().flatten().flatten();
    all.filter(|e| e.path().extension().is_some_and(|e| e == "pack")).count()
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::target::Forge;

    fn key(id: &str) -> RepositoryKey {
        RepositoryKey { forge: Forge::Urls, host: "example.org".to_owned(), id: id.to_owned() }
    }

    fn fill(home: &Home<'_>, bytes: usize) {
        fs::create_dir_all(home.path().join("objects/pack")).unwrap();
        fs::write(home.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(home.path().join("objects/pack/pack-1.pack"), vec![0; bytes]).unwrap();
    }

    #[test]
    fn those_not_used_for_longest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let (root, work) = (folder.path().join("m"), folder.path().join("w"));
        let mirrors = Mirrors::open(Some(root.clone()), 250_000, work.clone()).unwrap();
        for name in ["a", "b", "c"] {
            fill(&mirrors.home(&key(name), None).unwrap(), 100_000);
        }
        let path = |name: &str| mirrors.path(&key(name).digest()).unwrap();
        assert!(!path("a").exists() && path("b").exists() && path("c").exists());
        // One in use stays.
        let held = mirrors.home(&key("b"), None).unwrap();
        fill(&mirrors.home(&key("d"), None).unwrap(), 200_000);
        assert!(held.path().join("HEAD").exists() && !path("c").exists());
        drop(held);
        drop(mirrors);
        let again = Mirrors::open(Some(root), 10, work.clone()).unwrap();
        assert!(!again.path(&key("b").digest()).unwrap().exists());
        let temporary = again.work.clone();
        drop(again);
        assert!(!temporary.exists());
    }

    #[test]
    fn a_fork_leans_on_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(Some(folder.path().join("m")), u64::MAX, folder.path().join("w")).unwrap();
        fill(&mirrors.home(&key("parent"), None).unwrap(), 10);
        let fork = mirrors.home(&key("fork"), Some(&key("parent"))).unwrap();
        assert_eq!(fork.others(), [mirrors.path(&key("parent").digest()).unwrap().join("objects")]);
        fill(&fork, 10);
        drop(fork);
        fs::remove_dir_all(mirrors.path(&key("parent").digest()).unwrap()).unwrap();
        let fork = mirrors.home(&key("fork"), Some(&key("parent"))).unwrap();
        assert!(fork.others().is_empty() && !fork.path().join("HEAD").exists(), "it is fetched anew");
    }
}
