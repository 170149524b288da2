//! Repositories on other machines: fetched in process over https, or through `ssh`.
//!
//! Nothing of git's own configuration counts: no config, no credential helper, no proxy command, no hook. Credentials come from
//! the environment, belong to one host, and go to no other one.
//!
//! - `credentials`: which variable's token belongs to which host
//! - `stream`: what a server sends, with a limit on its silence
//! - `http`, `ssh`: the two ways to a server
//! - `session`: a conversation with a server
//! - `visit`: a whole repository, fetched into a folder, again and again
//! - `clone`: the same, in a folder that goes away
//! - `missing`: what a shallow or partial clone lacks

pub mod clone;
pub mod credentials;
mod http;
pub mod missing;
mod session;
mod ssh;
mod stream;
mod visit;

pub use clone::TemporaryClone;
pub use credentials::Credentials;
pub(crate) use http::{causes, client as http_client, is_loopback, same_server};
pub use session::{RemoteRef, remote_refs};
pub use visit::{Visit, tips_in};

use crate::source::Stop;
use std::time::Duration;

/// How the network is used.
#[derive(Clone, Copy)]
pub struct Network<'a> {
    pub credentials: &'a Credentials<'a>,
    pub limits: Limits,
    /// Ends what is under way within a fraction of a second.
    pub stop: &'a Stop,
}

/// How long a server may keep us waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until it accepts a connection.
    pub connect: Duration,
    /// Between two pieces of what it sends.
    pub silence: Duration,
}

impl Default for Limits {
    /// git's servers tell that they are still alive every five seconds.
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), silence: Duration::from_secs(60) }
    }
}

/// Why something could not be fetched. No message holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("{0} asks for credentials: give a token that may read it in KEYSIFT_GIT_TOKEN")]
    CredentialsNeeded(String),
    #[error("{0} asks for credentials, which go over https alone")]
    CredentialsInTheClear(String),
    #[error("{url} does not accept the token of {variable}")]
    CredentialsRefused { url: String, variable: &'static str },
    #[error("{0} is not there, or may only be seen with credentials (KEYSIFT_GIT_TOKEN)")]
    NotFound(String),
    #[error("{url} answered with HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} redirects to {to}, which is not followed: name that URL if it is right")]
    Redirect { url: String, to: String },
    #[error("{url} cannot be reached: {cause}")]
    Unreachable { url: String, cause: String },
    #[error("{url} sent nothing for {seconds} seconds")]
    Silent { url: String, seconds: u64 },
    #[error("{url} no longer has what is missing")]
    Gone { url: String },
    #[error("{url}: {cause}")]
    Protocol { url: String, cause: String },
    #[error("{path}: {cause}")]
    Local { path: String, cause: std::io::Error },
    #[error("{0} stands in the repository's config, for which no `ssh` is started: name it on the command line")]
    SshNotTyped(String),
    #[error("interrupted")]
    Interrupted,
}
