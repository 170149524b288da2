//! Detection in windows around keywords finds what searching the whole text finds.
#![no_main]

#[path = "../../tests/support/compared.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod compared;

libfuzzer_sys::fuzz_target!(|input: &[u8]| compared::detection(input));
