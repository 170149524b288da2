//! How places and gaps are told, budgets and flags.

use super::support::{Tree, github_token};
use super::{entry, filler, finished, gzip, tar, text, zip};

#[test]
fn places_in_every_report() {
    let tree = Tree::new();
    let inner = tar(&[("conf/settings.env", text("nested").as_bytes())]);
    tree.write("outer.zip", zip(&[("inner.tar", &inner)]));
    let report = tree.scan(&["."]);
    let finding = report.only();
    let place = &finding["location"];
    assert_eq!((&place["path"], &place["start_line"]), (&"outer.zip".into(), &3.into()));
    assert_eq!(place["container"], serde_json::json!(["inner.tar", "conf/settings.env"]));
    assert_eq!(report.json["scan"]["members"], 1);
    let key = keysift::finding::IdentityKey::public();
    let whole = "outer.zip!inner.tar!conf/settings.env";
    let expected = key.fingerprint("github-pat-classic", github_token("nested").as_bytes(), whole);
    assert_eq!(finding["fingerprint"], expected.0.as_str());
    let human = tree.run(&["scan", "."]).stdout;
    assert!(human.contains(&format!("{whole}:3:10")), "{human}");
    let sarif: serde_json::Value = serde_json::from_str(&tree.run(&["scan", "-f", "sarif", "."]).stdout).expect("JSON");
    let location = &sarif["runs"][0]["results"][0]["locations"][0];
    assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "outer.zip");
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], whole);
    let github = tree.run(&["scan", "-f", "github", "."]).stdout;
    assert!(github.contains("file=outer.zip,line=1,") && github.contains(&format!("{whole}:3")), "{github}");
    // What explains it finds it by the same name.
    let explained = tree.run(&["explain", finding["fingerprint"].as_str().expect("text")]).stdout;
    assert!(explained.contains(whole), "{explained}");
}

