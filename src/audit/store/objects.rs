//! Objects of buckets: which are known, and how far a bucket was looked at.
//!
//! A part begins behind the key that the one before it ended with, so that all of a bucket is there once its last part is, in
//! whichever order parts come from other machines, and however often.

use super::apply::id_of;
use super::findings::keep_objects;
use super::{Store, StoreError, now};
use crate::audit::unit::{Found, RepositoryKey, Unit};
use crate::report::model::Gap;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many paths are named for each reason.
const EXAMPLES: usize = 10;

/// What came of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRow {
    pub key: String,
    /// What it was when it was read; empty where it was not.
    pub mark: String,
    /// The bytes that were not looked at, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gaps: BTreeMap<String, u64>,
}

/// What is known of an object that was read before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownObject {
    /// What it was then.
    pub mark: String,
    /// The bytes that were not looked at, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gaps: BTreeMap<String, u64>,
}

/// How much of a bucket was looked at in a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// Objects that are not left out.
    pub listed: u64,
    /// Those that were read, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    pub rejected: u64,
    pub excluded: Vec<Gap>,
    /// What of all objects that were listed is not looked at.
    pub skipped: Vec<Gap>,
}

impl Sums {
    /// Adds what was left out.
    pub fn exclude(&mut self, gap: Gap) {
        add(&mut self.excluded, gap);
    }

    /// Adds what was not looked at.
    pub fn skip(&mut self, gap: Gap) {
        add(&mut self.skipped, gap);
    }
}

fn add(all: &mut Vec<Gap>, gap: Gap) {
    match all.iter_mut().find(|known| known.reason == gap.reason && known.accepted == gap.accepted) {
        Some(known) => {
            known.count += gap.count;
            known.bytes += gap.bytes;
            let room = EXAMPLES.saturating_sub(known.examples.len());
            known.examples.extend(gap.examples.into_iter().take(room));
        }
        None => all.push(gap),
    }
}

/// A part of a bucket that was looked at; it travels to other machines as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// The run that it belongs to.
    pub run: String,
    pub bucket: RepositoryKey,
    pub catalogue: String,
    /// The last key of the part before it.
    pub after: Option<String>,
    /// The last key of this one.
    pub last: String,
    /// Objects that were read, or could not be.
    pub rows: Vec<ObjectRow>,
    /// What was found in them.
    pub found: Found,
    /// Objects that have not changed.
    pub again: Vec<String>,
    /// How much of the bucket was looked at up to here.
    pub sums: Sums,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Kept,
    /// The bucket is done, or not one of this store: nothing changed.
    Known,
    /// Nothing changed: parts that come before it are not here yet.
    Early,
}

/// The key up to which a run has looked at a bucket.
pub(super) fn reached(c: &Connection, bucket: i64, run: i64) -> rusqlite::Result<Option<String>> {
    c.prepare_cached("SELECT last FROM buckets WHERE repository = ?1 AND run = ?2")?
        .query_row([bucket, run], |row| row.get(0))
        .optional()
}

/// Ends a bucket: what was not listed is gone.
pub(super) fn end_bucket(t: &Transaction<'_>, (run, bucket): (i64, i64), at: &str) -> rusqlite::Result<()> {
    let mut select = t.prepare_cached("DELETE FROM objects WHERE repository = ?1 AND run <> ?2 RETURNING key")?;
    let gone: HashSet<String> = select.query_map([bucket, run], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if gone.is_empty() { Ok(()) } else { keep_objects(t, (run, bucket), &Found::default(), &|key| gone.contains(key), at) }
}

/// The columns of `objects o` that [`known`] reads.
const KNOWN: &str = "SELECT o.key, o.mark, o.gaps FROM objects o JOIN catalogues k ON k.id = o.catalogue \
                     WHERE o.repository = ?1 AND k.key = ?2 AND o.mark <> ''";

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, KnownObject)> {
    let gaps: Option<String> = row.get(2)?;
    let gaps = gaps.and_then(|gaps| serde_json::from_str(&gaps).ok()).unwrap_or_default();
    Ok((row.get(0)?, KnownObject { mark: row.get(1)?, gaps }))
}

