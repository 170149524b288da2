//! What happened, and who was told of it.

use super::{Store, StoreError};
use rusqlite::params;
use std::collections::HashSet;

/// Something that happened.
#[derive(Debug, Clone, serde::Serialize)]
pub struct EventRow {
    pub id: i64,
    pub at: String,
    pub kind: String,
    pub repository: Option<String>,
    pub fingerprint: Option<String>,
    pub was: Option<String>,
    pub now: Option<String>,
    pub detail: Option<String>,
    pub rule_id: Option<String>,
    pub severity: Option<String>,
    pub path: Option<String>,
    /// The secret, redacted.
    pub secret: Option<String>,
}

impl Store {
    /// What happened after the event with this number.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn events(&self, after: i64) -> Result<Vec<EventRow>, StoreError> {
        self.read(|c| {
            let mut select = c.prepare(
                "SELECT e.id, e.at, e.kind, r.full_name, e.fingerprint, e.was, e.now, e.detail, f.rule_id, f.severity, f.path, f.shown \
                 FROM events e LEFT JOIN repositories r ON r.id = e.repository \
                 LEFT JOIN findings f ON f.repository = e.repository AND f.fingerprint = e.fingerprint \
                 WHERE e.id > ?1 ORDER BY e.id",
            )?;
            select
                .query_map([after], |row| {
                    Ok(EventRow {
                        id: row.get(0)?,
                        at: row.get(1)?,
                        kind: row.get(2)?,
                        repository: row.get(3)?,
                        fingerprint: row.get(4)?,
                        was: row.get(5)?,
                        now: row.get(6)?,
                        detail: row.get(7)?,
                        rule_id: row.get(8)?,
                        severity: row.get(9)?,
                        path: row.get(10)?,
                        secret: row.get(11)?,
                    })
                })?
                .collect()
        })
    }

    /// What somebody was not told yet: findings of medium confidence and above that are new, gone or back, decisions, and what
    /// providers say that matters.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn untold(&self, sink: &str) -> Result<Vec<EventRow>, StoreError> {
        let told: HashSet<i64> = self.read(|c| {
            c.prepare("SELECT event FROM deliveries WHERE sink = ?1")?.query_map([sink], |row| row.get(0))?.collect()
        })?;
        let sure: HashSet<(Option<String>, Option<String>)> = self.read(|c| {
            c.prepare(
                "SELECT r.full_name, f.fingerprint FROM findings f JOIN repositories r ON r.id = f.repository \
                 WHERE f.confidence <> 'low'",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
        })?;
        let matters = |e: &EventRow| match e.kind.as_str() {
            "found" => e.now.as_deref() == Some("open"),
            "gone" | "back" | "state" => true,
            "verification" => matches!(e.now.as_deref(), Some("live" | "dead")),
            _ => false,
        };
        let mut events = self.events(0)?;
        events.retain(|e| matters(e) && !told.contains(&e.id) && sure.contains(&(e.repository.clone(), e.fingerprint.clone())));
        Ok(events)
    }

    /// Notes that somebody was told of events.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn told(&self, sink: &str, events: &[i64]) -> Result<(), StoreError> {
        self.write(|t| {
            let mut add = t.prepare_cached("INSERT OR IGNORE INTO deliveries VALUES (?1, ?2, ?3)")?;
            for event in events {
                add.execute(params![sink, event, super::now()])?;
            }
            Ok(())
        })
    }
}
