//! How busy a first audit keeps the machine, which shows whether fetching and scanning wait for each other, and what repositories
//! cost. Where `KEYSIFT_SLOW_TESTS` or `KEYSIFT_MEASURE` is set; docs/audit-sizing.md works with these figures, taken from a release
//! build.

use crate::again::{LARGE, measured};
use crate::organization::{Organization, run_arguments};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ticks of a second, as Linux tells them.
const TICKS: f64 = 100.0;
/// The thread that looks, which does not count.
const SAMPLER: &str = "sampler";

/// What `/proc/…/stat` tells of a process or thread: its name, then its state, its parent and numbers.
fn stat(path: &str) -> Option<(String, Vec<String>)> {
    let text = fs::read_to_string(path).ok()?;
    let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
    Some((name.to_owned(), rest.split_whitespace().map(str::to_owned).collect()))
}

/// Seconds of processor time of this process with its threads, which serve git, and of all its children that have ended.
pub(crate) fn ours() -> f64 {
    let numbers = stat("/proc/self/stat").map(|(_, rest)| rest).unwrap_or_default();
    numbers.iter().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// How many threads of this process and of its children run, or could if a processor were free.
fn runnable() -> usize {
    let me = std::process::id().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    let is_ours = |pid: &String| *pid == me || stat(&format!("/proc/{pid}/stat")).is_some_and(|(_, rest)| rest[1] == me);
    let threads = |pid: String| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| stat(&task.path().join("stat").to_string_lossy()))
    };
    let pids = all.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit())).filter(is_ours);
    pids.flat_map(threads).filter(|(name, rest)| name != SAMPLER && rest[0] == "R").count()
}

#[test]
fn a_first_audit_keeps_the_machine_busy() {
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() || !cfg!(target_os = "linux") {
        return;
    }
    let organization = Organization::new(LARGE);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let done = AtomicBool::new(false);
    let idle = std::thread::scope(|scope| {
        // Processors that nobody of ours could use, at each look. Others who work here make no difference: who waits for a
        // processor is not idle.
        let look = || {
            let (mut idle, mut looks) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                idle += cores.saturating_sub(runnable());
                looks += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            f64::from(u32::try_from(idle).expect("few")) / f64::from(u32::try_from(looks * cores).expect("few"))
        };
        let sampler = std::thread::Builder::new().name(SAMPLER.to_owned()).spawn_scoped(scope, look).expect("a thread");
        let start = Instant::now();
        organization.audit(&run_arguments("a.db", Some("mirrors")));
        done.store(true, Ordering::Relaxed);
        let idle = sampler.join().expect("it looks");
        eprintln!("{} repositories: {:?}, {:.1} % of {cores} processors idle", LARGE.repositories, start.elapsed(), idle * 100.0);
        idle
    });
    assert!(idle <= 0.10, "{:.1} % of the processors were idle", idle * 100.0);
}

/// What repositories of yours cost: those in the folder that `KEYSIFT_MEASURE` names, served over smart HTTP on this machine, looked
/// at a first and a second time.
#[test]
fn repositories_of_yours() {
    let Some(folder) = std::env::var_os("KEYSIFT_MEASURE") else { return };
    let organization = Organization::of(Path::new(&folder));
    let packs: u64 = organization.names.iter().map(|name| size(&Path::new(&folder).join(name))).sum();
    for turn in ["first", "second"] {
        let (start, before) = (Instant::now(), ours());
        let processor = measured(&organization, &run_arguments("a.db", Some("mirrors")));
        let (wall, with_git) = (start.elapsed().as_secs_f64(), ours() - before);
        let store = rusqlite::Connection::open(organization.tree.join("a.db")).expect("a store");
        let (blobs, bytes): (i64, i64) =
            store.query_row("SELECT sum(blobs), sum(bytes) FROM scans", [], |row| Ok((row.get(0)?, row.get(1)?))).expect("scans");
        eprintln!(
            "{turn}: {} repositories, {:.1} MB of packs, {blobs} blobs, {:.1} MB in them: {wall:.1} s, {processor:.2} s of processor \
             time, with git's {with_git:.1} s",
            organization.names.len(),
            mega(packs),
            mega(u64::try_from(bytes).unwrap_or(0)),
        );
    }
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 100_000).unwrap_or(u32::MAX)) / 10.0
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
}
