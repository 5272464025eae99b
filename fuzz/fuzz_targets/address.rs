//! Arbitrary text as an address of a person, an account or an endpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::address(data));
