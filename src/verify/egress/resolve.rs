//! Names to addresses: each name once a run, and only to addresses that may be contacted.

use super::addresses::{Reach, reach};
use super::hosts::Hosts;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, OnceLock};

/// Looks names up. Embedders and tests bring their own.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`.
    ///
    /// # Errors
    /// Where it has none.
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// What the system says.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok((host, 0).to_socket_addrs()?.map(|a| a.ip()).collect())
    }
}

/// Why a name gives no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAddress {
    /// It leads to where nothing is sent.
    Refused {
        host: String,
        address: IpAddr,
        why: &'static str,
    },
    NotFound {
        host: String,
    },
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { host, address, why } => write!(f, "{host} leads to {address}, {why}"),
            Self::NotFound { host } => write!(f, "{host} is not found"),
        }
    }
}

impl std::error::Error for NoAddress {}

/// What a name was found to be; kept for the run, so that nothing can change between two looks.
type Known = Result<Vec<SocketAddr>, NoAddress>;

/// The resolver that every connection goes through.
pub struct Guard {
    resolver: Arc<dyn Resolver>,
    hosts: Hosts,
    /// Where the user says that a host is.
    connect_to: BTreeMap<String, SocketAddr>,
    /// Proxies are the user's own and may be anywhere.
    proxies: BTreeSet<String>,
    known: Mutex<BTreeMap<String, Arc<OnceLock<Known>>>>,
}

impl Guard {
    /// A guard for the hosts of a run.
    #[must_use]
    pub fn new(
        resolver: Arc<dyn Resolver>,
        hosts: Hosts,
        connect_to: BTreeMap<String, SocketAddr>,
        proxies: BTreeSet<String>,
    ) -> Self {
        Self { resolver, hosts, connect_to, proxies, known: Mutex::default() }
    }

    /// The addresses of `host` to connect to. A port of 0 is that of the service.
    ///
    /// # Errors
    /// Where it has none, or one of them is refused: a host with one bad address is not trusted with another.
    pub fn addresses(&self, host: &str) -> Known {
        let place = {
            let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(known.entry(host.to_owned()).or_default())
        };
        place.get_or_init(|| self.look_up(host)).clone()
    }

    fn look_up(&self, host: &str) -> Known {
        if let Some(address) = self.connect_to.get(host) {
            return Ok(vec![*address]);
        }
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.lookup(host).map_err(|_| NoAddress::NotFound { host: host.to_owned() })?,
        };
        if addresses.is_empty() {
            return Err(NoAddress::NotFound { host: host.to_owned() });
        }
        for address in &addresses {
            self.check(host, *address)?;
        }
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())
    }

    fn check(&self, host: &str, address: IpAddr) -> Result<(), NoAddress> {
        if self.proxies.contains(host) {
            return Ok(());
        }
        let is_allowed = self.hosts.is_allowed_somewhere(host);
        let is_named_so = host == "localhost" || host.parse::<IpAddr>() == Ok(address);
        let why = match reach(address) {
            Reach::Public => return Ok(()),
            Reach::Private if is_allowed => return Ok(()),
            Reach::Loopback if is_allowed && is_named_so => return Ok(()),
            Reach::Private => "a private address",
            Reach::Loopback => "this machine",
            Reach::Never(why) => why,
        };
        Err(NoAddress::Refused { host: host.to_owned(), address, why })
    }
}

/// The guard as reqwest asks it.
#[derive(Clone)]
pub struct GuardedDns(pub Arc<Guard>);

impl reqwest::dns::Resolve for GuardedDns {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found = tokio::task::spawn_blocking(move || guard.addresses(&host)).await?;
            let addresses: reqwest::dns::Addrs = Box::new(found?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::hosts::Allowed;
    use super::*;
    use crate::rule::RuleSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Says something else each time it is asked.
    struct Rebinding(AtomicUsize);

    impl Resolver for Rebinding {
        fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
            Ok(vec![if first { "93.184.216.34" } else { "169.254.169.254" }.parse().expect("an address")])
        }
    }

    fn guard(resolver: impl Resolver + 'static, allowed: &[&str]) -> Guard {
        let hosts = Hosts::of(&RuleSet::empty(), allowed.iter().map(|a| Allowed::parse(a).expect(a)));
        Guard::new(Arc::new(resolver), hosts, BTreeMap::new(), BTreeSet::new())
    }

    #[test]
    fn a_name_is_looked_up_once() {
        let guard = guard(Rebinding(AtomicUsize::new(0)), &[]);
        let first = guard.addresses("a.example").expect("public");
        assert_eq!(guard.addresses("a.example"), Ok(first), "the second look sees what was checked");
        assert!(matches!(guard.addresses("b.example"), Err(NoAddress::Refused { .. })));
    }

    struct Always(&'static [&'static str]);

    impl Resolver for Always {
        fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|a| a.parse().expect("an address")).collect())
        }
    }

    #[test]
    fn one_bad_address_is_enough_and_some_are_never_good() {
        assert!(guard(Always(&["8.8.8.8", "127.0.0.1"]), &[]).addresses("a.example").is_err());
        assert!(guard(Always(&["10.0.0.1"]), &[]).addresses("a.example").is_err());
        assert!(guard(Always(&["10.0.0.1"]), &["a.example"]).addresses("a.example").is_ok());
        assert!(guard(Always(&["127.0.0.1"]), &["a.example"]).addresses("a.example").is_err());
        assert!(guard(Always(&["127.0.0.1"]), &["localhost"]).addresses("localhost").is_ok());
        assert!(guard(Always(&["169.254.169.254"]), &["a.example"]).addresses("a.example").is_err());
        assert!(guard(Always(&[]), &["169.254.169.254"]).addresses("169.254.169.254").is_err());
        assert!(guard(Always(&[]), &["127.0.0.1"]).addresses("127.0.0.1").is_ok());
        assert!(guard(Always(&[]), &[]).addresses("127.0.0.1").is_err());
    }
}