/// Objects with findings that providers are to be asked about again.
fn asked_again(c: &Connection, bucket: i64) -> rusqlite::Result<HashSet<String>> {
    c.prepare_cached(
        "SELECT json_extract(body, '$.location.path') FROM findings WHERE repository = ?1 AND gone_at IS NULL \
         AND state IN ('open', 'revoked') AND verification <> 'not_checked'",
    )?
    .query_map([bucket], |row| row.get(0))?
    .collect()
}

impl Store {
    /// The last key that this run has looked at, and how much that was; nothing for a bucket that is begun.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn bucket_progress(&self, unit: &Unit) -> Result<(Option<String>, Sums), StoreError> {
        self.read(|c| {
            let known: Option<(String, String)> = c
                .prepare_cached(
                    "SELECT last, sums FROM buckets WHERE repository = ?1 AND run = (SELECT id FROM runs WHERE name = ?2)",
                )?
                .query_row(params![id_of(c, &RepositoryKey::of(&unit.repository))?, unit.run], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            Ok(known.map_or_else(Default::default, |(last, sums)| (Some(last), serde_json::from_str(&sums).unwrap_or_default())))
        })
    }

    /// What of `keys` is known under a catalogue. Those with findings that are asked about again where a unit is to be checked
    /// again are not among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_objects(
        &self,
        unit: &Unit,
        keys: &[&str],
        catalogue: &str,
        asks: bool,
    ) -> Result<HashMap<String, KnownObject>, StoreError> {
        self.read(|c| {
            let mut all = HashMap::new();
            let Some(id) = id_of(c, &RepositoryKey::of(&unit.repository))? else { return Ok(all) };
            let mut select = c.prepare_cached(&format!("{KNOWN} AND o.key = ?3"))?;
            for key in keys {
                all.extend(select.query_row(params![id, catalogue, key], known).optional()?);
            }
            if unit.recheck && asks && !all.is_empty() {
                for key in asked_again(c, id)? {
                    all.remove(&key);
                }
            }
            Ok(all)
        })
    }

    /// What is known under a catalogue of a unit's objects behind the key `after`, in the order of keys, at most `most`. Those
    /// with findings that are asked about again are told without a mark.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_behind(
        &self,
        unit: &Unit,
        after: &str,
        catalogue: &str,
        most: usize,
    ) -> Result<Vec<(String, KnownObject)>, StoreError> {
        self.read(|c| {
            let Some(id) = id_of(c, &RepositoryKey::of(&unit.repository))? else { return Ok(Vec::new()) };
            let again = if unit.recheck { asked_again(c, id)? } else { HashSet::new() };
            let mut select = c.prepare_cached(&format!("{KNOWN} AND o.key > ?3 ORDER BY o.key LIMIT ?4"))?;
            let rows = select.query_map(params![id, catalogue, after, i64::try_from(most).unwrap_or(i64::MAX)], known)?;
            rows.map(|row| {
                row.map(|(key, object)| {
                    let mark = if again.contains(&key) { String::new() } else { object.mark };
                    (key, KnownObject { mark, ..object })
                })
            })
            .collect()
        })
    }

    /// Keeps a part of a bucket, all of it or nothing. The same part twice is as good as once.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn keep_part(&self, part: &Part) -> Result<Kept, StoreError> {
        self.write(|t| {
            let place: Option<(i64, i64, i64)> = t
                .prepare_cached(
                    "SELECT u.run, u.repository, k.id FROM units u JOIN runs n ON n.id = u.run JOIN catalogues k ON k.id = n.catalogue \
                     WHERE n.name = ?1 AND u.repository = ?2 AND k.key = ?3 AND u.state <> 'done'",
                )?
                .query_row(params![part.run, id_of(t, &part.bucket)?, part.catalogue], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((run, id, catalogue)) = place else { return Ok(Kept::Known) };
            let before = reached(t, id, run)?;
            if part.after > before {
                return Ok(Kept::Early);
            }
            let mut put = t.prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for row in &part.rows {
                let gaps = (!row.gaps.is_empty()).then(|| serde_json::to_string(&row.gaps).unwrap_or_default());
                put.execute(params![id, row.key, row.mark, catalogue, run, gaps])?;
            }
            let mut touch = t.prepare_cached("UPDATE objects SET run = ?3 WHERE repository = ?1 AND key = ?2")?;
            for key in &part.again {
                touch.execute(params![id, key, run])?;
            }
            // A unit that comes on is none that ends its process again and again.
            t.prepare_cached("UPDATE units SET attempts = 1 WHERE run = ?1 AND repository = ?2")?.execute([run, id])?;
            let read: HashSet<&str> = part.rows.iter().filter(|row| !row.mark.is_empty()).map(|row| row.key.as_str()).collect();
            keep_objects(t, (run, id), &part.found, &|key| read.contains(key), &now())?;
            // One that another machine did as well is no way back.
            if before.is_none_or(|before| before <= part.last) {
                t.prepare_cached("INSERT OR REPLACE INTO buckets VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![id, run, part.last, serde_json::to_string(&part.sums).unwrap_or_default()])?;
            }
            Ok(Kept::Kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::catalogue::Catalogue;
    use crate::audit::store::Access;
    use crate::audit::target::{Forge, Page, RepositoryRef};
    use crate::audit::unit::{Outcome, Scanned, UnitResult};

    fn part(run: &str, bucket: &RepositoryRef, after: Option<&str>, last: &str, keys: &[&str]) -> Part {
        let row = |key: &&str| ObjectRow { key: (*key).to_owned(), mark: "m".to_owned(), gaps: BTreeMap::new() };
        Part {
            run: run.to_owned(),
            bucket: RepositoryKey::of(bucket),
            catalogue: "k".to_owned(),
            after: after.map(str::to_owned),
            last: last.to_owned(),
            rows: keys.iter().map(row).collect(),
            found: Found::default(),
            again: Vec::new(),
            sums: Sums::default(),
        }
    }

    #[test]
    fn parts_come_in_any_order_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db"), Access::Create, "key").unwrap();
        let catalogue = Catalogue {
            key: "k".to_owned(),
            version: String::new(),
            detector: String::new(),
            limits: String::new(),
            rules: BTreeMap::default(),
        };
        let run = store.begin_run(&catalogue, false).unwrap();
        let bucket = RepositoryRef::at(Forge::Bucket, "s3", "s3://b/", "b", "s3://b/");
        store.listing(&run, "list").unwrap();
        let page = Page { repositories: vec![bucket.clone()], ..Page::default() };
        store.add_page(&run, "list", None, &page).unwrap();
        let part = |after, last, keys: &[&str]| part(&run.name, &bucket, after, last, keys);
        let result = UnitResult {
            run: run.name.clone(),
            repository: RepositoryKey::of(&bucket),
            catalogue: "k".to_owned(),
            fingerprint_key: "key".to_owned(),
            outcome: Outcome::Objects {
                last: Some("d".to_owned()),
                scanned: Box::new(Scanned { complete: true, ..Scanned::default() }),
            },
            texts: None,
            milliseconds: 1,
        };
        let reached = || store.bucket_progress(&store.ready_units(&run, 0, 1).unwrap()[0].1).unwrap().0;
        assert_eq!(store.keep_part(&part(Some("b"), "d", &["c", "d"])).unwrap(), Kept::Early);
        assert!(store.apply(&result).unwrap().early && reached().is_none());
        assert_eq!(store.keep_part(&part(None, "b", &["a", "b"])).unwrap(), Kept::Kept);
        assert!(store.apply(&result).unwrap().early, "c and d are not here yet");
        assert_eq!(store.keep_part(&part(Some("b"), "d", &["c", "d"])).unwrap(), Kept::Kept);
        // Another machine did some of it too, and more of it at a time or less.
        assert_eq!(store.keep_part(&part(Some("a"), "c", &["b", "c"])).unwrap(), Kept::Kept);
        assert_eq!(reached().as_deref(), Some("d"));
        assert_eq!(store.apply(&result).unwrap(), crate::audit::store::Applied::default());
        assert_eq!(store.keep_part(&part(None, "b", &["a"])).unwrap(), Kept::Known);
        let unit = unit(&run.name, &bucket);
        let known = store.known_behind(&unit, "a", "k", 10).unwrap();
        assert_eq!(known.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["b", "c", "d"]);
        assert!(store.known_objects(&unit, &["a", "x"], "k", false).unwrap().contains_key("a"));
    }

    fn unit(run: &str, bucket: &RepositoryRef) -> Unit {
        Unit {
            run: run.to_owned(),
            repository: bucket.clone(),
            known: None,
            recheck: false,
            text_cursor: None,
            texts: Vec::new(),
            objects: None,
            attempt: 0,
        }
    }
}
