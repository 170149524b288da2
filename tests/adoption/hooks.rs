//! Hooks under the real pre-commit, prek, husky and lefthook. The wheel comes from target/wheels; no index is reached, and no
//! compiler is on PATH.

use crate::support::github_token;
use crate::{missing, ran, repository, slow, text_of, tool};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What hooks and their managers run, besides what they bring: no compiler among it.
const PROGRAMS: [&str; 22] = [
    "git", "sh", "bash", "env", "cat", "cp", "mv", "rm", "mkdir", "chmod", "dirname", "basename", "uname", "sed", "grep", "head",
    "tr", "cut", "ls", "tail", "sort", "node",
];

/// A place to work in: a home of its own, and only these programs.
struct Room {
    folder: tempfile::TempDir,
    /// More folders for PATH, first.
    more: Vec<PathBuf>,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = folder.path().join("programs");
        fs::create_dir_all(&programs).expect("a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        for name in PROGRAMS {
            if let Some(found) = std::env::split_paths(&path).map(|f| f.join(name)).find(|p| p.is_file()) {
                symlink(found, programs.join(name)).expect("a link");
            }
        }
        Self { folder, more: Vec::new() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let path: Vec<PathBuf> = self.more.iter().cloned().chain([self.at("programs")]).collect();
        let wheels = repository().join("target/wheels");
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", std::env::join_paths(path).expect("a PATH"));
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("PRE_COMMIT_HOME", self.at("pre-commit")).env("PREK_HOME", self.at("prek")).env("LANG", "C.UTF-8");
        command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", &wheels).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command.env("UV_OFFLINE", "1").env("UV_NO_INDEX", "1").env("UV_FIND_LINKS", &wheels).env("UV_CACHE_DIR", self.at("uv"));
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "t").env(format!("GIT_{name}_EMAIL"), "t@example.org");
        }
        command
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> (i32, String) {
        ran(self.command("git", folder).args(arguments))
    }

    /// Git, which must succeed.
    fn done(&self, folder: &Path, arguments: &[&str]) -> String {
        let (code, said) = self.git(folder, arguments);
        assert_eq!(code, 0, "git {arguments:?}: {said}");
        said
    }

    /// A repository with these files, committed.
    fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.at(name);
        fs::create_dir_all(&folder).expect("a folder");
        self.done(&folder, &["init", "-q", "-b", "main"]);
        for (file, text) in files {
            write(&folder, file, text);
        }
        self.done(&folder, &["add", "-A"]);
        self.done(&folder, &["commit", "-q", "-m", "start"]);
        folder
    }

    /// What every hook must do: a commit without a secret passes, one with a secret is stopped.
    fn guards(&self, folder: &Path) {
        write(folder, "clean.py", "one = 1\n");
        self.done(folder, &["add", "-A"]);
        self.done(folder, &["commit", "-m", "clean"]);
        write(folder, "leak.py", format!("t = \"{}\"\n", github_token("hook")));
        self.done(folder, &["add", "-A"]);
        let (code, said) = self.git(folder, &["commit", "-m", "a secret"]);
        assert!(code != 0 && said.contains("leak.py:1"), "{code} {said}");
        self.done(folder, &["rm", "-q", "-f", "leak.py"]);
    }
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}

/// A repository as pre-commit clones ours: the manifest, and what installs the wheel.
fn ours(room: &Room) -> PathBuf {
    let texts = [".pre-commit-hooks.yaml", "pyproject.toml"].map(|name| (name, text_of(name)));
    let folder = room.repository("ours", &texts.each_ref().map(|(name, text)| (*name, text.as_str())));
    room.done(&folder, &["tag", "v1"]);
    folder
}

fn wheel_is_there() -> bool {
    let start = format!("keysift-{}-", env!("CARGO_PKG_VERSION"));
    let wheels = fs::read_dir(repository().join("target/wheels")).into_iter().flatten().flatten();
    let found = wheels
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .any(|n| n.starts_with(&start) && Path::new(&n).extension().is_some_and(|e| e == "whl"));
    if !found {
        missing("there is no wheel in target/wheels (`bash .ci/tools` makes one)");
    }
    found
}

