//! Configs that stand on others: files, copies of files elsewhere, `keysift config update`.

use crate::support::{Run, Tree, github_token};
use serde_json::Value;

fn tree() -> Tree {
    let tree = Tree::git();
    tree.write("src/a.txt", format!("{}\n", github_token("a"))).write("lab/b.txt", format!("{}\n", github_token("b")));
    tree
}

#[test]
fn a_config_stands_on_files() {
    let tree = tree();
    tree.write("keysift.toml", "extends = [\"conf/base.toml\"]\nmax_depth = 3\nexclude = [\"lab/**\"]\n");
    tree.write("conf/base.toml", "extends = [\"more.toml\"]\nmax_depth = 2\n")
        .write("conf/more.toml", "\nmax_members = 5\nfail_on = \"none\"\n");
    let report = tree.scan(&[]);
    assert_eq!((report.code, report.paths()), (0, vec!["src/a.txt"]));
    assert_eq!(report.json["scan"]["policy"], serde_json::json!(["conf/more.toml", "conf/base.toml", "keysift.toml"]));
    let shown = tree.run(&["config", "show"]).stdout;
    for line in [
        "max_members = 5  # repository config conf/more.toml:2\n",
        "max_depth = 3  # repository config keysift.toml:2\n",
        "fail_on = \"none\"  # repository config conf/more.toml:3\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    // One that a user names may stand on files anywhere; one that was found may not.
    let other = Tree::new();
    other.write("c/own.toml", "extends = [\"../base.toml\"]\n").write("base.toml", "fail_on = \"none\"\n");
    let own = other.join("c/own.toml");
    assert_eq!(tree.scan(&["-c", own.to_str().expect("UTF-8")]).code, 0);
    for (text, message) in [
        ("extends = [\"../base.toml\"]\n", "keysift: keysift.toml:1: `extends` names a path in the folder of the config file"),
        ("extends = [\"/etc/hostname\"]\n", "keysift: keysift.toml:1: `extends` names a path in the folder of the config file"),
        ("\nextends = [\"gone.toml\"]\n", "keysift: keysift.toml:2: "),
        ("extends = [\"keysift.toml\"]\n", "keysift: keysift.toml:1: keysift.toml stands on itself"),
        ("extends = [\"conf/bad.toml\"]\n", "keysift: conf/bad.toml:1: unknown key `exclud`: did you mean `exclude`?"),
    ] {
        tree.write("keysift.toml", text).write("conf/bad.toml", "exclud = []\n");
        let run = tree.run(&["scan"]);
        assert_eq!(run.code, 2, "{text}");
        assert!(run.stderr.starts_with(message), "{text}: {}", run.stderr);
    }
    assert!(tree.run(&["config", "show"]).stderr.contains("conf/bad.toml:1"));
    // A link is followed by nobody.
    std::os::unix::fs::symlink(other.join("base.toml"), tree.join("link.toml")).expect("a link");
    tree.write("keysift.toml", "extends = [\"link.toml\"]\n");
    let run = tree.run(&["scan"]);
    assert!(run.code == 2 && run.stderr.contains("link.toml: cannot be read: it is a link"), "{}", run.stderr);
}

#[test]
fn the_locks_of_a_base_hold() {
    let tree = tree();
    let policy = Tree::new();
    policy.write("p.toml", "extends = [\"base.toml\"]\nexclude = [\"src/**\"]\n").write("base.toml", "lock = [\"exclude\"]\n");
    let file = policy.join("p.toml");
    let report = tree.scan(&["--policy", file.to_str().expect("UTF-8"), "--exclude", "**"]);
    assert_eq!(report.paths(), ["lab/b.txt", "src/a.txt"]);
    let refused = report.json["scan"]["refused"].as_array().expect("a list");
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|r| r["locked_by"].as_str().expect("a place").ends_with("base.toml:1")), "{refused:?}");
}

/// A change brings no base of its own.
#[test]
fn in_a_range_bases_are_those_of_the_base_commit() {
    let tree = Tree::git();
    tree.write("keysift.toml", "extends = [\"conf/base.toml\"]\n").write("conf/base.toml", "exclude = [\"lab/**\"]\n");
    let commit = |message: &str| {
        tree.git_command(&["add", "-A"]);
        tree.git_command(&["commit", "-q", "-m", message]);
    };
    commit("base");
    tree.git_command(&["tag", "base"]);
    tree.write("conf/base.toml", "exclude = [\"**\"]\n").write("lab/b.txt", format!("{}\n", github_token("b")));
    tree.write("a.txt", format!("{}\n", github_token("a")));
    commit("change");
    let report = tree.run(&["git", "--range", "base..HEAD", "-f", "json"]).report();
    assert_eq!((report.code, report.paths()), (1, vec!["a.txt"]), "{:#}", report.json["scan"]);
}

