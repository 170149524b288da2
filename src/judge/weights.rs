//! How much each signal of a generic rule counts, in log-odds.
//!
//! Fitted by `benches/judge/fit.py`: signals from names and surroundings on labelled real files, signals from the value's
//! text on material of our own. The kind of path is no signal.

/// Where the score starts.
pub(super) const BIAS: f32 = -1.2;

/// The weight of a signal; 0 for one without.
#[must_use]
pub(super) fn of(signal: &str) -> f32 {
    WEIGHTS.iter().find(|(name, _)| *name == signal).map_or(0.0, |(_, w)| *w)
}

const WEIGHTS: &[(&str, f32)] = &[
    // names
    ("class-password", 1.2),
    ("class-secret", 1.0),
    ("class-token", 0.6),
    ("class-key", 0.2),
    ("class-credential", 0.2),
    ("name-head", 0.6),
    ("name-other", -3.2),
    ("name-public", -3.0),
    ("name-bare", -1.6),
    ("name-qualified", 0.6),
    ("name-sample", -0.4),
    // values
    ("value-short", -0.8),
    ("value-random", 1.6),
    ("value-very-random", 1.2),
    ("value-mixed", 1.2),
    ("value-digits-in-letters", 0.9),
    ("value-symbols", 0.5),
    ("value-word", -1.6),
    ("value-identifier", -2.4),
    ("value-sentence", -4.0),
    ("value-path", -3.5),
    ("value-number", -2.4),
    ("value-uuid", -0.6),
    ("value-hex", 1.0),
    ("value-long", 0.5),
    ("value-very-long", -1.0),
    ("value-placeholder", -2.2),
    ("value-stop-word", -1.5),
    ("value-sequence", -1.5),
    ("value-like-name", -2.0),
    ("value-publishable", -4.0),
    ("value-type", -4.0),
    ("value-code", -4.5),
    ("value-non-ascii", -1.5),
    ("value-odd-symbols", -2.0),
    // surroundings
    ("quoted", 0.3),
    ("bare-in-code", -1.2),
    ("comparison", -1.5),
    ("call", -0.6),
    ("comma", -0.4),
    ("keyword", -1.0),
    ("wrapped", -0.6),
    ("lookup", -4.0),
    ("concatenated", -1.8),
    ("binary", -3.0),
    ("markup", -1.5),
];
