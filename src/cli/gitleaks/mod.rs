//! `keysift gitleaks …`: the command line of gitleaks 8 over keysift's own commands; the same where the program is called
//! `gitleaks`.
//!
//! - here: what gitleaks' flags mean here, and how a run ends there
//! - `flags`: what is typed
//! - `log_opts`: which commits `--log-opts` chooses

mod flags;
mod log_opts;

use super::common::When;
use super::git::{self, GitArguments, PolicyFrom};
use super::run::{self, Flags, Reports, RunFlags};
use super::scan::{self, ScanArguments};
use super::staged::{self, Files};
use crate::cli::messages::warn;
use crate::config::discover::Home;
use crate::finding::snippet::visible;
use crate::source::git::Repository;
use crate::source::git::open::Options;
use crate::source::tree::Root;
use crate::triage::gate::Incomplete;
use crate::triage::gitleaks::NAME as IGNORE_FILE;
use crate::triage::ignore_file;
use clap::Parser;
pub(super) use flags::GitleaksArguments;
use flags::{Command, SharedFlags};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The config file of a repository.
pub(super) const CONFIG: &str = ".gitleaks.toml";
/// What gitleaks exits with where a flag is not known.
const UNKNOWN_FLAG: u8 = 126;

/// The program under the name of gitleaks.
#[derive(Parser)]
#[command(name = "gitleaks", about = "keysift, with the command line of gitleaks", max_term_width = 100)]
struct Program {
    #[command(flatten)]
    arguments: GitleaksArguments,
}

/// Runs it where the first word asks for it, or the program is called so: gitleaks has exit codes of its own for wrong usage.
pub(super) fn if_asked() -> Option<ExitCode> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let is_named = words.first().is_some_and(|name| Path::new(name).file_stem().is_some_and(|stem| stem == "gitleaks"));
    if !is_named {
        if words.get(1).is_none_or(|word| word != "gitleaks") {
            return None;
        }
        words.remove(0);
    }
    match Program::try_parse_from(words) {
        Ok(program) => Some(run(&program.arguments)),
        Err(e) => {
            let _ = e.print();
            let code = match (e.use_stderr(), e.kind()) {
                (false, _) => 0,
                (true, clap::error::ErrorKind::UnknownArgument) => UNKNOWN_FLAG,
                (true, _) => 1,
            };
            Some(ExitCode::from(code))
        }
    }
}

/// What is looked at.
enum What<'a> {
    History { repo: &'a Path, log_opts: Option<&'a str> },
    Staged { repo: &'a Path },
    Files { path: &'a Path },
    Stdin,
}

impl What<'_> {
    /// Where its config and ignore file stand.
    fn source(&self) -> &Path {
        match self {
            Self::History { repo, .. } | Self::Staged { repo } => repo,
            Self::Files { path } => path,
            Self::Stdin => Path::new("."),
        }
    }
}

