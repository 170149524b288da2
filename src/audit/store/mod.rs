//! What an audit remembers, in one `SQLite` file. No secret is in it but under a key of the user's: findings are told redacted,
//! as in every report.
//!
//! - here: the file, its version, who may write
//! - `plan`: runs and their units of work
//! - `lists`: what lists name, page by page
//! - `objects`: objects of buckets
//! - `apply`: what came of a unit, in one transaction
//! - `findings`: what is found again, new, or gone
//! - `decide`: what people say of findings
//! - `read`: what reports are made of
//! - `events`: what happened, and who was told
//! - `beside`: sealed secrets, issues that were opened
//!
//! The schema is in `schema.sql` and the steps after it; docs/audit-schema.md explains it to those who query it.

mod apply;
mod beside;
mod decide;
mod events;
mod findings;
mod lists;
mod objects;
mod plan;
mod read;

pub use apply::Applied;
pub use decide::{Mark, MarkError};
pub use events::EventRow;
pub use lists::Listing;
pub use objects::{Kept, KnownObject, ObjectRow, Part, Sums};
pub use plan::{Leased, Run};
pub use read::{Coverage, Filter, Known, Row, Status, Totals, UnitCounts};

use crate::audit::catalogue::Catalogue;
use crate::audit::unit::RepositoryKey;
use crate::finding::date::rfc3339;
use gix::hash::ObjectId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The versions of the schema, each the step from the one before; `user_version` counts those that are done.
const STEPS: [&str; 3] = [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// How long one process waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(60);

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {cause}")]
    Sqlite { path: String, cause: rusqlite::Error },
    #[error("{path}: {cause}")]
    Io { path: String, cause: std::io::Error },
    #[error("{0} is there and is no store of keysift: name another file")]
    NotAStore(String),
    #[error("{0} was written by a newer keysift (schema {1}): use that one")]
    Newer(String, i64),
    #[error("{0} is not there: `keysift audit run` or `plan` makes one")]
    Missing(String),
    #[error(
        "{path} was made with the fingerprint key {theirs}, this run has {ours}: set KEYSIFT_FINGERPRINT_KEY to the same, or name \
         another file"
    )]
    Key { path: String, theirs: String, ours: String },
    #[error(
        "{path} has secrets under the key {theirs}, and this run has {ours}: set KEYSIFT_STORE_KEY to the same, or set none: then \
         no secret is kept or shown"
    )]
    StoreKey { path: String, theirs: String, ours: String },
    #[error("another `keysift audit` works with {0}: wait for it, or stop it")]
    InUse(String),
    #[error("{path}: a row cannot be read: {what}")]
    Damaged { path: String, what: String },
}

/// What is done with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Made if it is not there.
    Create,
    /// Read and written; it must be there.
    Existing,
}

/// A store.
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// The right to run an audit, which one process at a time has; it ends with the process.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "held")] File);

