//! Buckets: objects of S3 and what speaks like it, of Google Cloud Storage, of Azure Blob Storage.
//!
//! A bucket, or what in it begins with a prefix, is one unit of work. Its objects are listed in the order of their keys and looked
//! at like files, and what came of each is remembered part by part: an interrupted audit goes on behind the last part, a later
//! one reads what is new or has changed.
//!
//! - here: what is named, and how it is asked
//! - `http`: requests, through the one HTTP client
//! - `open`: credentials and addresses, from the environment
//! - `list`: page after page
//! - `shelf`: where what came of them is kept
//! - `look`: one bucket, from its list to its last part

mod http;
mod list;
pub(super) mod look;
mod open;
pub mod shelf;

use super::target::{Forge, Page, RepositoryRef, RepositorySource, SourceError};
use crate::source::Stop;
use crate::source::git::remote::is_loopback;
use globset::{Glob, GlobSet, GlobSetBuilder};
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Who keeps a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon's, and all that speak like it.
    S3,
    Google,
    Azure,
}

impl Service {
    const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    /// What addresses begin with.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

/// A bucket, or the objects in it whose keys begin with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub service: Service,
    /// The bucket; Azure calls it a container.
    pub bucket: String,
    /// Empty for all objects.
    pub prefix: String,
}

impl Address {
    /// Reads `s3://bucket/prefix`, `gs://…`, `az://…`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no bucket: write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let service = Service::ALL.into_iter().find(|s| s.scheme() == scheme).ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$');
        if bucket.is_empty() || !bucket.bytes().all(is_name) {
            return Err(wrong());
        }
        Ok(Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The address of an object.
    #[must_use]
    pub fn of(&self, key: &str) -> String {
        format!("{}://{}/{key}", self.service.scheme(), self.bucket)
    }
}

/// Which objects of buckets are read; it travels with their units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectsWanted {
    /// Only keys that match one of these globs; none: all.
    pub include: Vec<String>,
    /// The largest object that is read, in bytes.
    pub largest: u64,
}

impl ObjectsWanted {
    /// The globs, of which one must match.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn globs(&self) -> Result<Option<GlobSet>, String> {
        let mut globs = GlobSetBuilder::new();
        for glob in &self.include {
            globs.add(Glob::new(glob).map_err(|e| format!("`--include-object {glob}`: {e}"))?);
        }
        if self.include.is_empty() { Ok(None) } else { globs.build().map(Some).map_err(|e| e.to_string()) }
    }
}

/// How buckets are asked, and for what.
#[derive(Debug, Clone, Default)]
pub struct BucketAccess {
    /// Where they are, if not at the service itself.
    pub endpoint: Option<Url>,
    /// Without TLS, to hosts that are not this machine.
    pub allow_http: bool,
    /// What is read where a unit does not say.
    pub wanted: ObjectsWanted,
    /// How many objects are read at a time.
    pub at_once: usize,
}

impl BucketAccess {
    /// Buckets at an endpoint, or at the services themselves.
    ///
    /// # Errors
    /// What is wrong with the endpoint.
    pub fn at(endpoint: Option<&str>, allow_http: bool) -> Result<Self, String> {
        let endpoint = endpoint.map(|text| {
            let url = Url::parse(text).map_err(|e| format!("`--endpoint {text}` is no URL: {e}"))?;
            if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
                return Err("`--endpoint` holds no credentials and no query: they come from the environment".to_owned());
            }
            match url.scheme() {
                "https" => Ok(url),
                "http" if allow_http || is_loopback(&url) => Ok(url),
                _ => Err(format!("`--endpoint {text}` must begin with https://, unless --allow-http is given")),
            }
        });
        Ok(Self { endpoint: endpoint.transpose()?, allow_http, ..Self::default() })
    }

    /// The host of a service's buckets: that of the endpoint, else the word for the service itself.
    fn host(&self, service: Service) -> &str {
        self.endpoint.as_ref().and_then(Url::host_str).unwrap_or_else(|| service.scheme())
    }
}

/// A bucket that was named.
pub struct Named {
    address: Address,
    host: String,
}

impl Named {
    /// The list of this one bucket.
    #[must_use]
    pub fn new(address: Address, access: &BucketAccess) -> Self {
        Self { host: access.host(address.service).to_owned(), address }
    }
}

impl RepositorySource for Named {
    fn name(&self) -> String {
        format!("bucket:{}:{}", self.host, self.address.of(&self.address.prefix))
    }

    fn page(&mut self, _: Option<&str>, _: &Stop) -> Result<Page, SourceError> {
        let url = self.address.of(&self.address.prefix);
        let name = url.split_once("://").map_or(url.as_str(), |(_, name)| name).trim_end_matches('/');
        let bucket = RepositoryRef::at(Forge::Bucket, &self.host, &url, name, &url);
        Ok(Page { repositories: vec![bucket], ..Page::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let one = Address::parse("s3://logs.example/2026/a b").unwrap();
        assert_eq!((one.bucket.as_str(), one.prefix.as_str()), ("logs.example", "2026/a b"));
        assert_eq!(one.of("2026/x"), "s3://logs.example/2026/x");
        assert_eq!(Address::parse("gs://b").unwrap().prefix, "");
        for text in ["b", "ftp://b", "s3://", "s3:///x", "s3://ada:pw@b/x", "az://b?x"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn endpoints_are_encrypted_unless_they_are_here() {
        assert!(BucketAccess::at(Some("http://127.0.0.1:5000"), false).is_ok());
        assert!(BucketAccess::at(Some("http://minio.example:9000"), false).is_err());
        assert!(BucketAccess::at(Some("http://minio.example:9000"), true).is_ok());
        assert!(BucketAccess::at(Some("https://ada:pw@minio.example"), true).is_err());
    }
}
