//! What a longer history costs: what its commits add, not what they carry along.

use super::{git, git_command, repository};
use keysift::detect::{Detector, Kept, Scratch};
use keysift::examine::{Memory, examine_derived};
use keysift::rule::RuleSet;
use keysift::source::git::attribution::Keys;
use keysift::source::git::objects::{Kind, Nr};
use keysift::source::git::open::Options;
use keysift::source::git::{GitSink, History, Repository, Scope};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts bytes: those of blobs, and those that go through the prefilter, of messages and names too.
struct Counting {
    detector: Detector,
    blobs: AtomicU64,
    looked_at: AtomicU64,
}

impl Counting {
    fn text(&self, bytes: &[u8]) {
        self.looked_at.fetch_add(self.detector.trace(bytes, false, &mut Scratch::default()).looked_at, Relaxed);
    }
}

impl GitSink for Counting {
    type Memory = Memory;

    fn blob(&self, _: Nr, bytes: &[u8], made_from: Option<(&Memory, &[Kept])>, is_base: bool) -> (Keys, Memory) {
        let (_, memory) = examine_derived(&self.detector, bytes, made_from, is_base, &mut Scratch::default());
        self.blobs.fetch_add(bytes.len() as u64, Relaxed);
        self.looked_at.fetch_add(memory.looked_at(), Relaxed);
        (Keys::default(), memory)
    }

    fn text(&self, _: Nr, _: Kind, bytes: &[u8]) {
        self.text(bytes);
    }

    fn names(&self, names: &[u8]) -> Vec<usize> {
        self.text(names);
        Vec::new()
    }

    fn lost(&self, id: gix::ObjectId) {
        panic!("{id} is lost");
    }

    fn stopped(&self) -> bool {
        false
    }
}

/// The bytes of all blobs, and those that were looked at.
fn counted(folder: &Path, whole_blobs: bool) -> (u64, u64) {
    let repo = Repository::open(folder, &Options::default()).expect("a repository");
    let sink =
        Counting { detector: Detector::new(RuleSet::built_in()), blobs: AtomicU64::default(), looked_at: AtomicU64::default() };
    let history = History::scan(&repo, &Scope { whole_blobs, ..Scope::default() }, &sink);
    assert!(history.complete);
    (sink.blobs.into_inner(), sink.looked_at.into_inner())
}

/// Files whose lines are changed one after the other, and the commits that do it, as `git fast-import` takes them.
struct Edited {
    files: Vec<Vec<String>>,
    commits: usize,
}

impl Edited {
    fn new() -> Self {
        let line = |file: usize, n: usize| format!("    let value_{n} = compute_{file}(the_token, {});\n", n * n * 7919 % 10_007);
        Self { files: (0..12).map(|file| (0..700).map(|n| line(file, n)).collect()).collect(), commits: 0 }
    }

    /// So many more commits; each changes, adds or removes one line of one file.
    fn go_on(&mut self, folder: &Path, more: usize) {
        let mut stream = String::new();
        for n in self.commits..self.commits + more {
            let message = format!("Change {n}");
            let _ = writeln!(stream, "commit refs/heads/main\ncommitter Ada <ada@example.org> {} +0000", 1_700_000_000 + n);
            let _ = writeln!(stream, "data {}\n{message}", message.len());
            if n > 0 && n == self.commits {
                stream.push_str("from refs/heads/main^0\n");
            }
            let file = n * 5 % self.files.len();
            let lines = &mut self.files[file];
            let at = n * 31 % lines.len();
            match n % 3 {
                0 => lines[at] = format!("    let changed_{n} = \"{}\";\n", n * 104_729),
                1 => lines.insert(at, format!("    added({n});\n")),
                _ => drop(lines.remove(at)),
            }
            for (file, lines) in self.files.iter().enumerate().filter(|(other, _)| n == 0 || *other == file) {
                let text = lines.concat();
                let _ = writeln!(stream, "M 100644 inline src/file_{file}.rs\ndata {}\n{text}", text.len());
            }
        }
        self.commits += more;
        let mut import = git_command(folder, &["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git is installed");
        import.stdin.take().expect("it is piped").write_all(stream.as_bytes()).expect("git reads it");
        assert!(import.wait().expect("it ends").success());
        git(folder, &["repack", "-adfq"]);
    }
}

/// Twice as many commits, each with a small edit: twice the bytes in blobs, and hardly more to look at.
#[test]
fn a_history_that_doubles_by_small_edits_is_hardly_more_to_look_at() {
    let folder = repository();
    let mut edited = Edited::new();
    edited.go_on(folder.path(), 300);
    let before = counted(folder.path(), false);
    edited.go_on(folder.path(), 300);
    let after = counted(folder.path(), false);
    assert!(after.0 * 10 > before.0 * 19, "the blobs are those of twice as many commits: {before:?}, {after:?}");
    assert!(after.1 * 10 <= before.1 * 13, "1.3 times the bytes are looked at, at most: {before:?}, {after:?}");
    let whole = counted(folder.path(), true);
    assert!(whole.0 == after.0 && whole.1 > whole.0, "in full, all bytes are looked at: {whole:?}, {after:?}");
}
