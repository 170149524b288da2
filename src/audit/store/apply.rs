//! What came of a unit, in one transaction: either all of it is remembered and the unit is done, or nothing.

use super::findings::{Reconciled, add_texts, notes, reconcile, still_there, stored};
use super::lists::put_budget;
use super::objects::{end_bucket, reached};
use super::plan::tries_again;
use super::{Store, StoreError, now, number};
use crate::audit::unit::{Outcome, RepositoryKey, Scanned, Texts, UnitResult};
use crate::report::model::Gap;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

/// Seconds until a unit that failed is tried again, for each time that it was.
const AGAIN_AFTER: i64 = 20;

/// What a result changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// The result was known: nothing changed.
    pub known: bool,
    pub new: usize,
    pub gone: usize,
    /// The unit goes back into the queue.
    pub again: bool,
    /// Nothing changed: parts of the bucket that come before are not here yet.
    pub early: bool,
}

impl Store {
    /// Keeps a result. One that is known already, under the same catalogue, changes nothing; nor does one of a run or a
    /// repository that is not here.
    ///
    /// # Errors
    /// Where the store cannot be written; nothing changed then.
    pub fn apply(&self, result: &UnitResult) -> Result<Applied, StoreError> {
        self.write(|t| apply(t, result))
    }
}

/// The row of a repository or bucket.
pub(super) fn id_of(c: &Connection, key: &RepositoryKey) -> rusqlite::Result<Option<i64>> {
    c.prepare_cached("SELECT id FROM repositories WHERE forge = ?1 AND host = ?2 AND forge_id = ?3")?
        .query_row(params![key.forge.as_str(), key.host, key.id], |row| row.get(0))
        .optional()
}

fn apply(t: &Transaction<'_>, result: &UnitResult) -> rusqlite::Result<Applied> {
    let known = Applied { known: true, ..Applied::default() };
    let at = now();
    let run: Option<(i64, i64)> = t
        .prepare_cached("SELECT r.id, k.id FROM runs r JOIN catalogues k ON k.id = r.catalogue WHERE r.name = ?1 AND k.key = ?2")?
        .query_row(params![result.run, result.catalogue], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (Some((run, catalogue)), Some(repository)) = (run, id_of(t, &result.repository)?) else { return Ok(known) };
    let unit: Option<(String, u32)> = t
        .prepare_cached("SELECT state, attempts FROM units WHERE run = ?1 AND repository = ?2")?
        .query_row([run, repository], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let attempts = match unit {
        Some((state, attempts)) if state != "done" => attempts,
        _ => return Ok(known),
    };
    let place = Place { t, run, catalogue, repository, at: &at };
    let (status, detail, changed) = match &result.outcome {
        Outcome::Unchanged => {
            still_there(t, repository, &at)?;
            place.status_of_last()?
        }
        Outcome::Empty => {
            let changed = place.keep(&Scanned { complete: true, ..Scanned::default() })?;
            ("empty".to_owned(), None, changed)
        }
        Outcome::Scanned(scanned) => {
            let changed = place.keep(scanned)?;
            (status_of(scanned).to_owned(), None, changed)
        }
        Outcome::Objects { last, scanned } => {
            if *last > reached(t, repository, run)? {
                return Ok(Applied { early: true, ..Applied::default() });
            }
            end_bucket(t, (run, repository), &at)?;
            place.keep_scan(scanned)?;
            still_there(t, repository, &at)?;
            (status_of(scanned).to_owned(), None, Reconciled::default())
        }
        Outcome::NothingNew(scanned) => {
            place.keep_scan(scanned)?;
            still_there(t, repository, &at)?;
            (status_of(scanned).to_owned(), None, Reconciled::default())
        }
        Outcome::SameAs { repository: twin, tips } => {
            let Some(scanned) = place.copy_of(twin, tips)? else {
                // It changed in the meantime: the unit is done again, without it.
                t.execute("UPDATE units SET state = 'ready' WHERE run = ?1 AND repository = ?2", [run, repository])?;
                return Ok(Applied { again: true, ..Applied::default() });
            };
            let changed = place.keep(&scanned)?;
            (status_of(&scanned).to_owned(), None, changed)
        }
        Outcome::NotVisible { why } => ("not_visible".to_owned(), Some(why.clone()), Reconciled::default()),
        Outcome::Failed { why, again } => {
            if *again && tries_again(attempts) {
                t.execute(
                    "UPDATE units SET state = 'ready', error = ?3, not_before = ?4 WHERE run = ?1 AND repository = ?2",
                    params![run, repository, why, crate::verify::seconds_now() + AGAIN_AFTER * i64::from(attempts)],
                )?;
                return Ok(Applied { again: true, ..Applied::default() });
            }
            ("failed".to_owned(), Some(why.clone()), Reconciled::default())
        }
    };
    if let Some(texts) = &result.texts {
        place.keep_texts(texts)?;
    }
    let gap = result.texts.as_ref().filter(|_| status == "scanned" || status == "empty").and_then(Texts::gap);
    let (status, detail) = match gap {
        Some(why) => ("incomplete".to_owned(), Some(format!("texts beside the code: {why}"))),
        None => (status, detail),
    };
    let before: String = t.query_row("SELECT status FROM repositories WHERE id = ?1", [repository], |row| row.get(0))?;
    if before != status && !(before == "planned" && status != "failed" && status != "not_visible") {
        t.prepare_cached(
            "INSERT OR IGNORE INTO events (run, at, kind, repository, was, now, detail) VALUES (?1, ?2, 'repository', ?3, ?4, ?5, ?6)",
        )?
        .execute(params![run, at, repository, before, status, detail])?;
    }
    t.prepare_cached("UPDATE repositories SET status = ?2, detail = ?3 WHERE id = ?1")?
        .execute(params![repository, status, detail])?;
    let milliseconds = number(result.milliseconds);
    t.prepare_cached(
        "UPDATE units SET state = 'done', outcome = ?3, error = ?4, milliseconds = ?5 WHERE run = ?1 AND repository = ?2",
    )?
    .execute(params![run, repository, result.outcome.as_str(), detail, milliseconds])?;
    Ok(Applied { new: changed.new, gone: changed.gone, ..Applied::default() })
}

const fn status_of(scanned: &Scanned) -> &'static str {
    match (scanned.complete, scanned.refs.is_empty() && scanned.blobs == 0 && scanned.tips.is_empty()) {
        (true, true) => "empty",
        (true, false) => "scanned",
        (false, _) => "incomplete",
    }
}

fn json(gaps: &[Gap]) -> String {
    serde_json::to_string(gaps).unwrap_or_default()
}

/// Where a result goes.
struct Place<'a> {
    t: &'a Transaction<'a>,
    run: i64,
    catalogue: i64,
    repository: i64,
    at: &'a str,
}

