//! The keywords of the whole catalogue with their tables, made when keysift was built: nothing of it is made at start.

use super::HashWindowPrefilter;
use super::table::{Entry, Table, Window};
use crate::rule::Joined;
use std::borrow::Cow;

#[allow(clippy::unreadable_literal, unreachable_pub, reason = "written by the build")]
mod made {
    use super::{Entry, Window};
    include!(concat!(env!("OUT_DIR"), "/prefilter.rs"));
}

/// What suits the keywords of the catalogue; lists with a user's own have most of them too.
pub(super) const FACTOR: u32 = made::FACTOR;

/// The length of the longest word of the catalogue in bytes.
pub const LONGEST: usize = made::LONGEST;

/// The prefilter of the built-in catalogue, its words, and the places of each one's rules. The last words are the fragments of names,
/// which are no rule's.
#[must_use]
pub fn built_in() -> (HashWindowPrefilter, Joined<u8>, Joined<u16>) {
    let table = Table {
        factor: FACTOR,
        slots: Cow::Borrowed(&made::SLOTS[..]),
        buckets: Cow::Borrowed(&made::BUCKETS[..]),
        windows: Cow::Borrowed(&made::WINDOWS[..]),
        entries: Cow::Borrowed(&made::ENTRIES[..]),
        short: made::SHORT,
    };
    let words = Joined::made(made::WORDS, &made::WORD_ENDS);
    (HashWindowPrefilter::built_in(words.clone(), table), words, Joined::made(&made::RULES, &made::RULE_ENDS))
}

#[cfg(test)]
mod tests {
    use super::super::{Hit, Prefilter as _};
    use super::*;
    use crate::rule::RuleSet;

    #[test]
    fn what_the_build_made_is_what_would_be_made_now() {
        let rules = RuleSet::built_in();
        let (prefilter, words, of_word) = built_in();
        let mut text = String::new();
        let mut expected = 0;
        let words: Vec<&str> = words.iter().map(|word| std::str::from_utf8(word).expect("words are text")).collect();
        for (word, places) in words.iter().zip(of_word.iter()) {
            for place in places {
                let rule = rules.get(crate::rule::RuleIndex(*place));
                assert!(rule.keywords.contains(word), "{word} is no keyword of {}", rule.id);
                expected += 1;
            }
            text.push_str(word);
            text.push('\n');
        }
        assert_eq!(words.iter().map(|word| word.len()).max(), Some(LONGEST));
        let all: usize = rules.iter().filter(|(_, r)| r.pattern.is_some()).map(|(_, r)| r.keywords.len()).sum();
        assert_eq!(all, expected);
        let (mut made, mut now): (Vec<Hit>, Vec<Hit>) = (Vec::new(), Vec::new());
        prefilter.find(text.as_bytes(), &mut made);
        HashWindowPrefilter::new(&words).find(text.as_bytes(), &mut now);
        made.sort_unstable();
        now.sort_unstable();
        assert_eq!(made, now);
        assert!(made.len() >= words.len());
    }
}
