//! `docs/config.schema.json`, for editors: generated from the types of a config file, and checked here against what is in the
//! repository.
//!
//! After a change of the keys: `KEYSIFT_WRITE_SCHEMA=1 cargo test config_schema`.

use super::{KEYS, Raw};
use serde_json::Value;
use std::path::Path;

/// The schema of what is read.
fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = serde_json::to_value(settings.into_generator().into_root_schema_for::<Raw>()).expect("a schema is JSON");
    schema["title"] = "keysift.toml".into();
    schema
}

#[test]
fn config_schema() {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).expect("a schema is JSON"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    if std::env::var_os("KEYSIFT_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, &text).expect("docs/ can be written to");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "docs/config.schema.json is not what the types say: see src/config/schema_test.rs");
}

/// An editor can complete every key, and marks one that is unknown.
#[test]
fn config_schema_has_every_key() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    for key in KEYS.into_iter().chain(["lock"]) {
        let property = &schema["properties"][key];
        assert!(property["description"].as_str().is_some_and(|d| !d.is_empty()), "{key}: {property}");
    }
    assert!(schema["properties"].get("verify").is_none(), "no config file can ask for verification");
    assert!(schema.get("required").is_none(), "an empty file is right");
    for table in ["AcceptedGap", "RawThreshold", "RawRule", "RawNear", "RawVerify"] {
        assert_eq!(schema["$defs"][table]["additionalProperties"], false, "{table}");
    }
}
