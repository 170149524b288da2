//! What is made to use up memory and time: bounded, told, and everything beside it found.

use super::support::{Report, Tree};
use super::{entry, finished, gzip, tar, tar_header, text, zip};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The memory that a scan may use at most, in kilobytes.
const MOST_MEMORY: u64 = 256 << 10;

/// Scans a folder with a bomb and a token beside it; the bomb must be told for one of these reasons.
fn defused(tree: &Tree, reasons: &[&str]) -> Report {
    tree.write("zz.env", text("beside the bomb"));
    let begun = Instant::now();
    // Python tells how much memory its children used at most.
    let script = "import resource, subprocess, sys\n\
                  code = subprocess.call(sys.argv[1:], stdout=open('../report.json', 'w'))\n\
                  print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let folder = tree.join("in");
    std::fs::create_dir_all(&folder).expect("a folder");
    for file in std::fs::read_dir(tree.path()).expect("a folder").map(|e| e.expect("an entry").path()) {
        if file.is_file() {
            std::fs::rename(&file, folder.join(file.file_name().expect("a name"))).expect("it moves");
        }
    }
    let out = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_keysift"), "scan", "-f", "json", "-j2", "."])
        .current_dir(&folder)
        .output()
        .expect("python3 is installed");
    let told = [out.stdout, out.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    let numbers: Vec<u64> = told.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    assert!(numbers.len() == 2 && !told.contains("internal error"), "{told}");
    assert_eq!(numbers[0], 1, "the token beside it is found: {told}");
    assert!(numbers[1] <= MOST_MEMORY || cfg!(not(target_os = "linux")), "{} kB", numbers[1]);
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    let json: serde_json::Value = serde_json::from_str(&tree.read("report.json")).expect("a report");
    let report = Report { code: 1, json, stderr: String::new() };
    for reason in reasons {
        assert!(report.count("skipped", reason) > 0, "{reason}: {:#}", report.json["scan"]["skipped"]);
    }
    assert!(report.paths().contains(&"zz.env"));
    report
}

fn is_slow() -> bool {
    std::env::var_os("KEYSIFT_SLOW_TESTS").is_some()
}

#[test]
fn zips_in_zips() {
    let tree = Tree::new();
    let mut nest = zip(&[("0.dll", &vec![0; 20 << 20])]);
    for _ in 0..5 {
        let names: Vec<String> = (0..16).map(|n| format!("lib {n}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &nest[..])).collect();
        nest = zip(&members);
    }
    tree.write("42.zip", nest);
    defused(&tree, &["expansion_budget"]);
}

#[test]
fn ten_gigabytes_of_zeros() {
    let tree = Tree::new();
    let (part, parts) = if is_slow() { (10 << 20, 1000) } else { (10 << 20, 100) };
    tree.write("zeros.gz", gzip(&vec![0; part]).repeat(parts));
    defused(&tree, &["expansion_budget"]);
}

#[test]
fn blocks_of_one_byte() {
    let tree = Tree::new();
    // Zstandard: a window of 8 MB, then blocks of 128 KB that repeat one byte.
    let head = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x68][..], &[2, 0, 16, b'x'].repeat(20_000)].concat();
    tree.write("x.zst", head);
    // A window of two terabytes.
    tree.write("y.zst", [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8][..], &[1, 0, 0]].concat());
    // A whole frame of four gigabytes.
    tree.write("z.zst", [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0xff][..], &[1, 0, 0]].concat());
    defused(&tree, &["expansion_budget", "memory_budget"]);
}

#[test]
fn entries_that_overlap() {
    let tree = Tree::new();
    let zeros = vec![0; 50 << 20];
    let one = zip(&[("a", &zeros)]);
    let at = memchr::memmem::find(&one, b"PK\x01\x02").expect("a directory");
    let files = one[..at].to_vec();
    let header = &one[at..one.len() - 22];
    tree.write("overlap.zip", finished(files, &header.repeat(10_000), 10_000));
    let small = zip(&[("a.env", text("overlapping").as_bytes())]);
    let at = memchr::memmem::find(&small, b"PK\x01\x02").expect("a directory");
    tree.write("small.zip", finished(small[..at].to_vec(), &small[at..small.len() - 22].repeat(3), 3));
    let report = defused(&tree, &["expansion_budget", "irregular_container"]);
    assert!(report.paths().contains(&"small.zip"));
}

