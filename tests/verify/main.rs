//! Verification, against fakes on this machine: nothing here contacts anything else.
//!
//! - `catalogue`: every declarative rule, and every way in which a provider can answer
//! - `attacks`: texts, names and answers that want a secret to go elsewhere
//! - `manners`: many questions, few of them at a time
//! - `reports`: the binary, from findings to the gate
//! - `aws`: against moto's server, which checks signatures
//! - `databases`: against servers that are installed here
//! - `docs`: what the manual says of all of this
//! - `proxy`: through one of this machine, and authorities that the user adds
//! - `openapi`: against the description that GitHub publishes

#![cfg(feature = "verify")]
#![allow(unreachable_pub, reason = "modules of a test")]

mod ask;
mod attacks;
mod aws;
mod catalogue;
mod databases;
mod docs;
mod fake;
#[path = "../support/openapi.rs"]
mod github_description;
mod manners;
#[path = "../support/moto.rs"]
mod moto;
mod openapi;
mod proxy;
mod reports;
#[path = "../support/mod.rs"]
mod support;
