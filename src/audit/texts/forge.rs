//! The texts of one forge: kind by kind, each with what it is asked and how its answers are read.

use super::changed::{Changes, by_link, entries};
use super::known::{Lists, Mark};
use super::{Place, Take, TextKind, TextOrigin, TextSource, TextsWanted, gitea, github, gitlab};
use crate::audit::forge::api::{Answer, Api, Trouble};
use crate::audit::target::{Forge, Part, RateBudget, RepositoryRef, SourceError};
use crate::finding::percent;
use crate::source::{SkipReason, Stop};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Read};

/// So many files that cannot be had, one after another, are the server's fault.
const MOST_FAILURES: u32 = 3;

/// See the top of this file.
pub struct ForgeTexts {
    pub forge: Forge,
    /// Whose repositories: organization, user or group.
    pub owner: String,
    pub api: Api,
    pub kinds: BTreeSet<TextKind>,
    /// What changed before is left out: seconds since 1970.
    pub oldest: Option<i64>,
    /// The largest file that is read, in bytes.
    pub largest: u64,
}

/// One way to ask for texts, and the kinds that it gives.
pub(super) type Step = (&'static str, &'static [TextKind], fn(&mut Reading<'_>) -> Result<(), Trouble>);

/// What a forge is asked for texts.
const fn steps(forge: Forge) -> &'static [Step] {
    match forge {
        Forge::GitHub => github::STEPS,
        Forge::GitLab => gitlab::STEPS,
        Forge::Gitea => gitea::STEPS,
        _ => &[],
    }
}

impl ForgeTexts {
    /// Whether texts of a kind can be read of a forge.
    #[must_use]
    pub fn gives(forge: Forge, kind: TextKind) -> bool {
        steps(forge).iter().any(|(_, kinds, _)| kinds.contains(&kind))
    }
}

/// Where a list goes on behind an answer with so many entries.
pub(super) type Following = fn(&Answer, usize) -> Option<String>;

/// Reads an entry of a list that is read whole, with what is known of the list and the ids that are there.
pub(super) type EntryOfWhole<'e> =
    &'e mut dyn FnMut(&mut Reading<'_>, &Value, &mut Mark, &mut BTreeSet<String>) -> Result<(), Trouble>;

impl TextSource for ForgeTexts {
    fn reads(&self, repository: &RepositoryRef) -> bool {
        let name = repository.full_name.as_bytes();
        let is_theirs = name.get(self.owner.len()) == Some(&b'/')
            && name.get(..self.owner.len()).is_some_and(|owner| owner.eq_ignore_ascii_case(self.owner.as_bytes()));
        is_theirs && repository.forge == self.forge && repository.host == self.api.host() && repository.part == Part::Code
    }

    fn texts(
        &self,
        repository: &RepositoryRef,
        known: &mut Lists,
        take: &mut dyn Take,
        stop: &Stop,
    ) -> Result<Vec<String>, SourceError> {
        let name = percent::encode(&repository.full_name, b"-._~/");
        let mut reading = Reading { source: self, repository, name, known, take, stop, failures: 0 };
        let mut failed = Vec::new();
        for (name, gives, step) in steps(self.forge) {
            if !gives.iter().any(|kind| self.kinds.contains(kind)) {
                continue;
            }
            match step(&mut reading) {
                // Switched off.
                Ok(()) | Err(Trouble::Gone(_)) => {}
                Err(Trouble::Ended(e @ (SourceError::Interrupted | SourceError::Unavailable { .. }))) => return Err(e),
                Err(Trouble::NotThere(_) | Trouble::Ended(SourceError::Refused(_))) if reading.is_off(name) => {}
                Err(Trouble::NotThere(why) | Trouble::Ended(SourceError::Refused(why) | SourceError::CursorLost(why))) => {
                    reading.take.unread(SkipReason::Unreadable, name, 0);
                    failed.push(format!("{name}: {why}"));
                }
            }
        }
        Ok(failed)
    }

    fn budget(&self) -> Option<RateBudget> {
        self.api.budget()
    }

    fn wanted(&self) -> TextsWanted {
        let with_token = self.api.has_account();
        TextsWanted { kinds: self.kinds.clone(), oldest: self.oldest, largest: self.largest, with_token }
    }
}

/// The texts of one repository while they are read.
pub(super) struct Reading<'a> {
    source: &'a ForgeTexts,
    pub repository: &'a RepositoryRef,
    /// Its full name, as URLs write it.
    pub name: String,
    pub known: &'a mut Lists,
    take: &'a mut dyn Take,
    stop: &'a Stop,
    /// Files that could not be had, one after another.
    failures: u32,
}

