//! The requests to GitHub and Stripe against what they publish of their APIs: the paths are there, the refusals are documented,
//! and the published examples of answers are read as live. GitHub's description (npm: `@octokit/openapi`) is fetched where
//! `KEYSIFT_SLOW_TESTS` is set; of Stripe's, which no registry has, an excerpt stands in `tests/data`.

use crate::ask::{ask, case, declarative, hosts, options};
use crate::fake::{Fake, Reply};
use crate::github_description::{description, followed};
use base64::Engine as _;
use keysift::finding::Status;
use serde_json::Value;

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

#[test]
fn what_stripe_is_asked_stands_in_its_description() {
    let whole: Value = serde_json::from_str(include_str!("../data/stripe-openapi.json")).expect("JSON");
    let server = whole["servers"][0]["url"].as_str().expect("a URL").trim_end_matches('/');
    let mut looked = 0;
    for rule in declarative().into_iter().filter(|r| r.provider == "Stripe") {
        let verify = rule.verify.expect("it has a verifier");
        let path = verify.url.strip_prefix(server).unwrap_or_else(|| panic!("{}", verify.url));
        let question = &whole["paths"][path][verify.method.as_str().to_lowercase()];
        assert!(question["responses"]["200"].is_object(), "{path} is not there");
        // The key is the user of Basic authentication, without a password.
        let scheme = &whole["components"]["securitySchemes"]["basicAuth"];
        assert!(whole["security"].as_array().expect("ways in").contains(&serde_json::json!({ "basicAuth": [] })));
        assert!(scheme["scheme"] == "basic" && scheme["description"].as_str().expect("words").contains("`api_key:`"));
        let account = whole["fixtures"]["account"].clone();
        let body = account.to_string();
        let fake = Fake::start(move |_| Reply::new(200, body.clone()));
        let case = case(rule);
        let options = options(&hosts(&case), fake.address);
        let known = ask(vec![case], options).remove(0);
        let header = fake.seen()[0].header("authorization").expect("a header").to_owned();
        let pair =
            base64::engine::general_purpose::STANDARD.decode(header.strip_prefix("Basic ").expect("Basic")).expect("base64");
        assert!(pair.ends_with(b":") && pair.split(|b| *b == b':').count() == 2, "{}: no password goes along", rule.id);
        assert_eq!(known.status, Status::Live, "{}: {known:?}", rule.id);
        let of = |field: &str| account[field].as_str().expect("a text").to_owned();
        for (name, value) in [("account", of("id")), ("email", of("email")), ("country", of("country"))] {
            assert_eq!(known.identity.get(name), Some(&value), "{}", rule.id);
        }
        looked += 1;
    }
    assert_eq!(looked, 4);
}
