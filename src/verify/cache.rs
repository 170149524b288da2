//! Answers of earlier runs, in a file of the user's: by what was asked, each for a while; no secret is in it.

use crate::finding::{Status, Verification};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of the file's keys.
const VERSION: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    version: u32,
    /// The key that ids were made with.
    fingerprint_key: String,
    answers: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    /// In seconds since 1970.
    at: i64,
    verification: Verification,
}

/// The cache of a run.
pub struct Cache {
    path: PathBuf,
    file: File,
    keep: i64,
    now: i64,
}

impl Cache {
    /// Opens a cache whose answers count for `keep`. One that is not there is empty; one made with another key too.
    ///
    /// # Errors
    /// Where it cannot be read, or is no cache.
    pub fn open(path: &Path, key_id: &str, keep: Duration, now: i64) -> io::Result<Self> {
        let mut file = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice::<File>(&text).map_err(|_| io::Error::other("it is no cache of keysift"))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => File::default(),
            Err(e) => return Err(e),
        };
        if file.version != VERSION || file.fingerprint_key != key_id {
            file = File { version: VERSION, fingerprint_key: key_id.to_owned(), answers: BTreeMap::new() };
        }
        let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        file.answers.retain(|_, entry| entry.at <= now && now.saturating_sub(entry.at) <= keep);
        Ok(Self { path: path.to_owned(), file, keep, now })
    }

    /// The answer to a question, if it is young enough.
    #[must_use]
    pub fn get(&self, question: &str) -> Option<Verification> {
        let entry = self.file.answers.get(question).filter(|e| self.now.saturating_sub(e.at) <= self.keep)?;
        Some(Verification { cached: true, ..entry.verification.clone() })
    }

    /// Keeps an answer. What is unknown is asked again next time.
    pub fn put(&mut self, question: &str, verification: &Verification) {
        if matches!(verification.status, Status::Live | Status::Dead) && !verification.cached {
            let entry = Entry { at: self.now, verification: verification.clone() };
            self.file.answers.insert(question.to_owned(), entry);
        }
    }

    /// Writes the file: whole, and for its owner alone.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self) -> io::Result<()> {
        crate::report::write::file(&self.path, |out| {
            serde_json::to_writer(&mut *out, &self.file)?;
            out.write_all(b"\n")
        })
    }
}
