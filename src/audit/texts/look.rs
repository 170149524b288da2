//! A text on its way through detection: looked at like a file, what of it was not looked at noted beside what is known.

use super::known::{Gaps, Known};
use super::{Place, Reader, Take, TextOrigin};
use crate::audit::target::{RateBudget, RepositoryRef, SourceError};
use crate::audit::work::How;
use crate::finding::{Finding, Redactor};
use crate::pipeline::Collector;
use crate::report::model::Gap;
use crate::source::container::{Containers, look_at_download};
use crate::source::{Blob, ExcludeReason, Origin, Sink, SkipReason, Stop};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What was read of the texts of a repository.
pub struct TextsRead {
    /// Still with their secrets.
    pub findings: Vec<Finding>,
    pub redactor: Redactor,
    pub known: Known,
    pub skipped: Vec<Gap>,
    pub excluded: Vec<Gap>,
    /// Why not all could be read.
    pub failed: Option<String>,
    /// What the forge said last of its limits.
    pub budget: Option<RateBudget>,
    pub texts: u64,
    pub bytes: u64,
}

/// Reads what is new of the texts of a repository. Where nobody can read them, what is known stays.
pub fn read(readers: &[Reader], repository: &RepositoryRef, mut known: Known, how: &How<'_>) -> TextsRead {
    if readers.iter().any(Result::is_ok) {
        known.gaps.begin();
    }
    let collector = how.collector(how.detector);
    let (mut failed, mut budget) = (Vec::new(), None);
    for reader in readers {
        let source = match reader {
            Ok(source) => source,
            Err(why) => {
                failed.push(why.clone());
                continue;
            }
        };
        let mut looker = Looker { collector: &collector, gaps: &mut known.gaps, how };
        match source.texts(repository, &mut known.lists, &mut looker, how.stop) {
            Ok(told) => failed.extend(told),
            Err(SourceError::Interrupted) => {}
            Err(e) => failed.push(e.to_string()),
        }
        budget = source.budget().or(budget);
    }
    let mut outcome = collector.finish(how.key);
    outcome.findings.iter_mut().for_each(tell);
    let redactor = Some(&outcome.redactor);
    let skipped = known.gaps.all(how.accepts).into_iter();
    TextsRead {
        skipped: skipped.map(|((r, accepted), tally)| Gap::of(r.as_str(), &tally, accepted, redactor)).collect(),
        excluded: outcome.excluded.iter().map(|(r, tally)| Gap::of(r.as_str(), tally, true, redactor)).collect(),
        failed: (!failed.is_empty()).then(|| failed.join("; ")),
        budget,
        texts: outcome.files,
        bytes: outcome.bytes,
        findings: outcome.findings,
        redactor: outcome.redactor,
        known,
    }
}

/// Says of the places of a finding who wrote the text, and when.
pub(in crate::audit) fn tell(finding: &mut Finding) {
    for location in std::iter::once(&mut finding.location).chain(&mut finding.occurrences) {
        let origin = location.origin.clone().and_then(|origin| serde_json::from_value::<TextOrigin>(origin).ok());
        if let Some(origin) = origin {
            location.author = origin.author;
            location.date = origin.date;
        }
    }
}

/// Looks at what sources give.
struct Looker<'a> {
    collector: &'a Collector<'a>,
    gaps: &'a mut Gaps,
    how: &'a How<'a>,
}

impl Looker<'_> {
    /// Calls `look` with the origin of a text and where its gaps are noted, unless the text is left out.
    fn look(&mut self, place: &Place, look: impl FnOnce(&Origin, &dyn Sink) -> io::Result<u64>) -> bool {
        if self.how.exclude.is_match(&place.path) {
            self.collector.exclude(ExcludeReason::Excluded, &place.path);
            return true;
        }
        let Ok(skipped) = look_at(self.collector, place, look) else {
            self.gaps.unread(&place.path, SkipReason::Unreadable, 0);
            return false;
        };
        self.gaps.reads(&place.path);
        for (reason, bytes) in skipped {
            self.gaps.partly(&place.path, reason, bytes);
        }
        true
    }
}

/// Calls `look` with the origin of what is at a place; tells what of it was not looked at.
///
/// # Errors
/// Where it cannot be read to its end.
pub(in crate::audit) fn look_at(
    collector: &Collector<'_>,
    place: &Place,
    look: impl FnOnce(&Origin, &dyn Sink) -> io::Result<u64>,
) -> io::Result<Vec<(SkipReason, u64)>> {
    let note = serde_json::to_value(&place.origin).ok();
    let origin = Origin { path: place.path.clone(), note, ..Origin::default() };
    let sink = Noting { inner: collector, skipped: Mutex::default() };
    let bytes = look(&origin, &sink)?;
    collector.file(bytes);
    Ok(sink.skipped.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Take for Looker<'_> {
    fn text(&mut self, place: &Place, text: &str) {
        self.look(place, |origin, sink| {
            look_at_download(&mut text.as_bytes(), Some(text.len() as u64), Path::new(""), origin, sink)
        });
    }

    fn file(&mut self, place: &Place, size: Option<u64>, file: &mut dyn Read) -> bool {
        let scratch = self.how.mirrors.scratch();
        self.look(place, |origin, sink| look_at_download(file, size, scratch, origin, sink))
    }

    fn unread(&mut self, reason: SkipReason, path: &str, bytes: u64) {
        self.gaps.unread(path, reason, bytes);
    }
}

/// A collector, but for what is not looked at, which is noted: what detection gives up as well.
struct Noting<'a> {
    inner: &'a Collector<'a>,
    skipped: Mutex<Vec<(SkipReason, u64)>>,
}

impl Sink for Noting<'_> {
    fn blob(&self, blob: &Blob<'_>) -> u64 {
        let (decoded, gave_up) = self.inner.blob_and_gaps(blob);
        for reason in gave_up {
            self.skip(reason, "", 0);
        }
        decoded
    }

    fn file(&self, bytes: u64) {
        self.inner.file(bytes);
    }

    fn member(&self, bytes: u64) {
        self.inner.member(bytes);
    }

    fn containers(&self) -> &Containers {
        self.inner.containers()
    }

    fn skip(&self, reason: SkipReason, _: &str, bytes: u64) {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).push((reason, bytes));
    }

    fn exclude(&self, reason: ExcludeReason, path: &str) {
        self.inner.exclude(reason, path);
    }

    fn stop(&self) -> &Stop {
        self.inner.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector;
    use crate::rule::RuleSet;
    use base64::Engine as _;

    #[test]
    fn what_detection_gives_up_is_told_of_its_text_alone() {
        let nested =
            (0..12).fold("a text that nobody reads".to_owned(), |text, _| base64::engine::general_purpose::STANDARD.encode(text));
        let (detector, stop) = (Detector::new(RuleSet::built_in()), Stop::new());
        let collector = Collector::new(&detector, &stop, false, &|_, _| false);
        let gaps = |path: &str, text: &str| {
            let origin = TextOrigin { kind: "object".to_owned(), url: String::new(), author: None, date: None };
            let place = Place { path: path.to_owned(), origin };
            let mut bytes = text.as_bytes();
            look_at(&collector, &place, |origin, sink| {
                look_at_download(&mut bytes, Some(text.len() as u64), Path::new(""), origin, sink)
            })
        };
        assert_eq!(gaps("ab", &nested).unwrap(), [(SkipReason::TooDeep, 0)]);
        assert_eq!(gaps("a", "plain\n").unwrap(), []);
    }
}
