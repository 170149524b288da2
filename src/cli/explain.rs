//! `keysift explain`: what each rule, check and signal said of a line, or of a finding.

use super::common::{RuleFlags, Settings};
use super::usage_error;
use crate::config::discover::Home;
use crate::detect::Scratch;
use crate::examine::{Examined, Judged, examine};
use crate::finding::location::{Base, place};
use crate::finding::snippet::visible;
use crate::finding::{Redactor, redact};
use crate::pipeline::secrets_of;
use crate::source::container::Containers;
use crate::source::git::Repository;
use crate::source::git::changes::blob_at;
use crate::source::git::lookup::Lookup;
use crate::source::git::objects::Kind;
use crate::source::git::open::Options;
use crate::source::git::range::{commit_named, tree_of};
use crate::source::tree::Root;
use crate::source::{Blob, Encoding, ExcludeReason, Sink, SkipReason, Stop};
use clap::Args;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

/// `keysift explain …`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keysift explain src/settings.py:12       what every rule and signal says of this line\n  keysift explain HEAD~3:app.env:2         of a line that a commit had\n  keysift \
                  explain ks1:0123…                a finding by its fingerprint, as reports show it\n  keysift explain .env:3 \
                  --rules ours.toml    the same with rules of your own"
)]
pub(super) struct ExplainArguments {
    /// FILE:LINE, COMMIT:PATH:LINE, or a fingerprint (looked for below the current folder)
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
    if arguments.what.starts_with("ks1:") {
        let settings = Settings::of(&arguments.rules, &[], None, &Home::of(&[".".into()]))?;
        return by_fingerprint(arguments, &settings);
    }
    let split = arguments.what.rsplit_once(':').and_then(|(file, line)| line.parse::<u64>().ok().map(|line| (file, line)));
    let Some((file, line)) = split.filter(|(_, line)| *line > 0) else {
        return Err(usage_error("explain takes FILE:LINE, COMMIT:PATH:LINE or a fingerprint"));
    };
    let in_commit = file.split_once(':').filter(|_| !Path::new(file).exists());
    let home = in_commit.map_or(file, |_| ".");
    let settings = Settings::of(&arguments.rules, &[], None, &Home::of(&[home.into()]))?;
    let (stored, path) = match in_commit {
        Some((commit, path)) => (blob_of(commit, path)?, path.to_owned()),
        None => on_disk(file)?,
    };
    let encoding = Encoding::of(&stored);
    let mut text = Vec::new();
    encoding.transcode(&stored[encoding.mark_len()..], &mut text);
    let examined = examine(&settings.detector, &text, Some(&path), &mut Scratch::default());
    let teller = Teller::new(&settings, &examined, &text, Base::default(), &path, arguments.show_secrets);
    let mut out = String::new();
    for (judged, verdict) in all(&examined) {
        let span = judged.decoding.as_ref().map_or(judged.candidate.span, |d| d.at);
        let at = place(&text, span, Base::default());
        if (at.start_line..=at.end_line).contains(&line) {
            teller.tell(&mut out, judged, verdict);
        }
    }
    if out.is_empty() {
        let _ = writeln!(out, "{file}:{line}: no rule sees a candidate here");
    }
    Ok(super::print(&out))
}

/// What stands in a file, and its path as reports tell it.
fn on_disk(file: &str) -> Result<(Vec<u8>, String), ExitCode> {
    let stored = std::fs::read(file).map_err(|e| usage_error(&visible(&format!("{file}: cannot be read: {e}"))))?;
    let root = Root::of(Path::new(file)).map_err(|e| usage_error(&e.to_string()))?;
    let absolute = Path::new(file).canonicalize().map_err(|e| usage_error(&visible(&format!("{file}: {e}"))))?;
    let path = absolute.strip_prefix(&root.folder).unwrap_or(&absolute).to_string_lossy().replace('\\', "/");
    Ok((stored, path))
}

/// What stood at a path of the current repository in a commit.
fn blob_of(commit: &str, path: &str) -> Result<Vec<u8>, ExitCode> {
    let repo = Repository::open(Path::new("."), &Options::default()).map_err(|e| usage_error(&e.to_string()))?;
    let store = repo.store();
    let mut lookup = Lookup::new(&store);
    let wrong = |what: String| usage_error(&visible(&what));
    let id = commit_named(&repo, &mut lookup, commit).ok_or_else(|| wrong(format!("there is no commit `{commit}`")))?;
    let blob = tree_of(&mut lookup, id).and_then(|tree| blob_at(&mut lookup, tree, path.as_bytes()));
    let blob = blob.ok_or_else(|| wrong(format!("{path} is no file in {commit}")))?;
    let bytes = lookup.read_kind(&blob, Kind::Blob).map_err(|_| wrong(format!("{path} of {commit} cannot be read")))?;
    Ok(bytes.to_vec())
}

/// Every candidate with what became of it.
fn all(examined: &Examined) -> impl Iterator<Item = (&Judged, &'static str)> {
    let found = examined.found.iter().map(|j| (j, "a secret"));
    found.chain(examined.rejected.iter().map(|j| (j, "not a secret")))
}

