//! `keysift git`: the history of a repository, or what a range of commits adds.

use super::ci::{self, Plan};
use super::commits::Commits;
use super::remote::Place;
use super::run::{self, Flags, RunFlags, Targets, Whence};
use super::usage_error;
use crate::cli::messages::warn;
use crate::finding::Day;
use crate::finding::snippet::visible;
use crate::pipeline::{Asked, scan_range, scan_repository};
use crate::source::git::lookup::Lookup;
use crate::source::git::open::Options;
use crate::source::git::range::{commit_named, peel};
use crate::source::git::{Repository, Scope};
use crate::source::{Sink as _, SkipReason};
use crate::triage::baseline::Of;
use clap::{Args, ValueEnum};
use gix::hash::ObjectId;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `keysift git …`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing found and everything looked at · 1 secrets found · 2 wrong usage, config, or no repository \
                        there · 3 nothing found, but not everything could be looked at · 130 interrupted\n\n\
                        Examples:\n  keysift git                       all of history\n  keysift git --range main..HEAD    what a branch \
                        adds\n  keysift git --ci                  what this CI job is about\n  keysift git https://git.example.com/a/b"
)]
pub(super) struct GitArguments {
    /// A work tree, a bare repository, a folder in one, or a URL [default: the current folder]
    pub repository: Option<PathBuf>,
    /// Only what this branch, tag or commit reaches
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    pub branch: Option<String>,
    /// What commits of a range add: A..B those of B that A has not, A...B since both parted; B is HEAD where left out
    #[arg(long, value_name = "A..B", conflicts_with_all = ["branch", "unreachable"], help_heading = "What to look at")]
    pub range: Option<String>,
    /// What the CI job that runs now is about: a pull request, a push, a merge queue …; told by GitHub, GitLab, Bitbucket,
    /// Azure, Jenkins and CircleCI
    #[arg(long, conflicts_with_all = ["branch", "unreachable", "range", "since", "until", "max_commits"], help_heading = "What to look at")]
    pub ci: bool,
    /// Fetch the commits that a shallow checkout lacks, and no more
    #[arg(long, requires = "ci", help_heading = "What to look at")]
    pub fetch_missing: bool,
    /// What commits since this day add: 2026-12-31, or 30d, 2w, 6m, 1y ago
    #[arg(long, value_name = "DAY", conflicts_with = "unreachable", help_heading = "What to look at")]
    pub since: Option<String>,
    /// What commits up to this day add
    #[arg(long, value_name = "DAY", conflicts_with = "unreachable", help_heading = "What to look at")]
    pub until: Option<String>,
    /// What the youngest N commits add
    #[arg(long, value_name = "N", conflicts_with = "unreachable", help_heading = "What to look at")]
    pub max_commits: Option<usize>,
    /// Also what no ref reaches: stashes, what reflogs remember, dangling objects
    #[arg(long, conflicts_with = "branch", help_heading = "What to look at")]
    pub unreachable: bool,
    /// Follow alternates that lead outside of the repository
    #[arg(long, help_heading = "What to look at")]
    pub outside_alternates: bool,
    /// Whose config and decisions count where a range is looked at: those of its base commit, or as the files are now
    #[arg(long, value_name = "WHOSE", value_enum, default_value = "base", help_heading = "Decisions")]
    pub policy_from: PolicyFrom,
    /// Look at every blob in full, as a check of the fast way: the report is the same
    #[arg(long, hide = true)]
    pub whole_blobs: bool,
    #[command(flatten)]
    pub run: RunFlags,
}

/// Whose config and decisions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PolicyFrom {
    Base,
    Head,
}

impl GitArguments {
    fn flags(&self) -> Flags<'_> {
        self.run.flags()
    }

    /// Whether commits are looked at one by one, rather than all that is there.
    const fn asks_for_commits(&self) -> bool {
        self.range.is_some() || self.since.is_some() || self.until.is_some() || self.max_commits.is_some()
    }
}

