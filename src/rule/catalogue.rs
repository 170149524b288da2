//! The rules of a run: the built-in catalogue, a selection of it, and rules that users add.

use super::built_in;
use super::format::file::nearest;
use super::format::{Cue, Rule, stands_for};

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

/// A rule's place in its [`RuleSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u16);

/// A rule of a set, and what of it can be told without reading it: rules of the catalogue are read when they are first asked for,
/// and what a run asks of all of them it asks here.
#[derive(Debug, Clone, Copy)]
pub struct Head(Origin);

/// Where a rule comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The catalogue, from this place.
    BuiltIn(u16),
    Own(&'static Rule),
}

impl Head {
    /// Its id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self.0 {
            Origin::BuiltIn(place) => built_in::names(place).0,
            Origin::Own(rule) => rule.id,
        }
    }

    /// What makes it look at a text.
    #[must_use]
    pub fn cue(self) -> Cue {
        match self.0 {
            Origin::BuiltIn(place) => built_in::cue(place),
            Origin::Own(rule) => rule.cue(),
        }
    }

    /// The same as [`Rule::is_named`].
    #[must_use]
    pub fn is_named(self, name: &str) -> bool {
        match self.0 {
            Origin::BuiltIn(place) => {
                let (id, formerly) = built_in::names(place);
                stands_for(name, id) || formerly.split_terminator(' ').any(|id| stands_for(name, id))
            }
            Origin::Own(rule) => rule.is_named(name),
        }
    }

    /// Whether it once had this id.
    fn was(self, id: &str) -> bool {
        match self.0 {
            Origin::BuiltIn(place) => built_in::names(place).1.split_terminator(' ').any(|former| former == id),
            Origin::Own(rule) => rule.formerly.contains(&id),
        }
    }

    /// The whole of it.
    #[inline]
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        match self.0 {
            Origin::BuiltIn(place) => built_in::rule(place),
            Origin::Own(rule) => rule,
        }
    }
}

/// The rules of a run, in the order of their ids.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<Head>,
}

impl RuleSet {
    /// The built-in catalogue.
    #[must_use]
    pub fn built_in() -> Self {
        // The build refuses catalogues of more.
        let places = 0..u16::try_from(built_in::COUNT).unwrap_or(u16::MAX);
        Self { rules: places.map(|place| Head(Origin::BuiltIn(place))).collect() }
    }

    /// Where each rule of the built-in catalogue stands in this set, if it does: one that a user's own replaces does not.
    #[must_use]
    pub fn places_of_catalogue(&self) -> Vec<Option<RuleIndex>> {
        let mut places = vec![None; built_in::COUNT];
        for (index, head) in self.heads() {
            if let Origin::BuiltIn(place) = head.0 {
                places[usize::from(place)] = Some(index);
            }
        }
        places
    }

    /// A set without rules.
    #[must_use]
    pub const fn empty() -> Self {
        Self { rules: Vec::new() }
    }

    /// Adds rules; one with the id of a rule that is there replaces it.
    pub fn add(&mut self, rules: Vec<Rule>) {
        for rule in &*rules.leak() {
            let head = Head(Origin::Own(rule));
            match self.place(rule.id) {
                Ok(at) => self.rules[at] = head,
                Err(at) => self.rules.insert(at, head),
            }
        }
    }

    /// Where the rule with this id is, or where it would be.
    fn place(&self, id: &str) -> Result<usize, usize> {
        self.rules.binary_search_by(|head| head.id().cmp(id))
    }

    /// Keeps the rules that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(Head) -> bool) {
        self.rules.retain(|head| keep(*head));
    }

    /// The rule at `index`.
    #[inline]
    #[must_use]
    pub fn get(&self, index: RuleIndex) -> &'static Rule {
        self.rules[usize::from(index.0)].rule()
    }

    /// The rule with this id, or that once had it.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&'static Rule> {
        self.head(id).map(Head::rule)
    }

    /// The same without reading it.
    #[must_use]
    pub fn head(&self, id: &str) -> Option<Head> {
        self.place(id).ok().map(|at| self.rules[at]).or_else(|| self.rules.iter().find(|head| head.was(id)).copied())
    }

    /// Whether `name` names one of them, see [`Rule::is_named`].
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.rules.iter().any(|head| head.is_named(name))
    }

    /// The id that is nearest to `name`, if one is near enough to be meant.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, &self.rules.iter().map(|head| head.id()).collect::<Vec<_>>())
    }

    /// All rules with their places, in the order of their ids, none of them read.
    #[must_use]
    pub fn heads(&self) -> impl ExactSizeIterator<Item = (RuleIndex, Head)> + '_ {
        // A set holds fewer than 65,536 rules: `detect` refuses larger ones.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        self.rules.iter().enumerate().map(|(i, head)| (RuleIndex(i as u16), *head))
    }

    /// All rules with their places, in the order of their ids. It reads those that were not read before: [`Self::heads`] is for
    /// what needs none of that.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RuleIndex, &'static Rule)> + '_ {
        self.heads().map(|(index, head)| (index, head.rule()))
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
