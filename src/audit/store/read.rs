//! What reports are made of.

use super::findings::owners;
use super::plan::{REPOSITORY, Run, repository};
use super::{Store, StoreError};
use crate::audit::target::{RateBudget, RepositoryRef};
use crate::finding::{Location, Status as Checked, Verification};
use crate::report::model::{Gap, ReportedFinding};
use crate::source::git::link::Linker;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// How many repositories are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By status.
    pub repositories: BTreeMap<String, u64>,
    /// What lists named and did not show.
    pub not_visible: Vec<(String, String)>,
    /// Lists that could not be read to their end.
    pub open_lists: Vec<(String, Option<String>)>,
}

impl Coverage {
    /// How many repositories have a status.
    #[must_use]
    pub fn count(&self, status: &str) -> u64 {
        self.repositories.get(status).copied().unwrap_or(0)
    }

    /// Whether everything that was named was looked at whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let looked_at = ["scanned", "empty", "gone"];
        self.repositories.iter().all(|(status, n)| *n == 0 || looked_at.contains(&status.as_str()))
            && self.not_visible.is_empty()
            && self.open_lists.is_empty()
    }
}

/// The units of a run by state.
pub type UnitCounts = BTreeMap<String, u64>;

/// Where an audit stands.
#[derive(Debug, Clone)]
pub struct Status {
    pub run: Option<Run>,
    pub ended_at: Option<String>,
    pub units: UnitCounts,
    pub coverage: Coverage,
    /// Open findings by severity, then by what providers said.
    pub open: BTreeMap<String, BTreeMap<String, u64>>,
    /// All findings by state.
    pub states: BTreeMap<String, u64>,
    /// Repositories that could not be looked at, and why; the first ones.
    pub failed: Vec<(String, String, String)>,
    /// What forges said last of their limits.
    pub budgets: Vec<RateBudget>,
}

/// Which findings are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Without it those that are open.
    pub states: Vec<String>,
    pub verification: Vec<String>,
    /// Found first at or after this time.
    pub since: Option<String>,
    /// Found first in this run or a later one.
    pub since_run: Option<i64>,
    /// Those no longer there too.
    pub gone: bool,
    /// Parts of names of repositories, teams, providers and authors; all must fit.
    pub repository: Option<String>,
    pub team: Option<String>,
    pub provider: Option<String>,
    pub author: Option<String>,
    pub owner: Option<String>,
}

/// A finding with where it is and what is known of it.
#[derive(Debug, Clone)]
pub struct Row {
    pub repository: RepositoryRef,
    pub finding: ReportedFinding,
    pub first_seen: String,
    pub last_seen: String,
    pub revoked_at: Option<String>,
    pub gone_at: Option<String>,
    /// Who decided last, and why.
    pub by: Option<String>,
    pub reason: Option<String>,
    /// The allowlist of config that keeps it out.
    pub allowed: Option<String>,
    /// Whom its file belongs to.
    pub owners: Vec<String>,
}

/// What the last scans of all repositories looked at.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub skipped: Vec<Gap>,
    pub excluded: Vec<Gap>,
    pub blobs: u64,
    pub bytes: u64,
    pub rejected: u64,
}

