//! `keysift hook`: entry for git's hooks, plain or under pre-commit, prek, husky and lefthook.

use super::commits::Commits;
use super::git::{look_at, pushed};
use super::run::{self, Flags, RunFlags, Targets, Whence};
use super::staged::{Files, look_at_index, open_here};
use super::{layers, usage_error};
use crate::cli::messages::warn;
use crate::finding::snippet::visible;
use crate::pipeline::Asked;
use crate::source::git::Repository;
use crate::source::git::lookup::Lookup;
use crate::source::git::objects::Kind;
use crate::source::git::open::Options;
use crate::source::git::range::{commit_named, peel};
use crate::source::stdin;
use clap::{Args, ValueEnum};
use gix::hash::ObjectId;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift hook …`
#[derive(Debug, Clone, Args)]
#[command(after_help = "A hook of one line, in .git/hooks/pre-commit:\n  #!/bin/sh\n  exec keysift hook pre-commit\n\n\
                        pre-commit   what is staged; under a hook manager also the range or the files that it names\n\
                        commit-msg   the message, given as a file\n\
                        pre-push     the commits that the server has not, read from stdin as git gives them\n\
                        pre-receive  on a server: the commits that a push brings; rejects it with exit code 1\n\n\
                        Exit codes: 0 nothing found; in hooks of the committer also where not everything could be looked at · 1 secrets \
                        found: git stops · 2 wrong usage, config, or no repository there · 3 pre-receive: not everything could be looked \
                        at · 130 interrupted\n\n\
                        Examples:\n  keysift hook pre-commit                          before a commit\n  keysift hook commit-msg \
                        .git/COMMIT_EDITMSG      its message\n  keysift hook pre-receive --policy /etc/keysift/policy.toml")]
pub(super) struct HookArguments {
    /// Which hook
    #[arg(value_enum)]
    pub name: HookName,
    /// What git or the hook manager hands over
    #[arg(value_name = "ARG")]
    pub arguments: Vec<OsString>,
    /// pre-receive: a push with this option (`git push -o NAME`) is not looked at
    #[arg(long, value_name = "NAME")]
    pub allow_push_option: Option<String>,
    #[command(flatten)]
    pub run: RunFlags,
}

/// Git's hooks in which a check makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HookName {
    PreCommit,
    CommitMsg,
    PrePush,
    PreReceive,
}

/// The largest message that is read, in bytes.
const MOST_MESSAGE: u64 = 64 << 20;

/// Behind it stands the diff that `git commit -v` shows.
const SCISSORS: &[u8] = b"# ------------------------ >8 ------------------------";

/// Runs it.
pub(super) fn run(arguments: &HookArguments) -> ExitCode {
    let mut arguments = arguments.clone();
    // Nobody should learn to skip a hook because a clone is shallow; a server's word is final.
    if arguments.name != HookName::PreReceive {
        arguments.run.report.gate.lenient = true;
    }
    arguments.run.report.silent = true;
    let flags = arguments.run.flags();
    let ran = match arguments.name {
        HookName::PreCommit => pre_commit(&arguments, &flags),
        HookName::CommitMsg => commit_msg(&arguments, &flags),
        HookName::PrePush => pre_push(&arguments, &flags),
        HookName::PreReceive => pre_receive(&arguments),
    };
    ran.unwrap_or_else(|code| code)
}

/// A variable that a hook manager sets.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The range that a hook manager asks for.
fn managed_range() -> Option<(String, String)> {
    let either = |new: &str, old: &str| variable(new).or_else(|| variable(old));
    either("PRE_COMMIT_FROM_REF", "PRE_COMMIT_SOURCE").zip(either("PRE_COMMIT_TO_REF", "PRE_COMMIT_ORIGIN"))
}

/// What is staged; else, under a hook manager, the range or the files that it names.
fn pre_commit(arguments: &HookArguments, flags: &Flags<'_>) -> Result<ExitCode, ExitCode> {
    let repo = open_here(&Options::default())?;
    if let Some((from, to)) = managed_range() {
        return range(flags, &repo, &from, &to);
    }
    let files: Vec<PathBuf> = arguments.arguments.iter().map(PathBuf::from).collect();
    // The manager names all files that it filtered; where something is staged the commit is what is checked.
    Ok(look_at_index(flags, &repo, &Files::WhereNothingIsStaged(files)))
}

fn range(flags: &Flags<'_>, repo: &Repository, from: &str, to: &str) -> Result<ExitCode, ExitCode> {
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let mut find = |name: &str| {
        commit_named(repo, &mut lookup, name).ok_or_else(|| usage_error(&format!("there is no commit `{}`", visible(name))))
    };
    let head = find(to)?;
    // A branch that is pushed for the first time comes from nowhere.
    let base = if from.bytes().all(|b| b == b'0') { None } else { Some(find(from)?) };
    let asked = Asked {
        heads: vec![(to.to_owned(), head)],
        bases: base.map_or_else(|| pushed(repo, &mut lookup), |base| vec![base]),
        tips_are_known: true,
        pushed: pushed(repo, &mut lookup),
        ..Asked::default()
    };
    Ok(look_at(flags, &Whence::Commits(Box::new(Commits::of(repo, asked.bases.first().copied(), Some(head)))), repo, &asked))
}

/// The message of a commit, without the comments that git takes out.
fn commit_msg(arguments: &HookArguments, flags: &Flags<'_>) -> Result<ExitCode, ExitCode> {
    let [file] = &arguments.arguments[..] else {
        return Err(usage_error("commit-msg takes one file, the message: in the hook write `keysift hook commit-msg \"$1\"`"));
    };
    let path = PathBuf::from(file);
    let mut text = Vec::new();
    std::fs::File::open(&path)
        .and_then(|f| f.take(MOST_MESSAGE).read_to_end(&mut text))
        .map_err(|e| usage_error(&format!("{}: cannot be read: {e}", visible(&path.display().to_string()))))?;
    let end = memchr::memmem::find(&text, SCISSORS).unwrap_or(text.len());
    let mut message: Vec<u8> = Vec::new();
    for line in text[..end].split_inclusive(|b| *b == b'\n') {
        // Comments go; the lines stay where they are.
        message.extend_from_slice(if line.starts_with(b"#") { b"\n" } else { line });
    }
    let repo = open_here(&Options::default())?;
    let top = [repo.root().to_owned()];
    Ok(run::run(flags, &Whence::Files(&top), |_, collector, targets: &mut Targets| {
        targets.roots.push(repo.root().to_string_lossy().into_owned());
        stdin::scan_text(&message[..], "git:commit-message", 0, collector)
            .map_err(|e| usage_error(&format!("the message cannot be read: {e}")))
    }))
}

