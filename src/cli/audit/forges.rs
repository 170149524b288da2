//! Forges that an audit lists: flags and variables become requests.

use super::sources::Sources;
use crate::audit::forge::api::{Account, Api, Scheme, Token};
use crate::audit::forge::app::{App, KEY};
use crate::audit::forge::filter::{Filter, Wanted};
use crate::audit::forge::gists::Gists;
use crate::audit::forge::snippets::Snippets;
use crate::audit::forge::{Asked, Listing, github};
use crate::audit::target::{Forge, Visibility};
use crate::audit::texts::{ForgeTexts, TextKind};
use crate::config::parse_size;
use crate::finding::{Day, Secret};
use clap::Args;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stands beside the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Also {
    // Wikis, with their history
    Wikis,
    // Issues and their comments
    Issues,
    // Pull and merge requests, their comments and reviews; comments on commits
    Pulls,
    // The texts of releases
    Releases,
    // The files of releases
    Assets,
    // Logs of Actions and of GitLab's jobs
    Logs,
    // Snippets of GitLab's projects; gists of GitHub and personal snippets of GitLab, with their history
    #[value(alias = "gists")]
    Snippets,
}

/// Which forges, and which of their repositories.
#[derive(Debug, Clone, Args)]
pub(super) struct ForgeFlags {
    /// An organization or a user of GitHub (GITHUB_TOKEN, GH_TOKEN, or an app's GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY); may be given several times
    #[arg(long, value_name = "OWNER", help_heading = "Which repositories")]
    pub github: Vec<String>,
    /// The API of an Enterprise Server
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://api.github.com",
        requires = "github",
        help_heading = "Which repositories"
    )]
    pub github_url: String,
    /// A group, with its subgroups, or a user of GitLab (GITLAB_TOKEN); may be given several times
    #[arg(long, value_name = "GROUP", help_heading = "Which repositories")]
    pub gitlab: Vec<String>,
    /// A self-managed GitLab
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://gitlab.com",
        requires = "gitlab",
        help_heading = "Which repositories"
    )]
    pub gitlab_url: String,
    /// An organization or a user of Gitea or Forgejo (GITEA_TOKEN); may be given several times
    #[arg(long, value_name = "OWNER", requires = "gitea_url", help_heading = "Which repositories")]
    pub gitea: Vec<String>,
    /// Where Gitea or Forgejo is
    #[arg(long, value_name = "URL", requires = "gitea", help_heading = "Which repositories")]
    pub gitea_url: Option<String>,
    /// A workspace of Bitbucket Cloud (BITBUCKET_TOKEN, for an API token with BITBUCKET_USER); may be given several times
    #[arg(long, value_name = "WORKSPACE", help_heading = "Which repositories")]
    pub bitbucket: Vec<String>,
    /// A project of Bitbucket Data Center, `*` for all (BITBUCKET_DC_TOKEN); may be given several times
    #[arg(long, value_name = "PROJECT", requires = "bitbucket_dc_url", help_heading = "Which repositories")]
    pub bitbucket_dc: Vec<String>,
    /// Where Bitbucket Data Center is
    #[arg(long, value_name = "URL", requires = "bitbucket_dc", help_heading = "Which repositories")]
    pub bitbucket_dc_url: Option<String>,
    /// The API of Bitbucket Cloud, behind a gateway
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://api.bitbucket.org",
        requires = "bitbucket",
        help_heading = "Which repositories"
    )]
    pub bitbucket_url: String,
    /// An organization of Azure DevOps (AZURE_DEVOPS_TOKEN); may be given several times
    #[arg(long, value_name = "ORGANIZATION", help_heading = "Which repositories")]
    pub azure: Vec<String>,
    /// Azure DevOps Server
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://dev.azure.com",
        requires = "azure",
        help_heading = "Which repositories"
    )]
    pub azure_url: String,
    /// The variable that holds the token for the forges' APIs, instead of the usual ones
    #[arg(long, value_name = "VARIABLE", help_heading = "Which repositories")]
    pub token_env: Option<String>,
    /// What stands beside the code as well, of GitHub, GitLab and Gitea as far as each has it: issues with their comments, pull
    /// and merge requests with theirs and reviews, the texts of releases, their files, logs of CI, snippets and gists
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', help_heading = "Which repositories")]
    pub also: Vec<Also>,
    /// Of texts beside the code only what is new or has changed since this day
    #[arg(long, value_name = "DAY", requires = "also", help_heading = "Which repositories")]
    pub also_since: Option<String>,
    /// The same as --also wikis
    #[arg(long, help_heading = "Which repositories")]
    pub wikis: bool,
    /// Only repositories whose full name matches; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "Which repositories")]
    pub include_repository: Vec<String>,
    /// No repository whose full name matches; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "Which repositories")]
    pub exclude_repository: Vec<String>,
    /// Only these: public, internal, private
    #[arg(long, value_name = "WHO", value_delimiter = ',', help_heading = "Which repositories")]
    pub visibility: Vec<String>,
    /// No archived repositories
    #[arg(long, help_heading = "Which repositories")]
    pub no_archived: bool,
    /// No forks
    #[arg(long, help_heading = "Which repositories")]
    pub no_forks: bool,
    /// Only repositories of these main languages
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',', help_heading = "Which repositories")]
    pub language: Vec<String>,
    /// No repository that its forge says is larger
    #[arg(long, value_name = "SIZE", help_heading = "Which repositories")]
    pub max_repository_size: Option<String>,
    /// Only repositories that were pushed to since this day
    #[arg(long, value_name = "DAY", help_heading = "Which repositories")]
    pub pushed_since: Option<String>,
}

