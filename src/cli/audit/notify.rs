//! `keysift audit notify`: people are told what happened since they were told last.

use super::StoreFlags;
use super::issues::IssueFlags;
use crate::audit::notify::{Sink, notify};
use crate::audit::store::Access;
use crate::cli::messages::warn;
use crate::cli::run::interruptible;
use crate::cli::usage_error;
use crate::finding::Secret;
use clap::Args;
use std::process::ExitCode;

/// `keysift audit notify`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
    \x20 keysift audit notify --skip                        what happened until now counts as told\n\
    \x20 keysift audit notify                               tell what happened since\n\
    \x20 keysift audit notify --issues --only live          show the issues that would be opened\n\
    \x20 keysift audit notify --issues --only live --send   open them\n\n\
    KEYSIFT_WEBHOOK_URL gets JSON, signed with the key in KEYSIFT_WEBHOOK_SECRET; KEYSIFT_SLACK_URL, an incoming webhook of Slack, gets \
    text. Both are secrets, so neither is a flag.")]
pub(super) struct NotifyArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// Send nothing: what happened until now counts as told
    #[arg(long)]
    skip: bool,
    #[command(flatten)]
    issues: IssueFlags,
}

/// Runs it.
pub(super) fn run(arguments: &NotifyArguments) -> Result<ExitCode, ExitCode> {
    if arguments.issues.is_asked()? {
        return arguments.issues.run(&arguments.store);
    }
    let secret = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty()).map(|v| Secret::new(v.as_bytes()));
    let webhook = secret("KEYSIFT_WEBHOOK_URL").map(|url| Sink::Webhook { url, key: secret("KEYSIFT_WEBHOOK_SECRET") });
    let slack = secret("KEYSIFT_SLACK_URL").map(|url| Sink::Slack { url });
    let sinks: Vec<Sink> = webhook.into_iter().chain(slack).collect();
    if sinks.is_empty() {
        return Err(usage_error("say who is to be told: set KEYSIFT_WEBHOOK_URL, KEYSIFT_SLACK_URL or both"));
    }
    let store = arguments.store.open(Access::Existing)?;
    let stop = interruptible();
    let mut sent = 0;
    let mut is_whole = true;
    for sink in &sinks {
        match notify(&store, sink, arguments.skip, stop) {
            Ok(n) => sent += n,
            Err(e) => {
                warn(e);
                is_whole = false;
            }
        }
    }
    crate::cli::print(&format!("{sent} messages sent\n"));
    Ok(ExitCode::from(if stop.is_asked() {
        130
    } else if is_whole {
        0
    } else {
        3
    }))
}
