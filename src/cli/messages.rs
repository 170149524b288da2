//! What is said on stderr beside reports: a line for people, or a JSON object a line for those who collect it.

use clap::ValueEnum;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// The variable that says it where no flag does.
const VARIABLE: &str = "KEYSIFT_LOG_FORMAT";

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// What a message means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// It ends with this.
    Error,
    /// Something does not count, or is not as someone may think.
    Warning,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Messages come in this form from here on.
pub(super) fn write_as(flag: Option<LogFormat>) {
    let by_variable = || std::env::var(VARIABLE).is_ok_and(|word| word == "json");
    let is_json = flag.map_or_else(by_variable, |format| format == LogFormat::Json);
    AS_JSON.store(is_json, Ordering::Relaxed);
}

/// Whether every line on stderr is a JSON object.
pub(super) fn are_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// Says that the run ends here.
pub(super) fn error(message: impl Display) {
    say(Level::Error, "keysift: ", &message.to_string());
}

/// Says something that the user should know.
pub(super) fn warn(message: impl Display) {
    say(Level::Warning, "keysift: ", &message.to_string());
}

/// Says what stands at a place of a file, which begins the message.
pub(super) fn say_of_file(level: Level, message: impl Display) {
    say(level, "", &message.to_string());
}

fn say(level: Level, before: &str, message: &str) {
    if are_json() {
        // Whatever stands in a message, it stays in its line and harms no terminal.
        eprintln!("{}", serde_json::json!({ "level": level.as_str(), "message": message }));
    } else {
        eprintln!("{before}{message}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        files.into_iter().chain(folders.iter().flat_map(|f| sources(f))).collect()
    }

    /// A line that is written past this file would be no JSON where JSON is asked for.
    #[test]
    fn nobody_else_writes_to_stderr() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let writes = ["eprintln", "!("].concat();
        let others: Vec<PathBuf> = sources(&here)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|e| e == "rs"))
            .filter(|file| !file.ends_with("cli/messages.rs") && std::fs::read_to_string(file).expect("UTF-8").contains(&writes))
            .collect();
        assert_eq!(others, Vec::<PathBuf>::new(), "say it with cli::messages");
    }
}