impl Place<'_> {
    /// What the last scan made of the repository.
    fn status_of_last(&self) -> rusqlite::Result<(String, Option<String>, Reconciled)> {
        let last: Option<(bool, String, i64)> = self
            .t
            .prepare_cached("SELECT complete, tips, blobs FROM scans WHERE repository = ?1")?
            .query_row([self.repository], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let status = match last {
            Some((true, tips, _)) if tips.is_empty() => "empty",
            Some((true, ..)) => "scanned",
            _ => "incomplete",
        };
        Ok((status.to_owned(), None, Reconciled::default()))
    }

    /// Keeps what texts told.
    fn keep_texts(&self, texts: &Texts) -> rusqlite::Result<()> {
        add_texts(self.t, self.run, self.repository, texts, self.at)?;
        if let Some(budget) = &texts.budget {
            put_budget(self.t, budget)?;
        }
        self.t
            .prepare_cached(
                "INSERT INTO extra_texts (repository, cursor, error, read_at, catalogue, skipped, excluded, texts, bytes) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (repository) DO UPDATE SET \
                 cursor = coalesce(excluded.cursor, cursor), error = excluded.error, read_at = excluded.read_at, \
                 catalogue = excluded.catalogue, skipped = excluded.skipped, excluded = excluded.excluded, \
                 texts = excluded.texts, bytes = excluded.bytes",
            )?
            .execute(params![
                self.repository,
                texts.cursor,
                texts.failed,
                self.at,
                self.catalogue,
                json(&texts.skipped),
                json(&texts.excluded),
                number(texts.texts),
                number(texts.bytes)
            ])
            .map(drop)
    }

    /// Keeps a scan with its findings.
    fn keep(&self, scanned: &Scanned) -> rusqlite::Result<Reconciled> {
        self.keep_scan(scanned)?;
        reconcile(self.t, self.run, self.repository, scanned, self.at)
    }

    /// Keeps a scan without its findings.
    fn keep_scan(&self, s: &Scanned) -> rusqlite::Result<()> {
        self.t.prepare_cached("INSERT OR REPLACE INTO scans VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?.execute(
            params![
                self.repository,
                self.catalogue,
                s.tips,
                s.complete,
                number(s.blobs),
                number(s.bytes),
                number(s.rejected),
                json(&s.skipped),
                json(&s.excluded),
                self.run,
                self.at
            ],
        )?;
        self.t.prepare_cached("DELETE FROM refs WHERE repository = ?1")?.execute([self.repository])?;
        let mut add = self.t.prepare_cached("INSERT OR REPLACE INTO refs VALUES (?1, ?2, ?3)")?;
        for (name, target) in &s.refs {
            add.execute(params![self.repository, name, target])?;
        }
        let mut add = self.t.prepare_cached("INSERT OR IGNORE INTO clean_objects VALUES (?1, ?2)")?;
        for object in &s.clean {
            add.execute(params![self.catalogue, object.as_slice()])?;
        }
        Ok(())
    }

    /// The last scan of another repository, if it had these tips under the same catalogue.
    fn copy_of(&self, twin: &RepositoryKey, tips: &str) -> rusqlite::Result<Option<Scanned>> {
        let Some(twin) = id_of(self.t, twin)? else { return Ok(None) };
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let scan = self
            .t
            .prepare_cached(
                "SELECT blobs, bytes, rejected, skipped, excluded FROM scans \
                 WHERE repository = ?1 AND catalogue = ?2 AND tips = ?3 AND complete",
            )?
            .query_row(params![twin, self.catalogue, tips], |row| {
                let gaps = |n: usize| row.get::<_, String>(n).map(|text| serde_json::from_str(&text).unwrap_or_default());
                Ok(Scanned {
                    tips: tips.to_owned(),
                    complete: true,
                    blobs: number(row.get(0)?),
                    bytes: number(row.get(1)?),
                    rejected: number(row.get(2)?),
                    skipped: gaps(3)?,
                    excluded: gaps(4)?,
                    ..Scanned::default()
                })
            })
            .optional()?;
        let Some(mut scanned) = scan else { return Ok(None) };
        let mut refs = self.t.prepare_cached("SELECT name, target FROM refs WHERE repository = ?1 ORDER BY name")?;
        scanned.refs = refs.query_map([twin], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        scanned.findings = stored(self.t, twin)?;
        scanned.notes = notes(self.t, twin)?;
        Ok(Some(scanned))
    }
}
