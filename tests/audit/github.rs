//! GitHub as it behaves: limits in words alone, a user's own repositories, apps, pages that have not changed, and its published
//! description.

use crate::fake_forge::{Asked, Fake, Reply};
use crate::forges::{github, names, planned};
use crate::github_description::{description, followed};
use crate::organization::{Organization, SMALL};
use crate::support::{Run, Tree};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keysift::audit::forge::api::{Api, Trouble};
use keysift::audit::target::SourceError;
use keysift::source::Stop;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const FIRST: &str = "/orgs/acme/repos?type=all&sort=full_name&per_page=100";

#[test]
fn a_secondary_limit_is_waited_for_longer_each_time() {
    let fake = Fake::start(|_, asked, before| match asked.target.as_str() {
        "/limited" if before < 2 => {
            Reply::status(403).with("x-ratelimit-limit", "5000").with("x-ratelimit-remaining", "4000").saying(
                json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}),
            )
        }
        "/limited" => Reply::ok(json!([])),
        "/always" => Reply::status(429),
        _ => Reply::status(403),
    });
    // A second is a millisecond here.
    let api = Api::new(&fake.url(), None, &[]).expect("an API").with_pause(Duration::from_millis(1));
    let start = Instant::now();
    assert!(api.get("limited", &Stop::new()).is_ok());
    assert!(start.elapsed() >= Duration::from_millis(60 + 120), "{:?}", start.elapsed());
    assert_eq!(fake.taken().len(), 3);
    assert!(matches!(api.get("refused", &Stop::new()), Err(Trouble::Ended(SourceError::Refused(_)))));
    assert_eq!(fake.taken().len(), 1, "a refusal is asked once");
}

#[test]
fn whoever_asks_sees_their_own_private_repositories() {
    let fake = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/user" => Reply::ok(json!({"login": "Ada"})),
        "/user/repos?affiliation=owner&sort=full_name&per_page=100" => Reply::ok(json!([github(1, "dots"), github(2, "diary")])),
        "/users/bob/repos?type=owner&sort=full_name&per_page=100" => Reply::ok(json!([github(3, "talks")])),
        _ => Reply::status(404),
    });
    let url = fake.url();
    let env = [("GITHUB_TOKEN", "x1")];
    let (code, printed, found) = planned(&["--github", "ada", "--github-url", &url], &env);
    assert_eq!((code, names(&found)), (0, vec!["acme/diary", "acme/dots"]), "{printed}");
    assert_eq!(found[0][3], "private");
    let (code, printed, found) = planned(&["--github", "bob", "--github-url", &url], &env);
    assert_eq!((code, names(&found)), (0, vec!["acme/talks"]), "{printed}");
    // Someone without a token is nobody.
    fake.taken();
    planned(&["--github", "bob", "--github-url", &url], &[]);
    assert!(!fake.targets().contains(&"/user".to_owned()));
}

/// The key of an app: PEM as GitHub gives it, and the public part of it.
fn key_of_an_app(tree: &Tree) -> (String, Vec<u8>) {
    let file = tree.join("app");
    let run = |arguments: &[&str]| {
        let done = Command::new("ssh-keygen").args(arguments).arg("-f").arg(&file).output().expect("ssh-keygen is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text")
    };
    run(&["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    let public: String = run(&["-e", "-m", "PEM"]).lines().filter(|line| !line.starts_with('-')).collect();
    (tree.read("app"), STANDARD.decode(public).expect("base64"))
}

/// Whether a request is signed by the app with this key.
fn is_of_app(asked: &Asked, public: &[u8]) -> bool {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    let Some(word) = asked.header("authorization").strip_prefix("Bearer ") else { return false };
    let Some((text, signature)) = word.rsplit_once('.') else { return false };
    let parts: Vec<Value> =
        text.split('.').filter_map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()).collect();
    let [head, said] = &parts[..] else { return false };
    let (from, until) = (said["iat"].as_i64().expect("a time"), said["exp"].as_i64().expect("a time"));
    let now = keysift::verify::seconds_now();
    // GitHub takes no word of more than ten minutes.
    assert!(from <= now && now < until && until - from <= 600, "{said}");
    assert_eq!((&head["alg"], &said["iss"]), (&"RS256".into(), &"4711".into()));
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    key.verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).expect("base64")).is_ok()
}

