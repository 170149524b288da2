//! Audits as a user runs them: made-up organizations behind a git server on this machine.

#![cfg(feature = "audit")]

#[path = "../support/git_server.rs"]
mod git_server;
#[path = "../support/mod.rs"]
mod support;

mod again;
mod first;
#[cfg(feature = "fleet")]
mod fleet;
mod forges;
mod killed;
mod organization;
mod people;
mod scale;
