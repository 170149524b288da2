//! A whole repository from another machine, bare, with nothing in it that anyone would obey.

use super::session::{RemoteRef, Session, Wanted};
use super::{Network, RemoteError};
use crate::source::git::url::RemoteUrl;
use gix::hash::ObjectId;
use gix_protocol::fetch::Shallow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What is asked for: branches, tags and notes. Forges keep millions of refs more, for pull requests and for themselves.
const PREFIXES: [&str; 4] = ["HEAD", "refs/heads/", "refs/tags/", "refs/notes/"];

/// A clone in a temporary folder that only its owner can read; the folder goes away with this.
pub struct TemporaryClone {
    folder: tempfile::TempDir,
}

impl TemporaryClone {
    /// Clones `url`.
    ///
    /// # Errors
    /// Where the repository cannot be fetched or the folder cannot be written; nothing of it stays.
    pub fn of(url: &RemoteUrl, network: Network<'_>) -> Result<Self, RemoteError> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("keysift-clone-")
            .tempdir_in(&temporary)
            .map_err(|cause| RemoteError::Local { path: temporary.display().to_string(), cause })?;
        clone_bare(url, folder.path(), network)?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes the empty folder `into` a bare clone of `url`: its whole history, branches, tags and notes.
///
/// # Errors
/// Where the repository cannot be fetched or the folder cannot be written.
pub fn clone_bare(url: &RemoteUrl, into: &Path, network: Network<'_>) -> Result<(), RemoteError> {
    let local = |cause| RemoteError::Local { path: into.display().to_string(), cause };
    let mut session = Session::open(url, network)?;
    let hash = session.hash()?;
    let refs = session.refs(&PREFIXES)?;
    let packs = into.join("objects/pack");
    for folder in ["refs/heads", "refs/tags", "objects/info", "objects/pack"] {
        std::fs::create_dir_all(into.join(folder)).map_err(local)?;
    }
    let config = config(url, hash);
    for (name, text) in [("HEAD", head(&refs)), ("packed-refs", packed(&refs)), ("config", config)] {
        std::fs::write(into.join(name), text).map_err(local)?;
    }
    let mut ids: Vec<ObjectId> = refs.iter().filter_map(|r| r.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    session.fetch(&Wanted {
        ids: &ids,
        there: &[],
        depth: Shallow::NoChange,
        packs: &packs,
        shallow_file: into.join("shallow"),
        bases: None,
    })?;
    Ok(())
}

/// What is checked out on the server; else what mostly is.
fn head(refs: &[RemoteRef]) -> String {
    match refs.iter().find(|r| r.name == "HEAD") {
        Some(RemoteRef { target: Some(target), .. }) => format!("ref: {target}\n"),
        Some(RemoteRef { id: Some(id), .. }) => format!("{id}\n"),
        _ => {
            let there = |name: &&str| refs.iter().any(|r| r.name == **name);
            let usual = ["refs/heads/main", "refs/heads/master", "refs/heads/trunk"].into_iter().find(there);
            format!("ref: {}\n", usual.unwrap_or("refs/heads/main"))
        }
    }
}

/// All refs but HEAD, in the order of their names: <https://git-scm.com/docs/git-pack-refs>.
fn packed(refs: &[RemoteRef]) -> String {
    let sorted: BTreeMap<&str, ObjectId> =
        refs.iter().filter(|r| r.name != "HEAD").filter_map(|r| Some((r.name.as_str(), r.id?))).collect();
    sorted.iter().fold(String::new(), |mut text, (name, id)| {
        let _ = writeln!(text, "{id} {name}");
        text
    })
}

/// The URL makes links; it has no characters that mean something in a config.
fn config(url: &RemoteUrl, hash: gix::hash::Kind) -> String {
    let (version, format) =
        if hash == gix::hash::Kind::Sha1 { (0, String::new()) } else { (1, format!("[extensions]\n\tobjectFormat = {hash}\n")) };
    let url = url.to_string().replace('"', "%22");
    format!("[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{format}[remote \"origin\"]\n\turl = \"{url}\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, id: Option<char>, target: Option<&str>) -> RemoteRef {
        let id = id.map(|c| ObjectId::from_hex(c.to_string().repeat(40).as_bytes()).expect("an id"));
        RemoteRef { name: name.to_owned(), id, target: target.map(str::to_owned) }
    }

    #[test]
    fn head_is_the_servers() {
        let main = named("refs/heads/main", Some('a'), None);
        let other = named("refs/heads/other", Some('b'), None);
        assert_eq!(head(&[named("HEAD", Some('b'), Some("refs/heads/other")), main.clone()]), "ref: refs/heads/other\n");
        assert_eq!(head(&[named("HEAD", None, Some("refs/heads/new"))]), "ref: refs/heads/new\n");
        assert_eq!(head(&[named("HEAD", Some('c'), None), main.clone()]), format!("{}\n", "c".repeat(40)));
        assert_eq!(head(&[other, main]), "ref: refs/heads/main\n");
        assert_eq!(head(&[]), "ref: refs/heads/main\n");
    }

    #[test]
    fn refs_are_sorted_and_head_is_none() {
        let refs =
            [named("refs/tags/v1", Some('b'), None), named("HEAD", Some('a'), None), named("refs/heads/x", Some('a'), None)];
        assert_eq!(packed(&refs), format!("{} refs/heads/x\n{} refs/tags/v1\n", "a".repeat(40), "b".repeat(40)));
    }
}
