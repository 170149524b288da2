//! `keysift audit plan` and `run`.

use super::sources::SourceFlags;
use super::{StoreFlags, tell, watch};
use crate::audit::bucket::BucketAccess;
use crate::audit::bucket::shelf::Shelf;
use crate::audit::forge::app::App;
use crate::audit::mirrors::Mirrors;
use crate::audit::run::{Planned, Threads, plan as read_lists, plan_and_work};
use crate::audit::store::{Access, Run, Store};
#[cfg(feature = "fleet")]
use crate::audit::target::Forge;
use crate::audit::target::RepositorySource;
use crate::audit::texts::TextReaders;
#[cfg(feature = "fleet")]
use crate::audit::unit::Unit;
use crate::audit::work::{Ask, Counts, How};
use crate::cli::common::{LimitFlags, RuleFlags, Settings, When, confidence, day, severity, size};
use crate::cli::messages::warn;
use crate::cli::run::{interruptible, start_threads};
use crate::cli::verification::HowFlags;
use crate::cli::{asking, usage_error};
use crate::config::discover::Home;
use crate::finding::{Day, Finding, Verification};
use crate::rule::{Confidence, Severity};
use crate::source::git::url::RemoteUrl;
use crate::source::{SkipReason, Stop};
use crate::verify::plan::cases;
use crate::verify::{seconds_now, verify};
use clap::Args;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// The bytes of mirrors that are kept where nobody says otherwise.
const MOST_MIRRORS: u64 = 50_000_000_000;

/// What the limit of files means in an audit.
pub(super) const MAX_FILE_SIZE: &str = "Files larger than this are not looked at, which makes the scan incomplete [default: 8GB; 1GB for what \
                                        is downloaded: objects, files of releases, logs]";

/// `keysift audit plan …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit plan --github acme                                      what there is to look at\n\
    \x20 keysift audit plan --urls list --queue nats://queue                   publish it to workers\n\
    \x20 keysift audit plan --github acme --also issues --queue nats://queue   with texts beside the code", mut_arg("max_file_size", |arg| arg.help(MAX_FILE_SIZE)))]
pub(super) struct PlanArguments {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    sources: SourceFlags,
    /// Publish what is to be looked at to workers on other machines: nats://host:4222
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "URL", help_heading = "How")]
    queue: Option<String>,
    /// Workers ask providers: known findings are asked about again
    #[arg(long, help_heading = "Verification")]
    verify: bool,
    #[command(flatten)]
    rules: RuleFlags,
    #[command(flatten)]
    limits: LimitFlags,
}

/// `keysift audit run …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit run --github acme --mirrors-dir /var/cache/keysift   an organization\n\
    \x20 keysift audit run --gitlab acme/shop --also issues,logs --verify   texts too; what is live\n\
    \x20 keysift audit run --urls list --fail-on live                       a list of URLs, as a gate\n\
    \x20 keysift audit run s3://acme-logs/2026/ --exclude '**/cache/**'     a bucket\n\
    \x20 keysift audit run                                                  go on where it was left", mut_arg("max_file_size", |arg| arg.help(MAX_FILE_SIZE)))]
pub(super) struct RunArguments {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    sources: SourceFlags,
    #[command(flatten)]
    pub work: WorkFlags,
    /// Look at everything, whatever is known
    #[arg(long, help_heading = "What to look at")]
    rescan: bool,
    #[command(flatten)]
    gate: GateFlags,
}

/// How units are worked on: what a run and a worker of a fleet share.
#[derive(Debug, Clone, Args)]
pub(super) struct WorkFlags {
    /// Keep mirrors of repositories in this folder: later only what is new is fetched
    #[arg(long, value_name = "FOLDER", help_heading = "How")]
    pub mirrors_dir: Option<PathBuf>,
    /// The disk space for mirrors; those not used for longest go [default: 50GB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "How")]
    pub max_mirrors: Option<u64>,
    /// How many repositories are fetched at a time
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "How")]
    pub fetchers: usize,
    /// How many repositories are scanned at a time, all with the same threads [default: one a core]
    #[arg(long, value_name = "N", help_heading = "How")]
    pub scanners: Option<usize>,
    /// Show progress on stderr
    #[arg(long, value_enum, default_value = "auto", help_heading = "How")]
    pub progress: When,
    #[command(flatten)]
    pub rules: RuleFlags,
    #[command(flatten)]
    pub limits: LimitFlags,
    /// Ask providers whether what was found is live
    #[arg(long, help_heading = "Verification")]
    pub verify: bool,
    #[command(flatten)]
    pub how: HowFlags,
}

