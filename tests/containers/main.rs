//! keysift on containers made by the tools that people make them with.
//!
//! - `matrix`: each format in each position, with right places
//! - `damage`: cut off and flipped bits
//! - `bombs`: what is made to use up memory and time
//! - `documents`: notebooks, mail, databases, PDF
//! - `pdf`: PDF of browsers, office programs and typesetters
//! - `told`: how places and gaps are told, budgets and flags
//! - `git`: containers in commits, ranges and the index

mod bombs;
mod damage;
mod documents;
mod git;
mod matrix;
mod pdf;
mod told;

#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs the script that makes containers; gives what it told.
fn made(folder: &Path) -> Vec<Value> {
    let tokens: Vec<String> = (0..8000).map(|n| support::github_token(&format!("container {n}"))).collect();
    let list = folder.join("tokens");
    std::fs::write(&list, tokens.join("\n")).expect("a file");
    let out = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/make.py"))
        .arg(folder.join("made"))
        .arg(&list)
        .output()
        .expect("python3 is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::remove_file(list).expect("it is there");
    let lines = String::from_utf8(out.stdout).expect("JSON");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A zip archive of deflated members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        deflate.write_all(bytes).expect("memory");
        let packed = deflate.finish().expect("memory");
        let (entry, file) = entry(name, 0, 8, bytes, &packed, files.len());
        files.extend(file);
        directory.extend(entry);
    }
    finished(files, &directory, members.len())
}

/// The central header and the local file of one member.
fn entry(name: &str, flags: u8, method: u8, bytes: &[u8], packed: &[u8], at: usize) -> (Vec<u8>, Vec<u8>) {
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    let name_len = u16::try_from(name.len()).expect("short").to_le_bytes();
    let sum = crc32fast::hash(bytes).to_le_bytes();
    let sizes = [number(packed.len()), number(bytes.len())].concat();
    let facts = [&[20, 0, flags, 0, method, 0, 0, 0, 0, 0][..], &sum, &sizes, &name_len, &[0, 0]].concat();
    let file = [b"PK\x03\x04", &facts[..], name.as_bytes(), packed].concat();
    let entry = [b"PK\x01\x02\x14\0", &facts[..], &[0; 10], &number(at), name.as_bytes()].concat();
    (entry, file)
}

/// The archive of these files and this directory.
fn finished(mut files: Vec<u8>, directory: &[u8], count: usize) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    let count = u16::try_from(count.min(65535)).expect("small").to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &number(directory.len()), &number(files.len()), &[0, 0]].concat();
    files.extend_from_slice(directory);
    files.extend(end);
    files
}

/// The header of a tar member with this size.
fn tar_header(name: &str, size: u64) -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    if size < 1 << 33 {
        head[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        head[124] = 0x80;
        head[128..136].copy_from_slice(&size.to_be_bytes());
    }
    head[148..156].copy_from_slice(b"        ");
    let sum: u64 = head.iter().map(|b| u64::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}

/// A tar archive.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        out.extend(tar_header(name, bytes.len() as u64));
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A gzip file.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
}

/// Text with a token in its third line.
fn text(name: &str) -> String {
    format!("one\ntwo\ntoken = \"{}\"\n", support::github_token(name))
}

/// Text that hardly gets smaller: so many numbers, a line each.
fn filler(lines: u32) -> String {
    let numbers = (0..lines).map(|n| n.wrapping_mul(2_654_435_761));
    let lines: Vec<String> = numbers.map(|n| format!("{n:08x}\n")).collect();
    lines.concat()
}
