//! How a scan is told: one file a format.
//!
//! - `model`: the report as data; its keys are the contract that other tools rely on
//! - `human`, `json` (and `jsonl`), `sarif`, `github`, `junit`, `gitlab`, `codequality`, `gitleaks` (three of them), `defectdojo`, `csv`,
//!   `html`, `markdown`: the formats
//! - `read`: reports read back, those of other tools too; `merge`: several made one
//! - `wording`: what several of them say in the same words
//! - `triage`: decisions in it
//! - `write`: where reports go

mod codequality;
pub(crate) mod csv;
mod defectdojo;
mod github;
mod gitlab;
mod gitleaks;
mod html;
mod human;
mod hyperlink;
mod json;
mod junit;
pub(crate) mod markdown;
pub mod merge;
pub mod model;
pub mod read;
mod sarif;
#[cfg(test)]
mod schema_test;
pub mod triage;
mod wording;
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
    Junit,
    Gitlab,
    Codequality,
    Gitleaks,
    GitleaksCsv,
    GitleaksSarif,
    Defectdojo,
    Csv,
    Html,
    Markdown,
}

impl Format {
    /// All formats with their names.
    pub const NAMES: [(&'static str, Self); 15] = [
        ("human", Self::Human),
        ("json", Self::Json),
        ("jsonl", Self::Jsonl),
        ("sarif", Self::Sarif),
        ("github", Self::Github),
        ("junit", Self::Junit),
        ("gitlab", Self::Gitlab),
        ("codequality", Self::Codequality),
        ("gitleaks", Self::Gitleaks),
        ("gitleaks-csv", Self::GitleaksCsv),
        ("gitleaks-sarif", Self::GitleaksSarif),
        ("defectdojo", Self::Defectdojo),
        ("csv", Self::Csv),
        ("html", Self::Html),
        ("markdown", Self::Markdown),
    ];

    /// The format that `name` names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(n, _)| *n == name).map(|(_, f)| f)
    }

    /// Whether the format has no place to tell what was not looked at.
    #[must_use]
    pub const fn hides_gaps(self) -> bool {
        matches!(self, Self::Gitleaks | Self::GitleaksCsv | Self::GitleaksSarif | Self::Csv)
    }

    /// Whether the format tells what was said of locked keys.
    #[must_use]
    pub const fn tells_refused(self) -> bool {
        matches!(self, Self::Human | Self::Json)
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
            Self::Junit => junit::write(report, out),
            Self::Gitlab => gitlab::write(report, out),
            Self::Codequality => codequality::write(report, out),
            Self::Gitleaks => gitleaks::write(report, out),
            Self::GitleaksCsv => gitleaks::write_csv(report, out),
            Self::GitleaksSarif => gitleaks::write_sarif(report, out),
            Self::Defectdojo => defectdojo::write(report, out),
            Self::Csv => csv::write(report, out),
            Self::Html => html::write(report, out),
            Self::Markdown => markdown::write(report, out),
        }
    }
}
