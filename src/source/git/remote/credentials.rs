//! Which token belongs to which host.
//!
//! A token goes to its own host alone, over https alone, and only after that host asked for one:
//!
//! | variable | host |
//! |---|---|
//! | `KEYSIFT_GIT_TOKEN` (with `KEYSIFT_GIT_USER`) | the one that was typed; for a URL that stands in a repository's config, that of `KEYSIFT_GIT_HOST` |
//! | `GITHUB_TOKEN` | github.com, or in GitHub Actions that of `GITHUB_SERVER_URL` |
//! | `GITLAB_TOKEN` | gitlab.com, or in GitLab CI that of `CI_SERVER_HOST` |
//! | `CI_JOB_TOKEN` | that of `CI_SERVER_HOST` |
//!
//! Whoever has a key that tokens are made with (a GitHub App's) gives them by URL; they count before `GITHUB_TOKEN`.

use crate::finding::Secret;
use crate::source::git::url::{RemoteUrl, Scheme};

/// Finds the token for a host.
pub struct Credentials<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    typed: bool,
    made: Option<MadeFor<'a>>,
}

/// Makes a token for a URL, where whoever asks has a key for its host.
pub type MadeFor<'a> = &'a dyn Fn(&RemoteUrl) -> Option<Secret>;

/// A token, and who it is given as.
pub(super) struct Account {
    pub user: String,
    pub token: Secret,
    /// Where it comes from.
    pub variable: &'static str,
}

impl<'a> Credentials<'a> {
    /// Those for URLs that a person typed. `env` gives the value of a variable.
    #[must_use]
    pub const fn for_typed(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, typed: true, made: None }
    }

    /// Those for URLs that a repository's config holds: whoever wrote it must not choose who gets the token.
    #[must_use]
    pub const fn for_configured(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, typed: false, made: None }
    }

    /// The same with tokens that are made as they are needed.
    #[must_use]
    pub const fn with_made(self, made: MadeFor<'a>) -> Self {
        Self { made: Some(made), ..self }
    }

    /// Whether a person typed the URLs.
    pub(super) const fn are_for_typed(&self) -> bool {
        self.typed
    }

    /// The token for what a person named.
    pub(super) fn for_url(&self, url: &RemoteUrl) -> Option<Account> {
        if url.scheme != Scheme::Https {
            return None;
        }
        let is_for_host = self.text("KEYSIFT_GIT_HOST").map_or(self.typed, |host| host.eq_ignore_ascii_case(&url.authority()));
        if let Some(token) = self.text("KEYSIFT_GIT_TOKEN").filter(|_| is_for_host) {
            // Bitbucket's access tokens want this name; others take any.
            let usual = if url.host == "bitbucket.org" { "x-token-auth" } else { "x-access-token" };
            return Some(account(self.text("KEYSIFT_GIT_USER").as_deref().unwrap_or(usual), &token, "KEYSIFT_GIT_TOKEN"));
        }
        if let Some(token) = self.made.and_then(|made| made(url)) {
            return Some(Account { user: "x-access-token".to_owned(), token, variable: "GITHUB_APP_PRIVATE_KEY" });
        }
        let authority = (url.host.as_str(), url.port.unwrap_or(443));
        if self.github().as_ref().is_some_and(|server| same(server, authority)) {
            return self.text("GITHUB_TOKEN").map(|token| account("x-access-token", &token, "GITHUB_TOKEN"));
        }
        let gitlab = self.gitlab();
        let is_gitlab_ci = gitlab.is_some();
        let gitlab = gitlab.unwrap_or_else(|| ("gitlab.com".to_owned(), 443));
        if !same(&gitlab, authority) {
            return None;
        }
        let own = self.text("GITLAB_TOKEN").map(|token| account("oauth2", &token, "GITLAB_TOKEN"));
        let job = || self.text("CI_JOB_TOKEN").map(|token| account("gitlab-ci-token", &token, "CI_JOB_TOKEN"));
        own.or_else(|| job().filter(|_| is_gitlab_ci))
    }

    /// The server that `GITHUB_TOKEN` is for; `None` where the variable that names it makes no sense.
    fn github(&self) -> Option<(String, u16)> {
        let Some(server) = self.text("GITHUB_SERVER_URL") else { return Some(("github.com".to_owned(), 443)) };
        let url = RemoteUrl::parse(&format!("{}/x", server.trim_end_matches('/'))).ok()?;
        (url.scheme == Scheme::Https).then(|| (url.host, url.port.unwrap_or(443)))
    }

    /// The server whose CI runs this.
    fn gitlab(&self) -> Option<(String, u16)> {
        let host = self.text("CI_SERVER_HOST")?;
        let port = self.text("CI_SERVER_PORT").and_then(|port| port.parse().ok()).unwrap_or(443);
        Some((host.to_ascii_lowercase(), port))
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }
}

fn same(server: &(String, u16), authority: (&str, u16)) -> bool {
    (server.0.as_str(), server.1) == authority
}

