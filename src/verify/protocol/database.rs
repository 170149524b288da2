//! What the databases share: connection strings, streams, and what is told of a login.

use crate::finding::group::MATCH;
use crate::finding::{Secret, Status, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::{Failure, hosts};
use crate::verify::plan::Way;
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// The longest message that is read: a login needs little.
const MAX_MESSAGE: usize = 64 << 10;

/// Where a connection string leads, and who logs in.
pub(super) struct Target {
    pub scheme: String,
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Zeroizing<Vec<u8>>,
    /// What stands behind the host, without `/`.
    pub database: String,
    pub options: BTreeMap<String, String>,
}

impl Target {
    /// Reads `scheme://user:secret@host:port/database?options` around the secret of `way`.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn of(secret: &Secret, way: &Way, default_port: u16) -> Result<Self, Failure> {
        let missing = |what: &str| Failure::new(Doubt::CompanionMissing, what);
        let text = way.values.iter().find(|(name, _)| *name == MATCH).map(|(_, v)| v.expose()).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| missing("the text is no connection string"))?;
        let secret = std::str::from_utf8(secret.expose()).map_err(|_| missing("the password is no text"))?;
        let mark = Zeroizing::new(format!(":{secret}@"));
        let (before, after) = text.split_once(mark.as_str()).ok_or_else(|| missing("a host behind the password"))?;
        let (scheme, user) = before.split_once("://").ok_or_else(|| missing("a scheme"))?;
        let (place, options) = after.split_once('?').unwrap_or((after, ""));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        // Of several hosts the first: they are one database.
        let first = hosts.split(',').next().unwrap_or_default();
        let allowed = hosts::Allowed::parse(first).map_err(|_| missing("a host behind the password"))?;
        let options = options.split('&').filter_map(|pair| pair.split_once('='));
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: allowed.host,
            port: allowed.port.unwrap_or(default_port),
            user: String::from_utf8_lossy(&percent_decoded(user)).into_owned(),
            password: percent_decoded(secret),
            database: String::from_utf8_lossy(&percent_decoded(database)).into_owned(),
            options: options.map(|(name, value)| (name.to_ascii_lowercase(), value.to_ascii_lowercase())).collect(),
        })
    }

    /// What is told of a login that worked.
    pub(super) fn live(&self) -> Verification {
        let mut identity = BTreeMap::from([("host".to_owned(), self.host.clone())]);
        for (name, value) in [("user", &self.user), ("database", &self.database)] {
            if !value.is_empty() {
                identity.insert(name.to_owned(), value.clone());
            }
        }
        Verification { identity, ..Verification::of(Status::Live) }
    }
}

fn percent_decoded(text: &str) -> Zeroizing<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to a database, encrypted or not.
pub(super) struct Line {
    stream: Box<dyn Duplex>,
    pub encrypted: bool,
}

impl Line {
    /// Connects, if the user allowed that.
    pub(super) async fn open(asker: &Asker, target: &Target) -> Result<Self, Failure> {
        let stream = asker.egress.connect(&target.host, target.port).await?;
        Ok(Self { stream: Box::new(stream), encrypted: false })
    }

    /// Goes on with TLS.
    pub(super) async fn encrypt(self, asker: &Asker, host: &str) -> Result<Self, Failure> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::new(Doubt::Tls, "the host has no name for TLS"))?;
        let connected = TlsConnector::from(Arc::clone(&asker.egress.tls)).connect(name, self.stream).await;
        // What rustls says of a certificate names no secret.
        let stream = connected.map_err(|e| Failure::new(Doubt::Tls, e.to_string()))?;
        Ok(Self { stream: Box::new(stream), encrypted: true })
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).await.map_err(|_| Failure::new(Doubt::Network, "the connection was closed"))?;
        self.stream.flush().await.map_err(|_| Failure::new(Doubt::Network, "the connection was closed"))
    }

    /// Reads `count` bytes.
    pub(super) async fn read(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        if count > MAX_MESSAGE {
            return Err(Failure::new(Doubt::UnexpectedAnswer, "a message too long for a login"));
        }
        let mut bytes = vec![0; count];
        let read = self.stream.read_exact(&mut bytes).await;
        read.map_err(|_| Failure::new(Doubt::Network, "the connection was closed"))?;
        Ok(bytes)
    }

    /// Reads to the end of a line, which is left out.
    pub(super) async fn read_line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        while line.len() < 4096 {
            let byte = self.read(1).await?[0];
            if byte == b'\n' {
                break;
            }
            line.push(byte);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// A login, in its turn and within the time for one question.
pub(super) async fn in_turn(
    asker: &Asker,
    target: &Target,
    login: impl Future<Output = Result<Verification, Failure>>,
) -> Verification {
    let _turn = match asker.turn(&target.host).await {
        Ok(turn) => turn,
        Err(failure) => return failure.into(),
    };
    match tokio::time::timeout(asker.egress.timeout, login).await {
        Ok(Ok(known)) => known,
        Ok(Err(failure)) => failure.into(),
        Err(_) => Verification::unknown(Doubt::Timeout),
    }
}

/// What is refused is dead: the server's documentation says what its refusal means.
pub(super) fn dead(why: &str) -> Verification {
    Verification { detail: Some(why.to_owned()), ..Verification::of(Status::Dead) }
}

/// A password does not leave in the clear where the server asks for that by itself.
pub(super) fn in_the_clear() -> Failure {
    Failure::new(Doubt::RefusedByPolicy, "the server asks for the password without encryption")
}
