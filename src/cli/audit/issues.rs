//! `keysift audit notify --issues`: private repositories are told in their own trackers what was found in them.

use super::StoreFlags;
use super::hosts::Hosts;
use super::tell::{WhichFlags, leave_people_out};
use crate::audit::issues::{Opened, Plan};
use crate::audit::store::Access;
use crate::cli::run::interruptible;
use crate::cli::usage_error;
use crate::finding::snippet::visible;
use clap::Args;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Which repositories are told, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct IssueFlags {
    /// Show the issues that would be opened, one for each private repository with open findings, and comments on those that were; sends none
    #[arg(long, conflicts_with = "skip", help_heading = "Issues")]
    issues: bool,
    /// Send them
    #[arg(long, requires = "issues", help_heading = "Issues")]
    send: bool,
    #[command(flatten)]
    forges: TrackerFlags,
    /// Leave out who committed what, and whom files belong to
    #[arg(long, requires = "issues", help_heading = "Issues")]
    no_authors: bool,
    #[command(flatten)]
    which: WhichFlags,
}

/// Where issues are opened: nobody else gets a token.
#[derive(Debug, Clone, Args)]
struct TrackerFlags {
    /// The API of GitHub or an Enterprise Server (GITHUB_TOKEN, GH_TOKEN or an app)
    #[arg(long, value_name = "URL", default_value = "https://api.github.com", requires = "issues", help_heading = "Issues")]
    github_url: String,
    /// GitLab, or a self-managed one (GITLAB_TOKEN)
    #[arg(long, value_name = "URL", default_value = "https://gitlab.com", requires = "issues", help_heading = "Issues")]
    gitlab_url: String,
    /// Where Gitea or Forgejo is (GITEA_TOKEN)
    #[arg(long, value_name = "URL", requires = "issues", help_heading = "Issues")]
    gitea_url: Option<String>,
    /// The variable that holds the token, instead of the usual ones
    #[arg(long, value_name = "VARIABLE", requires = "issues", help_heading = "Issues")]
    token_env: Option<String>,
}

impl TrackerFlags {
    fn hosts(&self) -> Result<Hosts, String> {
        Hosts::new(&self.github_url, &self.gitlab_url, self.gitea_url.as_deref(), self.token_env.as_deref())
    }
}

impl IssueFlags {
    /// Whether issues are meant.
    ///
    /// # Errors
    /// The exit code, after the message, where flags are given that mean nothing without them.
    pub(super) fn is_asked(&self) -> Result<bool, ExitCode> {
        if !self.issues && self.which.is_given() {
            return Err(usage_error("flags that choose findings are for `keysift audit notify --issues`"));
        }
        Ok(self.issues)
    }

    /// Shows or opens an issue for each repository.
    pub(super) fn run(&self, store: &StoreFlags) -> Result<ExitCode, ExitCode> {
        let failed = |e: &dyn std::fmt::Display| usage_error(&e.to_string());
        let hosts = self.forges.hosts().map_err(|e| usage_error(&e))?;
        let store = store.open(Access::Existing)?;
        let mut rows = self.which.rows(&store)?;
        if self.no_authors {
            for row in &mut rows {
                leave_people_out(&mut row.finding);
                row.owners.clear();
            }
        }
        let plan = Plan::of(&store, rows).map_err(|e| failed(&e))?;
        let stop = interruptible();
        let (mut text, mut opened, mut commented, mut is_whole) = (String::new(), 0, 0, true);
        for (name, why) in &plan.left_out {
            let _ = writeln!(text, "{}: not told: {}", visible(name), visible(why));
        }
        for issue in &plan.issues {
            let name = visible(&issue.repository.full_name);
            let api = match hosts.api(&issue.repository) {
                Ok(api) => api,
                Err(why) => {
                    let _ = writeln!(text, "{name}: not told: {}", visible(&why));
                    continue;
                }
            };
            if !self.send {
                let how = match &issue.on {
                    Some(url) => format!("a comment on {}", visible(url)),
                    None => issue.title.clone(),
                };
                let _ = writeln!(text, "{name}: would be told: {how}\n\n{}", issue.body);
                continue;
            }
            if stop.is_asked() {
                break;
            }
            match issue.open(&store, &api, stop).map_err(|e| failed(&e))? {
                Opened::New(url) => {
                    opened += 1;
                    let _ = writeln!(text, "{name}: {}", visible(&url));
                }
                Opened::More(url) => {
                    commented += 1;
                    let _ = writeln!(text, "{name}: it was told of more: {}", visible(&url));
                }
                Opened::Known(url) => {
                    let _ = writeln!(text, "{name}: it was told: {}", visible(&url));
                }
                Opened::Not(why) => {
                    is_whole = false;
                    let _ = writeln!(text, "{name}: not told: {}", visible(&why));
                }
            }
        }
        if self.send {
            let _ = writeln!(text, "{opened} issues opened, {commented} commented on");
        } else {
            text.push_str("nothing was opened: --send does\n");
        }
        match crate::cli::print(&text) {
            ExitCode::SUCCESS if stop.is_asked() => Ok(ExitCode::from(130)),
            ExitCode::SUCCESS if !is_whole => Ok(ExitCode::from(3)),
            code => Ok(code),
        }
    }
}
