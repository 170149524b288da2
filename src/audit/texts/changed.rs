//! Lists of what changed since a time. Where a forge orders them by the last change, oldest first, each page is asked for from the
//! last change of the page before: what changes while the list is read moves to its end and pushes nothing out of sight.

use super::known::{Entry, Mark, OVERLAP};
use crate::audit::forge::api::{Answer, Api, Trouble};
use crate::finding::date::{rfc3339, seconds_of};
use crate::source::Stop;
use serde_json::Value;

/// A list.
pub(super) struct Changes<'a> {
    pub api: &'a Api,
    pub stop: &'a Stop,
    /// The address of its first page, from a time on.
    pub place: &'a dyn Fn(Option<&str>) -> String,
    /// It is ordered by the last change, oldest first.
    pub in_order: bool,
    /// What changed before is left out: seconds since 1970.
    pub oldest: Option<i64>,
    /// Where it goes on behind an answer with so many entries.
    pub next: fn(&Answer, usize) -> Option<String>,
}

/// The next page as the header `Link` names it.
pub(super) fn by_link(answer: &Answer, _: usize) -> Option<String> {
    answer.next_link()
}

/// The next page by its number, until one is empty.
pub(super) fn by_number(answer: &Answer, entries: usize) -> Option<String> {
    let page = answer.url.query_pairs().find(|(name, _)| name == "page").and_then(|(_, page)| page.parse::<u64>().ok());
    (entries > 0).then(|| answer.with_parameter("page", &(page.unwrap_or(1) + 1).to_string()))
}

impl Changes<'_> {
    /// Calls `each` with what `mark` does not know, and notes it there.
    pub(super) fn read(&self, mark: &mut Mark, each: &mut dyn FnMut(&Value) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let mut from = mark.since().max(self.oldest);
        let at = |from: Option<i64>| (self.place)(from.map(|at| rfc3339(at, 0)).as_deref());
        let mut next = at(from);
        let mut newest = None;
        loop {
            let answer = self.api.get(&next, self.stop)?;
            let items = entries(&answer)?;
            let mut last = None;
            for item in items {
                let entry = entry(item).ok_or_else(|| unread(&answer))?;
                last = last.max(Some(entry.at));
                let is_old = self.oldest.is_some_and(|oldest| entry.at < oldest);
                if !is_old && mark.is_new(&entry) {
                    each(item)?;
                    mark.note(entry);
                }
            }
            newest = newest.max(last);
            if self.in_order
                && let Some(last) = last
            {
                mark.reached(last - OVERLAP);
            }
            let following = (self.next)(&answer, items.len());
            next = match following {
                None => break,
                // Where a page ends and time has gone on, the list goes on from there.
                Some(_) if self.in_order && last > from => {
                    from = last;
                    at(from)
                }
                Some(page) => page,
            };
        }
        if let Some(newest) = newest {
            mark.reached(newest - OVERLAP);
        }
        Ok(())
    }
}

/// The entries of an answer that is a list.
pub(super) fn entries(answer: &Answer) -> Result<&Vec<Value>, Trouble> {
    answer.list().map_err(Trouble::Ended)
}

/// What a forge says of a text: its id, when it changed last, what stands in it.
fn entry(item: &Value) -> Option<Entry> {
    let changed = item["updated_at"].as_str()?;
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    Some(Entry::of(
        &item["id"].as_u64()?.to_string(),
        seconds_of(changed)?,
        &[changed, text("title"), text("body"), text("description")],
    ))
}

/// The answer is something else than was asked for.
pub(super) fn unread(answer: &Answer) -> Trouble {
    Trouble::Ended(answer.unread("is no list that keysift knows"))
}
