//! A run that is killed goes on, and comes to the same.

use crate::again::LARGE;
use crate::organization::{Organization, SMALL, Size, run_arguments};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs it `times` times, killing each run at another moment, then to its end.
fn killed(organization: &Organization, store: &str, times: u64, whole: Duration) {
    let arguments = run_arguments(store, Some("killed-mirrors"));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..times {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let wait = whole.mul_f64(0.005 + f64::from(u32::try_from(state % 1000).expect("it is small")) / 1000.0 * 0.05);
        let mut child = organization.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(wait);
        // SIGKILL, which nobody can catch.
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    let run = organization.audit(&arguments);
    assert_eq!(run.code, 1, "{}", run.printed());
}

fn compare(size: Size, times: u64) {
    let organization = Organization::new(size);
    let start = Instant::now();
    let run = organization.run("calm.db", Some("mirrors"));
    assert_eq!(run.code, 1, "{}", run.printed());
    let whole = start.elapsed();
    killed(&organization, "killed.db", times, whole);
    let (calm, killed) = (organization.dump("calm.db"), organization.dump("killed.db"));
    let differ: Vec<&String> = calm.symmetric_difference(&killed).take(5).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    let found: BTreeSet<String> =
        organization.findings("killed.db").iter().filter_map(|f| f["secret_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(found.len(), organization.planted.len());
    let runs: i64 = rusqlite::Connection::open(organization.tree.join("killed.db"))
        .and_then(|c| c.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)))
        .expect("runs");
    assert_eq!(runs, 1, "each went on with the one before");
}

#[test]
fn a_few_times() {
    compare(SMALL, 5);
}

#[test]
fn twenty_times() {
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_some() {
        compare(LARGE, 20);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_so_and_goes_on() {
    let organization = Organization::new(Size { repositories: 40, forks: 0, secrets: 40, commits: 10, bytes: 4000 });
    let arguments = run_arguments("a.db", None);
    let child = organization.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let start = Instant::now();
    while organization.server.seen().len() < 8 {
        assert!(start.elapsed().as_secs() < 30);
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(done.success());
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!organization.tree.join("a.db.work").exists(), "clones do not stay");
    let run = organization.run("a.db", None);
    assert_eq!(run.code, 1, "{}", run.printed());
    organization.run("b.db", None);
    assert_eq!(organization.dump("a.db"), organization.dump("b.db"));
}
