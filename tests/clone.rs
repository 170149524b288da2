//! Repositories behind URLs: cloned from a server on this machine, scanned, removed.

#![cfg(feature = "network")]

#[path = "support/git_server.rs"]
mod git_server;
mod support;

use git_server::{Manners, Server, Trap};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Report, Run, Tree, github_token};

/// Runs git in a folder, and gives what it prints.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "2024-03-01T12:00:00+01:00")
        .env("GIT_COMMITTER_DATE", "2024-03-01T12:00:00+01:00")
        .output()
        .expect("git is installed");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A tree with a repository `r` that holds a token in each of five places, and a folder for temporary files.
fn served(format: &str) -> Tree {
    let tree = Tree::new();
    tree.write("tmp/.keep", "");
    fs::remove_file(tree.join("tmp/.keep")).expect("it is there");
    fs::create_dir_all(tree.join("r")).expect("a folder");
    let repo = tree.join("r");
    git(&repo, &["init", "-q", &format!("--object-format={format}"), "."]);
    let line = |name: &str| format!("token = \"{}\"\n", github_token(name));
    tree.write("r/kept.py", line("kept"));
    tree.write("r/gone.py", line("gone"));
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "start"]);
    git(&repo, &["rm", "-q", "gone.py"]);
    git(&repo, &["commit", "-q", "-m", "it goes"]);
    git(&repo, &["tag", "-a", "v1", "-m", &format!("with {}", github_token("tag"))]);
    git(&repo, &["notes", "add", "-m", &format!("with {}", github_token("note"))]);
    git(&repo, &["checkout", "-q", "-b", "side"]);
    tree.write("r/side.py", line("side"));
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "on a branch"]);
    git(&repo, &["checkout", "-q", "main"]);
    tree
}

/// `keysift git URL`, with its temporary files in the tree and nothing of CI in its environment.
fn command(tree: &Tree, url: &str) -> Command {
    let mut command = tree.command(&["git", "-f", "json", url]);
    for name in ["KEYSIFT_GIT_TOKEN", "KEYSIFT_GIT_USER", "KEYSIFT_GIT_HOST", "GITHUB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"] {
        command.env_remove(name);
    }
    command.env("TMPDIR", tree.join("tmp"));
    command
}

fn scan(tree: &Tree, url: &str) -> Run {
    Run::of(&mut command(tree, url), b"", tree)
}

/// That no clone is left.
fn nothing_stays(tree: &Tree) {
    let left: Vec<_> = fs::read_dir(tree.join("tmp")).expect("the folder is there").flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What a refused run says.
fn refused(tree: &Tree, run: &Run, says: &str) {
    assert_eq!(run.code, 2, "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains(says), "wanted {says}, got {}", run.stderr);
    nothing_stays(tree);
}

#[test]
fn all_of_it_is_found_and_nothing_stays() {
    for format in ["sha1", "sha256"] {
        let tree = served(format);
        let server = Server::start(&tree.path(), Manners::default());
        let url = format!("http://127.0.0.1:{}/r", server.port);
        let report = scan(&tree, &url).report();
        assert_eq!(report.code, 1, "{}", report.stderr);
        let local: Report = tree.run(&["git", "-f", "json", "r"]).report();
        let mut fingerprints = report.fingerprints();
        let mut expected = local.fingerprints();
        fingerprints.sort_unstable();
        expected.sort_unstable();
        assert_eq!(expected.len(), 5, "{format}: {:#}", local.json);
        assert_eq!(fingerprints, expected, "{format}");
        assert_eq!(report.json["scan"]["complete"], true);
        assert_eq!(report.json["scan"]["run"]["roots"][0], url.as_str());
        nothing_stays(&tree);
    }
}

/// What is behind a URL does not say how it is looked at.
#[test]
fn a_range_of_it_is_looked_at_as_we_say() {
    let tree = served("sha1");
    let repo = tree.join("r");
    tree.write("r/keysift.toml", "exclude = [\"**\"]\n");
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "a config"]);
    git(&repo, &["checkout", "-q", "side"]);
    git(&repo, &["merge", "-q", "main", "-m", "with the config"]);
    git(&repo, &["checkout", "-q", "main"]);
    assert_eq!(tree.run(&["git", "-f", "json", "--range", "main..side", "r"]).report().findings().len(), 0, "here it counts");
    let server = Server::start(&tree.path(), Manners::default());
    let mut command = command(&tree, &format!("http://127.0.0.1:{}/r", server.port));
    command.args(["--range", "main..side"]);
    let report = Run::of(&mut command, b"", &tree).report();
    assert_eq!(report.paths(), ["side.py"], "{}", report.stderr);
    nothing_stays(&tree);
}

