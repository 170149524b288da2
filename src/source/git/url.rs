//! URLs of repositories that a person types: what may be asked, and what is refused with a remedy.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

/// Why a URL is not used. No message repeats the URL: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error(
        "the URL holds a user name or a password, which would stand in process lists and logs: take it out (and revoke it if it \
         was real), and give a token in KEYSIFT_GIT_TOKEN"
    )]
    Userinfo,
    #[error("http:// would send everything in the clear: use https://")]
    PlainHttp,
    #[error("a repository on this machine is scanned where it is: give its path")]
    Local,
    #[error("`{0}://` is not supported: use https:// or ssh://")]
    Scheme(String),
    #[error("the URL has {0}")]
    Malformed(&'static str),
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Https,
    /// On this machine alone.
    Http,
    Ssh,
}

impl Scheme {
    fn of(text: &str) -> Result<Self, UrlError> {
        match text.to_ascii_lowercase().as_str() {
            "https" => Ok(Self::Https),
            "http" => Ok(Self::Http),
            "ssh" | "git+ssh" | "ssh+git" => Ok(Self::Ssh),
            "file" => Err(UrlError::Local),
            other if is_scheme(other) => Err(UrlError::Scheme(other.to_owned())),
            _ => Err(UrlError::Malformed("no scheme that is one")),
        }
    }
}

/// Where a repository is. It holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    pub scheme: Scheme,
    /// For ssh: who logs in, mostly `git`.
    pub user: Option<String>,
    /// Lower case; an IPv6 address without brackets.
    pub host: String,
    pub port: Option<u16>,
    /// With its leading slash; for `host:path` of ssh without, which means: from the home folder.
    pub path: String,
}

impl RemoteUrl {
    /// Whether a person means a URL and not a path: it has a scheme, or is `host:path` and no such file is here.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        if text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
            return true;
        }
        // One letter and a colon is a drive of Windows.
        let host_and_path = text.split_once(':').filter(|(host, _)| host.len() > 1 && !host.contains(['/', '\\']));
        host_and_path.is_some() && !Path::new(text).exists()
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// Where it is malformed, holds credentials, or leads where nothing is fetched from.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') {
            return Err(UrlError::Malformed("a blank, a backslash or a control character in it"));
        }
        let (scheme, authority, path) = if let Some((scheme, rest)) = text.split_once("://") {
            let slash = rest.find('/').unwrap_or(rest.len());
            (Scheme::of(scheme)?, &rest[..slash], &rest[slash..])
        } else {
            let (authority, path) = text.split_once(':').ok_or(UrlError::Local)?;
            (Scheme::Ssh, authority, path)
        };
        let (user, host_and_port) = match authority.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, authority),
        };
        let user_is_name = |u: &str| !u.starts_with('-') && u.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        match (scheme, user) {
            (_, None) => {}
            (Scheme::Ssh, Some(user)) if !user.is_empty() && user_is_name(user) => {}
            _ => return Err(UrlError::Userinfo),
        }
        let (host, port) = split_port(host_and_port)?;
        // Tokens are also passed as `?access_token=`.
        if scheme != Scheme::Ssh && path.contains(['?', '#']) {
            return Err(UrlError::Malformed("a query or a fragment, which no repository has"));
        }
        if path.trim_matches('/').is_empty() {
            return Err(UrlError::Malformed("no path to a repository"));
        }
        let url = Self { scheme, user: user.map(str::to_owned), host, port, path: path.trim_end_matches('/').to_owned() };
        if scheme == Scheme::Http && !url.is_loopback() {
            return Err(UrlError::PlainHttp);
        }
        Ok(url)
    }

    /// Reads a URL that stands in a repository's config. CI systems write tokens into it, which do not count: those of the
    /// environment do.
    ///
    /// # Errors
    /// Where it is malformed, or leads where nothing is fetched from.
    pub fn of_config(text: &str) -> Result<Self, UrlError> {
        match text.split_once("://") {
            Some((scheme, rest)) if !scheme.to_ascii_lowercase().contains("ssh") => {
                let slash = rest.find('/').unwrap_or(rest.len());
                let host = rest[..slash].rfind('@').map_or(0, |at| at + 1);
                Self::parse(&format!("{scheme}://{}", &rest[host..]))
            }
            _ => Self::parse(text),
        }
    }

    /// Whether the host is this machine, by its name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// `host` or `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }
}

/// Without a user.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Ssh => "ssh",
        };
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        write!(f, "{scheme}://{}{slash}{}", self.authority(), self.path)
    }
}

fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// A host and the port behind it.
fn split_port(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(UrlError::Malformed("a bracket that does not close"))?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(UrlError::Malformed("no IPv6 address in its brackets"));
            }
            (address, port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        None | Some("") => None,
        Some(digits) => Some(digits.parse().map_err(|_| UrlError::Malformed("a port that is no number"))?),
    };
    let in_host = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
    if host.is_empty() || host.starts_with(['-', '.']) || !host.bytes().all(in_host) {
        return Err(UrlError::Malformed("no host, or one with letters that no host has (write international names as xn--…)"));
    }
    Ok((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_as_a_url() {
        for url in ["https://h/p", "ssh://h/p", "git@h:p", "host.example:p", "file:///p", "git://h/p", "ftp://h/p"] {
            assert!(RemoteUrl::is_meant(url), "{url}");
        }
        for path in [".", "/a/b", "a/b:c", "./a:b", "C:\\repo", "C:/repo", "repo.git", "://x"] {
            assert!(!RemoteUrl::is_meant(path), "{path}");
        }
    }

    #[test]
    fn urls_that_are_used() {
        for (text, shown) in [
            ("https://Example.ORG/o/r.git", "https://example.org/o/r.git"),
            ("https://example.org:8443/r/", "https://example.org:8443/r"),
            ("https://[2001:db8::1]:8443/r", "https://[2001:db8::1]:8443/r"),
            ("http://127.0.0.1:81/r", "http://127.0.0.1:81/r"),
            ("http://localhost/r", "http://localhost/r"),
            ("http://[::1]/r", "http://[::1]/r"),
            ("ssh://git@example.org:22/~ada/r", "ssh://example.org:22/~ada/r"),
            ("git@example.org:o/r.git", "ssh://example.org/o/r.git"),
            ("example.org:/srv/r.git", "ssh://example.org/srv/r.git"),
        ] {
            let url = RemoteUrl::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(url.to_string(), shown);
        }
        assert_eq!(
            RemoteUrl::parse("git@example.org:o/r.git").map(|u| (u.user, u.path)),
            Ok((Some("git".into()), "o/r.git".into()))
        );
    }

    /// Where the tests' URLs hold a password, it is put in when they run.
    const WORD: &str = "hidden";

    #[test]
    fn tokens_in_configs_do_not_count() {
        let url = RemoteUrl::of_config(&format!("https://gitlab-ci-token:{WORD}@example.org/o/r.git")).map(|u| u.to_string());
        assert_eq!(url.as_deref(), Ok("https://example.org/o/r.git"));
        assert_eq!(RemoteUrl::of_config("https://example.org/@o/r").map(|u| u.path).as_deref(), Ok("/@o/r"));
        assert_eq!(RemoteUrl::of_config("git@example.org:r").map(|u| u.user).as_ref().map(Option::as_deref), Ok(Some("git")));
        assert_eq!(RemoteUrl::of_config(&format!("ssh://git:{WORD}@example.org/r")), Err(UrlError::Userinfo));
        assert_eq!(RemoteUrl::of_config("../r.git"), Err(UrlError::Local));
    }

    #[test]
    fn passwords_are_refused_and_not_repeated() {
        for before in ["https://user:", "https://:", "ssh://git:"] {
            let error = RemoteUrl::parse(&format!("{before}{WORD}@example.org/r")).expect_err(before);
            assert_eq!(error, UrlError::Userinfo);
            assert!(!error.to_string().contains(WORD), "{error}");
        }
    }

    #[test]
    fn urls_that_are_refused() {
        use UrlError::{Local, Malformed, PlainHttp, Scheme, Userinfo};
        let malformed = Malformed("");
        for (text, error) in [
            ("https://user@example.org/r", Userinfo),
            ("https://@example.org/r", Userinfo),
            ("ssh://-oProxyCommand=x@example.org/r", Userinfo),
            ("http://example.org/r", PlainHttp),
            ("http://127.0.0.1.example.org/r", PlainHttp),
            ("http://0x7f000001/r", PlainHttp),
            ("file:///srv/r.git", Local),
            ("/srv/r.git", Local),
            ("git://example.org/r", Scheme("git".into())),
            ("ext::sh -c x", malformed.clone()),
            ("https://", malformed.clone()),
            ("https://example.org", malformed.clone()),
            ("https://example.org/", malformed.clone()),
            ("https://-oProxyCommand=x/r", malformed.clone()),
            ("ssh://-oProxyCommand=x/r", malformed.clone()),
            ("-oProxyCommand=x:r", malformed.clone()),
            ("https://example.org:port/r", malformed.clone()),
            ("https://example.org:99999/r", malformed.clone()),
            ("https://example.org/r?access_token=x", malformed.clone()),
            ("https://example.org/r\nHost: x", malformed.clone()),
            ("https://example.org\\@other.example/r", malformed.clone()),
            ("https://exa%6dple.org/r", malformed.clone()),
            ("https://[::1/r", malformed),
        ] {
            let got = RemoteUrl::parse(text).expect_err(text);
            assert_eq!(std::mem::discriminant(&got), std::mem::discriminant(&error), "{text}: {got}");
        }
    }
}
