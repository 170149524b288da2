//! `keysift audit worker` and `collect`: an audit on many machines.

use super::hosts::Hosts;
use super::run::{Beside, GateFlags, WorkFlags, settings, with_how};
use super::sources::AccessFlags;
use super::{StoreFlags, tell};
use crate::audit::fleet::{FleetQueue, Login, Server, collect as collect_results};
use crate::audit::lore::{Lore, Memory, NoLore};
use crate::audit::queue::{Next, Queue, QueueError};
use crate::audit::run::work;
use crate::audit::store::Access;
use crate::audit::target::RepositoryRef;
use crate::audit::texts::WantedTexts;
use crate::audit::unit::{Outcome, RepositoryKey, UnitResult};
use crate::cli::common::{RuleFlags, Settings};
use crate::cli::messages::warn;
use crate::cli::run::interruptible;
use crate::cli::usage_error;
use crate::config::discover::Home;
use crate::finding::snippet::visible;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// `keysift audit worker …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit worker --queue nats://queue --mirrors-dir /var/cache/keysift   until it is stopped\n\
    \x20 keysift audit worker --queue tls://queue --until-empty --verify              until nothing is left\n\
    \x20 keysift audit worker --queue nats://queue --endpoint https://minio.example   buckets elsewhere\n\n\
    KEYSIFT_NATS_TOKEN, or KEYSIFT_NATS_USER and KEYSIFT_NATS_PASSWORD, log in; tokens of forges and credentials of buckets are those of `audit run`.", mut_arg("max_file_size", |arg| arg.help(super::run::MAX_FILE_SIZE)))]
pub(super) struct WorkerArguments {
    /// The server that has the units: nats://host:4222, tls://host:4222
    #[arg(long, value_name = "URL")]
    queue: String,
    /// End when the queue is empty, in place of waiting for more
    #[arg(long)]
    until_empty: bool,
    /// A folder for clones that go away [default: one of the system's]
    #[arg(long, value_name = "FOLDER", help_heading = "How")]
    work_dir: Option<PathBuf>,
    /// A unit of which its worker says nothing for so many seconds goes to another one; the first worker's word counts
    #[arg(long, value_name = "SECONDS", default_value_t = 30, help_heading = "How")]
    ack_wait: u64,
    #[command(flatten)]
    forges: HostFlags,
    #[command(flatten)]
    buckets: AccessFlags,
    #[command(flatten)]
    work: WorkFlags,
}

/// Forges that a worker asks for texts beside the code: what is queued cannot send its tokens elsewhere.
#[derive(Debug, Args)]
struct HostFlags {
    /// The API of GitHub or an Enterprise Server (GITHUB_TOKEN, GH_TOKEN or an app) [default: GITHUB_API_URL, else https://api.github.com]
    #[arg(long, value_name = "URL", help_heading = "Texts beside the code")]
    github_url: Option<String>,
    /// GitLab, or a self-managed one (GITLAB_TOKEN)
    #[arg(long, value_name = "URL", default_value = "https://gitlab.com", help_heading = "Texts beside the code")]
    gitlab_url: String,
    /// Where Gitea or Forgejo is (GITEA_TOKEN)
    #[arg(long, value_name = "URL", help_heading = "Texts beside the code")]
    gitea_url: Option<String>,
    /// The variable that holds the token for the forges' APIs, instead of the usual ones
    #[arg(long, value_name = "VARIABLE", help_heading = "Texts beside the code")]
    token_env: Option<String>,
}

impl HostFlags {
    fn hosts(&self) -> Result<Hosts, String> {
        let usual = || std::env::var("GITHUB_API_URL").ok().filter(|url| !url.is_empty());
        let github = self.github_url.clone().or_else(usual).unwrap_or_else(|| "https://api.github.com".to_owned());
        Hosts::new(&github, &self.gitlab_url, self.gitea_url.as_deref(), self.token_env.as_deref())
    }
}

/// A queue whose worker says of units what it could not do.
struct Saying<'a>(FleetQueue<'a>);

