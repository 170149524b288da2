//! Where reports go: stdout, or a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file: first beside it under a temporary name, readable by its owner alone, then renamed, so that no one sees
/// half a report and no link is followed. A device or a pipe, such as `/dev/null`, is written to and stays what it is.
///
/// # Errors
/// Where the folder cannot be written to, or `write` fails.
pub fn file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if is_device(path) {
        let mut out = io::BufWriter::new(OpenOptions::new().write(true).open(path)?);
        write(&mut out)?;
        return out.flush();
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    put(path, &mut options, |file| {
        let mut out = io::BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    })
}

/// Puts a file in place whole or not at all: written beside it under a temporary name, then renamed.
///
/// # Errors
/// Where the folder cannot be written to, or `write` fails; nothing is left behind then.
pub(crate) fn put(path: &Path, options: &mut OpenOptions, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary);
    let result = options.write(true).create_new(true).open(&temporary).and_then(|file| {
        write(&file)?;
        drop(file);
        fs::rename(&temporary, path)
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Whether there is something at `path` that is no file, folder or link: renaming a file over it would destroy it.
fn is_device(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| {
        let kind = meta.file_type();
        !kind.is_file() && !kind.is_dir() && !kind.is_symlink()
    })
}
