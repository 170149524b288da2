//! A forge on this machine: it says what a test makes it say, and keeps what it was asked.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What it was asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Asked {
    /// A header of the request.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What it says.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
    /// In place of the body.
    bytes: Option<Vec<u8>>,
}

impl Reply {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body, bytes: None }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(json!({"message": "no"})) }
    }

    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes), ..Self::ok(Value::Null) }
    }

    pub(crate) fn saying(self, body: Value) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a name for the answer: whoever knows it already is told so.
    pub(crate) fn named(self, asked: &Asked) -> Self {
        let etag = format!("\"{}\"", &blake3::hash(self.body.to_string().as_bytes()).to_hex()[..8]);
        let is_known = asked.header("if-none-match") == etag;
        let this = if is_known { Self { status: 304, ..self } } else { self };
        this.with("etag", &etag)
    }
}

pub(crate) struct Fake {
    port: u16,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// A forge that answers as `says` does; it is given its own address, the request, and how often that was asked before.
    pub(crate) fn start(says: impl Fn(&str, &Asked, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(asked) = read(&stream) else { continue };
                let before = log.lock().unwrap().iter().filter(|a| a.target == asked.target).count();
                log.lock().unwrap().push(asked.clone());
                let reply = says(&format!("http://127.0.0.1:{port}"), &asked, before);
                let body = match reply.bytes {
                    Some(bytes) => bytes,
                    None if reply.status == 304 => Vec::new(),
                    None => reply.body.to_string().into_bytes(),
                };
                let mut text = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\nconnection: close\r\n", reply.status, body.len());
                text.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
                let _ = (&stream).write_all(&[format!("{text}\r\n").as_bytes(), &body].concat());
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that it was asked so far; from then on it is counted anew.
    pub(crate) fn taken(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|a| a.target.clone()).collect()
    }

    /// A header of the first request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.seen.lock().unwrap()[0].headers.get(name).cloned()
    }
}

fn read(stream: &std::net::TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
