//! Where a bucket's parts are kept while it is looked at: in the store of this machine, or, in a fleet, by whoever has it.

use crate::audit::queue::QueueError;
use crate::audit::store::{KnownObject, Part, Store, Sums};
use crate::audit::unit::Unit;
use std::collections::HashMap;

/// Where parts of buckets are kept.
pub trait Shelf: Sync {
    /// That of a unit's bucket, looked at with the catalogue with a key; where whoever looks `asks` providers, objects with
    /// findings that are to be asked about again count as not known.
    ///
    /// # Errors
    /// Where nothing can be kept.
    fn open<'s>(&'s self, unit: &Unit, catalogue: &str, asks: bool) -> Result<Box<dyn Parts + 's>, QueueError>;
}

/// The parts of one bucket.
pub trait Parts: Sync {
    /// The last key that its run has looked at, and how much that was.
    ///
    /// # Errors
    /// Where what is known cannot be read.
    fn begun(&mut self) -> Result<(Option<String>, Sums), QueueError>;

    /// What of `keys`, which are in their order and behind all that were asked for before, was read before.
    ///
    /// # Errors
    /// As above.
    fn known(&mut self, keys: &[&str]) -> Result<HashMap<String, KnownObject>, QueueError>;

    /// Keeps a part; it is kept once this returns, whatever happens then.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn keep(&mut self, part: Part) -> Result<(), QueueError>;
}

impl Shelf for Store {
    fn open<'s>(&'s self, unit: &Unit, catalogue: &str, asks: bool) -> Result<Box<dyn Parts + 's>, QueueError> {
        Ok(Box::new(Stored { store: self, unit: unit.clone(), catalogue: catalogue.to_owned(), asks }))
    }
}

struct Stored<'s> {
    store: &'s Store,
    unit: Unit,
    catalogue: String,
    asks: bool,
}

impl Parts for Stored<'_> {
    fn begun(&mut self) -> Result<(Option<String>, Sums), QueueError> {
        Ok(self.store.bucket_progress(&self.unit)?)
    }

    fn known(&mut self, keys: &[&str]) -> Result<HashMap<String, KnownObject>, QueueError> {
        Ok(self.store.known_objects(&self.unit, keys, &self.catalogue, self.asks)?)
    }

    fn keep(&mut self, part: Part) -> Result<(), QueueError> {
        self.store.keep_part(&part).map(drop).map_err(QueueError::from)
    }
}
