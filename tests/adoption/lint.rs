//! Workflows, templates, scripts and the Dockerfile, through the linters and published schemas of others.

use crate::support::Tree;
use crate::{ran, repository, tool};
use std::process::Command;

const SCRIPTS: [&str; 5] =
    ["ci/action/install.sh", "ci/action/scan.sh", "ci/action/verdict.sh", "packaging/archive.sh", ".ci/tools"];

fn passes(program: &str, arguments: &[&str]) {
    let Some(path) = tool(program) else { return };
    let (code, said) = ran(Command::new(path).args(arguments).current_dir(repository()));
    assert_eq!(code, 0, "{program} {arguments:?}: {said}");
}

#[test]
fn files_are_what_their_schemas_say() {
    for (schema, file) in [
        ("github-actions", "action.yml"),
        ("github-workflows", ".github/workflows/ci.yml"),
        ("github-workflows", ".github/workflows/release.yml"),
        ("github-workflows", "ci/github.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("gitlab-ci", "ci/gitlab.yml"),
        ("azure-pipelines", "ci/azure-pipelines.yml"),
        ("bitbucket-pipelines", "ci/bitbucket-pipelines.yml"),
        ("circle-ci", "ci/circleci.yml"),
    ] {
        let schema = format!("vendor.{schema}");
        passes("check-jsonschema", &["--regex-variant", "python", "--builtin-schema", &schema, file]);
    }
    passes("pre-commit", &["validate-manifest", ".pre-commit-hooks.yaml"]);
}

/// What init makes of pipelines that are there is what their schemas say, too.
#[test]
fn extended_pipelines_are_what_their_schemas_say() {
    let Some(check) = tool("check-jsonschema") else { return };
    let azure = "trigger:\n- main\n";
    for (schema, file, text) in [
        ("gitlab-ci", ".gitlab-ci.yml", "stages: [build, deploy]\nbuild:\n  stage: build\n  script: make\n".to_owned()),
        ("gitlab-ci", ".gitlab-ci.yml", "stages:\n- build\nbuild:\n  stage: build\n  script: |\n    make".to_owned()),
        ("azure-pipelines", "azure-pipelines.yml", format!("{azure}steps:\n- script: make\n")),
        ("azure-pipelines", "azure-pipelines.yml", format!("{azure}jobs:\n- job: build\n  steps:\n  - script: make\n")),
        (
            "azure-pipelines",
            "azure-pipelines.yml",
            format!("{azure}stages:\n    - stage: b\n      jobs:\n        - job: b\n          steps:\n            - script: make\n"),
        ),
        (
            "bitbucket-pipelines",
            "bitbucket-pipelines.yml",
            "image: node:22\npipelines:\n    default:\n    - step:\n        script: [make]\n    branches:\n        main:\n        - step:\n            script: [make]\n"
                .to_owned(),
        ),
        (
            "circle-ci",
            ".circleci/config.yml",
            "version: 2.1\njobs:\n    build:\n        docker: [{image: 'node:22'}]\n        steps: [checkout]\nworkflows:\n    main:\n        jobs: [build]\n"
                .to_owned(),
        ),
    ] {
        let tree = Tree::git();
        tree.write(file, &text);
        let run = tree.run(&["init", "--yes", "--hook", "none", "--no-config", "--no-codeowners"]);
        assert_eq!(run.code, 0, "{}", run.printed());
        let schema = format!("vendor.{schema}");
        let mut command = Command::new(&check);
        let (code, said) = ran(command.args(["--regex-variant", "python", "--builtin-schema", &schema]).arg(tree.join(file)));
        assert_eq!(code, 0, "{said}\n{}", tree.read(file));
        assert!(tree.read(file).contains("keysift git --ci"));
    }
}

#[test]
fn workflows_are_sound_and_safe() {
    let shellcheck = repository().join("target/tools/python/bin/shellcheck").display().to_string();
    passes(
        "actionlint",
        &["-shellcheck", &shellcheck, ".github/workflows/ci.yml", ".github/workflows/release.yml", "ci/github.yml"],
    );
    // What users copy names versions by tag, so that they read well; docs/ci.md says how to pin them.
    passes("zizmor", &["--offline", "--min-severity", "low", "--no-progress", "action.yml", ".github"]);
}

#[test]
fn scripts_and_the_dockerfile() {
    passes("shellcheck", &SCRIPTS);
    passes("hadolint", &["Dockerfile"]);
}