/// The commits that the server has not: `local-ref local-id remote-ref remote-id` a line.
fn pre_push(arguments: &HookArguments, flags: &Flags<'_>) -> Result<ExitCode, ExitCode> {
    let repo = open_here(&Options::default())?;
    if let Some((from, to)) = managed_range() {
        return range(flags, &repo, &from, &to);
    }
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let mut asked = Asked { tips_are_known: true, ..Asked::default() };
    let remote = arguments.arguments.first().and_then(|a| a.to_str()).unwrap_or_default();
    let of_remote = format!("refs/remotes/{remote}/");
    for line in lines_of_stdin()? {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, new, _, old] = words[..] else { return Err(bad_line("pre-push", &line)) };
        add(&mut asked, &mut lookup, name, id_of("pre-push", &line, new)?)?;
        asked.bases.extend(id_of("pre-push", &line, old)?.filter(|id| store.contains(id)));
    }
    let known = repo.refs().into_iter().filter(|r| r.name.starts_with(&of_remote));
    asked.bases.extend(known.filter_map(|r| peel(&mut lookup, r.target)));
    let head = asked.heads.first().map(|(_, id)| *id);
    Ok(look_at(flags, &Whence::Commits(Box::new(Commits::of(&repo, asked.bases.first().copied(), head))), &repo, &asked))
}

