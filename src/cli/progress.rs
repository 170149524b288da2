//! Progress on a terminal, for anything that takes longer than a second.

use super::common::When;
use super::messages;
use crate::pipeline::Collector;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` while a line on stderr tells how far it is.
pub(super) fn during<T>(when: When, collector: &Collector<'_>, work: impl FnOnce() -> T) -> T {
    beside(when, |done| show(collector, done), work)
}

/// Runs `work`, and beside it `show`, where progress is wanted, until it is told that the work is done.
pub(super) fn beside<T>(when: When, show: impl FnOnce(&AtomicBool) + Send, work: impl FnOnce() -> T) -> T {
    let wanted = match when {
        _ if messages::are_json() => false,
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb"),
    };
    if !wanted {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| show(&done));
        let result = work();
        done.store(true, Ordering::Release);
        result
    })
}

fn show(collector: &Collector<'_>, done: &AtomicBool) {
    let start = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
        if start.elapsed() < Duration::from_secs(1) {
            continue;
        }
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar
        });
        let files = collector.files.load(Ordering::Relaxed);
        let bytes = collector.bytes.load(Ordering::Relaxed);
        let rate = bytes / (start.elapsed().as_secs().max(1));
        bar.set_message(format!("{} files, {}, {}/s", HumanCount(files), HumanBytes(bytes), HumanBytes(rate)));
        bar.tick();
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
