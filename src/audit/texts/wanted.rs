//! Texts that whoever planned wants read: what is read travels with the unit, who asks is the worker's own. A worker asks the
//! forges that it was told of, with its own tokens: a queue sends no token anywhere.

use super::{ForgeTexts, Reader, TextKind, TextReaders, TextSource};
use crate::audit::forge::api::Api;
use crate::audit::target::{Forge, RepositoryRef};
use crate::audit::unit::Unit;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// What is read of the texts of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextsWanted {
    pub kinds: BTreeSet<TextKind>,
    /// What changed before is left out: seconds since 1970.
    pub oldest: Option<i64>,
    /// The largest file that is read, in bytes.
    pub largest: u64,
    /// Whoever planned had a token; without one less would be seen, and nobody would know.
    pub with_token: bool,
}

/// Makes who asks the forge of a repository; why it is not asked, in words.
pub type Asks<'a> = &'a (dyn Fn(&RepositoryRef) -> Result<Api, String> + Sync);

/// Those who asked before: one for each owner at a forge, and for what was wanted.
type Known = HashMap<(Forge, String, String, TextsWanted), Arc<dyn TextSource>>;

/// The readers of a worker.
pub struct WantedTexts<'a> {
    asks: Asks<'a>,
    known: Mutex<Known>,
}

impl<'a> WantedTexts<'a> {
    /// Readers that ask as `asks` says.
    #[must_use]
    pub fn new(asks: Asks<'a>) -> Self {
        Self { asks, known: Mutex::default() }
    }

    fn reader(&self, repository: &RepositoryRef, wanted: &TextsWanted) -> Reader {
        let owner = repository.full_name.split('/').next().unwrap_or_default().to_owned();
        let key = (repository.forge, repository.host.clone(), owner.clone(), wanted.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = known.get(&key) {
            return Ok(Arc::clone(reader));
        }
        let api = (self.asks)(repository)?;
        if wanted.with_token && !api.has_account() {
            let host = api.host();
            return Err(format!("this worker has no token for {host}, and whoever planned had one: set it in its environment"));
        }
        let TextsWanted { kinds, oldest, largest, .. } = wanted.clone();
        let reader: Arc<dyn TextSource> = Arc::new(ForgeTexts { forge: repository.forge, owner, api, kinds, oldest, largest });
        known.insert(key, Arc::clone(&reader));
        Ok(reader)
    }
}

impl TextReaders for WantedTexts<'_> {
    fn of(&self, unit: &Unit) -> Vec<Reader> {
        unit.texts.iter().map(|wanted| self.reader(&unit.repository, wanted)).collect()
    }
}