#[test]
fn a_million_entries() {
    let tree = Tree::new();
    let count = if is_slow() { 1_200_000 } else { 60_000 };
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for n in 0..count {
        let (head, file) = entry(&format!("{n:x}"), 0, 0, b"", b"", files.len());
        files.extend(file);
        directory.extend(head);
    }
    tree.write("many.zip", finished(files, &directory, count));
    let head = tar_header("x", 0);
    tree.write("many.tar", head.repeat(if is_slow() { 1_200_000 } else { 60_000 }));
    defused(&tree, if is_slow() { &["too_many_members"] } else { &[] });
}

#[test]
fn long_names() {
    let tree = Tree::new();
    let name = "n".repeat(60_000);
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for _ in 0..2000 {
        let (head, file) = entry(&name, 0, 0, b"x", b"x", files.len());
        files.extend(file);
        directory.extend(head);
    }
    tree.write("names.zip", finished(files, &directory, 2000));
    let entries: Vec<String> = (0..50_000).map(|n| format!("\"{n}\":{{\"size\":1,\"offset\":\"{n}\"}}")).collect();
    let json = format!("{{\"files\":{{\"{}\":{{\"files\":{{{}}}}}}}}}", "d".repeat(100_000), entries.join(","));
    let len = u32::try_from(json.len()).expect("small");
    let head: Vec<u8> = [4, len + 8, len + 4, len].iter().flat_map(|n| n.to_le_bytes()).collect();
    tree.write("names.asar", [&head[..], json.as_bytes(), &vec![b'x'; 50_000]].concat());
    defused(&tree, &[]);
}

#[test]
fn sizes_that_are_not_there() {
    let tree = Tree::new();
    let token = text("before the lie");
    for (n, size) in [1u64 << 40, u64::MAX >> 2, 7_000_000_000].into_iter().enumerate() {
        let whole = tar(&[("a.env", token.as_bytes())]);
        tree.write(format!("{n}.tar"), [&whole[..1024], &tar_header("huge", size), b"and some bytes"].concat());
        tree.write(format!("{n}.tgz"), gzip(&[&whole[..1024], &tar_header("huge", size), b"and some bytes"].concat()));
    }
    let report = defused(&tree, &["too_large", "damaged_container"]);
    assert_eq!(report.findings().len(), 7);
}

/// What a scan unpacked and decoded in all, by its own count.
fn unpacked(report: &Report) -> u64 {
    report.json["scan"]["unpacked"].as_u64().expect("a count")
}

