//! GitHub's published description of its API (npm: `@octokit/openapi`), fetched where `KEYSIFT_SLOW_TESTS` is set.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// The version that the tests know.
const PACKAGE: &str = "@octokit/openapi@23.0.2";

/// GitHub's description; `None`, told, where it is not there and was not asked for.
///
/// # Panics
/// In CI, where it cannot be had.
pub(crate) fn description() -> Option<Value> {
    match fetched() {
        Ok(whole) => Some(whole),
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true") || std::env::var_os("KEYSIFT_SLOW_TESTS").is_none(), "{why}");
            eprintln!("not done: {why}");
            None
        }
    }
}

fn fetched() -> Result<Value, String> {
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
pub(crate) fn followed<'a>(whole: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(at) => followed(whole, whole.pointer(at.trim_start_matches('#')).unwrap_or_else(|| panic!("{at} leads nowhere"))),
        None => value,
    }
}