/// Tells of candidates in one text.
struct Teller<'a> {
    settings: &'a Settings,
    text: &'a [u8],
    base: Base,
    path: &'a str,
    /// `None` where secrets are to be shown.
    redactor: Option<Redactor>,
}

impl<'a> Teller<'a> {
    fn new(settings: &'a Settings, examined: &Examined, text: &'a [u8], base: Base, path: &'a str, show: bool) -> Self {
        let redactor = (!show).then(|| Redactor::new(secrets_of(examined, text).into_iter().collect()));
        Self { settings, text, base, path, redactor }
    }

    fn clean(&self, text: &str) -> String {
        visible(&self.redactor.as_ref().map_or_else(|| text.to_owned(), |r| r.redact(text)))
    }

    fn tell(&self, out: &mut String, judged: &Judged, verdict: &str) {
        let secret = judged.value(self.text);
        let shown = match &self.redactor {
            Some(_) => redact::shown(judged.rule, secret),
            None => String::from_utf8_lossy(secret).into_owned(),
        };
        let at = place(self.text, judged.at(), self.base);
        let level = judged.verdict.level().map_or("rejected", crate::rule::Confidence::as_str);
        let _ = writeln!(
            out,
            "{}:{}:{}  {}  {verdict}: {level}, score {:.2}",
            self.clean(self.path),
            at.start_line,
            at.start_column,
            judged.rule.id,
            judged.verdict.score
        );
        let _ = writeln!(out, "  value        {shown}");
        let _ = writeln!(out, "  fingerprint  {}", self.settings.key.fingerprint(judged.rule.family(), secret, self.path));
        let _ = writeln!(
            out,
            "  entropy      {:.2} bits a byte (the rule asks for {:.1})",
            judged.candidate.entropy, judged.rule.entropy
        );
        if let Some(decoding) = &judged.decoding {
            let _ = writeln!(out, "  behind       {}", decoding.chain.join(", "));
        }
        if let Some(right) = judged.candidate.checksum {
            let _ = writeln!(out, "  checksum     {}", if right { "right" } else { "wrong" });
        }
        for (name, value) in &judged.verdict.structure {
            let _ = writeln!(out, "  {:<12} {}", name.replace('_', " "), self.clean(value));
        }
        if let Some(assignment) = judged.candidate.assignment {
            let name = self.clean(&String::from_utf8_lossy(assignment.name.of(judged.text(self.text))));
            let _ = writeln!(out, "  assigned to  {name} ({:?}, {:?} quotes)", assignment.operator, assignment.quote);
        }
        for reason in &judged.verdict.reasons {
            let _ = writeln!(out, "  {:+.2}  {:<24} {}", reason.weight, reason.signal, self.clean(&reason.text));
        }
        if !judged.also.is_empty() {
            let also: Vec<&str> = judged.also.iter().map(|r| r.id).collect();
            let _ = writeln!(out, "  also seen by {}", also.join(", "));
        }
        out.push('\n');
    }
}

/// Looks for one fingerprint in the tree.
struct Seeker<'a> {
    settings: &'a Settings,
    wanted: &'a str,
    show: bool,
    found: Mutex<Vec<String>>,
    stop: Stop,
    containers: Containers,
}

impl Sink for Seeker<'_> {
    fn blob(&self, blob: &Blob<'_>) -> u64 {
        let path = blob.origin.joined();
        let inner = blob.origin.inner_path();
        let examined = examine(&self.settings.detector, blob.bytes, Some(inner), &mut Scratch::default());
        let teller = Teller::new(self.settings, &examined, blob.bytes, blob.base, &path, self.show);
        for (judged, verdict) in all(&examined) {
            let at = judged.at();
            let in_core = blob.core.start <= at.start && at.start < blob.core.end;
            let fingerprint = self.settings.key.fingerprint(judged.rule.family(), judged.value(blob.bytes), &path);
            if in_core && fingerprint.0 == self.wanted {
                let mut out = String::new();
                teller.tell(&mut out, judged, verdict);
                if let Ok(mut found) = self.found.lock() {
                    found.push(out);
                }
            }
        }
        examined.decoded
    }

    fn file(&self, _: u64) {}
    fn member(&self, _: u64) {}
    fn containers(&self) -> &Containers {
        &self.containers
    }
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
    let seeker = Seeker {
        settings,
        wanted: &arguments.what,
        show: arguments.show_secrets,
        found: Mutex::default(),
        stop: Stop::new(),
        containers: settings.containers(),
    };
    let root = Root::of(Path::new(".")).map_err(|e| usage_error(&e.to_string()))?;
    tree.scan(&root, &seeker).map_err(|e| usage_error(&e.to_string()))?;
    let mut found = seeker.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if found.is_empty() {
        return Err(usage_error(&format!("{} is not found below the current folder", arguments.what)));
    }
    found.sort();
    Ok(super::print(&found.concat()))
}