impl Store {
    /// How many repositories are in which state.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn coverage(&self) -> Result<Coverage, StoreError> {
        self.read(coverage)
    }

    /// Where the audit stands.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn status(&self) -> Result<Status, StoreError> {
        let run = self.last_run()?;
        self.read(|c| {
            let (mut units, mut ended_at) = (UnitCounts::new(), None);
            if let Some(run) = &run {
                ended_at = c.query_row("SELECT ended_at FROM runs WHERE id = ?1", [run.id], |row| row.get(0))?;
                units = counts(c, "SELECT state, count(*) FROM units WHERE run = ?1 GROUP BY state", [run.id])?;
            }
            let mut open: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
            let mut select = c.prepare(
                "SELECT severity, verification, count(*) FROM findings \
                 WHERE state = 'open' AND gone_at IS NULL AND confidence <> 'low' GROUP BY 1, 2",
            )?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?)))?;
            for row in rows {
                let (severity, verification, n): (String, String, i64) = row?;
                open.entry(severity).or_default().insert(verification, u64::try_from(n).unwrap_or(0));
            }
            let states = counts(c, "SELECT state, count(*) FROM findings WHERE gone_at IS NULL GROUP BY state", [])?;
            let mut select = c.prepare(
                "SELECT full_name, status, coalesce(detail, '') FROM repositories \
                 WHERE status IN ('failed', 'not_visible', 'incomplete') ORDER BY status, full_name LIMIT 20",
            )?;
            let failed = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
            let number = |row: &rusqlite::Row<'_>, n: usize| row.get::<_, i64>(n).map(|n| u64::try_from(n).unwrap_or(0));
            let mut select = c.prepare("SELECT host, remaining, most, resets_at FROM budgets ORDER BY host")?;
            let budgets = select.query_map([], |row| {
                Ok(RateBudget { host: row.get(0)?, remaining: number(row, 1)?, limit: number(row, 2)?, resets_at: row.get(3)? })
            })?;
            let budgets = budgets.collect::<Result<_, _>>()?;
            Ok(Status { run: run.clone(), ended_at, units, coverage: coverage(c)?, open, states, failed, budgets })
        })
    }

    /// The units of a run by state.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn unit_counts(&self, run: &Run) -> Result<UnitCounts, StoreError> {
        self.read(|c| counts(c, "SELECT state, count(*) FROM units WHERE run = ?1 GROUP BY state", [run.id]))
    }

    /// What was and was not looked at, in all repositories together.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.read(|c| {
            let (mut skipped, mut excluded) = (BTreeMap::new(), BTreeMap::new());
            let mut totals = Totals::default();
            let mut select = c.prepare(
                "SELECT s.skipped, s.excluded, s.blobs, s.bytes, s.rejected, r.full_name, r.id FROM scans s \
                 JOIN repositories r ON r.id = s.repository WHERE r.status <> 'gone' UNION ALL \
                 SELECT x.skipped, x.excluded, 0, 0, 0, r.full_name, r.id FROM extra_texts x \
                 JOIN repositories r ON r.id = x.repository WHERE r.status <> 'gone' ORDER BY 7",
            )?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let name: String = row.get(5)?;
                for (n, all) in [(0, &mut skipped), (1, &mut excluded)] {
                    let text: String = row.get(n)?;
                    if text.len() > 2 {
                        add_gaps(all, serde_json::from_str(&text).unwrap_or_default(), &name);
                    }
                }
                let number = |n: usize| row.get::<_, i64>(n).map(|n| u64::try_from(n).unwrap_or(0));
                totals.blobs += number(2)?;
                totals.bytes += number(3)?;
                totals.rejected += number(4)?;
            }
            totals.skipped = skipped.into_values().collect();
            totals.excluded = excluded.into_values().collect();
            Ok(totals)
        })
    }

    /// The findings that a filter lets through: live ones first, then by repository and place.
    ///
    /// # Errors
    /// Where the store cannot be read, or a finding in it cannot.
    pub fn findings(&self, filter: &Filter) -> Result<Vec<Row>, StoreError> {
        let mut damaged = None;
        let mut all = self.read(|c| {
            let like = |part: &Option<String>| part.as_ref().map(|p| format!("%{}%", p.replace('%', "")));
            let mut select = c.prepare(&format!(
                "SELECT {REPOSITORY}, f.body, f.state, f.first_seen, f.last_seen, f.revoked_at, f.gone_at, f.secret_id, f.rule_id, \
                 f.verification, d.by, d.reason, f.allowed, f.id FROM findings f JOIN repositories r ON r.id = f.repository \
                 LEFT JOIN decisions d ON d.id = (SELECT id FROM decisions WHERE fingerprint = f.fingerprint \
                 ORDER BY at DESC, id DESC LIMIT 1) \
                 WHERE (?1 OR f.gone_at IS NULL) AND (?2 IS NULL OR f.first_seen >= ?2) AND (?3 IS NULL OR r.full_name LIKE ?3) \
                 AND (?4 IS NULL OR r.team LIKE ?4) AND (?5 IS NULL OR f.provider LIKE ?5) \
                 AND (?6 IS NULL OR f.author LIKE ?6 OR f.email LIKE ?6) AND (?7 IS NULL OR f.first_run >= ?7) \
                 AND (?8 IS NULL OR EXISTS (SELECT 1 FROM owners o WHERE o.finding = f.id AND o.owner LIKE ?8)) ORDER BY r.full_name, r.id, f.path, f.line, f.id"
            ))?;
            let mut rows = select.query(params![
                filter.gone,
                filter.since,
                like(&filter.repository),
                like(&filter.team),
                like(&filter.provider),
                like(&filter.author),
                filter.since_run,
                like(&filter.owner)
            ])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let state: String = row.get(16)?;
                let wanted = if filter.states.is_empty() { state == "open" } else { filter.states.contains(&state) };
                let verification: String = row.get(23)?;
                if !wanted || !(filter.verification.is_empty() || filter.verification.contains(&verification)) {
                    continue;
                }
                let repository = repository(row)?;
                let body: String = row.get(15)?;
                let mut finding: ReportedFinding = match serde_json::from_str(&body) {
                    Ok(finding) => finding,
                    Err(e) => {
                        damaged = Some(format!("a finding of {}: {e}", repository.full_name));
                        return Ok(all);
                    }
                };
                finding.state = state;
                finding.verification = verification_of(c, &row.get::<_, String>(21)?, &row.get::<_, String>(22)?)?;
                let owners = owners(c, row.get(27)?)?;
                place(&mut finding, &repository, &owners);
                all.push(Row {
                    repository,
                    finding,
                    first_seen: row.get(17)?,
                    last_seen: row.get(18)?,
                    revoked_at: row.get(19)?,
                    gone_at: row.get(20)?,
                    by: row.get(24)?,
                    reason: row.get(25)?,
                    allowed: row.get(26)?,
                    owners,
                });
            }
            Ok(all)
        })?;
        if let Some(what) = damaged {
            return Err(StoreError::Damaged { path: self.path.display().to_string(), what });
        }
        all.sort_by_key(|row| row.finding.verification.status != Checked::Live);
        Ok(all)
    }
}

