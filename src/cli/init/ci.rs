//! The CI job: a pipeline of its own where the system reads several files, else a job in the one that is there. The texts are
//! those of the folder ci/, which docs/ci.md shows.

use super::block::{Comment, append, insert, lines_of, marked};
use super::plan::{Plan, Target};
use super::yaml::{self, Found};
use crate::source::git::link::Forge;
use clap::ValueEnum;
use std::path::Path;

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CiKind {
    /// What the repository uses
    Auto,
    #[value(name = "github")]
    GitHub,
    #[value(name = "gitlab")]
    GitLab,
    Azure,
    Bitbucket,
    Circle,
    Jenkins,
    /// No CI job
    None,
}

/// The CI systems, each with the files it reads.
const SYSTEMS: [(CiKind, &[&str]); 6] = [
    (CiKind::GitHub, &[".github/workflows/keysift.yml"]),
    (CiKind::GitLab, &[".gitlab-ci.yml"]),
    (CiKind::Azure, &["azure-pipelines.yml", "azure-pipelines.yaml", ".azure-pipelines.yml", ".azure/pipelines.yml"]),
    (CiKind::Bitbucket, &["bitbucket-pipelines.yml"]),
    (CiKind::Circle, &[".circleci/config.yml"]),
    (CiKind::Jenkins, &["Jenkinsfile"]),
];

const GITHUB: &str = include_str!("../../../ci/github.yml");
const GITLAB: &str = include_str!("../../../ci/gitlab.yml");
const AZURE: &str = include_str!("../../../ci/azure-pipelines.yml");
const BITBUCKET: &str = include_str!("../../../ci/bitbucket-pipelines.yml");
const CIRCLE: &str = include_str!("../../../ci/circleci.yml");
const JENKINS: &str = include_str!("../../../ci/Jenkinsfile");

/// Every file in which [`plan`] may write.
pub(in crate::cli) fn files() -> impl Iterator<Item = &'static str> {
    SYSTEMS.iter().flat_map(|(_, files)| *files).copied()
}

/// The systems that the repository uses: those whose files are there, else that of the forge that it comes from.
pub(super) fn detect(root: &Path, forge: Option<Forge>) -> Vec<CiKind> {
    let is_there = |kind: CiKind, files: &[&str]| match kind {
        CiKind::GitHub => root.join(".github/workflows").is_dir(),
        _ => files.iter().any(|f| root.join(f).exists()),
    };
    let found: Vec<CiKind> = SYSTEMS.iter().filter(|(kind, files)| is_there(*kind, files)).map(|(kind, _)| *kind).collect();
    if !found.is_empty() {
        return found;
    }
    let of_forge = match forge {
        Some(Forge::GitHub) => Some(CiKind::GitHub),
        Some(Forge::GitLab) => Some(CiKind::GitLab),
        Some(Forge::Bitbucket) => Some(CiKind::Bitbucket),
        Some(Forge::Azure) => Some(CiKind::Azure),
        Some(Forge::Gitea) | None => None,
    };
    of_forge.into_iter().collect()
}

/// Plans the job; tells the file that holds it.
///
/// # Errors
/// The sentence to say, where a file cannot be read.
pub(super) fn plan(kind: CiKind, root: &Path, plan: &mut Plan) -> Result<Option<String>, String> {
    let Some((_, files)) = SYSTEMS.iter().find(|(k, _)| *k == kind) else { return Ok(None) };
    let name = files.iter().find(|f| root.join(f).exists()).unwrap_or(&files[0]);
    let target = Target::in_tree(root, name);
    let present = target.read()?;
    let whole = present.as_ref().is_none_or(|p| p.stripped.is_ours && p.stripped.rest.trim().is_empty());
    let rest = present.as_ref().map_or("", |p| p.stripped.rest.as_str());
    let after = if whole {
        let comment = if kind == CiKind::Jenkins { Comment::Slashes } else { Comment::Hash };
        Ok(marked(&lines_of(template(kind)), 0, comment, true))
    } else {
        extended(kind, rest)
    };
    match after {
        Ok(after) => plan.set(target, present.map(|p| p.text), Some(after)),
        Err(why) => plan.by_hand.push(format!("{name}: {why}; docs/ci.md has the job to add")),
    }
    Ok(Some((*name).to_owned()))
}

const fn template(kind: CiKind) -> &'static str {
    match kind {
        CiKind::GitHub => GITHUB,
        CiKind::GitLab => GITLAB,
        CiKind::Azure => AZURE,
        CiKind::Bitbucket => BITBUCKET,
        CiKind::Circle => CIRCLE,
        CiKind::Jenkins => JENKINS,
        CiKind::Auto | CiKind::None => "",
    }
}

