//! Reading variables: empty is unset, ids and names are checked.

use super::{Base, CiError, CiEvent, CiJob, CiSystem, CommitName, RefName, Way};
use gix::hash::{ObjectId, Prefix};
use std::path::Path;

/// The environment of a job.
pub(super) struct Environment<'a> {
    pub system: CiSystem,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub read: &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
}

impl Environment<'_> {
    /// A variable's value; `None` where it is unset or empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// A commit's id; `None` where it is unset, empty or all zeros, which means that there is none.
    pub(super) fn id(&self, name: &'static str) -> Result<Option<ObjectId>, CiError> {
        self.text(name).map_or(Ok(None), |value| parse_id(&value, name))
    }

    /// The id of a commit that must be there.
    pub(super) fn required_id(&self, name: &'static str) -> Result<ObjectId, CiError> {
        self.id(name)?.ok_or(CiError::Missing { system: self.system, variable: name })
    }

    /// A commit's id that may be cut short, to 7 digits at least.
    pub(super) fn short_id(&self, name: &'static str) -> Result<Option<CommitName>, CiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if ObjectId::from_hex(text.as_bytes()).is_ok() {
            return Ok(parse_id(&text, name)?.map(CommitName::Id));
        }
        let prefix = Some(&text).filter(|text| text.len() >= 7).and_then(|text| Prefix::from_hex(text).ok());
        prefix.map(|prefix| Some(CommitName::Abbreviated(prefix))).ok_or(CiError::NoCommit(name))
    }

    /// A branch's name.
    pub(super) fn branch(&self, name: &'static str) -> Result<Option<RefName>, CiError> {
        self.text(name).map_or(Ok(None), |value| RefName::of(&value).map(Some).ok_or(CiError::NoBranch(name)))
    }

    /// A job with one way.
    pub(super) fn job(&self, event: CiEvent, head: CommitName, base: Base) -> CiJob {
        CiJob { system: self.system, event, ways: vec![Way { head, base }], note: None }
    }

    /// A push of which the commit before it is known, or not.
    pub(super) fn push(
        &self,
        head: CommitName,
        before: Option<ObjectId>,
        branch: Option<RefName>,
        default_branch: Option<RefName>,
    ) -> CiJob {
        let mut ways: Vec<Way> = before.into_iter().map(|id| Way { head: head.clone(), base: Base::Before(id) }).collect();
        // The default branch has no other one to be new against; the commit before a force push can be gone.
        let base = if branch.is_some() && branch == default_branch {
            Base::Everything
        } else {
            Base::NewBranch { branch, default_branch }
        };
        ways.push(Way { head, base });
        CiJob { system: self.system, event: CiEvent::Push, ways, note: None }
    }
}

/// An id of 40 or 64 hexadecimal digits; all zeros are `None`.
pub(super) fn parse_id(text: &str, name: &'static str) -> Result<Option<ObjectId>, CiError> {
    let id = ObjectId::from_hex(text.as_bytes()).map_err(|_| CiError::NoCommit(name))?;
    Ok((!id.is_null()).then_some(id))
}
