//! What a person types: one file a command.
//!
//! - `scan`: files, folders, standard input
//! - `git`: the history of a repository, or a range of it
//! - `ci`: which commits a CI job asks for
//! - `staged`: what `git commit` would record
//! - `hook`: entry for git's hooks and their managers
//! - `init`: config, hook and CI job of a repository
//! - `allow`: a decision on one finding
//! - `baseline`: findings that are known
//! - `report`: reports into other formats
//! - `gitleaks`: the command line of gitleaks
//! - `migrate`: from gitleaks to keysift
//! - `explain`: why a line is or is not a finding
//! - `rules`, `rules_test`: the catalogue and own rules
//! - `audit`: many repositories
//! - `run`: a scan from its flags to its exit code
//! - `remote`: repositories that are named by their URL
//! - `config`: what config comes to, and who said it
//! - `layers`: the configs of a run
//! - `later`: flags that are made for the command that is asked for
//! - `messages`: what is said on stderr
//! - `terminal`: what the terminal can do
//! - `pages`: completions of shells, man pages
//! - `common`: flags that commands share
//! - `gate`: what fails a run
//! - `policy`: where decisions come from
//! - `commits`: the same, from the base of a change
//! - `edit`: files that people keep, changed whole
//! - `verify`: asks again about the findings of a report
//! - `reread`: reads secrets again from where a report found them
//! - `verification`: the flags of verification
//! - `asking`: findings asked about
//! - `progress`: how far a scan is

#![allow(clippy::doc_markdown, reason = "clap prints these comments as help, without Markdown")]

mod allow;
#[cfg(feature = "verify")]
mod asking;
#[cfg(feature = "audit")]
mod audit;
mod baseline;
mod ci;
mod commits;
mod common;
mod config;
mod edit;
mod explain;
mod gate;
mod git;
mod gitleaks;
mod hook;
mod init;
mod later;
mod layers;
mod messages;
mod migrate;
mod pages;
mod policy;
mod progress;
mod remote;
mod report;
#[cfg(feature = "verify")]
mod reread;
mod rules;
mod rules_diff;
mod rules_test;
mod run;
mod scan;
mod staged;
mod terminal;
mod verification;
#[cfg(feature = "verify")]
mod verify;

use crate::finding::snippet::visible;
use crate::rule::{Rule, RuleError, RuleErrors};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use later::Later;
use messages::{LogFormat, error};
use std::process::ExitCode;

