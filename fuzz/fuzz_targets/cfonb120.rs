//! Arbitrary bytes as cfonb120.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("cfonb120", data));
