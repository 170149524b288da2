//! What a machine knows of earlier scans: all that a store knows, what a worker has seen itself, or nothing.

use super::catalogue::Catalogue;
use super::store::{Store, StoreError};
use super::target::RepositoryRef;
use super::unit::RepositoryKey;
use gix::hash::ObjectId;
use rusqlite::{Connection, params};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a machine knows of earlier scans: nothing, where it does not say otherwise. Who knows nothing does everything.
pub trait Lore: Sync {
    /// A repository with these tips that was scanned whole with this catalogue.
    ///
    /// # Errors
    /// Where what is known cannot be read.
    fn twin(&self, tips: &str, catalogue: &str, not: &RepositoryKey) -> Result<Option<RepositoryKey>, StoreError> {
        let _ = (tips, catalogue, not);
        Ok(None)
    }

    /// What a repository was forked from.
    ///
    /// # Errors
    /// As above.
    fn parent(&self, repository: &RepositoryRef) -> Result<Option<RepositoryKey>, StoreError> {
        let _ = repository;
        Ok(None)
    }

    /// A catalogue by its key.
    ///
    /// # Errors
    /// As above.
    fn catalogue(&self, key: &str) -> Result<Option<Catalogue>, StoreError> {
        let _ = key;
        Ok(None)
    }

    /// Whether a repository has findings under one of these rules.
    ///
    /// # Errors
    /// As above.
    fn has_findings_of(&self, repository: &RepositoryKey, rules: &BTreeSet<String>) -> Result<bool, StoreError> {
        let _ = (repository, rules);
        Ok(true)
    }

    /// Which of these objects hold nothing under this catalogue.
    ///
    /// # Errors
    /// As above.
    fn known_clean(&self, catalogue: &str, objects: &mut dyn Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>, StoreError> {
        let _ = (catalogue, objects);
        Ok(HashSet::new())
    }

    /// Remembers objects that hold nothing under a catalogue, where the result of their unit is not kept on this machine.
    ///
    /// # Errors
    /// Where it cannot be remembered.
    fn learn(&self, catalogue: &str, clean: &[ObjectId]) -> Result<(), StoreError> {
        let _ = (catalogue, clean);
        Ok(())
    }
}

impl Lore for Store {
    fn twin(&self, tips: &str, catalogue: &str, not: &RepositoryKey) -> Result<Option<RepositoryKey>, StoreError> {
        Self::twin(self, tips, catalogue, not)
    }

    fn parent(&self, repository: &RepositoryRef) -> Result<Option<RepositoryKey>, StoreError> {
        Self::parent(self, repository)
    }

    fn catalogue(&self, key: &str) -> Result<Option<Catalogue>, StoreError> {
        Self::catalogue(self, key)
    }

    fn has_findings_of(&self, repository: &RepositoryKey, rules: &BTreeSet<String>) -> Result<bool, StoreError> {
        Self::has_findings_of(self, repository, rules)
    }

    fn known_clean(&self, catalogue: &str, objects: &mut dyn Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>, StoreError> {
        Self::known_clean(self, catalogue, objects)
    }
}

/// Nothing is known: a worker of a fleet that keeps no mirrors.
pub struct NoLore;

impl Lore for NoLore {}

/// What a worker of a fleet has seen itself, in a file beside its mirrors: like them it may be lost, and is made anew.
pub struct Memory {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Memory {
    /// The memory of a folder of mirrors; what it knows of other catalogues is forgotten.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(mirrors: &Path, catalogue: &str) -> Result<Self, StoreError> {
        std::fs::create_dir_all(mirrors).map_err(|cause| StoreError::Io { path: mirrors.display().to_string(), cause })?;
        let path = mirrors.join("known-clean.db");
        let open = || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(60))?;
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE IF NOT EXISTS clean \
                 (catalogue TEXT NOT NULL, object BLOB NOT NULL, PRIMARY KEY (catalogue, object)) WITHOUT ROWID",
            )?;
            connection.execute("DELETE FROM clean WHERE catalogue <> ?1", [catalogue])?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { path, connection: Mutex::new(connection) }),
            Err(cause) => Err(StoreError::Sqlite { path: path.display().to_string(), cause }),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|cause| StoreError::Sqlite { path: self.path.display().to_string(), cause })
    }
}

impl Lore for Memory {
    /// Whether its mirror is here is seen when the fork is fetched.
    fn parent(&self, repository: &RepositoryRef) -> Result<Option<RepositoryKey>, StoreError> {
        let parent = repository.fork_of.clone().filter(|id| !id.is_empty());
        Ok(parent.map(|id| RepositoryKey { forge: repository.forge, host: repository.host.clone(), id }))
    }

    fn known_clean(&self, catalogue: &str, objects: &mut dyn Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>, StoreError> {
        self.with(|connection| {
            let mut find = connection.prepare_cached("SELECT 1 FROM clean WHERE catalogue = ?1 AND object = ?2")?;
            let mut known = HashSet::new();
            for object in objects {
                if find.exists(params![catalogue, object.as_slice()])? {
                    known.insert(object);
                }
            }
            Ok(known)
        })
    }

    fn learn(&self, catalogue: &str, clean: &[ObjectId]) -> Result<(), StoreError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut add = transaction.prepare_cached("INSERT OR IGNORE INTO clean VALUES (?1, ?2)")?;
                for object in clean {
                    add.execute(params![catalogue, object.as_slice()])?;
                }
            }
            transaction.commit()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::target::Forge;

    #[test]
    fn a_worker_remembers_what_holds_nothing_under_its_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        let id = |digit: &str| ObjectId::from_hex(digit.repeat(40).as_bytes()).unwrap();
        let known =
            |memory: &Memory, catalogue: &str| memory.known_clean(catalogue, &mut [id("a"), id("b")].into_iter()).unwrap();
        let memory = Memory::open(&folder.path().join("mirrors"), "one").unwrap();
        assert!(known(&memory, "one").is_empty());
        memory.learn("one", &[id("a"), id("c")]).unwrap();
        memory.learn("one", &[id("a")]).unwrap();
        assert_eq!(known(&memory, "one"), HashSet::from([id("a")]));
        assert!(known(&memory, "two").is_empty());
        drop(memory);
        let memory = Memory::open(&folder.path().join("mirrors"), "one").unwrap();
        assert_eq!(known(&memory, "one"), HashSet::from([id("a")]));
        drop(memory);
        let memory = Memory::open(&folder.path().join("mirrors"), "two").unwrap();
        assert!(known(&memory, "one").is_empty(), "it is forgotten with its catalogue");
        let mut fork = RepositoryRef::at(Forge::GitLab, "h", "9", "o/f", "https://h/o/f");
        assert_eq!(memory.parent(&fork).unwrap(), None);
        fork.fork_of = Some("7".to_owned());
        assert_eq!(memory.parent(&fork).unwrap().map(|key| key.id), Some("7".to_owned()));
    }
}
