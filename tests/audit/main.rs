//! Audits as a user runs them: made-up organizations behind a git server on this machine.

#![cfg(feature = "audit")]

#[path = "../support/git_server.rs"]
mod git_server;
#[path = "../support/openapi.rs"]
mod github_description;
#[path = "../support/mod.rs"]
mod support;

mod again;
mod fake_forge;
mod first;
#[cfg(feature = "fleet")]
mod fleet;
mod forges;
mod github;
mod killed;
mod organization;
mod people;
mod scale;