#[test]
fn names_of_members_are_labels_and_harmless() {
    let tree = Tree::new();
    let names = ["../../../../etc/evil.env", "/abs/olute.env", "con\x1b[31mtrol\n.env", "..\\..\\win.env"];
    let texts: Vec<String> = names.iter().map(|name| text(name)).collect();
    let members: Vec<(&str, &[u8])> = names.iter().zip(&texts).map(|(name, text)| (*name, text.as_bytes())).collect();
    tree.write("evil.zip", zip(&members)).write("evil.tar", tar(&members));
    let run = tree.run(&["scan", "-f", "json", "."]);
    assert_eq!(run.report().findings().len(), 2 * names.len());
    let human = tree.run(&["scan", "."]).stdout;
    assert!(!human.contains('\x1b') && human.contains("evil.zip!../../../../etc/evil.env:3"), "{human}");
    let mut there: Vec<_> = std::fs::read_dir(tree.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    there.sort();
    assert_eq!(there, ["evil.tar", "evil.zip"], "nothing is written");
}

#[test]
fn members_are_left_out_by_their_own_and_the_joined_path() {
    let tree = Tree::new();
    let (a, b, c) = (text("a"), text("b"), text("c"));
    tree.write("x.zip", zip(&[("docs/a.env", a.as_bytes()), ("b.env", b.as_bytes()), ("c.env", c.as_bytes())]));
    let report = tree.scan(&["--exclude", "docs/**", "--exclude", "x.zip!b.env", "."]);
    assert_eq!(report.only()["location"]["container"][0], "c.env");
    assert_eq!(report.examples("excluded", "excluded"), ["x.zip!b.env", "x.zip!docs/a.env"]);
    assert!(report.complete());
}

#[test]
fn paths_of_members_count_for_rules() {
    let tree = Tree::new();
    let config = "[[rule]]\nid = \"acme\"\npath = '''\\.acme$'''\npattern = '''acme_[a-z]{12}'''\n";
    let secret = ["acme_", "qwkzjvhxbmfp"].concat();
    tree.write("k.toml", config).write("x.zip", zip(&[("in.acme", secret.as_bytes()), ("in.txt", secret.as_bytes())]));
    let report = tree.scan(&["-c", "k.toml", "--rule", "acme", "--min-confidence", "low", "x.zip"]);
    assert_eq!(report.only()["location"]["container"][0], "in.acme");
}

#[test]
fn archives_stay_closed_where_asked() {
    let tree = Tree::new();
    let (packed, stored) = (text("packed"), text("stored"));
    tree.write("x.zip", zip(&[("a.env", packed.repeat(9).as_bytes())])).write("x.tar", tar(&[("b.env", stored.as_bytes())]));
    let report = tree.scan(&["--no-archives", "."]);
    assert_eq!(report.paths(), ["x.tar"], "its bytes can be read as they are");
    assert_eq!(report.examples("excluded", "not_opened"), ["x.tar", "x.zip"]);
    assert!(report.complete());
    tree.write("k.toml", "archives = false\n");
    assert_eq!(tree.scan(&["-c", "k.toml", "."]).count("excluded", "not_opened"), 2);
}

#[test]
fn depth_is_bounded_and_told() {
    let tree = Tree::new();
    let mut nested = text("deep").into_bytes();
    for n in 0..9 {
        nested = zip(&[(if n == 0 { "a.env" } else { "in.zip" }, &nested)]);
    }
    tree.write("x.zip", &nested);
    let report = tree.scan(&["."]);
    assert!(report.findings().is_empty() && report.code == 3);
    assert_eq!(report.count("skipped", "too_deep"), 1);
    assert_eq!(tree.scan(&["--max-depth", "9", "."]).findings().len(), 1);
    let gap = "[[accept_gap]]\nreason = \"too_deep\"\npath = \"x.zip!**\"\nnote = \"known\"\n";
    tree.write("k.toml", format!("max_depth = 2\n{gap}"));
    let report = tree.scan(&["-c", "k.toml", "x.zip"]);
    assert!(report.complete() && report.code == 0, "{:#}", report.json["scan"]);
}

#[test]
fn members_and_bytes_are_bounded_and_told() {
    let tree = Tree::new();
    let texts: Vec<String> = (0..20).map(|n| text(&format!("member {n}"))).collect();
    let names: Vec<String> = (0..20).map(|n| format!("{n}.env")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    tree.write("x.zip", zip(&members)).write("y.env", text("after"));
    let report = tree.scan(&["--max-members", "5", "."]);
    assert_eq!((report.findings().len(), report.count("skipped", "too_many_members")), (6, 1));
    let report = tree.scan(&["--max-unpacked", "200", "."]);
    assert_eq!((report.findings().len(), report.count("skipped", "expansion_budget")), (5, 1), "{:#}", report.json["scan"]);
    let large = [text("large"), "filler\n".repeat(1000)].concat();
    tree.write("x.zip", zip(&[("large.env", large.as_bytes()), ("small.env", text("small").as_bytes())]));
    let report = tree.scan(&["--max-file-size", "5KB", "."]);
    assert_eq!((report.findings().len(), report.examples("skipped", "too_large")), (2, vec!["x.zip!large.env"]));
}

#[test]
fn what_is_encrypted_or_unknown_is_told_and_the_rest_found() {
    let tree = Tree::new();
    let plain = text("plain");
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for (name, flags, method) in [("secret.env", 1, 0), ("odd.env", 0, 98), ("plain.env", 0, 0)] {
        let (head, file) = entry(name, flags, method, plain.as_bytes(), plain.as_bytes(), files.len());
        files.extend(file);
        directory.extend(head);
    }
    tree.write("x.zip", finished(files, &directory, 3)).write("y.rar", b"Rar!\x1a\x07\x01\0 and what follows");
    let report = tree.scan(&["."]);
    assert_eq!(report.only()["location"]["container"][0], "plain.env");
    assert_eq!(report.examples("skipped", "encrypted_member"), ["x.zip!secret.env"]);
    assert_eq!(report.examples("skipped", "unsupported_method"), ["x.zip!odd.env", "y.rar"]);
    assert_eq!(report.code, 1);
}

#[test]
fn what_only_looks_like_a_container_is_looked_at_as_bytes() {
    let tree = Tree::new();
    for (n, head) in
        [&b"PK\x03\x04"[..], b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"!<arch>\n"]
            .iter()
            .enumerate()
    {
        let body = [head, &b"\n and so on\n"[..], text(&format!("{n}")).as_bytes()].concat();
        tree.write(format!("{n}.env"), body);
    }
    let report = tree.scan(&["."]);
    assert_eq!(report.findings().len(), 6, "{:#}", report.json["scan"]);
    // What follows the mark of Zstandard asks for a dictionary.
    assert_eq!((report.count("skipped", "damaged_container"), report.count("skipped", "unsupported_method")), (5, 1));
}

#[test]
fn standard_input_and_json_lines() {
    use base64::Engine as _;
    let tree = Tree::new();
    let packed = gzip(&tar(&[("a.env", text("piped").as_bytes())]));
    let report = tree.run_with(&["scan", "-f", "json", "-"], &packed).report();
    assert_eq!(report.only()["location"]["container"], serde_json::json!(["a.env"]));
    let line = serde_json::json!({"path": "x.tgz", "content_base64": base64::engine::general_purpose::STANDARD.encode(&packed)});
    let report = tree.run_with(&["scan", "-f", "json", "--from-jsonl"], line.to_string().as_bytes()).report();
    assert_eq!(report.only()["location"]["path"], "x.tgz");
    assert_eq!(report.only()["location"]["container"], serde_json::json!(["a.env"]));
}

#[test]
fn repositories_in_archives() {
    let tree = Tree::new();
    tree.git_command(&["init", "-q", "repo"]);
    tree.write("repo/a.env", text("object"));
    tree.git_command(&["-C", "repo", "add", "-A"]);
    tree.git_command(&["-C", "repo", "commit", "-q", "-m", "x"]);
    let done = std::process::Command::new("tar").args(["-C", "repo", "-cf", "x.tar", ".git"]).current_dir(tree.path()).status();
    assert!(done.expect("tar is installed").success());
    let report = tree.scan(&["x.tar"]);
    let ways: Vec<&str> = report.findings().iter().filter_map(|f| f["location"]["container"][0].as_str()).collect();
    assert!(ways.len() == 1 && ways[0].starts_with(".git/objects/"), "{ways:?}");
    tree.git_command(&["-C", "repo", "repack", "-q", "-a", "-d"]);
    let done = std::process::Command::new("tar").args(["-C", "repo", "-cf", "y.tar", ".git"]).current_dir(tree.path()).status();
    assert!(done.expect("tar is installed").success());
    let report = tree.scan(&["y.tar"]);
    assert_eq!(report.count("excluded", "nested_repository"), 1, "{:#}", report.json["scan"]);
}

#[test]
fn the_same_whatever_the_number_of_threads() {
    let tree = Tree::new();
    let filler = filler(400_000);
    let texts: Vec<String> = (0..40).map(|n| format!("{}{filler}", text(&format!("large {n}")))).collect();
    let names: Vec<String> = (0..40).map(|n| format!("{n}.env")).collect();
    let mut members: Vec<(&str, &[u8])> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let nested = zip(&[("in.env", text("in").as_bytes())]);
    members.insert(20, ("nested.zip", &nested));
    let archive = zip(&members);
    assert!(archive.len() > 9 << 20, "{}", archive.len());
    tree.write("x.zip", archive);
    for limits in [&[][..], &["--max-unpacked", "50MB"], &["--max-members", "25"]] {
        let report = |threads: &str| {
            let mut json = tree.scan(&[&["-j", threads, "."], limits].concat()).json;
            json["scan"]["run"] = serde_json::Value::Null;
            json
        };
        let one = report("1");
        assert_eq!(one, report("2"), "{limits:?}");
        let count = one["findings"].as_array().expect("a list").len();
        assert!(if limits.is_empty() { count == 41 } else { (5..41).contains(&count) }, "{limits:?}: {count}");
        assert!(limits.is_empty() == one["scan"]["complete"].as_bool().expect("a bool"));
    }
}
