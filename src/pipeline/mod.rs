//! The pipeline: takes blobs from any source, examines them, and collects what a report needs.
//!
//! - here: files and texts, whose places are known at once
//! - `changes`: what commits of a range, or the index, add
//! - `clean`: objects of git that are known to hold nothing
//! - `inside`: members of a container that is an object of git
//! - `git`: objects, whose places are known when history has been walked
//! - `placing`: where history has them

mod changes;
mod clean;
mod git;
mod inside;
mod placing;

pub use changes::{Asked, scan_range, scan_staged};
pub use clean::Clean;
pub use git::{scan_repository, scan_repository_again};

use crate::config::allowlist::{Allowlists, Sight};
use crate::detect::{ByteSpan, Detector, Scratch};
use crate::examine::{Examined, Judged, examine};
use crate::finding::gather::Gathered;
use crate::finding::group::MATCH;
use crate::finding::location::Places;
use crate::finding::{Beside, Finding, IdentityKey, InlineAllow, Location, Occurrence, Redactor, Secret, group, redact, snippet};
use crate::rule::format::verify::PartsOf;
use crate::source::container::Containers;
use crate::source::{Blob, ExcludeReason, Origin, Sink, SkipReason, Stop};
use base64::Engine as _;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How many paths a report names for each reason.
const EXAMPLES: usize = 10;

/// What was left out or not looked at, for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    pub bytes: u64,
    /// The first paths in order, at most ten.
    pub examples: BTreeSet<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, path: &str, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
        self.examples.insert(path.to_owned());
        if self.examples.len() > EXAMPLES {
            self.examples.pop_last();
        }
    }
}

/// Whether config accepts that something is not looked at.
pub type Accepts<'a> = &'a (dyn Fn(SkipReason, &str) -> bool + Sync);

/// Examines blobs from many threads and collects what they give.
pub struct Collector<'a> {
    detector: &'a Detector,
    stop: &'a Stop,
    keep_rejected: bool,
    accepts: Accepts<'a>,
    containers: Containers,
    allowlists: Arc<Allowlists>,
    /// Blobs, bytes and rejected candidates so far; progress reads them.
    pub files: AtomicU64,
    pub bytes: AtomicU64,
    /// Members of containers, and the bytes that came out.
    members: AtomicU64,
    unpacked: AtomicU64,
    rejected: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    found: Gathered,
    /// Findings whose places were told by history.
    placed: Vec<Finding>,
    placed_rejected: Vec<Finding>,
    rejected: Gathered,
    secrets: BTreeSet<Secret>,
    skipped: BTreeMap<(SkipReason, bool), Tally>,
    excluded: BTreeMap<ExcludeReason, Tally>,
}

/// All that a scan found.
pub struct Outcome {
    pub findings: Vec<Finding>,
    /// Candidates judged not a secret, if asked for.
    pub rejected: Vec<Finding>,
    pub rejected_total: u64,
    pub files: u64,
    pub bytes: u64,
    /// Members of containers, and the bytes that came out.
    pub members: u64,
    pub unpacked: u64,
    /// By reason, and whether config accepts it.
    pub skipped: BTreeMap<(SkipReason, bool), Tally>,
    pub excluded: BTreeMap<ExcludeReason, Tally>,
    pub redactor: Redactor,
}

