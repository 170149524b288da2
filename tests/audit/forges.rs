//! Repositories that forges list: a fake one on this machine speaks the API of each, with pages, limits and errors.

use crate::fake_forge::{Fake, Reply};
use crate::support::{Run, Tree};
use serde_json::{Value, json};

/// Plans an audit and tells what the store then knows: full name, id, clone URL, visibility and who looks after it.
pub(crate) fn planned(arguments: &[&str], env: &[(&str, &str)]) -> (i32, String, Vec<[String; 5]>) {
    let tree = Tree::new();
    let mut all = vec!["audit", "plan", "--store", "a.db"];
    all.extend(arguments);
    let mut command = tree.command(&all);
    for name in ["GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"] {
        command.env_remove(name);
    }
    let run = Run::of(command.envs(env.iter().copied()), b"", &tree);
    let store = rusqlite::Connection::open(tree.join("a.db")).expect("a store");
    let mut rows = store
        .prepare("SELECT full_name, forge_id, clone_url, visibility, coalesce(team, '') FROM repositories ORDER BY full_name")
        .expect("the table");
    let found = rows
        .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    (run.code, run.printed(), found)
}

pub(crate) fn names(found: &[[String; 5]]) -> Vec<&str> {
    found.iter().map(|row| row[0].as_str()).collect()
}

pub(crate) fn github(n: u64, name: &str) -> Value {
    json!({"id": n, "full_name": format!("acme/{name}"), "clone_url": format!("https://github.example/acme/{name}.git"),
        "html_url": format!("https://github.example/acme/{name}"), "private": n.is_multiple_of(2), "visibility": if n.is_multiple_of(2) { "private" } else { "public" },
        "archived": n == 3, "fork": n == 4, "language": "Rust", "size": n * 100, "pushed_at": "2026-05-01T10:00:00Z",
        "default_branch": "main", "owner": {"login": "acme"}})
}

#[test]
fn github_is_read_page_by_page_with_the_token_for_its_host_alone() {
    let fake = Fake::start(|base, asked, before| {
        let reply = match asked.target.as_str() {
            "/orgs/acme/repos?type=all&sort=full_name&per_page=100" => Reply::ok(json!([github(1, "a"), github(2, "b")]))
                .with("link", &format!("<{base}/organizations/7/repos?page=2>; rel=\"next\", <{base}/x?page=9>; rel=\"last\"")),
            // It stumbles, then asks to wait, then answers.
            "/organizations/7/repos?page=2" if before == 0 => Reply::status(502),
            "/organizations/7/repos?page=2" if before == 1 => Reply::status(403).with("retry-after", "1"),
            "/organizations/7/repos?page=2" => Reply::ok(json!([github(3, "c"), github(4, "d")])),
            _ => Reply::status(404),
        };
        reply.with("x-ratelimit-limit", "5000").with("x-ratelimit-remaining", "4321").with("x-ratelimit-reset", "1900000000")
    });
    let url = fake.url();
    let token = ["tok", "en-of-", "ada"].concat();
    let (code, printed, found) = planned(&["--github", "acme", "--github-url", &url], &[("GITHUB_TOKEN", &token)]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(names(&found), ["acme/a", "acme/b", "acme/c", "acme/d"], "{printed}");
    assert_eq!(found[1][1..], ["2", "https://github.example/acme/b.git", "private", "acme"].map(str::to_owned));
    assert_eq!(fake.targets().len(), 4);
    assert_eq!(fake.header("authorization"), Some(format!("Bearer {token}")));
    assert_eq!(fake.header("x-github-api-version").as_deref(), Some("2022-11-28"));
    assert!(!printed.contains(&token));
    // What is filtered is not planned.
    let filtered = planned(
        &["--github", "acme", "--github-url", &url, "--no-archived", "--no-forks", "--exclude-repository", "*/b", "--wikis"],
        &[("GITHUB_TOKEN", &token)],
    );
    assert_eq!(names(&filtered.2), ["acme/a", "acme/a.wiki"], "{}", filtered.1);
}

/// One entry that nobody can make sense of is told, and the others of its page are looked at.
#[test]
fn an_odd_entry_is_told_and_the_others_count() {
    let fake = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/orgs/acme/repos?type=all&sort=full_name&per_page=100" => Reply::ok(json!([
            github(1, "a"),
            {"id": 2, "full_name": "acme/blocked", "clone_url": null},
            {"id": null, "full_name": "acme/nameless", "clone_url": "https://github.example/acme/x.git"},
            {"id": 4, "full_name": "acme/elsewhere", "clone_url": "file:///etc"},
            "what is this?",
            github(5, "e")
        ])),
        _ => Reply::status(404),
    });
    let tree = Tree::new();
    let plan = tree.run(&["audit", "plan", "--store", "a.db", "--github", "acme", "--github-url", &fake.url()]);
    assert_eq!(plan.code, 0, "{}", plan.printed());
    assert_eq!(plan.stdout, "2 repositories to look at\n");
    let status = tree.run(&["audit", "status", "--store", "a.db"]).stdout;
    for (name, why) in [
        ("acme/blocked", "has no `clone_url`"),
        ("acme/nameless", "has no `id`"),
        ("acme/elsewhere", "its address for clones is none"),
        ("entry ", "has no `clone_url`"),
    ] {
        let told = status.lines().find(|l| l.contains(&format!("not visible: {name}")));
        assert!(told.is_some_and(|l| l.contains(why)), "{name}: {status}");
    }
    // So the audit is not complete.
    let json: Value = serde_json::from_str(&tree.run(&["audit", "status", "--store", "a.db", "--json"]).stdout).expect("JSON");
    assert_eq!((&json["complete"], &json["not_visible"]), (&false.into(), &4.into()));
}

