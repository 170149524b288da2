//! `--verify` on scans: which findings are asked about, how, and what is told where nobody is asked.

use super::common::Settings;
use super::policy::unreadable;
use super::usage_error;
use crate::finding::{Finding, Status};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Whether providers are asked, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyFlags {
    /// Ask providers whether what was found is live
    #[arg(long, help_heading = "Verification")]
    pub verify: bool,
    /// Show what --verify would ask, or its hosts alone, and contact nobody
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "questions", conflicts_with = "verify", help_heading = "Verification")]
    pub verify_plan: Option<Preview>,
    #[command(flatten)]
    pub how: HowFlags,
}

/// How providers are asked.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct HowFlags {
    /// A host of yours that may be asked where found text names it: HOST or HOST:PORT; may be given several times
    #[arg(long, value_name = "HOST", help_heading = "Verification")]
    pub allow_host: Vec<String>,
    /// Your installation of a product, asked beside its default host: gitlab=git.example.com; may be given several times
    #[arg(long, value_name = "PROVIDER=HOST", help_heading = "Verification")]
    pub instance: Vec<String>,
    /// Connect to this address for a host: HOST=ADDRESS:PORT; may be given several times
    #[arg(long, value_name = "HOST=ADDRESS", help_heading = "Verification")]
    pub connect_to: Vec<String>,
    /// Trust these certificate authorities too, a file in PEM
    #[arg(long, value_name = "FILE", help_heading = "Verification")]
    pub ca: Option<PathBuf>,
    /// Ask nobody through a proxy
    #[arg(long, help_heading = "Verification")]
    pub require_pinned: bool,
    /// Keep answers in this file and use those of earlier runs; it holds no secrets
    #[arg(long, value_name = "FILE", help_heading = "Verification")]
    pub verify_cache: Option<PathBuf>,
    /// How long answers in the cache count, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60, help_heading = "Verification")]
    pub verify_cache_ttl: u64,
    /// The time for all questions together, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = "Verification")]
    pub verify_timeout: u64,
    /// Ask about known canaries too, which alarms whoever laid them out
    #[arg(long, help_heading = "Verification")]
    pub verify_canaries: bool,
}

/// What is shown in place of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preview {
    Questions,
    Hosts,
}

/// Reads the words of `--only`.
pub(super) fn status(word: &str) -> Result<Status, String> {
    let all = [Status::Live, Status::Dead, Status::Unknown, Status::NotChecked];
    all.into_iter().find(|s| s.as_str() == word).ok_or_else(|| "one of live, dead, unknown, not_checked".to_owned())
}

#[cfg(feature = "verify")]
pub(super) use asking::{ask, options};

#[cfg(feature = "verify")]
mod asking {
    use super::{ExitCode, Finding, HowFlags, Preview, Settings, VerifyFlags, unreadable, usage_error};
    use crate::source::Stop;
    use crate::verify::cache::Cache;
    use crate::verify::egress::hosts::{Allowed, Hosts, normal};
    use crate::verify::egress::proxy::Proxy;
    use crate::verify::egress::resolve::SystemResolver;
    use crate::verify::egress::{Policy, Trust};
    use crate::verify::manners::Pace;
    use crate::verify::plan::{Case, cases};
    use crate::verify::{Options, preview, seconds_now, verify};
    use std::collections::{BTreeMap, HashSet};
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    /// The longest that one question and its answer may take.
    const ONE_QUESTION: Duration = Duration::from_secs(15);

