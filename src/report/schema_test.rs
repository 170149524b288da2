//! `docs/report.schema.json`: generated from the report's types, and checked here against what is in the repository.
//!
//! After a change of the report: `KEYSIFT_WRITE_SCHEMA=1 cargo test report_schema`.

use super::Report;
use serde_json::Value;
use std::path::Path;

/// The schema of what is written: a key that is left out where it is empty is not required.
fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    serde_json::to_value(settings.into_generator().into_root_schema_for::<Report>()).expect("a schema is JSON")
}

#[test]
fn report_schema() {
    let mut schema = schema();
    schema["title"] = "keysift report".into();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("a schema is JSON"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    if std::env::var_os("KEYSIFT_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, &text).expect("docs/ can be written to");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "docs/report.schema.json is not what the report's types say: see src/report/schema_test.rs");
}

/// Every object of the schema says what it is.
#[test]
fn report_schema_names_every_object() {
    let schema = schema();
    let objects = schema["$defs"].as_object().expect("definitions");
    for name in ["Scan", "Tool", "ReportedFinding", "Location", "Snippet", "Gap", "Run"] {
        let object = &objects[name];
        assert_eq!(object["type"], "object", "{name}");
        assert!(object["description"].as_str().is_some_and(|d| !d.is_empty()), "{name}");
        assert!(object["required"].as_array().is_some_and(|r| r.iter().all(Value::is_string)), "{name}");
    }
}
