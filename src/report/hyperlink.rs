//! Places that a terminal opens: links in its own escape sequence, OSC 8.
//!
//! Paths are hostile: all of an address but letters, digits and a few marks is percent-encoded, so that nothing in it ends the
//! sequence. The sequence: <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>.

use super::Report;
use super::model::ReportedFinding;
use crate::finding::percent;

/// Some terminals cut longer addresses.
const LONGEST: usize = 2000;

/// The address of a finding's file on this machine; of one that stands in history alone, that of its page at the forge.
pub(super) fn address(report: &Report, finding: &ReportedFinding) -> Option<String> {
    let place = &finding.location;
    let address = if place.commit.is_some() {
        let link = place.link.as_deref().filter(|link| link.starts_with("https://"))?;
        percent::encode(link, b"-._~/:?#@%=&+")
    } else {
        let root = report.scan.run.roots.get(finding.target).filter(|root| !root.is_empty() && place.path_bytes.is_none())?;
        let whole = std::path::Path::new(root).join(&place.path);
        if !whole.is_absolute() {
            return None;
        }
        let path = whole.to_string_lossy().replace('\\', if cfg!(windows) { "/" } else { "\\" });
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("file://{slash}{}", percent::encode(&path, b"-._~/:"))
    };
    (address.len() <= LONGEST).then_some(address)
}

/// `text` as a link.
pub(super) fn link(address: &str, text: &str) -> String {
    format!("\u{1b}]8;;{address}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
}
