//! What the terminal can do: colours, links, its width.

use super::common::When;
use std::io::{self, IsTerminal as _};

/// The variable that says whether paths are links, where no flag does.
const LINKS_VARIABLE: &str = "KEYSIFT_HYPERLINKS";
/// Columns where nobody knows.
const USUAL_WIDTH: usize = 100;

/// Whether stdout is coloured.
pub(super) fn colored(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && io::stdout().is_terminal(),
    }
}

/// Whether paths on stdout are links that the terminal opens.
pub(super) fn linked(when: When) -> bool {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (when, env(LINKS_VARIABLE).as_deref()) {
        (When::Always, _) | (When::Auto, Some("always")) => true,
        (When::Never, _) | (When::Auto, Some("never")) => false,
        (When::Auto, _) => io::stdout().is_terminal() && knows_links(&env),
    }
}

/// Whether the terminal is one that is known to open links. Nothing else tells: one that does not know them would show them.
fn knows_links(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| env(name).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let term = env("TERM").unwrap_or_default();
    // What stands between keysift and the terminal may show them, too.
    if term == "dumb" || term.starts_with("screen") || term.starts_with("tmux") || env("TMUX").is_some() {
        return false;
    }
    let program = env("TERM_PROGRAM").unwrap_or_default();
    ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio", "zed"].contains(&program.as_str())
        || ["xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot", "foot-extra", "contour"].contains(&term.as_str())
        || number("VTE_VERSION") >= 5000
        || number("KONSOLE_VERSION") >= 201_200
        || env("WT_SESSION").is_some()
        || env("DOMTERM").is_some()
}

/// The columns of the terminal: as `COLUMNS` says, else as it says itself.
pub(super) fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    said.or_else(measured).filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_that_open_links() {
        let knows = |variables: &[(&str, &str)]| {
            knows_links(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert!(knows(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")]));
        assert!(knows(&[("TERM", "xterm-kitty")]) && knows(&[("TERM_PROGRAM", "vscode")]) && knows(&[("WT_SESSION", "1")]));
        for not in [
            &[("TERM", "xterm-256color")][..],
            &[("TERM", "linux")],
            &[],
            &[("TERM", "dumb"), ("TERM_PROGRAM", "vscode")],
            &[("TERM", "tmux-256color"), ("VTE_VERSION", "7600")],
            &[("TERM", "xterm-256color"), ("VTE_VERSION", "7600"), ("TMUX", "/tmp/tmux")],
            &[("TERM", "xterm"), ("VTE_VERSION", "4200")],
        ] {
            assert!(!knows(not), "{not:?}");
        }
    }
}
