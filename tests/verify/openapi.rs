//! The requests to GitHub against its published description (npm: `@octokit/openapi`): the paths are there, the refusals are
//! documented, and the published examples of answers are read as live. Fetched where `KEYSIFT_SLOW_TESTS` is set.

use crate::ask::{ask, case, declarative, hosts, options};
use crate::fake::{Fake, Reply};
use crate::github_description::{description, followed};
use keysift::finding::Status;

#[test]
fn what_github_is_asked_stands_in_its_description() {
    let Some(whole) = description() else { return };
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
