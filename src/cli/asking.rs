//! Findings asked about: flags and environment become options, answers stand in the findings; or what would be asked is shown.

use super::common::Settings;
use super::policy::unreadable;
use super::usage_error;
use super::verification::{HowFlags, Preview, VerifyFlags};
use crate::finding::Finding;
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
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The longest that one question and its answer may take.
const ONE_QUESTION: Duration = Duration::from_secs(15);

/// What flags and environment come to.
///
/// # Errors
/// The exit code, after the message.
pub(super) fn options(flags: &HowFlags, settings: &Settings, fresh_dead: bool) -> Result<Options, ExitCode> {
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
pub(super) fn ask(
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