#[test]
fn a_user_is_no_organization_and_what_is_not_there_is_told() {
    let fake = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/users/ada/repos?type=owner&sort=full_name&per_page=100" => Reply::ok(json!([github(1, "dots")])),
        _ => Reply::status(404),
    });
    let url = fake.url();
    let (code, printed, found) = planned(&["--github", "ada", "--github-url", &url], &[]);
    assert_eq!((code, names(&found)), (0, vec!["acme/dots"]), "{printed}");
    let (code, printed, found) = planned(&["--github", "nobody", "--github-url", &url], &[]);
    assert_ne!(code, 0, "{printed}");
    assert!(found.is_empty() && printed.contains("it is not there, or someone without a token may not see it"), "{printed}");
}

#[test]
fn a_refused_token_is_told_by_its_variable() {
    let fake = Fake::start(|_, _, _| Reply::status(401));
    let token = ["bad", "tok", "en"].concat();
    let (code, printed, _) = planned(&["--gitlab", "acme", "--gitlab-url", &fake.url()], &[("GITLAB_TOKEN", &token)]);
    assert_ne!(code, 0);
    assert!(printed.contains("does not accept the token in GITLAB_TOKEN") && !printed.contains(&token), "{printed}");
    assert_eq!(fake.targets().len(), 1, "a refusal is asked once");
}

/// The longest time that a header can name is neither waited for nor a reason to fall over.
#[test]
fn a_limit_without_an_end_is_told() {
    let fake = Fake::start(|_, _, before| {
        Reply::status(429).with("retry-after", if before == 0 { "0" } else { "18446744073709551615" })
    });
    let (code, printed, _) = planned(&["--github", "acme", "--github-url", &fake.url()], &[]);
    assert_ne!(code, 0);
    assert!(printed.contains("asks to wait"), "{printed}");
    assert_eq!(fake.targets().len(), 2);
}

#[test]
fn a_next_page_at_another_server_is_not_asked() {
    let fake =
        Fake::start(|_, _, _| Reply::ok(json!([github(1, "a")])).with("link", "<https://elsewhere.example/x>; rel=\"next\""));
    let (code, printed, found) = planned(&["--github", "acme", "--github-url", &fake.url()], &[]);
    assert_ne!(code, 0);
    assert_eq!(names(&found), ["acme/a"], "what was listed before stays");
    assert!(printed.contains("elsewhere.example, which is not asked"), "{printed}");
}

#[test]
fn a_redirect_is_followed_to_the_same_server_alone() {
    let fake = Fake::start(|base, asked, _| match asked.target.as_str() {
        "/orgs/old/repos?type=all&sort=full_name&per_page=100" => {
            Reply::status(301).with("location", &format!("{base}/organizations/7/repos"))
        }
        "/organizations/7/repos" => Reply::ok(json!([github(1, "a")])),
        _ => Reply::status(302).with("location", "https://elsewhere.example/"),
    });
    let url = fake.url();
    let (code, printed, found) = planned(&["--github", "old", "--github-url", &url], &[]);
    assert_eq!((code, names(&found)), (0, vec!["acme/a"]), "{printed}");
    let (code, printed, _) = planned(&["--github", "other", "--github-url", &url], &[]);
    assert_ne!(code, 0, "{printed}");
}