/// What fails a run.
#[derive(Debug, Clone, Args)]
pub(super) struct GateFlags {
    /// The least confidence that counts: low, medium, high [default: what config says, else medium]
    #[arg(long, value_name = "LEVEL", value_parser = confidence, help_heading = "Report")]
    pub min_confidence: Option<Confidence>,
    /// The least severity that counts: low, medium, high, critical [default: what config says, else low]
    #[arg(long, value_name = "LEVEL", value_parser = severity, help_heading = "Report")]
    pub min_severity: Option<Severity>,
    #[command(flatten)]
    pub fails: crate::cli::gate::FailFlags,
    /// Today, for anything that expires: 2026-12-31
    #[arg(long, value_name = "DAY", value_parser = day, help_heading = "Report")]
    pub now: Option<Day>,
}

/// Config and rules of an audit. What scanned repositories say does not count, nor does what stands around here: a config is
/// named, or there is none.
pub(super) fn settings(rules: &RuleFlags, limits: &LimitFlags, now: Option<Day>) -> Result<Settings, ExitCode> {
    let mut settings = Settings::of(rules, &limits.exclude, now, &Home::default())?;
    settings.bound_by(limits);
    Ok(settings)
}

/// Lists repositories.
pub(super) fn plan(arguments: &PlanArguments) -> Result<ExitCode, ExitCode> {
    let settings = settings(&arguments.rules, &arguments.limits, None)?;
    let mut sources = arguments.sources.sources(arguments.limits.max_file_size)?;
    let store = arguments.store.open(Access::Create)?;
    let _lock = store.lock_run().map_err(|e| usage_error(&e.to_string()))?;
    let run = begin(&store, &settings, arguments.verify)?;
    let planned = Planned::default();
    let stop = interruptible();
    read_lists(&store, &run, &mut sources.repositories, &planned, stop).map_err(|e| usage_error(&e.to_string()))?;
    let failed = tell_lists(&planned);
    #[cfg(feature = "fleet")]
    if let Some(url) = &arguments.queue {
        let server = super::fleet::connect(url)?;
        let fill = |unit: &mut Unit| {
            let repository = &unit.repository;
            unit.texts = sources.texts.iter().filter(|s| s.reads(repository)).map(|s| s.wanted()).collect();
            unit.objects = (repository.forge == Forge::Bucket).then(|| sources.buckets.wanted.clone());
        };
        let sent = crate::audit::fleet::publish(&server, &store, &run, &settings.catalogue(), &settings.key.id(), &fill, stop);
        let sent = sent.map_err(|e| usage_error(&e.to_string()))?;
        println(&format!("{sent} units published"))?;
    }
    let units = store.unit_counts(&run).map_err(|e| usage_error(&e.to_string()))?;
    println(&format!("{} repositories to look at", units.get("ready").copied().unwrap_or(0)))?;
    Ok(ExitCode::from(if stop.is_asked() {
        130
    } else if failed {
        3
    } else {
        0
    }))
}

fn begin(store: &Store, settings: &Settings, verifies: bool) -> Result<Run, ExitCode> {
    store.begin_run(&settings.catalogue(), verifies).map_err(|e| usage_error(&e.to_string()))
}

/// Tells of lists that could not be read; whether there are any.
fn tell_lists(planned: &Planned) -> bool {
    let failed = planned.failed.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, why) in &*failed {
        warn(format_args!("{name} could not be listed to its end: {why}"));
    }
    !failed.is_empty()
}

fn println(line: &str) -> Result<(), ExitCode> {
    match crate::cli::print(&format!("{line}\n")) {
        ExitCode::SUCCESS => Ok(()),
        code => Err(code),
    }
}

/// Looks at repositories.
pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, ExitCode> {
    let work = &arguments.work;
    let settings = settings(&work.rules, &work.limits, arguments.gate.now)?;
    let mut sources = arguments.sources.sources(work.limits.max_file_size)?;
    let store = arguments.store.open(Access::Create)?;
    let _lock = store.lock_run().map_err(|e| usage_error(&e.to_string()))?;
    let failed = |e: &dyn std::fmt::Display| usage_error(&e.to_string());
    store.expire(settings.today).map_err(|e| failed(&e))?;
    let last = store.status().map_err(|e| failed(&e))?;
    if sources.repositories.is_empty() && (last.run.is_none() || last.ended_at.is_some()) {
        return Err(usage_error(
            "name repositories or buckets: --urls FILE, --folder FOLDER, s3://bucket … `keysift audit run --help` lists the ways",
        ));
    }
    let run = begin(&store, &settings, work.verify)?;
    let planned = Planned::default();
    let stop = interruptible();
    let beside = Beside {
        texts: &std::mem::take(&mut sources.texts),
        buckets: std::mem::take(&mut sources.buckets),
        shelf: &store,
        app: sources.app.take(),
    };
    let work_folder = store.beside(".work");
    let worked = with_how(work, &settings, &store, work_folder, &beside, arguments.rescan, stop, |how, threads| {
        let repositories: &mut [Box<dyn RepositorySource>] = &mut sources.repositories;
        watch::during(work.progress, (&store, &run), &how.counts, &planned, || {
            plan_and_work(&store, &run, repositories, &planned, how, threads)
        })
    })?;
    worked.map_err(|e| failed(&e))?;
    tell_lists(&planned);
    if !stop.is_asked() {
        store.end_run(&run).map_err(|e| failed(&e))?;
    }
    tell::after_run(&store, settings, &arguments.gate, stop.is_asked())
}

