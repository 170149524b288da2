//! Whom to tell, and issues in private repositories.

use crate::fake_forge::{Asked, Fake, Reply};
use crate::organization::{Organization, SMALL, add};
use crate::support::{Run, github_token};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const FIRST: &str = "/orgs/acme/repos?type=all&sort=full_name&per_page=100";

/// An organization of GitHub: three repositories, the second public, and trackers that keep what is posted.
struct GitHub {
    organization: Organization,
    fake: Fake,
    issues: Arc<Mutex<Vec<(String, Value)>>>,
    /// On the issue of each.
    comments: Arc<Mutex<Vec<(String, Value)>>>,
    /// What the forge says of visibility when it is asked about one.
    now: Arc<Mutex<[&'static str; 3]>>,
}

impl GitHub {
    fn new() -> Self {
        let organization = Organization::new(SMALL);
        let owners = "* @acme/all\n/conf/ @acme/shop ops@example.org\n";
        add(&organization.tree.join("served/r0"), ".github/CODEOWNERS", owners, "refs/heads/main");
        let served = format!("http://127.0.0.1:{}", organization.server.port);
        let now = Arc::new(Mutex::new(["private", "public", "private"]));
        let issues: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let comments: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (said, kept, commented) = (Arc::clone(&now), Arc::clone(&issues), Arc::clone(&comments));
        let fake = Fake::start(move |base, asked, _| {
            let item = |n: usize, visibility: &str| {
                json!({"id": n + 1, "full_name": format!("acme/r{n}"), "clone_url": format!("{served}/r{n}"), "visibility": visibility,
                    "private": visibility != "public", "has_issues": true, "html_url": format!("https://github.example/acme/r{n}")})
            };
            if asked.target == FIRST {
                return Reply::ok(json!([item(0, "private"), item(1, "public"), item(2, "private")]));
            }
            let Some(rest) = asked.target.strip_prefix("/repos/acme/r") else { return Reply::status(404) };
            let (n, tail) = rest.split_at(1);
            let number: usize = n.parse().expect("a number");
            let (mut kept, mut commented) = (kept.lock().unwrap(), commented.lock().unwrap());
            let issue = |issue: &Value| json!({"number": 1, "body": issue["body"], "html_url": format!("{base}/r{n}/1")});
            match (asked.method.as_str(), tail) {
                ("GET", "/issues/1") => {
                    let known = kept.iter().find(|(name, _)| name == n);
                    known.map_or_else(|| Reply::status(410), |(_, known)| Reply::ok(issue(known)))
                }
                ("GET", "/issues/1/comments?per_page=100") => {
                    let words = json!({"body": "Who looks at this?"});
                    let next = format!("<{base}/repos/acme/r{n}/issues/1/comments?per_page=100&page=2>; rel=\"next\"");
                    Reply::ok(json!([words])).with("link", &next)
                }
                ("GET", "/issues/1/comments?per_page=100&page=2") => {
                    Reply::ok(commented.iter().filter(|(name, _)| name == n).map(|(_, comment)| comment.clone()).collect())
                }
                ("POST", "/issues/1/comments") => {
                    commented.push((n.to_owned(), asked.body.clone()));
                    Reply::ok(json!({"html_url": "x"}))
                }
                ("GET", "") => Reply::ok(item(number, said.lock().unwrap()[number])),
                ("GET", "/issues?state=all&per_page=100") => {
                    let all = kept.iter().filter(|(name, _)| name == n);
                    Reply::ok(all.map(|(_, known)| issue(known)).collect())
                }
                ("POST", "/issues") => {
                    kept.push((n.to_owned(), asked.body.clone()));
                    Reply::ok(json!({"html_url": format!("{base}/r{n}/1")}))
                }
                _ => Reply::status(404),
            }
        });
        let this = Self { organization, fake, issues, comments, now };
        this.audit();
        this
    }

