//! `keysift completions` and `keysift man`: what shells and `man` know of the command line.

use super::usage_error;
use crate::finding::snippet::visible;
use clap::{Args, Command};
use clap_complete::Shell;
use std::path::PathBuf;
use std::process::ExitCode;

/// `keysift completions …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  keysift completions bash > ~/.local/share/bash-completion/completions/keysift\n  \
                        keysift completions zsh > ~/.zfunc/_keysift\n  \
                        keysift completions fish > ~/.config/fish/completions/keysift.fish")]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `keysift man …`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keysift man ~/.local/share/man/man1")]
pub(super) struct ManArguments {
    /// The folder to write to; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script of a shell.
pub(super) fn completions(arguments: &CompletionsArguments, mut command: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "keysift", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}

/// Writes the pages.
pub(super) fn man(arguments: &ManArguments, command: Command) -> ExitCode {
    let folder = &arguments.folder;
    match std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => usage_error(&format!("{}: pages cannot be written: {e}", visible(&folder.display().to_string()))),
    }
}
