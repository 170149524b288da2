//! How much each signal of a generic rule counts, in log-odds.
//!
//! Fitted by `benches/judge/fit.py`: signals from names and surroundings on labelled real files, signals from the value's
//! text on material of our own. The kind of path is no signal.

/// Where the score starts.
pub const BIAS: f32 = -1.14;

/// What surroundings can add at most: each of their signals that may stand beside the others, with the larger of its weights.
const SURROUNDINGS: f32 = 0.20 + 0.27 + 0.15 + 0.04 + 0.04 + 0.03 + 0.85 + 0.18;
/// Below so much no surroundings make a secret of it: the log-odds of the least score that is told are -1.39. To fit weights
/// anew, signals of all candidates are needed: then this is lowered first.
pub const HOPELESS: f32 = -1.40 - SURROUNDINGS;

/// The weight of a signal, for names that speak of a password or for others; 0 for one without.
#[must_use]
pub fn of(signal: &str, is_password: bool) -> f32 {
    let found = WEIGHTS.binary_search_by_key(&signal, |(name, _, _)| name);
    found.map_or(0.0, |at| if is_password { WEIGHTS[at].1 } else { WEIGHTS[at].2 })
}

/// By name: signal, weight for passwords, weight for others.
const WEIGHTS: &[(&str, f32, f32)] = &[
    ("argument", -0.56, -0.41),
    ("arrow", 0.05, 0.04),
    ("assertion", 0.02, 0.04),
    ("bare-after-quoted", -0.33, -0.23),
    ("bare-in-line", -0.08, -0.00),
    ("bare-in-source", -0.85, -0.76),
    ("bare-line", 0.20, 0.18),
    ("binary", -1.55, -1.55),
    ("call", -0.88, -0.70),
    ("class-credential", 0.11, 0.11),
    ("class-key", -0.58, -0.58),
    ("class-password", -0.02, -0.02),
    ("class-secret", 0.24, 0.24),
    ("class-token", 0.24, 0.24),
    ("colon", 0.21, -0.05),
    ("comma", -1.46, -1.16),
    ("comment", -0.56, -0.43),
    ("comparison", 0.27, 0.23),
    ("concatenated", -0.07, -0.06),
    ("cut-short", -2.58, -2.57),
    ("element", -0.48, -0.39),
    ("flag", -0.24, -0.25),
    ("in-list", -1.06, -1.05),
    ("in-variable", -0.64, -0.58),
    ("is-key", -1.29, -1.23),
    ("keyword", -0.20, -0.15),
    ("lookup", -0.65, -0.63),
    ("markup", -0.54, -0.46),
    ("message", 0.01, 0.03),
    ("name-alone", 0.24, 0.19),
    ("name-bare", -0.61, -0.49),
    ("name-head", 0.32, 0.15),
    ("name-id", -1.30, -1.30),
    ("name-in-path", -1.59, -1.59),
    ("name-many", -0.24, -0.22),
    ("name-other", -0.52, -0.58),
    ("name-public", -1.45, -1.41),
    ("name-qualified", 0.28, 0.27),
    ("name-sample", 0.37, 0.37),
    ("near-account", 0.85, 0.57),
    ("near-checksums", 0.05, 0.18),
    ("pair", -0.53, -0.47),
    ("tight-colon", -0.65, -0.58),
    ("value-code", -2.70, -2.75),
    ("value-digits", 0.25, 0.68),
    ("value-escapes", -1.14, -1.13),
    ("value-foreign", -1.78, -1.75),
    ("value-half-stock", -2.49, -1.97),
    ("value-hash", -2.05, -2.05),
    ("value-hex", 1.52, 1.75),
    ("value-identifier", -0.02, -1.40),
    ("value-leet", 1.72, 0.93),
    ("value-like-name", -1.45, -1.22),
    ("value-lines", -1.06, -1.06),
    ("value-long", -0.60, -0.02),
    ("value-lower", -0.46, -0.74),
    ("value-mid", 0.15, -0.16),
    ("value-mixed", 0.36, 0.50),
    ("value-non-ascii", -1.85, -1.55),
    ("value-number", -2.82, -2.73),
    ("value-numbered", 0.88, -0.32),
    ("value-odd-symbols", -1.79, -1.55),
    ("value-odd-word", 0.92, 0.27),
    ("value-path", -1.86, -1.75),
    ("value-phrase", 2.76, 1.78),
    ("value-placeholder", -2.52, -2.43),
    ("value-publishable", -2.59, -2.59),
    ("value-random", 0.69, 0.16),
    ("value-regex", -2.56, -2.56),
    ("value-secret-word", -1.29, -1.19),
    ("value-sentence", -2.53, -2.32),
    ("value-sequence", -2.39, -2.16),
    ("value-short", 0.04, -0.51),
    ("value-stock", -1.74, -2.00),
    ("value-stop-word", -1.70, -1.75),
    ("value-symbols", 0.65, 0.26),
    ("value-tiny", -0.74, -1.22),
    ("value-type", -2.53, -2.57),
    ("value-uuid", 1.55, 1.55),
    ("value-very-long", -1.70, -1.69),
    ("value-very-random", 1.07, 1.88),
    ("value-word", -0.01, -1.08),
    ("value-word-digits", 1.53, 1.11),
    ("value-words-symbols", 0.41, -0.26),
    ("wrapped", 0.15, 0.07),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_found() {
        assert!(WEIGHTS.is_sorted_by_key(|(name, _, _)| name));
        assert!(WEIGHTS.iter().all(|(name, _, other)| of(name, false).to_bits() == other.to_bits()));
    }

    #[test]
    fn no_surroundings_save_what_is_hopeless() {
        let told = (0.2f32 / 0.8).ln();
        let most = |names: &[&str]| names.iter().map(|n| of(n, true).max(of(n, false)).max(0.0)).fold(0.0, f32::max);
        let together: f32 = [
            most(&["bare-in-source", "bare-line", "bare-in-line"]),
            most(&["comparison", "call", "argument", "comma", "keyword", "element", "flag", "pair", "colon", "arrow"]),
            most(&["lookup", "wrapped"]),
            most(&["comment"]),
            most(&["assertion"]),
            most(&["message"]),
            most(&["near-checksums"]),
            most(&["near-account"]),
            most(&["bare-after-quoted"]),
            most(&["tight-colon"]),
            most(&["in-variable"]),
            most(&["is-key"]),
            most(&["concatenated"]),
            most(&["in-list"]),
            most(&["cut-short"]),
            most(&["binary"]),
            most(&["markup"]),
        ]
        .iter()
        .sum();
        assert!(HOPELESS + together < told, "{HOPELESS} {together} {told}");
    }
}