    fn audit(&self) {
        let url = self.fake.url();
        let run = self.organization.audit(&["run", "--store", "a.db", "--github", "acme", "--github-url", &url]);
        assert_eq!(run.code, 1, "{}", run.printed());
        self.fake.taken();
    }

    fn notify(&self, more: &[&str]) -> (Run, Vec<Asked>) {
        let url = self.fake.url();
        let arguments = [&["notify", "--store", "a.db", "--issues", "--github-url", &url], more].concat();
        let mut command = self.organization.command(&arguments);
        command.env("GH_TOKEN", "x1").env_remove("GITHUB_APP_ID").env_remove("GITHUB_APP_PRIVATE_KEY");
        (Run::of(&mut command, b"", &self.organization.tree), self.fake.taken())
    }
}

#[test]
fn private_repositories_are_told_once_and_public_ones_never() {
    let github = GitHub::new();
    let (shown, asked) = github.notify(&[]);
    assert_eq!((shown.code, asked.len()), (0, 0), "{}", shown.printed());
    assert!(
        shown.stdout.contains("acme/r0: would be told: keysift: ") && shown.stdout.contains("nothing was opened"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("acme/r1: not told: it is public: everyone would read it"), "{}", shown.stdout);

    let (sent, asked) = github.notify(&["--send"]);
    assert_eq!(sent.code, 0, "{}", sent.printed());
    assert!(sent.stdout.contains("2 issues opened"), "{}", sent.stdout);
    assert!(asked.iter().all(|a| !a.target.contains("/r1")), "a public repository is not even asked about");
    let issues = github.issues.lock().unwrap().clone();
    assert_eq!(issues.len(), 2);
    for (name, issue) in &issues {
        let body = issue["body"].as_str().expect("a text");
        assert!(issue["title"].as_str().is_some_and(|t| t.contains("to revoke")) && body.contains("What to do"), "{issue}");
        assert!(github.organization.planted.iter().all(|(_, secret)| !body.contains(secret)), "{body}");
        assert_eq!(
            body.contains("Code owners of these files: `@acme/all`, `@acme/shop`, `ops@example.org`"),
            name == "0",
            "{body}"
        );
        assert!(body.contains("Ada"), "{body}");
    }

    // Once told, nobody is told again; not even where the store has forgotten.
    let (again, asked) = github.notify(&["--send"]);
    assert!(again.stdout.contains("acme/r0: not told: it was told: http") && asked.is_empty(), "{}", again.printed());
    let store = rusqlite::Connection::open(github.organization.tree.join("a.db")).expect("a store");
    store.execute("DELETE FROM issues", []).expect("it forgets");
    let (known, _) = github.notify(&["--send", "--repository", "r0"]);
    assert!(known.stdout.contains("acme/r0: it was told: http"), "{}", known.printed());
    assert_eq!(github.issues.lock().unwrap().len(), 2);

    // One that is public by now is not told, whatever was known of it.
    github.now.lock().unwrap()[2] = "public";
    github.issues.lock().unwrap().clear();
    let (refused, _) = github.notify(&["--send"]);
    assert_eq!(refused.code, 3, "{}", refused.printed());
    assert!(refused.stdout.contains("acme/r2: not told: it is public"), "{}", refused.stdout);
    assert!(github.issues.lock().unwrap().is_empty());
}

#[test]
fn what_is_found_later_is_told_once_on_the_same_issue() {
    let github = GitHub::new();
    github.notify(&["--send"]);
    let secret = github_token("later");
    let repository = github.organization.tree.join("served/r0");
    add(&repository, "later.py", &format!("token = \"{secret}\"\n"), "refs/heads/main");
    github.audit();
    let (shown, asked) = github.notify(&[]);
    assert!(shown.stdout.contains("acme/r0: would be told: a comment on http"), "{}", shown.stdout);
    assert!(asked.is_empty() && !shown.stdout.contains("acme/r2: would"), "{}", shown.stdout);
    let (sent, asked) = github.notify(&["--send"]);
    assert!(sent.code == 0 && sent.stdout.contains("0 issues opened, 1 commented on"), "{}", sent.printed());
    assert!(asked.iter().all(|a| !a.target.contains("/r1")), "a public repository is not even asked about");
    let comments = github.comments.lock().unwrap().clone();
    assert_eq!(comments.len(), 1);
    let body = comments[0].1["body"].as_str().expect("a text");
    assert!(body.contains("keysift found 1 more secret") && body.contains("later.py") && !body.contains("conf/s"), "{body}");
    assert!(!body.contains(&secret) && github.organization.planted.iter().all(|(_, secret)| !body.contains(secret)), "{body}");

    // Once; not even where the process ended before the store knew.
    let (again, asked) = github.notify(&["--send"]);
    assert!(again.stdout.contains("acme/r0: not told: it was told: http") && asked.is_empty(), "{}", again.printed());
    let store = rusqlite::Connection::open(github.organization.tree.join("a.db")).expect("a store");
    let forget = "UPDATE issues SET findings = '[]' WHERE repository = (SELECT id FROM repositories WHERE full_name = 'acme/r0')";
    assert_eq!(store.execute(forget, []).expect("it forgets"), 1);
    let (known, _) = github.notify(&["--send"]);
    assert!(known.stdout.contains("acme/r0: it was told: http"), "{}", known.printed());
    assert_eq!(github.comments.lock().unwrap().len(), 1);
    let (again, asked) = github.notify(&["--send"]);
    assert!(again.stdout.contains("acme/r0: not told: it was told: http") && asked.is_empty(), "{}", again.printed());

    // Never where everyone reads by now.
    add(&repository, "public.py", &format!("token = \"{}\"\n", github_token("public")), "refs/heads/main");
    github.audit();
    github.now.lock().unwrap()[0] = "public";
    let (refused, asked) = github.notify(&["--send"]);
    assert!(refused.code == 3 && refused.stdout.contains("acme/r0: not told: it is public"), "{}", refused.printed());
    assert!(asked.iter().all(|a| a.method == "GET") && github.comments.lock().unwrap().len() == 1);
    // In a new one where the known one was deleted, of what is new alone.
    github.now.lock().unwrap()[0] = "private";
    github.issues.lock().unwrap().clear();
    let (opened, _) = github.notify(&["--send"]);
    assert!(opened.stdout.contains("1 issues opened, 0 commented on"), "{}", opened.printed());
    let issues = github.issues.lock().unwrap().clone();
    let body = issues[0].1["body"].as_str().expect("a text");
    assert!(issues.len() == 1 && body.contains("public.py") && !body.contains("later.py"), "{body}");
}

/// Gitea lists comments of an issue at once, and is asked for the same otherwise.
#[test]
fn issues_of_gitea_are_commented_on() {
    let organization = Organization::new(SMALL);
    let served = format!("http://127.0.0.1:{}", organization.server.port);
    let posted: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let kept = Arc::clone(&posted);
    let fake = Fake::start(move |base, asked, _| {
        let repository = json!({"id": 7, "full_name": "acme/r0", "clone_url": format!("{served}/r0"), "private": true,
            "has_issues": true, "html_url": format!("{base}/acme/r0")});
        let mut kept = kept.lock().unwrap();
        let issue = |body: &Value| json!({"number": 4, "body": body["body"], "html_url": format!("{base}/acme/r0/issues/4")});
        let of = |place: &str| kept.iter().filter(|(to, _)| to == place).map(|(_, body)| body.clone()).collect::<Vec<Value>>();
        match (asked.method.as_str(), asked.target.as_str()) {
            ("GET", target) if target.starts_with("/api/v1/orgs/acme/repos?") => Reply::ok(json!([repository])),
            ("GET", "/api/v1/repos/acme/r0") => Reply::ok(repository),
            ("GET", "/api/v1/repos/acme/r0/issues?type=issues&state=all&limit=50") => {
                Reply::ok(of("/api/v1/repos/acme/r0/issues").iter().map(issue).collect())
            }
            ("GET", "/api/v1/repos/acme/r0/issues/4") => Reply::ok(issue(&of("/api/v1/repos/acme/r0/issues")[0])),
            ("GET", "/api/v1/repos/acme/r0/issues/4/comments?per_page=100") => {
                Reply::ok(json!(of("/api/v1/repos/acme/r0/issues/4/comments")))
            }
            ("POST", target) => {
                kept.push((target.to_owned(), asked.body.clone()));
                Reply::ok(issue(&asked.body))
            }
            _ => Reply::status(404),
        }
    });
    let url = fake.url();
    let told = || {
        organization.audit(&["run", "--store", "a.db", "--gitea", "acme", "--gitea-url", &url]);
        organization.audit(&["notify", "--store", "a.db", "--issues", "--send", "--gitea-url", &url])
    };
    let first = told();
    assert!(first.stdout.contains("1 issues opened, 0 commented on"), "{}", first.printed());
    let later = format!("token = \"{}\"\n", github_token("later"));
    add(&organization.tree.join("served/r0"), "later.py", &later, "refs/heads/main");
    let second = told();
    assert!(second.stdout.contains("0 issues opened, 1 commented on"), "{}", second.printed());
    assert!(told().stdout.contains("0 issues opened, 0 commented on"));
    let posted = posted.lock().unwrap().clone();
    let places: Vec<&str> = posted.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/api/v1/repos/acme/r0/issues", "/api/v1/repos/acme/r0/issues/4/comments"]);
    let body = posted[1].1["body"].as_str().expect("a text");
    assert!(body.contains("1 more secret") && body.contains("later.py"), "{body}");
}

/// On GitLab an issue is confidential, a comment on it internal, and it is found again by its text.
#[test]
fn issues_of_gitlab_are_confidential() {
    let organization = Organization::new(SMALL);
    let served = format!("http://127.0.0.1:{}", organization.server.port);
    let posted: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&posted);
    let fake = Fake::start(move |base, asked, _| {
        let project = json!({"id": 7, "path_with_namespace": "acme/r0", "http_url_to_repo": format!("{served}/r0"),
            "visibility": "internal", "issues_access_level": "enabled"});
        let mut kept = kept.lock().unwrap();
        let told =
            |issue: &Value| json!({"iid": 1, "description": issue["description"], "web_url": format!("{base}/7/-/issues/1")});
        match (asked.method.as_str(), asked.target.as_str()) {
            ("GET", target) if target.starts_with("/api/v4/groups/acme/projects?") => Reply::ok(json!([project])),
            ("GET", "/api/v4/projects/7") => Reply::ok(project),
            ("GET", "/api/v4/projects/7/issues?scope=all&per_page=100") => Reply::ok(kept.iter().map(told).collect()),
            ("GET", "/api/v4/projects/7/issues/1") => Reply::ok(told(&kept[0])),
            ("GET", "/api/v4/projects/7/issues/1/notes?per_page=100") => Reply::ok(json!(kept[1..])),
            ("POST", "/api/v4/projects/7/issues/1/notes") => {
                kept.push(asked.body.clone());
                Reply::ok(json!({"id": 5}))
            }
            ("POST", "/api/v4/projects/7/issues") => {
                kept.push(asked.body.clone());
                Reply::ok(json!({"web_url": format!("{base}/7/-/issues/1")}))
            }
            _ => Reply::status(404),
        }
    });
    let url = fake.url();
    let audit = || organization.audit(&["run", "--store", "a.db", "--gitlab", "acme", "--gitlab-url", &url]);
    audit();
    let notify = || organization.audit(&["notify", "--store", "a.db", "--issues", "--send", "--gitlab-url", &url]);
    let sent = notify();
    assert!(sent.code == 0 && sent.stdout.contains("1 issues opened"), "{}", sent.printed());
    let issues = posted.lock().unwrap().clone();
    assert_eq!((issues.len(), &issues[0]["confidential"]), (1, &true.into()));
    assert!(issues[0]["description"].as_str().is_some_and(|text| text.contains("<!-- keysift audit ")));
    let store = rusqlite::Connection::open(organization.tree.join("a.db")).expect("a store");
    store.execute("DELETE FROM issues", []).expect("it forgets");
    assert!(notify().stdout.contains("it was told: http"));
    assert_eq!(posted.lock().unwrap().len(), 1);
    let later = format!("token = \"{}\"\n", github_token("later"));
    add(&organization.tree.join("served/r0"), "later.py", &later, "refs/heads/main");
    audit();
    for commented in [1, 0] {
        let sent = notify();
        assert!(sent.stdout.contains(&format!("0 issues opened, {commented} commented on")), "{}", sent.printed());
    }
    let posted = posted.lock().unwrap().clone();
    assert_eq!((posted.len(), &posted[1]["internal"]), (2, &true.into()));
    assert!(posted[1]["body"].as_str().is_some_and(|text| text.contains("1 more secret") && text.contains("later.py")));
}

#[test]
fn people_are_left_out_and_other_servers_get_nothing() {
    let github = GitHub::new();
    let (shown, _) = github.notify(&["--no-authors"]);
    assert!(
        !shown.stdout.contains("Ada") && !shown.stdout.contains("@acme") && !shown.stdout.contains("Code owners"),
        "{}",
        shown.stdout
    );
    let mut command = github.organization.command(&["notify", "--store", "a.db", "--issues", "--send"]);
    command.env("GH_TOKEN", "x1");
    let elsewhere = Run::of(&mut command, b"", &github.organization.tree);
    assert!(elsewhere.stdout.contains("is none of the forges that are named"), "{}", elsewhere.printed());
    assert!(github.fake.taken().is_empty());
    // What would mean nothing is refused.
    for arguments in [&["notify", "--send"][..], &["notify", "--only", "live"], &["export", "events", "--owner", "shop"]] {
        let run = github.organization.audit(&[arguments, &["--store", "a.db"]].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.printed());
    }
}

#[test]
fn owners_stand_in_reports_and_choose_what_is_told() {
    let github = GitHub::new();
    let report = |more: &[&str]| {
        let arguments = [&["report", "--store", "a.db", "-f", "json"], more].concat();
        let report: Value = serde_json::from_str(&github.organization.audit(&arguments).stdout).expect("a report");
        report["findings"].as_array().expect("findings").clone()
    };
    let all = report(&[]);
    let owners = |f: &Value| f["location"]["origin"]["owners"].as_array().map_or(0, Vec::len);
    let in_conf = |f: &Value| f["location"]["path"].as_str().is_some_and(|path| path.starts_with("conf/"));
    let of_r0 = |f: &&Value| f["location"]["origin"]["repository"] == "acme/r0";
    assert!(all.iter().filter(of_r0).count() > 0);
    for finding in &all {
        let expected = match (of_r0(&finding), in_conf(finding)) {
            (true, true) => 2,
            (true, false) => 1,
            (false, _) => 0,
        };
        assert_eq!(owners(finding), expected, "{finding}");
    }
    let shop = report(&["--owner", "acme/shop"]);
    assert_eq!(shop.len(), all.iter().filter(of_r0).filter(|f| in_conf(f)).count());
    assert!(report(&["--no-authors"]).iter().all(|f| owners(f) == 0 && f["location"]["author"].is_null()));
    let human = github.organization.audit(&["report", "--store", "a.db", "--owner", "shop"]).stdout;
    assert!(human.contains("owners") && human.contains("@acme/shop, ops@example.org"), "{human}");
    let export = |more: &[&str]| github.organization.audit(&[&["export", "people", "--store", "a.db"], more].concat()).stdout;
    let people = export(&[]);
    assert!(people.starts_with("who,as,repository,findings,secrets,live,worst\r\n"), "{people}");
    assert!(people.contains("\"'@acme/shop\",owner,acme/r0,") && people.contains("ada@example.org,author,acme/r2,"), "{people}");
    assert!(!export(&["--no-authors"]).contains("ada@example.org"));
}