    /// What flags and environment come to.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(in crate::cli) fn options(flags: &HowFlags, settings: &Settings, fresh_dead: bool) -> Result<Options, ExitCode> {
        let host = |text: &str| Allowed::parse(text).map_err(|e| usage_error(&e));
        let allowed: Vec<Allowed> = flags.allow_host.iter().map(|h| host(h)).collect::<Result<_, _>>()?;
        let rules = settings.detector.rules();
        let mut instances = Vec::new();
        for installation in &flags.instance {
            let (provider, place) = installation
                .split_once('=')
                .ok_or_else(|| usage_error(&format!("`{installation}` names no installation: write gitlab=git.example.com")))?;
            let is_asked = |r: &crate::rule::Rule| {
                r.provider.eq_ignore_ascii_case(provider) && r.verify.is_some_and(|v| !v.instance_url.is_empty())
            };
            if !rules.iter().any(|(_, r)| is_asked(r)) {
                let mut providers: Vec<&str> = rules.iter().filter(|(_, r)| knows_some(r)).map(|(_, r)| r.provider).collect();
                providers.dedup();
                providers.sort_unstable();
                providers.dedup();
                return Err(usage_error(&format!(
                    "no rule asks an installation of `{provider}`: those that do are of {}",
                    providers.join(", ")
                )));
            }
            instances.push((provider.to_owned(), host(place)?));
        }
        let mut connect_to = BTreeMap::new();
        for text in &flags.connect_to {
            let wrong = || usage_error(&format!("`{text}` is no place to connect to: write api.example.com=127.0.0.1:8443"));
            let (name, address) = text.split_once('=').ok_or_else(wrong)?;
            let address: SocketAddr = address.parse().map_err(|_| wrong())?;
            connect_to.insert(normal(name).ok_or_else(wrong)?, address);
        }
        let trust = match &flags.ca {
            None => Trust::default(),
            Some(path) => {
                let name = path.display().to_string();
                let pem = std::fs::read(path).map_err(|e| unreadable(&name, &e))?;
                Trust::read(&pem).map_err(|e| usage_error(&format!("{name}: {e}")))?
            }
        };
        let proxy = Proxy::of(&|name| std::env::var(name).ok()).map_err(|e| usage_error(&e))?;
        let named = allowed.into_iter().chain(instances.iter().map(|(_, host)| host.clone()));
        let hosts = Hosts::of(rules, named);
        let policy = Policy {
            hosts,
            connect_to,
            trust,
            resolver: Arc::new(SystemResolver),
            proxy,
            require_pinned: flags.require_pinned,
            timeout: ONE_QUESTION,
        };
        Ok(Options {
            policy,
            pace: Pace::default(),
            budget: Duration::from_secs(flags.verify_timeout),
            instances,
            ask_canaries: flags.verify_canaries,
            fresh_dead,
        })
    }

    fn knows_some(rule: &crate::rule::Rule) -> bool {
        rule.verify.is_some_and(|v| !v.instance_url.is_empty())
    }

    /// Asks about the `chosen` findings and notes the answers in `all`; or shows what would be asked, which is told by an
    /// exit code.
    ///
    /// # Errors
    /// The exit code, after the message.
    pub(in crate::cli) fn ask(
        flags: &VerifyFlags,
        settings: &Settings,
        all: &mut [Finding],
        chosen: &HashSet<usize>,
        fresh_dead: bool,
        stop: &Stop,
    ) -> Result<Option<ExitCode>, ExitCode> {
        let options = options(&flags.how, settings, fresh_dead)?;
        let places: Vec<usize> = (0..all.len()).filter(|n| chosen.contains(n)).collect();
        let now = seconds_now();
        let asked = places.iter().map(|n| &all[*n]);
        let cases: Vec<Case> = cases(asked, settings.detector.rules(), &settings.key, now);
        if let Some(what) = flags.verify_plan {
            let text = match what {
                Preview::Questions => preview::plan(&cases, &options.instances),
                Preview::Hosts => {
                    preview::hosts(&cases, &options.instances).into_iter().flat_map(|host| [host, "\n".to_owned()]).collect()
                }
            };
            return Ok(Some(crate::cli::print(&text)));
        }
        let mut cache = match &flags.how.verify_cache {
            None => None,
            Some(path) => {
                let keep = Duration::from_secs(flags.how.verify_cache_ttl.saturating_mul(60));
                let cache = Cache::open(path, &settings.key.id(), keep, now);
                Some(cache.map_err(|e| unreadable(&path.display().to_string(), &e))?)
            }
        };
        let of_case: Vec<Vec<usize>> = cases.iter().map(|c| c.findings.clone()).collect();
        let answers =
            verify(cases, options, cache.as_mut(), stop).map_err(|e| usage_error(&format!("nothing can be verified: {e}")))?;
        for (findings, answer) in of_case.iter().zip(answers) {
            for place in findings {
                all[places[*place]].verification = Some(answer.clone());
            }
        }
        if let (Some(cache), Some(path)) = (cache, &flags.how.verify_cache) {
            cache.save().map_err(|e| usage_error(&format!("the cache cannot be written to {}: {e}", path.display())))?;
        }
        Ok(None)
    }
}
