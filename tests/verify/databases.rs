//! Logins against real servers: `PostgreSQL`, `MariaDB`, Redis and `RabbitMQ` from Debian's packages, and `FerretDB`, which speaks
//! `MongoDB`'s protocol; each on a port of this machine. Where a server is not installed the test says so, and fails under `CI=true`
//! if Debian has it.

use crate::ask::{ask, options};
use keysift::detect::Detector;
use keysift::finding::{Finding, IdentityKey, Status, Verification};
use keysift::pipeline::Collector;
use keysift::rule::RuleSet;
use keysift::rule::format::verify::Doubt;
use keysift::source::{Stop, stdin};
use keysift::verify::egress::hosts::{Allowed, Hosts};
use keysift::verify::plan;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Finds a program, in PATH or where Debian keeps it.
fn program(name: &str, more: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = more.iter().map(PathBuf::from).chain(std::env::split_paths(&path)).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Says that a test is not done; that is a failure where everything must be.
fn not_done(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("not done: {why}");
}

/// A running server in a folder of its own; both go away with the test.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Servers with children of their own are asked to stop all of them.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

fn start(mut command: Command, port: u16, folder: tempfile::TempDir) -> Server {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
    let server = Server { child, port, _folder: folder };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(60), "the server does not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
    server
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n")
}

/// What is known of the connection string in a text, with the user's word for this machine.
fn asked(text: &str, port: u16) -> Verification {
    known(text, &[&format!("127.0.0.1:{port}")])
}

fn known(text: &str, allow: &[&str]) -> Verification {
    let rules = RuleSet::built_in();
    let (detector, stop) = (Detector::new(rules.clone()), Stop::new());
    let collector = Collector::new(&detector, &stop, false, &|_, _| false);
    stdin::scan_text(text.as_bytes(), "prod.env", 0, &collector).expect("a text");
    let findings: Vec<Finding> = collector.finish(&IdentityKey::public()).findings;
    let findings: Vec<Finding> = findings.into_iter().filter(|f| f.rule.verify.is_some()).collect();
    assert_eq!(findings.len(), 1, "{text}");
    let cases = plan::cases(&findings, &rules, &IdentityKey::public(), 0);
    let mut options = options(&[], "127.0.0.1:9".parse().expect("an address"));
    options.policy.hosts = Hosts::of(&rules, allow.iter().map(|h| Allowed::parse(h).expect("a host")));
    ask(cases, options).remove(0)
}

/// The right password is live, a wrong one is `wrong`, and nobody is asked without the user's word.
fn logs_in(scheme: &str, user: &str, password: &str, database: &str, port: u16, wrong: Result<(), Doubt>) {
    let url = |password: &str| format!("DATABASE_URL={scheme}://{user}:{password}@127.0.0.1:{port}/{database}\n");
    let right = asked(&url(password), port);
    assert_eq!(right.status, Status::Live, "{right:?}");
    assert_eq!(right.identity["host"], "127.0.0.1");
    let refused = asked(&url(&crate::support::password("wrong")), port);
    match wrong {
        Ok(()) => assert_eq!(refused.status, Status::Dead, "{refused:?}"),
        Err(doubt) => assert!(refused.is_because(doubt), "{refused:?}"),
    }
    let alone = known(&url(password), &[]);
    assert!(alone.is_because(Doubt::RefusedByPolicy), "{alone:?}");
    let other_port = known(&url(password), &["127.0.0.1:1"]);
    assert!(other_port.is_because(Doubt::RefusedByPolicy), "{other_port:?}");
}

#[test]
fn postgresql() {
    let versions = ["17", "16", "15", "14", "13"].map(|v| format!("/usr/lib/postgresql/{v}/bin"));
    let folders: Vec<&str> = versions.iter().map(String::as_str).collect();
    let (Some(initdb), Some(postgres)) = (program("initdb", &folders), program("postgres", &folders)) else {
        return not_done("PostgreSQL's server is not installed (Debian: postgresql)");
    };
    for method in ["scram-sha-256", "md5", "password"] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let (password, port) = (crate::support::password(method), free_port());
        let word = folder.path().join("word");
        std::fs::write(&word, &password).expect("a file");
        // PostgreSQL does not run as root.
        let as_user = |program: &Path| {
            if is_root() {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
                command
            } else {
                Command::new(program)
            }
        };
        if is_root() {
            run(Command::new("chown").args(["-R", "65534:65534"]).arg(folder.path()));
        }
        run(as_user(&initdb)
            .arg("-D")
            .arg(&data)
            .args(["-U", "app", "-A", method, "-E", "UTF8", "--no-sync"])
            .arg("--pwfile")
            .arg(&word));
        let mut command = as_user(&postgres);
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        command.arg("-c").arg(format!("unix_socket_directories={}", folder.path().display()));
        let server = start(command, port, folder);
        // The port is open a little before logins are taken.
        std::thread::sleep(Duration::from_millis(500));
        if method == "password" {
            let text = format!("DATABASE_URL=postgres://app:{password}@127.0.0.1:{port}/postgres\n");
            let known = asked(&text, server.port);
            assert!(known.is_because(Doubt::RefusedByPolicy), "a password does not leave in the clear: {known:?}");
        } else {
            logs_in("postgres", "app", &password, "postgres", server.port, Ok(()));
            let text = format!("DATABASE_URL=postgres://app:{password}@127.0.0.1:{port}/nothere\n");
            assert_eq!(asked(&text, port).status, Status::Live, "a database that is gone does not make the login wrong");
        }
    }
}

