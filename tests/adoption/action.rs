//! The GitHub action: its steps as action.yml has them, run by bash in a made-up runner.

use crate::checkout::{Checkout, Programs};
use crate::{ran, repository, text_of};
use std::collections::HashMap;
use std::path::Path;

/// A step that runs a script: its condition aside, what GitHub knows of it.
struct Step {
    name: String,
    id: String,
    run: String,
    env: Vec<(String, String)>,
}

/// The inputs with their defaults, and the steps.
fn action() -> (HashMap<String, String>, Vec<Step>) {
    let text = text_of("action.yml");
    let (head, steps) = text.split_once("  steps:\n").expect("it has steps");
    let mut inputs = HashMap::new();
    let mut name = "";
    for line in head.split_once("inputs:\n").expect("it has inputs").1.split_once("outputs:\n").expect("and outputs").0.lines() {
        let words = line.trim();
        if line.starts_with("  ") && !line.starts_with("    ") {
            name = words.trim_end_matches(':');
        } else if let Some(value) = words.strip_prefix("default: ") {
            inputs.insert(name.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    let mut list = Vec::new();
    for step in format!("\n{steps}").split("\n    - ").skip(1) {
        let value = |key: &str| {
            let found = step.lines().find_map(|l| l.trim().strip_prefix(&format!("{key}: ")));
            found.unwrap_or_default().to_owned()
        };
        let env = step.split_once("env:\n").map_or("", |(_, env)| env);
        let env = env.lines().filter_map(|l| l.trim().split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        list.push(Step { name: value("name"), id: value("id"), run: value("run"), env });
    }
    (inputs, list)
}

/// A runner for one job.
struct Runner<'a> {
    checkout: &'a Checkout,
    programs: Programs,
    temporary: tempfile::TempDir,
    inputs: HashMap<String, String>,
    /// How the upload to code scanning ends.
    upload: &'a str,
}

/// What the job did.
struct Done {
    code: i32,
    said: String,
    summary: String,
    outputs: HashMap<String, String>,
    /// Where its reports are.
    _temporary: tempfile::TempDir,
}

impl<'a> Runner<'a> {
    fn new(checkout: &'a Checkout, inputs: &[(&str, &str)], upload: &'a str) -> Self {
        let mut all = action().0;
        for (name, value) in inputs {
            assert!(all.insert((*name).to_owned(), (*value).to_owned()).is_some(), "there is no input {name}");
        }
        let temporary = tempfile::tempdir().expect("a folder");
        Self { checkout, programs: Programs::new(), temporary, inputs: all, upload }
    }

    fn file(&self, name: &str) -> String {
        self.temporary.path().join(name).display().to_string()
    }

    /// What `${{ … }}` means here.
    fn value(&self, expression: &str, outputs: &HashMap<String, String>) -> String {
        let Some(inner) = expression.strip_prefix("${{ ").and_then(|e| e.strip_suffix(" }}")) else {
            return expression.to_owned();
        };
        match inner.split_once('.') {
            Some(("inputs", name)) => self.inputs.get(name).unwrap_or_else(|| panic!("no input {name}")).clone(),
            _ if inner == "steps.upload.outcome" => self.upload.to_owned(),
            _ if inner.starts_with("steps.scan.outputs.") => {
                outputs.get(inner.rsplit('.').next().expect("a name")).cloned().unwrap_or_default()
            }
            _ if inner == "github.action_repository" => "acme/keysift".to_owned(),
            _ => panic!("what is {expression}?"),
        }
    }

    fn run(self) -> Done {
        let (mut code, mut said, mut outputs) = (0, String::new(), HashMap::new());
        let mut path = self.programs.path();
        for step in action().1 {
            if step.run.is_empty() {
                assert_eq!(step.id, "upload");
                continue;
            }
            let mut environment = self.checkout.environment("github");
            for (name, value) in [
                ("GITHUB_ACTION_PATH", repository().display().to_string()),
                ("GITHUB_OUTPUT", self.file("output")),
                ("GITHUB_STEP_SUMMARY", self.file("summary")),
                ("GITHUB_PATH", self.file("path")),
                ("RUNNER_TEMP", self.file("temp")),
                ("RUNNER_OS", "Linux".to_owned()),
                ("RUNNER_ARCH", "X64".to_owned()),
            ] {
                environment.push((name, value));
            }
            let env: Vec<(String, String)> = step.env.iter().map(|(k, v)| (k.clone(), self.value(v, &outputs))).collect();
            let mut command = self.checkout.bash(&step.run, &path, &environment);
            let (ended, told) = ran(command.envs(env));
            said.push_str(&told);
            let written = std::fs::read_to_string(self.file("output")).unwrap_or_default();
            outputs = written.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
            if let Ok(added) = std::fs::read_to_string(self.file("path")) {
                path = format!("{}:{}", added.trim(), self.programs.path().display()).into();
            }
            if ended != 0 {
                assert_ne!(step.name, "Look for secrets", "the verdict comes after the upload: {said}");
                code = ended;
                break;
            }
        }
        let summary = std::fs::read_to_string(self.file("summary")).unwrap_or_default();
        Done { code, said, summary, outputs, _temporary: self.temporary }
    }
}

#[test]
fn a_secret_fails_the_job_after_everything_was_told() {
    let checkout = Checkout::new(true);
    let done = Runner::new(&checkout, &[("version", "path")], "success").run();
    assert_eq!(done.code, 1, "{}", done.said);
    assert!(done.said.contains("::error file=new.py,line=1"), "{}", done.said);
    assert!(done.summary.contains("1 secret found") && done.summary.contains("new.py"), "{}", done.summary);
    assert_eq!((done.outputs["verdict"].as_str(), done.outputs["exit-code"].as_str()), ("secrets", "1"));
    for (name, part) in [("report", "\"schema_version\""), ("sarif", "sarif-schema")] {
        let text = std::fs::read_to_string(&done.outputs[name]).expect("the report is there");
        assert!(text.contains(part) && text.contains("new.py"), "{name}");
    }
    assert!(!done.said.contains("::warning"), "{}", done.said);
}

#[test]
fn an_upload_that_is_refused_is_a_warning_and_the_verdict_stands() {
    for (with_secret, code) in [(true, 1), (false, 0)] {
        let checkout = Checkout::new(with_secret);
        let done = Runner::new(&checkout, &[("version", "path")], "failure").run();
        assert_eq!(done.code, code, "{}", done.said);
        assert!(done.said.contains("::warning title=keysift::Code scanning took no report"), "{}", done.said);
    }
}

#[test]
fn inputs_count() {
    let checkout = Checkout::new(true);
    let with = |inputs: &[(&str, &str)]| Runner::new(&checkout, &[&[("version", "path")], inputs].concat(), "skipped").run();
    let done = with(&[("annotations", "false"), ("summary", "false")]);
    assert!(!done.said.contains("::error file=") && done.said.contains("new.py:1") && done.summary.is_empty(), "{}", done.said);
    assert_eq!(with(&[("args", "--fail-on none")]).code, 0);
    assert_eq!(with(&[("args", "--exit-code\n  7")]).code, 7);
    // Words, not shell.
    let done = with(&[("args", "--fail-on $(touch made) ; touch made")]);
    assert!(done.code == 2 && done.outputs["verdict"] == "error", "{}", done.said);
    assert!(!checkout.tree.join("made").exists());
    assert_eq!(with(&[("working-directory", "nowhere")]).code, 2);
}

/// A release as the release workflow makes it, of a keysift that says which one it is.
fn release(folder: &Path) {
    let programs = Programs::new();
    programs.add("released", &format!("echo released >&2\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_keysift")));
    let at = folder.join(format!("v{}", env!("CARGO_PKG_VERSION")));
    let mut archive = std::process::Command::new("bash");
    archive.arg(repository().join("packaging/archive.sh")).arg("x86_64-unknown-linux-musl").arg(programs.path().join("released"));
    let (code, said) = ran(archive.arg(&at));
    assert_eq!(code, 0, "{said}");
    let (code, said) = ran(std::process::Command::new("bash").args(["-c", "sha256sum -- *.tar.gz >SHA256SUMS"]).current_dir(&at));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_release_is_installed_when_its_checksum_is_right() {
    if ran(std::process::Command::new("bash").args(["-c", "command -v curl sha256sum"])).0 != 0 {
        return crate::missing("curl is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    release(folder.path());
    let downloads = format!("file://{}", folder.path().display());
    let checkout = Checkout::new(true);
    let with =
        |inputs: &[(&str, &str)]| Runner::new(&checkout, &[&[("downloads", &downloads[..])], inputs].concat(), "success").run();
    let done = with(&[]);
    assert_eq!(done.code, 1, "{}", done.said);
    assert!(done.said.matches("released").count() >= 2, "the released one looked: {}", done.said);
    assert!(done.said.contains("::error file=new.py"), "{}", done.said);
    let done = with(&[("version", "9.9.9")]);
    assert!(done.code == 2 && done.said.contains("cannot be fetched"), "{}", done.said);
    for wrong in ["../../x", "1.2", "1.2.3;x", ""] {
        let done = with(&[("version", wrong)]);
        assert!(done.code == 2 && done.said.contains("version is a number"), "{wrong}: {}", done.said);
    }
    // Another archive under this name.
    let at = folder.path().join(format!("v{}", env!("CARGO_PKG_VERSION")));
    let archive = at.join(format!("keysift-{}-x86_64-unknown-linux-musl.tar.gz", env!("CARGO_PKG_VERSION")));
    std::fs::write(&archive, "something else").expect("a file");
    let done = with(&[]);
    assert!(done.code == 2 && done.said.contains("is not what SHA256SUMS says"), "{}", done.said);
    // A list that does not name it proves nothing.
    std::fs::write(at.join("SHA256SUMS"), "").expect("a file");
    assert!(with(&[]).said.contains("does not name"));
}
