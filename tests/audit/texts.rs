//! Texts beside the code: what people write and CI prints is read once, told with its place, and read again where it changed.

use crate::fake_forge::{Asked, Fake, Reply};
use crate::git_server::{Manners, Server};
use crate::organization::git;
use crate::provider::{Fake as Provider, Reply as ProviderReply, authority};
use crate::support::{Run, Tree, github_token};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};

/// What stands at which address: lists as JSON, files as bytes, anything else as a status.
#[derive(Default)]
pub(crate) struct Site {
    pub(crate) lists: BTreeMap<String, Vec<Value>>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Single things.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Addresses that are answered with a status, whatever stands there.
    pub(crate) status: BTreeMap<String, u16>,
}

/// A forge that serves a site, and the server beside it that has its files.
pub(crate) struct Forge {
    pub(crate) site: Arc<Mutex<Site>>,
    pub(crate) fake: Fake,
    store: Fake,
    pub(crate) tree: Tree,
    git: Server,
}

/// A parameter of a request.
fn parameter<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let query = asked.target.split_once('?')?.1;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// A page of a list as forges tell them: two entries, ordered by change where that is asked, from a time on.
fn page(base: &str, asked: &Asked, list: &[Value]) -> (Vec<Value>, Option<String>) {
    let mut all = list.to_vec();
    let since = parameter(asked, "since").or_else(|| parameter(asked, "updated_after"));
    let changed = |item: &Value| item["updated_at"].as_str().unwrap_or_default().to_owned();
    if let Some(since) = since {
        all.retain(|item| changed(item).as_str() >= since);
    }
    if parameter(asked, "direction") == Some("asc") || parameter(asked, "sort") == Some("asc") {
        all.sort_by_key(changed);
    }
    let number: usize = parameter(asked, "page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let rest = all.split_off(((number - 1) * 2).min(all.len()));
    let more = rest.len() > 2;
    let query: Vec<&str> =
        asked.target.split_once('?').map_or("", |(_, q)| q).split('&').filter(|pair| !pair.starts_with("page=")).collect();
    let path = asked.target.split('?').next().expect("a path");
    let next = more.then(|| format!("<{base}{path}?{}&page={}>; rel=\"next\"", query.join("&"), number + 1));
    (rest.into_iter().take(2).collect(), next)
}

impl Forge {
    pub(crate) fn start(site: Site) -> Self {
        let tree = Tree::new();
        let git = Server::start(&tree.join("served"), Manners::default());
        let site = Arc::new(Mutex::new(site));
        let files = Arc::clone(&site);
        let store = Fake::start(move |_, asked, _| {
            assert_eq!(asked.header("authorization"), "", "the token stays with the forge");
            assert_eq!(asked.header("private-token"), "");
            let path = asked.target.split('?').next().expect("a path");
            files.lock().unwrap().files.get(path).map_or_else(|| Reply::status(404), |bytes| Reply::bytes(bytes.clone()))
        });
        let (told, elsewhere) = (Arc::clone(&site), store.url());
        let fake = Fake::start(move |base, asked, _| {
            let site = told.lock().unwrap();
            let path = asked.target.split('?').next().expect("a path");
            if let Some(status) = site.status.get(path) {
                return Reply::status(*status);
            }
            if site.files.contains_key(path) {
                return Reply::status(302).with("location", &format!("{elsewhere}{path}?signature=x"));
            }
            if let Some(object) = site.objects.get(path) {
                return Reply::ok(object.clone());
            }
            let Some(list) = site.lists.get(path) else { return Reply::status(404) };
            let (entries, next) = page(base, asked, list);
            let entries = json!(entries);
            let body = if path.ends_with("/actions/runs") { json!({"workflow_runs": entries}) } else { entries };
            let reply = Reply::ok(body);
            match next {
                Some(next) => reply.with("link", &next),
                None => reply,
            }
        });
        Self { site, fake, store, tree, git }
    }

    /// Makes a git repository with a file and serves it; tells its address.
    pub(crate) fn serve(&self, name: &str, file: &str, content: &str) -> String {
        let path = self.tree.join(format!("served/{name}"));
        fs::create_dir_all(&path).expect("a folder");
        git(&path, &["init", "-q", "--bare", "-b", "main", "."], "");
        let stream = format!(
            "commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 1\nx\nM 644 inline {file}\ndata {}\n{content}\n",
            content.len()
        );
        git(&path, &["fast-import", "--quiet"], &stream);
        format!("http://127.0.0.1:{}/{name}", self.git.port)
    }

    pub(crate) fn put(&self, path: &str, list: Value) {
        let Value::Array(list) = list else { panic!("no list") };
        self.site.lock().unwrap().lists.insert(path.to_owned(), list);
    }

    /// Runs an audit.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.audit(&[&["audit", "run", "--store", "a.db", "--fail-on", "none"], arguments].concat(), Some("x1"))
    }

    /// Runs something with a token for each forge, or none.
    pub(crate) fn audit(&self, arguments: &[&str], token: Option<&str>) -> Run {
        let mut command = self.tree.command(arguments);
        for name in ["GH_TOKEN", "KEYSIFT_GIT_TOKEN", "CI_JOB_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"] {
            command.env_remove(name);
        }
        if let Some(token) = token {
            command.envs(["GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"].map(|name| (name, token)));
        }
        Run::of(&mut command, b"", &self.tree)
    }

    /// What the store knows: by the way to it, the finding's location.
    pub(crate) fn found(&self) -> BTreeMap<String, Value> {
        let run = self.tree.run(&["audit", "report", "--store", "a.db", "--min-confidence", "low", "-f", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.printed()));
        let findings = report["findings"].as_array().expect("a report has findings");
        let way = |location: &Value| {
            let members = location["container"].as_array().into_iter().flatten().filter_map(Value::as_str);
            members.fold(location["path"].as_str().expect("a path").to_owned(), |way, member| format!("{way}!{member}"))
        };
        findings.iter().map(|f| (way(&f["location"]), f["location"].clone())).collect()
    }

    /// How many texts the last audit read, and what is not looked at.
    pub(crate) fn read(&self) -> (i64, String) {
        let store = rusqlite::Connection::open(self.tree.join("a.db")).expect("a store");
        store
            .query_row("SELECT sum(texts), group_concat(skipped) FROM extra_texts", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("a row")
    }
}

/// A zip of files as they are.
pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let offset = u32::try_from(out.len()).unwrap();
        let (size, len) = (u32::try_from(text.len()).unwrap(), u16::try_from(name.len()).unwrap());
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc32fast::hash(text.as_bytes()), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(len.to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, at) = (u16::try_from(files.len()).unwrap(), u32::try_from(out.len()).unwrap());
    let size = u32::try_from(directory.len()).unwrap();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

/// A line as people write them, with a secret.
pub(crate) fn said(seed: &str) -> String {
    format!("Try it with\n\n```\nexport GH_TOKEN={}\n```\n", github_token(seed))
}

pub(crate) fn paths(found: &BTreeMap<String, Value>) -> BTreeSet<&str> {
    found.keys().map(String::as_str).collect()
}

pub(crate) const SHOP: &str = "/repos/acme/shop";

pub(crate) fn github() -> Forge {
    let forge = Forge::start(Site::default());
    let code = forge.serve("shop.git", "README", "no secret\n");
    forge.serve("shop.wiki.git", "Home.md", &said("wiki"));
    let gist = forge.serve("g1.git", "notes.md", &said("gist"));
    let page = "https://github.example/acme/shop";
    forge.put(
        "/orgs/acme/repos",
        json!([{"id": 1, "full_name": "acme/shop", "clone_url": code, "html_url": page, "private": false, "owner": {"login": "acme"}}]),
    );
    forge.put("/orgs/acme/members", json!([{"login": "ada"}, {"login": "bo"}, {"login": "cy"}]));
    forge.put(
        "/users/bo/gists",
        json!([{"id": "g1", "html_url": "https://gist.example/g1", "git_pull_url": gist, "public": true}]),
    );
    let issue = |number: u64, minute: u64, body: &str| {
        json!({"id": 1000 + number, "number": number, "title": format!("Issue {number}"), "body": body, "user": {"login": "ada"},
            "html_url": format!("{page}/issues/{number}"), "created_at": "2026-01-01T00:00:00Z", "updated_at": format!("2026-02-01T10:{minute:02}:00Z")})
    };
    let mut pull = issue(4, 3, &said("pull"));
    pull["pull_request"] = json!({"url": "x"});
    pull["html_url"] = json!(format!("{page}/pull/4"));
    forge.put(
        &format!("{SHOP}/issues"),
        json!([pull, issue(1, 1, &said("issue")), issue(2, 1, "nothing"), issue(3, 1, "nothing"), issue(5, 30, "nothing")]),
    );
    let comment = |id: u64, at: &str, of: u64, minute: u64, body: &str| {
        json!({"id": id, "body": body, "user": {"login": "bo"}, "html_url": format!("{page}/{at}/{of}#issuecomment-{id}"),
            "issue_url": format!("https://api.github.example{SHOP}/issues/{of}"), "created_at": "2026-01-02T00:00:00Z", "updated_at": format!("2026-02-01T10:{minute:02}:00Z")})
    };
    forge.put(
        &format!("{SHOP}/issues/comments"),
        json!([
            comment(345, "issues", 1, 1, &said("comment")),
            comment(346, "pull", 4, 2, &said("on a pull")),
            comment(347, "issues", 5, 30, "no")
        ]),
    );
    forge.put(
        &format!("{SHOP}/pulls/comments"),
        json!([{"id": 9, "body": said("review comment"), "user": {"login": "cy"}, "html_url": format!("{page}/pull/4#discussion_r9"),
            "pull_request_url": format!("https://api.github.example{SHOP}/pulls/4"), "created_at": "2026-01-03T00:00:00Z", "updated_at": "2026-02-01T10:02:00Z"}]),
    );
    forge.put(
        &format!("{SHOP}/pulls/4/reviews"),
        json!([{"id": 8, "body": said("review"), "user": {"login": "cy"}, "html_url": format!("{page}/pull/4#pullrequestreview-8"), "submitted_at": "2026-01-03T00:00:00Z"}]),
    );
    forge.put(
        &format!("{SHOP}/comments"),
        json!([{"id": 90, "commit_id": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "body": said("on a commit"), "user": {"login": "cy"},
            "html_url": format!("{page}/commit/6dcb09b#commitcomment-90"), "created_at": "2026-01-03T00:00:00Z", "updated_at": "2026-01-03T00:00:00Z"}]),
    );
    forge.put(
        &format!("{SHOP}/releases"),
        json!([{"id": 50, "tag_name": "v1.0", "name": "First", "body": said("release"), "author": {"login": "ada"},
            "html_url": format!("{page}/releases/tag/v1.0"), "created_at": "2026-01-04T00:00:00Z", "assets": [
                {"id": 51, "name": "app.zip", "size": 400, "updated_at": "2026-01-04T00:00:00Z", "uploader": {"login": "ada"},
                 "browser_download_url": format!("{page}/releases/download/v1.0/app.zip")}]}]),
    );
    let minutes = |n: i64| keysift::finding::date::rfc3339(keysift::verify::seconds_now() - n * 60, 0);
    let run = |id: u64, ago: i64, status: &str| {
        json!({"id": id, "status": status, "run_attempt": 1, "html_url": format!("{page}/actions/runs/{id}"), "actor": {"login": "ada"},
            "created_at": minutes(ago), "updated_at": minutes(ago)})
    };
    forge.put(
        &format!("{SHOP}/actions/runs"),
        json!([run(79, 1, "in_progress"), run(78, 2, "completed"), run(77, 3, "completed")]),
    );
    let mut site = forge.site.lock().unwrap();
    site.files.insert(format!("{SHOP}/releases/assets/51"), zip(&[("conf/app.env", &said("asset"))]));
    site.files.insert(format!("{SHOP}/actions/runs/77/attempts/1/logs"), zip(&[("build/1_run.txt", &said("log"))]));
    // Those of 78 are gone.
    site.status.insert(format!("{SHOP}/actions/runs/78/attempts/1/logs"), 410);
    drop(site);
    forge
}

pub(crate) const ALSO: &str = "wikis,issues,pulls,releases,assets,logs,gists";

#[test]
fn texts_of_github_are_read_once_and_again_where_they_changed() {
    let forge = github();
    let url = forge.fake.url();
    let arguments = ["--github", "acme", "--github-url", &url, "--also", ALSO];
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    let found = forge.found();
    let expected = [
        "Home.md",
        "notes.md",
        "issues/1#body",
        "issues/1#comment-345",
        "pulls/4#body",
        "pulls/4#comment-346",
        "pulls/4#review-8",
        "pulls/4#review-comment-9",
        "commits/6dcb09b5b57875f334f61aebed695e2e4193db5e#comment-90",
        "releases/v1.0#body",
        "releases/v1.0/app.zip!conf/app.env",
        "actions/runs/77/attempts/1/logs.zip!build/1_run.txt",
    ];
    assert_eq!(paths(&found), BTreeSet::from(expected), "{}", run.printed());
    let comment = &found["issues/1#comment-345"];
    assert_eq!(comment["link"], "https://github.example/acme/shop/issues/1#issuecomment-345", "{comment}");
    assert_eq!((&comment["author"], &comment["date"]), (&json!("bo"), &json!("2026-01-02T00:00:00Z")));
    assert_eq!((&comment["origin"]["kind"], &comment["origin"]["repository"]), (&json!("comment"), &json!("acme/shop")));
    // The text is what people see: the title, an empty line, the body.
    assert_eq!(found["issues/1#body"]["start_line"], 6);

    // Nothing is new: only lists are asked for.
    forge.fake.taken();
    forge.store.taken();
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(forge.read(), (0, "[]".to_owned()));
    assert_eq!(forge.store.taken().len(), 0, "no file comes again");
    let targets: Vec<String> = forge.fake.taken().into_iter().map(|a| a.target).collect();
    let lists = targets.iter().filter(|t| t.starts_with(SHOP)).collect::<Vec<_>>();
    assert!(lists.iter().filter(|t| t.contains("/issues?")).all(|t| t.ends_with("since=2026-02-01T10:28:00Z")), "{lists:?}");
    assert!(!lists.iter().any(|t| t.contains("/reviews")), "{lists:?}");
    assert_eq!(paths(&forge.found()), BTreeSet::from(expected));

    // A comment changes, and with it its issue.
    let secret = said("changed");
    let mut site = forge.site.lock().unwrap();
    let comment = &mut site.lists.get_mut(&format!("{SHOP}/issues/comments")).unwrap()[0];
    comment["body"] = json!(secret);
    comment["updated_at"] = json!("2026-02-02T10:00:00Z");
    site.lists.get_mut(&format!("{SHOP}/issues")).unwrap()[1]["updated_at"] = json!("2026-02-02T10:00:00Z");
    // A run ends, another one is started again.
    let runs = site.lists.get_mut(&format!("{SHOP}/actions/runs")).unwrap();
    runs[0]["status"] = json!("completed");
    runs[2]["run_attempt"] = json!(2);
    site.files.insert(format!("{SHOP}/actions/runs/79/attempts/1/logs"), zip(&[("a.txt", &said("late"))]));
    site.files.insert(format!("{SHOP}/actions/runs/77/attempts/2/logs"), zip(&[("b.txt", "nothing")]));
    drop(site);
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(forge.read().0, 4, "an issue, its comment, and two logs");
    let new = forge.found();
    let new: BTreeSet<&str> = paths(&new).into_iter().filter(|path| !expected.contains(path)).collect();
    assert_eq!(new, BTreeSet::from(["actions/runs/79/attempts/1/logs.zip!a.txt"]));
    assert_eq!(forge.found().len(), expected.len() + 1, "a comment is a place: its secrets stand there together");
}

#[test]
fn what_cannot_be_read_is_told_until_it_can_be() {
    let forge = github();
    let mut site = forge.site.lock().unwrap();
    site.status.insert(format!("{SHOP}/actions/runs"), 403);
    site.status.insert(format!("{SHOP}/issues"), 410);
    site.status.insert(format!("{SHOP}/issues/comments"), 410);
    let kept = site.files.remove(&format!("{SHOP}/releases/assets/51")).expect("it is there");
    drop(site);
    let url = forge.fake.url();
    let arguments = ["--github", "acme", "--github-url", &url, "--also", "issues,logs,assets"];
    let run = forge.run(&arguments);
    assert_eq!(run.code, 3, "{}", run.printed());
    assert!(run.stdout.contains("logs: 127.0.0.1") && run.stdout.contains("refuses (403)"), "{}", run.stdout);
    let (_, skipped) = forge.read();
    assert!(skipped.contains("unreadable") && skipped.contains("releases/v1.0/app.zip") && skipped.contains("logs"), "{skipped}");
    assert!(!skipped.contains("issues"), "they are switched off: {skipped}");
    let report = forge.tree.run(&["audit", "report", "--store", "a.db", "-f", "json"]);
    assert!(report.stdout.contains("acme/shop: releases/v1.0/app.zip"), "{}", report.stdout);

    let mut site = forge.site.lock().unwrap();
    site.status.clear();
    site.status.insert(format!("{SHOP}/actions/runs/78/attempts/1/logs"), 410);
    site.files.insert(format!("{SHOP}/releases/assets/51"), kept);
    drop(site);
    let run = forge.run(&arguments);
    assert_eq!((run.code, forge.read().1.as_str()), (0, "[]"), "{}", run.printed());
    assert!(forge.found().contains_key("releases/v1.0/app.zip!conf/app.env"));
    assert!(forge.found().contains_key("issues/1#body"));
    assert!(!forge.found().contains_key("pulls/4#body"), "nobody asked for them");
    // Other kinds are other lists: nothing of them counts as read.
    let run = forge.run(&["--github", "acme", "--github-url", &url, "--also", "issues,pulls", "--also-since", "2026-02-01"]);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert!(forge.found().contains_key("pulls/4#body"));
}

#[test]
fn a_large_archive_is_read_from_disk_and_a_larger_one_is_told() {
    let forge = github();
    // More than is held in memory.
    let filler = "no secret stands in this line, nor in the next one\n".repeat(200_000);
    let large = zip(&[("filler.txt", &filler), ("conf/last.env", &said("last"))]);
    let length = large.len();
    let mut site = forge.site.lock().unwrap();
    site.files.insert(format!("{SHOP}/releases/assets/51"), large);
    site.lists.get_mut(&format!("{SHOP}/releases")).unwrap()[0]["assets"][0]["size"] = json!(length);
    drop(site);
    let url = forge.fake.url();
    let arguments = ["--github", "acme", "--github-url", &url, "--also", "assets"];
    let run = forge.run(&[&arguments[..], &["--max-file-size", "1MB"]].concat());
    assert_eq!(run.code, 3, "{}", run.printed());
    assert!(forge.read().1.contains("too_large"));
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert!(forge.found().contains_key("releases/v1.0/app.zip!conf/last.env"), "{}", run.printed());
}

/// The store has no secrets to ask with: their texts are read again.
#[test]
fn what_was_found_in_texts_is_asked_about_again() {
    let forge = github();
    let provider = Provider::start(|_| ProviderReply::new(200, r#"{"login": "octo", "id": 7}"#).with("X-OAuth-Scopes", "repo"));
    forge.tree.write("ca.pem", authority());
    let (url, place) = (forge.fake.url(), format!("api.github.com={}", provider.address));
    let list = ["--github", "acme", "--github-url", &url, "--also", "issues"];
    let verify = ["--verify", "--ca", "ca.pem", "--connect-to", &place, "--rule", "github-*"];
    let arguments = [&list[..], &verify].concat();
    let mut read = Vec::new();
    for times in 1..=2 {
        let run = forge.run(&arguments);
        assert_eq!(run.code, 0, "{}", run.printed());
        assert_eq!(provider.seen().len(), 2 * times, "an issue and a comment: {}", run.printed());
        read.push(forge.read().0);
    }
    assert_eq!(read[0], read[1]);
    let live = forge.tree.run(&["audit", "report", "--store", "a.db", "--only", "live", "-f", "json"]);
    let live: Value = serde_json::from_str(&live.stdout).expect("a report");
    assert_eq!(live["findings"].as_array().expect("findings").len(), 2);
    // Nobody is asked: what is known is not read again.
    let run = forge.run(&[&list[..], &["--rule", "github-*"]].concat());
    assert_eq!((run.code, forge.read().0), (0, 0), "{}", run.printed());
}

/// What is asked stands in GitHub's published description, with these parameters.
#[test]
fn what_texts_ask_stands_in_the_description() {
    let Some(whole) = crate::github_description::description() else { return };
    let forge = github();
    let url = forge.fake.url();
    forge.run(&["--github", "acme", "--github-url", &url, "--also", ALSO, "--also-since", "2026-01-01"]);
    let mut operations = BTreeSet::new();
    for asked in forge.fake.taken() {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let (name, operation) = crate::github::operation(&whole, path, "get");
        assert!(operation.is_object(), "{path} is not there");
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let all = operation["parameters"].as_array().expect("parameters");
            let mut all = all.iter().map(|p| crate::github_description::followed(&whole, p));
            let known = all.find(|p| p["name"] == key).unwrap_or_else(|| panic!("{name} knows no {key}"));
            if let Some(words) = known["schema"]["enum"].as_array() {
                assert!(words.contains(&value.into()), "{name}: {key}={value}");
            }
        }
        operations.insert(name);
    }
    assert!(operations.len() >= 10, "{operations:?}");
}
