//! The filters of streams (ISO 32000-1, 7.4) and their predictors.

use super::object::{Dict, Obj};
use flate2::{Decompress, FlushDecompress, Status};

/// What filters made of a stream.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// The end is missing: there was no room for it.
    pub(super) cut: bool,
    /// The end is missing: it is corrupt.
    pub(super) damaged: bool,
    /// It is left as it is: an image format, or a filter that is not known.
    pub(super) image: bool,
    pub(super) unknown: bool,
    /// How much all filters made together.
    pub(super) made: usize,
}

/// How many filters a stream may have.
const FILTERS: usize = 8;

/// Undoes the filters of a stream, making no more than `most` bytes with each of them and `room` with all.
pub(super) fn decode(filters: &[Obj], parameters: &[Obj], stream: &[u8], most: usize, room: usize) -> Decoded {
    let mut decoded = Decoded::default();
    let mut bytes: Option<Vec<u8>> = None;
    for (n, filter) in filters.iter().enumerate() {
        let input = bytes.as_deref().unwrap_or(stream);
        let none = Dict::default();
        let parameters = parameters.get(n).and_then(Obj::dict).unwrap_or(&none);
        let most = most.min(room.saturating_sub(decoded.made));
        let made = match filter.name().unwrap_or_default() {
            b"FlateDecode" | b"Fl" => unpredict(flate(input, most, &mut decoded), parameters),
            b"LZWDecode" | b"LZW" => {
                let early = parameters.get("EarlyChange").and_then(Obj::count) != Some(0);
                unpredict(lzw(input, early, most, &mut decoded), parameters)
            }
            b"ASCIIHexDecode" | b"AHx" => ascii_hex(input),
            b"ASCII85Decode" | b"A85" => ascii85(input),
            b"RunLengthDecode" | b"RL" => run_length(input, most, &mut decoded),
            b"Crypt" => continue,
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" => {
                decoded.image = true;
                break;
            }
            _ => {
                decoded.unknown = true;
                break;
            }
        };
        if n == FILTERS || made.len() > most {
            decoded.cut = true;
            break;
        }
        decoded.made += made.len();
        bytes = Some(made);
    }
    if bytes.is_none() {
        // What had no filter is copied, and counts.
        decoded.cut |= stream.len() > room;
        decoded.made += stream.len().min(room);
        bytes = Some(stream[..stream.len().min(room)].to_vec());
    }
    decoded.bytes = bytes.unwrap_or_default();
    decoded
}

fn flate(input: &[u8], most: usize, decoded: &mut Decoded) -> Vec<u8> {
    const STEP: usize = 64 << 10;
    let mut inflater = Decompress::new(true);
    let mut out = Vec::new();
    loop {
        let used = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let made = out.len();
        if made == most {
            decoded.cut = true;
            return out;
        }
        out.reserve_exact(STEP.max(made / 2).min(most - made));
        let status = inflater.decompress_vec(input.get(used..).unwrap_or_default(), &mut out, FlushDecompress::None);
        out.truncate(most);
        match status {
            Ok(Status::StreamEnd) => return out,
            Ok(_) if inflater.total_in() != used as u64 || out.len() != made => {}
            // Corrupt, or at its end too early: what there is counts. Nothing at all may be an empty stream.
            _ => {
                decoded.damaged |= !input.trim_ascii().is_empty();
                return out;
            }
        }
    }
}

fn ascii_hex(input: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(b'>', input).unwrap_or(input.len());
    let mut digits = input[..end].iter().filter_map(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(end / 2);
    while let Some(high) = digits.next() {
        out.push(u8::try_from(high << 4 | digits.next().unwrap_or_default()).unwrap_or_default());
    }
    out
}

fn ascii85(input: &[u8]) -> Vec<u8> {
    let input = input.trim_ascii_start();
    let input = input.strip_prefix(b"<~").unwrap_or(input);
    let mut out = Vec::with_capacity(input.len() / 5 * 4 + 4);
    let (mut group, mut held) = (0_u32, 0_usize);
    for byte in input {
        match byte {
            b'~' => break,
            b'z' if held == 0 => out.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                held += 1;
                if held == 5 {
                    out.extend_from_slice(&group.to_be_bytes());
                    (group, held) = (0, 0);
                }
            }
            _ => {}
        }
    }
    if held > 1 {
        for _ in held..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        out.extend_from_slice(&group.to_be_bytes()[..held - 1]);
    }
    out
}

