//! What a server sends, read by a thread of its own, so that a wish to stop and a limit on silence count while it is awaited.

use super::RemoteError;
use crate::source::Stop;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a wish to stop is looked for.
const TICK: Duration = Duration::from_millis(50);
/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// The first thing that went wrong. Errors pass through code that only knows them as text: what they were is kept here.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<RemoteError>>>);

impl Trouble {
    /// Notes what went wrong, if nothing did before, and gives an error to return.
    pub(super) fn note(&self, error: RemoteError) -> io::Error {
        let text = error.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        io::Error::other(text)
    }

    /// What went wrong.
    pub(super) fn take(&self) -> Option<RemoteError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is awaited: a wish to stop ends it, and so does silence.
#[derive(Clone)]
pub(super) struct Patience<'a> {
    /// Whose silence it is.
    pub url: String,
    pub stop: &'a Stop,
    pub silence: Duration,
    pub trouble: Trouble,
}

impl Patience<'_> {
    /// The next thing; `None` at the end.
    pub(super) fn receive<T>(&self, from: &Receiver<T>) -> io::Result<Option<T>> {
        let start = Instant::now();
        loop {
            match from.recv_timeout(TICK) {
                Ok(value) => return Ok(Some(value)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.stop.is_asked() => {
                    return Err(self.trouble.note(RemoteError::Interrupted));
                }
                Err(RecvTimeoutError::Timeout) if start.elapsed() >= self.silence => return Err(self.silent()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The error of a server that stays silent.
    pub(super) fn silent(&self) -> io::Error {
        self.trouble.note(RemoteError::Silent { url: self.url.clone(), seconds: self.silence.as_secs() })
    }
}

/// Bytes that another thread reads.
pub(super) struct Incoming<'a> {
    chunks: Receiver<io::Result<Vec<u8>>>,
    patience: Patience<'a>,
    chunk: Vec<u8>,
    at: usize,
}

impl<'a> Incoming<'a> {
    /// A reader and what fills it.
    pub(super) fn pair(patience: Patience<'a>) -> (SyncSender<io::Result<Vec<u8>>>, Self) {
        let (sender, chunks) = sync_channel(4);
        (sender, Self { chunks, patience, chunk: Vec::new(), at: 0 })
    }
}

/// Sends all of `source`; ends early where nobody wants it any more.
pub(super) fn pump(source: &mut dyn Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let sent = match source.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => {
                chunk.truncate(n);
                to.send(Ok(chunk)).is_ok()
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => true,
            Err(e) => {
                let _ = to.send(Err(e));
                return;
            }
        };
        if !sent {
            return;
        }
    }
}

impl BufRead for Incoming<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.chunk.len() {
            match self.patience.receive(&self.chunks)? {
                Some(chunk) => (self.chunk, self.at) = (chunk?, 0),
                None => return Ok(&[]),
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buffer.len());
        buffer[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
