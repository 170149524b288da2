//! Runs and their units of work.

use super::{Store, StoreError, now};
use crate::audit::catalogue::Catalogue;
use crate::audit::target::{Forge, Part, RepositoryRef, Visibility};
use crate::audit::unit::{Known, RepositoryKey, Unit};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

/// How often a unit is begun before it is given up for this run: so often the process may end in its midst.
const MOST_ATTEMPTS: u32 = 10;
/// How often a unit that failed for what may pass is tried.
const MOST_TRIES: u32 = 3;

/// A run: everything that was named, looked at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    /// The same on every machine.
    pub name: String,
    pub started_at: String,
    /// It was begun before, and goes on.
    pub resumed: bool,
    /// Providers are asked.
    pub verifies: bool,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    Unit(Box<Unit>),
    /// There may be something later.
    Wait,
    /// All units are done, or given up.
    Nothing,
}

impl Store {
    /// Goes on with the run that has not ended, or begins one. A run that was begun with another catalogue ends: what it did
    /// counts for the next.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn begin_run(&self, catalogue: &Catalogue, verifies: bool) -> Result<Run, StoreError> {
        self.write(|t| {
            let catalogue_id = put_catalogue(t, catalogue)?;
            let open: Option<(i64, String, String, i64, bool)> = t
                .query_row(
                    "SELECT id, name, started_at, catalogue, verifies FROM runs WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
                )
                .optional()?;
            match open {
                Some((id, name, started_at, same, before)) if same == catalogue_id => {
                    t.execute("UPDATE units SET state = 'ready' WHERE run = ?1 AND state = 'leased'", [id])?;
                    t.execute("UPDATE runs SET verifies = verifies OR ?2 WHERE id = ?1", params![id, verifies])?;
                    return Ok(Run { id, name, started_at, resumed: true, verifies: before || verifies });
                }
                Some((id, ..)) => {
                    t.execute("UPDATE runs SET ended_at = ?2, ending = 'superseded' WHERE id = ?1", params![id, now()])?;
                }
                None => {}
            }
            let started_at = now();
            let next: i64 = t.query_row("SELECT coalesce(max(id), 0) + 1 FROM runs", [], |row| row.get(0))?;
            // Several stores may plan into one queue.
            let nonce = blake3::hash(
                format!("{} {} {:?}", self.path.display(), std::process::id(), std::time::SystemTime::now()).as_bytes(),
            );
            let name = format!("{next}-{}-{}", started_at.replace([':', '-'], ""), &nonce.to_hex()[..8]);
            t.execute(
                "INSERT INTO runs (id, name, catalogue, started_at, verifies) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![next, name, catalogue_id, started_at, verifies],
            )?;
            Ok(Run { id: next, name, started_at, resumed: false, verifies })
        })
    }

    /// The last run.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_run(&self) -> Result<Option<Run>, StoreError> {
        self.read(|c| {
            c.query_row("SELECT id, name, started_at, verifies FROM runs ORDER BY id DESC LIMIT 1", [], |row| {
                Ok(Run { id: row.get(0)?, name: row.get(1)?, started_at: row.get(2)?, resumed: true, verifies: row.get(3)? })
            })
            .optional()
        })
    }

    /// Ends a run whose units are all done.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn end_run(&self, run: &Run) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute("UPDATE runs SET ended_at = ?2, ending = 'done' WHERE id = ?1 AND ended_at IS NULL", params![run.id, now()])
                .map(drop)
        })
    }

    /// The next unit. Those that were tried less come first, and forks after what they were forked from. `now` is in seconds
    /// since 1970.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn lease(&self, run: &Run, now: i64) -> Result<Leased, StoreError> {
        self.write(|t| {
            // A fork costs little once its parent was looked at.
            let blocked = "EXISTS (SELECT 1 FROM repositories p JOIN units pu ON pu.repository = p.id AND pu.run = u.run \
                           WHERE p.forge = r.forge AND p.host = r.host AND p.forge_id = r.fork_of \
                           AND pu.state IN ('ready', 'leased') AND p.id <> r.id)";
            let next = |only: &str| -> rusqlite::Result<Option<i64>> {
                t.prepare_cached(&format!(
                    "SELECT u.repository FROM units u JOIN repositories r ON r.id = u.repository \
                     WHERE u.run = ?1 AND u.state = 'ready' AND u.not_before <= ?2 {only} \
                     ORDER BY u.attempts, u.rank, u.repository LIMIT 1"
                ))?
                .query_row(params![run.id, now], |row| row.get(0))
                .optional()
            };
            let mut found = next(&format!("AND (u.rank = 0 OR NOT {blocked})"))?;
            if found.is_none() {
                let counts = |state: &str| -> rusqlite::Result<i64> {
                    t.prepare_cached("SELECT count(*) FROM units WHERE run = ?1 AND state = ?2")?
                        .query_row(params![run.id, state], |row| row.get(0))
                };
                if counts("leased")? > 0 {
                    return Ok(Leased::Wait);
                }
                // Forks of each other wait for nobody.
                found = next("")?;
                if found.is_none() {
                    return Ok(if counts("ready")? > 0 { Leased::Wait } else { Leased::Nothing });
                }
            }
            let Some(id) = found else { return Ok(Leased::Wait) };
            t.prepare_cached("UPDATE units SET state = 'leased', attempts = attempts + 1 WHERE run = ?1 AND repository = ?2")?
                .execute(params![run.id, id])?;
            let unit = unit(t, run, id)?;
            if unit.attempt >= MOST_ATTEMPTS {
                let why = format!("the process ended {} times while this repository was looked at", unit.attempt);
                t.execute(
                    "UPDATE units SET state = 'failed', outcome = 'failed', error = ?3 WHERE run = ?1 AND repository = ?2",
                    params![run.id, id, why],
                )?;
                t.execute("UPDATE repositories SET status = 'failed', detail = ?2 WHERE id = ?1", params![id, why])?;
                return Ok(Leased::Wait);
            }
            Ok(Leased::Unit(Box::new(unit)))
        })
    }

    /// All units of a run that are ready, `then` called with each: what is published to a fleet.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn ready_units(&self, run: &Run, after: i64, most: usize) -> Result<Vec<(i64, Unit)>, StoreError> {
        self.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT repository FROM units WHERE run = ?1 AND state = 'ready' AND repository > ?2 ORDER BY repository LIMIT ?3",
            )?;
            let ids = select.query_map(params![run.id, after, i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?;
            ids.map(|id| id.and_then(|id: i64| Ok((id, unit(c, run, id)?)))).collect()
        })
    }

    /// Gives a unit back that was begun and not finished.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn give_back(&self, run: &Run, repository: &RepositoryKey) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute(
                "UPDATE units SET state = 'ready', attempts = max(0, attempts - 1) WHERE run = ?1 AND state = 'leased' AND \
                 repository = (SELECT id FROM repositories WHERE forge = ?2 AND host = ?3 AND forge_id = ?4)",
                params![run.id, repository.forge.as_str(), repository.host, repository.id],
            )
            .map(drop)
        })
    }

    /// A repository that was scanned whole with the catalogue with this key and has these tips.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn twin(&self, tips: &str, catalogue: &str, not: &RepositoryKey) -> Result<Option<RepositoryKey>, StoreError> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT r.forge, r.host, r.forge_id FROM scans s JOIN catalogues k ON k.id = s.catalogue \
                 JOIN repositories r ON r.id = s.repository \
                 WHERE s.tips = ?1 AND k.key = ?2 AND s.complete AND r.forge <> 'folder' \
                 AND NOT (r.forge = ?3 AND r.host = ?4 AND r.forge_id = ?5) ORDER BY r.id LIMIT 1",
            )?
            .query_row(params![tips, catalogue, not.forge.as_str(), not.host, not.id], |row| {
                let forge: String = row.get(0)?;
                Ok(RepositoryKey { forge: Forge::parse(&forge).unwrap_or(Forge::Urls), host: row.get(1)?, id: row.get(2)? })
            })
            .optional()
        })
    }

    /// The repository that `repository` was forked from, if it is known here.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn parent(&self, repository: &RepositoryRef) -> Result<Option<RepositoryKey>, StoreError> {
        let Some(parent) = &repository.fork_of else { return Ok(None) };
        self.read(|c| {
            c.prepare_cached(
                "SELECT forge_id FROM repositories WHERE forge = ?1 AND host = ?2 AND (forge_id = ?3 OR full_name = ?3) \
                 ORDER BY forge_id <> ?3 LIMIT 1",
            )?
            .query_row(params![repository.forge.as_str(), repository.host, parent], |row| {
                Ok(RepositoryKey { forge: repository.forge, host: repository.host.clone(), id: row.get(0)? })
            })
            .optional()
        })
    }
}

