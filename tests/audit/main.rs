//! Audits as a user runs them: made-up organizations behind a git server on this machine.

#![cfg(feature = "audit")]

#[path = "../support/git_server.rs"]
mod git_server;
#[path = "../support/openapi.rs"]
mod github_description;
#[path = "../support/moto.rs"]
mod moto;
#[path = "../support/mod.rs"]
mod support;

mod again;
mod asked;
mod buckets;
mod fake_forge;
mod first;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(feature = "fleet")]
mod fleet_beside;
mod forges;
mod github;
mod kept;
mod killed;
mod measure;
mod organization;
mod people;
#[path = "../verify/fake.rs"]
#[allow(dead_code, unreachable_pub, reason = "modules of a test")]
mod provider;
mod scale;
mod texts;
mod texts_elsewhere;
mod told;
