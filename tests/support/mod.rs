//! A small made-up tree, and the binary run over it as a user runs it.
//!
//! Every secret is made when a test runs, from a template or from pieces: no finished token stands in the repository.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A GitHub token with a right checksum; another one for each seed.
pub fn github_token(seed: &str) -> String {
    fill_with("ghp_{alnum:30}{checksum}", seed, Some(keysift::rule::ChecksumKind::Github))
}

/// A password as machines make them; another one for each seed.
pub fn password(seed: &str) -> String {
    fill("{[a-km-z]:3}{digits:1}{[A-HJ-NP-Z]:3}{digits:2}{[a-km-z]:4}{[A-HJ-NP-Z]:2}{digits:1}", seed)
}

/// A private key, `lines` lines of body long.
pub fn private_key(seed: &str, lines: usize) -> String {
    let body: String = (0..lines).map(|n| fill("{base64:64}\n", &format!("{seed}/{n}"))).collect();
    let marker = |what: &str| format!("-----{what} RSA {}-----\n", ["PRIVATE", "KEY"].join(" "));
    format!("{}{body}{}", marker("BEGIN"), marker("END"))
}

/// What `template` becomes (docs/rules.md tells the placeholders).
pub fn fill(template: &str, seed: &str) -> String {
    fill_with(template, seed, None)
}

fn fill_with(template: &str, seed: &str, sum: Option<keysift::rule::ChecksumKind>) -> String {
    keysift::rule::template::fill(template, seed, sum).expect("templates of tests are right")
}

/// A folder that goes away with the test.
pub struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tree").tempdir().expect("a temporary folder can be made");
        Self { folder }
    }

    /// A git work tree, so that `.gitignore` files count and paths are relative to its top.
    pub fn git() -> Self {
        let tree = Self::new();
        tree.git_command(&["init", "-q"]);
        tree
    }

    /// The folder, with links resolved.
    pub fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there")
    }

    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file, and the folders it needs.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("folders can be made");
        fs::write(&path, content).expect("files can be written");
        self
    }

    pub fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.join(path)).expect("the file is there")
    }

    /// Runs git in the tree, without anybody's own configuration.
    pub fn git_command(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is installed");
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Runs `keysift` in the tree.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        self.run_in("", arguments)
    }

    /// Runs it in a folder of the tree.
    pub fn run_in<S: AsRef<OsStr>>(&self, folder: &str, arguments: &[S]) -> Run {
        let mut command = self.command(arguments);
        command.current_dir(self.join(folder));
        Run::of(&mut command, b"", self)
    }

    /// Runs it with something on stdin.
    pub fn run_with<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: &[u8]) -> Run {
        Run::of(&mut self.command(arguments), stdin, self)
    }

    /// The command alone, to change before it runs.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = keysift(arguments);
        command.current_dir(self.path());
        command
    }

    /// Scans and reads the JSON report.
    pub fn scan(&self, arguments: &[&str]) -> Report {
        self.run(&[&["scan", "-f", "json"], arguments].concat()).report()
    }
}

/// `keysift` with a clean environment.
pub fn keysift<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysift"));
    command.args(arguments);
    for name in [
        "KEYSIFT_FINGERPRINT_KEY",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "GITHUB_ACTIONS",
        "CI",
        "KEYSIFT_POLICY",
        "KEYSIFT_LOG_FORMAT",
        "KEYSIFT_HYPERLINKS",
    ] {
        command.env_remove(name);
    }
    // Nobody's own config counts.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("TERM", "dumb");
    command
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    arguments: Vec<String>,
    folder: String,
}

impl Run {
    /// Runs `command` in `tree` with `stdin`.
    pub fn of(command: &mut Command, stdin: &[u8], tree: &Tree) -> Self {
        let arguments = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("keysift can be started");
        let mut pipe = child.stdin.take().expect("stdin is piped");
        let stdin = stdin.to_owned();
        // A run that ends before it has read everything closes the pipe: that is its right.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
        let output = child.wait_with_output().expect("keysift ends");
        writer.join().expect("the writer ends");
        Self::from_output(&output, arguments, tree)
    }

