//! A made-up organization: repositories with history, forks of some, secrets planted where they are found in real ones.

use crate::git_server::{Manners, Server};
use crate::support::{Run, Tree, github_token, keysift, password};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// How large it is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) repositories: usize,
    /// Of them so many are forks.
    pub(crate) forks: usize,
    /// Planted in those that are no forks.
    pub(crate) secrets: usize,
    pub(crate) commits: usize,
    /// Of each version of a file.
    pub(crate) bytes: usize,
}

/// Few repositories, for tests of single things.
pub(crate) const SMALL: Size = Size { repositories: 8, forks: 2, secrets: 9, commits: 4, bytes: 600 };

/// Repositories on a server, and what was planted.
pub(crate) struct Organization {
    pub(crate) tree: Tree,
    pub(crate) server: Server,
    pub(crate) originals: usize,
    pub(crate) size: Size,
    /// `secret` → the repositories that were given it, forks not counted.
    pub(crate) planted: Vec<(usize, String)>,
    /// Of repositories that are not made up.
    pub(crate) names: Vec<String>,
}

impl Organization {
    /// Makes one.
    pub(crate) fn new(size: Size) -> Self {
        let tree = Tree::new();
        fs::create_dir_all(tree.join("served")).expect("a folder");
        fs::create_dir_all(tree.join("tmp")).expect("a folder");
        let originals = size.repositories - size.forks;
        let mut planted = Vec::new();
        for n in 0..originals {
            let secrets: Vec<usize> = (0..size.secrets).filter(|s| s % originals == n).collect();
            planted.extend(make(&tree.join(format!("served/r{n}")), n, &secrets, size).into_iter().map(|s| (n, s)));
        }
        for n in 0..size.forks {
            let (from, to) = (tree.join(format!("served/r{}", n % originals)), tree.join(format!("served/f{n}")));
            copy(&from, &to);
            if n % 2 == 1 {
                add(&to, &format!("fork{n}.txt"), &format!("what fork {n} adds\n"), "refs/heads/main");
            }
        }
        let server = Server::start(&tree.join("served"), Manners::default());
        let this = Self { tree, server, originals, size, planted, names: Vec::new() };
        this.list(true);
        this
    }

    /// One of the repositories in a folder, with nothing planted.
    pub(crate) fn of(folder: &Path) -> Self {
        let tree = Tree::new();
        fs::create_dir_all(tree.join("tmp")).expect("a folder");
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        let server = Server::start(folder, Manners::default());
        let list = names.iter().fold(String::new(), |mut list, name| {
            let _ = writeln!(list, "http://127.0.0.1:{}/{name}", server.port);
            list
        });
        tree.write("list", list);
        Self { tree, server, originals: names.len(), size: SMALL, planted: Vec::new(), names }
    }

    /// Writes the list of all repositories, or without forks, to `list`.
    pub(crate) fn list(&self, with_forks: bool) {
        let url = |name: &str| format!("http://127.0.0.1:{}/{name}", self.server.port);
        let mut text = String::new();
        for n in 0..self.originals {
            let _ = writeln!(text, "{}", url(&format!("r{n}")));
        }
        for n in 0..if with_forks { self.size.forks } else { 0 } {
            let parent = url(&format!("r{}", n % self.originals));
            let _ = writeln!(text, "{{\"clone_url\": \"{}\", \"fork_of\": \"{parent}\"}}", url(&format!("f{n}")));
        }
        self.tree.write("list", text);
    }

    /// `keysift audit …` in its folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = keysift(&[&["audit"], arguments].concat());
        command.current_dir(self.tree.path()).env("TMPDIR", self.tree.join("tmp"));
        for name in ["KEYSIFT_GIT_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs it.
    pub(crate) fn audit(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments), b"", &self.tree)
    }

    /// `audit run` with the list, a store and mirrors.
    pub(crate) fn run(&self, store: &str, mirrors: Option<&str>) -> Run {
        self.audit(&run_arguments(store, mirrors))
    }

    /// The findings that a store knows, as JSON.
    pub(crate) fn findings(&self, store: &str) -> Vec<serde_json::Value> {
        let run = self.audit(&["report", "--store", store, "--min-confidence", "low", "-f", "json"]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.printed()));
        report["findings"].as_array().expect("a report has findings").clone()
    }

    /// What a store holds, a line a row, without what differs from run to run: times, attempts, how much each scan looked at.
    pub(crate) fn dump(&self, store: &str) -> BTreeSet<String> {
        dump(&self.tree.join(store))
    }
}

/// The arguments of `audit run`.
pub(crate) fn run_arguments<'a>(store: &'a str, mirrors: Option<&'a str>) -> Vec<&'a str> {
    let mut all = vec!["run", "--store", store, "--urls", "list"];
    if let Some(folder) = mirrors {
        all.extend(["--mirrors-dir", folder]);
    }
    all
}

