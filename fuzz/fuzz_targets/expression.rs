//! Arbitrary text as a condition of a rule.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::expression(data));