impl Store {
    /// Opens the store of a fingerprint key.
    ///
    /// # Errors
    /// Where it is none, is newer than this keysift, belongs to another key, or cannot be opened.
    pub fn open(path: &Path, access: Access, key_id: &str) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        if access == Access::Existing && !path.exists() {
            return Err(StoreError::Missing(shown));
        }
        let failed = |cause| StoreError::Sqlite { path: shown.clone(), cause };
        let is_new = !path.exists();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if is_new {
            private_file(path).map_err(|cause| StoreError::Io { path: shown.clone(), cause })?;
        }
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(64);
        // Plans do not look at what is bound: else every statement would be prepared anew whenever it is used again.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
        let version: i64 = match connection.query_row("PRAGMA user_version", [], |row| row.get(0)) {
            Ok(version) => version,
            Err(rusqlite::Error::SqliteFailure(e, _)) if e.code == rusqlite::ErrorCode::NotADatabase => {
                return Err(StoreError::NotAStore(shown));
            }
            Err(cause) => return Err(failed(cause)),
        };
        // A killed process loses nothing; what a power cut takes with it is done again.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -32000;",
            )
            .map_err(failed)?;
        let steps = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        if version > steps {
            return Err(StoreError::Newer(shown, version));
        }
        if version == 0 {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
            if tables > 0 {
                return Err(StoreError::NotAStore(shown));
            }
        }
        for (done, step) in (1..).zip(STEPS).filter(|(done, _)| *done > version) {
            let transaction = connection.transaction().map_err(failed)?;
            transaction.execute_batch(step).map_err(failed)?;
            transaction.pragma_update(None, "user_version", done).map_err(failed)?;
            transaction.execute("INSERT OR IGNORE INTO meta VALUES ('fingerprint_key', ?1)", [key_id]).map_err(failed)?;
            transaction.commit().map_err(failed)?;
        }
        let theirs: String =
            connection.query_row("SELECT value FROM meta WHERE key = 'fingerprint_key'", [], |row| row.get(0)).map_err(failed)?;
        if theirs != key_id {
            return Err(StoreError::Key { path: shown, theirs, ours: key_id.to_owned() });
        }
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path beside the file.
    #[must_use]
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    }

    /// The right to run an audit with this store.
    ///
    /// # Errors
    /// Where another process has it.
    pub fn lock_run(&self) -> Result<RunLock, StoreError> {
        let path = self.beside(".lock");
        let shown = || path.display().to_string();
        let file = File::create(&path).map_err(|cause| StoreError::Io { path: shown(), cause })?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(self.path.display().to_string())),
            Err(std::fs::TryLockError::Error(cause)) => Err(StoreError::Io { path: shown(), cause }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn failed(&self, cause: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.display().to_string(), cause }
    }

    /// Runs `work` in one transaction.
    fn write<T>(&self, work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run(&mut connection).map_err(|cause| self.failed(cause))
    }

    /// Runs `work`, which only reads.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.lock()).map_err(|cause| self.failed(cause))
    }

    /// The catalogue with a key, if anything was scanned with it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn catalogue(&self, key: &str) -> Result<Option<Catalogue>, StoreError> {
        self.read(|connection| {
            connection
                .query_row("SELECT version, detector, limits, rules FROM catalogues WHERE key = ?1", [key], |row| {
                    let rules: String = row.get(3)?;
                    Ok(Catalogue {
                        key: key.to_owned(),
                        version: row.get(0)?,
                        detector: row.get(1)?,
                        limits: row.get(2)?,
                        rules: serde_json::from_str(&rules).unwrap_or_default(),
                    })
                })
                .optional()
        })
    }

    /// Whether a repository has findings under one of these rules, or that one of them sees too.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn has_findings_of(&self, repository: &RepositoryKey, rules: &BTreeSet<String>) -> Result<bool, StoreError> {
        self.read(|connection| {
            let id: Option<i64> = connection
                .query_row(
                    "SELECT id FROM repositories WHERE forge = ?1 AND host = ?2 AND forge_id = ?3",
                    params![repository.forge.as_str(), repository.host, repository.id],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(id) = id else { return Ok(false) };
            let findings = findings::stored(connection, id)?;
            Ok(findings.iter().any(|f| std::iter::once(&f.rule_id).chain(&f.also).any(|id| rules.contains(id))))
        })
    }

    /// Which of `objects` are known to hold nothing under the catalogue with a key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_clean(&self, catalogue: &str, objects: impl Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>, StoreError> {
        self.read(|connection| {
            let id: Option<i64> =
                connection.query_row("SELECT id FROM catalogues WHERE key = ?1", [catalogue], |row| row.get(0)).optional()?;
            let mut known = HashSet::new();
            let Some(id) = id else { return Ok(known) };
            let any: bool =
                connection
                    .query_row("SELECT EXISTS (SELECT 1 FROM clean_objects WHERE catalogue = ?1)", [id], |row| row.get(0))?;
            if any {
                let mut find = connection.prepare_cached("SELECT 1 FROM clean_objects WHERE catalogue = ?1 AND object = ?2")?;
                for object in objects {
                    if find.exists(params![id, object.as_slice()])? {
                        known.insert(object);
                    }
                }
            }
            Ok(known)
        })
    }
}

/// Makes an empty file that only its owner can read: `SQLite` would let everyone.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// A number as the store has it.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The time as the store tells it.
#[must_use]
pub fn now() -> String {
    rfc3339(crate::verify::seconds_now(), 0)
}
