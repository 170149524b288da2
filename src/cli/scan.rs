//! `keysift scan`: files, folders and standard input.

use super::common::{MAX_FILE_SIZE, Settings};
use super::run::{self, RunFlags, Targets, Whence};
use super::usage_error;
use crate::pipeline::Collector;
use crate::source::stdin;
use crate::source::tree::{Root, Tree};
use crate::triage::baseline::Of;
use clap::Args;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift scan …`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing found and everything looked at · 1 secrets found · 2 wrong usage, config or a path that is not \
                        there · 3 nothing found, but not everything could be looked at · 130 interrupted\n\n\
                        Examples:\n  keysift scan                      the current folder\n  keysift scan src app.zip          a folder and \
                        an archive\n  kubectl get secret -o yaml | keysift scan -\n  keysift scan -f sarif -o keysift.sarif"
)]
pub(super) struct ScanArguments {
    /// Files and folders; `-` is stdin [default: the current folder]
    pub paths: Vec<PathBuf>,
    /// Read blobs from stdin, a JSON object a line: {"path", "content" or "content_base64", "origin"}
    #[arg(long, conflicts_with = "paths", help_heading = "What to look at")]
    pub from_jsonl: bool,
    #[command(flatten)]
    pub run: RunFlags,
}

/// Runs it.
pub(super) fn run(arguments: &ScanArguments) -> ExitCode {
    let flags = arguments.run.flags();
    run::run(&flags, &Whence::Files(&places(&arguments.paths)), |settings, collector, targets| {
        look(arguments, settings, collector, targets)
    })
}

/// What is scanned, for those who look for its config: text from a pipe belongs to the current folder.
fn places(paths: &[PathBuf]) -> Vec<PathBuf> {
    let here = || PathBuf::from(".");
    if paths.is_empty() {
        return vec![here()];
    }
    paths.iter().map(|path| if path.as_os_str() == "-" { here() } else { path.clone() }).collect()
}

/// Looks at every target; a missing one does not stop the others.
fn look(
    arguments: &ScanArguments,
    settings: &Settings,
    collector: &Collector<'_>,
    targets: &mut Targets,
) -> Result<(), ExitCode> {
    let Targets { roots, missing, whole, .. } = targets;
    let read_failed = |e: io::Error| usage_error(&format!("stdin cannot be read: {e}"));
    if arguments.from_jsonl {
        roots.push(String::new());
        return stdin::scan_jsonl(io::stdin().lock(), 0, collector).map_err(read_failed);
    }
    let here = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &here[..] } else { &arguments.paths };
    for named in paths {
        if named.as_os_str() == "-" {
            let target = target_of(roots, String::new());
            stdin::scan_text(io::stdin().lock(), "stdin", target, collector).map_err(read_failed)?;
            continue;
        }
        let scanned = Root::of(named).and_then(|root| {
            let tree = Tree {
                named: named.clone(),
                target: target_of(roots, root.folder.to_string_lossy().into_owned()),
                exclude: settings.exclude.clone(),
                max_file_size: settings.max_file_size.unwrap_or(MAX_FILE_SIZE),
                obey_gitignore: !arguments.run.limits.no_gitignore,
            };
            tree.scan(&root, collector)?;
            if named.canonicalize().is_ok_and(|path| path == root.folder) {
                *whole = Some(Of::Tree);
            }
            Ok(())
        });
        if let Err(e) = scanned {
            missing.push(e);
        }
    }
    Ok(())
}

/// The place of a root among the roots: named paths that share it are one target.
fn target_of(roots: &mut Vec<String>, root: String) -> usize {
    roots.iter().position(|r| *r == root).unwrap_or_else(|| {
        roots.push(root);
        roots.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Command};
    use crate::rule::{RuleSet, read_so_far};
    use clap::Parser as _;
    use std::path::Path;

    /// Scans a file as the command line does.
    fn scan(file: &Path, flags: &[&str]) {
        let words = ["keysift", "scan", "--no-config", "--quiet"].into_iter().chain(flags.iter().copied());
        let arguments = Arguments::try_parse_from(words.chain(file.to_str())).expect("a command line");
        let Some(Command::Scan(arguments)) = arguments.command else { panic!("no scan") };
        super::run(&arguments.0);
    }

    /// Rules are read where they are needed, and no rule is needed to start.
    #[test]
    fn few_rules_are_read() {
        const ALONE: &str = "KEYSIFT_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            // Other tests read all of them: this one is run again in a process of its own.
            let (me, thread) = (std::env::current_exe().expect("a test"), std::thread::current());
            let name = thread.name().filter(|name| *name != "main").expect("the harness names threads by their tests");
            let output = std::process::Command::new(me).args(["--exact", name]).env(ALONE, "").output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut rules = RuleSet::built_in();
        rules.retain(|head| !head.is_named("aws-*"));
        assert!(
            rules.knows("github-*") && rules.head("github-pat-classic").is_some() && rules.head("aws-access-key-id").is_none()
        );
        assert_eq!(rules.nearest("github-pat-clasic"), Some("github-pat-classic"));
        assert_eq!(read_so_far(), 0);

        let plain = folder.path().join("plain.txt");
        std::fs::write(&plain, "nothing to see here\n").expect("a folder to write to");
        scan(&plain, &["--exclude-rule", "aws-*"]);
        // Those that look at paths.
        assert!(read_so_far() <= 4, "{}", read_so_far());

        let named = folder.path().join("named.txt");
        std::fs::write(&named, "the ghp_ of a token\npassword = None\n").expect("a folder to write to");
        scan(&named, &[]);
        assert!(read_so_far() <= 20, "{}", read_so_far());
    }
}
