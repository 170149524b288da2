//! keysift over its own repository: nothing to report. No finished token stands in it, and what only looks like one is
//! judged rightly.

use std::process::Command;

#[test]
fn the_repository_holds_no_secret() {
    let files = Command::new("git").args(["ls-files", "-z"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let Some(files) = files.ok().filter(|o| o.status.success()) else {
        eprintln!("skipped: this is no git work tree");
        return;
    };
    let files = String::from_utf8(files.stdout).expect("names of files are UTF-8");
    let files: Vec<&str> =
        files.split_terminator('\0').filter(|f| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(f).exists()).collect();
    assert!(files.len() > 100);
    let output = Command::new(env!("CARGO_BIN_EXE_keysift"))
        .args(["scan", "--color", "never", "--verbose"])
        .args(&files)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("keysift can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&output.stderr));
}
