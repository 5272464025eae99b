//! Arbitrary bytes as cfonb240.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("cfonb240", data));
