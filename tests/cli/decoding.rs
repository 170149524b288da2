//! Secrets behind encodings: found with their place in the encoded text, and with the way they were read.

use crate::support::{Tree, github_token};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::io::Write as _;

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("\\u{b:04x}")).collect()
}

/// Each encoding in a file of its own: what stands before the secret, how it is encoded, and the way that is told.
#[test]
fn secrets_behind_encodings_are_found_in_their_lines() {
    let tree = Tree::new();
    let token = github_token("decoded");
    let config = format!("{{\"user\": \"bob\", \"token\": \"{token}\"}}");
    let wrap = |text: &str| {
        text.as_bytes().chunks(60).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>().join("\n    ")
    };
    let cases: Vec<(&str, String, &str)> = vec![
        ("secret.yaml", format!("kind: Secret\ndata:\n  config: {}\n", STANDARD.encode(&config)), "base64"),
        ("wrapped.yaml", format!("a: 1\nb: 2\ndata: |\n    {}\nc: 3\n", wrap(&STANDARD.encode(config.repeat(3)))), "base64"),
        ("url.txt", format!("\n\nstate={}&x=1\n", URL_SAFE_NO_PAD.encode(&config)), "base64"),
        ("hex.txt", format!("\n\nblob = {}\n", config.bytes().map(|b| format!("{b:02x}")).collect::<String>()), "hex"),
        (
            "helm.yaml",
            format!("a: 1\nb: 2\nrelease: {}\n", STANDARD.encode(STANDARD.encode(gzip(&config)))),
            "base64, base64, gzip",
        ),
        ("run.ps1", format!("\n\npowershell -enc {}\n", STANDARD.encode(wide(&format!("$t = '{token}'")))), "base64, utf-16"),
        ("unicode.json", format!("{{\n\n\"token\": \"{}\"}}\n", escaped(&token)), "escapes"),
        (
            "octal.c",
            format!("\n\nchar *t = \"{}\";\n", token.bytes().map(|b| format!("\\{b:03o}")).collect::<String>()),
            "escapes",
        ),
        (
            "hex.c",
            format!("\n\nchar *t = \"{}\";\n", token.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>()),
            "escapes",
        ),
        ("percent.txt", format!("\n\nGET /?t={}\n", token.replace('_', "%5F")), "percent"),
        ("page.html", format!("\n\n<i data-t='{}'>\n", token.replace('_', "&#95;")), "html"),
        ("plus.js", format!("\n\nconst t = \"{}\" + \"{}\";\n", &token[..12], &token[12..]), "concatenation"),
        ("implicit.py", format!("\n\nt = (\"{}\"\n     \"{}\")\n", &token[..12], &token[12..]), "concatenation"),
        ("dot.php", format!("\n\n$t = '{}' . '{}';\n", &token[..12], &token[12..]), "concatenation"),
        ("line.sh", format!("\n\nt=\"{}\\\n{}\"\n", &token[..12], &token[12..]), "escapes"),
        ("twice.txt", format!("\n\nu={}\n", STANDARD.encode(format!("x={}", token.replace('_', "%5F")))), "base64, percent"),
    ];
    for (name, text, _) in &cases {
        tree.write(name, text);
    }
    let report = tree.scan(&["."]);
    let mut wrong = Vec::new();
    for (name, _, way) in &cases {
        let findings = report.findings();
        let here: Vec<_> = findings.iter().filter(|f| f["location"]["path"] == **name).collect();
        let told: Vec<String> = here
            .iter()
            .map(|f| {
                let way: Vec<&str> =
                    f["location"]["decoded"].as_array().into_iter().flatten().filter_map(|s| s.as_str()).collect();
                format!("{} {} {}", f["rule_id"].as_str().unwrap_or_default(), f["location"]["start_line"], way.join(", "))
            })
            .collect();
        let expected = format!("github-pat-classic {} {way}", if *name == "wrapped.yaml" { 4 } else { 3 });
        if told != [expected.as_str()] {
            wrong.push(format!("{name}: {told:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same secret has the same identity, however it is written.
    tree.write("plain/secret.yaml", format!("token: {token}\n"));
    let plain = tree.scan(&["plain"]);
    assert_eq!(plain.only()["secret_id"], report.findings()[0]["secret_id"]);
}

#[test]
fn a_secret_that_stands_plain_and_decoded_is_one_finding() {
    let tree = Tree::new();
    let token = github_token("both");
    tree.write("a.txt", format!("t={token}\nu={}\n", STANDARD.encode(format!("the token is {token}."))));
    let report = tree.scan(&["."]);
    let finding = report.only();
    assert_eq!(finding["occurrences_total"], 2);
    assert_eq!((&finding["location"]["start_line"], &finding["occurrences"][1]["start_line"]), (&1.into(), &2.into()));
}

#[test]
fn what_is_encoded_too_often_is_told() {
    let tree = Tree::new();
    let mut text = format!("the token is {}, and so on", github_token("deep"));
    for _ in 0..5 {
        text = STANDARD.encode(text);
    }
    tree.write("five.txt", format!("x={text}\n"));
    assert_eq!(tree.scan(&["."]).only()["location"]["decoded"], serde_json::json!(vec!["base64"; 5]));
    for _ in 5..12 {
        text = STANDARD.encode(text);
    }
    tree.write("five.txt", format!("x={text}\n"));
    let report = tree.scan(&["."]);
    assert_eq!((report.code, report.examples("skipped", "too_deep")), (3, vec!["five.txt"]));
}

/// Nothing of what is decoded shows more than the redactor lets through.
#[test]
fn decoded_secrets_are_redacted() {
    let tree = Tree::new();
    let token = github_token("hidden");
    let encoded = STANDARD.encode(format!("user=bob token={token} host=x"));
    tree.write("a.txt", format!("data: {encoded}\n"));
    assert!(tree.run(&["scan", "."]).stdout.contains("a.txt:1:27  confidence high · behind base64\n"));
    for format in ["human", "json", "sarif", "github", "jsonl"] {
        let out = tree.run(&["scan", "-f", format, "."]).stdout;
        assert!(out.contains("github"), "{out}");
        for secret in [&token[6..], &encoded[24..60]] {
            assert!(!out.contains(secret), "{format}: {out}");
        }
    }
}
