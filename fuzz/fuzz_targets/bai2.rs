//! Arbitrary bytes as bai2.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("bai2", data));
