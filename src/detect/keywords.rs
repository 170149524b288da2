//! The keywords of a rule set, and which of its rules each of them is for; and with them the fragments that names of secrets are
//! made of. Those of the catalogue come with tables that the build made; what else there is has a prefilter of its own, so that a
//! few rules of one's own cost nothing to prepare.

use super::assignment::{FRAGMENTS, Fragment};
use super::memo::{Key, Memo};
use super::prefilter::{self, Hit, Prefilter};
use crate::rule::{Cue, Joined, RuleIndex, RuleSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Finds keywords, and knows what hits mean.
pub(super) struct Keywords {
    catalogue: Option<Catalogue>,
    own: Option<Own>,
    /// The number of the first fragment: they are all of the catalogue or all of the others, and the last ones there.
    first_fragment: u32,
    /// The length of the longest keyword in bytes.
    pub longest: usize,
    /// One for each that is made.
    number: u64,
}

/// The keywords of the catalogue: the first numbers are theirs.
struct Catalogue {
    prefilter: prefilter::HashWindowPrefilter,
    words: Joined<u8>,
    /// The places in the catalogue of the rules of each keyword.
    rules: Joined<u16>,
    /// Where those stand in the rule set, if they do.
    places: Vec<Option<RuleIndex>>,
}

/// Keywords of other rules, numbered on.
struct Own {
    prefilter: Box<dyn Prefilter>,
    words: Vec<&'static str>,
    rules: Vec<Vec<RuleIndex>>,
    /// The number of the first one.
    first: u32,
}

/// How many were made.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A keyword of one of the two, by its place there.
type Place<'k, T> = Option<(&'k T, usize)>;

impl Keywords {
    pub(super) fn of(rules: &RuleSet) -> Self {
        let places = rules.places_of_catalogue();
        // A small part of it is found faster on its own.
        let is_most = places.iter().filter(|place| place.is_some()).count() * 2 > places.len();
        let mut is_known = vec![false; rules.len()];
        let catalogue = is_most.then(|| {
            places.iter().flatten().for_each(|place| is_known[usize::from(place.0)] = true);
            let (prefilter, words, of_word) = prefilter::built_in();
            Catalogue { prefilter, words, rules: of_word, places }
        });
        let first = catalogue.as_ref().map_or(0, |c| u32::try_from(c.words.len()).unwrap_or(u32::MAX));
        // Those of the catalogue come with their places: none of its rules has to be read.
        let others = rules.heads().filter(|(index, head)| !is_known[usize::from(index.0)] && head.cue() == Cue::Keyword);
        let has_names = rules.heads().any(|(_, head)| matches!(head.cue(), Cue::Name(_)));
        let fragments = if catalogue.is_none() && has_names { &FRAGMENTS[..] } else { &[] };
        let pairs = others.flat_map(|(index, head)| head.rule().keywords.iter().map(move |word| (*word, index))).collect();
        let own = Own::of(pairs, fragments, first);
        let of_fragments = catalogue.as_ref().map(|c| c.words.len()).or_else(|| own.as_ref().map(|own| own.words.len()));
        let first_fragment = of_fragments.filter(|_| has_names).and_then(|all| u32::try_from(all - FRAGMENTS.len()).ok());
        let of_catalogue = catalogue.is_some().then_some(prefilter::LONGEST);
        let of_own = own.iter().flat_map(|own| own.words.iter().map(|word| word.len()));
        let longest = of_own.chain(of_catalogue).max().unwrap_or(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { catalogue, own, first_fragment: first_fragment.unwrap_or(u32::MAX), longest, number }
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.longest == 0
    }

    /// Appends all hits in `bytes`, in any order.
    pub(super) fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        let before = hits.len();
        if let Some(catalogue) = &self.catalogue {
            catalogue.prefilter.find(bytes, hits);
        }
        if let Some(own) = &self.own {
            let from = hits.len();
            own.prefilter.find(bytes, hits);
            hits[from..].iter_mut().for_each(|hit| hit.keyword += own.first);
        }
        let mut at = before;
        while let Some(hit) = hits.get(at) {
            match self.fragment(hit) {
                Some(fragment) if !fragment.is_written(&bytes[hit.start..hit.start + fragment.word.len()]) => {
                    hits.swap_remove(at);
                }
                _ => at += 1,
            }
        }
    }

    /// The same, but what was found in equal bytes is found again without looking.
    pub(super) fn find_again(&self, bytes: &[u8], lately: &mut Memo<Vec<Hit>>, hits: &mut Vec<Hit>) {
        let Some(key) = Key::of(self.number, bytes) else { return self.find(bytes, hits) };
        if let Some(known) = lately.get(key, bytes) {
            return hits.extend_from_slice(known);
        }
        let from = hits.len();
        self.find(bytes, hits);
        hits[from..].clone_into(lately.place(key, bytes));
    }

