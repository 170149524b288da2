//! Many machines: units and results go through a NATS server, which this test starts.

use crate::organization::{Organization, SMALL, Size, dump, run_arguments};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The server: where `.ci/run` puts it, or on the PATH.
fn program() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/nats/bin/nats-server");
    let found = [here, PathBuf::from("nats-server")].into_iter().find(|p| {
        Command::new(p).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    });
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "nats-server is not there: .ci/run installs it");
        eprintln!("not done: nats-server is not there; .ci/run installs it");
    }
    found
}

pub(crate) struct Nats {
    program: PathBuf,
    port: u16,
    folder: PathBuf,
    child: Child,
}

impl Nats {
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = program()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let child = run(&program, port, folder);
        Some(Self { program, port, folder: folder.to_owned(), child })
    }

    /// Kills it, and starts it again with what it had stored.
    fn restart(&mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("it ends");
        self.child = run(&self.program, self.port, &self.folder);
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &Path, port: u16, folder: &Path) -> Child {
    let child = Command::new(program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed().as_secs() < 20, "nats-server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// What a store holds, but what stays on the machine of a worker.
fn shared(store: &Path) -> BTreeSet<String> {
    dump(store).into_iter().filter(|line| !line.starts_with("clean ")).collect()
}

fn worker(organization: &Organization, url: &str, mirrors: Option<&str>) -> Child {
    let mut command = organization.command(&["worker", "--queue", url, "--until-empty", "--ack-wait", "3", "--fetchers", "2"]);
    if let Some(folder) = mirrors {
        command.args(["--mirrors-dir", folder]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// How many units are done.
fn done(organization: &Organization, store: &str) -> i64 {
    let count = rusqlite::Connection::open(organization.tree.join(store))
        .and_then(|c| c.query_row("SELECT count(*) FROM units WHERE state = 'done'", [], |row| row.get(0)));
    count.unwrap_or(0)
}

#[test]
fn a_worker_does_what_one_machine_does() {
    let organization = Organization::new(SMALL);
    fs::create_dir_all(organization.tree.join("nats")).expect("a folder");
    let Some(nats) = Nats::start(&organization.tree.join("nats")) else { return };
    let url = nats.url();
    let plan = ["plan", "--store", "fleet.db", "--urls", "list", "--queue", &url];
    let first = organization.audit(&plan);
    assert!(first.code == 0 && first.stdout.contains("8 units published"), "{}", first.printed());
    let again = organization.audit(&plan);
    assert!(again.stdout.contains("0 units published"), "{}", again.printed());
    let mut child = worker(&organization, &url, Some("mirrors"));
    let collected = organization.audit(&["collect", "--store", "fleet.db", "--queue", &url, "--until-done"]);
    assert_eq!(collected.code, 1, "{}", collected.printed());
    assert!(child.wait().expect("it ends").success());
    organization.audit(&run_arguments("alone.db", None));
    assert_eq!(shared(&organization.tree.join("fleet.db")), shared(&organization.tree.join("alone.db")));
    // The worker remembers beside its mirrors what the store knows.
    let count = |file: &str, sql: &str| -> i64 {
        let store = rusqlite::Connection::open(organization.tree.join(file)).expect("it is there");
        store.query_row(sql, [], |row| row.get(0)).expect("a number")
    };
    let known = count("alone.db", "SELECT count(*) FROM clean_objects");
    assert_eq!(count("mirrors/known-clean.db", "SELECT count(*) FROM clean"), known);
    assert!(known > 0 && count("fleet.db", "SELECT count(*) FROM clean_objects") == 0);
    // A worker with other rules does nothing.
    let more = organization.audit(&["plan", "--store", "fleet.db", "--urls", "list", "--queue", &url]);
    assert!(more.stdout.contains("8 units published"), "{}", more.printed());
    let other = organization.audit(&["worker", "--queue", &url, "--until-empty", "--exclude-rule", "generic-*"]);
    assert!(other.code == 2 && other.stderr.contains("other rules"), "{}", other.printed());
    // Nothing has changed: a question each.
    let before = organization.server.seen().len();
    let mut child = worker(&organization, &url, Some("mirrors"));
    organization.audit(&["collect", "--store", "fleet.db", "--queue", &url, "--until-done"]);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(organization.server.seen().len() - before, 2 * SMALL.repositories);
    let refused = organization.audit(&["worker", "--queue", "nats://ada:hidden@127.0.0.1:1"]);
    assert!(refused.code == 2 && !refused.printed().contains("hidden"));
}

/// Four workers, two killed and the server restarted midway: the store is that of one machine.
#[test]
fn workers_die_and_the_server_restarts() {
    let slow = std::env::var_os("KEYSIFT_SLOW_TESTS").is_some();
    let size = if slow {
        Size { repositories: 120, forks: 24, secrets: 160, commits: 40, bytes: 20_000 }
    } else {
        Size { repositories: 30, forks: 6, secrets: 40, commits: 10, bytes: 6000 }
    };
    let organization = Organization::new(size);
    fs::create_dir_all(organization.tree.join("nats")).expect("a folder");
    let Some(mut nats) = Nats::start(&organization.tree.join("nats")) else { return };
    let url = nats.url();
    let plan = organization.audit(&["plan", "--store", "fleet.db", "--urls", "list", "--queue", &url]);
    assert_eq!(plan.code, 0, "{}", plan.printed());
    let mut workers: Vec<Child> = (0..4).map(|_| worker(&organization, &url, None)).collect();
    let mut collect = organization.command(&["collect", "--store", "fleet.db", "--queue", &url, "--until-done"]);
    let collector = collect.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let start = Instant::now();
    let midway = |part: i64| {
        let all = i64::try_from(size.repositories).expect("it is small");
        while done(&organization, "fleet.db") * 10 < all * part {
            assert!(start.elapsed().as_secs() < 120, "{} done", done(&organization, "fleet.db"));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    midway(1);
    for worker in &mut workers[..2] {
        worker.kill().expect("it runs");
        worker.wait().expect("it ends");
    }
    midway(3);
    nats.restart();
    let out = collector.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(1), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    for worker in &mut workers[2..] {
        assert!(worker.wait().expect("it ends").success());
    }
    organization.audit(&run_arguments("alone.db", None));
    let (fleet, alone) = (shared(&organization.tree.join("fleet.db")), shared(&organization.tree.join("alone.db")));
    let differ: Vec<&String> = fleet.symmetric_difference(&alone).take(5).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
