//! A provider on this machine: https for whatever name it is asked by, under an authority made for the run.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// What the fake was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub host: String,
    pub method: String,
    pub target: String,
    /// Lower-case names, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub after: Duration,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), after: Duration::ZERO }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running fake. Its threads end with the test.
pub struct Fake {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Asked>>>,
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// One authority for all tests of the process.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "keysift tests");
    let key = KeyPair::generate().expect("a key");
    Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("an authority") }
});

/// The certificate of the authority, as PEM.
pub fn authority() -> String {
    AUTHORITY.issuer.pem()
}

/// A certificate for whatever name the client asks by, or for one name alone.
#[derive(Debug)]
struct Names {
    always: Option<String>,
    made: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = self.always.clone().unwrap_or_else(|| hello.server_name().unwrap_or("127.0.0.1").to_owned());
        let mut made = self.made.lock().expect("no test panicked here");
        Some(Arc::clone(made.entry(name.clone()).or_insert_with(|| Arc::new(certify(&name)))))
    }
}

/// A certificate and its key for `names`.
pub fn certificate(names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).expect("names");
    let certificate = params.signed_by(&key, &AUTHORITY.issuer).expect("a certificate");
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
}

fn certify(name: &str) -> CertifiedKey {
    let (certificate, key) = certificate(&[name]);
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key of a known kind");
    CertifiedKey::new(vec![certificate], key)
}

impl Fake {
    /// Answers what `answers` says.
    pub fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::run(None, Arc::new(answers))
    }

    /// Shows a certificate for `name` to whoever comes.
    pub fn with_certificate_of(name: &str) -> Self {
        Self::run(Some(name.to_owned()), Arc::new(|_| Reply::new(200, "{}")))
    }

    fn run(always: Option<String>, answers: Answers) -> Self {
        let names = Arc::new(Names { always, made: Mutex::default() });
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(names);
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, answers, log) = (Arc::clone(&config), Arc::clone(&answers), Arc::clone(&log));
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).expect("a connection");
                    let mut stream = rustls::StreamOwned::new(connection, stream);
                    while let Some(asked) = read(&mut stream) {
                        log.lock().expect("no test panicked here").push(asked.clone());
                        let reply = answers(&asked);
                        std::thread::sleep(reply.after);
                        if write(&mut stream, &reply).is_none() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// All that it was asked so far.
    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().expect("no test panicked here").clone()
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    // Byte by byte: what follows belongs to the next request.
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mut lines = BufReader::new(&head[..]).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())))
        .collect();
    let of = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let mut body = vec![0; of("content-length").and_then(|n| n.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { host: of("host").unwrap_or_default(), method, target, headers, body })
}

fn write(stream: &mut impl Write, reply: &Reply) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Fake\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&reply.body).ok()?;
    stream.flush().ok()
}
