//! Arbitrary bytes as jsonl.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::rows(b"{", data));