/// Runs it.
pub(super) fn run(arguments: &GitleaksArguments) -> ExitCode {
    let here = Path::new(".");
    let unstaged = || {
        Err("what has changed and is not staged is not looked at by itself: add --staged, or scan files with `dir`".to_owned())
    };
    let what = match &arguments.command {
        Command::Version => return super::print(&format!("keysift {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Git { repo, staged: true, .. } => Ok(What::Staged { repo: repo.as_deref().unwrap_or(here) }),
        Command::Git { pre_commit: true, .. } | Command::Protect { staged: false, .. } => unstaged(),
        Command::Git { repo, history, .. } => {
            Ok(What::History { repo: repo.as_deref().unwrap_or(here), log_opts: history.log_opts.as_deref() })
        }
        Command::Protect { source, .. } => Ok(What::Staged { repo: source }),
        Command::Dir { path, .. } => Ok(What::Files { path: path.as_deref().unwrap_or(here) }),
        Command::Stdin | Command::Detect { no_git: false, pipe: true, .. } => Ok(What::Stdin),
        Command::Detect { source, no_git: true, .. } => Ok(What::Files { path: source }),
        Command::Detect { source, history, .. } => Ok(What::History { repo: source, log_opts: history.log_opts.as_deref() }),
    };
    if matches!(&arguments.command, Command::Dir { follow_symlinks: true, .. } | Command::Detect { follow_symlinks: true, .. }) {
        warn("links are not followed: what they lead to is looked at where it stands");
    }
    let flags = &arguments.shared;
    let code = match what.and_then(|what| look(&what, flags)) {
        Ok(code) => code,
        Err(message) => super::usage_error(&message),
    };
    // Inside, 1 means leaks. What could not be done or looked at is an error in gitleaks: 1, whatever leaks are.
    match code {
        code if code == ExitCode::SUCCESS => code,
        code if code == ExitCode::from(1) => ExitCode::from(flags.exit_code),
        _ => ExitCode::from(1),
    }
}

/// Looks at it.
fn look(what: &What<'_>, flags: &SharedFlags) -> Result<ExitCode, String> {
    let source = what.source();
    if flags.diagnostics.is_some() || flags.diagnostics_dir.is_some() {
        warn("--diagnostics: there is no such thing here");
    }
    if flags.max_decode_depth != 5 {
        warn("--max-decode-depth: up to five levels are always decoded");
    }
    if flags.timeout > 0 {
        let (stop, limit) = (run::interruptible(), Duration::from_secs(flags.timeout));
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            warn("--timeout: the time is over");
            stop.ask();
        });
    }
    match what {
        What::History { repo, log_opts } => {
            let Some(super::Command::Git(git)) = super::with_defaults("git") else { return Err("no such command".to_owned()) };
            let mut git = GitArguments { repository: Some((*repo).to_owned()), policy_from: PolicyFrom::Head, ..*git.0 };
            log_opts.map_or(Ok(()), |options| log_opts::apply(options, &mut git))?;
            set(&mut git.run, source, flags)?;
            Ok(git::run(&git))
        }
        What::Files { path } => {
            let mut scan = scan_arguments(path)?;
            set(&mut scan.run, source, flags)?;
            // gitleaks reads no .gitignore.
            scan.run.limits.no_gitignore = true;
            // Paths are told from the top of a repository, else of the folder.
            if path.is_dir() && Root::of(path).is_ok_and(|root| path.canonicalize().is_ok_and(|path| path == root.folder)) {
                scan.run.policy.gitleaks_folder = Some(path.to_string_lossy().into_owned());
            }
            Ok(scan::run(&scan))
        }
        What::Stdin => {
            let mut scan = scan_arguments(Path::new("-"))?;
            set(&mut scan.run, source, flags)?;
            Ok(scan::run(&scan))
        }
        What::Staged { repo } => {
            let mut scan = scan_arguments(Path::new("."))?;
            set(&mut scan.run, source, flags)?;
            let opened = if *repo == Path::new(".") {
                staged::open_here(&Options::default())
            } else {
                Repository::open(repo, &Options::default()).map_err(|e| super::usage_error(&e.to_string()))
            };
            Ok(match opened {
                Ok(repo) => staged::look_at_index(&scan.run.flags(), &repo, &Files::WhereNothingIsStaged(Vec::new())),
                Err(code) => code,
            })
        }
    }
}

fn scan_arguments(path: &Path) -> Result<ScanArguments, String> {
    let Some(super::Command::Scan(scan)) = super::with_defaults("scan") else { return Err("no such command".to_owned()) };
    Ok(ScanArguments { paths: vec![path.to_owned()], ..*scan.0 })
}

