//! Mail that mail servers write back.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::mail_report(data));
