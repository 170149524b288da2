//! The CI jobs of docs/ci.md: their shell, run in a checkout with what the system tells a job.

use crate::checkout::{Checkout, Programs};
use crate::{ran, repository, text_of};

/// Each system, its file, and where its job writes a report that names findings.
const JOBS: [(&str, &str, &str); 6] = [
    ("github", "ci/github.yml", "$RUNNER_TEMP/summary"),
    ("gitlab", "ci/gitlab.yml", "gl-secret-detection-report.json"),
    ("azure", "ci/azure-pipelines.yml", "$RUNNER_TEMP/keysift.xml"),
    ("bitbucket", "ci/bitbucket-pipelines.yml", "test-results/keysift.xml"),
    ("circle", "ci/circleci.yml", "test-results/keysift.xml"),
    ("jenkins", "ci/Jenkinsfile", "keysift.xml"),
];

/// The scripts of a pipeline: each the lines of one job, in order.
fn scripts(text: &str) -> Vec<Vec<String>> {
    if let Some((_, rest)) = text.split_once("sh '''") {
        let script = rest.split_once("'''").expect("it ends").0;
        return vec![vec![script.to_owned()]];
    }
    let mut jobs: Vec<Vec<String>> = Vec::new();
    let mut steps: Vec<String> = Vec::new();
    let mut inside: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim();
        if let Some(depth) = inside {
            let job = jobs.last_mut().expect("a job has begun");
            match words.strip_prefix("- ") {
                Some(command) if indent > depth => {
                    job.push(command.to_owned());
                    continue;
                }
                None if indent > depth => {
                    let last = job.last_mut().expect("a line that goes on follows another");
                    *last = format!("{last} {words}");
                    continue;
                }
                _ => inside = None,
            }
        }
        if words == "script:" {
            jobs.push(Vec::new());
            inside = Some(indent);
        }
        for key in ["run: ", "script: "] {
            let step = words.trim_start_matches("- ").strip_prefix(key);
            steps.extend(step.map(str::to_owned));
        }
    }
    if !steps.is_empty() {
        jobs.push(steps);
    }
    jobs
}

#[test]
fn jobs_stop_what_brings_a_secret_and_nothing_else() {
    for (system, file, report) in JOBS {
        for with_secret in [true, false] {
            let jobs = scripts(&text_of(file));
            assert!(!jobs.is_empty(), "{file}");
            for job in jobs {
                let (code, said, told, installed) = run(system, &job, report, with_secret);
                assert_eq!(code, i32::from(with_secret), "{file}: {said}");
                assert_eq!(said.contains("new.py"), with_secret, "{file}: {said}");
                assert_eq!(told.contains("new.py"), with_secret, "{file}: {report}: {told}");
                assert!(!told.is_empty() && !said.contains("internal error"), "{file}: {said}");
                let asked = format!("keysift=={}", env!("CARGO_PKG_VERSION"));
                assert!(installed.contains(&asked), "{file} installs this version: {installed}");
            }
        }
    }
}

/// Runs the lines of a job, as many as come; its code is the first that is not 0.
fn run(system: &str, job: &[String], report: &str, with_secret: bool) -> (i32, String, String, String) {
    let checkout = Checkout::new(with_secret);
    let programs = Programs::new();
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path().display().to_string();
    let mut environment = checkout.environment(system);
    for name in ["RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP"] {
        environment.push((name, at.clone()));
    }
    environment.push(("GITHUB_STEP_SUMMARY", format!("{at}/summary")));
    let (mut code, mut said) = (0, String::new());
    for line in job {
        let (ended, printed) = ran(&mut checkout.bash(line, &programs.path(), &environment));
        said.push_str(&printed);
        code = if code == 0 { ended } else { code };
        // What comes after a failure runs on GitHub alone, where the step says so.
        if code != 0 && system != "github" {
            break;
        }
    }
    let report = report.replace("$RUNNER_TEMP", &at);
    let told = std::fs::read_to_string(checkout.tree.join(&report)).unwrap_or_default();
    (code, said, told, programs.installed())
}

#[test]
fn the_docs_show_these_files() {
    let docs = text_of("docs/ci.md");
    for (_, file, _) in JOBS {
        let text = text_of(file);
        let language = if file.ends_with("Jenkinsfile") { "groovy" } else { "yaml" };
        assert!(docs.contains(&format!("```{language}\n{text}```\n")), "docs/ci.md does not show {file} as it is");
    }
    let files = std::fs::read_dir(repository().join("ci")).expect("a folder");
    let files = files.filter(|f| f.as_ref().is_ok_and(|f| f.path().is_file()));
    assert_eq!(files.count(), JOBS.len(), "every job of ci/ is tested");
}
