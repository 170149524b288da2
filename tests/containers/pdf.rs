//! PDF as browsers, office programs and typesetters write it: secrets are found with their page. Each tool is run where it is
//! installed, under `KEYSIFT_SLOW_TESTS`; `.ci/run` sees to those that Debian has.

use super::support::{Tree, github_token};
use std::path::Path;
use std::process::{Command, Stdio};

/// How a text is set: its name, and what a browser is told.
const STYLES: [(&str, &str); 5] = [
    ("serif", "font-family: serif"),
    ("mono", "font-family: monospace"),
    ("spaced", "letter-spacing: 2px"),
    ("sans", "font-family: 'DejaVu Sans', sans-serif"),
    ("small", "font-size: 5pt; font-style: italic"),
];

fn token(tool: &str, style: &str) -> String {
    github_token(&format!("{tool} sets {style}"))
}

/// Two pages: ordinary text, then a token in each style, and one that is half bold.
fn page(tool: &str) -> String {
    let rows = "<p>Settings of the office: see the waffle, naïve façade.</p>".repeat(20);
    let set = STYLES.map(|(style, css)| format!("<p style=\"{css}\">The token is {} for now.</p>", token(tool, style))).concat();
    let bold = token(tool, "bold");
    let (bold, plain) = bold.split_at(20);
    format!(
        "<html><head><meta charset=\"utf-8\"></head><body><h1>Handover</h1>{rows}\
         <p style=\"page-break-before: always\">Second page</p>{set}<p>token: <b>{bold}</b>{plain}</p></body></html>"
    )
}

/// The same for troff, which does not space letters.
fn troff(tool: &str) -> String {
    let (serif, mono) = (token(tool, "serif"), token(tool, "mono"));
    format!(".nh\nOrdinary text.\n.bp\nThe token is\n.br\n{serif}\n.br\n.ft CR\nGITHUB_TOKEN={mono}\n")
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a shell command in `folder`; tells whether it made `out.pdf`.
fn made(folder: &Path, command: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("HOME", folder).env("QT_QPA_PLATFORM", "offscreen");
    let done = shell.stdin(Stdio::null()).output().expect("a shell");
    let size = std::fs::metadata(folder.join("out.pdf")).map_or(0, |file| file.len());
    if size == 0 {
        eprintln!("{command}: {}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    }
    size > 0
}

#[test]
fn pages_of_browsers_office_programs_and_typesetters() {
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
        eprintln!("not tested: it needs KEYSIFT_SLOW_TESTS");
        return;
    }
    let tools = [
        (
            "chromium",
            "timeout 90 chromium --headless --no-sandbox --disable-gpu --user-data-dir=profile --print-to-pdf=out.pdf in.html",
        ),
        ("wkhtmltopdf", "timeout 90 wkhtmltopdf -q in.html out.pdf"),
        (
            "soffice",
            "timeout 120 soffice --headless --convert-to odt in.html && timeout 120 soffice --headless --convert-to pdf in.odt && mv in.pdf out.pdf",
        ),
        ("groff", "groff -Tpdf in.roff > out.pdf"),
        ("ps2pdf", "groff -Tps in.roff | ps2pdf - out.pdf"),
    ];
    let tree = Tree::new();
    let mut asked: Vec<&str> = Vec::new();
    for (tool, command) in tools {
        let folder = tree.join(tool);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("in.html"), page(tool)).expect("a file");
        std::fs::write(folder.join("in.roff"), troff(tool)).expect("a file");
        if is_there(tool) && made(&folder, command) {
            let pdf = std::fs::read(folder.join("out.pdf")).expect("it is there");
            tree.write(format!("in/{tool}.pdf"), pdf);
            asked.push(tool);
        } else {
            eprintln!("not tested: {tool} is not installed, or makes no PDF here");
        }
    }
    let must = ["chromium", "groff", "ps2pdf"];
    let in_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!in_ci || must.iter().all(|tool| asked.contains(tool)), "only {asked:?}");
    let report = tree.run(&["scan", "-f", "json", "--show-secrets", "in"]).report();
    for tool in asked {
        let is_typeset = ["groff", "ps2pdf"].contains(&tool);
        let styles = STYLES.iter().map(|(style, _)| *style).chain(["bold"]);
        for style in styles.filter(|style| !is_typeset || ["serif", "mono"].contains(style)) {
            let secret = token(tool, style);
            let findings = report.findings();
            let found = findings.iter().find(|finding| finding["secret"] == *secret);
            let place = found.map_or_else(|| panic!("{tool}: {style} is not found"), |finding| &finding["location"]);
            assert_eq!(place["path"], format!("{tool}.pdf"));
            assert_eq!(place["container"], serde_json::json!(["page 2"]), "{tool}: {style}");
        }
    }
    assert!(report.json["scan"]["skipped"].as_array().is_some_and(Vec::is_empty), "{}", report.json["scan"]["skipped"]);
}