/// The commits that a push brings: `old-id new-id ref` a line. They stand in a quarantine that git names.
fn pre_receive(arguments: &HookArguments) -> Result<ExitCode, ExitCode> {
    let mut flags = arguments.run.flags();
    if let Some(option) = arguments.allow_push_option.as_ref().filter(|o| push_options().any(|given| given == **o)) {
        let mut layers = layers::above_repository(flags.rules, &[], layers::ON_DISK)?;
        if layers.allows("allow_push_option", "--allow-push-option") {
            warn(format_args!("not looked at: the push option `{}` asks for it", visible(option)));
            return Ok(ExitCode::SUCCESS);
        }
        flags.refused = layers.refused.pop();
    }
    let repo = open_here(&Options { object_folders: quarantine(), ..Options::default() })?;
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let mut asked = Asked { tips_are_known: true, ..Asked::default() };
    let mut base = None;
    for line in lines_of_stdin()? {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let [old, new, name] = words[..] else { return Err(bad_line("pre-receive", &line)) };
        let new = id_of("pre-receive", &line, new)?;
        let old = id_of("pre-receive", &line, old)?;
        base = base.or(old.and_then(|id| peel(&mut lookup, id)));
        if old.is_none() && new.is_some() {
            asked.ref_names.push(name.to_owned());
        }
        add(&mut asked, &mut lookup, name, new)?;
    }
    // Everything that a ref reaches already is not this push's doing.
    asked.bases = repo.refs().into_iter().filter_map(|r| peel(&mut lookup, r.target)).collect();
    let head = asked.heads.first().map(|(_, id)| *id);
    Ok(look_at(&flags, &Whence::Commits(Box::new(Commits::of(&repo, base.or_else(|| repo.head()), head))), &repo, &asked))
}

/// Adds what a ref will point to: a commit, or a tag with what it points to.
fn add(asked: &mut Asked, lookup: &mut Lookup<'_>, name: &str, id: Option<ObjectId>) -> Result<(), ExitCode> {
    let Some(mut id) = id else { return Ok(()) };
    let short = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
    for _ in 0..64 {
        let object =
            lookup.read(&id).map_err(|_| usage_error(&format!("{} points to {id}, which cannot be read", visible(name))))?;
        match object.kind {
            Kind::Commit => {
                asked.heads.push((short, id));
                return Ok(());
            }
            Kind::Tag => {
                asked.tags.push(id);
                let Some(next) = crate::source::git::graph::tagged(&object.bytes) else { return Ok(()) };
                id = next;
            }
            _ => {
                asked.loose.push(id);
                return Ok(());
            }
        }
    }
    Ok(())
}

fn lines_of_stdin() -> Result<Vec<String>, ExitCode> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MOST_MESSAGE)
        .read_to_string(&mut text)
        .map_err(|e| usage_error(&format!("stdin, where git tells what is pushed, cannot be read: {e}")))?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
}

/// The id that a word is; `None` for the zeros that stand for nothing.
fn id_of(hook: &str, line: &str, word: &str) -> Result<Option<ObjectId>, ExitCode> {
    let id = ObjectId::from_hex(word.as_bytes()).map_err(|_| bad_line(hook, line))?;
    Ok((!id.is_null()).then_some(id))
}

fn bad_line(hook: &str, line: &str) -> ExitCode {
    usage_error(&format!("`{}` is no line that git gives a {hook} hook on stdin", visible(line)))
}

/// The options of `git push -o`.
fn push_options() -> impl Iterator<Item = String> {
    let count = variable("GIT_PUSH_OPTION_COUNT").and_then(|n| n.parse().ok()).unwrap_or(0).min(1000);
    (0..count).filter_map(|n| variable(&format!("GIT_PUSH_OPTION_{n}")))
}

/// The object folders that git names to a hook of a server: the quarantine of the push, and what it builds on.
fn quarantine() -> Vec<PathBuf> {
    let own = std::env::var_os("GIT_OBJECT_DIRECTORY").or_else(|| std::env::var_os("GIT_QUARANTINE_PATH"));
    let more = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES");
    let more = more.iter().flat_map(std::env::split_paths);
    own.map(PathBuf::from).into_iter().chain(more).filter(|p| p.is_dir()).collect()
}
