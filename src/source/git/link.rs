//! Links to a line of a commit on the web pages of forges.

use crate::finding::percent;

/// A forge, told by its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Bitbucket,
    Azure,
}

/// Makes links for one remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linker {
    forge: Forge,
    /// `https://host/owner/name`
    base: String,
}

impl Linker {
    /// For a remote's URL; `None` where no known forge is at it. Credentials in the URL are left out.
    #[must_use]
    pub fn of(remote: &str) -> Option<Self> {
        let (host, path) = split(remote)?;
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let forge = if host == "github.com" || host.starts_with("github.") {
            Forge::GitHub
        } else if host.contains("gitlab") {
            Forge::GitLab
        } else if host == "bitbucket.org" {
            Forge::Bitbucket
        } else if host == "dev.azure.com" || host.ends_with(".visualstudio.com") || host == "ssh.dev.azure.com" {
            Forge::Azure
        } else if host == "codeberg.org" || host.contains("gitea") || host.contains("forgejo") {
            Forge::Gitea
        } else {
            return None;
        };
        let base = match path.strip_prefix("v3/").filter(|_| host == "ssh.dev.azure.com") {
            Some(rest) => {
                let mut parts = rest.splitn(3, '/');
                format!("https://dev.azure.com/{}/{}/_git/{}", parts.next()?, parts.next()?, parts.next()?)
            }
            None => format!("https://{host}/{path}"),
        };
        Some(Self { forge, base })
    }

    /// Which forge it is.
    #[must_use]
    pub const fn forge(&self) -> Forge {
        self.forge
    }

    /// The page of a line.
    #[must_use]
    pub fn line(&self, commit: &str, path: &str, line: u64) -> String {
        let base = &self.base;
        let path = percent::encode(path, b"-._~/");
        match self.forge {
            Forge::GitHub => format!("{base}/blob/{commit}/{path}#L{line}"),
            Forge::GitLab => format!("{base}/-/blob/{commit}/{path}#L{line}"),
            Forge::Gitea => format!("{base}/src/commit/{commit}/{path}#L{line}"),
            Forge::Bitbucket => format!("{base}/src/{commit}/{path}#lines-{line}"),
            Forge::Azure => {
                format!(
                    "{base}?path=/{path}&version=GC{commit}&line={line}&lineEnd={}&lineStartColumn=1&lineEndColumn=1",
                    line + 1
                )
            }
        }
    }

    /// The page of a commit.
    #[must_use]
    pub fn commit(&self, commit: &str) -> String {
        let base = &self.base;
        match self.forge {
            Forge::GitHub | Forge::Gitea | Forge::Azure => format!("{base}/commit/{commit}"),
            Forge::GitLab => format!("{base}/-/commit/{commit}"),
            Forge::Bitbucket => format!("{base}/commits/{commit}"),
        }
    }
}

/// Host and path of `https://user@host:port/path`, `ssh://…` and `git@host:path`.
fn split(remote: &str) -> Option<(String, String)> {
    let (authority, path) = match remote.split_once("://") {
        Some((scheme, rest)) => {
            matches!(scheme, "https" | "http" | "ssh" | "git").then_some(())?;
            rest.split_once('/')?
        }
        None => remote.split_once(':')?,
    };
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?.to_ascii_lowercase();
    (host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')))
        .then(|| (host, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_forges() {
        for (remote, link) in [
            ("https://github.com/o/r.git", "https://github.com/o/r/blob/abc/a%20b/c.py#L7"),
            ("git@github.com:o/r.git", "https://github.com/o/r/blob/abc/a%20b/c.py#L7"),
            ("https://user:pass@gitlab.example.org/g/s/r.git", "https://gitlab.example.org/g/s/r/-/blob/abc/a%20b/c.py#L7"),
            ("ssh://git@codeberg.org/o/r", "https://codeberg.org/o/r/src/commit/abc/a%20b/c.py#L7"),
            ("https://bitbucket.org/o/r", "https://bitbucket.org/o/r/src/abc/a%20b/c.py#lines-7"),
            (
                "git@ssh.dev.azure.com:v3/org/project/repo",
                "https://dev.azure.com/org/project/_git/repo?path=/a%20b/c.py&version=GCabc&line=7&lineEnd=8&lineStartColumn=1&lineEndColumn=1",
            ),
        ] {
            assert_eq!(Linker::of(remote).unwrap().line("abc", "a b/c.py", 7), link);
        }
        assert_eq!(Linker::of("/srv/git/r.git"), None);
        assert_eq!(Linker::of("https://intranet.example.org/r.git"), None);
    }
}