fn run_length(input: &[u8], most: usize, decoded: &mut Decoded) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    while let [len, after @ ..] = rest {
        let count = usize::from(*len);
        match len {
            0..=127 => {
                let taken = after.get(..=count).unwrap_or(after);
                out.extend_from_slice(taken);
                rest = &after[taken.len()..];
            }
            128 => break,
            _ => {
                let Some((byte, after)) = after.split_first() else { break };
                out.resize(out.len() + 257 - count, *byte);
                rest = after;
            }
        }
        if out.len() > most {
            decoded.cut = true;
            out.truncate(most);
            break;
        }
    }
    out
}

/// LZW with codes of 9 to 12 bits. An entry of the table is a stretch of what was already made.
fn lzw(input: &[u8], early: bool, most: usize, decoded: &mut Decoded) -> Vec<u8> {
    const CLEAR: u32 = 256;
    const END: u32 = 257;
    let mut out: Vec<u8> = Vec::new();
    let mut table: Vec<(usize, usize)> = Vec::new();
    let mut previous: Option<(usize, usize)> = None;
    let (mut bits, mut held, mut width) = (0_u32, 0, 9);
    for byte in input {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = bits >> held & ((1 << width) - 1);
        bits &= (1 << held) - 1;
        if code == CLEAR {
            table.clear();
            (previous, width) = (None, 9);
            continue;
        }
        if code == END {
            return out;
        }
        let start = out.len();
        if let Ok(literal) = u8::try_from(code) {
            out.push(literal);
        } else {
            let index = code as usize - 258;
            // The entry that is just being made: the previous one and its own first byte.
            let Some((from, len)) = table
                .get(index)
                .copied()
                .or_else(|| previous.filter(|_| index == table.len()).map(|(from, len)| (from, len + 1)))
            else {
                decoded.damaged = true;
                return out;
            };
            for n in from..from + len {
                out.push(out[n]);
            }
        }
        if out.len() > most {
            decoded.cut = true;
            out.truncate(most);
            return out;
        }
        if let Some((from, len)) = previous
            && table.len() < 4096 - 258
        {
            table.push((from, len + 1));
        }
        previous = Some((start, out.len() - start));
        width = match table.len() + 258 + usize::from(early) {
            0..=511 => 9,
            512..=1023 => 10,
            1024..=2047 => 11,
            _ => 12,
        };
    }
    out
}

/// Undoes PNG and TIFF predictors.
fn unpredict(bytes: Vec<u8>, parameters: &Dict) -> Vec<u8> {
    let number = |key: &str, or: usize| parameters.get(key).and_then(Obj::count).unwrap_or(or);
    let predictor = number("Predictor", 1);
    let (colors, bits, columns) = (number("Colors", 1), number("BitsPerComponent", 8), number("Columns", 1));
    let pixel = (colors.saturating_mul(bits) / 8).clamp(1, 1 << 10);
    let row = colors.saturating_mul(bits).saturating_mul(columns).div_ceil(8).clamp(1, 1 << 26);
    match predictor {
        2 if bits == 8 => {
            let mut bytes = bytes;
            for line in bytes.chunks_mut(row) {
                for at in pixel..line.len() {
                    line[at] = line[at].wrapping_add(line[at - pixel]);
                }
            }
            bytes
        }
        10.. => png(&bytes, row, pixel),
        _ => bytes,
    }
}

fn png(bytes: &[u8], row: usize, pixel: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    for line in bytes.chunks(row + 1) {
        let start = out.len();
        for (at, byte) in line[1..].iter().enumerate() {
            let left = if at >= pixel { out[start + at - pixel] } else { 0 };
            let up = if start >= row { out[start + at - row] } else { 0 };
            let corner = if at >= pixel && start >= row { out[start + at - row - pixel] } else { 0 };
            let predicted = match line[0] {
                1 => left,
                2 => up,
                3 => left.midpoint(up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            out.push(byte.wrapping_add(predicted));
        }
    }
    out
}

/// The neighbour that is nearest to left + up - corner (PNG, 9.4).
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |n: u8| (estimate - i16::from(n)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_undone() {
        assert_eq!(ascii_hex(b"61 7 06 c>zz"), b"apl");
        assert_eq!(ascii85(b"<~87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(run_length(b"\x02abc\xfed\x80zz", 100, &mut Decoded::default()), b"abcddd");
        // The example of the specification, 7.4.4.2.
        let packed = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        assert_eq!(lzw(&packed, true, 100, &mut Decoded::default()), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
        assert_eq!(png(&[2, 1, 2, 3, 2, 1, 1, 1, 1, 5, 1, 1], 3, 1), [1, 2, 3, 2, 3, 4, 5, 6, 7]);
    }
}
