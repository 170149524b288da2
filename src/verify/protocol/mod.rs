//! What a declarative request cannot say: signed requests, and services that do not speak HTTP.
//!
//! - `aws_sts`: AWS signatures, `GetCallerIdentity`
//! - `sigv4`: Signature Version 4
//! - `database`: what the databases share: connection strings, streams
//! - `postgres`, `mysql`, `mongodb`, `redis`, `amqp`: a login, and goodbye

pub mod aws_sts;
pub mod sigv4;

use super::Asker;
use super::plan::Way;
use crate::finding::group::MATCH;
use crate::finding::{Beside, Secret, Verification};
use crate::rule::format::verify::Protocol;

/// The hosts that a protocol asks without the user's word.
#[must_use]
pub const fn hosts(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::AwsSts => &aws_sts::HOSTS,
        _ => &[],
    }
}

/// The sets of values that a protocol needs, of what stands beside a secret.
///
/// # Errors
/// The name of what is missing.
pub(super) fn values(protocol: Protocol, beside: &Beside) -> Result<Vec<Beside>, &'static str> {
    match protocol {
        Protocol::AwsSts => aws_sts::values(beside),
        _ => beside.iter().find(|(name, _)| *name == MATCH).map(|found| vec![vec![found.clone()]]).ok_or("host"),
    }
}

/// Asks about `secret` as `way` says.
pub(super) async fn ask(asker: &Asker, protocol: Protocol, secret: &Secret, way: &Way) -> Verification {
    match protocol {
        Protocol::AwsSts => aws_sts::ask(asker, secret, way).await,
        _ => Verification::of(crate::finding::Status::NotChecked),
    }
}
