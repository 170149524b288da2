//! Which of the listed repositories are meant.

use crate::audit::target::{RepositoryRef, Visibility};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// What is wanted; what nothing is said of is taken.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Globs of full names: those that match any of the first and none of the second; no first ones: all.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub visibility: Vec<Visibility>,
    pub without_archived: bool,
    pub without_forks: bool,
    /// Main languages, any case; what a forge does not tell the language of is taken.
    pub language: Vec<String>,
    /// Kilobytes; what a forge does not tell the size of is taken.
    pub max_size_kb: Option<u64>,
    /// A day: what was not pushed to since is left out.
    pub pushed_since: Option<String>,
}

/// See [`Wanted`].
#[derive(Debug, Default)]
pub struct Filter {
    wanted: Wanted,
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// A filter for what is wanted.
    ///
    /// # Errors
    /// A glob that is none.
    pub fn new(wanted: Wanted) -> Result<Self, globset::Error> {
        let include = if wanted.include.is_empty() { None } else { Some(globs(&wanted.include)?) };
        Ok(Self { include, exclude: globs(&wanted.exclude)?, wanted })
    }

    /// What is wanted.
    #[must_use]
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether a repository is meant.
    #[must_use]
    pub fn takes(&self, repository: &RepositoryRef) -> bool {
        let wanted = &self.wanted;
        let is_wanted = |language: &String| wanted.language.iter().any(|l| l.eq_ignore_ascii_case(language));
        self.include.as_ref().is_none_or(|globs| globs.is_match(&repository.full_name))
            && !self.exclude.is_match(&repository.full_name)
            && (wanted.visibility.is_empty() || wanted.visibility.contains(&repository.visibility))
            && !(wanted.without_archived && repository.archived)
            && !(wanted.without_forks && repository.fork_of.is_some())
            && (wanted.language.is_empty() || repository.language.as_ref().is_none_or(is_wanted))
            && wanted.max_size_kb.is_none_or(|most| repository.size_kb.is_none_or(|size| size <= most))
            // Times of RFC 3339 and days are in the order of their texts.
            && wanted.pushed_since.as_ref().is_none_or(|day| repository.pushed_at.as_ref().is_none_or(|at| at >= day))
    }
}

fn globs(all: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in all {
        set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::target::Forge;

    #[test]
    fn takes_what_is_wanted() {
        let mut one =
            RepositoryRef::at(Forge::GitHub, "github.com", "1", "acme/Shop-api", "https://github.com/acme/Shop-api.git");
        one.language = Some("Rust".to_owned());
        one.visibility = Visibility::Private;
        one.size_kb = Some(500);
        one.pushed_at = Some("2026-05-01T10:00:00Z".to_owned());
        let takes = |wanted: Wanted, one: &RepositoryRef| Filter::new(wanted).expect("globs").takes(one);
        assert!(takes(Wanted::default(), &one));
        assert!(takes(Wanted { include: vec!["acme/shop-*".into()], ..Wanted::default() }, &one));
        assert!(!takes(Wanted { include: vec!["acme/web-*".into()], ..Wanted::default() }, &one));
        assert!(!takes(Wanted { exclude: vec!["*/*-api".into()], ..Wanted::default() }, &one));
        assert!(!takes(Wanted { visibility: vec![Visibility::Public], ..Wanted::default() }, &one));
        assert!(takes(Wanted { language: vec!["rust".into()], ..Wanted::default() }, &one));
        assert!(!takes(Wanted { language: vec!["go".into()], ..Wanted::default() }, &one));
        let untold = RepositoryRef { language: None, ..one.clone() };
        assert!(takes(Wanted { language: vec!["go".into()], ..Wanted::default() }, &untold));
        assert!(!takes(Wanted { max_size_kb: Some(499), ..Wanted::default() }, &one));
        assert!(takes(Wanted { pushed_since: Some("2026-05-01".into()), ..Wanted::default() }, &one));
        assert!(!takes(Wanted { pushed_since: Some("2026-05-02".into()), ..Wanted::default() }, &one));
        one.archived = true;
        one.fork_of = Some(String::new());
        assert!(!takes(Wanted { without_archived: true, ..Wanted::default() }, &one));
        assert!(!takes(Wanted { without_forks: true, ..Wanted::default() }, &one));
        assert!(Filter::new(Wanted { include: vec!["a[".into()], ..Wanted::default() }).is_err());
    }
}
