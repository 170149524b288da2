//! Numbers about all that is known: how fast credentials are revoked, how long live ones stand open, how much is covered.
//! docs/audits.md defines each of them.

use super::store::{Known, Store, StoreError};
use crate::finding::Day;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many weeks back introductions are counted.
const WEEKS: i64 = 26;
/// The ages by which open live findings are told, in days: up to so many.
const AGES: [(i64, &str); 4] =
    [(7, "up to 7 days"), (30, "8 to 30 days"), (90, "31 to 90 days"), (i64::MAX, "more than 90 days")];

/// The numbers: groups of names with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    groups: Vec<(&'static str, Vec<(String, String)>)>,
}

impl Summary {
    /// Those of a store on a day.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(store: &Store, today: Day) -> Result<Self, StoreError> {
        let known = store.known_findings()?;
        let coverage = store.coverage()?;
        let mut groups = vec![
            ("coverage", coverage.repositories.iter().map(|(status, n)| (status.replace('_', " "), n.to_string())).collect()),
            ("time to revoke, in days", time_to_revoke(&known)),
            ("open and live, by age", by_age(&known, today)),
            ("introduced, by week", by_week(&known, today)),
            ("decisions", decisions(&known)),
        ];
        let (back, reopened) = store.reappearances()?;
        groups.push((
            "reappearances",
            vec![
                ("gone and there again".to_owned(), back.to_string()),
                ("revoked and live again".to_owned(), reopened.to_string()),
            ],
        ));
        let named =
            [("listed, not visible", coverage.not_visible.len()), ("lists not read to their end", coverage.open_lists.len())];
        groups[0].1.extend(named.map(|(name, n)| (name.to_owned(), n.to_string())));
        Ok(Self { groups })
    }

    /// As CSV: group, name, value.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut text = "measure,of,value\r\n".to_owned();
        for (group, rows) in &self.groups {
            for (name, value) in rows {
                let _ = write!(text, "{},{},{value}\r\n", quoted(group), quoted(name));
            }
        }
        text
    }

    /// As a page that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut text = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>keysift audit</title>\n\
                        <style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:45rem;padding:0 1rem;\
                        color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;\
                        padding:.3rem .5rem;border-bottom:1px solid #ccc}td:last-child{text-align:right;\
                        font-variant-numeric:tabular-nums}caption{text-align:left;font-weight:600;padding:1.5rem 0 .3rem}</style>\n\
                        <h1>Audit summary</h1>\n"
            .to_owned();
        for (group, rows) in &self.groups {
            let _ = writeln!(text, "<table><caption>{}</caption>", escaped(group));
            for (name, value) in rows {
                let _ = writeln!(text, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
            }
            text.push_str("</table>\n");
        }
        text.push_str("</html>\n");
        text
    }
}

fn day(time: &str) -> Option<Day> {
    Day::parse(time.get(..10)?)
}

/// From when a secret was first seen to when it was known to be revoked, each secret once.
fn time_to_revoke(known: &[Known]) -> Vec<(String, String)> {
    let mut of_secret: BTreeMap<(&str, &str), (Day, Day)> = BTreeMap::new();
    for k in known {
        let Some((first, revoked)) = day(&k.first_seen).zip(k.revoked_at.as_deref().and_then(day)) else { continue };
        let both = of_secret.entry((&k.secret_id, &k.rule_id)).or_insert((first, revoked));
        both.0 = both.0.min(first);
        both.1 = both.1.max(revoked);
    }
    let mut days: Vec<i64> = of_secret.values().map(|(first, revoked)| (revoked.0 - first.0).max(0)).collect();
    days.sort_unstable();
    let at = |part: usize| {
        days.get((days.len() * part).div_ceil(100).saturating_sub(1)).map_or_else(|| "–".to_owned(), i64::to_string)
    };
    vec![
        ("secrets revoked".to_owned(), days.len().to_string()),
        ("median".to_owned(), at(50)),
        ("90 of 100 within".to_owned(), at(90)),
    ]
}

fn by_age(known: &[Known], today: Day) -> Vec<(String, String)> {
    let mut oldest: BTreeMap<(&str, &str), Day> = BTreeMap::new();
    for k in known.iter().filter(|k| k.state == "open" && k.verification == "live" && !k.is_gone) {
        let Some(first) = day(&k.first_seen) else { continue };
        let at = oldest.entry((&k.secret_id, &k.rule_id)).or_insert(first);
        *at = first.min(*at);
    }
    let mut counts = [0; AGES.len()];
    for first in oldest.values() {
        let age = today.0 - first.0;
        let place = AGES.iter().position(|(most, _)| age <= *most).unwrap_or(AGES.len() - 1);
        counts[place] += 1;
    }
    AGES.iter().zip(counts).map(|((_, name), n)| ((*name).to_owned(), n.to_string())).collect()
}