pub(crate) fn dump(store: &Path) -> BTreeSet<String> {
    let connection = rusqlite::Connection::open(store).expect("a store");
    let mut lines = BTreeSet::new();
    for (name, sql) in [
        ("repository", "SELECT forge, host, forge_id, full_name, status, detail FROM repositories"),
        ("unit", "SELECT u.run, r.forge_id, u.state FROM units u JOIN repositories r ON r.id = u.repository"),
        ("scan", "SELECT r.forge_id, s.tips, s.complete, s.skipped FROM scans s JOIN repositories r ON r.id = s.repository"),
        ("ref", "SELECT r.forge_id, x.name, x.target FROM refs x JOIN repositories r ON r.id = x.repository"),
        (
            "finding",
            "SELECT r.forge_id, f.fingerprint, f.secret_id, f.state, f.verification, f.gone_at IS NULL, f.shown, f.body FROM findings f \
                     JOIN repositories r ON r.id = f.repository",
        ),
        (
            "place",
            "SELECT f.fingerprint, r.forge_id, o.number, o.path, o.line, o.commit_id FROM occurrences o \
                   JOIN findings f ON f.id = o.finding JOIN repositories r ON r.id = f.repository",
        ),
        (
            "event",
            "SELECT e.kind, r.forge_id, e.fingerprint, e.was, e.now FROM events e LEFT JOIN repositories r ON r.id = e.repository",
        ),
        ("object", "SELECT r.forge_id, o.key, o.mark, o.run, o.gaps FROM objects o JOIN repositories r ON r.id = o.repository"),
        ("bucket", "SELECT r.forge_id, b.run, b.last, b.sums FROM buckets b JOIN repositories r ON r.id = b.repository"),
        (
            "texts",
            "SELECT r.forge_id, json_remove(x.cursor, '$.lists.logs.since'), x.error, x.skipped, x.excluded FROM extra_texts x \
                   JOIN repositories r ON r.id = x.repository",
        ),
        ("clean", "SELECT catalogue, hex(object) FROM clean_objects"),
    ] {
        let mut statement = connection.prepare(sql).expect("the table is there");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let fields: Vec<String> = (0..columns).map(|n| field(row.get_ref(n).expect("a field"))).collect();
            let line = format!("{name} {}", fields.join(" | "));
            assert!(lines.insert(line.clone()), "twice: {line}");
        }
    }
    lines
}

fn field(value: rusqlite::types::ValueRef<'_>) -> String {
    value.as_str().map_or_else(|_| format!("{value:?}"), str::to_owned)
}

/// Words that are no secrets, others for each seed.
fn filler(seed: u64, bytes: usize) -> String {
    const WORDS: [&str; 24] = [
        "parse", "index", "buffer", "return", "value", "list", "config", "method", "string", "length", "cache", "request",
        "handler", "render", "update", "column", "matrix", "thread", "socket", "filter", "window", "number", "module", "import",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes + 16);
    let mut line = 0;
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(WORDS[usize::try_from(state % 24).expect("it is small")]);
        line += 1;
        text.push(if line % 9 == 0 { '\n' } else { ' ' });
    }
    text.push('\n');
    text
}

/// Makes a bare repository; gives the planted secrets. Every third stands in an older commit alone, every seventh in a message.
fn make(path: &Path, n: usize, secrets: &[usize], size: Size) -> Vec<String> {
    let mut stream = String::new();
    let mut planted = Vec::new();
    let data = |stream: &mut String, text: &str| {
        let _ = write!(stream, "data {}\n{text}\n", text.len());
    };
    for commit in 0..size.commits {
        let mut message = format!("change {commit} of {n}\n");
        let mut files: Vec<(String, Option<String>)> = vec![
            (format!("src/file{}.txt", commit % 7), Some(filler((n * 1000 + commit) as u64, size.bytes))),
            (format!("lib/part{}.txt", commit % 5), Some(filler((n * 1000 + 500 + commit) as u64, size.bytes))),
        ];
        for (place, secret) in secrets.iter().enumerate() {
            let value = if secret % 2 == 0 { github_token(&format!("s{secret}")) } else { password(&format!("s{secret}")) };
            let line = if secret % 2 == 0 { format!("token = \"{value}\"\n") } else { format!("db_password = \"{value}\"\n") };
            let name = format!("conf/s{secret}.py");
            if commit == place % size.commits {
                if secret % 14 == 0 {
                    let _ = write!(message, "\nwith {value}\n");
                } else {
                    files.push((name, Some(line)));
                }
                planted.push(value);
            } else if commit == place % size.commits + 1 && secret % 3 == 0 && secret % 14 != 0 {
                files.push((name, None));
            }
        }
        let _ =
            write!(stream, "commit refs/heads/main\ncommitter Ada <ada@example.org> {} +0000\n", 1_700_000_000 + commit * 3600);
        data(&mut stream, &message);
        for (name, content) in files {
            match content {
                Some(content) => {
                    let _ = writeln!(stream, "M 644 inline {name}");
                    data(&mut stream, &content);
                }
                None => {
                    let _ = writeln!(stream, "D {name}");
                }
            }
        }
    }
    fs::create_dir_all(path).expect("a folder");
    git(path, &["init", "-q", "--bare", "-b", "main", "."], "");
    git(path, &["fast-import", "--quiet"], &stream);
    planted
}

/// Adds a commit with one file to a branch of a bare repository.
pub(crate) fn add(path: &Path, file: &str, content: &str, branch: &str) {
    let stream = format!(
        "commit {branch}\ncommitter Bo <bo@example.org> 1710000000 +0000\ndata 4\nmore\nfrom {branch}^0\nM 644 inline {file}\n\
         data {}\n{content}\n",
        content.len()
    );
    git(path, &["fast-import", "--quiet"], &stream);
}

/// Runs git in a folder with something on stdin.
pub(crate) fn git(path: &Path, arguments: &[&str], stdin: &str) {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    child.stdin.take().expect("it is piped").write_all(stdin.as_bytes()).expect("git reads");
    let out = child.wait_with_output().expect("git ends");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("it is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
