//! Real JSON reports against `docs/report.schema.json`.
//!
//! A check of what the schema uses: types, required keys, items, references. Keys that the schema does not name fail too, so
//! that none is added to reports in silence.

use crate::support::{Tree, github_token, password};
use serde_json::{Map, Value};

/// What is wrong with `value`, by its place.
fn check(value: &Value, schema: &Value, root: &Value, place: &str, wrong: &mut Vec<String>) {
    let says = |key: &str| schema.get(key).is_some();
    if !["type", "$ref", "anyOf", "properties"].into_iter().any(says) {
        // Anything.
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").expect("references lead to definitions");
        return check(value, &root["$defs"][name], root, place, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|s| {
            let mut problems = Vec::new();
            check(value, s, root, place, &mut problems);
            problems.is_empty()
        });
        if !fits {
            wrong.push(format!("{place}: none of the alternatives fits"));
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = types.contains(&is) || is == "integer" && types.contains(&"number");
    if !types.is_empty() && !fits {
        wrong.push(format!("{place}: is {is}, and should be {types:?}"));
    }
    match value {
        Value::Object(object) => check_object(object, schema, root, place, wrong),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                check(item, &schema["items"], root, &format!("{place}[{n}]"), wrong);
            }
        }
        Value::Number(n) if schema["minimum"].as_f64().is_some_and(|least| n.as_f64() < Some(least)) => {
            wrong.push(format!("{place}: {n} is too small"));
        }
        _ => {}
    }
}

fn check_object(object: &Map<String, Value>, schema: &Value, root: &Value, place: &str, wrong: &mut Vec<String>) {
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(key) {
            wrong.push(format!("{place}: `{key}` is missing"));
        }
    }
    for (key, value) in object {
        let inner = format!("{place}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Null) => wrong.push(format!("{inner} is not in the schema")),
            (Value::Null, additional) => check(value, additional, root, &inner, wrong),
            (property, _) => check(value, property, root, &inner, wrong),
        }
    }
}

fn schema() -> Value {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).expect("the schema is in the repository")).expect("JSON")
}

fn assert_valid(report: &Value) {
    let schema = schema();
    let mut wrong = Vec::new();
    check(report, &schema, &schema, "report", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reports with all there is: findings, companions, gaps, rejected ones, missing paths, origins, paths that are not UTF-8.
#[test]
fn reports_are_what_the_schema_says() {
    let tree = Tree::git();
    tree.write("a.env", format!("T={}\nDB_PASSWORD={}\npassword = changeme\n", github_token("a"), password("a")))
        .write(
            "aws.ini",
            format!(
                "aws_access_key_id={}\naws_secret_access_key={}\n",
                crate::support::fill("AKIA{base32:16}", "k"),
                crate::support::fill("{base64:40}", "k")
            ),
        )
        .write(".gitignore", "*.log\n")
        .write("b.log", "x")
        .write("large.bin", "x".repeat(9999));
    let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9.txt");
    tree.write(bytes, format!("T={}\n", github_token("b")));
    assert_valid(&tree.scan(&[]).json);
    let all =
        tree.scan(&[".", "gone", "--show-rejected", "--min-confidence", "low", "--max-file-size", "5000", "--show-secrets"]);
    assert!(all.json["rejected_findings"].as_array().is_some_and(|r| !r.is_empty()));
    assert_valid(&all.json);
    let fed = serde_json::json!({"path": "x", "content": format!("t={}", github_token("f")), "origin": {"n": [1, {"a": null}], "s": "t"}});
    assert_valid(&tree.run_with(&["scan", "--from-jsonl", "-f", "json"], fed.to_string().as_bytes()).report().json);
    let fed = serde_json::json!({"path": "x", "content": format!("t={}", github_token("f")), "origin": "a plain text"});
    assert_valid(&tree.run_with(&["scan", "--from-jsonl", "-f", "json"], fed.to_string().as_bytes()).report().json);
    assert_valid(&Tree::new().scan(&[]).json);
}

#[test]
fn the_check_finds_what_is_wrong() {
    let tree = Tree::new();
    tree.write("a.env", format!("T={}\n", github_token("a")));
    let good = tree.scan(&[]).json;
    let schema = schema();
    for change in [
        |r: &mut Value| r["schema_version"] = "1".into(),
        |r: &mut Value| r["scan"]["complete"] = Value::Null,
        |r: &mut Value| r["findings"][0]["location"]["start_line"] = (-1).into(),
        |r: &mut Value| r["findings"][0]["colour"] = "red".into(),
        |r: &mut Value| drop(r["findings"][0].as_object_mut().expect("an object").remove("fingerprint")),
    ] {
        let mut bad = good.clone();
        change(&mut bad);
        let mut wrong = Vec::new();
        check(&bad, &schema, &schema, "report", &mut wrong);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
}
