//! Arbitrary bytes as guess.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::guess(data));
