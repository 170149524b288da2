//! What people decide, and what they are told.

use crate::organization::{Organization, SMALL};

fn fingerprint(organization: &Organization) -> String {
    organization.findings("a.db")[0]["fingerprint"].as_str().expect("a fingerprint").to_owned()
}

#[test]
fn decisions_count_from_then_on() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let all = organization.findings("a.db").len();
    let first = fingerprint(&organization);
    let mark = organization.audit(&["mark", "--store", "a.db", &first, "--as", "revoked", "--by", "ada", "--reason", "rotated"]);
    assert_eq!(mark.code, 0, "{}", mark.printed());
    let left = organization.findings("a.db");
    assert!(left.iter().all(|f| f["fingerprint"] != first.as_str()) && left.len() < all);
    // It is still decided after another run, and forks share the decision.
    organization.run("a.db", None);
    assert_eq!(organization.findings("a.db").len(), left.len());
    let revoked = organization.audit(&["report", "--store", "a.db", "--state", "revoked", "-f", "json"]);
    assert!(revoked.stdout.contains(&first));
    let events = organization.audit(&["export", "--store", "a.db"]).stdout;
    assert!(events.lines().any(|l| l.contains("\"state\"") && l.contains("\"revoked\"")), "{events}");
    let unknown = organization.audit(&["mark", "--store", "a.db", "ks1:none", "--as", "open", "--by", "ada", "--reason", "x"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("no finding has the fingerprint ks1:none"));
}

#[test]
fn decisions_are_imported_all_or_none() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let all = organization.findings("a.db");
    let ids: Vec<&str> = all.iter().filter_map(|f| f["fingerprint"].as_str()).collect();
    let header = "fingerprint,state,by,reason,until\n";
    organization.tree.write("bad.csv", format!("{header}{},revoked,ada,rotated,\nks1:none,open,ada,x,\n", ids[0]));
    assert_eq!(organization.audit(&["mark", "--store", "a.db", "--import", "bad.csv"]).code, 2);
    assert_eq!(organization.findings("a.db").len(), all.len());
    let text = format!("{header}{},revoked,ada,\"rotated, twice\",\n{},accepted,bo,old,2020-01-01\n", ids[0], ids[1]);
    organization.tree.write("good.csv", text);
    for _ in 0..2 {
        let run = organization.audit(&["mark", "--store", "a.db", "--import", "good.csv"]);
        assert_eq!(run.code, 0, "{}", run.printed());
    }
    let left = organization.findings("a.db");
    assert!(left.iter().all(|f| f["fingerprint"] != ids[0]), "it is revoked");
    assert!(left.iter().any(|f| f["fingerprint"] == ids[1]), "the day has passed");
}

#[test]
fn reports_in_all_forms() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    for (format, says) in [
        ("human", "r0/conf/"),
        ("jsonl", "\"repository\":\"r0\""),
        ("sarif", "r0/conf/"),
        ("csv", "r0/conf/"),
        ("html", "r0/conf/"),
        ("markdown", "r0/conf/"),
    ] {
        let run = organization.audit(&["report", "--store", "a.db", "-f", format]);
        assert_eq!(run.code, 0, "{format}: {}", run.printed());
        assert!(run.stdout.contains(says), "{format}: {}", run.stdout);
        assert!(organization.planted.iter().all(|(_, secret)| !run.stdout.contains(secret)), "{format}");
    }
    let without = organization.audit(&["report", "--store", "a.db", "-f", "json", "--no-authors"]);
    assert!(!without.stdout.contains("ada@example.org"));
    assert!(organization.audit(&["report", "--store", "a.db", "-f", "json"]).stdout.contains("ada@example.org"));
    let one = organization.audit(&["report", "--store", "a.db", "-f", "jsonl", "--repository", "r3"]);
    assert!(one.stdout.contains("\"r3\"") && !one.stdout.contains("\"r0\""));
}

#[test]
fn numbers() {
    let organization = Organization::new(SMALL);
    organization.run("a.db", None);
    let csv = organization.audit(&["report", "--store", "a.db", "--summary"]).stdout;
    assert!(csv.contains("\"coverage\",\"scanned\",8\r\n"), "{csv}");
    organization.audit(&["report", "--store", "a.db", "--summary", "-o", "s.html"]);
    assert!(organization.tree.read("s.html").contains("<caption>coverage</caption>"));
    let metrics = organization.audit(&["export", "metrics", "--store", "a.db"]).stdout;
    assert!(metrics.contains("keysift_audit_repositories{status=\"scanned\"} 8\n"), "{metrics}");
    assert!(metrics.contains("keysift_audit_complete 1\n"));
    let status = organization.audit(&["status", "--store", "a.db", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!((&json["complete"], &json["repositories"]["scanned"]), (&true.into(), &8.into()));
}
