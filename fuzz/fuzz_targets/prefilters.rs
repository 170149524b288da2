//! The hash-window prefilter finds what aho-corasick finds.
#![no_main]

#[path = "../../tests/support/compared.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod compared;

libfuzzer_sys::fuzz_target!(|input: &[u8]| compared::prefilters(input));
