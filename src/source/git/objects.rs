//! All objects of a repository, packed and loose, in one numbering. Nothing is trusted: sizes are bounded, chains are followed
//! a bounded way, and what is corrupt is a `None`.

use super::delta::Delta;
use super::entry::{Form, HEAD, header, loose_header};
use super::inflate::Inflater;
use super::pack::{PackFile, Unpacker, Window};
use gix::hash::{ObjectId, oid};
use gix::odb::pack::index;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// An object's number in its [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nr(pub u32);

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
    /// Its chain of deltas ends nowhere.
    Broken,
}

/// How an object is stored.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Whole(Kind),
    /// A delta of another object.
    Delta(Nr),
    Broken,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    stored: Stored,
    /// The size of the object, or of the delta; of what is larger than is looked at, the largest number.
    size: u32,
    /// The most bytes that the zlib stream has in the pack: no entry goes on behind where the next one begins.
    len: u32,
    /// Where the zlib stream begins in the pack; for loose objects the place in `loose`.
    data: u64,
}

impl Entry {
    /// An object that cannot be read.
    const BROKEN: Self = Self { stored: Stored::Broken, size: 0, len: 0, data: 0 };
}

/// As many as can be told: what is larger is not looked at.
fn at_most(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

struct Pack {
    index: index::File,
    data: PackFile,
    first: u32,
}

/// The objects of a repository.
pub struct Objects {
    packs: Vec<Pack>,
    entries: Vec<Entry>,
    kinds: Vec<Kind>,
    loose: Vec<(ObjectId, PathBuf)>,
    by_loose_id: HashMap<ObjectId, u32>,
    first_loose: u32,
    /// Packs that could not be opened.
    pub broken_packs: Vec<PathBuf>,
}

/// Larger objects are not looked at, in bytes: a delta of a few bytes can stand for any size.
pub const MAX_OBJECT: u64 = 256 << 20;
/// So many bytes of packs are held at most; of the others windows are read.
const MOST_HELD: u64 = 64 << 20;
/// The longest chain of deltas that is followed; git makes none above 4,095.
const MAX_CHAIN: usize = 4096;

impl Objects {
    /// Reads what is in the object folders. What cannot be read is left out and told.
    #[must_use]
    pub fn open(folders: &[PathBuf], hash: gix::hash::Kind) -> Self {
        let mut this = Self {
            packs: Vec::new(),
            entries: Vec::new(),
            kinds: Vec::new(),
            loose: Vec::new(),
            by_loose_id: HashMap::new(),
            first_loose: 0,
            broken_packs: Vec::new(),
        };
        let mut room = MOST_HELD;
        for folder in folders {
            let mut indexes: Vec<PathBuf> = fs::read_dir(folder.join("pack"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|e| e == "idx"))
                .collect();
            indexes.sort();
            for path in indexes {
                if this.add_pack(&path, hash, &mut room).is_none() {
                    this.broken_packs.push(path);
                }
            }
        }
        this.first_loose = u32::try_from(this.entries.len()).unwrap_or(u32::MAX);
        for folder in folders {
            this.list_loose(folder, hash);
        }
        this.link_bases(hash);
        this.find_kinds();
        this
    }

    /// Adds a pack, which is held if there is `room` for its bytes.
    fn add_pack(&mut self, path: &Path, hash: gix::hash::Kind, room: &mut u64) -> Option<()> {
        let index = index::File::at(path, hash).ok()?;
        let mut data = PackFile::open(&path.with_extension("pack"), hash, self.packs.len())?;
        let first = u32::try_from(self.entries.len()).ok()?;
        first.checked_add(index.num_objects())?;
        let mut by_offset: Vec<(u64, u32)> = (0..index.num_objects()).map(|n| (index.pack_offset_at_index(n), n)).collect();
        by_offset.sort_unstable();
        self.entries.resize(self.entries.len() + by_offset.len(), Entry::BROKEN);
        *room -= data.hold(*room);
        let mut window = Window::default();
        let mut behind = 0;
        for same in by_offset.chunk_by(|a, b| a.0 == b.0) {
            behind += same.len();
            let next = by_offset.get(behind).map_or(data.end(), |(offset, _)| *offset);
            let offset = same[0].0;
            let head = window.bytes(&data, offset, HEAD);
            let Some((form, size, len)) = head.and_then(|head| header(head, hash)) else { continue };
            let stored = match form {
                Form::Whole(kind) => Stored::Whole(kind),
                Form::Offset(distance) => offset
                    .checked_sub(distance)
                    .and_then(|base| by_offset.binary_search_by_key(&base, |(o, _)| *o).ok())
                    .map_or(Stored::Broken, |at| Stored::Delta(Nr(first + by_offset[at].1))),
                // Bases by id may stand in a pack that is not read yet: `link_bases` looks them up.
                Form::Id => Stored::Broken,
            };
            let begin = offset + len as u64;
            let len = at_most(next.min(data.end()).saturating_sub(begin));
            for (_, n) in same {
                self.entries[(first + n) as usize] = Entry { stored, size: at_most(size), len, data: begin };
            }
        }
        self.packs.push(Pack { index, data, first });
        Some(())
    }

    fn list_loose(&mut self, folder: &Path, hash: gix::hash::Kind) {
        let mut found = Vec::new();
        for shard in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = shard.file_name();
            let Some(start) = name.to_str().filter(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_hexdigit())) else {
                continue;
            };
            for file in fs::read_dir(shard.path()).into_iter().flatten().flatten() {
                let rest = file.file_name();
                let Some(rest) = rest.to_str().filter(|r| r.len() + 2 == hash.len_in_hex()) else { continue };
                if let Ok(id) = ObjectId::from_hex(format!("{start}{rest}").as_bytes()) {
                    found.push((id, file.path()));
                }
            }
        }
        found.sort();
        let mut inflater = Inflater::default();
        for (id, path) in found {
            if self.find(&id).is_some() {
                continue;
            }
            let head = fs::read(&path).ok().and_then(|bytes| {
                let mut out = Vec::new();
                inflater.head(&bytes, 64, &mut out)?;
                loose_header(&out)
            });
            let place = u32::try_from(self.loose.len()).unwrap_or(u32::MAX);
            let (stored, size) = head.map_or((Stored::Broken, 0), |(kind, size, _)| (Stored::Whole(kind), size));
            self.by_loose_id.insert(id, self.first_loose + place);
            self.entries.push(Entry { stored, size: at_most(size), len: 0, data: u64::from(place) });
            self.loose.push((id, path));
        }
    }

    /// Finds the bases that deltas name by id.
    fn link_bases(&mut self, hash: gix::hash::Kind) {
        let mut window = Window::default();
        for p in 0..self.packs.len() {
            let first = self.packs[p].first;
            for n in 0..self.packs[p].index.num_objects() {
                let nr = (first + n) as usize;
                if !matches!(self.entries[nr].stored, Stored::Broken) {
                    continue;
                }
                let pack = &self.packs[p];
                let offset = pack.index.pack_offset_at_index(n);
                let Some(head) = window.bytes(&pack.data, offset, HEAD) else { continue };
                let Some((Form::Id, _, len)) = header(head, hash) else { continue };
                let Some(bytes) = head.get(len - hash.len_in_bytes()..len) else { continue };
                let Ok(id) = oid::try_from_bytes(bytes) else { continue };
                if let Some(base) = self.find(id) {
                    self.entries[nr].stored = Stored::Delta(base);
                }
            }
        }
    }

    /// Follows every chain to its root; chains in a circle and those that are too long are broken.
    fn find_kinds(&mut self) {
        let mut kinds: Vec<Option<Kind>> = vec![None; self.entries.len()];
        let mut chain = Vec::new();
        for start in 0..self.entries.len() {
            let mut at = start;
            let kind = loop {
                if let Some(kind) = kinds[at] {
                    break kind;
                }
                match self.entries[at].stored {
                    Stored::Whole(kind) => break kind,
                    Stored::Broken => break Kind::Broken,
                    Stored::Delta(base) => {
                        if chain.len() > MAX_CHAIN {
                            break Kind::Broken;
                        }
                        chain.push(at);
                        at = base.0 as usize;
                    }
                }
            };
            kinds[at] = Some(kind);
            for link in chain.drain(..) {
                kinds[link] = Some(kind);
            }
        }
        self.kinds = kinds.into_iter().map(|k| k.unwrap_or(Kind::Broken)).collect();
    }

    /// How many objects there are; those in two packs count twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of all packs and loose objects, as they are stored.
    #[must_use]
    pub fn packed_bytes(&self) -> u64 {
        let packs: u64 = self.packs.iter().map(|p| p.data.end()).sum();
        packs + 1024 * self.loose.len() as u64
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All numbers.
    pub fn iter(&self) -> impl Iterator<Item = Nr> + use<> {
        (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).map(Nr)
    }

    /// What an object is.
    #[must_use]
    pub fn kind(&self, nr: Nr) -> Kind {
        self.kinds[nr.0 as usize]
    }

    /// What its delta changes, if it is stored as one.
    #[must_use]
    pub fn base(&self, nr: Nr) -> Option<Nr> {
        match self.entries[nr.0 as usize].stored {
            Stored::Delta(base) => Some(base),
            _ => None,
        }
    }

    /// Its size, or that of its delta.
    #[must_use]
    pub fn stored_size(&self, nr: Nr) -> u64 {
        u64::from(self.entries[nr.0 as usize].size)
    }

    /// The id of an object.
    #[must_use]
    pub fn id(&self, nr: Nr) -> ObjectId {
        if nr.0 >= self.first_loose {
            return self.loose[(nr.0 - self.first_loose) as usize].0;
        }
        let at = self.packs.partition_point(|p| p.first <= nr.0) - 1;
        self.packs[at].index.oid_at_index(nr.0 - self.packs[at].first).to_owned()
    }

    /// The number of an object; of one in several packs that in the first.
    #[must_use]
    pub fn find(&self, id: &oid) -> Option<Nr> {
        for pack in &self.packs {
            if let Some(n) = pack.index.lookup(id) {
                return Some(Nr(pack.first + n));
            }
        }
        self.by_loose_id.get(id).map(|n| Nr(*n))
    }

    /// Whether this number is the one that [`Self::find`] gives for its id: of an object in two packs one only.
    #[must_use]
    pub fn is_first(&self, nr: Nr) -> bool {
        self.packs.len() + usize::from(!self.loose.is_empty()) <= 1 || self.find(&self.id(nr)) == Some(nr)
    }

    /// The bytes that are stored for an object: its own, or those of its delta. `None` where it is corrupt or too large.
    pub fn stored(&self, nr: Nr, unpacker: &mut Unpacker, out: &mut Vec<u8>) -> Option<()> {
        let entry = self.entries[nr.0 as usize];
        if u64::from(entry.size) > MAX_OBJECT {
            return None;
        }
        let size = entry.size as usize;
        if nr.0 >= self.first_loose {
            let bytes = fs::read(&self.loose[usize::try_from(entry.data).ok()?].1).ok()?;
            let mut head = Vec::new();
            unpacker.inflater.head(&bytes, 64, &mut head)?;
            let (_, announced, len) = loose_header(&head)?;
            if announced != u64::from(entry.size) {
                return None;
            }
            unpacker.inflater.exact(&bytes, size + len, out)?;
            out.drain(..len);
            return Some(());
        }
        let at = self.packs.partition_point(|p| p.first <= nr.0) - 1;
        unpacker.inflate(&self.packs[at].data, entry.data, u64::from(entry.len), size, out)
    }
}

