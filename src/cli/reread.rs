//! Secrets read again from where a report found them: files, blobs and messages of commits. A report holds no secret.

use super::common::{MAX_FILE_SIZE, Settings};
use crate::config::discover;
use crate::finding::{Finding, Location, Redactor};
use crate::pipeline::Collector;
use crate::report::model::{Report, ReportedFinding};
use crate::source::git::Repository;
use crate::source::git::lookup::Lookup;
use crate::source::git::open::Options;
use crate::source::tree::{Root, Tree};
use crate::source::{Stop, stdin};
use gix::hash::ObjectId;
use globset::GlobSet;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was read again.
pub(super) struct Reread {
    /// In the order of the report; `None` where the secret is not there any more.
    pub findings: Vec<Option<Finding>>,
    pub redactor: Redactor,
}

/// Where a text is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(PathBuf),
    /// A blob, or a commit or tag for its message.
    Object {
        repository: PathBuf,
        id: String,
    },
}

/// Reads the secrets of `report` again, from `source` or from where the report says that they were.
pub(super) fn reread(report: &Report, source: Option<&Path>, settings: &Settings, stop: &Stop) -> Reread {
    let roots: Vec<PathBuf> = match source {
        Some(source) => vec![source.to_owned()],
        None => report.scan.run.roots.iter().filter(|r| !r.is_empty()).map(PathBuf::from).collect(),
    };
    // Each text once, however many findings it has.
    let mut wanted: BTreeMap<(Place, String), Vec<usize>> = BTreeMap::new();
    for (n, finding) in report.findings.iter().enumerate() {
        for place in places(finding, &roots) {
            wanted.entry((place, finding.location.path.clone())).or_default().push(n);
        }
    }
    let mut findings: Vec<Option<Finding>> = vec![None; report.findings.len()];
    let mut repositories: BTreeMap<PathBuf, Option<Repository>> = BTreeMap::new();
    for ((place, path), numbers) in wanted {
        if stop.is_asked() || numbers.iter().all(|n| findings[*n].is_some()) {
            continue;
        }
        for found in look(&place, &path, settings, stop, &mut repositories) {
            for n in &numbers {
                let told = &report.findings[*n];
                let is_it = found.secret_id.0 == told.secret_id && found.rule.is_named(&told.rule_id);
                if is_it && findings[*n].is_none() {
                    findings[*n] = Some(found.clone());
                }
            }
        }
    }
    let secrets = findings.iter().flatten().map(|f| f.secret.clone()).collect();
    Reread { findings, redactor: Redactor::new(secrets) }
}

/// Where a finding may stand, the likeliest first.
fn places(finding: &ReportedFinding, roots: &[PathBuf]) -> Vec<Place> {
    let mut places = Vec::new();
    let all = std::iter::once(&finding.location).chain(&finding.introduced).chain(&finding.occurrences);
    let mut add = |place: Place| {
        if !places.contains(&place) {
            places.push(place);
        }
    };
    for Location { path, blob, commit, .. } in all.take(20) {
        for root in roots {
            match blob.as_ref().or(commit.as_ref()) {
                Some(id) => add(Place::Object { repository: root.clone(), id: id.clone() }),
                None => {
                    if let Some(file) = discover::inside(root, path) {
                        add(Place::File(file));
                    }
                }
            }
        }
    }
    places
}

/// What stands at a place now.
fn look(
    place: &Place,
    path: &str,
    settings: &Settings,
    stop: &Stop,
    repositories: &mut BTreeMap<PathBuf, Option<Repository>>,
) -> Vec<Finding> {
    let collector = Collector::new(&settings.detector, stop, false, &|_, _| false);
    match place {
        Place::File(file) => {
            let tree = Tree {
                named: file.clone(),
                target: 0,
                exclude: GlobSet::empty(),
                max_file_size: settings.max_file_size.unwrap_or(MAX_FILE_SIZE),
                obey_gitignore: false,
            };
            // A file that is gone has no findings.
            let _ = Root::of(file).and_then(|root| tree.scan(&root, &collector));
        }
        Place::Object { repository, id } => {
            let known =
                repositories.entry(repository.clone()).or_insert_with(|| Repository::open(repository, &Options::default()).ok());
            if let (Some(repo), Ok(id)) = (known, ObjectId::from_hex(id.as_bytes())) {
                let store = repo.store();
                if let Ok(object) = Lookup::new(&store).read(&id) {
                    let _ = stdin::scan_text(&object.bytes[..], path, 0, &collector);
                }
            }
        }
    }
    collector.finish(&settings.key).findings
}