/// Weeks begin on Monday and are named by it.
fn by_week(known: &[Known], today: Day) -> Vec<(String, String)> {
    // 1970-01-01 was a Thursday.
    let monday = |day: i64| day - (day + 3).rem_euclid(7);
    let last = monday(today.0);
    let mut counts: BTreeMap<i64, u64> = (0..WEEKS).map(|n| (last - 7 * n, 0)).collect();
    for k in known {
        if let Some(n) = k.introduced_at.as_deref().and_then(day).and_then(|d| counts.get_mut(&monday(d.0))) {
            *n += 1;
        }
    }
    counts.into_iter().map(|(day, n)| (Day(day).to_string(), n.to_string())).collect()
}

fn decisions(known: &[Known]) -> Vec<(String, String)> {
    let there: Vec<&Known> = known.iter().filter(|k| !k.is_gone).collect();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for k in &there {
        *states.entry(&k.state).or_default() += 1;
    }
    let kept_out: usize = ["false_positive", "test_value", "accepted"].iter().filter_map(|s| states.get(s)).sum();
    let mut rows: Vec<(String, String)> = states.iter().map(|(state, n)| (state.replace('_', " "), n.to_string())).collect();
    let percent = if there.is_empty() { 0 } else { (kept_out * 100 + there.len() / 2) / there.len() };
    rows.push(("share kept out by a decision".to_owned(), format!("{percent} %")));
    rows
}

/// The numbers of a store in the text format of Prometheus:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
///
/// # Errors
/// Where the store cannot be read.
pub fn metrics(store: &Store) -> Result<String, StoreError> {
    let status = store.status()?;
    let mut text = String::new();
    let begin = |text: &mut String, name: &str, help: &str| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    };
    begin(&mut text, "keysift_audit_repositories", "Repositories by what became of them.");
    for (status, n) in &status.coverage.repositories {
        let _ = writeln!(text, "keysift_audit_repositories{{status=\"{status}\"}} {n}");
    }
    begin(&mut text, "keysift_audit_open_findings", "Open findings of medium confidence and above.");
    for (severity, by) in &status.open {
        for (verification, n) in by {
            let _ = writeln!(text, "keysift_audit_open_findings{{severity=\"{severity}\",verification=\"{verification}\"}} {n}");
        }
    }
    begin(&mut text, "keysift_audit_findings", "Findings by state.");
    for (state, n) in &status.states {
        let _ = writeln!(text, "keysift_audit_findings{{state=\"{state}\"}} {n}");
    }
    begin(&mut text, "keysift_audit_units", "Units of work of the last run by state.");
    for (state, n) in &status.units {
        let _ = writeln!(text, "keysift_audit_units{{state=\"{state}\"}} {n}");
    }
    begin(&mut text, "keysift_audit_complete", "Whether everything that was named was looked at.");
    let _ = writeln!(text, "keysift_audit_complete {}", u8::from(status.coverage.is_complete()));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(secret: &str, first: &str, revoked: Option<&str>, state: &str, verification: &str) -> Known {
        Known {
            secret_id: secret.to_owned(),
            rule_id: "r".to_owned(),
            state: state.to_owned(),
            verification: verification.to_owned(),
            first_seen: first.to_owned(),
            introduced_at: Some(first.to_owned()),
            revoked_at: revoked.map(str::to_owned),
            is_gone: false,
        }
    }

    #[test]
    fn measures() {
        let all = [
            known("a", "2026-11-02T10:00:00Z", Some("2026-11-05T10:00:00Z"), "revoked", "dead"),
            known("a", "2026-11-04T10:00:00Z", Some("2026-11-05T10:00:00Z"), "revoked", "dead"),
            known("b", "2026-11-01T10:00:00Z", Some("2026-11-11T10:00:00Z"), "revoked", "dead"),
            known("c", "2026-11-10T10:00:00Z", None, "open", "live"),
            known("d", "2026-11-20T10:00:00Z", None, "test_value", "not_checked"),
        ];
        let value = |rows: &[(String, String)], name: &str| rows.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let revoked = time_to_revoke(&all);
        assert_eq!(value(&revoked, "secrets revoked").as_deref(), Some("2"), "a secret in two places is one");
        assert_eq!((revoked[1].1.as_str(), revoked[2].1.as_str()), ("3", "10"));
        let today = Day::parse("2026-11-22").unwrap();
        assert_eq!(value(&by_age(&all, today), "8 to 30 days").as_deref(), Some("1"));
        let weeks = by_week(&all, today);
        assert_eq!(value(&weeks, "2026-11-02").as_deref(), Some("2"));
        assert_eq!(value(&weeks, "2026-11-16").as_deref(), Some("1"));
        assert_eq!(value(&decisions(&all), "share kept out by a decision").as_deref(), Some("20 %"));
    }
}