#[test]
fn a_repository_without_commits_is_nothing_to_look_at() {
    let tree = served("sha1");
    fs::create_dir_all(tree.join("empty")).expect("a folder");
    git(&tree.join("empty"), &["init", "-q", "--bare", "."]);
    let server = Server::start(&tree.path(), Manners::default());
    let report = scan(&tree, &format!("http://localhost:{}/empty", server.port)).report();
    assert_eq!((report.code, report.findings().len()), (0, 0), "{}", report.stderr);
    nothing_stays(&tree);
}

/// Only where a test can say which certificates the system trusts.
#[cfg(all(unix, not(target_os = "macos")))]
mod over_tls {
    use super::*;

    const ACCOUNT: &str = "x-access-token:made-up";

    /// A server that wants `ACCOUNT`, and a command that trusts it.
    fn guarded(redirect: Option<String>) -> (Tree, Server) {
        let tree = served("sha1");
        let manners = Manners { account: Some(ACCOUNT.to_owned()), redirect, ..Manners::default() };
        let (server, certificate) = Server::start_tls(&tree.path(), manners);
        tree.write("trusted.pem", certificate);
        (tree, server)
    }

    fn scan_with(tree: &Tree, url: &str, variable: &str, token: &str) -> Run {
        let mut command = command(tree, url);
        command.env("SSL_CERT_FILE", tree.join("trusted.pem")).env(variable, token);
        Run::of(&mut command, b"", tree)
    }

    #[test]
    fn the_token_is_given_when_it_is_asked_for() {
        let (tree, server) = guarded(None);
        let url = format!("https://localhost:{}/r", server.port);
        let report = scan_with(&tree, &url, "KEYSIFT_GIT_TOKEN", "made-up").report();
        assert_eq!(report.findings().len(), 5, "{}", report.stderr);
        let seen = server.seen();
        assert_eq!(seen[0].authorization, None, "not before it is asked for");
        assert!(seen[1..].iter().all(|s| s.authorization.is_some()), "{seen:?}");
        assert!(seen.iter().all(|s| !s.target.contains("made-up")), "{seen:?}");
        nothing_stays(&tree);
    }

    #[test]
    fn a_wrong_token_is_told_by_its_variable() {
        let (tree, server) = guarded(None);
        let url = format!("https://localhost:{}/r", server.port);
        let run = scan_with(&tree, &url, "KEYSIFT_GIT_TOKEN", "another-one");
        refused(&tree, &run, "does not accept the token of KEYSIFT_GIT_TOKEN");
        assert!(!run.printed().contains("another-one"));
        let run = scan_with(&tree, &url, "GITHUB_TOKEN", "for-github");
        refused(&tree, &run, "asks for credentials: give a token that may read it in KEYSIFT_GIT_TOKEN");
        let tokens: Vec<_> = server.seen().into_iter().filter_map(|s| s.authorization).collect();
        assert_eq!(tokens.len(), 1, "another host's token is not tried: {tokens:?}");
    }

    #[test]
    fn a_repository_that_moved_on_its_server_is_found() {
        let (tree, server) = guarded(Some(String::new()));
        let url = format!("https://localhost:{}/moved/r", server.port);
        let report = scan_with(&tree, &url, "KEYSIFT_GIT_TOKEN", "made-up").report();
        assert_eq!(report.findings().len(), 5, "{}", report.stderr);
        assert!(server.seen().iter().any(|s| s.target == "/r/git-upload-pack"));
    }

    #[test]
    fn no_redirect_leads_to_another_server() {
        let trap = Trap::set();
        let (tree, server) = guarded(Some(format!("https://localhost:{}", trap.port)));
        let url = format!("https://localhost:{}/moved/r", server.port);
        let run = scan_with(&tree, &url, "KEYSIFT_GIT_TOKEN", "made-up");
        refused(&tree, &run, "redirects to https://localhost:");
        assert!(server.seen().last().is_some_and(|s| s.authorization.is_some()), "the token was given before");
        assert_eq!(trap.came(), 0);
        assert!(!run.printed().contains("made-up"));
    }

    #[test]
    fn a_certificate_that_nobody_vouches_for_is_refused() {
        let (tree, server) = guarded(None);
        let (_, other) = Server::start_tls(&tree.path(), Manners::default());
        tree.write("trusted.pem", other);
        let run = scan_with(&tree, &format!("https://localhost:{}/r", server.port), "KEYSIFT_GIT_TOKEN", "made-up");
        refused(&tree, &run, "cannot be reached: ");
        assert!(server.seen().is_empty());
    }
}

#[test]
fn no_token_goes_over_http() {
    let tree = served("sha1");
    let manners = Manners { account: Some("x-access-token:made-up".to_owned()), ..Manners::default() };
    let server = Server::start(&tree.path(), manners);
    let mut command = command(&tree, &format!("http://localhost:{}/r", server.port));
    command.env("KEYSIFT_GIT_TOKEN", "made-up");
    let run = Run::of(&mut command, b"", &tree);
    refused(&tree, &run, "asks for credentials, which go over https alone");
    assert!(server.seen().iter().all(|s| s.authorization.is_none()));
}