#[test]
fn gitlab_lists_groups_with_their_subgroups() {
    let fake = Fake::start(|base, asked, _| {
        let project = |n: u64, path: &str| {
            json!({"id": n, "path_with_namespace": path, "http_url_to_repo": format!("https://gitlab.example/{path}.git"),
                "web_url": format!("https://gitlab.example/{path}"), "visibility": "internal", "archived": false,
                "forked_from_project": {"id": 9}, "last_activity_at": "2026-05-01T10:00:00Z", "default_branch": "main",
                "namespace": {"full_path": "acme/shop"}})
        };
        let first =
            "/api/v4/groups/acme%2Fshop/projects?include_subgroups=true&with_shared=false&order_by=id&sort=asc&per_page=100";
        match asked.target.as_str() {
            target if target == first => Reply::ok(json!([project(1, "acme/shop/a")]))
                .with("link", &format!("<{base}/api/v4/groups/1/projects?page=2>; rel=\"next\"")),
            "/api/v4/groups/1/projects?page=2" => Reply::ok(json!([project(2, "acme/shop/sub/b")])),
            _ => Reply::status(404),
        }
    });
    let (code, printed, found) = planned(&["--gitlab", "acme/shop", "--gitlab-url", &fake.url()], &[("GITLAB_TOKEN", "x1")]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(names(&found), ["acme/shop/a", "acme/shop/sub/b"], "{printed}");
    assert_eq!(found[0][3..], ["internal".to_owned(), "acme/shop".to_owned()]);
    assert_eq!(fake.header("private-token").as_deref(), Some("x1"));
    assert_eq!(fake.header("authorization"), None);
}

#[test]
fn gitea_bitbucket_and_azure_are_read() {
    let gitea = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/api/v1/orgs/acme/repos?limit=50&page=1" => {
            Reply::ok(json!([{"id": 5, "full_name": "acme/a", "clone_url": "https://git.example/acme/a.git",
            "html_url": "https://git.example/acme/a", "private": true, "internal": true, "archived": false, "fork": false, "owner": {"login": "acme"}}]))
        }
        _ => Reply::status(404),
    });
    let (code, printed, found) = planned(&["--gitea", "acme", "--gitea-url", &gitea.url()], &[("GITEA_TOKEN", "x2")]);
    assert_eq!((code, names(&found)), (0, vec!["acme/a"]), "{printed}");
    assert_eq!(found[0][3], "internal");

    let cloud = Fake::start(|base, asked, _| {
        let item = |name: &str| {
            json!({"uuid": format!("{{{name}}}"), "full_name": format!("acme/{name}"), "is_private": true, "project": {"key": "SHOP"},
                "size": 4000, "mainbranch": {"name": "main"}, "links": {"html": {"href": "https://bitbucket.example/x"},
                "clone": [{"name": "ssh", "href": "git@x"}, {"name": "https", "href": format!("https://ada@bitbucket.example/acme/{name}.git")}]}})
        };
        match asked.target.as_str() {
            "/2.0/repositories/acme?pagelen=100" => {
                Reply::ok(json!({"values": [item("a")], "next": format!("{base}/2.0/repositories/acme?pagelen=100&page=2")}))
            }
            "/2.0/repositories/acme?pagelen=100&page=2" => Reply::ok(json!({"values": [item("b")]})),
            _ => Reply::status(404),
        }
    });
    let env = [("BITBUCKET_USER", "ada"), ("BITBUCKET_TOKEN", "x3")];
    let (code, printed, found) = planned(&["--bitbucket", "acme", "--bitbucket-url", &cloud.url()], &env);
    assert_eq!((code, names(&found)), (0, vec!["acme/a", "acme/b"]), "{printed}");
    assert_eq!(found[0][2], "https://bitbucket.example/acme/a.git", "no user's name is kept");
    assert!(cloud.header("authorization").is_some_and(|value| value.starts_with("Basic ")));

    let data_center = Fake::start(|_, asked, _| {
        let item = |n: u64, slug: &str| {
            json!({"id": n, "slug": slug, "project": {"key": "SHOP"}, "public": false, "origin": {"id": 1},
                "links": {"clone": [{"name": "http", "href": format!("https://bb.example/scm/shop/{slug}.git")}], "self": [{"href": "https://bb.example/p"}]}})
        };
        match asked.target.as_str() {
            "/rest/api/latest/projects/SHOP/repos?limit=500&start=0" => {
                Reply::ok(json!({"values": [item(1, "a")], "isLastPage": false, "nextPageStart": 500}))
            }
            "/rest/api/latest/projects/SHOP/repos?limit=500&start=500" => {
                Reply::ok(json!({"values": [item(2, "b")], "isLastPage": true}))
            }
            _ => Reply::status(404),
        }
    });
    let (code, printed, found) = planned(&["--bitbucket-dc", "SHOP", "--bitbucket-dc-url", &data_center.url()], &[]);
    assert_eq!((code, names(&found)), (0, vec!["SHOP/a", "SHOP/b"]), "{printed}");

    let azure = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/acme/_apis/git/repositories?includeHidden=true&api-version=7.1" => Reply::ok(json!({"count": 2, "value": [
            {"id": "9f", "name": "a", "project": {"name": "Shop", "visibility": "organization"}, "size": 5000, "defaultBranch": "refs/heads/main",
             "remoteUrl": "https://acme@dev.example/acme/Shop/_git/a", "webUrl": "https://dev.example/acme/Shop/_git/a"},
            {"id": "a0", "name": "b", "project": {"name": "Shop", "visibility": "private"}, "isDisabled": true,
             "remoteUrl": "https://acme@dev.example/acme/Shop/_git/b", "webUrl": "https://dev.example/x"}]})),
        _ => Reply::status(203),
    });
    let (_, printed, found) = planned(&["--azure", "acme", "--azure-url", &azure.url()], &[("AZURE_DEVOPS_TOKEN", "x4")]);
    assert!(names(&found).contains(&"Shop/a"), "{printed} {found:?}");
    let (code, printed, _) = planned(&["--azure", "other", "--azure-url", &azure.url()], &[("AZURE_DEVOPS_TOKEN", "x4")]);
    assert_ne!(code, 0);
    assert!(printed.contains("asks to sign in the token in AZURE_DEVOPS_TOKEN"), "{printed}");
}
