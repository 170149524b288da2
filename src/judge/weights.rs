//! How much each signal of a generic rule counts, in log-odds.
//!
//! Fitted by `benches/judge/fit.py`: signals from names and surroundings on labelled real files, signals from the value's
//! text on material of our own. The kind of path is no signal.

/// Where the score starts.
pub(super) const BIAS: f32 = -3.01;

/// The weight of a signal, for names that speak of a password or for others; 0 for one without.
#[must_use]
pub(super) fn of(signal: &str, is_password: bool) -> f32 {
    let found = WEIGHTS.iter().find(|(name, _, _)| *name == signal);
    found.map_or(0.0, |(_, password, other)| if is_password { *password } else { *other })
}

/// Signal, weight for passwords, weight for others.
const WEIGHTS: &[(&str, f32, f32)] = &[
    ("argument", -1.71, -1.26),
    ("arrow", 0.01, -0.02),
    ("assertion", 0.16, 0.24),
    ("bare-in-line", -0.51, -0.18),
    ("bare-in-source", -0.84, -1.02),
    ("bare-line", 0.37, 0.71),
    ("call", -1.98, -1.58),
    ("class-credential", 0.23, 0.23),
    ("class-key", -0.96, -0.96),
    ("class-password", -0.29, -0.21),
    ("class-secret", 0.25, 0.25),
    ("class-token", 0.48, 0.48),
    ("colon", -0.11, -0.22),
    ("comma", -3.96, -3.07),
    ("comment", -0.90, -0.65),
    ("comparison", 0.37, 0.23),
    ("concatenated", -0.61, -0.52),
    ("element", -1.65, -1.32),
    ("flag", -0.45, -0.43),
    ("in-list", -0.20, -0.16),
    ("is-key", -1.20, -0.99),
    ("keyword", -0.74, -0.56),
    ("lookup", -0.37, -0.15),
    ("markup", -1.62, -1.40),
    ("message", -0.13, 0.00),
    ("name-alone", 0.63, 0.52),
    ("name-bare", -1.17, -0.82),
    ("name-head", 1.13, 0.59),
    ("name-many", -0.39, -0.36),
    ("name-other", -0.66, -0.75),
    ("name-public", -2.06, -1.62),
    ("name-qualified", 0.69, 0.51),
    ("name-sample", 0.08, 0.43),
    ("near-account", 1.52, 0.92),
    ("near-checksums", 0.20, 0.45),
    ("pair", -1.77, -1.54),
    ("value-code", -3.77, -4.06),
    ("value-escapes", -0.74, -0.67),
    ("value-foreign", -1.08, -1.04),
    ("value-half-stock", -3.58, -2.93),
    ("value-hex", 2.72, 3.36),
    ("value-identifier", 0.60, -0.88),
    ("value-leet", 3.92, 2.22),
    ("value-like-name", -2.76, -2.35),
    ("value-lines", -0.25, -0.24),
    ("value-long", -1.41, -0.11),
    ("value-lower", -0.67, -0.74),
    ("value-mid", 0.15, -0.24),
    ("value-mixed", 0.68, 1.07),
    ("value-non-ascii", -3.13, -2.91),
    ("value-number", -4.44, -3.87),
    ("value-numbered", 1.95, 0.20),
    ("value-odd-symbols", -3.32, -2.94),
    ("value-odd-word", 2.10, 1.02),
    ("value-path", -0.84, -0.84),
    ("value-placeholder", -1.95, -1.46),
    ("value-publishable", -0.81, -0.81),
    ("value-random", 1.67, 0.90),
    ("value-regex", -0.63, -0.63),
    ("value-secret-word", -2.56, -2.31),
    ("value-sentence", -0.08, -1.27),
    ("value-sequence", -0.38, -0.38),
    ("value-short", -0.20, -1.00),
    ("value-stock", -2.36, -2.27),
    ("value-stop-word", -2.11, -1.52),
    ("value-symbols", 0.77, 0.18),
    ("value-tiny", -1.78, -2.60),
    ("value-type", -2.11, -1.64),
    ("value-uuid", 3.87, 3.87),
    ("value-very-long", -3.68, -3.55),
    ("value-very-random", 2.59, 3.23),
    ("value-word", 0.97, -0.70),
    ("value-word-digits", 3.50, 2.32),
    ("value-words-symbols", 1.26, -0.02),
    ("wrapped", 0.03, -0.34),
];
