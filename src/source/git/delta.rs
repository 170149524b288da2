//! Deltas: how a pack stores an object as a change of another one.
//! Format: <https://git-scm.com/docs/pack-format>, "Deltified representation".

use crate::detect::Kept;

/// One step of a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Bytes of the base.
    Copy { offset: usize, len: usize },
    /// New bytes.
    Insert(&'a [u8]),
}

/// A delta's sizes and steps.
pub(super) struct Delta<'a> {
    pub base_len: u64,
    pub result_len: u64,
    steps: &'a [u8],
}

impl<'a> Delta<'a> {
    /// Reads the header of a delta; `None` where it is cut off.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let (base_len, data) = size(data)?;
        let (result_len, steps) = size(data)?;
        Some(Self { base_len, result_len, steps })
    }

    /// Its steps; ends after a `None` where one is corrupt.
    pub(super) const fn steps(&self) -> Steps<'a> {
        Steps { rest: self.steps, broken: false }
    }

    /// Writes the result to `out`, and to `kept` what of it is copied; both are cleared first. `None` where the delta is corrupt.
    pub(super) fn apply(&self, base: &[u8], out: &mut Vec<u8>, kept: &mut Vec<Kept>) -> Option<()> {
        let result_len = usize::try_from(self.result_len).ok()?;
        if base.len() as u64 != self.base_len {
            return None;
        }
        out.clear();
        out.reserve(result_len);
        kept.clear();
        for step in self.steps() {
            match step? {
                Step::Copy { offset, len } => {
                    kept.push(Kept { from: offset, to: out.len(), len });
                    out.extend_from_slice(base.get(offset..offset.checked_add(len)?)?);
                }
                Step::Insert(bytes) => out.extend_from_slice(bytes),
            }
            if out.len() > result_len {
                return None;
            }
        }
        (out.len() == result_len).then_some(())
    }
}

/// The steps of a delta.
pub(super) struct Steps<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Option<Step<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        let (&command, rest) = self.rest.split_first()?;
        let step = if command & 0x80 != 0 { copy(command, rest) } else { insert(command, rest) };
        if let Some((step, rest)) = step {
            self.rest = rest;
            Some(Some(step))
        } else {
            self.broken = true;
            Some(None)
        }
    }
}

fn insert(command: u8, rest: &[u8]) -> Option<(Step<'_>, &[u8])> {
    let (bytes, rest) = rest.split_at_checked(usize::from(command))?;
    (command > 0).then_some((Step::Insert(bytes), rest))
}

fn copy(command: u8, mut rest: &[u8]) -> Option<(Step<'_>, &[u8])> {
    let mut field = |bits: std::ops::Range<u8>| {
        let mut value = 0usize;
        for (i, bit) in bits.enumerate() {
            if command & (1 << bit) != 0 {
                let (&byte, after) = rest.split_first()?;
                value |= usize::from(byte) << (8 * i);
                rest = after;
            }
        }
        Some(value)
    };
    let offset = field(0..4)?;
    let len = field(4..7)?;
    Some((Step::Copy { offset, len: if len == 0 { 0x1_0000 } else { len } }, rest))
}

/// A size: seven bits a byte, least significant first.
fn size(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, &byte) in data.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &data[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_inserts() {
        let delta = [6, 8, 0x91, 2, 3, 5, b'h', b'e', b'l', b'l', b'o'];
        let delta = Delta::parse(&delta).unwrap();
        let mut out = Vec::new();
        let mut kept = Vec::new();
        delta.apply(b"abcdef", &mut out, &mut kept).unwrap();
        assert_eq!(out, b"cdehello");
        assert_eq!(kept, [Kept { from: 2, to: 0, len: 3 }]);
    }

    #[test]
    fn corrupt_deltas_are_refused() {
        for bytes in
            [&[6, 3, 0x91, 9, 3][..], &[6, 3, 0x91], &[6, 5, 0], &[6, 5, 9, 1], &[5, 3, 0x91, 0, 3], &[6, 2, 0x91, 0, 3], &[0x80]]
        {
            let mut out = Vec::new();
            let applied = Delta::parse(bytes).and_then(|d| d.apply(b"abcdef", &mut out, &mut Vec::new()));
            assert_eq!(applied, None, "{bytes:?}");
        }
    }
}
