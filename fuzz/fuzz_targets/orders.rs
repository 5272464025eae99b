//! Rows of orders, and the messages they become.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quittance::formats::orders::{credit_transfers, direct_debits};

fuzz_target!(|bytes: &[u8]| {
    for errors in [direct_debits(bytes).err(), credit_transfers(bytes).err()].into_iter().flatten() {
        assert!(!errors.is_empty(), "what is refused says why");
    }
});
