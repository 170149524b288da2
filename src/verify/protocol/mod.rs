//! What a declarative request cannot say: signed requests, and services that do not speak HTTP.
//!
//! - `aws_sts`: AWS signatures, `GetCallerIdentity`
//! - `sigv4`: Signature Version 4
//! - `database`: what the databases share: connection strings, streams
//! - `scram`: a way to log in that some of them share
//! - `postgres`, `mysql`, `mongodb`, `redis`, `amqp`: a login, and goodbye

mod amqp;
pub mod aws_sts;
mod database;
mod mongodb;
mod mysql;
mod postgres;
mod redis;
mod scram;
pub mod sigv4;

use super::Asker;
use super::plan::Way;
use crate::finding::group::MATCH;
use crate::finding::{Beside, Secret, Verification};
use crate::rule::format::verify::Protocol;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256, zeroed when it goes: keys are made of it.
fn hmac(key: &[u8], text: &[u8]) -> Zeroizing<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    Zeroizing::new(mac.chain_update(text).finalize().into_bytes().into())
}

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
        Protocol::Postgres => postgres::ask(asker, secret, way).await,
        Protocol::Mysql => mysql::ask(asker, secret, way).await,
        Protocol::Mongodb => mongodb::ask(asker, secret, way).await,
        Protocol::Redis => redis::ask(asker, secret, way).await,
        Protocol::Amqp => amqp::ask(asker, secret, way).await,
    }
}
