//! `keysift audit notify`: people are told what happened since they were told last, or repositories what was found in them.

use super::StoreFlags;
use super::forges::account;
use super::tell::{WhichFlags, leave_people_out};
use crate::audit::forge::api::{Account, Api, Scheme, Token};
use crate::audit::forge::app::{App, KEY};
use crate::audit::forge::github;
use crate::audit::issues::{Opened, Plan};
use crate::audit::notify::{Sink, notify};
use crate::audit::store::Access;
use crate::audit::target::{Forge, RepositoryRef};
use crate::cli::run::interruptible;
use crate::cli::usage_error;
use crate::finding::Secret;
use crate::finding::snippet::visible;
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

/// `keysift audit notify`
#[derive(Debug, Args)]
#[command(
    after_help = "KEYSIFT_WEBHOOK_URL gets JSON, signed with the key in KEYSIFT_WEBHOOK_SECRET; KEYSIFT_SLACK_URL, an incoming \
                        webhook of Slack, gets text. Both are secrets, so neither is a flag."
)]
pub(super) struct NotifyArguments {
    #[command(flatten)]
    store: StoreFlags,
    /// Send nothing: what happened until now counts as told
    #[arg(long)]
    skip: bool,
    /// Show the issues that would be opened, one for each private repository with open findings; opens none
    #[arg(long, conflicts_with = "skip", help_heading = "Issues")]
    issues: bool,
    /// Open them
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
#[command(next_help_heading = "Issues")]
struct TrackerFlags {
    /// The API of GitHub or an Enterprise Server (GITHUB_TOKEN, GH_TOKEN or an app)
    #[arg(long, value_name = "URL", default_value = "https://api.github.com", requires = "issues")]
    github_url: String,
    /// GitLab, or a self-managed one (GITLAB_TOKEN)
    #[arg(long, value_name = "URL", default_value = "https://gitlab.com", requires = "issues")]
    gitlab_url: String,
    /// Where Gitea or Forgejo is (GITEA_TOKEN)
    #[arg(long, value_name = "URL", requires = "issues")]
    gitea_url: Option<String>,
    /// The variable that holds the token, instead of the usual ones
    #[arg(long, value_name = "VARIABLE", requires = "issues")]
    token_env: Option<String>,
}

/// Runs it.
pub(super) fn run(arguments: &NotifyArguments) -> Result<ExitCode, ExitCode> {
    if arguments.issues {
        return open_issues(arguments);
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
                eprintln!("keysift: {e}");
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

/// The trackers that were named, by kind and host.
struct Trackers {
    apis: BTreeMap<(Forge, String), Api>,
    app: Option<Arc<App>>,
}

impl TrackerFlags {
    fn trackers(&self) -> Result<Trackers, String> {
        let env = |name: &str| std::env::var(name).ok();
        let app = App::of(&env, &self.github_url, github::HEADERS)?.map(Arc::new).filter(|_| self.token_env.is_none());
        let below = |base: &str, tail: &str| format!("{}{tail}", base.trim_end_matches('/'));
        let named = self.token_env.as_deref();
        let github = account(named, &["GITHUB_TOKEN", "GH_TOKEN"], |_| Scheme::Bearer, None, &env);
        let gitlab = account(named, &["GITLAB_TOKEN"], |_| Scheme::Header("private-token"), None, &env);
        let mut all = vec![
            (Forge::GitHub, Api::new(&self.github_url, github, github::HEADERS)?),
            (Forge::GitLab, Api::new(&below(&self.gitlab_url, "/api/v4"), gitlab, &[])?),
        ];
        if let Some(url) = &self.gitea_url {
            let gitea = account(named, &["GITEA_TOKEN"], |_| Scheme::Bearer, None, &env);
            all.push((Forge::Gitea, Api::new(&below(url, "/api/v1"), gitea, &[])?));
        }
        let apis = all.into_iter().map(|(forge, api)| ((forge, api.host().to_owned()), api)).collect();
        Ok(Trackers { apis, app })
    }
}

impl Trackers {
    /// Who is asked for a repository; `None` where its forge was not named.
    fn of(&mut self, repository: &RepositoryRef) -> Option<&mut Api> {
        let api = self.apis.get_mut(&(repository.forge, repository.host.clone()))?;
        if let Some(app) = self.app.as_ref().filter(|_| repository.forge == Forge::GitHub) {
            let owner = repository.full_name.split('/').next().unwrap_or_default().to_owned();
            let token = Token::OfApp { app: Arc::clone(app), owner };
            api.set_account(Account { variable: KEY.to_owned(), token, scheme: Scheme::Bearer });
        }
        Some(api)
    }
}

/// Shows or opens an issue for each repository.
fn open_issues(arguments: &NotifyArguments) -> Result<ExitCode, ExitCode> {
    let failed = |e: &dyn std::fmt::Display| usage_error(&e.to_string());
    let mut trackers = arguments.forges.trackers().map_err(|e| usage_error(&e))?;
    let store = arguments.store.open(Access::Existing)?;
    let mut rows = arguments.which.rows(&store)?;
    if arguments.no_authors {
        for row in &mut rows {
            leave_people_out(&mut row.finding);
            row.owners.clear();
        }
    }
    let plan = Plan::of(&store, rows).map_err(|e| failed(&e))?;
    let stop = interruptible();
    let (mut text, mut opened, mut is_whole) = (String::new(), 0, true);
    for (name, why) in &plan.left_out {
        let _ = writeln!(text, "{}: not told: {}", visible(name), visible(why));
    }
    for issue in &plan.issues {
        let name = visible(&issue.repository.full_name);
        let Some(api) = trackers.of(&issue.repository) else {
            let host = visible(&issue.repository.host);
            let _ = writeln!(
                text,
                "{name}: not told: {host} is none of the forges that are named: --github-url, --gitlab-url, --gitea-url"
            );
            continue;
        };
        if !arguments.send {
            let _ = writeln!(text, "{name}: would be told: {}\n\n{}", issue.title, issue.body);
            continue;
        }
        if stop.is_asked() {
            break;
        }
        match issue.open(&store, api, stop).map_err(|e| failed(&e))? {
            Opened::New(url) => {
                opened += 1;
                let _ = writeln!(text, "{name}: {}", visible(&url));
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
    let _ = match arguments.send {
        true => writeln!(text, "{opened} issues opened"),
        false => writeln!(text, "nothing was opened: --send does"),
    };
    match crate::cli::print(&text) {
        ExitCode::SUCCESS if stop.is_asked() => Ok(ExitCode::from(130)),
        ExitCode::SUCCESS if !is_whole => Ok(ExitCode::from(3)),
        code => Ok(code),
    }
}
