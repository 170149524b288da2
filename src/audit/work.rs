//! A unit of work, from its URL to its result: fetched, scanned, asked about.

use super::bucket::shelf::Shelf;
use super::bucket::{self, BucketAccess};
use super::catalogue::{Catalogue, Changed};
use super::lore::Lore;
use super::mirrors::{Home, Mirrors};
use super::owners::Owners;
use super::queue::QueueError;
use super::sealed::StoreKey;
use super::store::StoreError;
use super::target::Forge;
use super::texts::TextReaders;
use super::texts::look::{TextsRead, read as read_texts};
use super::unit::{Note, Outcome, RepositoryKey, Scanned, Texts, Unit, UnitResult, tips_of};
use crate::config::allowlist::Allowlists;
use crate::detect::Detector;
use crate::finding::{Finding, IdentityKey, Redactor, Secret};
use crate::pipeline::{self, Accepts, Clean, Collector};
use crate::report::model::{Gap, ReportedFinding};
use crate::source::Stop;
use crate::source::container::Containers;
use crate::source::git::objects::Kind;
use crate::source::git::open::Options;
use crate::source::git::remote::{Credentials, Limits, Network, RemoteError, Visit};
use crate::source::git::url::RemoteUrl;
use crate::source::git::{Repository, Scope};
use gix::hash::ObjectId;
use globset::GlobSet;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Asks providers about findings, and notes the answers in them.
pub type Ask<'a> = &'a (dyn Fn(&mut [Finding]) + Sync);

/// How units are worked on.
pub struct How<'a> {
    pub detector: &'a Detector,
    pub catalogue: &'a Catalogue,
    pub containers: &'a (dyn Fn() -> Containers + Sync),
    pub exclude: &'a GlobSet,
    pub accepts: Accepts<'a>,
    /// What config says is no finding.
    pub allowlists: &'a Arc<Allowlists>,
    pub key: &'a IdentityKey,
    /// Seals secrets, which are then kept.
    pub seal: Option<&'a StoreKey>,
    pub stop: &'a Stop,
    /// The value of a variable of the environment: tokens.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Makes a token for a URL, where there is a key that does.
    pub made: &'a (dyn Fn(&RemoteUrl) -> Option<Secret> + Sync),
    pub mirrors: &'a Mirrors,
    pub lore: &'a dyn Lore,
    pub ask: Option<Ask<'a>>,
    /// Who reads texts beside the code.
    pub texts: &'a dyn TextReaders,
    pub buckets: &'a BucketAccess,
    /// Where what came of objects is kept.
    pub shelf: &'a dyn Shelf,
    /// Look at everything, whatever is known.
    pub whole: bool,
    /// Detectors of rules that changed, by the catalogue that they changed from.
    pub partial: Mutex<HashMap<String, Option<Arc<Partial>>>>,
    pub counts: Counts,
}

/// How much was done so far; progress reads it.
#[derive(Debug, Default)]
pub struct Counts {
    pub fetched: AtomicU64,
    pub unchanged: AtomicU64,
    pub done: AtomicU64,
    pub failed: AtomicU64,
    pub blobs: AtomicU64,
    pub bytes: AtomicU64,
    pub found: AtomicU64,
}

/// The rules that differ from an earlier catalogue, and a detector for them.
pub struct Partial {
    changed: Changed,
    detector: Detector,
}

/// What the first step made of a unit.
pub enum Fetched<'a> {
    /// There is nothing to scan.
    Done(Box<UnitResult>),
    Ready(Box<Ready<'a>>),
    /// It was interrupted.
    GiveBack,
}

/// A repository that is here and waits to be scanned.
pub struct Ready<'a> {
    unit: Unit,
    /// Where it was fetched to; nothing for a folder of this machine.
    home: Option<Home<'a>>,
    tips: String,
    refs: Vec<(String, String)>,
    partial: Option<Arc<Partial>>,
    texts: Option<TextsRead>,
    since: Instant,
}

impl Looked {
    /// Its unit.
    #[must_use]
    pub const fn unit(&self) -> &Unit {
        &self.unit
    }
}

