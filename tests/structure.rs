//! Private keys as real tools make them: what keysift tells of them is what the tools tell.

use std::path::Path;
use std::process::Command;

/// Runs a tool that is part of every developer's machine; `.ci/run` installs them.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).env("GNUPGHOME", folder).output().ok();
    assert!(output.is_some() || std::env::var_os("CI").is_none(), "{program} is needed");
    let output = output?;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Each finding of a scan: its path, its score, what it tells.
fn scan(folder: &Path) -> Vec<(String, f64, serde_json::Value)> {
    let output = Command::new(env!("CARGO_BIN_EXE_keysift"))
        .args(["scan", "-f", "json", "--min-confidence", "low", "--no-config", "."])
        .current_dir(folder)
        .output()
        .expect("keysift runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings").iter();
    findings
        .map(|f| (f["location"]["path"].as_str().unwrap().to_owned(), f["score"].as_f64().unwrap(), f["structure"].clone()))
        .collect()
}

#[test]
fn keys_of_ssh_keygen_tell_the_fingerprint_that_it_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for (name, kind, more) in [
        ("ed", "ed25519", &["-N", ""][..]),
        ("rsa", "rsa", &["-b", "2048", "-N", ""]),
        ("rsa-pem", "rsa", &["-b", "2048", "-N", "", "-m", "PEM"]),
        ("rsa-pkcs8", "rsa", &["-b", "2048", "-N", "", "-m", "PKCS8"]),
        ("ec", "ecdsa", &["-N", ""]),
        ("ec-pem", "ecdsa", &["-N", "", "-m", "PEM"]),
        ("locked", "ed25519", &["-N", "opensesame"]),
    ] {
        if run(at, "ssh-keygen", &[&["-q", "-C", "someone", "-t", kind, "-f", name], more].concat()).is_none() {
            return;
        }
    }
    let found = scan(at);
    assert_eq!(found.len(), 7, "{found:?}");
    for (path, score, structure) in found {
        let told = run(at, "ssh-keygen", &["-l", "-f", &format!("{path}.pub")]).expect("it ran before");
        assert_eq!(structure["fingerprint"].as_str(), told.split(' ').nth(1), "{path}");
        assert_eq!(structure["encrypted"].as_str(), (path == "locked").then_some("yes"), "{path}");
        assert!(if path == "locked" { score < 0.5 } else { score >= 1.0 }, "{path} {score}");
    }
}

/// In a string of a language, line by line or in one, and behind base64 once more, it is the same key.
#[test]
fn keys_are_taken_out_of_source_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    if run(at, "ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM", "-f", "key"]).is_none() {
        return;
    }
    let key = std::fs::read_to_string(at.join("key")).expect("it was made");
    let told = run(at, "ssh-keygen", &["-l", "-f", "key.pub"]).expect("it ran before");
    std::fs::remove_file(at.join("key")).expect("it is there");
    let lines: Vec<&str> = key.lines().collect();
    let write = |name: &str, text: String| std::fs::write(at.join(name), text).expect("a folder to write to");
    write("plus.js", format!("const key = {};\n", lines.iter().map(|l| format!("'{l}\\n'")).collect::<Vec<_>>().join(" +\n  ")));
    write("one.json", serde_json::json!({ "key": key }).to_string());
    write("block.yaml", format!("key: |\n{}\n", lines.iter().map(|l| format!("    {l}")).collect::<Vec<_>>().join("\n")));
    write("comment.go", lines.iter().flat_map(|line| ["// ", line, "\n"]).collect());
    write("twice.yaml", format!("key: {}\n", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key)));
    write("bare.txt", format!("key={}\n", lines[1..lines.len() - 1].concat()));
    let found = scan(at);
    assert_eq!(found.len(), 6, "{found:?}");
    for (path, score, structure) in found {
        assert_eq!(structure["fingerprint"].as_str(), told.split(' ').nth(1), "{path}");
        assert!(score >= 1.0, "{path}");
    }
}

#[test]
fn openpgp_keys_tell_fingerprint_user_and_passphrase() {
    let folder = tempfile::Builder::new().prefix("k").tempdir_in("/tmp").expect("a short path, for gpg's socket");
    let at = folder.path();
    for (user, passphrase) in [("open@example.org", ""), ("locked@example.org", "opensesame")] {
        let quiet = ["--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", passphrase];
        if run(at, "gpg", &[&quiet[..], &["--quick-gen-key", user, "ed25519"]].concat()).is_none() {
            return;
        }
        let armor = run(at, "gpg", &[&quiet[..], &["--armor", "--export-secret-keys", user]].concat()).expect("it ran before");
        std::fs::write(at.join(format!("{user}.txt")), armor).expect("a folder to write to");
    }
    let found: Vec<_> = scan(at).into_iter().filter(|(path, ..)| path.contains("@example")).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    for (path, _, structure) in found {
        let user = path.strip_suffix(".txt").expect("as written");
        let told = run(at, "gpg", &["--with-colons", "--list-keys", user]).expect("it ran before");
        let fingerprint = told.lines().find_map(|l| l.strip_prefix("fpr:")).expect("gpg tells it").trim_matches(':');
        assert_eq!(structure["fingerprint"], fingerprint);
        assert_eq!(structure["user"], user);
        assert_eq!(structure["encrypted"].as_str(), user.starts_with("locked").then_some("yes"));
    }
    let _ = Command::new("gpgconf").args(["--kill", "gpg-agent"]).env("GNUPGHOME", at).status();
}
