//! Who decides: configs in layers, the nearer one last, and what an organization's policy locks.
//!
//! Built in < organization policy < user < repository < command line. A nearer layer changes single values and adds to lists. A key
//! that a policy locks stays as the layers up to that policy have it: what later ones say of it is refused, and told.

use super::Config;
use crate::rule::Rule;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Who says something, from far to near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Policy,
    User,
    Repository,
    CommandLine,
}

impl Layer {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::User => "user",
            Self::Repository => "repository",
            Self::CommandLine => "command_line",
        }
    }

    /// As people read it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Policy => "organization policy",
            Self::User => "user config",
            Self::Repository => "repository config",
            Self::CommandLine => "command line",
        }
    }
}

/// Where something is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub layer: Layer,
    /// The file as messages call it, or the flag.
    pub name: String,
    /// Where that file is.
    pub path: PathBuf,
    /// 1-based; 0 where there are no lines.
    pub line: usize,
}

impl Place {
    /// A flag.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self { layer: Layer::CommandLine, name: name.to_owned(), path: PathBuf::new(), line: 0 }
    }

    /// `keysift.toml:3`, or the flag.
    #[must_use]
    pub fn short(&self) -> String {
        if self.line > 0 { format!("{}:{}", self.name, self.line) } else { self.name.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.layer.in_words(), self.short())
    }
}

/// A key of a file, and what it says there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub key: String,
    /// As it is written, in one line.
    pub value: String,
    /// The same for programs.
    pub data: serde_json::Value,
    /// 1-based.
    pub line: usize,
}

/// A value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub value: String,
    pub data: serde_json::Value,
    pub place: Place,
}

/// What a layer says of a key that is locked: it does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub place: Place,
    /// Where the lock is.
    pub by: Place,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {} does not count: {} locks it", self.key, self.place, self.by)
    }
}

/// What all layers come to.
#[derive(Debug, Default)]
pub struct Layers {
    pub config: Config,
    /// Every value that was said and counts, from far to near; of a key with a single value the last one.
    pub settings: Vec<Setting>,
    pub refused: Vec<Refused>,
    /// The files, as messages call them.
    pub files: Vec<String>,
    locks: BTreeMap<String, Place>,
}

/// Stands for every key in `lock`.
const EVERY: &str = "*";

impl Layers {
    /// Adds what a file of `layer` says; `path` is where it is.
    #[expect(clippy::needless_pass_by_value, reason = "what it says moves over, a key at a time")]
    pub fn add(&mut self, layer: Layer, name: &str, path: PathBuf, mut config: Config) {
        self.files.push(name.to_owned());
        let place = |line| Place { layer, name: name.to_owned(), path: path.clone(), line };
        for said in std::mem::take(&mut config.said) {
            let at = place(said.line);
            if let Some(by) = self.lock(&said.key).cloned() {
                self.refused.push(Refused { key: said.key, place: at, by });
                continue;
            }
            if said.key == "rule" && self.keep_rules(&mut config.rules, &at) {
                continue;
            }
            if self.config.take(&said.key, &mut config) {
                self.settings.push(Setting { key: said.key, value: said.value, data: said.data, place: at });
            }
        }
        self.config.warnings.append(&mut config.warnings);
        for (key, line) in config.lock {
            self.locks.entry(key).or_insert_with(|| place(line));
        }
    }

    /// Refuses rules that would replace one that is there, where rules may not be switched off. Says whether none is left.
    pub fn keep_rules(&mut self, rules: &mut Vec<Rule>, at: &Place) -> bool {
        let Some(by) = self.lock("disable").cloned() else { return false };
        let built_in = crate::rule::RuleSet::built_in();
        let is_known = |id: &str| built_in.head(id).is_some() || self.config.rules.iter().any(|r| r.id == id);
        let (known, own): (Vec<_>, Vec<_>) = std::mem::take(rules).into_iter().partition(|r| is_known(r.id));
        *rules = own;
        for rule in &known {
            self.refused.push(Refused { key: format!("rule.{}", rule.id), place: at.clone(), by: by.clone() });
        }
        !known.is_empty() && rules.is_empty()
    }

    /// Where `key` is locked.
    #[must_use]
    pub fn lock(&self, key: &str) -> Option<&Place> {
        self.locks.get(key).or_else(|| self.locks.get(EVERY))
    }

    /// The locks, each with its place.
    pub fn locks(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.locks.iter().map(|(key, place)| (key.as_str(), place))
    }

    /// Whether what the scanned content itself says, an ignore file or a comment, counts: where `key` is locked, only if a
    /// layer up to the lock switched it on.
    #[must_use]
    pub fn hears(&self, key: &str) -> bool {
        self.switch(key).unwrap_or_else(|| self.lock(key).is_none())
    }