#[test]
fn mariadb() {
    let (Some(install), Some(server)) = (program("mariadb-install-db", &[]), program("mariadbd", &[])) else {
        return not_done("MariaDB's server is not installed (Debian: mariadb-server)");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (password, port) = (crate::support::password("mariadb"), free_port());
    let sql = folder.path().join("users.sql");
    std::fs::write(&sql, format!("CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY '{password}';\nCREATE DATABASE shop;\n"))
        .expect("a file");
    let user = if is_root() { vec!["--user=root"] } else { Vec::new() };
    run(Command::new(install)
        .arg("--no-defaults")
        .args(&user)
        .arg(format!("--datadir={}", data.display()))
        .arg("--skip-test-db"));
    let mut command = Command::new(server);
    command.arg("--no-defaults").args(&user).arg(format!("--datadir={}", data.display()));
    command.arg(format!("--init-file={}", sql.display())).arg(format!("--socket={}", folder.path().join("s").display()));
    command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", &format!("--port={port}")]);
    let server = start(command, port, folder);
    logs_in("mysql", "app", &password, "shop", server.port, Err(Doubt::UnprovenNegative));
}

#[test]
fn redis() {
    let Some(server) = program("redis-server", &[]) else {
        return not_done("Redis's server is not installed (Debian: redis-server)");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (password, port) = (crate::support::password("redis"), free_port());
    let mut command = Command::new(server);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--requirepass", &password]);
    command.arg("--dir").arg(folder.path());
    let server = start(command, port, folder);
    logs_in("redis", "default", &password, "0", server.port, Ok(()));
    logs_in("redis", "", &password, "0", server.port, Ok(()));
}

/// Erlang's own daemon, which a server starts and leaves behind.
struct Epmd {
    program: PathBuf,
    port: u16,
}

impl Drop for Epmd {
    fn drop(&mut self) {
        let _ = Command::new(&self.program).args(["-port", &self.port.to_string(), "-kill"]).stdout(Stdio::null()).status();
    }
}

#[test]
fn rabbitmq() {
    let (Some(server), Some(epmd)) = (program("rabbitmq-server", &["/usr/lib/rabbitmq/bin"]), program("epmd", &[])) else {
        return not_done("RabbitMQ's server is not installed (Debian: rabbitmq-server)");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (password, port) = (crate::support::password("rabbitmq"), free_port());
    let epmd = Epmd { program: epmd, port: free_port() };
    let at = |name: &str| folder.path().join(name);
    let config = format!("default_user = app\ndefault_pass = {password}\nlisteners.tcp.1 = 127.0.0.1:{port}\n");
    std::fs::write(at("rabbitmq.conf"), config).expect("a file");
    std::fs::write(at("plugins"), "[].\n").expect("a file");
    let mut command = Command::new(server);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
    command.env("HOME", folder.path()).env("RABBITMQ_CONF_ENV_FILE", "/dev/null").env("RABBITMQ_LOGS", "-");
    for (name, file) in [
        ("RABBITMQ_MNESIA_BASE", "data"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_PID_FILE", "pid"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
    ] {
        command.env(name, at(file));
    }
    command.env("ERL_EPMD_PORT", epmd.port.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
    command.env("RABBITMQ_NODENAME", "keysift@localhost").env("RABBITMQ_DIST_PORT", free_port().to_string());
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    let server = start(command, port, folder);
    logs_in("amqp", "app", &password, "", server.port, Ok(()));
    // The same login at a virtual host that is not there: keysift does not open one.
    let text = format!("AMQP_URL=amqp://app:{password}@127.0.0.1:{port}/nothere\n");
    assert_eq!(asked(&text, port).status, Status::Live);
}

/// Not in Debian. Of the sources of `github.com/FerretDB/FerretDB@v1.24.2`: `echo v1.24.2 > build/version/version.txt`, then
/// `go install ./cmd/ferretdb`.
#[test]
fn mongodb() {
    let home = std::env::var("HOME").unwrap_or_default();
    let Some(server) = program("ferretdb", &[&format!("{home}/go/bin")]) else {
        eprintln!("not done: FerretDB is not installed (it is not in Debian)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (password, port) = (crate::support::password("mongodb"), free_port());
    let mut command = Command::new(server);
    command.args(["--handler=sqlite", "--telemetry=disable", "--debug-addr=-", "--test-enable-new-auth"]);
    command.arg(format!("--listen-addr=127.0.0.1:{port}")).arg(format!("--state-dir={}", folder.path().display()));
    command.arg(format!("--sqlite-url=file:{}/", folder.path().display()));
    command.args(["--setup-database=admin", "--setup-username=app"]).arg(format!("--setup-password={password}"));
    let server = start(command, port, folder);
    std::thread::sleep(Duration::from_millis(500));
    logs_in("mongodb", "app", &password, "admin", server.port, Ok(()));
    let text = format!("MONGO_URL=mongodb+srv://app:{password}@cluster.example.com/admin\n");
    let known = known(&text, &["cluster.example.com"]);
    assert!(known.is_because(Doubt::RefusedByPolicy), "{known:?}");
}
