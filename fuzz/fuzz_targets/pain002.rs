//! Arbitrary bytes as pain002.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("pain.002", data));
