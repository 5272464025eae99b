//! Tests of the service, in one binary so that everything links once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod api;
mod approvals;
mod collections;
mod commands;
mod config;
mod corpora;
mod crash;
mod decisions;
mod directories;
mod doubts;
mod editions;
mod exports;
mod feeds;
mod formats;
mod hook_rounds;
mod hooks;
mod journal;
mod late_charges;
mod mail;
mod merchants;
mod mock_bank;
mod notes;
mod numbers;
mod orders;
mod pace;
mod payouts;
mod plans;
mod portal;
mod recalls;
mod recon;
mod recovery;
mod rounds;
mod safekeeping;
mod scenarios;
mod service;
mod signatures;
mod simulate;
mod smpp;
mod sms;
mod stored;
mod support;
mod tidy;
mod trails;
mod undelivered;
