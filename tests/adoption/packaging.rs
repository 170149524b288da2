//! What a release is made of: one version everywhere, the licences of what is linked, files that packages need.

use crate::{ran, repository, text_of};
use std::process::Command;

#[test]
fn one_version_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let hook = text_of("pyproject.toml");
    assert!(
        hook.contains(&format!("\nversion = \"{version}\"\n")) && hook.contains(&format!("[\"keysift=={version}\"]")),
        "{hook}"
    );
    assert!(text_of("action.yml").contains(&format!("    default: {version}\n")));
    for file in [
        "ci/github.yml",
        "ci/gitlab.yml",
        "ci/azure-pipelines.yml",
        "ci/bitbucket-pipelines.yml",
        "ci/circleci.yml",
        "ci/Jenkinsfile",
        "docs/ci.md",
        "docs/git.md",
        "docs/getting-started.md",
        "README.md",
    ] {
        let text = text_of(file);
        for (at, _) in text.match_indices("keysift==") {
            let named = &text[at + 9..];
            let end = named.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(named.len());
            assert_eq!(named[..end].trim_end_matches('.'), version, "{file}");
        }
    }
}

/// The list of licences is of the crates that are locked.
#[test]
fn third_party_licences_are_those_of_what_is_linked() {
    let mut command = Command::new("python3");
    let (code, said) = ran(command.arg(repository().join("packaging/third-party.py")).arg("--check"));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn the_manifest_of_hooks_names_what_keysift_has() {
    let manifest = text_of(".pre-commit-hooks.yaml");
    assert_eq!(manifest.matches("entry: keysift hook pre-commit\n").count(), 3);
    assert_eq!(manifest.matches("require_serial: true\n").count(), 3);
    for (id, language) in [("keysift", "python"), ("keysift-rust", "rust"), ("keysift-system", "system")] {
        let hook = manifest.split("- id: ").find(|h| h.starts_with(&format!("{id}\n"))).expect("it is there");
        assert!(hook.contains(&format!("language: {language}\n")), "{hook}");
    }
}

/// What the Dockerfile copies is let through, and who runs it has no rights.
#[test]
fn the_image() {
    let file = text_of("Dockerfile");
    let let_through = text_of(".dockerignore");
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "rules", "ci", "benches", "THIRD-PARTY.md"] {
        assert!(let_through.contains(&format!("!{needed}\n")) && repository().join(needed).exists(), "{needed}");
    }
    let last = file.rsplit("\nFROM ").next().expect("a stage");
    let user = last.lines().find_map(|l| l.strip_prefix("USER ")).expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    assert!(file.matches("\nFROM ").count() == 2 && file.contains("ENTRYPOINT [\"keysift\"]"));
}
