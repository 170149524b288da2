//! How a scan is told: one file a format.
//!
//! - `model`: the report as data; its keys are the contract that other tools rely on
//! - `human`, `json`, `jsonl`, `sarif`, `github`: the formats
//! - `triage`: decisions in it
//! - `write`: where reports go

mod github;
mod human;
mod json;
pub mod model;
mod sarif;
#[cfg(test)]
mod schema_test;
pub mod triage;
pub mod write;

pub use human::Style;
pub use model::Report;

use std::io::{self, Write};

/// A report format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
    Jsonl,
    Sarif,
    Github,
}

impl Format {
    /// All formats with their names.
    pub const NAMES: [(&'static str, Self); 5] =
        [("human", Self::Human), ("json", Self::Json), ("jsonl", Self::Jsonl), ("sarif", Self::Sarif), ("github", Self::Github)];

    /// The format that `name` names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(n, _)| *n == name).map(|(_, f)| f)
    }

    /// Writes `report`.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Human => human::write(report, style, out),
            Self::Json => json::write(report, out),
            Self::Jsonl => json::write_lines(report, out),
            Self::Sarif => sarif::write(report, out),
            Self::Github => github::write(report, out),
        }
    }
}