/// Whether a unit that failed is tried again in this run.
pub(super) const fn tries_again(attempts: u32) -> bool {
    attempts < MOST_TRIES
}

fn put_catalogue(t: &Transaction<'_>, catalogue: &Catalogue) -> rusqlite::Result<i64> {
    let rules = serde_json::to_string(&catalogue.rules).unwrap_or_default();
    t.execute(
        "INSERT OR IGNORE INTO catalogues (key, version, detector, limits, rules, first_used) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![catalogue.key, catalogue.version, catalogue.detector, catalogue.limits, rules, now()],
    )?;
    t.query_row("SELECT id FROM catalogues WHERE key = ?1", [&catalogue.key], |row| row.get(0))
}

/// The columns that [`repository`] reads, from the table called `r`.
pub(super) const REPOSITORY: &str = "r.forge, r.host, r.forge_id, r.full_name, r.clone_url, r.web_url, r.part, r.visibility, \
                                     r.archived, r.fork_of, r.language, r.size_kb, r.pushed_at, r.default_branch, r.team";

/// Reads a repository from a row that begins with [`REPOSITORY`].
pub(super) fn repository(row: &Row<'_>) -> rusqlite::Result<RepositoryRef> {
    let word = |n: usize| row.get::<_, String>(n);
    Ok(RepositoryRef {
        forge: Forge::parse(&word(0)?).unwrap_or(Forge::Urls),
        host: row.get(1)?,
        id: row.get(2)?,
        full_name: row.get(3)?,
        clone_url: row.get(4)?,
        web_url: row.get(5)?,
        part: Part::parse(&word(6)?).unwrap_or(Part::Code),
        visibility: Visibility::parse(&word(7)?).unwrap_or(Visibility::Unknown),
        archived: row.get(8)?,
        fork_of: row.get(9)?,
        language: row.get(10)?,
        size_kb: row.get::<_, Option<i64>>(11)?.and_then(|n| u64::try_from(n).ok()),
        pushed_at: row.get(12)?,
        default_branch: row.get(13)?,
        team: row.get(14)?,
    })
}

