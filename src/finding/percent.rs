//! Percent-encoding of paths in URLs.

use std::fmt::Write as _;

/// What stays as it is in the path of a URI reference.
pub const IN_PATHS: &[u8] = b"-._~/!$&'()*+,;=@";

/// `text` with every byte encoded that is no ASCII letter or digit and not in `kept`.
#[must_use]
pub fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || kept.contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}
