//! Electron's archive: sizes, a JSON tree of names, then the files one behind the other.
//! <https://github.com/electron/asar#format>

use super::at::{ReadAt, Stretch, read_at, u32_at};
use super::member::Member;
use super::{Dive, Input, Place};
use crate::source::SkipReason;
use serde_json::Value;

/// The largest tree that is read.
const MOST_TREE: u64 = 16 << 20;

/// Looks at the files of an archive.
pub(super) fn walk(dive: &Dive<'_>, bytes: &dyn ReadAt, place: &Place) {
    let mut head = [0; 16];
    let sizes = read_at(bytes, 0, &mut head).map(|head| (u64::from(u32_at(head, 4)), u64::from(u32_at(head, 12))));
    let (header_len, json_len) = match sizes {
        Ok(sizes) => sizes,
        Err(e) => return dive.failed(&e, place),
    };
    let data = 8 + header_len;
    dive.raw(&mut Stretch::of(bytes, 16, 16 + json_len), 16, place);
    if json_len > MOST_TREE {
        dive.skip(SkipReason::MemoryBudget, &place.origin, bytes.len());
        return dive.raw(&mut Stretch::of(bytes, data, u64::MAX), data, place);
    }
    let Some(_held) = dive.chain.hold(json_len * 8) else {
        dive.skip(SkipReason::MemoryBudget, &place.origin, bytes.len());
        return dive.raw(&mut Stretch::of(bytes, data, u64::MAX), data, place);
    };
    let mut json = vec![0; usize::try_from(json_len.min(bytes.len())).unwrap_or(0)];
    let tree = match read_at(bytes, 16, &mut json) {
        Ok(json) => serde_json::from_slice::<Value>(json).ok(),
        Err(e) => return dive.failed(&e, place),
    };
    drop(json);
    let mut files = Vec::new();
    if let Some(tree) = &tree {
        list(tree, &mut String::new(), &mut files);
    }
    if tree.is_none() {
        dive.skip(SkipReason::DamagedContainer, &place.origin, bytes.len());
    }
    files.sort();
    let mut at = data;
    for (offset, len, name) in files {
        let start = data.saturating_add(offset);
        if start > at {
            dive.raw(&mut Stretch::of(bytes, at, start), at, place);
        }
        at = at.max(start.saturating_add(len));
        let member = place.member(name.as_bytes(), Some(len));
        match dive.admit(&member) {
            None => return,
            Some(true) if len > dive.containers.limits.member => dive.skip(SkipReason::TooLarge, &member.origin, len),
            Some(true) => {
                let mut stretch = Stretch::of(bytes, start, start.saturating_add(len));
                let mut reader = Member::new(&mut stretch, dive, &member, Some(len), None);
                dive.look(Input::Stream(&mut reader), &member);
            }
            Some(false) => {}
        }
        if dive.spent.left() == 0 {
            return;
        }
    }
    dive.raw(&mut Stretch::of(bytes, at, u64::MAX), at, place);
}

/// Lists what the tree names with its place; what stands outside of the archive has none.
fn list(node: &Value, path: &mut String, files: &mut Vec<(u64, u64, String)>) {
    let Some(entries) = node.get("files").and_then(Value::as_object) else { return };
    for (name, entry) in entries {
        let len = path.len();
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        let offset = entry.get("offset").and_then(Value::as_str).and_then(|o| o.parse().ok());
        if let (Some(offset), Some(size)) = (offset, entry.get("size").and_then(Value::as_u64)) {
            // Of deep trees with long names their own names must do.
            let is_short = path.len() <= 1024 && files.len() < 100_000;
            files.push((offset, size, if is_short { path.clone() } else { name.clone() }));
        }
        list(entry, path, files);
        path.truncate(len);
    }
}
