//! The page in a real browser: 5,000 findings open, filter, group and expand; light and dark are drawn.
//!
//! Needs node, Chromium and the npm package playwright-core, which `.ci/run` installs in target/playwright; where one is
//! missing the test says so and is skipped, but not under CI=true.

use crate::support::{Tree, github_token, password};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A report of many findings, made from a real one: 5,000 findings of 4,000 secrets over six years.
fn large() -> (Tree, Vec<String>) {
    let tree = Tree::new();
    let secrets = vec![github_token("page"), password("page")];
    tree.write("a.yml", format!("GH_TOKEN: \"{}\"\n", secrets[0])).write("b.env", format!("DB_PASSWORD={}\n", secrets[1]));
    let mut report = tree.scan(&["."]).json;
    let models: Vec<Value> = report["findings"].as_array().expect("findings").clone();
    assert_eq!(models.len(), 2);
    let findings = (0..5000_usize).map(|n| {
        let mut one = models[n % 2].clone();
        let secret = n % 4000;
        let (year, month) = (2019 + n * n / 11 % 6, 1 + n * 13 / 7 % 12);
        one["fingerprint"] = format!("ks1:{n:032x}").into();
        one["secret_id"] = format!("{secret:064x}").into();
        one["severity"] = ["critical", "high", "medium", "low"][n % 4].into();
        one["provider"] = format!("Provider {}", n % 40).into();
        one["location"]["path"] = format!("services/team-{}/src/config-{n}.yml", n % 25).into();
        one["location"]["start_line"] = (n % 300 + 1).into();
        one["introduced"] = one["location"].clone();
        one["introduced"]["commit"] = format!("{n:040x}").into();
        one["introduced"]["author"] = format!("Author {}", n % 30).into();
        one["introduced"]["date"] = format!("{year}-{month:02}-03T10:00:00Z").into();
        one["exposure"] = "pushed".into();
        one["at_tip"] = if n % 3 == 0 { json!([]) } else { json!(["main"]) };
        let status = ["not_checked", "live", "unknown", "dead"][usize::from(n % 10 == 0) * (n / 10 % 4)];
        one["verification"] = json!({"status": status});
        one
    });
    report["findings"] = findings.collect::<Vec<_>>().into();
    report["findings"][7]["location"]["path"] = "</script><img src=x onerror=alert(1)>.yml".into();
    tree.write("large.json", report.to_string());
    (tree, secrets)
}

/// Where node finds playwright-core and which Chromium it starts.
fn browser() -> Result<(PathBuf, PathBuf), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/playwright/node_modules");
    if !root.join("playwright-core").is_dir() {
        return Err("playwright-core is not in target/playwright (npm install --prefix target/playwright playwright-core)".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |names: &[&str]| std::env::split_paths(&path).flat_map(|d| names.iter().map(move |n| d.join(n))).find(|p| p.is_file());
    let chromium = find(&["chromium", "chromium-browser", "google-chrome"]).ok_or("Chromium is not installed")?;
    find(&["node"]).ok_or("node is not installed")?;
    Ok((root, chromium))
}

#[test]
fn five_thousand_findings_in_a_browser() {
    let (tree, secrets) = large();
    let run = tree.run(&["report", "large.json", "-f", "html", "-o", "page.html"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page = tree.read("page.html");
    assert!(secrets.iter().all(|s| !page.contains(s)));
    let (modules, chromium) = match browser() {
        Ok(found) => found,
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "the page cannot be tested: {why}");
            eprintln!("skipped: {why}");
            return;
        }
    };
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&shots).expect("a folder can be made");
    let done = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/page.cjs"))
        .args([&tree.join("page.html"), &chromium, &shots])
        .env("NODE_PATH", modules)
        .output()
        .expect("node starts");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    let figures: Value = serde_json::from_str(out.trim()).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    eprintln!("milliseconds: {figures}");
    let most = |key: &str| figures[key].as_f64().unwrap_or_else(|| panic!("{key}: {figures}"));
    assert!(most("open") < 2000.0, "milliseconds to open: {figures}");
    assert!(most("filter") < 100.0, "milliseconds of the slowest filter: {figures}");
}
