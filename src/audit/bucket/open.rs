//! A bucket is opened: who asks stands in the environment, in the variables that each service's own tools read.

use super::http::Connector;
use super::{Address, BucketAccess, Service};
use crate::source::git::remote::is_loopback;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::{ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// An open bucket: the same one, as what lists and as what reads.
#[derive(Clone)]
pub(super) struct Bucket {
    pub lists: Arc<dyn PaginatedListStore>,
    pub reads: Arc<dyn ObjectStore>,
}

impl Bucket {
    fn of(store: impl PaginatedListStore + ObjectStore) -> Self {
        let reads = Arc::new(store);
        Self { lists: reads.clone(), reads }
    }

    /// Opens a bucket; nobody is asked yet.
    ///
    /// # Errors
    /// What the environment lacks.
    pub(super) fn open(address: &Address, access: &BucketAccess) -> object_store::Result<Self> {
        let endpoint = access.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let connector = Connector { allow_http: access.allow_http, direct: access.endpoint.as_ref().is_some_and(is_loopback) };
        let retry = RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(120), ..RetryConfig::default() };
        match address.service {
            Service::S3 => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(&address.bucket);
                let builder = match endpoint {
                    Some(url) => builder.with_endpoint(url),
                    None => builder,
                };
                builder.with_http_connector(connector).with_retry(retry).build().map(Self::of)
            }
            Service::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&address.bucket);
                let builder = match endpoint {
                    Some(url) => builder.with_config(GoogleConfigKey::BaseUrl, url),
                    None => builder,
                };
                builder.with_http_connector(connector).with_retry(retry).build().map(Self::of)
            }
            Service::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(&address.bucket);
                let builder = match endpoint {
                    Some(url) => builder.with_endpoint(url),
                    None => builder,
                };
                builder.with_http_connector(connector).with_retry(retry).build().map(Self::of)
            }
        }
    }
}