impl ForgeFlags {
    /// The app that the environment describes.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn app(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Arc<App>>, String> {
        Ok(App::of(env, &self.github_url, github::HEADERS)?.map(Arc::new))
    }

    /// The lists that are named, and what reads the texts beside their code: files up to `largest` bytes.
    ///
    /// # Errors
    /// What is wrong with a flag, in words.
    pub(super) fn sources(
        &self,
        largest: u64,
        env: &dyn Fn(&str) -> Option<String>,
        app: Option<&Arc<App>>,
    ) -> Result<Sources, String> {
        let url = |base: &str, tail: &str| format!("{}{tail}", base.trim_end_matches('/'));
        let gitea = self.gitea_url.clone().unwrap_or_default();
        let data_center = self.bitbucket_dc_url.clone().unwrap_or_default();
        let bearer = |_| Scheme::Bearer;
        let user_or_bearer = |user: Option<String>| user.map_or(Scheme::Bearer, |user| Scheme::Basic { user });
        let forges: [(_, _, _, &[&str], _, _); 6] = [
            (Forge::GitHub, &self.github, self.github_url.clone(), &["GITHUB_TOKEN", "GH_TOKEN"], bearer as fn(_) -> _, None),
            (
                Forge::GitLab,
                &self.gitlab,
                url(&self.gitlab_url, "/api/v4"),
                &["GITLAB_TOKEN"],
                |_| Scheme::Header("private-token"),
                None,
            ),
            (Forge::Gitea, &self.gitea, url(&gitea, "/api/v1"), &["GITEA_TOKEN"], bearer, None),
            (
                Forge::Bitbucket,
                &self.bitbucket,
                url(&self.bitbucket_url, "/2.0"),
                &["BITBUCKET_TOKEN"],
                user_or_bearer,
                Some("BITBUCKET_USER"),
            ),
            (
                Forge::BitbucketDataCenter,
                &self.bitbucket_dc,
                url(&data_center, "/rest/api/latest"),
                &["BITBUCKET_DC_TOKEN"],
                bearer,
                None,
            ),
            (
                Forge::Azure,
                &self.azure,
                self.azure_url.clone(),
                &["AZURE_DEVOPS_TOKEN"],
                |_| Scheme::Basic { user: String::new() },
                None,
            ),
        ];
        let mut sources = Sources::default();
        let oldest = self.also_since.as_ref().map(|day| {
            Day::parse(day).map(|day| day.0 * 86_400).ok_or_else(|| format!("`--also-since {day}`: a day such as 2026-01-31"))
        });
        let oldest = oldest.transpose()?;
        for (forge, owners, base, variables, scheme, user) in forges {
            let headers = if forge == Forge::GitHub { github::HEADERS } else { &[] };
            let kinds = self.kinds(forge);
            for owner in owners {
                let account = || match app.filter(|_| forge == Forge::GitHub && self.token_env.is_none()) {
                    Some(app) => {
                        let token = Token::OfApp { app: Arc::clone(app), owner: owner.clone() };
                        Some(Account { variable: KEY.to_owned(), token, scheme: Scheme::Bearer })
                    }
                    None => account(self.token_env.as_deref(), variables, scheme, user, env),
                };
                let api = || Api::new(&base, account(), headers);
                let asked = Asked { forge, owner: owner.clone(), wikis: self.wikis || self.also.contains(&Also::Wikis) };
                sources.repositories.push(Box::new(Listing::new(asked, api()?, self.filter()?)));
                if forge == Forge::GitHub && self.also.contains(&Also::Snippets) {
                    sources.repositories.push(Box::new(Gists::new(owner.clone(), api()?, self.filter()?)));
                }
                if forge == Forge::GitLab && self.also.contains(&Also::Snippets) {
                    sources.repositories.push(Box::new(Snippets::new(owner.clone(), api()?, self.filter()?)));
                }
                if !kinds.is_empty() {
                    let (owner, kinds) = (owner.clone(), kinds.clone());
                    sources.texts.push(Arc::new(ForgeTexts { forge, owner, api: api()?, kinds, oldest, largest }));
                }
            }
        }
        Ok(sources)
    }

    /// The kinds of texts that are read of a forge.
    fn kinds(&self, forge: Forge) -> BTreeSet<TextKind> {
        let kind = |also: &Also| match also {
            Also::Issues => Some(TextKind::Issues),
            Also::Pulls => Some(TextKind::Pulls),
            Also::Releases => Some(TextKind::Releases),
            Also::Assets => Some(TextKind::Assets),
            Also::Logs => Some(TextKind::Logs),
            Also::Snippets => Some(TextKind::Snippets),
            // A repository of its own.
            Also::Wikis => None,
        };
        self.also.iter().filter_map(kind).filter(|kind| ForgeTexts::gives(forge, *kind)).collect()
    }

    fn filter(&self) -> Result<Filter, String> {
        let visibility = self.visibility.iter().map(|word| {
            Visibility::parse(word).ok_or_else(|| format!("`--visibility {word}`: one of public, internal, private, unknown"))
        });
        let size = self.max_repository_size.as_ref().map(|size| {
            parse_size(size).map(|bytes| bytes / 1000).ok_or_else(|| format!("`{size}` is no size: write for example 500MB"))
        });
        if let Some(day) = self.pushed_since.as_ref().filter(|day| Day::parse(day).is_none()) {
            return Err(format!("`--pushed-since {day}`: a day such as 2026-01-31"));
        }
        Filter::new(Wanted {
            include: self.include_repository.clone(),
            exclude: self.exclude_repository.clone(),
            visibility: visibility.collect::<Result<_, _>>()?,
            without_archived: self.no_archived,
            without_forks: self.no_forks,
            language: self.language.clone(),
            max_size_kb: size.transpose()?,
            pushed_since: self.pushed_since.clone(),
        })
        .map_err(|e| e.to_string())
    }
}

/// Whose token counts, and how it is handed over: that of the variable that was `named`, else of the first usual one that is set;
/// with a user where `user` names a variable that holds one.
pub(super) fn account(
    named: Option<&str>,
    usual: &[&str],
    scheme: fn(user: Option<String>) -> Scheme,
    user: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Account> {
    let env = |name: &str| env(name).filter(|text| !text.is_empty());
    let mut variables = usual.iter().copied().filter(|_| named.is_none()).chain(named);
    let (variable, token) = variables.find_map(|variable| Some((variable, env(variable)?)))?;
    let token = Token::Given(Secret::new(token.as_bytes()));
    Some(Account { variable: variable.to_owned(), token, scheme: scheme(user.and_then(env)) })
}
