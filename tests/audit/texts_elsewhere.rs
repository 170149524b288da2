//! Texts beside the code at GitLab and Gitea: read once, told with their place, and read again where they changed.

use crate::texts::{Forge, Site, paths, said, zip};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn note(id: u64, body: &str) -> Value {
    json!({"id": id, "body": body, "author": {"username": "bo"}, "created_at": "2026-01-02T00:00:00.000Z", "updated_at": "2026-02-01T10:01:00.000Z"})
}

const PAGE: &str = "https://gitlab.example/acme/shop";
const PROJECT: &str = "/api/v4/projects/7";
const GITLAB: [&str; 4] = ["--gitlab", "acme", "--also", "issues,pulls,releases,assets,snippets,logs"];

fn gitlab() -> Forge {
    let forge = Forge::start(Site::default());
    let code = forge.serve("shop.git", "README", "no secret\n");
    let page = PAGE;
    let url = forge.fake.url();
    let project = PROJECT;
    forge.put(
        "/api/v4/groups/acme/projects",
        json!([{"id": 7, "path_with_namespace": "acme/shop", "http_url_to_repo": code, "web_url": page, "visibility": "private"}]),
    );
    let item = |what: &str, iid: u64, body: &str| {
        json!({"id": 100 + iid, "iid": iid, "title": "Title", "description": body, "author": {"username": "ada"},
            "web_url": format!("{page}/-/{what}/{iid}"), "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-02-01T10:01:00.123Z"})
    };
    forge.put(&format!("{project}/issues"), json!([item("issues", 1, &said("issue"))]));
    forge.put(&format!("{project}/issues/1/notes"), json!([note(11, &said("note")), note(12, "no"), note(13, "no")]));
    forge.put(&format!("{project}/merge_requests"), json!([item("merge_requests", 2, &said("request"))]));
    forge.put(&format!("{project}/merge_requests/2/notes"), json!([note(21, &said("review"))]));
    forge.put(
        &format!("{project}/releases"),
        json!([{"tag_name": "v1", "name": "v1", "description": said("release"), "author": {"username": "ada"}, "created_at": "2026-01-04T00:00:00.000Z",
            "_links": {"self": format!("{page}/-/releases/v1")}, "assets": {"links": [
                {"id": 3, "name": "app.zip", "url": format!("{url}{project}/packages/generic/app/1/app.zip")},
                {"id": 4, "name": "elsewhere", "url": "https://elsewhere.example/app.zip"}]}}]),
    );
    forge.put(
        &format!("{project}/snippets"),
        json!([{"id": 5, "title": "Notes", "description": null, "author": {"username": "cy"}, "web_url": format!("{page}/-/snippets/5"),
            "updated_at": "2026-01-05T00:00:00.000Z", "created_at": "2026-01-05T00:00:00.000Z",
            "files": [{"path": "run.sh", "raw_url": format!("{page}/-/snippets/5/raw/main/run.sh")}]}]),
    );
    let personal = forge.serve("snippet6.git", "mine.env", &said("personal snippet"));
    forge.put("/api/v4/groups/acme/members/all", json!([{"username": "ada"}, {"username": "bo"}, {"username": "Cy"}]));
    let snippet = |id: u64, author: &str, project: Value| {
        json!({"id": id, "title": "Mine", "author": {"username": author}, "project_id": project, "visibility": "private",
            "web_url": format!("https://gitlab.example/-/snippets/{id}"), "http_url_to_repo": personal, "updated_at": "2026-01-05T00:00:00.000Z"})
    };
    forge.put(
        "/api/v4/snippets/all",
        json!([snippet(5, "cy", json!(7)), snippet(8, "stranger", Value::Null), snippet(6, "cy", Value::Null)]),
    );
    let job = |id: u64, status: &str| {
        json!({"id": id, "status": status, "web_url": format!("{page}/-/jobs/{id}"), "user": {"username": "ada"},
            "created_at": keysift::finding::date::rfc3339(keysift::verify::seconds_now() - 60, 0)})
    };
    forge.put(&format!("{project}/jobs"), json!([job(33, "success"), job(32, "running"), job(31, "failed")]));
    let mut site = forge.site.lock().unwrap();
    for (path, bytes) in [
        ("packages/generic/app/1/app.zip", zip(&[("a.env", &said("asset"))])),
        ("snippets/5/files/main/run.sh/raw", said("snippet").into_bytes()),
        ("jobs/31/trace", said("trace").into_bytes()),
        ("jobs/33/trace", b"fine".to_vec()),
    ] {
        site.files.insert(format!("{project}/{path}"), bytes);
    }
    drop(site);
    forge
}

