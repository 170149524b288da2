//! Repositories that a person or another program lists: URLs or JSON objects, a line each, and folders of clones or mirrors.

use super::target::{Forge, Page, RepositoryRef, RepositorySource, SourceError, Visibility};
use crate::source::Stop;
use crate::source::git::Repository;
use crate::source::git::open::Options;
use crate::source::git::url::RemoteUrl;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// How many folders deep clones are looked for.
const DEEPEST: usize = 8;

/// A list of URLs. A line may also be a JSON object with the keys of [`Entry`].
pub struct Urls {
    name: String,
    lines: Vec<String>,
}

impl Urls {
    /// The list called `name`: a URL a line; empty lines and those that begin with `#` say nothing.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned);
        Self { name: format!("urls:{name}"), lines: lines.collect() }
    }
}

impl RepositorySource for Urls {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn page(&mut self, _: Option<&str>, _: &Stop) -> Result<Page, SourceError> {
        let mut page = Page::default();
        for (n, line) in self.lines.iter().enumerate() {
            match entry(line) {
                Ok(repository) => page.repositories.push(repository),
                // The line may hold a password: it is named by its number.
                Err(why) => {
                    page.not_visible.push(super::target::NotVisible { name: format!("{} entry {}", self.name, n + 1), why });
                }
            }
        }
        Ok(page)
    }
}

/// What another program knows of a repository; all but the URL may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    clone_url: String,
    id: Option<String>,
    full_name: Option<String>,
    web_url: Option<String>,
    #[serde(default)]
    archived: bool,
    visibility: Option<Visibility>,
    /// The `id` of another entry, its URL where it has none.
    fork_of: Option<String>,
    language: Option<String>,
    size_kb: Option<u64>,
    pushed_at: Option<String>,
    default_branch: Option<String>,
    team: Option<String>,
}

/// Reads a line.
fn entry(line: &str) -> Result<RepositoryRef, String> {
    if !line.starts_with('{') {
        return RemoteUrl::parse(line).map(|url| of_url(&url)).map_err(|e| e.to_string());
    }
    // What serde says of a wrong value repeats it, which may be a URL with a password.
    let known: Entry = serde_json::from_str(line)
        .map_err(|e| format!("is no object with clone_url and the keys that docs/audits.md names (column {})", e.column()))?;
    let url = RemoteUrl::parse(&known.clone_url).map_err(|e| e.to_string())?;
    let found = of_url(&url);
    Ok(RepositoryRef {
        id: known.id.unwrap_or(found.id),
        full_name: known.full_name.unwrap_or(found.full_name),
        web_url: known.web_url.unwrap_or_default(),
        archived: known.archived,
        visibility: known.visibility.unwrap_or(Visibility::Unknown),
        fork_of: known.fork_of,
        language: known.language,
        size_kb: known.size_kb,
        pushed_at: known.pushed_at,
        default_branch: known.default_branch,
        team: known.team,
        ..RepositoryRef::at(Forge::Urls, &found.host, "", "", &found.clone_url)
    })
}

fn of_url(url: &RemoteUrl) -> RepositoryRef {
    let text = url.to_string();
    let name = url.path.trim_matches('/');
    let name = name.strip_suffix(".git").unwrap_or(name);
    RepositoryRef::at(Forge::Urls, &url.authority(), &text, name, &text)
}

/// A folder of clones or mirrors.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The clones in `root`, at any depth; `root` itself may be one.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn new(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: root.canonicalize()? })
    }

    fn look(&self, folder: &Path, depth: usize, page: &mut Page, stop: &Stop) -> Result<(), SourceError> {
        if stop.is_asked() {
            return Err(SourceError::Interrupted);
        }
        let is_repository = folder.join(".git").exists()
            || folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
        if is_repository {
            page.repositories.push(self.repository(folder));
            return Ok(());
        }
        let name = folder.strip_prefix(&self.root).unwrap_or(folder).display().to_string();
        let mut not_visible = |why: String| page.not_visible.push(super::target::NotVisible { name: name.clone(), why });
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => {
                not_visible(e.to_string());
                return Ok(());
            }
        };
        let mut folders: Vec<PathBuf> =
            entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect();
        folders.sort();
        if depth == DEEPEST && !folders.is_empty() {
            not_visible(format!("folders more than {DEEPEST} deep are not looked into: name them"));
            return Ok(());
        }
        folders.iter().try_for_each(|f| self.look(f, depth + 1, page, stop))
    }

    fn repository(&self, folder: &Path) -> RepositoryRef {
        let path = folder.to_string_lossy();
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
        let name = if relative.is_empty() {
            folder.file_name().map_or_else(|| path.to_string(), |n| n.to_string_lossy().into_owned())
        } else {
            relative
        };
        let mut found = RepositoryRef::at(Forge::Folder, "", &path, name.strip_suffix(".git").unwrap_or(&name), &path);
        // Where it was cloned from makes links; it is not contacted.
        if let Ok(repo) = Repository::open(folder, &Options::default())
            && let Some(url) = repo.remote_url.as_deref().and_then(|url| RemoteUrl::of_config(url).ok())
        {
            found.web_url = url.to_string();
        }
        found
    }
}

impl RepositorySource for Folder {
    fn name(&self) -> String {
        format!("folder:{}", self.root.display())
    }

    fn page(&mut self, _: Option<&str>, stop: &Stop) -> Result<Page, SourceError> {
        let mut page = Page::default();
        self.look(&self.root.clone(), 0, &mut page, stop)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_what_is_wrong_is_told_without_its_text() {
        let object =
            r#"{"clone_url": "https://example.org/o/f", "id": "7", "fork_of": "https://example.org/o/r.git", "team": "a"}"#;
        let page = Urls::new("list", object).page(None, &Stop::new()).unwrap();
        let found = &page.repositories[0];
        assert_eq!((found.id.as_str(), found.full_name.as_str(), found.team.as_deref()), ("7", "o/f", Some("a")));
        let page = Urls::new("list", r#"{"clone_url": "https://ada:hidden@example.org/t"}"#).page(None, &Stop::new()).unwrap();
        assert!(page.repositories.is_empty() && !page.not_visible[0].why.contains("hidden"));
        let text = "# ours\nhttps://example.org/o/r.git\n\n  git@example.org:o/s\nhttps://ada:hidden@example.org/t\n";
        let page = Urls::new("list.txt", text).page(None, &Stop::new()).unwrap();
        let names: Vec<&str> = page.repositories.iter().map(|r| r.full_name.as_str()).collect();
        assert_eq!(names, ["o/r", "o/s"]);
        assert_eq!(page.not_visible.len(), 1);
        assert!(page.not_visible[0].name.ends_with("entry 3") && !page.not_visible[0].why.contains("hidden"));
    }
}
