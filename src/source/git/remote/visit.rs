//! A whole repository on a server, bare, with nothing in it that anyone would obey; fetched again, only what is new comes.

use super::session::{RemoteRef, Session, Wanted};
use super::{Network, RemoteError};
use crate::source::git::lookup::Store;
use crate::source::git::url::RemoteUrl;
use gix::hash::ObjectId;
use gix_protocol::fetch::Shallow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What is asked for: branches, tags and notes. Forges keep millions of refs more, for pull requests and for themselves.
const PREFIXES: [&str; 4] = ["HEAD", "refs/heads/", "refs/tags/", "refs/notes/"];
/// How many tips the server is told to be here. More would only save it a few objects.
const MOST_TIPS: usize = 256;

/// A server that told its refs, and can be asked for what they reach.
pub struct Visit<'a> {
    url: RemoteUrl,
    session: Session<'a>,
    refs: Vec<RemoteRef>,
}

impl<'a> Visit<'a> {
    /// Asks `url` for its refs.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub fn of(url: &RemoteUrl, network: Network<'a>) -> Result<Self, RemoteError> {
        let mut session = Session::open(url, network)?;
        let refs = session.refs(&PREFIXES)?;
        Ok(Self { url: url.clone(), session, refs })
    }

    /// HEAD, branches, tags and notes.
    #[must_use]
    pub fn refs(&self) -> &[RemoteRef] {
        &self.refs
    }

    /// Makes `into` a bare repository with all that the refs reach: the folder is empty, or was made so before. What is in
    /// it already, or in the folders of objects `others`, does not come again.
    ///
    /// # Errors
    /// Where it cannot be fetched or written. What was there before is there still.
    pub fn fetch(mut self, into: &Path, others: &[PathBuf]) -> Result<(), RemoteError> {
        let local = |cause| RemoteError::Local { path: into.display().to_string(), cause };
        let hash = self.session.hash()?;
        let packs = into.join("objects/pack");
        for folder in ["refs/heads", "refs/tags", "objects/info", "objects/pack"] {
            fs::create_dir_all(into.join(folder)).map_err(local)?;
        }
        sweep(&packs).map_err(local)?;
        if !into.join("config").exists() {
            fs::write(into.join("config"), config(&self.url, hash)).map_err(local)?;
            fs::write(into.join("HEAD"), head(&self.refs)).map_err(local)?;
        }
        let mut folders = vec![into.join("objects")];
        folders.extend_from_slice(others);
        let store = Store::open(&folders, hash);
        let mut ids: Vec<ObjectId> = self.refs.iter().filter_map(|r| r.id).filter(|id| !store.contains(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let mut there: Vec<ObjectId> = folders.iter().filter_map(|f| f.parent()).flat_map(tips_in).collect();
            there.retain(|id| store.contains(id));
            there.dedup();
            there.truncate(MOST_TIPS);
            let bases = (!there.is_empty()).then_some(&store);
            self.session.fetch(&Wanted {
                ids: &ids,
                there: &there,
                depth: Shallow::NoChange,
                packs: &packs,
                shallow_file: into.join("shallow"),
                bases,
            })?;
        }
        for (name, text) in [("packed-refs", packed(&self.refs)), ("HEAD", head(&self.refs))] {
            let new = into.join(format!("{name}.new"));
            fs::write(&new, text).and_then(|()| fs::rename(&new, into.join(name))).map_err(local)?;
        }
        Ok(())
    }
}

/// What the refs of a repository that was fetched point to.
#[must_use]
pub fn tips_in(repository: &Path) -> Vec<ObjectId> {
    let text = fs::read_to_string(repository.join("packed-refs")).unwrap_or_default();
    text.lines().filter_map(|line| ObjectId::from_hex(line.split(' ').next()?.as_bytes()).ok()).collect()
}

/// Removes what a process that was killed left of a pack.
fn sweep(packs: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(packs)?.flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let is_whole = match ending {
            "pack" => path.with_extension("idx").exists(),
            "idx" => path.with_extension("pack").exists(),
            other => matches!(other, "promisor" | "rev"),
        };
        if !is_whole {
            fs::remove_file(path)?;
        }
    }
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
