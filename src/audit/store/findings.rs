//! What is found again, new, or gone, and what providers say of it.

use super::number;
use crate::audit::sealed::Sealed;
use crate::audit::unit::{Found, Note, Scanned, Texts};
use crate::finding::{Day, Location, Status, Verification};
use crate::report::model::ReportedFinding;
use crate::triage::State;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::collections::{BTreeMap, HashMap};

/// What a scan changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reconciled {
    pub new: usize,
    pub gone: usize,
}

/// A finding that is known.
struct Known {
    id: i64,
    is_gone: bool,
    from_text: bool,
    state: String,
    /// An allowlist keeps it out.
    is_allowed: bool,
}

/// Notes that all findings of a repository are still there.
pub(super) fn still_there(t: &Transaction<'_>, repository: i64, at: &str) -> rusqlite::Result<()> {
    t.prepare_cached("UPDATE findings SET last_seen = ?2 WHERE repository = ?1 AND gone_at IS NULL")?
        .execute(params![repository, at])
        .map(drop)
}

/// The findings of a repository's code, as they are kept.
pub(super) fn stored(c: &Connection, repository: i64) -> rusqlite::Result<Vec<ReportedFinding>> {
    let mut select =
        c.prepare_cached("SELECT body FROM findings WHERE repository = ?1 AND gone_at IS NULL AND NOT from_text ORDER BY id")?;
    let bodies = select.query_map([repository], |row| row.get::<_, String>(0))?;
    Ok(bodies.collect::<Result<Vec<_>, _>>()?.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
}

/// What is known of them beside that.
pub(super) fn notes(c: &Connection, repository: i64) -> rusqlite::Result<BTreeMap<String, Note>> {
    let mut select =
        c.prepare_cached("SELECT id, fingerprint, allowed FROM findings WHERE repository = ?1 AND gone_at IS NULL")?;
    let rows = select.query_map([repository], |row| {
        // The secret itself is kept once, wherever it stands.
        let note = Note { allowed: row.get(2)?, owners: owners(c, row.get(0)?)?, sealed: None };
        Ok((row.get(1)?, note))
    })?;
    rows.collect()
}

/// Whom the file of a finding belongs to.
pub(super) fn owners(c: &Connection, finding: i64) -> rusqlite::Result<Vec<String>> {
    let mut select = c.prepare_cached("SELECT owner FROM owners WHERE finding = ?1 ORDER BY owner")?;
    select.query_map([finding], |row| row.get(0))?.collect()
}

/// Keeps the findings of a scan: what is there again, new, and no longer there.
pub(super) fn reconcile(
    t: &Transaction<'_>,
    run: i64,
    repository: i64,
    scanned: &Scanned,
    at: &str,
) -> rusqlite::Result<Reconciled> {
    let mut known = known(t, repository)?;
    let keeper = Keeper { t, run, repository, at, notes: &scanned.notes };
    let mut changed = Reconciled::default();
    for finding in &scanned.findings {
        changed.new += usize::from(keeper.keep(finding, known.remove(&finding.fingerprint), false)?);
    }
    // What was found in texts stays: those that did not change are not read again.
    for (fingerprint, finding) in known.iter().filter(|(_, f)| !f.is_gone && !f.from_text) {
        t.prepare_cached("UPDATE findings SET gone_at = ?2 WHERE id = ?1")?.execute(params![finding.id, at])?;
        keeper.event("gone", fingerprint, None, None)?;
        changed.gone += 1;
    }
    Ok(changed)
}

/// Keeps the findings of texts beside the code.
pub(super) fn add_texts(t: &Transaction<'_>, run: i64, repository: i64, texts: &Texts, at: &str) -> rusqlite::Result<()> {
    let keeper = Keeper { t, run, repository, at, notes: &texts.notes };
    if !texts.findings.is_empty() {
        let mut known = known(t, repository)?;
        for finding in &texts.findings {
            keeper.keep(finding, known.remove(&finding.fingerprint), true)?;
        }
    }
    t.prepare_cached("UPDATE findings SET last_seen = ?2 WHERE repository = ?1 AND from_text AND gone_at IS NULL")?
        .execute(params![repository, at])
        .map(drop)
}

/// Keeps what was found in objects of a bucket; what was known of those that `is_read` names, and is not there any more, is gone.
pub(super) fn keep_objects(
    t: &Transaction<'_>,
    (run, repository): (i64, i64),
    found: &Found,
    is_read: &dyn Fn(&str) -> bool,
    at: &str,
) -> rusqlite::Result<()> {
    let keeper = Keeper { t, run, repository, at, notes: &found.notes };
    let mut known = known(t, repository)?;
    for finding in &found.findings {
        keeper.keep(finding, known.remove(&finding.fingerprint), false)?;
    }
    for (fingerprint, finding) in known.iter().filter(|(_, f)| !f.is_gone) {
        let key: Option<String> = t
            .prepare_cached("SELECT json_extract(body, '$.location.path') FROM findings WHERE id = ?1")?
            .query_row([finding.id], |row| row.get(0))?;
        if key.is_some_and(|key| is_read(&key)) {
            t.prepare_cached("UPDATE findings SET gone_at = ?2 WHERE id = ?1")?.execute(params![finding.id, at])?;
            keeper.event("gone", fingerprint, None, None)?;
        }
    }
    Ok(())
}

fn known(t: &Transaction<'_>, repository: i64) -> rusqlite::Result<HashMap<String, Known>> {
    let mut select = t.prepare_cached(
        "SELECT fingerprint, id, gone_at IS NOT NULL, from_text, state, allowed IS NOT NULL FROM findings WHERE repository = ?1",
    )?;
    let rows = select.query_map([repository], |row| {
        let known =
            Known { id: row.get(1)?, is_gone: row.get(2)?, from_text: row.get(3)?, state: row.get(4)?, is_allowed: row.get(5)? };
        Ok((row.get::<_, String>(0)?, known))
    })?;
    rows.collect()
}

/// The finding as it is kept: without what follows from elsewhere.
fn body_of(finding: &ReportedFinding) -> String {
    let without_link = |l: &Location| Location { link: None, ..l.clone() };
    let kept = ReportedFinding {
        state: "open".to_owned(),
        verification: Verification::of(Status::NotChecked),
        location: without_link(&finding.location),
        introduced: finding.introduced.as_ref().map(without_link),
        occurrences: finding.occurrences.iter().map(without_link).collect(),
        ..finding.clone()
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

struct Keeper<'a> {
    t: &'a Transaction<'a>,
    run: i64,
    repository: i64,
    at: &'a str,
    notes: &'a BTreeMap<String, Note>,
}

impl Keeper<'_> {
    /// The allowlist that keeps a finding out.
    fn allowed(&self, f: &ReportedFinding) -> Option<&str> {
        self.notes.get(&f.fingerprint)?.allowed.as_deref()
    }

    /// Keeps what is known of a finding beside what reports tell.
    fn fill_note(&self, f: &ReportedFinding, id: i64) -> rusqlite::Result<()> {
        self.t.prepare_cached("DELETE FROM owners WHERE finding = ?1")?.execute([id])?;
        let Some(note) = self.notes.get(&f.fingerprint) else { return Ok(()) };
        let mut add = self.t.prepare_cached("INSERT OR IGNORE INTO owners VALUES (?1, ?2)")?;
        for owner in &note.owners {
            add.execute(params![id, owner])?;
        }
        let Some(Sealed { key, text }) = &note.sealed else { return Ok(()) };
        // The first key is the store's: what another one sealed could not be read with it.
        self.t.prepare_cached("INSERT OR IGNORE INTO meta VALUES ('store_key', ?1)")?.execute([key])?;
        self.t
            .prepare_cached(
                "INSERT OR IGNORE INTO secrets SELECT ?1, ?2, ?3 WHERE ?2 = (SELECT value FROM meta WHERE key = 'store_key')",
            )?
            .execute(params![f.secret_id, key, text])
            .map(drop)
    }

    fn event(&self, kind: &str, fingerprint: &str, was: Option<&str>, now: Option<&str>) -> rusqlite::Result<()> {
        event(self.t, &Event { run: Some(self.run), at: self.at, kind, repository: Some(self.repository), fingerprint, was, now })
    }

    /// Keeps a finding; tells whether it is new.
    fn keep(&self, finding: &ReportedFinding, before: Option<Known>, from_text: bool) -> rusqlite::Result<bool> {
        let is_new = before.is_none();
        match before {
            Some(before) => self.again(finding, &before)?,
            None => self.new_one(finding, from_text)?,
        }
        if finding.verification.status != Status::NotChecked {
            self.verified(finding)?;
        }
        Ok(is_new)
    }

    fn new_one(&self, f: &ReportedFinding, from_text: bool) -> rusqlite::Result<()> {
        let last: Option<String> = self
            .t
            .prepare_cached("SELECT status FROM latest_verifications WHERE secret_id = ?1 AND rule_id = ?2")?
            .query_row([&f.secret_id, &f.rule_id], |row| row.get(0))
            .optional()?;
        // What is dead elsewhere is dead here.
        let is_dead = last.as_deref() == Some(Status::Dead.as_str());
        let usual = match self.allowed(f) {
            Some(_) => State::Accepted,
            None if is_dead => State::Revoked,
            None => State::Open,
        };
        let state = decided(self.t, &f.fingerprint)?.unwrap_or_else(|| usual.as_str().to_owned());
        self.t
            .prepare_cached(
                "INSERT INTO findings (repository, fingerprint, secret_id, rule_id, rule_name, provider, severity, confidence, \
                 score, path, line, at_tip, path_class, shown, state, verification, first_run, first_seen, last_seen, from_text, \
                 body) VALUES (?1, ?2, '', '', '', '', '', '', 0, '', 0, 0, '', '', ?3, ?4, ?5, ?6, ?6, ?7, '')",
            )?
            .execute(params![
                self.repository,
                f.fingerprint,
                state,
                last.as_deref().unwrap_or("not_checked"),
                self.run,
                self.at,
                from_text
            ])?;
        let id = self.t.last_insert_rowid();
        self.t
            .prepare_cached("UPDATE findings SET revoked_at = first_seen WHERE id = ?1 AND state = 'revoked'")?
            .execute([id])?;
        self.fill(f, id)?;
        self.event("found", &f.fingerprint, None, Some(&state))
    }

    fn again(&self, f: &ReportedFinding, before: &Known) -> rusqlite::Result<()> {
        self.t
            .prepare_cached("UPDATE findings SET last_seen = ?2, gone_at = NULL WHERE id = ?1")?
            .execute(params![before.id, self.at])?;
        self.fill(f, before.id)?;
        if before.is_gone {
            self.event("back", &f.fingerprint, None, None)?;
        }
        // Config allows it now, or no longer; what somebody decided counts before that.
        let next = match (before.state.as_str(), self.allowed(f)) {
            ("open", Some(_)) => State::Accepted,
            ("accepted", None) if before.is_allowed => State::Open,
            _ => return Ok(()),
        };
        if decided(self.t, &f.fingerprint)?.is_none() {
            set_state(self.t, before.id, next, self.at)?;
            self.event("state", &f.fingerprint, Some(&before.state), Some(next.as_str()))?;
        }
        Ok(())
    }

    /// Writes what the scan told of a finding.
    fn fill(&self, f: &ReportedFinding, id: i64) -> rusqlite::Result<()> {
        let first = f.introduced.as_ref().unwrap_or(&f.location);
        self.t
            .prepare_cached(
                "UPDATE findings SET secret_id = ?2, rule_id = ?3, rule_name = ?4, provider = ?5, severity = ?6, confidence = ?7, \
                 score = ?8, path = ?9, line = ?10, commit_id = ?11, introduced_at = ?12, author = ?13, email = ?14, \
                 exposure = ?15, at_tip = ?16, path_class = ?17, shown = ?18, body = ?19, allowed = ?20 WHERE id = ?1",
            )?
            .execute(params![
                id,
                f.secret_id,
                f.rule_id,
                f.rule_name,
                f.provider,
                f.severity,
                f.confidence,
                f.score,
                f.location.joined(),
                number(f.location.start_line),
                first.commit,
                first.date,
                first.author,
                first.email,
                f.exposure,
                f.at_tip.as_ref().is_some_and(|tips| !tips.is_empty()),
                f.path_class,
                f.secret,
                body_of(f),
                self.allowed(f)
            ])?;
        self.fill_note(f, id)?;
        self.t.prepare_cached("DELETE FROM occurrences WHERE finding = ?1")?.execute([id])?;
        let mut add = self.t.prepare_cached("INSERT INTO occurrences VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for (n, l) in (1i64..).zip(&f.occurrences) {
            add.execute(params![id, n, l.joined(), number(l.start_line), l.commit, l.blob, l.author, l.email, l.date])?;
        }
        Ok(())
    }

    /// Keeps what a provider said, for every finding of the secret.
    fn verified(&self, f: &ReportedFinding) -> rusqlite::Result<()> {
        let v = &f.verification;
        let checked_at = v.checked_at.as_deref().unwrap_or(self.at);
        let identity = serde_json::to_string(&v.identity).unwrap_or_default();
        self.t
            .prepare_cached("INSERT OR REPLACE INTO verifications VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![f.secret_id, f.rule_id, checked_at, v.status.as_str(), v.reason, v.detail, identity, v.via_proxy])?;
        let mut select = self.t.prepare_cached(
            "SELECT id, repository, fingerprint, verification, state FROM findings WHERE secret_id = ?1 AND rule_id = ?2",
        )?;
        let rows: Vec<(i64, i64, String, String, String)> = select
            .query_map([&f.secret_id, &f.rule_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
            .collect::<Result<_, _>>()?;
        for (id, repository, fingerprint, was, state) in rows {
            let at_place = Keeper { repository, ..*self };
            // Nobody could say: what was said last still counts.
            let is_news = v.status != Status::Unknown || was == Status::NotChecked.as_str();
            if is_news && was != v.status.as_str() {
                self.t
                    .prepare_cached("UPDATE findings SET verification = ?2 WHERE id = ?1")?
                    .execute(params![id, v.status.as_str()])?;
                at_place.event("verification", &fingerprint, Some(&was), Some(v.status.as_str()))?;
            }
            let next = match v.status {
                Status::Dead if state == State::Open.as_str() => State::Revoked,
                Status::Live if state == State::Revoked.as_str() => State::Open,
                _ => continue,
            };
            set_state(self.t, id, next, self.at)?;
            at_place.event("state", &fingerprint, Some(&state), Some(next.as_str()))?;
        }
        Ok(())
    }
}

/// Gives a finding a state.
pub(super) fn set_state(t: &Connection, id: i64, state: State, at: &str) -> rusqlite::Result<()> {
    let revoked = (state == State::Revoked).then_some(at);
    t.prepare_cached("UPDATE findings SET state = ?2, revoked_at = ?3 WHERE id = ?1")?
        .execute(params![id, state.as_str(), revoked])
        .map(drop)
}

/// The state that the last decision on a fingerprint gives, if it still counts.
pub(super) fn decided(t: &Connection, fingerprint: &str) -> rusqlite::Result<Option<String>> {
    let last: Option<(String, Option<String>)> = t
        .prepare_cached("SELECT state, until FROM decisions WHERE fingerprint = ?1 ORDER BY at DESC, id DESC LIMIT 1")?
        .query_row([fingerprint], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let today = Day::today();
    let counts = |until: &Option<String>| until.as_deref().and_then(Day::parse).is_none_or(|until| until >= today);
    Ok(last.filter(|(_, until)| counts(until)).map(|(state, _)| state))
}

/// Something that happened.
pub(super) struct Event<'a> {
    pub run: Option<i64>,
    pub at: &'a str,
    pub kind: &'a str,
    pub repository: Option<i64>,
    pub fingerprint: &'a str,
    pub was: Option<&'a str>,
    pub now: Option<&'a str>,
}

/// Keeps an event; the same one of a run once.
pub(super) fn event(t: &Connection, e: &Event<'_>) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT OR IGNORE INTO events (run, at, kind, repository, fingerprint, was, now) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![e.run, e.at, e.kind, e.repository, e.fingerprint, e.was, e.now])
    .map(drop)
}