#[test]
fn texts_of_gitlab_are_read_once() {
    let forge = gitlab();
    let (page, project, url) = (PAGE, PROJECT, forge.fake.url());
    let arguments = [&GITLAB[..], &["--gitlab-url", &url]].concat();
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    let found = forge.found();
    let expected = [
        "issues/1#body",
        "issues/1#note-11",
        "merge_requests/2#body",
        "merge_requests/2#note-21",
        "releases/v1#body",
        "releases/v1/app.zip!a.env",
        "snippets/5/run.sh",
        "mine.env",
        "jobs/31/trace.log",
    ];
    assert_eq!(paths(&found), BTreeSet::from(expected), "{}", run.printed());
    assert_eq!(found["issues/1#note-11"]["link"], format!("{page}/-/issues/1#note_11"));
    assert_eq!(found["mine.env"]["origin"]["repository"], "cy/6", "of members, and of no project");
    let run = forge.run(&arguments);
    assert_eq!((run.code, forge.read().0), (0, 0), "{}", run.printed());
    // The job that ran ends; a note comes.
    let mut site = forge.site.lock().unwrap();
    site.lists.get_mut(&format!("{project}/jobs")).unwrap()[1]["status"] = json!("success");
    site.files.insert(format!("{project}/jobs/32/trace"), said("later").into_bytes());
    let mut late = note(14, &said("late note"));
    late["updated_at"] = json!("2026-02-03T00:00:00.000Z");
    site.lists.get_mut(&format!("{project}/issues/1/notes")).unwrap().push(late);
    site.lists.get_mut(&format!("{project}/issues")).unwrap()[0]["updated_at"] = json!("2026-02-03T00:00:00.000Z");
    drop(site);
    let run = forge.run(&arguments);
    assert_eq!((run.code, forge.read().0), (0, 3), "an issue, a note, a trace: {}", run.printed());
    let found = forge.found();
    assert!(found.contains_key("jobs/32/trace.log") && found.contains_key("issues/1#note-14"));
    // CI that is switched off is refused like to a stranger.
    for (level, code) in [("enabled", 3), ("disabled", 0)] {
        let mut site = forge.site.lock().unwrap();
        site.status.insert(format!("{project}/jobs"), 403);
        site.objects.insert(project.to_owned(), json!({"id": 7, "builds_access_level": level}));
        drop(site);
        let run = forge.run(&arguments);
        assert_eq!(run.code, code, "{level}: {}", run.printed());
    }
}

#[test]
fn personal_snippets_are_listed_as_far_as_they_can_be() {
    let forge = gitlab();
    let url = forge.fake.url();
    let arguments = ["--gitlab", "acme", "--also", "snippets", "--gitlab-url", &url];
    // An older server lists snippets of the token's own user alone.
    let own = forge.site.lock().unwrap().lists.remove("/api/v4/snippets/all").expect("a list");
    forge.put("/api/v4/snippets", json!(own[2..]));
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert!(forge.found().contains_key("mine.env"));
    // Where none can be listed, that is told.
    forge.site.lock().unwrap().lists.remove("/api/v4/snippets");
    let run = forge.run(&arguments);
    assert!(run.code == 3 && run.stderr.contains("acme snippets could not be listed to its end"), "{}", run.printed());
}

