//! Arbitrary bytes as pacs004.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::bank("pacs.004", data));