/// Runs it.
pub(super) fn run(arguments: &GitArguments) -> ExitCode {
    let place = match Place::of(arguments.repository.as_deref().unwrap_or(Path::new("."))) {
        Ok(place) => place,
        Err(code) => return code,
    };
    let whence = Whence::Files(place.trusted());
    if let Place::Interrupted(url) = &place {
        return run::run(&arguments.flags(), &whence, |_, collector, targets| {
            targets.roots.push(url.clone());
            collector.skip(SkipReason::Interrupted, "history", 0);
            Ok(())
        });
    }
    if arguments.ci {
        return of_ci(arguments, &place).unwrap_or_else(|code| code);
    }
    if arguments.asks_for_commits() {
        return commits(arguments, &place).unwrap_or_else(|code| code);
    }
    run::run(&arguments.flags(), &whence, |settings, collector, targets: &mut Targets| {
        let options = Options { outside_alternates: arguments.outside_alternates, ..Options::default() };
        let repo = Repository::open(place.path(), &options).map_err(|e| usage_error(&e.to_string()))?;
        let scope =
            Scope { unreachable: arguments.unreachable, branch: arguments.branch.clone(), whole_blobs: arguments.whole_blobs };
        targets.roots.push(place.root(&repo));
        if scan_repository(&repo, &scope, &settings.exclude, collector, &settings.key) {
            targets.whole = arguments.branch.is_none().then_some(Of::History);
            Ok(())
        } else {
            Err(no_such_commit(arguments.branch.as_deref().unwrap_or_default()))
        }
    })
}

/// What the job is about.
fn of_ci(arguments: &GitArguments, place: &Place) -> Result<ExitCode, ExitCode> {
    let options = Options { outside_alternates: arguments.outside_alternates, ..Options::default() };
    let repo = Repository::open(place.path(), &options).map_err(|e| usage_error(&e.to_string()))?;
    let (repo, plan) = ci::plan(repo, &options, arguments.fetch_missing)?;
    match plan {
        Plan::Range(asked) => Ok(look_at_range(arguments, place, &repo, &asked)),
        Plan::Nothing(why) => {
            warn(format_args!("nothing to look at: {why}"));
            Ok(look_at_named(&arguments.flags(), &Whence::Files(place.trusted()), &repo, place.root(&repo), &Asked::default()))
        }
        Plan::Everything(head) => {
            Ok(run::run(&arguments.flags(), &Whence::Files(place.trusted()), |settings, collector, targets| {
                targets.roots.push(place.root(&repo));
                let scope = Scope { branch: Some(head.to_string()), ..Scope::default() };
                scan_repository(&repo, &scope, &settings.exclude, collector, &settings.key);
                Ok(())
            }))
        }
    }
}

fn no_such_commit(name: &str) -> ExitCode {
    usage_error(&format!("there is no branch, tag or commit `{}`", visible(name)))
}

/// What commits add.
fn commits(arguments: &GitArguments, place: &Place) -> Result<ExitCode, ExitCode> {
    let options = Options { outside_alternates: arguments.outside_alternates, ..Options::default() };
    let repo = Repository::open(place.path(), &options).map_err(|e| usage_error(&e.to_string()))?;
    let asked = asked(arguments, &repo)?;
    Ok(look_at_range(arguments, place, &repo, &asked))
}

/// Looks at what commits add, under the policy of their base.
fn look_at_range(arguments: &GitArguments, place: &Place, repo: &Repository, asked: &Asked) -> ExitCode {
    let mut flags = arguments.flags();
    // Without a base there is no change under test, only a part of history.
    let base = asked.bases.first().filter(|_| matches!(place, Place::Here(_)));
    let mut commits = base.map(|base| Commits::of(repo, Some(*base), asked.heads.first().map(|(_, id)| *id)));
    if let Some(of_base) = commits.as_ref().filter(|_| arguments.policy_from == PolicyFrom::Head) {
        let mut layers = match of_base.above(flags.rules) {
            Ok(layers) => layers,
            Err(code) => return code,
        };
        if layers.allows("policy_from", "--policy-from") {
            commits = None;
        } else {
            flags.refused = layers.refused.pop();
        }
    }
    let whence = commits.map_or_else(|| Whence::Files(place.trusted()), |commits| Whence::Commits(Box::new(commits)));
    look_at_named(&flags, &whence, repo, place.root(repo), asked)
}

/// Looks at what commits add and reports it.
pub(super) fn look_at(flags: &Flags<'_>, whence: &Whence<'_>, repo: &Repository, asked: &Asked) -> ExitCode {
    look_at_named(flags, whence, repo, repo.root().to_string_lossy().into_owned(), asked)
}

/// The same for a repository that reports call by `name`.
fn look_at_named(flags: &Flags<'_>, whence: &Whence<'_>, repo: &Repository, name: String, asked: &Asked) -> ExitCode {
    run::run(flags, whence, |settings, collector, targets: &mut Targets| {
        targets.roots.push(name);
        scan_range(repo, asked, &settings.exclude, collector, &settings.key);
        Ok(())
    })
}

