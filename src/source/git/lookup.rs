//! Single objects by their ids. Nothing is read that is not asked for, so that a commit of one file costs no more in a large
//! repository than in a small one. What is read is bounded and trusted as little as in [`super::objects`].

use super::delta::Delta;
use super::entry::{Form, HEAD, header, loose_header};
use super::objects::{Kind, MAX_OBJECT};
use super::pack::{PackFile, Unpacker};
use gix::hash::{ObjectId, oid};
use gix::odb::pack::index;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The packs and folders of a repository, opened and not read.
pub struct Store {
    packs: Vec<(index::File, PackFile)>,
    folders: Vec<PathBuf>,
    hash: gix::hash::Kind,
}

/// Why an object cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It is not there.
    Missing,
    /// It cannot be read, or is too large.
    Corrupt,
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: Kind,
    pub bytes: Arc<Vec<u8>>,
}

/// The longest chain of deltas that is followed.
const MAX_CHAIN: usize = 4096;
/// The bytes that one reader makes of what is stored.
const BUDGET: u64 = 64 << 30;
/// The bytes that are remembered.
const CACHE: usize = 16 << 20;

impl Store {
    /// Opens what is in the object folders; packs that cannot be opened are left out, and their objects missing.
    #[must_use]
    pub fn open(folders: &[PathBuf], hash: gix::hash::Kind) -> Self {
        let mut packs = Vec::new();
        for folder in folders {
            let entries = fs::read_dir(folder.join("pack")).into_iter().flatten().flatten().map(|e| e.path());
            let mut indexes: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "idx")).collect();
            indexes.sort();
            for path in indexes {
                let data = PackFile::open(&path.with_extension("pack"), hash, packs.len());
                packs.extend(index::File::at(&path, hash).ok().zip(data));
            }
        }
        Self { packs, folders: folders.to_vec(), hash }
    }

    /// How many bytes ids have.
    #[must_use]
    pub const fn hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// Whether the object is there.
    #[must_use]
    pub fn contains(&self, id: &oid) -> bool {
        self.packs.iter().any(|(index, _)| index.lookup(id).is_some()) || self.loose(id).is_some()
    }

    /// The only object whose id begins with these four or more hexadecimal digits.
    #[must_use]
    pub fn by_prefix(&self, digits: &str) -> Option<ObjectId> {
        if digits.len() < 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let digits = digits.to_ascii_lowercase();
        let prefix = gix::hash::Prefix::from_hex(&digits).ok()?;
        let mut found = HashSet::new();
        for (index, _) in &self.packs {
            let mut range = 0..0;
            index.lookup_prefix(prefix, Some(&mut range));
            found.extend(range.take(2).map(|n| index.oid_at_index(n).to_owned()));
        }
        for folder in &self.folders {
            for file in fs::read_dir(folder.join(&digits[..2])).into_iter().flatten().flatten() {
                let name = file.file_name();
                let Some(rest) = name.to_str().filter(|rest| rest.starts_with(&digits[2..])) else { continue };
                found.extend(ObjectId::from_hex(format!("{}{rest}", &digits[..2]).as_bytes()));
            }
        }
        found.iter().next().copied().filter(|_| found.len() == 1)
    }

    fn loose(&self, id: &oid) -> Option<PathBuf> {
        let hex = id.to_hex().to_string();
        let relative = Path::new(&hex[..2]).join(&hex[2..]);
        self.folders.iter().map(|folder| folder.join(&relative)).find(|path| path.is_file())
    }
}

/// Reads objects of a [`Store`] and remembers some.
pub struct Lookup<'a> {
    store: &'a Store,
    unpacker: Unpacker,
    known: HashMap<ObjectId, Object>,
    /// The bytes of those in `known`.
    cached: usize,
    /// The bytes that may still be made: a forged pack of a few kilobytes can ask for any number.
    left: u64,
}

/// Where the bytes of a pack entry are, and what they are made of.
struct PackEntry {
    data: u64,
    size: u64,
    form: Made,
}

enum Made {
    Whole(Kind),
    /// Of the entry at this offset of the same pack.
    Of(u64),
    /// Of another object.
    OfId(ObjectId),
}

