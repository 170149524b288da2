//! Buckets, against servers that speak like the real ones: moto for S3, Azurite for Azure. Google's listing is that of S3 but for
//! who asks, so moto stands in for it.

use crate::moto::{not_done, program};
use crate::support::{Run, Tree, github_token};
use crate::texts::{said, zip};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    port: u16,
    client: reqwest::blocking::Client,
    pub(crate) tree: Tree,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(command: &mut Command, port: u16, tree: Tree) -> Result<Self, String> {
        let child = command.current_dir(tree.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|e| e.to_string())?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder().no_proxy().build().map_err(|e| e.to_string())?;
        let server = Self { child, port, client, tree };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err("the server does not come up".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub(crate) fn moto() -> Result<Self, String> {
        let program = program()?;
        let port = port();
        let server = Self::start(Command::new(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]), port, Tree::new())?;
        server.put("", b"");
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts an object into the bucket, or makes the bucket.
    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        let request = self.client.put(format!("{}/acme/{key}", self.url())).body(content.to_vec());
        Self::change(request.header("x-amz-acl", "public-read"));
    }

    pub(crate) fn delete(&self, key: &str) {
        Self::change(self.client.delete(format!("{}/acme/{key}", self.url())));
    }

    /// As the account, which moto asks no signature of.
    fn change(request: reqwest::blocking::RequestBuilder) {
        let who = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
        let answer = request.header("authorization", who).send().expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    fn command(&self, store: &str, arguments: &[&str]) -> Command {
        let url = self.url();
        self.command_of(&[&["run", "--store", store, "--fail-on", "none", "--endpoint", &url], arguments].concat())
    }

    /// `keysift audit …` with credentials.
    pub(crate) fn command_of(&self, arguments: &[&str]) -> Command {
        let mut command = self.tree.command(&[&["audit"], arguments].concat());
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "GOOGLE_APPLICATION_CREDENTIALS"] {
            command.env_remove(name);
        }
        command.env("AWS_ACCESS_KEY_ID", "made-up").env("AWS_SECRET_ACCESS_KEY", "made-up").env("AWS_REGION", "us-east-1");
        command.env("GOOGLE_SKIP_SIGNATURE", "true");
        command
    }

    pub(crate) fn audit(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command_of(arguments), b"", &self.tree)
    }

    pub(crate) fn run(&self, store: &str, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(store, arguments), b"", &self.tree)
    }

    /// The ways to what a store knows.
    pub(crate) fn found(&self, store: &str) -> BTreeSet<String> {
        let run = self.tree.run(&["audit", "report", "--store", store, "--min-confidence", "low", "-f", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.printed()));
        let all = report["findings"].as_array().expect("findings").clone();
        all.iter()
            .map(|f| {
                let members = f["location"]["container"].as_array().into_iter().flatten().filter_map(Value::as_str);
                members.fold(f["location"]["path"].as_str().expect("a path").to_owned(), |way, m| format!("{way}!{m}"))
            })
            .collect()
    }

    /// Objects that the last scan read, and what is not looked at.
    pub(crate) fn scan(&self, store: &str) -> (i64, String, String) {
        let store = rusqlite::Connection::open(self.tree.join(store)).expect("a store");
        store
            .query_row("SELECT blobs, skipped, excluded FROM scans", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("a scan")
    }
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

#[test]
fn a_bucket_is_read_once_and_again_where_it_changed() {
    let server = match Server::moto() {
        Ok(server) => server,
        Err(why) => return not_done(&why),
    };
    server.put("logs/2026/app.log", said("log").as_bytes());
    server.put("logs/2026/plain.txt", b"nothing\n");
    server.put("logs/backup.zip", &zip(&[("conf/app.env", &said("zip"))]));
    server.put("logs/vendor/x.txt", said("vendor").as_bytes());
    server.put("logs/large.bin", &vec![b'x'; 300_000]);
    server.put("logs/folder/", b"");
    // What nobody decodes to its end is a gap of its own, and of no other key that begins like it.
    let nested = (0..12).fold("a text".to_owned(), |text, _| base64::engine::general_purpose::STANDARD.encode(text));
    server.put("logs/2026/plain.txt.deep", nested.as_bytes());
    server.put("other/secret.txt", said("other").as_bytes());
    // A key that cannot be named hides no other.
    server.put("logs/a//b", said("unnamed").as_bytes());
    let arguments = ["s3://acme/logs/", "--exclude", "**/vendor/**", "--max-file-size", "200kB"];
    let run = server.run("a.db", &arguments);
    assert_eq!(run.code, 3, "{}", run.printed());
    let expected = BTreeSet::from(["logs/2026/app.log", "logs/backup.zip!conf/app.env"].map(str::to_owned));
    assert_eq!(server.found("a.db"), expected, "{}", run.printed());
    let (read, skipped, excluded) = server.scan("a.db");
    assert_eq!(read, 4, "{skipped}");
    assert!(skipped.contains("too_deep") && skipped.contains("[\"logs/2026/plain.txt.deep\"]"), "{skipped}");
    assert!(skipped.contains("too_large") && skipped.contains("logs/large.bin"), "{skipped}");
    assert!(skipped.contains("unreadable") && skipped.contains("logs/a//b"), "{skipped}");
    assert!(excluded.contains("logs/vendor/x.txt"), "{excluded}");
    let report = server.tree.run(&["audit", "report", "--store", "a.db", "-f", "json"]);
    assert!(report.stdout.contains("\"s3://acme/logs/2026/app.log\""), "{}", report.stdout);

    // Nothing is new.
    server.run("a.db", &arguments);
    assert_eq!(server.scan("a.db").0, 0);
    assert_eq!(server.found("a.db"), expected);

    // One changes, one goes, one comes.
    server.put("logs/2026/plain.txt", said("changed").as_bytes());
    server.put("logs/2026/app.log", b"clean now, and of another length\n");
    server.put("logs/new.txt", said("new").as_bytes());
    server.delete("logs/backup.zip");
    server.run("a.db", &arguments);
    assert_eq!(server.scan("a.db").0, 3);
    assert_eq!(server.found("a.db"), BTreeSet::from(["logs/2026/plain.txt", "logs/new.txt"].map(str::to_owned)));

    // Only what is asked for; a bucket that is not there is told.
    let run = server.run("b.db", &["s3://acme", "--include-object", "other/*"]);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(server.found("b.db"), BTreeSet::from(["other/secret.txt".to_owned()]));
    let run = server.run("c.db", &["s3://nothing-here"]);
    assert_eq!(run.code, 3, "{}", run.printed());
    assert!(run.stdout.contains("1 not visible") && !run.printed().contains("made-up"), "{}", run.printed());
    assert!(run.stdout.contains("The specified bucket does not exist") && !run.stdout.contains('<'), "{}", run.stdout);

    // Google's list is the same.
    let run = server.run("g.db", &["gs://acme/other/"]);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(server.found("g.db"), BTreeSet::from(["other/secret.txt".to_owned()]));
}

#[test]
fn a_killed_audit_of_a_bucket_goes_on_behind_the_last_key() {
    let server = match Server::moto() {
        Ok(server) => server,
        Err(why) => return not_done(&why),
    };
    for n in 0..350 {
        let text = if n % 50 == 7 { said(&format!("n{n}")) } else { format!("object {n}\n") };
        server.put(&format!("o{n:04}.txt"), text.as_bytes());
    }
    let arguments = ["s3://acme"];
    let mut child = server.command("a.db", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let last = || {
        let store = rusqlite::Connection::open(server.tree.join("a.db")).ok()?;
        store.busy_timeout(Duration::from_secs(5)).ok()?;
        store.query_row("SELECT last FROM buckets", [], |row| row.get::<_, String>(0)).ok()
    };
    let begin = Instant::now();
    let reached = loop {
        if let Some(last) = last() {
            break last;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is kept");
        std::thread::sleep(Duration::from_millis(2));
    };
    // SIGKILL, which nobody can catch.
    let _ = child.kill();
    child.wait().expect("it ends");
    assert!(reached.as_str() < "o0349.txt", "it was killed midway");
    // What was looked at is not asked for again: it may even be gone.
    server.delete("o0007.txt");
    let run = server.run("a.db", &arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(server.scan("a.db").0, 350, "each is read once");
    let found = server.found("a.db");
    let expected: BTreeSet<String> = (0..350).filter(|n| n % 50 == 7).map(|n| format!("o{n:04}.txt")).collect();
    assert_eq!(found, expected);
    let runs: i64 = rusqlite::Connection::open(server.tree.join("a.db"))
        .and_then(|c| c.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)))
        .expect("runs");
    assert_eq!(runs, 1);
    // The next audit sees that it is gone.
    server.run("a.db", &arguments);
    assert_eq!(server.scan("a.db").0, 0);
    assert!(!server.found("a.db").contains("o0007.txt"));
}

#[test]
fn a_bucket_without_tls_is_asked_on_this_machine_alone() {
    let tree = Tree::new();
    let run = tree.run(&["audit", "plan", "--store", "a.db", "s3://acme", "--endpoint", "http://minio.example:9000"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("must begin with https://, unless --allow-http is given"), "{}", run.stderr);
    let run = tree.run(&["audit", "plan", "--store", "a.db", "ftp://acme"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("is no bucket"), "{}", run.stderr);
    let run = tree.run(&["audit", "plan", "--store", "a.db", "s3://acme/x", "az://acme"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "2 repositories to look at\n"), "{}", run.stderr);
}

/// The account that Azurite has, which its manual publishes: <https://github.com/Azure/Azurite#default-storage-account>.
const ACCOUNT: &str = "devstoreaccount1";

fn azurite() -> Result<Server, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("azurite");
    let program = folder.join("node_modules/.bin/azurite-blob");
    if !program.exists() {
        if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
            return Err("KEYSIFT_SLOW_TESTS=1 installs Azurite and runs this test".to_owned());
        }
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let done = Command::new("npm")
            .args(["install", "--silent", "--no-save", "azurite@3.37.0"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("npm: {e}"))?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
    }
    let port = port();
    let mut command = Command::new(program);
    command.args(["--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    // An account of the test's own: no published key stands here.
    command.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", key()));
    Server::start(&mut command, port, Tree::new())
}

/// A made-up key of the form that Azure gives.
fn key() -> String {
    base64::engine::general_purpose::STANDARD.encode([7_u8; 64])
}

/// Puts something into Azurite, signed: <https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key>.
fn put_blob(server: &Server, path: &str, query: &str, content: &[u8]) {
    let (version, date) = ("2021-08-06", "Thu, 01 Jan 2026 00:00:00 GMT");
    let length = if content.is_empty() { String::new() } else { content.len().to_string() };
    let (kind, kind_header) = if query.is_empty() { ("x-ms-blob-type:BlockBlob\n", true) } else { ("", false) };
    let canonical_query = query.split_once('=').map_or_else(String::new, |(name, value)| format!("\n{name}:{value}"));
    let signed = format!(
        "PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{kind}x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}{path}{canonical_query}"
    );
    let key = base64::engine::general_purpose::STANDARD.decode(key()).expect("a key");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
    mac.update(signed.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let mut request = server
        .client
        .put(format!("{}/{ACCOUNT}{path}{query}", server.url()))
        .header("x-ms-date", date)
        .header("x-ms-version", version)
        .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
        .body(content.to_vec());
    if kind_header {
        request = request.header("x-ms-blob-type", "BlockBlob");
    }
    let answer = request.send().expect("an answer");
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status}: {}", answer.text().unwrap_or_default());
}

#[test]
fn a_container_of_azure_is_read_once() {
    let server = match azurite() {
        Ok(server) => server,
        Err(why) => return not_done(&why),
    };
    put_blob(&server, "/acme", "restype=container", b"");
    put_blob(&server, "/acme/a/one.txt", "", format!("token = \"{}\"\n", github_token("azure")).as_bytes());
    put_blob(&server, "/acme/a/two.txt", "", b"nothing\n");
    put_blob(&server, "/acme/b.txt", "", said("b").as_bytes());
    let endpoint = format!("{}/{ACCOUNT}", server.url());
    let run = || {
        let all = ["audit", "run", "--store", "a.db", "--fail-on", "none", "--endpoint", &endpoint, "az://acme/a/"];
        let mut command = server.tree.command(&all);
        command.env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT).env("AZURE_STORAGE_ACCOUNT_KEY", key());
        Run::of(&mut command, b"", &server.tree)
    };
    let first = run();
    assert_eq!(first.code, 0, "{}", first.printed());
    assert_eq!(server.found("a.db"), BTreeSet::from(["a/one.txt".to_owned()]));
    assert_eq!(server.scan("a.db").0, 2);
    let again = run();
    assert_eq!((again.code, server.scan("a.db").0), (0, 0), "{}", again.printed());
}
