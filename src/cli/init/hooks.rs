//! The hook that looks at every commit: git's own, or that of the hook manager which the repository uses.

use super::block::{Comment, append, insert, lines_of, marked};
use super::plan::{Plan, Target};
use super::yaml;
use crate::source::git::Repository;
use crate::source::git::hooks::HooksFolder;
use clap::ValueEnum;
use std::path::Path;

/// Who runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HookKind {
    /// What the repository uses
    Auto,
    /// A script of git itself
    Git,
    /// pre-commit, or prek
    PreCommit,
    Husky,
    Lefthook,
    /// No hook
    None,
}

/// What a hook does, for managers that run commands.
const COMMAND: &str = "keysift hook pre-commit";

/// The lines of a shell script. Who has no keysift may commit, and is told: the CI job looks again.
const SCRIPT: &str = "\
if command -v keysift >/dev/null 2>&1; then
  keysift hook pre-commit || exit $?
else
  echo 'keysift is not installed: nobody looked for secrets in this commit' >&2
fi
";

/// Files of lefthook, in the order in which it looks for them.
const LEFTHOOK: [&str; 10] = [
    "lefthook.yml", ".lefthook.yml", ".config/lefthook.yml", "lefthook.yaml", ".lefthook.yaml", ".config/lefthook.yaml",
    "lefthook.toml", ".lefthook.toml", "lefthook.json", ".lefthook.json",
];
/// The config of pre-commit.
pub(in crate::cli) const PRE_COMMIT: &str = ".pre-commit-config.yaml";
/// What prek reads instead of it.
const PREK: &str = "prek.toml";
const HUSKY: &str = ".husky/pre-commit";

/// Every file in which [`plan`] may write, besides the hook of git itself.
pub(super) fn files() -> impl Iterator<Item = &'static str> {
    LEFTHOOK.into_iter().filter(|name| !has_extension(name, "json")).chain([PRE_COMMIT, PREK, HUSKY])
}

/// Which hook manager the repository uses: the one that git runs, else the one that has a config.
pub(super) fn detect(root: &Path, folder: &HooksFolder) -> HookKind {
    if folder.path.starts_with(root.join(".husky")) {
        return HookKind::Husky;
    }
    let script = crate::config::discover::read(&folder.path.join("pre-commit")).ok().flatten().unwrap_or_default();
    let has = |names: &[&str]| names.iter().any(|name| root.join(name).exists());
    let known = [
        (HookKind::PreCommit, &[PRE_COMMIT, PREK][..], &["pre-commit.com", "prek"][..]),
        (HookKind::Lefthook, &LEFTHOOK[..], &["lefthook"][..]),
        (HookKind::Husky, &[".husky"][..], &["husky"][..]),
    ];
    let runs = known.iter().find(|(_, files, words)| has(files) && words.iter().any(|w| script.contains(w)));
    runs.or_else(|| known.iter().find(|(_, files, _)| has(files))).map_or(HookKind::Git, |(kind, ..)| *kind)
}

/// Plans the hook.
///
/// # Errors
/// The sentence to say, where a file cannot be read.
pub(super) fn plan(kind: HookKind, repo: &Repository, root: &Path, folder: &HooksFolder, plan: &mut Plan) -> Result<(), String> {
    match kind {
        HookKind::None => Ok(()),
        HookKind::Auto => self::plan(detect(root, folder), repo, root, folder, plan),
        HookKind::Git => git(repo, root, folder, plan),
        HookKind::PreCommit => pre_commit(root, folder, plan),
        HookKind::Husky => {
            plan.next.push(on_path("the hook of husky"));
            script(Target { is_program: true, ..Target::in_tree(root, HUSKY) }, "", plan)
        }
        HookKind::Lefthook => lefthook(root, plan),
    }
}

fn on_path(who: &str) -> String {
    format!(
        "{who} runs the keysift that is on PATH: whoever commits installs it, `pipx install keysift=={}`",
        env!("CARGO_PKG_VERSION")
    )
}

/// The hook of git itself.
pub(super) fn git_target(root: &Path, folder: &Path) -> Target {
    let path = folder.join("pre-commit");
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Target { path, name, is_program: true }
}

fn git(repo: &Repository, root: &Path, folder: &HooksFolder, plan: &mut Plan) -> Result<(), String> {
    let place = nearest(&folder.path);
    let own = [root, &repo.common_dir].into_iter().filter_map(|f| f.canonicalize().ok()).any(|f| place.starts_with(f));
    if !own {
        let named = folder.configured.as_deref().unwrap_or_default();
        plan.by_hand.push(format!(
            "git takes hooks from {named} (core.hooksPath), outside of this repository: add `{COMMAND}` to its pre-commit there"
        ));
        return Ok(());
    }
    script(git_target(root, &folder.path), "#!/bin/sh\n", plan)
}

/// The folder, or what of its way is there, with links resolved.
fn nearest(folder: &Path) -> std::path::PathBuf {
    folder.ancestors().find_map(|f| f.canonicalize().ok()).unwrap_or_default()
}

