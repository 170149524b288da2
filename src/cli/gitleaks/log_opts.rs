//! What `--log-opts` asks of `git log`, as far as it chooses commits.

use crate::cli::git::GitArguments;

/// Lets `options` decide which commits are looked at.
///
/// # Errors
/// What is not understood: it could leave commits out, and a scan that looked at others would tell something else.
pub(super) fn apply(options: &str, git: &mut GitArguments) -> Result<(), String> {
    let mut words = options.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let number = |text: &str| text.parse().map_err(|_| format!("--log-opts: `{text}` is no number of commits"));
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let mut value = || {
            let value = value.or_else(|| words.next()).map(|v| v.trim_matches(['"', '\'']).to_owned());
            value.ok_or_else(|| format!("--log-opts: `{name}` needs a value"))
        };
        match name {
            "--since" | "--after" => git.since = Some(value()?),
            "--until" | "--before" => git.until = Some(value()?),
            "-n" | "--max-count" => git.max_commits = Some(number(&value()?)?),
            // All refs are looked at where none is named; the others change how commits are walked and shown, and with them
            // what of a merge is seen: all of them is.
            "" | "--all" | "--no-merges" | "--first-parent" | "--full-history" | "--reverse" | "-p" | "--patch" | "-m" | "-c"
            | "--cc" | "--branches" | "--remotes" | "--tags" | "--date-order" | "--topo-order" | "--diff-filter" => {}
            _ if name.len() > 1 && name.starts_with('-') && name[1..].bytes().all(|b| b.is_ascii_digit()) => {
                git.max_commits = Some(number(&name[1..])?);
            }
            _ if name.starts_with('-') => {
                return Err(format!(
                    "--log-opts: `{name}` is not understood: A..B, a branch, --all, --since, --until and -n are"
                ));
            }
            _ if word.contains("..") && git.range.is_none() => git.range = Some(word.to_owned()),
            _ if git.branch.is_none() && !word.contains("..") => git.branch = Some(word.to_owned()),
            _ => return Err(format!("--log-opts: `{word}`: one revision or one range is understood")),
        }
    }
    if git.range.is_some() && git.branch.is_some() {
        return Err("--log-opts: one revision or one range is understood".to_owned());
    }
    // Commits are told by what each of them brings, as `git log -p` does.
    if git.branch.is_some() && git.max_commits.is_none() {
        git.max_commits = Some(usize::MAX);
    }
    Ok(())
}
