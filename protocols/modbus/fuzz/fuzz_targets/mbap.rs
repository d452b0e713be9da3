//! Fuzz target: see `checks::mbap`.
#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target has one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::mbap(data));
