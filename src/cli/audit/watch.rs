//! How far an audit is, in one line on a terminal.

use crate::audit::run::Planned;
use crate::audit::store::{Run, Store};
use crate::audit::work::Counts;
use crate::cli::common::When;
use crate::cli::progress;
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` while a line on stderr tells how far it is.
pub(super) fn during<T>(
    when: When,
    (store, run): (&Store, &Run),
    counts: &Counts,
    planned: &Planned,
    work: impl FnOnce() -> T,
) -> T {
    progress::beside(when, |done| show((store, run), counts, planned, done), work)
}

fn show((store, run): (&Store, &Run), counts: &Counts, planned: &Planned, done: &AtomicBool) {
    let start = Instant::now();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut next = Duration::from_millis(500);
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
        if start.elapsed() < next {
            continue;
        }
        next = start.elapsed() + Duration::from_secs(1);
        bar.set_message(line((store, run), counts, planned, start.elapsed()));
        bar.tick();
    }
    bar.finish_and_clear();
}

fn line((store, run): (&Store, &Run), counts: &Counts, planned: &Planned, since: Duration) -> String {
    let of = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    let units = store.unit_counts(run).unwrap_or_default();
    let total: u64 = units.values().sum();
    let finished: u64 = ["done", "failed"].iter().filter_map(|s| units.get(*s)).sum();
    let mut text = format!(
        "{} of {} repositories ({} unchanged, {} failed), {} objects, {}, {} findings",
        HumanCount(finished),
        HumanCount(total),
        HumanCount(of(&counts.unchanged)),
        HumanCount(of(&counts.failed)),
        HumanCount(of(&counts.blobs)),
        HumanBytes(of(&counts.bytes)),
        HumanCount(of(&counts.found)),
    );
    if let Some(budget) = &*planned.budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        text.extend([format!(", {} of {} requests left", budget.remaining, budget.limit)]);
    }
    // What this process did tells how fast it is.
    let here = of(&counts.done) + of(&counts.failed);
    if here >= 10 && total > finished {
        let each = since / u32::try_from(here).unwrap_or(u32::MAX);
        let left = each.saturating_mul(u32::try_from(total - finished).unwrap_or(u32::MAX));
        text.extend([format!(", {} left", HumanDuration(left))]);
    }
    text
}
