//! What a person types: one file a command.

mod rules;
mod rules_test;

use crate::rule::{Rule, RuleError, RuleErrors};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Finds leaked credentials in folders, files and text.
#[derive(Debug, Parser)]
#[command(name = "keysift", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at rules, check and test them, draft new ones
    Rules(rules::RulesArguments),
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Rules(arguments) => rules::run(arguments),
    }
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
    eprintln!("keysift: {message}");
    ExitCode::from(2)
}

/// Reads and proves one rule file.
fn read_rule_file(path: &std::path::Path) -> Result<(Vec<Rule>, Vec<RuleError>), RuleErrors> {
    let name = path.display().to_string();
    let problem = |message: String| {
        RuleErrors(vec![RuleError { file: name.clone(), line: 0, rule: None, message, warning: false }])
    };
    let text = std::fs::read_to_string(path).map_err(|e| problem(format!("cannot be read: {e}")))?;
    crate::rule::format::parse_rule_file(&name, &text, rules::author_of(path))
}
