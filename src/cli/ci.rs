//! `keysift git --ci`: which commits the job asks for, told by its environment, and with `--fetch-missing` what the checkout
//! lacks of them.

use super::usage_error;
use crate::cli::messages::warn;
use crate::finding::snippet::visible;
use crate::pipeline::Asked;
use crate::source::git::Repository;
use crate::source::git::ci::{self, Base, CiJob, CommitName, RefName, Way};
use crate::source::git::graph::header;
use crate::source::git::lookup::Lookup;
use crate::source::git::objects::Kind;
use crate::source::git::open::Options;
use crate::source::git::range::{Range, peel};
use gix::hash::ObjectId;
use std::process::ExitCode;

/// What is to be looked at.
pub(super) enum Plan {
    /// What commits add.
    Range(Asked),
    /// All that this commit reaches.
    Everything(ObjectId),
    /// Nothing, and why that is right.
    Nothing(&'static str),
}

/// What a way lacks.
enum Lack {
    /// A commit that is not here.
    Commit(ObjectId),
    /// A branch of the remote that is not here.
    Branch(RefName),
    /// Something that cannot be fetched.
    Other(String),
}

/// A plan, and whether history reaches from its head to its base.
struct Found {
    plan: Plan,
    whole: bool,
}

/// Tells what the job asks for; `fetch` gets what the checkout lacks.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn plan(repo: Repository, options: &Options, fetch: bool) -> Result<(Repository, Plan), ExitCode> {
    let env = |name: &str| std::env::var(name).ok();
    let read = |path: &std::path::Path| std::fs::read(path);
    let job = ci::job(&env, &read).map_err(|e| usage_error(&visible(&e.to_string())))?;
    if let Some(note) = job.note {
        warn(note);
    }
    choose(repo, options, &job, fetch)
}

fn choose(mut repo: Repository, options: &Options, job: &CiJob, fetch: bool) -> Result<(Repository, Plan), ExitCode> {
    let mut partial = None;
    let mut lacks = Vec::new();
    for way in &job.ways {
        let mut found = resolve(&repo, way);
        if fetch && !matches!(&found, Ok(found) if found.whole) {
            let path = repo.root().to_owned();
            repo = match fetched(repo, options, way, &found) {
                Ok(more) => more,
                Err(message) => {
                    warn(format_args!("--fetch-missing: {}", visible(&message)));
                    Repository::open(&path, options).map_err(|e| usage_error(&e.to_string()))?
                }
            };
            found = resolve(&repo, way);
        }
        match found {
            Ok(found) if found.whole => return Ok((repo, found.plan)),
            Ok(found) => partial = partial.or(Some(found.plan)),
            Err(lack) => lacks.push(lack),
        }
    }
    // The trees of both ends are here, and not what came between: that is looked at, and told.
    if let Some(plan) = partial {
        return Ok((repo, plan));
    }
    let lack = lacks.into_iter().next().unwrap_or_else(|| Lack::Other("anything to compare with".to_owned()));
    let what = match lack {
        Lack::Commit(id) => format!("commit {id}"),
        Lack::Branch(name) => format!("branch {name}"),
        Lack::Other(what) => what,
    };
    let help = if fetch {
        "fetch it before (fetch-depth: 0 or GIT_DEPTH: 0)"
    } else {
        "--fetch-missing gets it, or a checkout with all of history (fetch-depth: 0, GIT_DEPTH: 0)"
    };
    Err(usage_error(&format!("{} asks for {}, which is not in this checkout: {help}", job.system.name(), visible(&what))))
}

/// Finds the commits of a way.
fn resolve(repo: &Repository, way: &Way) -> Result<Found, Lack> {
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let head = commit(repo, &mut lookup, &way.head, None)?;
    let mut asked = Asked { heads: vec![("HEAD".to_owned(), head)], pushed: vec![head], ..Asked::default() };
    match &way.base {
        Base::Nothing(why) => return Ok(Found { plan: Plan::Nothing(why), whole: true }),
        Base::Everything => return Ok(Found { plan: Plan::Everything(head), whole: true }),
        Base::MergeBaseWith(name) => asked.bases.push(commit(repo, &mut lookup, name, Some(head))?),
        Base::Before(id) => {
            asked.bases.push(commit(repo, &mut lookup, &CommitName::Id(*id), Some(head))?);
            asked.tips_are_known = true;
        }
        Base::NewBranch { branch, default_branch } => {
            let default = default_branch.as_ref().and_then(|name| remote_branch(repo, name));
            if branch.is_some() && branch == default_branch {
                return Ok(Found { plan: Plan::Everything(head), whole: true });
            }
            let own = branch.as_ref().map(|name| format!("/{name}"));
            for r in repo.refs().into_iter().filter(|r| r.name.starts_with("refs/remotes/")) {
                let is_own = own.as_ref().is_some_and(|own| r.name.ends_with(own.as_str())) || r.name.ends_with("/HEAD");
                asked.bases.extend(peel(&mut lookup, r.target).filter(|id| !is_own && *id != head));
            }
            asked.bases.extend(default.and_then(|id| peel(&mut lookup, id)).filter(|id| *id != head));
            if asked.bases.is_empty() {
                let Some(name) = default_branch else {
                    return Ok(Found { plan: Plan::Everything(head), whole: true });
                };
                return Err(Lack::Branch(name.clone()));
            }
        }
    }
    let range = Range::between(&mut lookup, &[head], &asked.bases);
    Ok(Found { plan: Plan::Range(asked), whole: !range.cut })
}