#[test]
fn an_app_asks_with_tokens_of_its_installations_and_renews_them() {
    let tree = Tree::new();
    let (pem, public) = key_of_an_app(&tree);
    let given = Arc::new(Mutex::new(0));
    let count = Arc::clone(&given);
    let soon = keysift::finding::date::rfc3339(keysift::verify::seconds_now() + 120, 0);
    let late = keysift::finding::date::rfc3339(keysift::verify::seconds_now() + 3600, 0);
    let fake = Fake::start(move |base, asked, before| {
        let by_app = is_of_app(asked, &public);
        let token = |until: &str| {
            let mut given = count.lock().unwrap();
            *given += 1;
            Reply::ok(json!({"token": format!("made-{given}"), "expires_at": until}))
        };
        match (asked.method.as_str(), asked.target.as_str()) {
            ("GET", "/orgs/acme/installation") if by_app => Reply::ok(json!({"id": 7})),
            ("GET", "/users/ada/installation") if by_app => Reply::ok(json!({"id": 8})),
            ("POST", "/app/installations/7/access_tokens") if by_app => token(&soon),
            ("POST", "/app/installations/8/access_tokens") if by_app => token(&late),
            (_, target) if target.contains("nstallation") => Reply::status(if by_app { 404 } else { 401 }),
            ("GET", FIRST) if asked.header("authorization") == "Bearer made-1" => {
                Reply::ok(json!([github(1, "a")])).with("link", &format!("<{base}/organizations/7/repos?page=2>; rel=\"next\""))
            }
            // The first token ends within minutes: it is not used for long.
            ("GET", "/organizations/7/repos?page=2") if asked.header("authorization") == "Bearer made-2" => {
                Reply::ok(json!([github(2, "b")]))
            }
            // Somebody revoked it.
            ("GET", "/orgs/ada/repos?type=all&sort=full_name&per_page=100") if before == 0 => Reply::status(401),
            ("GET", "/users/ada/repos?type=owner&sort=full_name&per_page=100")
                if asked.header("authorization") == "Bearer made-4" =>
            {
                Reply::ok(json!([github(3, "c")]))
            }
            ("GET", "/user") => Reply::status(403),
            _ => Reply::status(404),
        }
    });
    let url = fake.url();
    let env = [("GITHUB_APP_ID", "4711"), ("GITHUB_APP_PRIVATE_KEY", pem.as_str())];
    let (code, printed, found) = planned(&["--github", "acme", "--github", "ada", "--github-url", &url], &env);
    assert_eq!((code, names(&found)), (0, vec!["acme/a", "acme/b", "acme/c"]), "{printed} {:?}", fake.targets());
    assert_eq!(*given.lock().unwrap(), 4);
    // A variable with `\n` in place of line ends is as good.
    let flat = pem.replace('\n', "\\n");
    let env = [("GITHUB_APP_ID", "4711"), ("GITHUB_APP_PRIVATE_KEY", flat.as_str())];
    let (code, printed, _) = planned(&["--github", "nobody", "--github-url", &url], &env);
    assert_ne!(code, 0, "{printed}");
    assert!(printed.contains("is not installed for nobody") && !printed.contains("made-"), "{printed}");
}

