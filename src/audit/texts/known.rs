//! What was read of the texts of a repository, list by list: where the next reading goes on. The store keeps it as JSON.

use crate::pipeline::{Accepts, Tally};
use crate::source::SkipReason;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something changed while a list was read, or a server's copy was behind: so many seconds are read twice.
pub const OVERLAP: i64 = 120;

/// See the top of this file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    pub lists: Lists,
    pub gaps: Gaps,
}

/// How far each list was read, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lists(BTreeMap<String, Mark>);

/// What was not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gaps {
    /// Texts that were read, and not looked at whole: by path, the bytes by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    partly: BTreeMap<String, BTreeMap<String, u64>>,
    /// What could not be read in the last reading.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unread: BTreeMap<String, BTreeMap<String, u64>>,
}

/// How far a list was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// All before this was read: seconds since 1970, or a number of the forge's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// What was read from there on: by id, where it stands in the list, and what it then was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<String, (i64, String)>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: String,
    /// Where it stands in the list, like [`Mark::since`].
    pub at: i64,
    /// Changes whenever the entry does.
    pub version: String,
}

impl Entry {
    /// An entry whose version is its content.
    #[must_use]
    pub fn of(id: &str, at: i64, content: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in content {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self { id: id.to_owned(), at, version: hasher.finalize().to_hex()[..12].to_owned() }
    }
}

impl Mark {
    /// From where on the list is to be read.
    #[must_use]
    pub const fn since(&self) -> Option<i64> {
        self.since
    }

    /// Whether an entry was not read, or has changed.
    #[must_use]
    pub fn is_new(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.at >= since) && self.version(&entry.id) != Some(&entry.version)
    }

    /// What an entry was when it was read.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&str> {
        self.seen.get(id).map(|(_, version)| version.as_str())
    }

    /// Notes that an entry was read.
    pub fn note(&mut self, entry: Entry) {
        self.seen.insert(entry.id, (entry.at, entry.version));
    }

    /// All before `at` was read, and need not be asked for again.
    pub fn reached(&mut self, at: i64) {
        if self.since.is_none_or(|since| since < at) {
            self.since = Some(at);
            self.seen.retain(|_, (place, _)| *place >= at);
        }
    }

    /// The list holds these entries and no others.
    pub fn keep(&mut self, ids: &BTreeSet<String>) {
        self.seen.retain(|id, _| ids.contains(id));
    }
}

impl Lists {
    /// The mark of a list, to be given back with [`Self::put`].
    pub fn take(&mut self, list: &str) -> Mark {
        self.0.remove(list).unwrap_or_default()
    }

    /// Gives a mark back.
    pub fn put(&mut self, list: &str, mark: Mark) {
        self.0.insert(list.to_owned(), mark);
    }
}

impl Gaps {
    /// Begins a reading: what could not be read is tried again.
    pub fn begin(&mut self) {
        self.unread.clear();
    }

    /// A text is read anew.
    pub fn reads(&mut self, path: &str) {
        self.partly.remove(path);
    }

    /// Not all of a text could be looked at.
    pub fn partly(&mut self, path: &str, reason: SkipReason, bytes: u64) {
        *self.partly.entry(path.to_owned()).or_default().entry(reason.as_str().to_owned()).or_default() += bytes;
    }

    /// Something could not be read.
    pub fn unread(&mut self, path: &str, reason: SkipReason, bytes: u64) {
        *self.unread.entry(path.to_owned()).or_default().entry(reason.as_str().to_owned()).or_default() += bytes;
    }

    /// All that is known not to have been looked at, by reason and whether config accepts it.
    #[must_use]
    pub fn all(&self, accepts: Accepts<'_>) -> BTreeMap<(SkipReason, bool), Tally> {
        tallied(self.partly.iter().chain(&self.unread).map(|(path, gaps)| (path.as_str(), gaps)), accepts)
    }
}

/// Gaps of texts or objects, each with its bytes by reason, summed up by reason and whether config accepts it.
pub(in crate::audit) fn tallied<'g>(
    gaps: impl Iterator<Item = (&'g str, &'g BTreeMap<String, u64>)>,
    accepts: Accepts<'_>,
) -> BTreeMap<(SkipReason, bool), Tally> {
    let mut all: BTreeMap<(SkipReason, bool), Tally> = BTreeMap::new();
    for (path, of_one) in gaps {
        for (word, bytes) in of_one {
            if let Some(reason) = SkipReason::parse(word) {
                all.entry((reason, accepts(reason, path))).or_default().add(path, *bytes);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_read_again_and_what_changed_is() {
        let mut mark = Mark::default();
        let one = Entry::of("1", 100, &["text"]);
        assert!(mark.is_new(&one));
        mark.note(one.clone());
        assert!(!mark.is_new(&one));
        assert!(mark.is_new(&Entry::of("1", 100, &["other text"])), "within the same second");
        mark.reached(150);
        assert_eq!(mark, serde_json::from_str(r#"{"since": 150}"#).unwrap());
        assert!(!mark.is_new(&one) && mark.is_new(&Entry::of("1", 150, &["text"])));
        mark.reached(10);
        assert_eq!(mark.since(), Some(150));
    }

    #[test]
    fn gaps_stay_until_their_text_is_read_again() {
        let mut gaps = Gaps::default();
        gaps.partly("releases/v1/a.zip", SkipReason::EncryptedMember, 7);
        gaps.unread("logs", SkipReason::Unreadable, 0);
        let mut gaps: Gaps = serde_json::from_str(&serde_json::to_string(&gaps).unwrap()).unwrap();
        assert_eq!(gaps.all(&|_, _| false).len(), 2);
        gaps.begin();
        assert_eq!(gaps.all(&|_, _| false)[&(SkipReason::EncryptedMember, false)].bytes, 7);
        gaps.reads("releases/v1/a.zip");
        assert_eq!(gaps, Gaps::default());
    }
}
