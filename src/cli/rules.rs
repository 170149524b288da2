//! `keysift rules`: list, show, new, check, test; `diff` has its own file.

use super::rules_test;
use crate::cli::messages::{Level, say_of_file};
use crate::finding::snippet::visible;
use crate::rule::format::file::Author;
use crate::rule::{Rule, RuleErrors, RuleSet, draft};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift rules …`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 right · 1 rules fail their examples · 2 wrong usage, or a rule file that is wrong\n\n\
                  Examples:\n  keysift rules list stripe                those with it in their id, provider or name\n  keysift rules show \
                  github-pat-classic\n  keysift rules new --id acme <tokens.txt     a draft from sample tokens, one a line\n  keysift rules \
                  check ours.toml && keysift rules test ours.toml")]
pub(super) struct RulesArguments {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List all rules: id, severity, confidence of the format, name
    List {
        /// Only rules whose id, provider or name contains this
        filter: Option<String>,
    },
    /// Show one rule in full
    Show {
        /// Its id, or an earlier one
        id: String,
    },
    /// Draft a rule from sample tokens on stdin, one a line
    New {
        /// The id of the new rule
        #[arg(long, default_value = "my-rule")]
        id: String,
    },
    /// Prove rule files: syntax, keys, keywords, bounded length (all built-in rules where none is named)
    Check { files: Vec<PathBuf> },
    /// Tell what differs between two catalogues: added, removed, renamed and changed rules
    #[command(
        after_help = "OLD and NEW are each a folder of rule files, one file, `built-in`, or a catalogue version such as 0.1."
    )]
    Diff { old: String, new: String },
    /// Run examples and counterexamples through the whole detector (those of all built-in rules where no file is named)
    Test { files: Vec<PathBuf> },
}

/// Runs it.
pub(super) fn run(arguments: RulesArguments) -> ExitCode {
    match arguments.command {
        RulesCommand::List { filter } => list(filter.as_deref()),
        RulesCommand::Show { id } => show(&id),
        RulesCommand::New { id } => new(&id),
        RulesCommand::Check { files } => check(&files),
        RulesCommand::Diff { old, new } => super::rules_diff::run(&old, &new),
        RulesCommand::Test { files } => test(&files),
    }
}

fn list(filter: Option<&str>) -> ExitCode {
    let filter = filter.unwrap_or_default().to_ascii_lowercase();
    let rules = RuleSet::built_in();
    let mut out = String::new();
    for (_, rule) in rules.iter() {
        if [rule.id, rule.provider, rule.name].iter().any(|t| t.to_ascii_lowercase().contains(&filter)) {
            let _ = writeln!(
                out,
                "{:<44} {:<9} {:<7} {}",
                rule.id,
                rule.severity.as_str(),
                rule.format_confidence.as_str(),
                rule.name
            );
        }
    }
    super::print(&out)
}

fn show(id: &str) -> ExitCode {
    let rules = RuleSet::built_in();
    let Some(rule) = rules.find(id) else {
        let hint = match rules.nearest(id) {
            Some(near) => format!("did you mean `{near}`?"),
            None if rules.heads().any(|(_, head)| head.id().contains(id)) => {
                format!("`keysift rules list {id}` lists those of that name")
            }
            None => "`keysift rules list` lists them".to_owned(),
        };
        return super::usage_error(&visible(&format!("there is no rule `{id}`: {hint}")));
    };
    super::print(&shown(rule))
}

fn shown(rule: &Rule) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "{name:<18} {value}");
        }
    };
    row("id", rule.id.into());
    row("name", rule.name.into());
    row("provider", rule.provider.into());
    row("url", rule.url.into());
    row("formerly", rule.formerly.join(", "));
    row("since", rule.since.into());
    row("severity", rule.severity.as_str().into());
    row("format confidence", rule.format_confidence.as_str().into());
    row("kind", rule.kind.as_str().into());
    row("keywords", rule.keywords.join(", "));
    row("pattern", rule.pattern.unwrap_or_default().into());
    row("until", rule.until.unwrap_or_default().into());
    row("path", rule.path.unwrap_or_default().into());
    if rule.entropy > 0.0 {
        row("entropy", format!("{:.1} bits a byte or more", rule.entropy));
    }
    if let Some(sum) = rule.checksum {
        let name = crate::rule::ChecksumKind::NAMES.iter().find(|(_, k)| *k == sum.kind).map_or("", |(n, _)| n);
        row("checksum", name.into());
    }
    if let Some(structure) = rule.structure {
        let name = crate::rule::StructureKind::NAMES.iter().find(|(_, k)| *k == structure).map_or("", |(n, _)| n);
        row("structure", name.into());
    }
    if rule.pattern.is_some() {
        row("longest match", format!("{} bytes", rule.bounds.max_len));
    }
    for near in rule.near {
        row(
            "near",
            format!("{} within {} lines{}", near.rule, near.within_lines, if near.required { " (required)" } else { "" }),
        );
    }
    if let Some(verify) = &rule.verify {
        let asked = match verify.protocol {
            Some(protocol) => protocol.as_str().to_owned(),
            None => format!("{} {}", verify.method.as_str(), verify.urls().collect::<Vec<_>>().join(" or ")),
        };
        row("is verified by", format!("{asked} ({})", verify.evidence.as_str()));
        row("documented at", verify.docs.into());
    }
    row("rotate", rule.remedy.rotate.into());
    row("what to do", rule.remedy.steps.into());
    out
}

fn new(id: &str) -> ExitCode {
    let mut text = String::new();
    if let Err(e) = std::io::stdin().read_to_string(&mut text) {
        return super::usage_error(&format!("stdin cannot be read: {e}"));
    }
    match draft::draft(id, &text) {
        Ok(rule) => super::print(&rule),
        Err(e) => super::usage_error(&e.to_string()),
    }
}

/// Reads rule files; the errors of all of them.
fn read(files: &[PathBuf]) -> Result<Vec<Rule>, RuleErrors> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match super::read_rule_file(file) {
            Ok((found, warnings)) => {
                for warning in warnings {
                    say_of_file(Level::Warning, warning);
                }
                rules.extend(found);
            }
            Err(errors) => problems.extend(errors.0),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(RuleErrors(problems)) }
}

fn check(files: &[PathBuf]) -> ExitCode {
    if files.is_empty() {
        // The build script proved the catalogue; what is left to prove is that its rules name each other rightly.
        let all = RuleSet::built_in();
        let rules: Vec<_> = all.iter().map(|(_, r)| r).collect();
        return check_references(&all, &rules);
    }
    match read(files) {
        Ok(rules) => {
            let mut all = RuleSet::built_in();
            let ids: Vec<&str> = rules.iter().map(|r| r.id).collect();
            all.add(rules);
            let chosen: Vec<_> = ids.iter().filter_map(|id| all.find(id)).collect();
            check_references(&all, &chosen)
        }
        Err(errors) => {
            say_of_file(Level::Error, errors);
            ExitCode::from(2)
        }
    }
}

fn check_references(all: &RuleSet, rules: &[&'static Rule]) -> ExitCode {
    let mut missing = 0;
    for rule in rules {
        for near in rule.near.iter().filter(|n| all.head(n.rule).is_none()) {
            say_of_file(
                Level::Warning,
                format_args!("rule `{}`: `near` names `{}`, and there is no such rule", rule.id, near.rule),
            );
            missing += 1;
        }
    }
    if missing > 0 {
        return ExitCode::from(2);
    }
    super::print(&format!("{} rules are proven\n", rules.len()))
}

fn test(files: &[PathBuf]) -> ExitCode {
    let rules = match read(files) {
        Ok(rules) => rules,
        Err(errors) => {
            say_of_file(Level::Error, errors);
            return ExitCode::from(2);
        }
    };
    let (detector, chosen) = rules_test::prepare(rules);
    let failed = rules_test::test(&detector, &chosen);
    for failure in &failed {
        say_of_file(Level::Error, format_args!("{}: {}", failure.rule, failure.message));
    }
    let examples: usize = chosen.iter().map(|r| r.examples.len()).sum();
    let counterexamples: usize = chosen.iter().map(|r| r.counterexamples.len()).sum();
    let code = super::print(&format!(
        "{} rules, {examples} examples, {counterexamples} counterexamples: {} failed\n",
        chosen.len(),
        failed.len()
    ));
    if failed.is_empty() { code } else { ExitCode::from(1) }
}

/// Who wrote a file that is named on the command line: files of the catalogue are held to its standard.
pub(super) fn author_of(path: &std::path::Path) -> Author {
    let parent = path.parent().and_then(|p| p.file_name());
    if parent == Some(std::ffi::OsStr::new("rules")) { Author::BuiltIn } else { Author::User }
}