fn account(user: &str, token: &str, variable: &'static str) -> Account {
    Account { user: user.to_owned(), token: Secret::new(token.as_bytes()), variable }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variable and user whose token `url` would get in this environment.
    fn chosen(env: &[(&str, &str)], url: &str) -> Option<(&'static str, String)> {
        let get = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let url = RemoteUrl::parse(url).expect("a URL");
        Credentials::for_typed(&get).for_url(&url).map(|account| (account.variable, account.user))
    }

    #[test]
    fn a_token_belongs_to_its_host() {
        let all = [("GITHUB_TOKEN", "a"), ("GITLAB_TOKEN", "b"), ("CI_JOB_TOKEN", "c")];
        let github = Some(("GITHUB_TOKEN", "x-access-token".to_owned()));
        let gitlab = Some(("GITLAB_TOKEN", "oauth2".to_owned()));
        assert_eq!(chosen(&all, "https://github.com/o/r"), github);
        assert_eq!(chosen(&all, "https://gitlab.com/o/r"), gitlab);
        for other in [
            "https://example.org/o/r",
            "https://github.com:8443/o/r",
            "https://github.com.example.org/o/r",
            "https://api.github.com/o/r",
            "ssh://git@github.com/o/r",
            "http://localhost/o/r",
        ] {
            assert_eq!(chosen(&all, other), None, "{other}");
        }
    }

    #[test]
    fn in_ci_a_token_belongs_to_the_server_that_runs_it() {
        let enterprise = [("GITHUB_TOKEN", "a"), ("GITHUB_SERVER_URL", "https://git.example.org")];
        assert_eq!(chosen(&enterprise, "https://git.example.org/o/r").map(|c| c.0), Some("GITHUB_TOKEN"));
        assert_eq!(chosen(&enterprise, "https://github.com/o/r"), None);
        let own =
            [("GITLAB_TOKEN", "b"), ("CI_JOB_TOKEN", "c"), ("CI_SERVER_HOST", "lab.example.org"), ("CI_SERVER_PORT", "8443")];
        assert_eq!(chosen(&own, "https://lab.example.org:8443/o/r").map(|c| c.0), Some("GITLAB_TOKEN"));
        assert_eq!(chosen(&own[1..], "https://lab.example.org:8443/o/r").map(|c| c.0), Some("CI_JOB_TOKEN"));
        assert_eq!(chosen(&own, "https://lab.example.org/o/r"), None);
        assert_eq!(chosen(&own, "https://gitlab.com/o/r"), None);
        assert_eq!(chosen(&[("CI_JOB_TOKEN", "c")], "https://gitlab.com/o/r"), None);
    }

    #[test]
    fn the_own_variable_is_for_what_was_typed() {
        let env = [("KEYSIFT_GIT_TOKEN", "t"), ("GITHUB_TOKEN", "a")];
        assert_eq!(chosen(&env, "https://github.com/o/r").map(|c| c.0), Some("KEYSIFT_GIT_TOKEN"));
        assert_eq!(chosen(&env, "https://bitbucket.org/o/r").map(|c| c.1), Some("x-token-auth".to_owned()));
        assert_eq!(chosen(&env, "http://localhost/o/r"), None);
        assert_eq!(chosen(&env, "git@example.org:r"), None);
        let other = [("KEYSIFT_GIT_TOKEN", "t"), ("KEYSIFT_GIT_HOST", "example.org:8443")];
        assert_eq!(chosen(&other, "https://example.org/r"), None);
        assert_eq!(chosen(&other, "https://example.org:8443/r").map(|c| c.0), Some("KEYSIFT_GIT_TOKEN"));
        let named = [("KEYSIFT_GIT_TOKEN", "t"), ("KEYSIFT_GIT_USER", "ada")];
        assert_eq!(chosen(&named, "https://example.org/r").map(|c| c.1), Some("ada".to_owned()));
    }

    #[test]
    fn a_token_that_is_made_counts_before_one_that_is_given() {
        let get = |name: &str| (name == "GITHUB_TOKEN").then(|| "a".to_owned());
        let made = |url: &RemoteUrl| (url.path == "/acme/r").then(|| Secret::new(b"made"));
        let credentials = Credentials::for_configured(&get).with_made(&made);
        let chosen = |url: &str| {
            let account = credentials.for_url(&RemoteUrl::parse(url).expect("a URL"));
            account.map(|a| (a.variable, a.token.expose().to_vec()))
        };
        assert_eq!(chosen("https://github.com/acme/r"), Some(("GITHUB_APP_PRIVATE_KEY", b"made".to_vec())));
        assert_eq!(chosen("https://github.com/other/r"), Some(("GITHUB_TOKEN", b"a".to_vec())));
        assert_eq!(chosen("http://localhost/acme/r"), None, "not in the clear");
    }

    #[test]
    fn a_repository_does_not_choose_who_gets_the_token() {
        let url = RemoteUrl::parse("https://example.org/r").expect("a URL");
        let get = |name: &str| (name == "KEYSIFT_GIT_TOKEN").then(|| "t".to_owned());
        assert!(Credentials::for_configured(&get).for_url(&url).is_none());
        let get = |name: &str| match name {
            "KEYSIFT_GIT_TOKEN" => Some("t".to_owned()),
            "KEYSIFT_GIT_HOST" => Some("Example.org".to_owned()),
            _ => None,
        };
        assert!(Credentials::for_configured(&get).for_url(&url).is_some());
    }
}
