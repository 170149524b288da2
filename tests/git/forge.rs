//! Packs that git would never write: objects under ids of our choice, deltas of anything.
//! Format: <https://git-scm.com/docs/pack-format>.

use flate2::{Compression, write::ZlibEncoder};
use std::io::Write as _;
use std::path::Path;

/// An object's id, SHA-1.
pub(super) type Id = [u8; 20];

/// How an object is stored.
pub(super) enum Stored {
    /// 1 commit, 2 tree, 3 blob, 4 tag
    Whole(u8, Vec<u8>),
    /// A delta of another object.
    Delta(Id, Vec<u8>),
}

/// The id that git gives an object.
pub(super) fn id_of(kind: &str, bytes: &[u8]) -> Id {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(format!("{kind} {}\0", bytes.len()).as_bytes());
    hasher.update(bytes);
    id(hasher)
}

fn id(hasher: gix::hash::Hasher) -> Id {
    hasher.try_finalize().expect("no attack on SHA-1 here").as_bytes().try_into().expect("20 bytes")
}

/// A size, seven bits a byte.
fn size(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = u8::try_from(n & 0x7f).expect("seven bits");
        n >>= 7;
        out.push(if n > 0 { byte | 0x80 } else { byte });
        if n == 0 {
            return out;
        }
    }
}

/// A delta that makes `times` copies of a base of `len` bytes, and appends `more`.
pub(super) fn copies(len: usize, times: usize, more: &[u8]) -> Vec<u8> {
    let mut out = [size(len), size(len * times + more.len())].concat();
    for _ in 0..times {
        let mut at = 0;
        while at < len {
            let part = (len - at).min(0xff_ffff);
            out.push(0xff);
            out.extend_from_slice(&u32::try_from(at).expect("small").to_le_bytes());
            out.extend_from_slice(&u32::try_from(part).expect("small").to_le_bytes()[..3]);
            at += part;
        }
    }
    for part in more.chunks(127) {
        out.push(u8::try_from(part.len()).expect("at most 127"));
        out.extend_from_slice(part);
    }
    out
}

/// Writes a pack and its index into a repository.
pub(super) fn write_pack(git_dir: &Path, objects: &[(Id, Stored)]) {
    let count = u32::try_from(objects.len()).expect("few").to_be_bytes();
    let mut pack = [&b"PACK"[..], &2u32.to_be_bytes(), &count].concat();
    let mut places: Vec<(Id, u32, u32)> = Vec::new();
    for (id, stored) in objects {
        let start = pack.len();
        let (kind, base, bytes) = match stored {
            Stored::Whole(kind, bytes) => (*kind, None, bytes),
            Stored::Delta(base, bytes) => (7, Some(base), bytes),
        };
        let mut head = u8::try_from(bytes.len() & 0x0f).expect("four bits") | kind << 4;
        let mut rest = bytes.len() >> 4;
        while rest > 0 {
            pack.push(head | 0x80);
            head = u8::try_from(rest & 0x7f).expect("seven bits");
            rest >>= 7;
        }
        pack.push(head);
        pack.extend(base.into_iter().flatten());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(bytes).expect("memory");
        pack.extend(zlib.finish().expect("memory"));
        places.push((*id, u32::try_from(start).expect("small"), crc32fast::hash(&pack[start..])));
    }
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&pack);
    let sum = id(hasher);
    pack.extend(sum);
    places.sort_unstable();
    let mut index = [&[0xff, b't', b'O', b'c'][..], &2u32.to_be_bytes()].concat();
    for first in 0..=255u8 {
        let below = u32::try_from(places.iter().filter(|(id, _, _)| id[0] <= first).count()).expect("few");
        index.extend(below.to_be_bytes());
    }
    index.extend(places.iter().flat_map(|(id, _, _)| *id));
    index.extend(places.iter().flat_map(|(_, _, crc)| crc.to_be_bytes()));
    index.extend(places.iter().flat_map(|(_, at, _)| at.to_be_bytes()));
    index.extend(sum);
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&index);
    index.extend(id(hasher));
    let folder = git_dir.join("objects/pack");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("pack-forged.pack"), pack).expect("writable");
    std::fs::write(folder.join("pack-forged.idx"), index).expect("writable");
}

/// A tree with these entries: mode, name, id.
pub(super) fn tree(entries: &[(&str, &[u8], Id)]) -> Vec<u8> {
    entries.iter().flat_map(|(mode, name, id)| [mode.as_bytes(), b" ", *name, b"\0", id].concat()).collect()
}

fn hex(id: &Id) -> String {
    gix::hash::ObjectId::from_bytes_or_panic(id).to_string()
}

/// A commit of a tree.
pub(super) fn commit(tree: &Id) -> Vec<u8> {
    let hex: String = hex(tree);
    format!("tree {hex}\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nforged\n").into_bytes()
}

/// A repository whose `main` is a commit of `root`, with these objects besides.
pub(super) fn repository(folder: &Path, root: Id, mut objects: Vec<(Id, Stored)>) {
    super::git(folder, &["init", "-q", "."]);
    let text = commit(&root);
    let commit = id_of("commit", &text);
    objects.push((commit, Stored::Whole(1, text)));
    write_pack(&folder.join(".git"), &objects);
    let hex = hex(&commit);
    super::write(folder, ".git/refs/heads/main", format!("{hex}\n"));
}