/// A second plan of what has not changed costs answers without a body, and knows all the same.
#[test]
fn pages_that_have_not_changed_are_not_told_again() {
    let more: Arc<Mutex<Vec<Value>>> = Arc::new(Mutex::new(vec![github(101, "y")]));
    let second = Arc::clone(&more);
    let fake = Fake::start(move |base, asked, _| {
        let reply = match asked.target.as_str() {
            FIRST => {
                let all: Vec<Value> = (1..=100).map(|n| github(n, &format!("r{n:03}"))).collect();
                Reply::ok(json!(all)).with("link", &format!("<{base}/organizations/7/repos?page=2>; rel=\"next\""))
            }
            "/organizations/7/repos?page=2" => Reply::ok(json!(*second.lock().unwrap())),
            _ => Reply::status(404),
        };
        let reply = reply.with("x-ratelimit-limit", "5000").with("x-ratelimit-remaining", "4321");
        reply.with("x-ratelimit-reset", "1900000000").named(asked)
    });
    let tree = Tree::new();
    let plan = |more: &[&str]| {
        let url = fake.url();
        let all = [&["audit", "plan", "--store", "a.db", "--github", "acme", "--github-url", &url], more].concat();
        let mut command = tree.command(&all);
        command.env_remove("GITHUB_TOKEN").env_remove("GH_TOKEN");
        let run = Run::of(&mut command, b"", &tree);
        assert_eq!(run.code, 0, "{}", run.printed());
        // A plan is of a run that has not ended: each here is one of its own.
        let store = rusqlite::Connection::open(tree.join("a.db")).expect("a store");
        store.execute("UPDATE runs SET ended_at = 'x', ending = 'done'", []).expect("it is written");
        let known = fake.taken().iter().map(|asked| asked.header("if-none-match").len() > 2).collect::<Vec<_>>();
        (run.stdout, known)
    };
    let all = |n: usize| format!("{n} repositories to look at\n");
    assert_eq!(plan(&[]), (all(101), vec![false, false]));
    assert_eq!(plan(&[]), (all(101), vec![true, true]));
    // What is new is told, and what is gone is gone.
    *more.lock().unwrap() = vec![github(102, "z"), github(103, "zz")];
    assert_eq!(plan(&[]), (all(102), vec![true, true]));
    let status: Value = serde_json::from_str(&tree.run(&["audit", "status", "--store", "a.db", "--json"]).stdout).expect("JSON");
    assert_eq!((&status["repositories"]["gone"], &status["repositories"]["planned"]), (&1.into(), &102.into()));
    assert_eq!(status["budgets"][0]["remaining"], 4321);
    let told = tree.run(&["audit", "status", "--store", "a.db"]).stdout;
    assert!(told.contains("4321 of 5000 requests left until 2030-03-17T17:46:40Z"), "{told}");
    // Another wish reads the pages anew.
    assert_eq!(plan(&["--exclude-repository", "*/r0*"]), (all(3), vec![false, false]));
    // Behind a full last page there may be another one: what is full and last is asked for whole.
    *more.lock().unwrap() = (201..=300).map(|n| github(n, &format!("s{n}"))).collect();
    assert_eq!(plan(&[]), (all(200), vec![false, false]));
    assert_eq!(plan(&[]), (all(200), vec![true, false]));
}

/// What is renamed or handed over keeps its findings; what is deleted is told, and so are its findings.
#[test]
fn renamed_transferred_and_deleted_repositories() {
    let organization = Organization::new(SMALL);
    let served = format!("http://127.0.0.1:{}", organization.server.port);
    let item = move |n: u64, owner: &str, name: &str| {
        json!({"id": n, "full_name": format!("{owner}/{name}"), "clone_url": format!("{served}/{name}"), "private": true,
            "html_url": format!("https://github.example/{owner}/{name}"), "owner": {"login": owner}})
    };
    let lists = Arc::new(Mutex::new((
        vec![item(1, "acme", "r0"), item(2, "acme", "r1"), item(3, "acme", "r2"), item(4, "acme", "r3")],
        vec![item(9, "other", "r4")],
    )));
    let told = Arc::clone(&lists);
    let fake = Fake::start(move |_, asked, _| match asked.target.as_str() {
        FIRST => Reply::ok(json!(told.lock().unwrap().0)).named(asked),
        "/orgs/other/repos?type=all&sort=full_name&per_page=100" => Reply::ok(json!(told.lock().unwrap().1)).named(asked),
        _ => Reply::status(404),
    });
    let run = || {
        let url = fake.url();
        organization.audit(&["run", "--store", "a.db", "--github", "other", "--github", "acme", "--github-url", &url])
    };
    let known = || {
        let store = rusqlite::Connection::open(organization.tree.join("a.db")).expect("a store");
        let mut select = store
            .prepare(
                "SELECT r.forge_id, r.full_name, r.status, coalesce(r.former_names, ''), group_concat(f.id || ' ' || f.first_seen || ' ' || f.state) \
                 FROM repositories r LEFT JOIN findings f ON f.repository = r.id GROUP BY r.id ORDER BY 1",
            )
            .expect("tables");
        let rows = select.query_map([], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, Option<String>>(4)?.unwrap_or_default()])
        });
        rows.expect("rows").collect::<Result<Vec<[String; 5]>, _>>().expect("rows")
    };
    let first = run();
    assert_eq!(first.code, 1, "{}", first.printed());
    let before = known();
    assert!(before.iter().all(|r| r[2] == "scanned" && !r[4].is_empty()), "{before:?}");

    std::fs::rename(organization.tree.join("served/r0"), organization.tree.join("served/shop")).expect("it is renamed");
    std::fs::remove_dir_all(organization.tree.join("served/r1")).expect("it is deleted");
    {
        let mut lists = lists.lock().unwrap();
        let handed_over = lists.0.remove(2);
        lists.0.remove(1);
        for (key, value) in [
            ("full_name", "acme/shop".to_owned()),
            ("clone_url", lists.0[0]["clone_url"].as_str().unwrap().replace("/r0", "/shop")),
        ] {
            lists.0[0][key] = value.into();
        }
        lists.1.push(handed_over);
        lists.1[1]["full_name"] = "other/r2".into();
    }
    let second = run();
    assert_eq!(second.code, 1, "{}", second.printed());
    let after = known();
    let row = |all: &[[String; 5]], id: &str| all.iter().find(|r| r[0] == id).expect("it is known").clone();
    for (id, name, status, former) in [
        ("1", "acme/shop", "scanned", "acme/r0"),
        ("2", "acme/r1", "gone", ""),
        ("3", "other/r2", "scanned", "acme/r2"),
        ("4", "acme/r3", "scanned", ""),
    ] {
        let now = row(&after, id);
        assert_eq!((now[1].as_str(), now[2].as_str(), now[3].as_str()), (name, status, former), "{now:?}");
        assert_eq!(now[4], row(&before, id)[4], "its findings are what they were");
    }
    assert_eq!(after.len(), before.len());
    let report = organization.audit(&["report", "--store", "a.db", "-f", "jsonl"]).stdout;
    for name in ["acme/shop", "acme/r1", "other/r2"] {
        assert!(report.contains(&format!("\"repository\":\"{name}\"")), "{name}: {report}");
    }
    let status = organization.audit(&["status", "--store", "a.db"]).stdout;
    assert!(status.contains("1 gone"), "{status}");
    let events = organization.audit(&["export", "--store", "a.db"]).stdout;
    let gone: Vec<&str> =
        events.lines().filter(|l| l.contains("\"kind\":\"repository\"") && l.contains("\"now\":\"gone\"")).collect();
    assert!(gone.len() == 1 && gone[0].contains("acme/r1"), "{events}");
}