/// A shell script: made, or extended where it begins, since what is there may end it.
fn script(target: Target, first_line: &str, plan: &mut Plan) -> Result<(), String> {
    let lines = lines_of(SCRIPT);
    let Some(present) = target.read()? else {
        let text = format!("{first_line}{}", marked(&lines, 0, Comment::Hash, true));
        plan.set(target, None, Some(text));
        return Ok(());
    };
    let rest = &present.stripped.rest;
    let shebang = rest.lines().next().filter(|l| l.starts_with("#!"));
    if shebang.is_some_and(|l| !l.trim_end().ends_with("sh") && !l.contains("sh ")) {
        plan.by_hand.push(format!("{} is no shell script: have it run `{COMMAND}`", target.name));
        return Ok(());
    }
    if rest.contains("generated by pre-commit") || rest.contains("prek hook-impl") || rest.contains("call_lefthook") {
        plan.by_hand.push(format!("{} belongs to a hook manager, which writes it anew: name that with --hook", target.name));
        return Ok(());
    }
    #[cfg(unix)]
    if target.name != HUSKY {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(&target.path).is_ok_and(|meta| meta.permissions().mode() & 0o111 == 0) {
            plan.by_hand
                .push(format!("{} is not executable, so git does not run it: `chmod +x` it, or move it away", target.name));
            return Ok(());
        }
    }
    let text = insert(rest, usize::from(shebang.is_some()), &marked(&lines, 0, Comment::Hash, present.stripped.is_ours));
    plan.set(target, Some(present.text), Some(text));
    Ok(())
}

/// Under pre-commit and prek: the wheel, into an environment of its own.
fn pre_commit(root: &Path, folder: &HooksFolder, plan: &mut Plan) -> Result<(), String> {
    if !folder.path.join("pre-commit").exists() {
        plan.next.push("`pre-commit install` (or `prek install`), once in every clone".to_owned());
    }
    let version = env!("CARGO_PKG_VERSION");
    if root.join(PREK).exists() && !root.join(PRE_COMMIT).exists() {
        let lines = format!(
            "[[repos]]\nrepo = \"local\"\n\n[[repos.hooks]]\nid = \"keysift\"\nname = \"keysift\"\nentry = \"{COMMAND}\"\nlanguage = \
             \"python\"\nadditional_dependencies = [\"keysift=={version}\"]\nrequire_serial = true\n"
        );
        let target = Target::in_tree(root, PREK);
        let Some(present) = target.read()? else { return Ok(()) };
        let text = append(&present.stripped.rest, &marked(&lines_of(&lines), 0, Comment::Hash, false));
        plan.set(target, Some(present.text), Some(text));
        return Ok(());
    }
    let lines = pre_commit_entry();
    in_yaml(Target::in_tree(root, PRE_COMMIT), &[&["repos"]], |_| lines.clone(), plan)
}

/// The entry of `repos` that runs keysift.
pub(in crate::cli) fn pre_commit_entry() -> Vec<String> {
    lines_of(&format!(
        "- repo: local\n  hooks:\n    - id: keysift\n      name: keysift\n      entry: {COMMAND}\n      language: python\n      \
         additional_dependencies: [\"keysift=={}\"]\n      require_serial: true\n",
        env!("CARGO_PKG_VERSION")
    ))
}

fn lefthook(root: &Path, plan: &mut Plan) -> Result<(), String> {
    plan.next.push(on_path("lefthook"));
    let name = LEFTHOOK.into_iter().find(|name| root.join(name).exists()).unwrap_or(LEFTHOOK[0]);
    let target = Target::in_tree(root, name);
    if has_extension(name, "json") {
        plan.by_hand.push(format!("{name} cannot have comments: add a command `{COMMAND}` to its pre-commit"));
        return Ok(());
    }
    if has_extension(name, "toml") {
        let lines = lines_of(&format!("[pre-commit.commands.keysift]\nrun = \"{COMMAND}\"\n"));
        let Some(present) = target.read()? else { return Ok(()) };
        let text = append(&present.stripped.rest, &marked(&lines, 0, Comment::Hash, false));
        plan.set(target, Some(present.text), Some(text));
        return Ok(());
    }
    let lines = |path: &[&str]| match path {
        [.., "jobs"] => lines_of(&format!("- name: keysift\n  run: {COMMAND}\n")),
        _ => lines_of(&format!("keysift:\n  run: {COMMAND}\n")),
    };
    in_yaml(target, &[&["pre-commit", "jobs"], &["pre-commit", "commands"]], lines, plan)
}

/// Adds entries to the first of these paths that is there, else to the last.
fn in_yaml(target: Target, paths: &[&[&str]], lines: impl Fn(&[&str]) -> Vec<String>, plan: &mut Plan) -> Result<(), String> {
    let present = target.read()?;
    let rest = present.as_ref().map_or("", |p| p.stripped.rest.as_str());
    let is_whole = present.as_ref().is_none_or(|p| p.stripped.is_ours && rest.trim().is_empty());
    let there = paths.iter().find(|path| !matches!(yaml::find(rest, path), yaml::Found::Missing { .. }));
    let Some(path) = there.or(paths.last()) else { return Ok(()) };
    match yaml::add(rest, path, &lines(path), is_whole) {
        Some(text) => plan.set(target, present.map(|p| p.text), Some(text)),
        None => plan.by_hand.push(format!(
            "{}: `{}` is written in a way that is not understood here: add to it\n{}",
            target.name,
            path.join("."),
            lines(path).iter().map(|l| format!("           {l}")).collect::<Vec<_>>().join("\n")
        )),
    }
    Ok(())
}

/// Whether a file is of this kind.
pub(in crate::cli) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == extension)
}