/// The commits that the flags ask for.
fn asked(arguments: &GitArguments, repo: &Repository) -> Result<Asked, ExitCode> {
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let mut find = |name: &str| commit_named(repo, &mut lookup, name).ok_or_else(|| no_such_commit(name));
    let mut asked = Asked {
        since: arguments.since.as_deref().map(|text| day(text, arguments.run.report.now, false)).transpose()?,
        until: arguments.until.as_deref().map(|text| day(text, arguments.run.report.now, true)).transpose()?,
        most: arguments.max_commits,
        ..Asked::default()
    };
    if let Some(range) = &arguments.range {
        let (from, to, three) = parts(range).ok_or_else(|| {
            usage_error(&format!("`{}` is no range: write --range main..HEAD, or --range main...HEAD", visible(range)))
        })?;
        asked.heads.push((to.to_owned(), find(to)?));
        asked.bases.push(find(from)?);
        asked.tips_are_known = !three;
    } else if let Some(branch) = &arguments.branch {
        asked.heads.push((branch.clone(), find(branch)?));
    } else {
        for r in repo.refs().into_iter().filter(|r| r.name != "refs/stash") {
            let name = r.name.strip_prefix("refs/heads/").or_else(|| r.name.strip_prefix("refs/remotes/")).unwrap_or(&r.name);
            asked.heads.extend(peel(&mut lookup, r.target).map(|id| (name.to_owned(), id)));
        }
    }
    asked.pushed = pushed(repo, &mut lookup);
    Ok(asked)
}

/// The tips of what is known to be on a server: remote branches, and all of a bare repository, which others push to.
pub(super) fn pushed(repo: &Repository, lookup: &mut Lookup<'_>) -> Vec<ObjectId> {
    let refs = repo.refs();
    let is_remote = |name: &str| name.starts_with("refs/remotes/");
    let is_server = repo.work_tree.is_none() && !refs.iter().any(|r| is_remote(&r.name));
    refs.into_iter().filter(|r| is_server || is_remote(&r.name)).filter_map(|r| peel(lookup, r.target)).collect()
}

/// The two ends of `A..B` or `A...B`, and whether it has three dots.
fn parts<'r>(range: &'r str) -> Option<(&'r str, &'r str, bool)> {
    let (from, to, three) = match range.split_once("...") {
        Some((from, to)) => (from, to, true),
        None => range.split_once("..").map(|(from, to)| (from, to, false))?,
    };
    let named = |name: &'r str| if name.is_empty() { "HEAD" } else { name };
    let is_range = (!from.is_empty() || !to.is_empty()) && !to.contains("..");
    is_range.then(|| (named(from), named(to), three))
}

/// Seconds since 1970 at the begin of a day, or at its end.
fn day(text: &str, now: Option<Day>, end: bool) -> Result<i64, ExitCode> {
    let ago = || {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = text[..digits].parse().ok()?;
        let days = match &text[digits..] {
            "d" => 1,
            "w" => 7,
            "m" => 30,
            "y" => 365,
            _ => return None,
        };
        Some(now.unwrap_or_else(Day::today).0 - count.checked_mul(days)?)
    };
    let number = Day::parse(text).map(|day| day.0).or_else(ago);
    let number =
        number.ok_or_else(|| usage_error(&format!("`{}` is no day: write 2026-12-31, or 30d, 2w, 6m, 1y", visible(text))))?;
    Ok((number + i64::from(end)) * 86_400 - i64::from(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parts("a..b"), Some(("a", "b", false)));
        assert_eq!(parts("a...b"), Some(("a", "b", true)));
        assert_eq!(parts("a.."), Some(("a", "HEAD", false)));
        assert_eq!(parts("..b"), Some(("HEAD", "b", false)));
        assert_eq!([parts(".."), parts("a"), parts("a..b..c")], [None, None, None]);
    }

    #[test]
    fn days() {
        let now = Day::parse("2026-11-20");
        assert_eq!(day("2026-11-20", now, false).ok(), Some(20_777 * 86_400));
        assert_eq!(day("2026-11-20", now, true).ok(), Some(20_778 * 86_400 - 1));
        assert_eq!(day("2w", now, false).ok(), Some((20_777 - 14) * 86_400));
    }
}
