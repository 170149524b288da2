//! What kind of text the candidate's line is: a comment, a message, an assertion; and what is spoken of beside it.

use crate::detect::any_of::AnyOf;

/// Words that speak of checksums and versions of files.
pub(super) static CHECKSUMS: AnyOf = AnyOf::in_any_case(&[
    b"sha1", b"sha256", b"sha512", b"checksum", b"integrity", b"digest", b"md5", b"fingerprint", b"commit", b"revision", b"etag",
]);

/// Words that a password stands beside when it is in use.
pub(super) static ACCOUNTS: AnyOf = AnyOf::in_any_case(&[b"user", b"host", b"login", b"email", b"server", b"url", b"port"]);

/// What begins a comment in the middle of a line.
static COMMENTS: AnyOf = AnyOf::exactly(&[b" // ", b" # ", b" /* "]);

/// What assertions of tests hold.
static ASSERTIONS: AnyOf =
    AnyOf::exactly(&[b"assert", b"Assert", b"expect", b"should", b".toBe", b"toEqual", b"t.match(", b"t.same(", b".equal("]);

/// What speaks to a person.
static MESSAGES: AnyOf = AnyOf::exactly(&[
    b"print", b"log.", b"logger", b"Errorf", b"raise ", b"throw ", b"Exception(", b"Error(", b"echo ", b"puts ", b"warn(",
    b"console.",
]);

/// Endings of files in languages that quote their strings.
const QUOTING: [&str; 49] = [
    "rs", "py", "go", "js", "ts", "jsx", "tsx", "mjs", "cjs", "java", "kt", "kts", "scala", "c", "h", "cc", "cpp", "cxx", "hpp",
    "hh", "cs", "m", "mm", "swift", "rb", "php", "pl", "pm", "lua", "dart", "ex", "exs", "erl", "hrl", "clj", "hs", "ml", "fs",
    "vb", "groovy", "gradle", "jl", "r", "sql", "vue", "svelte", "proto", "graphql", "pyi",
];

/// Whether the file at `path` is written in a language that quotes its strings.
#[must_use]
pub(super) fn quotes_strings(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| QUOTING.iter().any(|q| ending.eq_ignore_ascii_case(q)))
}

/// Whether `line`, up to the candidate, begins or holds a comment.
#[must_use]
pub(super) fn is_comment(line: &[u8]) -> bool {
    let start = line.trim_ascii_start();
    [&b"//"[..], b"#", b"*", b"/*", b"--", b"<!--", b";", b"%"].iter().any(|mark| start.starts_with(mark))
        && !start.starts_with(b"#define")
        || COMMENTS.is_in(line)
}

/// Whether `line`, up to the candidate, is an assertion of a test.
#[must_use]
pub(super) fn is_assertion(line: &[u8]) -> bool {
    ASSERTIONS.is_in(line)
}

/// Whether `line`, up to the candidate, speaks to a person.
#[must_use]
pub(super) fn is_message(line: &[u8]) -> bool {
    MESSAGES.is_in(line)
}

/// Whether the position behind `line` is inside a string literal that `line` opens.
#[must_use]
pub(super) fn in_string(line: &[u8]) -> bool {
    let mut open = None;
    let mut escaped = false;
    for &b in line {
        if escaped {
            escaped = false;
        } else if b == b'\\' {
            escaped = true;
        } else if open == Some(b) {
            open = None;
        } else if open.is_none() && matches!(b, b'"' | b'\'' | b'`') {
            open = Some(b);
        }
    }
    open.is_some()
}

/// Whether the position behind `before` is inside a literal of several lines that `before` opens.
#[must_use]
pub(super) fn in_block(before: &[u8]) -> bool {
    let ticks = memchr::memchr_iter(b'`', before).count();
    let triple = |mark: &[u8]| memchr::memmem::find_iter(before, mark).count();
    ticks % 2 == 1 || triple(b"\"\"\"") % 2 == 1 || triple(b"'''") % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        assert!(is_comment(b"   // old: "));
        assert!(!is_comment(b"#define "));
        assert!(in_string(b"cmd = \"mysql --"));
        assert!(!in_string(b"f(\"a\", "));
        assert!(quotes_strings("src/main.rs") && !quotes_strings("config/app.yml"));
        assert!(CHECKSUMS.is_in(b"x.SHA256 = "));
    }
}