#[test]
fn texts_of_gitea_are_read_once() {
    let forge = Forge::start(Site::default());
    let code = forge.serve("shop.git", "README", "no secret\n");
    let page = "https://git.example/acme/shop";
    let url = forge.fake.url();
    let shop = "/api/v1/repos/acme/shop";
    forge.put("/api/v1/orgs/acme/repos", json!([{"id": 5, "full_name": "acme/shop", "clone_url": code, "html_url": page}]));
    let issue = |n: u64, body: &str, pull: Value| {
        json!({"id": n, "number": n, "title": "T", "body": body, "pull_request": pull, "user": {"login": "ada"}, "html_url": format!("{page}/issues/{n}"),
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-01T00:00:00+01:00"})
    };
    forge.put(
        &format!("{shop}/issues"),
        json!([issue(3, "no", json!({})), issue(2, &said("pull"), json!({})), issue(1, &said("issue"), Value::Null)]),
    );
    forge.put(
        &format!("{shop}/issues/comments"),
        json!([{"id": 4, "body": said("comment"), "user": {"login": "bo"}, "html_url": format!("{page}/issues/1#issuecomment-4"),
            "issue_url": format!("{page}/issues/1"), "pull_request_url": "", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}]),
    );
    forge.put(
        &format!("{shop}/releases"),
        json!([{"id": 6, "tag_name": "v1", "name": "v1", "body": said("release"), "html_url": format!("{page}/releases/v1"), "assets": [
            {"id": 7, "name": "a.txt", "size": 90, "uuid": "u", "browser_download_url": format!("{url}/attachments/u")}]}]),
    );
    forge.site.lock().unwrap().files.insert("/attachments/u".to_owned(), said("asset").into_bytes());
    let review = |id: u64, body: &str, comments: u64| {
        json!({"id": id, "body": body, "comments_count": comments, "user": {"login": "cy"}, "html_url": format!("{page}/pulls/2#issuecomment-{id}"),
            "submitted_at": "2026-01-03T00:00:00Z"})
    };
    let reviews = json!([review(8, &said("review"), 0), review(9, "", 1), review(10, &said("third"), 0)]);
    forge.put(&format!("{shop}/pulls/2/reviews"), reviews);
    forge.put(&format!("{shop}/pulls/3/reviews"), json!([]));
    forge.put(
        &format!("{shop}/pulls/2/reviews/9/comments"),
        json!([{"id": 91, "body": said("on a line"), "user": {"login": "bo"}, "html_url": format!("{page}/pulls/2/files#issuecomment-91"),
            "created_at": "2026-01-03T00:00:00Z", "updated_at": "2026-01-03T00:00:00Z"}]),
    );
    let arguments = ["--gitea", "acme", "--gitea-url", &url, "--also", "issues,pulls,releases,assets"];
    let run = forge.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.printed());
    let expected = [
        "issues/1#body",
        "issues/1#comment-4",
        "pulls/2#body",
        "pulls/2#review-8",
        "pulls/2#review-10",
        "pulls/2#review-comment-91",
        "releases/v1#body",
        "releases/v1/a.txt",
    ];
    let found = forge.found();
    assert_eq!(paths(&found), BTreeSet::from(expected), "{}", run.printed());
    assert_eq!(found["pulls/2#review-comment-91"]["link"], format!("{page}/pulls/2/files#issuecomment-91"));
    assert_eq!(found["pulls/2#review-comment-91"]["author"], "bo");
    let run = forge.run(&arguments);
    assert_eq!((run.code, forge.read().0), (0, 0), "{}", run.printed());
    // With other rules all of them are read again.
    let run = forge.run(&[&arguments[..], &["--exclude-rule", "stripe-*"]].concat());
    assert_eq!((run.code, forge.read().0), (0, 9), "{}", run.printed());
}
