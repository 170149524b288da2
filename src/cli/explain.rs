//! `keysift explain`: what each rule, check and signal said of a line, or of a finding.

use super::common::{RuleFlags, Settings};
use super::usage_error;
use crate::detect::Scratch;
use crate::examine::{Judged, examine};
use crate::finding::location::{Base, place};
use crate::finding::redact;
use crate::source::tree::Root;
use crate::source::{Blob, Encoding, ExcludeReason, Sink, SkipReason, Stop};
use clap::Args;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

/// `keysift explain …`
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// FILE:LINE, or a fingerprint (looked for below the current folder)
    pub what: String,
    /// Show secrets in full
    #[arg(long)]
    pub show_secrets: bool,
    #[command(flatten)]
    pub rules: RuleFlags,
}

/// Runs it.
pub(super) fn run(arguments: &ExplainArguments) -> ExitCode {
    match try_run(arguments) {
        Ok(code) | Err(code) => code,
    }
}

fn try_run(arguments: &ExplainArguments) -> Result<ExitCode, ExitCode> {
    let settings = Settings::of(&arguments.rules, &[], None)?;
    if arguments.what.starts_with("ks1:") {
        return by_fingerprint(arguments, &settings);
    }
    let split = arguments.what.rsplit_once(':').and_then(|(file, line)| line.parse::<u64>().ok().map(|line| (file, line)));
    let Some((file, line)) = split.filter(|(_, line)| *line > 0) else {
        return Err(usage_error("explain takes FILE:LINE or a fingerprint"));
    };
    let stored = std::fs::read(file).map_err(|e| usage_error(&format!("{file}: cannot be read: {e}")))?;
    let root = Root::of(Path::new(file)).map_err(|e| usage_error(&e.to_string()))?;
    let absolute = Path::new(file).canonicalize().map_err(|e| usage_error(&format!("{file}: {e}")))?;
    let path = absolute.strip_prefix(&root.folder).unwrap_or(&absolute).to_string_lossy().replace('\\', "/");
    let encoding = Encoding::of(&stored);
    let mut text = Vec::new();
    encoding.transcode(&stored[encoding.mark_len()..], &mut text);
    let mut out = String::new();
    let examined = examine(&settings.detector, &text, Some(&path), &mut Scratch::default());
    for (judged, verdict) in
        examined.found.iter().map(|j| (j, "a secret")).chain(examined.rejected.iter().map(|j| (j, "not a secret")))
    {
        let at = place(&text, judged.candidate.span, Base::default());
        if (at.start_line..=at.end_line).contains(&line) {
            told(&mut out, judged, verdict, &text, &settings, &path, arguments.show_secrets);
        }
    }
    if out.is_empty() {
        let _ = writeln!(out, "{file}:{line}: no rule sees a candidate here");
    }
    Ok(super::print(&out))
}

fn told(out: &mut String, judged: &Judged, verdict: &str, text: &[u8], settings: &Settings, path: &str, show: bool) {
    let secret = judged.candidate.secret.of(text);
    let shown = if show { String::from_utf8_lossy(secret).into_owned() } else { redact::shown(judged.rule, secret) };
    let at = place(text, judged.candidate.secret, Base::default());
    let level = judged.verdict.level().map_or("rejected", crate::rule::Confidence::as_str);
    let _ = writeln!(
        out,
        "{path}:{}:{}  {}  {verdict}: {level}, score {:.2}",
        at.start_line, at.start_column, judged.rule.id, judged.verdict.score
    );
    let _ = writeln!(out, "  value        {shown}");
    let _ = writeln!(out, "  fingerprint  {}", settings.key.fingerprint(judged.rule.family(), secret, path));
    let _ = writeln!(
        out,
        "  entropy      {:.2} bits a byte (the rule asks for {:.1})",
        judged.candidate.entropy, judged.rule.entropy
    );
    if let Some(right) = judged.candidate.checksum {
        let _ = writeln!(out, "  checksum     {}", if right { "right" } else { "wrong" });
    }
    if let Some(assignment) = judged.candidate.assignment {
        let name = String::from_utf8_lossy(assignment.name.of(text)).into_owned();
        let _ = writeln!(out, "  assigned to  {name} ({:?}, {:?} quotes)", assignment.operator, assignment.quote);
    }
    for reason in &judged.verdict.reasons {
        let _ = writeln!(out, "  {:+.2}  {:<24} {}", reason.weight, reason.signal, reason.text);
    }
    if !judged.also.is_empty() {
        let also: Vec<&str> = judged.also.iter().map(|r| r.id).collect();
        let _ = writeln!(out, "  also seen by {}", also.join(", "));
    }
    out.push('\n');
}

/// Looks for one fingerprint in the tree.
struct Seeker<'a> {
    settings: &'a Settings,
    wanted: &'a str,
    show: bool,
    found: Mutex<Vec<String>>,
    stop: Stop,
}

impl Sink for Seeker<'_> {
    fn blob(&self, blob: &Blob<'_>) {
        let path = &blob.origin.path;
        let examined = examine(&self.settings.detector, blob.bytes, Some(path), &mut Scratch::default());
        for (judged, verdict) in
            examined.found.iter().map(|j| (j, "a secret")).chain(examined.rejected.iter().map(|j| (j, "not a secret")))
        {
            let secret = judged.candidate.secret.of(blob.bytes);
            if self.settings.key.fingerprint(judged.rule.family(), secret, path).0 == self.wanted {
                let mut out = String::new();
                told(&mut out, judged, verdict, blob.bytes, self.settings, path, self.show);
                if let Ok(mut found) = self.found.lock() {
                    found.push(out);
                }
            }
        }
    }

    fn file(&self, _: u64) {}
    fn skip(&self, _: SkipReason, _: &str, _: u64) {}
    fn exclude(&self, _: ExcludeReason, _: &str) {}
    fn stop(&self) -> &Stop {
        &self.stop
    }
}

fn by_fingerprint(arguments: &ExplainArguments, settings: &Settings) -> Result<ExitCode, ExitCode> {
    let tree = crate::source::tree::Tree {
        named: ".".into(),
        target: 0,
        exclude: settings.exclude.clone(),
        max_file_size: super::common::MAX_FILE_SIZE,
        obey_gitignore: false,
    };
    let seeker =
        Seeker { settings, wanted: &arguments.what, show: arguments.show_secrets, found: Mutex::default(), stop: Stop::new() };
    let root = Root::of(Path::new(".")).map_err(|e| usage_error(&e.to_string()))?;
    tree.scan(&root, &seeker).map_err(|e| usage_error(&e.to_string()))?;
    let mut found = seeker.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if found.is_empty() {
        return Err(usage_error(&format!("{} is not found below the current folder", arguments.what)));
    }
    found.sort();
    Ok(super::print(&found.concat()))
}
