//! What would be asked, and of whom, told without asking: for people, and for firewalls.

use super::egress::hosts::Allowed;
use super::plan::Case;
use super::protocol;
use crate::rule::format::verify::template;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Hosts as a firewall wants them: `*` stands for a label that is found in text.
#[must_use]
pub fn hosts(cases: &[Case], instances: &[(String, Allowed)]) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for case in cases.iter().filter(|c| c.settled.is_none()) {
        for way in &case.ways {
            hosts.extend(way.verify.protocol.map_or(&[][..], protocol::hosts).iter().map(|h| (*h).to_owned()));
            for host in way.verify.urls().filter_map(template::host) {
                match host.split_once("}}") {
                    None => {
                        hosts.insert(host.to_owned());
                    }
                    Some((_, suffix)) if suffix.starts_with('.') => {
                        hosts.insert(format!("*{suffix}"));
                    }
                    Some(_) => {}
                }
            }
            let of_provider = instances
                .iter()
                .filter(|(provider, _)| !way.verify.instance_url.is_empty() && provider.eq_ignore_ascii_case(way.rule.provider));
            hosts.extend(of_provider.map(|(_, allowed)| allowed.host.clone()));
        }
    }
    hosts
}

/// The questions of a run, a line each: how many secrets, the rule, and the template of the request. Nothing of a secret.
#[must_use]
pub fn plan(cases: &[Case], instances: &[(String, Allowed)]) -> String {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut settled: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        if let Some(known) = &case.settled {
            *settled.entry(known.in_words()).or_default() += 1;
            continue;
        }
        let Some(way) = case.ways.first() else { continue };
        let verify = &way.verify;
        let asked = match verify.protocol {
            Some(protocol) if protocol::hosts(protocol).is_empty() => format!("{} (login, on allowed hosts)", protocol.as_str()),
            Some(protocol) => format!("{} at {}", protocol.as_str(), protocol::hosts(protocol).join(", ")),
            None => {
                let urls: Vec<&str> = verify.urls().collect();
                format!("{} {}", verify.method.as_str(), urls.join(", "))
            }
        };
        *counts.entry((way.rule.id, asked)).or_default() += 1;
    }
    let mut out = String::new();
    let total: usize = counts.values().sum();
    let _ = writeln!(out, "{total} secrets would be asked about; nobody has been contacted");
    for ((rule, asked), n) in &counts {
        let _ = writeln!(out, "{n:>6}  {rule:<40} {asked}");
    }
    for (why, n) in &settled {
        let _ = writeln!(out, "{n:>6}  not asked: {why}");
    }
    let hosts: Vec<String> = hosts(cases, instances).into_iter().collect();
    if !hosts.is_empty() {
        let _ = writeln!(out, "hosts: {}", hosts.join(", "));
    }
    out
}
