//! What is told of a version of a text, looked at as far as it differs from another one, is what is told of all of it.
#![no_main]

#[path = "../../tests/support/compared.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod compared;

libfuzzer_sys::fuzz_target!(|input: &[u8]| compared::versions(input));
