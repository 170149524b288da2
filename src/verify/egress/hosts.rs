//! Which hosts may be contacted: those that trusted rules name, and those that the user allowed.

use crate::rule::RuleSet;
use crate::rule::format::verify::template;
use crate::verify::protocol;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Where the name of a host comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// It stands in the rule.
    Rule,
    /// Its first label stands in the text that was scanned; the provider answers for every such name.
    Tenant,
    /// It stands in the text that was scanned, or the user named it: only the user's word counts.
    User,
}

/// A host that the user allowed: with its port, or for every port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowed {
    pub host: String,
    pub port: Option<u16>,
}

impl Allowed {
    /// Reads `gitlab.example.com`, `db.example.com:5432`, `10.0.0.1:5432`, `[::1]:5432`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no host: write gitlab.example.com or db.example.com:5432");
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { host: address.to_string(), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|p| *p != 0).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let host = normal(host).ok_or_else(wrong)?;
        Ok(Self { host, port })
    }
}

/// The name of a host as it is compared: lower case, without a final dot; addresses in their own form. `None` where it is
/// neither.
#[must_use]
pub fn normal(host: &str) -> Option<String> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_fine = name.len() <= 253 && name.split('.').all(is_label);
    // `127.1`, `0x7f.1` and the like are addresses to some resolvers.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    (is_fine && !is_number).then_some(name)
}

/// Whether `label` is one label of a host's name.
#[must_use]
pub fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !label.is_empty() && label.len() <= 63 && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// The host list of a run.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    fixed: BTreeSet<String>,
    /// With the dot before them.
    suffixes: BTreeSet<String>,
    allowed: BTreeSet<Allowed>,
}

impl Hosts {
    /// What the trusted rules of `rules` name, and what the user allows.
    #[must_use]
    pub fn of(rules: &RuleSet, allowed: impl IntoIterator<Item = Allowed>) -> Self {
        let mut hosts = Self { allowed: allowed.into_iter().collect(), ..Self::default() };
        for (_, rule) in rules.iter() {
            let Some(verify) = rule.verify.filter(|v| v.trusted) else { continue };
            hosts.fixed.extend(verify.protocol.map_or(&[][..], protocol::hosts).iter().map(|h| (*h).to_owned()));
            for host in verify.urls().filter_map(template::host) {
                match (template::names(host).next(), host.split_once("}}")) {
                    (None, _) => {
                        hosts.fixed.insert(host.to_owned());
                    }
                    (Some(_), Some((_, suffix))) if verify.tenant_safe && suffix.starts_with('.') => {
                        hosts.suffixes.insert(suffix.to_owned());
                    }
                    _ => {}
                }
            }
        }
        hosts
    }

    /// Whether `host` (in its normal form) may be contacted at `port`.
    #[must_use]
    pub fn permits(&self, host: &str, port: u16, grant: Grant) -> bool {
        let by_rule = match grant {
            Grant::Rule => port == 443 && self.fixed.contains(host),
            Grant::Tenant => {
                port == 443 && host.find('.').is_some_and(|dot| is_label(&host[..dot]) && self.suffixes.contains(&host[dot..]))
            }
            Grant::User => false,
        };
        by_rule || self.is_allowed(host, port)
    }

    /// Whether the user allowed it.
    #[must_use]
    pub fn is_allowed(&self, host: &str, port: u16) -> bool {
        self.allowed.iter().any(|a| a.host == host && a.port.is_none_or(|p| p == port))
    }

    /// Whether the user allowed it at some port.
    #[must_use]
    pub fn is_allowed_somewhere(&self, host: &str) -> bool {
        self.allowed.iter().any(|a| a.host == host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        assert_eq!(normal("API.Example.com.").as_deref(), Some("api.example.com"));
        assert_eq!(normal("[::1]").as_deref(), Some("::1"));
        for bad in
            ["", "a..b", "127.1", "0x7f000001", "2130706433", "a b", "a/b", "a@b", "evil.com#", "a:b", "-a.com", "1.2.3.4.5"]
        {
            assert_eq!(normal(bad), None, "{bad}");
        }
        assert_eq!(Allowed::parse("db.local:5432"), Ok(Allowed { host: "db.local".into(), port: Some(5432) }));
        assert_eq!(Allowed::parse("[::1]:5432"), Ok(Allowed { host: "::1".into(), port: Some(5432) }));
        assert_eq!(Allowed::parse("::1"), Ok(Allowed { host: "::1".into(), port: None }));
        assert!(Allowed::parse("https://x").is_err() && Allowed::parse("x:0").is_err() && Allowed::parse("*").is_err());
    }

    #[test]
    fn who_may_be_asked() {
        let hosts = Hosts::of(&RuleSet::built_in(), [Allowed::parse("git.example.com").unwrap()]);
        assert!(hosts.permits("api.stripe.com", 443, Grant::Rule));
        assert!(!hosts.permits("api.stripe.com", 443, Grant::User), "a host from text is no host of a rule");
        assert!(!hosts.permits("api.stripe.com", 8443, Grant::Rule));
        assert!(hosts.permits("us6.api.mailchimp.com", 443, Grant::Tenant));
        assert!(!hosts.permits("a.us6.api.mailchimp.com", 443, Grant::Tenant), "one label, no more");
        assert!(!hosts.permits("us6.api.mailchimp.com.evil.example", 443, Grant::Tenant));
        assert!(hosts.permits("git.example.com", 443, Grant::User));
        assert!(!hosts.permits("evil.example.com", 443, Grant::User));
    }
}
