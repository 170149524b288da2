//! Objects of buckets: which are known, and how far a bucket was looked at.

use super::findings::keep_objects;
use super::{Store, StoreError, now};
use crate::audit::unit::{Found, Unit};
use crate::pipeline::{Accepts, Tally};
use crate::report::model::Gap;
use crate::source::SkipReason;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many paths are named for each reason.
const EXAMPLES: usize = 10;

/// What came of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRow {
    pub key: String,
    /// What it was when it was read; empty where it was not.
    pub mark: String,
    /// The bytes that were not looked at, by reason.
    pub gaps: BTreeMap<String, u64>,
}

/// How much of a bucket was looked at in a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Objects that are not left out.
    pub listed: u64,
    /// Those that were read, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    pub rejected: u64,
    pub excluded: Vec<Gap>,
}

impl Sums {
    /// Adds what was left out.
    pub fn exclude(&mut self, gap: Gap) {
        match self.excluded.iter_mut().find(|known| known.reason == gap.reason) {
            Some(known) => {
                known.count += gap.count;
                known.bytes += gap.bytes;
                let room = EXAMPLES.saturating_sub(known.examples.len());
                known.examples.extend(gap.examples.into_iter().take(room));
            }
            None => self.excluded.push(gap),
        }
    }
}

/// A part of a bucket that was looked at.
pub struct Part<'a> {
    /// The last key of it.
    pub last: &'a str,
    pub catalogue: &'a str,
    /// Objects that were read, or could not be.
    pub rows: Vec<ObjectRow>,
    /// What was found in them.
    pub found: Found,
    /// Objects that have not changed.
    pub again: &'a [&'a str],
    pub sums: &'a Sums,
}

fn id_of(c: &Connection, unit: &Unit) -> rusqlite::Result<Option<i64>> {
    let bucket = &unit.repository;
    c.prepare_cached("SELECT id FROM repositories WHERE forge = ?1 AND host = ?2 AND forge_id = ?3")?
        .query_row(params![bucket.forge.as_str(), bucket.host, bucket.id], |row| row.get(0))
        .optional()
}

fn run_of(c: &Connection, unit: &Unit) -> rusqlite::Result<i64> {
    c.prepare_cached("SELECT id FROM runs WHERE name = ?1")?.query_row([&unit.run], |row| row.get(0))
}

impl Store {
    /// The last key that this run has looked at, and how much that was; nothing for a bucket that is begun.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn bucket_progress(&self, unit: &Unit) -> Result<(Option<String>, Sums), StoreError> {
        self.read(|c| {
            let (id, run) = (id_of(c, unit)?, run_of(c, unit)?);
            let known: Option<(String, String)> = c
                .prepare_cached("SELECT last, sums FROM buckets WHERE repository = ?1 AND run = ?2")?
                .query_row(params![id, run], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(known.map_or_else(Default::default, |(last, sums)| (Some(last), serde_json::from_str(&sums).unwrap_or_default())))
        })
    }

    /// What of `keys` is known under a catalogue: what each was when it was read. Those with findings that are asked about again
    /// where a unit is to be checked again are not among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_objects(
        &self,
        unit: &Unit,
        keys: &[&str],
        catalogue: &str,
        asks: bool,
    ) -> Result<HashMap<String, String>, StoreError> {
        self.read(|c| {
            let mut known = HashMap::new();
            let Some(id) = id_of(c, unit)? else { return Ok(known) };
            let mut select = c.prepare_cached(
                "SELECT o.mark FROM objects o JOIN catalogues k ON k.id = o.catalogue \
                 WHERE o.repository = ?1 AND o.key = ?2 AND k.key = ?3 AND o.mark <> ''",
            )?;
            for key in keys {
                let mark: Option<String> = select.query_row(params![id, key, catalogue], |row| row.get(0)).optional()?;
                known.extend(mark.map(|mark| ((*key).to_owned(), mark)));
            }
            if unit.recheck && asks {
                let mut select = c.prepare_cached(
                    "SELECT json_extract(body, '$.location.path') FROM findings WHERE repository = ?1 AND gone_at IS NULL \
                     AND state IN ('open', 'revoked') AND verification <> 'not_checked'",
                )?;
                for key in select.query_map([id], |row| row.get::<_, String>(0))? {
                    known.remove(&key?);
                }
            }
            Ok(known)
        })
    }

    /// Keeps a part of a bucket, all of it or nothing.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn keep_part(&self, unit: &Unit, part: &Part<'_>) -> Result<(), StoreError> {
        self.write(|t| {
            let Some(id) = id_of(t, unit)? else { return Ok(()) };
            let run = run_of(t, unit)?;
            let catalogue: i64 =
                t.prepare_cached("SELECT id FROM catalogues WHERE key = ?1")?.query_row([part.catalogue], |row| row.get(0))?;
            let mut put = t.prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for row in &part.rows {
                let gaps = (!row.gaps.is_empty()).then(|| serde_json::to_string(&row.gaps).unwrap_or_default());
                put.execute(params![id, row.key, row.mark, catalogue, run, gaps])?;
            }
            let mut touch = t.prepare_cached("UPDATE objects SET run = ?3 WHERE repository = ?1 AND key = ?2")?;
            for key in part.again {
                touch.execute(params![id, key, run])?;
            }
            // A unit that comes on is none that ends its process again and again.
            t.prepare_cached("UPDATE units SET attempts = 1 WHERE run = ?1 AND repository = ?2")?.execute([run, id])?;
            let read: HashSet<&str> = part.rows.iter().filter(|row| !row.mark.is_empty()).map(|row| row.key.as_str()).collect();
            keep_objects(t, (run, id), &part.found, &|key| read.contains(key), &now())?;
            t.prepare_cached("INSERT OR REPLACE INTO buckets VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id, run, part.last, serde_json::to_string(part.sums).unwrap_or_default()])
                .map(drop)
        })
    }

    /// Ends a bucket: what was not listed is gone. Tells what of it is not looked at.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn end_bucket(&self, unit: &Unit, accepts: Accepts<'_>) -> Result<Vec<Gap>, StoreError> {
        self.write(|t| {
            let Some(id) = id_of(t, unit)? else { return Ok(Vec::new()) };
            let run = run_of(t, unit)?;
            let mut select = t.prepare_cached("DELETE FROM objects WHERE repository = ?1 AND run <> ?2 RETURNING key")?;
            let gone: HashSet<String> = select.query_map([id, run], |row| row.get(0))?.collect::<Result<_, _>>()?;
            if !gone.is_empty() {
                keep_objects(t, (run, id), &Found::default(), &|key| gone.contains(key), &now())?;
            }
            let mut all: BTreeMap<(SkipReason, bool), Tally> = BTreeMap::new();
            let mut select =
                t.prepare_cached("SELECT key, gaps FROM objects WHERE repository = ?1 AND gaps IS NOT NULL ORDER BY key")?;
            let mut rows = select.query([id])?;
            while let Some(row) = rows.next()? {
                let (key, gaps): (String, String) = (row.get(0)?, row.get(1)?);
                let gaps: BTreeMap<String, u64> = serde_json::from_str(&gaps).unwrap_or_default();
                for (word, bytes) in gaps {
                    if let Some(reason) = SkipReason::ALL.into_iter().find(|r| r.as_str() == word) {
                        all.entry((reason, accepts(reason, &key))).or_default().add(&key, bytes);
                    }
                }
            }
            Ok(all.into_iter().map(|((reason, accepted), tally)| Gap::of(reason.as_str(), &tally, accepted, None)).collect())
        })
    }
}
