//! An asynchronous runtime in a thread of its own, for threads that wait for what it does.

use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// See the top of this file. It ends with this value.
pub(super) struct Background {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Background {
    /// Starts one.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let _ = runtime.block_on(ended);
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }

    /// Runs a conversation to its end.
    pub(super) fn wait<T>(&self, conversation: impl Future<Output = T>) -> T {
        self.handle.block_on(conversation)
    }

    /// For what goes on beside.
    #[cfg(feature = "fleet")]
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
