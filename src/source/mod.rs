//! Where bytes come from. Each source yields blobs, and tells what it left out and what it could not read.
//!
//! - `text`: encodings; UTF-16 and UTF-32 become UTF-8, positions mapped back
//! - `read`: files of any size, in chunks of bounded memory
//! - `tree`: files and folders
//! - `container`: archives and compressed streams, opened
//! - `document`: notebooks, mail, databases, PDF and the like as texts
//! - `ignored`: what git would leave untracked
//! - `git`: repositories, read as objects
//! - `stdin`: one text, or blobs that another program feeds as JSON lines

pub mod container;
pub mod document;
pub mod git;
mod ignored;
mod read;
pub mod stdin;
pub mod text;
pub mod tree;

use crate::detect::ByteSpan;
use crate::finding::location::{Base, joined};
use std::sync::atomic::{AtomicBool, Ordering};

pub use text::Encoding;

/// Text to look at: a whole file, or a part of a large one with some text around it.
pub struct Blob<'a> {
    /// UTF-8, Latin-1 or anything else; UTF-16 and UTF-32 are transcoded before.
    pub bytes: &'a [u8],
    /// Matches that begin elsewhere belong to the neighbouring part.
    pub core: ByteSpan,
    /// Where `bytes` begins in the whole.
    pub base: Base,
    /// What precedes `bytes` in the file as it is stored, in bytes of the file.
    pub stored_before: u64,
    /// How the file stores its text.
    pub encoding: Encoding,
    pub origin: &'a Origin,
}

/// Where a blob comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// Relative to the repository, else to the scan root; `/`-separated.
    pub path: String,
    /// The path's bytes, where it is not UTF-8.
    pub path_bytes: Option<Vec<u8>>,
    /// Which of the scanned targets it is in.
    pub target: usize,
    /// What the feeding program says of it.
    pub note: Option<serde_json::Value>,
    /// The way from there into containers.
    pub container: Vec<Step>,
}

/// One step into a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The name of the member, as the container has it: a label, never a path to open.
    pub name: String,
    /// It is what a compressed stream holds, and its name made of that of the stream.
    pub unpacked: bool,
}

impl Origin {
    /// The path to judge by: that of the innermost member.
    #[must_use]
    pub fn inner_path(&self) -> &str {
        self.container.last().map_or(&self.path, |step| &step.name)
    }

    /// The way as reports show it: `outer.zip!inner.tar!path`.
    #[must_use]
    pub fn joined(&self) -> String {
        joined(&self.path, self.container.iter().map(|step| &*step.name))
    }
}

/// Why something that was there was not looked at. It makes the run incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    Unreadable,
    NotRegular,
    TooLarge,
    StepBudget,
    BadInput,
    /// An object is corrupt, or larger than is looked at.
    CorruptObject,
    /// An object is named and not there: a shallow or partial clone.
    MissingObject,
    /// An alternate leads outside of the repository.
    OutsideAlternate,
    /// History was too large to tell who brought what.
    AttributionBudget,
    /// A member of an archive is encrypted.
    EncryptedMember,
    /// A container stands in too many others.
    TooDeep,
    /// More comes out of a container than may.
    ExpansionBudget,
    TooManyMembers,
    /// A container is broken or cut off.
    DamagedContainer,
    /// A container is compressed in a way that nothing here knows.
    UnsupportedMethod,
    /// A container cannot be read in the memory that there is for it.
    MemoryBudget,
    /// A container shows other programs something else than this one.
    IrregularContainer,
    Interrupted,
}

impl SkipReason {
    /// All reasons.
    pub const ALL: [Self; 18] = [
        Self::Unreadable,
        Self::NotRegular,
        Self::TooLarge,
        Self::StepBudget,
        Self::BadInput,
        Self::CorruptObject,
        Self::MissingObject,
        Self::OutsideAlternate,
        Self::AttributionBudget,
        Self::EncryptedMember,
        Self::TooDeep,
        Self::ExpansionBudget,
        Self::TooManyMembers,
        Self::DamagedContainer,
        Self::UnsupportedMethod,
        Self::MemoryBudget,
        Self::IrregularContainer,
        Self::Interrupted,
    ];

