//! Files that people keep in their repository: changed whole or not at all, with the rights that they had.

use crate::report::write::put;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a program that was not there before: a hook.
pub(super) fn create_program(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o755);
    }
    put(path, &mut options, |mut file| file.write_all(text.as_bytes()))
}

/// Puts `text` in the place of a file. A link is not followed, and not replaced: it stands for a file elsewhere.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let old = match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(io::Error::other("it is a link or no regular file")),
        Ok(meta) => Some(meta),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    put(path, &mut OpenOptions::new(), |mut file| {
        if let Some(old) = &old {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())
    })
}
