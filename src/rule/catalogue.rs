//! The rules of a run: the built-in catalogue, a selection of it, and rules that users add.

use super::format::verify::{
    Body, Condition, Doubt, Evidence, IdentitySource, Method, PartsOf, Protocol, Scalar, Unclear, Verify,
};
use super::format::{
    AssignmentClass, Bounds, Checksum, ChecksumKind, Confidence, Counterexample, Example, Kind, Near, OnFail, Remedy, Rule, Run,
    Scope, Severity,
};

/// The version of the built-in catalogue.
pub const CATALOGUE_VERSION: &str = "0.1";

/// What names all rules of the catalogue where rules are switched off.
pub const BUILT_IN_RULES: &str = "built-in";

/// A version of the catalogue, `0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// Reads `0.1`; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: number(major)?, minor: number(minor)? })
    }

    /// The version of the built-in catalogue.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn current() -> Self {
        Self::parse(CATALOGUE_VERSION).expect("it is one")
    }
}

impl Rule {
    /// The version that it came with.
    #[must_use]
    pub fn since(&self) -> Version {
        Version::parse(self.since).unwrap_or(Version { major: 0, minor: 0 })
    }
}

#[allow(clippy::unreadable_literal, reason = "written by the build")]
static BUILT_IN: &[Rule] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// A rule's place in its [`RuleSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u16);

/// The rules of a run, in the order of their ids.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<&'static Rule>,
}

impl RuleSet {
    /// The built-in catalogue.
    #[must_use]
    pub fn built_in() -> Self {
        Self { rules: BUILT_IN.iter().collect() }
    }

    /// Where each rule of the built-in catalogue stands in this set, if it does: one that a user's own replaces does not.
    #[must_use]
    pub fn places_of_catalogue(&self) -> Vec<Option<RuleIndex>> {
        // Both are in the order of ids.
        let mut here = self.iter().peekable();
        let place = |rule: &'static Rule| {
            // Mostly it is the next one: names are compared where it is not.
            while here.next_if(|(_, other)| !std::ptr::eq(*other, rule) && other.id < rule.id).is_some() {}
            here.next_if(|(_, other)| std::ptr::eq(*other, rule)).map(|(index, _)| index)
        };
        BUILT_IN.iter().map(place).collect()
    }

    /// A set without rules.
    #[must_use]
    pub const fn empty() -> Self {
        Self { rules: Vec::new() }
    }

    /// Adds rules; one with the id of a rule that is there replaces it.
    pub fn add(&mut self, rules: Vec<Rule>) {
        for rule in &*rules.leak() {
            self.rules.retain(|r| r.id != rule.id);
            self.rules.push(rule);
        }
        self.rules.sort_by_key(|r| r.id);
    }

    /// Keeps the rules that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&Rule) -> bool) {
        self.rules.retain(|r| keep(r));
    }

    /// The rule at `index`.
    #[must_use]
    pub fn get(&self, index: RuleIndex) -> &'static Rule {
        self.rules[usize::from(index.0)]
    }

    /// The rule with this id, or that once had it.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&'static Rule> {
        self.rules.iter().find(|r| r.id == id).or_else(|| self.rules.iter().find(|r| r.formerly.contains(&id))).copied()
    }

    /// All rules with their places, in the order of their ids.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RuleIndex, &'static Rule)> + '_ {
        // A set holds fewer than 65,536 rules: `detect` refuses larger ones.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        self.rules.iter().enumerate().map(|(i, r)| (RuleIndex(i as u16), *r))
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