/// What is looked at beside the code of repositories, and who asks.
pub(super) struct Beside<'a> {
    pub texts: &'a dyn TextReaders,
    pub buckets: BucketAccess,
    /// Where what came of objects is kept.
    pub shelf: &'a dyn Shelf,
    /// Whose tokens open repositories of GitHub, where it is an app.
    pub app: Option<Arc<App>>,
}

/// Calls `then` with all that work on units needs.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the work needs")]
pub(super) fn with_how<T>(
    flags: &WorkFlags,
    settings: &Settings,
    lore: &dyn crate::audit::lore::Lore,
    work_folder: PathBuf,
    beside: &Beside<'_>,
    whole: bool,
    stop: &Stop,
    then: impl FnOnce(&How<'_>, Threads) -> T,
) -> Result<T, ExitCode> {
    let cores = start_threads(flags.limits.threads)?;
    let most = flags.max_mirrors.unwrap_or(MOST_MIRRORS);
    let mirrors = Mirrors::open(flags.mirrors_dir.clone(), most, work_folder)
        .map_err(|e| usage_error(&format!("there is no place for clones: {e}")))?;
    let catalogue = settings.catalogue();
    let accepts = |reason: SkipReason, path: &str| settings.accepts(reason.as_str(), path);
    let containers = || settings.containers();
    let env = |name: &str| std::env::var(name).ok();
    let made = |url: &RemoteUrl| beside.app.as_ref().and_then(|app| app.token_for(url, stop));
    let seal = super::store_key()?;
    let answers = Mutex::new(HashMap::new());
    let ask = |findings: &mut [Finding]| ask(flags, settings, findings, &answers, stop);
    if flags.verify {
        // What is wrong with the flags is told before anything is done.
        asking::options(&flags.how, settings, false)?;
    }
    let how = How {
        detector: &settings.detector,
        catalogue: &catalogue,
        containers: &containers,
        exclude: &settings.exclude,
        accepts: &accepts,
        allowlists: &settings.allowlists,
        key: &settings.key,
        seal: seal.as_ref(),
        stop,
        env: &env,
        made: &made,
        mirrors: &mirrors,
        lore,
        ask: flags.verify.then_some(&ask as Ask<'_>),
        texts: beside.texts,
        buckets: &beside.buckets,
        shelf: beside.shelf,
        whole,
        partial: Mutex::default(),
        counts: Counts::default(),
    };
    let threads =
        Threads { fetchers: flags.fetchers.clamp(1, 256), scanners: flags.scanners.unwrap_or(cores).clamp(1, 256), askers: 4 };
    Ok(then(&how, threads))
}

/// Asks providers about the findings of one repository; what was asked before in this run is known.
fn ask(
    flags: &WorkFlags,
    settings: &Settings,
    findings: &mut [Finding],
    answers: &Mutex<HashMap<String, Verification>>,
    stop: &Stop,
) {
    let Ok(options) = asking::options(&flags.how, settings, false) else { return };
    let lock = || answers.lock().unwrap_or_else(PoisonError::into_inner);
    let is_asked_about = |f: &Finding| f.confidence() >= Some(Confidence::Medium) && f.allowed.is_none();
    let places: Vec<usize> = (0..findings.len()).filter(|n| is_asked_about(&findings[*n])).collect();
    let asked = places.iter().map(|n| &findings[*n]);
    let mut cases = cases(asked, settings.detector.rules(), &settings.key, seconds_now());
    if cases.is_empty() {
        return;
    }
    for case in &mut cases {
        if let Some(known) = lock().get(&case.question) {
            case.settled = Some(known.clone());
        }
    }
    let of_case: Vec<(String, Vec<usize>)> = cases.iter().map(|c| (c.question.clone(), c.findings.clone())).collect();
    let Ok(told) = verify(cases, options, None, stop) else { return };
    for ((question, numbers), answer) in of_case.into_iter().zip(told) {
        for n in numbers {
            findings[places[n]].verification = Some(answer.clone());
        }
        lock().insert(question, answer);
    }
}
