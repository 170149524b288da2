//! git's protocol through `ssh`: the one program that keysift starts, and only for an ssh URL that a person typed.
//!
//! It runs in batch mode, so it never asks; its own configuration (keys, known hosts) is the user's. No shell is started here,
//! and what goes into its arguments was checked: no host or user starts with a dash. `GIT_SSH` and git's config do not count.

use super::stream::{Incoming, Patience, pump};
use super::{Limits, RemoteError};
use crate::finding::snippet::visible;
use crate::source::git::url::RemoteUrl;
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use std::io::{self, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// How much of what ssh complains about is kept.
const MOST_COMPLAINT: u64 = 4096;

/// A running `ssh`; it ends with this.
pub(super) struct Ssh {
    child: Child,
    complaint: Receiver<String>,
}

/// Starts `ssh` and gives the conversation with git's server behind it.
pub(super) fn connect<'a>(
    url: &RemoteUrl,
    limits: Limits,
    patience: Patience<'a>,
) -> Result<(Ssh, Connection<Incoming<'a>, ChildStdin>), RemoteError> {
    let failed =
        |cause: &io::Error| RemoteError::Unreachable { url: url.to_string(), cause: format!("`ssh` cannot be run: {cause}") };
    let mut child = command(url, limits).spawn().map_err(|e| failed(&e))?;
    let (Some(stdin), Some(mut stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        unreachable!("all three are pipes");
    };
    let (chunks, incoming) = Incoming::pair(patience);
    std::thread::spawn(move || pump(&mut stdout, &chunks));
    let (complain, complaint) = sync_channel(1);
    std::thread::spawn(move || {
        let mut stderr = stderr;
        let mut text = Vec::new();
        let _ = stderr.by_ref().take(MOST_COMPLAINT).read_to_end(&mut text);
        let _ = complain.send(String::from_utf8_lossy(&text).into_owned());
        // The rest is read as well, or ssh would wait for a reader.
        let _ = io::copy(&mut stderr, &mut io::sink());
    });
    let path = url.path.as_str();
    let connection =
        Connection::new(incoming, stdin, gix_transport::Protocol::V2, path, None::<(&str, _)>, ConnectMode::Process, false);
    Ok((Ssh { child, complaint }, connection))
}

fn command(url: &RemoteUrl, limits: Limits) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "-o"]);
    command.arg(format!("ConnectTimeout={}", limits.connect.as_secs().max(1)));
    if let Some(port) = url.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg(url.user.as_ref().map_or_else(|| url.host.clone(), |user| format!("{user}@{}", url.host)));
    command.arg(format!("git-upload-pack {}", quoted(&url.path)));
    command.env("GIT_PROTOCOL", "version=2").env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A path as the shell on the other side takes it. `/~ada/r` means `~ada/r` there.
fn quoted(path: &str) -> String {
    let path = if path.starts_with("/~") { &path[1..] } else { path };
    // The name of a home folder only counts outside of quotes; it is letters, digits and the like there.
    let home = if path.starts_with('~') { path.find('/').unwrap_or(path.len()) } else { 0 };
    let (home, rest) = path.split_at(home);
    let is_name = home.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let (home, rest) = if is_name { (home, rest) } else { ("", path) };
    format!("{home}'{}'", rest.replace('\'', r"'\''").replace('!', r"'\!'"))
}

impl Ssh {
    /// What ssh said, if it ended by itself.
    pub(super) fn complaint(&mut self) -> Option<String> {
        let text = self.complaint.recv_timeout(Duration::from_millis(500)).ok()?;
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(format!("ssh: {}", visible(line.trim())))
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_shell_sees_one_word() {
        for (path, word) in [
            ("/srv/r.git", "'/srv/r.git'"),
            ("o/r.git", "'o/r.git'"),
            ("/~ada/r", "~ada'/r'"),
            ("/~/r", "~'/r'"),
            ("/it's", r"'/it'\''s'"),
            ("/a;touch$IFS/tmp/x", "'/a;touch$IFS/tmp/x'"),
            ("/~$(x)/r", "'~$(x)/r'"),
            ("~`x`/r", "'~`x`/r'"),
        ] {
            assert_eq!(quoted(path), word);
        }
    }

    #[test]
    fn it_never_asks() {
        let url = RemoteUrl::parse("ssh://git@example.org:2222/o/r.git").expect("a URL");
        let command = command(&url, Limits::default());
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert_eq!(
            arguments,
            [
                "-o",
                "BatchMode=yes",
                "-o",
                "SendEnv=GIT_PROTOCOL",
                "-o",
                "ConnectTimeout=20",
                "-p",
                "2222",
                "git@example.org",
                "git-upload-pack '/o/r.git'"
            ]
        );
    }
}