/// pre-commit or prek, with `id: keysift` of our manifest.
fn manager(name: &str) {
    if !slow() || !wheel_is_there() {
        return;
    }
    let (Some(program), Some(_)) = (tool(name), tool("uv")) else { return };
    let mut room = Room::new();
    // prek makes environments with uv; nothing else of that folder is used.
    fs::create_dir_all(room.at("uv-alone")).expect("a folder");
    symlink(repository().join("target/tools/python/bin/uv"), room.at("uv-alone/uv")).expect("a link");
    symlink(repository().join("target/tools/python/bin/python3"), room.at("uv-alone/python3")).expect("a link");
    room.more.push(room.at("uv-alone"));
    assert!(ran(room.command("sh", room.folder.path()).args(["-c", "command -v cc gcc cargo rustc"])).1.is_empty());
    let ours = ours(&room);
    let config = format!("repos:\n  - repo: {}\n    rev: v1\n    hooks:\n      - id: keysift\n", ours.display());
    let project = room.repository("project", &[(".pre-commit-config.yaml", &config), ("a.py", "nothing = 1\n")]);
    let run = |arguments: &[&str]| ran(room.command(&program, &project).args(arguments));
    let (code, said) = run(&["install"]);
    assert_eq!(code, 0, "{said}");
    room.guards(&project);
    // All files, where nothing is staged; and what a range brings.
    let clean = room.done(&project, &["rev-parse", "HEAD~1"]).trim().to_owned();
    assert_eq!(run(&["run", "--all-files"]).0, 0);
    assert_eq!(run(&["run", "--from-ref", &clean, "--to-ref", "HEAD"]).0, 0);
    write(&project, "leak.py", format!("t = \"{}\"\n", github_token("range")));
    room.done(&project, &["add", "-A"]);
    room.done(&project, &["commit", "-q", "--no-verify", "-m", "a secret that nobody looked at"]);
    for arguments in [&["run", "--all-files"][..], &["run", "--from-ref", &clean, "--to-ref", "HEAD"]] {
        let (code, said) = run(arguments);
        assert!(code != 0 && said.contains("leak.py:1"), "{arguments:?}: {code} {said}");
    }
    assert_eq!(run(&["run", "--from-ref", "HEAD~2", "--to-ref", "HEAD~1"]).0, 0, "the range ends before it");
    own_time(&room, &project, name);
    // What init writes, in the place of ours.
    fs::write(project.join(".pre-commit-config.yaml"), "repos:\n  - repo: meta\n    hooks:\n      - id: identity\n")
        .expect("a file");
    let (code, said) = ran(room.command(env!("CARGO_BIN_EXE_keysift"), &project).args(["init", "--yes", "--ci", "none"]));
    assert!(code == 0 && said.contains("change  .pre-commit-config.yaml"), "{said}");
    let (code, said) = run(&["run", "--all-files"]);
    assert!(code != 0 && said.contains("leak.py:1"), "{said}");
}

/// The hook's own time, without its manager: warm, the best of many runs.
fn own_time(room: &Room, project: &Path, name: &str) {
    let installed = find(&room.at(name), "keysift").expect("the manager has installed it");
    write(project, "more.py", "two = 2\n".repeat(300));
    room.done(project, &["add", "-A"]);
    let mut times: Vec<Duration> = Vec::new();
    // Where other work has the processors, its own time is told by the runs that were left alone.
    while times.len() < 40 || times[0] >= Duration::from_millis(30) && times.len() < 400 {
        let mut command = room.command(&installed, project);
        command.args(["hook", "pre-commit", "more.py"]);
        let start = Instant::now();
        let (code, said) = ran(&mut command);
        assert_eq!(code, 0, "{said}");
        times.push(start.elapsed());
        times.sort();
    }
    eprintln!(
        "{name}: the hook itself takes {:?} at best, {:?} in the middle of {} runs",
        times[0],
        times[times.len() / 2],
        times.len()
    );
    assert!(times[0] < Duration::from_millis(30), "{times:?}");
    room.done(project, &["rm", "-q", "-f", "more.py"]);
}

/// A program of this name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    let here = entries.iter().find(|p| {
        p.file_name().is_some_and(|n| n == name)
            && fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0 && m.len() > 1_000_000)
    });
    here.cloned().or_else(|| entries.iter().filter(|p| p.is_dir() && !p.is_symlink()).find_map(|p| find(p, name)))
}

#[test]
fn pre_commit() {
    manager("pre-commit");
}

#[test]
fn prek() {
    manager("prek");
}

/// `keysift-system`, and the hook of git itself as init writes it: the keysift that is on PATH.
#[test]
fn the_keysift_on_path() {
    if !slow() {
        return;
    }
    let mut room = Room::new();
    room.more.push(Path::new(env!("CARGO_BIN_EXE_keysift")).parent().expect("a folder").to_owned());
    let project = room.repository("plain", &[("a.py", "nothing = 1\n")]);
    let init = |folder: &Path| {
        let (code, said) = ran(room.command("keysift", folder).args(["init", "--yes", "--ci", "none"]));
        assert_eq!(code, 0, "{said}");
        said
    };
    assert!(init(&project).contains("create  .git/hooks/pre-commit"));
    room.guards(&project);
    if let (Some(pre_commit), Some(prek)) = (tool("pre-commit"), tool("prek")) {
        let ours = ours(&room);
        let config = format!("repos:\n  - repo: {}\n    rev: v1\n    hooks:\n      - id: keysift-system\n", ours.display());
        for (name, program) in [("under-pre-commit", pre_commit), ("under-prek", prek)] {
            let project = room.repository(name, &[(".pre-commit-config.yaml", &config)]);
            let (code, said) = ran(room.command(program, &project).arg("install"));
            assert_eq!(code, 0, "{said}");
            room.guards(&project);
        }
    }
    if let Some(lefthook) = tool("lefthook") {
        let text = "pre-commit:\n  commands:\n    lint:\n      run: \"true\"\n";
        let project = room.repository("under-lefthook", &[("lefthook.yml", text)]);
        assert!(init(&project).contains("change  lefthook.yml"));
        let modules = repository().join("target/tools/node_modules");
        let (code, said) = ran(room.command(lefthook, &project).arg("install").env("NODE_PATH", &modules));
        assert_eq!(code, 0, "{said}");
        room.more.push(modules.join(".bin"));
        room.guards(&project);
    }
    if let Some(husky) = tool("husky") {
        let project = room.repository("under-husky", &[("package.json", "{}\n"), (".husky/pre-commit", "true\n")]);
        let (code, said) = ran(&mut room.command(husky, &project));
        assert_eq!(code, 0, "{said}");
        let (code, said) = ran(room.command("keysift", &project).args(["init", "--yes", "--ci", "none"]));
        assert!(code == 0 && said.contains("change  .husky/pre-commit"), "{said}");
        room.guards(&project);
    }
}
