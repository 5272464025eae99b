//! Arbitrary bytes as mt940.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("mt940", data));