    /// The fragment of a name that a hit is, if it is one.
    pub(super) fn fragment(&self, hit: &Hit) -> Option<&'static Fragment> {
        FRAGMENTS.get(hit.keyword.checked_sub(self.first_fragment)? as usize)
    }

    /// The rules of a hit's keyword.
    pub(super) fn rules(&self, hit: &Hit) -> impl Iterator<Item = RuleIndex> + use<'_> {
        let (of_catalogue, own) = self.of_hit(hit);
        let of_catalogue = of_catalogue.into_iter().flat_map(|(catalogue, n)| {
            let places = catalogue.rules.get(n);
            places.iter().filter_map(|place| catalogue.places[usize::from(*place)])
        });
        of_catalogue.chain(own.into_iter().flat_map(|(own, n)| own.rules[n].iter().copied()))
    }

    /// Where a hit ends.
    pub(super) fn end(&self, hit: &Hit) -> usize {
        let (of_catalogue, own) = self.of_hit(hit);
        let word =
            of_catalogue.map(|(catalogue, n)| catalogue.words.get(n).len()).or_else(|| own.map(|(own, n)| own.words[n].len()));
        hit.start + word.unwrap_or(0)
    }

    /// Whose a hit's keyword is, and its place there.
    fn of_hit(&self, hit: &Hit) -> (Place<'_, Catalogue>, Place<'_, Own>) {
        let own = self.own.as_ref().and_then(|own| Some((own, hit.keyword.checked_sub(own.first)? as usize)));
        let catalogue = self.catalogue.as_ref().filter(|_| own.is_none());
        (catalogue.map(|catalogue| (catalogue, hit.keyword as usize)), own)
    }
}

impl Own {
    fn of(mut pairs: Vec<(&'static str, RuleIndex)>, fragments: &[Fragment], first: u32) -> Option<Self> {
        pairs.sort_unstable();
        let same_word = pairs.chunk_by(|a, b| a.0 == b.0);
        let of_rules = same_word.map(|same| (same[0].0, same.iter().map(|(_, index)| *index).collect()));
        let of_names = fragments.iter().map(|fragment| (fragment.word, Vec::new()));
        let (words, rules): (Vec<&'static str>, Vec<Vec<RuleIndex>>) = of_rules.chain(of_names).unzip();
        (!words.is_empty()).then(|| Self { prefilter: prefilter::for_words(&words), words, rules, first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::format::file::Author;
    use crate::rule::format::parse_rule_file;

    fn own_rules() -> Vec<crate::rule::Rule> {
        let text = "[[rule]]\nid = \"acme-token\"\nname = \"Acme token\"\nseverity = \"high\"\nformat_confidence = \"high\"\n\
                    keywords = [\"acme_tok_\"]\npattern = '''\\b(acme_tok_[0-9a-z]{32})\\b'''\n\n\
                    [[rule]]\nid = \"github-pat\"\nname = \"Other\"\nseverity = \"high\"\nformat_confidence = \"high\"\n\
                    keywords = [\"ghp_\"]\npattern = '''\\b(ghp_[0-9a-z]{32})\\b'''\n";
        parse_rule_file("own.toml", text, Author::User).expect("rules").0
    }

    /// The ids of the rules that have a hit in `text`, with where their keywords end.
    fn hits(rules: &RuleSet, text: &str) -> Vec<(&'static str, usize)> {
        let keywords = Keywords::of(rules);
        let mut hits = Vec::new();
        keywords.find(text.as_bytes(), &mut hits);
        let of_hit = |hit: &Hit| keywords.rules(hit).map(|index| (rules.get(index).id, keywords.end(hit))).collect::<Vec<_>>();
        let mut all: Vec<_> = hits.iter().flat_map(of_hit).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn own_rules_stand_beside_the_catalogue_and_in_its_place() {
        let mut rules = RuleSet::built_in();
        rules.add(own_rules());
        assert!(hits(&rules, "ACME_tok_").contains(&("acme-token", 9)));
        assert!(hits(&rules, " ghp_").iter().filter(|(id, _)| *id == "github-pat").count() == 1);
        assert!(hits(&rules, "akia").iter().any(|(id, _)| id.starts_with("aws-")));
        rules.retain(|head| head.id() != "acme-token");
        assert_eq!(hits(&rules, "acme_tok_"), []);
    }

    #[test]
    fn a_part_of_the_catalogue_hits_for_that_part_alone() {
        let all = hits(&RuleSet::built_in(), "akia ghp_ sk_live_ xoxb-");
        for part in ["aws-", "github-"] {
            let mut few = RuleSet::built_in();
            few.retain(|head| head.id().starts_with(part));
            let mut most = RuleSet::built_in();
            most.retain(|head| !head.id().starts_with(part));
            let (of_part, others): (Vec<_>, Vec<_>) = all.iter().partition(|(id, _)| id.starts_with(part));
            assert!(!of_part.is_empty() && !others.is_empty());
            assert_eq!(hits(&few, "akia ghp_ sk_live_ xoxb-"), of_part);
            assert_eq!(hits(&most, "akia ghp_ sk_live_ xoxb-"), others);
        }
        assert!(Keywords::of(&RuleSet::empty()).is_empty());
    }
}
