//! The objects of a bucket, page after page, in the order of their keys.
//!
//! Keys with empty pieces (`a//b`), `.` or `..` among them cannot be named through the library that asks. Whoever can write one
//! object must not hide the others: such a key is found by halving the page that it spoils, told, and gone past.

use super::open::Bucket;
use crate::audit::background::Background;
use object_store::list::{PaginatedListOptions, PaginatedListResult};
use object_store::{Error, ObjectMeta, path};

/// The keys of a page.
const PAGE: usize = 1000;

/// Lists a bucket.
pub(super) struct Lister<'a> {
    bucket: &'a Bucket,
    background: &'a Background,
    prefix: &'a str,
    /// Keys up to this one are not asked for.
    after: Option<String>,
    token: Option<String>,
    most: usize,
    is_over: bool,
}

/// What a page has.
pub(super) enum Listed {
    Objects(Vec<ObjectMeta>),
    /// A key that cannot be named.
    Unnamed(String),
    End,
}

impl<'a> Lister<'a> {
    /// Lists what begins with `prefix`, behind the key `after`.
    pub(super) fn new(bucket: &'a Bucket, background: &'a Background, prefix: &'a str, after: Option<String>) -> Self {
        Self { bucket, background, prefix, after, token: None, most: PAGE, is_over: false }
    }

    /// The next page.
    pub(super) fn next(&mut self) -> Result<Listed, Error> {
        while !self.is_over {
            let options = PaginatedListOptions {
                offset: self.after.clone().filter(|_| self.token.is_none()),
                max_keys: Some(self.most),
                page_token: self.token.clone(),
                ..PaginatedListOptions::default()
            };
            let prefix = Some(self.prefix).filter(|prefix| !prefix.is_empty());
            match self.background.wait(self.bucket.lists.list_paginated(prefix, options)) {
                Ok(PaginatedListResult { result, page_token }) => {
                    self.is_over = page_token.is_none();
                    self.token = page_token;
                    self.most = (self.most * 2).min(PAGE);
                    let after = self.after.as_deref().unwrap_or_default();
                    // Not every server knows where to begin.
                    let objects: Vec<ObjectMeta> =
                        result.objects.into_iter().filter(|object| object.location.as_ref() > after).collect();
                    if !objects.is_empty() {
                        return Ok(Listed::Objects(objects));
                    }
                }
                Err(error) => {
                    let Some(key) = unnamed(&error) else { return Err(error) };
                    if self.most > 1 {
                        self.most /= 2;
                        continue;
                    }
                    // A server that does not begin behind it would tell it again and again.
                    if self.after.as_deref().is_some_and(|after| after >= key.as_str()) {
                        return Err(error);
                    }
                    (self.after, self.token) = (Some(key.clone()), None);
                    return Ok(Listed::Unnamed(key));
                }
            }
        }
        Ok(Listed::End)
    }
}

/// The key that an error is about.
fn unnamed(error: &Error) -> Option<String> {
    match error {
        Error::InvalidPath { source: path::Error::EmptySegment { path } | path::Error::BadSegment { path, .. } } => {
            Some(path.clone())
        }
        _ => None,
    }
}
