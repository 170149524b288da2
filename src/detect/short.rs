//! Searches in texts of a few dozen bytes: to prepare a faster search takes longer than to look.

/// Where `piece`, which is not empty, stands first in `text`.
#[must_use]
pub(crate) fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    memchr::memchr_iter(*piece.first()?, text).find(|at| text[*at..].starts_with(piece))
}

/// Where it stands last.
#[must_use]
pub(crate) fn rfind(text: &[u8], piece: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(*piece.first()?, text).find(|at| text[*at..].starts_with(piece))
}

/// Whether it stands in it at all.
#[must_use]
pub(crate) fn contains(text: &[u8], piece: &[u8]) -> bool {
    find(text, piece).is_some()
}

/// Whether it stands in it with ASCII letters in any case.
#[must_use]
pub(crate) fn contains_in_any_case(text: &[u8], piece: &[u8]) -> bool {
    let Some(first) = piece.first() else { return true };
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text)
        .any(|at| text.get(at..at + piece.len()).is_some_and(|here| here.eq_ignore_ascii_case(piece)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_prepared_search_finds() {
        for text in [&b""[..], b"a", b"aab", b"abaabaab", b"xaxaab", b"aaaaaa"] {
            for piece in [&b"a"[..], b"ab", b"aab", b"ba", b"c"] {
                assert_eq!(find(text, piece), memchr::memmem::find(text, piece), "{text:?} {piece:?}");
                assert_eq!(rfind(text, piece), memchr::memmem::rfind(text, piece), "{text:?} {piece:?}");
                let is_there = memchr::memmem::find(text, piece).is_some();
                assert_eq!(contains(text, piece), is_there);
                assert_eq!(contains_in_any_case(&text.to_ascii_uppercase(), piece), is_there);
                assert_eq!(contains_in_any_case(text, &piece.to_ascii_uppercase()), is_there);
            }
        }
    }
}
