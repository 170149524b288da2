//! The keywords of the whole catalogue with their tables, made when keysift was built: nothing of it is made at start.

use super::HashWindowPrefilter;
use super::table::{Entry, Table};
use std::borrow::Cow;

#[allow(clippy::unreadable_literal, unreachable_pub, reason = "written by the build")]
mod made {
    use super::Entry;
    include!(concat!(env!("OUT_DIR"), "/prefilter.rs"));
}

/// The prefilter of the built-in catalogue, the length of each of its keywords, and the places of each one's rules.
#[must_use]
pub fn built_in() -> (HashWindowPrefilter, &'static [&'static str], &'static [&'static [u16]]) {
    let table = |bitmap, buckets, entries| Table {
        bitmap: Cow::Borrowed(bitmap),
        buckets: Cow::Borrowed(buckets),
        entries: Cow::Borrowed(entries),
    };
    let long = table(&made::LONG_BITMAP[..], &made::LONG_BUCKETS[..], &made::LONG_ENTRIES[..]);
    let short = table(&made::SHORT_BITMAP[..], &made::SHORT_BUCKETS[..], &made::SHORT_ENTRIES[..]);
    (HashWindowPrefilter::built_in(&made::WORDS, long, short), &made::WORDS, &made::RULES)
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
        for (word, places) in words.iter().zip(of_word) {
            for place in *places {
                let rule = rules.get(crate::rule::RuleIndex(*place));
                assert!(rule.keywords.contains(word), "{word} is no keyword of {}", rule.id);
                expected += 1;
            }
            text.push_str(word);
            text.push('\n');
        }
        let all: usize = rules.iter().filter(|(_, r)| r.pattern.is_some()).map(|(_, r)| r.keywords.len()).sum();
        assert_eq!(all, expected);
        let (mut made, mut now): (Vec<Hit>, Vec<Hit>) = (Vec::new(), Vec::new());
        prefilter.find(text.as_bytes(), &mut made);
        HashWindowPrefilter::new(words).find(text.as_bytes(), &mut now);
        made.sort_unstable();
        now.sort_unstable();
        assert_eq!(made, now);
        assert!(made.len() >= words.len());
    }
}