impl Ready<'_> {
    /// Its unit.
    #[must_use]
    pub const fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Names its repository.
    #[must_use]
    pub fn key(&self) -> RepositoryKey {
        RepositoryKey::of(&self.unit.repository)
    }
}

/// A repository that was scanned and waits for its providers' answers.
pub struct Looked {
    unit: Unit,
    scanned: Scanned,
    is_new: bool,
    findings: Vec<Finding>,
    redactor: Redactor,
    owners: Option<Owners>,
    texts: Option<TextsRead>,
    since: Instant,
}

impl<'a> How<'a> {
    /// Fetches what a unit names, if there is anything new.
    ///
    /// # Errors
    /// Where what is known cannot be read, or nothing can be kept: no unit can be worked on then.
    pub fn fetch(&self, unit: Unit) -> Result<Fetched<'a>, QueueError> {
        let since = Instant::now();
        let texts = match self.read_texts(&unit) {
            Some(_) if self.stop.is_asked() => return Ok(Fetched::GiveBack),
            texts => texts,
        };
        let looked = match unit.repository.forge {
            Forge::Folder => self.open_here(&unit)?,
            // All of it is done here, part by part.
            Forge::Bucket => bucket::look::look(&unit, self)?.map_or(Looking::GiveBack, Looking::Over),
            _ => self.ask_server(&unit)?,
        };
        Ok(match looked {
            Looking::GiveBack => Fetched::GiveBack,
            Looking::Over(outcome) => {
                if matches!(outcome, Outcome::Unchanged) {
                    self.counts.unchanged.fetch_add(1, Ordering::Relaxed);
                }
                Fetched::Done(Box::new(self.result(&unit, outcome, texts, since)))
            }
            Looking::Goes { home, tips, refs, partial } => {
                self.counts.fetched.fetch_add(1, Ordering::Relaxed);
                Fetched::Ready(Box::new(Ready { unit, home, tips, refs, partial, texts, since }))
            }
        })
    }

    /// A repository in a folder of this machine.
    fn open_here(&self, unit: &Unit) -> Result<Looking<'a>, StoreError> {
        let path = Path::new(&unit.repository.clone_url);
        let repo = match Repository::open(path, &Options::default()) {
            Ok(repo) => repo,
            Err(_) if !path.exists() => {
                return Ok(Looking::Over(Outcome::NotVisible { why: "the folder is not there".to_owned() }));
            }
            Err(e) => return Ok(Looking::Over(Outcome::Failed { why: e.to_string(), again: false })),
        };
        let mut refs: Vec<(String, String)> = repo.refs().into_iter().map(|r| (r.name, r.target.to_string())).collect();
        if refs.is_empty() && repo.objects().is_empty() {
            return Ok(Looking::Over(Outcome::Empty));
        }
        if let Some(head) = repo.head_branch() {
            refs.push(("HEAD:".to_owned(), head));
        }
        // Its own files are looked at too.
        for name in ["config", "FETCH_HEAD"] {
            if let Ok(bytes) = std::fs::read(repo.common_dir.join(name)) {
                refs.push((name.to_owned(), blake3::hash(&bytes).to_hex()[..40].to_owned()));
            }
        }
        let tips = tips_of(refs.iter().map(|(name, target)| (&name[..], &target[..])));
        match self.remembered(unit, &tips)? {
            Memory::Says(outcome) => Ok(Looking::Over(outcome)),
            Memory::Look(partial) => Ok(Looking::Goes { home: None, tips, refs, partial }),
        }
    }

    /// A repository on a server.
    fn ask_server(&self, unit: &Unit) -> Result<Looking<'a>, StoreError> {
        let url = match RemoteUrl::parse(&unit.repository.clone_url) {
            Ok(url) => url,
            Err(e) => return Ok(Looking::Over(Outcome::Failed { why: e.to_string(), again: false })),
        };
        // A list is not typed: a token is for the host that its variable names.
        let credentials = Credentials::for_configured(&self.env).with_made(&self.made);
        let network = Network { credentials: &credentials, limits: Limits::default(), stop: self.stop };
        let visit = match Visit::of(&url, network) {
            Ok(visit) => visit,
            Err(e) => return Ok(trouble(&e)),
        };
        let mut refs: Vec<(String, String)> =
            visit.refs().iter().filter_map(|r| Some((r.name.clone(), r.id?.to_string()))).collect();
        if refs.is_empty() {
            return Ok(Looking::Over(Outcome::Empty));
        }
        if let Some(head) = visit.refs().iter().find(|r| r.name == "HEAD").and_then(|r| r.target.clone()) {
            refs.push(("HEAD:".to_owned(), head));
        }
        let tips = tips_of(refs.iter().map(|(name, target)| (&name[..], &target[..])));
        let partial = match self.remembered(unit, &tips)? {
            Memory::Says(outcome) => return Ok(Looking::Over(outcome)),
            Memory::Look(partial) => partial,
        };
        let key = RepositoryKey::of(&unit.repository);
        let parent = self.lore.parent(&unit.repository)?;
        let home = match self.mirrors.home(&key, parent.as_ref()) {
            Ok(home) => home,
            Err(e) => return Ok(Looking::Over(Outcome::Failed { why: format!("no room for its clone: {e}"), again: false })),
        };
        match visit.fetch(home.path(), home.others()) {
            Ok(()) => Ok(Looking::Goes { home: Some(home), tips, refs, partial }),
            Err(e) => Ok(trouble(&e)),
        }
    }

    /// What earlier scans tell of a repository with these tips.
    fn remembered(&self, unit: &Unit, tips: &str) -> Result<Memory, StoreError> {
        if self.whole {
            return Ok(Memory::Look(None));
        }
        let key = RepositoryKey::of(&unit.repository);
        let current = &self.catalogue.key;
        let same = unit.known.as_ref().filter(|known| known.tips == tips);
        if same.is_some_and(|known| known.catalogue == *current) {
            // Its secrets are in none of our files: to ask about them again, they are read again.
            let asks = unit.recheck && self.ask.is_some();
            return Ok(if asks { Memory::Look(None) } else { Memory::Says(Outcome::Unchanged) });
        }
        if unit.repository.forge != Forge::Folder
            && let Some(twin) = self.lore.twin(tips, current, &key)?
        {
            return Ok(Memory::Says(Outcome::SameAs { repository: twin, tips: tips.to_owned() }));
        }
        let Some(known) = same else { return Ok(Memory::Look(None)) };
        let Some(partial) = self.partial(&known.catalogue)? else { return Ok(Memory::Look(None)) };
        let is_outdated = !partial.changed.outdated.is_empty() && self.lore.has_findings_of(&key, &partial.changed.outdated)?;
        Ok(Memory::Look(Some(partial).filter(|_| !is_outdated)))
    }

    /// The rules that changed since a catalogue, where looking for them alone is enough.
    fn partial(&self, old: &str) -> Result<Option<Arc<Partial>>, StoreError> {
        let mut partial = self.partial.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = partial.get(old) {
            return Ok(known.clone());
        }
        let changed = self.lore.catalogue(old)?.and_then(|old| self.catalogue.changed_alone(&old));
        let made = changed.map(|changed| {
            let mut rules = self.detector.rules().clone();
            rules.retain(|head| changed.look_for.contains(head.id()));
            Arc::new(Partial { changed, detector: Detector::new(rules) })
        });
        partial.insert(old.to_owned(), made.clone());
        Ok(made)
    }

    /// Scans what was fetched; `None` where it was interrupted.
    ///
    /// # Errors
    /// Where what is known cannot be read.
    pub fn scan(&self, ready: Ready<'_>) -> Result<Option<Result<Looked, Box<UnitResult>>>, StoreError> {
        let Ready { unit, home, tips, refs, partial, texts, since } = ready;
        let path = home.as_ref().map_or(Path::new(&unit.repository.clone_url), Home::path);
        let others = home.as_ref().map(|h| h.others().to_vec()).unwrap_or_default();
        let repo = match Repository::open(path, &Options { object_folders: others, ..Options::default() }) {
            Ok(repo) => repo,
            Err(e) => {
                let outcome = Outcome::Failed { why: e.to_string(), again: false };
                return Ok(Some(Err(Box::new(self.result(&unit, outcome, texts, since)))));
            }
        };
        let mut clean_before = HashSet::new();
        let mut is_new = true;
        let looked = match partial {
            None => self.scan_with(&repo, self.detector, &self.catalogue.key, &mut clean_before)?,
            Some(partial) => {
                let old = unit.known.as_ref().map_or("", |known| known.catalogue.as_str());
                let objects = repo.objects();
                let mut ids = objects.iter().map(|nr| objects.id(nr));
                let clean = self.lore.known_clean(old, &mut ids)?;
                // Under no key is anything clean yet: the changed rules look at everything.
                let (outcome, learnt) = self.scan_with(&repo, &partial.detector, "", &mut clean_before)?;
                if outcome.findings.is_empty() && outcome.rejected_total == 0 {
                    is_new = false;
                    (outcome, learnt.into_iter().filter(|id| clean.contains(id)).collect())
                } else {
                    self.scan_with(&repo, self.detector, &self.catalogue.key, &mut clean_before)?
                }
            }
        };
        if self.stop.is_asked() {
            return Ok(None);
        }
        let (outcome, clean) = looked;
        self.lore.learn(&self.catalogue.key, &clean)?;
        self.counts.blobs.fetch_add(outcome.files, Ordering::Relaxed);
        self.counts.bytes.fetch_add(outcome.bytes, Ordering::Relaxed);
        let gaps = |accepted, reason: &str, tally| Gap::of(reason, tally, accepted, Some(&outcome.redactor));
        let scanned = Scanned {
            complete: outcome.is_complete(),
            skipped: outcome.skipped.iter().map(|((r, accepted), tally)| gaps(*accepted, r.as_str(), tally)).collect(),
            excluded: outcome.excluded.iter().map(|(r, tally)| gaps(true, r.as_str(), tally)).collect(),
            blobs: outcome.files,
            bytes: outcome.bytes,
            rejected: outcome.rejected_total,
            tips,
            refs,
            clean,
            ..Scanned::default()
        };
        let owners = if outcome.findings.is_empty() { None } else { Owners::of(&unit.repository, &repo) };
        let (findings, redactor) = (outcome.findings, outcome.redactor);
        Ok(Some(Ok(Looked { unit, scanned, is_new, findings, redactor, owners, texts, since })))
    }

    /// Scans with one detector; tells what holds nothing.
    fn scan_with(
        &self,
        repo: &Repository,
        detector: &Detector,
        catalogue: &str,
        known: &mut HashSet<ObjectId>,
    ) -> Result<(pipeline::Outcome, Vec<ObjectId>), StoreError> {
        let objects = repo.objects();
        if !catalogue.is_empty() && !self.whole {
            let kinds = [Kind::Blob, Kind::Commit, Kind::Tag];
            let mut ids = objects.iter().filter(|nr| kinds.contains(&objects.kind(*nr))).map(|nr| objects.id(nr));
            *known = self.lore.known_clean(catalogue, &mut ids)?;
        }
        let is_clean = |id: &ObjectId| known.contains(id);
        let clean = Clean::new(&is_clean);
        let collector = self.collector(detector);
        pipeline::scan_repository_again(repo, &Scope::default(), self.exclude, &collector, self.key, &clean);
        Ok((collector.finish(self.key), clean.learnt()))
    }

    /// What takes what is found.
    pub(super) fn collector<'c>(&self, detector: &'c Detector) -> Collector<'c>
    where
        'a: 'c,
    {
        Collector::new(detector, self.stop, false, self.accepts)
            .with_containers((self.containers)())
            .with_allowlists(Arc::clone(self.allowlists))
    }

    /// Findings as they are kept, and what is known of them beside that, by fingerprint.
    pub(super) fn told(
        &self,
        findings: &[Finding],
        redactor: &Redactor,
        owners: Option<&Owners>,
    ) -> (Vec<ReportedFinding>, BTreeMap<String, Note>) {
        let noted = findings.iter().filter_map(|f| {
            let owners = owners.map(|owners| owners.of_path(&f.location.path)).unwrap_or_default();
            let note = Note {
                allowed: f.allowed.as_ref().map(|name| redactor.redact(name)),
                owners: owners.iter().map(|owner| redactor.redact(owner)).collect(),
                sealed: self.seal.and_then(|key| key.seal(&f.secret_id, &f.secret)),
            };
            (note != Note::default()).then(|| (f.fingerprint.0.clone(), note))
        });
        (findings.iter().map(|f| ReportedFinding::of(f, Some(redactor))).collect(), noted.collect())
    }

    /// Asks providers, and tells what came of the unit.
    #[must_use]
    pub fn conclude(&self, looked: Looked) -> UnitResult {
        let Looked { unit, mut scanned, is_new, mut findings, redactor, owners, texts, since } = looked;
        if let Some(ask) = self.ask {
            ask(&mut findings);
        }
        self.counts.found.fetch_add(findings.len() as u64, Ordering::Relaxed);
        (scanned.findings, scanned.notes) = self.told(&findings, &redactor, owners.as_ref());
        let outcome = if is_new { Outcome::Scanned(Box::new(scanned)) } else { Outcome::NothingNew(Box::new(scanned)) };
        self.result(&unit, outcome, texts, since)
    }

    fn result(&self, unit: &Unit, outcome: Outcome, texts: Option<TextsRead>, since: Instant) -> UnitResult {
        let texts = texts.map(|mut read| {
            if let Some(ask) = self.ask {
                ask(&mut read.findings);
            }
            let (findings, notes) = self.told(&read.findings, &read.redactor, None);
            Texts {
                findings,
                notes,
                skipped: read.skipped,
                excluded: read.excluded,
                texts: read.texts,
                bytes: read.bytes,
                cursor: serde_json::to_string(&read.known).ok(),
                failed: read.failed,
                budget: read.budget,
            }
        });
        UnitResult {
            run: unit.run.clone(),
            repository: RepositoryKey::of(&unit.repository),
            catalogue: self.catalogue.key.clone(),
            fingerprint_key: self.key.id(),
            outcome,
            texts,
            milliseconds: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// A result that tells of a unit that it failed.
    #[must_use]
    pub fn failure(&self, unit: &Unit, why: &str) -> UnitResult {
        self.result(unit, Outcome::Failed { why: why.to_owned(), again: false }, None, Instant::now())
    }

    /// Reads and scans the texts beside the code of a repository.
    fn read_texts(&self, unit: &Unit) -> Option<TextsRead> {
        let readers = self.texts.of(unit);
        if readers.is_empty() {
            return None;
        }
        let cursor = unit.text_cursor.as_deref().filter(|_| !self.whole);
        let known = cursor.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let read = read_texts(&readers, &unit.repository, known, self);
        self.counts.blobs.fetch_add(read.texts, Ordering::Relaxed);
        self.counts.bytes.fetch_add(read.bytes, Ordering::Relaxed);
        self.counts.found.fetch_add(read.findings.len() as u64, Ordering::Relaxed);
        Some(read)
    }
}

/// What became of the first look at a repository.
enum Looking<'a> {
    Over(Outcome),
    Goes { home: Option<Home<'a>>, tips: String, refs: Vec<(String, String)>, partial: Option<Arc<Partial>> },
    GiveBack,
}

/// What earlier scans tell.
enum Memory {
    Says(Outcome),
    /// It must be looked at: whole, or for the rules that changed.
    Look(Option<Arc<Partial>>),
}

/// What an error of the network means for a unit.
fn trouble<'a>(error: &RemoteError) -> Looking<'a> {
    let why = error.to_string();
    Looking::Over(match error {
        RemoteError::Interrupted => return Looking::GiveBack,
        RemoteError::CredentialsNeeded(_)
        | RemoteError::CredentialsInTheClear(_)
        | RemoteError::CredentialsRefused { .. }
        | RemoteError::NotFound(_)
        | RemoteError::Status { status: 401 | 403 | 404 | 410 | 451, .. } => Outcome::NotVisible { why },
        RemoteError::Status { status: 429 | 500..=599, .. }
        | RemoteError::Unreachable { .. }
        | RemoteError::Silent { .. }
        | RemoteError::Gone { .. }
        | RemoteError::Protocol { .. } => Outcome::Failed { why, again: true },
        RemoteError::Status { .. } | RemoteError::Redirect { .. } | RemoteError::Local { .. } | RemoteError::SshNotTyped(_) => {
            Outcome::Failed { why, again: false }
        }
    })
}
