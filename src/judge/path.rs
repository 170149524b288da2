//! What kind of file a path names. Shown with each finding; by default it changes no score.

/// A kind of file, from its path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathClass {
    Source,
    Test,
    Example,
    Docs,
    Vendored,
    Generated,
    Lock,
    Locale,
}

impl PathClass {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Test => "test",
            Self::Example => "example",
            Self::Docs => "docs",
            Self::Vendored => "vendored",
            Self::Generated => "generated",
            Self::Lock => "lock",
            Self::Locale => "locale",
        }
    }

    /// The kind of the file at `path` (`/`-separated).
    #[must_use]
    pub fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let has = |words: &[&str]| folders.split('/').any(|f| words.contains(&f));
        let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
        if LOCK_FILES.contains(&name) || ends(&[".lock"]) {
            Self::Lock
        } else if has(&["node_modules", "vendor", "third_party", "third-party", "bower_components", "site-packages"]) {
            Self::Vendored
        } else if has(&["locale", "locales", "i18n", "lang", "langs", "translations", "l10n"])
            || ends(&[".po", ".pot", ".resx", ".strings", ".xlf", ".arb"])
        {
            Self::Locale
        } else if path.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(is_test_folder))
            || has(&["test", "tests", "testing", "spec", "specs", "__tests__", "testdata", "fixtures", "mock", "mocks", "e2e"])
            || name.starts_with("test_")
            || name.starts_with("conftest")
            || ends(&[
                "_test.go", "_test.py", "_test.rb", "_spec.rb", ".test.js", ".test.ts", ".spec.js", ".spec.ts", "test.java",
                "tests.cs",
            ])
        {
            Self::Test
        } else if has(&["example", "examples", "sample", "samples", "demo", "demos"])
            || ends(&[".example", ".sample", ".dist", ".template", ".tmpl"])
            || name.contains(".example.")
        {
            Self::Example
        } else if has(&["doc", "docs", "documentation"]) || ends(&[".md", ".rst", ".adoc", ".mdx"]) || name.starts_with("readme")
        {
            Self::Docs
        } else if ends(&[".min.js", ".min.css", ".map", ".pb.go", "_pb2.py", ".generated.cs", ".g.dart"]) {
            Self::Generated
        } else {
            Self::Source
        }
    }
}

/// `t`, as Perl's and git's own tests; `dockerTest`, `smoke-test`, `integration_tests`.
fn is_test_folder(folder: &str) -> bool {
    const ENDINGS: [&str; 8] = ["Test", "Tests", "-test", "-tests", "_test", "_tests", ".test", ".tests"];
    folder == "t" || folder.contains("smoke-test") || ENDINGS.iter().any(|e| folder.len() > e.len() && folder.ends_with(e))
}

const LOCK_FILES: [&str; 8] = [
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "go.sum", "composer.lock", "gemfile.lock",
    "packages.lock.json",
];