    /// The lock because of which what the scanned content says does not count.
    #[must_use]
    pub fn deaf_by(&self, key: &str) -> Option<&Place> {
        self.lock(key).filter(|_| !self.hears(key))
    }

    /// What the scanned content says at a place of a key that is locked; `None` where it counts.
    #[must_use]
    pub fn refusal(&self, key: &str, name: &str, line: usize) -> Option<Refused> {
        let place = Place { layer: Layer::Repository, name: name.to_owned(), path: PathBuf::new(), line };
        self.deaf_by(key).map(|by| Refused { key: key.to_owned(), place, by: by.clone() })
    }

    const fn switch(&self, key: &str) -> Option<bool> {
        match key.as_bytes() {
            b"ignore_file" => self.config.ignore_file,
            b"inline_allows" => self.config.inline_allows,
            _ => None,
        }
    }

    /// Whether a flag may say something of `key`; where it may not, that is remembered.
    pub fn allows(&mut self, key: &str, flag: &str) -> bool {
        let Some(by) = self.lock(key).cloned() else { return true };
        self.refused.push(Refused { key: key.to_owned(), place: Place::flag(flag), by });
        false
    }

    /// The place that decides on a key with a single value.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.settings.iter().rev().find(|s| s.key == key).map(|s| &s.place)
    }
}

/// Whether `key` can be locked: it is one that a config file has, or stands for a flag that no file sets.
#[must_use]
pub fn is_lockable(key: &str) -> bool {
    key == EVERY || super::KEYS.contains(&key) || super::FLAGS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(layers: &[(Layer, &str)]) -> Layers {
        let mut all = Layers::default();
        for (n, (layer, text)) in layers.iter().enumerate() {
            let name = format!("{n}.toml");
            let config = Config::parse_of(&name, text, *layer).unwrap_or_else(|e| panic!("{e}"));
            all.add(*layer, &name, PathBuf::from(&name), config);
        }
        all
    }

    #[test]
    fn the_nearest_value_counts_and_lists_grow() {
        let all = of(&[
            (Layer::Policy, "exclude = [\"a\"]\nmax_depth = 1\n"),
            (Layer::User, "max_depth = 2\n"),
            (Layer::Repository, "exclude = [\"b\"]\n"),
        ]);
        assert_eq!((all.config.exclude.clone(), all.config.max_depth), (vec!["a".to_owned(), "b".to_owned()], Some(2)));
        assert_eq!(all.place_of("max_depth").map(ToString::to_string).as_deref(), Some("user config 1.toml:1"));
        assert_eq!(all.refused, []);
    }

    #[test]
    fn what_is_locked_stays() {
        let mut all = of(&[
            (Layer::Policy, "lock = [\"exclude\", \"max_depth\"]\nmax_depth = 1\n"),
            (Layer::Policy, "max_depth = 3\n"),
            (Layer::Repository, "disable = [\"x\"]\nexclude = [\"b\"]\n"),
        ]);
        assert_eq!((all.config.exclude.len(), all.config.max_depth, all.config.disable.len()), (0, Some(1), 1));
        assert!(!all.allows("exclude", "--exclude") && all.allows("disable", "--exclude-rule"));
        let refused: Vec<String> = all.refused.iter().map(ToString::to_string).collect();
        let by = "does not count: organization policy 0.toml:1 locks it";
        assert_eq!(
            refused,
            [
                format!("`max_depth` of organization policy 1.toml:1 {by}"),
                format!("`exclude` of repository config 2.toml:2 {by}"),
                format!("`exclude` of command line --exclude {by}"),
            ]
        );
    }

    #[test]
    fn no_rule_is_switched_off_by_another_of_its_name() {
        let rule = |id: &str| format!("[[rule]]\nid = \"{id}\"\npattern = 'acme_[0-9a-z]{{20}}'\n");
        let text = [rule("github-pat-classic"), rule("acme")].concat();
        let all = of(&[(Layer::Policy, "lock = [\"disable\"]\n"), (Layer::Repository, &text)]);
        assert_eq!(all.config.rules.iter().map(|r| r.id).collect::<Vec<_>>(), ["acme"]);
        assert_eq!(all.refused[0].key, "rule.github-pat-classic");
    }

    #[test]
    fn every_key_at_once() {
        let all = of(&[(Layer::Policy, "lock = [\"*\"]\n"), (Layer::User, "archives = false\nexclude = [\"b\"]\n")]);
        assert_eq!((all.config.archives, all.refused.len()), (None, 2));
    }
}