/// Reads single objects, and remembers bases for a while.
pub struct Reader<'a> {
    objects: &'a Objects,
    unpacker: Unpacker,
    cache: HashMap<Nr, Rc<Vec<u8>>>,
    cached: usize,
}

/// The bytes a reader remembers.
const CACHE: usize = 32 << 20;

impl<'a> Reader<'a> {
    /// A reader of `objects`.
    #[must_use]
    pub fn new(objects: &'a Objects) -> Self {
        Self { objects, unpacker: Unpacker::default(), cache: HashMap::new(), cached: 0 }
    }

    /// The object's bytes; `None` where it is corrupt or too large.
    pub fn read(&mut self, nr: Nr) -> Option<Rc<Vec<u8>>> {
        if self.objects.kind(nr) == Kind::Broken {
            return None;
        }
        let mut chain = Vec::new();
        let mut at = nr;
        let mut bytes = loop {
            if let Some(known) = self.cache.get(&at) {
                break Rc::clone(known);
            }
            if let Some(base) = self.objects.base(at) {
                chain.push(at);
                at = base;
            } else {
                let mut out = Vec::new();
                self.objects.stored(at, &mut self.unpacker, &mut out)?;
                break self.remember(at, out);
            }
        };
        let (mut delta, mut kept) = (Vec::new(), Vec::new());
        while let Some(next) = chain.pop() {
            self.objects.stored(next, &mut self.unpacker, &mut delta)?;
            let delta = Delta::parse(&delta).filter(|d| d.result_len <= MAX_OBJECT)?;
            let mut out = Vec::new();
            delta.apply(&bytes, &mut out, &mut kept)?;
            bytes = self.remember(next, out);
        }
        Some(bytes)
    }

    fn remember(&mut self, nr: Nr, bytes: Vec<u8>) -> Rc<Vec<u8>> {
        let bytes = Rc::new(bytes);
        if self.cached + bytes.len() > CACHE {
            self.cache.clear();
            self.cached = 0;
        }
        if bytes.len() <= CACHE / 4 {
            self.cached += bytes.len();
            self.cache.insert(nr, Rc::clone(&bytes));
        }
        bytes
    }
}
