//! Lists that a run reads, page by page: what they name becomes a unit of work, and what they name no longer is gone.

use super::plan::Run;
use super::{Store, StoreError, now, number};
use crate::audit::target::{NotVisible, Page, RateBudget, RepositoryRef};
use rusqlite::{OptionalExtension as _, Transaction, params};

/// How far a list was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    Open { cursor: Option<String> },
    Done,
}

impl Store {
    /// How far the list `source` was read in this run.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn listing(&self, run: &Run, source: &str) -> Result<Listing, StoreError> {
        self.write(|t| {
            t.execute("INSERT OR IGNORE INTO sources (name) VALUES (?1)", [source])?;
            t.execute(
                "INSERT OR IGNORE INTO listings (run, source) SELECT ?1, id FROM sources WHERE name = ?2",
                params![run.id, source],
            )?;
            t.query_row(
                "SELECT l.state, l.cursor FROM listings l JOIN sources s ON s.id = l.source WHERE l.run = ?1 AND s.name = ?2",
                params![run.id, source],
                |row| {
                    let state: String = row.get(0)?;
                    Ok(if state == "done" { Listing::Done } else { Listing::Open { cursor: row.get(1)? } })
                },
            )
        })
    }

    /// Notes why a list could not be read to its end; `lost`: it begins again.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn fail_listing(&self, run: &Run, source: &str, why: &str, lost: bool) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute(
                "UPDATE listings SET error = ?3, cursor = CASE WHEN ?4 THEN NULL ELSE cursor END \
                 WHERE run = ?1 AND source = (SELECT id FROM sources WHERE name = ?2)",
                params![run.id, source, why, lost],
            )
            .map(drop)
        })
    }

    /// Keeps the page of a list at `cursor`: its repositories become units, and where it goes on is remembered. After the last
    /// page what the list no longer names is gone.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn add_page(&self, run: &Run, source: &str, cursor: Option<&str>, page: &Page) -> Result<(), StoreError> {
        self.write(|t| {
            let place = Place { t, run, source: source_id(t, source)?, at: now() };
            let ids = page.repositories.iter().map(|r| put_repository(&place, r)).collect::<Result<Vec<i64>, _>>()?;
            place.add_units(&ids)?;
            place.add_not_visible(&page.not_visible)?;
            place.remember(cursor, page, &ids)?;
            place.read_until(page.next.as_deref())
        })
    }

    /// With what it can be asked whether the page at `cursor` has changed since it was read.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_page(&self, source: &str, cursor: Option<&str>) -> Result<Option<String>, StoreError> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT validator FROM pages WHERE source = (SELECT id FROM sources WHERE name = ?1) AND cursor = ?2",
            )?
            .query_row(params![source, cursor.unwrap_or_default()], |row| row.get(0))
            .optional()
        })
    }

    /// Keeps the page at `cursor`, which has not changed; tells where the list goes on.
    ///
    /// # Errors
    /// Where the store cannot be written, or the page is not known.
    pub fn page_again(&self, run: &Run, source: &str, cursor: Option<&str>) -> Result<Option<String>, StoreError> {
        self.write(|t| {
            let place = Place { t, run, source: source_id(t, source)?, at: now() };
            let known = params![place.source, cursor.unwrap_or_default()];
            let (next, ids, not_visible): (Option<String>, String, String) = t
                .prepare_cached("SELECT next, repositories, not_visible FROM pages WHERE source = ?1 AND cursor = ?2")?
                .query_row(known, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let ids: Vec<i64> = serde_json::from_str(&ids).unwrap_or_default();
            let mut again = t.prepare_cached(
                "UPDATE repositories SET listed_run = ?2, source = ?3, \
                 status = CASE WHEN status = 'gone' THEN 'planned' ELSE status END WHERE id = ?1",
            )?;
            for id in &ids {
                again.execute([*id, run.id, place.source])?;
            }
            place.add_units(&ids)?;
            place.add_not_visible(&serde_json::from_str::<Vec<NotVisible>>(&not_visible).unwrap_or_default())?;
            t.prepare_cached("UPDATE pages SET run = ?3 WHERE source = ?1 AND cursor = ?2")?.execute(params![
                place.source,
                cursor.unwrap_or_default(),
                run.id
            ])?;
            place.read_until(next.as_deref())?;
            Ok(next)
        })
    }

    /// Keeps what a forge said of its limits.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn note_budget(&self, budget: &RateBudget) -> Result<(), StoreError> {
        self.write(|t| put_budget(t, budget))
    }
}

/// Keeps what a forge said of its limits.
pub(super) fn put_budget(t: &Transaction<'_>, budget: &RateBudget) -> rusqlite::Result<()> {
    t.prepare_cached("INSERT OR REPLACE INTO budgets VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![budget.host, number(budget.remaining), number(budget.limit), budget.resets_at, now()])
        .map(drop)
}

fn source_id(t: &Transaction<'_>, source: &str) -> rusqlite::Result<i64> {
    t.query_row("SELECT id FROM sources WHERE name = ?1", [source], |row| row.get(0))
}

/// The list that a page belongs to.
struct Place<'a> {
    t: &'a Transaction<'a>,
    run: &'a Run,
    source: i64,
    at: String,
}