    /// The reason that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The stable name used in reports and config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotRegular => "not_regular",
            Self::TooLarge => "too_large",
            Self::StepBudget => "step_budget",
            Self::BadInput => "bad_input",
            Self::CorruptObject => "corrupt_object",
            Self::MissingObject => "missing_object",
            Self::OutsideAlternate => "outside_alternate",
            Self::AttributionBudget => "attribution_budget",
            Self::EncryptedMember => "encrypted_member",
            Self::TooDeep => "too_deep",
            Self::ExpansionBudget => "expansion_budget",
            Self::TooManyMembers => "too_many_members",
            Self::DamagedContainer => "damaged_container",
            Self::UnsupportedMethod => "unsupported_method",
            Self::MemoryBudget => "memory_budget",
            Self::IrregularContainer => "irregular_container",
            Self::Interrupted => "interrupted",
        }
    }

    /// What it means and what helps.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Unreadable => "could not be read; give the scan the rights it needs, or exclude it",
            Self::NotRegular => "is no regular file (a pipe, socket or device)",
            Self::TooLarge => "is larger than --max-file-size",
            Self::StepBudget => "used up a rule's step budget; matches behind that point may be missing",
            Self::BadInput => "is no valid input line",
            Self::CorruptObject => "cannot be read from the repository (corrupt, or above 256 MB); `git fsck` tells more",
            Self::MissingObject => {
                "not in this clone; `git fetch --unshallow`, or a clone without --depth and --filter, brings it"
            }
            Self::OutsideAlternate => {
                "objects kept in another repository (objects/info/alternates); --outside-alternates looks there"
            }
            Self::AttributionBudget => "trees too large to tell which commits brought what",
            Self::EncryptedMember => "is encrypted",
            Self::TooDeep => "stands in more archives than --max-depth, or is encoded more often than is undone (5 times, 64 MB)",
            Self::ExpansionBudget => "unpacks to far more than its size; --max-unpacked bounds the rest",
            Self::TooManyMembers => "has more members than --max-members",
            Self::DamagedContainer => "is damaged or cut off; what stands before the damage was looked at",
            Self::UnsupportedMethod => "is packed in a way that keysift does not know",
            Self::MemoryBudget => "takes more than 64 MiB of memory to unpack",
            Self::IrregularContainer => {
                "has members that overlap or that its directory does not name: all were looked at, other programs may show others"
            }
            Self::Interrupted => "was not reached before the scan was interrupted",
        }
    }
}

/// Why something was left out on request. The run is complete all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExcludeReason {
    Gitignore,
    Excluded,
    GitFolder,
    NestedRepository,
    Special,
    /// `--no-archives`.
    NotOpened,
}

impl ExcludeReason {
    /// The stable name used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gitignore => "gitignore",
            Self::Excluded => "excluded",
            Self::GitFolder => "git_folder",
            Self::NestedRepository => "nested_repository",
            Self::Special => "special_file",
            Self::NotOpened => "not_opened",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Gitignore => "untracked and ignored by .gitignore",
            Self::Excluded => "excluded by --exclude or config",
            Self::GitFolder => "git's own folder; `keysift git` looks into it",
            Self::NestedRepository => "another repository's folder",
            Self::Special => "pipes, sockets and devices, which hold no text",
            Self::NotOpened => "archives that --no-archives leaves closed: only their raw bytes were looked at",
        }
    }
}

/// Takes what sources yield. Called from many threads.
pub trait Sink: Sync {
    /// Looks at a blob; tells how many bytes were decoded for that, which count like bytes that come out of a container.
    fn blob(&self, blob: &Blob<'_>) -> u64;
    /// Notes a file that was read to its end, or until the scan was interrupted: `bytes` as it is stored.
    fn file(&self, bytes: u64);
    /// Notes a member of a container that was read to its end: `bytes` as they came out.
    fn member(&self, bytes: u64);
    /// Which containers are opened.
    fn containers(&self) -> &container::Containers;
    /// Notes what was not looked at.
    fn skip(&self, reason: SkipReason, path: &str, bytes: u64);
    /// Notes what was left out on request.
    fn exclude(&self, reason: ExcludeReason, path: &str);
    /// Whether to stop.
    fn stop(&self) -> &Stop;
}

/// A wish to stop, set by Ctrl-C.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Not wished.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for code that looks at one.
    #[must_use]
    pub const fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether someone asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
