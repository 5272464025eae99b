//! Arbitrary bytes as norma43.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("norma43", data));