fn counts(c: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<BTreeMap<String, u64>> {
    c.prepare(sql)?.query_map(params, |row| Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0))))?.collect()
}

fn coverage(c: &Connection) -> rusqlite::Result<Coverage> {
    let pairs = |sql: &str| -> rusqlite::Result<Vec<(String, Option<String>)>> {
        c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    Ok(Coverage {
        repositories: counts(c, "SELECT status, count(*) FROM repositories GROUP BY status", [])?,
        not_visible: pairs("SELECT name, why FROM not_visible ORDER BY name")?
            .into_iter()
            .map(|(name, why)| (name, why.unwrap_or_default()))
            .collect(),
        open_lists: pairs(
            "SELECT s.name, l.error FROM listings l JOIN sources s ON s.id = l.source \
             WHERE l.run = (SELECT max(id) FROM runs) AND l.state <> 'done' ORDER BY s.name",
        )?,
    })
}

/// Gaps by reason, and whether config accepts them.
type Gaps = BTreeMap<(String, bool), Gap>;

fn add_gaps(all: &mut Gaps, gaps: Vec<Gap>, repository: &str) {
    for gap in gaps {
        let sum = all.entry((gap.reason.clone(), gap.accepted)).or_insert_with(|| Gap {
            reason: gap.reason.clone(),
            count: 0,
            bytes: 0,
            examples: Vec::new(),
            accepted: gap.accepted,
        });
        sum.count += gap.count;
        sum.bytes += gap.bytes;
        let room = 10 - sum.examples.len().min(10);
        sum.examples.extend(gap.examples.iter().take(room).map(|example| format!("{repository}: {example}")));
    }
}

/// Where a finding is, for reports: its repository, and links to its lines.
fn place(finding: &mut ReportedFinding, repository: &RepositoryRef, owners: &[String]) {
    let base = if repository.web_url.is_empty() { &repository.clone_url } else { &repository.web_url };
    let linker = Linker::of(base);
    let mut told = serde_json::json!({ "repository": repository.full_name, "url": base, "team": repository.team });
    if !owners.is_empty() {
        told["owners"] = owners.into();
    }
    let put = |l: &mut Location| {
        if l.link.is_none()
            && let (Some(linker), Some(commit)) = (&linker, &l.commit)
        {
            let line = if l.container.is_empty() { l.start_line } else { 1 };
            let is_file = l.blob.is_some();
            l.link = Some(if is_file { linker.line(commit, &l.path, line) } else { linker.commit(commit) });
        }
        match &mut l.origin {
            // A text beside the code has a page of its own.
            Some(serde_json::Value::Object(origin)) => {
                l.link = l.link.take().or_else(|| origin.get("url")?.as_str().map(str::to_owned));
                origin.insert("repository".to_owned(), told["repository"].clone());
                origin.insert("team".to_owned(), told["team"].clone());
            }
            Some(_) => {}
            None => l.origin = Some(told.clone()),
        }
    };
    put(&mut finding.location);
    finding.introduced.iter_mut().for_each(put);
    finding.occurrences.iter_mut().for_each(put);
}

/// What is known of a secret, with what was known before.
fn verification_of(c: &Connection, secret: &str, rule: &str) -> rusqlite::Result<Verification> {
    let mut select = c.prepare_cached(
        "SELECT status, reason, detail, identity, checked_at, via_proxy FROM verifications \
         WHERE secret_id = ?1 AND rule_id = ?2 ORDER BY checked_at",
    )?;
    let mut rows = select.query([secret, rule])?;
    let mut known = Verification::of(Checked::NotChecked);
    while let Some(row) = rows.next()? {
        let word: String = row.get(0)?;
        let all = [Checked::Live, Checked::Dead, Checked::Unknown];
        let Some(status) = all.into_iter().find(|s| s.as_str() == word) else { continue };
        let identity: String = row.get(3)?;
        let checked_at: Option<String> = row.get(4)?;
        let next = Verification {
            reason: row.get(1)?,
            detail: row.get(2)?,
            identity: serde_json::from_str(&identity).unwrap_or_default(),
            since: checked_at.clone(),
            checked_at,
            via_proxy: row.get(5)?,
            ..Verification::of(status)
        };
        known = next.after(&known);
    }
    Ok(known)
}

/// What numbers are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub secret_id: String,
    pub rule_id: String,
    pub state: String,
    pub verification: String,
    pub first_seen: String,
    pub introduced_at: Option<String>,
    pub revoked_at: Option<String>,
    pub is_gone: bool,
}

