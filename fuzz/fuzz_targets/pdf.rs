//! Arbitrary bytes as a PDF with an invoice in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quittance_fuzz::rows(
    b"%PDF-",
    data.strip_prefix(b"%PDF-").unwrap_or(data)
));