    fn from_output(output: &Output, arguments: Vec<String>, tree: &Tree) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).expect("what keysift prints is UTF-8"),
            stderr: String::from_utf8(output.stderr.clone()).expect("what keysift prints is UTF-8"),
            arguments,
            folder: tree.path().to_string_lossy().into_owned(),
        }
    }

    /// The run as it looks in a terminal, without what differs from machine to machine.
    pub fn transcript(&self) -> String {
        let mut text = format!("$ keysift {}\n{}", self.arguments.join(" "), self.stdout);
        if !self.stderr.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&self.stderr);
        }
        text.extend(["--- exit code ", &self.code.to_string(), "\n"]);
        stable(&text, &self.folder)
    }

    /// The JSON report on stdout.
    pub fn report(&self) -> Report {
        let json = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON report ({e}), exit code {}: {}{}", self.code, self.stdout, self.stderr));
        Report { code: self.code, json, stderr: self.stderr.clone() }
    }

    /// Everything it printed.
    pub fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Replaces what differs from run to run: the folder, times, the number of rules, threads.
pub fn stable(text: &str, folder: &str) -> String {
    let text = text.replace(folder, "[TREE]");
    let mut out = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (before, after, instead) in [(" in ", " s with ", "[TIME]"), (" s with ", " rules", "[N]")] {
            line = replace_number(&line, before, &[after], instead);
        }
        for (key, instead) in [("milliseconds", "[TIME]"), ("threads", "[N]"), ("rules", "[N]")] {
            for colon in [":", ": "] {
                line = replace_number(&line, &format!("\"{key}\"{colon}"), &[",", "}", ""], instead);
            }
        }
        for key in ["started_at", "ended_at", "start_time", "end_time"] {
            line = replace_time(&line, key);
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Replaces the time that stands under `key` in JSON.
fn replace_time(line: &str, key: &str) -> String {
    for colon in ["\":\"", "\": \""] {
        let before = format!("\"{key}{colon}");
        if let Some((head, rest)) = line.split_once(&before) {
            let tail = rest.split_once('"').map_or("", |(_, tail)| tail);
            return format!("{head}{before}[TIME]\"{tail}");
        }
    }
    line.to_owned()
}

/// Replaces the number between `before` and one of `after`, of which an empty one is the end of the line.
fn replace_number(line: &str, before: &str, after: &[&str], instead: &str) -> String {
    for (at, _) in line.match_indices(before) {
        let from = at + before.len();
        let len = line[from..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(line.len() - from);
        let rest = &line[from + len..];
        if len > 0 && after.iter().any(|a| if a.is_empty() { rest.is_empty() } else { rest.starts_with(a) }) {
            return format!("{}{instead}{rest}", &line[..from]);
        }
    }
    line.to_owned()
}

/// A JSON report.
#[derive(Debug)]
pub struct Report {
    pub code: i32,
    pub json: serde_json::Value,
    pub stderr: String,
}

impl Report {
    pub fn findings(&self) -> &[serde_json::Value] {
        self.json["findings"].as_array().expect("a report has findings")
    }

    /// The one finding.
    pub fn only(&self) -> &serde_json::Value {
        assert_eq!(self.findings().len(), 1, "{:#}", self.json);
        &self.findings()[0]
    }

    /// The paths of the findings, in order.
    pub fn paths(&self) -> Vec<&str> {
        self.findings().iter().map(|f| f["location"]["path"].as_str().expect("a path")).collect()
    }

    pub fn fingerprints(&self) -> Vec<&str> {
        self.findings().iter().map(|f| f["fingerprint"].as_str().expect("a fingerprint")).collect()
    }

    /// How many things were left out (`excluded`) or not looked at (`skipped`) for a reason.
    pub fn count(&self, list: &str, reason: &str) -> u64 {
        let gaps = self.json["scan"][list].as_array().expect("a list of gaps");
        gaps.iter().filter(|g| g["reason"] == reason).map(|g| g["count"].as_u64().expect("a count")).sum()
    }

    /// The paths named for a reason.
    pub fn examples(&self, list: &str, reason: &str) -> Vec<&str> {
        let gaps = self.json["scan"][list].as_array().expect("a list of gaps");
        let of_reason = gaps.iter().filter(|g| g["reason"] == reason);
        of_reason.flat_map(|g| g["examples"].as_array().expect("examples")).filter_map(|e| e.as_str()).collect()
    }

    pub fn complete(&self) -> bool {
        self.json["scan"]["complete"].as_bool().expect("complete is a bool")
    }

    pub fn blobs(&self) -> u64 {
        self.json["scan"]["blobs"].as_u64().expect("blobs is a number")
    }
}
