//! The requests to GitHub against its published description (npm: `@octokit/openapi`): the paths are there, the refusals are
//! documented, and the published examples of answers are read as live. Fetched where `KEYSIFT_SLOW_TESTS` is set.

use crate::ask::{ask, case, declarative, hosts, options};
use crate::fake::{Fake, Reply};
use keysift::finding::Status;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// The version that the tests know.
const PACKAGE: &str = "@octokit/openapi@23.0.2";

fn description() -> Result<Value, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi");
    let file = folder.join("package/generated/api.github.com.json");
    if !file.exists() {
        if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
            return Err("KEYSIFT_SLOW_TESTS=1 fetches GitHub's description and runs this test".to_owned());
        }
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let run = |program: &str, arguments: &[&str]| {
            let done = Command::new(program).args(arguments).current_dir(&folder).stdin(Stdio::null()).output();
            let done = done.map_err(|e| format!("{program}: {e}"))?;
            if done.status.success() { Ok(done.stdout) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
        };
        let name = run("npm", &["pack", "--silent", PACKAGE])?;
        let name = String::from_utf8_lossy(&name).lines().last().unwrap_or_default().trim().to_owned();
        run("tar", &["xzf", &name, "package/generated/api.github.com.json"])?;
    }
    let text = std::fs::read(&file).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}

/// What a `$ref` stands for.
fn followed<'a>(whole: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(at) => followed(whole, whole.pointer(at.trim_start_matches('#')).unwrap_or_else(|| panic!("{at} leads nowhere"))),
        None => value,
    }
}

#[test]
fn what_github_is_asked_stands_in_its_description() {
    let whole = match description() {
        Ok(whole) => whole,
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true") || std::env::var_os("KEYSIFT_SLOW_TESTS").is_none(), "{why}");
            eprintln!("not done: {why}");
            return;
        }
    };
    let mut looked = 0;
    for rule in declarative().into_iter().filter(|r| r.provider == "GitHub") {
        let verify = rule.verify.expect("it has a verifier");
        let path = verify.url.strip_prefix("https://api.github.com").unwrap_or_else(|| panic!("{}", verify.url));
        let path = path.split('?').next().expect("a path");
        let question = &whole["paths"][path][verify.method.as_str().to_lowercase()];
        assert!(question.is_object(), "{path} is not there");
        for condition in verify.dead {
            for (status, _) in condition.status {
                assert!(question["responses"][status.to_string()].is_object(), "{path}: nobody says what {status} means");
            }
        }
        let answer = followed(&whole, &question["responses"]["200"]);
        let examples = answer["content"]["application/json"]["examples"].as_object().expect("examples");
        for (name, example) in examples {
            let body = followed(&whole, example)["value"].to_string();
            let fake = Fake::start(move |_| Reply::new(200, body.clone()).with("X-OAuth-Scopes", "repo"));
            let case = case(rule);
            let options = options(&hosts(&case), fake.address);
            let known = ask(vec![case], options).remove(0);
            assert_eq!(known.status, Status::Live, "{} and {name}: {known:?}", rule.id);
            assert!(known.identity.values().any(|v| v == "octocat"), "{} and {name}: {known:?}", rule.id);
            looked += 1;
        }
    }
    assert!(looked >= 6, "{looked}");
}
