//! The report formats over one small tree, where reports go, and that they come out the same each time.

use crate::support::{Run, Tree, github_token, password, private_key, stable};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// Three kinds of secrets in four files, one of them twice, and a file without.
fn shop() -> Tree {
    let tree = Tree::new();
    let token = github_token("shop");
    tree.write("README.md", "# Shop\nRun it with `make run`.\n")
        .write("deploy/ci.yml", format!("env:\n  CI: true\n  GH_TOKEN: \"{token}\"\nsteps:\n  - run: git push https://x-access-token:{token}@github.com/acme/shop\n"))
        .write("keys/id_rsa", private_key("shop", 5))
        .write("tests/fixture.txt", format!("token: {}\n", github_token("fixture")));
    tree
}

#[test]
fn human() {
    let tree = shop();
    insta::assert_snapshot!("human", tree.run(&["scan"]).transcript());
    insta::assert_snapshot!("human-quiet", tree.run(&["scan", "--quiet", "deploy"]).transcript());
    insta::assert_snapshot!("human-verbose", tree.run(&["scan", "--verbose", "deploy"]).transcript());
}

#[test]
fn keysift_alone_scans_the_current_folder() {
    let tree = shop();
    let strip = |run: Run| run.transcript().split_once('\n').expect("lines").1.to_owned();
    assert_eq!(strip(tree.run::<&str>(&[])), strip(tree.run(&["scan", "."])));
}

#[test]
fn machine_formats() {
    let tree = shop();
    for format in ["json", "jsonl", "sarif", "github"] {
        insta::assert_snapshot!(format, tree.run(&["scan", "-f", format]).transcript());
    }
}

#[test]
fn an_incomplete_scan_is_told_in_every_format() {
    let tree = shop();
    for format in ["human", "json", "jsonl", "sarif", "github"] {
        let run = tree.run(&["scan", "-f", format, "README.md", "gone.txt", "--max-file-size", "3"]);
        assert_eq!(run.code, 2);
        assert!(run.stdout.contains("gone.txt"), "{format}: {}", run.stdout);
        let too_large = if format == "human" { "max-file-size" } else { "too_large" };
        assert!(run.stdout.contains(too_large), "{format}: {}", run.stdout);
    }
}

#[test]
fn json_lines_are_the_findings_of_the_json_report_in_order() {
    let tree = shop();
    let json = tree.scan(&[]);
    let lines = tree.run(&["scan", "-f", "jsonl"]).stdout;
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let (summary, findings) = lines.split_last().expect("a summary");
    assert_eq!(findings, json.findings());
    assert_eq!(summary["findings_total"], 3);
    assert_eq!(summary["scan"]["complete"], true);
}

#[test]
fn one_secret_in_one_path_is_one_finding_with_all_its_places() {
    let report = shop().scan(&["deploy"]);
    let finding = report.only();
    assert_eq!(finding["occurrences_total"], 2);
    assert_eq!(finding["occurrences"][0]["start_line"], 3);
    assert_eq!(finding["occurrences"][1]["start_line"], 5);
    assert_eq!(finding["location"], finding["occurrences"][0]);
}

#[test]
fn the_same_relative_path_in_two_scanned_folders_is_two_findings() {
    let tree = Tree::new();
    let line = format!("GH_TOKEN={}\n", github_token("both"));
    tree.write("a/.env", &line).write("b/.env", &line);
    let report = tree.scan(&["a", "b"]);
    assert_eq!(report.findings().len(), 2, "{:#}", report.json);
    let human = tree.run(&["scan", "a", "b"]).stdout;
    assert!(human.contains("a/.env:1:10") && human.contains("b/.env:1:10"), "{human}");
}

#[test]
fn a_file_that_is_named_twice_is_told_once() {
    let tree = shop();
    for arguments in [["tests/fixture.txt", "tests/fixture.txt"], ["tests/fixture.txt", "./tests/../tests/fixture.txt"]] {
        let report = tree.scan(&arguments);
        assert_eq!(report.only()["occurrences_total"], 1, "{arguments:?}");
    }
}