#[cfg(feature = "network")]
mod update {
    use super::*;
    use sha2::{Digest as _, Sha256};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    /// A server on this machine that knows a few places; what it was asked for.
    fn serve(places: &'static [(&'static str, &'static str, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut line = String::new();
                let _ = reader.read_line(&mut line);
                let mut header = String::new();
                while reader.read_line(&mut header).is_ok_and(|n| n > 2) {
                    header.clear();
                }
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().expect("no panic").push(path.clone());
                let (head, body) =
                    places.iter().find(|(at, ..)| *at == path).map_or(("404 Not Found", ""), |(_, head, body)| (*head, *body));
                let mut stream = stream;
                let _ = write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            }
        });
        (address, asked)
    }

    fn sha(text: &str) -> String {
        Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }

    const BASE: &str = "fail_on = \"none\"\n";
    const FOUND: &str = "200 OK";

    #[test]
    fn what_is_elsewhere_is_fetched_once_and_checked() {
        let (address, asked) = serve(&[("/base.toml", FOUND, BASE), ("/moved.toml", "302 Found\r\nLocation: /base.toml", "")]);
        let tree = tree();
        let config = |path: &str, sha: &str| format!("extends = [{{ url = \"{address}{path}\", sha256 = \"{sha}\" }}]\n");
        tree.write("keysift.toml", config("/moved.toml", &sha(BASE)));
        let copy = format!(".keysift/{}.toml", &sha(BASE)[..16]);
        // A scan asks nobody.
        let run = tree.run(&["scan"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(&format!("{copy} is not there: `keysift config update` fetches it")), "{}", run.stderr);
        assert!(asked.lock().expect("no panic").is_empty());
        let run = tree.run(&["config", "update"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.starts_with("fetched: ") && run.stdout.trim_end().ends_with(&copy), "{}", run.stdout);
        assert_eq!(tree.read(&copy), BASE);
        assert_eq!(tree.scan(&[]).code, 0);
        assert!(tree.run(&["config", "show"]).stdout.contains(&format!("fail_on = \"none\"  # repository config {copy}:1")));
        assert!(tree.run(&["config", "update"]).stdout.starts_with("as named: "));
        assert_eq!(asked.lock().expect("no panic").len(), 2, "what is there is not fetched again");
        // Whoever changes the copy changes nothing; it is fetched anew.
        tree.write(&copy, "exclude = [\"**\"]\n");
        let run = tree.run(&["scan"]);
        assert!(run.code == 2 && run.stderr.contains("is not what `sha256` names"), "{}", run.stderr);
        assert_eq!(tree.run(&["config", "update"]).code, 0);
        assert_eq!(tree.read(&copy), BASE);
        // Nor does whoever changes what is at the address.
        tree.write("keysift.toml", config("/base.toml", &sha("what it was")));
        let run = tree.run(&["config", "update"]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(&format!("has another SHA-256 than its config names, {}", sha(BASE))), "{}", run.stderr);
        assert!(!tree.join(format!(".keysift/{}.toml", &sha("what it was")[..16])).exists());
    }

    #[test]
    fn addresses_that_are_not_asked() {
        let (address, asked) = serve(&[("/away", "302 Found\r\nLocation: http://192.0.2.1/x", "")]);
        let tree = tree();
        for (url, message) in [
            ("http://config.example.org/x.toml".to_owned(), "`http://config.example.org/x.toml` does not begin with https://"),
            ("https://user@config.example.org/x.toml".to_owned(), "a URL in a config holds no credentials"),
            ("file:///etc/passwd".to_owned(), "does not begin with https://"),
            (format!("{address}/gone"), "/gone answers with HTTP status 404"),
            (format!("{address}/away"), "/away redirects to another server, which is not followed"),
        ] {
            tree.write("keysift.toml", format!("extends = [{{ url = \"{url}\", sha256 = \"{}\" }}]\n", sha("")));
            let run = tree.run(&["config", "update"]);
            assert_eq!(run.code, 2);
            assert!(run.stderr.contains(message), "{url}: {}", run.stderr);
        }
        assert_eq!(asked.lock().expect("no panic").len(), 2);
        tree.write("keysift.toml", "");
        assert_eq!(tree.run(&["config", "update"]).stdout, "no config here stands on a file elsewhere\n");
    }
}

#[test]
fn config_show_for_programs() {
    let tree = tree();
    tree.write("p.toml", "lock = [\"archives\"]\n").write(
        "keysift.toml",
        "exclude = [\n  \"a\",\n]\nmax_depth = 3\narchives = false\n[[threshold]]\npath = \"x\"\nmin_severity = \"high\"\n",
    );
    let run = tree.run(&["config", "show", "--format", "json", "--policy", "p.toml"]);
    let shown: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let of =
        |key: &str| shown["settings"].as_array().expect("a list").iter().find(|s| s["key"] == key).cloned().unwrap_or_default();
    assert_eq!(of("exclude")["value"], serde_json::json!(["a"]));
    assert_eq!(of("threshold")["value"][0]["min_severity"], "high");
    assert_eq!(
        of("max_depth"),
        serde_json::json!({ "key": "max_depth", "value": 3, "set_by": { "layer": "repository", "file": "keysift.toml", "line": 4 } })
    );
    assert_eq!(of("archives"), serde_json::json!({ "key": "archives", "value": true, "set_by": { "layer": "built_in" } }));
    assert_eq!(shown["locked"][0]["locked_by"]["layer"], "policy");
    assert_eq!((&shown["refused"][0]["key"], &shown["refused"][0]["said_by"]["line"]), (&"archives".into(), &5.into()));
    assert_eq!(shown["files"], serde_json::json!(["p.toml", "keysift.toml"]));
}

#[test]
fn messages_as_json() {
    let tree = tree();
    tree.write(
        "keysift.toml",
        "[[accept_gap]]\nreason = \"too_large\"\nnote = \"a\u{1b}[31m\\u001b[31m\"\nuntil = \"2020-01-01\"\n",
    );
    let lines = |run: &Run| -> Vec<Value> {
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    };
    tree.write("keysift.toml", "[[accept_gap]]\nreason = \"too_large\"\nnote = \"\\u001b[31m\"\nuntil = \"2020-01-01\"\n");
    let run = tree.run(&["scan", "--log-format", "json", "-f", "json", "gone", "."]);
    assert_eq!(run.code, 2);
    let said = lines(&run);
    assert!(said.len() == 2 && said.iter().all(|s| s["level"] == "warning"), "{said:?}");
    assert!(said[0]["message"].as_str().expect("text").starts_with("an accepted gap (too_large) has expired"), "{said:?}");
    assert!(!run.stderr.contains('\u{1b}'));
    // What ends the run, and what is wrong on the command line; the variable says the same.
    tree.write("keysift.toml", "exclud = []\n");
    let said = lines(&tree.run(&["--log-format=json", "scan"]));
    assert_eq!(
        said[0],
        serde_json::json!({ "level": "error", "message": "keysift.toml:1: unknown key `exclud`: did you mean `exclude`?" })
    );
    let run = tree.run(&["scan", "--log-format", "json", "--min-confidense", "high"]);
    assert!(run.code == 2 && lines(&run)[0]["message"].as_str().expect("text").contains("--min-confidence"), "{}", run.stderr);
    let mut command = tree.command(&["scan"]);
    let run = Run::of(command.env("KEYSIFT_LOG_FORMAT", "json"), b"", &tree);
    assert_eq!(lines(&run).len(), 1);
    assert!(tree.run(&["scan", "--log-format", "text"]).stderr.starts_with("keysift: keysift.toml:1"));
}

#[test]
fn paths_are_links_where_that_is_asked_for() {
    let tree = Tree::new();
    // Names made to end the sequence, and to look like another address.
    let name = "a\u{1b}]8;;https:evil\u{1b}\\ %41 é.txt";
    tree.write(name, format!("{}\n", github_token("a")));
    assert!(!tree.run(&["scan"]).stdout.contains('\u{1b}'), "not where stdout is no terminal");
    let run = tree.run(&["scan", "--hyperlinks", "always"]);
    let folder = tree.path().display().to_string();
    let address = format!("file://{folder}/a%1B%5D8%3B%3Bhttps%3Aevil%1B%5C%20%2541%20%C3%A9.txt").replace("https%3A", "https:");
    let begin = format!("\u{1b}]8;;{address}\u{1b}\\");
    assert!(run.stdout.contains(&begin), "{:?}", run.stdout);
    assert_eq!(run.stdout.matches('\u{1b}').count(), 4, "two sequences of two: {:?}", run.stdout);
    let mut command = tree.command(&["scan"]);
    assert!(Run::of(command.env("KEYSIFT_HYPERLINKS", "always"), b"", &tree).stdout.contains(&begin));
    let mut command = tree.command(&["scan", "--hyperlinks", "never"]);
    assert!(!Run::of(command.env("KEYSIFT_HYPERLINKS", "always"), b"", &tree).stdout.contains('\u{1b}'));
    // Redacted names stay so in addresses.
    let tree = Tree::new();
    let token = github_token("n");
    tree.write(format!("{token}.txt"), format!("{token}\n"));
    let run = tree.run(&["scan", "--hyperlinks", "always"]);
    assert!(!run.stdout.contains(&token) && run.stdout.contains("]8;;file://"), "{}", run.stdout);
}