impl Reading<'_> {
    /// Whether texts of a kind are asked for.
    pub(super) fn wants(&self, kind: TextKind) -> bool {
        self.source.kinds.contains(&kind)
    }

    /// Whether what a step asks for is switched off at the repository: GitLab and Gitea refuse it then like to a stranger.
    fn is_off(&self, step: &str) -> bool {
        let (place, switch, off) = match self.source.forge {
            Forge::GitLab => (format!("projects/{}", self.repository.id), gitlab::switch(step), Value::from("disabled")),
            Forge::Gitea => (format!("repos/{}", self.name), gitea::switch(step), Value::from(false)),
            _ => return false,
        };
        self.get(&place).is_ok_and(|answer| answer.body[switch] == off)
    }

    /// Calls `each` with what belongs to an entry of another list. That went away in the meantime where it has none.
    pub(super) fn beside(
        &mut self,
        first: &str,
        following: Following,
        each: &mut dyn FnMut(&mut Self, &Value) -> Result<bool, Trouble>,
    ) -> Result<(), Trouble> {
        match self.all(first, following, each) {
            Err(Trouble::NotThere(_) | Trouble::Gone(_)) => Ok(()),
            read => read,
        }
    }

    /// The name of a list of which some kinds are taken: where others are wanted, it is another list.
    pub(super) fn list(&self, name: &str, gives: &[TextKind]) -> String {
        let kinds: Vec<&str> = gives.iter().filter(|kind| self.wants(**kind)).map(|kind| kind.as_str()).collect();
        format!("{name}: {}", kinds.join(","))
    }

    /// What changed before is left out.
    pub(super) const fn oldest(&self) -> Option<i64> {
        self.source.oldest
    }

    /// Gets an answer.
    pub(super) fn get(&self, place: &str) -> Result<Answer, Trouble> {
        self.source.api.get(place, self.stop)
    }

    /// Whether an address is one of the forge's API; what it names below it.
    pub(super) fn below_api<'u>(&self, url: &'u str) -> Option<&'u str> {
        url.strip_prefix(self.source.api.base())
    }

    /// Calls `each` with what is new of a list that `place` asks for from a time on.
    pub(super) fn changed(
        &mut self,
        list: &str,
        in_order: bool,
        next: Following,
        place: &dyn Fn(Option<&str>) -> String,
        each: &mut dyn FnMut(&mut Self, &Value) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut mark = self.known.take(list);
        let (source, stop) = (self.source, self.stop);
        let changes = Changes { api: &source.api, stop, place, in_order, oldest: source.oldest, next };
        let read = changes.read(&mut mark, &mut |item| each(self, item));
        self.known.put(list, mark);
        read
    }

    /// Calls `each` with all entries of a list; where it says false, the list ends.
    pub(super) fn all(
        &mut self,
        first: &str,
        following: Following,
        each: &mut dyn FnMut(&mut Self, &Value) -> Result<bool, Trouble>,
    ) -> Result<(), Trouble> {
        let mut next = Some(first.to_owned());
        while let Some(place) = next {
            let answer = self.get(&place)?;
            let items = entries(&answer)?;
            for item in items {
                if !each(self, item)? {
                    return Ok(());
                }
            }
            next = following(&answer, items.len()).filter(|next| *next != place);
        }
        Ok(())
    }

    /// Calls `each` with all entries of a list that is read whole each time, with what is known of it and the ids that are
    /// there. What is not there any more is forgotten.
    pub(super) fn whole(&mut self, list: &str, first: &str, each: EntryOfWhole<'_>) -> Result<(), Trouble> {
        let (mut mark, mut there) = (self.known.take(list), BTreeSet::new());
        let read = self.all(first, by_link, &mut |r, item| each(r, item, &mut mark, &mut there).map(|()| true));
        if read.is_ok() {
            mark.keep(&there);
        }
        self.known.put(list, mark);
        read
    }

    /// Looks at a text: its parts with an empty line between.
    pub(super) fn text(&mut self, place: &Place, parts: &[&str]) {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            self.take.text(place, &parts.join("\n\n"));
        }
    }

    /// Notes that something was not read.
    pub(super) fn unread(&mut self, reason: SkipReason, path: &str, bytes: u64) {
        self.take.unread(reason, path, bytes);
    }

    /// Looks at the file at `at`. Tells whether it was read; one that is not there any more counts as such where it `may_go`.
    pub(super) fn file(
        &mut self,
        at: &str,
        accept: &'static str,
        place: &Place,
        size: Option<u64>,
        may_go: bool,
    ) -> Result<bool, Trouble> {
        let most = self.source.largest;
        if let Some(size) = size.filter(|size| *size > most) {
            self.take.unread(SkipReason::TooLarge, &place.path, size);
            return Ok(false);
        }
        let mut file = match self.source.api.download(at, accept, self.stop) {
            Ok(file) => file,
            Err(Trouble::NotThere(_) | Trouble::Gone(_)) if may_go => return Ok(true),
            Err(e @ Trouble::Ended(SourceError::Interrupted)) => return Err(e),
            Err(e) => {
                self.failures += 1;
                self.take.unread(SkipReason::Unreadable, &place.path, size.unwrap_or(0));
                return if self.failures == MOST_FAILURES && matches!(e, Trouble::Ended(_)) { Err(e) } else { Ok(false) };
            }
        };
        self.failures = 0;
        let size = size.or_else(|| file.size());
        if let Some(size) = size.filter(|size| *size > most) {
            self.take.unread(SkipReason::TooLarge, &place.path, size);
            return Ok(false);
        }
        Ok(self.take.file(place, size, &mut Bounded { file: &mut file, left: most, stop: self.stop }))
    }
}

/// A file of which no more is read than may be.
struct Bounded<'a> {
    file: &'a mut dyn Read,
    left: u64,
    stop: &'a Stop,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_asked() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other("the file is too large"))?;
        Ok(read)
    }
}

/// Where a text is, as an entry of a list tells it.
pub(super) fn place(path: String, kind: &str, url: String, item: &Value) -> Place {
    let author = ["user", "author", "actor"].iter().find_map(|who| {
        let who = &item[*who];
        who["login"].as_str().or_else(|| who["username"].as_str())
    });
    let date = ["created_at", "submitted_at", "published_at"].iter().find_map(|key| item[*key].as_str());
    let origin = TextOrigin { kind: kind.to_owned(), url, author: author.map(str::to_owned), date: date.map(str::to_owned) };
    Place { path, origin }
}

/// A text of an entry; empty where there is none.
pub(super) fn text<'i>(item: &'i Value, key: &str) -> &'i str {
    item[key].as_str().unwrap_or_default()
}

/// The last piece of a URL's path: the number of what it names.
pub(super) fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}
