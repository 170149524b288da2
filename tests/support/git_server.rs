//! A git server on this machine: enough of HTTP to run `git upload-pack` behind it, with and without TLS, and with all that
//! can be wrong with a server.

#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What a server does.
#[derive(Clone, Default)]
pub struct Manners {
    /// The basic credentials that it asks for: `user:token`.
    pub account: Option<String>,
    /// Where it sends whoever asks for `/moved/…`, once it knows who it is.
    pub redirect: Option<String>,
    /// It closes the connection in the middle of a pack.
    pub truncates: bool,
    /// It answers no request for a pack.
    pub hangs: bool,
    /// It answers nothing at all.
    pub silent: bool,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Seen {
    pub target: String,
    pub authorization: Option<String>,
}

/// A running server. Its threads end with the test.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves the repositories in `root` over http.
    pub fn start(root: &Path, manners: Manners) -> Self {
        Self::run(root, manners, None)
    }

    /// Serves them over https; gives the certificate to trust too, as PEM.
    pub fn start_tls(root: &Path, manners: Manners) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a configuration");
        (Self::run(root, manners, Some(Arc::new(config))), made.cert.pem())
    }

    fn run(root: &Path, manners: Manners, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::default());
        let log = Arc::clone(&seen);
        let root = root.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, manners, tls, log) = (root.clone(), manners.clone(), tls.clone(), Arc::clone(&log));
                std::thread::spawn(move || {
                    let conversation = Conversation { root, manners, log };
                    match tls {
                        None => conversation.answer(stream),
                        Some(config) => {
                            let connection = rustls::ServerConnection::new(config).expect("a connection");
                            let mut stream = rustls::StreamOwned::new(connection, stream);
                            conversation.answer(&mut stream);
                            stream.conn.send_close_notify();
                            let _ = stream.flush();
                        }
                    }
                });
            }
        });
        Self { port, seen }
    }

    /// All that it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panicked here").clone()
    }
}

struct Conversation {
    root: PathBuf,
    manners: Manners,
    log: Arc<Mutex<Vec<Seen>>>,
}

struct Request {
    target: String,
    authorization: Option<String>,
    protocol: String,
    body: Vec<u8>,
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut request = Request { target, authorization: None, protocol: String::new(), body: Vec::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "git-protocol" => value.trim().clone_into(&mut request.protocol),
            _ => {}
        }
    }
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}

impl Conversation {
    /// Answers one request after another: servers keep connections, which is most of what a question costs.
    fn answer(&self, mut stream: impl Read + Write) {
        while let Some(request) = read(&mut stream) {
            if !self.answer_one(&mut stream, &request) {
                break;
            }
        }
    }

    /// Answers a request; whether the connection is good for another one.
    fn answer_one(&self, mut stream: impl Read + Write, request: &Request) -> bool {
        self.log
            .lock()
            .expect("no test panicked here")
            .push(Seen { target: request.target.clone(), authorization: request.authorization.clone() });
        if self.manners.silent {
            return hang();
        }
        let stream = &mut stream;
        if let Some(account) = &self.manners.account {
            use base64::Engine as _;
            let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(account));
            if request.authorization.as_ref() != Some(&wanted) {
                return send(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"git\"", b"who is it?");
            }
        }
        if let (Some(to), Some(rest)) = (&self.manners.redirect, request.target.strip_prefix("/moved")) {
            return send(stream, "301 Moved Permanently", &format!("Location: {to}{rest}"), b"");
        }
        let (path, is_info) = match request.target.split_once("/info/refs?service=git-upload-pack") {
            Some((path, "")) => (path, true),
            _ => (request.target.strip_suffix("/git-upload-pack").unwrap_or_default(), false),
        };
        let folder = self.root.join(path.trim_start_matches('/'));
        if path.is_empty() || path.contains("..") || !folder.is_dir() {
            return send(stream, "404 Not Found", "", b"nothing here");
        }
        let is_fetch = memchr::memmem::find(&request.body, b"command=fetch").is_some();
        if self.manners.hangs && is_fetch {
            return hang();
        }
        let mut body = upload_pack(&folder, is_info, request);
        let kind = if is_info { "advertisement" } else { "result" };
        let kind = format!("Content-Type: application/x-git-upload-pack-{kind}");
        if self.manners.truncates && is_fetch {
            let half = body.len() / 2;
            let head = format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            body.truncate(half);
            let _ = stream.write_all(&body);
            let _ = stream.flush();
            return false;
        }
        send(stream, "200 OK", &kind, &body)
    }
}

fn hang() -> bool {
    std::thread::sleep(std::time::Duration::from_secs(60));
    false
}

/// Sends an answer; whether it went out.
fn send(stream: &mut impl Write, status: &str, header: &str, body: &[u8]) -> bool {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let head = format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\n\r\n", body.len());
    let all = [head.as_bytes(), body].concat();
    stream.write_all(&all).and_then(|()| stream.flush()).is_ok()
}

/// What git answers: <https://git-scm.com/docs/git-http-backend> does the same.
fn upload_pack(folder: &Path, is_info: bool, request: &Request) -> Vec<u8> {
    let mut command = Command::new("git");
    command.args(["-c", "uploadpack.allowFilter=true", "upload-pack", "--stateless-rpc"]);
    if is_info {
        command.arg("--advertise-refs");
    }
    let mut child = command
        .arg(folder)
        .env("GIT_PROTOCOL", &request.protocol)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let body = request.body.clone();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let out = child.wait_with_output().expect("git ends").stdout;
    writer.join().expect("the writer ends");
    let mut answer = Vec::new();
    if is_info && !request.protocol.contains("version=2") {
        answer.extend_from_slice(b"001e# service=git-upload-pack\n0000");
    }
    answer.extend_from_slice(&out);
    answer
}

/// A listener that answers nobody and notes whether anyone came.
pub struct Trap {
    pub port: u16,
    came: Arc<Mutex<usize>>,
}

impl Trap {
    pub fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let came = Arc::new(Mutex::new(0));
        let count = Arc::clone(&came);
        std::thread::spawn(move || {
            let mut kept: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().flatten() {
                *count.lock().expect("no test panicked here") += 1;
                kept.push(stream);
            }
        });
        Self { port, came }
    }

    pub fn came(&self) -> usize {
        *self.came.lock().expect("no test panicked here")
    }
}
