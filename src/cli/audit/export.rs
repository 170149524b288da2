//! `keysift audit export`: what is known, for other programs.

use super::tell::{WhichFlags, failed, leave_people_out, put};
use super::{StoreFlags, store_key};
use crate::audit::store::{Access, Store};
use crate::audit::{people, summary};
use crate::cli::usage_error;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift audit export`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit export events --after 1200       what happened since, for a SIEM\n\
    \x20 keysift audit export metrics -o keysift.prom   numbers for Prometheus\n\
    \x20 keysift audit export findings --only live      a JSON object a line\n\
    \x20 keysift audit export people                    whom to tell")]
pub(super) struct ExportArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// What is written
    #[arg(value_enum, default_value = "events")]
    what: Export,
    /// Events after the one with this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
    /// Findings with their secrets, which the store has where it was made with a key: KEYSIFT_STORE_KEY or KEYSIFT_STORE_KEY_FILE
    #[arg(long)]
    show_secrets: bool,
    /// Leave out who committed what, and whom files belong to; in the table of people, authors alone
    #[arg(long)]
    no_authors: bool,
    #[command(flatten)]
    which: WhichFlags,
    /// Where it goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Export {
    /// What happened, a JSON object a line, for a SIEM
    Events,
    /// Numbers in the format of Prometheus
    Metrics,
    /// Findings, a JSON object a line
    Findings,
    /// Whom to tell: owners and authors of what is open, as CSV
    People,
}

/// Writes events or numbers.
pub(super) fn run(arguments: &ExportArguments) -> Result<ExitCode, ExitCode> {
    let store = arguments.store.open(Access::Existing)?;
    if arguments.show_secrets && arguments.what != Export::Findings {
        return Err(usage_error("--show-secrets is for `keysift audit export findings`"));
    }
    if matches!(arguments.what, Export::Events | Export::Metrics) && arguments.which.is_given() {
        return Err(usage_error("flags that choose findings are for `keysift audit export findings` and `people`"));
    }
    let text = match arguments.what {
        Export::Events => {
            let events = store.events(arguments.after).map_err(|e| failed(&e))?;
            let lines = events.iter().filter_map(|e| serde_json::to_string(e).ok());
            lines.flat_map(|line| [line, "\n".to_owned()]).collect()
        }
        Export::Metrics => summary::metrics(&store).map_err(|e| failed(&e))?,
        Export::Findings => findings_as_lines(&store, arguments)?,
        Export::People => people::csv(&arguments.which.rows(&store)?, !arguments.no_authors),
    };
    put(&arguments.output, &text)
}

/// Findings, a JSON object a line: as in reports, with when they were first and last seen.
fn findings_as_lines(store: &Store, arguments: &ExportArguments) -> Result<String, ExitCode> {
    let key = if arguments.show_secrets { store_key()? } else { None };
    if arguments.show_secrets && key.is_none() {
        return Err(usage_error(
            "secrets are shown with the key that they were kept with: set KEYSIFT_STORE_KEY or KEYSIFT_STORE_KEY_FILE",
        ));
    }
    let mut text = String::new();
    for mut row in arguments.which.rows(store)? {
        if arguments.no_authors {
            leave_people_out(&mut row.finding);
        }
        if let Some(key) = &key {
            let id = &row.finding.secret_id;
            let sealed = store.sealed(id).map_err(|e| failed(&e))?;
            // One that was found before there was a key stays as it is told.
            if let Some(secret) = sealed.and_then(|sealed| key.open(id, &sealed)) {
                row.finding.secret = String::from_utf8_lossy(secret.expose()).into_owned();
            }
        }
        let Ok(mut line) = serde_json::to_value(&row.finding) else { continue };
        for (name, value) in [("first_seen", Some(row.first_seen)), ("last_seen", Some(row.last_seen)), ("gone_at", row.gone_at)]
        {
            if let Some(value) = value {
                line[name] = value.into();
            }
        }
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}
