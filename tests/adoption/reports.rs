//! Reports through validators of others: Microsoft's for SARIF with the rules of GitHub's ingestion, the XSD of Jenkins for
//! JUnit. GitLab's and `DefectDojo`'s schemas are in no package: tests/reports checks their rules one by one.

use crate::support::{Tree, github_token, password};
use crate::{missing, ran, repository, tool};
use std::process::Command;

/// Reports with all that one can hold: several severities, a history, decisions, gaps, nothing at all.
fn trees() -> Vec<(&'static str, Tree, Vec<&'static str>)> {
    let many = Tree::git();
    let mut text = format!("# <&> \"it's\"\nDB_PASSWORD={}\n", password("sarif"));
    for n in 0..30 {
        text.push_str(&format!("GH_{n}={}\n", github_token(&n.to_string())));
    }
    many.write("a b/é&.env", &text).write("gone.py", format!("t = \"{}\"\n", github_token("gone")));
    many.git_command(&["add", "-A"]);
    many.git_command(&["commit", "-qm", "start <b>"]);
    many.git_command(&["rm", "-q", "gone.py"]);
    many.git_command(&["commit", "-qm", "gone"]);
    let fingerprint = many.scan(&["a b"]).fingerprints()[3].to_owned();
    let allowed = many.run(&["allow", &fingerprint, "--as", "false_positive", "--reason", "made up"]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    let gap = Tree::new();
    gap.write("big.bin", vec![b'x'; 5000]).write("keysift.toml", "max_file_size = \"4000B\"\n").write("a", "nothing");
    gap.write("b", format!("t = {}\n", github_token("b")));
    let clean = Tree::new();
    clean.write("a", "nothing\n");
    vec![
        ("a tree", many_of(&text), vec!["scan"]),
        ("a history", many, vec!["git"]),
        ("a gap", gap, vec!["scan"]),
        ("nothing", clean, vec!["scan"]),
    ]
}

fn many_of(text: &str) -> Tree {
    let tree = Tree::new();
    tree.write("x/y.env", text);
    tree
}

#[test]
fn sarif_by_microsofts_validator() {
    if tool("sarif-multitool").is_none() {
        return;
    }
    let program = repository().join("target/tools/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    if !program.exists() {
        return missing("the SARIF validator is not one for this platform");
    }
    for (name, tree, arguments) in trees() {
        tree.run(&[&arguments[..], &["-f", "sarif", "-o", "report.sarif"]].concat());
        let mut command = Command::new(&program);
        command.args(["validate", "report.sarif", "--rule-kind", "Sarif;Gh;Ghas", "--level", "Error;Warning"]);
        command.args(["--output", "told.sarif", "--log", "ForceOverwrite"]).current_dir(tree.path());
        let (code, said) = ran(command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"));
        assert!(code == 0 && said.contains("Analysis completed successfully"), "{name}: {said}");
        let told: serde_json::Value = serde_json::from_str(&tree.read("told.sarif")).expect("JSON");
        let results = told["runs"][0]["results"].as_array().expect("results");
        assert!(results.is_empty(), "{name}: {said}");
    }
    // The check can fail: a report without what GitHub asks for.
    let (_, tree, _) = trees().remove(0);
    tree.run(&["scan", "-f", "sarif", "-o", "report.sarif"]);
    let broken = tree.read("report.sarif").replace("\"startLine\"", "\"startLin\"");
    tree.write("report.sarif", broken);
    let mut command = Command::new(&program);
    command
        .args(["validate", "report.sarif", "--rule-kind", "Sarif;Gh;Ghas", "--level", "Error;Warning"])
        .current_dir(tree.path());
    let (code, said) = ran(command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"));
    assert!(code != 0 || said.contains("error"), "{said}");
}

#[test]
fn junit_by_its_schema() {
    let schema = repository().join("target/tools/junit-10.xsd");
    let Some(python) = tool("python") else { return };
    if !schema.exists() {
        return missing("target/tools/junit-10.xsd is not there");
    }
    let validate = "import sys, xmlschema; xmlschema.XMLSchema(sys.argv[1]).validate(sys.argv[2])";
    for (name, tree, arguments) in trees() {
        tree.run(&[&arguments[..], &["-f", "junit", "-o", "report.xml"]].concat());
        let valid = || ran(Command::new(&python).args(["-c", validate]).arg(&schema).arg(tree.join("report.xml")));
        let (code, said) = valid();
        assert_eq!(code, 0, "{name}: {said}");
        tree.write("report.xml", tree.read("report.xml").replace("<testcase", "<testkase").replace("</testcase", "</testkase"));
        assert_ne!(valid().0, 0, "the check can fail");
    }
}