impl Outcome {
    /// Whether everything was looked at, but for what was asked to be left out and gaps that config accepts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.skipped.keys().all(|(_, accepted)| *accepted)
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<'a> Collector<'a> {
    /// A collector for a scan with `detector`.
    #[must_use]
    pub fn new(detector: &'a Detector, stop: &'a Stop, keep_rejected: bool, accepts: Accepts<'a>) -> Self {
        Self {
            detector,
            stop,
            keep_rejected,
            accepts,
            containers: Containers::default(),
            allowlists: Arc::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            members: AtomicU64::new(0),
            unpacked: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            inner: Mutex::default(),
        }
    }

    /// The same collector with other bounds for containers.
    #[must_use]
    pub fn with_containers(self, containers: Containers) -> Self {
        Self { containers, ..self }
    }

    /// The same collector with allowlists.
    #[must_use]
    pub fn with_allowlists(self, allowlists: Arc<Allowlists>) -> Self {
        Self { allowlists, ..self }
    }

    /// What was found, grouped and in order.
    #[must_use]
    pub fn finish(self, key: &IdentityKey) -> Outcome {
        let inner = self.inner.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut findings = group::merge(inner.found.into_findings(key), inner.placed);
        for finding in &mut findings {
            finding.allowed = self.allowlists.of(finding);
        }
        Outcome {
            findings,
            rejected: group::merge(inner.rejected.into_findings(key), inner.placed_rejected),
            rejected_total: self.rejected.into_inner(),
            files: self.files.into_inner(),
            bytes: self.bytes.into_inner(),
            members: self.members.into_inner(),
            unpacked: self.unpacked.into_inner(),
            skipped: inner.skipped,
            excluded: inner.excluded,
            redactor: Redactor::new(inner.secrets),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Examines a blob; what it found is the caller's to place. `path` is `None` where it is not known yet.
    fn look(&self, blob: &Blob<'_>, path: Option<&str>) -> Looked {
        let examined = SCRATCH.with_borrow_mut(|scratch| examine(self.detector, blob.bytes, path, scratch));
        let rejected = examined.rejected.iter().filter(|j| in_core(blob, j)).count() as u64;
        self.count(rejected, &examined, &blob.origin.joined());
        self.hide(&examined, blob.bytes);
        let gave_up = gave_up(&examined).collect();
        Looked { decoded: examined.decoded, gave_up, ..self.tell(&examined, blob) }
    }

    /// Looks at a blob as [`Sink::blob`] does; tells too what detection gave up of it.
    pub(crate) fn blob_and_gaps(&self, blob: &Blob<'_>) -> (u64, Vec<SkipReason>) {
        let mut looked = self.look(blob, Some(blob.origin.inner_path()));
        let told = (looked.decoded, std::mem::take(&mut looked.gave_up));
        self.add(looked);
        told
    }

    /// Keeps what was found, in the places that it has.
    fn add(&self, looked: Looked) {
        if !looked.found.is_empty() || !looked.rejected.is_empty() {
            let mut inner = self.lock();
            inner.found.extend(looked.found);
            inner.rejected.extend(looked.rejected);
        }
    }

    /// Counts what a blob gave beside its findings.
    fn count(&self, rejected: u64, examined: &Examined, path: &str) {
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
        for rule in &examined.out_of_budget {
            self.skip(SkipReason::StepBudget, &format!("{path} ({})", self.detector.rules().get(*rule).id), 0);
        }
        if examined.undecoded {
            self.skip(SkipReason::TooDeep, path, 0);
        }
    }

    /// Lets the redactor know what a blob holds.
    fn hide(&self, examined: &Examined, bytes: &[u8]) {
        let told_rejected = if self.keep_rejected { examined.rejected.len() } else { 0 };
        if examined.found.len() + told_rejected == 0 {
            return;
        }
        let secrets = secrets_of(examined, bytes);
        if !secrets.is_empty() {
            self.lock().secrets.extend(secrets);
        }
    }

    /// Tells what a blob holds, with places within it.
    fn tell(&self, examined: &Examined, blob: &Blob<'_>) -> Looked {
        let keep_rejected = self.keep_rejected && !examined.rejected.is_empty();
        if examined.found.is_empty() && !keep_rejected {
            return Looked::default();
        }
        let hidden = examined.found.iter().chain(examined.rejected.iter().filter(|j| is_hidden(j)));
        let hidden = Hidden::new(hidden.map(|j| (j.at(), redact::shown(j.rule, j.value(blob.bytes)))).collect());
        let told = |judged: &[Judged]| {
            let mut teller = Teller {
                blob,
                allowlists: &self.allowlists,
                hidden: &hidden,
                places: Places::new(blob.bytes, blob.base),
                stored: (0, 0),
            };
            judged.iter().filter(|j| in_core(blob, j)).map(|j| teller.occurrence(j)).collect()
        };
        let rejected = if keep_rejected { told(&examined.rejected) } else { Vec::new() };
        Looked { found: told(&examined.found), rejected, is_noted: true, decoded: examined.decoded, ..Looked::default() }
    }
}

/// Whether a candidate is this stretch's to tell, not that of its neighbour.
fn in_core(blob: &Blob<'_>, judged: &Judged) -> bool {
    blob.core.start <= judged.at().start && judged.at().start < blob.core.end
}

/// What a blob gave, with places within it.
#[derive(Default)]
struct Looked {
    found: Vec<Occurrence>,
    rejected: Vec<Occurrence>,
    /// There was something to note: a candidate at any score, or a part that was not looked at.
    is_noted: bool,
    /// The bytes that were decoded.
    decoded: u64,
    /// What detection gave up.
    gave_up: Vec<SkipReason>,
}

impl Looked {
    fn extend(&mut self, more: Self) {
        self.is_noted |= more.is_noted;
        self.found.extend(more.found);
        self.rejected.extend(more.rejected);
    }
}

impl Sink for Collector<'_> {
    fn blob(&self, blob: &Blob<'_>) -> u64 {
        self.blob_and_gaps(blob).0
    }

    fn file(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn member(&self, bytes: u64) {
        self.members.fetch_add(1, Ordering::Relaxed);
        self.unpacked.fetch_add(bytes, Ordering::Relaxed);
    }

    fn containers(&self) -> &Containers {
        &self.containers
    }

    fn skip(&self, reason: SkipReason, path: &str, bytes: u64) {
        let accepted = (self.accepts)(reason, path);
        self.lock().skipped.entry((reason, accepted)).or_default().add(path, bytes);
    }

    fn exclude(&self, reason: ExcludeReason, path: &str) {
        self.lock().excluded.entry(reason).or_default().add(path, 0);
    }

    fn stop(&self) -> &Stop {
        self.stop
    }
}

/// Why parts of a blob were not looked at.
fn gave_up(examined: &Examined) -> impl Iterator<Item = SkipReason> {
    let budget = (!examined.out_of_budget.is_empty()).then_some(SkipReason::StepBudget);
    budget.into_iter().chain(examined.undecoded.then_some(SkipReason::TooDeep))
}

/// What the redactor must know of a blob.
pub(crate) fn secrets_of(examined: &Examined, bytes: &[u8]) -> Vec<Secret> {
    let all = examined.found.iter().chain(examined.rejected.iter().filter(|j| is_hidden(j)));
    all.map(|j| (j, j.value(bytes)))
        .filter(|(j, value)| is_hidden_everywhere(j, value))
        .map(|(_, value)| Secret::new(value))
        .collect()
}

/// Whether a rejected candidate is hidden all the same: all that might be a secret; not references and placeholders, which
/// are there to be read.
fn is_hidden(judged: &Judged) -> bool {
    const READABLE: [&str; 8] = [
        "reference", "placeholder", "published-sample", "value-code", "value-type", "value-identifier", "value-sentence",
        "value-word",
    ];
    judged.verdict.level().is_some() || !judged.verdict.reasons.iter().any(|r| READABLE.contains(&r.signal))
}

/// Whether a value is hidden wherever it stands in the report, beyond its own place: a doubtful one that is a plain word
/// would black out half the report.
fn is_hidden_everywhere(judged: &Judged, value: &[u8]) -> bool {
    let certain = judged.verdict.level() >= Some(crate::rule::Confidence::Medium);
    certain || value.len() >= 8 && value.iter().any(u8::is_ascii_digit) && value.iter().any(|b| !b.is_ascii_digit())
}

/// Tells candidates of one blob, each stretch of it counted once when they come in ascending order.
struct Teller<'a> {
    blob: &'a Blob<'a>,
    allowlists: &'a Allowlists,
    hidden: &'a Hidden,
    places: Places<'a>,
    /// A place in the blob's text, and the stored bytes before it.
    stored: (usize, u64),
}

impl Teller<'_> {
    fn occurrence(&mut self, judged: &Judged) -> Occurrence {
        let (blob, secret) = (self.blob, judged.at());
        let text = judged.value(blob.bytes);
        let place = self.places.of(secret);
        let around = self.hidden.around(snippet::reach(blob.bytes, secret));
        // A rejected candidate that stays readable is not hidden: its own place must be there all the same.
        let snippet = if around.iter().any(|(span, _)| *span == secret) {
            snippet::snippet(blob.bytes, secret, around)
        } else {
            let mut around = around.to_vec();
            around.push((secret, String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned()));
            snippet::snippet(blob.bytes, secret, &around)
        };
        let (at, before) = if self.stored.0 <= secret.start { self.stored } else { (0, 0) };
        self.stored = (secret.start, before + blob.encoding.stored_len(&blob.bytes[at..secret.start]));
        let byte_start = blob.stored_before + self.stored.1;
        Occurrence {
            rule: judged.rule,
            secret: Secret::new(text),
            shown: redact::shown(judged.rule, text),
            snippet,
            location: Location {
                path: blob.origin.path.clone(),
                path_bytes: blob.origin.path_bytes.as_ref().map(|b| base64::engine::general_purpose::STANDARD.encode(b)),
                container: blob.origin.container.iter().map(|step| step.name.clone()).collect(),
                start_line: place.start_line,
                start_column: place.start_column,
                end_line: place.end_line,
                end_column: place.end_column,
                byte_start,
                byte_end: byte_start + blob.encoding.stored_len(secret.of(blob.bytes)),
                decoded: judged
                    .decoding
                    .as_ref()
                    .map(|d| d.chain.iter().map(|&step| step.to_owned()).collect())
                    .unwrap_or_default(),
                origin: blob.origin.note.clone(),
                allows: self.allowlists.marks(
                    judged.rule,
                    &Sight {
                        text: judged.text(blob.bytes),
                        secret: judged.candidate.secret,
                        span: judged.candidate.span,
                        around: judged.decoding.as_ref().map(|d| (blob.bytes, d.at)),
                    },
                ),
                ..Location::default()
            },
            score: judged.verdict.score,
            reasons: judged.verdict.reasons.clone(),
            also: judged.also.clone(),
            companions: judged
                .companions
                .iter()
                .map(|(name, span)| (*name, redact::shown(judged.rule, span.of(judged.text(blob.bytes)))))
                .collect(),
            structure: judged.verdict.structure.clone(),
            beside: beside(judged, judged.text(blob.bytes)),
            inline: InlineAllow::of(blob.bytes, secret),
            target: blob.origin.target,
            member: member_key(blob.origin),
        }
    }
}

/// How far behind a match its surroundings are kept, in bytes: to the end of a connection string.
const REACH: usize = 512;

/// What verification needs of the surroundings of a candidate, if its rule can be verified.
pub(crate) fn beside(judged: &Judged, text: &[u8]) -> Beside {
    let Some(verify) = judged.rule.verify else { return Beside::new() };
    let companions = judged.companions.iter().chain(&judged.others);
    let mut beside: Beside = companions.map(|(name, span)| (*name, Secret::new(span.of(text)))).collect();
    let reads_match = verify.protocol.is_some() || verify.parts.is_some_and(|(of, _)| of == PartsOf::Match);
    if reads_match {
        let span = judged.candidate.span;
        let ends = |b: &u8| b.is_ascii_whitespace() || b"\"'`<>".contains(b);
        let rest = &text[span.end..text.len().min(span.end + REACH)];
        let end = span.end + rest.iter().position(ends).unwrap_or(rest.len());
        beside.push((MATCH, Secret::new(&text[span.start..end])));
    }
    beside
}

/// Names the member of a container, whatever the container is called: history knows the names of files last.
fn member_key(origin: &Origin) -> u64 {
    if origin.container.is_empty() {
        return 0;
    }
    let mut hasher = blake3::Hasher::new_derive_key("keysift member v1");
    // The name of what a compressed file holds is made of its own.
    for step in origin.container.iter().enumerate().filter(|(n, step)| *n > 0 || !step.unpacked).map(|(_, step)| step) {
        hasher.update(&(step.name.len() as u64).to_le_bytes());
        hasher.update(step.name.as_bytes());
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// The places of a blob to hide, with what to show instead.
struct Hidden {
    /// By where they begin.
    places: Vec<(ByteSpan, String)>,
    /// The length of the longest.
    longest: usize,
}

impl Hidden {
    fn new(mut places: Vec<(ByteSpan, String)>) -> Self {
        places.sort_by_key(|(span, _)| *span);
        let longest = places.iter().map(|(span, _)| span.len()).max().unwrap_or(0);
        Self { places, longest }
    }

    /// Those that may reach into `stretch`.
    fn around(&self, stretch: ByteSpan) -> &[(ByteSpan, String)] {
        let from = self.places.partition_point(|(span, _)| span.start + self.longest <= stretch.start);
        let to = self.places.partition_point(|(span, _)| span.start < stretch.end);
        &self.places[from..to.max(from)]
    }
}
