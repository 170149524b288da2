//! What is kept beside findings: secrets under a key of the user's, and the issues that repositories were told with.

use super::{Store, StoreError, now};
use crate::audit::sealed::Sealed;
use crate::audit::unit::RepositoryKey;
use rusqlite::{OptionalExtension as _, params};

impl Store {
    /// Looks whether the secrets in the store, if there are any, are under the key with this id.
    ///
    /// # Errors
    /// Where they are under another one.
    pub fn check_key(&self, ours: &str) -> Result<(), StoreError> {
        let theirs: Option<String> =
            self.read(|c| c.query_row("SELECT value FROM meta WHERE key = 'store_key'", [], |row| row.get(0)).optional())?;
        match theirs {
            Some(theirs) if theirs != ours => {
                Err(StoreError::StoreKey { path: self.path.display().to_string(), theirs, ours: ours.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The secret with an id, as it was sealed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sealed(&self, secret: &str) -> Result<Option<Sealed>, StoreError> {
        self.read(|c| {
            c.prepare_cached("SELECT key, sealed FROM secrets WHERE secret_id = ?1")?
                .query_row([secret], |row| Ok(Sealed { key: row.get(0)?, text: row.get(1)? }))
                .optional()
        })
    }

    /// The issue that a repository was told with, and the fingerprints that it was told of.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn issue_of(&self, repository: &RepositoryKey) -> Result<Option<(String, Vec<String>)>, StoreError> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT i.url, i.findings FROM issues i JOIN repositories r ON r.id = i.repository \
                 WHERE r.forge = ?1 AND r.host = ?2 AND r.forge_id = ?3",
            )?
            .query_row(params![repository.forge.as_str(), repository.host, repository.id], |row| {
                let findings: String = row.get(1)?;
                Ok((row.get(0)?, serde_json::from_str(&findings).unwrap_or_default()))
            })
            .optional()
        })
    }

    /// Notes the issue that a repository was told with, and all that it was told of.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn note_issue(&self, repository: &RepositoryKey, url: &str, findings: &[String]) -> Result<(), StoreError> {
        let findings = serde_json::to_string(findings).unwrap_or_default();
        self.write(|t| {
            t.execute(
                "INSERT INTO issues SELECT id, ?4, ?5, ?6 FROM repositories WHERE forge = ?1 AND host = ?2 AND forge_id = ?3 \
                 ON CONFLICT (repository) DO UPDATE SET url = excluded.url, findings = excluded.findings",
                params![repository.forge.as_str(), repository.host, repository.id, url, now(), findings],
            )
            .map(drop)
        })
    }
}