/// A pipeline of others with the job in it, or why it cannot be put there.
fn extended(kind: CiKind, text: &str) -> Result<String, &'static str> {
    let unclear = "it is written in a way that is not understood here";
    match kind {
        CiKind::GitHub => Err("this workflow is not from keysift init"),
        CiKind::GitLab => {
            if yaml::find(text, &["keysift"]) != (Found::Missing { known: 0 }) {
                return Err("it has a job `keysift` already");
            }
            let mut lines = lines_of(GITLAB);
            if let Some(stage) = other_stage(text)
                && let Some(at) = lines.iter().position(|l| l == "keysift:")
            {
                lines.insert(at + 1, format!("  stage: {stage}"));
            }
            Ok(append(text, &marked(&lines, 0, Comment::Hash, false)))
        }
        CiKind::Azure => azure(text),
        CiKind::Bitbucket => {
            let paths: [&[&str]; 2] = [&["pipelines", "pull-requests", "**"], &["pipelines", "default"]];
            paths.iter().try_fold(text.to_owned(), |text, path| {
                yaml::add(&text, path, &yaml::entries(BITBUCKET, path), false).ok_or(unclear)
            })
        }
        CiKind::Circle => {
            let paths: [&[&str]; 2] = [&["jobs"], &["workflows"]];
            if paths.iter().any(|path| yaml::entries(text, path).iter().any(|l| l.starts_with("keysift:"))) {
                return Err("it has a job or a workflow `keysift` already");
            }
            paths.iter().try_fold(text.to_owned(), |text, path| {
                yaml::add(&text, path, &yaml::entries(CIRCLE, path), false).ok_or(unclear)
            })
        }
        CiKind::Jenkins => jenkins(text).ok_or("it has no line `stages {`"),
        CiKind::Auto | CiKind::None => Ok(text.to_owned()),
    }
}

/// The first stage of a GitLab pipeline that names its stages and has no `test`, which a job is in by itself.
fn other_stage(text: &str) -> Option<String> {
    let listed = yaml::entries(text, &["stages"]);
    let inline = text.lines().find_map(|l| l.strip_prefix("stages:")).unwrap_or_default();
    let words = listed.iter().map(|l| l.trim().trim_start_matches('-')).chain(inline.split([',', '[', ']', '#']));
    let stages: Vec<&str> = words.map(|w| w.trim().trim_matches(['"', '\''])).filter(|w| !w.is_empty()).collect();
    if stages.contains(&"test") { None } else { stages.first().map(|s| (*s).to_owned()) }
}

/// Steps, a job of steps, or a stage of such a job.
fn azure(text: &str) -> Result<String, &'static str> {
    let steps = yaml::entries(AZURE, &["steps"]);
    let is_there = |key: &str| !matches!(yaml::find(text, &[key]), Found::Missing { .. });
    // The steps below these lines, as deep as the last of them and a step more.
    let below = |head: &str| {
        let deep = head.lines().last().map_or(0, |l| l.len() - l.trim_start().len()) + 2;
        lines_of(head).into_iter().chain(steps.iter().map(|l| format!("{}{l}", " ".repeat(deep)))).collect::<Vec<_>>()
    };
    let (key, lines) = if is_there("stages") {
        let head = "- stage: keysift\n  jobs:\n    - job: keysift\n      pool: { vmImage: ubuntu-latest }\n      steps:\n";
        ("stages", below(head))
    } else if is_there("jobs") {
        ("jobs", below("- job: keysift\n  pool: { vmImage: ubuntu-latest }\n  steps:\n"))
    } else if is_there("steps") {
        if yaml::entries(text, &["steps"]).iter().any(|l| l.starts_with("- checkout:")) {
            return Err("it checks out itself: behind that goes the step");
        }
        ("steps", steps)
    } else {
        return Err("it has no steps, jobs or stages");
    };
    yaml::add(text, &[key], &lines, false).ok_or("it is written in a way that is not understood here")
}

/// The stage of the template, before the first one.
fn jenkins(text: &str) -> Option<String> {
    let opens = |line: &str| line.trim_end().ends_with('{') && line.trim().trim_end_matches('{').trim() == "stages";
    let at = text.lines().position(opens)?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let deep = text.lines().skip(at + 1).find(|l| !l.trim().is_empty()).map_or(4, indent);
    let own = JENKINS.lines().position(opens)?;
    let lines: Vec<&str> = JENKINS.lines().skip(own + 1).take_while(|l| indent(l) > 2).collect();
    let lines: Vec<String> = lines.iter().map(|l| l.get(4..).unwrap_or_default().to_owned()).collect();
    Some(insert(text, at + 1, &marked(&lines, deep, Comment::Slashes, false)))
}
