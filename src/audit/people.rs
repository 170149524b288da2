//! Whom to tell: who owns the files with open findings, and who committed them, by repository.

use super::store::Row;
use crate::finding::Status;
use crate::report::csv::field;
use crate::rule::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// What one person or team has in one repository.
#[derive(Default)]
struct Share {
    findings: usize,
    live: usize,
    secrets: BTreeSet<String>,
    worst: Option<Severity>,
}

/// A table: a line for each owner, and with `authors` for each author, of each repository; live secrets first.
#[must_use]
pub fn csv(rows: &[Row], authors: bool) -> String {
    let mut shares: BTreeMap<(String, &str, &str), Share> = BTreeMap::new();
    for row in rows {
        let finding = &row.finding;
        let repository = row.repository.full_name.as_str();
        let brought = finding.introduced.as_ref().unwrap_or(&finding.location);
        let author = brought.email.clone().or_else(|| brought.author.clone()).filter(|_| authors);
        let whom = row.owners.iter().map(|owner| (owner.clone(), "owner")).chain(author.map(|author| (author, "author")));
        for (who, role) in whom {
            let share = shares.entry((who, role, repository)).or_default();
            share.findings += 1;
            share.live += usize::from(finding.verification.status == Status::Live);
            share.secrets.insert(finding.secret_id.clone());
            share.worst = share.worst.max(Severity::parse(&finding.severity));
        }
    }
    let mut all: Vec<_> = shares.into_iter().collect();
    all.sort_by_key(|(_, share)| std::cmp::Reverse(share.live));
    let mut text = "who,as,repository,findings,secrets,live,worst\r\n".to_owned();
    for ((who, role, repository), share) in all {
        let worst = share.worst.map_or("", Severity::as_str);
        let numbers = format!("{},{},{}", share.findings, share.secrets.len(), share.live);
        text.extend([&field(&who), ",", role, ",", &field(repository), ",", &numbers, ",", worst, "\r\n"]);
    }
    text
}