/// Finds leaked credentials in folders, files and text.
#[derive(Debug, Parser)]
#[command(
    name = "keysift",
    version,
    about,
    max_term_width = 100,
    after_help = "Exit codes: 0 nothing found and everything looked at · 1 secrets found · 2 wrong usage, config or a path that is \
                  not there · 3 nothing found, but not everything could be looked at · 130 interrupted\n\n\
                  Examples:\n  keysift                          scan the current folder\n  keysift scan src config.yml      scan a \
                  folder and a file\n  keysift git                      scan all of a repository's history\n  git diff | keysift scan -        scan what a command prints\n  keysift scan . -f human -f \
                  sarif -o - -o report.sarif"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How messages on stderr are written: json is an object a line [default: what KEYSIFT_LOG_FORMAT says, else text]
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Scan files, folders or stdin
    Scan(Later<scan::ScanArguments>),
    /// Scan the history of a git repository, or a range of it
    Git(Later<git::GitArguments>),
    /// Scan what `git commit` would record
    Staged(Later<staged::StagedArguments>),
    /// Run as a hook of git: pre-commit, commit-msg, pre-push, pre-receive
    Hook(Later<hook::HookArguments>),
    /// Set a repository up: a config, the hook, a CI job
    Init(Later<init::InitArguments>),
    /// Turn the config, ignore file, baseline and hook of gitleaks into those of keysift
    Migrate(Later<migrate::MigrateArguments>),
    /// Record a decision on a finding
    Allow(Later<allow::AllowArguments>),
    /// Keep a list of findings that are known, so that only new ones fail
    Baseline(Later<baseline::BaselineArguments>),
    /// Look at many repositories, again and again, and keep what was found and what became of it
    #[cfg(feature = "audit")]
    Audit(Later<audit::AuditArguments>),
    /// Ask again about the findings of a report, or about one secret on stdin
    #[cfg(feature = "verify")]
    Verify(Later<verify::VerifyArguments>),
    /// Turn reports into another format, filter them, make several one; those of gitleaks, trufflehog and kingfisher too
    Report(Later<report::ReportArguments>),
    /// Take the command line of gitleaks: git, dir, stdin, detect, protect, with their flags and exit codes
    Gitleaks(Later<gitleaks::GitleaksArguments>),
    /// Tell why a line is or is not a finding
    Explain(Later<explain::ExplainArguments>),
    /// Look at rules, check and test them, draft new ones
    Rules(Later<rules::RulesArguments>),
    /// Show what config comes to and who said it, check it
    Config(Later<config::ConfigArguments>),
    /// Write what a shell needs to complete commands and flags
    Completions(Later<pages::CompletionsArguments>),
    /// Write a man page for every command
    Man(Later<pages::ManArguments>),
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    // A panic must not print what it was working on.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or(String::new(), |l| format!(" at {}:{}", l.file(), l.line()));
        error(format_args!("internal error{place}; please report it with what you scanned, without its secrets"));
    }));
    messages::write_as(None);
    if let Some(code) = gitleaks::if_asked() {
        return code;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) => return not_understood(&e),
    };
    messages::write_as(arguments.log_format);
    match arguments.command {
        Some(Command::Scan(arguments)) => scan::run(&arguments.0),
        Some(Command::Git(arguments)) => git::run(&arguments.0),
        Some(Command::Staged(arguments)) => staged::run(&arguments.0),
        Some(Command::Hook(arguments)) => hook::run(&arguments.0),
        Some(Command::Init(arguments)) => init::run(&arguments.0),
        Some(Command::Migrate(arguments)) => migrate::run(&arguments.0),
        Some(Command::Allow(arguments)) => allow::run(&arguments.0),
        Some(Command::Baseline(arguments)) => baseline::run(&arguments.0),
        #[cfg(feature = "audit")]
        Some(Command::Audit(arguments)) => audit::run(&arguments.0),
        #[cfg(feature = "verify")]
        Some(Command::Verify(arguments)) => verify::run(&arguments.0),
        Some(Command::Report(arguments)) => report::run(&arguments.0),
        Some(Command::Gitleaks(arguments)) => gitleaks::run(&arguments.0),
        Some(Command::Explain(arguments)) => explain::run(&arguments.0),
        Some(Command::Rules(arguments)) => rules::run(*arguments.0),
        Some(Command::Config(arguments)) => config::run(&arguments.0),
        Some(Command::Completions(arguments)) => pages::completions(&arguments.0, later::whole(Arguments::command)),
        Some(Command::Man(arguments)) => pages::man(&arguments.0, later::whole(Arguments::command)),
        None => match with_defaults("scan") {
            Some(Command::Scan(arguments)) => scan::run(&arguments.0),
            _ => usage_error("say what to do: `keysift --help` lists the commands"),
        },
    }
}

/// A command without any flag.
fn with_defaults(command: &str) -> Option<Command> {
    Arguments::try_parse_from(["keysift", command]).ok()?.command
}

/// Tells what is wrong with the command line, or the help that it asks for.
fn not_understood(error: &clap::Error) -> ExitCode {
    // What the command line says of its own messages counts, though the rest of it is wrong.
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let asks = |pair: &[std::ffi::OsString]| pair[0] == "--log-format" && pair[1] == "json";
    if words.windows(2).any(asks) || words.iter().any(|word| word == "--log-format=json") {
        messages::write_as(Some(LogFormat::Json));
    }
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::InvalidSubcommand => Some(word),
        _ => None,
    };
    if let Some(word) = word.filter(|word| std::path::Path::new(word).exists()) {
        return usage_error(&visible(&format!("`{word}` is no command: `keysift scan {word}` looks at what stands there")));
    }
    if error.use_stderr() && messages::are_json() {
        messages::error(error.render().to_string().trim());
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints to stdout; a broken pipe is a normal end.
fn print(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => usage_error(&format!("stdout cannot be written: {e}")),
    }
}

/// Says what is wrong; exit code 2.
fn usage_error(message: &str) -> ExitCode {
    error(message);
    ExitCode::from(2)
}

/// Reads and proves one rule file.
fn read_rule_file(path: &std::path::Path) -> Result<(Vec<Rule>, Vec<RuleError>), RuleErrors> {
    let name = path.display().to_string();
    let problem =
        |message: String| RuleErrors(vec![RuleError { file: name.clone(), line: 0, rule: None, message, warning: false }]);
    let text = std::fs::read_to_string(path).map_err(|e| problem(format!("cannot be read: {e}")))?;
    crate::rule::format::parse_rule_file(&name, &text, rules::author_of(path))
}