#[test]
fn several_reports_at_once() {
    let tree = shop();
    let run = tree
        .run(&["scan", "deploy", "-f", "human", "-f", "sarif", "-f", "jsonl", "-o", "-", "-o", "out.sarif", "-o", "out.jsonl"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("critical: "), "{}", run.stdout);
    let sarif: serde_json::Value = serde_json::from_str(&tree.read("out.sarif")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(tree.read("out.jsonl").lines().count(), 2);
}

#[test]
fn the_ending_of_a_file_says_the_format() {
    let tree = shop();
    tree.run(&["scan", "deploy", "-o", "out.json"]);
    let json: serde_json::Value = serde_json::from_str(&tree.read("out.json")).expect("JSON");
    assert_eq!(json["schema_version"], 1);
}

#[test]
fn formats_and_outputs_that_do_not_fit_are_usage_errors() {
    let tree = shop();
    for (arguments, message) in [
        (&["scan", "-f", "jsn"][..], "`jsn` is no report format (did you mean json?)"),
        (&["scan", "-f", "json", "-f", "sarif"], "two reports cannot both go to stdout"),
        (&["scan", "-f", "json", "-o", "a", "-o", "b"], "more --output than --format"),
        (&["scan", "-o", "no/such/folder/x.json"], "cannot be written to no/such/folder/x.json"),
    ] {
        let run = tree.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn report_files_are_for_their_owner_alone_and_never_written_through_a_link() {
    let tree = shop();
    tree.write("precious.txt", "keep me");
    symlink("precious.txt", tree.join("out.json")).expect("links can be made");
    assert_eq!(tree.run(&["scan", "deploy", "-o", "out.json"]).code, 1);
    assert_eq!(tree.read("precious.txt"), "keep me");
    let meta = fs::symlink_metadata(tree.join("out.json")).expect("it is there");
    assert!(meta.is_file(), "the link was replaced by the report");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
}

/// A file renamed over `/dev/null` would take it away from the whole machine.
#[test]
fn a_pipe_or_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let tree = shop();
    let made = std::process::Command::new("mkfifo").arg(tree.join("pipe")).status().expect("mkfifo is there");
    assert!(made.success());
    let pipe = tree.join("pipe");
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).expect("the pipe can be read"));
    assert_eq!(tree.run(&["scan", "deploy", "-f", "json", "-o", "pipe"]).code, 1);
    assert!(fs::symlink_metadata(tree.join("pipe")).expect("it is there").file_type().is_fifo());
    let json: serde_json::Value = serde_json::from_str(&reader.join().expect("the reader ends")).expect("JSON");
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_report_file_appears_whole_or_not_at_all() {
    let tree = shop();
    tree.write("out.json", "the report of yesterday");
    fs::create_dir(tree.join("folder.json")).expect("folders can be made");
    // The second report cannot be put in place of a folder; the first one is there in full, and nothing half done is left.
    let run = tree.run(&["scan", "deploy", "-f", "json,json", "-o", "out.json", "-o", "folder.json"]);
    assert_eq!(run.code, 2);
    assert!(serde_json::from_str::<serde_json::Value>(&tree.read("out.json")).is_ok());
    let left: Vec<_> = fs::read_dir(tree.path())
        .expect("it can be listed")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|n| n.contains(".tmp"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn the_report_of_an_earlier_run_holds_nothing_to_find() {
    let tree = shop();
    let formats = [
        "human", "json", "jsonl", "sarif", "github", "junit", "gitlab", "codequality", "gitleaks", "defectdojo", "csv", "html",
        "markdown",
    ];
    for format in formats {
        tree.run(&["scan", "-f", format, "-o", &format!("reports/{format}"), "keys", "deploy", "tests"]);
        fs::create_dir_all(tree.join("reports")).expect("folders can be made");
        tree.run(&["scan", "-f", format, "-o", &format!("reports/{format}"), "keys", "deploy", "tests"]);
    }
    let report = tree.scan(&["reports"]);
    assert_eq!(report.blobs(), formats.len() as u64);
    assert_eq!(report.paths(), [""; 0], "{:#}", report.json);
}

#[test]
fn color_only_where_it_is_wanted() {
    let tree = shop();
    assert!(!tree.run(&["scan"]).stdout.contains('\u{1b}'), "a pipe gets no colour");
    assert!(!tree.run(&["scan", "--color", "never"]).stdout.contains('\u{1b}'));
    assert!(tree.run(&["scan", "--color", "always"]).stdout.contains('\u{1b}'));
    let mut command = tree.command(&["scan", "--color", "always"]);
    command.env("NO_COLOR", "1");
    assert!(Run::of(&mut command, b"", &tree).stdout.contains('\u{1b}'), "the flag is more special than the variable");
    for format in ["json", "sarif", "github"] {
        assert!(!tree.run(&["scan", "--color", "always", "-f", format]).stdout.contains('\u{1b}'), "{format}");
    }
    let run = tree.run(&["scan", "--color", "always", "-o", "out.txt"]);
    assert_eq!(run.stdout, "");
    assert!(!tree.read("out.txt").contains('\u{1b}'));
}

#[test]
fn a_reader_that_has_seen_enough_is_a_normal_end() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let tree = Tree::new();
    let lines: String = (0..3000).map(|n| format!("GH_TOKEN={}\n", github_token(&n.to_string()))).collect();
    tree.write("many.env", lines);
    for format in ["human", "json", "jsonl", "sarif", "github"] {
        let mut command = tree.command(&["scan", "-f", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("keysift can be started");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut first).expect("a line");
        let output = child.wait_with_output().expect("keysift ends");
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn reports_are_the_same_whatever_the_number_of_threads() {
    let tree = Tree::new();
    for n in 0..150 {
        let text =
            format!("token = \"{}\"\npassword = \"{}\"\n# {n}\n", github_token(&(n % 40).to_string()), password(&n.to_string()));
        tree.write(format!("d{}/e{}/f{n}.py", n % 7, n % 3), text);
        tree.write(format!("d{}/big{n}.bin", n % 5), vec![0; n * 10]);
    }
    let report = |threads: &str, format: &str| {
        let run = tree.run(&[
            "scan", "--show-rejected", "--min-confidence", "low", "--exclude", "**/big1?.bin", "--max-file-size", "1400", "-j",
            threads, "-f", format,
        ]);
        assert_eq!(run.code, 1);
        run.stdout
    };
    let json = |threads: &str| {
        let mut json: serde_json::Value = serde_json::from_str(&report(threads, "json")).expect("JSON");
        json["scan"].as_object_mut().expect("an object").remove("run").expect("scan.run is there");
        serde_json::to_string_pretty(&json).expect("JSON")
    };
    let one = json("1");
    assert!(one.matches("\"fingerprint\"").count() > 150, "{one}");
    for threads in ["1", "2", "8"] {
        assert!(json(threads) == one, "{threads} threads give another JSON report");
    }
    for format in ["sarif", "github", "junit", "codequality", "gitleaks", "defectdojo", "csv", "markdown"] {
        assert!(report("1", format) == report("8", format), "threads change the {format} report");
    }
    let human = |threads: &str| stable(&report(threads, "human"), &tree.path().to_string_lossy());
    assert!(human("1") == human("8"), "threads change the human report");
}