impl Queue for Saying<'_> {
    fn next(&self) -> Result<Next, QueueError> {
        self.0.next()
    }

    fn finish(&self, result: UnitResult) -> Result<usize, QueueError> {
        let why = match &result.outcome {
            Outcome::Failed { why, .. } | Outcome::NotVisible { why } => Some(why),
            _ => None,
        };
        let texts = result.texts.as_ref().and_then(|texts| texts.failed.as_ref());
        for why in why.into_iter().chain(texts) {
            let RepositoryKey { forge, host, id } = &result.repository;
            warn(format_args!("{}: {}", visible(&format!("{} {host} {id}", forge.as_str())), visible(why)));
        }
        self.0.finish(result)
    }

    fn give_back(&self, unit: &RepositoryKey) -> Result<(), QueueError> {
        self.0.give_back(unit)
    }
}

/// `keysift audit collect …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit collect --queue nats://queue --until-done      until the last unit is done\n\
    \x20 keysift audit collect --store acme.db --queue nats://queue   until it is stopped")]
pub(super) struct CollectArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// The server that has the results: nats://host:4222, tls://host:4222
    #[arg(long, value_name = "URL")]
    queue: String,
    /// End when the last unit of the run is done, in place of waiting for more
    #[arg(long)]
    until_done: bool,
    #[command(flatten)]
    gate: GateFlags,
}

fn failed(e: &dyn std::fmt::Display) -> ExitCode {
    usage_error(&e.to_string())
}

/// Connects.
pub(super) fn connect(url: &str) -> Result<Server, ExitCode> {
    Server::connect(url, &Login::from_environment()).map_err(|e| failed(&e))
}

/// Works on units until it is stopped.
pub(super) fn worker(arguments: &WorkerArguments) -> Result<ExitCode, ExitCode> {
    let flags = &arguments.work;
    let settings = settings(&flags.rules, &flags.limits, None)?;
    let server = connect(&arguments.queue)?;
    let stop = interruptible();
    let place = arguments.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = place.join(format!("keysift-worker-{}", std::process::id()));
    let ack_wait = Duration::from_secs(arguments.ack_wait.clamp(2, 3600));
    let hosts = arguments.forges.hosts().map_err(|e| usage_error(&e))?;
    let buckets = arguments.buckets.access().map_err(|e| usage_error(&e))?;
    let memory = match &flags.mirrors_dir {
        Some(mirrors) => Some(Memory::open(mirrors, &settings.catalogue().key).map_err(|e| failed(&e))?),
        None => None,
    };
    let lore = memory.as_ref().map_or(&NoLore as &dyn Lore, |memory| memory);
    let asks = |repository: &RepositoryRef| hosts.api(repository);
    let texts = WantedTexts::new(&asks);
    let beside = Beside { texts: &texts, buckets, shelf: &server, app: hosts.app().map(Arc::clone) };
    let done = with_how(flags, &settings, lore, folder, &beside, false, stop, |how, threads| {
        let queue = FleetQueue::open(&server, how.catalogue, &settings.key.id(), ack_wait, arguments.until_empty)?;
        work(&Saying(queue), how, threads)
    })?;
    done.map_err(|e| failed(&e))?;
    Ok(if stop.is_asked() { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// Collects results until it is stopped.
pub(super) fn collect(arguments: &CollectArguments) -> Result<ExitCode, ExitCode> {
    let no_config = RuleFlags { no_config: true, ..RuleFlags::default() };
    let settings = Settings::of(&no_config, &[], arguments.gate.now, &Home::default())?;
    let store = arguments.store.open(Access::Existing)?;
    let _lock = store.lock_run().map_err(|e| failed(&e))?;
    let Some(run) = store.last_run().map_err(|e| failed(&e))? else {
        return Err(usage_error("nothing is planned: `keysift audit plan --queue URL` does"));
    };
    let server = connect(&arguments.queue)?;
    let stop = interruptible();
    collect_results(&server, &store, &run, arguments.until_done, stop, &mut || {}).map_err(|e| failed(&e))?;
    let parked = server.parked().map_err(|e| failed(&e))?;
    if parked > 0 {
        warn(format_args!("{parked} units were given up: the stream KEYSIFT_PARKED lists them"));
    }
    if !stop.is_asked() {
        store.end_run(&run).map_err(|e| failed(&e))?;
    }
    tell::after_run(&store, settings, &arguments.gate, stop.is_asked())
}