/// What is asked stands in the description, with these parameters, and its examples of answers are read.
#[test]
fn what_lists_ask_stands_in_the_description() {
    let Some(whole) = description() else { return };
    let given = |values: &'static [&'static str]| {
        Fake::start(
            move |_, asked, _| if values.contains(&asked.target.as_str()) { Reply::ok(json!([])) } else { Reply::status(404) },
        )
    };
    // What keysift asks, as it asks it: the fake says that nothing is there until the last place.
    let fake = given(&["/users/ada/repos?type=owner&sort=full_name&per_page=100"]);
    planned(&["--github", "ada", "--github-url", &fake.url()], &[("GITHUB_TOKEN", "x1")]);
    let own = Fake::start(|_, asked, _| match asked.target.as_str() {
        "/user" => Reply::ok(json!({"login": "ada"})),
        target if target.starts_with("/user/repos") => Reply::ok(json!([])),
        _ => Reply::status(404),
    });
    planned(&["--github", "ada", "--github-url", &own.url()], &[("GITHUB_TOKEN", "x1")]);
    let mut targets = fake.targets();
    targets.extend(own.targets());
    targets.extend(["/orgs/acme/installation", "/users/ada/installation"].map(str::to_owned));
    let mut lists = 0;
    for target in &targets {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (name, asked) = operation(&whole, path, "get");
        assert!(asked.is_object(), "{path} is not there");
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').expect("a parameter");
            let all = asked["parameters"].as_array().expect("parameters");
            let all: Vec<&Value> = all.iter().map(|p| followed(&whole, p)).collect();
            let known = all.iter().find(|p| p["name"] == key).unwrap_or_else(|| panic!("{name} knows no {key}"));
            if let Some(words) = known["schema"]["enum"].as_array() {
                assert!(words.contains(&value.into()), "{name}: {key}={value}");
            }
        }
        for (example, body) in examples(&whole, &asked["responses"]["200"]) {
            if let Some(entries) = body.as_array() {
                let count = entries.len();
                let path = format!("{path}?");
                let fake = Fake::start(move |_, asked, _| {
                    if asked.target.starts_with(&path) || asked.target == "/orgs/acme/repos?type=all&sort=full_name&per_page=100"
                    {
                        Reply::ok(body.clone())
                    } else {
                        Reply::status(404)
                    }
                });
                let (code, printed, found) = planned(&["--github", "acme", "--github-url", &fake.url()], &[]);
                assert_eq!((code, found.len()), (0, count), "{name}, {example}: {printed}");
                assert!(found.iter().all(|r| r[2].starts_with("https://github.com/") && !r[1].is_empty()), "{found:?}");
                lists += 1;
            } else if name.ends_with("installation") {
                assert!(body["id"].is_u64(), "{name}, {example}");
            } else {
                assert!(body["login"].is_string(), "{name}, {example}");
            }
        }
    }
    assert!(lists >= 3, "{lists}");
    // Issues are looked for and opened with what the description knows.
    let (name, asked) = operation(&whole, "/repos/acme/a/issues", "get");
    let known: Vec<&Value> = asked["parameters"].as_array().expect("parameters").iter().map(|p| followed(&whole, p)).collect();
    for parameter in ["state", "per_page"] {
        assert!(known.iter().any(|p| p["name"] == parameter), "{name} knows no {parameter}");
    }
    let (name, asked) = operation(&whole, "/repos/acme/a/issues", "post");
    let body = &asked["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert!(body["title"].is_object() && body["body"].is_object(), "{name}: {body}");
    assert!(examples(&whole, &asked["responses"]["201"]).iter().all(|(_, issue)| issue["html_url"].is_string()), "{name}");
    let (name, asked) = operation(&whole, "/repos/acme/a/issues/1", "get");
    for (example, body) in examples(&whole, &asked["responses"]["200"]) {
        assert!(body["number"].is_u64() && body["body"].is_string() && body["html_url"].is_string(), "{name}, {example}");
    }
    assert!(asked["responses"]["410"].is_object(), "{name}: one that was deleted is gone");
    // What is found later is told in a comment, after those that are there.
    let (name, asked) = operation(&whole, "/repos/acme/a/issues/1/comments", "get");
    let known: Vec<&Value> = asked["parameters"].as_array().expect("parameters").iter().map(|p| followed(&whole, p)).collect();
    assert!(known.iter().any(|p| p["name"] == "per_page"), "{name}");
    for (example, body) in examples(&whole, &asked["responses"]["200"]) {
        assert!(body.as_array().is_some_and(|all| all.iter().all(|c| c["body"].is_string())), "{name}, {example}");
    }
    let (name, asked) = operation(&whole, "/repos/acme/a/issues/1/comments", "post");
    let body = &asked["requestBody"]["content"]["application/json"]["schema"];
    assert!(body["properties"]["body"].is_object() && body["required"] == serde_json::json!(["body"]), "{name}: {body}");
    let (name, asked) = operation(&whole, "/repos/acme/a", "get");
    for (example, body) in examples(&whole, &asked["responses"]["200"]) {
        let has = body["id"].is_u64() && body["private"].is_boolean() && body["has_issues"].is_boolean();
        assert!(has && body["archived"].is_boolean(), "{name}, {example}");
    }
    let (name, asked) = operation(&whole, "/app/installations/7/access_tokens", "post");
    let tokens = examples(&whole, &asked["responses"]["201"]);
    assert!(!tokens.is_empty(), "{name}");
    for (example, body) in tokens {
        let until = body["expires_at"].as_str().expect("a time");
        assert!(body["token"].is_string() && until.ends_with('Z') && until.len() == 20, "{example}: {body}");
    }
}

/// What the description says of a path, and what it calls it.
pub(crate) fn operation<'a>(whole: &'a Value, path: &str, method: &str) -> (String, &'a Value) {
    let paths = whole["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let (mine, theirs): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
        mine.len() == theirs.len() && mine.iter().zip(&theirs).all(|(m, t)| m == t || t.starts_with('{'))
    };
    let name = paths.keys().find(|template| *template == path).or_else(|| paths.keys().find(|template| fits(template)));
    let name = name.unwrap_or_else(|| panic!("{path} is not there"));
    (name.clone(), &paths[name][method])
}

fn examples(whole: &Value, answer: &Value) -> Vec<(String, Value)> {
    let answer = followed(whole, answer);
    let all = answer["content"]["application/json"]["examples"].as_object().expect("examples");
    let value = |example| followed(whole, &followed(whole, example)["value"]);
    all.iter()
        .map(|(name, example)| {
            // Some are a step further.
            let value = value(example);
            (name.clone(), value.get("value").unwrap_or(value).clone())
        })
        .collect()
}
