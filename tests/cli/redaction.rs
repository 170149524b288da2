//! No secret leaves by any way unless it was asked for: secrets are planted everywhere, and everything a run prints is
//! searched for them.

use crate::support::{Run, Tree, fill, github_token, password, private_key};

const FORMATS: [&str; 13] = [
    "human", "json", "jsonl", "sarif", "github", "junit", "gitlab", "codequality", "gitleaks", "defectdojo", "csv", "html",
    "markdown",
];

/// Secrets of many kinds in contents, and some of them in names of files and folders as well.
fn planted() -> (Tree, Vec<String>) {
    let tree = Tree::new();
    let (named, plain, linked) = (github_token("named"), github_token("plain"), github_token("linked"));
    let (folder, word, url) = (github_token("folder"), password("word"), password("url"));
    let key = private_key("key", 8);
    let slack = fill("xoxb-{digits:12}-{digits:12}-{alnum:24}", "slack");
    tree.write(format!("names/{named}.txt"), format!("a copy: {named}\n"))
        .write(format!("in-{folder}/a.txt"), format!("t: {folder}\n"))
        .write(format!("in-{folder}/large.bin"), vec![b'x'; 3000])
        .write("plain.yml", format!("token: {plain}\n# the token {plain} again, and {slack}\n"))
        .write("one-line.js", format!("f('{plain}', '{slack}'); const dbPassword = \"{word}\"; g('{word}', '{named}')\n"))
        .write("url.env", format!("DATABASE_URL=postgres://shop:{url}@db.example.org/shop\nNOTE=the password is {url}\n"))
        .write("id_rsa", &key)
        .write("key.json", format!("{{\"private_key\": \"{}\"}}\n", key.replace('\n', "\\n")))
        .write("skip.txt", vec![b'x'; 2000]);
    std::os::unix::fs::symlink(format!("https://x-access-token:{linked}@github.com/a/b"), tree.join("link"))
        .expect("links can be made");
    let mut secrets = vec![named, plain, linked, folder, word, url, slack];
    secrets.extend(key.lines().filter(|l| !l.starts_with("-----")).map(str::to_owned));
    (tree, secrets)
}

fn assert_silent(run: &Run, secrets: &[String], what: &str) {
    for secret in secrets {
        assert!(!run.printed().contains(secret.as_str()), "{what} tells {secret}:\n{}", run.printed());
    }
}

#[test]
fn no_format_tells_a_secret() {
    let (tree, secrets) = planted();
    for format in FORMATS {
        for more in [&[][..], &["--verbose"], &["--show-rejected", "--min-confidence", "low"]] {
            let arguments = [&["scan", "-f", format, "--max-file-size", "2500"], more].concat();
            let run = tree.run(&arguments);
            assert_eq!(run.code, 1, "{}", run.stderr);
            assert_silent(&run, &secrets, &format!("{arguments:?}"));
        }
    }
}

#[test]
fn no_error_message_tells_a_secret() {
    let (tree, secrets) = planted();
    let folder = format!("in-{}", secrets[3]);
    for format in FORMATS {
        // The folder named, something missing in it, and a report that cannot be written there.
        let (missing, output) = (format!("{folder}/gone.txt"), format!("{folder}/no/such/folder.json"));
        let run = tree.run(&["scan", "-f", format, &folder, &missing]);
        assert_eq!(run.code, 2);
        assert_silent(&run, &secrets, format);
        let run = tree.run(&["scan", "-f", format, &folder, "-o", &output]);
        assert_eq!(run.code, 2);
        assert_silent(&run, &secrets, format);
    }
}

#[test]
fn blobs_from_json_lines_keep_their_secrets() {
    let token = github_token("fed");
    let lines = [
        serde_json::json!({"path": format!("x/{token}.txt"), "content": format!("t={token}"), "origin": {"url": format!("https://{token}@h/"), token.as_str(): [token.as_str()]}}).to_string(),
        format!("{{\"path\": \"{token}\", \"content\": \"cut off"),
        serde_json::json!({"path": token, "nonsense": token}).to_string(),
    ]
    .join("\n");
    for format in FORMATS {
        let run = Tree::new().run_with(&["scan", "--from-jsonl", "-f", format], lines.as_bytes());
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert_silent(&run, std::slice::from_ref(&token), format);
    }
}

#[test]
fn explain_keeps_its_secrets() {
    let (tree, secrets) = planted();
    for line in ["plain.yml:1", "plain.yml:2", "one-line.js:1", "url.env:1", "url.env:2", "id_rsa:2", "key.json:1"] {
        let run = tree.run(&["explain", line]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_silent(&run, &secrets, line);
    }
    for finding in tree.scan(&[]).fingerprints() {
        assert_silent(&tree.run(&["explain", finding]), &secrets, finding);
    }
}

#[test]
fn secrets_are_told_in_every_format_where_asked() {
    let (tree, secrets) = planted();
    for format in FORMATS {
        let run = tree.run(&["scan", "--show-secrets", "-f", format, "plain.yml"]);
        assert!(run.stdout.contains(&secrets[1]), "{format}: {}", run.stdout);
    }
}

#[test]
fn what_is_shown_of_a_secret() {
    let tree = Tree::new();
    let token = github_token("shown");
    tree.write("a.txt", format!("GH_TOKEN={token}\n"));
    let report = tree.scan(&["a.txt"]);
    assert_eq!(report.only()["secret"], format!("ghp_…{} (40 characters)", &token[36..]));
    assert_eq!(report.only()["snippet"]["text"], format!("GH_TOKEN=ghp_…{} (40 characters)", &token[36..]));
}

/// Two secrets on one line, found by different rules: neither finding's line shows the other one.
#[test]
fn a_line_with_two_secrets_shows_neither() {
    let tree = Tree::new();
    let (token, word) = (github_token("two"), password("two"));
    tree.write("a.env", format!("DB_PASSWORD=\"{word}\" GH_TOKEN={token} # {word}\n"));
    let run = tree.run(&["scan", "-f", "json", "a.env"]);
    assert_silent(&run, &[token, word], "json");
}

/// A line longer than what is shown is cut. A secret that is only known from elsewhere must not be shown in part there.
#[test]
fn a_secret_at_the_edge_of_what_is_shown_is_hidden() {
    let tree = Tree::new();
    let word = password("edge");
    tree.write("known.env", format!("DB_PASSWORD={word}\n"));
    for gap in 55..100 {
        let filler = "-".repeat(gap);
        let token = github_token(&format!("edge {gap}"));
        tree.write(
            format!("edge/{gap}.txt"),
            format!("{} {word} {filler} {token} {filler} {word} {}\n", "=".repeat(99), "=".repeat(99)),
        );
    }
    let run = tree.run(&["scan", "-f", "json"]);
    assert!(run.stdout.contains("redacted"), "some lines show where the word stood");
    for from in 0..word.len() - 7 {
        assert!(!run.stdout.contains(&word[from..from + 8]), "a part of a secret is shown: {}", &word[from..from + 8]);
    }
}
