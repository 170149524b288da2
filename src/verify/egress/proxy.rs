//! The proxy that the environment names: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.

use reqwest::Url;

/// A proxy for https, and the hosts that are asked without it.
#[derive(Debug, Clone)]
pub struct Proxy {
    pub url: Url,
    without: Vec<String>,
}

impl Proxy {
    /// What `environment` says.
    ///
    /// # Errors
    /// Where it names a proxy that cannot be used.
    pub fn of(environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let any = |names: &[&str]| names.iter().find_map(|name| environment(name).filter(|v| !v.is_empty()));
        let Some(text) = any(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else { return Ok(None) };
        let whole = if text.contains("://") { text } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|_| "the proxy of the environment is no URL".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the proxy of the environment speaks {}: only http and https proxies are used", url.scheme()));
        }
        let without = any(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let without = without.split(',').map(|h| h.trim().trim_start_matches('.').to_ascii_lowercase());
        Ok(Some(Self { url, without: without.filter(|h| !h.is_empty()).collect() }))
    }

    /// Whether `host` is asked through it.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        !self.without.iter().any(|w| w == "*" || host == w || host.strip_suffix(w.as_str()).is_some_and(|h| h.ends_with('.')))
    }

    /// The host of the proxy itself.
    #[must_use]
    pub fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_says() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy.corp:3128".to_owned()),
            "NO_PROXY" => Some("gitlab.corp, .intern".to_owned()),
            _ => None,
        };
        let proxy = Proxy::of(&environment).expect("right").expect("there is one");
        assert_eq!(proxy.host(), "proxy.corp");
        assert!(proxy.serves("api.github.com") && proxy.serves("xintern"));
        assert!(!proxy.serves("gitlab.corp") && !proxy.serves("a.intern"));
        assert!(Proxy::of(&|name| (name == "ALL_PROXY").then(|| "socks5://x:1".to_owned())).is_err());
        assert!(Proxy::of(&|_| None).expect("right").is_none());
    }
}