#[test]
fn many_small_bombs_cost_what_their_bytes_allow() {
    let tree = Tree::new();
    // Each is a few hundred bytes that unpack to some hundred megabytes.
    let nested = gzip(&gzip(&vec![b' '; 300 << 20]));
    assert!(nested.len() < 5000, "{}", nested.len());
    let count = if is_slow() { 400 } else { 40 };
    for n in 0..count {
        // No two are equal: git keeps each of them.
        tree.write(format!("in/{n}.gz"), [&nested[..], format!("{n}").as_bytes()].concat());
    }
    let report = defused(&tree, &["expansion_budget"]);
    assert!(report.count("skipped", "expansion_budget") >= count);
    let allowed = count * (16_000_000 + 2000 * (nested.len() as u64 + 4));
    assert!(unpacked(&report) <= allowed + count * (1 << 20), "{} of {allowed}", unpacked(&report));
    let git = |args: &[&str]| {
        let done = Command::new("git").args(args).current_dir(tree.join("in")).output().expect("git is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "bombs"]);
    let report = tree.run(&["git", "-f", "json", "in"]).report();
    assert!(report.count("skipped", "expansion_budget") >= count);
    assert!(unpacked(&report) <= allowed + count * (1 << 20), "{} of {allowed}", unpacked(&report));
    assert_eq!(report.paths(), ["zz.env"]);
}

/// What is decoded counts like what is unpacked: bombs behind base64, in a text by itself and many in an archive.
#[test]
fn bombs_behind_base64() {
    use base64::Engine as _;
    let tree = Tree::new();
    let bomb = base64::engine::general_purpose::STANDARD.encode(gzip(&vec![b' '; 15 << 20]));
    let texts: Vec<String> = (0..if is_slow() { 2000 } else { 200 }).map(|n| format!("release {n}: {bomb}\n")).collect();
    tree.write("0alone.yaml", &texts[0]);
    tree.write("0together.yaml", texts.concat());
    let names: Vec<String> = (0..texts.len()).map(|n| format!("{n}.yaml")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_bytes)).collect();
    let archive = zip(&members);
    tree.write("archive.zip", &archive);
    tree.write("again.zip", zip(&[("archive.zip", &archive)]));
    let report = defused(&tree, &["expansion_budget", "too_deep"]);
    let told = report.examples("skipped", "too_deep");
    assert!(told.contains(&"0alone.yaml") && told.contains(&"0together.yaml"), "{told:?}");
    let told = report.examples("skipped", "expansion_budget");
    assert!(told.iter().any(|path| path.starts_with("again.zip")), "{told:?}");
}

#[test]
fn base64_of_base64_fifty_times() {
    use base64::Engine as _;
    let tree = Tree::new();
    let times = if is_slow() { 50 } else { 30 };
    let mut text = "the token is not to be had".to_owned();
    for _ in 0..times {
        text = base64::engine::general_purpose::STANDARD.encode(text);
    }
    tree.write("deep.txt", text);
    let report = defused(&tree, &["too_deep"]);
    assert!(report.examples("skipped", "too_deep").contains(&"deep.txt"));
}

#[test]
fn dictionaries_that_are_too_large() {
    let tree = Tree::new();
    // The old format: properties, a dictionary of 4 GB, an unknown length.
    let mut head = vec![0x5d, 0, 0, 0, 0xc0];
    head.extend([0xff; 8]);
    head.extend([0; 64]);
    tree.write("x.lzma", &head);
    // An xz block whose dictionary is of the largest size.
    let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
    let block = [2, 0, 0x21, 1, 40, 0, 0, 0];
    let stream = [&b"\xfd7zXZ\0\0\0"[..], &sum(&[0, 0]), &block, &sum(&block), &[0; 64]].concat();
    tree.write("x.xz", stream);
    defused(&tree, &["memory_budget"]);
}

#[test]
fn solid_blocks_and_deep_dictionaries_of_real_tools() {
    let tools = ["7z", "xz"];
    let has = |tool: &str| Command::new(tool).arg("--help").output().is_ok();
    if !is_slow() || !tools.iter().all(|tool| has(tool)) {
        eprintln!("not tested: it needs KEYSIFT_SLOW_TESTS and {tools:?}");
        return;
    }
    let tree = Tree::new();
    let run = |command: &str, folder: &Path| {
        let done = Command::new("sh").args(["-c", command]).current_dir(folder).output().expect("a shell");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let make = tree.join("make");
    std::fs::create_dir_all(&make).expect("a folder");
    // Incompressible enough to fill a dictionary.
    run("head -c 14000000 /dev/urandom | base64 -w 76 > a.txt", &make);
    std::fs::write(make.join("b.env"), text("behind the dictionary")).expect("a file");
    let deep = "xz -T1 -c --lzma2=preset=0,dict=16MiB";
    run(&format!("{deep} a.txt > ../deep.xz; cat a.txt b.env | {deep} | {deep} > ../deep-in-deep.xz"), &make);
    run(
        "7z a -bd -mx=1 -m0=lzma2:d=16m -mmt=1 ../solid.7z a.txt b.env; 7z a -bd -mx=1 -m0=lzma2:d=512m -mmt=1 ../wide.7z a.txt b.env",
        &make,
    );
    run("head -c 300000000 /dev/zero > z; 7z a -bd -mx=1 -mmt=1 ../zeros.7z z", &make);
    std::fs::remove_dir_all(&make).expect("it is there");
    let report = defused(&tree, &["expansion_budget"]);
    let ways: Vec<&str> = report.paths();
    assert!(ways.contains(&"solid.7z"), "{ways:?}");
    // Dictionaries in each other may be more than may be held: then that is told.
    let told = report.examples("skipped", "memory_budget");
    assert!(ways.contains(&"deep-in-deep.xz") || told.iter().any(|p| p.starts_with("deep-in-deep.xz")), "{ways:?} {told:?}");
}