impl Place<'_> {
    /// Makes units of repositories, which are marked as listed in this run.
    fn add_units(&self, ids: &[i64]) -> rusqlite::Result<()> {
        let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(()) };
        // Others between them that were listed in this run are units already.
        self.t
            .prepare_cached(
                "INSERT OR IGNORE INTO units (run, repository, rank) SELECT ?1, id, fork_of IS NOT NULL FROM repositories \
                 WHERE id BETWEEN ?2 AND ?3 AND listed_run = ?1",
            )?
            .execute([self.run.id, *first, *last])
            .map(drop)
    }

    fn add_not_visible(&self, all: &[NotVisible]) -> rusqlite::Result<()> {
        let mut add = self.t.prepare_cached("INSERT OR REPLACE INTO not_visible VALUES (?1, ?2, ?3, ?4)")?;
        all.iter().try_for_each(|NotVisible { name, why }| add.execute(params![self.source, name, why, self.run.id]).map(drop))
    }

    /// Remembers a page that can be asked for again; forgets what was known of it otherwise.
    fn remember(&self, cursor: Option<&str>, page: &Page, ids: &[i64]) -> rusqlite::Result<()> {
        let cursor = cursor.unwrap_or_default();
        let Some(validator) = &page.validator else {
            return self
                .t
                .prepare_cached("DELETE FROM pages WHERE source = ?1 AND cursor = ?2")?
                .execute(params![self.source, cursor])
                .map(drop);
        };
        let ids = serde_json::to_string(ids).unwrap_or_default();
        let not_visible = serde_json::to_string(&page.not_visible).unwrap_or_default();
        self.t
            .prepare_cached("INSERT OR REPLACE INTO pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![self.source, cursor, validator, page.next, ids, not_visible, self.run.id])
            .map(drop)
    }

    /// Notes how far the list was read.
    fn read_until(&self, next: Option<&str>) -> rusqlite::Result<()> {
        let state = if next.is_some() { "open" } else { "done" };
        self.t.execute(
            "UPDATE listings SET cursor = ?3, state = ?4, error = NULL WHERE run = ?1 AND source = ?2",
            params![self.run.id, self.source, next, state],
        )?;
        if next.is_some() {
            return Ok(());
        }
        self.t.execute("DELETE FROM not_visible WHERE source = ?1 AND run < ?2", params![self.source, self.run.id])?;
        self.t.execute("DELETE FROM pages WHERE source = ?1 AND run < ?2", params![self.source, self.run.id])?;
        let gone = "source = ?1 AND listed_run < ?2 AND status <> 'gone'";
        self.t.execute(
            &format!(
                "INSERT OR IGNORE INTO events (run, at, kind, repository, was, now) \
                 SELECT ?2, ?3, 'repository', id, status, 'gone' FROM repositories WHERE {gone}"
            ),
            params![self.source, self.run.id, self.at],
        )?;
        self.t
            .execute(&format!("UPDATE repositories SET status = 'gone' WHERE {gone}"), params![self.source, self.run.id])
            .map(drop)
    }
}

fn put_repository(place: &Place<'_>, r: &RepositoryRef) -> rusqlite::Result<i64> {
    place.t.prepare_cached(
        "INSERT INTO repositories (forge, host, forge_id, full_name, clone_url, web_url, part, visibility, archived, fork_of, \
         language, size_kb, pushed_at, default_branch, team, source, listed_run, first_seen) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
         ON CONFLICT (forge, host, forge_id) DO UPDATE SET \
         former_names = CASE WHEN full_name = excluded.full_name THEN former_names \
                        ELSE coalesce(former_names || char(10), '') || full_name END, \
         full_name = excluded.full_name, clone_url = excluded.clone_url, web_url = excluded.web_url, part = excluded.part, \
         visibility = excluded.visibility, archived = excluded.archived, fork_of = excluded.fork_of, \
         language = excluded.language, size_kb = excluded.size_kb, pushed_at = excluded.pushed_at, \
         default_branch = excluded.default_branch, team = excluded.team, source = excluded.source, \
         listed_run = excluded.listed_run, status = CASE WHEN status = 'gone' THEN 'planned' ELSE status END \
         RETURNING id",
    )?
    .query_row(
        params![
            r.forge.as_str(),
            r.host,
            r.id,
            r.full_name,
            r.clone_url,
            r.web_url,
            r.part.as_str(),
            r.visibility.as_str(),
            r.archived,
            r.fork_of,
            r.language,
            r.size_kb.map(number),
            r.pushed_at,
            r.default_branch,
            r.team,
            place.source,
            place.run.id,
            place.at
        ],
        |row| row.get(0),
    )
}
