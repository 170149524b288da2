//! Forges that are named where no owner is: by whoever opens issues, and by workers of a fleet. Nobody else gets a token.

use super::forges::account;
use crate::audit::forge::api::{Account, Api, Scheme, Token};
use crate::audit::forge::app::{App, KEY};
use crate::audit::forge::github;
use crate::audit::target::{Forge, RepositoryRef};
use std::sync::Arc;

/// Who may be asked, and with which tokens of the environment.
pub(super) struct Hosts {
    /// By kind: the address of the API, and what its host is called.
    bases: Vec<(Forge, String, String)>,
    token_env: Option<String>,
    app: Option<Arc<App>>,
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Hosts {
    /// The forges at these addresses.
    ///
    /// # Errors
    /// What is wrong with one, in words.
    pub(super) fn new(github: &str, gitlab: &str, gitea: Option<&str>, token_env: Option<&str>) -> Result<Self, String> {
        let app = App::of(&env, github, github::HEADERS)?.map(Arc::new);
        let below = |base: &str, tail: &str| format!("{}{tail}", base.trim_end_matches('/'));
        let mut bases = vec![(Forge::GitHub, github.to_owned()), (Forge::GitLab, below(gitlab, "/api/v4"))];
        bases.extend(gitea.map(|url| (Forge::Gitea, below(url, "/api/v1"))));
        let named = |(forge, base): (Forge, String)| {
            let host = Api::new(&base, None, &[])?.host().to_owned();
            Ok((forge, base, host))
        };
        let bases = bases.into_iter().map(named).collect::<Result<_, String>>()?;
        Ok(Self { bases, token_env: token_env.map(str::to_owned), app })
    }

    /// Whose tokens open repositories of GitHub, where it is an app.
    #[cfg(feature = "fleet")]
    pub(super) const fn app(&self) -> Option<&Arc<App>> {
        self.app.as_ref()
    }

    /// Who is asked for a repository.
    ///
    /// # Errors
    /// Why nobody is, in words: its forge was not named.
    pub(super) fn api(&self, repository: &RepositoryRef) -> Result<Api, String> {
        let here = |(forge, _, host): &&(Forge, String, String)| *forge == repository.forge && *host == repository.host;
        let Some((forge, base, _)) = self.bases.iter().find(here) else {
            let host = &repository.host;
            return Err(format!("{host} is none of the forges that are named: --github-url, --gitlab-url, --gitea-url"));
        };
        let named = self.token_env.as_deref();
        match forge {
            Forge::GitHub => Api::new(base, self.github(repository), github::HEADERS),
            Forge::GitLab => {
                Api::new(base, account(named, &["GITLAB_TOKEN"], |_| Scheme::Header("private-token"), None, &env), &[])
            }
            _ => Api::new(base, account(named, &["GITEA_TOKEN"], |_| Scheme::Bearer, None, &env), &[]),
        }
    }

    fn github(&self, repository: &RepositoryRef) -> Option<Account> {
        match self.app.as_ref().filter(|_| self.token_env.is_none()) {
            Some(app) => {
                let owner = repository.full_name.split('/').next().unwrap_or_default().to_owned();
                let token = Token::OfApp { app: Arc::clone(app), owner };
                Some(Account { variable: KEY.to_owned(), token, scheme: Scheme::Bearer })
            }
            None => account(self.token_env.as_deref(), &["GITHUB_TOKEN", "GH_TOKEN"], |_| Scheme::Bearer, None, &env),
        }
    }
}