/// Says in our flags what gitleaks' flags say.
fn set(run: &mut RunFlags, source: &Path, flags: &SharedFlags) -> Result<(), String> {
    let rules = &mut run.rules;
    let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    if let Some(path) = flags.config.clone().or_else(|| named("GITLEAKS_CONFIG").map(PathBuf::from)) {
        rules.gitleaks_config = Some(path);
    } else if let Some(text) = named("GITLEAKS_CONFIG_TOML") {
        rules.gitleaks_text = Some(text.into_string().map_err(|_| "GITLEAKS_CONFIG_TOML is no UTF-8".to_owned())?);
        rules.gitleaks_config = Some(PathBuf::from("GITLEAKS_CONFIG_TOML"));
    } else {
        rules.gitleaks_config = Some(source.join(CONFIG)).filter(|path| path.exists());
    }
    rules.no_config = rules.gitleaks_config.is_none();
    rules.only_gitleaks.clone_from(&flags.enable_rule);

    // gitleaks looks at neither of these two.
    let own = rules.gitleaks_config.iter().chain(&flags.baseline_path).filter_map(|path| inside(source, path));
    run.limits.exclude.extend(own.map(|path| globset::escape(&path)));
    run.limits.no_archives = flags.max_archive_depth == 0;
    run.limits.max_depth = Some(flags.max_archive_depth).filter(|depth| *depth > 0);
    if flags.max_target_megabytes > 0 {
        run.limits.max_file_size = Some(flags.max_target_megabytes.saturating_mul(1_000_000));
        run.limits.leaves_out_larger = true;
    }

    let ignored = &flags.gitleaks_ignore_path;
    let files = [ignored.clone(), ignored.join(IGNORE_FILE), source.join(IGNORE_FILE)];
    let mut seen = Vec::new();
    for file in files.into_iter().filter(|file| file.is_file()) {
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        if !seen.contains(&real) {
            seen.push(real);
            run.policy.gitleaks_ignore.push(file);
        }
    }
    run.policy.baseline.clone_from(&flags.baseline_path);
    run.policy.no_inline_allow = flags.ignore_gitleaks_allow;

    let report = &mut run.report;
    report.show_secrets = flags.redact == Some(0);
    if flags.no_color {
        report.color = When::Never;
    }
    report.progress = When::Never;
    report.gate.exit_code = Some(1);
    report.gate.incomplete = Some(Incomplete::Fail);
    let mut reports = Vec::new();
    if let Some(path) = &flags.report_path {
        reports.push((flags.format(path)?, path.clone()));
    }
    let is_free = flags.report_path.as_deref() != Some(Path::new("-"));
    if flags.verbose && is_free {
        reports.push((crate::report::Format::Human, PathBuf::from("-")));
    }
    let level = flags.log_level.to_ascii_lowercase();
    report.reports = Some(Reports {
        all: reports,
        tells_leaks: !matches!(level.as_str(), "err" | "error" | "fatal"),
        tells_none: !matches!(level.as_str(), "warn" | "err" | "error" | "fatal"),
    });
    Ok(())
}

/// Says once that files of gitleaks are there and do not count, where nothing of ours stands in their place.
pub(super) fn hint(flags: &Flags<'_>, home: &Home) {
    let (rules, report) = (flags.rules, flags.report);
    let is_read = rules.gitleaks_config.is_some() || !flags.policy.gitleaks_ignore.is_empty() || report.reports.is_some();
    if is_read || report.quiet || report.silent {
        return;
    }
    let Some(root) = home.root() else { return };
    let there = |name: &str| root.join(name).is_file();
    let config = (there(CONFIG) && home.configs.is_empty() && !rules.no_config).then_some(CONFIG);
    let ignored = (there(IGNORE_FILE) && !there(ignore_file::NAME) && !flags.policy.no_ignore_file).then_some(IGNORE_FILE);
    let names: Vec<&str> = config.into_iter().chain(ignored).collect();
    if !names.is_empty() {
        warn(format_args!(
            "gitleaks' files do not count here ({}): `keysift migrate` makes them ours, `keysift gitleaks` and --gitleaks-config read them",
            names.join(", ")
        ));
    }
}

/// The path of a file from the top of what is scanned, where it is in it.
fn inside(source: &Path, file: &Path) -> Option<String> {
    let (top, file) = (source.canonicalize().ok()?, file.canonicalize().ok()?);
    Some(visible(&file.strip_prefix(top).ok()?.to_string_lossy()).replace('\\', "/"))
}