impl<'a> Lookup<'a> {
    /// A reader of `store`.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store, unpacker: Unpacker::default(), known: HashMap::new(), cached: 0, left: BUDGET }
    }

    /// The store it reads.
    #[must_use]
    pub const fn store(&self) -> &'a Store {
        self.store
    }

    /// The object with this id.
    ///
    /// # Errors
    /// Where it is not there or cannot be read.
    pub fn read(&mut self, id: &oid) -> Result<Object, Lost> {
        self.read_through(id, 0)
    }

    /// The same if it is of this kind.
    ///
    /// # Errors
    /// Where it is not there, cannot be read, or is something else.
    pub fn read_kind(&mut self, id: &oid, kind: Kind) -> Result<Arc<Vec<u8>>, Lost> {
        self.read(id).and_then(|object| if object.kind == kind { Ok(object.bytes) } else { Err(Lost::Corrupt) })
    }

    fn read_through(&mut self, id: &oid, depth: usize) -> Result<Object, Lost> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        // Deltas that name their bases by id are rare; a chain of them that comes back to itself ends here.
        if depth > 64 {
            return Err(Lost::Corrupt);
        }
        let packed = self.store.packs.iter().enumerate().find_map(|(n, (index, _))| Some((n, index, index.lookup(id)?)));
        let object = if let Some((n, index, entry)) = packed {
            self.packed(n, index.pack_offset_at_index(entry), depth).ok_or(Lost::Corrupt)?
        } else {
            let path = self.store.loose(id).ok_or(Lost::Missing)?;
            self.read_loose(&path).ok_or(Lost::Corrupt)?
        };
        if self.cached + object.bytes.len() > CACHE {
            self.known.clear();
            self.cached = 0;
        }
        if object.bytes.len() <= CACHE / 4 {
            self.cached += object.bytes.len();
            self.known.insert(id.to_owned(), object.clone());
        }
        Ok(object)
    }

    fn read_loose(&mut self, path: &Path) -> Option<Object> {
        let stored = fs::read(path).ok()?;
        let mut bytes = Vec::new();
        self.unpacker.inflater.head(&stored, 64, &mut bytes)?;
        let (kind, size, len) = loose_header(&bytes)?;
        let size = usize::try_from(Some(size).filter(|size| *size <= MAX_OBJECT)?).ok()?;
        self.unpacker.inflater.exact(&stored, size + len, &mut bytes)?;
        bytes.drain(..len);
        Some(Object { kind, bytes: Arc::new(bytes) })
    }

    fn entry(&mut self, pack: usize, offset: u64) -> Option<PackEntry> {
        let head = self.unpacker.window.bytes(&self.store.packs[pack].1, offset, HEAD)?;
        let (form, size, len) = header(head, self.store.hash)?;
        let form = match form {
            Form::Whole(kind) => Made::Whole(kind),
            Form::Offset(distance) => Made::Of(offset.checked_sub(distance)?),
            Form::Id => Made::OfId(oid::try_from_bytes(head.get(len - self.store.hash.len_in_bytes()..len)?).ok()?.to_owned()),
        };
        (size <= MAX_OBJECT).then_some(PackEntry { data: offset + len as u64, size, form })
    }

    fn stored(&mut self, pack: usize, entry: &PackEntry, out: &mut Vec<u8>) -> Option<()> {
        let data = &self.store.packs[pack].1;
        let size = usize::try_from(entry.size).ok()?;
        // Where the stream ends is not known: mostly it takes less than what it holds.
        let likely = entry.size + entry.size / 1024 + 64;
        let inflated = self.unpacker.inflate(data, entry.data, likely, size, out);
        inflated.or_else(|| self.unpacker.inflate(data, entry.data, u64::MAX, size, out))
    }

    fn packed(&mut self, pack: usize, offset: u64, depth: usize) -> Option<Object> {
        let mut chain = Vec::new();
        let mut at = offset;
        let (kind, mut bytes) = loop {
            let entry = self.entry(pack, at)?;
            match &entry.form {
                Made::Whole(kind) => {
                    let mut bytes = Vec::new();
                    self.stored(pack, &entry, &mut bytes)?;
                    break (*kind, bytes);
                }
                Made::Of(base) => at = *base,
                Made::OfId(id) => {
                    let base = self.read_through(id, depth + 1).ok()?;
                    chain.push(entry);
                    break (base.kind, base.bytes.to_vec());
                }
            }
            chain.push(entry);
            if chain.len() > MAX_CHAIN {
                return None;
            }
        };
        let (mut delta, mut kept) = (Vec::new(), Vec::new());
        while let Some(entry) = chain.pop() {
            self.stored(pack, &entry, &mut delta)?;
            let delta = Delta::parse(&delta).filter(|d| d.result_len <= MAX_OBJECT)?;
            self.left = self.left.checked_sub(delta.result_len)?;
            let mut out = Vec::new();
            delta.apply(&bytes, &mut out, &mut kept)?;
            bytes = out;
        }
        Some(Object { kind, bytes: Arc::new(bytes) })
    }
}