#[test]
fn what_is_refused_before_anything_is_contacted() {
    let tree = served("sha1");
    for (url, says) in [
        ("https://ada:hidden@localhost:1/r", "KEYSIFT_GIT_TOKEN"),
        ("http://example.org/r", "use https://"),
        ("file:///srv/r.git", "give its path"),
        ("git://localhost/r", "`git://` is not supported"),
        ("https://localhost:1/r?access_token=hidden", "a query or a fragment"),
        ("ssh://-oProxyCommand=hidden/r", "no host"),
    ] {
        let run = scan(&tree, url);
        refused(&tree, &run, says);
        assert!(!run.printed().contains("hidden"), "{}", run.printed());
    }
}

#[test]
fn servers_that_do_not_serve() {
    let tree = served("sha1");
    let server = Server::start(&tree.path(), Manners::default());
    refused(&tree, &scan(&tree, &format!("http://127.0.0.1:{}/none", server.port)), "is not there");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    refused(&tree, &scan(&tree, &format!("http://127.0.0.1:{unused}/r")), "cannot be reached");
    let server = Server::start(&tree.path(), Manners { truncates: true, ..Manners::default() });
    refused(&tree, &scan(&tree, &format!("http://127.0.0.1:{}/r", server.port)), &format!("http://127.0.0.1:{}/r", server.port));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_nothing_stays() {
    let tree = served("sha1");
    let server = Server::start(&tree.path(), Manners { hangs: true, ..Manners::default() });
    let mut command = command(&tree, &format!("http://127.0.0.1:{}/r", server.port));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let start = std::time::Instant::now();
    // The refs were listed, and a pack was asked for.
    while server.seen().len() < 3 {
        assert!(start.elapsed().as_secs() < 30, "{:?}", server.seen());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(done.success());
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("a report");
    assert_eq!(report["scan"]["complete"], false);
    nothing_stays(&tree);
}

/// The one program that keysift starts, here one that serves what it is asked for.
#[cfg(unix)]
#[test]
fn ssh_is_started_in_batch_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let tree = served("sha1");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$LOG\"\nfor last; do :; done\neval \"$last\"\n";
    tree.write("bin/ssh", script);
    fs::set_permissions(tree.join("bin/ssh"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", tree.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let run = |url: &str| {
        let mut command = command(&tree, url);
        command.env("PATH", &path).env("LOG", tree.join("arguments"));
        Run::of(&mut command, b"", &tree)
    };
    let report = run(&format!("ssh://git@localhost:2222{}/r", tree.path().display())).report();
    assert_eq!(report.findings().len(), 5, "{}", report.stderr);
    let arguments = tree.read("arguments");
    assert!(arguments.starts_with("-o\nBatchMode=yes\n"), "{arguments}");
    assert!(arguments.contains("-p\n2222\ngit@localhost\ngit-upload-pack '/"), "{arguments}");
    nothing_stays(&tree);
    // What ssh complains about is told.
    tree.write("bin/ssh", "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n");
    refused(&tree, &run("git@localhost:r"), "ssh: Host key verification failed.");
}

mod as_a_library {
    use super::*;
    use gix::hash::ObjectId;
    use keysift::source::Stop;
    use keysift::source::git::Repository;
    use keysift::source::git::open::Options;
    use keysift::source::git::remote::missing::{fetch_commits, fetch_objects};
    use keysift::source::git::remote::{Credentials, Limits, Network, RemoteError, remote_refs};
    use keysift::source::git::url::RemoteUrl;
    use std::time::{Duration, Instant};

    /// Calls `then` with a network that has no credentials and little patience.
    fn with_network<T>(then: impl FnOnce(Network<'_>) -> T) -> T {
        let stop = Stop::new();
        let none = |_: &str| None;
        let credentials = Credentials::for_configured(&none);
        let limits = Limits { connect: Duration::from_secs(1), silence: Duration::from_secs(1) };
        then(Network { credentials: &credentials, limits, stop: &stop })
    }

    fn url(server: &Server) -> RemoteUrl {
        RemoteUrl::parse(&format!("http://127.0.0.1:{}/r", server.port)).expect("a URL")
    }

    fn open(path: &Path) -> Repository {
        Repository::open(path, &Options::default()).expect("a repository")
    }

    fn id(hex: &str) -> ObjectId {
        ObjectId::from_hex(hex.as_bytes()).expect("an id")
    }

    #[test]
    fn silence_has_a_limit() {
        let tree = served("sha1");
        for manners in [Manners { silent: true, ..Manners::default() }, Manners { hangs: true, ..Manners::default() }] {
            let server = Server::start(&tree.path(), manners);
            let start = Instant::now();
            let into = tree.join("tmp");
            let result = with_network(|n| keysift::source::git::remote::clone::clone_bare(&url(&server), &into, n));
            assert!(matches!(result, Err(RemoteError::Silent { .. })), "{result:?}");
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn branches_of_a_server_are_listed() {
        let tree = served("sha1");
        let server = Server::start(&tree.path(), Manners::default());
        let refs = with_network(|n| remote_refs(&url(&server), &["refs/heads/si"], n)).expect("refs");
        assert_eq!(refs.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["refs/heads/side"]);
        assert_eq!(refs[0].id, Some(id(&git(&tree.join("r"), &["rev-parse", "side"]))));
    }

    /// A repository with 120 more commits on main, and a clone of its last one.
    fn shallow() -> (Tree, Server) {
        let tree = served("sha1");
        let repo = tree.join("r");
        for n in 0..120 {
            git(&repo, &["commit", "-q", "--allow-empty", "-m", &format!("commit {n}")]);
        }
        let server = Server::start(&tree.path(), Manners::default());
        git(&tree.path(), &["clone", "-q", "--depth=1", &url(&server).to_string(), "clone"]);
        (tree, server)
    }

    #[test]
    fn history_is_deepened_as_far_as_it_is_needed() {
        let (tree, server) = shallow();
        let origin = tree.join("r");
        let head = id(&git(&origin, &["rev-parse", "main"]));
        let base = id(&git(&origin, &["rev-parse", "main~70"]));
        let repo = open(&tree.join("clone"));
        assert!(repo.objects().find(&base).is_none());
        let mut steps = 0;
        let mut enough = |repo: &Repository| {
            steps += 1;
            repo.objects().find(&base).is_some()
        };
        let repo =
            with_network(|n| fetch_commits(repo, &Options::default(), &url(&server), &[head], &mut enough, n)).expect("it");
        assert!(repo.objects().find(&base).is_some());
        assert_eq!(steps, 1, "50 are not enough, 200 are all there is");
        assert!(repo.shallow.is_empty());
        assert_eq!(git(&tree.join("clone"), &["rev-list", "--count", "HEAD"]), "122");
        git(&tree.join("clone"), &["fsck", "--strict"]);
    }

    #[test]
    fn a_step_that_is_enough_is_the_last() {
        let (tree, server) = shallow();
        let head = id(&git(&tree.join("r"), &["rev-parse", "main"]));
        let repo = open(&tree.join("clone"));
        let repo =
            with_network(|n| fetch_commits(repo, &Options::default(), &url(&server), &[head], &mut |_| true, n)).expect("it");
        assert_eq!(repo.shallow.len(), 1);
        assert_eq!(git(&tree.join("clone"), &["rev-list", "--count", "HEAD"]), "50");
        git(&tree.join("clone"), &["fsck", "--strict"]);
    }

    #[test]
    fn another_branch_and_a_commit_that_is_gone() {
        let (tree, server) = shallow();
        let side = id(&git(&tree.join("r"), &["rev-parse", "side"]));
        let repo = open(&tree.join("clone"));
        let head = repo.head().expect("a head");
        let mut enough = |_: &Repository| true;
        let wanted = [head, side];
        let repo =
            with_network(|n| fetch_commits(repo, &Options::default(), &url(&server), &wanted, &mut enough, n)).expect("it");
        assert!(repo.objects().find(&side).is_some());
        let gone = [id(&"ab".repeat(20))];
        let result = with_network(|n| fetch_commits(repo, &Options::default(), &url(&server), &gone, &mut enough, n));
        assert!(matches!(result.err(), Some(RemoteError::Gone { .. })));
    }

    #[test]
    fn blobs_of_a_partial_clone() {
        let tree = served("sha1");
        let server = Server::start(&tree.path(), Manners::default());
        let address = url(&server).to_string();
        git(&tree.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &address, "clone"]);
        let blob = id(&git(&tree.join("r"), &["rev-parse", "main:kept.py"]));
        let repo = open(&tree.join("clone"));
        assert!(repo.partial && repo.objects().find(&blob).is_none());
        let repo = with_network(|n| fetch_objects(&repo, &Options::default(), &url(&server), &[blob], n)).expect("it");
        assert!(repo.objects().find(&blob).is_some());
        git(&tree.join("clone"), &["fsck"]);
    }

    #[test]
    fn a_config_starts_no_program() {
        let (tree, _server) = shallow();
        let repo = open(&tree.join("clone"));
        let url = RemoteUrl::of_config("git@localhost:r").expect("a URL");
        let wanted = [id(&"ab".repeat(20))];
        let result = with_network(|n| fetch_commits(repo, &Options::default(), &url, &wanted, &mut |_| true, n));
        assert!(matches!(result.err(), Some(RemoteError::SshNotTyped(_))));
    }
}