impl Store {
    /// All findings of medium confidence and above, for numbers.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_findings(&self) -> Result<Vec<Known>, StoreError> {
        self.read(|c| {
            c.prepare(
                "SELECT secret_id, rule_id, state, verification, first_seen, introduced_at, revoked_at, gone_at IS NOT NULL \
                 FROM findings WHERE confidence <> 'low'",
            )?
            .query_map([], |row| {
                Ok(Known {
                    secret_id: row.get(0)?,
                    rule_id: row.get(1)?,
                    state: row.get(2)?,
                    verification: row.get(3)?,
                    first_seen: row.get(4)?,
                    introduced_at: row.get(5)?,
                    revoked_at: row.get(6)?,
                    is_gone: row.get(7)?,
                })
            })?
            .collect()
        })
    }

    /// How often something was gone and is there again, and revoked and live again.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reappearances(&self) -> Result<(u64, u64), StoreError> {
        self.read(|c| {
            let count = |sql: &str| c.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| u64::try_from(n).unwrap_or(0));
            Ok((
                count("SELECT count(*) FROM events WHERE kind = 'back'")?,
                count(
                    "SELECT count(*) FROM events WHERE kind = 'state' AND was = 'revoked' AND now = 'open' AND run IS NOT NULL",
                )?,
            ))
        })
    }
}
