//! moto's server, which speaks like AWS, in a virtual environment that tests make. It is installed where `KEYSIFT_SLOW_TESTS` is
//! set; where it cannot be had a test says so, and fails under `CI=true`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The server's program, installed if that is asked for.
pub(crate) fn program() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let program = folder.join("bin/moto_server");
    if program.exists() {
        return Ok(program);
    }
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
        return Err("KEYSIFT_SLOW_TESTS=1 installs moto's server and runs this test".to_owned());
    }
    let run = |program: &Path, arguments: &[&str]| {
        let done = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    };
    run(Path::new("python3"), &["-m", "venv", &folder.display().to_string()])?;
    run(&folder.join("bin/pip"), &["install", "--quiet", "moto[server]==5.2.5"])?;
    Ok(program)
}

/// Says that a test was not done; that it must be done where everything is to be had.
pub(crate) fn not_done(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true") || std::env::var_os("KEYSIFT_SLOW_TESTS").is_none(), "{why}");
    eprintln!("not done: {why}");
}