/// The commit that a name means; `head` is that of its way.
fn commit(repo: &Repository, lookup: &mut Lookup<'_>, name: &CommitName, head: Option<ObjectId>) -> Result<ObjectId, Lack> {
    let there = |lookup: &mut Lookup<'_>, id: ObjectId| peel(lookup, id).ok_or(Lack::Commit(id));
    match name {
        CommitName::Id(id) => there(lookup, *id),
        CommitName::Abbreviated(prefix) => {
            let found = lookup.store().by_prefix(&prefix.to_string());
            found.and_then(|id| peel(lookup, id)).ok_or_else(|| Lack::Other(format!("commit {prefix}…")))
        }
        CommitName::FirstParentOfHead => {
            let head = head.or_else(|| repo.head()).ok_or_else(|| Lack::Other("a commit".to_owned()))?;
            let bytes = lookup.read_kind(&head, Kind::Commit).map_err(|_| Lack::Commit(head))?;
            let parent = header(&bytes).and_then(|h| h.parents.first().copied());
            there(lookup, parent.ok_or_else(|| Lack::Other("the parent of a commit that has none".to_owned()))?)
        }
        CommitName::Branch(name) => {
            let id = remote_branch(repo, name).ok_or_else(|| Lack::Branch(name.clone()))?;
            there(lookup, id)
        }
        CommitName::CheckedOut => {
            let head = repo.head().ok_or_else(|| Lack::Other("what is checked out".to_owned()))?;
            there(lookup, head)
        }
    }
}

/// A branch as the remote has it.
fn remote_branch(repo: &Repository, name: &RefName) -> Option<ObjectId> {
    let end = format!("/{name}");
    let of_remote = repo.find_ref(&format!("refs/remotes/origin/{name}"));
    of_remote.or_else(|| {
        let refs = repo.refs();
        refs.iter().find(|r| r.name.starts_with("refs/remotes/") && r.name.ends_with(&end)).map(|r| r.target)
    })
}

/// The repository with what a way lacks; the same one and why not where that fails.
#[cfg(feature = "network")]
fn fetched(repo: Repository, options: &Options, way: &Way, found: &Result<Found, Lack>) -> Result<Repository, String> {
    use super::run::interruptible;
    use crate::source::git::remote::missing::fetch_commits;
    use crate::source::git::remote::{Credentials, Limits, Network, remote_refs};
    use crate::source::git::url::RemoteUrl;
    let env = |name: &str| std::env::var(name).ok();
    let Some(url) = repo.remote_url.as_deref().and_then(|url| RemoteUrl::of_config(url).ok()) else {
        return Err("the checkout names no remote that can be asked".to_owned());
    };
    let credentials = Credentials::for_configured(&env);
    let network = Network { credentials: &credentials, limits: Limits::default(), stop: interruptible() };
    let wanted = match found {
        Err(Lack::Commit(id)) => vec![*id],
        Err(Lack::Branch(name)) => {
            let whole = format!("refs/heads/{name}");
            match remote_refs(&url, &[&whole], network) {
                Ok(refs) => refs.into_iter().filter(|r| r.name == whole).filter_map(|r| r.id).collect(),
                Err(e) => return Err(e.to_string()),
            }
        }
        Err(Lack::Other(what)) => return Err(format!("{what} cannot be fetched")),
        // Both ends are here: what lies between is below the head.
        Ok(Found { plan: Plan::Range(asked), .. }) => asked.heads.iter().map(|(_, id)| *id).chain(asked.bases.clone()).collect(),
        Ok(_) => return Ok(repo),
    };
    if wanted.is_empty() {
        return Err("the remote has no such branch".to_owned());
    }
    let mut enough = |repo: &Repository| resolve(repo, way).is_ok_and(|found| found.whole);
    fetch_commits(repo, options, &url, &wanted, &mut enough, network).map_err(|e| e.to_string())
}

#[cfg(not(feature = "network"))]
fn fetched(_: Repository, _: &Options, _: &Way, _: &Result<Found, Lack>) -> Result<Repository, String> {
    Err("this keysift was built without the feature `network`".to_owned())
}