fn unit(c: &Connection, run: &Run, id: i64) -> rusqlite::Result<Unit> {
    let (repository, known, text_cursor, attempts) = c
        .prepare_cached(&format!(
            "SELECT {REPOSITORY}, s.tips, k.key, x.cursor, u.attempts FROM repositories r \
             JOIN units u ON u.repository = r.id AND u.run = ?2 JOIN runs n ON n.id = ?2 \
             LEFT JOIN extra_texts x ON x.repository = r.id AND x.catalogue = n.catalogue LEFT JOIN scans s ON s.repository = r.id LEFT JOIN catalogues k ON k.id = s.catalogue WHERE r.id = ?1"
        ))?
        .query_row(params![id, run.id], |row| {
            let known = match (row.get::<_, Option<String>>(15)?, row.get::<_, Option<String>>(16)?) {
                (Some(tips), Some(catalogue)) => Some(Known { tips, catalogue }),
                _ => None,
            };
            Ok((repository(row)?, known, row.get(17)?, row.get::<_, u32>(18)?))
        })?;
    let asks_again = |from_text: bool| -> rusqlite::Result<bool> {
        c.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM findings WHERE repository = ?1 AND gone_at IS NULL AND state IN ('open', 'revoked') \
             AND verification <> 'not_checked' AND from_text = ?2)",
        )?
        .query_row(params![id, from_text], |row| row.get(0))
    };
    let recheck = run.verifies && asks_again(false)?;
    // Texts with secrets that are to be asked about are read again.
    let text_cursor = if run.verifies && asks_again(true)? { None } else { text_cursor };
    Ok(Unit {
        run: run.name.clone(),
        repository,
        known,
        recheck,
        text_cursor,
        texts: Vec::new(),
        objects: None,
        attempt: attempts.saturating_sub(1),
    })
}
