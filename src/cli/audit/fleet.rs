//! `keysift audit worker` and `collect`: an audit on many machines.

use super::run::{Beside, GateFlags, WorkFlags, settings, with_how};
use super::{StoreFlags, tell};
use crate::audit::fleet::{FleetQueue, Login, Server, collect as collect_results};
use crate::audit::forge::app::App;
use crate::audit::forge::github;
use crate::audit::lore::{Lore, Memory, NoLore};
use crate::audit::run::work;
use crate::audit::store::Access;
use crate::cli::common::{RuleFlags, Settings};
use crate::cli::messages::warn;
use crate::cli::run::interruptible;
use crate::cli::usage_error;
use crate::config::discover::Home;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// `keysift audit worker …`
#[derive(Debug, Args)]
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
    work: WorkFlags,
}

/// `keysift audit collect …`
#[derive(Debug, Args)]
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
    let env = |name: &str| std::env::var(name).ok();
    let api = env("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
    let app = App::of(&env, &api, github::HEADERS).map_err(|e| usage_error(&e))?;
    let memory = match &flags.mirrors_dir {
        Some(mirrors) => Some(Memory::open(mirrors, &settings.catalogue().key).map_err(|e| failed(&e))?),
        None => None,
    };
    let lore = memory.as_ref().map_or(&NoLore as &dyn Lore, |memory| memory);
    let beside = Beside { app: app.map(Arc::new), ..Beside::default() };
    let done = with_how(flags, &settings, lore, folder, &beside, false, stop, |how, threads| {
        let queue = FleetQueue::open(&server, how.catalogue, &settings.key.id(), ack_wait, arguments.until_empty)?;
        work(&queue, how, threads)
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
