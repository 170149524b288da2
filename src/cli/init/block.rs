//! Marked blocks: what init adds to files of others stands between two comments, so that it can be replaced and taken back
//! to the byte.

use std::fmt::Write as _;

/// What follows the comment sign in the line before a block.
const BEGIN: &str = ">>> keysift init";
/// The same, where the file was not there before.
const BEGIN_WHOLE: &str = ">>> keysift init, which made this file";
/// What follows the comment sign in the line behind a block.
const END: &str = "<<< keysift init";

/// How a kind of file begins a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Comment {
    Hash,
    Slashes,
}

impl Comment {
    const fn sign(self) -> &'static str {
        match self {
            Self::Hash => "#",
            Self::Slashes => "//",
        }
    }
}

/// A text without its blocks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Stripped {
    pub rest: String,
    /// Whether there was a block.
    pub found: bool,
    /// Whether init made the file.
    pub is_ours: bool,
}

/// A block with a begin and no end: someone's edit has broken it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Unclosed {
    pub line: usize,
}

/// Takes all blocks out.
///
/// # Errors
/// Where a block does not end.
pub(in crate::cli) fn strip(text: &str) -> Result<Stripped, Unclosed> {
    let mut stripped = Stripped { rest: String::with_capacity(text.len()), found: false, is_ours: false };
    let mut open_since = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if open_since.is_none() && is_mark(line, &[BEGIN, BEGIN_WHOLE]) {
            open_since = Some(number + 1);
            stripped.found = true;
            stripped.is_ours |= is_mark(line, &[BEGIN_WHOLE]);
        } else if open_since.is_none() {
            stripped.rest.push_str(line);
        } else if is_mark(line, &[END]) {
            open_since = None;
            // A block that ends without a line break took the place of a missing one.
            if !line.ends_with('\n') && stripped.rest.ends_with('\n') {
                stripped.rest.pop();
                if stripped.rest.ends_with('\r') {
                    stripped.rest.pop();
                }
            }
        }
    }
    open_since.map_or(Ok(stripped), |line| Err(Unclosed { line }))
}

/// Whether a line is a comment that says one of these.
fn is_mark(line: &str, marks: &[&str]) -> bool {
    let line = line.trim();
    let words = line.trim_start_matches(['#', '/']).trim_start();
    words.len() < line.len() && marks.contains(&words)
}

/// `lines` as a block, indented by so many spaces.
pub(in crate::cli) fn marked(lines: &[String], indent: usize, comment: Comment, is_whole: bool) -> String {
    let (pad, sign) = (" ".repeat(indent), comment.sign());
    let mut block = format!("{pad}{sign} {}\n", if is_whole { BEGIN_WHOLE } else { BEGIN });
    for line in lines {
        if !line.is_empty() {
            block.push_str(&pad);
            block.push_str(line);
        }
        block.push('\n');
    }
    let _ = writeln!(block, "{pad}{sign} {END}");
    block
}

/// `text` with a block before its line of this number, counted from 0; at the end, where it has fewer.
pub(in crate::cli) fn insert(text: &str, at: usize, block: &str) -> String {
    let block = if text.contains("\r\n") { block.replace('\n', "\r\n") } else { block.to_owned() };
    let offset: usize = text.split_inclusive('\n').take(at).map(str::len).sum();
    let (before, after) = text.split_at(offset);
    if before.is_empty() || before.ends_with('\n') {
        return [before, &block, after].concat();
    }
    // The last line has no end: the block takes that over.
    let break_ = if text.contains("\r\n") { "\r\n" } else { "\n" };
    [before, break_, block.strip_suffix(break_).unwrap_or(&block)].concat()
}

/// `text` with a block at its end.
pub(in crate::cli) fn append(text: &str, block: &str) -> String {
    insert(text, usize::MAX, block)
}

/// Where the blocks of a text are: their lines, marks included, counted from 0.
pub(in crate::cli) fn places(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut places = Vec::new();
    let mut from = None;
    for (number, line) in text.lines().enumerate() {
        if from.is_none() && is_mark(line, &[BEGIN, BEGIN_WHOLE]) {
            from = Some(number);
        } else if is_mark(line, &[END]) {
            places.extend(from.take().map(|from| from..number + 1));
        }
    }
    places
}

/// The lines of a text.
pub(in crate::cli) fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_to_the_byte() {
        let block = marked(&lines_of("a: 1\n\nb: 2\n"), 2, Comment::Hash, false);
        for text in ["", "x", "x\n", "x\ny", "x\n\n", "\n", "x\r\ny\r\n", "x\r\ny", "\n\n\nx", "x\n\n\n"] {
            for at in [0, 1, 2, usize::MAX] {
                let with = insert(text, at, &block);
                assert!(with.contains("  a: 1"), "{with}");
                let back = strip(&with).unwrap();
                assert_eq!((back.rest.as_str(), back.found, back.is_ours), (text, true, false), "{with:?}");
            }
        }
    }

    #[test]
    fn a_broken_block_is_told() {
        assert_eq!(strip("a\n# >>> keysift init\nb\n"), Err(Unclosed { line: 2 }));
        let none = strip("a\n# <<< keysift init\n>>> keysift init\n").unwrap();
        assert!(!none.found && none.rest.contains("<<<"));
        let whole = strip(&marked(&lines_of("a"), 0, Comment::Slashes, true)).unwrap();
        assert_eq!((whole.rest.as_str(), whole.is_ours), ("", true));
    }
}
