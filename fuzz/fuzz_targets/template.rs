//! Arbitrary text as a message and the pieces it takes in: none takes for ever or ends the process.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::template(data));
