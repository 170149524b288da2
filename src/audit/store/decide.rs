//! What people say of findings.

use super::findings::{Event, decided, event, set_state};
use super::{Store, StoreError, now};
use crate::finding::Day;
use crate::triage::State;
use rusqlite::{Connection, params};

/// A decision on every finding with a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub fingerprint: String,
    pub state: State,
    pub by: Option<String>,
    pub reason: Option<String>,
    /// The last day that it counts.
    pub until: Option<String>,
    /// When it was made, RFC 3339; now where left out.
    pub at: Option<String>,
}

/// Why decisions are not kept.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no finding has the fingerprint {0}: `keysift audit report -f csv` lists them")]
    Unknown(String),
}

impl Store {
    /// Keeps decisions, all or none. Tells how many findings they are about. The same decision twice is one.
    ///
    /// # Errors
    /// Where a fingerprint is unknown, or the store cannot be written.
    pub fn mark(&self, marks: &[Mark]) -> Result<usize, MarkError> {
        let mut unknown = None;
        let count = self.write(|t| {
            let mut count = 0;
            for mark in marks {
                let about = apply(t, mark)?;
                if about == 0 {
                    unknown = Some(mark.fingerprint.clone());
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
                count += about;
            }
            Ok(count)
        });
        match (unknown, count) {
            (Some(fingerprint), _) => Err(MarkError::Unknown(fingerprint)),
            (None, count) => Ok(count?),
        }
    }

    /// Opens again what was accepted until a day that has passed; tells how many.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn expire(&self, today: Day) -> Result<usize, StoreError> {
        self.write(|t| {
            let mut select = t.prepare(
                "SELECT f.id, f.repository, f.fingerprint, f.state, d.until, f.allowed IS NOT NULL FROM findings f JOIN decisions d ON d.id = \
                 (SELECT id FROM decisions WHERE fingerprint = f.fingerprint ORDER BY at DESC, id DESC LIMIT 1) \
                 WHERE f.state <> 'open' AND f.state = d.state AND d.until IS NOT NULL",
            )?;
            let rows: Vec<(i64, i64, String, String, String, bool)> = select
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)))?
                .collect::<Result<_, _>>()?;
            let mut count = 0;
            let at = now();
            for (id, repository, fingerprint, was, until, is_allowed) in rows {
                let next = undecided(is_allowed);
                if Day::parse(&until).is_some_and(|until| until < today) && was != next.as_str() {
                    set_state(t, id, next, &at)?;
                    event(
                        t,
                        &Event {
                            run: None,
                            at: &at,
                            kind: "state",
                            repository: Some(repository),
                            fingerprint: &fingerprint,
                            was: Some(&was),
                            now: Some(next.as_str()),
                        },
                    )?;
                    count += 1;
                }
            }
            Ok(count)
        })
    }
}

/// The state of what nobody has decided on, where an allowlist keeps it out or not.
const fn undecided(is_allowed: bool) -> State {
    if is_allowed { State::Accepted } else { State::Open }
}

fn apply(t: &Connection, mark: &Mark) -> rusqlite::Result<usize> {
    let at = mark.at.clone().unwrap_or_else(now);
    let mut select =
        t.prepare_cached("SELECT id, repository, state, allowed IS NOT NULL FROM findings WHERE fingerprint = ?1")?;
    let rows: Vec<(i64, i64, String, bool)> = select
        .query_map([&mark.fingerprint], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(0);
    }
    t.execute(
        "INSERT INTO decisions (fingerprint, state, by, reason, until, at) SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS \
         (SELECT 1 FROM decisions WHERE fingerprint = ?1 AND state = ?2 AND by IS ?3 AND reason IS ?4 AND until IS ?5 \
         AND (at = ?6 OR ?7))",
        params![mark.fingerprint, mark.state.as_str(), mark.by, mark.reason, mark.until, at, mark.at.is_none()],
    )?;
    // An older decision that is imported late does not undo a younger one.
    let decided = decided(t, &mark.fingerprint)?.and_then(|word| State::parse(&word).ok());
    for (id, repository, was, is_allowed) in &rows {
        let state = decided.unwrap_or(undecided(*is_allowed));
        if was != state.as_str() {
            set_state(t, *id, state, &at)?;
            event(
                t,
                &Event {
                    run: None,
                    at: &at,
                    kind: "state",
                    repository: Some(*repository),
                    fingerprint: &mark.fingerprint,
                    was: Some(was),
                    now: Some(state.as_str()),
                },
            )?;
        }
    }
    Ok(rows.len())
}
