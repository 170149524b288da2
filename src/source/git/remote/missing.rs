//! What a clone lacks, fetched into it, as `--fetch-missing` asks: commits that a shallow clone cut off, blobs that a partial
//! clone left with the server.
//!
//! History is deepened in growing steps, from the wanted commits alone, until it is enough: never the whole repository because
//! one commit is missing. Objects and the file `shallow` change, as with `git fetch --deepen`; no ref does.

use super::session::{Session, Wanted};
use super::{Network, RemoteError};
use crate::source::git::Repository;
use crate::source::git::lookup::Lookup;
use crate::source::git::objects::Kind;
use crate::source::git::open::Options;
use crate::source::git::url::{RemoteUrl, Scheme};
use gix::hash::ObjectId;
use gix_protocol::fetch::Shallow;
use std::num::NonZeroU32;

/// How many commits deep each step goes. The last one reaches the root, but only from what is wanted: git's own number for
/// "all of it" (2^31 - 1) would have every cut of the clone undone.
const STEPS: [u32; 4] = [50, 200, 1000, i32::MAX.cast_unsigned() - 1];

/// How many tips the server is told to be here. More would only save it a few objects.
const MOST_TIPS: usize = 256;

/// How many objects are asked for at a time.
const AT_ONCE: usize = 10_000;

/// Fetches the commits `wanted` and their history until `enough` is content, or all of it is here. `wanted` may be here already.
/// Gives the repository as it is then; `options` are those that `repo` was opened with.
///
/// # Errors
/// Where the server cannot be asked, or no longer has a wanted commit ([`RemoteError::Gone`]).
pub fn fetch_commits(
    repo: Repository,
    options: &Options,
    url: &RemoteUrl,
    wanted: &[ObjectId],
    enough: &mut dyn FnMut(&Repository) -> bool,
    network: Network<'_>,
) -> Result<Repository, RemoteError> {
    may_be_asked(url, network)?;
    let mut repo = repo;
    for step in STEPS {
        let is_shallow = !repo.shallow.is_empty();
        let depth = NonZeroU32::new(step).filter(|_| is_shallow).map_or(Shallow::NoChange, Shallow::DepthAtRemote);
        let there = tips(&repo);
        Session::open(url, network)?.fetch(&Wanted {
            ids: wanted,
            there: &there,
            depth,
            packs: &repo.common_dir.join("objects/pack"),
            shallow_file: repo.common_dir.join("shallow"),
            bases: Some(&repo.store()),
        })?;
        repo = open_again(&repo, options)?;
        // Whole repositories lack no more than what was just fetched.
        if !is_shallow || repo.shallow.is_empty() || enough(&repo) {
            break;
        }
    }
    Ok(repo)
}

/// Fetches single objects: what a partial clone left with the server. Gives the repository as it is then.
///
/// # Errors
/// Where the server cannot be asked, or does not give objects by their id.
pub fn fetch_objects(
    repo: &Repository,
    options: &Options,
    url: &RemoteUrl,
    wanted: &[ObjectId],
    network: Network<'_>,
) -> Result<Repository, RemoteError> {
    may_be_asked(url, network)?;
    for ids in wanted.chunks(AT_ONCE) {
        let pack = Session::open(url, network)?.fetch(&Wanted {
            ids,
            // Nothing is here as far as the server knows, or it would leave out what its commits hold.
            there: &[],
            depth: Shallow::NoChange,
            packs: &repo.common_dir.join("objects/pack"),
            shallow_file: repo.common_dir.join("shallow"),
            bases: None,
        })?;
        if let Some(pack) = pack {
            // Tells git that what these objects name may be with the server too.
            let promise = pack.with_extension("promisor");
            std::fs::write(&promise, "").map_err(|cause| RemoteError::Local { path: promise.display().to_string(), cause })?;
        }
    }
    open_again(repo, options)
}

/// Whoever wrote a repository's config must not have a program started.
fn may_be_asked(url: &RemoteUrl, network: Network<'_>) -> Result<(), RemoteError> {
    if url.scheme == Scheme::Ssh && !network.credentials.are_for_typed() {
        return Err(RemoteError::SshNotTyped(url.to_string()));
    }
    Ok(())
}

fn open_again(repo: &Repository, options: &Options) -> Result<Repository, RemoteError> {
    let path = repo.root();
    Repository::open(path, options)
        .map_err(|e| RemoteError::Local { path: path.display().to_string(), cause: std::io::Error::other(e.to_string()) })
}

/// The commits at the tips of refs.
fn tips(repo: &Repository) -> Vec<ObjectId> {
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let mut is_commit = |id: &ObjectId| lookup.read_kind(id, Kind::Commit).is_ok();
    let mut ids: Vec<ObjectId> = repo.refs().into_iter().map(|r| r.target).collect();
    ids.sort_unstable();
    ids.dedup();
    // What is checked out is what matters most.
    if let Some(head) = repo.head() {
        ids.retain(|id| *id != head);
        ids.insert(0, head);
    }
    ids.into_iter().filter(|id| is_commit(id)).take(MOST_TIPS).collect()
}
