//! Documents: notebooks, mail, databases, PDF, classes, Office files, alone, in archives and in commits.

use super::support::{Tree, github_token};
use super::zip;
use base64::Engine as _;
use std::path::Path;
use std::process::Command;

/// The joined path and line of each finding.
fn places(report: &crate::support::Report) -> Vec<(String, u64)> {
    let mut places: Vec<(String, u64)> = report
        .findings()
        .iter()
        .map(|f| {
            let l = &f["location"];
            let steps = l["container"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
            let joined = std::iter::once(l["path"].as_str().expect("a path")).chain(steps).collect::<Vec<_>>().join("!");
            (joined, l["start_line"].as_u64().expect("a line"))
        })
        .collect();
    places.sort();
    places
}

fn python(folder: &Path, script: &str, argument: &str) {
    let out = Command::new("python3").args(["-c", script, argument]).current_dir(folder).output().expect("python3 is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn notebook(token: &str) -> String {
    serde_json::json!({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            { "cell_type": "markdown", "metadata": {}, "source": ["# A report\n", "of nothing"] },
            { "cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["import os\n", format!("t = '{token}'\n")],
              "outputs": [{ "output_type": "stream", "name": "stdout", "text": ["one\n", "two\n", format!("T={}\n", github_token("output"))] }] },
        ]
    })
    .to_string()
}

#[test]
fn notebooks_are_read_cell_by_cell() {
    let tree = Tree::new();
    tree.write("a.ipynb", notebook(&github_token("cell")));
    let found = places(&tree.scan(&["."]));
    assert_eq!(found, [("a.ipynb!cell 2".to_owned(), 2), ("a.ipynb!cell 2 output".to_owned(), 5)]);
}

#[test]
fn mail_is_decoded_and_its_attachments_are_opened() {
    let tree = Tree::new();
    let attached = base64::engine::general_purpose::STANDARD
        .encode(zip(&[("k.env", format!("T={}\n", github_token("attached")).as_bytes())]));
    // Quoted-printable breaks the line within the token.
    let token = github_token("body");
    let body = format!("Hello=2C\n\nthe token is {}=\n{}=2E\n", &token[..12], &token[12..]);
    let mail = format!(
        "From: a@example.org\nTo: b@example.org\nSubject: keys\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"xx\"\n\n\
         --xx\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n{body}\n\
         --xx\nContent-Type: application/zip; name=\"keys.zip\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"keys.zip\"\n\n{attached}\n--xx--\n"
    );
    tree.write("m.eml", mail);
    let found = places(&tree.scan(&["."]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|(path, line)| path.ends_with("keys.zip!k.env") && *line == 1), "{found:?}");
    assert!(found.iter().any(|(_, line)| *line == 3), "{found:?}");
}

#[test]
fn databases_are_read_row_by_row_in_archives_and_commits_too() {
    let tree = Tree::new();
    let script = "import sqlite3, sys\n\
        db = sqlite3.connect('app.db')\n\
        db.execute('create table settings (name text, token text)')\n\
        db.execute('insert into settings values (?, ?)', ('github', sys.argv[1]))\n\
        db.execute('create table gone (note text)')\n\
        db.execute('insert into gone values (?)', ('x' * 50,))\n\
        db.execute('delete from gone')\n\
        db.commit()\n";
    python(&tree.path(), script, &github_token("row"));
    let db = std::fs::read(tree.path().join("app.db")).expect("it was made");
    tree.write("backup.zip", zip(&[("var/app.db", &db)]));
    let found = places(&tree.scan(&["."]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].0.starts_with("app.db!") && found[1].0.starts_with("backup.zip!var/app.db!"), "{found:?}");
    for arguments in [&["init", "-q"][..], &["add", "."], &["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"]] {
        assert!(Command::new("git").args(arguments).current_dir(tree.path()).status().expect("git").success());
    }
    std::fs::remove_file(tree.path().join("app.db")).expect("it is there");
    let history = places(&tree.run(&["git", "-f", "json", "."]).report());
    assert_eq!(history, found, "history knows them by the same names");
}

#[test]
fn tokens_that_word_processors_split_are_whole() {
    let tree = Tree::new();
    let token = github_token("word");
    let runs: String =
        [&token[..7], &token[7..20], &token[20..]].iter().flat_map(|run| ["<w:r><w:t>", run, "</w:t></w:r>"]).collect();
    let xml = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>\
         <w:p><w:r><w:t>Our key</w:t></w:r></w:p><w:p>{runs}</w:p></w:body></w:document>"
    );
    tree.write("plan.docx", zip(&[("word/document.xml", xml.as_bytes())]));
    let found = places(&tree.scan(&["."]));
    assert_eq!(found, [("plan.docx!word/document.xml".to_owned(), 2)]);
}

/// A PDF by hand: a page whose text is compressed and drawn in pieces.
#[test]
fn pdf_text_is_put_together() {
    use std::io::Write as _;
    let token = github_token("pdf");
    let content = format!("BT /F1 12 Tf 72 700 Td [({}) -20 ({}) 15 ({})] TJ ET", &token[..9], &token[9..25], &token[25..]);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(content.as_bytes()).expect("memory");
    let packed = zlib.finish().expect("memory");
    let mut pdf = b"%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n\
        3 0 obj <</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>> endobj\n\
        5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Courier>> endobj\n"
        .to_vec();
    pdf.extend(format!("4 0 obj <</Length {}/Filter/FlateDecode>> stream\n", packed.len()).into_bytes());
    pdf.extend(packed);
    pdf.extend(b"\nendstream endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n");
    let tree = Tree::new();
    tree.write("a.pdf", pdf);
    let found = places(&tree.scan(&["."]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("a.pdf!page 1"), "{found:?}");
}

#[test]
fn documents_that_cannot_be_read_are_told() {
    let tree = Tree::new();
    tree.write("locked.pdf", "%PDF-1.4\n1 0 obj <</Type/Catalog>> endobj\n2 0 obj <</Filter/Standard/V 2/R 3/O(x)/U(y)/P -4>> endobj\ntrailer <</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF\n");
    let report = tree.scan(&["."]);
    assert_eq!((report.code, report.examples("skipped", "encrypted_member")), (3, vec!["locked.pdf"]));
    // As bytes they are looked at all the same, if that is what one asks for.
    tree.write("a.ipynb", notebook(&github_token("cell")));
    let found = places(&tree.scan(&["--no-archives", "a.ipynb"]));
    assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["a.ipynb", "a.ipynb"]);
}
